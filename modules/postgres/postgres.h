/*
 * The state of an instance: what its files share.
 */
#ifndef MANSIO_MODULES_POSTGRES_POSTGRES_H
#define MANSIO_MODULES_POSTGRES_POSTGRES_H

#include "pool.h"

#include <mansio/module.h>

struct pg_directory;
struct pg_store;

/* Rows of the metrics table (module.c), in its order. */
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
    /* The store's go here. */
    PG_METRIC_COUNT
};

struct pg {
    struct mansio_instance *instance;
    struct mansio_arena *arena; /* the instance's: load to stop */
    struct mansio_group *group; /* the instance's: start to stop */
    uint32_t role;              /* enum mansio_role; 0 before start() */
    struct pg_pool *serving;    /* NULL before start() */
    struct pg_pool *spool;      /* service process and administration; else NULL */
    struct pg_pool *admin;      /* administration; else NULL */
    struct pg_directory *directory;
    struct pg_store *store; /* the store's own: pg_store_start() sets it */
};

/* Of an instance. */
struct pg *pg_of(const struct mansio_instance *instance);

#endif
