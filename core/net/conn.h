/*
 * A conn from the inside.
 */
#ifndef MANSIO_CORE_NET_CONN_H
#define MANSIO_CORE_NET_CONN_H

#include "core/base/export.h"
#include "core/net/address.h"
#include <mansio/conn.h>

struct core_tls_server;

struct core_conn_options {
    struct mansio_str listener; /* its name; must outlive the conn */
    int fd;                     /* non-blocking; owned by the conn, also when making it fails */
    size_t arena_cap_bytes;
    const struct core_address *peer; /* what accept() said */
    struct core_tls_server *tls;     /* NULL: no TLS; must outlive the conn */
};

/* Make a conn of a connected socket. 0, or MANSIO_E_IO when the peer is gone already. */
CORE_EXPORT MANSIO_MUST_CHECK int core_conn_new(const struct core_conn_options *options,
                                                struct mansio_conn **out);

/* The peer's network, as limits count (core_address_print_network()). Lives as long as the conn. */
CORE_EXPORT struct mansio_str core_conn_peer_network(const struct mansio_conn *conn);

/* 1: the peer is a process of this machine, on a unix socket; it has no address. */
CORE_EXPORT int core_conn_is_unix(const struct mansio_conn *conn);

/* Somebody stands between the client and us: from now on the conn's peer, and what we call our end,
 * are these. MANSIO_E_LIMIT: no room for their texts. */
CORE_EXPORT MANSIO_MUST_CHECK int core_conn_set_ends(struct mansio_conn *conn,
                                                     const struct core_address *peer,
                                                     const struct core_address *local);

/* Read a PROXY header (proxy_header.h) and be known by what it says. MANSIO_E_INVALID for what is
 * none; MANSIO_E_TIMEOUT; and as mansio_stream_read(). Yields. */
CORE_EXPORT MANSIO_MUST_CHECK int core_conn_read_proxy_header(struct mansio_conn *conn,
                                                              int64_t deadline_us);

/* Its stream, of a conn that is only looked at; what it may do with TLS, NULL for nothing. */
const struct mansio_stream *core_conn_stream(const struct mansio_conn *conn);
struct core_tls_server *core_conn_tls_server(const struct mansio_conn *conn);

/* The fiber that serves it, and a place for host/ (its session). */
CORE_EXPORT struct mansio_fiber *core_conn_fiber(const struct mansio_conn *conn);
CORE_EXPORT void core_conn_set_fiber(struct mansio_conn *conn, struct mansio_fiber *fiber);
CORE_EXPORT void *core_conn_data(const struct mansio_conn *conn);
CORE_EXPORT void core_conn_set_data(struct mansio_conn *conn, void *data);

/* A place for daemon/: which limits this conn was counted in. */
CORE_EXPORT void *core_conn_counted(const struct mansio_conn *conn);
CORE_EXPORT void core_conn_set_counted(struct mansio_conn *conn, void *counted);

/* End a conn in good order: flush what is gathered, shut our side down, read and drop until the
 * peer closes or linger_us have passed (so that unread input doesn't reset away our last words),
 * close, free. Masked from cancellation, bounded. Yields. */
CORE_EXPORT void core_conn_close(struct mansio_conn *conn, int64_t linger_us);

/* The two halves of core_conn_close(): everything but closing and freeing, for who has something
 * to do in between; and the rest, which is also the way to close at once. */
CORE_EXPORT void core_conn_finish(struct mansio_conn *conn, int64_t linger_us);
CORE_EXPORT void core_conn_abort(struct mansio_conn *conn);

#endif
