/*
 * What logins want to know of a session's conn. One file, so that tests can stand in for a conn
 * with TLS.
 */
#ifndef MANSIO_CORE_HOST_LOGIN_CHANNEL_H
#define MANSIO_CORE_HOST_LOGIN_CHANNEL_H

#include <mansio/arena.h>
#include <mansio/conn.h>

struct core_limit_peer;
struct core_network;

/* 1: goes through TLS. */
int core_channel_is_tls(const struct mansio_conn *conn);

/* 1: the peer is a process of this machine. */
int core_channel_is_unix(const struct mansio_conn *conn);

/* The name that the client asked for, lower case; empty if it said none. Lives as long as the
 * conn. */
struct mansio_str core_channel_server_name(const struct mansio_conn *conn);

/* As mansio_conn_channel_binding(). */
MANSIO_MUST_CHECK int core_channel_binding(const struct mansio_conn *conn, struct mansio_str type,
                                           struct mansio_arena *arena, struct mansio_str *out);

/* As core_conn_peer_addresses(). */
MANSIO_MUST_CHECK int core_channel_peer_addresses(const struct mansio_conn *conn, uint32_t from,
                                                  struct mansio_arena *arena,
                                                  const struct mansio_str **out, size_t *out_count);

/* As core_conn_peer_until_us(). */
int64_t core_channel_peer_until_us(const struct mansio_conn *conn);

/* Where the peer is, for policy: its address, or "unix". */
MANSIO_MUST_CHECK int core_channel_peer(const struct mansio_conn *conn, struct core_network *out);

/* Whom the peer counts as, in limits. */
void core_channel_limit_peer(const struct mansio_conn *conn, struct core_limit_peer *out);

#endif
