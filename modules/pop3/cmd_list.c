/*
 * LIST (RFC 1939 5) and UIDL (RFC 1939 7): a line of one message, or of all.
 */
#include "commands.h"
#include "session.h"

#include <inttypes.h>

#include <mansio/fiber.h>
#include <mansio/str.h>

typedef void (*line_fn)(const struct pop3_session *session, struct mansio_buf *out,
                        uint32_t number);

static void size_line(const struct pop3_session *session, struct mansio_buf *out, uint32_t number)
{
    pop3_reply_size(out, number, session->drop.messages[number - 1].bytes);
}

static void uid_line(const struct pop3_session *session, struct mansio_buf *out, uint32_t number)
{
    pop3_reply_uid(out, number, session->drop.uid_validity, session->drop.messages[number - 1].uid);
}

static int list_one(struct pop3_session *session, struct mansio_str text, line_fn line)
{
    uint32_t number = pop3_find_message(session, text);
    if (number > 0) {
        mansio_buf_add(session->reply, MANSIO_STR("+OK "));
        line(session, session->reply, number);
    }
    return 0;
}

static int list_all(struct pop3_session *session, line_fn line)
{
    int rc = 0;
    session->is_sending = 1;
    for (uint32_t i = 1; rc == 0 && i <= session->drop.count; i++) {
        if (session->drop.messages[i - 1].marks & POP3_MARK_DELETED) {
            continue;
        }
        line(session, session->reply, i);
        rc = pop3_send(session, POP3_REPLY_FLUSH);
        if (rc == 0) {
            rc = mansio_fiber_pace();
        }
    }
    if (rc < 0) {
        return rc;
    }
    pop3_reply_end(session->reply);
    session->is_sending = 0;
    return 0;
}

int pop3_cmd_list(struct pop3_session *session, const struct pop3_line *line)
{
    if (line->arg_count > 0) {
        return list_one(session, line->args[0], size_line);
    }
    pop3_reply_ok(session->reply, "%" PRIu32 " messages (%" PRIu64 " octets)",
                  session->drop.left_count, session->drop.left_bytes);
    return list_all(session, size_line);
}

int pop3_cmd_uidl(struct pop3_session *session, const struct pop3_line *line)
{
    if (line->arg_count > 0) {
        return list_one(session, line->args[0], uid_line);
    }
    pop3_reply_done(session->reply);
    return list_all(session, uid_line);
}
