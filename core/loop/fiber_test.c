/* Tests of fiber.c: spawning, results, order, yielding, signals, masks, names, limits. */
#include "core/loop/testing.h"

#include <string.h>

#include "core/base/context.h"
#include "core/loop/fiber.h"

#include <mansio/error.h>

static int answer(void *arg)
{
    return *(int *)arg;
}

/* ---- results ---- */

static int spawn_and_join(void *arg)
{
    (void)arg;
    struct mansio_group *group = mansio_group_new("children");
    int values[20];
    struct mansio_fiber *fibers[20];
    for (int i = 0; i < 20; i++) {
        values[i] = i + 100;
        CHECK(mansio_group_spawn(group, "child", answer, &values[i], &fibers[i]) == 0);
    }
    CHECK(mansio_group_count(group) == 20);
    for (int i = 19; i >= 0; i--) { /* the first asked for has to be waited for */
        int result = 0;
        CHECK(mansio_fiber_join(fibers[i], MANSIO_NEVER, &result) == 0);
        CHECK(result == i + 100);
    }
    CHECK(mansio_group_count(group) == 0);
    mansio_group_close(group);
    return 0;
}

static void joins_give_results(void **state)
{
    (void)state;
    run_fiber(spawn_and_join, NULL);
}

static int join_late(void *arg)
{
    (void)arg;
    struct mansio_group *group = mansio_group_new("children");
    struct mansio_event *event = mansio_event_new(arg);
    int value = 7, result = 0;
    struct mansio_fiber *fiber = NULL;
    CHECK(mansio_group_spawn(group, "child", answer, &value, &fiber) == 0);
    CHECK(mansio_fiber_yield() == 0);
    struct mansio_waitable *sources[] = {mansio_event_waitable(event), mansio_fiber_done(fiber)};
    CHECK(mansio_wait(sources, 2, MANSIO_NEVER, 0) == 1);
    mansio_fiber_cancel(fiber); /* harmless by now */
    mansio_fiber_stop(fiber, MANSIO_REASON_DRAIN, 0);
    CHECK(mansio_fiber_join(fiber, 0, &result) == 0 && result == 7);

    /* Never joined: its handle goes with the group. */
    CHECK(mansio_group_spawn(group, "child", answer, &value, &fiber) == 0);
    mansio_group_close(group);
    return 0;
}

static void a_result_waits_for_its_reader(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    run_fiber(join_late, arena);
    mansio_arena_free(arena);
}

static int sleep_for_ever(void *arg)
{
    (void)arg;
    return mansio_fiber_sleep_until(MANSIO_NEVER);
}

static int join_too_early(void *arg)
{
    (void)arg;
    struct mansio_group *group = mansio_group_new("children");
    struct mansio_fiber *fiber = NULL;
    int result = 0;
    CHECK(mansio_group_spawn(group, "child", sleep_for_ever, NULL, &fiber) == 0);
    CHECK(mansio_fiber_join(fiber, mansio_deadline_in(2 * MANSIO_MS), &result) == MANSIO_E_TIMEOUT);
    mansio_fiber_cancel(fiber);
    CHECK(mansio_fiber_join(fiber, MANSIO_NEVER, &result) == 0);
    CHECK(result == MANSIO_E_CANCELLED);
    mansio_group_close(group);
    return 0;
}

static void a_join_that_times_out_can_be_repeated(void **state)
{
    (void)state;
    run_fiber(join_too_early, NULL);
}

/* ---- order ---- */

static char order[64];

static int note(void *arg)
{
    const char *letter = arg;
    for (int i = 0; i < 3; i++) {
        size_t length = strlen(order);
        order[length] = *letter;
        order[length + 1] = '\0';
        CHECK(mansio_fiber_yield() == 0);
    }
    return 0;
}

static int first_come(void *arg)
{
    (void)arg;
    static char letters[] = "abc";
    order[0] = '\0';
    struct mansio_group *group = mansio_group_new("children");
    for (int i = 0; i < 3; i++) {
        CHECK(mansio_group_spawn(group, "note", note, &letters[i], NULL) == 0);
    }
    CHECK(order[0] == '\0'); /* nobody runs before the spawner yields */
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    mansio_group_close(group);
    CHECK(strcmp(order, "abcabcabc") == 0);
    return 0;
}

static void first_come_is_first_served(void **state)
{
    (void)state;
    run_fiber(first_come, NULL);
}

static int always_ready(void *arg)
{
    int *stop = arg;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_event *event = mansio_event_new(arena);
    mansio_event_set(event);
    struct mansio_waitable *source = mansio_event_waitable(event);
    int rounds = 0;
    while (!*stop && rounds < 100000) {
        CHECK(mansio_wait(&source, 1, MANSIO_NEVER, 0) == 0);
        rounds++;
    }
    CHECK(rounds < 100000);
    mansio_arena_free(arena);
    return 0;
}

