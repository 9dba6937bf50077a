/*
 * The watchdog: who holds the thread. Two watches: after each slice, how long it was (on_hold, in
 * the loop, may log); and a thread that sees no progress at all and has the holder named while
 * it still holds (on_stuck, in a signal handler). Decides nothing, ends nobody.
 */
#ifndef MANSIO_CORE_LOOP_WATCHDOG_H
#define MANSIO_CORE_LOOP_WATCHDOG_H

#include "core/base/context.h"
#include "core/loop/clock.h"
#include "core/loop/fiber.h"

#include <stdatomic.h>
#include <stdint.h>

struct core_watchdog {
    uint64_t hold_ticks_min;   /* no slice shorter than this can be over the limit */
    _Atomic uint64_t progress; /* slices and turns; the thread compares */
    atomic_int is_polling;     /* the loop waits for events: nobody holds it */
    atomic_int is_parked;      /* the thread sleeps until the loop wakes from polling */
};
extern struct core_watchdog core_watchdog;

void core_watchdog_setup(void);
void core_watchdog_teardown(void);

/* Start the thread, unless it runs; after a fork it doesn't. */
void core_watchdog_start(void);
void core_watchdog_forked(void);

/* Around polling. */
void core_watchdog_before_poll(void);
void core_watchdog_after_poll(void);

/* Report, if it really was too long. */
void core_watchdog_judge(const struct core_context *holder, uint64_t ticks);

/* A slice ends, a fiber's or that of the callbacks since polling; the next begins. How long it
 * was, ticks. */
static inline uint64_t core_watchdog_slice_end(void)
{
    uint64_t now = core_ticks();
    uint64_t held = now - core_scheduler.slice_start;
    core_scheduler.slice_start = now;
    uint64_t progress = atomic_load_explicit(&core_watchdog.progress, memory_order_relaxed);
    atomic_store_explicit(&core_watchdog.progress, progress + 1, memory_order_relaxed);
    return held;
}

/* Whether it needs judging. */
static inline bool core_watchdog_is_long(uint64_t held)
{
    return __builtin_expect(held > core_watchdog.hold_ticks_min, 0);
}

#endif
