/* Tests of chan.c: order, bounds, handing over, closing, hints. */
#include "core/loop/testing.h"

#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/sync.h>

static struct mansio_chan *chan;
static int items[1000];

static int receive(int64_t deadline_us)
{
    void *item = items;
    int rc = mansio_chan_receive(chan, deadline_us, &item);
    if (rc != 0) {
        CHECK(item == items); /* untouched on failure */
        return rc;
    }
    return (int)((int *)item - items);
}

static int produce(void *arg)
{
    int count = *(int *)arg;
    for (int i = 1; i < count; i++) {
        int rc = mansio_chan_send(chan, &items[i], MANSIO_NEVER);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int in_order(void *arg)
{
    static const size_t capacities[] = {1, 2, 7, 65536};
    for (int c = 0; c < 4; c++) {
        chan = mansio_chan_new(arg, capacities[c]);
        int count = 1000;
        struct mansio_group *group = mansio_group_new("producers");
        CHECK(mansio_group_spawn(group, "producer", produce, &count, NULL) == 0);
        for (int i = 1; i < count; i++) {
            CHECK(receive(MANSIO_NEVER) == i);
        }
        CHECK(receive(0) == MANSIO_E_TIMEOUT);
        mansio_group_close(group);
    }
    return 0;
}

static int bounds(void *arg)
{
    chan = mansio_chan_new(arg, 3);
    for (int i = 1; i <= 3; i++) {
        CHECK(mansio_chan_send(chan, &items[i], 0) == 0);
    }
    CHECK(mansio_chan_send(chan, &items[4], 0) == MANSIO_E_TIMEOUT);
    CHECK(mansio_chan_send(chan, &items[4], mansio_deadline_in(1 * MANSIO_MS)) == MANSIO_E_TIMEOUT);
    CHECK(mansio_chan_send(chan, &items[4], 1) == MANSIO_E_TIMEOUT); /* has passed long ago */
    for (int i = 1; i <= 3; i++) {
        CHECK(receive(0) == i);
    }
    CHECK(receive(mansio_deadline_in(1 * MANSIO_MS)) == MANSIO_E_TIMEOUT);
    return 0;
}

/* Receivers wait; what is sent is theirs at once, in their order; who is cancelled after it has
 * been given an item keeps it. */
static int got[3];

static int receive_one(void *arg)
{
    int *slot = arg;
    *slot = receive(MANSIO_NEVER);
    return 0;
}

static int hand_over(void *arg)
{
    chan = mansio_chan_new(arg, 1);
    struct mansio_fiber *fibers[3];
    struct mansio_group *group = mansio_group_new("receivers");
    for (int i = 0; i < 3; i++) {
        got[i] = 0;
        CHECK(mansio_group_spawn(group, "receiver", receive_one, &got[i], &fibers[i]) == 0);
    }
    CHECK(mansio_fiber_yield() == 0);
    CHECK(mansio_chan_send(chan, &items[1], 0) == 0);
    CHECK(mansio_chan_send(chan, &items[2], 0) == 0);
    CHECK(receive(0) == MANSIO_E_TIMEOUT); /* nobody gets in between */
    mansio_fiber_cancel(fibers[0]);
    mansio_fiber_cancel(fibers[2]);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(got[0] == 1 && got[1] == 2 && got[2] == MANSIO_E_CANCELLED);
    CHECK(mansio_chan_send(chan, &items[3], 0) == 0); /* the third has left the line */
    CHECK(receive(0) == 3);
    mansio_group_close(group);
    return 0;
}

static int sent[3];

static int send_one(void *arg)
{
    int *slot = arg;
    *slot = mansio_chan_send(chan, &items[slot - sent + 1], MANSIO_NEVER);
    return 0;
}

static int take_over(void *arg)
{
    chan = mansio_chan_new(arg, 1);
    CHECK(mansio_chan_send(chan, &items[9], 0) == 0);
    struct mansio_fiber *fibers[3];
    struct mansio_group *group = mansio_group_new("senders");
    for (int i = 0; i < 3; i++) {
        sent[i] = 99;
        CHECK(mansio_group_spawn(group, "sender", send_one, &sent[i], &fibers[i]) == 0);
    }
    CHECK(mansio_fiber_yield() == 0);
    CHECK(receive(0) == 9); /* and the first sender's is in */
    CHECK(mansio_chan_send(chan, &items[8], 0) == MANSIO_E_TIMEOUT);
    mansio_fiber_cancel(fibers[0]);
    mansio_fiber_cancel(fibers[1]);
    CHECK(mansio_fiber_yield() == 0);
    CHECK(sent[0] == 0 && sent[1] == MANSIO_E_CANCELLED && sent[2] == 99);
    CHECK(receive(0) == 1);
    CHECK(receive(0) == 3);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(sent[2] == 0);
    mansio_group_close(group);
    return 0;
}

static int closed(void *arg)
{
    chan = mansio_chan_new(arg, 2);
    struct mansio_group *group = mansio_group_new("others");
    got[0] = sent[2] = 99;
    CHECK(mansio_group_spawn(group, "receiver", receive_one, &got[0], NULL) == 0);
    CHECK(mansio_fiber_yield() == 0);
    mansio_chan_close(chan);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(got[0] == MANSIO_E_CLOSED);

    chan = mansio_chan_new(arg, 2);
    CHECK(mansio_chan_send(chan, &items[7], 0) == 0);
    CHECK(mansio_chan_send(chan, &items[8], 0) == 0);
    CHECK(mansio_group_spawn(group, "sender", send_one, &sent[2], NULL) == 0);
    CHECK(mansio_fiber_yield() == 0);
    mansio_chan_close(chan);
    mansio_chan_close(chan);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(sent[2] == MANSIO_E_CLOSED);
    CHECK(mansio_chan_send(chan, &items[1], 0) == MANSIO_E_CLOSED);
    CHECK(mansio_chan_send(chan, &items[1], MANSIO_NEVER) == MANSIO_E_CLOSED);
    CHECK(receive(MANSIO_NEVER) == 7); /* what is in can still be taken out */
    CHECK(receive(MANSIO_NEVER) == 8);
    CHECK(receive(MANSIO_NEVER) == MANSIO_E_CLOSED);
    CHECK(receive(0) == MANSIO_E_CLOSED);
    mansio_group_close(group);
    return 0;
}

static int hinted(void *arg)
{
    int *answer = arg;
    struct mansio_waitable *sources[] = {mansio_chan_readable(chan), mansio_chan_writable(chan)};
    *answer = mansio_wait(sources, 2, MANSIO_NEVER, 0);
    return 0;
}

static int hints(void *arg)
{
    int answers[2] = {99, 99};
    struct mansio_group *group = mansio_group_new("others");
    chan = mansio_chan_new(arg, 1);
    struct mansio_waitable *readable = mansio_chan_readable(chan);
    struct mansio_waitable *writable = mansio_chan_writable(chan);
    CHECK(mansio_wait(&readable, 1, 0, 0) == MANSIO_E_TIMEOUT);
    CHECK(mansio_wait(&writable, 1, 0, 0) == 0);
    CHECK(mansio_chan_send(chan, &items[1], 0) == 0);
    CHECK(mansio_wait(&readable, 1, 0, 0) == 0);
    CHECK(mansio_wait(&writable, 1, 0, 0) == MANSIO_E_TIMEOUT);

    /* Everybody is told: it is a hint, and the first may not take what it announces. */
    CHECK(receive(0) == 1);
    struct mansio_waitable *both[] = {readable, NULL};
    CHECK(mansio_wait(both, 2, mansio_deadline_in(1 * MANSIO_MS), 0) == MANSIO_E_TIMEOUT);
    CHECK(mansio_chan_send(chan, &items[1], 0) == 0);
    for (int i = 0; i < 2; i++) {
        CHECK(mansio_group_spawn(group, "hinted", hinted, &answers[i], NULL) == 0);
    }
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(answers[0] == 0 && answers[1] == 0);
    mansio_chan_close(chan);
    CHECK(mansio_wait(&writable, 1, 0, 0) == 0);
    CHECK(receive(0) == 1);
    CHECK(mansio_wait(&readable, 1, 0, 0) == 0);
    mansio_group_close(group);
    return 0;
}

static int wait_readable(void *arg)
{
    struct mansio_waitable *readable = mansio_chan_readable(chan);
    *(int *)arg = mansio_wait(&readable, 1, MANSIO_NEVER, 0);
    return 0;
}

static int hints_wake(void *arg)
{
    int answers[3] = {99, 99, 99};
    struct mansio_group *group = mansio_group_new("others");
    chan = mansio_chan_new(arg, 1);
    for (int i = 0; i < 3; i++) {
        CHECK(mansio_group_spawn(group, "hinted", wait_readable, &answers[i], NULL) == 0);
    }
    CHECK(mansio_fiber_yield() == 0);
    CHECK(answers[0] == 99);
    CHECK(mansio_chan_send(chan, &items[1], 0) == 0);
    CHECK(mansio_group_join(group, MANSIO_NEVER) == 0);
    CHECK(answers[0] == 0 && answers[1] == 0 && answers[2] == 0);
    mansio_group_close(group);
    return 0;
}

static void run_with_arena(int (*fn)(void *))
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    run_fiber(fn, arena);
    mansio_arena_free(arena);
}

static void items_come_out_in_order(void **state)
{
    (void)state;
    run_with_arena(in_order);
}

static void it_holds_as_much_as_it_may(void **state)
{
    (void)state;
    run_with_arena(bounds);
}

static void items_are_handed_to_receivers(void **state)
{
    (void)state;
    run_with_arena(hand_over);
}

static void items_are_taken_from_senders(void **state)
{
    (void)state;
    run_with_arena(take_over);
}

static void closing_refuses_but_loses_nothing(void **state)
{
    (void)state;
    run_with_arena(closed);
}

static void hints_tell_readiness(void **state)
{
    (void)state;
    run_with_arena(hints);
    run_with_arena(hints_wake);
}

/* Without waiting it works outside fibers too: a callback may feed a fiber. */
static void trying_needs_no_fiber(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    chan = mansio_chan_new(arena, 1);
    void *item = NULL;
    assert_int_equal(mansio_chan_receive(chan, 0, &item), MANSIO_E_TIMEOUT);
    assert_int_equal(mansio_chan_send(chan, &items[1], 0), 0);
    assert_int_equal(mansio_chan_send(chan, &items[2], 0), MANSIO_E_TIMEOUT);
    assert_int_equal(mansio_chan_receive(chan, 0, &item), 0);
    assert_ptr_equal(item, &items[1]);
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_out_in_order),
        cmocka_unit_test(it_holds_as_much_as_it_may),
        cmocka_unit_test(items_are_handed_to_receivers),
        cmocka_unit_test(items_are_taken_from_senders),
        cmocka_unit_test(closing_refuses_but_loses_nothing),
        cmocka_unit_test(hints_tell_readiness),
        cmocka_unit_test(trying_needs_no_fiber),
    };
    return cmocka_run_group_tests_name("chan", tests, NULL, NULL);
}
