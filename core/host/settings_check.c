/*
 * A node against a table: each value judged by its row, defaults where the file says nothing, and
 * everything that is wrong gathered with its place. Goes down as deep as the table, which
 * settings_table.c has bounded, never as deep as the input.
 */
#include "core/host/settings.h"

#include "core/host/config.h"
#include "core/host/source.h"
#include <mansio/error.h>
#include <mansio/str.h>
#include <stdio.h>
#include <string.h>

struct checker {
    struct mansio_arena *arena;
    const struct core_source *source;
    struct core_problems *problems;
    const struct mansio_setting *root;
    size_t root_count;
    struct file_copy *files;
};

/* Files that kept places name, copied once each. */
struct file_copy {
    struct file_copy *next;
    const struct core_file *original;
    struct core_file copy;
};

/* One section being made. */
struct section {
    struct mansio_settings *settings;
    const struct core_node *node; /* a MAP, or NULL: only defaults */
    int is_given;                 /* the file has it, be it empty: what is required must be there */
    unsigned depth;
};

static int make_section(struct checker *checker, struct section *section);

/* A place that may be kept as long as the values. */
static int keep_place(struct checker *checker, struct core_place at, struct core_place *out)
{
    struct file_copy *file = checker->files;
    while (file != NULL && file->original != at.file) {
        file = file->next;
    }
    if (file == NULL && at.file != NULL) {
        file = mansio_arena_alloc(checker->arena, sizeof *file);
        file->original = at.file;
        file->copy.index = at.file->index;
        int result =
            mansio_cstr(checker->arena, mansio_str_from_cstr(at.file->path), &file->copy.path);
        if (result == 0) {
            result =
                mansio_cstr(checker->arena, mansio_str_from_cstr(at.file->dir), &file->copy.dir);
        }
        if (result < 0) {
            return result;
        }
        file->next = checker->files;
        checker->files = file;
    }
    *out = at;
    out->file = file != NULL ? &file->copy : NULL;
    return 0;
}

/* A problem of a row: "path.name: found, expected". */
static void complain(struct checker *checker, const struct mansio_settings *settings,
                     struct core_place at, const char *name, const char *why)
{
    core_problems_add(checker->problems, at, "%.*s%s%s: %s", MANSIO_STR_ARG(settings->path),
                      settings->path.len > 0 ? "." : "", name, why);
}

static void complain_kind(struct checker *checker, const struct mansio_settings *settings,
                          const struct mansio_setting *row, const struct core_node *node)
{
    char expected[CORE_SETTINGS_WHY_MAX];
    char why[CORE_SETTINGS_WHY_MAX];
    core_setting_expected(row, expected);
    snprintf(why, sizeof why, "found %s, expected %.300s", core_node_describe(node), expected);
    complain(checker, settings, node->at, row->name, why);
}

/* ---- values ---------------------------------------------------------------------------------- */

static int check_scalar(struct checker *checker, const struct section *section,
                        const struct mansio_setting *row, const struct core_node *node,
                        struct core_value *value)
{
    char why[CORE_SETTINGS_WHY_MAX];
    if (node->kind != CORE_NODE_TEXT || core_node_is_null(node)) {
        complain_kind(checker, section->settings, row, node);
        value->is_bad = 1;
    } else if (core_scalar_check(row, node->text, node->is_quoted != 0, value, why) < 0) {
        complain(checker, section->settings, node->at, row->name, why);
        value->is_bad = 1;
    } else if (row->type == MANSIO_SETTING_STRING) {
        return mansio_arena_copy(checker->arena, node->text, &value->text);
    }
    return 0;
}

static int check_path(struct checker *checker, const struct section *section,
                      const struct mansio_setting *row, const struct core_node *node,
                      struct core_value *value)
{
    if (node->kind != CORE_NODE_TEXT || core_node_is_null(node)) {
        complain_kind(checker, section->settings, row, node);
        value->is_bad = 1;
        return 0;
    }
    if (node->text.len == 0) {
        value->text = MANSIO_STR("");
        return 0;
    }
    struct mansio_str path = MANSIO_STR_NONE;
    int result = core_path_resolve(checker->arena, node->at.file, node->text, &path);
    if (result == MANSIO_E_INVALID) {
        complain(checker, section->settings, node->at, row->name,
                 "found a path of more than 4095 bytes, expected fewer");
        value->is_bad = 1;
        return 0;
    }
    value->text = path;
    return result;
}

