/*
 * Connections and pools against a real server: pipelines, failures in each place, cancellation,
 * deadlines, a server that goes away and comes back.
 */
#include "connection.h"

#include "core/host/testing.h"

#include "error.h"
#include "libpq.h"
#include "object_sql.h"
#include "schema.h"
#include "script.h"
#include "sql.h"
#include "testing.h"

#define DEADLINE mansio_deadline_in(30 * MANSIO_SECOND)

static struct pg *pg;
static struct mansio_arena *arena;
static int (*body)(void);

static int in_world(void *arg)
{
    (void)arg;
    arena = mansio_arena_new(NULL, "test", 0);
    pg = TESTING_PG(arena);
    pg->role = MANSIO_ROLE_ADMIN;
    CHECK(pg_schema_apply(pg, NULL, NULL, mansio_deadline_in(60 * MANSIO_SECOND)) >= 0);
    pg->serving = pg_pool_new(pg, PG_ROLE_SERVING, "serving", 2);
    pg->admin = pg_pool_new(pg, PG_ROLE_ADMIN, "admin", 2);
    int rc = body();
    pg_pool_close(pg->admin);
    pg_pool_close(pg->serving);
    mansio_arena_free(arena);
    return rc;
}

static void run(int (*fn)(void))
{
    body = fn;
    run_fiber(in_world, NULL);
}

/* SQL as the superuser, from outside. */
static void superuser(const char *sql)
{
    char conninfo[512];
    snprintf(conninfo, sizeof conninfo, "%s user=postgres", testing_conninfo);
    PGconn *conn = PQconnectdb(conninfo);
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        print_message("# %s: %s\n", sql, PQresultErrorMessage(result));
    }
    CHECK(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK);
    PQclear(result);
    PQfinish(conn);
}

static struct pg_params take_params(const char *name, const char *holder, int64_t us)
{
    struct pg_params params;
    pg_params_init(&params);
    pg_add_text(&params, mansio_str_from_cstr(name));
    pg_add_text(&params, mansio_str_from_cstr(holder));
    pg_add_int64(&params, us);
    return params;
}

static void send_take(struct pg_conn *conn, const char *name)
{
    /* On the heap of the arena: a fiber's frame is small. */
    struct pg_params *params = mansio_arena_alloc(arena, sizeof *params);
    *params = take_params(name, "me", MANSIO_SECOND);
    CHECK(pg_send(conn, PG_SQL_LEASE_ACQUIRE, params) == 0);
}

static int pipeline(void)
{
    struct pg_conn *conn = NULL;
    const struct pg_result *result = NULL;
    CHECK(pg_borrow(pg->serving, DEADLINE, &conn) == 0);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++) {
            char name[16];
            snprintf(name, sizeof name, "p%d", i);
            send_take(conn, name);
        }
        CHECK(pg_unreceived(conn) == 100);
        CHECK(pg_sync(conn, PG_SYNC_COMMIT) == 0);
        int64_t last = 0;
        for (int i = 0; i < 100; i++) {
            int rc = pg_receive(conn, DEADLINE, &result);
            if (rc < 0) {
                print_message("# %d %d: %s\n", round, i, mansio_error_detail());
            }
            CHECK(rc == 0);
            CHECK(pg_rows(result) == 1 && pg_get_int64(result, 0, 0) > last);
            last = pg_get_int64(result, 0, 0);
        }
        CHECK(pg_finish(conn, DEADLINE) == 0);
    }
    CHECK(pg_receive(conn, DEADLINE, &result) == MANSIO_E_BUG);
    /* Results that nobody receives are passed over; two transactions may be under way. */
    send_take(conn, "q1");
    CHECK(pg_sync(conn, 0) == 0);
    send_take(conn, "q2");
    CHECK(pg_sync(conn, 0) == 0);
    CHECK(pg_finish(conn, DEADLINE) == 0);
    CHECK(pg_receive(conn, DEADLINE, &result) == 0);
    CHECK(pg_finish(conn, DEADLINE) == 0);
    pg_give_back(conn);
    return 0;
}

static void test_pipeline(void **state)
{
    (void)state;
    run(pipeline);
}

