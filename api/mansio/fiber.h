/*
 * Fibers: a protocol reads top to bottom and suspends where another program would block.
 *
 * A fiber is a coroutine with a stack of its own on the worker's one thread. Functions marked
 * "yields" may let other fibers run before they return, so shared state must be read again after
 * them; anything else runs undisturbed. Nothing implicit (errno, a library's error queue, statics)
 * survives a yield. Fibers are started in groups, and closing a group cancels and joins them: no
 * fiber floats.
 *
 * Two signals can reach a fiber. A stop request ("finish what runs, then leave") wakes only waits
 * marked idle, once, with MANSIO_E_STOPPING. Cancellation wakes every wait with
 * MANSIO_E_CANCELLED and is sticky: each later wait answers the same at once. Clean up and return.
 */
#ifndef MANSIO_FIBER_H
#define MANSIO_FIBER_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/time.h>

/** Opaque. */
struct mansio_fiber;
struct mansio_group;
struct mansio_waitable;
struct mansio_event;

/** What a fiber runs; what it returns is what join gives. */
typedef int (*mansio_fiber_fn)(void *arg);

/** Why somebody is asked to stop, or is ended. Readers accept unknown values. */
enum mansio_reason {
    MANSIO_REASON_NONE = 0,
    MANSIO_REASON_DRAIN = 1,   /* reload, upgrade or shutdown: come back at once */
    MANSIO_REASON_KILLED = 2,  /* an administrator ended this session */
    MANSIO_REASON_POLICY = 3,  /* policy no longer allows it */
    MANSIO_REASON_TIMEOUT = 4, /* silent for too long */
    MANSIO_REASON_FAULT = 5,   /* something here failed: come back later */
    MANSIO_REASON_LIMIT = 6,   /* too many, too much */
};

/* ---- groups and fibers ---------------------------------------------------------------------- */

/**
 * Make a group.
 *
 * @param name  static text, for logs and the fiber list
 * @return the group, never NULL; end it with mansio_group_close()
 * @yields no     @since 1.0
 */
MANSIO_EXPORT struct mansio_group *mansio_group_new(const char *name);

/**
 * Start a fiber in a group. It runs for the first time after the caller next yields. It inherits
 * the caller's log context.
 *
 * @param group  not closing
 * @param name   static text, for logs, the watchdog and the stack census
 * @param fn     runs on the new fiber's stack
 * @param arg    passed to @p fn; must live until it returns
 * @param out    the fiber, to be joined; NULL if nobody will ask: it is then reclaimed as it ends
 * @return 0; MANSIO_E_LIMIT at the configured number of fibers or without memory for a stack;
 *         MANSIO_E_CANCELLED if the group is closing
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_group_spawn(struct mansio_group *group, const char *name,
                                                       mansio_fiber_fn fn, void *arg,
                                                       struct mansio_fiber **out);

/** Fibers of a group that have not ended. @yields no @since 1.0 */
MANSIO_EXPORT size_t mansio_group_count(const struct mansio_group *group);

/**
 * Wait until every fiber of a group has ended.
 *
 * @param deadline_us  monotonic time, or MANSIO_NEVER
 * @return 0; MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_group_join(struct mansio_group *group,
                                                      int64_t deadline_us);

/**
 * Ask every fiber of a group to stop: see mansio_fiber_stop().
 *
 * @yields no     @since 1.0
 */
MANSIO_EXPORT void mansio_group_stop(struct mansio_group *group, uint32_t reason,
                                     int64_t deadline_us);

/** Cancel every fiber of a group; more may be started after. @yields no @since 1.0 */
MANSIO_EXPORT void mansio_group_cancel(struct mansio_group *group);

/**
 * Cancel and join every fiber of a group, then free the group and the handles of its fibers.
 * The wait cannot be cancelled; it ends because cancelled fibers return. Never from a fiber of the
 * group itself.
 *
 * @param group  NULL does nothing
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT void mansio_group_close(struct mansio_group *group);

/**
 * Wait for a fiber to end and reclaim it.
 *
 * @param fiber        handle from mansio_group_spawn(); gone after success
 * @param deadline_us  monotonic time, or MANSIO_NEVER
 * @param out_result   what its function returned; may be NULL
 * @return 0; MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED (the caller is)
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_fiber_join(struct mansio_fiber *fiber,
                                                      int64_t deadline_us, int *out_result);

/** What becomes ready when a fiber ends; lives as long as its handle. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_waitable *mansio_fiber_done(struct mansio_fiber *fiber);

/** Cancel a fiber. Harmless if it has ended or is cancelled already. @yields no @since 1.0 */
MANSIO_EXPORT void mansio_fiber_cancel(struct mansio_fiber *fiber);

/**
 * Ask a fiber to stop: its present or next idle wait answers MANSIO_E_STOPPING, once. At the
 * deadline it is cancelled.
 *
 * @param reason       an enum mansio_reason value
 * @param deadline_us  monotonic time, or MANSIO_NEVER
 * @yields no     @since 1.0
 */
MANSIO_EXPORT void mansio_fiber_stop(struct mansio_fiber *fiber, uint32_t reason,
                                     int64_t deadline_us);

