/*
 * The gate while the directory is away, while time passes, without standings, and with many.
 */
#include "core/host/gate_testing.h"

/* ---- a directory that is away ---- */

static void fail_then_succeed(struct mansio_session *session)
{
    (void)session;
    look_and_reload();
    add_word(MANSIO_POLICY_TENANT, MANSIO_POLICY_DENY);
    commit(7, 0, NULL);
    world.look_result = MANSIO_E_UNAVAILABLE;
    CHECK(core_gate_look() == MANSIO_E_UNAVAILABLE);
    CHECK(core_gate_tick() == 0);
    CHECK(core_standings_waiting() == 0);
    world.look_result = 0;
    world.load_result = MANSIO_E_TIMEOUT;
    CHECK(core_gate_look() == 0);
    for (int i = 0; i < 3; i++) {
        CHECK(core_gate_reload() == MANSIO_E_TIMEOUT);
        CHECK(core_standings_waiting() == 1); /* it isn't forgotten */
        CHECK(!mansio_fiber_is_cancelled());
    }
    CHECK(strstr(node_log_text(), "session-forbidden") == NULL);
    world.load_result = 0;
    CHECK(core_gate_reload() == 0);
}

static void what_could_not_be_read_is_read_later(void **state)
{
    (void)state;
    assert_int_equal(stay_while(fail_then_succeed), MANSIO_E_CANCELLED);
}

static void be_away(struct mansio_session *session)
{
    struct mansio_session *second = NULL;
    look_and_reload();
    world.look_result = MANSIO_E_UNAVAILABLE;
    later_us += node.config.policy.hold_us - MANSIO_SECOND;
    CHECK(core_gate_look() == MANSIO_E_UNAVAILABLE);
    CHECK(core_gate_tick() == 0);
    CHECK(core_gate_trust() == CORE_GATE_HOLDS);
    CHECK(mansio_session_open(mansio_session_conn(session), &node.instances[0], MANSIO_STR("imap"),
                              &second) == 0);
    CHECK(log_in(second) == 0); /* what was read last holds */
    mansio_session_close(second);
    later_us += 2 * MANSIO_SECOND;
    CHECK(core_gate_look() == MANSIO_E_UNAVAILABLE);
    CHECK(core_gate_tick() == 0);
    CHECK(core_gate_tick() == 0); /* it is said once */
    CHECK(mansio_session_open(mansio_session_conn(session), &node.instances[0], MANSIO_STR("imap"),
                              &second) == 0);
    CHECK(log_in(second) == (node.config.policy.is_open ? 0 : MANSIO_E_UNAVAILABLE));
    mansio_session_close(second);
    world.look_result = 0;
    CHECK(core_gate_look() == 0);
    CHECK(core_gate_tick() == 0);
    CHECK(core_gate_trust() == CORE_GATE_HOLDS);
}

static void the_last_word_holds_for_a_while_then_it_is_closed(void **state)
{
    (void)state;
    assert_int_equal(stay_while(be_away), MANSIO_E_CANCELLED);
    const char *text = node_log_text();
    assert_non_null(strstr(text, "event=policy-closed"));
    assert_null(strstr(strstr(text, "event=policy-closed") + 1, "event=policy-closed"));
    assert_non_null(strstr(text, "event=policy-read-again"));
    assert_non_null(strstr(text, "reason=fault")); /* nobody forbade it */
}

static void or_goes_on_holding(void **state)
{
    (void)state;
    node.config.policy.is_open = 1;
    core_gate_configure(&node.config);
    assert_int_equal(stay_while(be_away), 0);
    assert_null(strstr(node_log_text(), "event=policy-closed"));
}

/* Changes can be read, but this account's standing can't. */
static void stay_unreadable(struct mansio_session *session)
{
    (void)session;
    look_and_reload();
    commit(7, 1, NULL);
    add_word(MANSIO_POLICY_TENANT, 9);
    CHECK(core_gate_look() == 0);
    CHECK(core_gate_reload() == MANSIO_E_UNAVAILABLE);
    later_us += node.config.policy.hold_us - MANSIO_SECOND;
    CHECK(core_gate_look() == 0);
    CHECK(core_gate_reload() == MANSIO_E_UNAVAILABLE);
    CHECK(strstr(node_log_text(), "session-end") == NULL);
    CHECK(core_session_way(staying)->is_judged);
    later_us += 2 * MANSIO_SECOND;
    CHECK(core_gate_look() == 0);
    CHECK(core_gate_reload() == MANSIO_E_UNAVAILABLE);
}