static size_t leases_named(struct pg_conn *conn, const char *name)
{
    struct pg_params *params = mansio_arena_alloc(arena, sizeof *params);
    const struct pg_result *result = NULL;
    *params = take_params(name, "somebody else", MANSIO_SECOND);
    CHECK(pg_ask(conn, PG_SQL_LEASE_ACQUIRE, params, DEADLINE, &result) == 0);
    return pg_rows(result) == 0; /* held by "me" */
}

/* A statement that fails takes the whole transaction with it, and the next one works. */
static int failing(void)
{
    struct pg_conn *conn = NULL;
    CHECK(pg_borrow(pg->serving, DEADLINE, &conn) == 0);
    send_take(conn, "before");
    CHECK(pg_send(conn, PG_SQL_EPOCH_BUMP, NULL) == 0);
    send_take(conn, "after");
    CHECK(pg_sync(conn, PG_SYNC_COMMIT) == 0);
    CHECK(pg_receive(conn, DEADLINE, NULL) == 0);
    CHECK(pg_receive(conn, DEADLINE, NULL) == MANSIO_E_DENIED);
    CHECK(strcmp(pg_sqlstate(conn), "42501") == 0);
    CHECK(pg_receive(conn, DEADLINE, NULL) == MANSIO_E_DENIED);
    CHECK(pg_finish(conn, DEADLINE) == MANSIO_E_DENIED);
    CHECK(leases_named(conn, "before") == 0);
    CHECK(leases_named(conn, "after") == 0);
    pg_give_back(conn);
    return 0;
}

static void test_failure_takes_all(void **state)
{
    (void)state;
    run(failing);
}

static int explicit_transaction(void)
{
    struct pg_conn *conn = NULL;
    CHECK(pg_borrow(pg->serving, DEADLINE, &conn) == 0);
    CHECK(pg_begin(conn) == 0);
    CHECK(pg_ask(conn, PG_SQL_EPOCH, NULL, DEADLINE, NULL) == 0);
    send_take(conn, "kept");
    CHECK(pg_commit(conn, DEADLINE) == 0);
    CHECK(leases_named(conn, "kept") == 1);
    CHECK(pg_begin(conn) == 0);
    send_take(conn, "rolled back");
    pg_rollback(conn);
    pg_give_back(conn); /* with the rollback under way */
    CHECK(pg_borrow(pg->serving, DEADLINE, &conn) == 0);
    CHECK(leases_named(conn, "rolled back") == 0);
    /* Given back within one: rolled back as well. */
    CHECK(pg_begin(conn) == 0);
    send_take(conn, "left open");
    CHECK(pg_sync(conn, 0) == 0);
    pg_give_back(conn);
    CHECK(pg_borrow(pg->serving, DEADLINE, &conn) == 0);
    CHECK(leases_named(conn, "left open") == 0);
    /* A failed one can't be committed. */
    CHECK(pg_begin(conn) == 0);
    CHECK(pg_ask(conn, PG_SQL_EPOCH_BUMP, NULL, DEADLINE, NULL) == MANSIO_E_DENIED);
    CHECK(pg_commit(conn, DEADLINE) == MANSIO_E_UNAVAILABLE);
    CHECK(pg_ask(conn, PG_SQL_EPOCH, NULL, DEADLINE, NULL) == 0);
    pg_give_back(conn);
    return 0;
}

static void test_explicit_transactions(void **state)
{
    (void)state;
    run(explicit_transaction);
}

/* A constraint that is looked at when the transaction commits. */
static int failing_commit(void)
{
    struct pg_conn *conn = NULL;
    superuser("CREATE TABLE mansio.late (a integer UNIQUE DEFERRABLE INITIALLY DEFERRED);"
              "CREATE FUNCTION mansio.late_add() RETURNS trigger LANGUAGE plpgsql"
              " SECURITY DEFINER AS $$ BEGIN INSERT INTO mansio.late VALUES (1), (1);"
              " RETURN new; END $$;"
              "CREATE TRIGGER late AFTER INSERT ON mansio.lease FOR EACH ROW"
              " WHEN (new.name = 'late') EXECUTE FUNCTION mansio.late_add()");
    CHECK(pg_borrow(pg->serving, DEADLINE, &conn) == 0);
    for (int i = 0; i < 3; i++) {
        send_take(conn, "late");
        CHECK(pg_sync(conn, PG_SYNC_COMMIT) == 0);
        CHECK(pg_receive(conn, DEADLINE, NULL) == 0);
        CHECK(pg_finish(conn, DEADLINE) == MANSIO_E_EXISTS);
        CHECK(strcmp(pg_constraint(conn), "late_a_key") == 0);
        CHECK(pg_ask(conn, PG_SQL_EPOCH, NULL, DEADLINE, NULL) == 0);
    }
    CHECK(pg_begin(conn) == 0);
    send_take(conn, "late");
    CHECK(pg_commit(conn, DEADLINE) == MANSIO_E_EXISTS);
    CHECK(pg_ask(conn, PG_SQL_EPOCH, NULL, DEADLINE, NULL) == 0);
    pg_give_back(conn);
    superuser("DROP TABLE mansio.late; DROP TRIGGER late ON mansio.lease;"
              "DROP FUNCTION mansio.late_add");
    return 0;
}

