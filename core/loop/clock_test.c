/* Tests of clock.c. Only lower bounds: whoever else runs on this machine makes time pass. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/loop/clock.h"

static void ticks_become_microseconds(void **state)
{
    (void)state;
    core_clock_setup();
    uint64_t first = core_ticks();
    int64_t start = mansio_now_us(), now = start;
    while (now - start < 20 * MANSIO_MS) {
        now = mansio_now_us();
    }
    uint64_t ticks = core_ticks() - first; /* read outside of the two: not shorter */
    assert_true(core_ticks_to_us(ticks) >= (now - start) * 95 / 100);
    assert_true(core_ticks_may_exceed(ticks, (now - start) * 95 / 100));
    assert_int_equal(core_ticks_to_us(0), 0);
    assert_false(core_ticks_may_exceed(0, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_become_microseconds),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
