/*
 * The store against a private PostgreSQL: deliveries by plan, quotas, groups, what a lost race
 * does, the spool, the sweep, ids; and that a refused part of a plan leaves nothing behind. What
 * every store must do is in tests/modules; here is what this one does in its own way.
 */
#include "store_private.h"

#include "core/host/testing.h"

#include <stdlib.h>
#include <string.h>

#include "body_cache.h"
#include "sweep.h"
#include "testing_store.h"

#define LONG_US (60 * MANSIO_SECOND)

static struct store_world w;

static int64_t soon(void)
{
    return mansio_deadline_in(LONG_US);
}

/* ---- shorthands ----------------------------------------------------------------------------- */

static struct mansio_plan *plan_new(struct mansio_arena *arena, uint32_t flags)
{
    const struct mansio_plan_facts facts = {
        .size = sizeof facts,
        .flags = flags,
        .received_us = INT64_C(1700000000000000),
        .reverse_path = MANSIO_STR("from@example.org"),
    };
    return mansio_plan_new(arena, &facts);
}

static void add(struct mansio_plan *plan, struct mansio_account *account, const char *collection,
                uint32_t action, const char *prefix)
{
    const struct mansio_plan_entry entry = {
        .size = sizeof entry,
        .action = action,
        .recipient = (uint32_t)mansio_plan_count(plan),
        .account = account,
        .collection = mansio_str_from_cstr(collection),
        .is_creating = 1,
        .prefix = mansio_str_from_cstr(prefix),
        .forward_path = action == MANSIO_PLAN_SEND ? MANSIO_STR("to@example.org") : MANSIO_STR_NONE,
    };
    CHECK(mansio_plan_add(plan, &entry) >= 0);
}

static struct mansio_content *text(struct mansio_arena *arena, const char *body)
{
    struct mansio_content *content = store_content(arena, mansio_str_from_cstr(body));
    CHECK(content != NULL);
    return content;
}

static int deliver(struct mansio_arena *arena, struct mansio_plan *plan, const char *body)
{
    return w.store->deliver(w.pool, plan, text(arena, body), soon());
}

static struct mansio_collection find(struct mansio_arena *arena, struct mansio_account *account,
                                     const char *name)
{
    struct mansio_collection out = {.size = sizeof out};
    CHECK(w.store->collection_find(w.pool, account, mansio_str_from_cstr(name), arena, soon(),
                                   &out) == 0);
    return out;
}

static struct mansio_str read_all(struct mansio_arena *arena, struct mansio_account *account,
                                  uint64_t collection, uint32_t uid)
{
    struct mansio_str out = MANSIO_STR_NONE;
    CHECK(w.store->message_read(w.pool, account, collection, uid, 0, PG_READ_MAX, arena, soon(),
                                &out) == 0);
    return out;
}

static int sql(const char *text)
{
    char command[1024];
    snprintf(command, sizeof command,
             "psql -X -q -v ON_ERROR_STOP=1 -h %s -U postgres -d mansio -c \"%s\" >/dev/null",
             testing_dir, text);
    return testing_run("/bin/sh", "-c", command);
}

/* ---- cases ---------------------------------------------------------------------------------- */

static void one_recipient(struct mansio_arena *arena)
{
    struct mansio_account *account = store_account(&w, 1, 101, 0, 0);
    struct mansio_plan *plan = plan_new(arena, 0);
    add(plan, account, "", MANSIO_PLAN_DELIVER, "Return-Path: <a@b>\r\n");
    CHECK(deliver(arena, plan, "Subject: x\r\n\r\nbody\r\n") == 0);
    const struct mansio_plan_outcome *outcome = mansio_plan_outcome(plan, 0);
    CHECK(outcome->code == 0);
    CHECK(outcome->uid == 1);
    struct mansio_collection inbox = find(arena, account, "inbox");
    CHECK(inbox.id == outcome->collection_id);
    CHECK(inbox.messages == 1 && inbox.unseen == 1 && inbox.uid_next == 2);
    CHECK(mansio_str_eq(read_all(arena, account, inbox.id, 1),
                        MANSIO_STR("Return-Path: <a@b>\r\nSubject: x\r\n\r\nbody\r\n")));
    CHECK(inbox.bytes == 20 + 20);
    struct mansio_str part = MANSIO_STR_NONE;
    CHECK(w.store->message_read(w.pool, account, inbox.id, 1, 18, 6, arena, soon(), &part) == 0);
    CHECK(mansio_str_eq(part, MANSIO_STR("\r\nSubj")));
    CHECK(w.store->message_read(w.pool, account, inbox.id, 1, 1000, 6, arena, soon(), &part) == 0);
    CHECK(part.len == 0);
}

