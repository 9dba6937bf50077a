/*
 * Limits by name: whom a peer counts as, what a session counts and in which limits, who waits.
 */
#include <config.h>

#include "core/host/limits.h"

#include "core/host/account_testing.h" /* includes cmocka */

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mansio/protocol.h>

#include "core/base/time.h"
#include "core/host/config.h"
#include "core/host/limit.h"
#include "core/host/log.h"
#include "core/host/session.h"
#include "core/host/shm.h"
#include "core/host/tarpit.h"
#include "core/net/conn.h"

static struct set node;
static struct core_config_limits *limits; /* of node.config: configure() makes them hold */
static int64_t fake_now_us;

static int64_t read_fake(void *arg)
{
    (void)arg;
    return fake_now_us;
}

static const struct core_time_source fake_time = {.now_us = read_fake};
static const struct mansio_store store = {.size = sizeof store};

static int set_up(void **state)
{
    (void)state;
    core_limits_forget();
    core_sessions_init(16, 1);
    set_new(&node);
    set_offer(&node, "pg", MANSIO_STORE, &store);
    const struct core_log_options quiet = {
        .format = CORE_LOG_LOGFMT, .level = MANSIO_LOG_ERROR, .fd = STDERR_FILENO};
    core_log_configure(&quiet);
    limits = &node.config.limits;
    *limits = (struct core_config_limits){
        .ipv4_prefix = 24, .ipv6_prefix = 48, .window_us = 3600 * MANSIO_SECOND};
    return set_init(&node) == 0 ? core_limits_configure(&node.config) : -1;
}

static int tear_down(void **state)
{
    (void)state;
    core_time_set_source(NULL);
    core_limits_fini();
    set_free(&node);
    return 0;
}

static void configure(void)
{
    CHECK(core_limits_configure(&node.config) == 0);
}

/* ---- sessions of any peer -------------------------------------------------------------------- */

static struct core_address address_of(const char *ip)
{
    struct core_address address = {.len = sizeof(sa_family_t), .u.any.sa_family = AF_UNIX};
    if (strchr(ip, ':') != NULL) {
        address =
            (struct core_address){.len = sizeof address.u.ipv6, .u.ipv6.sin6_family = AF_INET6};
        CHECK(inet_pton(AF_INET6, ip, &address.u.ipv6.sin6_addr) == 1);
    } else if (strcmp(ip, "unix") != 0) {
        address = (struct core_address){.len = sizeof address.u.ipv4, .u.ipv4.sin_family = AF_INET};
        CHECK(inet_pton(AF_INET, ip, &address.u.ipv4.sin_addr) == 1);
    }
    return address;
}

static struct mansio_conn *conn_from(const char *ip, int *out_other)
{
    int ends[2];
    struct core_address address = address_of(ip);
    struct mansio_conn *conn = NULL;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    const struct core_conn_options options = {
        .listener = MANSIO_STR("in"), .fd = ends[0], .arena_cap_bytes = 1 << 20, .peer = &address};
    CHECK(core_conn_new(&options, &conn) == 0);
    *out_other = ends[1];
    return conn;
}

static int (*body)(struct mansio_session *session);

static int serve(struct mansio_instance *instance, struct mansio_session *session)
{
    (void)instance;
    return body(session);
}

static const struct mansio_protocol protocol = {
    .size = sizeof protocol, .service = "smtp", .serve = serve};

/* In a fiber: run a body in a session of a peer. */
static int with_peer(const char *ip, int (*fn)(struct mansio_session *session))
{
    int other = -1;
    struct mansio_conn *conn = conn_from(ip, &other);
    int (*outer)(struct mansio_session *) = body;
    body = fn;
    int rc = core_session_serve(conn, &node.instances[0], &protocol, MANSIO_STR_NONE);
    body = outer;
    core_conn_abort(conn);
    close(other);
    return rc;
}

