/*
 * The selected mailbox: opening, closing, numbers and UIDs, what the running command has told.
 * Owns the view's memory, which grows with the number of gaps between UIDs and not with messages.
 * What happens to the mailbox meanwhile is catch_up.c's.
 */
#include "view.h"

#include "view_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <mansio/bus.h>
#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/map.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "reply.h"

enum {
    VIEW_CAP = 16384,
    RANGES_CAP = 256 << 20, /* ten million messages, every other one gone */
    SPARE_RANGES = 8,
    HINTS = 8, /* more than a few, and the whole mailbox is looked at */
    KEYWORDS_SHOWN = 256,
};

/* ---- numbers ------------------------------------------------------------------------------------
 */

struct imap_set imap_view_uids(const struct imap_view *view)
{
    return (struct imap_set){.ranges = view->ranges, .count = view->range_count};
}

uint32_t imap_view_uid(const struct imap_view *view, uint32_t number)
{
    struct imap_set uids = imap_view_uids(view);
    return imap_set_member(&uids, view->before, number);
}

uint32_t imap_view_number(const struct imap_view *view, uint32_t uid)
{
    struct imap_set uids = imap_view_uids(view);
    return imap_set_number(&uids, view->before, uid);
}

int imap_view_is_recent(const struct imap_view *view, uint32_t uid)
{
    return uid >= view->recent_from;
}

int imap_view_is_gone(const struct imap_view *view, uint32_t uid)
{
    return imap_set_has(&view->gone, uid);
}

uint32_t imap_view_recent(const struct imap_view *view)
{
    struct imap_set uids = imap_view_uids(view);
    return view->count - imap_set_below(&uids, view->before, view->recent_from);
}

static int resolve_numbers(const struct imap_view *view, const struct imap_set *set,
                           struct imap_gather *gather)
{
    struct imap_set uids = imap_view_uids(view);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < set->count; i++) {
        uint32_t first = set->ranges[2 * i], last = set->ranges[2 * i + 1];
        if (last == UINT32_MAX) {
            last = view->count;
            first = first == UINT32_MAX ? last : first;
        }
        if (first == 0 || first > view->count || last > view->count) {
            return MANSIO_E_INVALID;
        }
        rc = imap_set_gather(&uids, view->before, first, last, gather);
    }
    return rc;
}

/* A range up to "*" has the last message in it even if it begins behind that (RFC 3501 6.4.8). */
static int resolve_uids(const struct imap_view *view, const struct imap_set *set,
                        struct mansio_arena *arena, struct imap_set *out)
{
    struct imap_set uids = imap_view_uids(view);
    struct imap_gather wanted = {.arena = arena};
    uint32_t highest = uids.count > 0 ? uids.ranges[2 * uids.count - 1] : 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < set->count; i++) {
        uint32_t first = set->ranges[2 * i], last = set->ranges[2 * i + 1];
        if (last == UINT32_MAX) {
            last = highest;
            first = first < highest ? first : highest;
        }
        rc = last == 0 ? 0 : imap_gather_add(&wanted, first, last);
    }
    imap_gather_end(&wanted);
    return rc < 0 ? rc : imap_set_intersect(arena, &wanted.set, &uids, out);
}

int imap_view_resolve(const struct imap_view *view, const struct imap_set *set, int is_uid,
                      struct mansio_arena *arena, struct imap_set *out)
{
    if (is_uid) {
        return resolve_uids(view, set, arena, out);
    }
    struct imap_gather gather = {.arena = arena};
    int rc = resolve_numbers(view, set, &gather);
    imap_gather_end(&gather);
    *out = gather.set;
    return rc;
}

/* ---- what is in it ------------------------------------------------------------------------------
 */

int imap_view_install(struct imap_view *view, const struct imap_set *uids)
{
    size_t space = uids->count + SPARE_RANGES;
    struct mansio_arena *arena = mansio_arena_new(NULL, "imap.uids", RANGES_CAP);
    uint32_t *ranges = mansio_arena_try_alloc(arena, 3 * space * sizeof *ranges);
    if (ranges == NULL) {
        mansio_arena_free(arena);
        return MANSIO_E_LIMIT;
    }
    if (uids->count > 0) {
        memcpy(ranges, uids->ranges, 2 * uids->count * sizeof *ranges);
    }
    mansio_arena_free(view->ranges_arena);
    view->ranges_arena = arena;
    view->ranges = ranges;
    view->before = ranges + 2 * space;
    view->range_count = uids->count;
    view->range_space = space;
    struct imap_set own = imap_view_uids(view);
    view->count = imap_set_index(&own, view->before, 0);
    return 0;
}

