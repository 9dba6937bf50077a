/*
 * The gate: who is let in, who is ended when something changes, and that nothing slips between a
 * login and a change that it meets.
 */
#include "core/host/gate_testing.h"

/* ---- at login ---- */

static void lets_in_whom_policy_allows(void **state)
{
    (void)state;
    assert_int_equal(attempt("user@alpha.test", "pencil"), 0);
    assert_int_equal(world.loads, 1);
    assert_int_equal(attempt("user@alpha.test", "pencil"), 0);
    assert_int_equal(world.loads, 1); /* it was at hand */
    assert_int_equal(core_standings_count(), 1);
    /* As many accounts, one set of rules. */
    assert_int_equal(attempt("apps@alpha.test", "app"), 0);
    assert_int_equal(attempt("other@alpha.test", "secret"), 0);
    assert_int_equal(core_standings_count(), 3);
    assert_int_equal(core_rules_count(), 1);
}

static void refuses_whom_it_does_not(void **state)
{
    (void)state;
    static const struct mansio_str scram[] = {MANSIO_STR("SCRAM-SHA-256")};
    static const struct mansio_str elsewhere[] = {MANSIO_STR("198.51.100.0/24")};
    static const struct {
        uint32_t scope, verb;
        const char *in_log;
    } rows[] = {
        {MANSIO_POLICY_PLATFORM, MANSIO_POLICY_DENY, "reason=policy scope=platform"},
        {MANSIO_POLICY_TENANT, MANSIO_POLICY_DENY, "reason=policy scope=tenant"},
        {MANSIO_POLICY_ACCOUNT, MANSIO_POLICY_DENY, "reason=policy scope=account"},
        {0, 0, "reason=policy scope=default"},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        world.count = 0;
        world.default_verb = rows[i].verb == 0 ? MANSIO_POLICY_DENY : MANSIO_POLICY_ALLOW;
        if (rows[i].verb != 0) {
            add_word(rows[i].scope, rows[i].verb);
        }
        core_standings_forget();
        (void)node_log_text();
        assert_int_equal(attempt("user@alpha.test", "pencil"), MANSIO_E_DENIED);
        if (strstr(node_log_text(), rows[i].in_log) == NULL) {
            fail_msg("wanted %s in %s", rows[i].in_log, node_log);
        }
    }
    /* What the session is judged by is how it comes. */
    world.count = 0;
    struct mansio_policy_word *word = add_word(MANSIO_POLICY_TENANT, MANSIO_POLICY_ALLOW);
    for (int i = 0; i < 10; i++) {
        word->tls = i == 1   ? MANSIO_POLICY_TLS_ABSENT
                    : i == 2 ? MANSIO_POLICY_TLS_REQUIRED
                             : MANSIO_POLICY_TLS_ANY;
        word->mechanisms = scram;
        word->mechanism_count = i == 3;
        word->credential_kinds = i == 4   ? 1U << MANSIO_CREDENTIAL_APP
                                 : i == 5 ? 1U << MANSIO_CREDENTIAL_MAIN
                                          : 0;
        word->networks = elsewhere;
        word->network_count = i == 6 || i == 7;
        channel.network = i == 7 ? "198.51.100.200" : "192.0.2.1";
        word->service = i == 8 ? MANSIO_STR("imap") : MANSIO_STR("pop3");
        core_standings_forget();
        int is_refused = i == 1 || i == 3 || i == 4 || i == 6 || i == 8;
        int wanted = is_refused ? MANSIO_E_DENIED : 0;
        if (attempt("user@alpha.test", "pencil") != wanted) {
            fail_msg("condition %d: %d, wanted %d", i, node_result, wanted);
        }
    }
}

/* The words, the count of the account and the waits are a wrong password's; others at the address
 * go on as if nothing had been. */
static void a_refusal_looks_like_a_wrong_password(void **state)
{
    (void)state;
    node.config.login.failures_per_address = 3;
    node.config.login.failures_per_account = 100;
    assert_int_equal(core_login_configure(&node.config), 0);
    add_word(MANSIO_POLICY_ACCOUNT, MANSIO_POLICY_DENY);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(attempt("user@alpha.test", "pencil"), MANSIO_E_DENIED);
    }
    assert_int_equal(attempt("user@alpha.test", "pencil"), MANSIO_E_LIMIT);
    assert_int_equal(attempt("user@alpha.test", "wrong"), MANSIO_E_LIMIT);
    world.count = 0;
    assert_int_equal(attempt("apps@alpha.test", "app"), 0);
    core_limits_forget();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(attempt("user@alpha.test", "wrong"), MANSIO_E_DENIED);
    }
    assert_int_equal(attempt("user@alpha.test", "pencil"), MANSIO_E_LIMIT);
    assert_int_equal(attempt("apps@alpha.test", "app"), MANSIO_E_LIMIT);
}