static int count_message(struct mansio_session *session)
{
    return mansio_session_count(session, MANSIO_COUNT_MESSAGES, 1);
}

static int count_recipients(struct mansio_session *session)
{
    return mansio_session_count(session, MANSIO_COUNT_RECIPIENTS, 3);
}

static int count_nonsense(struct mansio_session *session)
{
    return mansio_session_count(session, 77, 1);
}

/* ---- peers ---- */

static int look_at_peers(void *arg)
{
    static const struct {
        const char *ip, *address, *network;
        int is_exempt;
    } rows[] = {
        {"192.0.2.77", "192.0.2.77", "192.0.2.0/24", 0},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48", 0},
        {"::ffff:192.0.2.77", "192.0.2.77", "192.0.2.0/24", 0},
        {"203.0.113.9", "", "", 1},
        {"2001:db8:ffff::1", "", "", 1},
        {"unix", "", "", 1},
    };
    static struct core_network exempt[2];
    (void)arg;
    CHECK(core_network_parse(MANSIO_STR("203.0.113.8/30"), &exempt[0]) == 0);
    CHECK(core_network_parse(MANSIO_STR("2001:db8:ffff::/48"), &exempt[1]) == 0);
    limits->exempt = exempt;
    limits->exempt_count = 2;
    configure();
    memset(exempt, 0, sizeof exempt); /* it has a copy */
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct core_limit_peer peer;
        int other = -1;
        char network[CORE_NETWORK_TEXT_MAX];
        struct mansio_conn *conn = conn_from(rows[i].ip, &other);
        core_limit_peer_of(conn, &peer);
        CHECK(peer.is_exempt == rows[i].is_exempt);
        if (!peer.is_exempt) {
            core_network_print(&peer.network, network);
            CHECK(mansio_str_eq(peer.address, mansio_str_from_cstr(rows[i].address)));
            CHECK(strcmp(network, rows[i].network) == 0);
        }
        core_conn_abort(conn);
        close(other);
    }
    return 0;
}

static void test_peers(void **state)
{
    (void)state;
    run_fiber(look_at_peers, NULL);
}

/* ---- what a session counts ---- */

static int count_of_peers(void *arg)
{
    (void)arg;
    limits->max[CORE_LIMIT_MESSAGES_ADDRESS] = 2;
    limits->max[CORE_LIMIT_MESSAGES_NETWORK] = 3;
    limits->max[CORE_LIMIT_RECIPIENTS_NETWORK] = 6;
    configure();
    CHECK(with_peer("192.0.2.1", count_message) == 0);
    CHECK(with_peer("192.0.2.1", count_message) == 0);
    CHECK(with_peer("192.0.2.1", count_message) == MANSIO_E_LIMIT);
    CHECK(with_peer("192.0.2.2", count_message) == 0);
    CHECK(with_peer("192.0.2.3", count_message) == MANSIO_E_LIMIT); /* of the network */
    CHECK(strstr(mansio_error_detail(), "messages_per_network: 3 reached") != NULL);
    CHECK(with_peer("192.0.3.3", count_message) == 0);
    CHECK(with_peer("192.0.2.1", count_recipients) == 0);
    CHECK(with_peer("192.0.2.9", count_recipients) == 0);
    CHECK(with_peer("192.0.2.8", count_recipients) == MANSIO_E_LIMIT);
    for (int i = 0; i < 9; i++) {
        CHECK(with_peer("unix", count_message) == 0);
        CHECK(with_peer("unix", count_recipients) == 0);
    }
    CHECK(with_peer("unix", count_nonsense) == MANSIO_E_BUG);
    /* Who is trusted by now isn't counted any more; a wider network is another one. */
    limits->ipv4_prefix = 16;
    configure();
    CHECK(with_peer("192.0.2.8", count_recipients) == 0);
    return 0;
}

static void test_counts_peers(void **state)
{
    (void)state;
    run_fiber(count_of_peers, NULL);
}

