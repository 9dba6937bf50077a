/*
 * For the tests and benches of the store: the module's instance in this process, its schema
 * applied, accounts made of facts.
 */
#ifndef MANSIO_MODULES_POSTGRES_TESTING_STORE_H
#define MANSIO_MODULES_POSTGRES_TESTING_STORE_H

#include "core/host/testing.h" /* includes cmocka */

#include "core/host/account.h"

#include "store.h"
#include "store_private.h"
#include "testing.h"

struct store_world {
    struct mansio_arena *arena;
    struct core_modules modules;
    struct mansio_instance *instances[1];
    struct core_config config;
    struct pg *pg;
    struct mansio_instance *pool;
    const struct mansio_store *store;
    const struct mansio_blob *blob;
};

/* Start the module as the service process would, so that the spool is there too. The schema must be
 * applied. */
static inline int store_world_open(struct store_world *w)
{
    *w = (struct store_world){.arena = mansio_arena_new(NULL, "world", 0)};
    w->pg = TESTING_PG(w->arena);
    w->pool = w->pg->instance;
    w->instances[0] = w->pool;
    w->modules.arena = w->arena;
    w->modules.instances = w->instances;
    w->modules.count = 1;
    w->pool->set = &w->modules;
    w->pool->phase = CORE_PHASE_LOADING;
    int rc = pg_store_load(w->pg);
    w->pool->phase = CORE_PHASE_RUNNING;
    w->pg->role = MANSIO_ROLE_SERVICE;
    w->pg->group = mansio_group_new("postgres");
    w->pg->serving = pg_pool_new(w->pg, PG_ROLE_SERVING, "serving", 8);
    w->pg->spool = pg_pool_new(w->pg, PG_ROLE_SPOOL, "spool", 2);
    if (rc == 0) {
        rc = pg_store_start(w->pg, MANSIO_ROLE_WORKER);
    }
    w->store = &pg_store_table;
    w->blob = &pg_blob_table;
    return rc == 0 ? core_accounts_init(w->arena, &w->modules, &w->config) : rc;
}

static inline void store_world_close(struct store_world *w)
{
    core_accounts_fini();
    mansio_group_close(w->pg->group);
    pg_store_stop(w->pg);
    pg_pool_close(w->pg->spool);
    pg_pool_close(w->pg->serving);
    mansio_arena_free(w->arena);
}

/* A handle of an account that no directory knows. */
static inline struct mansio_account *store_account(struct store_world *w, uint64_t tenant,
                                                   uint64_t account, uint64_t quota_bytes,
                                                   uint64_t quota_messages)
{
    const struct mansio_account_facts facts = {
        .size = sizeof facts,
        .tenant_id = tenant,
        .account_id = account,
        .tenant = tenant == 1 ? MANSIO_STR("alpha") : MANSIO_STR("beta"),
        .address = MANSIO_STR("user@alpha.test"),
        .state = MANSIO_STATE_ACTIVE,
        .quota_reply = MANSIO_QUOTA_TEMPORARY,
        .quota_bytes = quota_bytes,
        .quota_messages = quota_messages,
    };
    struct mansio_account *out = NULL;
    return core_account_new(w->arena, &facts, &out) == 0 ? out : NULL;
}

/* A finished content of these bytes. */
static inline struct mansio_content *store_content(struct mansio_arena *arena,
                                                   struct mansio_str bytes)
{
    struct mansio_content *content = mansio_content_new(arena, 64 << 20);
    int64_t deadline_us = mansio_deadline_in(60 * MANSIO_SECOND);
    int rc = mansio_content_write(content, bytes, deadline_us);
    if (rc == 0) {
        rc = mansio_content_finish(content, deadline_us);
    }
    return rc == 0 ? content : NULL;
}

/* 0: what tests/lib/mansio_test/invariants.py says of the database holds. */
static inline int store_invariants(void)
{
    char command[512];
    const char *source = getenv("MANSIO_SRCDIR");
    snprintf(command, sizeof command,
             "/usr/bin/python3 -B '%s/tests/lib/mansio_test/invariants.py' "
             "'host=%s user=postgres dbname=mansio'",
             source != NULL ? source : ".", testing_dir);
    return testing_run("/bin/sh", "-c", command);
}

static inline int store_schema_apply(void *arg)
{
    (void)arg;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    CHECK(pg_schema_apply(TESTING_PG(arena), NULL, NULL, mansio_deadline_in(60 * MANSIO_SECOND)) >=
          0);
    mansio_arena_free(arena);
    return 0;
}

/* As what setup of a group of tests: a cluster with our database and its schema. */
static inline int store_cluster_up(void **state)
{
    if (testing_cluster_up(state) < 0) {
        return -1;
    }
    run_fiber(store_schema_apply, NULL);
    return 0;
}

#endif