static void nobody_gets_in_unjudged(void **state)
{
    (void)state;
    world.load_result = MANSIO_E_UNAVAILABLE;
    assert_int_equal(attempt("user@alpha.test", "pencil"), MANSIO_E_UNAVAILABLE);
    assert_int_equal(core_standings_count(), 0);
    /* Words that can't be read are as good as none that could be had. */
    world.load_result = 0;
    add_word(MANSIO_POLICY_PLATFORM, 7);
    assert_int_equal(attempt("user@alpha.test", "pencil"), MANSIO_E_UNAVAILABLE);
    world.count = 0;
    assert_int_equal(attempt("user@alpha.test", "pencil"), 0);
}

/* ---- credentials and states ---- */

static const struct mansio_str only_imap[] = {MANSIO_STR("imap")};
static const struct mansio_str also_pop3[] = {MANSIO_STR("imap"), MANSIO_STR("pop3")};

static void spoil(int what)
{
    switch (what) {
    case 1:
        world.version = 6;
        break;
    case 2:
        world.has_no_credential = 1;
        break;
    case 3:
        world.expires_us = mansio_wall_us();
        break;
    case 4:
        world.services = only_imap;
        world.service_count = 1;
        break;
    case 5:
        world.state = MANSIO_STATE_SUSPENDED;
        break;
    case 6:
        world.state = MANSIO_STATE_CLOSED;
        break;
    case 7:
        world.state = 0;
        break;
    case 8: /* and what spoils nothing */
        world.services = also_pop3;
        world.service_count = 2;
        world.expires_us = mansio_wall_us() + 1;
        break;
    default:
        break;
    }
}

enum { SPOILS = 7 };

static void a_credential_must_still_be_good(void **state)
{
    (void)state;
    for (int what = 0; what <= SPOILS + 1; what++) {
        world.version = 5;
        world.has_no_credential = 0;
        world.expires_us = 0;
        world.service_count = 0;
        world.state = MANSIO_STATE_ACTIVE;
        spoil(what);
        core_standings_forget();
        (void)node_log_text();
        int wanted = what >= 1 && what <= SPOILS ? MANSIO_E_DENIED : 0;
        if (attempt("user@alpha.test", "pencil") != wanted) {
            fail_msg("%d: %d, wanted %d", what, node_result, wanted);
        }
        const char *text = node_log_text();
        if (wanted < 0) {
            assert_non_null(strstr(text, what <= 4 ? "reason=credential" : "reason=state"));
        }
    }
}

static int spoiled;

static void spoil_and_look(struct mansio_session *session)
{
    (void)session;
    look_and_reload(); /* the first reading drops all */
    spoil(spoiled);
    commit(7, 1, NULL);
    look_and_reload();
}

static void a_session_ends_with_its_credential_or_account(void **state)
{
    for (spoiled = 0; spoiled <= SPOILS + 1; spoiled++) {
        assert_int_equal(gate_teardown(state), 0);
        assert_int_equal(gate_setup(state), 0);
        int wanted = spoiled >= 1 && spoiled <= SPOILS ? MANSIO_E_CANCELLED : 0;
        if (stay_while(spoil_and_look) != wanted) {
            fail_msg("%d: %d, wanted %d", spoiled, node_result, wanted);
        }
        if (wanted < 0) {
            assert_non_null(strstr(node_log_text(), "event=session-forbidden"));
            assert_non_null(strstr(node_log, "reason=policy"));
        }
    }
}

/* ---- changes ---- */

static struct {
    uint64_t tenant_id, account_id;
    const char *plan;
    int is_touched;
} scope;

static void deny_and_look(struct mansio_session *session)
{
    (void)session;
    look_and_reload();
    int before = world.loaded;
    add_word(MANSIO_POLICY_TENANT, MANSIO_POLICY_DENY);
    commit(scope.tenant_id, scope.account_id, scope.plan);
    look_and_reload();
    CHECK(world.loaded - before == scope.is_touched);
}

