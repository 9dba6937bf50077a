/*
 * The set of instances that a configuration asks for, from files to stop(). Which checks a file
 * must pass is module_file.c's business, what an instance is instance.c's.
 */
#include "core/host/modules.h"

#include "core/host/account.h"
#include "core/host/instance.h"
#include "core/host/settings.h"
#include "core/host/source.h"
#include <mansio/error.h>
#include <mansio/map.h>
#include <mansio/str.h>
#include <stdio.h>

enum {
    SETTINGS_ARENA_CAP = 16 << 20, /* values of one instance */
    INSTANCES_MAX = 4096,
};

/* ---- making instances ---------------------------------------------------------------------------
 */

static int open_code(struct mansio_arena *arena, const struct core_config *config,
                     const struct core_config_instance *row, const struct core_module_code **out)
{
    size_t count = mansio_settings_count(config->settings, "module_path");
    struct mansio_str *directories = mansio_arena_try_alloc(arena, count * sizeof *directories);
    const char *path = NULL;

    if (directories == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        directories[i] = mansio_settings_item(config->settings, "module_path", i);
    }
    int err = core_module_find(arena, row->module, directories, count, &path);
    return err < 0 ? err : core_module_open(arena, path, out);
}

/* Values in an arena of their own: reconfigure replaces them one instance at a time. */
static int check_settings(struct mansio_arena *parent, const struct core_source *source,
                          const struct core_config_instance *row,
                          const struct core_module_code *code, struct mansio_arena **out_arena,
                          const struct mansio_settings **out)
{
    struct mansio_arena *arena = mansio_arena_new(parent, "settings", SETTINGS_ARENA_CAP);
    int err = core_settings_check(arena, source, row->node, row->where, code->descriptor.settings,
                                  code->descriptor.setting_count, out);
    if (err < 0) {
        char detail[MANSIO_ERROR_DETAIL_MAX];
        (void)snprintf(detail, sizeof detail, "%s", mansio_error_detail());
        mansio_arena_free(arena);
        return mansio_fail(err, "%s (instance %.*s, module %.*s)", detail,
                           MANSIO_STR_ARG(row->name), MANSIO_STR_ARG(code->file.path));
    }
    *out_arena = arena;
    return 0;
}

static int make_instance(struct core_modules *set, const struct core_config *config,
                         const struct core_config_instance *row, struct mansio_map *names)
{
    const struct core_module_code *code = NULL;
    struct mansio_instance *instance = NULL;

    int err = open_code(set->arena, config, row, &code);
    if (err < 0) {
        char detail[MANSIO_ERROR_DETAIL_MAX];
        (void)snprintf(detail, sizeof detail, "%s", mansio_error_detail());
        return mansio_fail(err, "%s (instance %.*s)", detail, MANSIO_STR_ARG(row->name));
    }
    const struct mansio_instance *other = mansio_map_get(names, row->name);
    if (other != NULL) {
        return mansio_fail(MANSIO_E_EXISTS,
                           "instance %.*s (%.*s): wanted a name of its own, found an instance "
                           "%.*s of %.*s",
                           MANSIO_STR_ARG(row->name), MANSIO_STR_ARG(code->file.path),
                           MANSIO_STR_ARG(other->name), MANSIO_STR_ARG(other->code->file.path));
    }
    if ((err = core_instance_new(set, row->name, code, &instance)) < 0 ||
        (err = mansio_map_put(names, instance->name, instance)) < 0) {
        return err;
    }
    set->instances[set->count++] = instance;
    return 0;
}

/* Of all instances, so that the source gathers every problem; the first is the answer. */
static int check_all_settings(struct core_modules *set, const struct core_config *config,
                              const struct core_source *source)
{
    char detail[MANSIO_ERROR_DETAIL_MAX];
    int first = 0;

    for (size_t i = 0; i < set->count; i++) {
        struct mansio_instance *instance = set->instances[i];
        int err = check_settings(set->arena, source, &config->instances[i], instance->code,
                                 &instance->settings_arena, &instance->settings);
        if (err < 0 && first == 0) {
            first = err;
            (void)snprintf(detail, sizeof detail, "%s", mansio_error_detail());
        }
    }
    return first < 0 ? mansio_fail(first, "%s", detail) : 0;
}

