/*
 * Settings from bytes: read as YAML, checked against the core's table and against one with every
 * type, and every value read back. A NUL, which the reader would only refuse, parts the input into
 * two files, so that merging is reached.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/str.h>

#include "core/host/config.h"
#include "core/host/settings_fixture.h"
#include "core/host/source.h"

const char fuzz_name[] = "yaml";

static void read_values(const struct mansio_settings *settings, const struct mansio_setting *table,
                        size_t count);

/* Whatever was read ends with a NUL and has none inside. */
static void look_at(struct mansio_str text)
{
    MANSIO_ASSERT(text.ptr != NULL && text.ptr[text.len] == '\0');
    MANSIO_ASSERT(strlen(text.ptr) == text.len);
}

static void read_value(const struct mansio_settings *settings, const struct mansio_setting *row)
{
    switch (row->type) {
    case MANSIO_SETTING_STRING:
    case MANSIO_SETTING_PATH:
        look_at(mansio_settings_str(settings, row->name));
        break;
    case MANSIO_SETTING_SECRET: {
        struct mansio_str bytes = mansio_secret_bytes(mansio_settings_secret(settings, row->name));
        MANSIO_ASSERT(bytes.ptr == NULL || bytes.ptr[bytes.len] == '\0');
        break;
    }
    case MANSIO_SETTING_LIST:
        for (size_t i = 0; i < mansio_settings_count(settings, row->name); i++) {
            look_at(mansio_settings_item(settings, row->name, i));
        }
        break;
    case MANSIO_SETTING_SECTION:
        read_values(mansio_settings_section(settings, row->name), row->children, row->child_count);
        break;
    case MANSIO_SETTING_MAP:
        for (size_t i = 0; i < mansio_settings_count(settings, row->name); i++) {
            struct mansio_str key = MANSIO_STR_NONE;
            const struct mansio_settings *entry =
                mansio_settings_entry(settings, row->name, i, &key);
            look_at(key);
            read_values(entry, row->children, row->child_count);
        }
        break;
    default: {
        int64_t number = mansio_settings_int(settings, row->name);
        MANSIO_ASSERT((row->min == 0 && row->max == 0) ||
                      !mansio_settings_is_set(settings, row->name) ||
                      (number >= row->min && number <= row->max));
        break;
    }
    }
    MANSIO_ASSERT(mansio_settings_fail(settings, row->name, "no") == MANSIO_E_INVALID);
}

static void read_values(const struct mansio_settings *settings, const struct mansio_setting *table,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        read_value(settings, &table[i]);
    }
}

/* Problems are told in order, and the first is the detail. */
static void look_at_problems(const struct core_source *source)
{
    size_t total = 0;
    size_t count = core_source_problem_count(source, &total);
    MANSIO_ASSERT(count <= total && (count > 0 || total == 0));
    for (size_t i = 0; i < count; i++) {
        MANSIO_ASSERT(core_source_problem(source, i)[0] != '\0');
    }
}

static void check_core(struct mansio_arena *arena, const struct core_source *source)
{
    struct core_config *config = NULL;
    if (core_config_parse(arena, source, &config) == 0) {
        MANSIO_ASSERT(core_source_problem_count(source, NULL) == 0);
        MANSIO_ASSERT(config->workers > 0 && config->node.len > 0);
        MANSIO_ASSERT(core_settings_compare(config->settings, config->settings) == 0);
        for (size_t i = 0; i < config->listener_count; i++) {
            look_at(config->listeners[i].name);
            MANSIO_ASSERT(config->listeners[i].address.len > 0);
        }
        for (size_t i = 0; i < config->instance_count; i++) {
            look_at(config->instances[i].module);
            MANSIO_ASSERT(core_node_eq(config->instances[i].node, config->instances[i].node));
        }
    }
    look_at_problems(source);
}

static void check_fixture(struct mansio_arena *arena, const struct core_source *source)
{
    size_t count = 0;
    const struct mansio_setting *table = fixture_table(&count);
    const struct mansio_settings *settings = NULL;
    struct core_node *root = NULL;
    size_t nodes_left = CORE_YAML_NODES_MAX;
    struct mansio_arena *nodes = mansio_arena_new(arena, "nodes", 0);
    int result =
        core_yaml_parse(nodes, &source->files[0].name, source->files[0].bytes, &nodes_left, &root);
    if (result == 0) {
        MANSIO_ASSERT(core_node_eq(root, root));
        result = core_settings_check(arena, source, root, NULL, table, count, &settings);
        look_at_problems(source);
    }
    mansio_arena_free(nodes); /* values must do without */
    if (result == 0) {
        read_values(settings, table, count);
        MANSIO_ASSERT(core_settings_compare(settings, settings) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "fuzz", 256 << 20);
    struct mansio_str text = {(const char *)data, size};
    struct mansio_str more = MANSIO_STR_NONE;
    ptrdiff_t nul = mansio_str_find_char(text, '\0');
    if (nul >= 0) {
        more = mansio_str_sub(text, (size_t)nul + 1, SIZE_MAX);
        text = mansio_str_sub(text, 0, (size_t)nul);
    }
    struct core_source *source = core_source_new(arena);
    struct core_source_file *file = NULL;
    MANSIO_ASSERT(core_source_add_file(source, "a.yaml", "/etc", text, &file) == 0);
    if (nul >= 0) {
        MANSIO_ASSERT(core_source_add_file(source, "b.yaml", "/etc/b", more, &file) == 0);
    }
    check_core(arena, source);
    check_fixture(arena, source);
    mansio_arena_free(arena);
    return 0;
}
