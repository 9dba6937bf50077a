/*
 * Announcements of literals.
 */
#include "core/base/testing.h"

#include "reader.h"
#include <mansio/error.h>

static void finds_what_is_announced(void **state)
{
    static const struct {
        const char *text;
        uint64_t size;
        uint32_t is_synchronizing;
    } rows[] = {
        {"{0}", 0, 1},
        {"a LOGIN {11}", 11, 1},
        {"a LOGIN {11+}", 11, 0},
        {"x{007}", 7, 1},
        {"\"{3}", 3, 1},
        {"{{3}", 3, 1},
        {"{9223372036854775807}", INT64_MAX, 1},
        {"{99999999999999999999+}", INT64_MAX, 0}, /* more than there can be, but one it is */
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct imap_literal literal;
        assert_int_equal(imap_literal_find(core_test_slice(rows[i].text), &literal), 0);
        assert_true(literal.size == rows[i].size && literal.left == rows[i].size);
        assert_int_equal(literal.is_synchronizing, rows[i].is_synchronizing);
    }
}

static void passes_over_what_is_none(void **state)
{
    static const char *const rows[] = {
        "", "}", "{}", "{+}", "3}", "{3} ", "{3}}", "{-3}", "{3++}", "{+3}", "{ 3}", "{3 }", "{3-}",
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct imap_literal literal = {.size = 42};
        assert_int_equal(imap_literal_find(core_test_slice(rows[i]), &literal), MANSIO_E_INVALID);
        assert_true(literal.size == 42);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_is_announced),
        cmocka_unit_test(passes_over_what_is_none),
    };
    return cmocka_run_group_tests_name("imap_literal", tests, NULL, NULL);
}
