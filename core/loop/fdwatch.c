/*
 * Watching a descriptor that a library owns.
 *
 * The watcher runs only while somebody waits; starting and stopping it between two waits of one
 * turn costs no system call, because libev tells epoll once a turn. Closing order: the watch ends
 * (with its arena) before the descriptor is closed. The other way round epoll has lost the
 * descriptor, or, if it was duplicated, goes on reporting for a number that is somebody else's by
 * then. What conns own goes through core/net's streams, not through this.
 */
#include <mansio/fiber.h>

#include "core/loop/fiber.h"
#include "core/loop/waitable.h"

#include <fcntl.h>

#include <mansio/arena.h>

struct fd_watch {
    struct mansio_waitable waitable; /* first */
    struct ev_io io;
};

static void arm(struct mansio_waitable *self)
{
    ev_io_start(core_scheduler.ev, &((struct fd_watch *)(void *)self)->io);
}

static void disarm(struct mansio_waitable *self)
{
    ev_io_stop(core_scheduler.ev, &((struct fd_watch *)(void *)self)->io);
}

static const struct core_waitable_ops fd_ops = {.name = "fd", .arm = arm, .disarm = disarm};

static void on_io(struct ev_loop *ev, struct ev_io *io, int events)
{
    (void)ev;
    (void)events;
    struct fd_watch *watch = io->data;
    (void)core_waitable_wake_all(&watch->waitable);
}

static void end(void *arg)
{
    struct fd_watch *watch = arg;
    MANSIO_ASSERT(watch->waitable.first == NULL);
    ev_io_stop(core_scheduler.ev, &watch->io);
}

struct mansio_waitable *mansio_fd_watch(struct mansio_arena *arena, int fd, uint32_t events)
{
    MANSIO_ASSERT(fd >= 0 && (events & (MANSIO_FD_READ | MANSIO_FD_WRITE)) != 0);
    /* libev would stop us too, but later, in the loop, where nobody knows whose mistake it was. */
    int is_open = fcntl(fd, F_GETFD) >= 0;
    MANSIO_ASSERT(is_open);
    struct fd_watch *watch = mansio_arena_alloc(arena, sizeof *watch);
    core_waitable_init(&watch->waitable, &fd_ops);
    int wanted = ((events & MANSIO_FD_READ) != 0 ? EV_READ : 0) |
                 ((events & MANSIO_FD_WRITE) != 0 ? EV_WRITE : 0);
    ev_io_init(&watch->io, on_io, fd, wanted);
    watch->io.data = watch;
    mansio_arena_defer(arena, end, watch);
    return &watch->waitable;
}
