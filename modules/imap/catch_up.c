/*
 * How a client learns what happened to its mailbox (RFC 3501 5.2, 5.5, 7.4.1; RFC 2180).
 *
 * The store is asked in the order of what it costs: what came (by UID, an index), then, unless
 * that and the session's own changes explain every modseq since, the change log. A modseq belongs
 * to one change, and changes are committed in the order of their modseqs. So if the one after
 * view->modseq is known to be the session's own change, which it has told, or an arrival, nothing
 * else happened in between. An arrival has that modseq only if no later change has touched it. Of
 * several with modseqs one after another only the first is sure: the second may have come with the
 * first, and got its modseq by a change that other messages have part in.
 *
 * First everything is gathered, then told: EXPUNGE by the old numbers, EXISTS, FETCH by the new.
 * view->modseq moves last. So a failure anywhere only means that something is told once more.
 */
#include "view.h"

#include "view_private.h"

#include <inttypes.h>
#include <string.h>

#include <mansio/bus.h>
#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/log.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "commands.h"
#include "reply.h"

enum {
    LOOK_CAP = 256 << 20,
    FLAGS_PIECE = 250, /* messages of one call: each may have 200 keywords, and all are gathered */
};

/* One look at the store. */
struct look {
    struct imap_session *session;
    struct imap_view *view;
    struct mansio_arena *arena;
    struct imap_gather arrived, changed, removed;
    struct imap_gather present; /* of a resync */
    uint64_t since;             /* what led up to here is told, or gathered in arrived */
    uint64_t modseq;            /* highest seen */
    uint32_t highest;           /* UID seen */
    uint32_t known;             /* UIDs up to here are in the view, in arrived or gone */
    uint32_t has_next;          /* the change after since was an arrival */
    uint32_t is_renamed;
};

/* ---- hints --------------------------------------------------------------------------------------
 */

/* "COLLECTION MODSEQ": 0 if it says nothing new, else the modseq, or UINT64_MAX if it has none. */
static uint64_t read_hint(const struct imap_view *view, struct mansio_str payload)
{
    struct mansio_str rest = payload, id, number;
    uint64_t collection, modseq;
    if (!mansio_str_split(&rest, ' ', &id) || !mansio_str_split(&rest, ' ', &number) ||
        mansio_parse_u64(id, UINT64_MAX, &collection) < 0 ||
        mansio_parse_u64(number, INT64_MAX, &modseq) < 0) {
        return UINT64_MAX;
    }
    if (collection != view->collection_id) {
        return 0;
    }
    return modseq == 0 ? UINT64_MAX : modseq;
}

/* All that came, as one: up to which modseq there is something to see; 0: nothing. */
static uint64_t take_hints(struct imap_view *view)
{
    struct mansio_str payload;
    uint64_t target = 0;
    int rc;
    do {
        rc = mansio_subscription_next(view->hints, 0, &payload);
        uint64_t hint = rc == 0 ? read_hint(view, payload) : rc == MANSIO_E_LIMIT ? UINT64_MAX : 0;
        target = hint > target ? hint : target;
    } while (rc == 0 || rc == MANSIO_E_LIMIT);
    return target;
}

/* ---- asking the store ---------------------------------------------------------------------------
 */

static int add_arrived(void *arg, const struct mansio_message *message)
{
    struct look *look = arg;
    if (message->uid <= look->known) {
        return 0; /* the last one: "*" means it too */
    }
    int rc = imap_gather_add(&look->arrived, message->uid, message->uid);
    if (rc == 0 && message->modseq > look->since) {
        rc = imap_view_add_told(look->view, message->uid, message->modseq, 0);
    }
    look->known = message->uid;
    look->has_next |= message->modseq == look->since + 1;
    return rc;
}

/* What came behind the last that is known, by UID: the change log may hide one whose flags are
 * being changed, and one that is told late would come before others that have their numbers. */
