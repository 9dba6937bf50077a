/*
 * Conns: an accepted socket with its peer, its arena, its stream. Ended in good order or at once.
 * Who is served, counted, limited or logged is not known here.
 */
#include "config.h"
#include "core/net/conn.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "core/net/proxy_header.h"
#include "core/net/stream.h"

enum {
    /* Dropped while a conn ends. A peer that has more in flight is sending blindly and may see a
     * reset. */
    DRAIN_MAX_BYTES = 256 * 1024,
};

struct mansio_conn {
    struct mansio_arena *arena;
    struct mansio_stream *stream;
    struct mansio_str peer, peer_ip, peer_network, local, listener;
    struct core_tls_server *tls_server;
    struct mansio_fiber *fiber;
    void *data;
    void *counted; /* the worker's */
};

/* ---- texts ---------------------------------------------------------------------------------- */

/* A text of ours in the conn's arena: short, and so within the slack that every arena has. */
static struct mansio_str keep(struct mansio_arena *arena, const char *text, size_t len)
{
    char *copy = mansio_arena_alloc(arena, len + 1);
    memcpy(copy, text, len);
    return (struct mansio_str){copy, len};
}

/* "unix:pid=1,uid=2,gid=3", as the peer was when it connected. */
static int name_unix_peer(struct mansio_conn *conn, int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "getsockopt SO_PEERCRED: %s", strerror(err));
    }
    conn->peer_ip = MANSIO_STR("unix");
    conn->peer_network = conn->peer_ip;
    return mansio_arena_printf(conn->arena, &conn->peer,
                               "unix:pid=%" PRId64 ",uid=%" PRIu64 ",gid=%" PRIu64,
                               (int64_t)peer.pid, (uint64_t)peer.uid, (uint64_t)peer.gid);
}

static void name_ip_peer(struct mansio_conn *conn, const struct core_address *peer)
{
    char text[CORE_ADDRESS_TEXT_MAX];
    size_t len = core_address_print(peer, text);
    conn->peer = keep(conn->arena, text, len);
    /* The bare address stands inside that text, perhaps behind a bracket. */
    len = core_address_print_ip(peer, text);
    conn->peer_ip = mansio_str_sub(conn->peer, conn->peer.ptr[0] == '[', len);
    len = core_address_print_network(peer, text);
    conn->peer_network = mansio_str_eq((struct mansio_str){text, len}, conn->peer_ip)
                             ? conn->peer_ip
                             : keep(conn->arena, text, len);
}

static int name_peer(struct mansio_conn *conn, int fd, const struct core_address *peer)
{
    if (peer->u.any.sa_family == AF_UNIX) {
        return name_unix_peer(conn, fd);
    }
    name_ip_peer(conn, peer);
    return 0;
}

static int name_local(struct mansio_conn *conn, int fd)
{
    struct core_address local;
    int rc = core_address_of_socket(fd, &local);
    if (rc != 0) {
        return rc;
    }
    char text[CORE_ADDRESS_TEXT_MAX];
    size_t len = core_address_print(&local, text);
    conn->local = keep(conn->arena, text, len);
    return 0;
}

/* ---- life ----------------------------------------------------------------------------------- */

int core_conn_new(const struct core_conn_options *options, struct mansio_conn **out)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "conn", options->arena_cap_bytes);
    struct mansio_conn *conn = mansio_arena_alloc(arena, sizeof(*conn));
    conn->arena = arena;
    conn->listener = options->listener;
    conn->tls_server = options->tls;
    conn->stream = core_stream_new(arena, core_socket_transport(options->fd));
    int rc = name_peer(conn, options->fd, options->peer);
    if (rc == 0) {
        rc = name_local(conn, options->fd);
    }
    if (rc != 0) {
        mansio_arena_free(arena);
        return rc;
    }
    *out = conn;
    return 0;
}

int core_conn_set_ends(struct mansio_conn *conn, const struct core_address *peer,
                       const struct core_address *local)
{
    char text[CORE_ADDRESS_TEXT_MAX];
    if (peer->u.any.sa_family == AF_UNIX || local->u.any.sa_family == AF_UNIX) {
        return mansio_fail(MANSIO_E_UNSUPPORTED, "a proxy can't vouch for a unix peer");
    }
    name_ip_peer(conn, peer);
    size_t len = core_address_print(local, text);
    conn->local = keep(conn->arena, text, len);
    return 0;
}

int core_conn_read_proxy_header(struct mansio_conn *conn, int64_t deadline_us)
{
    struct mansio_stream *stream = conn->stream;
    struct core_proxy_header header;
    struct mansio_str bytes = MANSIO_STR_NONE;
    int rc = 0;
    mansio_stream_set_deadline(stream, deadline_us);
    while ((rc = core_proxy_header_parse(bytes, &header)) == 0) {
        rc = core_stream_peek(stream, bytes.len, CORE_PROXY_HEADER_MAX, &bytes);
        if (rc < 0) {
            return rc;
        }
    }
    if (rc < 0) {
        return rc;
    }
    core_stream_skip(stream, (size_t)rc);
    mansio_stream_set_deadline(stream, MANSIO_NEVER);
    return header.has_ends ? core_conn_set_ends(conn, &header.peer, &header.local) : 0;
}

void core_conn_finish(struct mansio_conn *conn, int64_t linger_us)
{
    mansio_fiber_mask();
    core_stream_finish(conn->stream, DRAIN_MAX_BYTES, mansio_deadline_in(linger_us));
    mansio_fiber_unmask();
}

void core_conn_abort(struct mansio_conn *conn)
{
    mansio_arena_free(conn->arena);
}

void core_conn_close(struct mansio_conn *conn, int64_t linger_us)
{
    core_conn_finish(conn, linger_us);
    core_conn_abort(conn);
}

/* ---- accessors ------------------------------------------------------------------------------ */

struct mansio_stream *mansio_conn_stream(struct mansio_conn *conn)
{
    return conn->stream;
}

const struct mansio_stream *core_conn_stream(const struct mansio_conn *conn)
{
    return conn->stream;
}

struct core_tls_server *core_conn_tls_server(const struct mansio_conn *conn)
{
    return conn->tls_server;
}

struct mansio_arena *mansio_conn_arena(struct mansio_conn *conn)
{
    return conn->arena;
}

struct mansio_str mansio_conn_peer(const struct mansio_conn *conn)
{
    return conn->peer;
}

struct mansio_str mansio_conn_local(const struct mansio_conn *conn)
{
    return conn->local;
}

struct mansio_str mansio_conn_peer_ip(const struct mansio_conn *conn)
{
    return conn->peer_ip;
}

struct mansio_str core_conn_peer_network(const struct mansio_conn *conn)
{
    return conn->peer_network;
}

int core_conn_is_unix(const struct mansio_conn *conn)
{
    return mansio_str_eq(conn->peer_ip, MANSIO_STR("unix"));
}

struct mansio_str mansio_conn_listener(const struct mansio_conn *conn)
{
    return conn->listener;
}

struct mansio_fiber *core_conn_fiber(const struct mansio_conn *conn)
{
    return conn->fiber;
}

void core_conn_set_fiber(struct mansio_conn *conn, struct mansio_fiber *fiber)
{
    conn->fiber = fiber;
}

void *core_conn_data(const struct mansio_conn *conn)
{
    return conn->data;
}

void core_conn_set_data(struct mansio_conn *conn, void *data)
{
    conn->data = data;
}

void *core_conn_counted(const struct mansio_conn *conn)
{
    return conn->counted;
}

void core_conn_set_counted(struct mansio_conn *conn, void *counted)
{
    conn->counted = counted;
}
