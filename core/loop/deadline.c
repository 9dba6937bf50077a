/*
 * Deadlines: one timer a fiber, set lazily. A conn that waits for its next command sets a deadline
 * a minute off at each one and hardly ever meets it; so the timer is left running when the deadline
 * moves later, and set again when it fires too early. A wait then touches no heap.
 */
#include "core/loop/fiber.h"

#include <mansio/time.h>

/* Timers count from the time at which libev took this turn's events, a few microseconds before
 * turn_us: without this they would fire too early by as much and be set again. */
#define SLACK_US 20

static int64_t next_deadline(const struct mansio_fiber *fiber)
{
    int64_t due = fiber->wait_deadline_us;
    if (!fiber->is_cancelled && fiber->stop_deadline_us < due) {
        due = fiber->stop_deadline_us;
    }
    return due;
}

void core_deadline_arm(struct mansio_fiber *fiber)
{
    int64_t due = next_deadline(fiber);
    if (due == MANSIO_NEVER || (ev_is_active(&fiber->timer) && fiber->timer_due_us <= due)) {
        return;
    }
    double after = 0;
    if (due > core_scheduler.turn_us) {
        after = (double)(due - core_scheduler.turn_us + SLACK_US) / (double)MANSIO_SECOND;
    }
    ev_timer_stop(core_scheduler.ev, &fiber->timer);
    ev_timer_set(&fiber->timer, after, 0.);
    ev_timer_start(core_scheduler.ev, &fiber->timer);
    fiber->timer_due_us = due;
}

static void on_timer(struct ev_loop *ev, struct ev_timer *timer, int events)
{
    (void)ev;
    (void)events;
    struct mansio_fiber *fiber = timer->data;
    int64_t now = mansio_now_us();
    if (!fiber->is_cancelled && fiber->stop_deadline_us <= now) {
        mansio_fiber_cancel(fiber);
    }
    if (fiber->wait_deadline_us <= now) {
        fiber->is_timed_out = true;
        core_fiber_wake(fiber);
        return;
    }
    core_deadline_arm(fiber);
}

void core_deadline_init(struct mansio_fiber *fiber)
{
    ev_timer_init(&fiber->timer, on_timer, 0., 0.);
    fiber->timer.data = fiber;
    fiber->timer_due_us = MANSIO_NEVER;
}