static void several_tenants(struct mansio_arena *arena)
{
    struct mansio_account *a = store_account(&w, 1, 111, 0, 0);
    struct mansio_account *b = store_account(&w, 2, 211, 0, 0);
    struct mansio_account *c = store_account(&w, 1, 112, 0, 0);
    struct mansio_plan *plan = plan_new(arena, 0);
    add(plan, c, "Lists/dev", MANSIO_PLAN_DELIVER, "P: c\r\n");
    add(plan, b, "", MANSIO_PLAN_QUARANTINE, "P: b\r\n");
    add(plan, a, "", MANSIO_PLAN_DELIVER, "P: a\r\n");
    add(plan, a, "", MANSIO_PLAN_DELIVER, "P: a\r\n");
    add(plan, a, "", MANSIO_PLAN_SEND, "P: s\r\n");
    CHECK(deliver(arena, plan, "Subject: y\r\n\r\n") == 0);
    for (size_t i = 0; i < mansio_plan_count(plan); i++) {
        CHECK(mansio_plan_outcome(plan, i)->code == 0);
    }
    CHECK(mansio_plan_outcome(plan, 2)->uid == 1);
    CHECK(mansio_plan_outcome(plan, 3)->uid == 2);
    CHECK(find(arena, c, "Lists/dev").id == mansio_plan_outcome(plan, 0)->collection_id);
    CHECK(find(arena, b, "Junk").id == mansio_plan_outcome(plan, 1)->collection_id);
    CHECK(mansio_str_eq(read_all(arena, b, mansio_plan_outcome(plan, 1)->collection_id, 1),
                        MANSIO_STR("P: b\r\nSubject: y\r\n\r\n")));
    CHECK(mansio_str_eq(read_all(arena, c, mansio_plan_outcome(plan, 0)->collection_id, 1),
                        MANSIO_STR("P: c\r\nSubject: y\r\n\r\n")));
}

static void quotas(struct mansio_arena *arena)
{
    struct mansio_account *full = store_account(&w, 1, 121, 0, 1);
    struct mansio_account *free_ = store_account(&w, 1, 122, 0, 0);
    struct mansio_account *other = store_account(&w, 2, 221, 0, 0);
    struct mansio_plan *plan = plan_new(arena, 0);
    add(plan, full, "", MANSIO_PLAN_DELIVER, "");
    CHECK(deliver(arena, plan, "a: b\r\n\r\n") == 0);
    plan = plan_new(arena, 0);
    add(plan, full, "", MANSIO_PLAN_DELIVER, "");
    CHECK(deliver(arena, plan, "a: b\r\n\r\n") == MANSIO_E_LIMIT);
    CHECK(mansio_plan_outcome(plan, 0)->code == MANSIO_E_LIMIT);
    CHECK(w.store->may_deliver(w.pool, full, 1, soon()) == MANSIO_E_LIMIT);
    CHECK(w.store->may_deliver(w.pool, free_, 1, soon()) == 0);
    /* All or nothing, also over tenants. */
    plan = plan_new(arena, 0);
    add(plan, free_, "", MANSIO_PLAN_DELIVER, "");
    add(plan, full, "", MANSIO_PLAN_DELIVER, "");
    add(plan, other, "", MANSIO_PLAN_DELIVER, "");
    CHECK(deliver(arena, plan, "a: b\r\n\r\n") == MANSIO_E_LIMIT);
    CHECK(find(arena, free_, "INBOX").messages == 0);
    CHECK(find(arena, other, "INBOX").messages == 0);
    /* Each alone. */
    plan = plan_new(arena, MANSIO_PLAN_EACH);
    add(plan, free_, "", MANSIO_PLAN_DELIVER, "");
    add(plan, full, "", MANSIO_PLAN_DELIVER, "");
    add(plan, other, "", MANSIO_PLAN_DELIVER, "");
    CHECK(deliver(arena, plan, "a: b\r\n\r\n") == 0);
    CHECK(mansio_plan_outcome(plan, 0)->code == 0);
    CHECK(mansio_plan_outcome(plan, 1)->code == MANSIO_E_LIMIT);
    CHECK(mansio_plan_outcome(plan, 2)->code == 0);
    CHECK(find(arena, free_, "INBOX").messages == 1);
    CHECK(find(arena, full, "INBOX").messages == 1);
    /* Accepted before. */
    plan = plan_new(arena, MANSIO_PLAN_ACCEPTED);
    add(plan, full, "", MANSIO_PLAN_DELIVER, "");
    CHECK(deliver(arena, plan, "a: b\r\n\r\n") == 0);
    CHECK(find(arena, full, "INBOX").messages == 2);
}

