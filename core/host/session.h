/*
 * Sessions from the inside: the registry of this process, and how the core ends one.
 */
#ifndef MANSIO_CORE_HOST_SESSION_H
#define MANSIO_CORE_HOST_SESSION_H

#include "core/base/export.h"
#include "core/host/modules.h"
#include "core/net/network.h"
#include <mansio/account.h>
#include <mansio/session.h>

struct core_login_again;
struct core_session_way;

/* What mansioctl shows. Slices live as long as the session. */
struct core_session_info {
    struct mansio_str id, service, instance, listener, peer;
    struct mansio_str tls;             /* "TLSv1.3"; empty without */
    struct mansio_str account, tenant; /* empty: nameless */
    const char *activity;
    int64_t opened_wall_us;
    const struct core_session_way *way; /* NULL: nameless */
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
 * of it by the core, unless it has a fiber of its own (mansio_session_set_fiber()): then that one
 * is cancelled. MANSIO_E_NOT_FOUND if no such id here. */
CORE_EXPORT MANSIO_MUST_CHECK int core_sessions_kill(struct mansio_str id, uint32_t reason);

/* ---- whose it is: for login.c, the gate, administrators ---- */

struct core_standing;

/* The way in which a session became somebody's: what the gate judges it by, again and again. */
struct core_session_way {
    uint64_t credential_id;      /* 0: none that the directory stores */
    uint64_t credential_version; /* 0: not known */
    int64_t until_us;            /* wall clock: what was shown ends by itself; 0: never */
    const char *mechanism;       /* static text */
    struct core_network peer;
    uint8_t is_protected; /* TLS, or a unix socket */
    uint8_t credential_kind;
    uint8_t is_judged; /* the gate's: it has let the session in */
};

/* Make a nameless session somebody's: a handle of its own for @p facts, and its place in the
 * registry under the account, so that whoever looks for the account's sessions finds it. 0; as
 * core_account_new(); MANSIO_E_BUG if it has a name. */
MANSIO_MUST_CHECK int core_session_enter(struct mansio_session *session,
                                         const struct mansio_account_facts *facts,
                                         const struct core_session_way *way);

/* How it became somebody's. Not of a nameless one. */
struct core_session_way *core_session_way(struct mansio_session *session);

/* The standing of its account, held as long as the account has sessions. Not of a nameless one. */
struct core_standing *core_session_standing(struct mansio_session *session);

/* Visit the sessions of an account; @p fn may end them. */
typedef void (*core_session_fn)(void *arg, struct mansio_session *session);
void core_sessions_of_account(uint64_t tenant_id, uint64_t account_id, core_session_fn fn,
                              void *arg);

/* As core_sessions_kill(). 1 if its conn is told now, 0 if it had been. */
int core_session_end(struct mansio_session *session, uint32_t reason);

/* Where the conn keeps what let an earlier session of it in (login_again.h), NULL for nothing. No
 * place, NULL, for the conn's first session. */
struct core_login_again **core_session_again(struct mansio_session *session);

struct mansio_conn *core_session_conn(const struct mansio_session *session);

/* Make it nameless again; its account handle is gone. */
void core_session_leave(struct mansio_session *session);

/* End all sessions of an account, by its own address, as core_sessions_kill(). How many conns were
 * told to end. Walks all sessions. */
CORE_EXPORT size_t core_sessions_kill_address(struct mansio_str address, uint32_t reason);

#endif