static void one_that_cannot_be_read_is_held_as_long(void **state)
{
    (void)state;
    assert_int_equal(stay_while(stay_unreadable), MANSIO_E_CANCELLED);
}

/* ---- time ---- */

static struct mansio_time_span office[1];

static void let_hours_pass(struct mansio_session *session)
{
    (void)session;
    look_and_reload();
    int loads = world.loads;
    later_us += 9 * MANSIO_SECOND;
    CHECK(core_gate_look() == 0);
    CHECK(core_gate_tick() == 0);
    CHECK(strstr(node_log_text(), "session-forbidden") == NULL);
    later_us += MANSIO_SECOND;
    CHECK(core_gate_tick() == 0);
    CHECK(world.loads == loads); /* nobody has to be asked */
}

static void hours_end_sessions(void **state)
{
    (void)state;
    struct mansio_policy_word *word = add_word(MANSIO_POLICY_DOMAIN, MANSIO_POLICY_ALLOW);
    office[0] = (struct mansio_time_span){mansio_wall_us(), mansio_wall_us() + 10 * MANSIO_SECOND};
    world.hours_known_us = mansio_wall_us() + 100 * MANSIO_SECOND;
    word->has_hours = 1;
    word->hours = office;
    word->hour_count = 1;
    assert_int_equal(stay_while(let_hours_pass), MANSIO_E_CANCELLED);
    assert_int_equal(attempt("user@alpha.test", "pencil"), MANSIO_E_DENIED);
}

static void let_clock_be_put_back(struct mansio_session *session)
{
    (void)session;
    look_and_reload();
    CHECK(core_gate_tick() == 0);
    later_us += MANSIO_SECOND;
    put_back_us = 2 * MANSIO_SECOND;
    CHECK(core_gate_tick() == 0);
}

static void hours_end_sessions_too_when_the_clock_is_put_back(void **state)
{
    (void)state;
    struct mansio_policy_word *word = add_word(MANSIO_POLICY_DOMAIN, MANSIO_POLICY_ALLOW);
    office[0] = (struct mansio_time_span){mansio_wall_us(), mansio_wall_us() + 10 * MANSIO_SECOND};
    word->has_hours = 1;
    word->hours = office;
    word->hour_count = 1;
    assert_int_equal(stay_while(let_clock_be_put_back), MANSIO_E_CANCELLED);
}

static void a_credential_expires(void **state)
{
    (void)state;
    world.expires_us = mansio_wall_us() + 10 * MANSIO_SECOND;
    assert_int_equal(stay_while(let_hours_pass), MANSIO_E_CANCELLED);
}

/* A database that takes long to say what changed: nobody has to be asked about time. */
static int stay_while_stuck(struct mansio_session *session)
{
    world.is_stuck = 1;
    CHECK(core_gate_start() == 0);
    int rc = log_in(session);
    CHECK(rc == 0);
    later_us += 10 * MANSIO_SECOND;
    if (rc == 0) {
        rc = mansio_fiber_sleep_until(mansio_deadline_in(60 * MANSIO_SECOND));
    }
    mansio_fiber_mask();
    CHECK(world.looks == 1);
    core_gate_stop();
    mansio_fiber_unmask();
    return rc;
}

static void time_waits_for_no_directory(void **state)
{
    (void)state;
    world.expires_us = mansio_wall_us() + 10 * MANSIO_SECOND;
    assert_int_equal(run_session(stay_while_stuck), MANSIO_E_CANCELLED);
    const char *text = node_log_text();
    assert_non_null(strstr(text, "event=session-forbidden"));
    assert_non_null(strstr(text, "reason=credential"));
}

