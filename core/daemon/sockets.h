/*
 * The listening sockets, which the master holds from start to end, one a configured address:
 * bound by itself or handed over by systemd, lent to every child, kept over generations and binary
 * upgrades.
 *
 * Keyed by address. Who needs a socket says so by a *claim* before it is bound; a socket that no
 * longer is in any plan is closed. A unix socket's path is only touched under the lock file beside
 * it ("PATH.lock").
 */
#ifndef MANSIO_CORE_DAEMON_SOCKETS_H
#define MANSIO_CORE_DAEMON_SOCKETS_H

#include "core/net/address.h"
#include <jansson.h>
#include <mansio/base.h>

struct core_sockets;

struct core_sockets *core_sockets_new(void);

/* Close all; unix sockets that are ours are unlinked. */
void core_sockets_free(struct core_sockets *sockets);

/* Take what systemd hands over (LISTEN_FDS). MANSIO_E_INVALID for what is no listening socket. */
MANSIO_MUST_CHECK int core_sockets_inherit(struct core_sockets *sockets);

struct core_socket_want {
    const struct core_address *address;
    uint32_t backlog, unix_mode;
};

/* The socket of an address, bound now if there is none yet; its backlog and mode are set anew.
 * Gives our descriptor, borrowed. MANSIO_E_BUSY when somebody else has it (try again),
 * MANSIO_E_INVALID when a socket from systemd for another address is in its way, MANSIO_E_DENIED,
 * MANSIO_E_IO; each detail names the address. */
MANSIO_MUST_CHECK int core_sockets_open(struct core_sockets *sockets,
                                        const struct core_socket_want *want, int *out_fd);

/* As core_sockets_open(), but on MANSIO_E_BUSY tries again, doubling its pause, until the deadline.
 * Yields. */
MANSIO_MUST_CHECK int core_sockets_open_wait(struct core_sockets *sockets,
                                             const struct core_socket_want *want,
                                             int64_t deadline_us, int *out_fd);

/* 1 if systemd gave it. */
int core_sockets_is_inherited(const struct core_sockets *sockets,
                              const struct core_address *address);

/* Close what @p is_wanted doesn't want. Sockets from systemd stay: they may be wanted again. */
typedef int (*core_sockets_wanted_fn)(void *arg, const struct core_address *address);
void core_sockets_prune(struct core_sockets *sockets, core_sockets_wanted_fn is_wanted, void *arg);

/* Say so of each socket from systemd that @p is_wanted doesn't want: who connects there waits. */
void core_sockets_warn_unwanted(const struct core_sockets *sockets,
                                core_sockets_wanted_fn is_wanted, void *arg);

/* Over a binary upgrade: descriptors as they are, to JSON and back; and whether exec keeps them. */
json_t *core_sockets_to_json(const struct core_sockets *sockets);
MANSIO_MUST_CHECK int core_sockets_from_json(struct core_sockets *sockets, const json_t *json);
void core_sockets_set_cloexec(struct core_sockets *sockets, int is_cloexec);

#endif
