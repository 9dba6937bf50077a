/*
 * Logging in with a name and a password: every outcome, what it costs, what it leaves; throttling;
 * cancellation at each suspension.
 */
#include "core/host/login_testing.h"

#include "core/base/testing.h"
#include "core/base/time.h"

#include "core/host/login_settings.h"

static struct mansio_str given_name, given_password;

static int log_in(struct mansio_session *session)
{
    int rc = mansio_session_login(session, given_name, given_password, MANSIO_NEVER);
    CHECK((rc == 0) == (mansio_session_account(session) != NULL));
    return rc;
}

static int attempt(const char *name, const char *password)
{
    given_name = mansio_str_from_cstr(name);
    given_password = mansio_str_from_cstr(password);
    return run_session(log_in);
}

/* ---- outcomes ---- */

static const struct {
    const char *name, *password;
    int wanted;
    int one, two; /* how often each auth module is asked */
    const char *in_log;
} outcomes[] = {
    {"user@alpha.test", "pencil", 0, 1, 0, "event=login-ok"},
    {"USER@Alpha.TEST", "pencil", 0, 1, 0, "account=user@alpha.test tenant=alpha"},
    {"apps@alpha.test", "secret", 0, 1, 0, "mechanism=password"},
    {"apps@alpha.test", "app", 0, 1, 0, "service=pop3 address=unix"},
    {"other@alpha.test", "secret", 0, 1, 1, "event=login-ok"},
    /* A wrong password of an account that the first module judges costs what a stranger's does. */
    {"user@alpha.test", "wrong", MANSIO_E_DENIED, 1, 0, "reason=password"},
    {"user@alpha.test", "", MANSIO_E_DENIED, 1, 0, "reason=password"},
    {"nobody@alpha.test", "pencil", MANSIO_E_DENIED, 1, 0, "reason=unknown"},
    {"nobody@elsewhere.test", "x", MANSIO_E_DENIED, 1, 0, "name=nobody@elsewhere.test"},
    {"user@al..pha.test", "pencil", MANSIO_E_DENIED, 1, 0, "reason=malformed"},
    {"@alpha.test", "x", MANSIO_E_DENIED, 1, 0, "reason=malformed"},
    {"", "x", MANSIO_E_DENIED, 1, 0, "reason=malformed"},
    {"\xff@alpha.test", "x", MANSIO_E_DENIED, 1, 0, "name=\"\\xff@alpha.test\""},
    {"a\nb@alpha.test", "x", MANSIO_E_DENIED, 1, 0, "name=\"a\\nb@alpha.test\""},
    {"held@alpha.test", "secret", MANSIO_E_DENIED, 1, 0, "reason=state"},
    {"shut@alpha.test", "secret", MANSIO_E_DENIED, 1, 0, "reason=state"},
    {"other@alpha.test", "wrong", MANSIO_E_DENIED, 1, 1, "reason=password"},
    {"odd@alpha.test", "secret", MANSIO_E_DENIED, 2, 1, "reason=unknown-scheme"},
};

static void test_outcomes(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(outcomes); i++) {
        memset(&judges, 0, sizeof judges);
        people.logins = people.defaults = 0;
        int rc = attempt(outcomes[i].name, outcomes[i].password);
        const char *text = node_log_text();
        if (rc != outcomes[i].wanted || judges.one != outcomes[i].one ||
            judges.two != outcomes[i].two || strstr(text, outcomes[i].in_log) == NULL) {
            print_error("row %zu (%s): %d, asked %d and %d\n%s", i, outcomes[i].name, rc,
                        judges.one, judges.two, text);
            fail();
        }
        if (strstr(text, "pencil") != NULL || strstr(text, "secret") != NULL) {
            print_error("row %zu: a password in the log: %s", i, text);
            fail();
        }
        /* One question to the directory about the name, whatever it is; capabilities may be kept
         * from before. */
        if (people.logins + people.defaults < 1 || people.logins + people.defaults > 2) {
            print_error("row %zu: %d + %d\n", i, people.logins, people.defaults);
            fail();
        }
    }
}

/* The words of a refusal tell nothing either. */
static int same_words(struct mansio_session *session)
{
    char first[MANSIO_ERROR_DETAIL_MAX] = "";
    for (size_t i = 0; i < MANSIO_COUNT(outcomes); i++) {
        if (outcomes[i].wanted == MANSIO_E_DENIED) {
            CHECK(mansio_session_login(session, mansio_str_from_cstr(outcomes[i].name),
                                       mansio_str_from_cstr(outcomes[i].password),
                                       MANSIO_NEVER) == MANSIO_E_DENIED);
            if (first[0] == '\0') {
                snprintf(first, sizeof first, "%s", mansio_error_detail());
            }
            CHECK(strcmp(first, mansio_error_detail()) == 0);
        }
    }
    return 0;
}

