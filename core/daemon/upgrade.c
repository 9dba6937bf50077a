/*
 * Binary upgrade. See upgrade.h. The order: the new binary, as a checking child, reads our state
 * and maps our shared memory; what is queued for children is sent; the state is written as it is
 * then, every descriptor in it made to survive exec; exec. If exec fails, that is undone.
 *
 * Times in the state are of the monotonic clock, which goes on over exec.
 */
#include "core/daemon/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "core/daemon/channel.h"
#include "core/daemon/check.h"
#include "core/daemon/control.h"
#include "core/daemon/generation.h"
#include "core/daemon/json.h"
#include "core/daemon/master.h"
#include "core/daemon/plan.h"
#include "core/daemon/reload.h"
#include "core/daemon/sockets.h"
#include "core/daemon/spawn.h"
#include "core/daemon/state.h"
#include "core/daemon/state_form.h"
#include "core/daemon/ticket.h"
#include "core/host/shm.h"
#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/str.h>

#define FLUSH_US (2 * MANSIO_SECOND)

enum { OPTION_MAX = 32 };

/* ---- writing --------------------------------------------------------------------------------- */

static json_t *place_to_json(const struct core_place *place)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:i, s:I, s:I, s:I, s:I, s:I, s:I}", "index",
                     (json_int_t)place->index, "role", (json_int_t)place->role, "state",
                     (json_int_t)place->state, "pid", (json_int_t)place->child.pid, "channel",
                     place->channel != NULL ? core_channel_fd(place->channel) : -1, "slot",
                     (json_int_t)place->slot, "restarts", (json_int_t)place->restarts, "born_us",
                     (json_int_t)place->born_us, "born_wall_us", (json_int_t)place->born_wall_us,
                     "deadline_us", (json_int_t)place->deadline_us, "backoff_us",
                     (json_int_t)place->backoff.next_us);
}

static json_t *generation_to_json(const struct core_generation *generation)
{
    json_t *places = json_array();
    for (size_t i = 0; i < generation->place_count; i++) {
        json_array_append_new(places, place_to_json(&generation->places[i]));
    }
    return json_pack("{s:I, s:I, s:I, s:o, s:i, s:o}", "number", (json_int_t)generation->number,
                     "state", (json_int_t)generation->state, "since_wall_us",
                     (json_int_t)generation->since_wall_us, "plan",
                     core_plan_to_json(generation->plan), "source", generation->source_fd, "places",
                     places);
}

static json_t *operation_to_json(const struct core_operation *operation)
{
    return json_pack("{s:b, s:i, s:O}", "forced", operation->is_forced, "client",
                     operation->client_fd, "changes", operation->changes);
}

static json_t *to_json(const struct core_master *master, const struct core_operation *first)
{
    json_t *generations = json_array();
    CORE_LIST_EACH (link, follower, &master->generations) {
        json_array_append_new(
            generations, generation_to_json(CORE_CONTAINER(link, struct core_generation, link)));
    }
    json_t *operations = json_array();
    json_array_append_new(operations, operation_to_json(first));
    CORE_LIST_EACH (at, next, &master->operations) {
        json_array_append_new(operations,
                              operation_to_json(CORE_CONTAINER(at, struct core_operation, link)));
    }
    json_t *json = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:o, s:o, s:o, s:O?}", "last_number",
        (json_int_t)master->last_number, "current", (json_int_t)master->current->number, "reloads",
        (json_int_t)master->reloads, "upgrades", (json_int_t)master->upgrades, "crashes",
        (json_int_t)master->crashes, "started_us", (json_int_t)master->started_us,
        "started_wall_us", (json_int_t)master->started_wall_us, "shm", core_shm_fd(master->shm),
        "sockets", core_sockets_to_json(master->sockets), "generations", generations, "operations",
        operations, "last_reload", master->last_reload);
    core_ticket_secret_put(json, master->ticket_secret);
    return json;
}

/* ---- descriptors over exec ------------------------------------------------------------------- */

static void set_cloexec(int fd, int is_cloexec)
{
    if (fd >= 0) {
        fcntl(fd, F_SETFD, is_cloexec ? FD_CLOEXEC : 0);
    }
}

