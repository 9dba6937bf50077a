/*
 * What takes a line or two: STAT, DELE, RSET, NOOP (RFC 1939 5), and the look-up of a message.
 */
#include "commands.h"
#include "session.h"

#include <inttypes.h>

#include <mansio/error.h>

uint32_t pop3_find_message(struct pop3_session *session, struct mansio_str text)
{
    uint32_t number = 0;
    int rc = pop3_parse_number(text, session->drop.count, &number);
    if (rc == MANSIO_E_INVALID) {
        pop3_reply_err(session->reply, POP3_CODE_NONE, "That is no number of a message");
        return 0;
    }
    if (rc < 0) {
        pop3_reply_err(session->reply, POP3_CODE_NONE, "There is no such message");
        return 0;
    }
    if (session->drop.messages[number - 1].marks & POP3_MARK_DELETED) {
        pop3_reply_err(session->reply, POP3_CODE_NONE, "That message is marked as deleted");
        return 0;
    }
    return number;
}

int pop3_cmd_stat(struct pop3_session *session, const struct pop3_line *line)
{
    (void)line;
    pop3_reply_ok(session->reply, "%" PRIu32 " %" PRIu64, session->drop.left_count,
                  session->drop.left_bytes);
    return 0;
}

int pop3_cmd_dele(struct pop3_session *session, const struct pop3_line *line)
{
    uint32_t number = pop3_find_message(session, line->args[0]);
    if (number > 0) {
        pop3_maildrop_delete(&session->drop, number);
        pop3_reply_ok(session->reply, "Deleted at QUIT");
    }
    return 0;
}

int pop3_cmd_rset(struct pop3_session *session, const struct pop3_line *line)
{
    (void)line;
    pop3_maildrop_reset(&session->drop);
    pop3_reply_ok(session->reply, "%" PRIu32 " messages", session->drop.left_count);
    return 0;
}

int pop3_cmd_noop(struct pop3_session *session, const struct pop3_line *line)
{
    (void)line;
    pop3_reply_done(session->reply);
    return 0;
}