int imap_view_append(struct imap_view *view, const struct imap_set *uids)
{
    struct imap_gather all = {
        .arena = view->ranges_arena,
        .set = imap_view_uids(view),
        .space = view->range_space,
    };
    if (uids->count == 0) {
        return 0;
    }
    if (view->range_count + uids->count > view->range_space) {
        struct mansio_arena *scratch = mansio_arena_new(NULL, "imap.uids", RANGES_CAP);
        struct imap_set united;
        int rc = imap_set_unite(scratch, &all.set, uids, &united);
        rc = rc < 0 ? rc : imap_view_install(view, &united);
        mansio_arena_free(scratch);
        return rc;
    }
    /* There is room: nothing can fail. */
    size_t from = view->range_count > 0 ? view->range_count - 1 : 0;
    for (size_t i = 0; i < uids->count; i++) {
        int rc = imap_gather_add(&all, uids->ranges[2 * i], uids->ranges[2 * i + 1]);
        MANSIO_ASSERT(rc == 0);
    }
    view->range_count = all.set.count;
    view->count = imap_set_index(&all.set, view->before, from);
    return 0;
}

int imap_view_set_gone(struct imap_view *view, const struct imap_set *gone)
{
    struct mansio_arena *arena = NULL;
    struct imap_set copy = {.count = 0};
    if (gone->count > 0) {
        arena = mansio_arena_new(NULL, "imap.gone", RANGES_CAP);
        if (imap_set_unite(arena, gone, &copy, &copy) < 0) {
            mansio_arena_free(arena);
            return MANSIO_E_LIMIT;
        }
    }
    mansio_arena_free(view->gone_arena);
    view->gone_arena = arena;
    view->gone = copy;
    return 0;
}

int imap_view_add_gone(struct imap_view *view, const struct imap_set *uids)
{
    struct imap_set own = imap_view_uids(view), all;
    if (uids->count == 0) {
        return 0;
    }
    struct mansio_arena *scratch = mansio_arena_new(NULL, "imap.gone", RANGES_CAP);
    int rc = imap_set_intersect(scratch, &own, uids, &all);
    rc = rc < 0 ? rc : imap_set_unite(scratch, &all, &view->gone, &all);
    rc = rc < 0 ? rc : imap_view_set_gone(view, &all);
    mansio_arena_free(scratch);
    return rc;
}

void imap_view_gone(struct imap_session *session, const struct imap_set *uids)
{
    if (imap_view_add_gone(session->view, uids) < 0) {
        session->view->must_look = 1; /* the change log has them too */
    }
}

/* ---- what was told ------------------------------------------------------------------------------
 */

int imap_view_add_told(struct imap_view *view, uint32_t uid, uint64_t modseq, int is_whole)
{
    const struct imap_told *told = &view->told;
    uint32_t before = told->count > 0 ? told->runs[told->count - 1].last : 0;
    uint32_t number = imap_view_number(view, uid);
    int is_next = uid == before + 1 || (number > 1 && imap_view_uid(view, number - 1) == before);
    return imap_told_add(&view->told, uid, modseq, is_whole, is_next);
}

void imap_view_retell(struct imap_session *session)
{
    imap_told_forget(&session->view->told, UINT64_MAX);
    session->view->must_look = 1;
}

static void add_told(struct imap_session *session, uint32_t uid, uint64_t modseq, int is_whole)
{
    if (modseq > session->view->modseq &&
        imap_view_add_told(session->view, uid, modseq, is_whole) < 0) {
        imap_view_retell(session); /* then it is told twice */
    }
}

void imap_view_told(struct imap_session *session, uint32_t uid, uint64_t modseq)
{
    add_told(session, uid, modseq, 0);
}

void imap_view_changed(struct imap_session *session, uint32_t uid, uint64_t modseq)
{
    add_told(session, uid, modseq, 1);
}

void imap_view_look(struct imap_session *session)
{
    if (session->view != NULL) {
        session->view->must_look = 1;
    }
}

/* ---- replies ------------------------------------------------------------------------------------
 */

