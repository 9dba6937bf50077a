/* Tests of deadline.c: the timer is set lazily, and nothing ends too early for it. */
#include "core/loop/testing.h"

#include <ev.h>

#include "core/loop/fiber.h"

#include <mansio/arena.h>
#include <mansio/error.h>

static int set_event(void *arg)
{
    mansio_event_set(arg);
    return 0;
}

/* Wait for an event that somebody sets in the next slice. */
static void wait_with(struct mansio_group *group, struct mansio_event *event, int64_t deadline_us)
{
    struct mansio_waitable *source = mansio_event_waitable(event);
    mansio_event_clear(event);
    CHECK(mansio_group_spawn(group, "setter", set_event, event, NULL) == 0);
    CHECK(mansio_wait(&source, 1, deadline_us, 0) == 0);
}

static int lazily(void *arg)
{
    struct mansio_event *event = mansio_event_new(arg);
    struct mansio_group *group = mansio_group_new("setters");
    struct mansio_fiber *self = mansio_fiber_self();
    CHECK(!ev_is_active(&self->timer));
    wait_with(group, event, MANSIO_NEVER);
    CHECK(!ev_is_active(&self->timer));

    int64_t deadline = mansio_deadline_in(600 * MANSIO_SECOND);
    wait_with(group, event, deadline);
    CHECK(ev_is_active(&self->timer) && self->timer_due_us == deadline);
    wait_with(group, event, deadline + MANSIO_SECOND); /* later: left running */
    CHECK(self->timer_due_us == deadline);
    wait_with(group, event, deadline - MANSIO_SECOND); /* earlier: set anew */
    CHECK(self->timer_due_us == deadline - MANSIO_SECOND);

    /* It fires for a deadline that nobody waits for any more: the present wait goes on. On a loaded
     * machine both deadlines may have passed before the wait begins: then once more. */
    int64_t later = 0;
    for (int tries = 0; tries < 100 && self->timer_due_us != later; tries++) {
        deadline = mansio_deadline_in(5 * MANSIO_MS);
        later = deadline + 10 * MANSIO_MS;
        struct mansio_waitable *source = mansio_event_waitable(event);
        mansio_event_clear(event);
        CHECK(mansio_group_spawn(group, "setter", set_event, event, NULL) == 0);
        (void)!mansio_wait(&source, 1, deadline, 0);
        CHECK(mansio_fiber_sleep_until(later) == 0);
        CHECK(mansio_now_us() >= later);
    }
    CHECK(self->timer_due_us == later);
    mansio_group_close(group);
    return 0;
}

static int ended;

static int sleep_and_note(void *arg)
{
    int64_t deadline = *(int64_t *)arg;
    CHECK(mansio_fiber_sleep_until(deadline) == 0);
    CHECK(mansio_now_us() >= deadline);
    ended++;
    return 0;
}

static int many_sleepers(void *arg)
{
    (void)arg;
    int64_t deadlines[100];
    struct mansio_group *group = mansio_group_new("sleepers");
    for (int i = 0; i < 100; i++) {
        deadlines[i] = mansio_deadline_in((i * 37 % 100) * MANSIO_MS / 10);
        CHECK(mansio_group_spawn(group, "sleeper", sleep_and_note, &deadlines[i], NULL) == 0);
    }
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(ended == 100);
    mansio_group_close(group);
    return 0;
}

/* A stop request's deadline counts though the fiber waits for something without one. */
static int sleep_for_ever(void *arg)
{
    (void)arg;
    return mansio_fiber_sleep_until(MANSIO_NEVER);
}

static int stop_deadline(void *arg)
{
    (void)arg;
    int result = 0;
    struct mansio_fiber *fiber = NULL;
    struct mansio_group *group = mansio_group_new("stopped");
    CHECK(mansio_group_spawn(group, "sleeper", sleep_for_ever, NULL, &fiber) == 0);
    CHECK(mansio_fiber_yield() == 0);
    int64_t deadline = mansio_deadline_in(5 * MANSIO_MS);
    mansio_fiber_stop(fiber, MANSIO_REASON_DRAIN, deadline + MANSIO_SECOND * 100);
    mansio_fiber_stop(fiber, MANSIO_REASON_DRAIN, deadline); /* the earlier one counts */
    mansio_fiber_stop(fiber, MANSIO_REASON_DRAIN, MANSIO_NEVER);
    CHECK(mansio_fiber_join(fiber, MANSIO_NEVER, &result) == 0);
    CHECK(result == MANSIO_E_CANCELLED && mansio_now_us() >= deadline);
    /* One that has passed already cancels before the next wait is over. */
    CHECK(mansio_group_spawn(group, "sleeper", sleep_for_ever, NULL, &fiber) == 0);
    mansio_fiber_stop(fiber, MANSIO_REASON_DRAIN, 0);
    CHECK(mansio_fiber_join(fiber, MANSIO_NEVER, &result) == 0);
    CHECK(result == MANSIO_E_CANCELLED);
    mansio_group_close(group);
    return 0;
}

static void the_timer_is_set_lazily(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    run_fiber(lazily, arena);
    mansio_arena_free(arena);
}

static void nobody_wakes_too_early(void **state)
{
    (void)state;
    ended = 0;
    run_fiber(many_sleepers, NULL);
}

static void a_stop_request_has_a_deadline(void **state)
{
    (void)state;
    run_fiber(stop_deadline, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_timer_is_set_lazily),
        cmocka_unit_test(nobody_wakes_too_early),
        cmocka_unit_test(a_stop_request_has_a_deadline),
    };
    return cmocka_run_group_tests_name("deadline", tests, NULL, NULL);
}
