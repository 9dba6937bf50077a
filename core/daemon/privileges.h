/*
 * Who the processes are. The master becomes the service's user at once and for good, and keeps one
 * capability, CAP_NET_BIND_SERVICE, also over exec, so that reload and binary upgrade can bind
 * ports below 1024. Children have none.
 */
#ifndef MANSIO_CORE_DAEMON_PRIVILEGES_H
#define MANSIO_CORE_DAEMON_PRIVILEGES_H

#include <mansio/base.h>
#include <sys/types.h>

/* Does this process have to change: it is root and a user is given? */
int core_privileges_needed(struct mansio_str user);

/* Become @p user (and @p group, or the user's own) with its supplementary groups.
 * @p keep_bind: keep CAP_NET_BIND_SERVICE, also ambient. Nothing is changed when not needed (see
 * above). */
MANSIO_MUST_CHECK int core_privileges_become(struct mansio_str user, struct mansio_str group,
                                             int keep_bind);

/* A directory for sockets, made if it's missing and given to the user: while still root. Its
 * parent must be there. */
MANSIO_MUST_CHECK int core_privileges_make_directory(const char *path, struct mansio_str user,
                                                     struct mansio_str group);

/* Between fork and exec: nothing permitted, nothing ambient. Root that stays root keeps what it
 * is. 0 or errno. Async-signal-safe. */
int core_privileges_drop_capabilities(void);

#endif
