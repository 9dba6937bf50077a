/*
 * AUTH (RFC 5034): carries words to and fro; what they mean is the core's.
 */
#include "commands.h"
#include "session.h"

#include <mansio/error.h>
#include <mansio/login.h>
#include <mansio/time.h>

static int send_challenge(void *arg, struct mansio_str text)
{
    struct pop3_session *session = arg;
    pop3_reply_challenge(session->reply, text);
    return mansio_buf_status(session->reply);
}

static int receive_response(void *arg, struct mansio_str *out_line)
{
    return pop3_read_response(arg, out_line);
}

int pop3_cmd_auth(struct pop3_session *session, const struct pop3_line *line)
{
    const struct mansio_sasl_carrier carrier = {
        .size = sizeof carrier,
        .arg = session,
        .send = send_challenge,
        .receive = receive_response,
        .initial = line->arg_count > 1 ? line->args[1] : MANSIO_STR_NONE,
        .deadline_us = session->login_deadline_us,
    };
    int rc = mansio_sasl_run(session->session, line->args[0], &carrier);
    if (rc == MANSIO_E_EOF || rc == MANSIO_E_IO || rc == MANSIO_E_STOPPING) {
        return rc;
    }
    if (rc == MANSIO_E_TIMEOUT && mansio_session_account(session->session) == NULL &&
        session->login_deadline_us <= mansio_now_us()) {
        return rc; /* the client was silent for too long */
    }
    if (rc != MANSIO_SASL_LOGGED_IN && mansio_session_account(session->session) != NULL) {
        pop3_reply_err(session->reply, POP3_CODE_NONE, "The exchange was broken off");
        session->is_over = 1;
        return 0;
    }
    if (rc == MANSIO_SASL_ABORTED) {
        /* No failure, but a challenge cost the directory a question. */
        session->bad_commands++;
        pop3_reply_err(session->reply, POP3_CODE_NONE, "Cancelled");
        return 0;
    }
    if (rc > 0) {
        rc = rc == MANSIO_SASL_LOGGED_IN ? 0 : MANSIO_E_INVALID; /* too long makes no sense */
    }
    return pop3_login_done(session, rc);
}
