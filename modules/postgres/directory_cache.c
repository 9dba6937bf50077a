/*
 * The cache, and the fiber that watches the epoch.
 *
 * Beside the epoch it keeps when it was last read: an answer is valid as long as that isn't too
 * long ago. The watcher has a connection of its own, so that a busy pool doesn't make what is
 * remembered look old; so have those who read standings.
 */
#include "directory_cache.h"

#include <mansio/bus.h>
#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/map.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "sql.h"

#define POLL_US       (500 * MANSIO_MS)
#define POLL_LIMIT_US (2 * MANSIO_SECOND) /* for one reading */
#define GRACE_US      MANSIO_SECOND       /* between two readings, nobody calls it late */

enum {
    ENTRIES_MAX = 1000000,
    HINTS_MAX = 16,
    STANDINGS_CONNS = 4, /* two batches of the gate's, and logins */
};

struct pg_cache {
    struct pg *pg;
    struct mansio_arena *arena;
    struct mansio_group *group;
    struct pg_pool *pool, *standings;
    struct mansio_map *answers;
    struct mansio_subscription *hints;
    uint64_t generation;
    int64_t epoch; /* 0: never read */
    int64_t read_us;
    int64_t told_us; /* when somebody else read it */
};

static void drop_all(struct pg_cache *cache)
{
    size_t cursor = 0;
    struct mansio_str key;
    void *value = NULL;
    cache->generation++;
    while (mansio_map_next(cache->answers, &cursor, &key, &value)) {
        struct pg_answer *answer = value;
        (void)mansio_map_remove(cache->answers, key);
        mansio_arena_free(answer->arena);
    }
    mansio_metric_add(cache->pg->instance, PG_METRIC_CACHE_DROPS, 1);
}

static void take_epoch(struct pg_cache *cache, int64_t epoch, int64_t asked_us)
{
    if (epoch != cache->epoch) {
        drop_all(cache);
        cache->epoch = epoch;
    }
    cache->read_us = asked_us;
}

static int read_epoch(struct pg_cache *cache)
{
    struct pg_conn *conn = NULL;
    const struct pg_result *result = NULL;
    int64_t asked_us = mansio_now_us();
    int rc = pg_borrow_ask(cache->pool, 0, PG_SQL_EPOCH, NULL, mansio_deadline_in(POLL_LIMIT_US),
                           &conn, &result);
    if (rc < 0) {
        return rc;
    }
    int64_t epoch = pg_rows(result) == 1 ? pg_get_int64(result, 0, 0) : 0;
    pg_give_back(conn);
    take_epoch(cache, epoch, asked_us);
    return 0;
}

struct pg_pool *pg_cache_pool(struct pg_cache *cache)
{
    return cache->pool;
}

struct pg_pool *pg_cache_standings_pool(struct pg_cache *cache)
{
    return cache->standings;
}

void pg_cache_told(struct pg_cache *cache, int64_t epoch, int64_t asked_us)
{
    take_epoch(cache, epoch, asked_us);
    cache->told_us = mansio_now_us();
}

/* Whether somebody else reads it often enough. */
static int is_told(const struct pg_cache *cache)
{
    return mansio_now_us() - cache->told_us < 2 * POLL_US;
}

static int watch(void *arg)
{
    struct pg_cache *cache = arg;
    struct mansio_waitable *hinted = mansio_subscription_readable(cache->hints);
    for (;;) {
        struct mansio_str payload;
        int64_t next_us = mansio_deadline_in(POLL_US);
        /* What went wrong is logged by the pool. */
        if (!is_told(cache) && read_epoch(cache) == MANSIO_E_CANCELLED) {
            return 0;
        }
        int rc = mansio_wait(&hinted, 1, next_us, 0);
        if (rc < 0 && rc != MANSIO_E_TIMEOUT) {
            return 0;
        }
        do {
            rc = mansio_subscription_next(cache->hints, 0, &payload);
        } while (rc == 0 || rc == MANSIO_E_LIMIT);
    }
}

struct pg_cache *pg_cache_new(struct pg *pg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "directory cache", 0);
    struct pg_cache *cache = mansio_arena_alloc(arena, sizeof *cache);
    cache->pg = pg;
    cache->arena = arena;
    cache->group = mansio_group_new("directory cache");
    cache->answers = mansio_map_new(arena, ENTRIES_MAX);
    cache->pool = pg_pool_new(pg, PG_ROLE_SERVING, "epoch", 1);
    cache->standings = pg_pool_new(pg, PG_ROLE_SERVING, "standings", STANDINGS_CONNS);
    pg_pool_be_eager(cache->pool);
    pg_pool_be_eager(cache->standings);
    cache->read_us = INT64_MIN / 2;
    cache->told_us = INT64_MIN / 2;
    int rc = mansio_bus_subscribe(arena, MANSIO_STR("directory"), HINTS_MAX, &cache->hints);
    if (rc == 0) {
        rc = mansio_group_spawn(cache->group, "directory epoch", watch, cache, NULL);
    }
    if (rc < 0) {
        /* Nothing is ever valid then: slower, not wrong. */
        mansio_log(MANSIO_LOG_WARNING, "directory-cache-off", MANSIO_KV_CODE("error", rc),
                   MANSIO_KV_END);
    }
    return cache;
}

void pg_cache_close(struct pg_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    mansio_group_close(cache->group);
    drop_all(cache);
    pg_pool_close(cache->pool);
    pg_pool_close(cache->standings);
    mansio_arena_free(cache->arena);
}

const struct pg_answer *pg_cache_get(struct pg_cache *cache, struct mansio_str key)
{
    int64_t age_us = mansio_now_us() - cache->read_us;
    if (age_us > cache->pg->config.cache_hold_us + GRACE_US) {
        return NULL;
    }
    return mansio_map_get(cache->answers, key);
}

uint64_t pg_cache_generation(const struct pg_cache *cache)
{
    return cache->generation;
}

void pg_cache_forget(struct pg_cache *cache, struct mansio_str key)
{
    struct pg_answer *answer = mansio_map_remove(cache->answers, key);
    if (answer != NULL) {
        mansio_arena_free(answer->arena);
    }
}

int pg_cache_put(struct pg_cache *cache, struct mansio_str key, uint64_t generation,
                 struct pg_answer *answer)
{
    size_t max = cache->pg->config.cache_max;
    if (generation != cache->generation || cache->epoch == 0 || max == 0) {
        return 0;
    }
    pg_cache_forget(cache, key);
    while (mansio_map_count(cache->answers) >= max) {
        size_t cursor = 0;
        struct mansio_str oldest;
        if (!mansio_map_next(cache->answers, &cursor, &oldest, NULL)) {
            break;
        }
        pg_cache_forget(cache, oldest);
    }
    return mansio_map_put(cache->answers, key, answer) >= 0;
}

size_t pg_cache_count(const struct pg_cache *cache)
{
    return mansio_map_count(cache->answers);
}
