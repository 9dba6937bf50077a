/*
 * Dates as APPEND and SEARCH give them (RFC 3501 9: date-time, date).
 */
#include "parse.h"

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

static const struct mansio_str months[] = {
    MANSIO_STR("Jan"), MANSIO_STR("Feb"), MANSIO_STR("Mar"), MANSIO_STR("Apr"),
    MANSIO_STR("May"), MANSIO_STR("Jun"), MANSIO_STR("Jul"), MANSIO_STR("Aug"),
    MANSIO_STR("Sep"), MANSIO_STR("Oct"), MANSIO_STR("Nov"), MANSIO_STR("Dec"),
};

/* From so many digits to so many. */
static int parse_digits(struct imap_cursor *cursor, size_t min, size_t max, uint32_t *out)
{
    size_t count = 0;
    uint32_t number = 0;
    while (count < max && cursor->at != cursor->end && *cursor->at >= '0' && *cursor->at <= '9') {
        number = number * 10 + (uint32_t)(*cursor->at - '0');
        cursor->at++;
        count++;
    }
    *out = number;
    return count < min ? MANSIO_E_INVALID : 0;
}

static int parse_month(struct imap_cursor *cursor, uint32_t *out)
{
    struct mansio_str rest = {cursor->at, (size_t)(cursor->end - cursor->at)};
    for (uint32_t i = 0; i < MANSIO_COUNT(months); i++) {
        if (mansio_str_istarts(rest, months[i])) {
            cursor->at += months[i].len;
            *out = i + 1;
            return 0;
        }
    }
    return MANSIO_E_INVALID;
}

static uint32_t days_of_month(uint32_t year, uint32_t month)
{
    static const uint32_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap ? 1 : 0);
}

/* Days since 1970-01-01 in the Gregorian calendar; years begin in March, so that the leap day is
 * the last of one. */
static int32_t days_since_1970(uint32_t year, uint32_t month, uint32_t day)
{
    int32_t from_march = (int32_t)(month + 9) % 12;
    int32_t y = (int32_t)year - (month <= 2 ? 1 : 0) + 400; /* never below 0 */
    int32_t of_year = (153 * from_march + 2) / 5 + (int32_t)day - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 + of_year - 719468 - 146097;
}

static int parse_day_month_year(struct imap_cursor *cursor, int32_t *out_days)
{
    uint32_t day = 0, month = 0, year = 0;
    const char *from = cursor->at;
    int rc = parse_digits(cursor, 1, 2, &day);
    if (rc < 0 || (rc = imap_parse_char(cursor, '-')) < 0 ||
        (rc = parse_month(cursor, &month)) < 0 || (rc = imap_parse_char(cursor, '-')) < 0 ||
        (rc = parse_digits(cursor, 4, 4, &year)) < 0) {
        return rc;
    }
    if (day == 0 || day > days_of_month(year, month)) {
        cursor->at = from;
        return MANSIO_E_INVALID;
    }
    *out_days = days_since_1970(year, month, day);
    return 0;
}

int imap_parse_date(struct imap_cursor *cursor, int32_t *out_days)
{
    int32_t days = 0;
    int is_quoted = imap_parse_sees(cursor, '"');
    cursor->at += is_quoted;
    int rc = parse_day_month_year(cursor, &days);
    if (rc == 0 && is_quoted) {
        rc = imap_parse_char(cursor, '"');
    }
    if (rc == 0) {
        *out_days = days;
    }
    return rc;
}

/* time: "02:44:25". A leap second is taken for the one before it. */
static int parse_time(struct imap_cursor *cursor, int64_t *out_seconds)
{
    uint32_t hour = 0, minute = 0, second = 0;
    const char *from = cursor->at;
    int rc = parse_digits(cursor, 2, 2, &hour);
    if (rc < 0 || (rc = imap_parse_char(cursor, ':')) < 0 ||
        (rc = parse_digits(cursor, 2, 2, &minute)) < 0 || (rc = imap_parse_char(cursor, ':')) < 0 ||
        (rc = parse_digits(cursor, 2, 2, &second)) < 0) {
        return rc;
    }
    if (hour > 23 || minute > 59 || second > 60) {
        cursor->at = from;
        return MANSIO_E_INVALID;
    }
    *out_seconds = (int64_t)hour * 3600 + minute * 60 + (second > 59 ? 59 : second);
    return 0;
}

/* zone: how far local time is ahead of UTC. */
static int parse_zone(struct imap_cursor *cursor, int64_t *out_seconds)
{
    uint32_t hours = 0, minutes = 0;
    int is_west = imap_parse_sees(cursor, '-');
    if (!is_west && !imap_parse_sees(cursor, '+')) {
        return MANSIO_E_INVALID;
    }
    cursor->at++;
    int rc = parse_digits(cursor, 2, 2, &hours);
    if (rc == 0) {
        rc = parse_digits(cursor, 2, 2, &minutes);
    }
    if (rc < 0 || minutes > 59) {
        return MANSIO_E_INVALID;
    }
    int64_t seconds = (int64_t)hours * 3600 + minutes * 60;
    *out_seconds = is_west ? -seconds : seconds;
    return 0;
}

int imap_parse_date_time(struct imap_cursor *cursor, int64_t *out_us)
{
    int32_t days = 0;
    int64_t of_day = 0, zone = 0;
    int rc = imap_parse_char(cursor, '"');
    if (rc == 0 && imap_parse_sees(cursor, ' ')) { /* date-day-fixed */
        cursor->at++;
    }
    if (rc < 0 || (rc = parse_day_month_year(cursor, &days)) < 0 ||
        (rc = imap_parse_space(cursor)) < 0 || (rc = parse_time(cursor, &of_day)) < 0 ||
        (rc = imap_parse_space(cursor)) < 0 || (rc = parse_zone(cursor, &zone)) < 0 ||
        (rc = imap_parse_char(cursor, '"')) < 0) {
        return rc;
    }
    *out_us = ((int64_t)days * 86400 + of_day - zone) * MANSIO_SECOND;
    return 0;
}