/* One account of each of two tenants: neither has it if one may not. */
static void quota_of_another_tenant(struct mansio_arena *arena)
{
    struct mansio_account *full = store_account(&w, 1, 125, 0, 1);
    struct mansio_account *other = store_account(&w, 2, 225, 0, 0);
    for (int i = 0; i < 2; i++) {
        struct mansio_plan *plan = plan_new(arena, 0);
        add(plan, other, "", MANSIO_PLAN_DELIVER, "");
        add(plan, full, "", MANSIO_PLAN_DELIVER, "");
        CHECK(deliver(arena, plan, "a: b\r\n\r\n") == (i == 0 ? 0 : MANSIO_E_LIMIT));
    }
    CHECK(find(arena, full, "INBOX").messages == 1);
    CHECK(find(arena, other, "INBOX").messages == 1);
}

/* More statements than a connection takes at once: accounts that are opened and locked, one after
 * the other. */
static void very_many_accounts(struct mansio_arena *arena)
{
    enum { MANY = 1500 };
    struct mansio_account *account = NULL;
    for (int is_large = 0; is_large < 2; is_large++) {
        struct mansio_plan *plan = plan_new(arena, 0);
        for (int i = 0; i < MANY; i++) {
            account = store_account(&w, 1, (uint64_t)(100000 + is_large * MANY + i), 0, 0);
            add(plan, account, is_large ? "Own" : "", MANSIO_PLAN_DELIVER, "");
        }
        size_t bytes = is_large ? MANSIO_CONTENT_MEMORY_MAX + 1 : 1;
        char *body = calloc(bytes, 1);
        CHECK(body != NULL);
        struct mansio_content *content = store_content(arena, (struct mansio_str){body, bytes});
        free(body);
        CHECK(content != NULL);
        CHECK(w.store->deliver(w.pool, plan, content, soon()) == 0);
        for (size_t i = 0; i < MANY; i++) {
            CHECK(mansio_plan_outcome(plan, i)->code == 0 &&
                  mansio_plan_outcome(plan, i)->uid == 1);
        }
        CHECK(find(arena, account, is_large ? "Own" : "INBOX").messages == 1);
    }
}

static void account_that_is_gone(struct mansio_arena *arena)
{
    struct mansio_account *account = store_account(&w, 1, 131, 0, 0);
    struct mansio_plan *plan = plan_new(arena, 0);
    add(plan, account, "", MANSIO_PLAN_DELIVER, "");
    CHECK(deliver(arena, plan, "a: b\r\n\r\n") == 0);
    CHECK(sql("SET search_path = mansio; SELECT mail_remove_account(1, 131)") == 0);
    plan = plan_new(arena, 0);
    add(plan, account, "", MANSIO_PLAN_DELIVER, "");
    CHECK(deliver(arena, plan, "a: b\r\n\r\n") == MANSIO_E_NOT_FOUND);
    struct mansio_usage usage = {.size = sizeof usage};
    CHECK(w.store->usage(w.pool, account, soon(), &usage) == MANSIO_E_NOT_FOUND);
    uint64_t swept = 0;
    for (int i = 0; i < 10; i++) {
        CHECK(pg_sweep_once(w.pg->store, 0, LONG_US, soon(), &swept) == 0);
    }
    CHECK(sql("SELECT 1 / (count(*) = 0)::int FROM mansio.message_state WHERE account_id = 131") ==
          0);
    CHECK(sql("SELECT 1 / (count(*) = 0)::int FROM mansio.collection WHERE account_id = 131") == 0);
}

