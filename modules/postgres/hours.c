/*
 * Hours: a week as 10,080 minutes, of which each part sets some.
 */
#include "hours.h"

#include <string.h>

#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum {
    DAY_MINUTES = 24 * 60,
    WEEK_MINUTES = 7 * DAY_MINUTES,
    PARTS_MAX = 64,
    TEXT_MAX = 4096,
    THURSDAY = 3, /* 1970-01-01, from Monday on */
};

#define MINUTE_US (60 * MANSIO_SECOND)
#define DAY_US    (DAY_MINUTES * MINUTE_US)
#define WEEK_US   (WEEK_MINUTES * MINUTE_US)

static const char days[7][4] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

/* A part of them, read. */
struct part {
    int first, last; /* days; first -1: each */
    unsigned from, until;
};

struct week {
    uint8_t bits[WEEK_MINUTES / 8];
};

/* ---- reading -------------------------------------------------------------------------------- */

static int refuse(struct mansio_str part, const char *expected)
{
    return mansio_fail(MANSIO_E_INVALID, "hours \"%.*s\": expected %s",
                       MANSIO_STR_ARG(mansio_str_sub(part, 0, 64)), expected);
}

/* 0 to 6; -1 for none. */
static int parse_day(struct mansio_str text)
{
    for (int i = 0; i < 7; i++) {
        if (mansio_str_ieq(text, mansio_str_from_cstr(days[i]))) {
            return i;
        }
    }
    return -1;
}

/* "08:30"; MANSIO_E_INVALID */
static int parse_time(struct mansio_str text, unsigned *out)
{
    uint32_t hour = 0;
    uint32_t minute = 0;
    if (text.len != 5 || text.ptr[2] != ':' ||
        mansio_parse_u32(mansio_str_sub(text, 0, 2), 24, &hour) < 0 ||
        mansio_parse_u32(mansio_str_sub(text, 3, 2), 59, &minute) < 0 ||
        (hour == 24 && minute > 0)) {
        return MANSIO_E_INVALID;
    }
    *out = hour * 60 + minute;
    return 0;
}

static int parse_days(struct mansio_str text, struct part *out)
{
    ptrdiff_t dash = mansio_str_find_char(text, '-');
    out->first = parse_day(dash < 0 ? text : mansio_str_sub(text, 0, (size_t)dash));
    out->last = dash < 0 ? out->first : parse_day(mansio_str_sub(text, (size_t)dash + 1, SIZE_MAX));
    return out->first < 0 || out->last < 0 ? MANSIO_E_INVALID : 0;
}

static int parse_part(struct mansio_str text, struct part *out)
{
    struct mansio_str times = mansio_str_trim(text);
    ptrdiff_t space = mansio_str_find_char(times, ' ');
    out->first = -1;
    out->last = -1;
    if (space >= 0) {
        if (parse_days(mansio_str_sub(times, 0, (size_t)space), out) < 0) {
            return refuse(text, "days as \"Mon\" or \"Mon-Fri\" before the times");
        }
        times = mansio_str_trim(mansio_str_sub(times, (size_t)space, SIZE_MAX));
    }
    ptrdiff_t dash = mansio_str_find_char(times, '-');
    if (dash < 0 || parse_time(mansio_str_sub(times, 0, (size_t)dash), &out->from) < 0 ||
        parse_time(mansio_str_sub(times, (size_t)dash + 1, SIZE_MAX), &out->until) < 0) {
        return refuse(text, "times as \"08:00-18:00\", from 00:00 to 24:00");
    }
    if (out->from == out->until || out->from == DAY_MINUTES) {
        return refuse(text, "two times; all day is \"00:00-24:00\"");
    }
    return 0;
}

static void set_minutes(struct week *week, unsigned from, unsigned until)
{
    for (unsigned i = from; i < until; i++) {
        unsigned at = i % WEEK_MINUTES;
        week->bits[at / 8] |= (uint8_t)(1U << (at % 8));
    }
}

static void set_part(struct week *week, const struct part *part)
{
    int first = part->first < 0 ? 0 : part->first;
    int last = part->first < 0 ? 6 : part->last < first ? part->last + 7 : part->last;
    unsigned length = part->until > part->from ? part->until - part->from
                                               : part->until + DAY_MINUTES - part->from;
    for (int day = first; day <= last; day++) {
        unsigned from = (unsigned)day * DAY_MINUTES + part->from;
        set_minutes(week, from, from + length);
    }
}

static void print_part(struct mansio_buf *out, const struct part *part)
{
    if (mansio_buf_str(out).len > 0) {
        (void)mansio_buf_add(out, MANSIO_STR(", "));
    }
    if (part->first >= 0) {
        (void)mansio_buf_printf(out, "%s", days[part->first]);
        if (part->last != part->first) {
            (void)mansio_buf_printf(out, "-%s", days[part->last]);
        }
        (void)mansio_buf_add_char(out, ' ');
    }
    (void)mansio_buf_printf(out, "%02u:%02u-%02u:%02u", part->from / 60, part->from % 60,
                            part->until / 60, part->until % 60);
}

static int is_set(const struct week *week, unsigned at)
{
    return at < WEEK_MINUTES && (week->bits[at / 8] & (1U << (at % 8))) != 0;
}

