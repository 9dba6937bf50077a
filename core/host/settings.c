/*
 * Reading settings: the public accessors, refusals by modules, comparison. Values were made by
 * settings_check.c. A name or type that the table does not have is a mistake in the caller.
 */
#include "core/host/settings.h"

#include "core/host/config.h"
#include <mansio/error.h>
#include <mansio/str.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TYPE_BIT(type) (UINT32_C(1) << (type))

enum { RAW_BIT = 31 }; /* CORE_SETTING_RAW has no room among the bits of types */

static uint32_t type_bit(const struct mansio_setting *row)
{
    return row->type == CORE_SETTING_RAW ? TYPE_BIT(RAW_BIT) : TYPE_BIT(row->type);
}

/* Tables are small and read at start: a walk is as fast as a hash. */
static size_t find_row(const struct mansio_settings *settings, const char *name)
{
    size_t index = 0;
    while (index < settings->row_count &&
           strcmp(core_setting_row(settings->table, index)->name, name) != 0) {
        index++;
    }
    return index;
}

/* A module's mistake: the setting's name tells its author more than our condition would. */
static MANSIO_NORETURN void misused(const char *name, const char *how)
{
    char text[128];
    snprintf(text, sizeof text, "setting \"%.63s\" %s", name, how);
    mansio_assert_failed(text, __FILE__, __LINE__, __func__);
}

const struct core_value *core_settings_value(const struct mansio_settings *settings,
                                             const char *name, uint32_t types)
{
    size_t index = find_row(settings, name);
    if (index >= settings->row_count) {
        misused(name, "is not in the table");
    }
    if ((type_bit(core_setting_row(settings->table, index)) & types) == 0) {
        misused(name, "is read as another type than the table gives it");
    }
    return &settings->values[index];
}

int64_t mansio_settings_int(const struct mansio_settings *settings, const char *name)
{
    return core_settings_value(settings, name,
                               TYPE_BIT(MANSIO_SETTING_BOOL) | TYPE_BIT(MANSIO_SETTING_INT) |
                                   TYPE_BIT(MANSIO_SETTING_SIZE) |
                                   TYPE_BIT(MANSIO_SETTING_DURATION) |
                                   TYPE_BIT(MANSIO_SETTING_CHOICE))
        ->number;
}

struct mansio_str mansio_settings_str(const struct mansio_settings *settings, const char *name)
{
    return core_settings_value(settings, name,
                               TYPE_BIT(MANSIO_SETTING_STRING) | TYPE_BIT(MANSIO_SETTING_PATH) |
                                   TYPE_BIT(MANSIO_SETTING_CHOICE))
        ->text;
}

const struct mansio_secret *mansio_settings_secret(const struct mansio_settings *settings,
                                                   const char *name)
{
    return core_settings_value(settings, name, TYPE_BIT(MANSIO_SETTING_SECRET))->secret;
}

size_t mansio_settings_count(const struct mansio_settings *settings, const char *name)
{
    return core_settings_value(settings, name,
                               TYPE_BIT(MANSIO_SETTING_LIST) | TYPE_BIT(MANSIO_SETTING_MAP))
        ->count;
}

struct mansio_str mansio_settings_item(const struct mansio_settings *settings, const char *name,
                                       size_t index)
{
    const struct core_value *value =
        core_settings_value(settings, name, TYPE_BIT(MANSIO_SETTING_LIST));
    MANSIO_ASSERT(index < value->count);
    return value->items[index].text;
}

const struct mansio_settings *mansio_settings_section(const struct mansio_settings *settings,
                                                      const char *name)
{
    return core_settings_value(settings, name, TYPE_BIT(MANSIO_SETTING_SECTION))->sections[0];
}

const struct mansio_settings *mansio_settings_entry(const struct mansio_settings *settings,
                                                    const char *name, size_t index,
                                                    struct mansio_str *out_key)
{
    const struct core_value *value =
        core_settings_value(settings, name, TYPE_BIT(MANSIO_SETTING_MAP));
    MANSIO_ASSERT(index < value->count);
    if (out_key != NULL) {
        *out_key = value->sections[index]->key;
    }
    return value->sections[index];
}

int mansio_settings_is_set(const struct mansio_settings *settings, const char *name)
{
    return core_settings_value(settings, name, UINT32_MAX)->is_set;
}

const struct core_node *core_settings_node(const struct mansio_settings *settings, const char *name)
{
    return core_settings_value(settings, name, TYPE_BIT(RAW_BIT))->raw;
}

struct core_place core_settings_place(const struct mansio_settings *settings, const char *name)
{
    if (name == NULL) {
        return settings->at;
    }
    const struct core_value *value = core_settings_value(settings, name, UINT32_MAX);
    return value->is_set ? value->at : settings->at;
}

