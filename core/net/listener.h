/*
 * A listener in a worker: accepts from a shared listening socket, makes conns, and asks before
 * each round whether this worker should accept at all (see balance in host/shm.h; net/ only calls
 * the function it is given). Each conn gets a fiber in the listener's group.
 */
#ifndef MANSIO_CORE_NET_LISTENER_H
#define MANSIO_CORE_NET_LISTENER_H

#include "core/base/export.h"
#include <mansio/base.h>
#include <mansio/conn.h>
#include <mansio/fiber.h>

struct core_listener;
struct core_tls_server;

struct core_listener_hooks {
    void *arg;
    /* 1 to accept now, 0 to look again within 5 ms (or after core_listener_kick()). */
    int (*may_accept)(void *arg);
    /* A conn was accepted: count it. Refuse with an error (over a limit): it is closed at once,
     * after refusal's bytes, if any, were written without waiting. */
    int (*on_accept)(void *arg, struct mansio_conn *conn, struct mansio_str *refusal);
    /* Serve the conn: runs in its fiber; the conn is closed in good order when it returns. */
    int (*serve)(void *arg, struct mansio_conn *conn);
    /* The conn is about to be freed: count it out. Called once for each on_accept that gave 0. */
    void (*on_close)(void *arg, struct mansio_conn *conn, int result);
    /* accept() failed for a reason other than "nothing there" (descriptors used up, ...). The
     * listener pauses and tries again. */
    void (*on_error)(void *arg, int code);
};

struct core_listener_options {
    struct mansio_str name; /* lives as long as the listener */
    int fd;                 /* listening socket, made non-blocking; owned by the listener,
                               also when opening fails. Shared with other processes: nothing
                               else of it is changed */
    size_t conn_arena_cap_bytes;
    int64_t linger_us;           /* longest that a conn's orderly end takes, a quarter of it
                                    if it was cancelled; 0: 2 s */
    struct core_tls_server *tls; /* of its conns; NULL: none. Must outlive them */
    struct core_listener_hooks hooks;
};

CORE_EXPORT MANSIO_MUST_CHECK int core_listener_open(const struct core_listener_options *options,
                                                     struct core_listener **out);

/* Look again now: the balance may have changed. */
CORE_EXPORT void core_listener_kick(struct core_listener *listener);

/* Accept no more; close our descriptor of the socket. Conns go on. */
CORE_EXPORT void core_listener_shut(struct core_listener *listener);

/* Ask every conn to stop (reason, deadline): idle ones say goodbye. @p spread_us spreads the
 * requests evenly over that time. Conns accepted later aren't asked: shut first. A second call
 * replaces what is left of the first and asks everybody again. */
CORE_EXPORT void core_listener_drain(struct core_listener *listener, uint32_t reason,
                                     int64_t spread_us, int64_t deadline_us);

/* Open conns. */
CORE_EXPORT size_t core_listener_conns(const struct core_listener *listener);

/* Shut, cancel every conn, join, free. Yields. */
CORE_EXPORT void core_listener_close(struct core_listener *listener);

#endif
