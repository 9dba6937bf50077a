/*
 * What mansioctl is shown: status, modules, sessions. See control.md for each member. Reads the
 * master's structures and shared memory; asks children for sessions.
 */
#include "core/daemon/control.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "core/daemon/ask.h"
#include "core/daemon/channel.h"
#include "core/daemon/generation.h"
#include "core/daemon/json.h"
#include "core/daemon/master.h"
#include "core/daemon/plan.h"
#include "core/daemon/sockets.h"
#include "core/host/shm.h"
#include <mansio/error.h>
#include <mansio/module.h>
#include <mansio/str.h>

#define SESSIONS_US (5 * MANSIO_SECOND)

enum { LIMIT_DEFAULT = 10000, LIMIT_MAX = 100000, ID_MAX = 512 };

static void put(json_t *object, const char *name, json_t *value)
{
    json_object_set_new(object, name, value);
}

static void put_int(json_t *object, const char *name, uint64_t value)
{
    put(object, name, json_integer((json_int_t)value));
}

/* ---- status ---------------------------------------------------------------------------------- */

struct sums {
    uint64_t conns, sessions;
};

static struct sums sums_of(const struct core_generation *generation)
{
    struct sums sums = {0, 0};
    for (size_t i = 0; i < generation->place_count; i++) {
        uint32_t index = generation->places[i].slot;
        if (index != 0) {
            struct core_slot *slot = core_shm_slot(generation->master->shm, index);
            sums.conns += atomic_load(&slot->conns_open);
            sums.sessions += atomic_load(&slot->sessions_open);
        }
    }
    return sums;
}

static json_t *place_status(const struct core_place *place)
{
    struct core_master *master = place->generation->master;
    struct core_slot *slot = place->slot != 0 ? core_shm_slot(master->shm, place->slot) : NULL;
    json_t *row = json_object();
    put(row, "role", json_string(place->role == MANSIO_ROLE_SERVICE ? "service" : "worker"));
    put_int(row, "index", place->index);
    put_int(row, "pid", (uint64_t)place->child.pid);
    put_int(row, "slot", place->slot);
    put_int(row, "generation", place->generation->number);
    /* A child that drains by itself (SIGTERM) says so in its slot alone. */
    int is_draining = slot != NULL && atomic_load(&slot->state) == CORE_SLOT_DRAINING;
    put(row, "state",
        json_string(core_place_state_name(is_draining ? CORE_PLACE_DRAINING : place->state)));
    put(row, "started", core_json_time(place->born_wall_us));
    put(row, "uptime", core_json_seconds(mansio_now_us() - place->born_us));
    put_int(row, "restarts", place->restarts);
    put_int(row, "conns_open", slot != NULL ? atomic_load(&slot->conns_open) : 0);
    put_int(row, "conns_total", slot != NULL ? atomic_load(&slot->conns_total) : 0);
    put_int(row, "sessions_open", slot != NULL ? atomic_load(&slot->sessions_open) : 0);
    return row;
}

static void put_generations(struct core_master *master, json_t *status)
{
    json_t *generations = json_array();
    json_t *processes = json_array();
    struct sums total = {0, 0};
    CORE_LIST_EACH (link, follower, &master->generations) {
        struct core_generation *generation = CORE_CONTAINER(link, struct core_generation, link);
        struct sums sums = sums_of(generation);
        total.conns += sums.conns;
        total.sessions += sums.sessions;
        json_t *row = json_object();
        put_int(row, "number", generation->number);
        put(row, "state", json_string(core_generation_state_name(generation->state)));
        put(row, "since", core_json_time(generation->since_wall_us));
        put_int(row, "workers", generation->plan->workers);
        put_int(row, "conns", sums.conns);
        put_int(row, "sessions", sums.sessions);
        json_array_append_new(generations, row);
        for (size_t i = 0; i < generation->place_count; i++) {
            if (generation->places[i].state != CORE_PLACE_GONE) {
                json_array_append_new(processes, place_status(&generation->places[i]));
            }
        }
    }
    put(status, "generations", generations);
    put(status, "processes", processes);
    put(status, "totals",
        json_pack("{s:I, s:I}", "conns", (json_int_t)total.conns, "sessions",
                  (json_int_t)total.sessions));
}

