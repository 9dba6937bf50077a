/*
 * Dates: see date.h. The calendar is computed here, without the C library: no time zone of this
 * machine may come into it.
 */
#include "core/mail/date.h"

#include "core/mail/chars.h"
#include "core/mail/cursor.h"

#include <mansio/error.h>
#include <mansio/mail.h>
#include <mansio/time.h>

#include <stdio.h>

enum {
    DAY_SECONDS = 86400,
    DIGITS_MAX = 4,
};

static const char *const MONTHS[12] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const WEEKDAYS[7] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

/* RFC 5322 4.3. Military letters mean nothing there ("-0000"), but Z is what everybody means. */
static const struct {
    struct mansio_str name;
    int hours;
} ZONES[] = {
    {{"CDT", 3}, -5}, {{"CST", 3}, -6}, {{"EDT", 3}, -4}, {{"EST", 3}, -5},
    {{"GMT", 3}, 0},  {{"MDT", 3}, -6}, {{"MST", 3}, -7}, {{"PDT", 3}, -7},
    {{"PST", 3}, -8}, {{"UT", 2}, 0},   {{"UTC", 3}, 0},  {{"Z", 1}, 0},
};

/* What the text says, before it is a number of seconds. */
struct fields {
    int64_t year;
    unsigned month;
    unsigned day;
    unsigned hour;
    unsigned minute;
    unsigned second;
    int offset_minutes;
    int is_zone_unknown;
};

