/*
 * Limits that all workers of a node share, over both generations of a reload, in shared memory.
 *
 * They are exact within a worker and near enough between workers: two that ask in the same
 * instant may both be let in. What a worker held is freed when it dies. A worker's table holds some
 * 45,000 keys; when it is full, rates with few events are forgotten to make room for others.
 * Names belong to the whole node: let yours begin with your module's.
 */
#ifndef MANSIO_LIMIT_H
#define MANSIO_LIMIT_H

#include <mansio/base.h>
#include <mansio/session.h>

/* ---- what every session counts ------------------------------------------------------------------
 *
 * The configuration's own limits (`limits` there, quotas of plans, tenants and accounts), which an
 * administrator expects to hold for whatever protocol carries mail: of the account and its tenant
 * if the session is somebody's, else of the peer's address and network. Connections, logins and
 * sessions are counted by the core itself.
 */

/** What can be counted. */
enum mansio_counted {
    MANSIO_COUNT_MESSAGES = 1,   /* that come in: when one begins */
    MANSIO_COUNT_RECIPIENTS = 2, /* of them: when one is accepted */
};

/**
 * Count messages or recipients in every limit that fits the session, or, if one of them has no room
 * for so many, in none.
 *
 * @param what  an enum mansio_counted value
 * @param n     how many
 * @return 0; MANSIO_E_LIMIT: refuse it for now (the detail says which limit is reached);
 *         MANSIO_E_BUG for what can't be counted
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_session_count(struct mansio_session *session,
                                                         uint32_t what, uint32_t n);

/**
 * Say that a nameless peer has guessed wrong, at an address that nobody has, for instance, and wait
 * as long as who guesses so often has to. Call it before the answer is sent.
 *
 * @param deadline_us  monotonic time: the wait ends there
 * @return 0: answer; MANSIO_E_LIMIT: answer, then end the session with this error;
 *         MANSIO_E_STOPPING: the same; MANSIO_E_CANCELLED
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_session_missed(struct mansio_session *session,
                                                          int64_t deadline_us);

/* ---- limits of one's own ------------------------------------------------------------------------
 */

/**
 * Count one in, if there is room: for things that are open at once (connections of an address).
 *
 * @param name  static text: what is limited
 * @param key   of whom; any bytes, only a keyed hash is kept
 * @param max   most at once on this node
 * @return 0, then owed one mansio_limit_release(); MANSIO_E_LIMIT when @p max are in, or when the
 *         table is full of what is in (counted as a metric)
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_limit_acquire(const char *name, struct mansio_str key,
                                                         uint32_t max);

/** Count one out again. @yields no @since 1.0 */
MANSIO_EXPORT void mansio_limit_release(const char *name, struct mansio_str key);

/** How many are in, on this node. @yields no @since 1.0 */
MANSIO_EXPORT uint32_t mansio_limit_count(const char *name, struct mansio_str key);

/**
 * Count an event, if there is room in the sliding window: for rates (failed logins a minute).
 *
 * @param name       static text: what is limited
 * @param key        of whom
 * @param max        most in a window on this node
 * @param window_us  microseconds, 1 second to 1 day; the same for every use of @p name
 * @return 0; MANSIO_E_LIMIT (the event is not counted); MANSIO_E_BUG for a window out of range
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_limit_rate(const char *name, struct mansio_str key,
                                                      uint32_t max, int64_t window_us);

/**
 * How many more events mansio_limit_rate() would let in now; nothing is counted.
 *
 * @return how many, at most INT32_MAX; 0: none; MANSIO_E_BUG for a window out of range
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_limit_rate_left(const char *name, struct mansio_str key,
                                                           uint32_t max, int64_t window_us);

#endif
