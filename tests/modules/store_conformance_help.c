/*
 * Shorthands of the cases: one call of the store each, its failure noted.
 */
#include "store_conformance.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <mansio/buf.h>

enum { DUMP_BYTES = 4 << 20, CONTENT_MAX = 64 << 20 };

void sc_fail(struct sc *sc, const char *file, int line, const char *format, ...)
{
    const char *slash = strrchr(file, '/');
    char text[300];
    va_list args;

    if (sc->failed) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    sc->failed = 1;
    (void)snprintf(sc->failure, sizeof sc->failure, "%.60s:%d: %s",
                   slash != NULL ? slash + 1 : file, line, text);
}

int sc_want(struct sc *sc, int is_so, const char *text, const char *file, int line)
{
    if (!is_so) {
        sc_fail(sc, file, line, "%s", text);
    }
    return is_so;
}

int sc_code(struct sc *sc, int found, int wanted, const char *text, const char *file, int line)
{
    if (found != wanted) {
        sc_fail(sc, file, line, "%.160s: %s (%d)%s%.80s, wanted %s", text, mansio_error_name(found),
                found, found < 0 ? ": " : "", found < 0 ? mansio_error_detail() : "",
                mansio_error_name(wanted));
    }
    return found == wanted;
}

int64_t sc_deadline(void)
{
    return mansio_deadline_in(60 * MANSIO_SECOND);
}

struct mansio_str sc_text(const char *text)
{
    return mansio_str_from_cstr(text);
}

struct mansio_str sc_name(struct sc *sc, const char *name)
{
    struct mansio_str out = MANSIO_STR_NONE;

    SC_CODE(sc, mansio_arena_printf(sc->arena, &out, "%s%s", sc->prefix, name), 0);
    return out;
}

uint64_t sc_create(struct sc *sc, const struct sc_side *side, const char *name)
{
    uint64_t id = 0;

    SC_CODE(sc,
            side->store->collection_create(SC_SIDE(*side), MANSIO_COLLECTION_MAIL,
                                           sc_name(sc, name), MANSIO_SPECIAL_NONE, sc_deadline(),
                                           &id),
            0);
    SC_WANT(sc, id != 0);
    return id;
}

struct mansio_collection sc_get(struct sc *sc, const struct sc_side *side, uint64_t id)
{
    struct mansio_collection out = {.size = sizeof out};

    SC_CODE(sc, side->store->collection_get(SC_SIDE(*side), id, sc->arena, sc_deadline(), &out), 0);
    return out;
}

uint64_t sc_inbox(struct sc *sc, const struct sc_side *side)
{
    struct mansio_collection out = {.size = sizeof out};

    SC_CODE(sc,
            side->store->collection_find(SC_SIDE(*side), MANSIO_STR("INBOX"), sc->arena,
                                         sc_deadline(), &out),
            0);
    return out.id;
}

struct special {
    uint32_t use;
    uint64_t id;
};

static int note_special(void *arg, const struct mansio_collection *collection)
{
    struct special *special = arg;

    if (collection->special_use == special->use) {
        special->id = collection->id;
    }
    return 0;
}

uint64_t sc_special(struct sc *sc, const struct sc_side *side, uint32_t special_use)
{
    struct special special = {.use = special_use};

    SC_CODE(sc,
            side->store->collection_list(SC_SIDE(*side), 0, note_special, &special, sc_deadline()),
            0);
    return special.id;
}

struct mansio_content *sc_content(struct sc *sc, struct mansio_str bytes)
{
    struct mansio_content *content = mansio_content_new(sc->arena, CONTENT_MAX);

    for (size_t at = 0; at < bytes.len; at += 65536) {
        SC_CODE(sc, mansio_content_write(content, mansio_str_sub(bytes, at, 65536), sc_deadline()),
                0);
    }
    SC_CODE(sc, mansio_content_finish(content, sc_deadline()), 0);
    return content;
}

struct mansio_str sc_noise(struct sc *sc, size_t size, int with_nul)
{
    char *bytes = mansio_arena_try_alloc(sc->arena, size + 1);
    uint32_t state = 12345;

    SC_WANT(sc, bytes != NULL);
    for (size_t i = 0; bytes != NULL && i < size; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = with_nul ? (char)(state >> 24) : (char)('a' + (state >> 24) % 26);
        if (!with_nul && i % 72 >= 70) {
            bytes[i] = i % 72 == 70 ? '\r' : '\n';
        }
    }
    return (struct mansio_str){bytes, bytes != NULL ? size : 0};
}

uint32_t sc_append_with(struct sc *sc, const struct sc_side *side, uint64_t collection,
                        const char *text, uint32_t flags, const char *keywords)
{
    struct mansio_append append = {
        .size = sizeof append,
        .content = sc_content(sc, sc_text(text)),
        .flags = flags,
        .keywords = sc_text(keywords),
        .received_us = INT64_C(1700000000000000),
    };

    SC_CODE(
        sc,
        side->store->message_append(SC_SIDE(*side), collection, &append, 1, sc_deadline(), NULL),
        0);
    return append.uid;
}

