/*
 * The store when things go wrong around it: a pool of one connection, a locked account, an account
 * that can't be swept, senders that give up in mid-queue, tombstones that go while they are read.
 */
#include "store_private.h"

#include "core/host/testing.h"

#include <stdlib.h>
#include <string.h>

#include "libpq.h"
#include "sweep.h"
#include "testing_store.h"

#define LONG_US (60 * MANSIO_SECOND)

static struct store_world w;
static struct mansio_content *letter; /* what all of them send */

static int64_t soon(void)
{
    return mansio_deadline_in(LONG_US);
}

/* ---- shorthands ----------------------------------------------------------------------------- */

static PGconn *superuser(void)
{
    char conninfo[512];
    snprintf(conninfo, sizeof conninfo, "%s user=postgres options='-c search_path=mansio'",
             testing_conninfo);
    return PQconnectdb(conninfo);
}

static void run(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        print_message("# %s: %s\n", sql, PQresultErrorMessage(result));
        CHECK(0);
    }
    PQclear(result);
}

static void sql(const char *text)
{
    PGconn *conn = superuser();
    run(conn, text);
    PQfinish(conn);
}

/* The number that a query gives. */
static long number(const char *text)
{
    PGconn *conn = superuser();
    PGresult *result = PQexec(conn, text);
    long out = -1;
    CHECK(PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1);
    if (PQntuples(result) == 1) {
        out = strtol(PQgetvalue(result, 0, 0), NULL, 10);
    }
    PQclear(result);
    PQfinish(conn);
    return out;
}

static int deliver_as(struct mansio_account *account, uint32_t action, uint32_t recipients,
                      int64_t deadline_us)
{
    const struct mansio_plan_facts facts = {.size = sizeof facts,
                                            .received_us = INT64_C(1700000000000000)};
    struct mansio_arena *arena = mansio_arena_new(NULL, "plan", 0);
    struct mansio_plan *plan = mansio_plan_new(arena, &facts);
    for (uint32_t i = 0; i < recipients; i++) {
        const struct mansio_plan_entry entry = {
            .size = sizeof entry,
            .action = action,
            .recipient = i,
            .account = account,
            .forward_path = MANSIO_STR("to@example.org"),
        };
        CHECK(mansio_plan_add(plan, &entry) == (int)i);
    }
    int rc = w.store->deliver(w.pool, plan, letter, deadline_us);
    mansio_arena_free(arena);
    return rc;
}

static int deliver(struct mansio_account *account, int64_t deadline_us)
{
    return deliver_as(account, MANSIO_PLAN_DELIVER, 1, deadline_us);
}

/* ---- connections ---------------------------------------------------------------------------- */

/* The first id of a process leases a number, which takes a connection: nobody may hold the only
 * one while asking for it. */
static void one_connection(struct mansio_arena *arena)
{
    struct mansio_account *account = store_account(&w, 1, 101, 0, 0);
    struct pg_ids *ids = w.pg->store->ids;
    uint64_t id = 0;
    CHECK(deliver(account, soon()) == 0);
    pg_pool_resize(w.pg->serving, 1);
    struct mansio_append message = {
        .size = sizeof message,
        .content = letter,
        .received_us = INT64_C(1700000000000000),
    };
    w.pg->store->ids = pg_ids_new(w.pg, arena);
    CHECK(w.store->message_append(w.pool, account, 101, &message, 1,
                                  mansio_deadline_in(20 * MANSIO_SECOND), NULL) == 0);
    w.pg->store->ids = pg_ids_new(w.pg, arena);
    CHECK(w.store->collection_create(w.pool, account, MANSIO_COLLECTION_MAIL, MANSIO_STR("New"),
                                     MANSIO_SPECIAL_NONE, mansio_deadline_in(20 * MANSIO_SECOND),
                                     &id) == 0);
    w.pg->store->ids = pg_ids_new(w.pg, arena);
    CHECK(w.blob->put(w.pool, account, store_content(arena, MANSIO_STR("loose")),
                      mansio_deadline_in(20 * MANSIO_SECOND), &id) == 0);
    w.pg->store->ids = ids;
    pg_pool_resize(w.pg->serving, 8);
}

