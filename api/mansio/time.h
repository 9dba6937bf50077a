/*
 * Time. Deadlines and durations are microseconds of a monotonic clock; the wall clock is only for
 * what people and protocols read.
 */
#ifndef MANSIO_TIME_H
#define MANSIO_TIME_H

#include <mansio/base.h>

#define MANSIO_MS     INT64_C(1000)    /* microseconds in a millisecond */
#define MANSIO_SECOND INT64_C(1000000) /* microseconds in a second */

/** A deadline that never comes. */
#define MANSIO_NEVER INT64_MAX

/** Monotonic time, microseconds since an arbitrary start. @yields no @since 1.0 */
MANSIO_EXPORT int64_t mansio_now_us(void);

/** Wall-clock time, microseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
 * @yields no @since 1.0 */
MANSIO_EXPORT int64_t mansio_wall_us(void);

/** The deadline @p duration_us from now, MANSIO_NEVER if that overflows; a duration of 0 or less
 * gives a deadline that has passed. @yields no @since 1.0 */
MANSIO_EXPORT int64_t mansio_deadline_in(int64_t duration_us);

/** Longest text of mansio_time_rfc3339(), its NUL included. */
#define MANSIO_TIME_RFC3339_MAX 32

/**
 * A wall-clock time as text: "2026-11-22T01:02:03.456789Z" (RFC 3339 5.6).
 *
 * @param wall_us  as mansio_wall_us(); years 0000 to 9999, others are clamped
 * @param out      receives the text and its NUL
 * @return length without the NUL
 * @yields no     @since 1.0
 */
MANSIO_EXPORT size_t mansio_time_rfc3339(int64_t wall_us, char out[MANSIO_TIME_RFC3339_MAX]);

#endif
