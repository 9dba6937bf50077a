/*
 * Listeners: one fiber accepts, each conn gets a fiber of its own, another spreads a drain.
 *
 * The listening socket is shared by all workers and both generations, so a connection wakes every
 * worker that watches it and one of them gets it. Few are taken at a time, each only while
 * may_accept() agrees, then the others' fibers and processes have their turn. A worker that may
 * not accept doesn't watch the socket: it looks again by the clock or when kicked.
 *
 * Closing our descriptor of a shared socket doesn't take it out of epoll's set. libev notices the
 * stale event that the next connection brings and builds its set anew, once.
 */
#include "config.h"
#include "core/net/listener.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mansio/error.h>
#include <mansio/time.h>

#include "core/base/list.h"
#include "core/loop/loop.h"
#include "core/loop/waitable.h"
#include "core/net/address.h"
#include "core/net/conn.h"
#include "core/net/transport.h"
#include "core/net/stream.h"

enum {
    BATCH = 8,                /* accepted in a row before others have a turn */
    LOOK_AGAIN_US = 5000,     /* while may_accept() says no */
    PAUSE_MIN_US = 20 * 1000, /* after a failure; doubles */
    PAUSE_MAX_US = 1000 * 1000,
    LINGER_US = 2 * 1000 * 1000,
    DRAIN_STEP_US = 10 * 1000, /* how finely a drain is spread */
};

struct core_listener {
    struct mansio_arena *arena;
    struct core_listener_options options;
    int fd;            /* -1 once shut */
    int lacks_options; /* accepted sockets don't inherit what address.c sets: a supervisor's socket
                        */
    ev_io io;
    struct mansio_waitable incoming;
    struct mansio_event *kick;
    struct mansio_group *workers; /* the accepting and the draining fiber */
    struct mansio_group *served;
    struct core_list conns; /* struct served */
    size_t conns_open;
    uint64_t drain_round; /* 0: not draining; a new drain ends the one before */
    struct {
        uint32_t reason;
        int64_t start_us, spread_us, deadline_us;
    } drain;
};

/* A conn of this listener; lives in the conn's arena. */
struct served {
    struct core_list link;
    struct core_listener *listener;
    struct mansio_conn *conn;
    uint64_t drain_round; /* the last that has asked it */
    int is_asked_early;   /* before its fiber ran first */
};

/* ---- the listening socket as something to wait for ------------------------------------------ */

static void incoming_arm(struct mansio_waitable *self)
{
    ev_io_start(core_loop_ev(), &CORE_CONTAINER(self, struct core_listener, incoming)->io);
}

static void incoming_disarm(struct mansio_waitable *self)
{
    ev_io_stop(core_loop_ev(), &CORE_CONTAINER(self, struct core_listener, incoming)->io);
}

static const struct core_waitable_ops incoming_ops = {
    .name = "accept", .arm = incoming_arm, .disarm = incoming_disarm};

static void on_incoming(struct ev_loop *loop, ev_io *watcher, int events)
{
    (void)loop;
    (void)events;
    struct core_listener *listener = watcher->data;
    core_waitable_wake_all(&listener->incoming);
}

/* ---- a conn --------------------------------------------------------------------------------- */

/* How long the running fiber's conn may take to end. Somebody waits for a cancelled one. */
static int64_t linger_of(const struct core_listener *listener)
{
    int64_t linger = listener->options.linger_us > 0 ? listener->options.linger_us : LINGER_US;
    return mansio_fiber_is_cancelled() ? linger / 4 : linger;
}

static void ask_to_stop(struct served *served)
{
    struct core_listener *listener = served->listener;
    struct mansio_fiber *fiber = core_conn_fiber(served->conn);
    served->drain_round = listener->drain_round;
    if (fiber) {
        mansio_fiber_stop(fiber, listener->drain.reason, listener->drain.deadline_us);
    } else {
        served->is_asked_early = 1;
    }
}

/* Count it out, close it, free it and @p served with it. */
static void forget(struct served *served, int result)
{
    struct core_listener *listener = served->listener;
    core_list_remove(&served->link);
    listener->conns_open--;
    if (listener->options.hooks.on_close) {
        listener->options.hooks.on_close(listener->options.hooks.arg, served->conn, result);
    }
    core_conn_abort(served->conn);
}

static int serve_conn(void *arg)
{
    struct served *served = arg;
    struct core_listener *listener = served->listener;
    core_conn_set_fiber(served->conn, mansio_fiber_self());
    if (served->is_asked_early) {
        ask_to_stop(served);
    }
    int result = listener->options.hooks.serve(listener->options.hooks.arg, served->conn);
    core_conn_finish(served->conn, linger_of(listener));
    forget(served, result);
    return result;
}

/* Write @p words if the system takes them at once, and close. What the peer sent already is read
 * first, so that closing doesn't reset the words away. */
