/*
 * Printing. Knows forms, not when they are said.
 */
#include "reply.h"

#include <inttypes.h>
#include <stdarg.h>

#include <mansio/store.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "mutf7.h"

enum { QUOTED_MAX = 1024 }; /* longer ones go as literals: readers of lines have limits */

void imap_reply_untagged(struct mansio_buf *out, const char *format, ...)
{
    va_list args;
    mansio_buf_add(out, MANSIO_STR("* "));
    va_start(args, format);
    mansio_buf_vprintf(out, format, args);
    va_end(args);
    mansio_buf_add(out, MANSIO_STR("\r\n"));
}

/* ---- strings ------------------------------------------------------------------------------------
 */

/* QUOTED-CHAR: 7 bits, and on one line. */
static int fits_quotes(struct mansio_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x80 || c == '\r' || c == '\n') {
            return 0;
        }
    }
    return text.len <= QUOTED_MAX;
}

/* Bytes without NUL, and with backslashes where quotes want them. */
static void add_bytes(struct mansio_buf *out, struct mansio_str text, int is_quoted)
{
    size_t done = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c != '\0' && (!is_quoted || (c != '"' && c != '\\'))) {
            continue;
        }
        mansio_buf_add(out, mansio_str_sub(text, done, i - done));
        mansio_buf_add_char(out, c == '\0' ? ' ' : '\\');
        done = c == '\0' ? i + 1 : i;
    }
    mansio_buf_add(out, mansio_str_sub(text, done, SIZE_MAX));
}

void imap_reply_string(struct mansio_buf *out, struct mansio_str text)
{
    if (!fits_quotes(text)) {
        mansio_buf_printf(out, "{%zu}\r\n", text.len);
        add_bytes(out, text, 0);
        return;
    }
    mansio_buf_add_char(out, '"');
    add_bytes(out, text, 1);
    mansio_buf_add_char(out, '"');
}

void imap_reply_nstring(struct mansio_buf *out, struct mansio_str text)
{
    if (text.ptr == NULL) {
        mansio_buf_add(out, MANSIO_STR("NIL"));
        return;
    }
    imap_reply_string(out, text);
}

static int is_plain(struct mansio_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '/' || c == '-' || c == '_' || c == '.')) {
            return 0;
        }
    }
    return name.len > 0 && !mansio_str_ieq(name, MANSIO_STR("NIL"));
}

void imap_reply_mailbox(struct mansio_buf *out, struct mansio_str name)
{
    if (is_plain(name)) {
        mansio_buf_add(out, name);
        return;
    }
    mansio_buf_add_char(out, '"');
    imap_mutf7_encode(out, name, 1);
    mansio_buf_add_char(out, '"');
}

/* ---- flags, dates, sets -------------------------------------------------------------------------
 */

static const struct {
    uint32_t flag;
    struct mansio_str name;
} flag_names[] = {
    {MANSIO_FLAG_ANSWERED, MANSIO_STR("\\Answered")},
    {MANSIO_FLAG_FLAGGED, MANSIO_STR("\\Flagged")},
    {MANSIO_FLAG_DELETED, MANSIO_STR("\\Deleted")},
    {MANSIO_FLAG_SEEN, MANSIO_STR("\\Seen")},
    {MANSIO_FLAG_DRAFT, MANSIO_STR("\\Draft")},
};

static void add_flag(struct mansio_buf *out, struct mansio_str name, int *is_first)
{
    if (!*is_first) {
        mansio_buf_add_char(out, ' ');
    }
    mansio_buf_add(out, name);
    *is_first = 0;
}

void imap_reply_flags(struct mansio_buf *out, uint32_t flags, int is_recent,
                      struct mansio_str keywords)
{
    int is_first = 1;
    mansio_buf_add_char(out, '(');
    for (size_t i = 0; i < MANSIO_COUNT(flag_names); i++) {
        if (flags & flag_names[i].flag) {
            add_flag(out, flag_names[i].name, &is_first);
        }
    }
    if (is_recent) {
        add_flag(out, MANSIO_STR("\\Recent"), &is_first);
    }
    if (keywords.len > 0) {
        add_flag(out, keywords, &is_first);
    }
    mansio_buf_add_char(out, ')');
}

/* The Gregorian date so many days after 1970-01-01; years begin in March meanwhile. */
static void date_of(int64_t days, int64_t *year, uint32_t *month, uint32_t *day)
{
    int64_t from = days + 719468;
    int64_t era = (from >= 0 ? from : from - 146096) / 146097;
    uint32_t of_era = (uint32_t)(from - era * 146097);
    uint32_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint32_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t from_march = (5 * of_year + 2) / 153;
    *day = of_year - (153 * from_march + 2) / 5 + 1;
    *month = from_march < 10 ? from_march + 3 : from_march - 9;
    *year = year_of_era + era * 400 + (*month <= 2 ? 1 : 0);
}

void imap_reply_date_time(struct mansio_buf *out, int64_t wall_us)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    /* Years of four digits: 0000-01-01T00:00:00 to 9999-12-31T23:59:59. */
    static const int64_t first = INT64_C(-62167219200), last = INT64_C(253402300799);
    int64_t seconds = wall_us / MANSIO_SECOND - (wall_us % MANSIO_SECOND < 0 ? 1 : 0);
    seconds = seconds < first ? first : seconds > last ? last : seconds;
    int64_t days = (seconds - first) / 86400 + first / 86400;
    uint32_t of_day = (uint32_t)(seconds - days * 86400);
    int64_t year = 0;
    uint32_t month = 0, day = 0;
    date_of(days, &year, &month, &day);
    mansio_buf_printf(
        out, "\"%2" PRIu32 "-%.3s-%04" PRId64 " %02" PRIu32 ":%02" PRIu32 ":%02" PRIu32 " +0000\"",
        day, months + ((size_t)month - 1) * 3, year, of_day / 3600, of_day / 60 % 60, of_day % 60);
}

void imap_reply_set(struct mansio_buf *out, const uint32_t *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t first = ranges[2 * i], last = ranges[2 * i + 1];
        mansio_buf_printf(out, "%s%" PRIu32, i > 0 ? "," : "", first);
        if (last != first) {
            mansio_buf_printf(out, ":%" PRIu32, last);
        }
    }
}
