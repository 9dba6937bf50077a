/*
 * mansio_wait(): one of several things, a deadline, a signal. And the simple waits that mutex,
 * condition, channel, join are made of.
 */
#include "core/loop/wait.h"

#include "core/loop/fiber.h"

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/time.h>

/* Most waits are for one thing or two: a frame for 64 would push what is called below it onto
 * another page of an idle fiber's stack. */
#define WAIT_FEW 4

int core_wait_with(struct core_waiter *waiter, struct mansio_waitable *source, int64_t deadline_us)
{
    struct mansio_fiber *self = core_fiber_running();
    core_waiter_enter(waiter, source, self);
    int rc = waiter->woken != CORE_NOT_WOKEN
                 ? 0
                 : core_fiber_suspend(self, deadline_us, 0, source->ops->name);
    if (waiter->woken != CORE_NOT_WOKEN) {
        return 0;
    }
    core_waiter_leave(waiter);
    return rc;
}

int core_wait_for(struct mansio_waitable *source, int64_t deadline_us)
{
    struct core_waiter waiter = {.source = NULL};
    return core_wait_with(&waiter, source, deadline_us);
}

/* The first source that says it is ready, or -1. */
static int find_ready(struct mansio_waitable *const *sources, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct mansio_waitable *source = sources[i];
        if (source != NULL && source->ops->is_ready != NULL && source->ops->is_ready(source)) {
            return (int)i;
        }
    }
    return -1;
}

/* Whether every source can say so itself: then a deadline that has passed needs no suspension. */
static bool all_can_tell(struct mansio_waitable *const *sources, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sources[i] != NULL && sources[i]->ops->is_ready == NULL) {
            return false;
        }
    }
    return true;
}

/* Leave all lists; the first waiter woken, or -1. Wakes that were meant for one and are not what
 * the caller is told go on to the next in line. */
static int leave_all(struct core_waiter *waiters, struct mansio_waitable *const *sources,
                     size_t count, int rc)
{
    int chosen = -1;
    for (size_t i = 0; i < count; i++) {
        if (waiters[i].woken != CORE_NOT_WOKEN && chosen < 0) {
            chosen = (int)i;
        }
        core_waiter_leave(&waiters[i]);
    }
    bool is_signal = rc == MANSIO_E_CANCELLED || rc == MANSIO_E_STOPPING;
    for (size_t i = 0; i < count; i++) {
        if (waiters[i].woken == CORE_WOKEN_ONE && (is_signal || (int)i != chosen)) {
            (void)core_waitable_wake_one(sources[i]);
        }
    }
    return is_signal ? -1 : chosen;
}

static int wait_suspended(struct core_waiter *waiters, struct mansio_waitable *const *sources,
                          size_t count, int64_t deadline_us, uint32_t flags)
{
    struct mansio_fiber *self = core_fiber_running();
    const char *waiting_in = "sleep";
    bool is_woken = false;
    for (size_t i = count; i-- > 0;) {
        waiters[i] = (struct core_waiter){.source = NULL};
        if (sources[i] != NULL) {
            core_waiter_enter(&waiters[i], sources[i], self);
            is_woken |= waiters[i].woken != CORE_NOT_WOKEN;
            waiting_in = sources[i]->ops->name;
        }
    }
    int rc = is_woken ? 0 : core_fiber_suspend(self, deadline_us, flags, waiting_in);
    int chosen = leave_all(waiters, sources, count, rc);
    if (chosen >= 0) {
        return chosen;
    }
    /* Nothing but wake, signal or deadline resumes a fiber, and a wake has chosen. */
    MANSIO_ASSERT(rc < 0);
    return rc;
}

static __attribute__((noinline)) int wait_few(struct mansio_waitable *const *sources, size_t count,
                                              int64_t deadline_us, uint32_t flags)
{
    struct core_waiter waiters[WAIT_FEW];
    return wait_suspended(waiters, sources, count, deadline_us, flags);
}

static __attribute__((noinline)) int wait_many(struct mansio_waitable *const *sources, size_t count,
                                               int64_t deadline_us, uint32_t flags)
{
    struct core_waiter waiters[MANSIO_WAIT_MAX];
    return wait_suspended(waiters, sources, count, deadline_us, flags);
}

int mansio_wait(struct mansio_waitable *const *sources, size_t count, int64_t deadline_us,
                uint32_t flags)
{
    struct mansio_fiber *self = core_fiber_running();
    MANSIO_ASSERT(count <= MANSIO_WAIT_MAX);
    int rc = core_fiber_take_signal(self, flags);
    if (rc != 0) {
        return rc;
    }
    int ready = find_ready(sources, count);
    if (ready >= 0 || (deadline_us <= core_scheduler.turn_us && all_can_tell(sources, count))) {
        rc = core_fiber_breathe(self);
        if (rc != 0) {
            return rc;
        }
        /* It may have let others run: look again. */
        ready = find_ready(sources, count);
        if (ready >= 0) {
            return ready;
        }
        if (deadline_us <= core_scheduler.turn_us && all_can_tell(sources, count)) {
            return core_fiber_answer(self, MANSIO_E_TIMEOUT);
        }
    }
    return count <= WAIT_FEW ? wait_few(sources, count, deadline_us, flags)
                             : wait_many(sources, count, deadline_us, flags);
}
