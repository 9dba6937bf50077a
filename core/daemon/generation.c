/*
 * Generations: the set of processes of one checked plan, from starting to gone. See generation.h.
 * Owns plan, source and places; frees itself when its last process has ended.
 */
#include "core/daemon/generation.h"

#include <stdatomic.h>
#include <unistd.h>

#include "core/daemon/channel.h"
#include "core/daemon/master.h"
#include "core/daemon/plan.h"
#include "core/host/shm.h"
#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/module.h>

const char *core_generation_state_name(enum core_generation_state state)
{
    switch (state) {
    case CORE_GENERATION_READY:
        return "ready";
    case CORE_GENERATION_DRAINING:
        return "draining";
    case CORE_GENERATION_STARTING:
        break;
    }
    return "starting";
}

struct core_generation *core_generation_new(struct core_master *master, uint32_t number,
                                            struct core_plan *plan, int source_fd)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "generation", 0);
    struct core_generation *generation = mansio_arena_alloc(arena, sizeof *generation);
    *generation = (struct core_generation){
        .master = master,
        .arena = arena,
        .number = number,
        .state = CORE_GENERATION_STARTING,
        .since_wall_us = mansio_wall_us(),
        .plan = plan,
        .source_fd = source_fd,
        .place_count = plan->workers + 1,
        .group = mansio_group_new("generation"),
        .changed = mansio_event_new(arena),
    };
    generation->places =
        mansio_arena_try_alloc(arena, generation->place_count * sizeof *generation->places);
    MANSIO_ASSERT(generation->places != NULL);
    for (uint32_t i = 0; i < generation->place_count; i++) {
        int is_service = i == plan->workers;
        generation->places[i] = (struct core_place){
            .generation = generation,
            .index = is_service ? 0 : i,
            .role = is_service ? MANSIO_ROLE_SERVICE : MANSIO_ROLE_WORKER,
            .state = CORE_PLACE_STARTING,
            .child = {.pid = 0, .pidfd = -1},
            .deadline_us = MANSIO_NEVER,
            .poke = mansio_event_new(arena),
        };
    }
    core_list_push_back(&master->generations, &generation->link);
    return generation;
}

/* Waits for the last process, then frees the generation. */
static int bury(void *arg)
{
    struct core_generation *generation = arg;
    struct core_master *master = generation->master;
    for (;;) { /* also when cancelled: places have deadlines of their own, and closing cancels */
        int rc = mansio_group_join(generation->group, MANSIO_NEVER);
        if (rc == 0 || rc == MANSIO_E_CANCELLED) {
            break;
        }
    }
    mansio_group_close(generation->group);
    mansio_log(MANSIO_LOG_INFO, "generation-gone", MANSIO_KV_INT("gen", generation->number),
               MANSIO_KV_END);
    core_list_remove(&generation->link);
    if (master->current == generation) {
        master->current = NULL;
    }
    core_plan_free(generation->plan);
    close(generation->source_fd);
    mansio_arena_free(generation->arena);
    mansio_event_set(master->generations_changed);
    return 0;
}

int core_generation_launch(struct core_generation *generation)
{
    for (size_t i = 0; i < generation->place_count; i++) {
        int rc = core_place_launch(&generation->places[i]);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

int core_generation_wait_ready(struct core_generation *generation, int64_t deadline_us)
{
    for (;;) {
        mansio_event_clear(generation->changed);
        size_t ready = 0;
        for (size_t i = 0; i < generation->place_count; i++) {
            ready += core_place_is_up(&generation->places[i]);
        }
        if (generation->is_failed) {
            return mansio_fail(generation->is_misfit ? MANSIO_E_BUSY : MANSIO_E_UNAVAILABLE, "%s",
                               generation->failure);
        }
        if (ready == generation->place_count) {
            return 0;
        }
        struct mansio_waitable *source = mansio_event_waitable(generation->changed);
        int rc = mansio_wait(&source, 1, deadline_us, 0);
        if (rc == MANSIO_E_TIMEOUT) {
            return mansio_fail(MANSIO_E_TIMEOUT,
                               "generation %u: %zu of %zu processes were ready "
                               "in time",
                               generation->number, ready, generation->place_count);
        }
        if (rc < 0) {
            return rc;
        }
    }
}

void core_generation_serve(struct core_generation *generation)
{
    generation->state = CORE_GENERATION_READY;
    generation->since_wall_us = mansio_wall_us();
    for (size_t i = 0; i < generation->place_count; i++) {
        core_place_accept(&generation->places[i]);
    }
}

/* Tell all at once, by shared memory, to accept no more. DRAIN reaches one after the other, and
 * whom the first tells goodbye must not be let in by the last: it would be told to go again. */
static void shut(const struct core_generation *generation)
{
    for (size_t i = 0; i < generation->place_count; i++) {
        const struct core_place *place = &generation->places[i];
        if (core_place_is_up(place)) {
            atomic_store(&core_shm_slot(generation->master->shm, place->slot)->state,
                         CORE_SLOT_DRAINING);
        }
    }
}

void core_generation_drain(struct core_generation *generation, int64_t spread_us,
                           int64_t deadline_us)
{
    int is_first = generation->state != CORE_GENERATION_DRAINING;
    generation->state = CORE_GENERATION_DRAINING;
    shut(generation);
    for (size_t i = 0; i < generation->place_count; i++) {
        core_place_drain(&generation->places[i], spread_us, deadline_us);
    }
    if (!is_first) {
        return;
    }
    generation->since_wall_us = mansio_wall_us();
    int rc = mansio_group_spawn(generation->master->group, "bury", bury, generation, NULL);
    if (rc < 0) {
        mansio_log(MANSIO_LOG_ERROR, "generation-not-buried", MANSIO_KV_CODE("error", rc),
                   MANSIO_KV_END);
    }
}

int core_generation_resume(struct core_generation *generation)
{
    int rc = core_generation_launch(generation);
    if (rc < 0 || generation->state == CORE_GENERATION_READY) {
        return rc;
    }
    generation->state = CORE_GENERATION_DRAINING;
    return mansio_group_spawn(generation->master->group, "bury", bury, generation, NULL);
}

void core_generation_renew(struct core_generation *generation, struct core_plan *plan,
                           int source_fd)
{
    core_plan_free(generation->plan);
    close(generation->source_fd);
    generation->plan = plan;
    generation->source_fd = source_fd;
    for (size_t i = 0; i < generation->place_count; i++) {
        struct core_place *place = &generation->places[i];
        place->is_stale = place->state == CORE_PLACE_STARTING;
    }
}