static void set_all_cloexec(struct core_master *master, const struct core_operation *first,
                            int is_cloexec)
{
    core_sockets_set_cloexec(master->sockets, is_cloexec);
    set_cloexec(core_shm_fd(master->shm), is_cloexec);
    set_cloexec(first->client_fd, is_cloexec);
    CORE_LIST_EACH (at, next, &master->operations) {
        set_cloexec(CORE_CONTAINER(at, struct core_operation, link)->client_fd, is_cloexec);
    }
    CORE_LIST_EACH (link, follower, &master->generations) {
        struct core_generation *generation = CORE_CONTAINER(link, struct core_generation, link);
        set_cloexec(generation->source_fd, is_cloexec);
        for (size_t i = 0; i < generation->place_count; i++) {
            if (generation->places[i].channel != NULL) {
                set_cloexec(core_channel_fd(generation->places[i].channel), is_cloexec);
            }
        }
    }
}

/* ---- becoming the new binary ----------------------------------------------------------------- */

static int validate(struct core_master *master, struct core_operation *operation)
{
    int state_fd = -1;
    int rc = core_state_store(to_json(master, operation), &state_fd);
    if (rc < 0) {
        return rc;
    }
    struct core_check_request request = {
        .config_path = master->config_path,
        .running_fd = master->current->source_fd,
        .running_generation = master->current->number,
        .state_fd = state_fd,
        .shm_fd = core_shm_fd(master->shm),
    };
    struct core_plan *plan = NULL;
    int source_fd = -1;
    struct mansio_str reason = MANSIO_STR_NONE;
    rc = core_check(operation->arena, &request, &plan, &source_fd, &reason);
    close(state_fd);
    if (rc < 0) {
        return mansio_fail(MANSIO_E_INVALID, "binary upgrade: %.*s", MANSIO_STR_ARG(reason));
    }
    core_plan_free(plan);
    close(source_fd);
    return 0;
}

/* What waits for children must be sent: the queue doesn't survive. */
static void flush_all(struct core_master *master)
{
    int64_t deadline_us = mansio_deadline_in(FLUSH_US);
    for (;;) {
        size_t queued = 0;
        CORE_LIST_EACH (link, follower, &master->generations) {
            struct core_generation *generation = CORE_CONTAINER(link, struct core_generation, link);
            for (size_t i = 0; i < generation->place_count; i++) {
                if (generation->places[i].channel != NULL) {
                    queued += core_channel_queued(generation->places[i].channel);
                }
            }
        }
        if (queued == 0 || mansio_now_us() > deadline_us ||
            mansio_fiber_sleep_until(mansio_deadline_in(10 * MANSIO_MS)) < 0) {
            return;
        }
    }
}

int core_upgrade(struct core_master *master, struct core_operation *operation)
{
    master->state = CORE_MASTER_UPGRADING;
    int rc = validate(master, operation);
    if (rc < 0) {
        return rc;
    }
    flush_all(master);
    if (mansio_fiber_is_cancelled()) {
        return mansio_fail(MANSIO_E_CANCELLED, "binary upgrade: the daemon is stopping");
    }
    /* From here to exec nothing yields: what the state says stays true. */
    int state_fd = -1;
    rc = core_state_store(to_json(master, operation), &state_fd);
    if (rc < 0) {
        return rc;
    }
    char resume[OPTION_MAX];
    snprintf(resume, sizeof resume, "--resume=%d", state_fd);
    const char *argv[] = {core_spawn_path(), "--config", master->config_path, resume, NULL};
    mansio_log(MANSIO_LOG_INFO, "upgrading", MANSIO_KV_CSTR("binary", core_spawn_path()),
               MANSIO_KV_END);
    set_all_cloexec(master, operation, 0);
    set_cloexec(state_fd, 0);
    execv(core_spawn_path(), (char *const *)(uintptr_t)argv);
    int err = errno;
    set_all_cloexec(master, operation, 1);
    close(state_fd);
    return mansio_fail(MANSIO_E_IO, "binary upgrade: exec %s: %s", core_spawn_path(),
                       strerror(err));
}

/* ---- reading --------------------------------------------------------------------------------- */

