/*
 * Tables that are not well formed are refused, each for its reason; the core's own passes. What
 * is printed of a table is compared with a kept text.
 */
#include <config.h>

#include "core/host/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mansio/arena.h>
#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/str.h>

#include "core/host/config_table.h"
#include "core/host/settings.h"
#include "core/host/settings_fixture.h"

static struct mansio_arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = mansio_arena_new(NULL, "test", 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mansio_arena_free(arena);
    return 0;
}

static const char *const no_choices[] = {NULL};
static const char *const choices[] = {"a", "b", NULL};
static const struct mansio_setting two[] = {
    MANSIO_SETTING(.name = "x", .type = MANSIO_SETTING_BOOL, .help = "h"),
    MANSIO_SETTING(.name = "x", .type = MANSIO_SETTING_BOOL, .help = "h"),
};
static const struct mansio_setting uneven[] = {
    MANSIO_SETTING(.name = "x", .type = MANSIO_SETTING_BOOL, .help = "h"),
    {.size = sizeof(struct mansio_setting) + 8, .name = "y", .type = 1, .help = "h"},
};
static const struct mansio_setting endless[] = {
    MANSIO_SETTING(.name = "again", .type = MANSIO_SETTING_MAP, .help = "h", .children = endless,
                   .child_count = 1),
};
static const struct mansio_setting bad_list[] = {
    MANSIO_SETTING(.name = "l", .type = MANSIO_SETTING_LIST, .help = "h", .default_text = "[a"),
};

static const struct {
    struct mansio_setting row;
    const char *detail;
} bad[] = {
    {MANSIO_SETTING(.name = "Upper", .type = MANSIO_SETTING_BOOL, .help = "h"),
     "settings table: row 0: found no name of lower-case letters, digits and '_' (at most 63 "
     "bytes), or another size than row 0's"},
    {MANSIO_SETTING(.name = "a", .type = 12, .help = "h"),
     "settings table: a: found the type 12, expected 1 to 11"},
    {MANSIO_SETTING(.name = "a", .type = CORE_SETTING_RAW, .help = "h"),
     "settings table: a: found the type 64, expected 1 to 11"},
    {MANSIO_SETTING(.name = "a", .type = MANSIO_SETTING_BOOL),
     "settings table: a: help must be one line"},
    {MANSIO_SETTING(.name = "a", .type = MANSIO_SETTING_BOOL, .help = "a\nb"),
     "settings table: a: help must be one line"},
    {MANSIO_SETTING(.name = "a", .type = MANSIO_SETTING_CHOICE, .help = "h"),
     "settings table: a: a CHOICE without choices"},
    {MANSIO_SETTING(.name = "a", .type = MANSIO_SETTING_CHOICE, .help = "h", .choices = no_choices),
     "settings table: a: a CHOICE without choices"},
    {MANSIO_SETTING(.name = "a", .type = MANSIO_SETTING_SECTION, .help = "h"),
     "settings table: a: found no children, expected some"},
    {MANSIO_SETTING(.name = "a", .type = MANSIO_SETTING_INT, .help = "h", .children = two,
                    .child_count = 1),
     "settings table: a: found children, expected none"},
    {MANSIO_SETTING(.name = "a", .type = MANSIO_SETTING_MAP, .help = "h", .children = two,
                    .child_count = 2),
     "settings table: x: the name is there twice"},
    {MANSIO_SETTING(.name = "a", .type = MANSIO_SETTING_STRING, .help = "h", .min = 1),
     "settings table: a: min is above max, which is 0 or not given"},
    {MANSIO_SETTING(.name = "a", .type = MANSIO_SETTING_INT, .help = "h", .min = 2, .max = 1),
     "settings table: a: min is above max"},
    {MANSIO_SETTING(.name = "a", .type = MANSIO_SETTING_SIZE, .help = "h", .min = -2, .max = 1),
     "settings table: a: min is negative, which only an INT can be"},
    {MANSIO_SETTING(.name = "a", .type = MANSIO_SETTING_BOOL, .help = "h", .max = 1),
     "settings table: a: min and max mean nothing for its type"},
    {MANSIO_SETTING(.name = "a", .type = MANSIO_SETTING_INT, .help = "h", .default_text = "x"),
     "settings table: a: the default: found \"x\", expected a whole number"},
    {MANSIO_SETTING(.name = "a", .type = MANSIO_SETTING_INT, .help = "h", .default_text = "3",
                    .max = 2),
     "settings table: a: the default: found \"3\", expected 0 to 2"},
    {MANSIO_SETTING(.name = "a", .type = MANSIO_SETTING_CHOICE, .help = "h", .choices = choices,
                    .default_text = "c"),
     "settings table: a: the default: found \"c\", expected one of a, b"},
    {MANSIO_SETTING(.name = "a", .type = MANSIO_SETTING_INT, .help = "h", .default_text = "1",
                    .flags = MANSIO_SETTING_REQUIRED),
     "settings table: a: what is required has no default"},
    {MANSIO_SETTING(.name = "a", .type = MANSIO_SETTING_PATH, .help = "h", .default_text = "x"),
     "settings table: a: the default is not absolute"},
    {MANSIO_SETTING(.name = "a", .type = MANSIO_SETTING_SECRET, .help = "h", .default_text = "x"),
     "settings table: a: its type has no default"},
    {MANSIO_SETTING(.name = "a", .type = MANSIO_SETTING_LIST, .help = "h", .default_text = "[a, b]",
                    .min = 1, .max = 1),
     "default:1:1: a: found 2, expected a list of texts, 1 to 1 texts"},
    {MANSIO_SETTING(.name = "a", .type = MANSIO_SETTING_MAP, .help = "h", .children = bad_list,
                    .child_count = 1),
     "default:1:1: l: default:2:1: YAML: did not find expected ',' or ']', while parsing a flow "
     "sequence that begins at line 1, column 1"},
};

