/*
 * For the tests of accounts and logins: a set of instances made in this process, without files: a
 * directory, stores and auth modules whose functions are the test's.
 */
#ifndef MANSIO_CORE_HOST_ACCOUNT_TESTING_H
#define MANSIO_CORE_HOST_ACCOUNT_TESTING_H

#include "core/loop/testing.h" /* includes cmocka */

#include <string.h>

#include <mansio/error.h>
#include <mansio/interface.h>
#include <mansio/str.h>

#include "core/host/account.h"
#include "core/host/instance.h"

enum { TESTING_INSTANCES_MAX = 8 };

static struct core_module_code testing_code = {.descriptor = {.name = "fake", .version = "1"}};

/* A set of instances, and the configuration that they come from. */
struct set {
    struct mansio_arena *arena;
    struct core_modules modules;
    struct mansio_instance instances[TESTING_INSTANCES_MAX];
    struct mansio_instance *pointers[TESTING_INSTANCES_MAX];
    struct core_config config;
};

static inline void set_new(struct set *set)
{
    *set = (struct set){.arena = mansio_arena_new(NULL, "set", 0)};
    set->modules.arena = set->arena;
    set->modules.instances = set->pointers;
}

static inline struct mansio_instance *set_add(struct set *set, const char *name)
{
    struct mansio_instance *instance = &set->instances[set->modules.count];
    set->pointers[set->modules.count++] = instance;
    *instance = (struct mansio_instance){.name = mansio_str_from_cstr(name),
                                         .set = &set->modules,
                                         .code = &testing_code,
                                         .phase = CORE_PHASE_LOADING};
    return instance;
}

/* A new instance that offers one table. */
static inline struct mansio_instance *set_offer(struct set *set, const char *name,
                                                const char *interface, const void *table)
{
    struct mansio_instance *instance = set_add(set, name);
    CHECK(mansio_interface_provide(instance, interface, 1, table) == 0);
    return instance;
}

static inline int set_init(struct set *set)
{
    for (size_t i = 0; i < set->modules.count; i++) {
        set->instances[i].phase = CORE_PHASE_RUNNING;
    }
    return core_accounts_init(set->arena, &set->modules, &set->config);
}

static inline void set_free(struct set *set)
{
    core_accounts_fini();
    mansio_arena_free(set->arena);
    *set = (struct set){0};
}

/* Facts of an account of tenant alpha, active, in the only pool. */
static inline struct mansio_account_facts testing_facts(uint64_t id, const char *address)
{
    return (struct mansio_account_facts){.size = sizeof(struct mansio_account_facts),
                                         .tenant_id = 7,
                                         .account_id = id,
                                         .tenant = MANSIO_STR("alpha"),
                                         .plan = MANSIO_STR("gold"),
                                         .address = mansio_str_from_cstr(address),
                                         .state = MANSIO_STATE_ACTIVE,
                                         .quota_reply = MANSIO_QUOTA_TEMPORARY,
                                         .quota_bytes = 1000};
}

#endif
