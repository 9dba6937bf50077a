/*
 * The store: its tables, its settings, its life.
 */
#include "store.h"

#include <stdio.h>
#include <unistd.h>

#include <mansio/interface.h>
#include <mansio/lease.h>
#include <mansio/log.h>

#include "body_cache.h"
#include "store_private.h"
#include "sweep.h"

enum { COLLECTIONS_DEFAULT = 1000, HOLDER_MAX = 64 };

#define TEND_INTERVAL_US (30 * MANSIO_SECOND)
#define SWEEP_LEASE_US   (15 * 60 * MANSIO_SECOND)
#define SWEEP_ROUND_US   (10 * 60 * MANSIO_SECOND)
#define LEASE_WAIT_US    (10 * MANSIO_SECOND)
#define SWEEP_LEASE      MANSIO_STR("postgres/sweep")

const struct mansio_store pg_store_table = {
    .size = sizeof(struct mansio_store),
    .collection_list = pg_collection_list,
    .collection_find = pg_collection_find,
    .collection_get = pg_collection_get,
    .collection_create = pg_collection_create,
    .collection_rename = pg_collection_rename,
    .collection_remove = pg_collection_remove,
    .subscribe = pg_subscribe,
    .subscription_list = pg_subscription_list,
    .recent_claim = pg_recent_claim,
    .message_list = pg_message_list,
    .message_read = pg_message_read,
    .message_read_many = pg_message_read_many,
    .message_text = pg_message_text,
    .message_search = pg_message_search,
    .message_read_slices = pg_message_read_slices,
    .message_flag = pg_message_flag,
    .message_append = pg_message_append,
    .message_copy = pg_message_copy,
    .message_expunge = pg_message_expunge,
    .changes = pg_changes,
    .usage = pg_usage,
    .may_deliver = pg_may_deliver,
    .deliver = pg_deliver,
    .spool_claim = pg_spool_claim,
    .spool_renew = pg_spool_renew,
    .spool_read = pg_spool_read,
    .spool_finish = pg_spool_finish,
    .spool_list = pg_spool_list,
    .spool_retry = pg_spool_retry,
    .spool_remove = pg_spool_remove,
    .spool_look = pg_spool_look,
    .deliver_together = pg_deliver_together,
    .spool_change = pg_spool_change,
};

size_t pg_store_collections_max(const struct pg *pg)
{
    return pg->config.collections_max > 0 ? pg->config.collections_max : COLLECTIONS_DEFAULT;
}

int pg_store_keeps_text(const struct pg *pg)
{
    return !pg->config.skips_text;
}

/* ---- fibers --------------------------------------------------------------------------------- */

static int tend(void *arg)
{
    struct pg_store *store = arg;
    while (mansio_wait(NULL, 0, mansio_deadline_in(TEND_INTERVAL_US), MANSIO_WAIT_IDLE) ==
           MANSIO_E_TIMEOUT) {
        pg_ids_tend(store->ids);
    }
    return 0;
}

static void sweep_round(struct pg_store *store)
{
    uint64_t swept = 0;
    int64_t until_us = mansio_deadline_in(SWEEP_ROUND_US);
    int rc = 1;
    while (rc == 1 && mansio_now_us() < until_us) {
        uint64_t some = 0;
        rc = pg_sweep_once(store, store->pg->config.sweep_grace_us, store->pg->config.tombstones_us,
                           until_us, &some);
        swept += some;
        rc = rc == 1 && some == 0 ? 0 : rc;
    }
    mansio_metric_add(store->pg->instance, PG_METRIC_SWEPT, (int64_t)swept);
    if (rc < 0 && rc != MANSIO_E_CANCELLED) {
        mansio_log(MANSIO_LOG_WARNING, "sweep", MANSIO_KV_CODE("error", rc), MANSIO_KV_END);
    } else if (swept > 0) {
        mansio_log(MANSIO_LOG_INFO, "sweep", MANSIO_KV_INT("swept", (int64_t)swept), MANSIO_KV_END);
    }
}

