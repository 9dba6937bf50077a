/*
 * Fibers from the inside: the struct, the scheduler's state, and the three steps that every wait
 * in this layer is made of: take a signal, suspend, be woken.
 *
 * For core/loop alone; core/net and above use api/mansio/fiber.h and waitable.h. One thread
 * touches any of this, the one that runs the loop, save where a field says otherwise.
 */
#ifndef MANSIO_CORE_LOOP_FIBER_H
#define MANSIO_CORE_LOOP_FIBER_H

#include "core/base/context.h"
#include "core/loop/loop.h"
#include "core/loop/stack.h"
#include "core/loop/switch.h"
#include "core/loop/waitable.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <ev.h>
#include <mansio/fiber.h>

enum core_fiber_state {
    CORE_FIBER_READY = 1, /* in the ready queue */
    CORE_FIBER_RUNNING,
    CORE_FIBER_WAITING,
    CORE_FIBER_ENDED, /* its function has returned; somebody may still ask for the result */
};

/* Lies at the top of its own stack's mapping (stack.h). */
struct mansio_fiber {
    struct core_stack stack; /* first: what stack.c hands out */
    struct core_switch place;
    struct core_context context;

    mansio_fiber_fn fn;
    void *arg;
    int result;

    uint8_t state;    /* enum core_fiber_state */
    bool is_detached; /* nobody joins it: reclaimed as it ends */
    bool is_cancelled;
    bool is_stop_pending; /* a stop request that no idle wait has answered yet */
    bool is_idle_wait;    /* the present wait may be ended by a stop request */
    bool is_timed_out;    /* the present wait's deadline has passed */
    bool is_trimmed;      /* its stack was given back since it last ran */
    unsigned mask_depth;
    unsigned unsuspended; /* waits since it last suspended that did not have to */
    uint32_t stop_reason; /* enum mansio_reason; of the latest request */

    int64_t wait_deadline_us; /* of the present wait; MANSIO_NEVER between waits */
    int64_t stop_deadline_us; /* when a stop request becomes a cancellation */
    int64_t timer_due_us;     /* when the timer is set to fire, if it is active */
    struct ev_timer timer;    /* deadline.c */

    const char *waiting_in; /* static text */
    int64_t suspended_at_us;

    struct mansio_group *group;
    struct mansio_fiber *group_prev, *group_next;
    struct mansio_fiber *all_prev, *all_next;
    struct mansio_fiber *ready_next;
    struct mansio_waitable done;
};

/* The process's one loop. */
struct core_scheduler {
    struct ev_loop *ev;
    struct core_loop_options options;
    struct core_context context;          /* "loop": of callbacks */
    struct core_switch place;             /* the loop's own, while a fiber runs */
    struct mansio_fiber *_Atomic running; /* read by signal handlers too */

    struct mansio_fiber *ready_first, *ready_last;
    struct mansio_fiber *all_first, *all_last; /* every fiber that exists, ended ones included */
    size_t fibers;                             /* not ended */
    size_t untrimmed;                          /* not ended and not is_trimmed */

    int64_t turn_us;           /* monotonic time when this turn's events were taken */
    uint64_t slice_start;      /* core_ticks() when the running fiber was switched to */
    uint64_t turn_start;       /* core_ticks() when this turn's first was */
    unsigned slices_left;      /* of this turn's budget */
    struct mansio_fiber *left; /* who switched to the loop, and how long its slice was, ticks */
    uint64_t left_held;
    bool is_stopping;
    bool is_set_up;

    struct core_loop_stats stats;

    /* Tests count and cancel at suspension points with it: called as a fiber is about to suspend,
     * when it can be woken already. */
    void (*on_suspend)(struct mansio_fiber *fiber);
};
extern struct core_scheduler core_scheduler;

/* The running fiber; stops the process if there is none, because a yielding function was called
 * outside fibers. */
struct mansio_fiber *core_fiber_running(void);

/* ---- the three steps of a wait ---- */

/*
 * What a wait answers before it looks at anything: MANSIO_E_CANCELLED, MANSIO_E_STOPPING (taken
 * by that; only with MANSIO_WAIT_IDLE), or 0.
 */
int core_fiber_take_signal(struct mansio_fiber *self, uint32_t flags);

/*
 * Wait until core_fiber_wake(), the deadline or a signal. Whatever is to wake it must be in place.
 * Returns 0 when woken, MANSIO_E_TIMEOUT, or as core_fiber_take_signal(). What a waker left behind
 * has precedence; that is for the caller to look at.
 *
 * waiting_in  static text for the fiber list
 */
int core_fiber_suspend(struct mansio_fiber *self, int64_t deadline_us, uint32_t flags,
                       const char *waiting_in);

/* Make a waiting fiber runnable; nothing if it isn't waiting. */
void core_fiber_wake(struct mansio_fiber *fiber);

/* ---- beside them ---- */

/* For yielding functions that find what they want at once: every now and then lets the others
 * run, so that nobody keeps the loop by always finding something. 0 or MANSIO_E_CANCELLED. */
int core_fiber_breathe(struct mansio_fiber *self);

/* Answer a code for which there is nothing to tell: an older failure's detail must not stand
 * beside it. */
int core_fiber_answer(struct mansio_fiber *self, int code);

/* deadline.c: have the timer fire no later than the fiber's next deadline. */
void core_deadline_arm(struct mansio_fiber *fiber);
void core_deadline_init(struct mansio_fiber *fiber);

/* group.c: what a fiber's life tells its group. */
void core_group_add(struct mansio_group *group, struct mansio_fiber *fiber);
void core_group_ended(struct mansio_group *group);
void core_group_forget(struct mansio_group *group, struct mansio_fiber *fiber);
bool core_group_is_closing(const struct mansio_group *group);

/* fiber.c, for group.c and loop.c */
void core_fiber_run_turn(void);
void core_fiber_reclaim(struct mansio_fiber *fiber);
void core_fiber_setup(void);
void core_fiber_teardown(void);

#endif