/* ---- checks over all of them --------------------------------------------------------------------
 */

/* A listener that would promise TLS and never have it. */
static void check_starttls(const struct core_config_listener *listener,
                           const struct mansio_protocol *protocol, const struct core_source *source)
{
    if (listener->tls == CORE_TLS_STARTTLS && (protocol->flags & MANSIO_PROTOCOL_NO_STARTTLS)) {
        core_problems_add(source->problems, core_settings_place(listener->settings, "tls"),
                          "%.*s.tls: found starttls, which instance %.*s has no way to begin (%s); "
                          "expected implicit, or off",
                          MANSIO_STR_ARG(listener->settings->path),
                          MANSIO_STR_ARG(listener->instance), protocol->service);
    }
}

static int check_listeners(struct core_modules *set, const struct core_config *config,
                           const struct core_source *source)
{
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct core_config_listener *listener = &config->listeners[i];
        struct mansio_instance *instance = core_modules_find(set, listener->instance);
        struct mansio_protocol protocol;
        if (instance == NULL) {
            return mansio_fail(MANSIO_E_NOT_FOUND,
                               "listener %.*s: wanted instance %.*s, found none of that name",
                               MANSIO_STR_ARG(listener->name), MANSIO_STR_ARG(listener->instance));
        }
        int err = core_instance_protocol(instance, &protocol);
        if (err < 0) {
            char detail[MANSIO_ERROR_DETAIL_MAX];
            (void)snprintf(detail, sizeof detail, "%s", mansio_error_detail());
            return mansio_fail(err, "listener %.*s: %s", MANSIO_STR_ARG(listener->name), detail);
        }
        if (i == 0 || listener->settings != config->listeners[i - 1].settings) { /* one a row */
            check_starttls(listener, &protocol, source);
        }
    }
    return core_problems_status(source->problems);
}

static int load_all(struct core_modules *set, const struct core_config *config,
                    const struct core_source *source)
{
    struct mansio_map *names = mansio_map_new(set->arena, INSTANCES_MAX);
    int err = 0;

    for (size_t i = 0; i < config->instance_count && err >= 0; i++) {
        err = make_instance(set, config, &config->instances[i], names);
    }
    err = err < 0 ? err : check_all_settings(set, config, source);
    for (size_t i = 0; i < set->count && err >= 0; i++) {
        err = core_instance_load(set->instances[i]);
    }
    if (err < 0 || (err = core_offers_check(set)) < 0 || (err = core_modules_sort(set)) < 0) {
        return err;
    }
    err = check_listeners(set, config, source);
    return err < 0 ? err : core_accounts_check(set, config);
}

int core_modules_load(struct mansio_arena *arena, const struct core_config *config,
                      const struct core_source *source, struct core_modules **out)
{
    struct core_modules *set = mansio_arena_alloc(arena, sizeof *set);
    size_t room = config->instance_count * sizeof(struct mansio_instance *);

    set->arena = mansio_arena_new(arena, "modules", 0);
    set->instances = mansio_arena_try_alloc(set->arena, room);
    set->order = mansio_arena_try_alloc(set->arena, room);
    int err = set->instances == NULL || set->order == NULL ? MANSIO_E_LIMIT
                                                           : load_all(set, config, source);
    if (err < 0) {
        mansio_arena_free(set->arena);
        return err;
    }
    *out = set;
    return 0;
}

/* ---- life ---------------------------------------------------------------------------------------
 */

void core_modules_stop(struct core_modules *modules)
{
    while (modules->started > 0) {
        core_instance_stop(modules->order[--modules->started]);
    }
}

static int start_first(struct core_modules *modules, uint32_t role, size_t count)
{
    while (modules->started < count) {
        int err = core_instance_start(modules->order[modules->started++], role);
        if (err < 0) {
            char detail[MANSIO_ERROR_DETAIL_MAX]; /* stop() may fail in its own ways */
            (void)snprintf(detail, sizeof detail, "%s", mansio_error_detail());
            core_modules_stop(modules);
            return mansio_fail(err, "%s", detail);
        }
    }
    return 0;
}

int core_modules_start(struct core_modules *modules, uint32_t role)
{
    return start_first(modules, role, modules->count);
}

int core_modules_start_some(struct core_modules *modules, uint32_t role,
                            const char *const *interfaces)
{
    return start_first(modules, role, core_modules_sort_needed(modules, interfaces));
}

