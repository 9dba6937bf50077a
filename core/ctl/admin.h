/*
 * The directory in this process: what commands about tenants, accounts and their like work on, so
 * that no daemon need run. The instances that offer it are loaded from the configuration and
 * started in the role of administration.
 */
#ifndef MANSIO_CORE_CTL_ADMIN_H
#define MANSIO_CORE_CTL_ADMIN_H

#include "core/ctl/ctl.h"
#include <mansio/auth.h>
#include <mansio/directory.h>
#include <mansio/store.h>

enum { CORE_CTL_AUTHS_MAX = 8 };

struct core_ctl_admin {
    struct mansio_directory directory;
    struct mansio_instance *instance; /* whose it is */
    /* Who can make stored passwords, in the configuration's order. */
    struct mansio_auth auths[CORE_CTL_AUTHS_MAX];
    struct mansio_instance *auth_instances[CORE_CTL_AUTHS_MAX];
    size_t auth_count;
    /* All stores, in the configuration's order. */
    struct mansio_store *stores;
    struct mansio_instance **store_instances;
    size_t store_count;
    struct mansio_str user; /* who runs us */
};

/* Open the directory, run a command in a fiber with it, close it. Returns an exit code. */
int core_ctl_admin_run(struct core_ctl *ctl, const struct core_ctl_args *args);

/* Say what failed (the detail) and return the exit code for it. */
int core_ctl_failed(const struct core_ctl *ctl, int code);

/* When a step has to be done: --timeout, or the command's own. */
int64_t core_ctl_deadline(const struct core_ctl *ctl, int64_t timeout_us);

/* Who changes something and why: the real user, --reason. */
struct mansio_actor core_ctl_actor(const struct core_ctl *ctl, const struct core_ctl_args *args);

/* MANSIO_E_UNSUPPORTED, with a detail, if the directory doesn't offer a function. */
#define CORE_CTL_OFFERED(ctl, function)                                                            \
    ((ctl)->admin->directory.function != NULL                                                      \
         ? 0                                                                                       \
         : mansio_fail(MANSIO_E_UNSUPPORTED, "the configured directory doesn't offer this"))

/* Of one step of administration. */
#define CORE_CTL_STEP_US (30 * MANSIO_SECOND)

#endif