static void test_failing_commit(void **state)
{
    (void)state;
    run(failing_commit);
}

/* ---- cancellation and deadlines ---- */

struct slow {
    int result;
    uint32_t flags;
    int64_t deadline_us;
    int is_sent;
};

static int ask_slowly(void *arg)
{
    struct slow *slow = arg;
    struct pg_conn *conn = NULL;
    int rc = pg_borrow(pg->serving, DEADLINE, &conn);
    CHECK(rc == 0);
    send_take(conn, "slow");
    CHECK(pg_sync(conn, slow->flags) == 0);
    slow->is_sent = 1;
    slow->result = pg_finish(conn, slow->deadline_us);
    pg_give_back(conn);
    return 0;
}

static struct pg_conn *hold_row(void)
{
    struct pg_conn *holder = NULL;
    CHECK(pg_borrow(pg->serving, DEADLINE, &holder) == 0);
    send_take(holder, "slow");
    CHECK(pg_sync(holder, 0) == 0 && pg_finish(holder, DEADLINE) == 0);
    CHECK(pg_begin(holder) == 0);
    send_take(holder, "slow");
    CHECK(pg_sync(holder, 0) == 0 && pg_finish(holder, DEADLINE) == 0);
    return holder;
}

static int cancelled(void)
{
    struct mansio_fiber *fiber = NULL;
    struct pg_conn *holder = hold_row();
    struct slow slow = {.deadline_us = DEADLINE};
    CHECK(mansio_group_spawn(testing_group, "slow", ask_slowly, &slow, &fiber) == 0);
    while (!slow.is_sent) {
        CHECK(mansio_fiber_sleep_until(mansio_deadline_in(MANSIO_MS)) == 0);
    }
    mansio_fiber_cancel(fiber);
    CHECK(mansio_fiber_join(fiber, DEADLINE, NULL) == 0);
    CHECK(slow.result == MANSIO_E_CANCELLED);
    CHECK(pg_commit(holder, DEADLINE) == 0);
    pg_give_back(holder);
    /* The connection was drained in the background, and is lent again. */
    struct pg_conn *both[2] = {0};
    CHECK(pg_borrow(pg->serving, DEADLINE, &both[0]) == 0);
    CHECK(pg_borrow(pg->serving, DEADLINE, &both[1]) == 0);
    for (int i = 0; i < 2; i++) {
        CHECK(pg_ask(both[i], PG_SQL_EPOCH, NULL, DEADLINE, NULL) == 0);
        pg_give_back(both[i]);
    }
    return 0;
}

static void test_cancelled(void **state)
{
    (void)state;
    run(cancelled);
}

static int masked(void)
{
    struct mansio_fiber *fiber = NULL;
    struct pg_conn *holder = hold_row();
    struct slow slow = {.deadline_us = DEADLINE, .flags = PG_SYNC_COMMIT, .result = 1};
    CHECK(mansio_group_spawn(testing_group, "slow", ask_slowly, &slow, &fiber) == 0);
    while (!slow.is_sent) {
        CHECK(mansio_fiber_sleep_until(mansio_deadline_in(MANSIO_MS)) == 0);
    }
    mansio_fiber_cancel(fiber);
    CHECK(mansio_fiber_join(fiber, mansio_deadline_in(50 * MANSIO_MS), NULL) == MANSIO_E_TIMEOUT);
    CHECK(slow.result == 1);
    CHECK(pg_commit(holder, DEADLINE) == 0);
    CHECK(mansio_fiber_join(fiber, DEADLINE, NULL) == 0);
    CHECK(slow.result == 0); /* seen to its end */
    pg_give_back(holder);
    return 0;
}

