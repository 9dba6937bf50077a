/* Tests of the comparing and cutting half of <mansio/str.h>. */
#include <mansio/str.h>

#include "core/base/testing.h"

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

static void comparisons(void **state)
{
    static const struct {
        struct mansio_str a;
        struct mansio_str b;
        int eq, ieq, cmp, icmp;
    } rows[] = {
        {MANSIO_STR(""), MANSIO_STR(""), 1, 1, 0, 0},
        {{NULL, 0}, MANSIO_STR(""), 1, 1, 0, 0},
        {{NULL, 0}, MANSIO_STR("a"), 0, 0, -1, -1},
        {MANSIO_STR("abc"), MANSIO_STR("abc"), 1, 1, 0, 0},
        {MANSIO_STR("abc"), MANSIO_STR("ABC"), 0, 1, 1, 0},
        {MANSIO_STR("INBOX"), MANSIO_STR("inbox"), 0, 1, -1, 0},
        {MANSIO_STR("abc"), MANSIO_STR("ab"), 0, 0, 1, 1},
        {MANSIO_STR("ab"), MANSIO_STR("abc"), 0, 0, -1, -1},
        {MANSIO_STR("a\0b"), MANSIO_STR("a\0c"), 0, 0, -1, -1},
        {MANSIO_STR("a\0b"), MANSIO_STR("a\0b"), 1, 1, 0, 0},
        {MANSIO_STR("\xff"), MANSIO_STR("a"), 0, 0, 1, 1}, /* bytes are unsigned */
        /* what stands beside the letters is not folded; nor is anything beyond ASCII */
        {MANSIO_STR("["), MANSIO_STR("{"), 0, 0, -1, -1},
        {MANSIO_STR("@"), MANSIO_STR("`"), 0, 0, -1, -1},
        {MANSIO_STR("\xc4"), MANSIO_STR("\xe4"), 0, 0, -1, -1},
        {MANSIO_STR("aZ"), MANSIO_STR("Az"), 0, 1, 1, 0},
        {MANSIO_STR("_"), MANSIO_STR("A"), 0, 0, 1, -1}, /* '_' stands between 'Z' and 'a' */
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        assert_int_equal(mansio_str_eq(rows[i].a, rows[i].b), rows[i].eq);
        assert_int_equal(mansio_str_ieq(rows[i].a, rows[i].b), rows[i].ieq);
        assert_int_equal(sign(mansio_str_cmp(rows[i].a, rows[i].b)), rows[i].cmp);
        assert_int_equal(sign(mansio_str_icmp(rows[i].a, rows[i].b)), rows[i].icmp);
        assert_int_equal(sign(mansio_str_cmp(rows[i].b, rows[i].a)), -rows[i].cmp);
        assert_int_equal(sign(mansio_str_icmp(rows[i].b, rows[i].a)), -rows[i].icmp);
    }
}

static void beginnings_and_ends(void **state)
{
    static const struct {
        const char *s;
        const char *part;
        int starts, istarts, ends;
    } rows[] = {
        {"", "", 1, 1, 1},       {"abc", "", 1, 1, 1},
        {"abc", "ab", 1, 1, 0},  {"abc", "AB", 0, 1, 0},
        {"abc", "bc", 0, 0, 1},  {"abc", "BC", 0, 0, 0},
        {"abc", "abc", 1, 1, 1}, {"abc", "abcd", 0, 0, 0},
        {"", "a", 0, 0, 0},      {"BODY[1]", "body[", 0, 1, 0},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_str s = core_test_slice(rows[i].s);
        struct mansio_str part = core_test_slice(rows[i].part);

        assert_int_equal(mansio_str_starts(s, part), rows[i].starts);
        assert_int_equal(mansio_str_istarts(s, part), rows[i].istarts);
        assert_int_equal(mansio_str_ends(s, part), rows[i].ends);
    }
    assert_int_equal(mansio_str_starts(MANSIO_STR_NONE, MANSIO_STR_NONE), 1);
}