void imap_view_reply_flags(struct imap_session *session, const struct mansio_message *message,
                           int with_uid)
{
    const struct imap_view *view = session->view;
    uint32_t number = imap_view_number(view, message->uid);
    if (number == 0) {
        return;
    }
    mansio_buf_printf(session->out, "* %" PRIu32 " FETCH (", number);
    if (with_uid) {
        mansio_buf_printf(session->out, "UID %" PRIu32 " ", message->uid);
    }
    mansio_buf_add(session->out, MANSIO_STR("FLAGS "));
    imap_reply_flags(session->out, message->flags, imap_view_is_recent(view, message->uid),
                     message->keywords);
    if ((session->enabled & IMAP_ENABLED_CONDSTORE) != 0) {
        mansio_buf_printf(session->out, " MODSEQ (%" PRIu64 ")", message->modseq);
    }
    mansio_buf_add(session->out, MANSIO_STR(")\r\n"));
}

void imap_view_reply_modseq(struct imap_session *session, uint32_t uid, uint64_t modseq,
                            int with_uid)
{
    uint32_t number = imap_view_number(session->view, uid);
    if (number == 0) {
        return;
    }
    mansio_buf_printf(session->out, "* %" PRIu32 " FETCH (", number);
    if (with_uid) {
        mansio_buf_printf(session->out, "UID %" PRIu32 " ", uid);
    }
    mansio_buf_printf(session->out, "MODSEQ (%" PRIu64 "))\r\n", modseq);
}

void imap_view_enable_condstore(struct imap_session *session)
{
    if ((session->enabled & IMAP_ENABLED_CONDSTORE) != 0) {
        return;
    }
    session->enabled |= IMAP_ENABLED_CONDSTORE;
    if (session->view != NULL) {
        imap_reply_untagged(session->out, "OK [HIGHESTMODSEQ %" PRIu64 "] Told up to here",
                            session->view->modseq);
    }
}

/* ---- opening ------------------------------------------------------------------------------------
 */

struct reading {
    struct imap_gather uids;
    struct imap_found *found;
    struct mansio_map *keywords;
    struct mansio_buf *names;
    char last_keywords[256]; /* most messages have the ones of their neighbour, or none */
    size_t last_len;
    uint32_t uid_next;
};