static void refuse(struct mansio_conn *conn, struct mansio_str words)
{
    struct mansio_stream *stream = mansio_conn_stream(conn);
    if (words.len > 0 && mansio_stream_write(stream, words) == 0) {
        (void)core_stream_push(stream);
        stream->transport->ops->shutdown(stream->transport);
        (void)core_stream_receive(stream, MANSIO_STREAM_READ_MAX);
    }
    core_conn_abort(conn);
}

static void on_error(struct core_listener *listener, int code)
{
    if (listener->options.hooks.on_error) {
        listener->options.hooks.on_error(listener->options.hooks.arg, code);
    }
}

static int admit(struct core_listener *listener, struct mansio_conn *conn)
{
    struct core_listener_hooks *hooks = &listener->options.hooks;
    struct mansio_str refusal = MANSIO_STR_NONE;
    if (hooks->on_accept && hooks->on_accept(hooks->arg, conn, &refusal) < 0) {
        refuse(conn, refusal);
        return 0;
    }
    struct served *served = mansio_arena_alloc(mansio_conn_arena(conn), sizeof(*served));
    served->listener = listener;
    served->conn = conn;
    core_list_push_back(&listener->conns, &served->link);
    listener->conns_open++;
    int rc = mansio_group_spawn(listener->served, "conn", serve_conn, served, NULL);
    if (rc < 0) {
        forget(served, rc);
    }
    return rc;
}

/* ---- accepting ------------------------------------------------------------------------------ */

/* What accept() says of the connection, not of us: it was gone before we came, or the network
 * under it was (accept(2) asks to treat these like EAGAIN). */
static int is_of_the_peer(int err)
{
    switch (err) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case EOPNOTSUPP:
    case ETIMEDOUT:
    case EPERM: /* a packet filter's word */
        return 1;
    default:
        return 0;
    }
}

/* Accept one. 1 if there may be more, 0 if nothing is there, a code for what is wrong with us. */
static int accept_one(struct core_listener *listener)
{
    struct core_address peer = {.len = sizeof(peer.u)};
    int fd = accept4(listener->fd, &peer.u.any, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        int err = errno;
        if (err == EAGAIN || err == EWOULDBLOCK) {
            return 0;
        }
        if (is_of_the_peer(err)) {
            return 1;
        }
        return mansio_fail(MANSIO_E_IO, "listener %.*s: accept: %s",
                           MANSIO_STR_ARG(listener->options.name), strerror(err));
    }
    if (listener->lacks_options && peer.u.any.sa_family != AF_UNIX) {
        int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    }
    struct core_conn_options options = {
        .listener = listener->options.name,
        .fd = fd,
        .arena_cap_bytes = listener->options.conn_arena_cap_bytes,
        .peer = &peer,
        .tls = listener->options.tls,
    };
    struct mansio_conn *conn = NULL;
    if (core_conn_new(&options, &conn) < 0) {
        return 1; /* gone again */
    }
    int rc = admit(listener, conn);
    return rc < 0 ? rc : 1;
}

static int may_accept(struct core_listener *listener)
{
    const struct core_listener_hooks *hooks = &listener->options.hooks;
    return !hooks->may_accept || hooks->may_accept(hooks->arg);
}

/* Wait for a kick, or for a connection too. */
static int wait_for(struct core_listener *listener, int is_for_conns, int64_t deadline_us)
{
    struct mansio_waitable *sources[] = {
        mansio_event_waitable(listener->kick),
        is_for_conns ? &listener->incoming : NULL,
    };
    int rc = mansio_wait(sources, MANSIO_COUNT(sources), deadline_us, 0);
    if (rc == MANSIO_E_TIMEOUT) {
        return 0;
    }
    if (rc == 0) {
        mansio_event_clear(listener->kick);
    }
    return rc < 0 ? rc : 0;
}

static int accept_round(struct core_listener *listener, int64_t *pause_us)
{
    for (int i = 0; i < BATCH && listener->fd >= 0; i++) { /* a hook may shut it */
        if (!may_accept(listener)) {
            return wait_for(listener, 0, mansio_deadline_in(LOOK_AGAIN_US));
        }
        int rc = accept_one(listener);
        if (rc == 0) {
            return wait_for(listener, 1, MANSIO_NEVER);
        }
        if (rc < 0) {
            /* Out of descriptors or memory, most likely: room comes when conns end. */
            on_error(listener, rc);
            int64_t pause = *pause_us;
            *pause_us = pause * 2 < PAUSE_MAX_US ? pause * 2 : PAUSE_MAX_US;
            return mansio_fiber_sleep_until(mansio_deadline_in(pause));
        }
        *pause_us = PAUSE_MIN_US;
    }
    return mansio_fiber_yield();
}

