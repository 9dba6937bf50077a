/*
 * A module that uses libevent beside the core's libev: both export event_set() and its kin, and
 * with the wrong one first the heap is corrupted. Each line runs libevent's timers and a pair of
 * bufferevents, inside a fiber.
 */
#include <mansio/interface.h>
#include <mansio/protocol.h>
#include <mansio/str.h>

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_compat.h>
#include <event2/event_struct.h>

static void fired(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    ++*(int *)arg;
}

static void readable(struct bufferevent *buffered, void *arg)
{
    char text[8];
    *(int *)arg += bufferevent_read(buffered, text, sizeof(text)) == 5;
}

/* The old interface, whose names libev exports too, and the new one. */
static int count_events(void)
{
    struct event_base *base = event_base_new();
    struct event old;
    int count = 0;
    const struct timeval now = {0, 0};
    if (base == NULL) {
        return -1;
    }
    event_set(&old, -1, 0, fired, &count);
    event_base_set(base, &old);
    event_add(&old, &now);
    struct event *timer = event_new(base, -1, 0, fired, &count);
    event_add(timer, &now);
    struct bufferevent *pair[2];
    if (bufferevent_pair_new(base, 0, pair) != 0) {
        return -1;
    }
    bufferevent_setcb(pair[1], readable, NULL, NULL, &count);
    bufferevent_enable(pair[1], EV_READ);
    bufferevent_write(pair[0], "hello", 5);
    for (int turns = 0; count < 3 && turns < 100; turns++) {
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    bufferevent_free(pair[0]);
    bufferevent_free(pair[1]);
    event_free(timer);
    event_base_free(base);
    return count;
}

static int libevent_serve(struct mansio_instance *instance, struct mansio_session *session)
{
    struct mansio_stream *stream = mansio_session_stream(session);
    struct mansio_str line;
    (void)instance;
    int err = mansio_stream_printf(stream, "ready\r\n");
    while (err >= 0) {
        err = mansio_stream_read_line(stream, 1000, MANSIO_READ_IDLE, &line);
        if (err >= 0) {
            err = mansio_stream_printf(stream, "%d events\r\n", count_events());
        }
    }
    return err;
}

static const struct mansio_protocol libevent_protocol = {
    .size = sizeof(libevent_protocol), .service = "libevent", .serve = libevent_serve};

static int libevent_load(struct mansio_instance *instance)
{
    return mansio_interface_provide(instance, MANSIO_PROTOCOL, MANSIO_PROTOCOL_VERSION,
                                    &libevent_protocol);
}

MANSIO_MODULE("libevent", "1.0", "", .summary = "Uses libevent.", .load = libevent_load);