static void large_body(struct mansio_arena *arena)
{
    struct mansio_account *account = store_account(&w, 1, 141, 0, 0);
    struct mansio_account *other = store_account(&w, 2, 241, 0, 0);
    size_t size = 3 * 1048576 + 777;
    char *bytes = mansio_arena_try_alloc(arena, size);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = i % 78 == 76   ? '\r'
                   : i % 78 == 77 ? '\n'
                                  : (char)('a' + (i * 31 + i / 977) % 26);
    }
    struct mansio_content *content = store_content(arena, (struct mansio_str){bytes, size});
    CHECK(content != NULL && mansio_content_memory(content).ptr == NULL);
    struct mansio_plan *plan = plan_new(arena, 0);
    add(plan, account, "", MANSIO_PLAN_DELIVER, "P: 1\r\n");
    add(plan, other, "", MANSIO_PLAN_DELIVER, "P: 1\r\n");
    CHECK(w.store->deliver(w.pool, plan, content, soon()) == 0);
    const uint64_t offsets[] = {0, 5, 6, 262144 + 5, 262144 + 6, 1048576, size - 3, size + 5};
    for (size_t i = 0; i < MANSIO_COUNT(offsets); i++) {
        struct mansio_str part = MANSIO_STR_NONE;
        struct mansio_arena *scratch = mansio_arena_new(NULL, "part", 0);
        CHECK(w.store->message_read(w.pool, other, 241, 1, offsets[i], PG_READ_MAX, scratch, soon(),
                                    &part) == 0);
        size_t head = offsets[i] < 6 ? (size_t)(6 - offsets[i]) : 0;
        size_t from = offsets[i] < 6 ? 0 : (size_t)offsets[i] - 6;
        size_t wanted = size - from < PG_READ_MAX - head ? size - from : PG_READ_MAX - head;
        CHECK(part.len == head + wanted);
        CHECK(memcmp(part.ptr, &"P: 1\r\n"[6 - head], head) == 0);
        CHECK(part.len < head + wanted || memcmp(part.ptr + head, bytes + from, wanted) == 0);
        mansio_arena_free(scratch);
    }
}

/* What each of the three ways to read says of a message; empty: that it isn't there. */
static struct mansio_str read_thrice(struct mansio_arena *arena, struct mansio_account *account,
                                     uint64_t collection, uint32_t uid)
{
    struct mansio_slice slice = {.size = sizeof slice, .uid = uid, .max = 1000};
    struct mansio_str one = MANSIO_STR_NONE, many;
    int rc = w.store->message_read(w.pool, account, collection, uid, 0, 1000, arena, soon(), &one);
    CHECK(rc == 0 || (rc == MANSIO_E_NOT_FOUND && one.len == 0));
    CHECK(w.store->message_read_many(w.pool, account, collection, &uid, 1, 1000, arena, soon(),
                                     &many) == 0);
    CHECK(w.store->message_read_slices(w.pool, account, collection, &slice, 1, arena, soon()) == 0);
    CHECK(mansio_str_eq(one, many) && mansio_str_eq(one, slice.bytes));
    return one;
}

static int pass_message(void *arg, const struct mansio_message *message)
{
    (void)arg, (void)message;
    return 0;
}

/* Bytes that are held: shown by what nobody may do, changing them in the database. */
static void bodies_that_are_held(struct mansio_arena *arena)
{
    struct mansio_account *a = store_account(&w, 1, 175, 0, 0);
    struct mansio_account *b = store_account(&w, 1, 176, 0, 0);
    struct mansio_account *other = store_account(&w, 1, 177, 0, 0);
    struct mansio_account *foreign = store_account(&w, 2, 275, 0, 0);
    struct mansio_plan *plan = plan_new(arena, 0);
    const struct mansio_message_query query = {.size = sizeof query};
    const struct mansio_str sent = MANSIO_STR("P: a\r\nas it was");
    add(plan, a, "", MANSIO_PLAN_DELIVER, "P: a\r\n");
    add(plan, b, "", MANSIO_PLAN_DELIVER, "P: b\r\n");
    CHECK(deliver(arena, plan, "as it was") == 0);
    plan = plan_new(arena, 0);
    add(plan, foreign, "", MANSIO_PLAN_DELIVER, "");
    CHECK(deliver(arena, plan, "beta's own") == 0);
    CHECK(mansio_str_eq(read_thrice(arena, a, 175, 1), sent));
    CHECK(sql("UPDATE mansio.blob SET body = 'otherwise' WHERE body = 'as it was'") == 0);
    CHECK(mansio_str_eq(read_thrice(arena, a, 175, 1), sent));
    /* Another recipient has it of what he lists, with the prefix that is his. */
    CHECK(w.store->message_list(w.pool, b, 176, &query, pass_message, NULL, soon()) == 0);
    CHECK(mansio_str_eq(read_thrice(arena, b, 176, 1), MANSIO_STR("P: b\r\nas it was")));
    /* Parts, wherever they begin and end. */
    for (uint32_t first = 0; first < 17; first++) {
        for (uint32_t most = 1; most < 17; most++) {
            struct mansio_slice slice = {
                .size = sizeof slice, .uid = 1, .offset = first, .max = most};
            struct mansio_str one;
            CHECK(w.store->message_read_slices(w.pool, a, 175, &slice, 1, arena, soon()) == 0);
            CHECK(mansio_str_eq(slice.bytes, mansio_str_sub(sent, first, most)));
            CHECK(w.store->message_read(w.pool, a, 175, 1, first, most, arena, soon(), &one) == 0);
            CHECK(mansio_str_eq(one, slice.bytes));
        }
    }
    /* Whoever doesn't have it has nothing of it, neither here nor of another tenant. */
    CHECK(read_thrice(arena, other, 175, 1).len == 0);
    CHECK(read_thrice(arena, foreign, 175, 1).len == 0);
    CHECK(read_thrice(arena, foreign, 176, 1).len == 0);
    CHECK(w.store->message_expunge(w.pool, a, 175, NULL, 0, 0, NULL, NULL, soon()) == 0);
    CHECK(read_thrice(arena, a, 175, 1).len == 0);
    CHECK(mansio_str_eq(read_thrice(arena, b, 176, 1), MANSIO_STR("P: b\r\nas it was")));
}

