/*
 * Command lines: good and bad ones.
 */
#include "core/base/testing.h"

#include "parse.h"
#include <mansio/error.h>

static void takes_lines_apart(void **state)
{
    static const struct {
        const char *text, *verb, *rest, *first, *second;
        size_t count;
    } rows[] = {
        {"QUIT", "QUIT", "", "", "", 0},
        {"QUIT ", "QUIT", "", "", "", 0},
        {"retr 1", "retr", "1", "1", "", 1},
        {"TOP 1  2", "TOP", "1  2", "1", "2", 2},
        {"TOP 1 2 ", "TOP", "1 2 ", "1", "2", 2},
        {"a b c d", "a", "b c d", "b", "c", 3},
        {"PASS  two words ", "PASS", " two words ", "two", "words", 2},
        {"PASS \xc3\xa4", "PASS", "\xc3\xa4", "\xc3\xa4", "", 1},
        {"a\tb", "a\tb", "", "", "", 0},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct pop3_line line;
        assert_int_equal(pop3_parse_line(core_test_slice(rows[i].text), &line), 0);
        core_test_str(line.verb, rows[i].verb);
        core_test_str(line.rest, rows[i].rest);
        core_test_str(line.args[0], rows[i].first);
        core_test_str(line.args[1], rows[i].second);
        assert_int_equal(line.arg_count, rows[i].count);
    }
}

static void refuses_what_no_line_may_hold(void **state)
{
    static const struct mansio_str rows[] = {
        MANSIO_STR(""),       MANSIO_STR(" STAT"),     MANSIO_STR("ST\0AT"),
        MANSIO_STR("STAT\r"), MANSIO_STR("PASS a\rb"), MANSIO_STR("PASS a\nb"),
        MANSIO_STR("\0"),
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct pop3_line line;
        assert_int_equal(pop3_parse_line(rows[i], &line), MANSIO_E_INVALID);
    }
}

static void reads_numbers(void **state)
{
    static const struct {
        const char *text;
        int result;
        uint32_t number;
    } rows[] = {
        {"1", 0, 1},
        {"10", 0, 10},
        {"007", 0, 7},
        {"0", MANSIO_E_NOT_FOUND, 0},
        {"11", MANSIO_E_NOT_FOUND, 0},
        {"4294967297", MANSIO_E_NOT_FOUND, 0},
        {"99999999999999999999", MANSIO_E_NOT_FOUND, 0},
        {"", MANSIO_E_INVALID, 0},
        {"-1", MANSIO_E_INVALID, 0},
        {"+1", MANSIO_E_INVALID, 0},
        {"1a", MANSIO_E_INVALID, 0},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        uint32_t number = 0;
        assert_int_equal(pop3_parse_number(core_test_slice(rows[i].text), 10, &number),
                         rows[i].result);
        assert_int_equal(number, rows[i].number);
    }
}

static void reads_line_counts(void **state)
{
    uint64_t lines = 7;
    (void)state;
    assert_int_equal(pop3_parse_lines(MANSIO_STR("0"), &lines), 0);
    assert_int_equal(lines, 0);
    assert_int_equal(pop3_parse_lines(MANSIO_STR("99999999999999999999"), &lines), 0);
    assert_true(lines > UINT64_MAX / 2);
    assert_int_equal(pop3_parse_lines(MANSIO_STR("-1"), &lines), MANSIO_E_INVALID);
    assert_int_equal(pop3_parse_lines(MANSIO_STR(""), &lines), MANSIO_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_lines_apart),
        cmocka_unit_test(refuses_what_no_line_may_hold),
        cmocka_unit_test(reads_numbers),
        cmocka_unit_test(reads_line_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
