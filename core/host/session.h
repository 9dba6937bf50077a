/*
 * Sessions from the inside: the registry of this process, and how the core ends one.
 */
#ifndef MANSIO_CORE_HOST_SESSION_H
#define MANSIO_CORE_HOST_SESSION_H

#include "core/base/export.h"
#include "core/host/modules.h"
#include <mansio/session.h>

/* What mansioctl shows. Slices live as long as the session. */
struct core_session_info {
    struct mansio_str id, service, instance, listener, peer;
    const char *activity;
    int64_t opened_wall_us;
};

/* @p info is gone when it returns; it must not wait, nor open or end sessions. */
typedef void (*core_session_visit_fn)(void *arg, const struct core_session_info *info);

/* Once a process: most sessions at once, and what makes ids unique (slot, generation). */
CORE_EXPORT void core_sessions_init(size_t sessions_max, uint32_t slot);

/* Serve a conn: open its first session, run the protocol, word the goodbye, close the session.
 * What core_listener's serve hook calls. @p service empty: the protocol's own. Yields. */
CORE_EXPORT int core_session_serve(struct mansio_conn *conn, struct mansio_instance *instance,
                                   const struct mansio_protocol *protocol,
                                   struct mansio_str service);

CORE_EXPORT void core_sessions_visit(core_session_visit_fn fn, void *arg);
CORE_EXPORT size_t core_sessions_count(void);

/* End a session from outside: its conn's fiber is cancelled and the goodbye for @p reason written.
 * The other sessions of that conn end with it: a dialogue that shares a connection can't be cut out
 * of it by the core. MANSIO_E_NOT_FOUND if no such id here. */
CORE_EXPORT MANSIO_MUST_CHECK int core_sessions_kill(struct mansio_str id, uint32_t reason);

#endif
