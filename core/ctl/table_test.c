/*
 * Tables for terminals: alignment by columns on the screen, whatever the bytes.
 */
#include "core/ctl/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mansio/str.h>

static const struct core_ctl_column columns[] = {
    {.title = "NAME"},
    {.title = "CONNS", .is_right = 1},
    {.title = "STATE"},
};

/* Print a table of these cells and compare; the cells end with NULL. */
static void check(const char *const *cells, const char *expected)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 20);
    struct core_ctl_table *table = core_ctl_table_new(arena, columns, MANSIO_COUNT(columns));
    for (; *cells != NULL; cells++) {
        assert_int_equal(core_ctl_table_add(table, mansio_str_from_cstr(*cells)), 0);
    }
    struct mansio_buf *out = mansio_buf_new(arena, 65536);
    core_ctl_table_print(table, out);
    assert_int_equal(mansio_buf_status(out), 0);
    assert_string_equal(mansio_buf_str(out).ptr, expected);
    mansio_arena_free(arena);
}

static void prints_titles_alone(void **state)
{
    (void)state;
    check((const char *const[]){NULL}, "NAME  CONNS  STATE\n");
}

static void aligns_both_ways(void **state)
{
    (void)state;
    check((const char *const[]){"a", "7", "accepting", "longer-name", "123456", "x", NULL},
          "NAME          CONNS  STATE\n"
          "a                 7  accepting\n"
          "longer-name  123456  x\n");
}

static void aligns_by_columns_not_bytes(void **state)
{
    (void)state;
    check(
        (const char *const[]){"\xe6\x97\xa5\xe6\x9c\xac", "1", "x", "caf\xc3\xa9s", "2", "y", NULL},
        "NAME   CONNS  STATE\n"
        "\xe6\x97\xa5\xe6\x9c\xac       1  x\n"
        "caf\xc3\xa9s      2  y\n");
}

static void shows_empty_cells_and_escapes(void **state)
{
    (void)state;
    check((const char *const[]){"", "1", "\x1b[2J\n", NULL}, "NAME  CONNS  STATE\n"
                                                             "-         1  \\x1b[2J\\x0a\n");
}

static void cuts_a_cell_without_end(void **state)
{
    (void)state;
    static char cell[8192];
    memset(cell, 'x', sizeof(cell));
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 20);
    struct core_ctl_table *table = core_ctl_table_new(arena, columns, MANSIO_COUNT(columns));
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(core_ctl_table_add(table, (struct mansio_str){cell, sizeof(cell)}), 0);
    }
    struct mansio_buf *out = mansio_buf_new(arena, 65536);
    core_ctl_table_print(table, out);
    assert_int_equal(mansio_buf_status(out), 0);
    assert_true(mansio_buf_str(out).len < 6 * 4096 + 256);
    assert_true(mansio_str_ends(mansio_buf_str(out), MANSIO_STR("...\n")));
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_titles_alone),
        cmocka_unit_test(aligns_both_ways),
        cmocka_unit_test(aligns_by_columns_not_bytes),
        cmocka_unit_test(shows_empty_cells_and_escapes),
        cmocka_unit_test(cuts_a_cell_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
