/*
 * Time: two clocks, replaceable by tests, and RFC 3339 text without any locale or time zone.
 * Reading a clock is a vDSO call (about 20 ns): nothing is cached here.
 */
#include "core/base/time.h"

#include <stdatomic.h>
#include <time.h>

#define US_A_DAY    (86400 * MANSIO_SECOND)
#define WALL_MIN_US (INT64_C(-62167219200) * MANSIO_SECOND)              /* 0000-01-01 */
#define WALL_MAX_US (INT64_C(253402300800) * MANSIO_SECOND - INT64_C(1)) /* the end of 9999 */

static _Atomic(const struct core_time_source *) source;

void core_time_set_source(const struct core_time_source *new_source)
{
    atomic_store(&source, new_source);
}

static int64_t read_clock(clockid_t clock)
{
    struct timespec time = {0};

    (void)clock_gettime(clock, &time); /* can't fail for these clocks */
    return (int64_t)time.tv_sec * MANSIO_SECOND + time.tv_nsec / 1000;
}

int64_t mansio_now_us(void)
{
    const struct core_time_source *given = atomic_load_explicit(&source, memory_order_relaxed);

    return given != NULL && given->now_us != NULL ? given->now_us(given->arg)
                                                  : read_clock(CLOCK_MONOTONIC);
}

int64_t mansio_wall_us(void)
{
    const struct core_time_source *given = atomic_load_explicit(&source, memory_order_relaxed);

    return given != NULL && given->wall_us != NULL ? given->wall_us(given->arg)
                                                   : read_clock(CLOCK_REALTIME);
}

int64_t mansio_deadline_in(int64_t duration_us)
{
    int64_t now = mansio_now_us();

    if (duration_us <= 0) {
        return now;
    }
    return duration_us > MANSIO_NEVER - now ? MANSIO_NEVER : now + duration_us;
}

/* The Gregorian date of a day counted from 0000-03-01: years that begin in March end with the
 * leap day, which leaves only divisions. */
static void date_of(int64_t day, int *year, int *month, int *day_of_month)
{
    int64_t era = day / 146097; /* 400 years */
    int64_t in_era = day % 146097;
    int64_t year_of_era = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * in_year + 2) / 153; /* March is 0 */

    *day_of_month = (int)(in_year - (153 * shifted + 2) / 5) + 1;
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = (int)(era * 400 + year_of_era + (*month <= 2));
}

/* @p width digits of @p value and a byte behind them; returns where to go on. */
static char *put(char *at, int width, int64_t value, char after)
{
    for (int i = width - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    at[width] = after;
    return at + width + 1;
}

size_t mansio_time_rfc3339(int64_t wall_us, char out[MANSIO_TIME_RFC3339_MAX])
{
    /* From 0000-03-01 to 1970-01-01; 400 years more keep January and February of 0000 positive. */
    const int64_t epoch = 719468 + 146097;
    int64_t us;
    int64_t in_day;
    int year;
    int month;
    int day;
    char *at = out;

    us = wall_us < WALL_MIN_US ? WALL_MIN_US : wall_us > WALL_MAX_US ? WALL_MAX_US : wall_us;
    us += epoch * US_A_DAY;
    in_day = us % US_A_DAY;
    date_of(us / US_A_DAY, &year, &month, &day);
    at = put(at, 4, year - 400, '-');
    at = put(at, 2, month, '-');
    at = put(at, 2, day, 'T');
    at = put(at, 2, in_day / (3600 * MANSIO_SECOND), ':');
    at = put(at, 2, in_day / (60 * MANSIO_SECOND) % 60, ':');
    at = put(at, 2, in_day / MANSIO_SECOND % 60, '.');
    at = put(at, 6, in_day % MANSIO_SECOND, 'Z');
    *at = '\0';
    return (size_t)(at - out);
}
