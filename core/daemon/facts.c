/*
 * What a process has loaded. See facts.h. Looks at files only by stat().
 */
#include "core/daemon/facts.h"

#include <string.h>
#include <sys/stat.h>

#include "core/daemon/buildid.h"
#include "core/daemon/plan.h"
#include "core/host/config.h"
#include "core/host/modules.h"
#include <mansio/arena.h>
#include <mansio/module.h>
#include <mansio/settings.h>
#include <mansio/str.h>

enum { FILES_MAX = 4096, DEPTH_MAX = 16, WHAT_MAX = 256 };

struct walk {
    struct core_plan *plan;
    const char *owner; /* "core", or the instance's name */
    int is_core;
};

static struct mansio_str keep(struct core_plan *plan, struct mansio_str s)
{
    struct mansio_str copy = MANSIO_STR_NONE;
    return mansio_arena_copy(plan->arena, s, &copy) < 0 ? MANSIO_STR_NONE : copy;
}

static struct mansio_str keep_cstr(struct core_plan *plan, const char *text)
{
    return keep(plan, mansio_str_from_cstr(text));
}

static struct core_plan_file *add_file(struct core_plan *plan)
{
    return plan->file_count < FILES_MAX ? &plan->files[plan->file_count++] : NULL;
}

static int has_file(const struct core_plan *plan, struct mansio_str path)
{
    for (size_t i = 0; i < plan->file_count; i++) {
        if (mansio_str_eq(plan->files[i].path, path)) {
            return 1;
        }
    }
    return 0;
}

static void add_module(struct core_plan *plan, const struct core_module_file *file)
{
    struct core_plan_file *row = has_file(plan, file->path) ? NULL : add_file(plan);
    if (row == NULL) {
        return;
    }
    struct mansio_str what = MANSIO_STR_NONE;
    if (mansio_arena_printf(plan->arena, &what, "module %.*s", MANSIO_STR_ARG(file->name)) < 0) {
        what = MANSIO_STR("module");
    }
    *row = (struct core_plan_file){
        .kind = CORE_PLAN_FILE_MODULE,
        .path = keep(plan, file->path),
        .what = what,
        .build_id = keep_cstr(plan, file->build_id),
        .device = file->device,
        .inode = file->inode,
        .mtime_ns = file->mtime_ns,
        .size = file->size,
    };
}

/* A PATH setting: only regular files count, since a directory's time changes with its content. */
static void add_path(const struct walk *walk, const char *setting, struct mansio_str path)
{
    struct stat st;
    /* The slice of a PATH is followed by a NUL. */
    if (path.len == 0 || stat(path.ptr, &st) != 0 || !S_ISREG(st.st_mode) ||
        has_file(walk->plan, path)) {
        return;
    }
    struct core_plan_file *row = add_file(walk->plan);
    if (row == NULL) {
        return;
    }
    struct mansio_str what = MANSIO_STR_NONE;
    if (mansio_arena_printf(walk->plan->arena, &what, "file of %s: %s", walk->owner, setting) < 0) {
        what = MANSIO_STR("file");
    }
    *row = (struct core_plan_file){
        .kind = CORE_PLAN_FILE_DATA,
        .path = keep(walk->plan, path),
        .what = what,
        .device = st.st_dev,
        .inode = st.st_ino,
        .mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
        .size = st.st_size,
    };
}

static const struct mansio_setting *row_at(const struct mansio_setting *table, size_t index)
{
    /* Rows may be longer than ours: the first one's size is the stride (settings.h). */
    return (const void *)((const char *)table + index * table->size);
}

/* Sections of the core's whose files are ours to write, not to read. */
static int is_written(const char *section)
{
    return strcmp(section, "log") == 0 || strcmp(section, "control") == 0;
}

/* Depth is bounded by the table's, which the loader has checked. */
static void walk_settings(const struct walk *walk, const struct mansio_settings *settings,
                          const struct mansio_setting *table, size_t count, unsigned depth)
{
    for (size_t i = 0; settings != NULL && depth < DEPTH_MAX && i < count; i++) {
        const struct mansio_setting *row = row_at(table, i);
        if (walk->is_core && depth == 0 && is_written(row->name)) {
            continue;
        }
        if (row->type == MANSIO_SETTING_PATH) {
            add_path(walk, row->name, mansio_settings_str(settings, row->name));
        } else if (row->type == MANSIO_SETTING_SECTION) {
            walk_settings(walk, mansio_settings_section(settings, row->name), row->children,
                          row->child_count, depth + 1);
        } else if (row->type == MANSIO_SETTING_MAP) {
            size_t entries = mansio_settings_count(settings, row->name);
            for (size_t k = 0; k < entries; k++) {
                walk_settings(walk, mansio_settings_entry(settings, row->name, k, NULL),
                              row->children, row->child_count, depth + 1);
            }
        }
    }
}

static void add_instance(struct core_plan *plan, struct mansio_instance *instance)
{
    const struct core_module_file *file = core_instance_file(instance);
    const struct mansio_module *module = core_instance_module(instance);
    plan->instances[plan->instance_count++] = (struct core_plan_instance){
        .name = keep(plan, mansio_instance_name(instance)),
        .module = keep(plan, file->name),
        .version = keep(plan, file->version),
        .summary = keep_cstr(plan, module->summary),
        .path = keep(plan, file->path),
        .build_id = keep_cstr(plan, file->build_id),
        .build_tag = keep(plan, file->build_tag),
        .abi_major = file->abi_major,
        .abi_minor = file->abi_minor,
        .inode = file->inode,
        .mtime_ns = file->mtime_ns,
    };
    add_module(plan, file);
    const char *owner = NULL;
    if (mansio_cstr(plan->arena, mansio_instance_name(instance), &owner) == 0) {
        struct walk walk = {.plan = plan, .owner = owner};
        walk_settings(&walk, mansio_instance_settings(instance), module->settings,
                      module->setting_count, 0);
    }
}

void core_facts_collect(struct core_plan *plan, const struct core_config *config,
                        struct core_modules *modules)
{
    struct core_build_ids ids;
    core_build_ids(&ids);
    plan->daemon_build_id = keep_cstr(plan, ids.daemon);
    plan->library_build_id = keep_cstr(plan, ids.library);
    plan->files = mansio_arena_try_alloc(plan->arena, FILES_MAX * sizeof *plan->files);
    size_t count = core_modules_count(modules);
    plan->instances = mansio_arena_try_alloc(plan->arena, (count + 1) * sizeof *plan->instances);
    MANSIO_ASSERT(plan->files != NULL && plan->instances != NULL);
    size_t rows = 0;
    const struct mansio_setting *table = core_config_table(&rows);
    struct walk walk = {.plan = plan, .owner = "core", .is_core = 1};
    walk_settings(&walk, config->settings, table, rows, 0);
    for (size_t i = 0; i < count; i++) {
        add_instance(plan, core_modules_instance(modules, i));
    }
}
