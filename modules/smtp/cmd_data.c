/*
 * DATA (RFC 5321 4.1.1.4): the text up to its end, which is <CRLF>.<CRLF> and nothing else. It is
 * read in bulk; what lies behind the end goes back to the stream, as it may be the next command
 * of a pipelined group.
 */
#include "body.h"
#include "commands.h"
#include "delivery.h"

#include <mansio/error.h>

int smtp_cmd_data(struct smtp_session *session, const struct smtp_args *args)
{
    struct mansio_str bytes = MANSIO_STR_NONE;

    (void)args;
    smtp_body_begin(session, 1);
    int rc = smtp_say(session, 354, NULL, "go ahead, end with <CRLF>.<CRLF>");
    while (rc == 0) {
        smtp_body_set_deadline(session);
        rc = mansio_stream_read(session->stream, MANSIO_STREAM_READ_MAX, 0, &bytes);
        if (rc >= 0) {
            rc = smtp_body_take(session, &bytes);
        }
    }
    if (rc < 0) {
        return rc;
    }
    mansio_stream_unread(session->stream, bytes.len);
    return smtp_message_end(session);
}
