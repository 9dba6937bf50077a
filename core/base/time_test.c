/* Tests of <mansio/time.h>: clocks that can be replaced, deadlines, RFC 3339 text. */
#include "core/base/time.h"
#include "core/base/testing.h"

#include <time.h>

static int64_t fake_now = 1000;

static int64_t give_now(void *arg)
{
    return *(int64_t *)arg;
}

static void a_source_replaces_the_clocks(void **state)
{
    int64_t wall = 77;
    const struct core_time_source both = {give_now, give_now, &wall};
    const struct core_time_source mono = {.now_us = give_now, .arg = &fake_now};
    int64_t before = mansio_now_us();

    (void)state;
    core_time_set_source(&both);
    assert_int_equal(mansio_now_us(), 77);
    assert_int_equal(mansio_wall_us(), 77);
    core_time_set_source(&mono);
    assert_int_equal(mansio_now_us(), 1000);
    assert_true(mansio_wall_us() > INT64_C(1700000000) * MANSIO_SECOND);
    core_time_set_source(NULL);
    assert_true(mansio_now_us() >= before);
}

static void deadlines(void **state)
{
    static const struct {
        int64_t now;
        int64_t duration;
        int64_t wanted;
    } rows[] = {
        {1000, 5, 1005},
        {1000, 0, 1000},
        {1000, -5, 1000},
        {1000, INT64_MIN, 1000},
        {1000, MANSIO_NEVER, MANSIO_NEVER},
        {1000, MANSIO_NEVER - 1000, MANSIO_NEVER},
        {1000, MANSIO_NEVER - 1001, MANSIO_NEVER - 1},
        {1000, MANSIO_NEVER - 999, MANSIO_NEVER},
        {0, MANSIO_NEVER, MANSIO_NEVER},
    };
    const struct core_time_source mono = {.now_us = give_now, .arg = &fake_now};

    (void)state;
    core_time_set_source(&mono);
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        fake_now = rows[i].now;
        assert_int_equal(mansio_deadline_in(rows[i].duration), rows[i].wanted);
    }
    core_time_set_source(NULL);
}

static void rfc3339_5_6_text(void **state)
{
    static const struct {
        int64_t seconds;
        int64_t us;
        const char *wanted;
    } rows[] = {
        {0, 0, "1970-01-01T00:00:00.000000Z"},
        {0, -1, "1969-12-31T23:59:59.999999Z"},
        {0, 123456, "1970-01-01T00:00:00.123456Z"},
        {951782400, 0, "2000-02-29T00:00:00.000000Z"},
        {951868799, 999999, "2000-02-29T23:59:59.999999Z"},
        {951868800, 0, "2000-03-01T00:00:00.000000Z"},
        {4107542400, 0, "2100-03-01T00:00:00.000000Z"}, /* 2100 is no leap year */
        {4107542399, 0, "2100-02-28T23:59:59.000000Z"},
        {1795309322, 456789, "2026-11-22T01:02:02.456789Z"},
        {-62167219200, 0, "0000-01-01T00:00:00.000000Z"},
        {-62167219200, -1, "0000-01-01T00:00:00.000000Z"}, /* clamped */
        {-62162035200, 0, "0000-03-01T00:00:00.000000Z"},
        {253402300799, 999999, "9999-12-31T23:59:59.999999Z"},
        {253402300800, 0, "9999-12-31T23:59:59.999999Z"}, /* clamped */
    };
    char text[MANSIO_TIME_RFC3339_MAX];

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        size_t length = mansio_time_rfc3339(rows[i].seconds * MANSIO_SECOND + rows[i].us, text);

        assert_string_equal(text, rows[i].wanted);
        assert_int_equal(length, strlen(text));
    }
    assert_int_equal(mansio_time_rfc3339(INT64_MIN, text), 27);
    assert_string_equal(text, "0000-01-01T00:00:00.000000Z");
    assert_int_equal(mansio_time_rfc3339(INT64_MAX, text), 27);
    assert_string_equal(text, "9999-12-31T23:59:59.999999Z");
}

/* Every day of a thousand years against the C library. */
static void agrees_with_libc(void **state)
{
    (void)state;
    for (int64_t day = -200000; day < 165000; day++) {
        time_t seconds = (time_t)(day * 86400 + (day & 0xffff));
        char text[MANSIO_TIME_RFC3339_MAX];
        char wanted[64];
        struct tm parts;

        (void)mansio_time_rfc3339(seconds * MANSIO_SECOND, text);
        assert_non_null(gmtime_r(&seconds, &parts));
        assert_true(strftime(wanted, sizeof wanted, "%Y-%m-%dT%H:%M:%S.000000Z", &parts) > 0);
        assert_string_equal(text, wanted);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_replaces_the_clocks),
        cmocka_unit_test(deadlines),
        cmocka_unit_test(rfc3339_5_6_text),
        cmocka_unit_test(agrees_with_libc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