static int sweep(void *arg)
{
    struct pg_store *store = arg;
    struct mansio_lease lease = {.size = sizeof lease};
    struct mansio_instance *provider = NULL;
    char holder[HOLDER_MAX];
    int len =
        snprintf(holder, sizeof holder, "%ld/%lld", (long)getpid(), (long long)mansio_wall_us());
    struct mansio_str who = {holder, (size_t)len};
    /* Our own, by the way that everybody has to it. */
    int rc = mansio_interface_get(store->pg->instance, MANSIO_LEASE, MANSIO_LEASE_VERSION,
                                  mansio_instance_name(store->pg->instance), &lease, sizeof lease,
                                  &provider);
    while (rc == 0 && mansio_wait(NULL, 0, mansio_deadline_in(store->pg->config.sweep_interval_us),
                                  MANSIO_WAIT_IDLE) == MANSIO_E_TIMEOUT) {
        uint64_t fence;
        if (lease.acquire(provider, SWEEP_LEASE, who, SWEEP_LEASE_US,
                          mansio_deadline_in(LEASE_WAIT_US), &fence) < 0) {
            continue; /* another node's, or the database is away */
        }
        sweep_round(store);
        (void)lease.release(provider, SWEEP_LEASE, who, fence, mansio_deadline_in(LEASE_WAIT_US));
    }
    if (rc < 0) {
        mansio_log(MANSIO_LOG_ERROR, "sweep", MANSIO_KV_CODE("error", rc), MANSIO_KV_END);
    }
    return 0;
}

/* ---- life ----------------------------------------------------------------------------------- */

int pg_store_load(struct pg *pg)
{
    int rc =
        mansio_interface_provide(pg->instance, MANSIO_STORE, MANSIO_STORE_VERSION, &pg_store_table);
    return rc == 0 ? mansio_interface_provide(pg->instance, MANSIO_BLOB, MANSIO_BLOB_VERSION,
                                              &pg_blob_table)
                   : rc;
}

int pg_store_start(struct pg *pg, uint32_t role)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "store", 0);
    struct pg_store *store = mansio_arena_alloc(arena, sizeof *store);
    store->pg = pg;
    store->arena = arena;
    store->delivery = pg_pool_new(pg, PG_ROLE_SERVING, "delivery", 1);
    store->ids = pg_ids_new(pg, arena);
    store->seen = pg_seen_new(arena);
    store->bodies = pg_body_cache_new(pg->instance, arena, pg->config.body_cache_max);
    store->patience = mansio_mutex_new(arena);
    store->turn_end = &store->turn_first;
    pg_store_enter(store); /* until it is stopped */
    pg->store = store;
    int rc = role == MANSIO_ROLE_ADMIN
                 ? 0
                 : mansio_group_spawn(pg->group, "postgres-ids", tend, store, NULL);
    if (rc == 0 && role == MANSIO_ROLE_SERVICE) {
        rc = mansio_group_spawn(pg->group, "postgres-sweep", sweep, store, NULL);
    }
    return rc;
}

void pg_store_reconfigure(struct pg *pg)
{
    if (pg->store != NULL && !pg->store->is_draining) {
        pg_body_cache_resize(pg->store->bodies, pg->config.body_cache_max);
    }
}

void pg_store_drain(struct pg *pg, int64_t deadline_us)
{
    /* Deliveries are fibers of sessions; our own stop when the group is asked to. Those who come
     * after us need the memory. */
    (void)deadline_us;
    if (pg->store != NULL) {
        pg->store->is_draining = 1;
        pg_body_cache_resize(pg->store->bodies, 0);
    }
}

void pg_store_enter(struct pg_store *store)
{
    store->users++;
}

void pg_store_leave(struct pg_store *store)
{
    if (--store->users == 0) {
        MANSIO_ASSERT(pg_body_cache_taken(store->bodies) == 0); /* by who has a connection */
        mansio_arena_free(store->arena);
    }
}

void pg_store_stop(struct pg *pg)
{
    struct pg_store *store = pg->store;
    if (store == NULL) {
        return;
    }
    pg->store = NULL;
    pg_turns_close(store);
    pg_pool_close(store->delivery);
    pg_body_cache_resize(store->bodies, 0);
    pg_store_leave(store);
}
