/*
 * The conductor: starting and reloading. See reload.h; what is asked of it is operation.c. Whatever
 * fails before the new generation is ready leaves everything as it was.
 */
#include "core/daemon/reload.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/daemon/ask.h"
#include "core/daemon/channel.h"
#include "core/daemon/check.h"
#include "core/daemon/control.h"
#include "core/daemon/decide.h"
#include "core/daemon/generation.h"
#include "core/daemon/json.h"
#include "core/daemon/master.h"
#include "core/daemon/plan.h"
#include "core/daemon/privileges.h"
#include "core/daemon/sockets.h"
#include "core/daemon/upgrade.h"
#include "core/host/shm.h"
#include "core/loop/loop.h"
#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/str.h>

#define READY_US       (70 * MANSIO_SECOND) /* a place has 60 s */
#define BIND_START_US  (60 * MANSIO_SECOND) /* an earlier master's workers end within seconds */
#define BIND_RELOAD_US (2 * MANSIO_SECOND)
#define SLOTS_US       (10 * MANSIO_SECOND) /* beyond the drain's deadline */
#define LIVE_US        (10 * MANSIO_SECOND)

enum { MISFIT_ROUNDS = 3, STATUS_TEXT_MAX = 128, MESSAGE_MAX = 768 };

/* What a check gave. */
struct checked {
    struct core_plan *plan;
    int source_fd;
};

/* ---- steps ----------------------------------------------------------------------------------- */

static int check(struct core_master *master, struct core_operation *operation, int state_fd,
                 struct checked *out)
{
    struct core_check_request request = {
        .config_path = master->config_path,
        .running_fd = master->current != NULL ? master->current->source_fd : -1,
        .running_generation = master->current != NULL ? master->current->number : 0,
        .state_fd = state_fd,
        .shm_fd = state_fd >= 0 ? core_shm_fd(master->shm) : -1,
    };
    struct mansio_str reason = MANSIO_STR_NONE;
    int rc = core_check(operation->arena, &request, &out->plan, &out->source_fd, &reason);
    if (rc < 0 && rc != MANSIO_E_CANCELLED) {
        core_operation_refuse(operation, "refused", reason);
    }
    return rc;
}

static void drop(struct checked *checked)
{
    core_plan_free(checked->plan);
    if (checked->source_fd >= 0) {
        close(checked->source_fd);
    }
    *checked = (struct checked){.source_fd = -1};
}

/* What cannot change while we run. */
static int check_constants(const struct core_master *master, const struct core_plan *plan)
{
    const struct core_plan *running = master->current != NULL ? master->current->plan : NULL;
    if (running != NULL && (!mansio_str_eq(running->user, plan->user) ||
                            !mansio_str_eq(running->group, plan->group))) {
        return mansio_fail(MANSIO_E_UNSUPPORTED,
                           "user, group: found \"%.*s\", \"%.*s\"; changing them takes a restart",
                           MANSIO_STR_ARG(plan->user), MANSIO_STR_ARG(plan->group));
    }
    if (plan->workers > (CORE_SHM_SLOTS - 1) / 2 - 1) {
        return mansio_fail(MANSIO_E_LIMIT, "workers: found %u, at most %d are possible",
                           plan->workers, (CORE_SHM_SLOTS - 1) / 2 - 1);
    }
    return 0;
}

static int bind_one(struct core_master *master, const struct core_address *address,
                    uint32_t backlog, uint32_t mode, int64_t deadline_us)
{
    struct core_socket_want want = {address, backlog, mode};
    int fd = -1; /* stays with the sockets */
    return core_sockets_open_wait(master->sockets, &want, deadline_us, &fd);
}

/* Every address of a plan is bound, by us, before any child starts. */
static int bind_all(struct core_master *master, const struct core_plan *plan, int64_t within_us)
{
    int64_t deadline_us = mansio_deadline_in(within_us);
    int rc = 0;
    for (size_t i = 0; rc >= 0 && i < plan->listener_count; i++) {
        const struct core_plan_listener *listener = &plan->listeners[i];
        rc = bind_one(master, &listener->address, listener->backlog, listener->unix_mode,
                      deadline_us);
        if (rc < 0) {
            return mansio_fail(rc, "listener %.*s: %s", MANSIO_STR_ARG(listener->name),
                               mansio_error_detail());
        }
    }
    struct core_address address;
    if (rc >= 0 && plan->metrics_address.len > 0) {
        rc = core_address_parse(plan->metrics_address, &address);
        if (rc >= 0) {
            rc = bind_one(master, &address, CORE_METRICS_BACKLOG, 0666, deadline_us);
        }
    }
    if (rc >= 0) {
        rc = core_control_address(plan, &address);
    }
    if (rc >= 0) {
        rc = bind_one(master, &address, CORE_CONTROL_BACKLOG, plan->control_mode, deadline_us);
    }
    return rc < 0 ? rc : 0;
}

