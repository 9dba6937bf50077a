/*
 * QUIT (RFC 1939 4, 6): the one command that changes the mailbox.
 */
#include "commands.h"
#include "session.h"

#include <inttypes.h>

#include <mansio/error.h>

/* Whoever lost the lock has no say any more in what is to go. Returns 1 if the update may be done;
 * 0 if the reply says why not. */
static int confirm(struct pop3_session *session, int64_t deadline_us)
{
    if (session->drop.left_count == session->drop.count) {
        return 1;
    }
    int rc = pop3_lock_confirm(session->module, &session->lock, deadline_us);
    if (rc == MANSIO_E_DENIED) {
        pop3_reply_err(session->reply, POP3_CODE_SYS_TEMP,
                       "The lock on the maildrop was lost, no message was removed");
        return 0;
    }
    return rc < 0 ? pop3_fail(session, rc, "No message was removed") : 1;
}

int pop3_cmd_quit(struct pop3_session *session, const struct pop3_line *line)
{
    int64_t deadline_us = pop3_store_deadline(session);
    (void)line;
    session->is_over = 1;
    if (session->state == POP3_AUTHORIZATION) {
        pop3_reply_ok(session->reply, "Goodbye");
        return 0;
    }
    int rc = confirm(session, deadline_us);
    if (rc <= 0) {
        return rc;
    }
    rc = pop3_maildrop_update(&session->drop, (int)pop3_setting(session, "mark_seen"), deadline_us,
                              &session->deleted);
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