int64_t core_mail_date_days(int64_t year, unsigned month, unsigned day)
{
    /* Years from March, so that the leap day is their last: 400 of them have 146097 days. */
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static unsigned days_in(int64_t year, unsigned month)
{
    static const unsigned char DAYS[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && is_leap ? 29 : DAYS[month - 1];
}

/* The day that a number of days since 1970 is. */
static void civil_of(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t m = (5 * day_of_year + 2) / 153;

    *day = (unsigned)(day_of_year - (153 * m + 2) / 5 + 1);
    *month = (unsigned)(m < 10 ? m + 3 : m - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

/* Check the ranges, and give the meaning. */
static int finish(const struct fields *f, struct core_mail_date *out)
{
    if (f->month < 1 || f->month > 12 || f->day < 1 || f->day > days_in(f->year, f->month) ||
        f->hour > 23 || f->minute > 59 || f->second > 60) {
        return mansio_fail(MANSIO_E_INVALID, "a date has a part out of range");
    }
    *out = (struct core_mail_date){
        .seconds = core_mail_date_days(f->year, f->month, f->day) * DAY_SECONDS +
                   (int64_t)f->hour * 3600 + (int64_t)f->minute * 60 + f->second -
                   (int64_t)f->offset_minutes * 60,
        .offset_minutes = f->offset_minutes,
        .is_zone_unknown = (uint32_t)f->is_zone_unknown,
    };
    return 0;
}

/* ---- header fields */

/* Digits at the cursor. @return how many, 0 for none or too many (the cursor stays) */
static size_t take_number(struct core_mail_cursor *cursor, unsigned *out)
{
    const char *at = cursor->at;
    unsigned value = 0;

    while (at < cursor->end && core_mail_is_digit(*at)) {
        if (at - cursor->at == DIGITS_MAX) {
            return 0;
        }
        value = value * 10 + (unsigned)(*at++ - '0');
    }
    size_t count = (size_t)(at - cursor->at);

    if (count > 0) {
        *out = value;
        cursor->at = at;
    }
    return count;
}

static struct mansio_str take_letters(struct core_mail_cursor *cursor)
{
    const char *from = cursor->at;

    while (!core_mail_at_end(cursor) && core_mail_is_alpha(*cursor->at)) {
        cursor->at++;
    }
    return core_mail_between(from, cursor->at);
}

/* White space, comments, and the separators that the wild puts in their place. */
static void skip_between(struct core_mail_cursor *cursor, const char *separators)
{
    core_mail_skip_cfws(cursor, NULL);
    while (core_mail_peek(cursor) != '\0' && strchr(separators, *cursor->at) != NULL) {
        cursor->at++;
        core_mail_skip_cfws(cursor, NULL);
    }
}

/* The place of a name in a table by its first three letters, counted from 1; 0 for none. */
static unsigned index_of(struct mansio_str name, const char *const *table, size_t count)
{
    for (size_t i = 0; name.len >= 3 && i < count; i++) {
        if (mansio_str_ieq(mansio_str_sub(name, 0, 3), mansio_str_from_cstr(table[i]))) {
            return (unsigned)i + 1;
        }
    }
    return 0;
}

/* hour ":" minute [":" second]; a dot for the colon is seen. */
static int take_time(struct core_mail_cursor *cursor, struct fields *f)
{
    core_mail_skip_cfws(cursor, NULL);
    if (take_number(cursor, &f->hour) == 0) {
        return 0;
    }
    core_mail_skip_cfws(cursor, NULL);
    if (core_mail_peek(cursor) != ':' && core_mail_peek(cursor) != '.') {
        return 0;
    }
    cursor->at++;
    core_mail_skip_cfws(cursor, NULL);
    if (take_number(cursor, &f->minute) == 0) {
        return 0;
    }
    core_mail_skip_cfws(cursor, NULL);
    if (core_mail_peek(cursor) == ':' || core_mail_peek(cursor) == '.') {
        cursor->at++;
        core_mail_skip_cfws(cursor, NULL);
        if (take_number(cursor, &f->second) == 0) {
            return 0;
        }
    }
    return 1;
}

/* A year of two or three digits is of 1950 to 2049 or counts from 1900 (RFC 5322 4.3). */
static int take_year(struct core_mail_cursor *cursor, struct fields *f)
{
    unsigned year = 0;
    size_t digits = take_number(cursor, &year);

    if (digits < 2) {
        return 0;
    }
    if (digits == 2) {
        year += year < 50 ? 2000 : 1900;
    } else if (digits == 3) {
        year += 1900;
    }
    f->year = year;
    return 1;
}

/* What the digits of a zone say; outside -9959..+9959 they have no meaning. */
static void take_numeric_zone(struct core_mail_cursor *cursor, struct fields *f)
{
    int is_west = *cursor->at++ == '-';
    unsigned digits[4] = {0};
    size_t count = 0;
    int minutes;

    while (!core_mail_at_end(cursor) && count < 4 &&
           (core_mail_is_digit(*cursor->at) || (*cursor->at == ':' && count == 2))) {
        if (*cursor->at != ':') {
            digits[count++] = (unsigned)(*cursor->at - '0');
        }
        cursor->at++;
    }
    if (count == 3) { /* "-600" */
        digits[3] = digits[2];
        digits[2] = digits[1];
        digits[1] = digits[0];
        digits[0] = 0;
        count = 4;
    }
    minutes = (int)((digits[0] * 10 + digits[1]) * 60 + digits[2] * 10 + digits[3]);
    if ((count != 2 && count != 4) || digits[2] > 5) {
        f->is_zone_unknown = 1;
        return;
    }
    f->is_zone_unknown = is_west && minutes == 0;
    f->offset_minutes = is_west ? -minutes : minutes;
}

static void take_zone(struct core_mail_cursor *cursor, struct fields *f)
{
    core_mail_skip_cfws(cursor, NULL);
    if (core_mail_peek(cursor) == '+' || core_mail_peek(cursor) == '-') {
        take_numeric_zone(cursor, f);
        return;
    }
    struct mansio_str name = take_letters(cursor);
    for (size_t i = 0; i < MANSIO_COUNT(ZONES); i++) {
        if (mansio_str_ieq(name, ZONES[i].name)) {
            f->offset_minutes = ZONES[i].hours * 60;
            /* "GMT+0200": the digits are what is meant. */
            if (core_mail_peek(cursor) == '+' || core_mail_peek(cursor) == '-') {
                take_numeric_zone(cursor, f);
            }
            return;
        }
    }
    f->is_zone_unknown = 1;
}

/* Behind month and day: "15:04:05 [zone] 2006" or ", 2006 15:04:05 zone". */
static int take_asctime_rest(struct core_mail_cursor *cursor, struct fields *f)
{
    struct core_mail_cursor time = *cursor;

    if (!take_time(&time, f)) {
        f->hour = f->minute = f->second = 0;
        if (!take_year(cursor, f)) {
            return 0;
        }
        skip_between(cursor, ",");
        if (!take_time(cursor, f)) {
            return 0;
        }
        take_zone(cursor, f);
        return 1;
    }
    *cursor = time;
    core_mail_skip_cfws(cursor, NULL);
    if (core_mail_is_digit(core_mail_peek(cursor))) {
        f->is_zone_unknown = 1;
    } else {
        take_zone(cursor, f);
        core_mail_skip_cfws(cursor, NULL);
    }
    return take_year(cursor, f);
}

/* Behind the day: "Jan 2006 15:04:05 zone". */
static int take_usual_rest(struct core_mail_cursor *cursor, struct fields *f)
{
    f->month = index_of(take_letters(cursor), MONTHS, 12);
    skip_between(cursor, "-/.,");
    if (f->month == 0 || !take_year(cursor, f)) {
        return 0;
    }
    skip_between(cursor, ",");
    if (!take_time(cursor, f)) {
        return 0;
    }
    take_zone(cursor, f);
    return 1;
}

int core_mail_date_parse(struct mansio_str text, struct core_mail_date *out)
{
    struct core_mail_cursor cursor = core_mail_cursor_at(text);
    struct fields f = {0};
    struct mansio_str name;
    int is_whole;

    core_mail_skip_cfws(&cursor, NULL);
    name = take_letters(&cursor);
    skip_between(&cursor, ",.");
    if (index_of(name, MONTHS, 12) == 0 && core_mail_is_alpha(core_mail_peek(&cursor))) {
        name = take_letters(&cursor); /* "Mon Jan  2 ...": the weekday is passed */
        skip_between(&cursor, ",.");
    }
    f.month = index_of(name, MONTHS, 12);
    if (take_number(&cursor, &f.day) == 0) {
        return mansio_fail(MANSIO_E_INVALID, "a date has no day");
    }
    skip_between(&cursor, "-/.,");
    is_whole = f.month != 0 ? take_asctime_rest(&cursor, &f) : take_usual_rest(&cursor, &f);
    if (!is_whole) {
        return mansio_fail(MANSIO_E_INVALID, "a date lacks a part");
    }
    return finish(&f, out);
}

/* ---- printing */

/* The fields of a date in its own zone, its year brought into four digits. */
static struct fields fields_of(const struct core_mail_date *date, unsigned *out_weekday)
{
    struct fields f = {0};
    /* Bounds of the four-digit years. */
    const int64_t low = core_mail_date_days(0, 1, 1) * DAY_SECONDS;
    const int64_t high = core_mail_date_days(10000, 1, 1) * DAY_SECONDS - 1;
    int64_t offset = date->offset_minutes;
    int64_t local = 0;
    int64_t days;
    int64_t rest;

    offset = offset < -1439 || offset > 1439 ? 0 : offset;
    /* First so that nothing overflows, then so that the year fits. */
    local = date->seconds < low - DAY_SECONDS    ? low - DAY_SECONDS
            : date->seconds > high + DAY_SECONDS ? high + DAY_SECONDS
                                                 : date->seconds;
    local += offset * 60;
    local = local < low ? low : local > high ? high : local;
    days = local / DAY_SECONDS - (local % DAY_SECONDS < 0);
    rest = local - days * DAY_SECONDS;
    civil_of(days, &f.year, &f.month, &f.day);
    f.hour = (unsigned)(rest / 3600);
    f.minute = (unsigned)(rest / 60 % 60);
    f.second = (unsigned)(rest % 60);
    f.offset_minutes = (int)offset;
    /* 1970-01-01 was a Thursday. */
    *out_weekday = (unsigned)(((days + 4) % 7 + 7) % 7);
    return f;
}

static void print_time_zone(struct mansio_buf *out, const struct fields *f, int is_unknown)
{
    int offset = f->offset_minutes < 0 ? -f->offset_minutes : f->offset_minutes;

    (void)mansio_buf_printf(out, "%04u %02u:%02u:%02u %c%02d%02d", (unsigned)f->year, f->hour,
                            f->minute, f->second, f->offset_minutes < 0 || is_unknown ? '-' : '+',
                            offset / 60, offset % 60);
}

void core_mail_date_print(struct mansio_buf *out, const struct core_mail_date *date)
{
    unsigned weekday = 0;
    struct fields f = fields_of(date, &weekday);

    (void)mansio_buf_printf(out, "%s, %02u %s ", WEEKDAYS[weekday], f.day, MONTHS[f.month - 1]);
    print_time_zone(out, &f, date->is_zone_unknown && f.offset_minutes == 0);
}

int mansio_mail_date_parse(struct mansio_str text, int64_t *out_wall_us, int32_t *out_zone_minutes)
{
    struct core_mail_date date = {.seconds = 0};
    int rc = core_mail_date_parse(text, &date);

    if (rc == 0) {
        *out_wall_us = date.seconds * MANSIO_SECOND;
        if (out_zone_minutes != NULL) {
            *out_zone_minutes = date.offset_minutes;
        }
    }
    return rc;
}

size_t mansio_mail_date(int64_t wall_us, char out[MANSIO_MAIL_DATE_MAX])
{
    const struct core_mail_date date = {.seconds = wall_us / MANSIO_SECOND -
                                                   (wall_us % MANSIO_SECOND < 0)};
    unsigned weekday = 0;
    struct fields f = fields_of(&date, &weekday);
    /* The year has four digits, says fields_of(): so nothing is cut. */
    int length = snprintf(out, MANSIO_MAIL_DATE_MAX, "%s, %02u %s %04u %02u:%02u:%02u +0000",
                          WEEKDAYS[weekday], f.day, MONTHS[f.month - 1], (unsigned)f.year % 10000U,
                          f.hour, f.minute, f.second);

    return length > 0 ? (size_t)length : 0;
}

void core_mail_date_print_imap(struct mansio_buf *out, const struct core_mail_date *date)
{
    unsigned weekday = 0;
    struct fields f = fields_of(date, &weekday);

    (void)mansio_buf_printf(out, "%2u-%s-", f.day, MONTHS[f.month - 1]);
    print_time_zone(out, &f, 0);
}

/* ---- IMAP */

/* Exactly @p count digits at an offset. */
static int fixed_number(struct mansio_str text, size_t at, size_t count, unsigned *out)
{
    unsigned value = 0;

    for (size_t i = 0; i < count; i++) {
        if (!core_mail_is_digit(text.ptr[at + i])) {
            return 0;
        }
        value = value * 10 + (unsigned)(text.ptr[at + i] - '0');
    }
    *out = value;
    return 1;
}

int core_mail_date_parse_imap(struct mansio_str text, struct core_mail_date *out)
{
    /* "dd-Mon-yyyy hh:mm:ss +zzzz", the day's first digit may be a space */
    static const char SHAPE[] = "..-...-.... ..:..:.. .....";
    struct fields f = {0};
    unsigned year = 0;
    unsigned zone_hour = 0;
    unsigned zone_minute = 0;
    int is_good = text.len == sizeof SHAPE - 1;

    for (size_t i = 0; is_good && i < text.len; i++) {
        is_good = SHAPE[i] == '.' || SHAPE[i] == text.ptr[i];
    }
    is_good = is_good &&
              (text.ptr[0] == ' ' ? fixed_number(text, 1, 1, &f.day)
                                  : fixed_number(text, 0, 2, &f.day)) &&
              fixed_number(text, 7, 4, &year) && fixed_number(text, 12, 2, &f.hour) &&
              fixed_number(text, 15, 2, &f.minute) && fixed_number(text, 18, 2, &f.second) &&
              fixed_number(text, 22, 2, &zone_hour) && fixed_number(text, 24, 2, &zone_minute) &&
              (text.ptr[21] == '+' || text.ptr[21] == '-') && zone_hour < 24 && zone_minute < 60;
    if (!is_good) {
        return mansio_fail(MANSIO_E_INVALID, "not a date-time (dd-Mon-yyyy hh:mm:ss +zzzz)");
    }
    f.month = index_of(mansio_str_sub(text, 3, 3), MONTHS, 12);
    f.year = year;
    f.offset_minutes = (int)(zone_hour * 60 + zone_minute) * (text.ptr[21] == '-' ? -1 : 1);
    return finish(&f, out);
}
