/*
 * A transport for tests that plays a script: input in pieces of a given size, "nothing now"
 * between them (which is what EAGAIN and EINTR look like from above), any end, and output that is
 * taken in short counts up to a window. What was sent is kept. Readiness comes from a timer of the
 * loop, as a socket's would come from epoll.
 */
#ifndef MANSIO_CORE_NET_TESTING_SCRIPT_H
#define MANSIO_CORE_NET_TESTING_SCRIPT_H

#include "core/net/testing.h"

#include <ev.h>
#include <stdlib.h>

struct testing_script {
    struct core_transport base; /* first */
    ev_timer timer;
    uint32_t watched;
    uint64_t random; /* 0: no whims */
    /* input */
    const char *input; /* NULL: 'x' without end */
    size_t input_len, input_at;
    size_t split;    /* a read never crosses this offset; then nothing comes once */
    size_t read_max; /* most bytes a read gives; 0: all */
    int end_code;    /* after the input; 0: nothing ever comes */
    int is_pausing;  /* the next read gives nothing */
    int is_planting; /* put a line end among the bytes held: nobody should look there again */
    /* output */
    char *sent;
    size_t sent_len, sent_size;
    size_t window;    /* bytes that are taken before the script is told otherwise */
    size_t write_max; /* most bytes a write takes; 0: all */
    int write_code;   /* what writing gives once the window is full; 0: nothing now */
    /* what was seen */
    int reads, writes, shutdowns;
    size_t held_max; /* largest input block and output block of the stream above */
    size_t gathered_max;
};

static int script_whim(struct testing_script *self, unsigned of)
{
    return self->random != 0 && testing_random(&self->random) % of == 0;
}

static void script_look(struct testing_script *self)
{
    const struct mansio_stream *stream = self->base.owner;
    if (stream->in.size > self->held_max) {
        self->held_max = stream->in.size;
    }
    if (stream->out.size > self->gathered_max) {
        self->gathered_max = stream->out.size;
    }
}

static int script_read(struct core_transport *base, const struct iovec *iov, size_t count,
                       uint32_t *wants)
{
    struct testing_script *self = (struct testing_script *)base;
    self->reads++;
    script_look(self);
    const struct core_stream_input *in = &((struct mansio_stream *)base->owner)->in;
    if (self->is_planting && in->end - in->start >= 4) {
        memcpy(in->data + in->start + 1, "\r\n", 2);
    }
    if (self->is_pausing || script_whim(self, 4)) {
        self->is_pausing = 0;
        *wants = CORE_TRANSPORT_READ;
        return 0;
    }
    size_t most = self->input_len - self->input_at;
    if (most == 0) {
        *wants = CORE_TRANSPORT_READ;
        return self->end_code ? mansio_fail(self->end_code, "script") : 0;
    }
    if (self->input_at < self->split && most > self->split - self->input_at) {
        most = self->split - self->input_at;
    }
    if (self->read_max > 0 && most > self->read_max) {
        most = self->read_max;
    }
    if (self->random != 0) {
        most = testing_random(&self->random) % most + 1;
    }
    size_t done = 0;
    for (size_t i = 0; i < count && done < most; i++) {
        size_t part = iov[i].iov_len < most - done ? iov[i].iov_len : most - done;
        if (self->input) {
            memcpy(iov[i].iov_base, self->input + self->input_at + done, part);
        } else {
            memset(iov[i].iov_base, 'x', part);
        }
        done += part;
    }
    self->input_at += done;
    self->is_pausing = self->input_at == self->split || self->read_max > 0;
    return (int)done;
}

static int script_write(struct core_transport *base, const struct iovec *iov, size_t count,
                        uint32_t *wants)
{
    struct testing_script *self = (struct testing_script *)base;
    self->writes++;
    script_look(self);
    size_t most = self->window;
    if (most == 0 && self->write_code != 0) {
        return mansio_fail(self->write_code, "script");
    }
    if (self->write_max > 0 && most > self->write_max) {
        most = self->write_max;
    }
    if (script_whim(self, 4)) {
        most = 0;
    }
    size_t done = 0;
    for (size_t i = 0; i < count && done < most; i++) {
        size_t part = iov[i].iov_len < most - done ? iov[i].iov_len : most - done;
        if (self->sent_len + part > self->sent_size) {
            self->sent_size = (self->sent_len + part) * 2;
            self->sent = realloc(self->sent, self->sent_size);
        }
        memcpy(self->sent + self->sent_len, iov[i].iov_base, part);
        self->sent_len += part;
        done += part;
    }
    self->window -= done;
    if (done == 0) {
        *wants = CORE_TRANSPORT_WRITE;
    }
    return (int)done;
}

static int script_is_readable(struct core_transport *base)
{
    struct testing_script *self = (struct testing_script *)base;
    return self->input_at < self->input_len || self->end_code != 0;
}

static void script_on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void)loop;
    (void)events;
    struct testing_script *self = timer->data;
    uint32_t ready = 0;
    if (self->input_at < self->input_len || self->end_code != 0) {
        ready |= CORE_TRANSPORT_READ;
    }
    if (self->window > 0 || self->write_code != 0) {
        ready |= CORE_TRANSPORT_WRITE;
    }
    if (ready & self->watched) {
        core_transport_ready(&self->base, ready & self->watched);
    }
}

/* Also to be called when a test has changed the script under a waiting fiber. */
static void script_watch(struct core_transport *base, uint32_t directions)
{
    struct testing_script *self = (struct testing_script *)base;
    self->watched = directions;
    ev_timer_stop(core_loop_ev(), &self->timer);
    if (directions) {
        ev_timer_set(&self->timer, 0., 0.);
        ev_timer_start(core_loop_ev(), &self->timer);
    }
}

static void script_shutdown(struct core_transport *base)
{
    ((struct testing_script *)base)->shutdowns++;
}

static void script_close(struct core_transport *base)
{
    script_watch(base, 0);
}

static const struct core_transport_ops script_ops = {
    .name = "script",
    .read = script_read,
    .write = script_write,
    .is_readable = script_is_readable,
    .watch = script_watch,
    .shutdown = script_shutdown,
    .close = script_close,
};

/* Make a stream of a script, which the test fills in and owns. */
static inline struct mansio_stream *testing_script_stream(struct mansio_arena *arena,
                                                          struct testing_script *script)
{
    script->base.ops = &script_ops;
    ev_timer_init(&script->timer, script_on_timer, 0., 0.);
    script->timer.data = script;
    struct mansio_stream *stream = core_stream_new(arena, &script->base);
    mansio_stream_set_deadline(stream, SOON);
    return stream;
}

#endif
