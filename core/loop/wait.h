/*
 * One fiber's wait for one waitable: a link in that waitable's list that lies on the fiber's
 * stack while it is suspended. mansio_wait() has one a source; mutex, condition and channel have
 * one each and hang what they hand over beside it.
 */
#ifndef MANSIO_CORE_LOOP_WAIT_H
#define MANSIO_CORE_LOOP_WAIT_H

#include "core/loop/waitable.h"

#include <stdint.h>

enum core_woken {
    CORE_NOT_WOKEN = 0,
    CORE_WOKEN_ALL, /* with all others */
    CORE_WOKEN_ONE, /* alone: if this fiber makes no use of it, another must get it */
};

struct core_waiter {
    struct mansio_waitable *source; /* NULL: not in a list */
    struct core_waiter *prev, *next;
    struct mansio_fiber *fiber;
    uint32_t woken; /* enum core_woken */
};

/* waitable.c: enter a list at its end; leave it. Arm and disarm as the first comes, the last
 * leaves. */
void core_waiter_enter(struct core_waiter *self, struct mansio_waitable *source,
                       struct mansio_fiber *fiber);
void core_waiter_leave(struct core_waiter *self);

/*
 * Wait in one list. Returns 0 when woken, also if a signal or the deadline came in between the wake
 * and the fiber's turn: what was handed over stays handed over, so nothing is lost (the
 * signal shows at the next wait). Else MANSIO_E_TIMEOUT or MANSIO_E_CANCELLED. Looks for a
 * signal only after suspending: callers have looked before.
 */
int core_wait_with(struct core_waiter *waiter, struct mansio_waitable *source, int64_t deadline_us);

/* The same with a link of its own, for who hands nothing over. */
int core_wait_for(struct mansio_waitable *source, int64_t deadline_us);

#endif
