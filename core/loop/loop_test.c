/* Tests of loop.c: beginning, stopping, ending, figures, the fiber list, forks. */
#include "config.h"

#include "core/loop/testing.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ev.h>

#include "core/base/alloc.h"
#include "core/loop/stack.h"

#include <mansio/error.h>
#include <mansio/offload.h>

static const struct core_loop_options small = {
    .fibers_max = 100,
    .stacks_kept_max = 4,
    .offload_threads = 1,
    .offload_queue_max = 4,
};

static int sleep_for_ever(void *arg)
{
    (void)arg;
    return mansio_fiber_sleep_until(MANSIO_NEVER);
}

static int stop_twice(void *arg)
{
    int *runs = arg;
    for (int i = 0; i < 3; i++) {
        (*runs)++;
        core_loop_stop();
        CHECK(mansio_fiber_sleep_until(mansio_deadline_in(1 * MANSIO_MS)) == 0);
    }
    core_loop_stop();
    return 0;
}

static void run_returns_when_told_and_can_go_on(void **state)
{
    (void)state;
    int runs = 0;
    assert_int_equal(core_loop_init(&small), 0);
    struct mansio_group *group = mansio_group_new("test");
    assert_int_equal(mansio_group_spawn(group, "stopper", stop_twice, &runs, NULL), 0);
    for (int i = 1; i <= 3; i++) {
        core_loop_run();
        assert_int_equal(runs, i);
    }
    core_loop_stop(); /* before it runs: it returns at once */
    core_loop_run();
    core_loop_run();
    assert_int_equal(mansio_group_count(group), 0);
    mansio_group_close(group);
    assert_int_equal(core_loop_fini(), 0);
}

static void floating_fibers_are_counted(void **state)
{
    (void)state;
    assert_int_equal(core_loop_init(&small), 0);
    struct mansio_group *group = mansio_group_new("test");
    int runs = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mansio_group_spawn(group, "floats", sleep_for_ever, NULL, NULL), 0);
    }
    assert_int_equal(mansio_group_spawn(group, "stopper", stop_twice, &runs, NULL), 0);
    for (int i = 0; i < 4; i++) {
        core_loop_run();
    }
    assert_int_equal(core_loop_fini(), 3);
    /* The group's handle is all that is left of them; there is no public way to free it now. */
    core_free(group);
}

struct seen {
    int sleeping, running, ready, others;
    int64_t longest_us;
};

static void look(void *arg, const struct core_context *context, const char *waiting_in,
                 int64_t idle_us)
{
    struct seen *seen = arg;
    if (strcmp(waiting_in, "sleep") == 0 && strcmp(context->name, "sleeper") == 0) {
        seen->sleeping++;
    } else if (strcmp(waiting_in, "running") == 0 && strcmp(context->name, "root") == 0) {
        seen->running++;
    } else if (strcmp(waiting_in, "ready") == 0 && strcmp(context->name, "late") == 0) {
        seen->ready++;
    } else {
        seen->others++;
    }
    seen->longest_us = idle_us > seen->longest_us ? idle_us : seen->longest_us;
}

static int visit(void *arg)
{
    (void)arg;
    struct mansio_group *group = mansio_group_new("children");
    struct mansio_fiber *ended = NULL;
    for (int i = 0; i < 3; i++) {
        CHECK(mansio_group_spawn(group, "sleeper", sleep_for_ever, NULL, NULL) == 0);
    }
    CHECK(mansio_fiber_yield() == 0);
    CHECK(mansio_group_spawn(group, "late", sleep_for_ever, NULL, &ended) == 0);
    int64_t until = mansio_deadline_in(1 * MANSIO_MS);
    while (mansio_now_us() < until) {
    }
    struct seen seen = {.others = 0};
    core_loop_visit_fibers(look, &seen);
    CHECK(seen.sleeping == 3 && seen.running == 1 && seen.ready == 1 && seen.others == 0);
    CHECK(seen.longest_us >= 1 * MANSIO_MS);

    struct core_loop_stats stats;
    core_loop_stats(&stats);
    CHECK(stats.fibers == 5 && stats.fibers_peak == 5 && stats.spawns == 5);
    CHECK(stats.ready == 1 && stats.fibers_max == 1000);
    CHECK(stats.switches >= 4);
    mansio_group_close(group);
    core_loop_stats(&stats);
    CHECK(stats.fibers == 1 && stats.stacks_kept == 4 && stats.ready == 0);
    return 0;
}

