/*
 * QUIT (RFC 1939 4, 6): the one command that changes the mailbox.
 */
#include "commands.h"
#include "session.h"

#include <inttypes.h>

#include <mansio/error.h>
#include <mansio/log.h>

static int update(struct pop3_session *session)
{
    int64_t deadline_us = pop3_store_deadline(session);
    int rc = 0;
    /* Whoever lost the lock has no say any more in what is to go. */
    if (session->drop.left_count < session->drop.count) {
        rc = pop3_lock_confirm(session->module, &session->lock, deadline_us);
    }
    if (rc == 0) {
        rc = pop3_maildrop_update(&session->drop, (int)pop3_setting(session, "mark_seen"),
                                  deadline_us, &session->deleted);
    }
    return rc;
}

int pop3_cmd_quit(struct pop3_session *session, const struct pop3_line *line)
{
    (void)line;
    session->is_over = 1;
    if (session->state == POP3_AUTHORIZATION) {
        pop3_reply_ok(session->reply, "Goodbye");
        return 0;
    }
    int rc = update(session);
    if (rc == MANSIO_E_TIMEOUT || rc == MANSIO_E_UNAVAILABLE) {
        return pop3_fail(session, rc, "Whether the messages were removed is not known");
    }
    if (rc < 0) {
        return pop3_fail(session, rc, "No message was removed");
    }
    session->state = POP3_UPDATE;
    mansio_metric_add(session->module->instance, POP3_METRIC_DELETED, session->deleted);
    pop3_reply_ok(session->reply, "%" PRIu32 " messages removed", session->deleted);
    return 0;
}
