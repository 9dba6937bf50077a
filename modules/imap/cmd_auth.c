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

enum { EXCHANGE_CAP = 128 * 1024 };

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

/* Send a challenge, read the answer. MANSIO_E_EXISTS: the client gave up, with "*". */
static int ask(struct imap_session *session, struct mansio_arena *arena,
               struct mansio_str challenge, struct mansio_str *out)
{
    struct mansio_str text = MANSIO_STR_NONE, line;
    int rc = mansio_base64_encode(arena, challenge, &text);
    if (rc < 0) {
        return rc;
    }
    mansio_buf_printf(session->out, "+ %.*s\r\n", MANSIO_STR_ARG(text));
    rc = imap_read_response(session, &line);
    if (rc == MANSIO_E_LIMIT) {
        return MANSIO_E_INVALID;
    }
    if (rc < 0) {
        return rc;
    }
    return mansio_str_eq(line, MANSIO_STR("*")) ? MANSIO_E_EXISTS
                                                : mansio_base64_decode(arena, line, out);
}

/* The first message: with the command ("=" for an empty one, RFC 4959 3), asked for, or none if the
 * server begins. @param initial  ptr NULL: none came */
static int first_message(struct imap_session *session, struct mansio_arena *arena,
                         const struct mansio_sasl *sasl, struct mansio_str initial,
                         struct mansio_str *out)
{
    *out = MANSIO_STR_NONE;
    if (initial.ptr == NULL) {
        return mansio_sasl_client_begins(sasl) ? ask(session, arena, MANSIO_STR_NONE, out) : 0;
    }
    if (!mansio_sasl_client_begins(sasl)) {
        return mansio_fail(MANSIO_E_INVALID, "an initial response where the server begins");
    }
    if (mansio_str_eq(initial, MANSIO_STR("="))) {
        *out = MANSIO_STR("");
        return 0;
    }
    return mansio_base64_decode(arena, initial, out);
}

static int exchange(struct imap_session *session, struct mansio_arena *arena,
                    struct mansio_sasl *sasl, struct mansio_str initial)
{
    struct mansio_str message, challenge;
    int rc = first_message(session, arena, sasl, initial, &message);
    while (rc == 0) {
        challenge = MANSIO_STR_NONE;
        rc = mansio_sasl_step(sasl, message, session->login_deadline_us, &challenge);
        imap_wipe(message);
        if (rc < 0) {
            return rc;
        }
        if (rc == MANSIO_SASL_DONE && challenge.len == 0) {
            return 0;
        }
        int is_done = rc == MANSIO_SASL_DONE;
        rc = ask(session, arena, challenge, &message);
        /* Data with success take a turn of their own here, which is answered by nothing. From
         * then on the session has a name: only the end is left when the client breaks off. */
        if (is_done) {
            return rc < 0 || message.len == 0
                       ? rc
                       : mansio_fail(MANSIO_E_INVALID, "words after the end of the exchange");
        }
    }
    return rc;
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
    if (rc < 0 && mansio_session_account(session->session) != NULL) {
        session->is_over = 1;
        mansio_buf_add(session->out, MANSIO_STR("* BYE The exchange was broken off\r\n"));
        return imap_end_with(session, IMAP_BAD, "The exchange was broken off");
    }
    if (rc == MANSIO_E_EXISTS) {
        /* No failure, but a challenge cost the directory a question: it counts (RFC 3501 6.2.2). */
        return imap_end_bad(session, NULL, "an exchange to its end, it was cancelled");
    }
    return imap_login_done(session, rc);
}

int imap_cmd_authenticate(struct imap_session *session, struct imap_cursor *cursor)
{
    struct mansio_str mechanism, initial = MANSIO_STR_NONE;
    struct mansio_sasl *sasl = NULL;
    if (imap_parse_space(cursor) < 0 || imap_parse_atom(cursor, &mechanism) < 0) {
        return imap_end_bad(session, cursor, "a space and a mechanism");
    }
    if (imap_parse_space(cursor) == 0) {
        initial = (struct mansio_str){cursor->at, (size_t)(cursor->end - cursor->at)};
        cursor->at = cursor->end;
    }
    if (imap_parse_end(cursor) < 0) {
        return imap_end_bad(session, cursor, "a space and an initial response, or the end");
    }
    struct mansio_arena *arena =
        mansio_arena_new(mansio_session_arena(session->session), "imap.auth", EXCHANGE_CAP);
    int rc = mansio_sasl_begin(session->session, mechanism, arena, &sasl);
    if (rc == 0) {
        rc = exchange(session, arena, sasl, initial);
    }
    mansio_arena_free(arena);
    return end_exchange(session, rc);
}
