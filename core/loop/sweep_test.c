/* Tests of sweep.c: who waits long is trimmed, once, and loses nothing. */
#include "config.h"

#include "core/loop/testing.h"

#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "core/base/time.h"
#include "core/loop/fiber.h"

/* Time stands still unless the test moves it: nobody has waited long before. */
static int64_t now = 1000 * MANSIO_SECOND;

static int64_t tell_now(void *arg)
{
    (void)arg;
    return now;
}

static const struct core_time_source still = {.now_us = tell_now};

static size_t resident(const struct core_stack *stack)
{
    static unsigned char pages[4096];
    size_t page = (size_t)sysconf(_SC_PAGESIZE), count = 0;
    size_t size = (size_t)(stack->high - stack->low) / page;
    CHECK(size <= sizeof pages && mincore(stack->low, size * page, pages) == 0);
    for (size_t i = 0; i < size; i++) {
        count += pages[i] & 1;
    }
    return count;
}

/* Each frame is used after the call, or the compiler would make a loop of it. */
__attribute__((noinline)) static int recurse(int depth, const volatile char *above)
{
    volatile char room[1024];
    for (size_t i = 0; i < sizeof room; i++) {
        room[i] = (char)(depth + 1);
    }
    int below = depth > 0 ? recurse(depth - 1, room) : 0;
    return below / 2 + room[1] + above[0];
}

static int go_deep_and_wait(void *arg)
{
    char local[2000];
    memset(local, 'x', sizeof local);
    for (int i = 0; i < 2; i++) {
        (void)recurse(100, "");
        struct mansio_waitable *source = mansio_event_waitable(arg);
        CHECK(mansio_wait(&source, 1, MANSIO_NEVER, MANSIO_WAIT_IDLE) == 0);
        mansio_event_clear(arg);
        for (size_t k = 0; k < sizeof local; k++) {
            CHECK(local[k] == 'x');
        }
    }
    return 0;
}

/* Let the loop turn until a fiber is trimmed: the sweep's timer is a real one. */
static void turn_until_trimmed(const struct mansio_fiber *fiber)
{
    struct timespec start, at;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &start) == 0);
    at = start;
    while (!fiber->is_trimmed && at.tv_sec - start.tv_sec < 30) {
        CHECK(mansio_fiber_yield() == 0);
        CHECK(clock_gettime(CLOCK_MONOTONIC, &at) == 0);
    }
    CHECK(fiber->is_trimmed);
}

static int swept(void *arg)
{
    enum { COUNT = 3 };
    struct mansio_event *events[COUNT];
    struct mansio_fiber *fibers[COUNT];
    struct mansio_group *group = mansio_group_new("waiters");
    for (int i = 0; i < COUNT; i++) {
        events[i] = mansio_event_new(arg);
        CHECK(mansio_group_spawn(group, "waiter", go_deep_and_wait, events[i], &fibers[i]) == 0);
    }
    CHECK(mansio_fiber_yield() == 0);
    CHECK(resident(&fibers[0]->stack) >= 25);
    for (int i = 0; i < 2000; i++) {
        CHECK(mansio_fiber_yield() == 0);
    }
    CHECK(!fibers[0]->is_trimmed && resident(&fibers[0]->stack) >= 25); /* not long enough */

    now += 2 * MANSIO_SECOND;
    for (int i = 0; i < COUNT; i++) {
        turn_until_trimmed(fibers[i]);
        CHECK(resident(&fibers[i]->stack) <= 3);
    }
    mansio_event_set(events[0]); /* runs, goes deep again, waits again */
    CHECK(mansio_fiber_yield() == 0);
    CHECK(!fibers[0]->is_trimmed && resident(&fibers[0]->stack) >= 25);
    now += 2 * MANSIO_SECOND;
    turn_until_trimmed(fibers[0]);

    for (int i = 0; i < COUNT; i++) {
        mansio_event_set(events[i]);
        CHECK(mansio_fiber_yield() == 0);
        mansio_event_set(events[i]);
        CHECK(mansio_fiber_join(fibers[i], MANSIO_NEVER, NULL) == 0);
    }
    mansio_group_close(group);
    return 0;
}

static void who_waits_long_is_trimmed(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    core_time_set_source(&still);
    run_fiber(swept, arena);
    core_time_set_source(NULL);
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_waits_long_is_trimmed),
    };
    return cmocka_run_group_tests_name("sweep", tests, NULL, NULL);
}