static int set_flag(void *arg)
{
    *(int *)arg = 1;
    return 0;
}

static int nobody_starves(void *arg)
{
    (void)arg;
    int stop = 0;
    struct mansio_group *group = mansio_group_new("children");
    CHECK(mansio_group_spawn(group, "busy", always_ready, &stop, NULL) == 0);
    CHECK(mansio_group_spawn(group, "flag", set_flag, &stop, NULL) == 0);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    mansio_group_close(group);
    return 0;
}

static void waits_that_find_at_once_let_others_run(void **state)
{
    (void)state;
    run_fiber(nobody_starves, NULL);
}

static int pace_until(void *arg)
{
    int *stop = arg;
    int64_t give_up = mansio_deadline_in(20 * MANSIO_SECOND);
    while (!*stop && mansio_now_us() < give_up) {
        CHECK(mansio_fiber_pace() == 0);
    }
    CHECK(*stop);
    return 0;
}

static int paced(void *arg)
{
    (void)arg;
    int stop = 0;
    struct mansio_group *group = mansio_group_new("children");
    CHECK(mansio_group_spawn(group, "pace", pace_until, &stop, NULL) == 0);
    CHECK(mansio_group_spawn(group, "flag", set_flag, &stop, NULL) == 0);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    mansio_group_close(group);
    return 0;
}

static void pace_yields_after_a_while(void **state)
{
    (void)state;
    run_fiber(paced, NULL);
}

static int many_yielders(void *arg)
{
    /* More slices than a turn has, and a timer beside them: both must get on. */
    (void)arg;
    int64_t deadline = mansio_deadline_in(5 * MANSIO_MS);
    int stop = 0;
    struct mansio_group *group = mansio_group_new("children");
    for (int i = 0; i < 600; i++) {
        CHECK(mansio_group_spawn(group, "pace", pace_until, &stop, NULL) == 0);
    }
    CHECK(mansio_fiber_sleep_until(deadline) == 0);
    CHECK(mansio_now_us() >= deadline);
    stop = 1;
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    mansio_group_close(group);
    return 0;
}

static void a_timer_fires_among_busy_fibers(void **state)
{
    (void)state;
    run_fiber(many_yielders, NULL);
}

/* ---- signals ---- */

static int be_cancelled(void *arg)
{
    int *steps = arg;
    CHECK(!mansio_fiber_is_cancelled());
    CHECK(mansio_fiber_sleep_until(MANSIO_NEVER) == MANSIO_E_CANCELLED);
    CHECK(mansio_fiber_is_cancelled());
    CHECK(strcmp(mansio_error_detail(), "") == 0);
    /* Sticky: everything that waits answers the same, at once. */
    CHECK(mansio_fiber_yield() == MANSIO_E_CANCELLED);
    CHECK(mansio_fiber_pace() == MANSIO_E_CANCELLED);
    CHECK(mansio_fiber_sleep_until(0) == MANSIO_E_CANCELLED);
    CHECK(mansio_wait(NULL, 0, 0, 0) == MANSIO_E_CANCELLED);
    CHECK(mansio_wait(NULL, 0, 0, MANSIO_WAIT_IDLE) == MANSIO_E_CANCELLED);
    *steps = 1;
    return MANSIO_E_CANCELLED;
}

static int cancel_it(void *arg)
{
    (void)arg;
    int steps = 0, result = 0;
    struct mansio_fiber *fiber = NULL;
    struct mansio_group *group = mansio_group_new("children");
    CHECK(mansio_group_spawn(group, "victim", be_cancelled, &steps, &fiber) == 0);
    CHECK(mansio_fiber_yield() == 0);
    mansio_fiber_cancel(fiber);
    mansio_fiber_cancel(fiber);
    CHECK(mansio_fiber_join(fiber, MANSIO_NEVER, &result) == 0);
    CHECK(result == MANSIO_E_CANCELLED && steps == 1);
    mansio_group_close(group);
    return 0;
}

static void cancellation_is_sticky(void **state)
{
    (void)state;
    run_fiber(cancel_it, NULL);
}

static int start_cancelled(void *arg)
{
    *(int *)arg = mansio_fiber_is_cancelled();
    return mansio_fiber_yield();
}

static int cancel_before_start(void *arg)
{
    (void)arg;
    int seen = 0, result = 0;
    struct mansio_fiber *fiber = NULL;
    struct mansio_group *group = mansio_group_new("children");
    CHECK(mansio_group_spawn(group, "victim", start_cancelled, &seen, &fiber) == 0);
    mansio_fiber_cancel(fiber);
    CHECK(mansio_fiber_join(fiber, MANSIO_NEVER, &result) == 0);
    CHECK(seen == 1 && result == MANSIO_E_CANCELLED);
    mansio_group_close(group);
    return 0;
}