static int note_blob(void *arg, const struct mansio_message *message)
{
    *(uint64_t *)arg = message->blob_id;
    return 0;
}

/* Whatever is remembered, the database decides: alpha's bytes are planted where beta asks. */
static void bodies_that_are_lies(struct mansio_arena *arena)
{
    struct mansio_account *a = store_account(&w, 1, 181, 0, 0);
    struct mansio_account *foreign = store_account(&w, 2, 281, 0, 0);
    const struct mansio_message_query query = {.size = sizeof query, .flags = MANSIO_QUERY_BLOB};
    struct pg_body_cache *bodies = w.pg->store->bodies;
    uint64_t blob = 0;
    struct mansio_plan *plan = plan_new(arena, 0);
    add(plan, a, "", MANSIO_PLAN_DELIVER, "");
    CHECK(deliver(arena, plan, "secret") == 0);
    plan = plan_new(arena, 0);
    add(plan, foreign, "", MANSIO_PLAN_DELIVER, "");
    CHECK(deliver(arena, plan, "public") == 0);
    CHECK(w.store->message_list(w.pool, a, 181, &query, note_blob, &blob, soon()) == 0);
    CHECK(mansio_str_eq(read_thrice(arena, a, 181, 1), MANSIO_STR("secret")));
    const struct pg_body_source lies[] = {
        {2, (int64_t)blob, (int64_t)blob, 181, 1}, /* alpha's place as beta's */
        {2, (int64_t)blob, (int64_t)blob, 281, 1}, /* alpha's blob in beta's place */
        {1, (int64_t)blob, (int64_t)blob, 281, 1},
        {2, 12345, 12345, 281, 1},
    };
    for (size_t i = 0; i < MANSIO_COUNT(lies); i++) {
        pg_body_put(bodies, &lies[i], MANSIO_STR("secret"));
        CHECK(read_thrice(arena, foreign, 181, 1).len == 0);
        pg_body_put(bodies, &lies[i], MANSIO_STR("secret"));
        CHECK(mansio_str_eq(read_thrice(arena, foreign, 281, 1), MANSIO_STR("public")));
        CHECK(read_thrice(arena, a, 281, 1).len == 0);
    }
    CHECK(pg_body_cache_taken(bodies) == 0);
}

static int count_uid(void *arg, uint32_t uid)
{
    (void)uid;
    ++*(size_t *)arg;
    return 0;
}

static int count_pair(void *arg, uint32_t from, uint32_t to)
{
    CHECK(to > 0 && from > 0);
    ++*(size_t *)arg;
    return 0;
}

/* A collection's last UID is read from the end of the key, and not by reading all of it, also where
 * the planner knows nothing of the table yet. */
static int last_uid_is_cheap(void)
{
    char command[2048];
    snprintf(
        command, sizeof command,
        "psql -X -q -v ON_ERROR_STOP=1 -h %s -U postgres -d mansio -c 'SET search_path = mansio;"
        " SET plan_cache_mode = force_generic_plan; SET ROLE mansio_serving;"
        " PREPARE p(int8, int8, int8) AS %s; EXPLAIN EXECUTE p(1, 151, 151)'"
        " | grep -q 'Scan Backward using message_state_pkey'",
        testing_dir, pg_statement_get(PG_SQL_PROBE)->text);
    return testing_run("/bin/sh", "-c", command) == 0;
}

