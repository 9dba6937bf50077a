/*
 * The life of a stream: making, deadline, what is waited for, closing. Reading is in
 * stream_read.c, writing in stream_write.c; what carries the bytes is below transport.h, and this
 * layer knows nothing of it but whether it moved some.
 *
 * Three waitables hang on one transport. Each is watched while a fiber waits on it; the transport
 * is told the union of the directions that they want.
 */
#include "core/net/stream.h"

#include <mansio/error.h>
#include <mansio/time.h>

#include "core/base/alloc.h"
#include "core/base/list.h"

enum {
    ARMED_READING = 1,
    ARMED_WRITING = 2,
    ARMED_READABLE = 4,
};

/* ---- what is waited for --------------------------------------------------------------------- */

void core_stream_rewatch(struct mansio_stream *stream)
{
    uint32_t directions = 0;
    if (stream->armed & ARMED_READING) {
        directions |= stream->in.wants;
    }
    if (stream->armed & ARMED_WRITING) {
        directions |= stream->out.wants;
    }
    if (stream->armed & ARMED_READABLE) {
        directions |= CORE_TRANSPORT_READ;
    }
    if (stream->transport) {
        stream->transport->ops->watch(stream->transport, directions);
    }
}

static void set_armed(struct mansio_stream *stream, uint8_t which, int is_armed)
{
    stream->armed = (uint8_t)(is_armed ? stream->armed | which : stream->armed & ~which);
    core_stream_rewatch(stream);
}

static void reading_arm(struct mansio_waitable *self)
{
    set_armed(CORE_CONTAINER(self, struct mansio_stream, reading), ARMED_READING, 1);
}

static void reading_disarm(struct mansio_waitable *self)
{
    set_armed(CORE_CONTAINER(self, struct mansio_stream, reading), ARMED_READING, 0);
}

static void writing_arm(struct mansio_waitable *self)
{
    set_armed(CORE_CONTAINER(self, struct mansio_stream, writing), ARMED_WRITING, 1);
}

static void writing_disarm(struct mansio_waitable *self)
{
    set_armed(CORE_CONTAINER(self, struct mansio_stream, writing), ARMED_WRITING, 0);
}

static void readable_arm(struct mansio_waitable *self)
{
    set_armed(CORE_CONTAINER(self, struct mansio_stream, readable), ARMED_READABLE, 1);
}

static void readable_disarm(struct mansio_waitable *self)
{
    set_armed(CORE_CONTAINER(self, struct mansio_stream, readable), ARMED_READABLE, 0);
}

/* Asks the transport too, at the price of a system call: input that is there needs no suspension.
 * (A stop request comes before it all the same: mansio_wait() says what to do about that.) */
static int readable_is_ready(struct mansio_waitable *self)
{
    struct mansio_stream *stream = CORE_CONTAINER(self, struct mansio_stream, readable);
    if (!stream->transport || stream->in.end_code != 0 || stream->in.start < stream->in.end) {
        return 1;
    }
    if (!stream->transport->ops->is_readable(stream->transport)) {
        return 0;
    }
    stream->in.wants = 0;
    return 1;
}

static const struct core_waitable_ops reading_ops = {
    .name = "stream read", .arm = reading_arm, .disarm = reading_disarm};
static const struct core_waitable_ops writing_ops = {
    .name = "stream write", .arm = writing_arm, .disarm = writing_disarm};
static const struct core_waitable_ops readable_ops = {.name = "stream readable",
                                                      .is_ready = readable_is_ready,
                                                      .arm = readable_arm,
                                                      .disarm = readable_disarm};

/* From the transport, in the loop. */
static void on_ready(void *owner, uint32_t directions)
{
    struct mansio_stream *stream = owner;
    int is_for_reader = (directions & stream->in.wants) != 0;
    int is_for_writer = (directions & stream->out.wants) != 0;
    if (directions & CORE_TRANSPORT_READ) {
        stream->in.wants = 0;
        core_waitable_wake_all(&stream->readable);
    }
    if (is_for_reader) {
        core_waitable_wake_all(&stream->reading);
    }
    if (is_for_writer) {
        core_waitable_wake_all(&stream->writing);
    }
}

int core_stream_wait(struct mansio_stream *stream, struct mansio_waitable *side, uint32_t flags)
{
    int rc = mansio_wait(&side, 1, stream->deadline_us, flags);
    return rc > 0 ? 0 : rc;
}

struct mansio_waitable *mansio_stream_readable(struct mansio_stream *stream)
{
    return &stream->readable;
}

/* ---- life ----------------------------------------------------------------------------------- */

static void stream_end(void *arg)
{
    core_stream_close(arg);
}

struct mansio_stream *core_stream_new(struct mansio_arena *arena, struct core_transport *transport)
{
    struct mansio_stream *stream = mansio_arena_alloc(arena, sizeof(*stream));
    stream->transport = transport;
    stream->arena = arena;
    stream->deadline_us = MANSIO_NEVER;
    core_waitable_init(&stream->reading, &reading_ops);
    core_waitable_init(&stream->writing, &writing_ops);
    core_waitable_init(&stream->readable, &readable_ops);
    transport->owner = stream;
    transport->on_ready = on_ready;
    mansio_arena_defer(arena, stream_end, stream);
    return stream;
}

void core_stream_set_transport(struct mansio_stream *stream, struct core_transport *transport)
{
    MANSIO_ASSERT(!stream->in.is_busy && !stream->out.is_busy && stream->armed == 0);
    MANSIO_ASSERT(mansio_stream_buffered(stream) == 0 && core_stream_unsent(stream) == 0);
    stream->transport = transport;
    stream->in.wants = 0;
    stream->out.wants = 0;
    transport->owner = stream;
    transport->on_ready = on_ready;
}

void core_stream_close(struct mansio_stream *stream)
{
    if (!stream->transport) {
        return;
    }
    MANSIO_ASSERT(!stream->in.is_busy && !stream->out.is_busy && stream->armed == 0);
    struct core_transport *transport = stream->transport;
    stream->transport = NULL;
    transport->ops->close(transport);
    core_stream_forget(stream);
    core_free(stream->out.data);
    stream->in = (struct core_stream_input){.end_code = MANSIO_E_CLOSED};
    stream->out = (struct core_stream_output){.end_code = MANSIO_E_CLOSED};
}

int core_stream_ended(int code)
{
    switch (code) {
    case MANSIO_E_EOF:
        return mansio_fail(code, "the peer has closed the connection");
    case MANSIO_E_CLOSED:
        return mansio_fail(code, "the stream is closed");
    default:
        return mansio_fail(code, "the connection has failed before");
    }
}

void mansio_stream_set_deadline(struct mansio_stream *stream, int64_t deadline_us)
{
    stream->deadline_us = deadline_us;
}

void core_stream_finish(struct mansio_stream *stream, size_t bytes_max, int64_t deadline_us)
{
    stream->deadline_us = deadline_us;
    if (mansio_stream_flush(stream) != 0 || stream->in.end_code != 0) {
        return; /* nothing can be told any more, or nothing can come */
    }
    stream->transport->ops->shutdown(stream->transport);
    size_t dropped = 0;
    while (dropped < bytes_max) {
        struct mansio_str bytes;
        int n = mansio_stream_read(stream, MANSIO_STREAM_READ_MAX, 0, &bytes);
        if (n < 0) {
            break;
        }
        dropped += (size_t)n;
    }
}