static int is_wanted_by(const struct core_plan *plan, const struct core_address *address)
{
    struct core_address other;
    for (size_t i = 0; i < plan->listener_count; i++) {
        if (core_address_eq(&plan->listeners[i].address, address)) {
            return 1;
        }
    }
    return (plan->metrics_address.len > 0 &&
            core_address_parse(plan->metrics_address, &other) == 0 &&
            core_address_eq(&other, address)) ||
           (core_control_address(plan, &other) == 0 && core_address_eq(&other, address));
}

static int is_wanted(void *arg, const struct core_address *address)
{
    const struct core_master *master = arg;
    return master->current != NULL && is_wanted_by(master->current->plan, address);
}

/* Shared memory has room for two generations: wait for older ones, and hurry them, if need be. */
static int wait_slots(struct core_master *master, size_t needed)
{
    int64_t deadline_us = MANSIO_NEVER;
    while (core_master_free_slots(master) < needed) {
        if (deadline_us == MANSIO_NEVER) {
            int64_t longest_us = 0;
            CORE_LIST_EACH (link, follower, &master->generations) {
                struct core_generation *old = CORE_CONTAINER(link, struct core_generation, link);
                if (old->state == CORE_GENERATION_DRAINING) {
                    int64_t within_us = old->plan->drain_deadline_us;
                    core_generation_drain(old, 0, within_us);
                    longest_us = within_us > longest_us ? within_us : longest_us;
                }
            }
            deadline_us = mansio_deadline_in(longest_us + SLOTS_US);
        }
        mansio_event_clear(master->generations_changed);
        struct mansio_waitable *source = mansio_event_waitable(master->generations_changed);
        int rc = mansio_wait(&source, 1, deadline_us, 0);
        if (rc == MANSIO_E_TIMEOUT) {
            return mansio_fail(MANSIO_E_LIMIT, "generations that drain leave no room for another");
        }
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/* Takes what was checked. On success it's in service, and what was before drains. */
static int replace_generation(struct core_master *master, struct checked *checked,
                              int64_t bind_within_us)
{
    int rc = check_constants(master, checked->plan);
    if (rc >= 0) {
        rc = wait_slots(master, checked->plan->workers + 1);
    }
    if (rc >= 0) {
        rc = bind_all(master, checked->plan, bind_within_us);
    }
    if (rc < 0) {
        core_sockets_prune(master->sockets, is_wanted, master);
        drop(checked);
        return rc;
    }
    struct core_generation *generation =
        core_generation_new(master, ++master->last_number, checked->plan, checked->source_fd);
    rc = core_generation_launch(generation);
    if (rc >= 0) {
        rc = core_generation_wait_ready(generation, mansio_deadline_in(READY_US));
    }
    if (rc < 0) {
        core_generation_drain(generation, 0, 0); /* frees itself */
        core_sockets_prune(master->sockets, is_wanted, master);
        return rc;
    }
    struct core_generation *old = master->current;
    master->current = generation;
    core_generation_serve(generation);
    if (old != NULL) {
        core_generation_drain(old, old->plan->drain_spread_us, old->plan->drain_deadline_us);
    }
    core_master_adopt(master, generation->plan);
    core_sockets_prune(master->sockets, is_wanted, master);
    core_sockets_warn_unwanted(master->sockets, is_wanted, master);
    return 0;
}

static int is_of_current(void *arg, const struct core_place *place)
{
    return place->generation == arg;
}

/* Live settings, to every process that runs; takes what was checked. */
static int apply_live(struct core_master *master, struct checked *checked,
                      char message[MESSAGE_MAX])
{
    struct core_generation *generation = master->current;
    struct core_message question = {
        .type = CORE_MESSAGE_RECONFIGURE, .fd_count = 1, .fds = {checked->source_fd}};
    core_generation_renew(generation, checked->plan, checked->source_fd);
    core_master_adopt(master, checked->plan);
    json_t *answers = NULL;
    json_t *silent = NULL;
    (void)snprintf(message, MESSAGE_MAX, "live settings applied");
    int rc = core_ask(master, &question, is_of_current, generation, mansio_deadline_in(LIVE_US),
                      &answers, &silent);
    if (rc < 0) {
        return rc;
    }
    size_t i = 0;
    json_t *row = NULL;
    json_array_foreach(answers, i, row)
    {
        const json_t *answer = json_object_get(row, "answer");
        const char *detail = json_string_value(json_object_get(answer, "detail"));
        if (json_is_true(json_object_get(answer, "ok"))) {
            if (detail != NULL && detail[0] != '\0') { /* a module's own complaint */
                (void)snprintf(message, MESSAGE_MAX, "live settings applied, but %s", detail);
            }
        } else {
            rc = mansio_fail(MANSIO_E_INVALID, "process %lld: %s",
                             (long long)json_integer_value(json_object_get(row, "pid")),
                             detail != NULL ? detail : "?");
        }
    }
    if (rc == 0 && json_array_size(silent) > 0) {
        rc = mansio_fail(MANSIO_E_TIMEOUT, "%zu processes did not take the new settings in time",
                         json_array_size(silent));
    }
    json_decref(answers);
    json_decref(silent);
    generation->is_uneven = rc < 0; /* then the next reload makes it even: a new generation */
    return rc;
}

/* ---- operations ------------------------------------------------------------------------------ */

/* One round of a reload. MANSIO_E_BUSY: files changed meanwhile, do it again. */
static int reload_round(struct core_master *master, struct core_operation *operation)
{
    struct checked checked = {.source_fd = -1};
    int rc = check(master, operation, -1, &checked);
    if (rc < 0) {
        return rc;
    }
    json_array_clear(operation->changes);
    enum core_decision decision =
        core_decide(&master->build_ids, master->current->plan, checked.plan,
                    operation->is_forced || master->current->is_uneven, operation->changes);
    char message[MESSAGE_MAX] = "nothing changed";
    if (decision == CORE_DECISION_UPGRADE) {
        drop(&checked);
        rc = core_upgrade(master, operation); /* comes back only when it failed */
    } else if (decision == CORE_DECISION_GENERATION) {
        rc = replace_generation(master, &checked, BIND_RELOAD_US);
        if (rc == 0) {
            master->reloads++;
            snprintf(message, sizeof message, "%sgeneration %u ready",
                     operation->is_upgraded ? "binary upgraded, " : "", master->current->number);
        }
    } else if (decision == CORE_DECISION_LIVE) {
        rc = apply_live(master, &checked, message);
    } else {
        drop(&checked);
    }
    if (rc < 0) {
        if (operation->reason.len == 0 && rc != MANSIO_E_BUSY && rc != MANSIO_E_CANCELLED) {
            core_operation_refuse(operation, "refused", MANSIO_STR_NONE);
        }
        return rc;
    }
    core_operation_conclude(master, operation,
                            operation->is_upgraded ? "upgraded" : core_decision_name(decision),
                            message);
    return 0;
}

static void conclude_failed(struct core_master *master, struct core_operation *operation, int rc)
{
    if (rc == MANSIO_E_CANCELLED || master->state == CORE_MASTER_STOPPING) {
        core_operation_refuse(operation, "stopping", MANSIO_STR("the daemon is stopping"));
    } else if (operation->reason.len == 0) {
        core_operation_refuse(operation, "refused", MANSIO_STR_NONE);
    }
    core_operation_conclude(master, operation, "refused", "");
}

static void reload(struct core_master *master, struct core_operation *operation)
{
    master->state = CORE_MASTER_RELOADING;
    core_notify_reloading("Reloading");
    int rc = MANSIO_E_BUSY;
    for (int round = 0; rc == MANSIO_E_BUSY && round < MISFIT_ROUNDS; round++) {
        rc = reload_round(master, operation);
    }
    if (rc < 0) {
        conclude_failed(master, operation, rc);
    }
    if (rc != MANSIO_E_CANCELLED && master->state != CORE_MASTER_STOPPING) {
        master->state = CORE_MASTER_RUNNING;
        char status[STATUS_TEXT_MAX];
        snprintf(status, sizeof status, "Generation %u",
                 master->current != NULL ? master->current->number : 0);
        core_notify_ready(status);
    }
}

/* ---- the first start ------------------------------------------------------------------------- */

/* The directory of the control socket, as systemd's RuntimeDirectory= would have it. */
static int make_directory(const struct core_plan *plan)
{
    char path[256];
    int n = snprintf(path, sizeof path, "%.*s", MANSIO_STR_ARG(plan->control_path));
    char *slash = n > 0 && (size_t)n < sizeof path ? strrchr(path, '/') : NULL;
    if (slash == NULL || slash == path || geteuid() != 0) {
        return 0;
    }
    *slash = '\0';
    return core_privileges_make_directory(path, plan->user, plan->group);
}

static int become_user(const struct core_plan *plan)
{
    if (plan->user.len > 0 && geteuid() != 0) {
        mansio_log(MANSIO_LOG_INFO, "user-not-changed",
                   MANSIO_KV_CSTR("reason", "not started as root"), MANSIO_KV_END);
    } else if (geteuid() == 0 && plan->user.len == 0) {
        mansio_log(MANSIO_LOG_WARNING, "running-as-root",
                   MANSIO_KV_CSTR("advice", "set user in the configuration"), MANSIO_KV_END);
    }
    int rc = make_directory(plan);
    return rc < 0 ? rc : core_privileges_become(plan->user, plan->group, 1);
}

static int start_round(struct core_master *master, struct core_operation *operation)
{
    struct checked checked = {.source_fd = -1};
    int rc = check(master, operation, -1, &checked);
    if (rc < 0) {
        return rc;
    }
    if (core_privileges_needed(checked.plan->user) || geteuid() == 0 ||
        checked.plan->user.len > 0) {
        rc = become_user(checked.plan);
    }
    if (rc < 0) {
        drop(&checked);
        return rc;
    }
    core_master_adopt_log(master, checked.plan);
    return replace_generation(master, &checked, BIND_START_US);
}

static int start(struct core_master *master)
{
    struct core_operation *operation = core_operation_new();
    int rc = MANSIO_E_BUSY;
    for (int round = 0; rc == MANSIO_E_BUSY && round < MISFIT_ROUNDS; round++) {
        rc = start_round(master, operation);
    }
    if (rc == MANSIO_E_CANCELLED) {
        core_operation_free(operation);
        return rc;
    }
    if (rc < 0) {
        if (operation->reason.len == 0) {
            core_operation_refuse(operation, "refused", MANSIO_STR_NONE);
        }
        fprintf(stderr, "mansiod: %.*s\n", MANSIO_STR_ARG(operation->reason));
        mansio_log(MANSIO_LOG_ERROR, "not-started", MANSIO_KV_STR("reason", operation->reason),
                   MANSIO_KV_END);
        master->exit_code = 1;
        core_operation_free(operation);
        core_master_stop(master);
        return rc;
    }
    core_operation_free(operation);
    master->state = CORE_MASTER_RUNNING;
    mansio_log(MANSIO_LOG_INFO, "started", MANSIO_KV_INT("gen", master->last_number),
               MANSIO_KV_INT("workers", master->current->plan->workers), MANSIO_KV_END);
    core_notify_ready("Generation 1");
    return 0;
}

static void finish(struct core_operation *operation)
{
    if (operation->is_waited_for) {
        mansio_event_set(operation->done);
    } else {
        core_operation_free(operation);
    }
}

int core_conductor_run(struct core_master *master, int is_resumed)
{
    int rc = is_resumed ? 0 : start(master);
    while (rc >= 0) {
        mansio_event_clear(master->operated);
        if (core_list_is_empty(&master->operations)) {
            struct mansio_waitable *source = mansio_event_waitable(master->operated);
            rc = mansio_wait(&source, 1, MANSIO_NEVER, 0);
            continue;
        }
        struct core_operation *operation =
            CORE_CONTAINER(master->operations.next, struct core_operation, link);
        core_list_remove(&operation->link);
        master->running = operation;
        reload(master, operation);
        master->running = NULL;
        finish(operation);
    }
    while (!core_list_is_empty(&master->operations)) {
        struct core_operation *operation =
            CORE_CONTAINER(master->operations.next, struct core_operation, link);
        core_list_remove(&operation->link);
        conclude_failed(master, operation, MANSIO_E_CANCELLED);
        finish(operation);
    }
    return rc;
}
