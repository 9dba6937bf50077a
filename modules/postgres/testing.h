/*
 * For the tests of this module: a private cluster for each program, and an instance without the
 * loader. They link the module's code and the core's convenience libraries, and include
 * "core/host/testing.h" before this.
 */
#ifndef MANSIO_MODULES_POSTGRES_TESTING_H
#define MANSIO_MODULES_POSTGRES_TESTING_H

#include "postgres.h"
#include "schema.h"
#include "tests/lib/pgcluster.h"
#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

/* An instance of the module in this process, as load() would leave it. Freed with the arena. */
#define TESTING_PG(arena)                                                                          \
    testing_pg(testing_instance(arena, "mansio_postgres", pg_metrics, PG_METRIC_COUNT))
static inline struct pg *testing_pg(struct mansio_instance *instance)
{
    struct mansio_arena *arena = mansio_instance_arena(instance);
    struct pg *pg = mansio_arena_alloc(arena, sizeof *pg);
    mansio_instance_set_data(instance, pg);
    pg->instance = instance;
    pg->arena = arena;
    pg->config = (struct pg_config){
        .conninfo = mansio_str_from_cstr(testing_conninfo),
        .serving_max = 4,
        .spool_max = 2,
        .connect_timeout_us = 5 * MANSIO_SECOND,
        .statement_timeout_us = 30 * MANSIO_SECOND,
        .lock_timeout_us = 5 * MANSIO_SECOND,
        .idle_timeout_us = 300 * MANSIO_SECOND,
        .lifetime_us = 3600 * MANSIO_SECOND,
        .cache_hold_us = 30 * MANSIO_SECOND,
        .cache_max = 1000,
        .body_cache_max = 8 << 20,
    };
    pg->config.roles[PG_ROLE_SERVING].user = MANSIO_STR("mansio_serving");
    pg->config.roles[PG_ROLE_SPOOL].user = MANSIO_STR("mansio_spool");
    pg->config.roles[PG_ROLE_ADMIN].user = MANSIO_STR("mansio_admin");
    pg->config.roles[PG_ROLE_MIGRATOR].user = MANSIO_STR("postgres");
    return pg;
}

#endif