/* What isn't stored ends too: a certificate, with whatever vouches for it. A password that is shown
 * on the same conn has another end. */
static int log_in_by_certificate(struct mansio_session *session)
{
    struct mansio_sasl *sasl = NULL;
    struct mansio_str challenge;
    int rc =
        mansio_sasl_begin(session, MANSIO_STR("EXTERNAL"), mansio_session_arena(session), &sasl);
    return rc < 0 ? rc : mansio_sasl_step(sasl, MANSIO_STR_NONE, MANSIO_NEVER, &challenge);
}

static void a_certificate_ends(void **state)
{
    static const struct mansio_str address = MANSIO_STR("user@alpha.test");
    (void)state;
    channel.addresses = &address;
    channel.address_count = 1;
    channel.until_us = mansio_wall_us() + 10 * MANSIO_SECOND;
    stay_log_in = log_in_by_certificate;
    assert_int_equal(stay_while(let_hours_pass), MANSIO_E_CANCELLED);
    assert_non_null(strstr(node_log_text(), "event=session-forbidden"));
    assert_int_equal(run_session(log_in_by_certificate), MANSIO_E_DENIED);
    assert_non_null(strstr(node_log_text(), "reason=credential"));
    stay_log_in = log_in;
    channel.until_us = mansio_wall_us() + 10 * MANSIO_SECOND;
    assert_int_equal(stay_while(let_hours_pass), 0);
}

static void outlive_what_is_known(struct mansio_session *session)
{
    (void)session;
    look_and_reload();
    int loads = world.loads;
    later_us += 10 * MANSIO_SECOND;
    world.hours_known_us = mansio_wall_us() + 100 * MANSIO_SECOND;
    CHECK(core_gate_tick() == 0);
    CHECK(core_standings_waiting() == 1);
    CHECK(core_gate_reload() == 0);
    CHECK(world.loads == loads + 1);
    /* A directory that knows no more: asked again, but not all the time. */
    world.hours_known_us = mansio_wall_us();
    commit(7, 1, NULL);
    look_and_reload();
    loads = world.loads;
    for (int i = 0; i < 10; i++) {
        later_us += MANSIO_SECOND / 4;
        CHECK(core_gate_tick() == 0);
        if (core_standings_waiting() > 0) {
            CHECK(core_gate_reload() == 0);
        }
    }
    CHECK(world.loads - loads >= 1 && world.loads - loads <= 3);
}

/* The directory says no more than that it is open until then: nobody knows what comes after. */
static void stay_beyond_what_is_known(struct mansio_session *session)
{
    (void)session;
    look_and_reload();
    later_us += 10 * MANSIO_SECOND;
    world.load_result = MANSIO_E_UNAVAILABLE;
    CHECK(core_gate_tick() == 0);
    CHECK(core_gate_reload() == MANSIO_E_UNAVAILABLE);
    CHECK(strstr(node_log_text(), "session-forbidden") == NULL);
    world.load_result = 0;
    office[0].until_us = world.hours_known_us = mansio_wall_us() + 20 * MANSIO_SECOND;
    CHECK(core_gate_reload() == 0);
    CHECK(strstr(node_log_text(), "session-forbidden") == NULL);
    /* What doesn't hang on hours ends all the same. */
    later_us += 20 * MANSIO_SECOND;
    world.load_result = MANSIO_E_UNAVAILABLE;
    CHECK(core_gate_tick() == 0);
    CHECK(strstr(node_log_text(), "session-forbidden") == NULL);
    later_us += 10 * MANSIO_SECOND;
    CHECK(core_gate_tick() == 0);
    CHECK(strstr(node_log_text(), "reason=credential") != NULL);
}

static void open_hours_end_nobody_where_knowledge_of_them_ends(void **state)
{
    (void)state;
    struct mansio_policy_word *word = add_word(MANSIO_POLICY_DOMAIN, MANSIO_POLICY_ALLOW);
    office[0] = (struct mansio_time_span){mansio_wall_us(), mansio_wall_us() + 10 * MANSIO_SECOND};
    world.hours_known_us = office[0].until_us;
    world.expires_us = mansio_wall_us() + 40 * MANSIO_SECOND;
    word->has_hours = 1;
    word->hours = office;
    word->hour_count = 1;
    assert_int_equal(stay_while(stay_beyond_what_is_known), MANSIO_E_CANCELLED);
}

