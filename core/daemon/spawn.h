/*
 * Starting a process of our own: fork, put right what the master has bent (signal mask,
 * capabilities, environment), exec the binary on disk in another role with its channel as
 * descriptor CORE_CHANNEL_FD.
 */
#ifndef MANSIO_CORE_DAEMON_SPAWN_H
#define MANSIO_CORE_DAEMON_SPAWN_H

#include <mansio/base.h>
#include <sys/types.h>

struct core_channel;

struct core_child {
    pid_t pid;
    int pidfd; /* readable once it has ended */
};

/* Once, before threads and children: what is executed (@p invoked_as if that is an absolute path
 * to this very binary: an upgrade may turn a symbolic link; else where the binary lies), and the
 * environment without what is meant for the master alone (NOTIFY_SOCKET, LISTEN_FDS, WATCHDOG_USEC
 * and kin). */
MANSIO_MUST_CHECK int core_spawn_init(const char *invoked_as);

/* What is executed: for children, checks and upgrades. */
const char *core_spawn_path(void);

/* @p role: "worker", "service", "check". A failure in the child (no such file, ...) comes as a
 * FAILED message over @p channel_fd's other end. */
MANSIO_MUST_CHECK int core_spawn(const char *role, int channel_fd, struct core_child *out);

/* Take an ended child's status. 1 and the wait status, or 0 if it hasn't ended. */
int core_spawn_reap(struct core_child *child, int *out_status);

/* Send it a signal, if it still is. */
void core_spawn_signal(const struct core_child *child, int signal_number);

enum { CORE_SPAWN_STATUS_MAX = 96 };

/* "exit status 3" or "signal 11 (Segmentation fault)". */
const char *core_spawn_status_text(int status, char out[CORE_SPAWN_STATUS_MAX]);

#endif