/* Many messages: more than a page of changes. */
static void many_messages(struct mansio_arena *arena)
{
    struct mansio_account *account = store_account(&w, 1, 151, 0, 0);
    uint64_t other = 0;
    size_t count = 0;
    struct mansio_plan *plan = plan_new(arena, 0);
    add(plan, account, "", MANSIO_PLAN_DELIVER, "");
    CHECK(deliver(arena, plan, "a: b\r\n\r\n") == 0);
    CHECK(w.store->collection_create(w.pool, account, MANSIO_COLLECTION_MAIL, MANSIO_STR("Many"),
                                     MANSIO_SPECIAL_NONE, soon(), &other) == 0);
    /* Double it into itself: 1, 2, ... 8192. */
    for (size_t have = 1; have < 8192; have *= 2) {
        count = 0;
        CHECK(w.store->message_copy(w.pool, account, 151, NULL, 0, 151, 0, count_pair, &count,
                                    soon(), NULL) == 0);
        CHECK(count == have);
    }
    CHECK(find(arena, account, "INBOX").messages == 8192);
    CHECK(last_uid_is_cheap());
    count = 0;
    const uint32_t ranges[] = {1, 3000, 3500, UINT32_MAX};
    CHECK(w.store->message_copy(w.pool, account, 151, ranges, 2, other, 1, count_pair, &count,
                                soon(), NULL) == 0);
    CHECK(count == 8192 - 499);
    CHECK(find(arena, account, "INBOX").messages == 499);
    CHECK(find(arena, account, "Many").messages == 8192 - 499);
    struct mansio_flag_change change = {
        .size = sizeof change,
        .operation = MANSIO_FLAGS_ADD,
        .flags = MANSIO_FLAG_SEEN | MANSIO_FLAG_DELETED,
        .keywords = MANSIO_STR("$Work later"),
        .unchanged_since = UINT64_MAX,
    };
    int rc = w.store->message_flag(w.pool, account, other, &change, NULL, NULL, NULL, soon());
    CHECK(rc == 0);
    CHECK(find(arena, account, "Many").unseen == 0);
    count = 0;
    CHECK(w.store->message_expunge(w.pool, account, other, NULL, 0, 1, count_uid, &count, soon()) ==
          0);
    CHECK(count == 8192 - 499);
    struct mansio_usage usage = {.size = sizeof usage};
    CHECK(w.store->usage(w.pool, account, soon(), &usage) == 0);
    CHECK(usage.messages == 499);
    CHECK(usage.bytes == 499 * 8);
}

static void swept_after_copies(struct mansio_arena *arena)
{
    struct mansio_account *a = store_account(&w, 1, 161, 0, 0);
    struct mansio_account *b = store_account(&w, 1, 162, 0, 0);
    struct mansio_plan *plan = plan_new(arena, 0);
    uint64_t swept = 0;
    uint64_t blob = 0;
    add(plan, a, "", MANSIO_PLAN_DELIVER, "");
    add(plan, b, "", MANSIO_PLAN_DELIVER, "");
    CHECK(deliver(arena, plan, "a: swept\r\n\r\n") == 0);
    CHECK(w.blob->put(w.pool, a, text(arena, "loose"), soon(), &blob) == 0);
    struct mansio_str part = MANSIO_STR_NONE;
    uint64_t size = 0;
    CHECK(w.blob->read(w.pool, a, blob, 1, 3, arena, soon(), &part, &size) == 0);
    CHECK(mansio_str_eq(part, MANSIO_STR("oos")) && size == 5);
    /* A copy stays, so the message does. */
    const uint32_t one[] = {1, 1};
    CHECK(w.store->message_copy(w.pool, a, 161, one, 1, 161, 0, NULL, NULL, soon(), NULL) == 0);
    CHECK(w.store->message_expunge(w.pool, a, 161, one, 1, 0, NULL, NULL, soon()) == 0);
    CHECK(w.store->message_expunge(w.pool, b, 162, NULL, 0, 0, NULL, NULL, soon()) == 0);
    CHECK(pg_sweep_once(w.pg->store, 3600 * MANSIO_SECOND, LONG_US, soon(), &swept) == 0);
    CHECK(swept == 0);
    CHECK(pg_sweep_once(w.pg->store, 0, LONG_US, soon(), &swept) == 0);
    CHECK(w.blob->read(w.pool, a, blob, 1, 3, arena, soon(), &part, &size) == MANSIO_E_NOT_FOUND);
    CHECK(mansio_str_eq(read_all(arena, a, 161, 2), MANSIO_STR("a: swept\r\n\r\n")));
    CHECK(w.store->message_expunge(w.pool, a, 161, NULL, 0, 0, NULL, NULL, soon()) == 0);
    CHECK(pg_sweep_once(w.pg->store, 0, LONG_US, soon(), &swept) == 0);
    CHECK(swept >= 1);
    CHECK(sql("SELECT 1 / (count(*) = 0)::int FROM mansio.blob WHERE body = 'a: swept' || "
              "E'\\r\\n\\r\\n'::bytea") == 0);
    CHECK(sql("SELECT 1 / (count(*) = 0)::int FROM mansio.message WHERE holders <= 0") == 0);
}