/** The running fiber; NULL outside fibers. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_fiber *mansio_fiber_self(void);

/** The name of the running fiber; "" outside fibers. @yields no @since 1.0 */
MANSIO_EXPORT const char *mansio_fiber_name(void);

/**
 * Whether, and why, the running fiber was asked to stop, whatever has been delivered.
 *
 * @return an enum mansio_reason value; MANSIO_REASON_NONE if nobody asked
 * @yields no     @since 1.0
 */
MANSIO_EXPORT uint32_t mansio_fiber_stop_reason(void);

/** 1 if the running fiber is cancelled (masked or not), else 0. @yields no @since 1.0 */
MANSIO_EXPORT int mansio_fiber_is_cancelled(void);

/**
 * Hold cancellation and stop requests off the running fiber, for a wait that must be seen to its
 * end (a commit that was sent). Nests. Such a wait still needs a deadline. What arrived meanwhile
 * is delivered by the first wait after the last unmask.
 *
 * @yields no     @since 1.0
 */
MANSIO_EXPORT void mansio_fiber_mask(void);

/** Undo one mansio_fiber_mask(). @yields no @since 1.0 */
MANSIO_EXPORT void mansio_fiber_unmask(void);

/**
 * Let the other fibers that are ready run first.
 *
 * @return 0; MANSIO_E_CANCELLED
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT int mansio_fiber_yield(void);

/**
 * For each turn of a long loop: yields if this fiber has held the thread for more than a
 * millisecond, else returns at once. Cheap.
 *
 * @return 0; MANSIO_E_CANCELLED
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT int mansio_fiber_pace(void);

/**
 * Sleep until a time. Not idle: a stop request doesn't end it. For a sleep that it does end, see
 * mansio_wait() with nothing to wait for and MANSIO_WAIT_IDLE.
 *
 * @param deadline_us  monotonic time; one that has passed yields once
 * @return 0 at that time; MANSIO_E_CANCELLED
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT int mansio_fiber_sleep_until(int64_t deadline_us);

/**
 * Give the running fiber's unused stack pages back to the system, after something deep (a TLS
 * handshake) and before a long wait. The core does it by itself for fibers that wait long.
 *
 * @yields no     @since 1.0
 */
MANSIO_EXPORT void mansio_fiber_trim(void);

/* ---- waiting ----------------------------------------------------------------------------------
 */

/** Most things one wait may watch. */
#define MANSIO_WAIT_MAX 64

/** Flags of mansio_wait(). */
enum mansio_wait_flags {
    MANSIO_WAIT_IDLE = 1, /* nothing is in hand: a stop request may end this wait */
};

/**
 * Wait until one of several things is ready. Readiness is a hint: what it announces may be gone
 * when the fiber runs (another fiber took it).
 *
 * A signal comes before anything that is ready. So on MANSIO_E_STOPPING a command may have come at
 * the same moment: mansio_stream_read_line() with MANSIO_READ_IDLE and a deadline that has passed
 * gives it, and waits for nothing.
 *
 * @param sources      what to wait for; NULL entries are never ready
 * @param count        0 to MANSIO_WAIT_MAX; with 0 only the deadline or a signal ends it
 * @param deadline_us  monotonic time, or MANSIO_NEVER
 * @param flags        enum mansio_wait_flags
 * @return index of a ready source (the lowest if several are); MANSIO_E_TIMEOUT;
 *         MANSIO_E_CANCELLED; MANSIO_E_STOPPING (only with MANSIO_WAIT_IDLE)
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_wait(struct mansio_waitable *const *sources,
                                                size_t count, int64_t deadline_us, uint32_t flags);

/** What to watch a descriptor for. */
enum mansio_fd_events {
    MANSIO_FD_READ = 1,
    MANSIO_FD_WRITE = 2,
};

/**
 * Watch a descriptor that a library owns (a database client's socket). Errors and hang-ups count
 * as ready.
 *
 * @param arena   whose end is the watch's end; end it before the descriptor is closed: a wait for
 *                one that is closed stops the process
 * @param fd      a non-blocking descriptor that epoll accepts
 * @param events  enum mansio_fd_events, or-ed
 * @return what to wait for, never NULL
 * @yields no     @since 1.0
 */
MANSIO_EXPORT struct mansio_waitable *mansio_fd_watch(struct mansio_arena *arena, int fd,
                                                      uint32_t events);

/**
 * Make an event: a flag that fibers can wait for.
 *
 * @param arena  whose end is the event's end; nobody may then be waiting for it
 * @return the event, clear, never NULL
 * @yields no     @since 1.0
 */
MANSIO_EXPORT struct mansio_event *mansio_event_new(struct mansio_arena *arena);

/** Set an event and wake all who wait for it. It stays set. @yields no @since 1.0 */
MANSIO_EXPORT void mansio_event_set(struct mansio_event *event);

/** Clear an event. @yields no @since 1.0 */
MANSIO_EXPORT void mansio_event_clear(struct mansio_event *event);

/** 1 if set, else 0. @yields no @since 1.0 */
MANSIO_EXPORT int mansio_event_is_set(const struct mansio_event *event);

/** What is ready while an event is set; lives as long as the event. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_waitable *mansio_event_waitable(struct mansio_event *event);

#endif