/* ---- the change log ------------------------------------------------------------------------- */

/* A page of changes that is read after the sweep forgot tombstones says so. */
static void forgotten_meanwhile(struct mansio_arena *arena)
{
    (void)arena;
    struct mansio_account *account = store_account(&w, 1, 111, 0, 0);
    const uint32_t one[] = {1, 1};
    uint64_t swept;
    CHECK(deliver(account, soon()) == 0);
    CHECK(w.store->message_expunge(w.pool, account, 111, one, 1, 0, NULL, NULL, soon()) == 0);
    CHECK(deliver(account, soon()) == 0);
    const int64_t values[] = {1, 111, 0, 2, 100, 0, 0};
    struct pg_params params;
    struct pg_conn *conn = NULL;
    const struct pg_result *result = NULL;
    pg_params_init(&params);
    for (size_t i = 0; i < MANSIO_COUNT(values); i++) {
        pg_add_int64(&params, values[i]);
    }
    pg_add_int32(&params, 0);
    pg_add_int64(&params, 0);
    pg_add_int32(&params, 100);
    int rc = pg_borrow_ask(w.pg->serving, 1, PG_SQL_CHANGES, &params, soon(), &conn, &result);
    CHECK(rc == 0 && pg_rows(result) == 2);
    pg_give_back(rc == 0 ? conn : NULL);
    CHECK(pg_sweep_once(w.pg->store, LONG_US, 0, soon(), &swept) == 0);
    rc = pg_borrow_ask(w.pg->serving, 1, PG_SQL_CHANGES, &params, soon(), &conn, &result);
    CHECK(rc == MANSIO_E_UNSUPPORTED);
    pg_give_back(rc == 0 ? conn : NULL);
}

/* ---- the sweep ------------------------------------------------------------------------------ */

/* One account that always fails keeps none of the others from being swept. */
static void one_fails(struct mansio_arena *arena)
{
    (void)arena;
    uint64_t swept = 0;
    CHECK(deliver(store_account(&w, 1, 121, 0, 0), soon()) == 0);
    CHECK(deliver(store_account(&w, 1, 122, 0, 0), soon()) == 0);
    CHECK(w.store->subscribe(w.pool, store_account(&w, 1, 122, 0, 0), MANSIO_STR("Sent"), 1,
                             soon()) == 0);
    sql("CREATE FUNCTION stuck() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'stuck' USING ERRCODE = '57014'; END $$;"
        "CREATE TRIGGER stuck BEFORE DELETE ON collection FOR EACH ROW"
        " WHEN (OLD.account_id = 121) EXECUTE FUNCTION stuck();"
        "SELECT mail_remove_account(1, 121), mail_remove_account(1, 122)");
    for (int i = 0; i < 8; i++) {
        CHECK(pg_sweep_once(w.pg->store, 0, LONG_US, soon(), &swept) == MANSIO_E_TIMEOUT);
    }
    CHECK(number("SELECT count(*) FROM collection WHERE account_id = 121") == 6);
    CHECK(number("SELECT count(*) FROM collection WHERE account_id = 122") == 0);
    CHECK(number("SELECT count(*) FROM message_state WHERE account_id = 122") == 0);
    CHECK(number("SELECT count(*) FROM subscription WHERE account_id = 122") == 0);
    sql("DROP TRIGGER stuck ON collection; DROP FUNCTION stuck");
}

static void finish_one(struct mansio_arena *arena)
{
    const struct mansio_spool_item *const *items = NULL;
    size_t count = 0;
    int64_t next_us;
    CHECK(w.store->spool_claim(w.pool, MANSIO_STR("holder"), 1, 10 * MANSIO_SECOND, arena, soon(),
                               &items, &count, &next_us) == 0);
    CHECK(count == 1);
    if (count == 1) {
        const struct mansio_spool_outcome outcome = {
            .size = sizeof outcome, .item = items[0], .verdict = MANSIO_SPOOL_DONE};
        CHECK(w.store->spool_finish(w.pool, MANSIO_STR("holder"), &outcome, 1, NULL, NULL,
                                    soon()) == 0);
    }
}