static void the_fiber_list_tells_what_they_do(void **state)
{
    (void)state;
    run_fiber(visit, NULL);
}

static void no_more_fibers_than_the_system_has_room_for(void **state)
{
    (void)state;
    core_stack_force_mprotect(true);
    const struct core_loop_options options = {.fibers_max = SIZE_MAX};
    assert_int_equal(core_loop_init(&options), 0);
    struct core_loop_stats stats;
    core_loop_stats(&stats);
    assert_true(stats.fibers_max < SIZE_MAX);
    assert_int_equal(core_loop_fini(), 0);
    core_stack_force_mprotect(false);
}

static int five(void *arg)
{
    (void)arg;
    return 5;
}

static int use_everything(void *arg)
{
    (void)arg;
    int result = 0;
    CHECK(mansio_fiber_sleep_until(mansio_deadline_in(1 * MANSIO_MS)) == 0);
    CHECK(mansio_offload(five, NULL, MANSIO_NEVER, &result) == 0);
    CHECK(result == 5);
    core_loop_stop();
    return 0;
}

static void on_stuck(const struct core_context *holder, int64_t held_us)
{
    (void)holder;
    (void)held_us;
}

/* A child that goes on with the loop has timers, descriptors and threads of its own. */
static void a_forked_child_goes_on(void **state)
{
    (void)state;
    testing_failures = 0;
    struct core_loop_options options = small;
    options.hold_limit_us = 100 * MANSIO_SECOND; /* so that the watchdog's thread is there */
    options.on_stuck = on_stuck;
    assert_int_equal(core_loop_init(&options), 0);
    struct mansio_group *group = mansio_group_new("test");
    assert_int_equal(mansio_group_spawn(group, "before", use_everything, NULL, NULL), 0);
    core_loop_run();
    pid_t pid = fork();
    if (pid == 0) {
        core_loop_forked();
        (void)alarm(60);
        if (mansio_group_spawn(group, "child", use_everything, NULL, NULL) != 0) {
            _exit(1);
        }
        core_loop_run();
        mansio_group_close(group);
        size_t floating = core_loop_fini();
        _exit(testing_failures == 0 && floating == 0 ? 0 : 2);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(mansio_group_spawn(group, "parent", use_everything, NULL, NULL), 0);
    core_loop_run();
    mansio_group_close(group);
    assert_int_equal(core_loop_fini(), 0);
    assert_int_equal(testing_failures, 0);
}

static struct mansio_event *rung;

static void ring(struct ev_loop *ev, struct ev_timer *timer, int events)
{
    (void)ev;
    (void)timer;
    (void)events;
    mansio_event_set(rung);
}

static int wait_for_a_callback(void *arg)
{
    rung = mansio_event_new(arg);
    struct ev_timer timer;
    ev_timer_init(&timer, ring, 0.001, 0.);
    ev_timer_start(core_loop_ev(), &timer);
    struct mansio_waitable *source = mansio_event_waitable(rung);
    CHECK(mansio_wait(&source, 1, mansio_deadline_in(30 * MANSIO_SECOND), 0) == 0);
    return 0;
}

static void callbacks_wake_fibers(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    run_fiber(wait_for_a_callback, arena);
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_returns_when_told_and_can_go_on),
        cmocka_unit_test(floating_fibers_are_counted),
        cmocka_unit_test(the_fiber_list_tells_what_they_do),
        cmocka_unit_test(no_more_fibers_than_the_system_has_room_for),
        cmocka_unit_test(a_forked_child_goes_on),
        cmocka_unit_test(callbacks_wake_fibers),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