static void a_fiber_cancelled_before_it_ran_still_runs(void **state)
{
    (void)state;
    run_fiber(cancel_before_start, NULL);
}

static int masked(void *arg)
{
    struct mansio_event *event = arg;
    struct mansio_waitable *source = mansio_event_waitable(event);
    mansio_fiber_mask();
    mansio_fiber_mask();
    CHECK(mansio_wait(&source, 1, MANSIO_NEVER, MANSIO_WAIT_IDLE) == 0);
    CHECK(mansio_fiber_is_cancelled()); /* masked or not */
    CHECK(mansio_fiber_stop_reason() == MANSIO_REASON_POLICY);
    mansio_fiber_unmask();
    CHECK(mansio_fiber_yield() == 0);
    mansio_fiber_unmask();
    return mansio_fiber_yield();
}

static int mask_it(void *arg)
{
    int result = 0;
    struct mansio_event *event = mansio_event_new(arg);
    struct mansio_fiber *fiber = NULL;
    struct mansio_group *group = mansio_group_new("children");
    CHECK(mansio_group_spawn(group, "masked", masked, event, &fiber) == 0);
    CHECK(mansio_fiber_yield() == 0);
    mansio_fiber_stop(fiber, MANSIO_REASON_POLICY, MANSIO_NEVER);
    mansio_fiber_cancel(fiber);
    for (int i = 0; i < 3; i++) {
        CHECK(mansio_fiber_yield() == 0);
    }
    CHECK(mansio_fiber_join(fiber, mansio_deadline_in(1 * MANSIO_MS), NULL) == MANSIO_E_TIMEOUT);
    mansio_event_set(event);
    CHECK(mansio_fiber_join(fiber, MANSIO_NEVER, &result) == 0);
    CHECK(result == MANSIO_E_CANCELLED);
    mansio_group_close(group);
    return 0;
}

static void masks_hold_signals_off(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    run_fiber(mask_it, arena);
    mansio_arena_free(arena);
}

static int be_stopped(void *arg)
{
    struct mansio_event *event = arg;
    struct mansio_waitable *source = mansio_event_waitable(event);
    CHECK(mansio_fiber_stop_reason() == MANSIO_REASON_NONE);
    /* Not idle: something is in hand, and is finished. */
    CHECK(mansio_wait(&source, 1, MANSIO_NEVER, 0) == 0);
    CHECK(mansio_fiber_stop_reason() == MANSIO_REASON_DRAIN);
    mansio_event_clear(event);
    CHECK(mansio_fiber_yield() == 0);
    CHECK(mansio_wait(&source, 1, MANSIO_NEVER, MANSIO_WAIT_IDLE) == MANSIO_E_STOPPING);
    /* Once. A goodbye can wait, idle or not. */
    CHECK(mansio_wait(&source, 1, mansio_deadline_in(0), MANSIO_WAIT_IDLE) == MANSIO_E_TIMEOUT);
    /* A second request, while it waits idle. */
    CHECK(mansio_wait(&source, 1, MANSIO_NEVER, MANSIO_WAIT_IDLE) == MANSIO_E_STOPPING);
    CHECK(mansio_fiber_stop_reason() == MANSIO_REASON_KILLED);
    /* The deadline of the first is still on. */
    CHECK(mansio_fiber_sleep_until(MANSIO_NEVER) == MANSIO_E_CANCELLED);
    return 42;
}

static int stop_it(void *arg)
{
    int result = 0;
    struct mansio_event *event = mansio_event_new(arg);
    struct mansio_fiber *fiber = NULL;
    struct mansio_group *group = mansio_group_new("children");
    CHECK(mansio_group_spawn(group, "stopped", be_stopped, event, &fiber) == 0);
    CHECK(mansio_fiber_yield() == 0);
    mansio_group_stop(group, MANSIO_REASON_DRAIN, mansio_deadline_in(50 * MANSIO_MS));
    CHECK(mansio_fiber_yield() == 0);
    mansio_event_set(event);
    for (int i = 0; i < 5; i++) {
        CHECK(mansio_fiber_sleep_until(mansio_deadline_in(0)) == 0);
    }
    mansio_fiber_stop(fiber, MANSIO_REASON_KILLED, MANSIO_NEVER);
    CHECK(mansio_fiber_join(fiber, MANSIO_NEVER, &result) == 0);
    CHECK(result == 42);
    mansio_group_close(group);
    return 0;
}

static void a_stop_request_ends_idle_waits_once(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    run_fiber(stop_it, arena);
    mansio_arena_free(arena);
}

/* ---- what a fiber carries ---- */

static const struct core_log_fields fields = {.session = {"s1", 2}};

