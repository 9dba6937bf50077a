/*
 * COPY (RFC 3501 6.4.7) and MOVE (RFC 6851), with COPYUID (RFC 4315 3). All or none: one call of
 * the store.
 */
#include "commands.h"
#include "ranges.h"
#include "view.h"

#include <inttypes.h>

#include <mansio/error.h>
#include <mansio/str.h>

#include "reply.h"

enum { COPY_CAP = 64 << 20 };

struct copying {
    struct imap_gather from, to;
    uint32_t uid_validity;
    uint32_t is_too_much; /* to be listed; copied they are */
};

static int note_copied(void *arg, uint32_t uid_from, uint32_t uid_to)
{
    struct copying *copying = arg;
    if (imap_gather_add(&copying->from, uid_from, uid_from) < 0 ||
        imap_gather_add(&copying->to, uid_to, uid_to) < 0) {
        copying->is_too_much = 1;
    }
    return 0;
}

/* "[COPYUID 38 304,319:320 3956:3958] ", or nothing where that can't be said. */
static struct mansio_str copy_uid(struct imap_session *session, const struct copying *copying)
{
    struct mansio_buf *out = mansio_buf_new(session->arena, IMAP_OUT_MAX / 4);
    if (copying->is_too_much || copying->from.set.count == 0) {
        return MANSIO_STR_NONE;
    }
    mansio_buf_printf(out, "[COPYUID %" PRIu32 " ", copying->uid_validity);
    imap_reply_set(out, copying->from.set.ranges, copying->from.set.count);
    mansio_buf_add_char(out, ' ');
    imap_reply_set(out, copying->to.set.ranges, copying->to.set.count);
    mansio_buf_add(out, MANSIO_STR("] "));
    return mansio_buf_status(out) < 0 ? MANSIO_STR_NONE : mansio_buf_str(out);
}

/* The tagged reply names a modseq up to which all is told: so that comes before (RFC 6851 4.4). */
static int say_moved(struct imap_session *session, const struct copying *copying)
{
    struct mansio_str code = copy_uid(session, copying);
    if (code.len > 0) {
        imap_reply_untagged(session->out, "OK %.*sMoved", MANSIO_STR_ARG(code));
    }
    if (copying->is_too_much) {
        imap_view_look(session);
    }
    imap_view_gone(session, &copying->from.set);
    int rc = imap_view_catch_up(session, IMAP_CATCH_UP_EXPUNGES);
    if (rc < 0 || session->view == NULL) {
        return rc;
    }
    return imap_end_with(session, IMAP_OK, "[HIGHESTMODSEQ %" PRIu64 "] Moved",
                         session->view->modseq);
}

static int say_refused(struct imap_session *session, int code, int is_move)
{
    switch (code) {
    case MANSIO_E_INVALID: /* RFC 2180 4.4.1, RFC 5530 3 */
        imap_view_look(session);
        return imap_end_with(session, IMAP_NO,
                             "[EXPUNGEISSUED] Some of the messages are gone, nothing was done");
    case MANSIO_E_LIMIT:
        return imap_end_with(session, IMAP_NO, "[OVERQUOTA] There is no room for them");
    case MANSIO_E_UNSUPPORTED: /* RFC 5530 3 */
        return imap_end_with(session, IMAP_NO, "[LIMIT] That mailbox has no UIDs left");
    default:
        return imap_end_failed(session, code,
                               is_move ? "Nothing can be moved now" : "Nothing can be copied now");
    }
}

static int copy(struct imap_session *session, const struct imap_set *uids, uint64_t target,
                int is_move)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "imap.copy", COPY_CAP);
    struct copying copying = {.from = {.arena = arena}, .to = {.arena = arena}};
    uint32_t flags = (is_move ? MANSIO_COPY_MOVE : 0) | (session->is_uid ? 0 : MANSIO_COPY_WHOLE);
    int rc = session->store->message_copy(
        session->pool, session->account, session->view->collection_id, uids->ranges, uids->count,
        target, flags, note_copied, &copying, imap_store_deadline(session), &copying.uid_validity);
    imap_gather_end(&copying.from);
    imap_gather_end(&copying.to);
    if (rc < 0) {
        rc = say_refused(session, rc, is_move);
    } else if (is_move) {
        rc = say_moved(session, &copying);
    } else {
        struct mansio_str code = copy_uid(session, &copying);
        rc = imap_end_with(session, IMAP_OK, "%.*sCopied", MANSIO_STR_ARG(code));
    }
    mansio_arena_free(arena);
    return rc;
}

static int find_target(struct imap_session *session, struct mansio_str name, uint64_t *out_id)
{
    struct mansio_collection collection = {.size = sizeof collection};
    int rc = session->store->collection_find(session->pool, session->account, name, session->arena,
                                             imap_store_deadline(session), &collection);
    if (rc == 0 && collection.kind != MANSIO_COLLECTION_MAIL) {
        rc = MANSIO_E_NOT_FOUND;
    }
    *out_id = collection.id;
    return rc;
}

static int run(struct imap_session *session, struct imap_cursor *cursor, int is_move)
{
    struct imap_set set, uids;
    struct mansio_str name;
    uint64_t target;
    int rc = imap_parse_space(cursor);
    rc = rc < 0 ? rc : imap_parse_set(cursor, &set);
    rc = rc < 0 ? rc : imap_parse_space(cursor);
    rc = rc < 0 ? rc : imap_parse_mailbox(cursor, &name);
    rc = rc < 0 ? rc : imap_parse_end(cursor);
    if (rc < 0) {
        return imap_end_bad(session, cursor, "a set of messages and a mailbox");
    }
    rc = imap_view_resolve(session->view, &set, (int)session->is_uid, session->arena, &uids);
    if (rc == MANSIO_E_INVALID) {
        return imap_end_bad(session, NULL, "numbers of messages that are there");
    }
    rc = rc < 0 ? rc : find_target(session, name, &target);
    if (rc == MANSIO_E_NOT_FOUND) {
        return imap_end_with(session, IMAP_NO, "[TRYCREATE] There is no such mailbox");
    }
    if (rc < 0) {
        return imap_end_failed(session, rc, "The mailbox can't be reached now");
    }
    if (uids.count == 0) {
        return imap_end_with(session, IMAP_OK, "None of those is here");
    }
    return copy(session, &uids, target, is_move);
}

int imap_cmd_copy(struct imap_session *session, struct imap_cursor *cursor)
{
    return run(session, cursor, 0);
}

int imap_cmd_move(struct imap_session *session, struct imap_cursor *cursor)
{
    return run(session, cursor, 1);
}
