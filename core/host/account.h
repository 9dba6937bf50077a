/*
 * Accounts from the inside: who makes the handles, and the directory of this process.
 */
#ifndef MANSIO_CORE_HOST_ACCOUNT_H
#define MANSIO_CORE_HOST_ACCOUNT_H

#include "core/base/export.h"
#include "core/host/modules.h"
#include <mansio/account.h>
#include <mansio/auth.h>
#include <mansio/blob.h>
#include <mansio/directory.h>
#include <mansio/store.h>

/* What the accounts of a process stand on: filled once, after core_modules_start(). Its tables are
 * this core's size, zero-filled, so that a consumer of any minor may read them. */
struct core_directory {
    struct mansio_directory table; /* table.size 0: none is configured */
    struct mansio_instance *instance;
};

/* An instance that judges credentials. */
struct core_auth {
    struct mansio_auth table;
    struct mansio_instance *instance;
};

/* Find the directory (`directory` of the configuration, or the only one), stores, blobs and auth
 * modules among the instances. No directory at all is no error: then nobody is found
 * (MANSIO_E_UNAVAILABLE). */
CORE_EXPORT MANSIO_MUST_CHECK int core_accounts_init(struct mansio_arena *arena,
                                                     struct core_modules *modules,
                                                     const struct core_config *config);

/* Forget them, before the instances stop. */
CORE_EXPORT void core_accounts_fini(void);

/* Once load() has run everywhere: does the configuration name what there is? So that a reload that
 * can't work is refused before anything starts. */
MANSIO_MUST_CHECK int core_accounts_check(const struct core_modules *modules,
                                          const struct core_config *config);

/* NULL if there is none. */
CORE_EXPORT const struct core_directory *core_directory_current(void);

/* Who is asked about credentials, in this order. */
CORE_EXPORT const struct core_auth *core_auths_current(size_t *out_count);

/* A handle for what a directory said; facts are copied. 0; MANSIO_E_UNAVAILABLE if its pool is not
 * among the instances; MANSIO_E_LIMIT; MANSIO_E_BUG for facts that are none. */
CORE_EXPORT MANSIO_MUST_CHECK int core_account_new(struct mansio_arena *arena,
                                                   const struct mansio_account_facts *facts,
                                                   struct mansio_account **out);

/* The same for facts whose texts live as long as @p arena already. */
MANSIO_MUST_CHECK int core_account_adopt(struct mansio_arena *arena,
                                         const struct mansio_account_facts *facts,
                                         struct mansio_account **out);

#endif