static struct mansio_account_facts login; /* whose the next session is */
static const struct core_session_way way; /* and how: it says nothing here */

static int as_account(struct mansio_session *session, int (*fn)(struct mansio_session *session))
{
    int rc = core_session_enter(session, &login, &way);
    return rc < 0 ? rc : fn(session);
}

static int account_message(struct mansio_session *session)
{
    return as_account(session, count_message);
}

static int account_recipients(struct mansio_session *session)
{
    return as_account(session, count_recipients);
}

static int count_of_accounts(void *arg)
{
    (void)arg;
    limits->max[CORE_LIMIT_MESSAGES_ADDRESS] = 1; /* not of who is logged in */
    limits->max[CORE_LIMIT_MESSAGES_ACCOUNT] = 2;
    limits->max[CORE_LIMIT_MESSAGES_TENANT] = 5;
    limits->max[CORE_LIMIT_RECIPIENTS_ACCOUNT] = 3;
    configure();
    login = testing_facts(1, "one@alpha.test");
    CHECK(with_peer("192.0.2.1", account_message) == 0);
    CHECK(with_peer("192.0.2.9", account_message) == 0);
    CHECK(with_peer("198.51.100.1", account_message) == MANSIO_E_LIMIT);
    CHECK(with_peer("192.0.2.1", account_recipients) == 0);
    CHECK(with_peer("192.0.2.1", account_recipients) == MANSIO_E_LIMIT);
    /* A quota says otherwise, upwards and downwards; the tenant has its own share. */
    login = testing_facts(2, "two@alpha.test");
    login.messages_hour = 9;
    login.recipients_hour = 2;
    CHECK(with_peer("unix", account_recipients) == MANSIO_E_LIMIT);
    for (int i = 0; i < 3; i++) {
        CHECK(with_peer("unix", account_message) == 0);
    }
    CHECK(with_peer("unix", account_message) == MANSIO_E_LIMIT);
    CHECK(strstr(mansio_error_detail(), "messages_per_tenant: 5 reached") != NULL);
    login.tenant_id++;
    CHECK(with_peer("unix", account_message) == 0);
    return 0;
}

static void test_counts_accounts(void **state)
{
    (void)state;
    run_fiber(count_of_accounts, NULL);
}

/* An hour's share, judged by the window. */
static int count_in_windows(void *arg)
{
    static const struct {
        int64_t window_us;
        int expected;
    } rows[] = {{3600, 6}, {1800, 3}, {1200, 2}, {1000, 2}, {10, 1}, {7200, 12}};
    (void)arg;
    limits->max[CORE_LIMIT_MESSAGES_ADDRESS] = 6;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        int count = 0;
        core_limits_forget();
        limits->window_us = rows[i].window_us * MANSIO_SECOND;
        configure();
        while (count < 100 && with_peer("192.0.2.1", count_message) == 0) {
            count++;
        }
        CHECK(count == rows[i].expected);
    }
    return 0;
}

static void test_windows(void **state)
{
    (void)state;
    fake_now_us = 360000 * MANSIO_SECOND;
    core_time_set_source(&fake_time);
    run_fiber(count_in_windows, NULL);
}

/* ---- sessions that are somebody's ---- */

static struct mansio_session *held[4]; /* open ones */

static int hold_inner(struct mansio_session *session);
static int depth, depth_reached, depth_result;

/* Sessions inside one another, all of one account, until one is refused. */
static int hold_inner(struct mansio_session *session)
{
    int rc = core_session_enter(session, &login, &way);
    depth_result = rc;
    if (rc < 0 || depth >= 4) {
        return 0;
    }
    held[depth++] = session;
    depth_reached = depth;
    (void)with_peer("unix", hold_inner);
    return 0;
}

static int how_many(void)
{
    depth = 0;
    depth_reached = 0;
    (void)with_peer("unix", hold_inner);
    return depth_reached;
}