uint32_t sc_append(struct sc *sc, const struct sc_side *side, uint64_t collection, const char *text)
{
    return sc_append_with(sc, side, collection, text, 0, "");
}

struct listing {
    struct sc *sc;
    struct sc_list *list;
};

static int note_message(void *arg, const struct mansio_message *message)
{
    struct listing *listing = arg;
    struct sc_list *list = listing->list;

    if (list->count < MANSIO_COUNT(list->messages)) {
        struct mansio_message *copy = &list->messages[list->count++];
        *copy = *message;
        /* What was shown is gone when this returns. */
        SC_CODE(listing->sc,
                mansio_arena_copy(listing->sc->arena, message->keywords, &copy->keywords), 0);
        SC_CODE(listing->sc,
                mansio_arena_copy(listing->sc->arena, message->structure, &copy->structure), 0);
    }
    return 0;
}

struct sc_list *sc_messages_of(struct sc *sc, const struct sc_side *side, uint64_t collection,
                               const struct mansio_message_query *query)
{
    struct sc_list *list = mansio_arena_alloc(sc->arena, sizeof *list);
    struct listing listing = {sc, list};

    SC_CODE(sc,
            side->store->message_list(SC_SIDE(*side), collection, query, note_message, &listing,
                                      sc_deadline()),
            0);
    for (size_t i = 1; i < list->count; i++) {
        SC_WANT(sc, list->messages[i].uid > list->messages[i - 1].uid);
    }
    return list;
}

struct sc_list *sc_all(struct sc *sc, const struct sc_side *side, uint64_t collection)
{
    const struct mansio_message_query query = {.size = sizeof query};

    return sc_messages_of(sc, side, collection, &query);
}

const struct mansio_message *sc_message(struct sc *sc, const struct sc_side *side,
                                        uint64_t collection, uint32_t uid)
{
    const uint32_t range[] = {uid, uid};
    const struct mansio_message_query query = {
        .size = sizeof query,
        .uid_ranges = range,
        .range_count = 1,
        .flags = MANSIO_QUERY_STRUCTURE | MANSIO_QUERY_BLOB,
    };
    const struct sc_list *list = sc_messages_of(sc, side, collection, &query);

    SC_WANT(sc, list->count == 1 && list->messages[0].uid == uid);
    return &list->messages[0]; /* zeros if there is none */
}

struct mansio_str sc_read(struct sc *sc, const struct sc_side *side, uint64_t collection,
                          uint32_t uid, size_t step)
{
    struct mansio_buf *buf = mansio_buf_new(sc->arena, CONTENT_MAX);
    struct mansio_str part = MANSIO_STR_NONE;

    do {
        struct mansio_arena *arena = mansio_arena_new(sc->arena, "slice", 0);
        SC_CODE(sc,
                side->store->message_read(SC_SIDE(*side), collection, uid, mansio_buf_str(buf).len,
                                          step, arena, sc_deadline(), &part),
                0);
        SC_WANT(sc, part.len <= step);
        (void)mansio_buf_add(buf, part);
        mansio_arena_free(arena);
    } while (part.len > 0 && !sc->failed);
    return mansio_buf_str(buf);
}

uint64_t sc_modseq(struct sc *sc, const struct sc_side *side)
{
    struct mansio_usage usage = {.size = sizeof usage};

    SC_CODE(sc, side->store->usage(SC_SIDE(*side), sc_deadline(), &usage), 0);
    return usage.modseq;
}

void sc_flag(struct sc *sc, const struct sc_side *side, uint64_t collection, uint32_t uid,
             uint32_t flags)
{
    const uint32_t range[] = {uid, uid};
    const struct mansio_flag_change change = {
        .size = sizeof change,
        .uid_ranges = range,
        .range_count = 1,
        .operation = MANSIO_FLAGS_ADD,
        .flags = flags,
        .unchanged_since = UINT64_MAX,
    };

    SC_CODE(sc,
            side->store->message_flag(SC_SIDE(*side), collection, &change, NULL, NULL, NULL,
                                      sc_deadline()),
            0);
}

int sc_note_uid(void *arg, uint32_t uid)
{
    struct sc_uids *uids = arg;

    if (uids->count < MANSIO_COUNT(uids->uids)) {
        uids->uids[uids->count++] = uid;
    }
    return 0;
}

struct sc_uids *sc_expunge(struct sc *sc, const struct sc_side *side, uint64_t collection,
                           const uint32_t *ranges, size_t count, uint32_t only_deleted)
{
    struct sc_uids *uids = mansio_arena_alloc(sc->arena, sizeof *uids);

    SC_CODE(sc,
            side->store->message_expunge(SC_SIDE(*side), collection, ranges, count, only_deleted,
                                         sc_note_uid, uids, sc_deadline()),
            0);
    return uids;
}

/* ---- everything that can be seen ---- */

struct dump {
    struct mansio_buf *buf;
    uint64_t ids[64];
    size_t count;
};

