/*
 * What a reload has to do. See decide.h. Owns nothing, does no I/O.
 */
#include "core/daemon/decide.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/daemon/buildid.h"
#include "core/daemon/json.h"
#include "core/daemon/plan.h"
#include <mansio/str.h>

enum { CHANGE_TEXT_MAX = 512 };

static void MANSIO_PRINTF(2, 3) say(json_t *changes, const char *format, ...)
{
    char text[CHANGE_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_array_append_new(changes, core_json_str(mansio_str_from_cstr(text)));
}

static const struct core_plan_file *find_file(const struct core_plan *plan,
                                              const struct core_plan_file *like)
{
    for (size_t i = 0; i < plan->file_count; i++) {
        if (mansio_str_eq(plan->files[i].path, like->path) &&
            mansio_str_eq(plan->files[i].what, like->what)) {
            return &plan->files[i];
        }
    }
    return NULL;
}

static int file_eq(const struct core_plan_file *a, const struct core_plan_file *b)
{
    return a->device == b->device && a->inode == b->inode && a->mtime_ns == b->mtime_ns &&
           a->size == b->size && mansio_str_eq(a->build_id, b->build_id);
}

/* Number of changed, new and vanished files. */
static size_t compare_files(const struct core_plan *running, const struct core_plan *checked,
                            json_t *changes)
{
    size_t found = 0;
    for (size_t i = 0; i < checked->file_count; i++) {
        const struct core_plan_file *file = &checked->files[i];
        const struct core_plan_file *old = find_file(running, file);
        if (old == NULL || !file_eq(old, file)) {
            say(changes, "%.*s (%.*s%s)", MANSIO_STR_ARG(file->what), MANSIO_STR_ARG(file->path),
                old == NULL ? ", added" : "");
            found++;
        }
    }
    for (size_t i = 0; i < running->file_count; i++) {
        const struct core_plan_file *file = &running->files[i];
        if (find_file(checked, file) == NULL) {
            say(changes, "%.*s (%.*s, removed)", MANSIO_STR_ARG(file->what),
                MANSIO_STR_ARG(file->path));
            found++;
        }
    }
    return found;
}

static int listener_eq(const struct core_plan_listener *a, const struct core_plan_listener *b)
{
    return core_address_eq(&a->address, &b->address) && mansio_str_eq(a->name, b->name) &&
           mansio_str_eq(a->instance, b->instance) && mansio_str_eq(a->service, b->service) &&
           a->backlog == b->backlog && a->unix_mode == b->unix_mode;
}

static size_t compare_listeners(const struct core_plan *running, const struct core_plan *checked,
                                json_t *changes)
{
    int is_same = running->listener_count == checked->listener_count;
    for (size_t i = 0; is_same && i < checked->listener_count; i++) {
        is_same = listener_eq(&running->listeners[i], &checked->listeners[i]);
    }
    if (!is_same) {
        say(changes, "listeners");
    }
    return is_same ? 0 : 1;
}

static size_t compare_instances(const struct core_plan *running, const struct core_plan *checked,
                                json_t *changes)
{
    int is_same = running->instance_count == checked->instance_count;
    for (size_t i = 0; is_same && i < checked->instance_count; i++) {
        const struct core_plan_instance *a = &running->instances[i];
        const struct core_plan_instance *b = &checked->instances[i];
        is_same = mansio_str_eq(a->name, b->name) && mansio_str_eq(a->path, b->path);
    }
    if (!is_same) {
        say(changes, "instances");
    }
    return is_same ? 0 : 1;
}

static int is_same_binary(const struct core_plan *a, const struct core_plan *b)
{
    return mansio_str_eq(a->daemon_build_id, b->daemon_build_id) &&
           mansio_str_eq(a->library_build_id, b->library_build_id);
}

enum core_decision core_decide(const struct core_build_ids *own, const struct core_plan *running,
                               const struct core_plan *checked, int is_forced, json_t *changes)
{
    size_t found = compare_files(running, checked, changes);
    found += compare_listeners(running, checked, changes);
    found += compare_instances(running, checked, changes);
    if (running->workers != checked->workers) {
        say(changes, "workers: %u, were %u", checked->workers, running->workers);
        found++;
    }
    if (checked->settings_change == CORE_SETTINGS_OTHERS) {
        say(changes, "settings");
        found++;
    } else if (checked->settings_change == CORE_SETTINGS_LIVE) {
        say(changes, "live settings");
    }
    if (!mansio_str_eq(running->daemon_build_id, checked->daemon_build_id)) {
        say(changes, "binary mansiod");
        found++;
    }
    if (!mansio_str_eq(running->library_build_id, checked->library_build_id)) {
        say(changes, "binary libmansio");
        found++;
    }
    if (!mansio_str_eq(mansio_str_from_cstr(own->daemon), checked->daemon_build_id) ||
        !mansio_str_eq(mansio_str_from_cstr(own->library), checked->library_build_id)) {
        return CORE_DECISION_UPGRADE;
    }
    if (found > 0 || is_forced) {
        return CORE_DECISION_GENERATION;
    }
    return checked->settings_change == CORE_SETTINGS_LIVE ? CORE_DECISION_LIVE
                                                          : CORE_DECISION_UNCHANGED;
}

enum core_match core_match(const struct core_plan *plan, const struct core_plan *facts)
{
    if (!is_same_binary(plan, facts)) {
        return CORE_MATCH_BINARY;
    }
    size_t owed = 0;
    for (size_t i = 0; i < plan->file_count; i++) {
        owed += plan->files[i].kind == CORE_PLAN_FILE_MODULE;
    }
    for (size_t i = 0; i < facts->file_count; i++) {
        if (facts->files[i].kind != CORE_PLAN_FILE_MODULE) {
            continue;
        }
        const struct core_plan_file *file = find_file(plan, &facts->files[i]);
        if (file == NULL || !file_eq(file, &facts->files[i])) {
            return CORE_MATCH_MODULES;
        }
        owed--;
    }
    return owed == 0 ? CORE_MATCH_SAME : CORE_MATCH_MODULES;
}

const char *core_decision_name(enum core_decision decision)
{
    static const char *const names[] = {"unchanged", "live", "generation", "upgraded"};
    return names[decision];
}
