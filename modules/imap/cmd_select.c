/*
 * SELECT and EXAMINE (RFC 3501 6.3.1, 6.3.2), with CONDSTORE (RFC 7162 3.1.8).
 */
#include "commands.h"
#include "view.h"

#include <inttypes.h>

#include <mansio/error.h>
#include <mansio/session.h>
#include <mansio/str.h>

#include "reply.h"

struct arguments {
    struct mansio_str mailbox;
    uint32_t has_condstore;
};

/* Expected words of BAD in @p out_expected. */
static int parse(struct imap_cursor *cursor, struct arguments *out, const char **out_expected)
{
    *out_expected = "a mailbox";
    int rc = imap_parse_space(cursor);
    rc = rc < 0 ? rc : imap_parse_mailbox(cursor, &out->mailbox);
    if (rc == 0 && imap_parse_sees(cursor, ' ')) { /* select-params (RFC 4466 2.1) */
        *out_expected = "(CONDSTORE)";
        rc = imap_parse_space(cursor);
        rc = rc < 0 ? rc : imap_parse_char(cursor, '(');
        if (rc == 0 && !imap_parse_word(cursor, MANSIO_STR("CONDSTORE"))) {
            rc = MANSIO_E_INVALID;
        }
        rc = rc < 0 ? rc : imap_parse_char(cursor, ')');
        out->has_condstore = 1;
    }
    if (rc == 0) {
        *out_expected = "the end of the command";
        rc = imap_parse_end(cursor);
    }
    return rc;
}

/* All that a client must be told first (RFC 3501 6.3.1). */
static void say_mailbox(struct imap_session *session, const struct imap_found *found)
{
    static const char flags[] = "\\Answered \\Flagged \\Deleted \\Seen \\Draft";
    const struct imap_view *view = session->view;
    struct mansio_buf *out = session->out;
    imap_reply_untagged(out, "FLAGS (%s%.*s)", flags, MANSIO_STR_ARG(found->keywords));
    if (view->is_read_only) {
        imap_reply_untagged(out, "OK [PERMANENTFLAGS ()] Nothing can be changed");
    } else {
        imap_reply_untagged(out, "OK [PERMANENTFLAGS (%s%.*s \\*)] Any keyword will do", flags,
                            MANSIO_STR_ARG(found->keywords));
    }
    imap_reply_untagged(out, "%" PRIu32 " EXISTS", view->count);
    imap_reply_untagged(out, "%" PRIu32 " RECENT", imap_view_recent(view));
    if (found->first_unseen != 0) {
        imap_reply_untagged(out, "OK [UNSEEN %" PRIu32 "] The first that is unseen",
                            imap_view_number(view, found->first_unseen));
    }
    imap_reply_untagged(out, "OK [UIDVALIDITY %" PRIu32 "] UIDs are valid", view->uid_validity);
    imap_reply_untagged(out, "OK [UIDNEXT %" PRIu32 "] The next UID", view->uid_next);
    imap_reply_untagged(out, "OK [HIGHESTMODSEQ %" PRIu64 "] Told up to here", view->modseq);
}

static int select_mailbox(struct imap_session *session, struct imap_cursor *cursor,
                          int is_read_only)
{
    struct arguments arguments = {.has_condstore = 0};
    struct imap_found found;
    const char *expected;
    if (parse(cursor, &arguments, &expected) < 0) {
        return imap_end_bad(session, cursor, expected);
    }
    if (session->view != NULL) { /* whether or not the next one can be opened */
        imap_view_close(session);
        imap_reply_untagged(session->out, "OK [CLOSED] What follows is of another mailbox");
    }
    mansio_session_set_activity(session->session, "authenticated");
    if (arguments.has_condstore) {
        session->enabled |= IMAP_ENABLED_CONDSTORE; /* HIGHESTMODSEQ is said in any case */
    }
    int rc = imap_view_open(session, arguments.mailbox, is_read_only, &found);
    if (rc == MANSIO_E_NOT_FOUND) {
        return imap_end_with(session, IMAP_NO, "[NONEXISTENT] There is no such mailbox");
    }
    if (rc < 0) {
        return imap_end_failed(session, rc, "The mailbox can't be opened now");
    }
    mansio_session_set_activity(session->session, is_read_only ? "examined" : "selected");
    say_mailbox(session, &found);
    return imap_end_with(session, IMAP_OK, "[%s] The mailbox is open",
                         is_read_only ? "READ-ONLY" : "READ-WRITE");
}

int imap_cmd_select(struct imap_session *session, struct imap_cursor *cursor)
{
    return select_mailbox(session, cursor, 0);
}

int imap_cmd_examine(struct imap_session *session, struct imap_cursor *cursor)
{
    return select_mailbox(session, cursor, 1);
}
