/* Tests of wait.c and waitable.c: sources, order, arming, wakes for one and for all. */
#include "core/loop/testing.h"

#include <string.h>

#include "core/loop/waitable.h"

#include <mansio/arena.h>
#include <mansio/error.h>

/* A waitable that counts what it is told. */
struct probe {
    struct mansio_waitable waitable; /* first */
    int arms, disarms;
    int wakes_when_armed;
};

static void probe_arm(struct mansio_waitable *self)
{
    struct probe *probe = (struct probe *)(void *)self;
    probe->arms++;
    if (probe->wakes_when_armed) {
        (void)core_waitable_wake_all(self);
    }
}

static void probe_disarm(struct mansio_waitable *self)
{
    ((struct probe *)(void *)self)->disarms++;
}

static const struct core_waitable_ops probe_ops = {
    .name = "probe",
    .arm = probe_arm,
    .disarm = probe_disarm,
};

static struct probe probes[3];

static void reset_probes(void)
{
    memset(probes, 0, sizeof probes);
    for (int i = 0; i < 3; i++) {
        core_waitable_init(&probes[i].waitable, &probe_ops);
    }
}

struct waiter_case {
    int64_t deadline_us;
    uint32_t flags;
    int answer;
};

static int wait_for_probes(void *arg)
{
    struct waiter_case *one = arg;
    struct mansio_waitable *sources[] = {NULL, &probes[0].waitable, &probes[1].waitable,
                                         &probes[2].waitable};
    one->answer = mansio_wait(sources, 4, one->deadline_us, one->flags);
    return 0;
}

static int any_of_several(void *arg)
{
    (void)arg;
    reset_probes();
    struct waiter_case one = {.deadline_us = MANSIO_NEVER, .answer = 99};
    struct mansio_group *group = mansio_group_new("waiters");
    CHECK(mansio_group_spawn(group, "waiter", wait_for_probes, &one, NULL) == 0);
    CHECK(mansio_fiber_yield() == 0);
    CHECK(probes[0].arms == 1 && probes[1].arms == 1 && probes[2].arms == 1);
    /* Two are ready before it runs: the lowest index is told. */
    CHECK(core_waitable_wake_all(&probes[2].waitable) == 1);
    CHECK(core_waitable_wake_all(&probes[2].waitable) == 0);
    CHECK(core_waitable_wake_all(&probes[1].waitable) == 1);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(one.answer == 2);
    for (int i = 0; i < 3; i++) {
        CHECK(probes[i].arms == 1 && probes[i].disarms == 1);
        CHECK(probes[i].waitable.first == NULL && probes[i].waitable.last == NULL);
    }
    mansio_group_close(group);
    return 0;
}

static void the_lowest_ready_source_is_told(void **state)
{
    (void)state;
    run_fiber(any_of_several, NULL);
}

static int arm_once(void *arg)
{
    (void)arg;
    reset_probes();
    struct waiter_case cases[5];
    struct mansio_group *group = mansio_group_new("waiters");
    for (int i = 0; i < 5; i++) {
        cases[i] = (struct waiter_case){.deadline_us = MANSIO_NEVER, .answer = 99};
        CHECK(mansio_group_spawn(group, "waiter", wait_for_probes, &cases[i], NULL) == 0);
    }
    CHECK(mansio_fiber_yield() == 0);
    CHECK(probes[0].arms == 1);
    /* One at a time, in order of arrival. */
    for (int i = 0; i < 3; i++) {
        CHECK(core_waitable_wake_one(&probes[0].waitable) == 1);
        CHECK(mansio_fiber_yield() == 0);
        CHECK(cases[i].answer == 1 && cases[i + 1].answer == 99);
        CHECK(probes[0].disarms == 0);
    }
    CHECK(core_waitable_wake_all(&probes[0].waitable) == 2);
    CHECK(probes[0].disarms == 1);
    CHECK(core_waitable_wake_one(&probes[0].waitable) == 0);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    mansio_group_close(group);
    return 0;
}

static void armed_for_the_first_disarmed_by_the_last(void **state)
{
    (void)state;
    run_fiber(arm_once, NULL);
}