static int check_secret(struct checker *checker, const struct section *section,
                        const struct mansio_setting *row, const struct core_node *node,
                        struct core_value *value)
{
    char why[CORE_SETTINGS_WHY_MAX];
    struct mansio_str bytes = node->text;
    if (node->kind == CORE_NODE_MAP) {
        if (core_source_secret(checker->source, node, &bytes, why) < 0) {
            complain(checker, section->settings, node->at, row->name, why);
            value->is_bad = 1;
            return 0;
        }
    } else if (node->kind != CORE_NODE_TEXT || core_node_is_null(node) || bytes.len == 0) {
        complain_kind(checker, section->settings, row, node);
        value->is_bad = 1;
        return 0;
    }
    return mansio_secret_new(checker->arena, bytes, &value->secret);
}

static int in_range(const struct mansio_setting *row, size_t count)
{
    if (row->min == 0 && row->max == 0) {
        return count <= CORE_SETTINGS_ITEMS_MAX;
    }
    return count <= (size_t)INT64_MAX && (int64_t)count >= row->min && (int64_t)count <= row->max;
}

static void complain_count(struct checker *checker, const struct section *section,
                           const struct mansio_setting *row, struct core_place at, size_t count)
{
    char expected[CORE_SETTINGS_WHY_MAX];
    char why[CORE_SETTINGS_WHY_MAX];
    core_setting_expected(row, expected);
    snprintf(why, sizeof why, "found %zu, expected %.300s", count, expected);
    complain(checker, section->settings, at, row->name, why);
}

/* A list of texts; a single text is a list of one. */
static int check_list(struct checker *checker, const struct section *section,
                      const struct mansio_setting *row, const struct core_node *node,
                      struct core_value *value)
{
    const struct core_node *first = node;
    size_t count = 1;
    if (node->kind == CORE_NODE_LIST || core_node_is_null(node)) {
        first = node->first;
        count = node->count;
    } else if (node->kind == CORE_NODE_MAP) {
        complain_kind(checker, section->settings, row, node);
        value->is_bad = 1;
        return 0;
    }
    if (!in_range(row, count)) {
        complain_count(checker, section, row, node->at, count);
        value->is_bad = 1;
        return 0;
    }
    struct core_item *items = mansio_arena_try_alloc(checker->arena, (count + 1) * sizeof *items);
    if (items == NULL) {
        return MANSIO_E_LIMIT;
    }
    const struct core_node *item = first;
    for (size_t i = 0; i < count; i++, item = item->next) {
        if (item->kind != CORE_NODE_TEXT || core_node_is_null(item)) {
            char why[CORE_SETTINGS_WHY_MAX];
            snprintf(why, sizeof why, "found %s in the list, expected text",
                     core_node_describe(item));
            complain(checker, section->settings, item->at, row->name, why);
            value->is_bad = 1;
        }
        int result = mansio_arena_copy(checker->arena, item->text, &items[i].text);
        if (result == 0) {
            result = keep_place(checker, item->at, &items[i].at);
        }
        if (result < 0) {
            return result;
        }
    }
    if (!value->is_bad) {
        value->items = items;
        value->count = count;
    }
    return 0;
}

/* ---- sections -------------------------------------------------------------------------------- */

static int new_section(struct checker *checker, const struct section *above,
                       const struct mansio_setting *row, struct mansio_str key,
                       struct mansio_settings **out)
{
    struct mansio_settings *settings = mansio_arena_alloc(checker->arena, sizeof *settings);
    settings->table = row->children;
    settings->row_count = row->child_count;
    settings->at = above->settings->at;
    struct mansio_str path = above->settings->path;
    int result = mansio_arena_copy(checker->arena, key, &settings->key);
    if (result < 0) {
        return result;
    }
    result = mansio_arena_printf(checker->arena, &settings->path, "%.*s%s%s%s%.*s",
                                 MANSIO_STR_ARG(path), path.len > 0 ? "." : "", row->name,
                                 key.len > 0 ? "." : "", MANSIO_STR_ARG(key));
    if (result == 0) {
        *out = settings;
    }
    return result;
}

/* Make what is below a SECTION or one entry of a MAP; @p node NULL: defaults. */
static int check_below(struct checker *checker, const struct section *above,
                       const struct core_node *node, struct mansio_settings *settings)
{
    struct section section = {
        .settings = settings, .is_given = node != NULL, .depth = above->depth + 1};
    if (node != NULL) {
        int result = keep_place(checker, core_node_place(node), &settings->at);
        if (result < 0) {
            return result;
        }
        if (node->kind == CORE_NODE_MAP) {
            section.node = node;
        } else if (!core_node_is_null(node)) {
            core_problems_add(checker->problems, node->at, "%.*s: found %s, expected a section",
                              MANSIO_STR_ARG(settings->path), core_node_describe(node));
            section.is_given = 0;
        }
    }
    return make_section(checker, &section);
}