static int leave_and_enter(struct mansio_session *session)
{
    for (int i = 0; i < 5; i++) { /* each gives its place back */
        CHECK(core_session_enter(session, &login, &way) == 0);
        /* Whatever is set meanwhile. */
        limits->max[CORE_LIMIT_SESSIONS_ACCOUNT] = (uint32_t)(i % 2);
        limits->max[CORE_LIMIT_SESSIONS_TENANT] = (uint32_t)(i % 3);
        configure();
        core_session_leave(session);
    }
    return 0;
}

static int count_sessions(void *arg)
{
    (void)arg;
    login = testing_facts(1, "one@alpha.test");
    CHECK(how_many() == 4); /* no limit */
    limits->max[CORE_LIMIT_SESSIONS_ACCOUNT] = 2;
    configure();
    CHECK(how_many() == 2 && depth_result == MANSIO_E_LIMIT);
    CHECK(strstr(mansio_error_detail(), "sessions_per_account: 2 reached") != NULL);
    CHECK(how_many() == 2); /* they are free again */
    login.sessions_max = 3;
    CHECK(how_many() == 3);
    limits->max[CORE_LIMIT_SESSIONS_TENANT] = 1;
    configure();
    CHECK(how_many() == 1 && depth_result == MANSIO_E_LIMIT);
    CHECK(strstr(mansio_error_detail(), "sessions_per_tenant: 1 reached") != NULL);
    CHECK(with_peer("unix", leave_and_enter) == 0);
    const uint64_t ids[2] = {login.tenant_id, login.account_id};
    const struct mansio_str key = {(const char *)ids, sizeof ids};
    CHECK(mansio_limit_count(core_limit_name(CORE_LIMIT_SESSIONS_ACCOUNT), key) == 0);
    CHECK(core_limits_used() == 0);
    return 0;
}

static void test_sessions(void **state)
{
    (void)state;
    run_fiber(count_sessions, NULL);
}

/* A table that is full of what is open turns nobody away: it is ours, and too small. */
static void test_a_full_table_refuses_nobody(void **state)
{
    (void)state;
    uint64_t number = 0;
    int is_counted = 1;
    limits->max[CORE_LIMIT_SESSIONS_ACCOUNT] = 2;
    configure();
    /* Until the last key of a long row has found no room, and so its bucket has none. */
    int rc = 0;
    for (; rc == 0 && number < 4 * CORE_SHM_LIMITS_MAX; number++) {
        rc = mansio_limit_acquire(core_limit_name(CORE_LIMIT_SESSIONS_ACCOUNT),
                                  (struct mansio_str){(const char *)&number, sizeof number}, 2);
    }
    assert_int_equal(rc, MANSIO_E_LIMIT);
    number--;
    const struct mansio_str key = {(const char *)&number, sizeof number};
    assert_int_equal(core_limit_enter(CORE_LIMIT_SESSIONS_ACCOUNT, key, 0, &is_counted), 0);
    assert_int_equal(is_counted, 0);
    /* Who has a place is counted as ever. */
    const uint64_t first = 0;
    const struct mansio_str known = {(const char *)&first, sizeof first};
    assert_int_equal(core_limit_enter(CORE_LIMIT_SESSIONS_ACCOUNT, known, 0, &is_counted), 0);
    assert_int_equal(is_counted, 1);
    assert_int_equal(core_limit_enter(CORE_LIMIT_SESSIONS_ACCOUNT, known, 0, &is_counted),
                     MANSIO_E_LIMIT);
}

/* ---- guesses ---- */

static int miss(struct mansio_session *session)
{
    return mansio_session_missed(session, mansio_deadline_in(MANSIO_SECOND));
}

static int account_misses(struct mansio_session *session)
{
    return as_account(session, miss);
}