/* The grace time begins with the last release; and a sweep that comes while the last of a message's
 * recipients is finished leaves a trace of it for the next. */
static void released_again(struct mansio_arena *arena)
{
    struct mansio_account *account = store_account(&w, 1, 131, 0, 0);
    uint64_t swept = 0;
    for (int i = 0; i < 10; i++) { /* what the cases before left behind */
        CHECK(pg_sweep_once(w.pg->store, 0, LONG_US, soon(), &swept) == 0);
    }
    CHECK(deliver_as(account, MANSIO_PLAN_SEND, 2, soon()) == 0);
    finish_one(arena);
    sql("UPDATE message_released SET released_at = now() - interval '1 day' WHERE account_id = 0");
    finish_one(arena);
    CHECK(pg_sweep_once(w.pg->store, 3600 * MANSIO_SECOND, LONG_US, soon(), &swept) == 0);
    CHECK(swept == 0);
    CHECK(pg_sweep_once(w.pg->store, 0, LONG_US, soon(), &swept) == 0);
    CHECK(swept > 0);
    CHECK(number("SELECT count(*) FROM message_released WHERE account_id = 0") == 0);
}

/* Claims of more tenants than a connection takes statements at once end together. */
static void many_tenants(struct mansio_arena *arena)
{
    enum { TENANTS = 1300, CLAIMS = 2 };
    struct mansio_spool_outcome *outcomes =
        mansio_arena_try_alloc(arena, TENANTS * sizeof *outcomes);
    size_t total = 0;
    sql("INSERT INTO blob (tenant_id, blob_id, size, storage, body)"
        " SELECT 1000 + n, n, 0, 1, '' FROM generate_series(1, 1300) n;"
        "INSERT INTO message (tenant_id, message_id, blob_id, holders, prefix, structure)"
        " SELECT 1000 + n, n, n, 1, '', '' FROM generate_series(1, 1300) n;"
        "INSERT INTO spool (tenant_id, spool_id, message_id, prefix_no, flags, message_bytes,"
        " tenant, reverse_path, forward_path, envelope_id, ret, notify, original_recipient)"
        " SELECT 1000 + n, n, n, 0, 0, 0, '', '', '', '', '', '', ''"
        " FROM generate_series(1, 1300) n");
    for (int i = 0; i < CLAIMS; i++) {
        const struct mansio_spool_item *const *items = NULL;
        size_t count = 0;
        int64_t next_us;
        CHECK(w.store->spool_claim(w.pool, MANSIO_STR("holder"), 1000, LONG_US, arena, soon(),
                                   &items, &count, &next_us) == 0);
        for (size_t k = 0; k < count && total < TENANTS; k++) {
            outcomes[total++] = (struct mansio_spool_outcome){
                .size = sizeof *outcomes, .item = items[k], .verdict = MANSIO_SPOOL_DONE};
        }
    }
    CHECK(total == TENANTS);
    CHECK(w.store->spool_finish(w.pool, MANSIO_STR("holder"), outcomes, total, NULL, NULL,
                                soon()) == 0);
    CHECK(number("SELECT count(*) FROM spool") == 0);
    CHECK(number("SELECT count(*) FROM message_released WHERE account_id = 0") == TENANTS);
}

/* ---- the queue ------------------------------------------------------------------------------ */

struct sender {
    struct mansio_account *account;
    struct mansio_fiber *fiber;
    uint64_t seed;
    int times;
    int rc, is_done;
    long *committed;
};

static uint32_t chance(struct sender *sender, uint32_t of)
{
    sender->seed ^= sender->seed << 13;
    sender->seed ^= sender->seed >> 7;
    sender->seed ^= sender->seed << 17;
    return (uint32_t)(sender->seed >> 33) % of;
}

