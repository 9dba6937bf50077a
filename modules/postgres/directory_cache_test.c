/*
 * What is remembered: that it is, that a change drops it within a second, that it holds while the
 * database is away and for no longer than set; leases and hints on the same cluster.
 */
#include "directory_cache.h"

#include "core/host/testing.h"

#include <mansio/bus.h>

#include "directory.h"
#include "lease.h"
#include "libpq.h"
#include "relay.h"
#include "schema.h"
#include "sql.h"
#include "standing.h"
#include "testing.h"
#include "tests/modules/lease_conformance.h"

#define DEADLINE mansio_deadline_in(30 * MANSIO_SECOND)

static struct pg *pg;
static struct mansio_arena *arena;
static int (*body)(void);
static const struct mansio_actor actor = {.size = sizeof actor, .name = {"tester", 6}};

static struct mansio_str S(const char *text) {
    return mansio_str_from_cstr(text);
}

static int
add(uint32_t kind, const char *key, const char *name, const char *value)
{
    const struct mansio_field field = {S(name), S(value)};
    return pg_object_add(pg->instance, &actor, kind, S(key), &field, name[0] != '\0', DEADLINE);
}

static int in_world(void *arg)
{
    (void)arg;
    arena = mansio_arena_new(NULL, "test", 0);
    pg = TESTING_PG(arena);
    pg->role = MANSIO_ROLE_ADMIN; /* it changes the directory, too */
    int steps = pg_schema_apply(pg, NULL, NULL, mansio_deadline_in(60 * MANSIO_SECOND));
    CHECK(steps >= 0);
    pg->serving = pg_pool_new(pg, PG_ROLE_SERVING, "serving", 4);
    pg->admin = pg_pool_new(pg, PG_ROLE_ADMIN, "admin", 2);
    if (steps > 0) {
        CHECK(add(MANSIO_OBJECT_TENANT, "alpha", "", "") == 0);
        CHECK(add(MANSIO_OBJECT_DOMAIN, "alpha.test", "tenant", "alpha") == 0);
        CHECK(add(MANSIO_OBJECT_ACCOUNT, "ann@alpha.test", "", "") == 0);
        CHECK(add(MANSIO_OBJECT_ACCOUNT, "bob@alpha.test", "", "") == 0);
        CHECK(add(MANSIO_OBJECT_ACCOUNT, "cid@alpha.test", "", "") == 0);
    }
    pg->cache = pg_cache_new(pg);
    int rc = body();
    pg_cache_close(pg->cache);
    pg->cache = NULL;
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

static int route(const char *local)
{
    struct mansio_route found = {.size = sizeof found};
    return pg_route(pg->instance, S(local), S("alpha.test"), arena, DEADLINE, &found);
}

/* Whoever has all connections that mail is served by keeps nobody from judging. */
static int judges_beside_busy_ones(void)
{
    struct pg_conn *held[4];
    const struct mansio_standing *const *told = NULL;
    struct mansio_route found = {.size = sizeof found};
    CHECK(route("ann") == 0);
    CHECK(pg_route(pg->instance, S("ann"), S("alpha.test"), arena, DEADLINE, &found) == 0);
    const struct mansio_account_key key = {found.accounts[0]->tenant_id,
                                           found.accounts[0]->account_id};
    for (size_t i = 0; i < MANSIO_COUNT(held); i++) {
        CHECK(pg_borrow(pg->serving, DEADLINE, &held[i]) == 0);
    }
    int64_t soon_us = mansio_deadline_in(30 * MANSIO_SECOND);
    CHECK(pg_standings(pg->instance, &key, 1, arena, soon_us, &told) == 0);
    CHECK(told[0]->account != NULL && told[0]->account->account_id == key.account_id);
    for (size_t i = 0; i < MANSIO_COUNT(held); i++) {
        pg_give_back(held[i]);
    }
    return 0;
}

static void test_judges_beside_busy_ones(void **state)
{
    (void)state;
    run(judges_beside_busy_ones);
}

/* Until the epoch has been read: only then is anything remembered. */
static void settle(void)
{
    for (int i = 0; i < 200 && pg_cache_count(pg->cache) == 0; i++) {
        CHECK(route("ann") == 0);
        CHECK(mansio_fiber_sleep_until(mansio_deadline_in(10 * MANSIO_MS)) == 0);
    }
    CHECK(pg_cache_count(pg->cache) == 1);
}

static int remembers(void)
{
    struct mansio_login login = {.size = sizeof login};
    settle();
    CHECK(route("nobody") == MANSIO_E_NOT_FOUND);
    CHECK(pg_login(pg->instance, S("nobody"), S("alpha.test"), arena, DEADLINE, &login) == 0);
    CHECK(pg_cache_count(pg->cache) == 1); /* positive answers alone */
    CHECK(pg_login(pg->instance, S("ann"), S("alpha.test"), arena, DEADLINE, &login) == 0);
    CHECK(!login.is_remembered);
    CHECK(pg_login(pg->instance, S("ann"), S("alpha.test"), arena, DEADLINE, &login) == 0);
    CHECK(login.is_remembered);
    login = (struct mansio_login){.size = sizeof login};
    CHECK(pg_login_anew(pg->instance, S("ann"), S("alpha.test"), arena, DEADLINE, &login) == 0);
    CHECK(!login.is_remembered && login.account != NULL);
    login = (struct mansio_login){.size = sizeof login};
    CHECK(pg_login_defaults(pg->instance, S("alpha.test"), arena, DEADLINE, &login) == 0);
    CHECK(pg_login_defaults(pg->instance, S("elsewhere"), arena, DEADLINE, &login) == 0);
    CHECK(pg_cache_count(pg->cache) == 3);
    pg->config.cache_max = 2; /* the oldest go */
    CHECK(route("bob") == 0 && pg_cache_count(pg->cache) == 2);
    CHECK(route("cid") == 0 && pg_cache_count(pg->cache) == 2);
    pg->config.cache_max = 1000;
    return 0;
}

static void test_remembers(void **state)
{
    (void)state;
    run(remembers);
}

static int set_state(const char *key, const char *value)
{
    const struct mansio_field field = {S("state"), S(value)};
    return pg_object_set(pg->instance, &actor, MANSIO_OBJECT_ACCOUNT, S(key), &field, 1, DEADLINE);
}

static int forgets(void)
{
    settle();
    CHECK(set_state("ann@alpha.test", "closed") == 0);
    int64_t changed_us = mansio_now_us();
    int rc = 0;
    while (rc == 0 && mansio_now_us() < changed_us + 30 * MANSIO_SECOND) {
        rc = route("ann");
        CHECK(mansio_fiber_sleep_until(mansio_deadline_in(5 * MANSIO_MS)) == 0);
    }
    CHECK(rc == MANSIO_E_BUSY);
    print_message("# a change was seen after %lld ms\n",
                  (long long)(mansio_now_us() - changed_us) / 1000);
    CHECK(set_state("ann@alpha.test", "active") == 0);
    /* A hint is quicker than the clock. */
    (void)mansio_bus_publish(S("directory"), MANSIO_STR_NONE);
    return 0;
}

/* What the gate asks for is all that is read: the cache holds by it, and goes by it. */
static int told(void)
{
    struct mansio_standing_changes changes = {.size = sizeof changes};
    settle();
    CHECK(pg_standing_changes(pg->instance, 0, arena, DEADLINE, &changes) == 0);
    CHECK(pg_cache_count(pg->cache) == 1); /* nothing changed */
    CHECK(set_state("ann@alpha.test", "closed") == 0);
    uint64_t before = changes.epoch;
    CHECK(pg_standing_changes(pg->instance, before, arena, DEADLINE, &changes) == 0);
    CHECK(changes.epoch > before && changes.change_count == 1 && !changes.is_all);
    CHECK(pg_cache_count(pg->cache) == 0 && route("ann") == MANSIO_E_BUSY); /* at once */
    CHECK(set_state("ann@alpha.test", "active") == 0);
    return 0;
}

static void test_is_told(void **state)
{
    (void)state;
    run(told);
}

static void test_forgets(void **state)
{
    (void)state;
    run(forgets);
}

static int holds(void)
{
    settle();
    pg->config.cache_hold_us = 3 * MANSIO_SECOND;
    CHECK(testing_cluster("kill") == 0);
    int64_t away_us = mansio_now_us();
    CHECK(route("ann") == 0);                    /* remembered */
    CHECK(route("bob") == MANSIO_E_UNAVAILABLE); /* not */
    int rc = 0;
    while (rc == 0 && mansio_now_us() < away_us + 20 * MANSIO_SECOND) {
        rc = route("ann");
        CHECK(mansio_fiber_sleep_until(mansio_deadline_in(20 * MANSIO_MS)) == 0);
    }
    CHECK(rc == MANSIO_E_UNAVAILABLE);
    CHECK(mansio_now_us() - away_us > 2 * MANSIO_SECOND);
    /* However long it was away: once it is there, what changed is seen within a second. */
    CHECK(mansio_fiber_sleep_until(away_us + 7 * MANSIO_SECOND) == 0);
    CHECK(testing_cluster("start") == 0);
    int64_t back_us = mansio_now_us();
    struct mansio_standing_changes changes = {.size = sizeof changes};
    while (pg_standing_changes(pg->instance, 1, arena, DEADLINE, &changes) < 0 &&
           mansio_now_us() - back_us < 2 * MANSIO_SECOND) {
        CHECK(mansio_fiber_sleep_until(mansio_deadline_in(20 * MANSIO_MS)) == 0);
    }
    CHECK(mansio_now_us() - back_us < MANSIO_SECOND);
    for (int i = 0; rc != 0 && i < 500; i++) {
        rc = route("ann");
        CHECK(mansio_fiber_sleep_until(mansio_deadline_in(20 * MANSIO_MS)) == 0);
    }
    CHECK(rc == 0);
    return 0;
}

static void test_holds_while_the_database_is_away(void **state)
{
    (void)state;
    run(holds);
}

/* ---- leases ---- */

/* Time passes in the database: every lease's end comes nearer. As superuser, for nobody else may.
 */
static void pass(void *arg, int64_t us)
{
    char text[512];
    (void)arg;
    snprintf(text, sizeof text, "%s user=postgres", testing_conninfo);
    PGconn *conn = PQconnectdb(text);
    snprintf(text, sizeof text,
             "UPDATE mansio.lease SET expires = expires - %lld * interval '1 microsecond'",
             (long long)us);
    PGresult *result = PQexec(conn, text);
    CHECK(PQresultStatus(result) == PGRES_COMMAND_OK);
    PQclear(result);
    PQfinish(conn);
}

static const char *lease_wrong;

static int leases(void)
{
    const struct lease_subject subject = {
        .table = pg_lease_table(),
        .instance = pg->instance,
        .pass = pass,
        .one = MANSIO_STR("spool/12"),
        .two = MANSIO_STR("ac\xffme\\"),
    };
    lease_wrong = lease_conformance(&subject);
    return 0;
}

static void test_leases_conform(void **state)
{
    (void)state;
    run(leases);
    if (lease_wrong != NULL) {
        fail_msg("%s", lease_wrong);
    }
}

/* ---- hints ---- */

static int relayed(void)
{
    struct mansio_subscription *directory = NULL;
    struct mansio_subscription *collection = NULL;
    struct mansio_str line = MANSIO_STR_NONE;
    struct mansio_str got = MANSIO_STR_NONE;
    CHECK(mansio_bus_subscribe(arena, S("collection/7"), 8, &collection) == 0);
    CHECK(pg_relay_payload(arena, S("collection/7"), MANSIO_STR("a\0\xff"), &line) == 0);
    CHECK(mansio_str_eq(line, S("collection/7 6100ff")));
    CHECK(pg_relay_publish(line) == 1);
    CHECK(mansio_subscription_next(collection, 0, &got) == 0);
    CHECK(mansio_str_eq(got, MANSIO_STR("a\0\xff")));
    CHECK(pg_relay_publish(S("directory \ncollection/7 61\n\nelsewhere 61\ncollection/7 6\n"
                             "collection/7 zz\ncollection/UP 61\nnothing")) == 2);
    CHECK(mansio_subscription_next(collection, 0, &got) == 0);
    CHECK(mansio_subscription_next(collection, 0, &got) == MANSIO_E_TIMEOUT);
    /* What administration notifies reaches the bus of a process that relays; and what is published
     * there is notified. */
    CHECK(mansio_bus_subscribe(arena, S("directory"), 8, &directory) == 0);
    struct pg_relay *relay = pg_relay_new(pg);
    CHECK(mansio_subscription_next(directory, DEADLINE, &got) == 0); /* it listens */
    CHECK(set_state("bob@alpha.test", "suspended") == 0);
    CHECK(mansio_subscription_next(directory, DEADLINE, &got) == 0);
    struct pg_conn *conn = NULL;
    CHECK(pg_borrow(pg->serving, DEADLINE, &conn) == 0);
    CHECK(pg_ask(conn, PG_SQL_LISTEN, NULL, DEADLINE, NULL) == 0);
    CHECK(mansio_bus_publish(S("collection/7"), S("x")) == 0);
    CHECK(mansio_bus_publish(S("collection/7"), S("x")) == 0); /* coalesced */
    CHECK(mansio_bus_publish(S("private"), S("x")) == 0);
    struct mansio_str heard = MANSIO_STR_NONE;
    for (int i = 0; heard.len == 0 && i < 500; i++) {
        CHECK(mansio_fiber_sleep_until(mansio_deadline_in(10 * MANSIO_MS)) == 0);
        CHECK(pg_notification(conn, arena, &heard) >= 0);
    }
    CHECK(mansio_str_eq(heard, S("collection/7 78")));
    /* Switched off: nothing is notified, by nobody, and what is heard isn't told. */
    pg->config.skips_hints = 1;
    while (mansio_subscription_next(directory, 0, &got) == 0) {
    }
    CHECK(mansio_bus_publish(S("collection/8"), S("x")) == 0);
    CHECK(set_state("bob@alpha.test", "active") == 0);
    struct pg_params params;
    pg_params_init(&params);
    pg_add_text(&params, S("directory "));
    CHECK(pg_ask(conn, PG_SQL_NOTIFY, &params, DEADLINE, NULL) == 0);
    int count = 0;
    for (int i = 0; i < 30; i++) {
        CHECK(mansio_fiber_sleep_until(mansio_deadline_in(10 * MANSIO_MS)) == 0);
        count += pg_notification(conn, arena, &heard) == 1;
    }
    CHECK(count == 1 && mansio_str_eq(heard, S("directory "))); /* our own, by hand */
    CHECK(mansio_subscription_next(directory, 0, &got) == MANSIO_E_TIMEOUT);
    pg_give_back(conn);
    pg_relay_close(relay);
    pg_relay_close(NULL);
    return 0;
}

static void test_hints_are_relayed(void **state)
{
    (void)state;
    run(relayed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remembers),
        cmocka_unit_test(test_forgets),
        cmocka_unit_test(test_is_told),
        cmocka_unit_test(test_judges_beside_busy_ones),
        cmocka_unit_test(test_leases_conform),
        cmocka_unit_test(test_hints_are_relayed),
        cmocka_unit_test(test_holds_while_the_database_is_away),
    };
    return cmocka_run_group_tests_name("directory_cache", tests, testing_cluster_up,
                                       testing_cluster_down);
}
