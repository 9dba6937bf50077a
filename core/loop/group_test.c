/* Tests of group.c: counting, joining, cancelling, stopping, closing. */
#include "core/loop/testing.h"

#include <mansio/error.h>

static int wait_idle(void *arg)
{
    int *answers = arg;
    int rc = mansio_wait(NULL, 0, MANSIO_NEVER, MANSIO_WAIT_IDLE);
    answers[rc == MANSIO_E_STOPPING]++;
    return rc;
}

static int end_after_yields(void *arg)
{
    for (int i = *(int *)arg; i > 0; i--) {
        (void)mansio_fiber_yield();
    }
    return 0;
}

static int join_all(void *arg)
{
    (void)arg;
    int yields[] = {3, 0, 10};
    struct mansio_group *group = mansio_group_new("children");
    CHECK(mansio_group_join(group, 0) == 0); /* empty */
    for (int i = 0; i < 3; i++) {
        CHECK(mansio_group_spawn(group, "child", end_after_yields, &yields[i], NULL) == 0);
    }
    CHECK(mansio_group_count(group) == 3);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(mansio_group_count(group) == 0);
    mansio_group_close(group);
    return 0;
}

static void join_waits_for_all(void **state)
{
    (void)state;
    run_fiber(join_all, NULL);
}

static struct mansio_group *own_group;

static int join_own(void *arg)
{
    (void)arg;
    return mansio_group_join(own_group, MANSIO_NEVER);
}

static int joins_own(void *arg)
{
    (void)arg;
    int result = 0;
    struct mansio_fiber *fiber = NULL;
    own_group = mansio_group_new("own");
    CHECK(mansio_group_spawn(own_group, "child", join_own, NULL, &fiber) == 0);
    CHECK(mansio_fiber_join(fiber, MANSIO_NEVER, &result) == 0);
    CHECK(result == MANSIO_E_BUG);
    mansio_group_close(own_group);
    return 0;
}

static void joining_ones_own_group_is_a_bug(void **state)
{
    (void)state;
    run_fiber(joins_own, NULL);
}

static int join_and_be_interrupted(void *arg)
{
    int answers[2] = {0, 0};
    struct mansio_group *group = mansio_group_new("children");
    CHECK(mansio_group_spawn(group, "child", wait_idle, answers, NULL) == 0);
    CHECK(mansio_group_join(group, mansio_deadline_in(2 * MANSIO_MS)) == MANSIO_E_TIMEOUT);
    *(int *)arg = 1;
    CHECK(mansio_group_join(group, MANSIO_NEVER) == MANSIO_E_CANCELLED);
    CHECK(mansio_group_count(group) == 1);
    mansio_group_close(group); /* although cancelled: clean-up is ordinary code */
    CHECK(answers[0] == 1);
    return MANSIO_E_CANCELLED;
}

static int interrupt(void *arg)
{
    (void)arg;
    int is_ready = 0, result = 0;
    struct mansio_group *group = mansio_group_new("outer");
    struct mansio_fiber *fiber = NULL;
    CHECK(mansio_group_spawn(group, "joiner", join_and_be_interrupted, &is_ready, &fiber) == 0);
    while (!is_ready) {
        CHECK(mansio_fiber_sleep_until(mansio_deadline_in(1 * MANSIO_MS)) == 0);
    }
    mansio_fiber_cancel(fiber);
    CHECK(mansio_fiber_join(fiber, MANSIO_NEVER, &result) == 0);
    CHECK(result == MANSIO_E_CANCELLED);
    mansio_group_close(group);
    return 0;
}

static void a_join_can_end_early_a_close_cannot(void **state)
{
    (void)state;
    run_fiber(interrupt, NULL);
}

static int stop_all(void *arg)
{
    (void)arg;
    int answers[2] = {0, 0};
    struct mansio_group *group = mansio_group_new("children");
    for (int i = 0; i < 10; i++) {
        CHECK(mansio_group_spawn(group, "child", wait_idle, answers, NULL) == 0);
    }
    CHECK(mansio_fiber_yield() == 0);
    mansio_group_stop(group, MANSIO_REASON_DRAIN, MANSIO_NEVER);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(answers[1] == 10);
    for (int i = 0; i < 10; i++) {
        CHECK(mansio_group_spawn(group, "child", wait_idle, answers, NULL) == 0);
    }
    mansio_group_cancel(group);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(answers[0] == 10);
    /* More may be started after. */
    CHECK(mansio_group_spawn(group, "child", wait_idle, answers, NULL) == 0);
    mansio_group_close(group);
    CHECK(answers[0] == 11);
    mansio_group_close(NULL);
    return 0;
}

static void signals_reach_every_fiber(void **state)
{
    (void)state;
    run_fiber(stop_all, NULL);
}

static struct mansio_group *closing;
static int late_spawn = 1;

static int spawn_while_closing(void *arg)
{
    (void)mansio_fiber_sleep_until(MANSIO_NEVER);
    late_spawn = mansio_group_spawn(closing, "late", wait_idle, arg, NULL);
    return 0;
}

static int close_it(void *arg)
{
    (void)arg;
    int answers[2] = {0, 0};
    closing = mansio_group_new("closing");
    CHECK(mansio_group_spawn(closing, "child", spawn_while_closing, answers, NULL) == 0);
    CHECK(mansio_fiber_yield() == 0);
    mansio_group_close(closing);
    CHECK(late_spawn == MANSIO_E_CANCELLED);
    return 0;
}

static void nothing_starts_in_a_closing_group(void **state)
{
    (void)state;
    run_fiber(close_it, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(join_waits_for_all),
        cmocka_unit_test(joining_ones_own_group_is_a_bug),
        cmocka_unit_test(a_join_can_end_early_a_close_cannot),
        cmocka_unit_test(signals_reach_every_fiber),
        cmocka_unit_test(nothing_starts_in_a_closing_group),
    };
    return cmocka_run_group_tests_name("group", tests, NULL, NULL);
}
