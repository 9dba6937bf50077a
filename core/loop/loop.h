/*
 * The loop of a process: libev, the queue of ready fibers, the watchdog. One a process; no module
 * sees it. Fibers never run it; it resumes them first come first served, with a budget a turn.
 */
#ifndef MANSIO_CORE_LOOP_LOOP_H
#define MANSIO_CORE_LOOP_LOOP_H

#include "core/base/context.h"
#include "core/base/export.h"
#include <mansio/base.h>

struct ev_loop;

/* Called when a fiber (or a callback, name "loop") held the thread for longer than allowed. */
typedef void (*core_hold_fn)(const struct core_context *holder, int64_t held_us);

/* Called when a fiber's stack guard was hit, in a signal handler on its own stack: only what is
 * async-signal-safe. The process dies after it. */
typedef void (*core_overflow_fn)(const struct core_context *holder);

/* Called in a signal handler when the process is about to die of a signal other than a guard hit.
 * Async-signal-safe. */
typedef void (*core_crash_fn)(const struct core_context *holder, int signal_number);

/* Called in a signal handler, once, when somebody has held the thread for ten times hold_limit_us
 * and still does. Async-signal-safe. */
typedef void (*core_stuck_fn)(const struct core_context *holder, int64_t held_us);

struct core_loop_options {
    size_t fibers_max;        /* most fibers at once */
    size_t stack_size_bytes;  /* 0: the default of stack.h */
    size_t stacks_kept_max;   /* recycled stacks kept */
    unsigned offload_threads; /* 0: offload answers MANSIO_E_LIMIT */
    size_t offload_queue_max;
    int64_t hold_limit_us; /* watchdog: 10 ms; 0: off */
    core_hold_fn on_hold;
    core_overflow_fn on_overflow;
    core_crash_fn on_crash;
    core_stuck_fn
        on_stuck;     /* needs hold_limit_us; costs a thread that sleeps while the loop does */
    int stack_census; /* 1: record stack depths (census.h); for tests, it touches all pages */
};

/* Set the process's loop up. fibers_max is lowered to what core_stack_fit() (stack.h) says;
 * core_loop_stats() tells. Returns 0 or MANSIO_E_IO. */
CORE_EXPORT MANSIO_MUST_CHECK int core_loop_init(const struct core_loop_options *options);

/* Run until core_loop_stop(). */
CORE_EXPORT void core_loop_run(void);

/* Make core_loop_run() return after this turn. From fibers and callbacks. */
CORE_EXPORT void core_loop_stop(void);

/* Release everything; every group must be closed. Tells of fibers left floating: returns their
 * number. */
CORE_EXPORT size_t core_loop_fini(void);

/* After fork in a child that goes on using the loop. */
CORE_EXPORT void core_loop_forked(void);

/* libev's loop, for core/net and core/loop only. */
struct ev_loop *core_loop_ev(void);

/* Figures for status and metrics. */
struct core_loop_stats {
    size_t fibers, fibers_peak, stacks_kept, ready;
    uint64_t switches, spawns, turns, holds;
    size_t fibers_max; /* as configured, or fewer if the system has no room for as many */
};
CORE_EXPORT void core_loop_stats(struct core_loop_stats *out);

/* Visit the live fibers: name, what it waits in (static text), microseconds since it last ran. */
typedef void (*core_fiber_visit_fn)(void *arg, const struct core_context *context,
                                    const char *waiting_in, int64_t idle_us);
CORE_EXPORT void core_loop_visit_fibers(core_fiber_visit_fn fn, void *arg);

#endif
