/*
 * What carries a stream's bytes: a socket now, TLS or deflate on top of one later, or a test's
 * script. The stream above knows no descriptor; the transport below knows no line, no deadline
 * and no fiber: it never waits. Whoever makes a transport embeds struct core_transport.
 *
 * One transport stands on another by making the lower one's owner itself: it then gets the
 * lower's on_ready and passes on what its own stream asked for. That a read may have to wait for
 * writing (TLS) is why both directions answer with what they lack instead of a fixed one.
 */
#ifndef MANSIO_CORE_NET_TRANSPORT_H
#define MANSIO_CORE_NET_TRANSPORT_H

#include <mansio/base.h>
#include <sys/uio.h>

/* Directions, or-ed. */
enum {
    CORE_TRANSPORT_READ = 1,
    CORE_TRANSPORT_WRITE = 2,
};

struct core_transport;

struct core_transport_ops {
    const char *name; /* static */
    /* Move bytes, at most INT_MAX, without waiting. Returns how many (> 0), or 0 when nothing
     * could be moved: then *wants, 0 before the call, says which directions to watch before the
     * next try. It may say so beside a count too: "and that was all for now".
     * read: MANSIO_E_EOF at the peer's end. Both: MANSIO_E_IO, with the detail. */
    int (*read)(struct core_transport *self, const struct iovec *iov, size_t count,
                uint32_t *wants);
    int (*write)(struct core_transport *self, const struct iovec *iov, size_t count,
                 uint32_t *wants);
    /* 1 if a read would give something (bytes, the end, an error) now. */
    int (*is_readable)(struct core_transport *self);
    /* From now on call core_transport_ready() from the loop when one of these directions may have
     * become possible; 0: don't. Replaces what was asked before. */
    void (*watch)(struct core_transport *self, uint32_t directions);
    /* Tell the peer that no more will come. Without waiting, as far as possible. */
    void (*shutdown)(struct core_transport *self);
    /* Release everything, and the transport itself. */
    void (*close)(struct core_transport *self);
};

struct core_transport {
    const struct core_transport_ops *ops;
    /* Set by whoever stands above. */
    void (*on_ready)(void *owner, uint32_t directions);
    void *owner;
};

static inline void core_transport_ready(struct core_transport *self, uint32_t directions)
{
    if (self->on_ready) {
        self->on_ready(self->owner, directions);
    }
}

/* A transport that is a connected, or connecting, non-blocking stream socket, which it owns. The
 * loop must be set up. Never NULL. */
struct core_transport *core_socket_transport(int fd);

#endif
