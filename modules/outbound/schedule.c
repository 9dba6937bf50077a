/*
 * The schedule: see schedule.h.
 *
 * Nothing in the spool says whether a sender has been told of a delay. So times are laid such that
 * one attempt is due exactly when the sender is to be told, and that attempt's due time says it: it
 * is the one at or before that age whose successor is due after it.
 */
#include "schedule.h"

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum { JITTER_PERCENT = 15, NEAR_US = 1000 /* a store may round times */ };

int ob_duration_parse(struct mansio_str text, int64_t *out_us)
{
    static const struct {
        const char *unit;
        int64_t us;
    } units[] = {
        {"us", 1},
        {"ms", MANSIO_MS},
        {"s", MANSIO_SECOND},
        {"m", 60 * MANSIO_SECOND},
        {"h", 3600 * MANSIO_SECOND},
        {"d", 24 * 3600 * MANSIO_SECOND},
    };
    size_t n = 0;
    uint32_t number = 0;

    while (n < text.len && text.ptr[n] >= '0' && text.ptr[n] <= '9') {
        n++;
    }
    if (mansio_parse_u32(mansio_str_sub(text, 0, n), 1000000, &number) == 0) {
        struct mansio_str unit = mansio_str_sub(text, n, SIZE_MAX);
        for (size_t i = 0; i < MANSIO_COUNT(units); i++) {
            if (mansio_str_eq(unit, mansio_str_from_cstr(units[i].unit))) {
                *out_us = (int64_t)number * units[i].us;
                return 0;
            }
        }
    }
    return mansio_fail(MANSIO_E_INVALID, "found \"%.*s\", expected a duration such as 5m",
                       MANSIO_STR_ARG(text));
}

int64_t ob_jitter(int64_t wait_us, uint32_t chance)
{
    int64_t span = wait_us / 100 * (2 * JITTER_PERCENT);
    return wait_us - span / 2 + (int64_t)((double)span * ((double)chance / UINT32_MAX));
}

struct ob_due ob_schedule_next(const struct ob_schedule *schedule, int64_t spooled_us,
                               int64_t due_us, uint32_t attempts, int64_t at_least_us,
                               int64_t now_us, uint32_t chance)
{
    size_t step = attempts < schedule->count ? attempts : schedule->count - 1;
    int64_t next_us = now_us + ob_jitter(schedule->waits_us[step], chance);
    int64_t end_us = spooled_us + schedule->give_up_us;
    int64_t tell_us = spooled_us + schedule->delay_us;
    struct ob_due due = {.is_over = now_us >= end_us};

    next_us = next_us > at_least_us ? next_us : at_least_us;
    /* The last attempt is made when the time is over, not long after. */
    next_us = next_us > end_us ? end_us : next_us;
    if (schedule->delay_us > 0 && !due.is_over && due_us <= tell_us + NEAR_US &&
        next_us > tell_us + NEAR_US) {
        due.is_delayed = due_us >= tell_us - NEAR_US || now_us >= tell_us;
        next_us = due.is_delayed ? next_us : tell_us;
    }
    due.next_us = next_us;
    return due;
}