static void test_commit_is_seen_to_its_end(void **state)
{
    (void)state;
    run(masked);
}

static int timed_out(void)
{
    struct pg_conn *holder = hold_row();
    struct slow slow = {.deadline_us = mansio_deadline_in(50 * MANSIO_MS), .flags = PG_SYNC_COMMIT};
    CHECK(ask_slowly(&slow) == 0);
    CHECK(slow.result == MANSIO_E_TIMEOUT);
    /* Both are out now: one lent, one being drained. */
    struct pg_conn *conn = NULL;
    CHECK(pg_borrow(pg->serving, mansio_deadline_in(50 * MANSIO_MS), &conn) == MANSIO_E_BUSY);
    CHECK(pg_commit(holder, DEADLINE) == 0);
    CHECK(pg_borrow(pg->serving, DEADLINE, &conn) == 0);
    pg_give_back(conn);
    pg_give_back(holder);
    /* lock_timeout, of the server */
    pg->config.lock_timeout_us = 100 * MANSIO_MS;
    struct pg_pool *short_locks = pg_pool_new(pg, PG_ROLE_SERVING, "short", 1);
    holder = hold_row();
    CHECK(pg_borrow(short_locks, DEADLINE, &conn) == 0);
    send_take(conn, "slow");
    CHECK(pg_sync(conn, PG_SYNC_COMMIT) == 0);
    CHECK(pg_finish(conn, DEADLINE) == MANSIO_E_BUSY);
    CHECK(strcmp(pg_sqlstate(conn), "55P03") == 0);
    pg_give_back(conn);
    pg_pool_close(short_locks);
    pg_give_back(holder);
    return 0;
}

static void test_deadlines(void **state)
{
    (void)state;
    run(timed_out);
}

/* ---- a server that goes ---- */

static int loses_connections(void)
{
    struct pg_conn *lent = NULL;
    struct pg_conn *other = NULL;
    CHECK(pg_borrow(pg->serving, DEADLINE, &lent) == 0);
    CHECK(pg_borrow(pg->serving, DEADLINE, &other) == 0);
    pg_give_back(other);
    superuser("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
              " WHERE usename = 'mansio_serving'");
    CHECK(pg_ask(lent, PG_SQL_EPOCH, NULL, DEADLINE, NULL) == MANSIO_E_UNAVAILABLE);
    CHECK(pg_is_broken(lent));
    CHECK(pg_send(lent, PG_SQL_EPOCH, NULL) == MANSIO_E_UNAVAILABLE);
    pg_give_back(lent);
    /* What lay idle isn't lent as if it were alive. */
    for (int i = 0; i < 3; i++) {
        const struct pg_result *result = NULL;
        CHECK(pg_borrow_ask(pg->serving, 0, PG_SQL_EPOCH, NULL, DEADLINE, &lent, &result) == 0);
        pg_give_back(lent);
    }
    return 0;
}

static void test_lost_connections(void **state)
{
    (void)state;
    run(loses_connections);
}

static int goes_and_comes_back(void)
{
    struct pg_conn *conn = NULL;
    CHECK(pg_borrow(pg->serving, DEADLINE, &conn) == 0);
    CHECK(testing_cluster("kill") == 0);
    CHECK(pg_ask(conn, PG_SQL_EPOCH, NULL, DEADLINE, NULL) == MANSIO_E_UNAVAILABLE);
    pg_give_back(conn);
    CHECK(pg_borrow(pg->serving, DEADLINE, &conn) == MANSIO_E_UNAVAILABLE);
    int64_t asked_us = mansio_now_us();
    for (int i = 0; i < 100; i++) {
        CHECK(pg_borrow(pg->serving, DEADLINE, &conn) == MANSIO_E_UNAVAILABLE);
    }
    CHECK(mansio_now_us() - asked_us < 20 * MANSIO_SECOND); /* at once, not by deadline */
    CHECK(testing_cluster("start") == 0);
    int rc = MANSIO_E_UNAVAILABLE;
    for (int i = 0; rc < 0 && i < 200; i++) {
        rc = pg_borrow(pg->serving, DEADLINE, &conn);
        if (rc < 0) {
            CHECK(mansio_fiber_sleep_until(mansio_deadline_in(50 * MANSIO_MS)) == 0);
        }
    }
    CHECK(rc == 0);
    if (rc == 0) {
        CHECK(pg_ask(conn, PG_SQL_EPOCH, NULL, DEADLINE, NULL) == 0);
        pg_give_back(conn);
    }
    return 0;
}

