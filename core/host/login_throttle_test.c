/*
 * Logins that fail: counted by address, network, account and tenant, throttled, and made to wait.
 */
#include "core/host/login_attempt_testing.h"

#include "core/base/time.h"
#include "core/host/login_settings.h"

/* ---- throttling ---- */

static int64_t fake_now_us;

static int64_t fake_now(void *arg)
{
    (void)arg;
    return fake_now_us;
}

static const struct core_time_source fake_clock = {.now_us = fake_now};

static int check(const struct core_throttle *throttle, const char *address, const char *account)
{
    const struct core_throttle_who who = {.address = mansio_str_from_cstr(address),
                                          .account = mansio_str_from_cstr(account)};
    return core_throttle_check(throttle, &who);
}

static int64_t fail_once(const struct core_throttle *throttle, const char *address,
                         const char *account)
{
    const struct core_throttle_who who = {.address = mansio_str_from_cstr(address),
                                          .account = mansio_str_from_cstr(account)};
    return core_throttle_count(throttle, &who);
}

static void test_throttle(void **state)
{
    (void)state;
    const struct core_throttle t = {.per_address = 5,
                                    .per_account = 8,
                                    .window_us = 60 * MANSIO_SECOND,
                                    .delay_us = 100,
                                    .delay_max_us = 700};
    const char *net = "2001:db8::/64", *other = "192.0.2.9", *user = "user@alpha.test";
    static const int64_t delays[] = {100, 200, 400, 700, 700};
    fake_now_us = 600 * MANSIO_SECOND;
    core_time_set_source(&fake_clock);
    for (size_t i = 0; i < MANSIO_COUNT(delays); i++) {
        assert_int_equal(check(&t, net, user), 0);
        assert_int_equal(fail_once(&t, net, user), delays[i]);
    }
    assert_int_equal(check(&t, net, user), MANSIO_E_LIMIT);
    assert_int_equal(check(&t, net, "else@alpha.test"), MANSIO_E_LIMIT);
    /* Elsewhere it isn't, until the account has its own share. */
    assert_int_equal(check(&t, other, user), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(check(&t, other, user), 0);
        (void)fail_once(&t, other, user);
    }
    assert_int_equal(check(&t, other, user), MANSIO_E_LIMIT);
    assert_int_equal(check(&t, "", user), MANSIO_E_LIMIT);
    assert_int_equal(check(&t, other, "else@alpha.test"), 0);
    fake_now_us += 121 * MANSIO_SECOND; /* it all slides out of the window */
    assert_int_equal(check(&t, net, user), 0);
    assert_int_equal(fail_once(&t, net, user), 100);
    core_time_set_source(NULL);
}

/* Many addresses, few failures each: from half of the network's share on they are as one. */
static void test_throttles_a_network(void **state)
{
    (void)state;
    const struct core_throttle t = {.per_address = 5,
                                    .per_network = 8,
                                    .window_us = 60 * MANSIO_SECOND,
                                    .delay_us = 100,
                                    .delay_max_us = 700};
    static const int64_t delays[] = {100, 100, 100, 100, 100, 200, 400, 700};
    struct core_throttle_who who = {.network = MANSIO_STR("net"), .account = MANSIO_STR("u")};
    char address[16];
    fake_now_us = 600 * MANSIO_SECOND;
    core_time_set_source(&fake_clock);
    for (unsigned i = 0; i < MANSIO_COUNT(delays); i++) {
        who.address = (struct mansio_str){
            address, (size_t)snprintf(address, sizeof address, "192.0.2.%u", i)};
        assert_int_equal(core_throttle_check(&t, &who), 0);
        assert_int_equal(core_throttle_count(&t, &who), delays[i]);
    }
    assert_int_equal(core_throttle_check(&t, &who), MANSIO_E_LIMIT);
    assert_string_equal(mansio_error_detail(),
                        "too many failed logins from the network of 192.0.2.7");
    who.network = MANSIO_STR("another");
    assert_int_equal(core_throttle_check(&t, &who), 0);
    core_time_set_source(NULL);
}

/* Who was right and is not let in keeps nobody else out; but neither his answer nor the next one
 * to anybody, at his address, in his network or of his tenant, tells that he was right. */
