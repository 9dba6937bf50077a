/*
 * See clock.h. The kernel of any machine that Mansio runs on has found the counter constant and
 * in step on all processors; where it isn't, differences are wrong by what the counters differ,
 * and the watchdog checks what it is about to say against the monotonic clock anyway.
 */
#include "core/loop/clock.h"

static uint64_t first_ticks;
static int64_t first_us;

void core_clock_setup(void)
{
    if (first_us == 0) {
        first_us = mansio_now_us();
        first_ticks = core_ticks();
    }
}

int64_t core_ticks_to_us(uint64_t ticks)
{
#ifdef CORE_HAVE_TSC
    int64_t us = mansio_now_us() - first_us;
    uint64_t since = core_ticks() - first_ticks;
    if (us <= 0 || since == 0) {
        return 0;
    }
    return (int64_t)((double)ticks * (double)us / (double)since);
#else
    return (int64_t)(ticks / 1000);
#endif
}