static void test_refusals_have_one_wording(void **state)
{
    (void)state;
    assert_int_equal(run_session(same_words), 0);
}

static void test_no_module_lets_nobody_in(void **state)
{
    (void)state;
    judges.lets_nobody_in = 1;
    assert_int_equal(attempt("nobody@alpha.test", "x"), MANSIO_E_DENIED);
    assert_int_equal(attempt("odd@alpha.test", "x"), MANSIO_E_DENIED);
}

/* What is remembered lets in; before it refuses, it is looked at anew. */
static const struct {
    const char *remembered, *name, *password;
    int anew_result, wanted;
    int anew, judged; /* how often the directory was asked anew, a module for a password */
} memories[] = {
    {"{ONE}pencil", "user@alpha.test", "pencil", 0, 0, 0, 1},
    {"{ONE}pencil", "user@alpha.test", "wrong", 0, MANSIO_E_DENIED, 1, 1},
    {"{ONE}pencil", "user@alpha.test", "", 0, MANSIO_E_DENIED, 1, 1},
    {"{ONE}earlier", "user@alpha.test", "pencil", 0, 0, 1, 2}, /* the new password */
    {"{ONE}earlier", "user@alpha.test", "wrong", 0, MANSIO_E_DENIED, 1, 2},
    {"{ONE}secret", "apps@alpha.test", "app", 0, 0, 1, 2}, /* the new app password */
    {"{ONE}pencil", "nobody@alpha.test", "x", 0, MANSIO_E_DENIED, 0, 1},
    {"{ONE}pencil", "user@alpha.test", "wrong", MANSIO_E_UNAVAILABLE, MANSIO_E_UNAVAILABLE, 1, 1},
    {"{ONE}pencil", "user@alpha.test", "pencil", MANSIO_E_UNAVAILABLE, 0, 0, 1},
};

static void test_refuses_nobody_from_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(memories); i++) {
        memset(&judges, 0, sizeof judges);
        people.anew = 0;
        people.remembered = memories[i].remembered;
        people.anew_result = memories[i].anew_result;
        int rc = attempt(memories[i].name, memories[i].password);
        if (rc != memories[i].wanted || people.anew != memories[i].anew ||
            judges.one != memories[i].judged) {
            print_error("row %zu: %d, %d anew, %d judged\n", i, rc, people.anew, judges.one);
            fail();
        }
    }
}

/* Nor may anybody guess without end while the database is away. */
static void test_guesses_count_without_a_directory(void **state)
{
    (void)state;
    node.config.login.failures_per_account = 2;
    assert_int_equal(core_login_configure(&node.config), 0);
    people.remembered = "{ONE}pencil";
    people.anew_result = MANSIO_E_TIMEOUT;
    assert_int_equal(attempt("user@alpha.test", "wrong"), MANSIO_E_TIMEOUT);
    assert_int_equal(attempt("user@alpha.test", "wrong"), MANSIO_E_TIMEOUT);
    assert_int_equal(attempt("user@alpha.test", "pencil"), MANSIO_E_LIMIT);
}

/* Whatever a back end says beside yes and no is "try again", never "wrong password". */
static const struct {
    int directory, judge, wanted;
} faults[] = {
    {MANSIO_E_UNAVAILABLE, 0, MANSIO_E_UNAVAILABLE}, {MANSIO_E_TIMEOUT, 0, MANSIO_E_TIMEOUT},
    {MANSIO_E_BUSY, 0, MANSIO_E_UNAVAILABLE},        {MANSIO_E_NOT_FOUND, 0, MANSIO_E_UNAVAILABLE},
    {MANSIO_E_DENIED, 0, MANSIO_E_UNAVAILABLE},      {MANSIO_E_BUG, 0, MANSIO_E_UNAVAILABLE},
    {0, MANSIO_E_UNAVAILABLE, MANSIO_E_UNAVAILABLE}, {0, MANSIO_E_LIMIT, MANSIO_E_UNAVAILABLE},
    {0, MANSIO_E_TIMEOUT, MANSIO_E_TIMEOUT},         {0, MANSIO_E_INVALID, MANSIO_E_UNAVAILABLE},
};