static int count_misses(void *arg)
{
    (void)arg;
    limits->max[CORE_LIMIT_MISSES_ADDRESS] = 3;
    limits->max[CORE_LIMIT_MISSES_NETWORK] = 5;
    configure();
    for (int i = 0; i < 3; i++) {
        CHECK(with_peer("192.0.2.1", miss) == 0);
    }
    CHECK(with_peer("192.0.2.1", miss) == MANSIO_E_LIMIT);
    CHECK(with_peer("192.0.2.2", miss) == 0);
    CHECK(with_peer("192.0.2.2", miss) == MANSIO_E_LIMIT); /* that was the network's sixth */
    CHECK(with_peer("192.0.3.1", miss) == 0);
    login = testing_facts(1, "one@alpha.test");
    for (int i = 0; i < 9; i++) {
        CHECK(with_peer("unix", miss) == 0);
        CHECK(with_peer("192.0.3.1", account_misses) == 0);
    }
    return 0;
}

static void test_misses(void **state)
{
    (void)state;
    run_fiber(count_misses, NULL);
}

/* ---- waits ---- */

static void test_delays(void **state)
{
    (void)state;
    static const struct {
        uint32_t nth;
        int64_t first, max, expected;
    } rows[] = {{0, 5, 50, 0},  {1, 5, 50, 5},   {2, 5, 50, 10},  {4, 5, 50, 40},
                {5, 5, 50, 50}, {99, 5, 50, 50}, {1, 80, 50, 50}, {UINT32_MAX, 5, 50, 50},
                {9, 0, 50, 0},  {3, 5, 0, 0}};
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        assert_int_equal(core_tarpit_delay(rows[i].nth, rows[i].first, rows[i].max),
                         rows[i].expected);
    }
    assert_int_equal(core_tarpit_delay(UINT32_MAX, 1, INT64_MAX / 2) >= 0, 1);
}

static int wait_long(void *arg)
{
    return core_tarpit_wait(3600 * MANSIO_SECOND, *(int64_t *)arg);
}

static int fill_tarpit(void *arg)
{
    (void)arg;
    struct mansio_fiber *one = NULL, *two = NULL;
    int64_t never = MANSIO_NEVER;
    int result = 0;
    limits->max[CORE_LIMIT_TARPIT] = 2;
    configure();
    CHECK(mansio_group_spawn(testing_group, "one", wait_long, &never, &one) == 0);
    CHECK(mansio_group_spawn(testing_group, "two", wait_long, &never, &two) == 0);
    CHECK(mansio_fiber_yield() == 0);
    CHECK(core_tarpit_wait(1, MANSIO_NEVER) == MANSIO_E_LIMIT); /* at once, no place */
    CHECK(core_tarpit_wait(0, MANSIO_NEVER) == 0);
    mansio_fiber_cancel(one);
    CHECK(mansio_fiber_join(one, MANSIO_NEVER, &result) == 0 && result == MANSIO_E_CANCELLED);
    int64_t past = mansio_now_us() - 1;
    CHECK(wait_long(&past) == 0); /* the deadline is earlier */
    mansio_fiber_stop(two, MANSIO_REASON_DRAIN, MANSIO_NEVER);
    CHECK(mansio_fiber_join(two, MANSIO_NEVER, &result) == 0 && result == MANSIO_E_STOPPING);
    return 0;
}

static void test_places_in_the_tarpit(void **state)
{
    (void)state;
    run_fiber(fill_tarpit, NULL);
}

static void test_names(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < CORE_LIMIT_COUNT; i++) {
        assert_int_equal(strncmp(core_limit_name(i), "core.", 5), 0);
        assert_string_equal(core_limit_label(i), core_limit_name(i) + 5);
        for (uint32_t j = 0; j < i; j++) {
            assert_string_not_equal(core_limit_name(i), core_limit_name(j));
        }
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_peers),   TEST(test_counts_peers), TEST(test_counts_accounts),
        TEST(test_windows), TEST(test_sessions),     TEST(test_a_full_table_refuses_nobody),
        TEST(test_misses),  TEST(test_delays),       TEST(test_places_in_the_tarpit),
        TEST(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