static void a_change_ends_those_that_it_touches(void **state)
{
    static const struct {
        uint64_t tenant_id, account_id;
        const char *plan;
        int is_touched;
    } rows[] = {
        {0, 0, NULL, 1},     {7, 0, NULL, 1},   {7, 1, NULL, 1}, {0, 0, "gold", 1},
        {7, 0, "gold", 1},   {8, 0, NULL, 0},   {7, 2, NULL, 0}, {0, 0, "silver", 0},
        {7, 0, "silver", 0}, {8, 1, "gold", 0}, {0, 1, NULL, 1}, {0, 2, NULL, 0},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        assert_int_equal(gate_teardown(state), 0);
        assert_int_equal(gate_setup(state), 0);
        scope.tenant_id = rows[i].tenant_id;
        scope.account_id = rows[i].account_id;
        scope.plan = rows[i].plan;
        scope.is_touched = rows[i].is_touched;
        int wanted = rows[i].is_touched ? MANSIO_E_CANCELLED : 0;
        if (stay_while(deny_and_look) != wanted) {
            fail_msg("row %zu: %d, wanted %d", i, node_result, wanted);
        }
    }
}

static void lose_track(struct mansio_session *session)
{
    (void)session;
    look_and_reload();
    add_word(MANSIO_POLICY_TENANT, MANSIO_POLICY_DENY);
    world.is_all = 1;
    look_and_reload();
}

static void a_directory_that_lost_track_ends_them_too(void **state)
{
    (void)state;
    assert_int_equal(stay_while(lose_track), MANSIO_E_CANCELLED);
}

/* What is at hand but nobody's is dropped as well. */
static int look_only(void *arg)
{
    (void)arg;
    look_and_reload();
    return 0;
}

static void the_next_login_sees_a_change(void **state)
{
    (void)state;
    run_fiber(look_only, NULL);
    assert_int_equal(attempt("user@alpha.test", "pencil"), 0);
    add_word(MANSIO_POLICY_PLAN, MANSIO_POLICY_DENY);
    assert_int_equal(attempt("user@alpha.test", "pencil"), 0); /* nobody has seen it yet */
    commit(0, 0, "gold");
    run_fiber(look_only, NULL);
    assert_int_equal(core_standings_count(), 0);
    assert_int_equal(attempt("user@alpha.test", "pencil"), MANSIO_E_DENIED);
}

/* What lets somebody in may be newer than what is at hand. */
static void nobody_is_turned_away_by_what_is_old(void **state)
{
    (void)state;
    run_fiber(look_only, NULL);
    add_word(MANSIO_POLICY_TENANT, MANSIO_POLICY_DENY);
    assert_int_equal(attempt("user@alpha.test", "pencil"), MANSIO_E_DENIED);
    int loads = world.loads;
    world.count = 0;
    assert_int_equal(attempt("user@alpha.test", "pencil"), 0); /* nobody has looked yet */
    assert_int_equal(world.loads, loads + 1);
    people.version = 6; /* another password, as the directory tells logins */
    world.version = 6;
    assert_int_equal(attempt("user@alpha.test", "pencil"), 0);
    /* While nobody can be asked, what is at hand stands. */
    add_word(MANSIO_POLICY_TENANT, MANSIO_POLICY_DENY);
    core_standings_forget();
    assert_int_equal(attempt("user@alpha.test", "pencil"), MANSIO_E_DENIED);
    world.load_result = MANSIO_E_UNAVAILABLE;
    assert_int_equal(attempt("user@alpha.test", "pencil"), MANSIO_E_DENIED);
}

/* A change that happens before the first look, after a login: what the epoch of that look is later
 * than. */
static void deny_before_the_first_look(struct mansio_session *session)
{
    (void)session;
    CHECK(world.looks == 0);
    add_word(MANSIO_POLICY_TENANT, MANSIO_POLICY_DENY);
    commit(7, 0, NULL);
    look_and_reload();
}

static void the_first_look_trusts_nothing_older(void **state)
{
    (void)state;
    assert_int_equal(stay_while(deny_before_the_first_look), MANSIO_E_CANCELLED);
}

/* ---- logins that meet a change ---- */

static void deny_while_it_is_read(void)
{
    add_word(MANSIO_POLICY_TENANT, MANSIO_POLICY_DENY);
    commit(7, 0, NULL);
    CHECK(core_gate_look() == 0);
}

static int look_then_log_in(struct mansio_session *session)
{
    look_and_reload();
    return log_in(session);
}

static void a_login_that_meets_a_change_is_judged_by_it(void **state)
{
    (void)state;
    world.during_load = deny_while_it_is_read;
    given_name = "user@alpha.test";
    given_password = "pencil";
    assert_int_equal(run_session(look_then_log_in), MANSIO_E_DENIED);
    assert_int_equal(world.loads, 2); /* what was read first was from before */
    assert_int_equal(core_standings_waiting(), 0);
}

