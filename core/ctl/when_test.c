/*
 * Times that people give: what is right comes out as the library prints it, what is wrong is
 * refused.
 */
#include "core/ctl/when.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

static void rfc3339_5_6_times(void **state)
{
    static const struct {
        const char *text, *same;
    } rows[] = {
        {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"},
        {"2026-11-22T01:02:03Z", "2026-11-22T01:02:03.000000Z"},
        {"2026-11-22t01:02:03z", "2026-11-22T01:02:03.000000Z"},
        {"2026-11-22 01:02:03Z", "2026-11-22T01:02:03.000000Z"},
        {"2026-11-22T01:02:03.5Z", "2026-11-22T01:02:03.500000Z"},
        {"2026-11-22T01:02:03.123456789Z", "2026-11-22T01:02:03.123456Z"},
        {"2026-11-22T01:02:03+01:00", "2026-11-22T00:02:03.000000Z"},
        {"2026-11-22T23:59:59-00:30", "2026-11-23T00:29:59.000000Z"},
        {"2024-02-29T12:00:00Z", "2024-02-29T12:00:00.000000Z"},
        {"2000-02-29T12:00:00Z", "2000-02-29T12:00:00.000000Z"},
        {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"},
        {"1969-12-31T23:59:59Z", "1969-12-31T23:59:59.000000Z"},
        {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000000Z"},
    };
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        int64_t us = 0;
        char text[MANSIO_TIME_RFC3339_MAX];
        assert_int_equal(core_ctl_time_parse(mansio_str_from_cstr(rows[i].text), &us), 0);
        mansio_time_rfc3339(us, text);
        assert_string_equal(text, rows[i].same);
    }
}

static void refuses_what_is_no_time(void **state)
{
    static const char *const rows[] = {
        "",
        "2026",
        "2026-11-22",
        "2026-11-22T01:02Z",
        "2026-11-22T01:02:03",
        "2026-13-22T01:02:03Z",
        "2026-00-22T01:02:03Z",
        "2026-02-29T01:02:03Z",
        "2100-02-29T01:02:03Z",
        "2026-11-31T01:02:03Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T01:60:03Z",
        "2026-11-22T01:02:61Z",
        "2026-11-22T01:02:03.Z",
        "2026-11-22T01:02:03.1234567890Z",
        "2026-11-22T01:02:03+1:00",
        "2026-11-22T01:02:03+01:00x",
        "0000-11-22T01:02:03Z",
        "tomorrow",
        "d",
        "-1d",
        "30",
        "30y",
        "1000001d",
    };
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        int64_t us = 42;
        assert_int_equal(core_ctl_when_parse(mansio_str_from_cstr(rows[i]), 0, &us),
                         MANSIO_E_INVALID);
        assert_int_equal(us, 42);
    }
}

static void counts_from_now(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } rows[] = {{"90m", 5400}, {"12h", 43200}, {"30d", 2592000}, {"6w", 3628800}, {"0d", 0}};
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        int64_t us = 0;
        assert_int_equal(core_ctl_when_parse(mansio_str_from_cstr(rows[i].text), 1000, &us), 0);
        assert_int_equal(us, 1000 + rows[i].seconds * MANSIO_SECOND);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc3339_5_6_times),
        cmocka_unit_test(refuses_what_is_no_time),
        cmocka_unit_test(counts_from_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
