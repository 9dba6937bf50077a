/*
 * USER and PASS (RFC 1939 7). APOP isn't offered: it needs passwords that are stored in the clear.
 */
#include "commands.h"
#include "session.h"

#include <mansio/login.h>
#include <mansio/str.h>

int pop3_cmd_user(struct pop3_session *session, const struct pop3_line *line)
{
    mansio_arena_reset(session->user_arena);
    int rc = mansio_arena_copy(session->user_arena, line->args[0], &session->user);
    if (rc < 0) {
        session->user = MANSIO_STR_NONE;
        return pop3_fail(session, rc, "That name is too long");
    }
    /* The same for every name: nobody learns here who has a mailbox. */
    pop3_reply_ok(session->reply, "Now the password");
    return 0;
}

int pop3_cmd_pass(struct pop3_session *session, const struct pop3_line *line)
{
    if (session->user.len == 0) {
        pop3_reply_err(session->reply, POP3_CODE_NONE, "USER first");
        return 0;
    }
    /* All behind the first space: a password may hold some. */
    int rc = mansio_session_login(session->session, session->user, line->rest,
                                  session->login_deadline_us);
    return pop3_login_done(session, rc);
}
