/*
 * Channel: a ring of pointers, and two lines of fibers.
 *
 * Items are handed over: a sender gives its item to the longest waiting receiver, a receiver that
 * takes one from a full ring puts the longest waiting sender's in. Whoever is woken has got or
 * given already, so nobody can come in between and nothing is lost when the woken fiber is
 * cancelled meanwhile: the operation is done and answers 0.
 * The waitables are hints for mansio_wait() and wake everybody.
 */
#include <mansio/sync.h>

#include "core/base/alloc.h"
#include "core/base/list.h"
#include "core/loop/fiber.h"
#include "core/loop/wait.h"

#include <mansio/error.h>

#define CAPACITY_MAX 65536

struct mansio_chan {
    struct mansio_waitable readable, writable; /* public hints */
    struct mansio_waitable receivers, senders; /* of struct operation */
    size_t capacity, count, head;
    bool is_closed;
    void **ring;
};

/* A fiber that waits to send or receive. */
struct operation {
    struct core_waiter waiter; /* first */
    void *item;                /* to be sent; or received: NULL if the channel was closed */
    bool is_done;
};

static int is_readable(struct mansio_waitable *self)
{
    const struct mansio_chan *chan = CORE_CONTAINER(self, struct mansio_chan, readable);
    return chan->count > 0 || chan->is_closed;
}

static int is_writable(struct mansio_waitable *self)
{
    const struct mansio_chan *chan = CORE_CONTAINER(self, struct mansio_chan, writable);
    return chan->count < chan->capacity || chan->is_closed;
}

static const struct core_waitable_ops readable_ops = {.name = "chan", .is_ready = is_readable};
static const struct core_waitable_ops writable_ops = {.name = "chan", .is_ready = is_writable};
static const struct core_waitable_ops receive_ops = {.name = "chan receive"};
static const struct core_waitable_ops send_ops = {.name = "chan send"};

static void end(void *arg)
{
    struct mansio_chan *chan = arg;
    MANSIO_ASSERT(chan->receivers.first == NULL && chan->senders.first == NULL);
    MANSIO_ASSERT(chan->readable.first == NULL && chan->writable.first == NULL);
    core_free(chan->ring);
}

struct mansio_chan *mansio_chan_new(struct mansio_arena *arena, size_t capacity)
{
    MANSIO_ASSERT(capacity >= 1 && capacity <= CAPACITY_MAX);
    struct mansio_chan *chan = mansio_arena_alloc(arena, sizeof *chan);
    core_waitable_init(&chan->readable, &readable_ops);
    core_waitable_init(&chan->writable, &writable_ops);
    core_waitable_init(&chan->receivers, &receive_ops);
    core_waitable_init(&chan->senders, &send_ops);
    chan->capacity = capacity;
    /* Not from the arena, which gives small sizes only; a large ring is not touched until used. */
    chan->ring = core_alloc_zero(capacity * sizeof *chan->ring);
    if (chan->ring == NULL) {
        core_alloc_exhausted(capacity * sizeof *chan->ring);
    }
    mansio_arena_defer(arena, end, chan);
    return chan;
}

static void push(struct mansio_chan *chan, void *item)
{
    chan->ring[(chan->head + chan->count) % chan->capacity] = item;
    chan->count++;
}

/* What every operation that may wait does first. */
static int begin(struct mansio_fiber *self)
{
    int rc = core_fiber_take_signal(self, 0);
    return rc != 0 ? rc : core_fiber_breathe(self);
}

/* Wait in a line. 0 when the operation was done by somebody else. */
static int wait_in_line(struct operation *operation, struct mansio_waitable *line,
                        int64_t deadline_us)
{
    struct mansio_fiber *self = core_fiber_running();
    if (deadline_us <= core_scheduler.turn_us) {
        return core_fiber_answer(self, MANSIO_E_TIMEOUT);
    }
    int rc = core_wait_with(&operation->waiter, line, deadline_us);
    if (rc == 0 && !operation->is_done) {
        return core_fiber_answer(self, MANSIO_E_CLOSED);
    }
    return rc;
}

static int try_send(struct mansio_chan *chan, void *item)
{
    if (chan->is_closed) {
        return MANSIO_E_CLOSED;
    }
    struct operation *receiver = (struct operation *)(void *)chan->receivers.first;
    if (receiver != NULL) {
        receiver->item = item;
        receiver->is_done = true;
        (void)core_waitable_wake_one(&chan->receivers);
        return 0;
    }
    if (chan->count == chan->capacity) {
        return MANSIO_E_TIMEOUT;
    }
    push(chan, item);
    (void)core_waitable_wake_all(&chan->readable);
    return 0;
}

int mansio_chan_send(struct mansio_chan *chan, void *item, int64_t deadline_us)
{
    MANSIO_ASSERT(item != NULL);
    struct mansio_fiber *self = mansio_fiber_self();
    int rc = 0;
    if (deadline_us != 0) {
        rc = begin(core_fiber_running());
        if (rc != 0) {
            return rc;
        }
    }
    rc = try_send(chan, item);
    if (rc == MANSIO_E_TIMEOUT && deadline_us != 0) {
        struct operation operation = {.item = item};
        return wait_in_line(&operation, &chan->senders, deadline_us);
    }
    return self == NULL ? rc : core_fiber_answer(self, rc);
}

static int try_receive(struct mansio_chan *chan, void **out)
{
    if (chan->count == 0) {
        return chan->is_closed ? MANSIO_E_CLOSED : MANSIO_E_TIMEOUT;
    }
    *out = chan->ring[chan->head];
    chan->head = (chan->head + 1) % chan->capacity;
    chan->count--;
    struct operation *sender = (struct operation *)(void *)chan->senders.first;
    if (sender != NULL) {
        push(chan, sender->item);
        sender->is_done = true;
        (void)core_waitable_wake_one(&chan->senders);
    } else {
        (void)core_waitable_wake_all(&chan->writable);
    }
    return 0;
}

int mansio_chan_receive(struct mansio_chan *chan, int64_t deadline_us, void **out)
{
    struct mansio_fiber *self = mansio_fiber_self();
    int rc = 0;
    if (deadline_us != 0) {
        rc = begin(core_fiber_running());
        if (rc != 0) {
            return rc;
        }
    }
    rc = try_receive(chan, out);
    if (rc == MANSIO_E_TIMEOUT && deadline_us != 0) {
        struct operation operation = {.item = NULL};
        rc = wait_in_line(&operation, &chan->receivers, deadline_us);
        if (rc == 0) {
            *out = operation.item;
        }
        return rc;
    }
    return self == NULL ? rc : core_fiber_answer(self, rc);
}

void mansio_chan_close(struct mansio_chan *chan)
{
    chan->is_closed = true;
    (void)core_waitable_wake_all(&chan->receivers);
    (void)core_waitable_wake_all(&chan->senders);
    (void)core_waitable_wake_all(&chan->readable);
    (void)core_waitable_wake_all(&chan->writable);
}

struct mansio_waitable *mansio_chan_readable(struct mansio_chan *chan)
{
    return &chan->readable;
}

struct mansio_waitable *mansio_chan_writable(struct mansio_chan *chan)
{
    return &chan->writable;
}