static void hours_are_asked_for_again_before_they_are_used_up(void **state)
{
    (void)state;
    struct mansio_policy_word *word = add_word(MANSIO_POLICY_DOMAIN, MANSIO_POLICY_DENY);
    office[0] = (struct mansio_time_span){mansio_wall_us() - 2, mansio_wall_us() - 1};
    world.hours_known_us = mansio_wall_us() + 10 * MANSIO_SECOND;
    word->has_hours = 1;
    word->hours = office;
    word->hour_count = 1;
    assert_int_equal(stay_while(outlive_what_is_known), 0);
}

/* ---- without standings, and many ---- */

static void judges_states_alone_where_nothing_else_is_told(void **state)
{
    (void)state;
    fake_directory.standings = NULL;
    core_accounts_fini();
    assert_int_equal(set_init(&node), 0);
    assert_int_equal(core_gate_trust(), CORE_GATE_STATES);
    assert_int_equal(attempt("user@alpha.test", "pencil"), 0);
    assert_int_equal(attempt("held@alpha.test", "secret"), MANSIO_E_DENIED);
    assert_int_equal(world.loads, 0);
}

/* Many that are held: all are read again, in as few questions as may be, and put back. */
static int reload_many(void *arg)
{
    enum { MANY = 2500 };
    static struct core_standing *held[MANY];
    (void)arg;
    CHECK(core_gate_look() == 0);
    for (uint64_t i = 0; i < MANY; i++) {
        held[i] = core_standing_hold(7 + i % 2, 1 + i);
    }
    for (size_t i = 0; i < MANY; i += 500) {
        CHECK(core_standings_load(&held[i], 500, MANSIO_NEVER) == 0);
    }
    int loads = world.loads;
    commit(8, 0, NULL);
    CHECK(core_gate_look() == 0);
    CHECK(core_standings_waiting() == MANY / 2);
    while (core_standings_waiting() > 0) {
        CHECK(core_gate_reload() == 0);
    }
    CHECK(world.loads - loads == 2);
    CHECK(core_rules_count() == 1);
    for (size_t i = 0; i < MANY; i++) {
        CHECK(held[i]->is_fresh);
        core_standing_release(held[i]);
    }
    CHECK(core_standings_count() == MANY);
    return 0;
}

/* More than the memory for it holds: fewer at once. One that is too much alone is all that stays.
 */
static int reload_in_parts(void *arg)
{
    enum { SOME = 100 };
    static struct core_standing *held[SOME];
    (void)arg;
    for (size_t i = 0; i < SOME; i++) {
        held[i] = core_standing_hold(7, i + 1);
    }
    world.load_most = 30;
    CHECK(core_standings_load(held, SOME, MANSIO_NEVER) == 0);
    CHECK(world.loaded == 100 + 50 + 25 + 25 + 50 + 25 + 25);
    for (size_t i = 0; i < SOME; i++) {
        CHECK(held[i]->is_fresh);
        core_standing_drop(held[i]);
    }
    world.load_result = MANSIO_E_LIMIT;
    world.load_most = 0;
    CHECK(core_standings_load(held, 2, MANSIO_NEVER) == MANSIO_E_LIMIT);
    for (size_t i = 0; i < SOME; i++) {
        core_standing_release(held[i]);
    }
    return 0;
}

static void reads_in_parts_what_is_too_much(void **state)
{
    (void)state;
    run_fiber(reload_in_parts, NULL);
}

static void reads_many_at_once(void **state)
{
    (void)state;
    run_fiber(reload_many, NULL);
}

/* ---- sessions with a fiber of their own ---- */

static int wait_long(void *arg)
{
    int *out = arg;
    *out = mansio_fiber_sleep_until(MANSIO_NEVER);
    return 0;
}