/* With deadlines so short that many give up in the queue. */
static int send_in_haste(void *arg)
{
    struct sender *sender = arg;
    int rc = 0;
    for (int i = 0; i < sender->times && rc != MANSIO_E_CANCELLED; i++) {
        int64_t patience_us = chance(sender, 3) == 0 ? LONG_US : 200 + chance(sender, 5000);
        rc = deliver(sender->account, mansio_deadline_in(patience_us));
        CHECK(rc == 0 || rc == MANSIO_E_CANCELLED || rc == MANSIO_E_TIMEOUT);
        *sender->committed += rc == 0;
    }
    sender->is_done = 1;
    return 0;
}

/* Whoever gives up in the queue, by deadline or by cancellation, leading or not, takes nobody along
 * and leaves nothing behind: what said 0 is there, what didn't is not. */
static void impatient_senders(struct mansio_arena *arena)
{
    enum { SENDERS = 40, TIMES = 20 };
    struct mansio_account *account = store_account(&w, 1, 141, 0, 0);
    struct sender *senders = mansio_arena_try_alloc(arena, SENDERS * sizeof *senders);
    struct mansio_group *group = mansio_group_new("senders");
    long committed = 0;
    CHECK(deliver(account, soon()) == 0);
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.account = account,
                                     .seed = (uint64_t)mansio_wall_us() * (uint64_t)(2 * i + 3),
                                     .times = TIMES,
                                     .committed = &committed};
        CHECK(mansio_group_spawn(group, "sender", send_in_haste, &senders[i], &senders[i].fiber) ==
              0);
    }
    for (int i = 0; i < SENDERS; i += 2) {
        CHECK(mansio_fiber_sleep_until(mansio_deadline_in(chance(&senders[1], 4000))) == 0);
        if (!senders[i].is_done) {
            mansio_fiber_cancel(senders[i].fiber);
        }
    }
    CHECK(mansio_group_join(group, soon()) == 0);
    mansio_group_close(group);
    CHECK(w.pg->store->first == NULL && !w.pg->store->is_led);
    CHECK(deliver(account, soon()) == 0);
    CHECK(committed > 0);
    CHECK(number("SELECT count(*) FROM message_state WHERE account_id = 141") == committed + 2);
}

/* How often PostgreSQL said so. */
static int lock_timeouts(void)
{
    char path[128];
    char line[512];
    int count = 0;
    snprintf(path, sizeof path, "%s/data/server.log", testing_dir);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        count += strstr(line, "due to lock timeout") != NULL;
    }
    if (file != NULL) {
        fclose(file);
    }
    return count;
}

static int send_once(void *arg)
{
    struct sender *sender = arg;
    sender->rc = deliver(sender->account, soon());
    sender->is_done = 1;
    return 0;
}

/* An account that somebody holds locked keeps its own mail waiting, and nobody else's for longer
 * than one try: not one try for each of its messages. */
static void locked_account(struct mansio_arena *arena)
{
    enum { SENDERS = 16 };
    struct sender *senders = mansio_arena_try_alloc(arena, (SENDERS + 1) * sizeof *senders);
    struct mansio_group *group = mansio_group_new("senders");
    struct mansio_account *locked = store_account(&w, 1, 151, 0, 0);
    struct mansio_account *other = store_account(&w, 1, 152, 0, 0);
    CHECK(deliver(locked, soon()) == 0 && deliver(other, soon()) == 0);
    PGconn *conn = superuser();
    run(conn, "BEGIN; SELECT 1 FROM account_state WHERE account_id = 151 FOR UPDATE");
    int before = lock_timeouts();
    for (int i = 0; i <= SENDERS; i++) {
        senders[i] = (struct sender){.account = i == SENDERS ? other : locked};
        CHECK(mansio_group_spawn(group, "sender", send_once, &senders[i], NULL) == 0);
    }
    while (!senders[SENDERS].is_done) {
        CHECK(mansio_fiber_sleep_until(mansio_deadline_in(10 * MANSIO_MS)) == 0);
    }
    /* One in the group, and, if the machine is slow, some that wait by themselves. */
    CHECK(lock_timeouts() - before <= 4);
    run(conn, "ROLLBACK");
    PQfinish(conn);
    CHECK(mansio_group_join(group, soon()) == 0);
    mansio_group_close(group);
    for (int i = 0; i <= SENDERS; i++) {
        CHECK(senders[i].rc == 0);
    }
    CHECK(number("SELECT count(*) FROM message_state WHERE account_id = 151") == SENDERS + 1);
}