static int look_at_context(void *arg)
{
    (void)arg;
    CHECK(core_context_current()->fields == &fields);
    CHECK(strcmp(mansio_fiber_name(), "carrier") == 0);
    CHECK(strcmp(core_context_current()->name, "carrier") == 0);
    CHECK(mansio_fail(MANSIO_E_IO, "mine %d", 1) == MANSIO_E_IO);
    CHECK(mansio_fiber_yield() == 0);
    CHECK(strcmp(mansio_error_detail(), "mine 1") == 0);
    MANSIO_SCRATCH_BEGIN(scratch); /* and an open frame survives what others do */
    char *text = mansio_arena_alloc(scratch, 16);
    memcpy(text, "kept", 5);
    CHECK(mansio_fiber_yield() == 0);
    CHECK(strcmp(text, "kept") == 0);
    MANSIO_SCRATCH_END(scratch);
    return 0;
}

static int carry(void *arg)
{
    (void)arg;
    CHECK(strcmp(mansio_fiber_name(), "root") == 0);
    struct mansio_group *group = mansio_group_new("children");
    core_context_current()->fields = &fields;
    CHECK(mansio_group_spawn(group, "carrier", look_at_context, NULL, NULL) == 0);
    CHECK(mansio_group_spawn(group, "carrier", look_at_context, NULL, NULL) == 0);
    core_context_current()->fields = NULL;
    CHECK(mansio_fail(MANSIO_E_IO, "the parent's") == MANSIO_E_IO);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(strcmp(mansio_error_detail(), "the parent's") == 0);
    mansio_group_close(group);
    return 0;
}

static void context_belongs_to_the_fiber(void **state)
{
    (void)state;
    assert_string_equal(mansio_fiber_name(), "");
    assert_null(mansio_fiber_self());
    assert_int_equal(mansio_fiber_stop_reason(), MANSIO_REASON_NONE);
    assert_int_equal(mansio_fiber_is_cancelled(), 0);
    run_fiber(carry, NULL);
}

/* ---- limits ---- */

static int too_many(void *arg)
{
    (void)arg;
    struct mansio_group *group = mansio_group_new("children");
    for (int i = 0; i < 4; i++) {
        CHECK(mansio_group_spawn(group, "child", sleep_for_ever, NULL, NULL) == 0);
    }
    struct mansio_fiber *fiber = (void *)&group;
    CHECK(mansio_group_spawn(group, "child", sleep_for_ever, NULL, &fiber) == MANSIO_E_LIMIT);
    CHECK(fiber == (void *)&group); /* untouched on failure */
    CHECK(strstr(mansio_error_detail(), "5 fibers") != NULL);
    mansio_group_close(group);
    group = mansio_group_new("children");
    CHECK(mansio_group_spawn(group, "child", sleep_for_ever, NULL, NULL) == 0);
    mansio_group_close(group);
    return 0;
}

static void no_more_fibers_than_configured(void **state)
{
    (void)state;
    const struct core_loop_options options = {.fibers_max = 5, .stacks_kept_max = 2};
    run_fiber_with(&options, too_many, NULL);
}

static int use_stack_deeply(int depth)
{
    volatile char room[1024];
    memset((void *)(uintptr_t)room, depth, sizeof room);
    return depth == 0 ? room[0] : use_stack_deeply(depth - 1) + room[1] - depth;
}

static int trim_and_go_on(void *arg)
{
    (void)arg;
    char local[64] = "still here";
    CHECK(use_stack_deeply(50) == 0);
    mansio_fiber_trim();
    CHECK(strcmp(local, "still here") == 0);
    CHECK(use_stack_deeply(50) == 0);
    CHECK(mansio_fiber_yield() == 0);
    mansio_fiber_trim();
    CHECK(strcmp(local, "still here") == 0);
    return 0;
}

static void a_trimmed_stack_works_on(void **state)
{
    (void)state;
    run_fiber(trim_and_go_on, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_give_results),
        cmocka_unit_test(a_result_waits_for_its_reader),
        cmocka_unit_test(a_join_that_times_out_can_be_repeated),
        cmocka_unit_test(first_come_is_first_served),
        cmocka_unit_test(waits_that_find_at_once_let_others_run),
        cmocka_unit_test(pace_yields_after_a_while),
        cmocka_unit_test(a_timer_fires_among_busy_fibers),
        cmocka_unit_test(cancellation_is_sticky),
        cmocka_unit_test(a_fiber_cancelled_before_it_ran_still_runs),
        cmocka_unit_test(masks_hold_signals_off),
        cmocka_unit_test(a_stop_request_ends_idle_waits_once),
        cmocka_unit_test(context_belongs_to_the_fiber),
        cmocka_unit_test(no_more_fibers_than_configured),
        cmocka_unit_test(a_trimmed_stack_works_on),
    };
    return cmocka_run_group_tests_name("fiber", tests, NULL, NULL);
}
