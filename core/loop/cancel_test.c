/*
 * Cancellation at every suspension point. A scenario passes through each kind there is; a dry run
 * counts where it suspends; then it is run once for each n and cancelled at the n-th. Each time
 * everything it holds is released (ASan and the clean-up count tell), all fibers are joined, and
 * it answers MANSIO_E_CANCELLED.
 */
#include "config.h"

#include "core/loop/testing.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/loop/fiber.h"

#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/offload.h>
#include <mansio/sync.h>

/* ---- the hook ---- */

static struct mansio_fiber *subject;
static int suspensions, cancel_at; /* 0: never */
static const char *kinds[32];
static size_t kind_count;

static void note_kind(const char *kind)
{
    for (size_t i = 0; i < kind_count; i++) {
        if (strcmp(kinds[i], kind) == 0) {
            return;
        }
    }
    kinds[kind_count++] = kind;
}

static void on_suspend(struct mansio_fiber *fiber)
{
    if (fiber != subject) {
        return;
    }
    note_kind(fiber->waiting_in);
    if (++suspensions == cancel_at) {
        mansio_fiber_cancel(fiber);
    }
}

/* ---- the scenario's surroundings ---- */

struct stage {
    struct mansio_arena *arena;
    struct mansio_mutex *mutex;
    struct mansio_cond *cond;
    struct mansio_chan *full, *empty;
    struct mansio_event *never, *soon;
    int ends[2];
    int is_signalled;
};

static int cleanups;

static void count_cleanup(void *arg)
{
    (void)arg;
    cleanups++;
}

static int yield_often(void *arg)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < 4; i++) {
        rc = mansio_fiber_yield();
    }
    return arg == NULL ? rc : 7;
}

static int sleep_for_ever(void *arg)
{
    (void)arg;
    return mansio_fiber_sleep_until(MANSIO_NEVER);
}

static int set_later(void *arg)
{
    (void)yield_often(NULL);
    mansio_event_set(arg);
    return 0;
}

static int write_later(void *arg)
{
    (void)yield_often(NULL);
    return write(*(int *)arg, "x", 1) == 1 ? 0 : MANSIO_E_IO;
}

static int hold_mutex(void *arg)
{
    struct stage *stage = arg;
    int rc = mansio_mutex_lock(stage->mutex, MANSIO_NEVER);
    if (rc == 0) {
        rc = yield_often(NULL);
        mansio_mutex_unlock(stage->mutex);
    }
    return rc;
}

static int signal_later(void *arg)
{
    struct stage *stage = arg;
    (void)yield_often(NULL);
    int rc = mansio_mutex_lock(stage->mutex, MANSIO_NEVER);
    if (rc == 0) {
        stage->is_signalled = 1;
        mansio_cond_signal(stage->cond);
        (void)mansio_fiber_yield(); /* so that the waiter has to wait for the mutex too */
        mansio_mutex_unlock(stage->mutex);
    }
    return rc;
}

static int receive_later(void *arg)
{
    void *item = NULL;
    (void)yield_often(NULL);
    return mansio_chan_receive(arg, MANSIO_NEVER, &item);
}

static int send_later(void *arg)
{
    (void)yield_often(NULL);
    return mansio_chan_send(arg, arg, MANSIO_NEVER);
}

static int add_one(void *arg)
{
    ++*(int *)arg;
    return 0;
}

/* ---- the steps: each suspends at least once, and owns something while it does ---- */

static int step_simple(struct stage *stage, struct mansio_group *group)
{
    (void)stage;
    (void)group;
    char *memory = malloc(100);
    int rc = mansio_fiber_yield();
    if (rc == 0) {
        rc = mansio_fiber_sleep_until(mansio_deadline_in(MANSIO_MS / 10));
    }
    if (rc == 0) {
        rc = mansio_fiber_sleep_until(0);
    }
    int64_t until = mansio_deadline_in(3 * MANSIO_MS);
    core_scheduler.slice_start -= 100 * 1000 * 1000; /* as if it had run for long */
    if (rc == 0 && mansio_now_us() < until) {
        rc = mansio_fiber_pace();
    }
    free(memory);
    return rc;
}