/* ---- turns ---------------------------------------------------------------------------------- */

enum { WRITERS = 16, HALF = 4 }; /* of the eight connections of this world */

static int write_once(void *arg)
{
    struct sender *writer = arg;
    writer->rc = w.store->subscribe(w.pool, writer->account, MANSIO_STR("Locked"), 1, soon());
    writer->is_done = 1;
    return 0;
}

/* So many are at a lock. */
static void wait_for_locked(long count)
{
    int64_t deadline_us = soon();
    while (number("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") < count &&
           mansio_now_us() < deadline_us) {
        CHECK(mansio_fiber_sleep_until(mansio_deadline_in(10 * MANSIO_MS)) == 0);
    }
}

/* Writers of an account that somebody holds locked, until @p conn commits. */
static void start_writers(struct mansio_account *locked, PGconn *conn, struct mansio_group *group,
                          struct sender *writers)
{
    w.pg->config.serving_max = (size_t)2 * HALF;
    w.pg->config.lock_timeout_us = 2 * LONG_US;
    w.pg->config.statement_timeout_us = 2 * LONG_US;
    CHECK(deliver(locked, soon()) == 0);
    run(conn, "BEGIN; SELECT 1 FROM account_state WHERE account_id = 161 FOR UPDATE");
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct sender){.account = locked};
        CHECK(mansio_group_spawn(group, "writer", write_once, &writers[i], NULL) == 0);
    }
    wait_for_locked(HALF); /* as many as may; the others stand in line */
}

/* Those who wait for an account's lock, each with a connection, leave some to everybody else; also
 * where some of them give up, or there shall be fewer connections. */
static void half_for_an_account(struct mansio_arena *arena)
{
    struct mansio_group *groups[2] = {mansio_group_new("stay"), mansio_group_new("give up")};
    struct mansio_account *locked = store_account(&w, 1, 161, 0, 0);
    struct mansio_account *other = store_account(&w, 1, 162, 0, 0);
    struct sender writers[WRITERS];
    struct sender leaving[WRITERS];
    struct mansio_usage usage = {.size = sizeof usage};
    PGconn *conn = superuser();
    (void)arena;
    start_writers(locked, conn, groups[0], writers);
    for (int i = 0; i < WRITERS; i++) {
        leaving[i] = (struct sender){.account = locked};
        CHECK(mansio_group_spawn(groups[1], "writer", write_once, &leaving[i], NULL) == 0);
    }
    CHECK(w.store->usage(w.pool, other, soon(), &usage) == 0);
    CHECK(deliver(other, soon()) == 0);
    CHECK(w.store->usage(w.pool, locked, mansio_deadline_in(1), &usage) == MANSIO_E_BUSY);
    mansio_group_close(groups[1]);
    w.pg->config.serving_max = 2;
    run(conn, "ROLLBACK");
    PQfinish(conn);
    CHECK(mansio_group_join(groups[0], soon()) == 0);
    mansio_group_close(groups[0]);
    for (int i = 0; i < WRITERS; i++) {
        CHECK(writers[i].rc == 0);
        CHECK(leaving[i].rc == MANSIO_E_CANCELLED);
    }
    for (size_t i = 0; i < PG_TURNS; i++) {
        CHECK(w.pg->store->turns[i].held == 0 && w.pg->store->turns[i].waiting == 0);
    }
}

