/*
 * AUTHENTICATE (RFC 3501 6.2.2, RFC 4959) and LOGIN (6.2.3): carry words to and fro; what they mean
 * is the core's.
 */
#include "commands.h"

#include <mansio/error.h>
#include <mansio/login.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "reader.h"

int imap_cmd_login(struct imap_session *session, struct imap_cursor *cursor)
{
    struct mansio_str name, password;
    if (imap_parse_space(cursor) < 0 || imap_parse_astring(cursor, &name) < 0) {
        return imap_end_bad(session, cursor, "a space and a name");
    }
    if (imap_parse_space(cursor) < 0 || imap_parse_astring(cursor, &password) < 0) {
        return imap_end_bad(session, cursor, "a space and a password");
    }
    if (imap_parse_end(cursor) < 0) {
        imap_wipe(password);
        return imap_end_bad(session, cursor, "nothing behind the password");
    }
    int rc = mansio_session_login(session->session, name, password, session->login_deadline_us);
    imap_wipe(password);
    return imap_login_done(session, rc);
}

/* ---- AUTHENTICATE -------------------------------------------------------------------------------
 */

static int send_challenge(void *arg, struct mansio_str text)
{
    struct imap_session *session = arg;
    mansio_buf_printf(session->out, "+ %.*s\r\n", MANSIO_STR_ARG(text));
    return mansio_buf_status(session->out);
}

static int receive_response(void *arg, struct mansio_str *out_line)
{
    return imap_read_response(arg, out_line);
}

/* Whose words made no sense, or who gave up. */
static int end_exchange(struct imap_session *session, int rc)
{
    if (rc == MANSIO_E_EOF || rc == MANSIO_E_IO || rc == MANSIO_E_STOPPING) {
        return rc;
    }
    if (rc == MANSIO_E_TIMEOUT && mansio_session_account(session->session) == NULL &&
        session->login_deadline_us <= mansio_now_us()) {
        return rc; /* the client was silent for too long */
    }
    if (rc != MANSIO_SASL_LOGGED_IN && mansio_session_account(session->session) != NULL) {
        session->is_over = 1;
        mansio_buf_add(session->out, MANSIO_STR("* BYE The exchange was broken off\r\n"));
        return imap_end_with(session, IMAP_BAD, "The exchange was broken off");
    }
    if (rc == MANSIO_SASL_ABORTED) {
        /* No failure, but a challenge cost the directory a question: it counts (RFC 3501 6.2.2). */
        return imap_end_bad(session, NULL, "an exchange to its end, it was cancelled");
    }
    if (rc > 0) {
        rc = rc == MANSIO_SASL_LOGGED_IN ? 0 : MANSIO_E_INVALID; /* too long makes no sense */
    }
    return imap_login_done(session, rc);
}

int imap_cmd_authenticate(struct imap_session *session, struct imap_cursor *cursor)
{
    struct mansio_str mechanism;
    struct mansio_sasl_carrier carrier = {
        .size = sizeof carrier,
        .arg = session,
        .send = send_challenge,
        .receive = receive_response,
        .deadline_us = session->login_deadline_us,
    };
    if (imap_parse_space(cursor) < 0 || imap_parse_atom(cursor, &mechanism) < 0) {
        return imap_end_bad(session, cursor, "a space and a mechanism");
    }
    if (imap_parse_space(cursor) == 0) {
        carrier.initial = (struct mansio_str){cursor->at, (size_t)(cursor->end - cursor->at)};
        cursor->at = cursor->end;
    }
    if (imap_parse_end(cursor) < 0) {
        return imap_end_bad(session, cursor, "a space and an initial response, or the end");
    }
    return end_exchange(session, mansio_sasl_run(session->session, mechanism, &carrier));
}