static void searches(void **state)
{
    static const struct {
        struct mansio_str s;
        struct mansio_str needle;
        ptrdiff_t wanted;
    } rows[] = {
        {MANSIO_STR("a,b,c"), MANSIO_STR(","), 1},
        {MANSIO_STR("a,b,c"), MANSIO_STR("c"), 4},
        {MANSIO_STR("abc"), MANSIO_STR("d"), -1},
        {MANSIO_STR(""), MANSIO_STR("a"), -1},
        {{NULL, 0}, MANSIO_STR("a"), -1},
        {MANSIO_STR("a\0b"), MANSIO_STR("b"), 2},
        {MANSIO_STR("a\0b"), MANSIO_STR("\0"), 1},
        {MANSIO_STR("aab"), MANSIO_STR("ab"), 1},
        {MANSIO_STR("abc"), {NULL, 0}, 0},
        {{NULL, 0}, {NULL, 0}, 0},
        {MANSIO_STR("ab"), MANSIO_STR("abc"), -1},
        {MANSIO_STR("x\r\n\r\n"), MANSIO_STR("\r\n\r\n"), 1},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        assert_int_equal(mansio_str_find(rows[i].s, rows[i].needle), rows[i].wanted);
        if (rows[i].needle.len == 1) {
            assert_int_equal(mansio_str_find_char(rows[i].s, rows[i].needle.ptr[0]),
                             rows[i].wanted);
        }
    }
}

static void cuts(void **state)
{
    static const struct {
        size_t from, len;
        const char *wanted;
    } rows[] = {
        {0, 5, "hello"}, {0, SIZE_MAX, "hello"},   {1, 3, "ell"},
        {4, 9, "o"},     {4, SIZE_MAX, "o"},       {5, 1, ""},
        {6, 1, ""},      {SIZE_MAX, SIZE_MAX, ""}, {2, 0, ""},
    };
    struct mansio_str hello = MANSIO_STR("hello");

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_str cut = mansio_str_sub(hello, rows[i].from, rows[i].len);

        core_test_str(cut, rows[i].wanted);
        assert_in_range(cut.ptr - hello.ptr, 0, 5);
    }
    assert_null(mansio_str_sub(MANSIO_STR_NONE, 3, 4).ptr);
}

static void trims(void **state)
{
    static const char *const rows[][2] = {
        {"", ""},      {" ", ""},         {" \t ", ""},    {"a", "a"},
        {" a\t", "a"}, {"\ta b ", "a b"}, {"\na ", "\na"},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        core_test_str(mansio_str_trim(core_test_slice(rows[i][0])), rows[i][1]);
    }
    assert_int_equal(mansio_str_trim(MANSIO_STR_NONE).len, 0);
}

/* Each field is shown in angle brackets. */
static void splits(void **state)
{
    static const char *const rows[][2] = {
        {NULL, ""},      {"", "<>"},        {"a", "<a>"},
        {",", "<><>"},   {"a,b", "<a><b>"}, {"a,,b,", "<a><><b><>"},
        {",a", "<><a>"},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_str rest = core_test_slice(rows[i][0]);
        struct mansio_str field = MANSIO_STR("untouched");
        char joined[64] = "";
        size_t at = 0;

        while (mansio_str_split(&rest, ',', &field)) {
            assert_true(at + field.len + 2 < sizeof joined);
            joined[at++] = '<';
            memcpy(joined + at, field.ptr, field.len);
            at += field.len;
            joined[at++] = '>';
            joined[at] = '\0';
        }
        assert_string_equal(joined, rows[i][1]);
        assert_null(rest.ptr);
        field = MANSIO_STR("untouched");
        assert_int_equal(mansio_str_split(&rest, ',', &field), 0);
        core_test_str(field, "untouched");
    }
}

static void c_strings(void **state)
{
    (void)state;
    core_test_str(mansio_str_from_cstr("abc"), "abc");
    core_test_str(mansio_str_from_cstr(""), "");
    assert_null(mansio_str_from_cstr(NULL).ptr);
    assert_int_equal(mansio_str_from_cstr(NULL).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparisons), cmocka_unit_test(beginnings_and_ends),
        cmocka_unit_test(searches),    cmocka_unit_test(cuts),
        cmocka_unit_test(trims),       cmocka_unit_test(splits),
        cmocka_unit_test(c_strings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