/* The store stops while some stand in line: they are told, and don't look at it again. */
static void stopped_in_line(struct mansio_arena *arena)
{
    struct mansio_group *group = mansio_group_new("writers");
    struct sender writers[WRITERS];
    int written = 0;
    int closed = 0;
    PGconn *conn = superuser();
    (void)arena;
    start_writers(store_account(&w, 1, 161, 0, 0), conn, group, writers);
    pg_store_stop(w.pg);
    run(conn, "ROLLBACK");
    PQfinish(conn);
    CHECK(mansio_group_join(group, soon()) == 0);
    mansio_group_close(group);
    for (int i = 0; i < WRITERS; i++) {
        written += writers[i].rc == 0;
        closed += writers[i].rc == MANSIO_E_CLOSED;
    }
    CHECK(written == HALF && closed == WRITERS - HALF);
}

struct reader {
    struct mansio_account *account;
    uint64_t collection;
    size_t len;
    int rc;
};

static int read_once(void *arg)
{
    struct reader *reader = arg;
    struct mansio_arena *arena = mansio_arena_new(NULL, "read", 0);
    struct mansio_str bytes = MANSIO_STR_NONE;
    reader->rc = w.store->message_read(w.pool, reader->account, reader->collection, 1, 0, 1000,
                                       arena, soon(), &bytes);
    reader->len = bytes.len;
    mansio_arena_free(arena);
    return 0;
}

/* Whoever reads keeps what the store has of him, until he has been answered. */
static void stopped_while_reading(struct mansio_arena *arena)
{
    struct mansio_group *group = mansio_group_new("reader");
    struct reader reader = {.account = store_account(&w, 1, 163, 0, 0)};
    PGconn *conn = superuser();
    (void)arena;
    w.pg->config.lock_timeout_us = 2 * LONG_US;
    CHECK(deliver(reader.account, soon()) == 0);
    reader.collection = (uint64_t)number("SELECT collection_id FROM collection"
                                         " WHERE account_id = 163 AND name = 'INBOX'");
    run(conn, "BEGIN; LOCK TABLE message IN ACCESS EXCLUSIVE MODE");
    CHECK(mansio_group_spawn(group, "reader", read_once, &reader, NULL) == 0);
    wait_for_locked(1);
    pg_store_stop(w.pg);
    run(conn, "ROLLBACK");
    PQfinish(conn);
    CHECK(mansio_group_join(group, soon()) == 0);
    mansio_group_close(group);
    CHECK(reader.rc == 0 && reader.len > 0);
}

/* ---- running -------------------------------------------------------------------------------- */

static int run_case(void *arg)
{
    void (*const *body)(struct mansio_arena *) = arg;
    struct mansio_arena *arena = mansio_arena_new(NULL, "case", 0);
    CHECK(store_world_open(&w) == 0);
    letter = store_content(arena, MANSIO_STR("a: b\r\n\r\n"));
    (*body)(arena);
    store_world_close(&w);
    mansio_arena_free(arena);
    return 0;
}

#define CASE(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        void (*body)(struct mansio_arena *) = name;                                                \
        run_fiber(run_case, &body);                                                                \
        assert_int_equal(store_invariants(), 0);                                                   \
    }

CASE(one_connection)
CASE(forgotten_meanwhile)
CASE(one_fails)
CASE(released_again)
CASE(many_tenants)
CASE(impatient_senders)
CASE(locked_account)
CASE(half_for_an_account)
CASE(stopped_in_line)
CASE(stopped_while_reading)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_connection),  cmocka_unit_test(test_forgotten_meanwhile),
        cmocka_unit_test(test_one_fails),       cmocka_unit_test(test_released_again),
        cmocka_unit_test(test_many_tenants),    cmocka_unit_test(test_impatient_senders),
        cmocka_unit_test(test_locked_account),  cmocka_unit_test(test_half_for_an_account),
        cmocka_unit_test(test_stopped_in_line), cmocka_unit_test(test_stopped_while_reading),
    };
    return cmocka_run_group_tests_name("store faults", tests, store_cluster_up,
                                       testing_cluster_down);
}