static int step_waits(struct stage *stage, struct mansio_group *group)
{
    MANSIO_SCRATCH_BEGIN(scratch);
    struct mansio_arena *watches = mansio_arena_new(stage->arena, "watches", 0);
    mansio_arena_defer(watches, count_cleanup, NULL);
    char *copy = mansio_arena_alloc(scratch, 64);
    copy[0] = 'x';
    struct mansio_waitable *sources[] = {
        mansio_fd_watch(watches, stage->ends[0], MANSIO_FD_READ),
        mansio_event_waitable(stage->never),
        mansio_event_waitable(stage->soon),
    };
    int rc = mansio_group_spawn(group, "setter", set_later, stage->soon, NULL);
    if (rc == 0) {
        rc = mansio_wait(sources, 3, MANSIO_NEVER, MANSIO_WAIT_IDLE);
    }
    if (rc == 2) {
        rc = mansio_group_spawn(group, "writer", write_later, &stage->ends[1], NULL);
    }
    if (rc == 0) {
        rc = mansio_wait(sources, 2, MANSIO_NEVER, 0);
    }
    if (rc == 0) {
        rc = mansio_wait(&sources[1], 1, mansio_deadline_in(MANSIO_MS / 10), 0);
        rc = rc == MANSIO_E_TIMEOUT ? 0 : rc;
    }
    mansio_arena_free(watches);
    MANSIO_SCRATCH_END(scratch);
    return rc;
}

static int step_mutex(struct stage *stage, struct mansio_group *group)
{
    int rc = mansio_group_spawn(group, "holder", hold_mutex, stage, NULL);
    rc = rc == 0 ? mansio_fiber_yield() : rc;
    rc = rc == 0 ? mansio_mutex_lock(stage->mutex, MANSIO_NEVER) : rc;
    if (rc != 0) {
        return rc;
    }
    rc = mansio_group_spawn(group, "signaller", signal_later, stage, NULL);
    while (rc == 0 && !stage->is_signalled) {
        rc = mansio_cond_wait(stage->cond, stage->mutex, MANSIO_NEVER);
    }
    mansio_mutex_unlock(stage->mutex);
    return rc;
}

static int step_chans(struct stage *stage, struct mansio_group *group)
{
    void *item = NULL;
    int rc = mansio_chan_send(stage->full, stage, 0);
    rc = rc == 0 ? mansio_group_spawn(group, "receiver", receive_later, stage->full, NULL) : rc;
    rc = rc == 0 ? mansio_chan_send(stage->full, stage, MANSIO_NEVER) : rc;
    rc = rc == 0 ? mansio_group_spawn(group, "sender", send_later, stage->empty, NULL) : rc;
    rc = rc == 0 ? mansio_chan_receive(stage->empty, MANSIO_NEVER, &item) : rc;
    return rc;
}

static int step_children(struct stage *stage, struct mansio_group *group)
{
    int result = 0, number = 1;
    struct mansio_fiber *child = NULL;
    struct mansio_group *own = mansio_group_new("own");
    int rc = mansio_group_spawn(own, "child", yield_often, stage, &child);
    rc = rc == 0 ? mansio_fiber_join(child, MANSIO_NEVER, &result) : rc;
    rc = rc == 0 && result != 7 ? MANSIO_E_BUG : rc;
    rc = rc == 0 ? mansio_group_spawn(own, "child", yield_often, stage, NULL) : rc;
    rc = rc == 0 ? mansio_group_join(own, MANSIO_NEVER) : rc;
    rc = rc == 0 ? mansio_group_spawn(own, "sleeper", sleep_for_ever, NULL, NULL) : rc;
    rc = rc == 0 ? mansio_group_spawn(own, "sleeper", sleep_for_ever, NULL, &child) : rc;
    rc = rc == 0 ? mansio_offload(add_one, &number, MANSIO_NEVER, NULL) : rc;
    (void)group;
    mansio_group_close(own); /* suspends too, masked */
    return rc;
}