static void test_refusals_wait_as_failures_do(void **state)
{
    (void)state;
    const struct core_throttle t = {.per_address = 20,
                                    .per_network = 8,
                                    .per_tenant = 30,
                                    .window_us = 60 * MANSIO_SECOND,
                                    .delay_us = 100,
                                    .delay_max_us = 100000};
    static const struct {
        const char *address, *account;
    } tries[] = {{"192.0.2.1", "a"}, {"192.0.2.1", "b"}, {"192.0.2.2", "a"}, {"192.0.2.3", "c"},
                 {"192.0.2.4", "c"}, {"192.0.2.5", "d"}, {"192.0.2.6", "d"}, {"192.0.2.1", "d"}};
    int64_t delays[2][MANSIO_COUNT(tries)];
    fake_now_us = 600 * MANSIO_SECOND;
    core_time_set_source(&fake_clock);
    for (unsigned is_right = 0; is_right < 2; is_right++) {
        fake_now_us += 600 * MANSIO_SECOND; /* all is forgotten */
        for (unsigned i = 0; i < MANSIO_COUNT(tries); i++) {
            struct core_throttle_who who = {.address = mansio_str_from_cstr(tries[i].address),
                                            .network = MANSIO_STR("net"),
                                            .account = mansio_str_from_cstr(tries[i].account),
                                            .tenant = MANSIO_STR("1")};
            char pair[32];
            who.pair =
                (struct mansio_str){pair, (size_t)snprintf(pair, sizeof pair, "%s %s",
                                                           tries[i].address, tries[i].account)};
            delays[is_right][i] = is_right && i % 2 == 0 ? core_throttle_refuse(&t, &who)
                                                         : core_throttle_count(&t, &who);
        }
    }
    for (unsigned i = 0; i < MANSIO_COUNT(tries); i++) {
        assert_int_equal(delays[0][i], delays[1][i]);
    }
    core_time_set_source(NULL);
}

/* A tenant whose names are tried is slow and not deaf, and others are neither. */
static void test_slows_a_tenant(void **state)
{
    (void)state;
    const struct core_throttle t = {
        .per_tenant = 3, .window_us = 60 * MANSIO_SECOND, .delay_us = 100, .delay_max_us = 700};
    struct core_throttle_who who = {.tenant = MANSIO_STR("1"), .account = MANSIO_STR("u")};
    fake_now_us = 600 * MANSIO_SECOND;
    core_time_set_source(&fake_clock);
    assert_int_equal(core_throttle_count(&t, &who), 100);
    assert_int_equal(core_throttle_count(&t, &who), 100);
    assert_int_equal(core_throttle_count(&t, &who), 700);
    assert_int_equal(core_throttle_count(&t, &who), 700);
    assert_int_equal(core_throttle_check(&t, &who), 0);
    who.tenant = MANSIO_STR("2");
    assert_int_equal(core_throttle_count(&t, &who), 100);
    core_time_set_source(NULL);
}

static void test_no_limits_still_slow_down(void **state)
{
    (void)state;
    const struct core_throttle t = {
        .window_us = 60 * MANSIO_SECOND, .delay_us = 1, .delay_max_us = 1000};
    int64_t last = 0;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(check(&t, "192.0.2.1", "u"), 0);
        last = fail_once(&t, "192.0.2.1", "u");
    }
    assert_int_equal(last, 1000);
    const struct core_throttle none = {.window_us = 60 * MANSIO_SECOND};
    assert_int_equal(fail_once(&none, "192.0.2.1", "u"), 0);
}

static void test_throttled_before_any_work(void **state)
{
    (void)state;
    node.config.login.failures_per_address = 2;
    assert_int_equal(core_login_configure(&node.config), 0);
    assert_int_equal(attempt("user@alpha.test", "wrong"), MANSIO_E_DENIED);
    assert_int_equal(attempt("nobody@alpha.test", "wrong"), MANSIO_E_DENIED);
    int asked = people.logins;
    assert_int_equal(attempt("user@alpha.test", "pencil"), MANSIO_E_LIMIT);
    assert_int_equal(judges.one, 2);
    assert_int_equal(people.logins, asked);
    assert_non_null(strstr(node_log_text(), "reason=throttled"));
    channel.network = "192.0.2.2";
    assert_int_equal(attempt("user@alpha.test", "pencil"), 0);
    /* Who speaks for many over a unix socket isn't counted by address. */
    channel.network = "unix";
    channel.is_unix = 1;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(attempt("user@alpha.test", "wrong"), MANSIO_E_DENIED);
    }
    assert_int_equal(attempt("user@alpha.test", "pencil"), 0);
}

/* An account is one however its name is written; a name that is none counts as what it is. */
static void test_throttled_by_account(void **state)
{
    (void)state;
    node.config.login.failures_per_account = 2;
    assert_int_equal(core_login_configure(&node.config), 0);
    assert_int_equal(attempt("user@alpha.test", "wrong"), MANSIO_E_DENIED);
    assert_int_equal(attempt("USER@ALPHA.test", "wrong"), MANSIO_E_DENIED);
    channel.network = "198.51.100.1";
    assert_int_equal(attempt("User@alpha.TEST", "pencil"), MANSIO_E_LIMIT);
    assert_int_equal(attempt("apps@alpha.test", "secret"), 0);
    assert_int_equal(attempt("no@", "x"), MANSIO_E_DENIED);
    assert_int_equal(attempt("no@", "x"), MANSIO_E_DENIED);
    assert_int_equal(attempt("no@", "x"), MANSIO_E_LIMIT);
}

