/*
 * STARTTLS (RFC 3501 6.2.1).
 */
#include "commands.h"

#include <mansio/str.h>
#include <mansio/tls.h>

int imap_cmd_starttls(struct imap_session *session, struct imap_cursor *cursor)
{
    if (imap_parse_end(cursor) < 0) {
        return imap_end_bad(session, cursor, "no arguments");
    }
    imap_end_with(session, IMAP_OK, "Begin TLS");
    imap_end_now(session);
    int rc = imap_send(session, 0);
    /* The core forgets what the client sent behind the command in the clear; of what was said
     * before, nothing is kept: ID is for the log alone, and failures still count. */
    return rc < 0 ? rc
                  : mansio_conn_start_tls(mansio_session_conn(session->session),
                                          session->login_deadline_us);
}
