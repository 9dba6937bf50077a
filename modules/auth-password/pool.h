/*
 * An instance's share of the offload threads: so many hashes at a time, so much memory for them in
 * all, first come, first served, and a bound on who waits.
 */
#ifndef MANSIO_MODULES_AUTH_PASSWORD_POOL_H
#define MANSIO_MODULES_AUTH_PASSWORD_POOL_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/module.h>
#include <mansio/offload.h>

struct auth_pool;

/* Its state lives in the instance's arena. */
struct auth_pool *auth_pool_new(struct mansio_instance *instance);

/* Set the bounds: at once for who comes, for who waits when it is their turn. */
void auth_pool_configure(struct auth_pool *pool, uint32_t parallel, uint64_t memory_bytes,
                         uint32_t queue);

/*
 * Run a function in an offload thread, when there is room for it.
 *
 * What @p fn returned; MANSIO_E_LIMIT: too many wait; MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED. Yields.
 */
MANSIO_MUST_CHECK int auth_pool_run(struct auth_pool *pool, uint64_t memory_bytes,
                                    mansio_offload_fn fn, void *arg, int64_t deadline_us);

#endif
