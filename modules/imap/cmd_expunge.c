/*
 * EXPUNGE (RFC 3501 6.4.3) and UID EXPUNGE (RFC 4315 2.1).
 */
#include "commands.h"
#include "ranges.h"
#include "view.h"

#include <mansio/error.h>
#include <mansio/str.h>

enum { GONE_CAP = 64 << 20 };

struct expunging {
    struct imap_gather gone;
    uint32_t is_too_much; /* to be noted; the change log has them */
};

static int note_gone(void *arg, uint32_t uid)
{
    struct expunging *expunging = arg;
    if (imap_gather_add(&expunging->gone, uid, uid) < 0) {
        expunging->is_too_much = 1;
    }
    return 0;
}

/* @param uids  NULL: all that are marked */
static int expunge(struct imap_session *session, const struct imap_set *uids)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "imap.expunge", GONE_CAP);
    struct expunging expunging = {.gone = {.arena = arena}};
    int rc = session->store->message_expunge(
        session->pool, session->account, session->view->collection_id,
        uids != NULL ? uids->ranges : NULL, uids != NULL ? uids->count : 0, 1, note_gone,
        &expunging, imap_store_deadline(session));
    if (rc == 0) {
        imap_gather_end(&expunging.gone);
        imap_view_gone(session, &expunging.gone.set); /* told before the tagged reply */
    }
    if (expunging.is_too_much) {
        imap_view_look(session);
    }
    mansio_arena_free(arena);
    return rc;
}

int imap_cmd_expunge(struct imap_session *session, struct imap_cursor *cursor)
{
    struct imap_set wanted, uids;
    int rc = 0;
    if (session->is_uid) {
        rc = imap_parse_space(cursor);
        rc = rc < 0 ? rc : imap_parse_set(cursor, &wanted);
    }
    if (rc < 0 || imap_parse_end(cursor) < 0) {
        return imap_end_bad(session, cursor,
                            session->is_uid ? "a set of UIDs" : "the end of the command");
    }
    if (session->is_uid) {
        rc = imap_view_resolve(session->view, &wanted, 1, session->arena, &uids);
        if (rc == 0 && uids.count == 0) {
            return imap_end_with(session, IMAP_OK, "None of those is here");
        }
    }
    rc = rc < 0 ? rc : expunge(session, session->is_uid ? &uids : NULL);
    if (rc < 0) {
        return imap_end_failed(session, rc, "Nothing can be expunged now");
    }
    return imap_end_with(session, IMAP_OK, "Expunged");
}
