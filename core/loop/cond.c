/*
 * Condition: a signal that has reached a fiber stays with it, though a cancellation or the
 * deadline comes before its turn; it answers 0 and will find its predicate true. So no signal is
 * spent on somebody who then leaves without looking.
 */
#include <mansio/sync.h>

#include "core/loop/fiber.h"
#include "core/loop/wait.h"

#include <mansio/error.h>
#include <mansio/time.h>

struct mansio_cond {
    struct mansio_waitable waiters;
};

static const struct core_waitable_ops cond_ops = {.name = "cond"};

static void end(void *arg)
{
    struct mansio_cond *cond = arg;
    MANSIO_ASSERT(cond->waiters.first == NULL);
}

struct mansio_cond *mansio_cond_new(struct mansio_arena *arena)
{
    struct mansio_cond *cond = mansio_arena_alloc(arena, sizeof *cond);
    core_waitable_init(&cond->waiters, &cond_ops);
    mansio_arena_defer(arena, end, cond);
    return cond;
}

int mansio_cond_wait(struct mansio_cond *cond, struct mansio_mutex *mutex, int64_t deadline_us)
{
    struct mansio_fiber *self = core_fiber_running();
    int rc = core_fiber_take_signal(self, 0);
    if (rc != 0) {
        return rc;
    }
    mansio_mutex_unlock(mutex);
    rc = core_wait_for(&cond->waiters, deadline_us);
    mansio_fiber_mask();
    int locked = mansio_mutex_lock(mutex, MANSIO_NEVER);
    mansio_fiber_unmask();
    MANSIO_ASSERT(locked == 0);
    return core_fiber_answer(self, rc);
}

void mansio_cond_signal(struct mansio_cond *cond)
{
    (void)core_waitable_wake_one(&cond->waiters);
}

void mansio_cond_broadcast(struct mansio_cond *cond)
{
    (void)core_waitable_wake_all(&cond->waiters);
}