static int read_arrived(struct look *look)
{
    const uint32_t range[2] = {look->known + 1, UINT32_MAX};
    const struct mansio_message_query query = {
        .size = sizeof query,
        .uid_ranges = range,
        .range_count = 1,
    };
    struct imap_session *session = look->session;
    if (look->known == UINT32_MAX) {
        return 0;
    }
    return session->store->message_list(session->pool, session->account, look->view->collection_id,
                                        &query, add_arrived, look, imap_store_deadline(session));
}

static int add_change(void *arg, const struct mansio_change *change)
{
    struct look *look = arg;
    int rc = 0;
    look->modseq = change->modseq > look->modseq ? change->modseq : look->modseq;
    switch (change->kind) {
    case MANSIO_CHANGE_COLLECTION:
        look->is_renamed = 1;
        break;
    case MANSIO_CHANGE_MESSAGE:
        look->highest = change->uid > look->highest ? change->uid : look->highest;
        if (change->uid <= look->known &&
            !imap_told_has(&look->view->told, change->uid, change->modseq)) {
            rc = imap_gather_add(&look->changed, change->uid, change->uid);
        }
        break;
    case MANSIO_CHANGE_MESSAGE_REMOVED:
        rc = imap_gather_add(&look->removed, change->uid, change->uid);
        break;
    default:
        break;
    }
    return rc;
}

/* A message of the whole mailbox, read anew. */
static int add_present(void *arg, const struct mansio_message *message)
{
    struct look *look = arg;
    int rc = imap_gather_add(&look->present, message->uid, message->uid);
    look->highest = message->uid;
    if (rc == 0 && message->uid <= look->known && message->modseq > look->since &&
        !imap_told_has(&look->view->told, message->uid, message->modseq)) {
        rc = imap_gather_add(&look->changed, message->uid, message->uid);
    }
    return rc;
}

static int read_collection(struct look *look, struct mansio_collection *out)
{
    struct imap_session *session = look->session;
    return session->store->collection_get(session->pool, session->account,
                                          look->view->collection_id, look->arena,
                                          imap_store_deadline(session), out);
}

/* The change log has forgotten: the UIDs that are there say what went. */
static int resync(struct look *look)
{
    const struct mansio_message_query query = {.size = sizeof query};
    struct imap_session *session = look->session;
    struct mansio_collection collection = {.size = sizeof collection};
    struct imap_set own = imap_view_uids(look->view);
    int rc = read_collection(look, &collection);
    if (rc == 0) {
        rc =
            session->store->message_list(session->pool, session->account, look->view->collection_id,
                                         &query, add_present, look, imap_store_deadline(session));
    }
    if (rc == 0) {
        imap_gather_end(&look->present);
        rc = imap_set_unite(look->arena, &own, &look->arrived.set, &own);
    }
    if (rc == 0) {
        rc = imap_set_subtract(look->arena, &own, &look->present.set, &look->removed.set);
    }
    look->modseq = collection.modseq;
    return rc;
}

/* How far the mailbox is, where no hint says so. */
static int read_target(struct look *look, uint64_t *out_target)
{
    struct mansio_collection collection = {.size = sizeof collection};
    int rc = read_collection(look, &collection);
    if (rc == 0) {
        *out_target = collection.modseq;
    }
    return rc;
}

static int read_name(struct look *look)
{
    struct mansio_collection collection = {.size = sizeof collection};
    int rc = read_collection(look, &collection);
    if (rc == 0 && !mansio_str_eq(collection.name, look->view->name)) {
        rc = mansio_arena_copy(look->view->arena, collection.name, &look->view->name);
    }
    return rc == MANSIO_E_LIMIT ? 0 : rc; /* renamed again and again: the name is for people */
}

/* The change log. */
static int read_changes(struct look *look)
{
    struct imap_session *session = look->session;
    struct imap_view *view = look->view;
    int rc = session->store->changes(session->pool, session->account, view->collection_id,
                                     look->since, add_change, look, imap_store_deadline(session));
    if (rc == MANSIO_E_UNSUPPORTED) {
        rc = resync(look);
    }
    if (rc == 0 && look->highest > look->known) {
        rc = read_arrived(look);
    }
    if (rc == 0 && look->is_renamed) {
        rc = read_name(look);
    }
    imap_gather_end(&look->changed);
    imap_gather_end(&look->removed);
    return rc;
}

