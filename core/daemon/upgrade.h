/*
 * Binary upgrade: the master becomes the new mansiod by exec, with the same pid, the same children
 * and the same sockets. What it must not forget goes through state.h; then it is a reload.
 */
#ifndef MANSIO_CORE_DAEMON_UPGRADE_H
#define MANSIO_CORE_DAEMON_UPGRADE_H

#include <mansio/base.h>

struct core_master;
struct core_operation;

/* Let the new binary check that it can go on from here, then become it. Comes back only on failure,
 * with everything as before. @p operation is finished by the new binary. Yields. */
MANSIO_MUST_CHECK int core_upgrade(struct core_master *master, struct core_operation *operation);

/* In the new binary: take everything over. Before the conductor runs. */
MANSIO_MUST_CHECK int core_upgrade_restore(struct core_master *master, int state_fd);

#endif
