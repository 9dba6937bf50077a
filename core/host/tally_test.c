/*
 * Tallies: names come and go with their last session, the largest come first.
 */
#include "core/host/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mansio/str.h>

static void check_top(const char *expected, size_t max, size_t names)
{
    struct core_tally_row rows[8];
    char text[256] = "";
    size_t found = 0, len = 0;
    size_t count = core_tally_top(CORE_TALLY_TENANT, rows, max, &found);
    for (size_t i = 0; i < count; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%.*s=%u ",
                                MANSIO_STR_ARG(rows[i].name), (unsigned)rows[i].count);
    }
    assert_string_equal(text, expected);
    assert_int_equal(found, names);
}

static void count(const char *name, int change, int times)
{
    for (int i = 0; i < times; i++) {
        core_tally_count(CORE_TALLY_TENANT, mansio_str_from_cstr(name), change);
    }
}

static void counts_what_comes_and_goes(void **state)
{
    (void)state;
    check_top("", 8, 0);
    count("alpha", 1, 2);
    count("beta", 1, 3);
    count("gamma", 1, 2);
    core_tally_count(CORE_TALLY_SERVICE, MANSIO_STR("imap"), 1);
    check_top("beta=3 alpha=2 gamma=2 ", 8, 3);
    check_top("beta=3 alpha=2 ", 2, 3);
    check_top("beta=3 ", 1, 3);
    check_top("", 0, 3);
    count("beta", -1, 2);
    check_top("alpha=2 gamma=2 beta=1 ", 8, 3);
    count("beta", -1, 2); /* one too many changes nothing */
    check_top("alpha=2 gamma=2 ", 8, 2);
    count("beta", 1, 1);
    check_top("alpha=2 gamma=2 beta=1 ", 3, 3);
    core_tally_forget();
    check_top("", 8, 0);
    core_tally_forget();
}

static void finds_the_largest_of_many(void **state)
{
    char name[16];
    (void)state;
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof name, "t%03d", i);
        count(name, 1, (i * 7919) % 1000 + 1);
    }
    /* The three largest: (i * 7919) % 1000 is a permutation. */
    struct core_tally_row rows[3];
    size_t names = 0;
    assert_int_equal(core_tally_top(CORE_TALLY_TENANT, rows, 3, &names), 3);
    assert_int_equal(names, 1000);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(rows[i].count, 1000 - i);
    }
    core_tally_forget();
}

static void cuts_long_names(void **state)
{
    char name[CORE_TALLY_NAME_MAX + 10];
    struct core_tally_row row;
    size_t names = 0;
    (void)state;
    memset(name, 'x', sizeof name);
    core_tally_count(CORE_TALLY_TENANT, (struct mansio_str){name, sizeof name}, 1);
    assert_int_equal(core_tally_top(CORE_TALLY_TENANT, &row, 1, &names), 1);
    assert_int_equal(row.name.len, CORE_TALLY_NAME_MAX);
    core_tally_count(CORE_TALLY_TENANT, (struct mansio_str){name, sizeof name}, -1);
    assert_int_equal(core_tally_top(CORE_TALLY_TENANT, &row, 1, &names), 0);
    core_tally_forget();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_comes_and_goes),
        cmocka_unit_test(finds_the_largest_of_many),
        cmocka_unit_test(cuts_long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
