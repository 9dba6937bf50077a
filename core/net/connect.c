/*
 * Outgoing streams: a socket, connected under a deadline, with the plain transport on it. One
 * address, one try: which address, and whether to try another, is the caller's to know.
 */
#include "config.h"
#include <mansio/stream.h>

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mansio/error.h>
#include <mansio/time.h>

#include "core/net/address.h"
#include "core/net/stream.h"

enum {
    UNIX_RETRY_US = 5000, /* a unix listener whose queue is full can't be waited for */
};

/* The class that the caller needs: away and perhaps back soon, or something of our own. */
static int failure(const char *text, int err)
{
    switch (err) {
    case ECONNREFUSED:
    case ECONNRESET:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case ETIMEDOUT:
    case ENOENT: /* a unix socket whose server is not there */
    case EADDRNOTAVAIL:
    case EAGAIN:
        return mansio_fail(MANSIO_E_UNAVAILABLE, "connect to %s: %s", text, strerror(err));
    default:
        return mansio_fail(MANSIO_E_IO, "connect to %s: %s", text, strerror(err));
    }
}

static int parse_peer(struct mansio_str text, struct core_address *out)
{
    struct core_address address;
    int rc = core_address_parse(text, &address);
    if (rc != 0) {
        return rc;
    }
    /* IPv4 and IPv6 have the port at the same place. */
    if (address.is_dual || (address.u.any.sa_family != AF_UNIX && address.u.ipv4.sin_port == 0)) {
        return mansio_fail(MANSIO_E_INVALID, "address \"%.*s\": one can listen there, not connect",
                           MANSIO_STR_ARG(text));
    }
    *out = address;
    return 0;
}

/* Start connecting. 0 when connected; 1 when it goes on; a code. */
static int start(int fd, const struct core_address *address, const char *text, int64_t deadline_us)
{
    for (;;) {
        if (connect(fd, &address->u.any, address->len) == 0) {
            return 0;
        }
        int err = errno;
        if (err == EINPROGRESS) {
            return 1;
        }
        if (err != EAGAIN || address->u.any.sa_family != AF_UNIX) {
            return failure(text, err);
        }
        int64_t now = mansio_now_us();
        if (now >= deadline_us) {
            return mansio_fail(MANSIO_E_TIMEOUT, "connect to %s: its queue is full", text);
        }
        int64_t next = now + UNIX_RETRY_US;
        int rc = mansio_fiber_sleep_until(next < deadline_us ? next : deadline_us);
        if (rc < 0) {
            return rc;
        }
    }
}

/* Wait for what start() began. */
static int finish(struct mansio_stream *stream, int fd, const char *text, int64_t deadline_us)
{
    stream->deadline_us = deadline_us;
    stream->out.wants = CORE_TRANSPORT_WRITE;
    int rc = core_stream_wait(stream, &stream->writing, 0);
    stream->out.wants = 0;
    stream->deadline_us = MANSIO_NEVER;
    if (rc == MANSIO_E_TIMEOUT) {
        return mansio_fail(rc, "connect to %s: no answer in time", text);
    }
    if (rc < 0) {
        return rc;
    }
    int err = 0;
    socklen_t size = sizeof(err);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) != 0) {
        err = errno;
    }
    return err != 0 ? failure(text, err) : 0;
}

int mansio_stream_connect(struct mansio_arena *arena, struct mansio_str text, int64_t deadline_us,
                          struct mansio_stream **out)
{
    struct core_address address;
    int rc = parse_peer(text, &address);
    if (rc != 0) {
        return rc;
    }
    char name[CORE_ADDRESS_TEXT_MAX];
    core_address_print(&address, name);
    int fd = socket(address.u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "connect to %s: socket: %s", name, strerror(err));
    }
    if (address.u.any.sa_family != AF_UNIX) {
        int on = 1; /* both only make it better */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    }
    rc = start(fd, &address, name, deadline_us);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    struct mansio_stream *stream = core_stream_new(arena, core_socket_transport(fd));
    if (rc > 0) {
        rc = finish(stream, fd, name, deadline_us);
    }
    if (rc < 0) {
        core_stream_close(stream);
        return rc;
    }
    *out = stream;
    return 0;
}