static void test_server_goes_and_comes_back(void **state)
{
    (void)state;
    run(goes_and_comes_back);
}

/* A connection that only reads (opened so, or its host is no primary any more) isn't kept: the next
 * may be one that writes. */
static int turns_read_only(void)
{
    const int wanted[] = {MANSIO_E_UNAVAILABLE, 0};
    superuser(
        "ALTER ROLE mansio_serving IN DATABASE mansio SET default_transaction_read_only = on");
    for (size_t i = 0; i < MANSIO_COUNT(wanted); i++) {
        struct pg_conn *conn = NULL;
        CHECK(pg_borrow(pg->serving, DEADLINE, &conn) == 0);
        send_take(conn, "read-only");
        CHECK(pg_sync(conn, PG_SYNC_COMMIT) == 0);
        CHECK(pg_receive(conn, DEADLINE, NULL) == wanted[i]);
        CHECK(pg_finish(conn, DEADLINE) == wanted[i]);
        superuser("ALTER ROLE mansio_serving IN DATABASE mansio RESET ALL");
        pg_give_back(conn);
    }
    return 0;
}

static void test_turns_read_only(void **state)
{
    (void)state;
    run(turns_read_only);
}

/* ---- closing ---- */

struct user {
    struct pg_pool *pool;
    int result, asked;
};

static int hold_a_while(void *arg)
{
    struct user *user = arg;
    struct pg_conn *conn = NULL;
    user->result = pg_borrow(user->pool, DEADLINE, &conn);
    if (user->result == 0) {
        CHECK(mansio_fiber_sleep_until(mansio_deadline_in(50 * MANSIO_MS)) == 0);
        user->asked = pg_ask(conn, PG_SQL_EPOCH, NULL, DEADLINE, NULL);
        pg_give_back(conn);
    }
    return 0;
}

static int closed_in_use(void)
{
    struct user users[3] = {0};
    struct pg_pool *pool = pg_pool_new(pg, PG_ROLE_SERVING, "closed", 1);
    for (int i = 0; i < 3; i++) {
        users[i] = (struct user){.pool = pool, .result = 1, .asked = 1};
        CHECK(mansio_group_spawn(testing_group, "user", hold_a_while, &users[i], NULL) == 0);
    }
    while (users[0].result == 1) {
        CHECK(mansio_fiber_sleep_until(mansio_deadline_in(MANSIO_MS)) == 0);
    }
    pg_pool_close(pool);
    CHECK(mansio_group_count(testing_group) == 1); /* this one */
    CHECK(users[0].result == 0 && users[0].asked == 0);
    CHECK(users[1].result == MANSIO_E_CLOSED && users[2].result == MANSIO_E_CLOSED);
    return 0;
}

static void test_closed_in_use(void **state)
{
    (void)state;
    run(closed_in_use);
}

/* ---- who may serve ---- */

static int refused_role(const char *sql, const char *undo)
{
    struct pg_conn *conn = NULL;
    superuser(sql);
    struct pg_pool *pool = pg_pool_new(pg, PG_ROLE_SERVING, "refused", 1);
    CHECK(pg_borrow(pool, DEADLINE, &conn) == MANSIO_E_UNAVAILABLE);
    int refusal = pg_pool_refusal(pool);
    pg_pool_close(pool);
    superuser(undo);
    return refusal;
}

/* What a new connection has for synchronous_commit, where the role's default is this. */
static int is_synchronous(const char *given, const char *wanted)
{
    char sql[128];
    struct mansio_str found = MANSIO_STR_NONE;
    struct pg_conn *conn = NULL;
    snprintf(sql, sizeof sql, "ALTER ROLE mansio_serving SET synchronous_commit = %s", given);
    superuser(sql);
    struct pg_pool *pool = pg_pool_new(pg, PG_ROLE_SERVING, "fresh", 1);
    CHECK(pg_borrow(pool, DEADLINE, &conn) == 0);
    int rc =
        pg_script(conn, "SELECT current_setting('synchronous_commit')", DEADLINE, arena, &found);
    pg_give_back(conn);
    pg_pool_close(pool);
    superuser("ALTER ROLE mansio_serving RESET synchronous_commit");
    CHECK(rc == 0);
    return mansio_str_eq(found, mansio_str_from_cstr(wanted));
}