static void refuses_bad_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(bad); i++) {
        int result = core_settings_table_check(&bad[i].row, 1);
        if (result != MANSIO_E_INVALID || strcmp(mansio_error_detail(), bad[i].detail) != 0) {
            fail_msg("row %zu: %d\n  %s\n  %s", i, result, mansio_error_detail(), bad[i].detail);
        }
    }
    assert_int_equal(core_settings_table_check(two, 2), MANSIO_E_INVALID);
    assert_string_equal(mansio_error_detail(), "settings table: x: the name is there twice");
    assert_int_equal(core_settings_table_check(uneven, 2), MANSIO_E_INVALID);
    assert_int_equal(core_settings_table_check(endless, 1), MANSIO_E_INVALID);
    assert_string_equal(mansio_error_detail(), "settings table: found more than 8 levels");
    assert_int_equal(core_settings_table_check(NULL, 1), MANSIO_E_INVALID);
    const struct mansio_setting shorter = {.size = 8};
    assert_int_equal(core_settings_table_check(&shorter, 1), MANSIO_E_INVALID);
    assert_memory_equal(mansio_error_detail(), "settings table: found rows of 8 bytes", 37);
    assert_int_equal(core_settings_table_check(two, 257), MANSIO_E_INVALID);
    assert_string_equal(mansio_error_detail(),
                        "settings table: found 257 rows, expected at most 256");
}

/* A module built with later headers has longer rows: the table's own size is the stride. */
static void walks_longer_rows(void **state)
{
    (void)state;
    struct longer {
        struct mansio_setting row;
        uint64_t later[2];
    };
    struct longer *table = mansio_arena_alloc(arena, 2 * sizeof *table);
    for (size_t i = 0; i < 2; i++) {
        table[i].row = (struct mansio_setting){.size = sizeof *table,
                                               .name = i == 0 ? "a" : "b",
                                               .type = MANSIO_SETTING_INT,
                                               .default_text = i == 0 ? "1" : "2",
                                               .help = "h"};
    }
    const struct mansio_settings *settings = NULL;
    assert_int_equal(core_settings_table_check(&table[0].row, 2), 0);
    assert_int_equal(core_settings_check(arena, NULL, NULL, NULL, &table[0].row, 2, &settings), 0);
    assert_int_equal(mansio_settings_int(settings, "b"), 2);
}

static void takes_good_tables(void **state)
{
    (void)state;
    size_t count = 0;
    const struct mansio_setting *table = fixture_table(&count);
    assert_int_equal(core_settings_table_check(table, count), 0);
    assert_int_equal(core_settings_table_check(NULL, 0), 0);
    table = core_config_table(&count);
    if (core_settings_table_check_core(table, count) < 0) {
        fail_msg("%s", mansio_error_detail());
    }
}

