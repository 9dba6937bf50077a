/* Tests of mutex.c: order, handing over, signals, misuse. */
#include "core/loop/testing.h"

#include <string.h>

#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/sync.h>

static struct mansio_mutex *mutex;
static char order[16];

struct locker {
    char letter;
    int64_t deadline_us;
    int answer;
};

static int lock_and_note(void *arg)
{
    struct locker *self = arg;
    self->answer = mansio_mutex_lock(mutex, self->deadline_us);
    if (self->answer == 0) {
        size_t length = strlen(order);
        order[length] = self->letter;
        (void)mansio_fiber_yield(); /* nobody else gets in meanwhile */
        CHECK(strlen(order) == length + 1);
        CHECK(order[length] == self->letter);
        mansio_mutex_unlock(mutex);
    }
    return self->answer;
}

static int contend(void *arg)
{
    mutex = mansio_mutex_new(arg);
    memset(order, 0, sizeof order);
    struct locker lockers[4];
    struct mansio_group *group = mansio_group_new("lockers");
    CHECK(mansio_mutex_lock(mutex, MANSIO_NEVER) == 0);
    for (int i = 0; i < 4; i++) {
        lockers[i] = (struct locker){.letter = (char)('a' + i), .deadline_us = MANSIO_NEVER};
        CHECK(mansio_group_spawn(group, "locker", lock_and_note, &lockers[i], NULL) == 0);
    }
    CHECK(mansio_fiber_yield() == 0);
    mansio_mutex_unlock(mutex);
    /* Handed over already: who comes later has to queue, though nobody has run since. */
    CHECK(mansio_mutex_try_lock(mutex) == MANSIO_E_BUSY);
    CHECK(strstr(mansio_error_detail(), "locker") != NULL);
    CHECK(mansio_mutex_lock(mutex, MANSIO_NEVER) == 0);
    CHECK(strcmp(order, "abcd") == 0);
    mansio_mutex_unlock(mutex);
    CHECK(mansio_mutex_try_lock(mutex) == 0);
    mansio_mutex_unlock(mutex);
    mansio_group_close(group);
    return 0;
}

static int misuse(void *arg)
{
    mutex = mansio_mutex_new(arg);
    CHECK(mansio_mutex_lock(mutex, MANSIO_NEVER) == 0);
    CHECK(mansio_mutex_lock(mutex, MANSIO_NEVER) == MANSIO_E_BUG);
    mansio_mutex_unlock(mutex);
    return 0;
}

/* The lock is handed to a fiber, which is then cancelled before its turn: it has the lock. */
static int cancelled_owner(void *arg)
{
    mutex = mansio_mutex_new(arg);
    memset(order, 0, sizeof order);
    struct locker one = {.letter = 'x', .deadline_us = MANSIO_NEVER};
    struct locker two = {.letter = 'y', .deadline_us = MANSIO_NEVER};
    struct mansio_fiber *fiber = NULL;
    struct mansio_group *group = mansio_group_new("lockers");
    CHECK(mansio_mutex_lock(mutex, MANSIO_NEVER) == 0);
    CHECK(mansio_group_spawn(group, "one", lock_and_note, &one, &fiber) == 0);
    CHECK(mansio_group_spawn(group, "two", lock_and_note, &two, NULL) == 0);
    CHECK(mansio_fiber_yield() == 0);
    mansio_mutex_unlock(mutex);
    mansio_fiber_cancel(fiber);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(one.answer == 0 && two.answer == 0 && strcmp(order, "xy") == 0);
    mansio_group_close(group);
    return 0;
}

/* Those who leave the line don't get it. */
static int leave_the_line(void *arg)
{
    mutex = mansio_mutex_new(arg);
    memset(order, 0, sizeof order);
    struct locker lockers[3] = {
        {.letter = 'a', .deadline_us = mansio_deadline_in(2 * MANSIO_MS)},
        {.letter = 'b', .deadline_us = MANSIO_NEVER},
        {.letter = 'c', .deadline_us = MANSIO_NEVER},
    };
    struct mansio_fiber *fibers[3];
    struct mansio_group *group = mansio_group_new("lockers");
    CHECK(mansio_mutex_lock(mutex, MANSIO_NEVER) == 0);
    for (int i = 0; i < 3; i++) {
        CHECK(mansio_group_spawn(group, "locker", lock_and_note, &lockers[i], &fibers[i]) == 0);
    }
    CHECK(mansio_fiber_join(fibers[0], MANSIO_NEVER, NULL) == 0);
    CHECK(lockers[0].answer == MANSIO_E_TIMEOUT);
    mansio_fiber_cancel(fibers[1]);
    CHECK(mansio_fiber_join(fibers[1], MANSIO_NEVER, NULL) == 0);
    CHECK(lockers[1].answer == MANSIO_E_CANCELLED);
    mansio_mutex_unlock(mutex);
    CHECK(mansio_fiber_join(fibers[2], MANSIO_NEVER, NULL) == 0);
    CHECK(strcmp(order, "c") == 0);
    CHECK(mansio_mutex_lock(mutex, 0) == 0); /* free: a deadline is not looked at */
    struct locker late = {.deadline_us = 0};
    CHECK(mansio_group_spawn(group, "late", lock_and_note, &late, NULL) == 0);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(late.answer == MANSIO_E_TIMEOUT);
    mansio_mutex_unlock(mutex);
    mansio_group_close(group);
    return 0;
}

static void run_with_arena(int (*fn)(void *))
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    run_fiber(fn, arena);
    mansio_arena_free(arena);
}

static void it_goes_to_who_waits_longest(void **state)
{
    (void)state;
    run_with_arena(contend);
}

static void it_is_not_recursive(void **state)
{
    (void)state;
    run_with_arena(misuse);
}

static void handed_over_is_handed_over(void **state)
{
    (void)state;
    run_with_arena(cancelled_owner);
}

static void waiting_can_end_without_it(void **state)
{
    (void)state;
    run_with_arena(leave_the_line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_to_who_waits_longest),
        cmocka_unit_test(it_is_not_recursive),
        cmocka_unit_test(handed_over_is_handed_over),
        cmocka_unit_test(waiting_can_end_without_it),
    };
    return cmocka_run_group_tests_name("mutex", tests, NULL, NULL);
}
