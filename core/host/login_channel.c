/*
 * What logins want to know of a conn. See login_channel.h.
 */
#include "core/host/login_channel.h"

#include <mansio/tls.h>

#include "core/host/limits.h"
#include "core/net/conn.h"
#include "core/net/tls.h"
#include "core/net/network.h"

int core_channel_is_tls(const struct mansio_conn *conn)
{
    return mansio_conn_tls_state(conn) == MANSIO_TLS_ACTIVE;
}

int core_channel_is_unix(const struct mansio_conn *conn)
{
    return core_conn_is_unix(conn);
}

struct mansio_str core_channel_server_name(const struct mansio_conn *conn)
{
    struct mansio_tls_facts facts = {.size = sizeof facts};
    return mansio_conn_tls_facts(conn, &facts) == 0 ? facts.server_name : MANSIO_STR_NONE;
}

int core_channel_binding(const struct mansio_conn *conn, struct mansio_str type,
                         struct mansio_arena *arena, struct mansio_str *out)
{
    return mansio_conn_channel_binding(conn, type, arena, out);
}

void core_channel_limit_peer(const struct mansio_conn *conn, struct core_limit_peer *out)
{
    core_limit_peer_of(conn, out);
}

int core_channel_peer_addresses(const struct mansio_conn *conn, uint32_t from,
                                struct mansio_arena *arena, const struct mansio_str **out,
                                size_t *out_count)
{
    return core_conn_peer_addresses(conn, from, arena, out, out_count);
}

int64_t core_channel_peer_until_us(const struct mansio_conn *conn)
{
    return core_conn_peer_until_us(conn);
}

int core_channel_peer(const struct mansio_conn *conn, struct core_network *out)
{
    return core_network_of_ip(mansio_conn_peer_ip(conn), out);
}
