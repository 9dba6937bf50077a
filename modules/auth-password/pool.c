/*
 * Room for hashes. Whoever is first in line holds the gate while it waits for room, so that many
 * small hashes don't keep a large one waiting for ever.
 */
#include "pool.h"

#include "metrics.h"

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/sync.h>
#include <mansio/time.h>

struct auth_pool {
    struct mansio_instance *instance;
    struct mansio_mutex *gate;
    struct mansio_event *freed;
    uint32_t parallel, queue; /* bounds */
    uint64_t memory_bytes;
    uint32_t running, waiting;
    uint64_t used_bytes;
};

struct auth_pool *auth_pool_new(struct mansio_instance *instance)
{
    struct mansio_arena *arena = mansio_instance_arena(instance);
    struct auth_pool *pool = mansio_arena_alloc(arena, sizeof *pool);

    pool->instance = instance;
    pool->gate = mansio_mutex_new(arena);
    pool->freed = mansio_event_new(arena);
    return pool;
}

void auth_pool_configure(struct auth_pool *pool, uint32_t parallel, uint64_t memory_bytes,
                         uint32_t queue)
{
    pool->parallel = parallel;
    pool->memory_bytes = memory_bytes;
    pool->queue = queue;
    mansio_event_set(pool->freed); /* who waits looks again */
}

/* A hash that is larger than all room runs alone: what was allowed before a reload still runs. */
static int has_room(const struct auth_pool *pool, uint64_t memory_bytes)
{
    return pool->running == 0 ||
           (pool->running < pool->parallel && pool->used_bytes <= pool->memory_bytes &&
            memory_bytes <= pool->memory_bytes - pool->used_bytes);
}

static int wait_for_room(struct auth_pool *pool, uint64_t memory_bytes, int64_t deadline_us)
{
    struct mansio_waitable *freed = mansio_event_waitable(pool->freed);
    int rc = mansio_mutex_lock(pool->gate, deadline_us);

    if (rc < 0) {
        return rc;
    }
    while (rc >= 0 && !has_room(pool, memory_bytes)) {
        mansio_event_clear(pool->freed);
        rc = mansio_wait(&freed, 1, deadline_us, 0);
    }
    if (rc >= 0) {
        pool->running++;
        pool->used_bytes += memory_bytes;
    }
    mansio_mutex_unlock(pool->gate);
    return rc < 0 ? rc : 0;
}

int auth_pool_run(struct auth_pool *pool, uint64_t memory_bytes, mansio_offload_fn fn, void *arg,
                  int64_t deadline_us)
{
    int64_t came_us = mansio_now_us();
    int result = 0;

    if (deadline_us <= came_us) { /* an idle thread would begin all the same */
        return mansio_fail(MANSIO_E_TIMEOUT, "auth-password: no time left for a hash");
    }
    if (pool->waiting >= pool->queue) {
        mansio_metric_add(pool->instance, AUTH_METRIC_TURNED_AWAY, 1);
        return mansio_fail(MANSIO_E_LIMIT, "auth-password: %u logins wait for a hash already",
                           pool->waiting);
    }
    pool->waiting++;
    int rc = wait_for_room(pool, memory_bytes, deadline_us);
    pool->waiting--;
    if (rc < 0) {
        return rc;
    }
    int64_t begun_us = mansio_now_us();
    mansio_metric_observe(pool->instance, AUTH_METRIC_WAIT, begun_us - came_us);
    mansio_metric_add(pool->instance, AUTH_METRIC_MEMORY, (int64_t)memory_bytes);
    rc = mansio_offload(fn, arg, deadline_us, &result);
    mansio_metric_add(pool->instance, AUTH_METRIC_MEMORY, -(int64_t)memory_bytes);
    mansio_metric_observe(pool->instance, AUTH_METRIC_HASH, mansio_now_us() - begun_us);
    pool->running--;
    pool->used_bytes -= memory_bytes;
    mansio_event_set(pool->freed);
    return rc < 0 ? rc : result;
}
