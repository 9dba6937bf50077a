/*
 * Logging in with a name and a password: every outcome, what it costs, what it leaves; cancellation
 * at each suspension.
 */
#include "core/host/login_attempt_testing.h"

#include "core/host/login_settings.h"

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
    const struct CMUnitTest tests[] = {
        TEST(test_outcomes),
        TEST(test_refusals_have_one_wording),
        TEST(test_no_module_lets_nobody_in),
        TEST(test_faults_are_temporary),
        TEST(test_without_back_ends),
        TEST(test_where_passwords_may_be_used),
        TEST(test_bare_names),
        TEST(test_cancelled_at_each_suspension),
        TEST(test_upgrades),
        TEST(test_registry),
        TEST(test_refuses_nobody_from_memory),
        TEST(test_guesses_count_without_a_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