static int accept_conns(void *arg)
{
    struct core_listener *listener = arg;
    int64_t pause_us = PAUSE_MIN_US;
    int rc = 0;
    while (rc >= 0 && listener->fd >= 0) {
        rc = accept_round(listener, &pause_us);
    }
    return rc;
}

/* ---- draining ------------------------------------------------------------------------------- */

/* Ask conns that this round hasn't asked yet, until @p asked_min have been. Who is asked goes to
 * the list's end: a step begins with who is due, and doesn't pass by everybody asked before. Behind
 * those stand only conns accepted later, whose turn comes with SIZE_MAX. */
static size_t ask_some(struct core_listener *listener, size_t asked, size_t asked_min)
{
    CORE_LIST_EACH (link, follower, &listener->conns) {
        struct served *served = CORE_CONTAINER(link, struct served, link);
        int is_asked = served->drain_round == listener->drain_round;
        if (asked >= asked_min || (is_asked && asked_min != SIZE_MAX)) {
            break;
        }
        if (!is_asked) {
            ask_to_stop(served);
            core_list_remove(link);
            core_list_push_back(&listener->conns, link);
            asked++;
        }
    }
    return asked;
}

static int spread_drain(void *arg)
{
    struct core_listener *listener = arg;
    uint64_t round = listener->drain_round;
    size_t count = listener->conns_open;
    size_t asked = 0;
    while (listener->drain_round == round) {
        int64_t elapsed = mansio_now_us() - listener->drain.start_us;
        if (elapsed >= listener->drain.spread_us) {
            ask_some(listener, 0, SIZE_MAX);
            return 0;
        }
        double part = (double)elapsed / (double)listener->drain.spread_us;
        asked = ask_some(listener, asked, (size_t)((double)count * part) + 1);
        int rc = mansio_fiber_sleep_until(mansio_deadline_in(DRAIN_STEP_US));
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

void core_listener_drain(struct core_listener *listener, uint32_t reason, int64_t spread_us,
                         int64_t deadline_us)
{
    listener->drain_round++;
    listener->drain.reason = reason;
    listener->drain.start_us = mansio_now_us();
    listener->drain.spread_us = spread_us;
    listener->drain.deadline_us = deadline_us;
    if (spread_us > 0 &&
        mansio_group_spawn(listener->workers, "drain", spread_drain, listener, NULL) == 0) {
        return;
    }
    ask_some(listener, 0, SIZE_MAX);
}

/* ---- life ----------------------------------------------------------------------------------- */

/* Whether what is accepted has TCP_NODELAY and SO_KEEPALIVE by inheritance. */
static int lacks_options(int fd)
{
    int no_delay = 0;
    int keep_alive = 0;
    socklen_t size = sizeof(int);
    if (getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &size) != 0) {
        return 0; /* not TCP */
    }
    size = sizeof(int);
    return getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &keep_alive, &size) != 0 || !no_delay ||
           !keep_alive;
}

static int set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && ((flags & O_NONBLOCK) || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0)) {
        return 0;
    }
    int err = errno;
    return mansio_fail(MANSIO_E_IO, "listening socket: fcntl: %s", strerror(err));
}

int core_listener_open(const struct core_listener_options *options, struct core_listener **out)
{
    int rc = set_nonblocking(options->fd);
    if (rc < 0) {
        close(options->fd);
        return rc;
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "listener", 0);
    struct core_listener *listener = mansio_arena_alloc(arena, sizeof(*listener));
    listener->arena = arena;
    listener->options = *options;
    listener->fd = options->fd;
    listener->lacks_options = lacks_options(options->fd);
    core_list_init(&listener->conns);
    core_waitable_init(&listener->incoming, &incoming_ops);
    ev_io_init(&listener->io, on_incoming, listener->fd, EV_READ);
    listener->io.data = listener;
    listener->kick = mansio_event_new(arena);
    listener->workers = mansio_group_new("listener");
    listener->served = mansio_group_new("conns");
    rc = mansio_group_spawn(listener->workers, "accept", accept_conns, listener, NULL);
    if (rc < 0) {
        core_listener_close(listener);
        return rc;
    }
    *out = listener;
    return 0;
}

void core_listener_kick(struct core_listener *listener)
{
    mansio_event_set(listener->kick);
}

void core_listener_shut(struct core_listener *listener)
{
    if (listener->fd < 0) {
        return;
    }
    int fd = listener->fd;
    listener->fd = -1;
    core_waitable_wake_all(&listener->incoming);
    mansio_event_set(listener->kick);
    close(fd);
}

size_t core_listener_conns(const struct core_listener *listener)
{
    return listener->conns_open;
}

void core_listener_close(struct core_listener *listener)
{
    if (!listener) {
        return;
    }
    core_listener_shut(listener);
    mansio_group_close(listener->workers);
    mansio_group_close(listener->served);
    mansio_arena_free(listener->arena);
}
