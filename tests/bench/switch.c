/*
 * What fibers cost: nanoseconds a switch, a yield, a wake-up, a spawn; bytes an idle fiber.
 *
 * A switch is one passage of control from one stack to another: fiber to loop, or loop to fiber.
 * "seam" counts core_switch() alone; the other figures hold all that the scheduler does beside it
 * (ready queue, context, watchdog's clock).
 */
#include "core/loop/fiber.h"
#include "core/loop/switch.h"
#include "tests/bench/bench.h"

#include <sys/mman.h>

#include <mansio/arena.h>
#include <mansio/sync.h>

#define ROUNDS      21
#define SWITCHES    200000
#define IDLE_FIBERS 10000

static double rounds[BENCH_ROUNDS_MAX];

/* ---- the seam ---- */

static struct core_switch here, there;

static void back_and_forth(void *arg)
{
    (void)arg;
    for (;;) {
        core_switch(&there, &here);
    }
}

static void bench_seam(void)
{
    size_t size = 65536;
    char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MANSIO_ASSERT(stack != MAP_FAILED);
    core_switch_init(&there, stack, stack + size, back_and_forth, NULL);
    for (size_t round = 0; round < ROUNDS; round++) {
        int64_t start = mansio_now_us();
        for (int i = 0; i < SWITCHES / 2; i++) {
            core_switch(&here, &there);
        }
        rounds[round] = (double)(mansio_now_us() - start) * 1000 / SWITCHES;
    }
    (void)bench_report("switch, seam alone", "ns", rounds, ROUNDS);
    core_switch_destroy(&there);
    munmap(stack, size);
}

/* ---- the scheduler ---- */

static int yielder(void *arg)
{
    int turns = *(const int *)arg;
    for (int i = 0; i < turns; i++) {
        (void)mansio_fiber_yield();
    }
    return 0;
}

static void bench_yield(int fibers)
{
    int turns = SWITCHES / 2 / fibers;
    char name[64];
    for (size_t round = 0; round < ROUNDS; round++) {
        struct mansio_group *group = mansio_group_new("bench");
        for (int i = 0; i < fibers; i++) {
            MANSIO_ASSERT(mansio_group_spawn(group, "yielder", yielder, &turns, NULL) == 0);
        }
        (void)mansio_fiber_yield(); /* first touch of the stacks is not a switch */
        struct core_loop_stats before, after;
        core_loop_stats(&before);
        int64_t start = mansio_now_us();
        MANSIO_ASSERT(mansio_group_join(group, MANSIO_NEVER) == 0);
        int64_t spent = mansio_now_us() - start;
        core_loop_stats(&after);
        rounds[round] = (double)spent * 1000 / (double)(2 * (after.switches - before.switches));
        mansio_group_close(group);
    }
    snprintf(name, sizeof name, "switch, %d yielding fibers", fibers);
    (void)bench_report(name, "ns", rounds, ROUNDS);
}

static int consumer(void *arg)
{
    void *item = NULL;
    while (mansio_chan_receive(arg, MANSIO_NEVER, &item) == 0) {
    }
    return 0;
}

static void bench_chan(void)
{
    for (size_t round = 0; round < ROUNDS; round++) {
        struct mansio_group *group = mansio_group_new("bench");
        struct mansio_arena *arena = mansio_arena_new(NULL, "bench", 0);
        struct mansio_chan *chan = mansio_chan_new(arena, 1);
        MANSIO_ASSERT(mansio_group_spawn(group, "consumer", consumer, chan, NULL) == 0);
        int64_t start = mansio_now_us();
        for (int i = 0; i < SWITCHES; i++) {
            MANSIO_ASSERT(mansio_chan_send(chan, group, MANSIO_NEVER) == 0);
        }
        rounds[round] = (double)(mansio_now_us() - start) * 1000 / SWITCHES;
        mansio_chan_close(chan);
        mansio_group_close(group);
        mansio_arena_free(arena);
    }
    (void)bench_report("item through a channel of 1", "ns", rounds, ROUNDS);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void bench_spawn(void)
{
    for (size_t round = 0; round < ROUNDS; round++) {
        struct mansio_group *group = mansio_group_new("bench");
        int64_t start = mansio_now_us();
        for (int i = 0; i < 10000; i++) {
            MANSIO_ASSERT(mansio_group_spawn(group, "nothing", nothing, NULL, NULL) == 0);
            (void)mansio_fiber_yield();
        }
        rounds[round] = (double)(mansio_now_us() - start) * 1000 / 10000;
        mansio_group_close(group);
    }
    (void)bench_report("spawn, run and end, stack recycled", "ns", rounds, ROUNDS);
}

/* ---- memory ---- */

static int sleeper(void *arg)
{
    /* As a conn does: an event among two sources, a deadline far away. */
    struct mansio_waitable *sources[] = {mansio_event_waitable(arg), NULL};
    return mansio_wait(sources, 2, mansio_deadline_in(1800 * MANSIO_SECOND), MANSIO_WAIT_IDLE);
}

static void bench_idle(void)
{
    struct mansio_group *group = mansio_group_new("bench");
    struct mansio_arena *arena = mansio_arena_new(NULL, "bench", 0);
    struct mansio_event *event = mansio_event_new(arena);
    size_t before = bench_pss();
    for (int i = 0; i < IDLE_FIBERS; i++) {
        MANSIO_ASSERT(mansio_group_spawn(group, "sleeper", sleeper, event, NULL) == 0);
    }
    (void)mansio_fiber_sleep_until(mansio_deadline_in(100 * MANSIO_MS));
    size_t after = bench_pss();
    printf("%-44s %8zu bytes (PSS, %d fibers; page tables apart; %zu mappings in all)\n",
           "idle fiber", (after - before) / IDLE_FIBERS, IDLE_FIBERS, bench_mappings());
    mansio_event_set(event);
    MANSIO_ASSERT(mansio_group_join(group, MANSIO_NEVER) == 0);
    mansio_group_close(group);
    mansio_arena_free(arena);
}

static int all(void *arg)
{
    (void)arg;
    bench_idle();
    bench_yield(2);
    bench_yield(100);
    bench_yield(1000);
    bench_chan();
    bench_spawn();
    core_loop_stop();
    return 0;
}

int main(void)
{
    bench_seam();
    const struct core_loop_options options = {
        .fibers_max = IDLE_FIBERS + 10,
        .stacks_kept_max = 1000,
        .hold_limit_us = 10 * MANSIO_SECOND, /* the clock is read as in service; nobody reports */
    };
    MANSIO_ASSERT(core_loop_init(&options) == 0);
    struct mansio_group *group = mansio_group_new("main");
    MANSIO_ASSERT(mansio_group_spawn(group, "bench", all, NULL, NULL) == 0);
    core_loop_run();
    mansio_group_close(group);
    return core_loop_fini() == 0 ? 0 : 1;
}