static int restore_place(struct core_place *place, const json_t *json)
{
    struct core_place_form form;
    int rc = core_place_form_read(json, &form);
    if (rc < 0) {
        return rc;
    }
    place->index = (uint32_t)form.index;
    place->role = (uint32_t)form.role;
    place->restarts = (uint32_t)form.restarts;
    place->born_us = form.born_us;
    place->born_wall_us = form.born_wall_us;
    place->backoff.next_us = form.backoff_us;
    if (form.pid <= 0 || form.channel_fd < 0) {
        place->state = form.state == CORE_PLACE_GONE ? CORE_PLACE_GONE : CORE_PLACE_WAITING;
        return 0;
    }
    place->state = (enum core_place_state)form.state;
    place->child =
        (struct core_child){.pid = (pid_t)form.pid, .pidfd = pidfd_open((pid_t)form.pid, 0)};
    place->slot = (uint32_t)form.slot;
    place->deadline_us = form.deadline_us;
    place->is_restored = 1;
    if (place->child.pidfd < 0) {
        int err = errno; /* unreaped children keep their pid, so this is no race */
        return mansio_fail(MANSIO_E_IO, "state: pidfd_open %d: %s", (int)form.pid, strerror(err));
    }
    set_cloexec(form.channel_fd, 1);
    place->channel = core_channel_new(form.channel_fd);
    return 0;
}

static int restore_generation(struct core_master *master, const json_t *json, json_int_t current)
{
    struct core_generation_form form;
    struct core_plan *plan = NULL;
    int rc = core_generation_form_read(json, &form);
    if (rc == 0) {
        rc = core_plan_from_json(form.plan, &plan);
    }
    if (rc < 0) {
        return rc;
    }
    set_cloexec(form.source_fd, 1);
    struct core_generation *generation =
        core_generation_new(master, (uint32_t)form.number, plan, form.source_fd);
    generation->since_wall_us = form.since_wall_us;
    generation->state = (enum core_generation_state)form.state;
    for (size_t i = 0; rc == 0 && i < generation->place_count; i++) {
        rc = restore_place(&generation->places[i], json_array_get(form.places, i));
    }
    if (rc == 0 && generation->number == current) {
        master->current = generation;
    }
    return rc < 0 ? rc : core_generation_resume(generation);
}

static int restore_operations(struct core_master *master, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct core_operation_form form;
        int rc = core_operation_form_read(json_array_get(list, i), &form);
        if (rc < 0) {
            return rc;
        }
        struct core_operation *operation = core_reload_submit(master, form.is_forced || i == 0,
                                                              form.client_fd >= 0, form.client_fd);
        operation->is_upgraded = i == 0;
        json_array_extend(operation->changes, form.changes);
        if (form.client_fd >= 0) {
            set_cloexec(form.client_fd, 1);
            rc = core_control_resume(master, form.client_fd, operation);
            if (rc < 0) {
                core_operation_abandon(operation);
                close(form.client_fd);
            }
        }
    }
    return 0;
}

static int restore(struct core_master *master, const json_t *state)
{
    struct core_master_form form;
    int rc = core_state_form_check(state); /* before anything is touched */
    if (rc == 0) {
        rc = core_master_form_read(state, &form);
    }
    if (rc < 0) {
        return rc;
    }
    master->last_number = (uint32_t)form.last_number;
    master->reloads = (uint64_t)form.reloads;
    master->upgrades = (uint64_t)form.upgrades + 1;
    master->crashes = (uint64_t)form.crashes;
    master->started_us = form.started_us;
    master->started_wall_us = form.started_wall_us;
    master->last_reload = json_is_object(form.last_reload) ? json_incref(form.last_reload) : NULL;
    set_cloexec(form.shm_fd, 1);
    rc = core_shm_map(form.shm_fd, &master->shm);
    if (rc == 0) {
        rc = core_ticket_secret_get(master->arena, state, &master->ticket_secret);
    }
    if (rc == 0) {
        rc = core_sockets_from_json(master->sockets, form.sockets);
        core_sockets_set_cloexec(master->sockets, 1);
    }
    for (size_t i = 0; rc == 0 && i < json_array_size(form.generations); i++) {
        rc = restore_generation(master, json_array_get(form.generations, i), form.current);
    }
    if (rc == 0) {
        core_master_adopt(master, master->current->plan);
        rc = restore_operations(master, form.operations);
    }
    return rc;
}

int core_upgrade_restore(struct core_master *master, int state_fd)
{
    json_t *state = NULL;
    int rc = core_state_load(state_fd, &state);
    close(state_fd);
    if (rc == 0) {
        rc = restore(master, state);
        json_decref(state);
    }
    return rc;
}