static int list_spans(struct mansio_arena *arena, const struct week *week, struct pg_hours *out)
{
    size_t count = 0;
    for (unsigned i = 0; i < WEEK_MINUTES; i++) {
        count += is_set(week, i) && !is_set(week, i + 1);
    }
    struct pg_week_span *spans = mansio_arena_try_alloc(arena, (count + 1) * sizeof *spans);
    if (spans == NULL) {
        return MANSIO_E_LIMIT;
    }
    count = 0;
    for (unsigned i = 0; i < WEEK_MINUTES; i++) {
        if (is_set(week, i) && (i == 0 || !is_set(week, i - 1))) {
            spans[count].from = (uint16_t)i;
        }
        if (is_set(week, i) && !is_set(week, i + 1)) {
            spans[count++].until = (uint16_t)(i + 1);
        }
    }
    out->spans = spans;
    out->count = count;
    return 0;
}

int pg_hours_parse(struct mansio_arena *arena, struct mansio_str text, struct pg_hours *out,
                   struct mansio_str *out_text)
{
    struct week week = {{0}};
    struct mansio_buf *spelling = mansio_buf_new(arena, TEXT_MAX);
    struct mansio_str rest = text;
    struct mansio_str item;
    size_t parts = 0;
    while (mansio_str_split(&rest, ',', &item)) {
        struct part part = {0};
        int rc = ++parts > PARTS_MAX
                     ? mansio_fail(MANSIO_E_INVALID, "hours: more than %d parts", PARTS_MAX)
                     : parse_part(item, &part);
        if (rc < 0) {
            return rc;
        }
        set_part(&week, &part);
        print_part(spelling, &part);
    }
    if (parts == 0) {
        return refuse(text, "\"Mon-Fri 08:00-18:00, Sat 09:00-12:00\"");
    }
    int rc = mansio_buf_status(spelling);
    if (out_text != NULL) {
        *out_text = mansio_buf_str(spelling);
    }
    return rc < 0 ? rc : list_spans(arena, &week, out);
}

/* ---- spans ---------------------------------------------------------------------------------- */

struct spans {
    struct mansio_time_span *list;
    size_t count, max;
};

/* Behind those that there are. */
static int append(struct spans *spans, int64_t from_us, int64_t until_us)
{
    struct mansio_time_span *last = spans->count > 0 ? &spans->list[spans->count - 1] : NULL;
    if (last != NULL && from_us <= last->until_us) {
        last->until_us = until_us > last->until_us ? until_us : last->until_us;
        return 0;
    }
    if (spans->count == spans->max) {
        return MANSIO_E_LIMIT;
    }
    spans->list[spans->count++] = (struct mansio_time_span){from_us, until_us};
    return 0;
}

/* The Monday, 00:00, before a local time. */
static int64_t week_of(int64_t local_us)
{
    int64_t since_us = local_us + THURSDAY * DAY_US;
    int64_t into_us = since_us % WEEK_US;
    return local_us - (into_us < 0 ? into_us + WEEK_US : into_us);
}

/* While the offset stays the same, local time is a line. */
static int add_stretch(struct spans *spans, const struct pg_hours *hours, int64_t from_us,
                       int64_t until_us, int64_t offset_us)
{
    int64_t first_us = from_us + offset_us;
    int64_t end_us = until_us + offset_us;
    int rc = 0;
    for (int64_t week_us = week_of(first_us); week_us < end_us; week_us += WEEK_US) {
        for (size_t i = 0; rc == 0 && i < hours->count; i++) {
            int64_t begin_us = week_us + hours->spans[i].from * MINUTE_US;
            int64_t close_us = week_us + hours->spans[i].until * MINUTE_US;
            begin_us = begin_us < first_us ? first_us : begin_us;
            close_us = close_us > end_us ? end_us : close_us;
            if (begin_us < close_us) {
                rc = append(spans, begin_us - offset_us, close_us - offset_us);
            }
        }
    }
    return rc;
}

int pg_hours_spans(struct mansio_arena *arena, const struct pg_hours *hours,
                   const struct pg_zone *zone, int64_t until_us,
                   const struct mansio_time_span **out, size_t *out_count)
{
    struct spans spans = {.max = 0};
    int rc = 0;
    if (zone->count > 0 && until_us > zone->instants[0]) {
        size_t weeks = (size_t)((until_us - zone->instants[0]) / WEEK_US) + 2;
        spans.max = (weeks + zone->count) * (hours->count + 1) + 1;
    }
    spans.list = mansio_arena_try_alloc(arena, (spans.max + 1) * sizeof *spans.list);
    rc = spans.list == NULL ? MANSIO_E_LIMIT : 0;
    for (size_t i = 0; rc == 0 && spans.max > 0 && i < zone->count; i++) {
        int64_t end_us = i + 1 < zone->count ? zone->instants[i + 1] : until_us;
        rc = add_stretch(&spans, hours, zone->instants[i], end_us < until_us ? end_us : until_us,
                         zone->offsets[i] * MANSIO_SECOND);
    }
    *out = spans.list;
    *out_count = spans.count;
    return rc;
}
