/*
 * Logging in once more on a conn: when auth modules aren't asked again, and that whoever may not
 * come in any more doesn't.
 */
#include "core/host/gate_testing.h"

/* Far longer than a test takes, wherever it runs; the directory is believed for longer still. */
#define AGAIN_US (600 * MANSIO_SECOND)

/* A request of HTTP: a session of its own on the conn, which ends with it. */
static int request(struct mansio_session *first, const char *name, const char *password)
{
    struct mansio_session *session = NULL;
    CHECK(mansio_session_open(mansio_session_conn(first), &node.instances[0], MANSIO_STR("pop3"),
                              &session) == 0);
    given_name = name;
    given_password = password;
    int rc = log_in(session);
    CHECK((mansio_session_account(session) != NULL) == (rc == 0));
    if (rc == 0) {
        const struct mansio_account_facts *facts =
            mansio_account_facts(mansio_session_account(session));
        CHECK(mansio_str_eq(facts->address, mansio_str_from_cstr(name)));
        CHECK(core_session_way(session)->is_judged || core_gate_trust() == CORE_GATE_STATES);
        CHECK(core_session_way(session)->credential_kind == MANSIO_CREDENTIAL_MAIN);
    }
    mansio_session_close(session);
    return rc;
}

static int user(struct mansio_session *first)
{
    return request(first, "user@alpha.test", "pencil");
}

static int again_setup(void **state)
{
    int rc = gate_setup(state);
    node.config.login.again_us = AGAIN_US;
    node.config.policy.hold_us = 10 * AGAIN_US;
    core_gate_configure(&node.config);
    return rc < 0 ? rc : core_login_configure(&node.config);
}

/* So often auth modules were asked since the last call. */
static int asked(void)
{
    static int before;
    int since = judges.one - before;
    before = judges.one;
    return since;
}

static int log_in_often(struct mansio_session *first)
{
    look_and_reload();
    (void)asked();
    CHECK(user(first) == 0);
    CHECK(asked() == 1);
    for (int i = 0; i < 5; i++) {
        CHECK(user(first) == 0);
    }
    CHECK(asked() == 0);
    /* Whatever else is shown goes the long way, and takes nothing from what is kept. */
    static const char *const others[][2] = {
        {"user@alpha.test", "pencil2"}, {"user@alpha.test", "penci"},
        {"user@alpha.test", ""},        {"user@alpha.testp", "encil"},
        {"apps@alpha.test", "pencil"},  {"nobody@alpha.test", "pencil"},
    };
    for (size_t i = 0; i < MANSIO_COUNT(others); i++) {
        CHECK(request(first, others[i][0], others[i][1]) == MANSIO_E_DENIED);
        CHECK(asked() >= 1);
    }
    CHECK(user(first) == 0);
    CHECK(asked() == 0);
    /* Somebody else takes the place. */
    CHECK(request(first, "apps@alpha.test", "secret") == 0);
    CHECK(asked() == 1);
    CHECK(request(first, "apps@alpha.test", "secret") == 0);
    CHECK(asked() == 0);
    CHECK(user(first) == 0);
    CHECK(asked() == 1);
    /* It has its time, from when it was asked. */
    later_us += AGAIN_US / 2;
    CHECK(user(first) == 0);
    CHECK(asked() == 0);
    later_us += AGAIN_US / 2;
    CHECK(user(first) == 0);
    CHECK(asked() == 1);
    return 0;
}

static void is_asked_once(void **state)
{
    (void)state;
    assert_int_equal(run_session(log_in_often), 0);
    const char *text = node_log_text();
    int count = 0;
    while ((text = strstr(text, "event=login-ok")) != NULL) {
        text++;
        count++;
    }
    assert_int_equal(count, 12); /* each is one, in the log and in figures */
}

/* ---- who may not come in any more ---- */

