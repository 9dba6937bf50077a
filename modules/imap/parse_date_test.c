/*
 * Dates, there and back.
 */
#include "testing.h"

#include "reply.h"
#include <mansio/time.h>

static void reads_date_times(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
        const char *printed;
    } rows[] = {
        {"\" 1-Jan-1970 00:00:00 +0000\"", 0, "\" 1-Jan-1970 00:00:00 +0000\""},
        {"\"17-Jul-1996 02:44:25 -0700\"", 837596665, "\"17-Jul-1996 09:44:25 +0000\""},
        {"\"29-feb-2000 23:59:59 +0130\"", 951863399, "\"29-Feb-2000 22:29:59 +0000\""},
        {"\"31-Dec-1969 23:59:59 +0000\"", -1, "\"31-Dec-1969 23:59:59 +0000\""},
        {"\"1-Mar-2026 00:00:00 +0000\"", 1772323200, "\" 1-Mar-2026 00:00:00 +0000\""},
        {"\"30-Jun-2015 23:59:60 +0000\"", 1435708799, "\"30-Jun-2015 23:59:59 +0000\""},
        {"\"01-Jan-0000 00:00:00 +0000\"", -62167219200, "\" 1-Jan-0000 00:00:00 +0000\""},
        {"\"31-Dec-9999 23:59:59 +0000\"", 253402300799, "\"31-Dec-9999 23:59:59 +0000\""},
    };

    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        int64_t us = 0;
        struct imap_cursor cursor = imap_test_cursor(*state, core_test_slice(rows[i].text));
        struct mansio_buf *out = mansio_buf_new(*state, 1000);
        assert_int_equal(imap_parse_date_time(&cursor, &us), 0);
        assert_int_equal(imap_parse_end(&cursor), 0);
        assert_true(us == rows[i].seconds * MANSIO_SECOND);
        imap_reply_date_time(out, us);
        core_test_str(mansio_buf_str(out), rows[i].printed);
    }
}

static void refuses_what_is_no_date_time(void **state)
{
    static const char *const rows[] = {
        "17-Jul-1996 02:44:25 -0700",
        "\"17-Jul-1996 02:44:25 -0700",
        "\"17-Jul-1996 02:44:25\"",
        "\"17-Jul-96 02:44:25 -0700\"",
        "\"17-7-1996 02:44:25 -0700\"",
        "\"0-Jul-1996 02:44:25 -0700\"",
        "\"32-Jul-1996 02:44:25 -0700\"",
        "\"29-Feb-1900 02:44:25 -0700\"",
        "\"17-Jul-1996 24:00:00 -0700\"",
        "\"17-Jul-1996 02:60:25 -0700\"",
        "\"17-Jul-1996 02:44:61 -0700\"",
        "\"17-Jul-1996 2:44:25 -0700\"",
        "\"17-Jul-1996 02:44:25 0700\"",
        "\"17-Jul-1996 02:44:25 +07\"",
        "\"17-Jul-1996 02:44:25 +0760\"",
        "\"17-Jul-1996  02:44:25 +0700\"",
        "\"\"",
        "",
    };

    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        int64_t us = 42;
        struct imap_cursor cursor = imap_test_cursor(*state, core_test_slice(rows[i]));
        assert_int_equal(imap_parse_date_time(&cursor, &us), MANSIO_E_INVALID);
        assert_true(us == 42);
    }
}

static void reads_dates(void **state)
{
    static const struct {
        const char *text;
        int32_t days;
        size_t at;
    } rows[] = {
        {"1-Jan-1970", 0, 10},       {"\"1-Jan-1970\"", 0, 12},    {"01-FEB-1994 x", 8797, 11},
        {"28-Feb-2001", 11381, 11},  {"29-Feb-2024", 19782, 11},   {"31-Dec-1969)", -1, 11},
        {"1-Jan-0000", -719528, 10}, {"31-Dec-9999", 2932896, 11},
    };
    static const char *const bad[] = {
        "", "\"1-Jan-1970", "1-Jan-70", "1 Jan 1970", "30-Feb-2024", "31-Apr-2024", " 1-Jan-1970",
    };

    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        int32_t days = 42;
        struct imap_cursor cursor = imap_test_cursor(*state, core_test_slice(rows[i].text));
        assert_int_equal(imap_parse_date(&cursor, &days), 0);
        assert_int_equal(days, rows[i].days);
        assert_int_equal(cursor.at - cursor.begin, rows[i].at);
    }
    for (size_t i = 0; i < MANSIO_COUNT(bad); i++) {
        int32_t days = 42;
        struct imap_cursor cursor = imap_test_cursor(*state, core_test_slice(bad[i]));
        assert_int_equal(imap_parse_date(&cursor, &days), MANSIO_E_INVALID);
        assert_int_equal(days, 42);
    }
}

/* Every day of eight centuries: what is printed reads back as the same day, one after the other. */
static void counts_every_day(void **state)
{
    char text[32];
    for (int32_t day = -146097; day < 146097; day++) {
        struct mansio_arena *arena = mansio_arena_new(*state, "day", 4096);
        struct mansio_buf *out = mansio_buf_new(arena, 64);
        int64_t us = 0;
        imap_reply_date_time(out, day * INT64_C(86400) * MANSIO_SECOND);
        struct mansio_str printed = mansio_buf_str(out);
        assert_true(printed.len < sizeof text);
        memcpy(text, printed.ptr, printed.len);
        struct imap_cursor cursor = imap_test_cursor(arena, (struct mansio_str){text, printed.len});
        assert_int_equal(imap_parse_date_time(&cursor, &us), 0);
        assert_true(us == day * INT64_C(86400) * MANSIO_SECOND);
        mansio_arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IMAP_TEST(reads_date_times),
        IMAP_TEST(refuses_what_is_no_date_time),
        IMAP_TEST(reads_dates),
        IMAP_TEST(counts_every_day),
    };
    return cmocka_run_group_tests_name("imap_parse_date", tests, NULL, NULL);
}
