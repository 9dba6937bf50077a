/* Tests of watchdog.c: long slices, long callbacks, and who never comes back. */
#include "core/loop/testing.h"

#include <signal.h>
#include <string.h>

#include <ev.h>

#define LIMIT_US (10 * MANSIO_MS)

static char held_by[8][32];
static int64_t held_us[8];
static int holds;
static volatile sig_atomic_t stuck;
static const char *volatile stuck_name;

static void on_hold(const struct core_context *holder, int64_t us)
{
    CHECK(mansio_fiber_self() == NULL); /* in the loop: it may take its time */
    if (holds < 8) {
        snprintf(held_by[holds], sizeof held_by[0], "%s", holder->name);
        held_us[holds] = us;
    }
    holds++;
}

static void on_stuck(const struct core_context *holder, int64_t us)
{
    (void)us;
    stuck_name = holder->name;
    stuck++;
}

static void spin(int64_t us)
{
    int64_t until = mansio_deadline_in(us);
    while (mansio_now_us() < until) {
    }
}

static int hold(void *arg)
{
    spin(*(int64_t *)arg);
    return 0;
}

/* A machine under load may stop us for longer than the limit at any point, so others can be
 * reported too: look for ours. */
static int count_by(const char *name, int64_t at_least_us)
{
    int count = 0;
    for (int i = 0; i < holds && i < 8; i++) {
        count += strcmp(held_by[i], name) == 0 && held_us[i] >= at_least_us;
    }
    return count;
}

static void hold_callback(struct ev_loop *ev, struct ev_timer *timer, int events)
{
    (void)ev;
    (void)timer;
    (void)events;
    spin(LIMIT_US * 2);
}

static int holders(void *arg)
{
    (void)arg;
    int64_t us = LIMIT_US * 3;
    struct mansio_group *group = mansio_group_new("holders");
    CHECK(mansio_group_spawn(group, "holder", hold, &us, NULL) == 0);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(count_by("holder", us) == 1);
    /* Between two waits of the same fiber, with others ready beside it. */
    CHECK(mansio_group_spawn(group, "other", hold, &(int64_t){0}, NULL) == 0);
    spin(us);
    CHECK(mansio_fiber_yield() == 0);
    CHECK(count_by("root", us) == 1);
    CHECK(count_by("other", LIMIT_US * 2) == 0);

    struct ev_timer timer;
    ev_timer_init(&timer, hold_callback, 0., 0.);
    ev_timer_start(core_loop_ev(), &timer);
    CHECK(mansio_fiber_sleep_until(mansio_deadline_in(2 * MANSIO_MS)) == 0);
    CHECK(count_by("loop", LIMIT_US * 2) == 1);

    struct core_loop_stats stats;
    core_loop_stats(&stats);
    CHECK(stats.holds == (uint64_t)holds);
    mansio_group_close(group);
    return 0;
}

static void long_slices_are_reported(void **state)
{
    (void)state;
    holds = 0;
    const struct core_loop_options options = {
        .fibers_max = 10,
        .hold_limit_us = LIMIT_US,
        .on_hold = on_hold,
    };
    run_fiber_with(&options, holders, NULL);
}

static int hold_a_little(void *arg)
{
    (void)arg;
    spin(5 * MANSIO_MS);
    CHECK(mansio_fiber_yield() == 0);
    return 0;
}

static void short_slices_are_not(void **state)
{
    (void)state;
    holds = 0;
    const struct core_loop_options patient = {
        .fibers_max = 10,
        .hold_limit_us = 1000 * MANSIO_SECOND,
        .on_hold = on_hold,
    };
    run_fiber_with(&patient, hold_a_little, NULL);
    assert_int_equal(holds, 0);
    const struct core_loop_options off = {.fibers_max = 10, .on_hold = on_hold};
    run_fiber_with(&off, hold_a_little, NULL);
    assert_int_equal(holds, 0);
}

static int never_come_back(void *arg)
{
    (void)arg;
    /* Let the thread find the loop asleep first: it must wake up for what follows. */
    CHECK(mansio_fiber_sleep_until(mansio_deadline_in(30 * MANSIO_MS)) == 0);
    int64_t give_up = mansio_deadline_in(60 * MANSIO_SECOND);
    int before = stuck;
    /* What was found before we held it may be told only now. */
    while ((stuck == before || stuck_name == NULL || strcmp(stuck_name, "root") != 0) &&
           mansio_now_us() < give_up) {
    }
    CHECK(stuck > before);
    CHECK(stuck_name != NULL && strcmp(stuck_name, "root") == 0);
    return 0;
}

static void who_never_comes_back_is_named(void **state)
{
    (void)state;
    const struct core_loop_options options = {
        .fibers_max = 10,
        .hold_limit_us = 2 * MANSIO_MS,
        .on_stuck = on_stuck,
    };
    for (int i = 0; i < 3; i++) { /* and the thread ends and starts with the loop */
        run_fiber_with(&options, never_come_back, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_slices_are_reported),
        cmocka_unit_test(short_slices_are_not),
        cmocka_unit_test(who_never_comes_back_is_named),
    };
    return cmocka_run_group_tests_name("watchdog", tests, NULL, NULL);
}
