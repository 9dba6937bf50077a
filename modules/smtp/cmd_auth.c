/*
 * AUTH (RFC 4954): carries words to and fro; what they mean is the core's, which also slows down
 * who guesses. Offered before a transaction, once, and only after EHLO.
 *
 * LOGIN, which no RFC has, is served with an initial response too: .NET's SmtpClient sends the name
 * with the command. Every other mechanism in which the server begins would be refused one (RFC 4954
 * 4).
 */
#include "commands.h"

#include <mansio/error.h>
#include <mansio/login.h>
#include <mansio/str.h>

struct lines {
    struct smtp_session *session;
    int lost; /* the stream's error, if there was one */
};

/* A challenge, which may be longer than replies are (RFC 4954 4). */
static int send_challenge(void *arg, struct mansio_str text)
{
    struct lines *lines = arg;
    struct mansio_stream *stream = lines->session->stream;
    int rc = mansio_stream_write(stream, MANSIO_STR("334 "));

    if (rc == 0) {
        rc = mansio_stream_write(stream, text);
    }
    if (rc == 0) {
        rc = mansio_stream_write(stream, MANSIO_STR("\r\n"));
    }
    lines->lost = rc;
    return rc;
}

static int receive_response(void *arg, struct mansio_str *out_line)
{
    struct lines *lines = arg;
    struct smtp_session *session = lines->session;
    int64_t deadline_us = mansio_deadline_in(smtp_options(session)->command_us);

    mansio_stream_set_deadline(session->stream,
                               deadline_us < session->ends_us ? deadline_us : session->ends_us);
    int rc = mansio_stream_read_line(session->stream, SMTP_AUTH_LINE_MAX, 0, out_line);
    lines->lost = rc < 0 && rc != MANSIO_E_LIMIT ? rc : 0;
    return rc;
}

/* Tell the client that it isn't logged in, as RFC 4954 6 has it. */
static int say_failure(struct smtp_session *session, int result)
{
    switch (result) {
    case MANSIO_SASL_ABORTED:
        return smtp_say(session, 501, "5.7.0", "cancelled, as you say");
    case MANSIO_SASL_TOO_LONG:
        return smtp_say(session, 500, "5.5.6", "the line is too long");
    case MANSIO_E_DENIED:
        return smtp_say(session, 535, "5.7.8", "not these credentials");
    case MANSIO_E_INVALID:
        return smtp_say(session, 501, "5.5.2", "that makes no sense to the mechanism");
    case MANSIO_E_UNSUPPORTED:
        return smtp_say(session, 504, "5.5.4", "not a mechanism that is offered here now");
    case MANSIO_E_LIMIT:
        return smtp_say(session, 454, "4.7.0",
                        "too many failed logins or sessions, try again later");
    default:
        return smtp_say(session, 454, "4.7.0", "nobody can judge credentials now, try again later");
    }
}

/* 0, SMTP_END, or an error that ends the session. */
static int end_in_failure(struct smtp_session *session, int result)
{
    int rc = say_failure(session, result);

    if (rc < 0) {
        return rc;
    }
    if (mansio_session_account(session->session) != NULL) {
        /* Broken off when it was over for us: the client doesn't believe who it is, and the name
         * can't be taken back. */
        return mansio_fail(MANSIO_E_LIMIT, "an exchange was broken off at its end");
    }
    session->login_failures += result == MANSIO_E_DENIED;
    if (result == MANSIO_E_LIMIT ||
        session->login_failures >= smtp_options(session)->login_failures_max) {
        return mansio_fail(MANSIO_E_LIMIT, "%u failed logins in a session",
                           session->login_failures);
    }
    return smtp_count_error(session);
}

int smtp_cmd_auth(struct smtp_session *session, const struct smtp_args *args)
{
    struct lines lines = {.session = session};
    struct mansio_sasl_carrier carrier = {
        .size = sizeof carrier,
        .arg = &lines,
        .send = send_challenge,
        .receive = receive_response,
        .takes_early = 1,
        .deadline_us = MANSIO_NEVER,
        .step_us = smtp_options(session)->lookup_us,
    };
    struct mansio_str mechanism = MANSIO_STR_NONE;

    if (!session->is_extended) {
        return smtp_say_wrong(session, 503, "5.5.1", "AUTH comes after EHLO");
    }
    if (smtp_parse_auth(args->text, &mechanism, &carrier.initial) < 0) {
        return smtp_say_wrong(session, 501, "5.5.4", "%s", mansio_error_detail());
    }
    mansio_session_set_activity(session->session, "login");
    int rc = mansio_sasl_run(session->session, mechanism, &carrier);
    if (lines.lost < 0 || (rc < 0 && mansio_error_class(rc) == MANSIO_CLASS_CANCELLED)) {
        return rc;
    }
    if (rc != MANSIO_SASL_LOGGED_IN) {
        smtp_count(session, SMTP_LOGIN_FAILURES, rc == MANSIO_E_DENIED);
        return end_in_failure(session, rc);
    }
    smtp_count(session, SMTP_LOGINS, 1);
    session->ends_us = mansio_deadline_in(smtp_options(session)->session_us);
    return smtp_say(session, 235, "2.7.0", "you are logged in");
}
