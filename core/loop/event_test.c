/* Tests of event.c and fdwatch.c: flags and descriptors that fibers wait for. */
#include "config.h"

#include "core/loop/testing.h"

#include <fcntl.h>
#include <unistd.h>

#include <mansio/arena.h>
#include <mansio/error.h>

static struct mansio_event *event;

static int wait_for_event(void *arg)
{
    struct mansio_waitable *source = mansio_event_waitable(event);
    *(int *)arg = mansio_wait(&source, 1, MANSIO_NEVER, 0);
    return 0;
}

static int set_and_clear(void *arg)
{
    int answers[2] = {99, 99};
    event = mansio_event_new(arg);
    struct mansio_waitable *source = mansio_event_waitable(event);
    CHECK(!mansio_event_is_set(event));
    CHECK(mansio_wait(&source, 1, 0, 0) == MANSIO_E_TIMEOUT);
    struct mansio_group *group = mansio_group_new("waiters");
    for (int i = 0; i < 2; i++) {
        CHECK(mansio_group_spawn(group, "waiter", wait_for_event, &answers[i], NULL) == 0);
    }
    CHECK(mansio_fiber_yield() == 0);
    mansio_event_set(event);
    mansio_event_clear(event); /* they were woken, and are told: readiness is a hint */
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(answers[0] == 0 && answers[1] == 0);
    mansio_event_set(event);
    mansio_event_set(event);
    CHECK(mansio_event_is_set(event));
    CHECK(mansio_wait(&source, 1, MANSIO_NEVER, 0) == 0); /* it stays set */
    CHECK(mansio_wait(&source, 1, MANSIO_NEVER, 0) == 0);
    mansio_group_close(group);
    return 0;
}

static int ends[2];

static int write_later(void *arg)
{
    for (int i = 0; i < 3; i++) {
        CHECK(mansio_fiber_yield() == 0);
    }
    CHECK(write(ends[1], arg, 1) == 1);
    return 0;
}

static int watch(void *arg)
{
    CHECK(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
    struct mansio_arena *watches = mansio_arena_new(arg, "watches", 0);
    struct mansio_waitable *readable = mansio_fd_watch(watches, ends[0], MANSIO_FD_READ);
    struct mansio_waitable *writable = mansio_fd_watch(watches, ends[1], MANSIO_FD_WRITE);
    struct mansio_group *group = mansio_group_new("writers");
    char byte = 'x';
    CHECK(mansio_wait(&readable, 1, mansio_deadline_in(1 * MANSIO_MS), 0) == MANSIO_E_TIMEOUT);
    CHECK(mansio_wait(&writable, 1, MANSIO_NEVER, 0) == 0);
    CHECK(mansio_wait(&writable, 1, 0, 0) == 0); /* a deadline that has passed still looks */
    CHECK(mansio_wait(&readable, 1, 0, 0) == MANSIO_E_TIMEOUT);
    for (int i = 0; i < 100; i++) {
        struct mansio_waitable *both[] = {readable, NULL};
        CHECK(mansio_group_spawn(group, "writer", write_later, &byte, NULL) == 0);
        CHECK(mansio_wait(both, 2, MANSIO_NEVER, 0) == 0);
        CHECK(read(ends[0], &byte, 1) == 1);
    }
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    /* Hanging up counts as ready; the writer's watch ends before its descriptor. */
    mansio_arena_free(watches);
    watches = mansio_arena_new(arg, "watches", 0);
    readable = mansio_fd_watch(watches, ends[0], MANSIO_FD_READ);
    close(ends[1]);
    CHECK(mansio_wait(&readable, 1, MANSIO_NEVER, 0) == 0);
    CHECK(read(ends[0], &byte, 1) == 0);
    mansio_arena_free(watches);
    close(ends[0]);
    mansio_group_close(group);
    return 0;
}

/* The number is given to another file at once; the new watch must see that one. */
static int reuse(void *arg)
{
    char byte = 'x';
    int first = -1;
    for (int i = 0; i < 20; i++) {
        CHECK(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
        first = first < 0 ? ends[0] : first;
        CHECK(ends[0] == first);
        struct mansio_arena *watches = mansio_arena_new(arg, "watches", 0);
        struct mansio_waitable *readable = mansio_fd_watch(watches, ends[0], MANSIO_FD_READ);
        CHECK(mansio_wait(&readable, 1, mansio_deadline_in(0), 0) == MANSIO_E_TIMEOUT);
        CHECK(write(ends[1], &byte, 1) == 1);
        CHECK(mansio_wait(&readable, 1, mansio_deadline_in(10 * MANSIO_SECOND), 0) == 0);
        mansio_arena_free(watches);
        close(ends[0]);
        close(ends[1]);
    }
    return 0;
}

static void run_with_arena(int (*fn)(void *))
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    run_fiber(fn, arena);
    mansio_arena_free(arena);
}

static void an_event_stays_set(void **state)
{
    (void)state;
    run_with_arena(set_and_clear);
}

static void descriptors_are_watched_while_waited_for(void **state)
{
    (void)state;
    run_with_arena(watch);
}

static void a_reused_number_is_another_file(void **state)
{
    (void)state;
    run_with_arena(reuse);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_stays_set),
        cmocka_unit_test(descriptors_are_watched_while_waited_for),
        cmocka_unit_test(a_reused_number_is_another_file),
    };
    return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
