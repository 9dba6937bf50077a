/* Tests of the numbers of <mansio/str.h>: ranges, grammar, and what details say. */
#include <mansio/str.h>

#include "core/base/testing.h"
#include <mansio/error.h>

static void unsigned_numbers(void **state)
{
    static const struct {
        struct mansio_str s;
        uint64_t max;
        int result;
        uint64_t value;
    } rows[] = {
        {MANSIO_STR("0"), 0, 0, 0},
        {MANSIO_STR("1"), 0, MANSIO_E_LIMIT, 0},
        {MANSIO_STR("007"), 10, 0, 7},
        {MANSIO_STR("10"), 10, 0, 10},
        {MANSIO_STR("11"), 10, MANSIO_E_LIMIT, 0},
        {MANSIO_STR("99"), 10, MANSIO_E_LIMIT, 0},
        {MANSIO_STR("5"), 3, MANSIO_E_LIMIT, 0},
        {MANSIO_STR("18446744073709551615"), UINT64_MAX, 0, UINT64_MAX},
        {MANSIO_STR("18446744073709551616"), UINT64_MAX, MANSIO_E_LIMIT, 0},
        {MANSIO_STR("28446744073709551615"), UINT64_MAX, MANSIO_E_LIMIT, 0},
        {MANSIO_STR("0000000000000000000000000000012"), UINT64_MAX, 0, 12},
        {MANSIO_STR("99999999999999999999999999999999"), UINT64_MAX, MANSIO_E_LIMIT, 0},
        {MANSIO_STR("4294967295"), UINT32_MAX, 0, UINT32_MAX},
        {MANSIO_STR("4294967296"), UINT32_MAX, MANSIO_E_LIMIT, 0},
        {MANSIO_STR(""), 10, MANSIO_E_INVALID, 0},
        {{NULL, 0}, 10, MANSIO_E_INVALID, 0},
        {MANSIO_STR(" 1"), 10, MANSIO_E_INVALID, 0},
        {MANSIO_STR("1 "), 10, MANSIO_E_INVALID, 0},
        {MANSIO_STR("+1"), 10, MANSIO_E_INVALID, 0},
        {MANSIO_STR("-1"), 10, MANSIO_E_INVALID, 0},
        {MANSIO_STR("1\0"), 10, MANSIO_E_INVALID, 0},
        {MANSIO_STR("1a"), 10, MANSIO_E_INVALID, 0},
        {MANSIO_STR("0x1"), 10, MANSIO_E_INVALID, 0},
        {MANSIO_STR("\xd9\xa1"), 10, MANSIO_E_INVALID, 0}, /* a digit in other scripts */
        /* wrong grammar is wrong even where it is too large as well */
        {MANSIO_STR("99999999999999999999999x"), 10, MANSIO_E_INVALID, 0},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        uint64_t value = 4711;

        assert_int_equal(mansio_parse_u64(rows[i].s, rows[i].max, &value), rows[i].result);
        assert_true(value == (rows[i].result == 0 ? rows[i].value : 4711));
        if (rows[i].max <= UINT32_MAX) {
            uint32_t small = 4711;

            assert_int_equal(mansio_parse_u32(rows[i].s, (uint32_t)rows[i].max, &small),
                             rows[i].result);
            assert_true(small == (rows[i].result == 0 ? rows[i].value : 4711));
        }
    }
}

static void signed_numbers(void **state)
{
    static const struct {
        struct mansio_str s;
        int64_t min, max;
        int result;
        int64_t value;
    } rows[] = {
        {MANSIO_STR("0"), -1, 1, 0, 0},
        {MANSIO_STR("-0"), -1, 1, 0, 0},
        {MANSIO_STR("-1"), -1, 1, 0, -1},
        {MANSIO_STR("-2"), -1, 1, MANSIO_E_LIMIT, 0},
        {MANSIO_STR("2"), -1, 1, MANSIO_E_LIMIT, 0},
        {MANSIO_STR("5"), 7, 9, MANSIO_E_LIMIT, 0},
        {MANSIO_STR("-5"), -9, -7, MANSIO_E_LIMIT, 0},
        {MANSIO_STR("9223372036854775807"), INT64_MIN, INT64_MAX, 0, INT64_MAX},
        {MANSIO_STR("9223372036854775808"), INT64_MIN, INT64_MAX, MANSIO_E_LIMIT, 0},
        {MANSIO_STR("-9223372036854775808"), INT64_MIN, INT64_MAX, 0, INT64_MIN},
        {MANSIO_STR("-9223372036854775809"), INT64_MIN, INT64_MAX, MANSIO_E_LIMIT, 0},
        {MANSIO_STR("-"), -1, 1, MANSIO_E_INVALID, 0},
        {MANSIO_STR(""), -1, 1, MANSIO_E_INVALID, 0},
        {MANSIO_STR("--1"), -1, 1, MANSIO_E_INVALID, 0},
        {MANSIO_STR("1-"), -1, 1, MANSIO_E_INVALID, 0},
        {MANSIO_STR("+1"), -1, 1, MANSIO_E_INVALID, 0},
        {MANSIO_STR("- 1"), -1, 1, MANSIO_E_INVALID, 0},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        int64_t value = 4711;

        assert_int_equal(mansio_parse_i64(rows[i].s, rows[i].min, rows[i].max, &value),
                         rows[i].result);
        assert_true(value == (rows[i].result == 0 ? rows[i].value : 4711));
    }
}

