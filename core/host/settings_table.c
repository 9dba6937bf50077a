/*
 * Is a settings table itself well formed? Tables come from modules, also from ones built against
 * older headers: what is not checked here is trusted by the rest.
 */
#include "core/host/settings.h"

#include "core/host/config.h"
#include <mansio/error.h>
#include <mansio/str.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_BYTES = 63 };

/* As 1.0 had it, however much the struct has grown since. */
#define ROW_SIZE_MIN (offsetof(struct mansio_setting, child_count) + sizeof(size_t))

struct table_check {
    int is_core; /* the core's own types are allowed */
    unsigned depth;
};

static int is_name(const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return length > 0 && length <= NAME_MAX_BYTES && name[length] == '\0';
}

static int has_children(const struct mansio_setting *row)
{
    return row->type == MANSIO_SETTING_SECTION || row->type == MANSIO_SETTING_MAP;
}

static int refuse(const struct mansio_setting *row, const char *what)
{
    return mansio_fail(MANSIO_E_INVALID, "settings table: %s: %s", row->name, what);
}

static int check_range(const struct mansio_setting *row)
{
    if (row->min > row->max) {
        return refuse(row, row->max == 0 ? "min is above max, which is 0 or not given"
                                         : "min is above max");
    }
    if (row->min < 0 && row->type != MANSIO_SETTING_INT) {
        return refuse(row, "min is negative, which only an INT can be");
    }
    if ((row->min != 0 || row->max != 0) &&
        (row->type == MANSIO_SETTING_BOOL || row->type == MANSIO_SETTING_CHOICE ||
         row->type == MANSIO_SETTING_SECRET || row->type == MANSIO_SETTING_PATH ||
         row->type == MANSIO_SETTING_SECTION)) {
        return refuse(row, "min and max mean nothing for its type");
    }
    return 0;
}

static int check_default(const struct mansio_setting *row)
{
    if (row->default_text == NULL) {
        return 0;
    }
    if ((row->flags & MANSIO_SETTING_REQUIRED) != 0) {
        return refuse(row, "what is required has no default");
    }
    struct core_value value = {.is_set = 0};
    char why[CORE_SETTINGS_WHY_MAX];
    struct mansio_str text = mansio_str_from_cstr(row->default_text);
    switch (row->type) {
    case MANSIO_SETTING_BOOL:
    case MANSIO_SETTING_INT:
    case MANSIO_SETTING_SIZE:
    case MANSIO_SETTING_DURATION:
    case MANSIO_SETTING_STRING:
    case MANSIO_SETTING_CHOICE:
        if (core_scalar_check(row, text, 0, &value, why) < 0) {
            return mansio_fail(MANSIO_E_INVALID, "settings table: %s: the default: %s", row->name,
                               why);
        }
        return 0;
    case MANSIO_SETTING_PATH:
        return text.len == 0 || text.ptr[0] == '/' ? 0 : refuse(row, "the default is not absolute");
    case MANSIO_SETTING_LIST:
        return 0; /* checked with the rest, see check_list_defaults() */
    default:
        return refuse(row, "its type has no default");
    }
}

static int check_row(const struct table_check *check, const struct mansio_setting *row)
{
    int is_own = check->is_core && row->type == CORE_SETTING_RAW;
    if ((row->type < MANSIO_SETTING_BOOL || row->type > MANSIO_SETTING_MAP) && !is_own) {
        return mansio_fail(MANSIO_E_INVALID,
                           "settings table: %s: found the type %u, expected %d to %d", row->name,
                           row->type, MANSIO_SETTING_BOOL, MANSIO_SETTING_MAP);
    }
    if (row->help == NULL || row->help[0] == '\0' || strchr(row->help, '\n') != NULL) {
        return refuse(row, "help must be one line");
    }
    if (row->type == MANSIO_SETTING_CHOICE && (row->choices == NULL || row->choices[0] == NULL)) {
        return refuse(row, "a CHOICE without choices");
    }
    if (has_children(row) != (row->children != NULL && row->child_count > 0)) {
        return refuse(row, has_children(row) ? "found no children, expected some"
                                             : "found children, expected none");
    }
    int result = check_range(row);
    return result < 0 ? result : check_default(row);
}

static int check_table(const struct table_check *check, const struct mansio_setting *table,
                       size_t count)
{
    if (check->depth >= CORE_SETTINGS_DEPTH_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "settings table: found more than %d levels",
                           CORE_SETTINGS_DEPTH_MAX);
    }
    if (count > CORE_SETTINGS_ROWS_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "settings table: found %zu rows, expected at most %d",
                           count, CORE_SETTINGS_ROWS_MAX);
    }
    if (count > 0 && (table == NULL || table->size < ROW_SIZE_MIN)) {
        return mansio_fail(MANSIO_E_INVALID,
                           "settings table: found rows of %zu bytes, expected at least %zu",
                           table != NULL ? table->size : 0, ROW_SIZE_MIN);
    }
    for (size_t i = 0; i < count; i++) {
        const struct mansio_setting *row = core_setting_row(table, i);
        if (row->size != table->size || row->name == NULL || !is_name(row->name)) {
            return mansio_fail(MANSIO_E_INVALID,
                               "settings table: row %zu: found no name of lower-case letters, "
                               "digits and '_' (at most %d bytes), or another size than row 0's",
                               i, NAME_MAX_BYTES);
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(core_setting_row(table, j)->name, row->name) == 0) {
                return refuse(row, "the name is there twice");
            }
        }
        int result = check_row(check, row);
        if (result == 0 && row->child_count > 0) {
            struct table_check below = {.is_core = check->is_core, .depth = check->depth + 1};
            result = check_table(&below, row->children, row->child_count);
        }
        if (result < 0) {
            return result;
        }
    }
    return 0;
}

/* Lists are written as YAML: make all defaults once and see whether anything is wrong. Sections
 * of a MAP are looked at one by one, for no defaults are made of them. */
static int check_list_defaults(struct mansio_arena *arena, struct core_problems *problems,
                               const struct mansio_setting *table, size_t count, unsigned depth)
{
    struct mansio_settings *settings = NULL;
    int result = core_settings_make(arena, NULL, problems, NULL, NULL, table, count, &settings);
    for (size_t i = 0; i < count && result == 0 && depth < CORE_SETTINGS_DEPTH_MAX; i++) {
        const struct mansio_setting *row = core_setting_row(table, i);
        if (has_children(row)) {
            result =
                check_list_defaults(arena, problems, row->children, row->child_count, depth + 1);
        }
    }
    return result;
}

static int check_all(const struct mansio_setting *table, size_t count, int is_core)
{
    struct table_check check = {.is_core = is_core, .depth = 0};
    int result = check_table(&check, table, count);
    if (result < 0) {
        return result;
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "settings table", 0);
    struct core_problems *problems = mansio_arena_alloc(arena, sizeof *problems);
    problems->is_table = 1;
    result = check_list_defaults(arena, problems, table, count, 0);
    if (result == 0) {
        result = core_problems_status(problems);
    }
    mansio_arena_free(arena);
    return result;
}

int core_settings_table_check(const struct mansio_setting *table, size_t count)
{
    return check_all(table, count, 0);
}

int core_settings_table_check_core(const struct mansio_setting *table, size_t count)
{
    return check_all(table, count, 1);
}
