/* Tests of cond.c: signals, broadcasts, signals that meet a cancellation or a deadline. */
#include "core/loop/testing.h"

#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/sync.h>

static struct mansio_mutex *mutex;
static struct mansio_cond *cond;
static int permits;

struct taker {
    int64_t deadline_us;
    int answer;
    int took;
};

static int take(void *arg)
{
    struct taker *self = arg;
    CHECK(mansio_mutex_lock(mutex, MANSIO_NEVER) == 0);
    self->answer = 0;
    while (permits == 0 && self->answer == 0) {
        self->answer = mansio_cond_wait(cond, mutex, self->deadline_us);
    }
    if (permits > 0) {
        permits--;
        self->took = 1;
    }
    mansio_mutex_unlock(mutex); /* asserts that this fiber holds it, however the wait ended */
    return self->answer;
}

static void post(int count)
{
    CHECK(mansio_mutex_lock(mutex, MANSIO_NEVER) == 0);
    permits += count;
    if (count == 1) {
        mansio_cond_signal(cond);
    } else {
        mansio_cond_broadcast(cond);
    }
    mansio_mutex_unlock(mutex);
}

static void set_up(struct mansio_arena *arena)
{
    mutex = mansio_mutex_new(arena);
    cond = mansio_cond_new(arena);
    permits = 0;
}

static int in_order(void *arg)
{
    set_up(arg);
    mansio_cond_signal(cond); /* nobody waits: nothing happens, and nothing is remembered */
    struct taker takers[6];
    struct mansio_group *group = mansio_group_new("takers");
    for (int i = 0; i < 6; i++) {
        takers[i] = (struct taker){.deadline_us = MANSIO_NEVER};
        CHECK(mansio_group_spawn(group, "taker", take, &takers[i], NULL) == 0);
    }
    CHECK(mansio_fiber_yield() == 0);
    for (int i = 0; i < 3; i++) {
        post(1);
        CHECK(mansio_fiber_yield() == 0);
        CHECK(mansio_fiber_yield() == 0);
        CHECK(takers[i].took == 1 && takers[i + 1].took == 0);
    }
    post(3);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(takers[5].took == 1 && permits == 0);
    mansio_group_close(group);
    return 0;
}

static int meets_a_cancellation(void *arg)
{
    for (int signal_first = 0; signal_first < 2; signal_first++) {
        set_up(arg);
        struct taker one = {.deadline_us = MANSIO_NEVER}, two = {.deadline_us = MANSIO_NEVER};
        struct mansio_fiber *fiber = NULL;
        struct mansio_group *group = mansio_group_new("takers");
        CHECK(mansio_group_spawn(group, "one", take, &one, &fiber) == 0);
        CHECK(mansio_group_spawn(group, "two", take, &two, NULL) == 0);
        CHECK(mansio_fiber_yield() == 0);
        if (!signal_first) {
            mansio_fiber_cancel(fiber);
        }
        post(1);
        mansio_fiber_cancel(fiber);
        while (mansio_group_count(group) > 1) {
            CHECK(mansio_fiber_yield() == 0);
        }
        /* Whichever came first, one of them has the permit and no signal was spent in vain. */
        CHECK(one.took == 1 && two.took == 0 && permits == 0);
        post(1);
        CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
        CHECK(two.took == 1);
        mansio_group_close(group);
    }
    return 0;
}

static int without_a_signal(void *arg)
{
    set_up(arg);
    struct taker one = {.deadline_us = mansio_deadline_in(2 * MANSIO_MS)};
    struct taker two = {.deadline_us = MANSIO_NEVER};
    struct mansio_fiber *fiber = NULL;
    struct mansio_group *group = mansio_group_new("takers");
    CHECK(mansio_group_spawn(group, "one", take, &one, NULL) == 0);
    CHECK(mansio_group_spawn(group, "two", take, &two, &fiber) == 0);
    while (mansio_group_count(group) > 1) {
        CHECK(mansio_fiber_sleep_until(mansio_deadline_in(1 * MANSIO_MS)) == 0);
    }
    CHECK(one.answer == MANSIO_E_TIMEOUT && !one.took);

    /* The relock is masked: cancelled while the mutex is taken, it waits for it all the same. */
    CHECK(mansio_mutex_lock(mutex, MANSIO_NEVER) == 0);
    mansio_fiber_cancel(fiber);
    for (int i = 0; i < 3; i++) {
        CHECK(mansio_fiber_yield() == 0);
    }
    CHECK(mansio_group_count(group) == 1);
    mansio_mutex_unlock(mutex);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(two.answer == MANSIO_E_CANCELLED && !two.took);
    mansio_group_close(group);
    return 0;
}

static void run_with_arena(int (*fn)(void *))
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    run_fiber(fn, arena);
    mansio_arena_free(arena);
}

static void signals_go_to_who_waits_longest(void **state)
{
    (void)state;
    run_with_arena(in_order);
}

static void no_signal_is_lost_to_the_cancelled(void **state)
{
    (void)state;
    run_with_arena(meets_a_cancellation);
}

static void the_mutex_is_held_however_it_ends(void **state)
{
    (void)state;
    run_with_arena(without_a_signal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_go_to_who_waits_longest),
        cmocka_unit_test(no_signal_is_lost_to_the_cancelled),
        cmocka_unit_test(the_mutex_is_held_however_it_ends),
    };
    return cmocka_run_group_tests_name("cond", tests, NULL, NULL);
}
