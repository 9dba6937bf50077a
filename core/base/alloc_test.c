/* Tests of core/base/alloc.h: failure on purpose, and what happens without memory. */
#include "core/base/alloc.h"
#include "core/base/testing.h"

static void fails_the_nth_once(void **state)
{
    void *ptrs[6];

    (void)state;
    assert_int_equal(core_alloc_fail_at(3), 0);
    ptrs[0] = core_alloc(8);
    ptrs[1] = core_alloc_zero(8);
    ptrs[2] = core_realloc(ptrs[0], 16);
    ptrs[3] = core_alloc(8);
    assert_int_equal(core_alloc_fail_at(2), 0);
    ptrs[4] = core_alloc_zero(8);
    assert_int_equal(core_alloc_fail_at(0), 1);
    ptrs[5] = core_alloc_zero(8);
    assert_non_null(ptrs[0]);
    assert_non_null(ptrs[1]);
    assert_null(ptrs[2]); /* and ptrs[0] still lives */
    assert_non_null(ptrs[3]);
    assert_non_null(ptrs[4]);
    assert_non_null(ptrs[5]);
    for (size_t i = 0; i < MANSIO_COUNT(ptrs); i++) {
        core_free(ptrs[i]);
    }
}

static void must_gives_zeroes(void **state)
{
    static const char zeroes[100];
    char *ptr = core_alloc_must(sizeof zeroes);

    (void)state;
    assert_memory_equal(ptr, zeroes, sizeof zeroes);
    core_free(ptr);
}

static void run_out(void *arg)
{
    (void)arg;
    (void)core_alloc_fail_at(1);
    core_free(core_alloc_must(77));
}

static void must_stops_without_memory(void **state)
{
    (void)state;
    core_test_stops(run_out, NULL, "out of memory for 77 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fails_the_nth_once),
        cmocka_unit_test(must_gives_zeroes),
        cmocka_unit_test(must_stops_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
