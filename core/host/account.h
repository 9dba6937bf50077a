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

/* Find the directory (`directory` of the configuration, or the only one), stores, blobs and auth
 * modules among the instances. No directory at all is no error: then nobody is found
 * (MANSIO_E_UNAVAILABLE). */
CORE_EXPORT MANSIO_MUST_CHECK int core_accounts_init(struct mansio_arena *arena,
                                                     struct core_modules *modules,
                                                     const struct core_config *config);

/* Forget them, before the instances stop. */
CORE_EXPORT void core_accounts_fini(void);

/* NULL if there is none. */
CORE_EXPORT const struct core_directory *core_directory_current(void);

/* A handle for what a directory said; facts are copied. 0; MANSIO_E_UNAVAILABLE if its pool is not
 * among the instances; MANSIO_E_LIMIT. */
CORE_EXPORT MANSIO_MUST_CHECK int core_account_new(struct mansio_arena *arena,
                                                   const struct mansio_account_facts *facts,
                                                   struct mansio_account **out);

#endif
