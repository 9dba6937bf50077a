/*
 * When an item is tried again, and when no longer (RFC 5321 4.5.4.1). Pure: the clock and chance
 * are given.
 */
#ifndef MANSIO_MODULES_OUTBOUND_SCHEDULE_H
#define MANSIO_MODULES_OUTBOUND_SCHEDULE_H

#include <mansio/base.h>

enum { OB_WAITS_MAX = 32 };

struct ob_schedule {
    int64_t waits_us[OB_WAITS_MAX]; /* after the first attempt, the second, ...; the last repeats */
    size_t count;
    int64_t give_up_us; /* of age */
    int64_t delay_us;   /* of age at which a sender is told of the delay; 0: never */
};

/** A duration as settings write it: "5m", "4h", "250ms". @return 0; MANSIO_E_INVALID */
MANSIO_MUST_CHECK int ob_duration_parse(struct mansio_str text, int64_t *out_us);

struct ob_due {
    int is_over;    /* too old: given up */
    int is_delayed; /* the sender is to be told now that it takes time */
    int64_t next_us;
};

/** A wait, 15 % more or less. @param chance  any number */
int64_t ob_jitter(int64_t wait_us, uint32_t chance);

/**
 * After an attempt that failed for now.
 *
 * @param spooled_us   when it came
 * @param due_us       when this attempt was due
 * @param attempts     that were made before this one
 * @param at_least_us  not before this time; 0: no wish
 * @param now_us       all of them wall clock
 */
struct ob_due ob_schedule_next(const struct ob_schedule *schedule, int64_t spooled_us,
                               int64_t due_us, uint32_t attempts, int64_t at_least_us,
                               int64_t now_us, uint32_t chance);

#endif
