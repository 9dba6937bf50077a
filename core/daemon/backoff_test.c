/*
 * backoff.c by table: immediately once, doubling, bounded, forgotten after a healthy minute.
 */
#include "core/daemon/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <mansio/base.h>
#include <mansio/time.h>

static void pauses_double_and_forget(void **state)
{
    (void)state;
    static const struct {
        int64_t lived_us, pause_us;
    } rows[] = {
        {1, 0},
        {1, 500 * MANSIO_MS},
        {1, 1 * MANSIO_SECOND},
        {1, 2 * MANSIO_SECOND},
        {59 * MANSIO_SECOND, 4 * MANSIO_SECOND},
        {1, 8 * MANSIO_SECOND},
        {1, 16 * MANSIO_SECOND},
        {1, 30 * MANSIO_SECOND},
        {1, 30 * MANSIO_SECOND},
        {60 * MANSIO_SECOND, 0},
        {1, 500 * MANSIO_MS},
    };
    struct core_backoff backoff = {0};
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        assert_int_equal(core_backoff_next(&backoff, rows[i].lived_us), rows[i].pause_us);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_double_and_forget),
    };
    return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