/* @param target  from a hint: UINT64_MAX if it has no modseq; 0: how far there is to go is asked */
static int ask_store(struct look *look, uint64_t target)
{
    int rc = target == 0 ? read_target(look, &target) : 0;
    look->since = look->view->modseq;
    /* Not where it is known to be a change of flags, or can't be known to be an arrival. */
    if (rc == 0 && target > look->since && target != UINT64_MAX &&
        !imap_told_knows(&look->view->told, target)) {
        rc = read_arrived(look);
        look->since += look->has_next;
        look->since = imap_told_advance(&look->view->told, look->since);
    }
    if (rc == 0 && target > look->since) {
        rc = read_changes(look);
    }
    return rc;
}

/* ---- telling ------------------------------------------------------------------------------------
 */

/* From the highest number down: so each is the same before and after those that went. */
static int tell_gone(struct imap_session *session)
{
    struct imap_view *view = session->view;
    const struct imap_set *gone = &view->gone;
    int rc = 0;
    for (size_t i = gone->count; rc == 0 && i-- > 0;) {
        uint32_t count = gone->ranges[2 * i + 1] - gone->ranges[2 * i] + 1;
        uint32_t number = imap_view_number(view, gone->ranges[2 * i + 1]);
        for (; rc == 0 && count > 0; count--, number--) {
            mansio_buf_printf(session->out, "* %" PRIu32 " EXPUNGE\r\n", number);
            rc = imap_send(session, IMAP_OUT_FLUSH);
        }
    }
    return rc;
}

static int expunge(struct imap_session *session)
{
    struct imap_view *view = session->view;
    struct imap_set uids = imap_view_uids(view), left;
    const struct imap_set none = {.count = 0};
    if (view->gone.count == 0) {
        return 0;
    }
    int rc = tell_gone(session);
    if (rc < 0) {
        return rc; /* the session is over */
    }
    struct mansio_arena *scratch = mansio_arena_new(NULL, "imap.expunge", LOOK_CAP);
    rc = imap_set_subtract(scratch, &uids, &view->gone, &left);
    rc = rc < 0 ? rc : imap_view_install(view, &left);
    rc = rc < 0 ? rc : imap_view_set_gone(view, &none);
    mansio_arena_free(scratch);
    return rc; /* told, but not noted: the session can't go on */
}

/* What came and went again in the same look is never told. */
static int tell_arrived(struct look *look)
{
    struct imap_session *session = look->session;
    struct imap_view *view = look->view;
    struct imap_set arrived;
    int rc = imap_set_subtract(look->arena, &look->arrived.set, &look->removed.set, &arrived);
    if (rc < 0) {
        return rc;
    }
    view->uid_next = look->known + 1;
    if (arrived.count == 0) {
        return 0;
    }
    rc = imap_view_append(view, &arrived);
    if (rc == 0) {
        imap_reply_untagged(session->out, "%" PRIu32 " EXISTS", view->count);
        imap_reply_untagged(session->out, "%" PRIu32 " RECENT", imap_view_recent(view));
    }
    return rc;
}

static int tell_flags_of(void *arg, const struct mansio_message *message)
{
    struct imap_session *session = arg;
    imap_view_reply_flags(session, message,
                          session->is_uid || (session->enabled & IMAP_ENABLED_CONDSTORE) != 0);
    return 0;
}

/* @param out_sent  what came of sending; the result is the store's */
static int tell_flags(struct look *look, int *out_sent)
{
    struct imap_session *session = look->session;
    struct imap_set uids = imap_view_uids(look->view), wanted;
    struct imap_pieces pieces;
    int rc = imap_set_intersect(look->arena, &look->changed.set, &uids, &wanted);
    rc = rc < 0 ? rc : imap_set_subtract(look->arena, &wanted, &look->view->gone, &wanted);
    rc = rc < 0 ? rc : imap_pieces_begin(&pieces, look->arena, &wanted, FLAGS_PIECE);
    while (rc == 0 && *out_sent == 0 && imap_pieces_next(&pieces)) {
        const struct mansio_message_query query = {
            .size = sizeof query,
            .uid_ranges = pieces.piece.ranges,
            .range_count = pieces.piece.count,
        };
        rc = session->store->message_list(session->pool, session->account,
                                          look->view->collection_id, &query, tell_flags_of, session,
                                          imap_store_deadline(session));
        if (rc == 0) {
            *out_sent = imap_send(session, IMAP_OUT_FLUSH);
        }
    }
    return rc;
}