static void change(int what)
{
    switch (what) {
    case 0: /* another password: the directory tells logins too */
        world.version = people.version = 6;
        break;
    case 1:
        world.has_no_credential = 1;
        break;
    case 2:
        world.expires_us = mansio_wall_us();
        break;
    case 3:
        world.state = MANSIO_STATE_SUSPENDED;
        break;
    case 4: /* the account has another name, or its domain no alias: nobody comes in by this one */
        people.gone = "user";
        break;
    default:
        add_word(MANSIO_POLICY_TENANT, MANSIO_POLICY_DENY);
        break;
    }
    commit(7, 1, NULL);
    look_and_reload();
}

enum { CHANGES = 6 };
static int changed;

static int change_between(struct mansio_session *first)
{
    look_and_reload();
    CHECK(user(first) == 0);
    CHECK(user(first) == 0);
    (void)asked();
    change(changed);
    /* Refused as by a wrong password, or in by what is right now; the long way in any case. */
    CHECK(user(first) == (changed == 0 ? 0 : MANSIO_E_DENIED));
    CHECK(asked() == 1);
    return 0;
}

static void the_gate_judges_each(void **state)
{
    for (changed = 0; changed < CHANGES; changed++) {
        assert_int_equal(gate_teardown(state), 0);
        assert_int_equal(again_setup(state), 0);
        assert_int_equal(run_session(change_between), 0);
        assert_int_equal(testing_failures, 0);
    }
}

static int be_throttled(struct mansio_session *first)
{
    look_and_reload();
    CHECK(user(first) == 0);
    CHECK(request(first, "user@alpha.test", "wrong") == MANSIO_E_DENIED);
    CHECK(request(first, "user@alpha.test", "wrong") == MANSIO_E_DENIED);
    (void)asked();
    CHECK(user(first) == MANSIO_E_LIMIT);
    CHECK(asked() == 0);
    return 0;
}

static void the_throttle_is_asked(void **state)
{
    (void)state;
    node.config.login.failures_per_address = 2;
    assert_int_equal(core_login_configure(&node.config), 0);
    assert_int_equal(run_session(be_throttled), 0);
}

/* ---- where nothing is kept ---- */

static int log_in_twice(struct mansio_session *first)
{
    CHECK(user(first) == 0);
    CHECK(user(first) == 0);
    return 0;
}

static int be_the_first(struct mansio_session *first)
{
    given_name = "user@alpha.test";
    given_password = "pencil";
    CHECK(log_in(first) == 0);
    CHECK(core_session_again(first) == NULL);
    (void)asked();
    CHECK(user(first) == 0);
    CHECK(asked() == 1);
    return 0;
}

static void keeps_nothing_that_cannot_be_judged(void **state)
{
    (void)state;
    (void)asked();
    people.version = 0; /* a directory that doesn't tell passwords apart */
    assert_int_equal(run_session(log_in_twice), 0);
    assert_int_equal(asked(), 2);
    people.version = 5;
    assert_int_equal(run_session(log_in_twice), 0);
    assert_int_equal(asked(), 1);
    assert_int_equal(run_session(log_in_twice), 0); /* another conn */
    assert_int_equal(asked(), 1);
    assert_int_equal(run_session(be_the_first), 0);
    (void)asked();
    node.config.login.again_us = 0;
    assert_int_equal(core_login_configure(&node.config), 0);
    assert_int_equal(run_session(log_in_twice), 0);
    assert_int_equal(asked(), 2);
    node.config.login.again_us = AGAIN_US;
    assert_int_equal(core_login_configure(&node.config), 0);
    fake_directory.standings = NULL; /* nor tells what changes */
    core_accounts_fini();
    assert_int_equal(set_init(&node), 0);
    assert_int_equal(core_gate_trust(), CORE_GATE_STATES);
    assert_int_equal(run_session(log_in_twice), 0);
    assert_int_equal(asked(), 2);
}

#define AGAIN(fn) cmocka_unit_test_setup_teardown(fn, again_setup, gate_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AGAIN(is_asked_once),
        AGAIN(the_gate_judges_each),
        AGAIN(the_throttle_is_asked),
        AGAIN(keeps_nothing_that_cannot_be_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