static void test_faults_are_temporary(void **state)
{
    (void)state;
    node.config.login.failures_per_account = 1;
    assert_int_equal(core_login_configure(&node.config), 0);
    for (size_t i = 0; i < MANSIO_COUNT(faults); i++) {
        people.result = faults[i].directory;
        judges.result = faults[i].judge;
        int rc = attempt("user@alpha.test", "pencil");
        if (rc != faults[i].wanted) {
            print_error("row %zu: %d %s\n", i, rc, mansio_error_name(rc));
            fail();
        }
    }
    assert_non_null(strstr(node_log_text(), "reason=unavailable"));
    people.result = judges.result = 0; /* and none of them counted as a failure */
    assert_int_equal(attempt("user@alpha.test", "pencil"), 0);
}

static void test_without_back_ends(void **state)
{
    (void)state;
    core_accounts_fini();
    assert_int_equal(attempt("user@alpha.test", "pencil"), MANSIO_E_UNAVAILABLE);
    struct set set;
    set_new(&set);
    set_offer(&set, "pg", MANSIO_DIRECTORY, &fake_directory);
    assert_int_equal(set_init(&set), 0);
    assert_int_equal(attempt("user@alpha.test", "pencil"), MANSIO_E_UNAVAILABLE);
    set_offer(&set, "one", MANSIO_AUTH, &fake_one); /* but no store */
    assert_int_equal(set_init(&set), 0);
    assert_int_equal(attempt("user@alpha.test", "pencil"), MANSIO_E_UNAVAILABLE);
    set_free(&set);
}

/* ---- where passwords may be used ---- */

static int may_use(struct mansio_session *session)
{
    return mansio_session_may_use_password(session);
}

static void test_where_passwords_may_be_used(void **state)
{
    (void)state;
    static const struct mansio_str only_scram[] = {MANSIO_STR("scram-sha-256")};
    static const struct mansio_str with_login[] = {MANSIO_STR("LOGIN")};
    assert_int_equal(run_session(may_use), 1);
    channel.is_tls = 0;
    assert_int_equal(run_session(may_use), 0);
    assert_int_equal(attempt("user@alpha.test", "pencil"), MANSIO_E_UNSUPPORTED);
    assert_int_equal(judges.one, 0);
    channel.is_unix = 1;
    assert_int_equal(run_session(may_use), 1);
    channel.is_unix = 0;
    node_listener.is_plaintext_login = 1;
    assert_int_equal(core_login_configure(&node.config), 0);
    assert_int_equal(run_session(may_use), 1);
    assert_int_equal(attempt("user@alpha.test", "pencil"), 0);
    node_listener.mechanisms = only_scram;
    node_listener.mechanism_count = 1;
    assert_int_equal(core_login_configure(&node.config), 0);
    assert_int_equal(run_session(may_use), 0);
    node_listener.mechanisms = with_login;
    assert_int_equal(core_login_configure(&node.config), 0);
    assert_int_equal(run_session(may_use), 1);
    core_login_fini(); /* a listener that isn't known any more */
    assert_int_equal(run_session(may_use), 0);
}

/* ---- bare names ---- */

static const struct {
    const char *server_name, *asked;
    int wanted;
} bare[] = {
    {NULL, "user@", 0}, /* the directory's to judge */
    {"alpha.test", "user@alpha.test", 0},
    {"mail.alpha.test", "user@alpha.test", 0},
    {"a.b.alpha.test", "user@", 0}, /* one label is a host, two are not */
    {"beta.test", "user@", 0},
    {"test", "user@", 0},
};

static void test_bare_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(bare); i++) {
        channel.server_name = bare[i].server_name;
        int rc = attempt("user", "pencil");
        if (rc != bare[i].wanted || strcmp(people.asked, bare[i].asked) != 0) {
            print_error("row %zu: %d, asked %s\n", i, rc, people.asked);
            fail();
        }
    }
    int before = people.defaults; /* what was found out is kept */
    assert_int_equal(attempt("user", "pencil"), 0);
    assert_int_equal(people.defaults, before);
}

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

static int suspensions, cancel_at;

static void on_suspend(struct mansio_fiber *fiber)
{
    if (fiber == node_fiber && ++suspensions == cancel_at) {
        mansio_fiber_cancel(fiber);
    }
}

static int count_suspensions(const char *name, const char *password, int *out_result)
{
    suspensions = 0;
    cancel_at = 0;
    node_on_suspend = on_suspend;
    *out_result = attempt(name, password);
    node_on_suspend = NULL;
    return suspensions;
}

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

/* ---- cancellation ---- */

static void cancel_everywhere(const char *name, const char *password)
{
    int wanted = 0;
    core_login_domain_forget();
    int points = count_suspensions(name, password, &wanted);
    assert_true(points >= 3);
    for (int n = 1; n <= points; n++) {
        core_login_domain_forget();
        core_limits_forget();
        suspensions = 0;
        cancel_at = n;
        node_on_suspend = on_suspend;
        int rc = attempt(name, password);
        node_on_suspend = NULL;
        if (rc != MANSIO_E_CANCELLED) {
            print_error("cancelled at %d of %d: %d\n", n, points, rc);
            fail();
        }
    }
}