/* source_secret.c reads secrets only below `instances`: a SECRET of the core would need more. */
static int has_secret(const struct mansio_setting *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct mansio_setting *row = core_setting_row(table, i);
        if (row->type == MANSIO_SETTING_SECRET || has_secret(row->children, row->child_count)) {
            return 1;
        }
    }
    return 0;
}

/* source_secret.c reads secrets of these sections alone. */
static void core_has_secrets_under_tls_alone(void **state)
{
    (void)state;
    size_t count = 0;
    const struct mansio_setting *table = core_config_table(&count);
    for (size_t i = 0; i < count; i++) {
        int is_tls = strcmp(table[i].name, "tls") == 0;
        assert_int_equal(has_secret(&table[i], 1), is_tls);
    }
}

/* ---- documentation -----------------------------------------------------------------------------
 */

static FILE *open_kept(const char *name, const char *mode)
{
    const char *top = getenv("MANSIO_SRCDIR");
    struct mansio_str path = MANSIO_STR_NONE;
    assert_int_equal(mansio_arena_printf(arena, &path, "%s/core/host/testdata/%s",
                                         top != NULL ? top : ".", name),
                     0);
    FILE *kept = fopen(path.ptr, mode);
    if (kept == NULL) {
        fail_msg("%s can't be opened", path.ptr);
    }
    return kept;
}

/* What was printed, with the folders that configure chose written as in the kept text. */
static struct mansio_str neutral(struct mansio_str text)
{
    static const struct {
        const char *from, *to;
    } folders[] = {{CORE_MODULE_DIR, "MODULEDIR"}, {CORE_RUN_DIR, "RUNDIR"}};
    struct mansio_buf *out = NULL;
    for (size_t i = 0; i < MANSIO_COUNT(folders); i++) {
        struct mansio_str from = mansio_str_from_cstr(folders[i].from);
        out = mansio_buf_new(arena, 65536);
        ptrdiff_t at;
        while ((at = mansio_str_find(text, from)) >= 0) {
            mansio_buf_add(out, mansio_str_sub(text, 0, (size_t)at));
            mansio_buf_printf(out, "%s", folders[i].to);
            text = mansio_str_sub(text, (size_t)at + from.len, SIZE_MAX);
        }
        mansio_buf_add(out, text);
        text = mansio_buf_str(out);
    }
    return text;
}

/* MANSIO_UPDATE_KEPT=1 writes what should be kept, for whoever has changed a table. */
static void assert_kept(const char *name, struct mansio_buf *printed)
{
    assert_int_equal(mansio_buf_status(printed), 0);
    struct mansio_str text = neutral(mansio_buf_str(printed));
    if (getenv("MANSIO_UPDATE_KEPT") != NULL) {
        FILE *fresh = open_kept(name, "w");
        fwrite(text.ptr, 1, text.len, fresh);
        assert_int_equal(fclose(fresh), 0);
    }
    FILE *kept = open_kept(name, "r");
    char *bytes = mansio_arena_try_alloc(arena, 65536);
    size_t used = fread(bytes, 1, 65535, kept);
    fclose(kept);
    assert_true(used > 0);
    assert_string_equal(text.ptr, bytes);
}

static void explains(void **state)
{
    (void)state;
    size_t count = 0;
    const struct mansio_setting *table = fixture_table(&count);
    struct mansio_buf *out = mansio_buf_new(arena, 65536);
    core_settings_explain(out, "fixture", table, count);
    assert_kept("explain-fixture.txt", out);
    mansio_buf_reset(out);
    core_settings_explain(out, "empty", NULL, 0);
    assert_string_equal(mansio_buf_str(out).ptr, "# empty\nno settings\n");
}

static void explains_the_core(void **state)
{
    (void)state;
    size_t count = 0;
    const struct mansio_setting *table = core_config_table(&count);
    struct mansio_buf *out = mansio_buf_new(arena, 65536);
    core_settings_explain(out, "mansio", table, count);
    assert_kept("explain-core.txt", out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_bad_tables), cmocka_unit_test(walks_longer_rows),
        cmocka_unit_test(takes_good_tables),  cmocka_unit_test(core_has_secrets_under_tls_alone),
        cmocka_unit_test(explains),           cmocka_unit_test(explains_the_core),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