/* One of many on a conn, as a request of HTTP is: it ends alone, and leads to nothing any more. */
static int serve_apart(struct mansio_session *first)
{
    struct mansio_session *sessions[2];
    struct mansio_fiber *fibers[2];
    int results[2] = {0, 0};
    struct mansio_group *group = mansio_group_new("apart");
    look_and_reload();
    for (int i = 0; i < 2; i++) {
        CHECK(mansio_session_open(mansio_session_conn(first), &node.instances[0],
                                  MANSIO_STR("pop3"), &sessions[i]) == 0);
        given_name = i == 0 ? "user@alpha.test" : "other@alpha.test";
        given_password = i == 0 ? "pencil" : "secret";
        CHECK(log_in(sessions[i]) == 0);
        CHECK(mansio_group_spawn(group, "apart", wait_long, &results[i], &fibers[i]) == 0);
        mansio_session_set_fiber(sessions[i], fibers[i]);
    }
    CHECK(mansio_fiber_yield() == 0);
    world.state = MANSIO_STATE_SUSPENDED;
    commit(7, 1, NULL);
    look_and_reload();
    CHECK(mansio_fiber_join(fibers[0], MANSIO_NEVER, NULL) == 0);
    CHECK(results[0] == MANSIO_E_CANCELLED && results[1] == 0);
    CHECK(mansio_session_account(sessions[0]) != NULL); /* its fiber may have needed it */
    mansio_session_set_fiber(sessions[0], NULL);
    CHECK(mansio_session_account(sessions[0]) == NULL);
    CHECK(core_session_end(sessions[0], MANSIO_REASON_KILLED) == 0); /* it was told */
    CHECK(mansio_fiber_yield() == 0);
    mansio_session_close(sessions[0]);
    /* Who isn't ended goes on as he was; without a fiber of his own he is the conn's. */
    mansio_session_set_fiber(sessions[1], NULL);
    CHECK(mansio_session_account(sessions[1]) != NULL && results[1] == 0);
    CHECK(core_session_end(sessions[1], MANSIO_REASON_POLICY) == 1);
    mansio_group_close(group);
    return mansio_fiber_yield();
}

static void one_of_many_ends_alone(void **state)
{
    (void)state;
    assert_int_equal(run_session(serve_apart), MANSIO_E_CANCELLED);
    const char *text = node_log_text();
    assert_non_null(strstr(text, "event=session-forbidden"));
    assert_null(strstr(strstr(text, "event=session-forbidden") + 1, "event=session-forbidden"));
}

/* ---- cancellation ---- */

static int suspensions, cancel_at;

static void on_suspend(struct mansio_fiber *fiber)
{
    if (fiber == node_fiber && ++suspensions == cancel_at) {
        mansio_fiber_cancel(fiber);
    }
}

static void a_login_may_be_cancelled_anywhere(void **state)
{
    (void)state;
    node_on_suspend = on_suspend;
    cancel_at = 0;
    suspensions = 0;
    assert_int_equal(attempt("user@alpha.test", "pencil"), 0);
    int points = suspensions;
    assert_true(points >= 3);
    for (cancel_at = 1; cancel_at <= points; cancel_at++) {
        core_standings_forget();
        core_login_domain_forget();
        suspensions = 0;
        assert_int_equal(attempt("user@alpha.test", "pencil"), MANSIO_E_CANCELLED);
    }
    node_on_suspend = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_could_not_be_read_is_read_later),
        TEST(the_last_word_holds_for_a_while_then_it_is_closed),
        TEST(or_goes_on_holding),
        TEST(one_that_cannot_be_read_is_held_as_long),
        TEST(hours_end_sessions),
        TEST(hours_end_sessions_too_when_the_clock_is_put_back),
        TEST(a_credential_expires),
        TEST(time_waits_for_no_directory),
        TEST(a_certificate_ends),
        TEST(open_hours_end_nobody_where_knowledge_of_them_ends),
        TEST(hours_are_asked_for_again_before_they_are_used_up),
        TEST(one_of_many_ends_alone),
        TEST(judges_states_alone_where_nothing_else_is_told),
        TEST(reads_many_at_once),
        TEST(reads_in_parts_what_is_too_much),
        TEST(a_login_may_be_cancelled_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
