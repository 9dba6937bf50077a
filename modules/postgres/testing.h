/*
 * For the tests of this module: a private cluster for each program, and an instance without the
 * loader. They link the module's code and the core's convenience libraries.
 */
#ifndef MANSIO_MODULES_POSTGRES_TESTING_H
#define MANSIO_MODULES_POSTGRES_TESTING_H

#include "core/loop/testing.h" /* includes cmocka */

#include "core/base/context.h"
#include "core/host/instance.h"
#include "core/host/metrics.h"
#include "modules/postgres/postgres.h"
#include "modules/postgres/schema.h"
#include <mansio/error.h>
#include <mansio/str.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char testing_dir[64];
static char testing_conninfo[256];

/* Run a program and wait; its exit status, -1 if it can't be. */
static inline int testing_run(const char *program, const char *word, const char *more)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl(program, program, word, more, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    if (pid < 0 || waitpid(pid, &status, 0) < 0) {
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* "start", "stop", "kill" */
static inline int testing_cluster(const char *action)
{
    char program[512];
    const char *source = getenv("MANSIO_SRCDIR");
    snprintf(program, sizeof program, "%s/tests/lib/pgcluster", source != NULL ? source : ".");
    return testing_run(program, action, testing_dir);
}

/* As what setup of a group of tests: a cluster without our database. */
static inline int testing_cluster_up(void **state)
{
    (void)state;
    snprintf(testing_dir, sizeof testing_dir, "/tmp/mansio-pg-XXXXXX");
    if (mkdtemp(testing_dir) == NULL) {
        return -1;
    }
    snprintf(testing_conninfo, sizeof testing_conninfo, "host=%s dbname=mansio", testing_dir);
    return testing_cluster("start") == 0 ? 0 : -1;
}

static inline int testing_cluster_down(void **state)
{
    (void)state;
    (void)testing_cluster("kill");
    return testing_run("/bin/rm", "-rf", testing_dir) == 0 ? 0 : -1;
}

static struct core_module_code testing_code = {.descriptor = {.name = "postgres"}};

/* An instance of the module in this process, as load() would leave it. Freed with the arena. */
static inline struct pg *testing_pg(struct mansio_arena *arena)
{
    struct mansio_instance *instance = mansio_arena_alloc(arena, sizeof *instance);
    struct pg *pg = mansio_arena_alloc(arena, sizeof *pg);
    instance->name = MANSIO_STR("pg");
    instance->code = &testing_code;
    instance->arena = arena;
    instance->phase = CORE_PHASE_LOADED;
    mansio_instance_set_data(instance, pg);
    static uint32_t metrics; /* registered once a process */
    static int has_metrics;
    if (!has_metrics) {
        has_metrics = 1;
        CHECK(core_metrics_register("mansio_postgres", instance->name, pg_metrics, PG_METRIC_COUNT,
                                    &metrics) == 0);
    }
    instance->metrics = metrics;
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
    };
    pg->config.roles[PG_ROLE_SERVING].user = MANSIO_STR("mansio_serving");
    pg->config.roles[PG_ROLE_SPOOL].user = MANSIO_STR("mansio_spool");
    pg->config.roles[PG_ROLE_ADMIN].user = MANSIO_STR("mansio_admin");
    pg->config.roles[PG_ROLE_MIGRATOR].user = MANSIO_STR("postgres");
    return pg;
}

#endif