static int ready_on_arming(void *arg)
{
    (void)arg;
    reset_probes();
    probes[2].wakes_when_armed = 1;
    struct waiter_case one = {.deadline_us = MANSIO_NEVER};
    CHECK(wait_for_probes(&one) == 0); /* here: must not suspend for ever */
    CHECK(one.answer == 3);
    return 0;
}

static void a_source_may_wake_while_it_is_armed(void **state)
{
    (void)state;
    run_fiber(ready_on_arming, NULL);
}

static int ends(void *arg)
{
    (void)arg;
    reset_probes();
    struct waiter_case one = {.deadline_us = mansio_deadline_in(1 * MANSIO_MS)};
    CHECK(wait_for_probes(&one) == 0);
    CHECK(one.answer == MANSIO_E_TIMEOUT && mansio_now_us() >= one.deadline_us);
    CHECK(probes[0].waitable.first == NULL && probes[0].disarms == 1);
    one = (struct waiter_case){.deadline_us = INT64_MIN}; /* passed: looks once, then says so */
    CHECK(wait_for_probes(&one) == 0);
    CHECK(one.answer == MANSIO_E_TIMEOUT && probes[0].arms == 2);
    CHECK(mansio_wait(NULL, 0, 0, 0) == MANSIO_E_TIMEOUT);
    return 0;
}

static void a_deadline_ends_a_wait(void **state)
{
    (void)state;
    run_fiber(ends, NULL);
}

/*
 * A wake for one meets a signal: the next in line gets it. One case each: the waiter is woken
 * and then cancelled, stopped, or given another source with a lower index.
 */
static int pass_on(void *arg)
{
    (void)arg;
    for (int how = 0; how < 3; how++) {
        reset_probes();
        struct waiter_case first = {.deadline_us = MANSIO_NEVER, .flags = MANSIO_WAIT_IDLE};
        struct waiter_case second = {.deadline_us = MANSIO_NEVER, .answer = 99};
        struct mansio_fiber *fiber = NULL;
        struct mansio_group *group = mansio_group_new("waiters");
        CHECK(mansio_group_spawn(group, "first", wait_for_probes, &first, &fiber) == 0);
        CHECK(mansio_group_spawn(group, "second", wait_for_probes, &second, NULL) == 0);
        CHECK(mansio_fiber_yield() == 0);
        CHECK(core_waitable_wake_one(&probes[1].waitable) == 1);
        if (how == 0) {
            mansio_fiber_cancel(fiber);
        } else if (how == 1) {
            mansio_fiber_stop(fiber, MANSIO_REASON_DRAIN, MANSIO_NEVER);
        } else {
            CHECK(core_waitable_wake_one(&probes[0].waitable) == 1);
        }
        CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
        static const int answers[] = {MANSIO_E_CANCELLED, MANSIO_E_STOPPING, 1};
        CHECK(first.answer == answers[how]);
        CHECK(second.answer == 2);
        mansio_group_close(group);
    }
    return 0;
}

static void a_wake_for_one_is_never_lost(void **state)
{
    (void)state;
    run_fiber(pass_on, NULL);
}

static int many(void *arg)
{
    struct mansio_event *events[MANSIO_WAIT_MAX];
    struct mansio_waitable *sources[MANSIO_WAIT_MAX];
    for (int i = 0; i < MANSIO_WAIT_MAX; i++) {
        events[i] = mansio_event_new(arg);
        sources[i] = mansio_event_waitable(events[i]);
    }
    CHECK(mansio_wait(sources, MANSIO_WAIT_MAX, mansio_deadline_in(1 * MANSIO_MS), 0) ==
          MANSIO_E_TIMEOUT);
    mansio_event_set(events[MANSIO_WAIT_MAX - 1]);
    CHECK(mansio_wait(sources, MANSIO_WAIT_MAX, MANSIO_NEVER, 0) == MANSIO_WAIT_MAX - 1);
    return 0;
}

static void as_many_sources_as_promised(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    run_fiber(many, arena);
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lowest_ready_source_is_told),
        cmocka_unit_test(armed_for_the_first_disarmed_by_the_last),
        cmocka_unit_test(a_source_may_wake_while_it_is_armed),
        cmocka_unit_test(a_deadline_ends_a_wait),
        cmocka_unit_test(a_wake_for_one_is_never_lost),
        cmocka_unit_test(as_many_sources_as_promised),
    };
    return cmocka_run_group_tests_name("wait", tests, NULL, NULL);
}
