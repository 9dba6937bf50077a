/*
 * The schedule: waits that grow, the end after five days, one word about a delay.
 */
#include "core/base/testing.h"

#include "schedule.h"
#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

#define MINUTE (60 * MANSIO_SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static const struct ob_schedule usual = {
    .waits_us = {5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR},
    .count = 7,
    .give_up_us = 5 * DAY,
    .delay_us = 4 * HOUR,
};

static void durations(void **state)
{
    static const struct {
        const char *text;
        int64_t us;
    } cases[] = {
        {"5m", 5 * MINUTE},
        {"4h", 4 * HOUR},
        {"1d", DAY},
        {"30s", 30 * MANSIO_SECOND},
        {"250ms", 250000},
        {"7us", 7},
        {"0s", 0},
        {"5", -1},
        {"m", -1},
        {"", -1},
        {"5 m", -1},
        {"-5m", -1},
        {"5mm", -1},
        {"5M", -1},
        {"99999999999s", -1},
    };
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        int64_t us = -1;
        int rc = ob_duration_parse(mansio_str_from_cstr(cases[i].text), &us);
        assert_int_equal(rc, cases[i].us >= 0 ? 0 : MANSIO_E_INVALID);
        assert_int_equal(us, cases[i].us);
    }
}

static void jitters(void **state)
{
    (void)state;
    assert_int_equal(ob_jitter(100 * MINUTE, 0), 85 * MINUTE);
    assert_int_equal(ob_jitter(100 * MINUTE, UINT32_MAX), 115 * MINUTE);
    assert_int_equal(ob_jitter(0, 7), 0);
}

static void waits_grow_and_stay(void **state)
{
    (void)state;
    for (uint32_t attempts = 0; attempts < 20; attempts++) {
        size_t step = attempts < 7 ? attempts : 6;
        struct ob_due due = ob_schedule_next(&usual, 0, 10 * HOUR, attempts, 0, 10 * HOUR, 0);
        assert_int_equal(due.is_over, 0);
        assert_int_equal(due.is_delayed, 0);
        assert_int_equal(due.next_us, 10 * HOUR + usual.waits_us[step] / 100 * 85);
    }
    struct ob_due due = ob_schedule_next(&usual, 0, 10 * HOUR, 0, 20 * HOUR, 10 * HOUR, 0);
    assert_int_equal(due.next_us, 20 * HOUR);
}

/* All of a message's life: attempts, one word about the delay, one last attempt when its time is
 * over. */
static void rfc5321_4_5_4_1_a_life(void **state)
{
    (void)state;
    for (uint32_t chance = 0; chance < 50; chance++) {
        int64_t now = 1000;
        int64_t due_us = now;
        uint32_t attempts = 0;
        size_t told = 0;
        struct ob_due due = {.is_over = 0};
        while (!due.is_over) {
            due = ob_schedule_next(&usual, 1000, due_us, attempts, 0, now,
                                   chance * (UINT32_MAX / 50));
            if (due.is_delayed) {
                told++;
                assert_true(now >= 1000 + 4 * HOUR && now < 1000 + 5 * HOUR);
            }
            assert_true(due.is_over || due.next_us > now);
            due_us = due.next_us;
            now = due.next_us + MANSIO_SECOND; /* a claim takes a while */
            attempts++;
        }
        assert_int_equal(told, 1);
        assert_in_range(attempts, 30, 50);
        assert_true(due_us == 1000 + 5 * DAY);
    }
}

static void a_late_attempt_tells_too(void **state)
{
    (void)state;
    /* The daemon was down from before the time to tell to long after it. */
    struct ob_due due = ob_schedule_next(&usual, 0, 3 * HOUR, 5, 0, 9 * HOUR, 0);
    assert_int_equal(due.is_delayed, 1);
    due = ob_schedule_next(&usual, 0, due.next_us, 6, 0, due.next_us, 0);
    assert_int_equal(due.is_delayed, 0);
    /* And past the end it is over at once. */
    due = ob_schedule_next(&usual, 0, 3 * HOUR, 5, 0, 6 * DAY, 0);
    assert_int_equal(due.is_over, 1);
    assert_int_equal(due.is_delayed, 0);
}

static void tells_nothing_when_so_set(void **state)
{
    struct ob_schedule silent = usual;
    (void)state;
    silent.delay_us = 0;
    assert_int_equal(ob_schedule_next(&silent, 0, HOUR, 5, 0, 9 * HOUR, 0).is_delayed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),
        cmocka_unit_test(jitters),
        cmocka_unit_test(waits_grow_and_stay),
        cmocka_unit_test(rfc5321_4_5_4_1_a_life),
        cmocka_unit_test(a_late_attempt_tells_too),
        cmocka_unit_test(tells_nothing_when_so_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