static json_t *listeners_status(const struct core_master *master)
{
    json_t *list = json_array();
    const struct core_plan *plan = master->current != NULL ? master->current->plan : NULL;
    for (size_t i = 0; plan != NULL && i < plan->listener_count; i++) {
        const struct core_plan_listener *listener = &plan->listeners[i];
        json_t *row = json_object();
        put(row, "name", core_json_str(listener->name));
        put(row, "address", core_json_str(listener->address_text));
        put(row, "instance", core_json_str(listener->instance));
        put(row, "service", core_json_str(listener->service));
        put(row, "inherited",
            json_boolean(core_sockets_is_inherited(master->sockets, &listener->address)));
        json_array_append_new(list, row);
    }
    return list;
}

json_t *core_control_status(struct core_master *master)
{
    json_t *status = json_object();
    put(status, "version", json_string(PACKAGE_VERSION));
    put_int(status, "pid", (uint64_t)getpid());
    put(status, "build_id", json_string(master->build_ids.daemon));
    put(status, "library_build_id", json_string(master->build_ids.library));
    put(status, "state", json_string(core_master_state_name(master->state)));
    put(status, "config", core_json_str(mansio_str_from_cstr(master->config_path)));
    put(status, "started", core_json_time(master->started_wall_us));
    put(status, "uptime", core_json_seconds(mansio_now_us() - master->started_us));
    put_int(status, "generation", master->current != NULL ? master->current->number : 0);
    put_int(status, "reloads", master->reloads);
    put_int(status, "upgrades", master->upgrades);
    put_int(status, "crashes", master->crashes);
    if (master->last_reload != NULL) {
        json_object_set(status, "last_reload", master->last_reload);
    }
    put_generations(master, status);
    put(status, "listeners", listeners_status(master));
    return status;
}

json_t *core_control_modules(struct core_master *master)
{
    json_t *list = json_array();
    const struct core_plan *plan = master->current != NULL ? master->current->plan : NULL;
    for (size_t i = 0; plan != NULL && i < plan->instance_count; i++) {
        const struct core_plan_instance *instance = &plan->instances[i];
        char abi[32];
        snprintf(abi, sizeof abi, "%u.%u", instance->abi_major, instance->abi_minor);
        json_t *row = json_object();
        put(row, "instance", core_json_str(instance->name));
        put(row, "module", core_json_str(instance->module));
        put(row, "version", core_json_str(instance->version));
        put(row, "summary", core_json_str(instance->summary));
        put(row, "path", core_json_str(instance->path));
        put(row, "build_id", core_json_str(instance->build_id));
        put(row, "abi", json_string(abi));
        put(row, "build_tag", core_json_str(instance->build_tag));
        put_int(row, "inode", instance->inode);
        put(row, "mtime", core_json_time(instance->mtime_ns / 1000));
        json_array_append_new(list, row);
    }
    json_t *result = json_object();
    put_int(result, "generation", master->current != NULL ? master->current->number : 0);
    put(result, "instances", list);
    return result;
}

/* ---- sessions -------------------------------------------------------------------------------- */

static void fail(struct core_control_answer *answer, const char *code, const char *message)
{
    answer->code = code;
    snprintf(answer->message, sizeof answer->message, "%s", message);
}

/* An optional text of the arguments: "" if it isn't there, NULL if it's something else. */
static const char *optional_text(const json_t *args, const char *name)
{
    const json_t *value = json_object_get(args, name);
    return value == NULL ? "" : json_string_value(value);
}