/* ---- the whole ----------------------------------------------------------------------------------
 */

/* What somebody else removed goes with BYE (RFC 2180 3.3); DELETE closes its own view. */
static void say_removed(struct imap_session *session)
{
    session->view->is_removed = 1;
    imap_reply_untagged(session->out, "BYE The selected mailbox was removed");
    session->is_over = 1;
}

/* The store's fault: nothing is lost but time. @return 0, or what ends the session */
static int put_off(struct imap_session *session, int code)
{
    struct imap_view *view = session->view;
    if (mansio_error_class(code) == MANSIO_CLASS_CANCELLED) {
        return code;
    }
    if (code == MANSIO_E_NOT_FOUND) {
        say_removed(session);
        return 0;
    }
    if (!view->is_behind) {
        mansio_log(MANSIO_LOG_WARNING, "mailbox-not-followed", MANSIO_KV_CODE("error", code),
                   MANSIO_KV_END);
    }
    view->is_behind = 1;
    view->must_look = 1;
    imap_told_forget(&view->told, UINT64_MAX); /* some of it is of this look, and was not told */
    return 0;
}

static int tell(struct look *look, uint32_t flags, int *out_store)
{
    struct imap_session *session = look->session;
    struct imap_view *view = look->view;
    int sent = 0;
    int rc = imap_view_add_gone(view, &look->removed.set);
    if (rc == 0 && (flags & IMAP_CATCH_UP_EXPUNGES) != 0) {
        rc = expunge(session);
    }
    if (rc == 0) {
        rc = tell_arrived(look);
    }
    if (rc < 0) {
        return rc;
    }
    *out_store = tell_flags(look, &sent);
    if (*out_store == 0 && sent == 0) {
        view->modseq = look->modseq > look->since ? look->modseq : look->since;
    }
    return sent;
}

static int look_and_tell(struct imap_session *session, uint32_t flags, uint64_t target)
{
    struct imap_view *view = session->view;
    struct mansio_arena *arena = mansio_arena_new(NULL, "imap.look", LOOK_CAP);
    struct look look = {
        .session = session,
        .view = view,
        .arena = arena,
        .arrived = {.arena = arena},
        .changed = {.arena = arena},
        .removed = {.arena = arena},
        .present = {.arena = arena},
        .known = view->uid_next - 1,
    };
    int told = 0;
    view->must_look = 0;
    view->looked_us = mansio_now_us();
    int store = ask_store(&look, target);
    int rc = store < 0 ? 0 : tell(&look, flags, &store);
    if (rc == 0 && store == 0) {
        told = 1;
        view->is_behind = 0;
        imap_told_forget(&view->told, view->modseq);
    }
    mansio_arena_free(arena);
    return rc < 0 || told ? rc : put_off(session, store);
}

int imap_view_catch_up(struct imap_session *session, uint32_t flags)
{
    struct imap_view *view = session->view;
    if (view == NULL || session->is_over) {
        return 0;
    }
    uint64_t target = take_hints(view);
    view->modseq = imap_told_advance(&view->told, view->modseq);
    int64_t poll_us = imap_setting(session, "idle_poll");
    if (view->must_look || mansio_now_us() - view->looked_us >= poll_us) {
        /* A hint with a modseq says that there is something, not that there is no more. */
        return look_and_tell(session, flags, target == UINT64_MAX ? target : 0);
    }
    if (target > view->modseq) {
        return look_and_tell(session, flags, target);
    }
    imap_told_forget(&view->told, view->modseq);
    return (flags & IMAP_CATCH_UP_EXPUNGES) != 0 ? expunge(session) : 0;
}
