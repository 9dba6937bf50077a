/*
 * Hours of a word of policy: "Mon-Fri 08:00-18:00, Sat 09:00-12:00, 22:00-06:00", read, written in
 * one spelling, and turned into spans of time by a zone's offsets. Pure but for the arena; knows no
 * zones.
 *
 *     hours = part *("," part)
 *     part  = [day ["-" day]] time "-" time    no day: each; a range may go over the week's end
 *     time  = "00:00" to "24:00"               from later than until: over midnight
 *
 * They are the wall clock's: an hour that comes twice counts twice, one that is left out doesn't.
 */
#ifndef MANSIO_MODULES_POSTGRES_HOURS_H
#define MANSIO_MODULES_POSTGRES_HOURS_H

#include <mansio/arena.h>
#include <mansio/policy.h>

/* Minutes of a week that begins on Monday: from the first to before the second. */
struct pg_week_span {
    uint16_t from, until;
};

/* In order, apart from each other. */
struct pg_hours {
    const struct pg_week_span *spans;
    size_t count;
};

/* Read hours. @p out_text  their one spelling; may be NULL
 * 0; MANSIO_E_INVALID, and what was expected; MANSIO_E_LIMIT. */
MANSIO_MUST_CHECK int pg_hours_parse(struct mansio_arena *arena, struct mansio_str text,
                                     struct pg_hours *out, struct mansio_str *out_text);

/* A zone: from each instant (wall clock) on, it is so many seconds ahead of UTC. */
struct pg_zone {
    const int64_t *instants;
    const int32_t *offsets;
    size_t count;
};

/* When it is within the hours, from the zone's first instant to @p until_us: in order, apart from
 * each other. 0; MANSIO_E_LIMIT. */
MANSIO_MUST_CHECK int pg_hours_spans(struct mansio_arena *arena, const struct pg_hours *hours,
                                     const struct pg_zone *zone, int64_t until_us,
                                     const struct mansio_time_span **out, size_t *out_count);

#endif