static int dump_collection(void *arg, const struct mansio_collection *at)
{
    struct dump *dump = arg;

    (void)mansio_buf_printf(dump->buf, "%llu %u %u %.*s %u %u %u %u %llu %llu %llu %llu\n",
                            (unsigned long long)at->id, at->kind, at->special_use,
                            MANSIO_STR_ARG(at->name), at->uid_validity, at->uid_next,
                            at->recent_from, at->is_subscribed, (unsigned long long)at->messages,
                            (unsigned long long)at->unseen, (unsigned long long)at->bytes,
                            (unsigned long long)at->modseq);
    if (dump->count < MANSIO_COUNT(dump->ids)) {
        dump->ids[dump->count++] = at->id;
    }
    return 0;
}

static int dump_message(void *arg, const struct mansio_message *at)
{
    struct dump *dump = arg;

    (void)mansio_buf_printf(dump->buf, " %u %llu %llu %lld %llu %u %u %.*s\n", at->uid,
                            (unsigned long long)at->message_id, (unsigned long long)at->modseq,
                            (long long)at->received_us, (unsigned long long)at->body_bytes,
                            at->prefix_bytes, at->flags, MANSIO_STR_ARG(at->keywords));
    return 0;
}

static int dump_name(void *arg, struct mansio_str name)
{
    struct dump *dump = arg;

    (void)mansio_buf_printf(dump->buf, "subscribed %.*s\n", MANSIO_STR_ARG(name));
    return 0;
}

struct mansio_str sc_dump(struct sc *sc, const struct sc_side *side)
{
    const struct mansio_message_query query = {.size = sizeof query};
    struct mansio_usage usage = {.size = sizeof usage};
    struct dump dump = {.buf = mansio_buf_new(sc->arena, DUMP_BYTES)};

    SC_CODE(sc,
            side->store->collection_list(SC_SIDE(*side), 0, dump_collection, &dump, sc_deadline()),
            0);
    for (size_t i = 0; i < dump.count; i++) {
        SC_CODE(sc,
                side->store->message_list(SC_SIDE(*side), dump.ids[i], &query, dump_message, &dump,
                                          sc_deadline()),
                0);
    }
    SC_CODE(sc, side->store->subscription_list(SC_SIDE(*side), dump_name, &dump, sc_deadline()), 0);
    SC_CODE(sc, side->store->usage(SC_SIDE(*side), sc_deadline(), &usage), 0);
    (void)mansio_buf_printf(dump.buf, "%llu %llu %llu\n", (unsigned long long)usage.bytes,
                            (unsigned long long)usage.messages, (unsigned long long)usage.modseq);
    SC_CODE(sc, mansio_buf_status(dump.buf), 0);
    return mansio_buf_str(dump.buf);
}

/* ---- plans ---- */

struct mansio_plan *sc_plan(struct sc *sc, uint32_t flags)
{
    const struct mansio_plan_facts facts = {
        .size = sizeof facts,
        .flags = flags,
        .received_us = INT64_C(1600000000000000),
        .reverse_path = MANSIO_STR("sender@example.org"),
        .envelope_id = MANSIO_STR("envelope-7"),
        .ret = MANSIO_STR("HDRS"),
    };
    struct mansio_plan *plan = mansio_plan_new(sc->arena, &facts);

    SC_WANT(sc, plan != NULL);
    return plan;
}

void sc_plan_add(struct sc *sc, struct mansio_plan *plan, const struct sc_side *side,
                 const struct mansio_plan_entry *entry)
{
    struct mansio_plan_entry copy = *entry;

    copy.size = sizeof copy;
    copy.account = side->account;
    copy.recipient = (uint32_t)mansio_plan_count(plan);
    copy.action = copy.action == 0 ? MANSIO_PLAN_DELIVER : copy.action;
    SC_CODE(sc, mansio_plan_add(plan, &copy), (int)copy.recipient);
}

int sc_deliver(struct sc *sc, const struct sc_side *side, struct mansio_plan *plan,
               struct mansio_str bytes)
{
    return side->store->deliver(side->pool, plan, sc_content(sc, bytes), sc_deadline());
}

const struct mansio_plan_outcome *sc_outcome(struct sc *sc, struct mansio_plan *plan, size_t index)
{
    static const struct mansio_plan_outcome none = {.code = MANSIO_E_BUG};
    const struct mansio_plan_outcome *outcome = mansio_plan_outcome(plan, index);

    SC_WANT(sc, outcome != NULL);
    return outcome != NULL ? outcome : &none;
}

void sc_fill_small(struct sc *sc)
{
    uint64_t inbox = sc_inbox(sc, &sc->small);
    struct mansio_usage usage = {.size = sizeof usage};

    (void)sc_expunge(sc, &sc->small, inbox, NULL, 0, 0);
    SC_CODE(sc, sc->small.store->usage(SC_SIDE(sc->small), sc_deadline(), &usage), 0);
    SC_WANT(sc, usage.messages <= 3);
    for (uint64_t i = usage.messages; i < 3; i++) {
        (void)sc_append(sc, &sc->small, inbox, "Subject: full\r\n\r\nx\r\n");
    }
}
