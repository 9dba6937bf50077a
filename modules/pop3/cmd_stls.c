/*
 * STLS (RFC 2595 4).
 */
#include "commands.h"
#include "session.h"

#include <mansio/str.h>
#include <mansio/tls.h>

int pop3_cmd_stls(struct pop3_session *session, const struct pop3_line *line)
{
    (void)line;
    pop3_reply_ok(session->reply, "Begin TLS");
    int rc = pop3_send(session, 0);
    if (rc < 0) {
        return rc;
    }
    /* What was said in the clear may have been said by anybody. */
    mansio_arena_reset(session->user_arena);
    session->user = MANSIO_STR_NONE;
    return mansio_conn_start_tls(mansio_session_conn(session->session), session->login_deadline_us);
}
