/*
 * An event: a flag that fibers wait for.
 */
#include <mansio/fiber.h>

#include "core/loop/waitable.h"

#include <mansio/arena.h>

struct mansio_event {
    struct mansio_waitable waitable; /* first */
    int is_set;
};

static int is_ready(struct mansio_waitable *self)
{
    return ((struct mansio_event *)(void *)self)->is_set;
}

static const struct core_waitable_ops event_ops = {.name = "event", .is_ready = is_ready};

static void end(void *arg)
{
    struct mansio_event *event = arg;
    MANSIO_ASSERT(event->waitable.first == NULL);
}

struct mansio_event *mansio_event_new(struct mansio_arena *arena)
{
    struct mansio_event *event = mansio_arena_alloc(arena, sizeof *event);
    core_waitable_init(&event->waitable, &event_ops);
    mansio_arena_defer(arena, end, event);
    return event;
}

void mansio_event_set(struct mansio_event *event)
{
    event->is_set = 1;
    (void)core_waitable_wake_all(&event->waitable);
}

void mansio_event_clear(struct mansio_event *event)
{
    event->is_set = 0;
}

int mansio_event_is_set(const struct mansio_event *event)
{
    return event->is_set;
}

struct mansio_waitable *mansio_event_waitable(struct mansio_event *event)
{
    return &event->waitable;
}
