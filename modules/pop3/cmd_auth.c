/*
 * AUTH (RFC 5034): carries words to and fro; what they mean is the core's.
 */
#include "commands.h"
#include "session.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/login.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum { EXCHANGE_CAP = 128 * 1024 };

/* The client's next message, decoded. MANSIO_E_EXISTS: it gave up, with "*" (RFC 5034 4). */
static int read_message(struct pop3_session *session, struct mansio_arena *arena,
                        struct mansio_str *out)
{
    struct mansio_str line;
    int rc = pop3_read_response(session, &line);
    if (rc == MANSIO_E_LIMIT) {
        return MANSIO_E_INVALID;
    }
    if (rc < 0) {
        return rc;
    }
    if (mansio_str_eq(line, MANSIO_STR("*"))) {
        return MANSIO_E_EXISTS;
    }
    return mansio_base64_decode(arena, line, out);
}

static int ask(struct pop3_session *session, struct mansio_arena *arena,
               struct mansio_str challenge, struct mansio_str *out)
{
    int rc = pop3_reply_challenge(session->reply, arena, challenge);
    return rc < 0 ? rc : read_message(session, arena, out);
}

/* The first message: with the command ("=" for an empty one), asked for, or none if the server
 * begins. */
static int first_message(struct pop3_session *session, struct mansio_arena *arena,
                         const struct mansio_sasl *sasl, const struct pop3_line *line,
                         struct mansio_str *out)
{
    *out = MANSIO_STR_NONE;
    if (line->arg_count > 1) {
        if (!mansio_sasl_client_begins(sasl)) {
            return mansio_fail(MANSIO_E_INVALID, "an initial response where the server begins");
        }
        if (mansio_str_eq(line->args[1], MANSIO_STR("="))) {
            *out = MANSIO_STR("");
            return 0;
        }
        return mansio_base64_decode(arena, line->args[1], out);
    }
    return mansio_sasl_client_begins(sasl) ? ask(session, arena, MANSIO_STR_NONE, out) : 0;
}

/* It was ours, decoded, and may have been a password. */
static void wipe(struct mansio_str message)
{
    void *bytes = NULL;
    memcpy(&bytes, &message.ptr, sizeof bytes); /* slices are of what is constant */
    if (message.len > 0) {
        explicit_bzero(bytes, message.len);
    }
}

static int exchange(struct pop3_session *session, struct mansio_arena *arena,
                    struct mansio_sasl *sasl, const struct pop3_line *line)
{
    struct mansio_str message, challenge;
    int rc = first_message(session, arena, sasl, line, &message);
    while (rc == 0) {
        challenge = MANSIO_STR_NONE;
        rc = mansio_sasl_step(sasl, message, session->login_deadline_us, &challenge);
        wipe(message);
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

int pop3_cmd_auth(struct pop3_session *session, const struct pop3_line *line)
{
    struct mansio_sasl *sasl = NULL;
    /* The line is gone with the next one that is read: the exchange has taken all it needs of it
     * before. */
    struct mansio_arena *arena =
        mansio_arena_new(mansio_session_arena(session->session), "pop3.auth", EXCHANGE_CAP);
    int rc = mansio_sasl_begin(session->session, line->args[0], arena, &sasl);
    if (rc == 0) {
        rc = exchange(session, arena, sasl, line);
    }
    mansio_arena_free(arena);
    if (rc == MANSIO_E_EOF || rc == MANSIO_E_IO || rc == MANSIO_E_STOPPING) {
        return rc;
    }
    if (rc == MANSIO_E_TIMEOUT && mansio_session_account(session->session) == NULL &&
        session->login_deadline_us <= mansio_now_us()) {
        return rc; /* the client was silent for too long */
    }
    if (rc < 0 && mansio_session_account(session->session) != NULL) {
        pop3_reply_err(session->reply, POP3_CODE_NONE, "The exchange was broken off");
        session->is_over = 1;
        return 0;
    }
    if (rc == MANSIO_E_EXISTS) {
        /* No failure, but a challenge cost the directory a question. */
        session->bad_commands++;
        pop3_reply_err(session->reply, POP3_CODE_NONE, "Cancelled");
        return 0;
    }
    return pop3_login_done(session, rc);
}