static void take_sessions(const json_t *answers, size_t limit, json_t *result)
{
    json_t *sessions = json_array();
    json_int_t total = 0;
    for (size_t i = 0; i < json_array_size(answers); i++) {
        json_t *row = json_array_get(answers, i);
        json_t *part = json_object_get(row, "answer");
        total += json_integer_value(json_object_get(part, "total"));
        json_t *list = json_object_get(part, "sessions");
        for (size_t k = 0; k < json_array_size(list) && json_array_size(sessions) < limit; k++) {
            json_t *session = json_array_get(list, k);
            json_object_set(session, "worker", json_object_get(row, "index"));
            json_object_set(session, "role", json_object_get(row, "role"));
            json_object_set(session, "pid", json_object_get(row, "pid"));
            json_object_set(session, "generation", json_object_get(row, "generation"));
            json_array_append(sessions, session);
        }
    }
    put(result, "total", json_integer(total));
    put(result, "truncated", json_boolean(total > (json_int_t)json_array_size(sessions)));
    put(result, "sessions", sessions);
}

void core_control_sessions_list(struct core_master *master, const json_t *args,
                                struct core_control_answer *answer)
{
    const char *service = optional_text(args, "service");
    const char *instance = optional_text(args, "instance");
    const char *account = optional_text(args, "account");
    const json_t *limit_value = json_object_get(args, "limit");
    json_int_t limit = limit_value == NULL ? LIMIT_DEFAULT : json_integer_value(limit_value);
    if (service == NULL || instance == NULL || account == NULL || limit < 1 || limit > LIMIT_MAX) {
        fail(answer, "bad_request",
             "sessions.list: service, instance and account are texts, limit is 1 to 100000");
        return;
    }
    json_t *json = json_pack("{s:s, s:s, s:s, s:I}", "service", service, "instance", instance,
                             "account", account, "limit", limit);
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    struct core_message question = {
        .type = CORE_MESSAGE_SESSIONS,
        .payload = mansio_str_from_cstr(text),
    };
    json_t *answers = NULL;
    json_t *silent = NULL;
    int rc =
        core_ask(master, &question, NULL, NULL, mansio_deadline_in(SESSIONS_US), &answers, &silent);
    free(text);
    if (rc < 0) {
        fail(answer, "internal", mansio_error_detail());
        return;
    }
    answer->result = json_object();
    take_sessions(answers, (size_t)limit, answer->result);
    put(answer->result, "silent", silent);
    json_decref(answers);
}

void core_control_sessions_kill(struct core_master *master, const json_t *args,
                                struct core_control_answer *answer)
{
    const json_t *account = json_object_get(args, "account");
    const char *id = json_string_value(account != NULL ? account : json_object_get(args, "id"));
    if (id == NULL || id[0] == '\0' || strlen(id) > ID_MAX ||
        (strchr(id, '@') != NULL) != (account != NULL)) {
        fail(answer, "bad_request",
             "sessions.kill: id is a session's id, or account an account's address");
        return;
    }
    struct core_message question = {
        .type = CORE_MESSAGE_KILL,
        .payload = mansio_str_from_cstr(id),
    };
    json_t *answers = NULL;
    json_t *silent = NULL;
    int rc =
        core_ask(master, &question, NULL, NULL, mansio_deadline_in(SESSIONS_US), &answers, &silent);
    if (rc < 0) {
        fail(answer, "internal", mansio_error_detail());
        return;
    }
    json_int_t killed = 0;
    for (size_t i = 0; i < json_array_size(answers); i++) {
        const json_t *part = json_object_get(json_array_get(answers, i), "answer");
        killed += json_integer_value(json_object_get(part, "killed"));
    }
    if (killed > 0) {
        answer->result = json_pack("{s:I}", "killed", killed);
    } else if (json_array_size(silent) > 0) {
        fail(answer, "timeout", "not found, but some processes did not answer");
    } else {
        fail(answer, "not_found", "no such session");
    }
    json_decref(answers);
    json_decref(silent);
}