void core_modules_drain(struct core_modules *modules, int64_t deadline_us)
{
    for (size_t i = modules->started; i > 0; i--) {
        core_instance_drain(modules->order[i - 1], deadline_us);
    }
}

/* ---- reconfigure --------------------------------------------------------------------------------
 */

/* The new settings of an instance, on their way. */
struct fresh {
    struct mansio_arena *arena;
    const struct mansio_settings *settings;
    int differs; /* as core_settings_compare() */
};

static int check_fresh(struct mansio_instance *instance, const struct core_config *config,
                       const struct core_source *source, struct fresh *out)
{
    const struct core_config_instance *row = core_config_find_instance(config, instance->name);

    if (row == NULL) {
        return mansio_fail(
            MANSIO_E_UNSUPPORTED,
            "instance %.*s (%.*s): wanted the same instances, found that it is gone: "
            "that takes a new generation",
            MANSIO_STR_ARG(instance->name), MANSIO_STR_ARG(instance->code->file.path));
    }
    int err = check_settings(instance->set->arena, source, row, instance->code, &out->arena,
                             &out->settings);
    if (err < 0) {
        return err;
    }
    out->differs = core_settings_compare(instance->settings, out->settings);
    if (out->differs > 1) {
        return mansio_fail(
            MANSIO_E_UNSUPPORTED,
            "instance %.*s (%.*s): wanted a change of LIVE settings alone, found one "
            "of others: that takes a new generation",
            MANSIO_STR_ARG(instance->name), MANSIO_STR_ARG(instance->code->file.path));
    }
    return 0;
}

/* Fibers may be in the midst of a call that was given a slice of the old values; so those stay
 * until the next change. */
static int adopt(struct mansio_instance *instance, struct fresh *fresh)
{
    mansio_arena_free(instance->retired_arena);
    instance->retired_arena = instance->settings_arena;
    instance->settings_arena = fresh->arena;
    instance->settings = fresh->settings;
    fresh->arena = NULL;
    return core_instance_reconfigure(instance);
}

int core_modules_reconfigure(struct core_modules *modules, struct mansio_arena *arena,
                             const struct core_config *config, const struct core_source *source)
{
    struct fresh *fresh = mansio_arena_try_alloc(arena, modules->count * sizeof *fresh);
    int err = fresh == NULL ? MANSIO_E_LIMIT : 0;

    if (err == 0 && config->instance_count != modules->count) {
        err = mansio_fail(MANSIO_E_UNSUPPORTED,
                          "wanted the same %zu instances, found %zu: that takes a new generation",
                          modules->count, config->instance_count);
    }
    /* All or nothing: first every value is checked, then every instance gets its own. */
    for (size_t i = 0; i < modules->count && err == 0; i++) {
        err = check_fresh(modules->instances[i], config, source, &fresh[i]);
    }
    int unhappy = 0;
    char complaint[MANSIO_ERROR_DETAIL_MAX] = "";
    for (size_t i = 0; i < modules->count && err == 0; i++) {
        if (fresh[i].differs == 1 && adopt(modules->instances[i], &fresh[i]) < 0) {
            unhappy++;
            (void)snprintf(complaint, sizeof complaint, "instance %.*s: %s",
                           MANSIO_STR_ARG(modules->instances[i]->name), mansio_error_detail());
        }
    }
    for (size_t i = 0; i < modules->count && fresh != NULL; i++) {
        mansio_arena_free(fresh[i].arena);
    }
    if (err == 0 && unhappy > 0) {
        (void)mansio_fail(MANSIO_E_INVALID, "%s", complaint);
    }
    return err < 0 ? err : unhappy;
}

/* ---- who is there -------------------------------------------------------------------------------
 */

size_t core_modules_count(const struct core_modules *modules)
{
    return modules->count;
}

struct mansio_instance *core_modules_instance(struct core_modules *modules, size_t index)
{
    return index < modules->count ? modules->instances[index] : NULL;
}

struct mansio_instance *core_modules_find(struct core_modules *modules, struct mansio_str name)
{
    for (size_t i = 0; i < modules->count; i++) {
        if (mansio_str_eq(modules->instances[i]->name, name)) {
            return modules->instances[i];
        }
    }
    return NULL;
}