static int step_masked(struct stage *stage, struct mansio_group *group)
{
    struct mansio_waitable *soon = mansio_event_waitable(stage->soon);
    mansio_event_clear(stage->soon);
    int rc = mansio_group_spawn(group, "setter", set_later, stage->soon, NULL);
    if (rc == 0) {
        mansio_fiber_mask();
        CHECK(mansio_wait(&soon, 1, MANSIO_NEVER, 0) == 0); /* seen to its end */
        mansio_fiber_unmask();
        rc = mansio_fiber_yield();
    }
    return rc;
}

static int scenario(void *arg)
{
    static int (*const steps[])(struct stage *, struct mansio_group *) = {
        step_simple, step_waits, step_mutex, step_chans, step_children, step_masked,
    };
    struct stage *stage = arg;
    struct mansio_group *group = mansio_group_new("helpers");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < MANSIO_COUNT(steps); i++) {
        rc = steps[i](stage, group);
    }
    mansio_group_close(group);
    /* What arrived while the group was being closed, masked, shows here. */
    return rc == 0 ? mansio_fiber_yield() : rc;
}

/* ---- the runs ---- */

static void set_stage(struct stage *stage)
{
    *stage = (struct stage){.arena = mansio_arena_new(NULL, "stage", 0)};
    stage->mutex = mansio_mutex_new(stage->arena);
    stage->cond = mansio_cond_new(stage->arena);
    stage->full = mansio_chan_new(stage->arena, 1);
    stage->empty = mansio_chan_new(stage->arena, 1);
    stage->never = mansio_event_new(stage->arena);
    stage->soon = mansio_event_new(stage->arena);
    CHECK(pipe2(stage->ends, O_NONBLOCK | O_CLOEXEC) == 0);
}

static int run_scenario(int nth)
{
    struct stage stage;
    int result = 99;
    set_stage(&stage);
    struct mansio_group *group = mansio_group_new("subjects");
    suspensions = 0;
    cancel_at = nth;
    cleanups = 0;
    CHECK(mansio_group_spawn(group, "subject", scenario, &stage, &subject) == 0);
    CHECK(mansio_fiber_join(subject, MANSIO_NEVER, &result) == 0);
    CHECK(mansio_group_count(group) == 0);
    mansio_group_close(group);
    struct core_loop_stats stats;
    core_loop_stats(&stats);
    CHECK(stats.fibers == 1); /* root alone is left */
    mansio_arena_free(stage.arena);
    close(stage.ends[0]);
    close(stage.ends[1]);
    return result;
}

static int every_point(void *arg)
{
    core_scheduler.on_suspend = on_suspend;
    int wanted_cleanups = 0;
    CHECK(run_scenario(0) == 0);
    int count = suspensions;
    wanted_cleanups = cleanups;
    CHECK(wanted_cleanups == 1);
    for (int nth = 1; nth <= count; nth++) {
        int result = run_scenario(nth);
        if (result != MANSIO_E_CANCELLED || suspensions < nth) {
            print_message("# cancelled at %d of %d: %d, after %d\n", nth, count, result,
                          suspensions);
        }
        CHECK(result == MANSIO_E_CANCELLED);
        CHECK(suspensions >= nth);
        CHECK(cleanups <= 1);
    }
    *(int *)arg = count;
    core_scheduler.on_suspend = NULL;
    return 0;
}

static void cancelled_at_each_point_it_leaves_nothing_behind(void **state)
{
    (void)state;
    int count = 0;
    run_fiber(every_point, &count);
    print_message("# %d suspension points, of %zu kinds\n", count, kind_count);
    /* Whoever adds a way to wait adds it to the scenario. */
    static const char *const all[] = {"yield", "sleep",   "event",       "fd",
                                      "mutex", "cond",    "chan send",   "join",
                                      "group", "offload", "chan receive"};
    for (size_t i = 0; i < MANSIO_COUNT(all); i++) {
        bool is_there = false;
        for (size_t k = 0; k < kind_count; k++) {
            is_there |= strcmp(all[i], kinds[k]) == 0;
        }
        if (!is_there) {
            print_message("# never suspended in: %s\n", all[i]);
        }
        assert_true(is_there);
    }
    assert_true(count >= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancelled_at_each_point_it_leaves_nothing_behind),
    };
    return cmocka_run_group_tests_name("cancel", tests, NULL, NULL);
}