/* Who tries in parallel learns nothing from what was under way when the limit was reached. */
static void test_throttled_in_parallel(void **state)
{
    (void)state;
    node.config.login.failures_per_account = 2;
    assert_int_equal(core_login_configure(&node.config), 0);
    judges.others_fail = 2;
    assert_int_equal(attempt("user@alpha.test", "pencil"), MANSIO_E_LIMIT);
    assert_int_equal(judges.one, 1);
    core_limits_forget();
    assert_int_equal(attempt("user@alpha.test", "wrong"), MANSIO_E_LIMIT);
    judges.others_fail = 1;
    core_limits_forget();
    assert_int_equal(attempt("user@alpha.test", "pencil"), 0);
}

/* ---- the wait ---- */

static void test_failures_wait(void **state)
{
    (void)state;
    int rc = 0;
    assert_int_equal(attempt("user@alpha.test", "pencil"), 0); /* what is kept is kept now */
    int quick = count_suspensions("user@alpha.test", "wrong", &rc);
    assert_int_equal(rc, MANSIO_E_DENIED);
    node.config.login.delay_us = 1000;
    node.config.login.delay_max_us = 1000;
    assert_int_equal(core_login_configure(&node.config), 0);
    assert_int_equal(attempt("user@alpha.test", "pencil"), 0);
    assert_int_equal(count_suspensions("user@alpha.test", "wrong", &rc), quick + 1);
    assert_int_equal(rc, MANSIO_E_DENIED);
    assert_int_equal(count_suspensions("nobody@alpha.test", "wrong", &rc), quick + 1);
    assert_int_equal(count_suspensions("held@alpha.test", "secret", &rc), quick + 1);
    assert_int_equal(rc, MANSIO_E_DENIED);
}

/* Who waits is answered so long after the attempt began, right or wrong: what was to do for it
 * doesn't show. */
static void test_what_judging_took_is_part_of_the_wait(void **state)
{
    (void)state;
    int quick = 0, wrong = 0, refused = 0, rc = 0;
    node.config.login.delay_us = 2000;
    node.config.login.delay_max_us = 2000;
    assert_int_equal(attempt("user@alpha.test", "pencil"), 0); /* what is kept is kept now */
    judges.slow_us = 2000; /* who runs so long is made to pause, whatever he does then */
    quick = count_suspensions("user@alpha.test", "wrong", &rc);
    assert_int_equal(core_login_configure(&node.config), 0);
    assert_int_equal(attempt("user@alpha.test", "pencil"), 0);
    wrong = count_suspensions("user@alpha.test", "wrong", &rc);
    assert_int_equal(rc, MANSIO_E_DENIED);
    refused = count_suspensions("held@alpha.test", "secret", &rc);
    assert_int_equal(rc, MANSIO_E_DENIED);
    assert_int_equal(wrong, quick);
    assert_int_equal(refused, quick);
}

static void test_answers_leave_at_beats(void **state)
{
    (void)state;
    static const struct {
        int64_t delay_us, spent_us, beat_us, wanted_us;
    } rows[] = {
        {0, 0, 0, 0},
        {0, 700, 0, 700},
        {250, 700, 0, 700},
        {250, 70, 0, 250},
        {0, 1, 20, 20},
        {0, 20, 20, 20},
        {0, 21, 20, 40},
        {250000, 6000, 20000, 260000},
        {5000, 6000, 20000, 20000},
        {0, 6100, 20000, 20000},
        {0, 19999, 20000, 20000},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        assert_int_equal(core_throttle_wait(rows[i].delay_us, rows[i].spent_us, rows[i].beat_us),
                         rows[i].wanted_us);
    }
}

/* A failure waits for its beat even where nothing else makes it wait. */
static void test_a_failure_waits_for_its_beat(void **state)
{
    (void)state;
    int rc = 0;
    assert_int_equal(attempt("user@alpha.test", "pencil"), 0); /* what is kept is kept now */
    int quick = count_suspensions("user@alpha.test", "wrong", &rc);
    node.config.login.beat_us = 1000;
    assert_int_equal(core_login_configure(&node.config), 0);
    assert_int_equal(attempt("user@alpha.test", "pencil"), 0);
    assert_int_equal(count_suspensions("user@alpha.test", "wrong", &rc), quick + 1);
    assert_int_equal(rc, MANSIO_E_DENIED);
    assert_int_equal(count_suspensions("nobody@alpha.test", "wrong", &rc), quick + 1);
    assert_int_equal(rc, MANSIO_E_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_throttle),
        TEST(test_throttles_a_network),
        TEST(test_slows_a_tenant),
        TEST(test_refusals_wait_as_failures_do),
        TEST(test_no_limits_still_slow_down),
        TEST(test_throttled_before_any_work),
        TEST(test_throttled_by_account),
        TEST(test_throttled_in_parallel),
        TEST(test_failures_wait),
        TEST(test_what_judging_took_is_part_of_the_wait),
        TEST(test_answers_leave_at_beats),
        TEST(test_a_failure_waits_for_its_beat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