/* Keywords in use, in any case once (RFC 3501 2.3.2), for FLAGS. */
static void gather_keywords(struct reading *reading, struct mansio_str keywords)
{
    struct mansio_str rest = keywords, keyword;
    if (keywords.len == reading->last_len &&
        memcmp(keywords.ptr, reading->last_keywords, keywords.len) == 0) {
        return;
    }
    if (keywords.len <= sizeof reading->last_keywords) {
        memcpy(reading->last_keywords, keywords.ptr, keywords.len);
        reading->last_len = keywords.len;
    }
    while (mansio_str_split(&rest, ' ', &keyword)) {
        char folded[IMAP_KEYWORD_MAX];
        if (keyword.len == 0 || keyword.len > sizeof folded) {
            continue;
        }
        for (size_t i = 0; i < keyword.len; i++) {
            char c = keyword.ptr[i];
            folded[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        }
        struct mansio_str key = {folded, keyword.len};
        if (mansio_map_get(reading->keywords, key) == NULL &&
            mansio_map_put(reading->keywords, key, reading->keywords) == 1) {
            mansio_buf_add_char(reading->names, ' ');
            mansio_buf_add(reading->names, keyword);
        }
    }
}

static int read_message(void *arg, const struct mansio_message *message)
{
    struct reading *reading = arg;
    if (message->uid >= reading->uid_next) {
        return 0; /* came since: the catch-up tells it */
    }
    if ((message->flags & MANSIO_FLAG_SEEN) == 0 && reading->found->first_unseen == 0) {
        reading->found->first_unseen = message->uid;
    }
    if (message->keywords.len > 0) {
        gather_keywords(reading, message->keywords);
    }
    return imap_gather_add(&reading->uids, message->uid, message->uid);
}

static int read_uids(struct imap_session *session, struct imap_view *view, struct imap_found *found)
{
    const struct mansio_message_query query = {.size = sizeof query};
    struct mansio_arena *scratch = mansio_arena_new(NULL, "imap.select", RANGES_CAP);
    struct reading *reading = mansio_arena_alloc(scratch, sizeof *reading);
    reading->uids.arena = scratch;
    reading->found = found;
    reading->uid_next = view->uid_next;
    reading->keywords = mansio_map_new(scratch, KEYWORDS_SHOWN);
    reading->names = mansio_buf_new(scratch, (IMAP_KEYWORD_MAX + 1) * KEYWORDS_SHOWN);
    int rc =
        session->store->message_list(session->pool, session->account, view->collection_id, &query,
                                     read_message, reading, imap_store_deadline(session));
    imap_gather_end(&reading->uids);
    if (rc == 0) {
        rc = imap_view_install(view, &reading->uids.set);
    }
    if (rc == 0) {
        rc = mansio_arena_copy(session->arena, mansio_buf_str(reading->names), &found->keywords);
    }
    mansio_arena_free(scratch);
    return rc;
}

/* Subscribed before the first read: nothing slips between. */
static int subscribe(struct imap_session *session, struct imap_view *view)
{
    char topic[MANSIO_BUS_TOPIC_MAX + 1];
    int len = snprintf(topic, sizeof topic, "collection/%" PRIu64,
                       mansio_account_facts(session->account)->account_id);
    return mansio_bus_subscribe(view->arena, (struct mansio_str){topic, (size_t)len}, HINTS,
                                &view->hints);
}

/* Of several sessions that have the mailbox selected each may show what comes as \Recent: which of
 * them is told first can't be said (RFC 3501 2.3.2). What was there before only one gets. */
static int claim_recent(struct imap_session *session, struct imap_view *view,
                        const struct mansio_collection *collection)
{
    int rc = 0;
    view->recent_from = collection->recent_from;
    view->claimed_upto = collection->uid_next;
    if (!view->is_read_only && collection->recent_from < collection->uid_next) {
        rc = session->store->recent_claim(session->pool, session->account, collection->id,
                                          imap_store_deadline(session), &view->recent_from);
    }
    return rc;
}

static int open_view(struct imap_session *session, struct imap_view *view, struct mansio_str name,
                     struct imap_found *found)
{
    struct mansio_collection collection = {.size = sizeof collection};
    int rc = subscribe(session, view);
    if (rc == 0) {
        rc = session->store->collection_find(session->pool, session->account, name, view->arena,
                                             imap_store_deadline(session), &collection);
    }
    if (rc == 0 && collection.kind != MANSIO_COLLECTION_MAIL) {
        rc = mansio_fail(MANSIO_E_NOT_FOUND, "that is no mailbox");
    }
    if (rc < 0) {
        return rc;
    }
    view->collection_id = collection.id;
    view->name = collection.name;
    view->uid_validity = collection.uid_validity;
    view->uid_next = collection.uid_next;
    view->modseq = collection.modseq;
    view->looked_us = mansio_now_us();
    rc = read_uids(session, view, found);
    return rc < 0 ? rc : claim_recent(session, view, &collection);
}

static void free_view(void *arg)
{
    struct imap_view *view = arg;
    mansio_arena_free(view->ranges_arena);
    mansio_arena_free(view->gone_arena);
    imap_told_forget(&view->told, UINT64_MAX);
    mansio_arena_free(view->arena);
}

int imap_view_open(struct imap_session *session, struct mansio_str name, int is_read_only,
                   struct imap_found *found)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "imap.view", VIEW_CAP);
    struct imap_view *view = mansio_arena_alloc(arena, sizeof *view);
    view->arena = arena;
    view->is_read_only = is_read_only != 0;
    *found = (struct imap_found){.first_unseen = 0};
    int rc = open_view(session, view, name, found);
    if (rc < 0) {
        free_view(view);
        return rc;
    }
    mansio_arena_defer(mansio_session_arena(session->session), free_view, view);
    session->view = view;
    session->state = IMAP_SELECTED;
    return 0;
}

void imap_view_close(struct imap_session *session)
{
    struct imap_view *view = session->view;
    uint32_t from;
    if (view == NULL) {
        return;
    }
    session->view = NULL;
    if (session->state == IMAP_SELECTED) {
        session->state = IMAP_AUTHENTICATED;
    }
    if (!view->is_read_only && !view->is_removed && view->claimed_upto < view->uid_next) {
        int rc = session->store->recent_claim(session->pool, session->account, view->collection_id,
                                              imap_store_deadline(session), &from);
        if (rc < 0) { /* then they are \Recent once more: a nuisance, no loss */
            mansio_log(MANSIO_LOG_DEBUG, "recent-not-claimed", MANSIO_KV_CODE("error", rc),
                       MANSIO_KV_END);
        }
    }
    mansio_arena_undefer(mansio_session_arena(session->session), free_view, view);
    free_view(view);
}