static void hexadecimal_numbers(void **state)
{
    static const struct {
        struct mansio_str s;
        uint64_t max;
        int result;
        uint64_t value;
    } rows[] = {
        {MANSIO_STR("0"), 0, 0, 0},
        {MANSIO_STR("fF"), 255, 0, 255},
        {MANSIO_STR("a0"), 255, 0, 160},
        {MANSIO_STR("0A"), 255, 0, 10},
        {MANSIO_STR("100"), 255, MANSIO_E_LIMIT, 0},
        {MANSIO_STR("f"), 14, MANSIO_E_LIMIT, 0},
        {MANSIO_STR("ffffffffffffffff"), UINT64_MAX, 0, UINT64_MAX},
        {MANSIO_STR("0ffffffffffffffff"), UINT64_MAX, 0, UINT64_MAX},
        {MANSIO_STR("10000000000000000"), UINT64_MAX, MANSIO_E_LIMIT, 0},
        {MANSIO_STR("g"), 255, MANSIO_E_INVALID, 0},
        {MANSIO_STR("0x1"), 255, MANSIO_E_INVALID, 0},
        {MANSIO_STR("/"), 255, MANSIO_E_INVALID, 0}, /* the neighbours of the digits */
        {MANSIO_STR(":"), 255, MANSIO_E_INVALID, 0},
        {MANSIO_STR("@"), 255, MANSIO_E_INVALID, 0},
        {MANSIO_STR("`"), 255, MANSIO_E_INVALID, 0},
        {MANSIO_STR(""), 255, MANSIO_E_INVALID, 0},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        uint64_t value = 4711;

        assert_int_equal(mansio_parse_hex(rows[i].s, rows[i].max, &value), rows[i].result);
        assert_true(value == (rows[i].result == 0 ? rows[i].value : 4711));
    }
}

static void details(void **state)
{
    uint64_t value = 0;
    int64_t number = 0;

    (void)state;
    assert_int_equal(mansio_parse_u64(MANSIO_STR("12x"), 99, &value), MANSIO_E_INVALID);
    assert_string_equal(mansio_error_detail(), "\"12x\" is not a number");
    assert_int_equal(mansio_parse_u64(MANSIO_STR("100"), 99, &value), MANSIO_E_LIMIT);
    assert_string_equal(mansio_error_detail(), "100 is more than 99");
    assert_int_equal(mansio_parse_hex(MANSIO_STR("100"), 255, &value), MANSIO_E_LIMIT);
    assert_string_equal(mansio_error_detail(), "100 is more than ff");
    assert_int_equal(mansio_parse_hex(MANSIO_STR("z"), 255, &value), MANSIO_E_INVALID);
    assert_string_equal(mansio_error_detail(), "\"z\" is not a hexadecimal number");
    assert_int_equal(mansio_parse_i64(MANSIO_STR("-8"), -7, 7, &number), MANSIO_E_LIMIT);
    assert_string_equal(mansio_error_detail(), "-8 is not within -7 and 7");
    assert_int_equal(
        mansio_parse_u64(MANSIO_STR("x123456789012345678901234567890123456789012345"), 9, &value),
        MANSIO_E_INVALID);
    assert_string_equal(mansio_error_detail(),
                        "\"x123456789012345678901234567890123456789...\" is not a number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsigned_numbers),
        cmocka_unit_test(signed_numbers),
        cmocka_unit_test(hexadecimal_numbers),
        cmocka_unit_test(details),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
