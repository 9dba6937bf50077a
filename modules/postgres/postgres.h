/*
 * The state of an instance: what its files share.
 */
#ifndef MANSIO_MODULES_POSTGRES_POSTGRES_H
#define MANSIO_MODULES_POSTGRES_POSTGRES_H

#include "pool.h"

#include <mansio/module.h>

struct pg_cache;
struct pg_relay;
struct pg_store;

/* Rows of the metrics table (metrics.c), in its order. */
enum pg_metric {
    PG_METRIC_CONNECTIONS,
    PG_METRIC_CONNECTS,
    PG_METRIC_CONNECT_FAILURES,
    PG_METRIC_STATEMENTS,
    PG_METRIC_TRANSACTIONS,
    PG_METRIC_BORROW_WAIT,
    PG_METRIC_ROUND_TRIP,
    PG_METRIC_ERRORS_TRANSIENT,
    PG_METRIC_ERRORS_PERMANENT,
    PG_METRIC_ERRORS_CONFLICT,
    PG_METRIC_CACHE_HITS,
    PG_METRIC_CACHE_MISSES,
    PG_METRIC_CACHE_DROPS,
    PG_METRIC_HINTS_SENT,
    PG_METRIC_HINTS_RECEIVED,
    /* The store's. */
    PG_METRIC_DELIVERIES,
    PG_METRIC_DELIVERY_TIME,
    PG_METRIC_GROUP_MESSAGES,
    PG_METRIC_GROUP_SPLITS,
    PG_METRIC_SWEPT,
    PG_METRIC_BODY_CACHE_HITS,
    PG_METRIC_BODY_CACHE_MISSES,
    PG_METRIC_BODY_CACHE_EVICTIONS,
    PG_METRIC_BODY_CACHE_BYTES,
    PG_METRIC_COUNT
};

extern const struct mansio_metric pg_metrics[PG_METRIC_COUNT];

/* Settings, as they are now. Texts live as long as the settings: copy before a yield. */
struct pg_config {
    struct mansio_str conninfo;
    struct {
        struct mansio_str user;
        const struct mansio_secret *password; /* NULL: none */
        struct mansio_str lacking;            /* why there is none, if a file should have it */
    } roles[5];                               /* by enum pg_role */
    size_t serving_max, spool_max;
    int64_t connect_timeout_us, statement_timeout_us, lock_timeout_us, idle_timeout_us;
    int64_t lifetime_us, cache_hold_us;
    size_t cache_max;
    int skips_hints; /* 1: nothing is notified, nor listened to */
    /* of the store */
    size_t collections_max; /* 0: as many as by default */
    int skips_text;         /* 1: no text for search is kept */
    size_t body_cache_max;  /* bytes; 0: none is kept */
    int64_t sweep_interval_us, sweep_grace_us, tombstones_us;
};

struct pg {
    struct mansio_instance *instance;
    struct mansio_arena *arena; /* the instance's: load to stop */
    struct mansio_group *group; /* the instance's: start to stop */
    uint32_t role;              /* enum mansio_role; 0 before start() */
    struct pg_config config;
    struct pg_pool *serving; /* NULL before start() */
    struct pg_pool *spool;   /* service process and administration; else NULL */
    struct pg_pool *admin;   /* administration; else NULL */
    struct pg_cache *cache;  /* of the directory; NULL: nothing is remembered */
    struct pg_relay *relay;  /* of the bus; service process alone */
    struct pg_store *store;  /* the store's own: pg_store_start() sets it */
};

/* Of an instance. */
struct pg *pg_of(const struct mansio_instance *instance);

#endif
