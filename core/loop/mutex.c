/*
 * Mutex: unlocking gives it to who waits longest, before that fiber runs. Nobody can take it in
 * between, so waiting is fair, and nothing is lost when the new owner is cancelled meanwhile: it
 * has the lock, is told so, and learns of the cancellation at its next wait.
 */
#include <mansio/sync.h>

#include "core/loop/fiber.h"
#include "core/loop/wait.h"

#include <mansio/error.h>

struct mansio_mutex {
    struct mansio_waitable waiters;
    struct mansio_fiber *owner;
};

static const struct core_waitable_ops mutex_ops = {.name = "mutex"};

static void end(void *arg)
{
    struct mansio_mutex *mutex = arg;
    MANSIO_ASSERT(mutex->owner == NULL && mutex->waiters.first == NULL);
}

struct mansio_mutex *mansio_mutex_new(struct mansio_arena *arena)
{
    struct mansio_mutex *mutex = mansio_arena_alloc(arena, sizeof *mutex);
    core_waitable_init(&mutex->waiters, &mutex_ops);
    mansio_arena_defer(arena, end, mutex);
    return mutex;
}

int mansio_mutex_lock(struct mansio_mutex *mutex, int64_t deadline_us)
{
    struct mansio_fiber *self = core_fiber_running();
    if (mutex->owner == self) {
        return mansio_fail(MANSIO_E_BUG, "fiber \"%s\" locks a mutex that it holds",
                           self->context.name);
    }
    int rc = core_fiber_take_signal(self, 0);
    if (rc == 0) {
        rc = core_fiber_breathe(self);
    }
    if (rc != 0) {
        return rc;
    }
    if (mutex->owner == NULL) {
        mutex->owner = self;
        return 0;
    }
    if (deadline_us <= core_scheduler.turn_us) {
        return core_fiber_answer(self, MANSIO_E_TIMEOUT);
    }
    return core_wait_for(&mutex->waiters, deadline_us);
}

int mansio_mutex_try_lock(struct mansio_mutex *mutex)
{
    if (mutex->owner != NULL) {
        return mansio_fail(MANSIO_E_BUSY, "fiber \"%s\" holds the mutex",
                           mutex->owner->context.name);
    }
    mutex->owner = core_fiber_running();
    return 0;
}

void mansio_mutex_unlock(struct mansio_mutex *mutex)
{
    MANSIO_ASSERT(mutex->owner == core_fiber_running());
    struct core_waiter *next = mutex->waiters.first;
    mutex->owner = next == NULL ? NULL : next->fiber;
    (void)core_waitable_wake_one(&mutex->waiters);
}