static void test_cancelled_at_each_suspension(void **state)
{
    (void)state;
    node.config.login.delay_us = 1000;
    node.config.login.delay_max_us = 1000;
    assert_int_equal(core_login_configure(&node.config), 0);
    cancel_everywhere("user@alpha.test", "pencil");
    cancel_everywhere("user@alpha.test", "wrong");
    cancel_everywhere("nobody@alpha.test", "x");
    cancel_everywhere("@", "x");
    cancel_everywhere("odd@alpha.test", "x");
    cancel_everywhere("old@alpha.test", "upgrade-me");
}

/* ---- what a login leaves ---- */

static void test_upgrades(void **state)
{
    (void)state;
    assert_int_equal(attempt("old@alpha.test", "upgrade-me"), 0);
    assert_int_equal(people.upgrades, 1);
    assert_string_equal(people.was, "{ONE}upgrade-me");
    assert_string_equal(people.became, "{ONE}better");
    people.upgrade_result = MANSIO_E_NOT_FOUND;
    assert_int_equal(attempt("old@alpha.test", "upgrade-me"), 0); /* the login stands */
    assert_non_null(strstr(node_log_text(), "event=upgrade-failed"));
    assert_int_equal(attempt("old@alpha.test", "wrong"), MANSIO_E_DENIED);
    assert_int_equal(attempt("user@alpha.test", "pencil"), 0);
    assert_int_equal(people.upgrades, 2);
}

static struct core_session_info seen;
static int seen_count;

static void visit(void *arg, const struct core_session_info *info)
{
    (void)arg;
    seen = *info;
    seen_count++;
}

static int look_around(struct mansio_session *session)
{
    struct mansio_str name = MANSIO_STR("user@alpha.test");
    struct mansio_str password = MANSIO_STR("pencil");
    core_sessions_visit(visit, NULL);
    CHECK(seen.account.len == 0 && seen.tenant.len == 0);
    CHECK(mansio_session_login(session, name, password, MANSIO_NEVER) == 0);
    core_sessions_visit(visit, NULL);
    CHECK(mansio_str_eq(seen.account, name) && mansio_str_eq(seen.tenant, MANSIO_STR("alpha")));
    const struct mansio_account *account = mansio_session_account(session);
    struct mansio_instance *pool = NULL;
    CHECK(mansio_account_facts(account)->account_id == 1);
    CHECK(mansio_account_store(account, &pool)->size == sizeof fake_store);
    CHECK(mansio_session_login(session, name, password, MANSIO_NEVER) == MANSIO_E_BUG);
    CHECK(mansio_session_account(session) == account);

    /* Another session of the conn, of the same account; the first goes before it. */
    struct mansio_session *second = NULL;
    CHECK(mansio_session_open(mansio_session_conn(session), &node.instances[0], MANSIO_STR("two"),
                              &second) == 0);
    CHECK(mansio_session_account(second) == NULL);
    CHECK(mansio_session_login(second, name, password, MANSIO_NEVER) == 0);
    core_session_leave(session);
    CHECK(mansio_session_account(session) == NULL);
    CHECK(core_sessions_kill_address(MANSIO_STR("apps@alpha.test"), MANSIO_REASON_KILLED) == 0);
    CHECK(!mansio_fiber_is_cancelled());
    CHECK(core_sessions_kill_address(name, MANSIO_REASON_POLICY) == 1);
    CHECK(mansio_fiber_is_cancelled());
    CHECK(core_sessions_kill_address(name, MANSIO_REASON_KILLED) == 0); /* it is told already */
    mansio_session_close(second);
    CHECK(core_sessions_kill_address(name, MANSIO_REASON_KILLED) == 0);
    return mansio_fiber_yield();
}

static void test_registry(void **state)
{
    (void)state;
    assert_int_equal(run_session(look_around), MANSIO_E_CANCELLED);
    assert_non_null(strstr(node_log_text(), "reason=policy"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, node_setup, node_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_outcomes),
        TEST(test_refusals_have_one_wording),
        TEST(test_no_module_lets_nobody_in),
        TEST(test_faults_are_temporary),
        TEST(test_without_back_ends),
        TEST(test_where_passwords_may_be_used),
        TEST(test_bare_names),
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
        TEST(test_cancelled_at_each_suspension),
        TEST(test_upgrades),
        TEST(test_registry),
        TEST(test_refuses_nobody_from_memory),
        TEST(test_guesses_count_without_a_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
