/*
 * STARTTLS (RFC 3207). What the client sent in the clear behind the command is forgotten by
 * mansio_conn_start_tls(), and what it said before, here (4.2): nothing that somebody in between
 * could have put there is acted upon.
 */
#include "commands.h"

#include <mansio/error.h>

int smtp_cmd_starttls(struct smtp_session *session, const struct smtp_args *args)
{
    struct mansio_conn *conn = mansio_session_conn(session->session);

    (void)args;
    int rc = smtp_say(session, 220, "2.0.0", "ready to start TLS");
    if (rc == 0) {
        rc = mansio_conn_start_tls(conn, mansio_deadline_in(smtp_options(session)->command_us));
    }
    if (rc < 0) {
        return rc;
    }
    smtp_reset(session);
    session->state = SMTP_FRESH;
    session->is_extended = 0;
    session->hello_length = 0;
    smtp_count(session, SMTP_STARTTLS, 1);
    return 0;
}