static int check_section(struct checker *checker, const struct section *above,
                         const struct mansio_setting *row, const struct core_node *node,
                         struct core_value *value)
{
    value->sections = mansio_arena_alloc(checker->arena, sizeof *value->sections);
    int result = new_section(checker, above, row, MANSIO_STR_NONE, &value->sections[0]);
    if (result < 0) {
        return result;
    }
    value->is_bad = node != NULL && node->kind != CORE_NODE_MAP && !core_node_is_null(node);
    return check_below(checker, above, node, value->sections[0]);
}

static int check_map(struct checker *checker, const struct section *above,
                     const struct mansio_setting *row, const struct core_node *node,
                     struct core_value *value)
{
    if (node->kind != CORE_NODE_MAP && !core_node_is_null(node)) {
        complain_kind(checker, above->settings, row, node);
        value->is_bad = 1;
        return 0;
    }
    if (!in_range(row, node->count)) {
        complain_count(checker, above, row, core_node_place(node), node->count);
        value->is_bad = 1;
        return 0;
    }
    value->sections =
        mansio_arena_try_alloc(checker->arena, (node->count + 1) * sizeof *value->sections);
    if (value->sections == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (const struct core_node *entry = node->first; entry != NULL; entry = entry->next) {
        struct mansio_settings *settings = NULL;
        int result = new_section(checker, above, row, entry->key->text, &settings);
        if (result == 0) {
            result = check_below(checker, above, entry, settings);
        }
        if (result < 0) {
            return result;
        }
        value->sections[value->count++] = settings;
    }
    return 0;
}

static int check_value(struct checker *checker, const struct section *section,
                       const struct mansio_setting *row, const struct core_node *node,
                       struct core_value *value)
{
    switch (row->type) {
    case MANSIO_SETTING_SECRET:
        return check_secret(checker, section, row, node, value);
    case MANSIO_SETTING_PATH:
        return check_path(checker, section, row, node, value);
    case MANSIO_SETTING_LIST:
        return check_list(checker, section, row, node, value);
    case MANSIO_SETTING_SECTION:
        return check_section(checker, section, row, node, value);
    case MANSIO_SETTING_MAP:
        return check_map(checker, section, row, node, value);
    case CORE_SETTING_RAW:
        return 0;
    default:
        return check_scalar(checker, section, row, node, value);
    }
}

/* ---- defaults -------------------------------------------------------------------------------- */

/* "as the file would say it": one text, or YAML if it begins with '['. */
static int default_list(struct checker *checker, const struct section *section,
                        const struct mansio_setting *row, struct core_value *value)
{
    static const struct core_file file = {.path = "default", .dir = "/", .index = 0};
    struct mansio_str text = mansio_str_from_cstr(row->default_text);
    if (text.len == 0) {
        return 0;
    }
    struct core_node *node = mansio_arena_alloc(checker->arena, sizeof *node);
    node->kind = CORE_NODE_TEXT;
    node->text = text;
    node->at = (struct core_place){.file = &file, .line = 1, .column = 1};
    if (text.ptr[0] == '[') {
        size_t nodes_left = CORE_SETTINGS_ITEMS_MAX;
        if (core_yaml_parse(checker->arena, &file, text, &nodes_left, &node) < 0) {
            complain(checker, section->settings, node->at, row->name, mansio_error_detail());
            return 0;
        }
    }
    return check_list(checker, section, row, node, value);
}

static int set_default(struct checker *checker, const struct section *section,
                       const struct mansio_setting *row, struct core_value *value)
{
    if (row->type == MANSIO_SETTING_SECTION) {
        return check_section(checker, section, row, NULL, value);
    }
    if (row->type == MANSIO_SETTING_CHOICE) {
        value->text = mansio_str_from_cstr(row->choices[0]);
    } else {
        value->text = MANSIO_STR("");
    }
    if (row->default_text == NULL) {
        return 0;
    }
    if (row->type == MANSIO_SETTING_LIST) {
        return default_list(checker, section, row, value);
    }
    struct mansio_str text = mansio_str_from_cstr(row->default_text);
    if (row->type == MANSIO_SETTING_PATH) {
        value->text = text;
        return 0;
    }
    char why[CORE_SETTINGS_WHY_MAX];
    if (core_scalar_check(row, text, 0, value, why) < 0) {
        struct core_place nowhere = {.file = NULL};
        complain(checker, section->settings, nowhere, row->name, why);
    }
    return 0;
}

/* ---- a section ------------------------------------------------------------------------------- */

static void refuse_unknown(struct checker *checker, const struct section *section)
{
    const struct mansio_settings *settings = section->settings;
    const struct core_node *entry = section->node != NULL ? section->node->first : NULL;
    for (; entry != NULL; entry = entry->next) {
        size_t i = 0;
        while (i < settings->row_count &&
               !mansio_str_eq(entry->key->text,
                              mansio_str_from_cstr(core_setting_row(settings->table, i)->name))) {
            i++;
        }
        if (i < settings->row_count) {
            continue;
        }
        char name[CORE_QUOTE_MAX];
        char remark[CORE_SETTINGS_WHY_MAX];
        core_setting_suggest(checker->root, checker->root_count, settings->table,
                             settings->row_count, entry->key->text, remark);
        core_problems_add(checker->problems, entry->key->at, "%.*s%sfound the unknown setting %s%s",
                          MANSIO_STR_ARG(settings->path), settings->path.len > 0 ? ": " : "",
                          core_quote(entry->key->text, name), remark);
    }
}

static int make_section(struct checker *checker, struct section *section)
{
    struct mansio_settings *settings = section->settings;
    MANSIO_ASSERT(section->depth <= CORE_SETTINGS_DEPTH_MAX);
    settings->values = mansio_arena_try_alloc(checker->arena,
                                              (settings->row_count + 1) * sizeof *settings->values);
    if (settings->values == NULL) {
        return MANSIO_E_LIMIT;
    }
    refuse_unknown(checker, section);
    for (size_t i = 0; i < settings->row_count; i++) {
        const struct mansio_setting *row = core_setting_row(settings->table, i);
        struct core_value *value = &settings->values[i];
        struct mansio_str name = mansio_str_from_cstr(row->name);
        const struct core_node *node = core_node_get(section->node, name);
        int result = 0;
        if (node != NULL) {
            value->is_set = 1;
            value->raw = row->type == CORE_SETTING_RAW ? node : NULL;
            result = keep_place(checker, node->at, &value->at);
        }
        if (result < 0) {
            return result;
        }
        if (node == NULL && section->is_given && (row->flags & MANSIO_SETTING_REQUIRED) != 0) {
            char expected[CORE_SETTINGS_WHY_MAX];
            char why[CORE_SETTINGS_WHY_MAX];
            core_setting_expected(row, expected);
            snprintf(why, sizeof why, "is required: found nothing, expected %.300s", expected);
            complain(checker, settings, settings->at, row->name, why);
            value->is_bad = 1;
        }
        if (node == NULL || row->type != MANSIO_SETTING_SECTION) {
            result = set_default(checker, section, row, value);
        }
        if (result == 0 && node != NULL) {
            result = check_value(checker, section, row, node, value);
        }
        if (result < 0) {
            return result;
        }
    }
    return 0;
}

int core_settings_make(struct mansio_arena *arena, const struct core_source *source,
                       struct core_problems *problems, const struct core_node *node,
                       const struct core_node *where, const struct mansio_setting *table,
                       size_t count, struct mansio_settings **out)
{
    struct checker checker = {
        .arena = arena, .source = source, .problems = problems, .root = table, .root_count = count};
    struct mansio_settings *settings = mansio_arena_alloc(arena, sizeof *settings);
    settings->table = table;
    settings->row_count = count;
    settings->path = MANSIO_STR("");
    int result = 0;
    if (node != NULL || where != NULL) {
        result = keep_place(&checker, core_node_place(node != NULL ? node : where), &settings->at);
    }
    if (result < 0) {
        return result;
    }
    struct section section = {.settings = settings, .is_given = !problems->is_table};
    if (node != NULL && node->kind == CORE_NODE_MAP) {
        section.node = node;
    } else if (node != NULL && !core_node_is_null(node)) {
        core_problems_add(problems, node->at, "found %s, expected a section",
                          core_node_describe(node));
        section.is_given = 0;
    }
    result = make_section(&checker, &section);
    if (result == 0) {
        *out = settings;
    }
    return result;
}

int core_settings_check(struct mansio_arena *arena, const struct core_source *source,
                        const struct core_node *node, const struct core_node *where,
                        const struct mansio_setting *table, size_t count,
                        const struct mansio_settings **out)
{
    struct core_problems *problems = mansio_arena_alloc(arena, sizeof *problems);
    struct mansio_settings *settings = NULL;
    int result = core_settings_make(arena, source, problems, node, where, table, count, &settings);
    if (result < 0) {
        return result;
    }
    result = core_problems_status(problems);
    if (result < 0) {
        core_source_add_problems(source, problems);
        return result;
    }
    *out = settings;
    return 0;
}
