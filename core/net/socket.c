/*
 * The plain-socket transport: recvmsg, sendmsg, and two libev watchers that run only while
 * somebody waits. Stopping and starting a watcher within one turn of the loop costs no system
 * call: libev compares before it calls epoll_ctl.
 */
#include "config.h"
#include "core/net/transport.h"

#include <errno.h>
#include <ev.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mansio/error.h>

#include "core/base/alloc.h"
#include "core/loop/loop.h"

struct socket_transport {
    struct core_transport base; /* first: the two pointers are one */
    int fd;
    uint32_t watched; /* directions */
    ev_io in, out;
};

static struct socket_transport *socket_of(struct core_transport *transport)
{
    return (struct socket_transport *)transport;
}

/* Room in, or bytes of, a vector. */
static size_t total(const struct iovec *iov, size_t count)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += iov[i].iov_len;
    }
    return sum;
}

/* What a recvmsg() or sendmsg() of @p n came to. A short count is the same news as EAGAIN, one
 * system call earlier: the watcher is level-triggered, so nothing that came since is missed. */
static int outcome(ssize_t n, size_t asked, int err, uint32_t direction, uint32_t *wants)
{
    if (n >= 0) {
        *wants = (size_t)n < asked ? direction : 0;
        return (int)n;
    }
    if (err == EAGAIN || err == EWOULDBLOCK || err == EINTR || err == ENOBUFS) {
        *wants = direction;
        return 0;
    }
    return mansio_fail(MANSIO_E_IO, "%s: %s", direction == CORE_TRANSPORT_READ ? "recv" : "send",
                       strerror(err));
}

static int socket_read(struct core_transport *transport, const struct iovec *iov, size_t count,
                       uint32_t *wants)
{
    struct msghdr message = {.msg_iovlen = count};
    memcpy(&message.msg_iov, &iov, sizeof(iov)); /* the kernel leaves the vector alone */
    ssize_t n = recvmsg(socket_of(transport)->fd, &message, 0);
    int err = errno;
    if (n == 0) {
        return mansio_fail(MANSIO_E_EOF, "the peer closed the connection");
    }
    return outcome(n, total(iov, count), err, CORE_TRANSPORT_READ, wants);
}

static int socket_write(struct core_transport *transport, const struct iovec *iov, size_t count,
                        uint32_t *wants)
{
    struct msghdr message = {.msg_iovlen = count};
    memcpy(&message.msg_iov, &iov, sizeof(iov));
    ssize_t n = sendmsg(socket_of(transport)->fd, &message, MSG_NOSIGNAL);
    int err = errno;
    return outcome(n, total(iov, count), err, CORE_TRANSPORT_WRITE, wants);
}

static int socket_is_readable(struct core_transport *transport)
{
    struct pollfd entry = {.fd = socket_of(transport)->fd, .events = POLLIN};
    return poll(&entry, 1, 0) > 0;
}

static void on_event(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    (void)events;
    struct socket_transport *self = watcher->data;
    core_transport_ready(&self->base,
                         watcher == &self->in ? CORE_TRANSPORT_READ : CORE_TRANSPORT_WRITE);
}

static void set_watcher(ev_io *watcher, int is_wanted)
{
    if (is_wanted) {
        ev_io_start(core_loop_ev(), watcher);
    } else {
        ev_io_stop(core_loop_ev(), watcher);
    }
}

static void socket_watch(struct core_transport *transport, uint32_t directions)
{
    struct socket_transport *self = socket_of(transport);
    uint32_t changed = self->watched ^ directions;
    self->watched = directions;
    if (changed & CORE_TRANSPORT_READ) {
        set_watcher(&self->in, (directions & CORE_TRANSPORT_READ) != 0);
    }
    if (changed & CORE_TRANSPORT_WRITE) {
        set_watcher(&self->out, (directions & CORE_TRANSPORT_WRITE) != 0);
    }
}

static void socket_shutdown(struct core_transport *transport)
{
    shutdown(socket_of(transport)->fd, SHUT_WR); /* fails when the peer is gone: as well */
}

static void socket_close(struct core_transport *transport)
{
    struct socket_transport *self = socket_of(transport);
    socket_watch(transport, 0);
    close(self->fd);
    core_free(self);
}

static const struct core_transport_ops socket_ops = {
    .name = "socket",
    .read = socket_read,
    .write = socket_write,
    .is_readable = socket_is_readable,
    .watch = socket_watch,
    .shutdown = socket_shutdown,
    .close = socket_close,
};

struct core_transport *core_socket_transport(int fd)
{
    struct socket_transport *self = core_alloc_must(sizeof(*self));
    self->base.ops = &socket_ops;
    self->fd = fd;
    ev_io_init(&self->in, on_event, fd, EV_READ);
    ev_io_init(&self->out, on_event, fd, EV_WRITE);
    self->in.data = self;
    self->out.data = self;
    return &self->base;
}
