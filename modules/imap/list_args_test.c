/* Tests of LIST's arguments: what is read, what is refused and where. */
#include "list_args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/str.h>

enum {
    SUB = IMAP_LIST_SUBSCRIBED,
    REMOTE = IMAP_LIST_REMOTE,
    REC = IMAP_LIST_RECURSIVEMATCH,
    USE = IMAP_LIST_SPECIAL_USE,
    CHILDREN = IMAP_LIST_CHILDREN,
};

static int read_args(struct mansio_arena *arena, const char *text, int may_extend,
                     struct imap_list_args *out, size_t *column)
{
    const char *expected = NULL;
    struct imap_cursor cursor = {text, text, text + strlen(text), arena};
    int rc = imap_list_parse(&cursor, may_extend, out, &expected);
    assert_non_null(expected);
    assert_in_range(cursor.at - cursor.begin, 0, strlen(text));
    *column = (size_t)(cursor.at - cursor.begin) + 1;
    return rc;
}

static void test_good(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t is_extended, select, returns, is_root;
        const char *patterns; /* each with "|" behind it */
    } rows[] = {
        {" \"\" *", 0, 0, 0, 0, "*|"},
        {" \"\" \"\"", 0, 0, 0, 1, ""},
        {" a/ %", 0, 0, 0, 0, "a/%|"},
        {" \"a b/\" \"c&AOQ-*\"", 0, 0, 0, 0, "a b/c\xc3\xa4*|"},
        {" {3}\r\nx/y z", 0, 0, 0, 0, "x/yz|"},
        {" () \"\" *", 1, 0, 0, 0, "*|"},
        {" () \"\" \"\"", 1, 0, 0, 0, ""},
        {" (subscribed) \"\" *", 1, SUB, SUB, 0, "*|"},
        {" (SUBSCRIBED REMOTE RECURSIVEMATCH SUBSCRIBED) \"\" *", 1, SUB | REMOTE | REC, SUB, 0,
         "*|"},
        {" (SPECIAL-USE) \"\" %", 1, USE, USE, 0, "%|"},
        {" \"\" * RETURN ()", 1, 0, 0, 0, "*|"},
        {" \"\" * return (children SPECIAL-USE)", 1, 0, CHILDREN | USE, 0, "*|"},
        {" \"\" (a \"\" b/%)", 1, 0, 0, 0, "a|b/%|"},
        {" (SPECIAL-USE) x (a) RETURN (SUBSCRIBED)", 1, USE, USE | SUB, 0, "xa|"},
        {" \"\" \"\" RETURN (CHILDREN)", 1, 0, CHILDREN, 0, ""},
    };
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct imap_list_args args;
        size_t column;
        assert_int_equal(read_args(arena, rows[i].text, 1, &args, &column), 0);
        assert_int_equal(args.is_extended, rows[i].is_extended);
        assert_int_equal(args.select, rows[i].select);
        assert_int_equal(args.returns, rows[i].returns);
        assert_int_equal(args.is_root, rows[i].is_root);
        struct mansio_buf *patterns = mansio_buf_new(arena, 1000);
        for (size_t j = 0; j < args.pattern_count; j++) {
            mansio_buf_printf(patterns, "%.*s|", MANSIO_STR_ARG(args.patterns[j]));
        }
        assert_string_equal(args.pattern_count > 0 ? mansio_buf_str(patterns).ptr : "",
                            rows[i].patterns);
    }
    mansio_arena_free(arena);
}

static void test_bad(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int may_extend;
        size_t column;
    } rows[] = {
        {"", 1, 1},
        {" ", 1, 2},
        {" \"\"", 1, 4},
        {" \"\" ", 1, 5},
        {" \"\" * ", 0, 6},
        {" \"\" * RETURN", 1, 13},
        {" \"\" * RETURN (", 1, 15},
        {" \"\" * RETURN (REMOTE)", 1, 15},
        {" \"\" * RETURN (CHILDREN", 1, 23},
        {" \"\" * RETURN (CHILDREN) ", 1, 24},
        {" \"\" * RETURN (CHILDREN)x", 1, 24},
        {" (NEW) \"\" *", 1, 3},
        {" (CHILDREN) \"\" *", 1, 3},
        {" (SUBSCRIBED", 1, 13},
        {" (RECURSIVEMATCH) \"\" *", 1, 2},
        {" (RECURSIVEMATCH REMOTE) \"\" *", 1, 2},
        {" (SUBSCRIBED)\"\" *", 1, 14},
        {" (SUBSCRIBED) \"\" *", 0, 2},
        {" \"\" (a", 1, 7},
        {" \"\" ()", 1, 6},
        {" \"\" (a)", 0, 5},
    };
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct imap_list_args args;
        size_t column;
        int rc = read_args(arena, rows[i].text, rows[i].may_extend, &args, &column);
        if (rc != MANSIO_E_INVALID || column != rows[i].column) {
            fail_msg("%s: %d at column %zu", rows[i].text, rc, column);
        }
    }
    mansio_arena_free(arena);
}

static void test_many_patterns(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_buf *text = mansio_buf_new(arena, 10000);
    struct imap_list_args args;
    size_t column;
    mansio_buf_printf(text, " \"\" (a");
    for (int i = 1; i < IMAP_LIST_PATTERNS_MAX; i++) {
        mansio_buf_printf(text, " b");
    }
    mansio_buf_printf(text, ")");
    assert_int_equal(read_args(arena, mansio_buf_str(text).ptr, 1, &args, &column), 0);
    assert_int_equal(args.pattern_count, IMAP_LIST_PATTERNS_MAX);
    mansio_buf_reset(text);
    mansio_buf_printf(text, " \"\" (a");
    for (int i = 0; i < IMAP_LIST_PATTERNS_MAX; i++) {
        mansio_buf_printf(text, " b");
    }
    mansio_buf_printf(text, ")");
    assert_int_equal(read_args(arena, mansio_buf_str(text).ptr, 1, &args, &column), MANSIO_E_LIMIT);
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_many_patterns),
    };
    return cmocka_run_group_tests_name("list_args", tests, NULL, NULL);
}
