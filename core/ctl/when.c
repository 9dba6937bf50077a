/*
 * Times as people give them. Calendar arithmetic is the proleptic Gregorian calendar's, in UTC;
 * zones are offsets, as RFC 3339 has them.
 */
#include "core/ctl/when.h"

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum {
    LEAP_SECOND = 60, /* RFC 3339 5.6 allows it; it counts as the next minute's first */
    FRACTION_DIGITS_MAX = 9,
};

#define MINUTE_US (60 * MANSIO_SECOND)
#define HOUR_US   (60 * MINUTE_US)
#define DAY_US    (24 * HOUR_US)

struct reader {
    struct mansio_str rest;
    int is_bad;
};

static uint32_t digits(struct reader *reader, size_t count, uint32_t min, uint32_t max)
{
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++) {
        char c = i < reader->rest.len ? reader->rest.ptr[i] : '\0';
        if (c < '0' || c > '9') {
            reader->is_bad = 1;
            return min;
        }
        value = value * 10 + (uint32_t)(c - '0');
    }
    reader->rest = mansio_str_sub(reader->rest, count, SIZE_MAX);
    reader->is_bad |= value < min || value > max;
    return value;
}

/* One of some bytes, which is returned; '\0' if none is next. */
static char one_of(struct reader *reader, const char *bytes)
{
    for (const char *b = bytes; reader->rest.len > 0 && *b != '\0'; b++) {
        if (reader->rest.ptr[0] == *b) {
            reader->rest = mansio_str_sub(reader->rest, 1, SIZE_MAX);
            return *b;
        }
    }
    return '\0';
}

static void expect(struct reader *reader, const char *bytes)
{
    reader->is_bad |= one_of(reader, bytes) == '\0';
}

static int is_leap(uint32_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static uint32_t days_of_month(uint32_t year, uint32_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

static int64_t days_since_1970(uint32_t year, uint32_t month, uint32_t day)
{
    int64_t before = (int64_t)year - 1;
    int64_t days = before * 365 + before / 4 - before / 100 + before / 400;
    for (uint32_t m = 1; m < month; m++) {
        days += days_of_month(year, m);
    }
    return days + day - 1 - 719162; /* days before 1970 */
}

static int64_t fraction_us(struct reader *reader)
{
    int64_t us = 0, unit = MANSIO_SECOND;
    size_t count = 0;
    if (one_of(reader, ".") == '\0') {
        return 0;
    }
    for (char c = one_of(reader, "0123456789"); c != '\0'; c = one_of(reader, "0123456789")) {
        unit /= 10;
        us += unit * (c - '0');
        count++;
    }
    reader->is_bad |= count == 0 || count > FRACTION_DIGITS_MAX;
    return us;
}

static int64_t offset_us(struct reader *reader)
{
    char sign = one_of(reader, "+-Zz");
    if (sign != '+' && sign != '-') {
        reader->is_bad |= sign == '\0';
        return 0;
    }
    int64_t us = digits(reader, 2, 0, 23) * HOUR_US;
    expect(reader, ":");
    us += digits(reader, 2, 0, 59) * MINUTE_US;
    return sign == '+' ? us : -us;
}

int core_ctl_time_parse(struct mansio_str text, int64_t *out_us)
{
    struct reader reader = {.rest = text};
    uint32_t year = digits(&reader, 4, 1, 9999);
    expect(&reader, "-");
    uint32_t month = digits(&reader, 2, 1, 12);
    expect(&reader, "-");
    uint32_t day = digits(&reader, 2, 1, 31);
    expect(&reader, "Tt ");
    int64_t us = digits(&reader, 2, 0, 23) * HOUR_US;
    expect(&reader, ":");
    us += digits(&reader, 2, 0, 59) * MINUTE_US;
    expect(&reader, ":");
    us += digits(&reader, 2, 0, LEAP_SECOND) * MANSIO_SECOND;
    us += fraction_us(&reader);
    us -= offset_us(&reader);
    if (reader.is_bad || reader.rest.len > 0 || day > days_of_month(year, month)) {
        return mansio_fail(MANSIO_E_INVALID, "%.*s: expected a time such as 2026-12-31T18:00:00Z",
                           MANSIO_STR_ARG(text));
    }
    *out_us = days_since_1970(year, month, day) * DAY_US + us;
    return 0;
}

int core_ctl_when_parse(struct mansio_str text, int64_t now_us, int64_t *out_us)
{
    static const struct {
        char unit;
        int64_t us;
    } units[] = {{'m', MINUTE_US}, {'h', HOUR_US}, {'d', DAY_US}, {'w', 7 * DAY_US}};
    uint32_t count = 0;
    for (size_t i = 0; text.len > 1 && i < MANSIO_COUNT(units); i++) {
        if (text.ptr[text.len - 1] == units[i].unit &&
            mansio_parse_u32(mansio_str_sub(text, 0, text.len - 1), 1000000, &count) == 0) {
            *out_us = now_us + count * units[i].us;
            return 0;
        }
    }
    if (core_ctl_time_parse(text, out_us) < 0) {
        return mansio_fail(MANSIO_E_INVALID,
                           "%.*s: expected a time such as 2026-12-31T18:00:00Z, or 90m, 12h, 30d, "
                           "6w from now",
                           MANSIO_STR_ARG(text));
    }
    return 0;
}