static int pass_item(void *arg, const struct mansio_spool_item *item)
{
    (void)arg, (void)item;
    return 0;
}

/* The spool is all tenants': a protocol has no way to it, not even with an item in its hand. */
static void spool_is_not_the_workers(struct mansio_arena *arena,
                                     const struct mansio_spool_item *item)
{
    struct pg_pool *kept = w.pg->spool;
    const struct mansio_spool_item *const *items = NULL;
    const struct mansio_spool_outcome outcome = {
        .size = sizeof outcome, .item = item, .verdict = MANSIO_SPOOL_DONE};
    struct mansio_str holder = MANSIO_STR("h1");
    struct mansio_str part = MANSIO_STR_NONE;
    size_t count = 0;
    int64_t next_us = 0;
    w.pg->spool = NULL; /* as it is in a worker */
    CHECK(w.store->spool_claim(w.pool, holder, 10, MANSIO_SECOND, arena, soon(), &items, &count,
                               &next_us) == MANSIO_E_DENIED);
    CHECK(w.store->spool_renew(w.pool, holder, &item, 1, MANSIO_SECOND, soon()) == MANSIO_E_DENIED);
    CHECK(w.store->spool_read(w.pool, item, 0, 100, arena, soon(), &part) == MANSIO_E_DENIED);
    CHECK(w.store->spool_finish(w.pool, holder, &outcome, 1, NULL, NULL, soon()) ==
          MANSIO_E_DENIED);
    CHECK(w.store->spool_list(w.pool, MANSIO_STR_NONE, pass_item, NULL, soon()) == MANSIO_E_DENIED);
    CHECK(w.store->spool_retry(w.pool, item->id, soon()) == MANSIO_E_DENIED);
    CHECK(w.store->spool_remove(w.pool, item->id, soon()) == MANSIO_E_DENIED);
    w.pg->spool = kept;
}

static void spool(struct mansio_arena *arena)
{
    struct mansio_account *account = store_account(&w, 1, 171, 0, 0);
    const struct mansio_spool_item *const *items = NULL;
    size_t count = 0;
    int64_t next_us = 0;
    struct mansio_str part = MANSIO_STR_NONE;
    CHECK(w.store->spool_claim(w.pool, MANSIO_STR("drain"), 100, 10 * MANSIO_SECOND, arena, soon(),
                               &items, &count, &next_us) == 0);
    struct mansio_plan *plan = plan_new(arena, MANSIO_PLAN_8BIT);
    add(plan, account, "", MANSIO_PLAN_SEND, "P: out\r\n");
    CHECK(deliver(arena, plan, "a: spool\r\n\r\n") == 0);
    CHECK(w.store->spool_claim(w.pool, MANSIO_STR("h1"), 10, 10 * MANSIO_SECOND, arena, soon(),
                               &items, &count, &next_us) == 0);
    CHECK(count == 1);
    if (count != 1) {
        return;
    }
    CHECK(mansio_str_eq(items[0]->tenant, MANSIO_STR("alpha")));
    CHECK(mansio_str_eq(items[0]->forward_path, MANSIO_STR("to@example.org")));
    CHECK(items[0]->flags == MANSIO_PLAN_8BIT && items[0]->message_bytes == 8 + 12);
    CHECK(w.store->spool_read(w.pool, items[0], 3, 100, arena, soon(), &part) == 0);
    CHECK(mansio_str_eq(part, MANSIO_STR("out\r\na: spool\r\n\r\n")));
    CHECK(w.store->spool_renew(w.pool, MANSIO_STR("h1"), items, 1, 10 * MANSIO_SECOND, soon()) ==
          0);
    CHECK(w.store->spool_renew(w.pool, MANSIO_STR("h2"), items, 1, 10 * MANSIO_SECOND, soon()) ==
          MANSIO_E_DENIED);
    CHECK(w.store->spool_retry(w.pool, items[0]->id, soon()) == MANSIO_E_BUSY);
    CHECK(w.store->spool_remove(w.pool, items[0]->id, soon()) == MANSIO_E_BUSY);
    spool_is_not_the_workers(arena, items[0]);
    struct mansio_spool_outcome outcome = {
        .size = sizeof outcome,
        .item = items[0],
        .verdict = MANSIO_SPOOL_RETRY,
        .next_us = mansio_wall_us() + 3600 * MANSIO_SECOND,
        .reply = MANSIO_STR("450 later"),
    };
    CHECK(w.store->spool_finish(w.pool, MANSIO_STR("h1"), &outcome, 1, NULL, NULL, soon()) == 0);
    CHECK(w.store->spool_finish(w.pool, MANSIO_STR("h1"), &outcome, 1, NULL, NULL, soon()) ==
          MANSIO_E_DENIED);
    CHECK(w.store->spool_read(w.pool, items[0], 0, 100, arena, soon(), &part) == MANSIO_E_DENIED);
    CHECK(w.store->spool_retry(w.pool, items[0]->id, soon()) == 0);
    CHECK(w.store->spool_claim(w.pool, MANSIO_STR("h2"), 10, 10 * MANSIO_SECOND, arena, soon(),
                               &items, &count, &next_us) == 0);
    CHECK(count == 1 && items[0]->attempts == 1);
    CHECK(mansio_str_eq(items[0]->last_reply, MANSIO_STR("450 later")));
    /* Done, with a bounce in the same transaction. */
    outcome = (struct mansio_spool_outcome){
        .size = sizeof outcome, .item = items[0], .verdict = MANSIO_SPOOL_DONE};
    plan = plan_new(arena, 0);
    add(plan, account, "", MANSIO_PLAN_DELIVER, "");
    CHECK(w.store->spool_finish(w.pool, MANSIO_STR("h2"), &outcome, 1, plan,
                                text(arena, "a: bounce\r\n\r\n"), soon()) == 0);
    CHECK(mansio_plan_outcome(plan, 0)->uid == 1);
    CHECK(w.store->spool_remove(w.pool, items[0]->id, soon()) == MANSIO_E_NOT_FOUND);
    uint64_t swept = 0;
    CHECK(pg_sweep_once(w.pg->store, 0, LONG_US, soon(), &swept) == 0);
    CHECK(sql("SELECT 1 / (count(*) = 0)::int FROM mansio.blob WHERE body = 'a: spool' || "
              "E'\\r\\n\\r\\n'::bytea") == 0);
}

