/*
 * AUTH (RFC 4954): carries words to and fro; what they mean is the core's, which also slows down
 * who guesses. Offered before a transaction, once, and only after EHLO.
 *
 * LOGIN, which no RFC has, is served with an initial response too: .NET's SmtpClient sends the name
 * with the command. Every other mechanism in which the server begins would be refused one (RFC 4954
 * 4).
 */
#include "commands.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/login.h>
#include <mansio/str.h>

enum {
    EXCHANGE_CAP = 128 * 1024,
    /* What reading a message came to, beside errors. */
    CANCELLED_BY_CLIENT = 1,
    TOO_LONG = 2,
};

struct exchange {
    struct smtp_session *session;
    struct mansio_arena *arena;
    struct mansio_sasl *sasl;
    struct mansio_str initial; /* what came with the command */
    int lost;                  /* the stream's error, if there was one */
};

/* It was ours, decoded, and may have been a password. */
static void wipe(struct mansio_str message)
{
    void *bytes = NULL;

    memcpy(&bytes, &message.ptr, sizeof bytes); /* slices are of what is constant */
    if (message.len > 0) {
        explicit_bzero(bytes, message.len);
    }
}

/* A challenge, which may be longer than replies are (RFC 4954 4), and a line for it. */
static int turn(struct exchange *exchange, struct mansio_str challenge, struct mansio_str *out_line)
{
    struct smtp_session *session = exchange->session;
    int64_t deadline_us = mansio_deadline_in(smtp_options(session)->command_us);
    int rc = mansio_stream_write(session->stream, MANSIO_STR("334 "));

    if (rc == 0) {
        rc = mansio_stream_write(session->stream, challenge);
    }
    if (rc == 0) {
        rc = mansio_stream_write(session->stream, MANSIO_STR("\r\n"));
    }
    if (rc == 0) {
        mansio_stream_set_deadline(session->stream,
                                   deadline_us < session->ends_us ? deadline_us : session->ends_us);
        rc = mansio_stream_read_line(session->stream, SMTP_AUTH_LINE_MAX, 0, out_line);
    }
    return rc;
}

/* A challenge and the client's answer to it, decoded. 0; CANCELLED_BY_CLIENT; TOO_LONG; an error */
static int ask(struct exchange *exchange, struct mansio_str challenge, struct mansio_str *out)
{
    struct mansio_str text = MANSIO_STR_NONE;
    struct mansio_str line = MANSIO_STR_NONE;
    int rc = mansio_base64_encode(exchange->arena, challenge, &text);

    if (rc < 0) {
        return rc;
    }
    rc = turn(exchange, text, &line);
    if (rc == MANSIO_E_LIMIT) {
        return TOO_LONG;
    }
    if (rc < 0) {
        exchange->lost = rc;
        return rc;
    }
    if (mansio_str_eq(line, MANSIO_STR("*"))) {
        return CANCELLED_BY_CLIENT;
    }
    return mansio_base64_decode(exchange->arena, line, out);
}

/* The first message for the mechanism: what came with the command ("=" for an empty one), what is
 * asked for, or none where the server begins. As ask(). */
static int first_message(struct exchange *exchange, struct mansio_str *out)
{
    *out = MANSIO_STR_NONE;
    if (!mansio_sasl_client_begins(exchange->sasl)) {
        return 0;
    }
    if (exchange->initial.len == 0) {
        return ask(exchange, MANSIO_STR_NONE, out);
    }
    if (mansio_str_eq(exchange->initial, MANSIO_STR("="))) {
        *out = MANSIO_STR("");
        return 0;
    }
    return mansio_base64_decode(exchange->arena, exchange->initial, out);
}

/* The answer to a challenge, which may be there before the question. As ask(). */
static int next_message(struct exchange *exchange, struct mansio_str challenge, int *is_early,
                        struct mansio_str *out)
{
    if (*is_early) {
        *is_early = 0;
        return mansio_base64_decode(exchange->arena, exchange->initial, out);
    }
    return ask(exchange, challenge, out);
}

/* Up to the mechanism's end. As ask(). */
static int run(struct exchange *exchange)
{
    int64_t step_us = smtp_options(exchange->session)->lookup_us;
    int is_early = !mansio_sasl_client_begins(exchange->sasl) && exchange->initial.len > 0;
    struct mansio_str message = MANSIO_STR_NONE;
    int rc = first_message(exchange, &message);

    while (rc == 0) {
        struct mansio_str challenge = MANSIO_STR_NONE;
        int progress =
            mansio_sasl_step(exchange->sasl, message, mansio_deadline_in(step_us), &challenge);
        wipe(message);
        if (progress < 0 || (progress == MANSIO_SASL_DONE && challenge.len == 0)) {
            return progress < 0 ? progress : 0;
        }
        rc = next_message(exchange, challenge, &is_early, &message);
        /* SMTP has no room for data with success: they take a turn of their own, which is answered
         * by nothing. */
        if (progress == MANSIO_SASL_DONE) {
            return rc != 0 || message.len == 0
                       ? rc
                       : mansio_fail(MANSIO_E_INVALID, "words after the end of the exchange");
        }
    }
    return rc;
}

/* Tell the client that it isn't logged in, as RFC 4954 6 has it. */
static int say_failure(struct smtp_session *session, int result)
{
    switch (result) {
    case CANCELLED_BY_CLIENT:
        return smtp_say(session, 501, "5.7.0", "cancelled, as you say");
    case TOO_LONG:
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
    struct exchange exchange = {.session = session};
    struct mansio_str mechanism = MANSIO_STR_NONE;

    if (!session->is_extended) {
        return smtp_say_wrong(session, 503, "5.5.1", "AUTH comes after EHLO");
    }
    if (smtp_parse_auth(args->text, &mechanism, &exchange.initial) < 0) {
        return smtp_say_wrong(session, 501, "5.5.4", "%s", mansio_error_detail());
    }
    /* The line goes with the next one that is read: all that is needed of it is taken before. */
    exchange.arena =
        mansio_arena_new(mansio_session_arena(session->session), "smtp.auth", EXCHANGE_CAP);
    mansio_session_set_activity(session->session, "login");
    int rc = mansio_sasl_begin(session->session, mechanism, exchange.arena, &exchange.sasl);
    if (rc == 0) {
        rc = run(&exchange);
    }
    mansio_arena_free(exchange.arena);
    if (exchange.lost < 0 || (rc < 0 && mansio_error_class(rc) == MANSIO_CLASS_CANCELLED)) {
        return rc;
    }
    if (rc != 0) {
        smtp_count(session, SMTP_LOGIN_FAILURES, rc == MANSIO_E_DENIED);
        return end_in_failure(session, rc);
    }
    smtp_count(session, SMTP_LOGINS, 1);
    session->ends_us = mansio_deadline_in(smtp_options(session)->session_us);
    return smtp_say(session, 235, "2.7.0", "you are logged in");
}
