/*
 * A clock cheap enough to be read at every switch: the time-stamp counter where there is one
 * (10 ns here), else the monotonic clock (28 ns). Only differences mean something, and only after
 * core_ticks_to_us(): its rate is measured against the monotonic clock since the process began.
 */
#ifndef MANSIO_CORE_LOOP_CLOCK_H
#define MANSIO_CORE_LOOP_CLOCK_H

#include <stdint.h>

#include <mansio/time.h>

#if defined(__x86_64__)
#define CORE_HAVE_TSC 1
/* No processor counts slower than this, so fewer ticks need no conversion to be called short. */
#define CORE_TICKS_PER_US_MIN 1000
#else
#define CORE_TICKS_PER_US_MIN 1000 /* nanoseconds */
#endif

/* Note the start of measuring; once. */
void core_clock_setup(void);

static inline uint64_t core_ticks(void)
{
#ifdef CORE_HAVE_TSC
    return __builtin_ia32_rdtsc();
#else
    return (uint64_t)mansio_now_us() * 1000;
#endif
}

/* Microseconds that a difference stands for. Exact once the process is some milliseconds old. */
int64_t core_ticks_to_us(uint64_t ticks);

/* Whether a difference may be longer than a duration: cheap, never wrongly false. */
static inline int core_ticks_may_exceed(uint64_t ticks, int64_t duration_us)
{
    return ticks > (uint64_t)duration_us * CORE_TICKS_PER_US_MIN;
}

#endif