static void ids_differ(struct mansio_arena *arena)
{
    enum { COUNT = 5000 };
    struct pg_ids *other = pg_ids_new(w.pg, arena);
    int64_t *ids = mansio_arena_try_alloc(arena, 2 * COUNT * sizeof *ids);
    CHECK(pg_ids_take(w.pg->store->ids, COUNT, soon(), ids) == 0);
    CHECK(pg_ids_take(other, COUNT, soon(), ids + COUNT) == 0);
    for (size_t i = 1; i < COUNT; i++) {
        CHECK(ids[i] > ids[i - 1] && ids[COUNT + i] > ids[COUNT + i - 1]);
    }
    CHECK(ids[0] > 0);
    /* Of another number, so none is of both. */
    CHECK(((ids[0] >> 10) & 4095) != ((ids[COUNT] >> 10) & 4095));
}

static int run_cases(void *arg)
{
    void (*const *cases)(struct mansio_arena *) = arg;
    CHECK(store_world_open(&w) == 0);
    for (size_t i = 0; cases[i] != NULL; i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "case", 0);
        cases[i](arena);
        mansio_arena_free(arena);
    }
    store_world_close(&w);
    return 0;
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        void (*cases[])(struct mansio_arena *) = {name, NULL};                                     \
        run_fiber(run_cases, cases);                                                               \
        assert_int_equal(store_invariants(), 0);                                                   \
    }

CASE(one_recipient)
CASE(several_tenants)
CASE(quotas)
CASE(quota_of_another_tenant)
CASE(very_many_accounts)
CASE(account_that_is_gone)
CASE(large_body)
CASE(bodies_that_are_held)
CASE(bodies_that_are_lies)
CASE(many_messages)
CASE(swept_after_copies)
CASE(spool)
CASE(ids_differ)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_recipient),
        cmocka_unit_test(test_several_tenants),
        cmocka_unit_test(test_quotas),
        cmocka_unit_test(test_quota_of_another_tenant),
        cmocka_unit_test(test_very_many_accounts),
        cmocka_unit_test(test_account_that_is_gone),
        cmocka_unit_test(test_large_body),
        cmocka_unit_test(test_bodies_that_are_held),
        cmocka_unit_test(test_bodies_that_are_lies),
        cmocka_unit_test(test_many_messages),
        cmocka_unit_test(test_swept_after_copies),
        cmocka_unit_test(test_spool),
        cmocka_unit_test(test_ids_differ),
    };
    return cmocka_run_group_tests_name("store", tests, store_cluster_up, testing_cluster_down);
}