static int unfit_roles(void)
{
    CHECK(is_synchronous("off", "on"));
    CHECK(is_synchronous("local", "local"));
    CHECK(refused_role("ALTER ROLE mansio_serving SUPERUSER",
                       "ALTER ROLE mansio_serving NOSUPERUSER") == MANSIO_E_DENIED);
    CHECK(refused_role("ALTER ROLE mansio_serving BYPASSRLS",
                       "ALTER ROLE mansio_serving NOBYPASSRLS") == MANSIO_E_DENIED);
    CHECK(refused_role("GRANT mansio_owner TO mansio_serving",
                       "REVOKE mansio_owner FROM mansio_serving") == MANSIO_E_DENIED);
    CHECK(refused_role("CREATE TABLE mansio.own (a integer);"
                       "ALTER TABLE mansio.own OWNER TO mansio_serving",
                       "DROP TABLE mansio.own") == MANSIO_E_DENIED);
    CHECK(refused_role("UPDATE mansio.schema_version SET oldest = 1000",
                       "UPDATE mansio.schema_version SET oldest = 1") == MANSIO_E_UNAVAILABLE);
    struct pg_conn *conn = NULL;
    CHECK(pg_borrow(pg->serving, DEADLINE, &conn) == 0);
    pg_give_back(conn);
    return 0;
}

static void test_unfit_roles(void **state)
{
    (void)state;
    run(unfit_roles);
}

static void test_error_codes(void **state)
{
    (void)state;
    static const struct {
        const char *state;
        int code;
    } cases[] = {
        {NULL, MANSIO_E_UNAVAILABLE},    {"", MANSIO_E_UNAVAILABLE},
        {"08006", MANSIO_E_UNAVAILABLE}, {"57P01", MANSIO_E_UNAVAILABLE},
        {"57014", MANSIO_E_TIMEOUT},     {"53100", MANSIO_E_UNAVAILABLE},
        {"25006", MANSIO_E_UNAVAILABLE}, {"40001", MANSIO_E_BUSY},
        {"40P01", MANSIO_E_BUSY},        {"55P03", MANSIO_E_BUSY},
        {"23505", MANSIO_E_EXISTS},      {"23503", MANSIO_E_NOT_FOUND},
        {"23514", MANSIO_E_INVALID},     {"22021", MANSIO_E_INVALID},
        {"42501", MANSIO_E_DENIED},      {"42P01", MANSIO_E_UNAVAILABLE},
        {"XX000", MANSIO_E_UNAVAILABLE}, {"MN001", MANSIO_E_NOT_FOUND},
        {"MN002", MANSIO_E_LIMIT},       {"MN008", MANSIO_E_UNSUPPORTED},
    };
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        assert_int_equal(pg_error_code(cases[i].state), cases[i].code);
    }
}

static void test_error_words(void **state)
{
    (void)state;
    assert_null(pg_error_words(NULL, "x"));
    assert_null(pg_error_words("23505", "refused"));
    assert_string_equal(pg_error_words("MN004", "no zone"), "no zone");
    assert_string_equal(pg_error_words("MN099", "refused"), "refused");
    for (char digit = '1'; digit <= '8'; digit++) { /* each of the codes has some */
        const char sqlstate[] = {'M', 'N', '0', '0', digit, '\0'};
        assert_string_not_equal(pg_error_words(sqlstate, "refused"), "refused");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_codes),
        cmocka_unit_test(test_error_words),
        cmocka_unit_test(test_pipeline),
        cmocka_unit_test(test_failure_takes_all),
        cmocka_unit_test(test_explicit_transactions),
        cmocka_unit_test(test_failing_commit),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_commit_is_seen_to_its_end),
        cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_lost_connections),
        cmocka_unit_test(test_server_goes_and_comes_back),
        cmocka_unit_test(test_turns_read_only),
        cmocka_unit_test(test_closed_in_use),
        cmocka_unit_test(test_unfit_roles),
    };
    return cmocka_run_group_tests_name("connection", tests, testing_cluster_up,
                                       testing_cluster_down);
}