static void change_without_end(void)
{
    world.epoch = 1;
    commit(7, 0, NULL);
    CHECK(core_gate_look() == 0);
    world.epoch = 1;
    world.is_all = 1;
    world.during_load = change_without_end;
}

static void who_cannot_be_judged_in_the_end_comes_again_later(void **state)
{
    (void)state;
    world.during_load = change_without_end;
    given_name = "user@alpha.test";
    given_password = "pencil";
    assert_int_equal(run_session(look_then_log_in), MANSIO_E_UNAVAILABLE);
    world.during_load = NULL;
}

/* A second login of the account reads the standing anew while the first session still waits to be
 * judged: it must be judged all the same. */
static int second_login(void *arg)
{
    struct mansio_session *session = arg;
    struct mansio_session *second = NULL;
    CHECK(mansio_session_open(mansio_session_conn(session), &node.instances[0], MANSIO_STR("imap"),
                              &second) == 0);
    CHECK(log_in(second) == 0);
    mansio_session_close(second);
    return 0;
}

static void deny_and_log_in_first(struct mansio_session *session)
{
    look_and_reload();
    add_word(MANSIO_POLICY_ACCOUNT, MANSIO_POLICY_DENY); /* of POP3; IMAP is let in */
    commit(7, 1, NULL);
    CHECK(core_gate_look() == 0);
    CHECK(core_standings_waiting() == 1);
    CHECK(second_login(session) == 0);
    int loads = world.loads;
    CHECK(core_standings_waiting() == 1);
    CHECK(core_gate_reload() == 0);
    CHECK(world.loads == loads); /* it had just been read */
}

static void a_later_login_takes_no_judgement_away(void **state)
{
    (void)state;
    assert_int_equal(stay_while(deny_and_log_in_first), MANSIO_E_CANCELLED);
}

/* The gate judges the account's sessions while another login of it is under way: that one is told
 * of its refusal as any login is, and ends nobody's conn. */
static void reload_meanwhile(void)
{
    CHECK(core_gate_reload() == 0);
    CHECK(core_standings_pending() == 0);
}

static void be_refused_while_others_are_judged(struct mansio_session *session)
{
    struct mansio_session *second = NULL;
    look_and_reload();
    add_word(MANSIO_POLICY_ACCOUNT, MANSIO_POLICY_DENY)->service = MANSIO_STR("imap");
    commit(7, 1, NULL);
    CHECK(core_gate_look() == 0);
    world.during_load = reload_meanwhile;
    CHECK(mansio_session_open(mansio_session_conn(session), &node.instances[0], MANSIO_STR("imap"),
                              &second) == 0);
    CHECK(log_in(second) == MANSIO_E_DENIED);
    mansio_session_close(second);
}

static void a_login_under_way_judges_itself(void **state)
{
    (void)state;
    assert_int_equal(stay_while(be_refused_while_others_are_judged), 0);
}

/* The change comes while the gate reads for an earlier one. */
static void deny_during_reload(struct mansio_session *session)
{
    (void)session;
    look_and_reload();
    commit(7, 1, NULL); /* nothing that matters */
    CHECK(core_gate_look() == 0);
    world.during_load = deny_while_it_is_read;
    CHECK(core_gate_reload() == 0);
    CHECK(core_standings_waiting() == 1);
    CHECK(core_gate_reload() == 0);
    CHECK(core_standings_waiting() == 0);
}

static void a_change_during_a_reading_is_not_lost(void **state)
{
    (void)state;
    assert_int_equal(stay_while(deny_during_reload), MANSIO_E_CANCELLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lets_in_whom_policy_allows),
        TEST(refuses_whom_it_does_not),
        TEST(a_refusal_looks_like_a_wrong_password),
        TEST(nobody_gets_in_unjudged),
        TEST(a_credential_must_still_be_good),
        TEST(a_session_ends_with_its_credential_or_account),
        TEST(a_change_ends_those_that_it_touches),
        TEST(a_directory_that_lost_track_ends_them_too),
        TEST(the_next_login_sees_a_change),
        TEST(nobody_is_turned_away_by_what_is_old),
        TEST(the_first_look_trusts_nothing_older),
        TEST(a_login_that_meets_a_change_is_judged_by_it),
        TEST(who_cannot_be_judged_in_the_end_comes_again_later),
        TEST(a_later_login_takes_no_judgement_away),
        TEST(a_login_under_way_judges_itself),
        TEST(a_change_during_a_reading_is_not_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