struct core_place core_settings_item_place(const struct mansio_settings *settings, const char *name,
                                           size_t index)
{
    const struct core_value *value =
        core_settings_value(settings, name, TYPE_BIT(MANSIO_SETTING_LIST));
    MANSIO_ASSERT(index < value->count);
    return value->items[index].at;
}

int mansio_settings_fail(const struct mansio_settings *settings, const char *name,
                         const char *format, ...)
{
    char text[MANSIO_ERROR_DETAIL_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct core_place at = core_settings_place(settings, name);
    char place[MANSIO_ERROR_DETAIL_MAX] = "";
    if (at.file != NULL) {
        snprintf(place, sizeof place, "%s:%u:%u: ", at.file->path, at.line, at.column);
    }
    const char *dot = settings->path.len > 0 && name != NULL ? "." : "";
    const char *colon = settings->path.len > 0 || name != NULL ? ": " : "";
    return mansio_fail(MANSIO_E_INVALID, "%s%.*s%s%s%s%s", place, MANSIO_STR_ARG(settings->path),
                       dot, name != NULL ? name : "", colon, text);
}

/* ---- comparison ------------------------------------------------------------------------------ */

enum { SAME = 0, LIVE = 1, OTHER = 2 };

static int compare_tables(const struct mansio_settings *a, const struct mansio_settings *b,
                          unsigned depth);

static int compare_items(const struct core_value *a, const struct core_value *b)
{
    if (a->count != b->count) {
        return OTHER;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (!mansio_str_eq(a->items[i].text, b->items[i].text)) {
            return OTHER;
        }
    }
    return SAME;
}

/* A section with a required setting says something by being there: "tls:" that is left out. */
static int presence_matters(const struct mansio_setting *row)
{
    for (size_t i = 0; i < row->child_count; i++) {
        if ((core_setting_row(row->children, i)->flags & MANSIO_SETTING_REQUIRED) != 0) {
            return 1;
        }
    }
    return 0;
}

static int compare_sections(const struct core_value *a, const struct core_value *b, size_t count,
                            unsigned depth)
{
    int worst = SAME;
    for (size_t i = 0; i < count && worst != OTHER; i++) {
        if (!mansio_str_eq(a->sections[i]->key, b->sections[i]->key)) {
            return OTHER;
        }
        int one = compare_tables(a->sections[i], b->sections[i], depth + 1);
        worst = one > worst ? one : worst;
    }
    return worst;
}

static int compare_values(const struct mansio_setting *row, const struct core_value *a,
                          const struct core_value *b, unsigned depth)
{
    switch (row->type) {
    case MANSIO_SETTING_STRING:
    case MANSIO_SETTING_PATH:
        return mansio_str_eq(a->text, b->text) ? SAME : OTHER;
    case MANSIO_SETTING_SECRET:
        return (a->secret == NULL) == (b->secret == NULL) &&
                       mansio_secret_eq(mansio_secret_bytes(a->secret),
                                        mansio_secret_bytes(b->secret))
                   ? SAME
                   : OTHER;
    case MANSIO_SETTING_LIST:
        return compare_items(a, b);
    case MANSIO_SETTING_SECTION:
        if (a->is_set != b->is_set && presence_matters(row)) {
            return OTHER;
        }
        return compare_sections(a, b, 1, depth);
    case MANSIO_SETTING_MAP:
        return a->count == b->count ? compare_sections(a, b, a->count, depth) : OTHER;
    case CORE_SETTING_RAW:
        return SAME; /* compared by whoever has its table */
    default:
        return a->number == b->number ? SAME : OTHER;
    }
}

static int compare_tables(const struct mansio_settings *a, const struct mansio_settings *b,
                          unsigned depth)
{
    if (a->row_count != b->row_count || depth > CORE_SETTINGS_DEPTH_MAX) {
        return OTHER;
    }
    int worst = SAME;
    for (size_t i = 0; i < a->row_count && worst != OTHER; i++) {
        const struct mansio_setting *row = core_setting_row(a->table, i);
        const struct mansio_setting *other = core_setting_row(b->table, i);
        if (row->type != other->type || strcmp(row->name, other->name) != 0) {
            return OTHER;
        }
        int one = compare_values(row, &a->values[i], &b->values[i], depth);
        if (one == OTHER && (row->flags & MANSIO_SETTING_LIVE) != 0) {
            one = LIVE;
        }
        worst = one > worst ? one : worst;
    }
    return worst;
}

int core_settings_compare(const struct mansio_settings *a, const struct mansio_settings *b)
{
    return compare_tables(a, b, 0);
}
