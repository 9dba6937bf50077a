/*
 * Conns: an accepted socket with its peer. Lives from accept to close; the core makes and ends it.
 */
#ifndef MANSIO_CONN_H
#define MANSIO_CONN_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/stream.h>

/** Opaque. */
struct mansio_conn;

/** The conn's bytes. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_stream *mansio_conn_stream(struct mansio_conn *conn);

/** The arena that lives from accept to close, with the configured cap. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_arena *mansio_conn_arena(struct mansio_conn *conn);

/** The peer: "192.0.2.1:4242", "[2001:db8::1]:4242", or "unix" with its credentials,
 * "unix:pid=1,uid=2,gid=3". Lives as long as the conn. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_str mansio_conn_peer(const struct mansio_conn *conn);

/** Our end, in the same form; "unix:/path" for a unix socket. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_str mansio_conn_local(const struct mansio_conn *conn);

/** The peer's address without its port, as logs and limits use it: "192.0.2.1", "2001:db8::1",
 * "unix". An IPv4-mapped IPv6 address is given as IPv4. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_str mansio_conn_peer_ip(const struct mansio_conn *conn);

/** The name of the listener that accepted it. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_str mansio_conn_listener(const struct mansio_conn *conn);

#endif
