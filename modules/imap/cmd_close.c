/*
 * Leaving a mailbox: CLOSE (RFC 3501 6.4.2) and UNSELECT (RFC 3691); and CHECK (6.4.1).
 */
#include "commands.h"
#include "view.h"

#include <mansio/error.h>
#include <mansio/session.h>
#include <mansio/str.h>

static void leave(struct imap_session *session)
{
    imap_view_close(session);
    mansio_session_set_activity(session->session, "authenticated");
}

/* What is marked as \Deleted goes, without a word about it; not from a mailbox that is open for
 * reading only. */
int imap_cmd_close(struct imap_session *session, struct imap_cursor *cursor)
{
    int rc = 0;
    if (imap_parse_end(cursor) < 0) {
        return imap_end_bad(session, cursor, "the end of the command");
    }
    if (!session->view->is_read_only) {
        rc = session->store->message_expunge(session->pool, session->account,
                                             session->view->collection_id, NULL, 0, 1, NULL, NULL,
                                             imap_store_deadline(session));
    }
    if (rc < 0 &&
        rc != MANSIO_E_NOT_FOUND) { /* the mailbox stays selected: it can be tried again */
        return imap_end_failed(session, rc, "The mailbox can't be expunged now");
    }
    leave(session);
    return imap_end_with(session, IMAP_OK, "Closed");
}

int imap_cmd_unselect(struct imap_session *session, struct imap_cursor *cursor)
{
    if (imap_parse_end(cursor) < 0) {
        return imap_end_bad(session, cursor, "the end of the command");
    }
    leave(session);
    return imap_end_with(session, IMAP_OK, "Unselected");
}

/* Nothing is kept back here that a checkpoint would write: what remains is to look. */
int imap_cmd_check(struct imap_session *session, struct imap_cursor *cursor)
{
    if (imap_parse_end(cursor) < 0) {
        return imap_end_bad(session, cursor, "the end of the command");
    }
    imap_view_look(session);
    return imap_end_with(session, IMAP_OK, "Checked");
}
