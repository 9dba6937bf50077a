/*
 * Writing to a stream: gathering, sending, back-pressure.
 *
 * Up to CORE_STREAM_GATHER_MAX unsent bytes are kept in a block that is freed as soon as it is
 * empty. What is more goes to the transport straight from the caller's memory, behind what has
 * gathered; the writer waits until the rest fits the block, so a peer that doesn't read costs
 * that much and no more.
 *
 * A write that fails has lost bytes: all later ones fail like it, since what follows would be
 * taken for something else by the peer. A flush that runs out of time loses nothing.
 */
#include "core/net/stream.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <mansio/error.h>

#include "core/base/alloc.h"

enum {
    FIRST_BLOCK = 512, /* most replies fit */
    TRY_MAX = 1 << 20, /* bytes for one try: a long write lets others run in between */
};

static size_t unsent(const struct core_stream_output *out)
{
    return out->end - out->start;
}

size_t core_stream_unsent(const struct mansio_stream *stream)
{
    return unsent(&stream->out);
}

static void release(struct core_stream_output *out)
{
    core_free(out->data);
    out->data = NULL;
    out->size = out->start = out->end = 0;
}

/* No more can be sent: what is gathered never will be. */
static int fail_output(struct core_stream_output *out, int code)
{
    release(out);
    out->end_code = code;
    return code;
}

/* Make room behind what is gathered. The block never exceeds the gathering limit and a NUL. */
static int reserve(struct core_stream_output *out, size_t count)
{
    if (out->size - out->end >= count) {
        return 0;
    }
    if (out->start > 0) {
        memmove(out->data, out->data + out->start, unsent(out));
        out->end -= out->start;
        out->start = 0;
    }
    size_t size = out->size > 0 ? out->size : FIRST_BLOCK;
    while (size - out->end < count) {
        size *= 2;
    }
    if (size > CORE_STREAM_GATHER_MAX + 1) {
        size = CORE_STREAM_GATHER_MAX + 1;
    }
    if (size == out->size) {
        return 0; /* the move was enough */
    }
    char *data = core_realloc(out->data, size);
    if (!data) {
        return fail_output(out,
                           mansio_fail(MANSIO_E_IO, "no memory for %zu bytes of output", size));
    }
    out->data = data;
    out->size = (uint32_t)size;
    return 0;
}

static int gather(struct core_stream_output *out, struct mansio_str bytes)
{
    if (bytes.len == 0) {
        return 0;
    }
    int rc = reserve(out, bytes.len);
    if (rc == 0) {
        memcpy(out->data + out->end, bytes.ptr, bytes.len);
        out->end += (uint32_t)bytes.len;
    }
    return rc;
}

/* ---- sending -------------------------------------------------------------------------------- */

/* One try to send what is gathered and @p more behind it, which is cut by what went. Returns 1 if
 * another try may move more, 0 if it is better to wait for out->wants, or the sticky code. */
static int send_once(struct mansio_stream *stream, struct mansio_str *more)
{
    struct core_stream_output *out = &stream->out;
    struct iovec iov[2];
    size_t count = 0;
    if (unsent(out) > 0) {
        iov[count++] = (struct iovec){.iov_base = out->data + out->start, .iov_len = unsent(out)};
    }
    if (more->len > 0) {
        struct iovec *last = &iov[count++];
        last->iov_len = more->len < TRY_MAX ? more->len : TRY_MAX;
        memcpy(&last->iov_base, &more->ptr, sizeof(more->ptr)); /* iovec knows no const */
    }
    if (count == 0) {
        return 1;
    }
    out->wants = 0;
    int n = stream->transport->ops->write(stream->transport, iov, count, &out->wants);
    if (n < 0) {
        return fail_output(out, n);
    }
    size_t of_gathered = (size_t)n < unsent(out) ? (size_t)n : unsent(out);
    out->start += (uint32_t)of_gathered;
    if ((size_t)n > of_gathered) { /* an empty slice has no place to move in */
        more->ptr += (size_t)n - of_gathered;
        more->len -= (size_t)n - of_gathered;
    }
    if (unsent(out) == 0) {
        release(out);
    }
    return n > 0 && out->wants == 0;
}

int core_stream_push(struct mansio_stream *stream)
{
    struct mansio_str none = MANSIO_STR_NONE;
    int rc = stream->out.end_code != 0 ? stream->out.end_code : 1;
    while (rc == 1 && unsent(&stream->out) > 0) {
        rc = send_once(stream, &none);
    }
    return rc < 0 ? rc : 0;
}

/* Send until at most @p left bytes of what is gathered and @p more are unsent. */
static int send_down_to(struct mansio_stream *stream, struct mansio_str *more, size_t left)
{
    while (unsent(&stream->out) + more->len > left) {
        int rc = send_once(stream, more);
        if (rc < 0) {
            return rc;
        }
        if (unsent(&stream->out) + more->len <= left) {
            break;
        }
        rc = rc > 0 ? mansio_fiber_pace() : core_stream_wait(stream, &stream->writing, 0);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/* ---- public --------------------------------------------------------------------------------- */

static int begin(struct mansio_stream *stream)
{
    MANSIO_ASSERT(!stream->out.is_busy); /* two fibers write */
    if (stream->out.end_code != 0) {
        return core_stream_ended(stream->out.end_code);
    }
    stream->out.is_busy = 1;
    return 0;
}

/* What was gathered while another fiber is suspended in a read: that one has sent before it went
 * to sleep and won't again, so it is sent now; what the peer doesn't take, the reader sends when
 * it does. */
static int end(struct mansio_stream *stream, int rc)
{
    stream->out.is_busy = 0;
    if (rc == 0 && stream->in.is_waiting && !stream->out.is_corked) {
        rc = core_stream_push(stream);
        if (rc == 0 && unsent(&stream->out) > 0) {
            stream->in.wants |= stream->out.wants;
            core_stream_rewatch(stream);
        }
    }
    return rc;
}

int mansio_stream_write(struct mansio_stream *stream, struct mansio_str bytes)
{
    int rc = begin(stream);
    if (rc < 0) {
        return rc;
    }
    rc = send_down_to(stream, &bytes, CORE_STREAM_GATHER_MAX);
    if (rc == 0) {
        rc = gather(&stream->out, bytes);
    } else if (stream->out.end_code == 0) {
        fail_output(&stream->out, rc);
    }
    return end(stream, rc);
}

/* The long way, for what doesn't fit behind what is gathered. */
MANSIO_PRINTF(3, 0)
static int print_apart(struct mansio_stream *stream, size_t len, const char *format, va_list args)
{
    char *text = core_alloc(len + 1);
    if (!text) {
        return mansio_fail(MANSIO_E_IO, "no memory for %zu bytes of output", len);
    }
    vsnprintf(text, len + 1, format, args);
    int rc = mansio_stream_write(stream, (struct mansio_str){text, len});
    core_free(text);
    return rc;
}

/* Format behind what is gathered. 0; 1 if that must be sent first. */
MANSIO_PRINTF(3, 0)
static int print_behind(struct core_stream_output *out, size_t len, const char *format,
                        va_list args)
{
    if (unsent(out) + len > CORE_STREAM_GATHER_MAX) {
        return 1;
    }
    int rc = reserve(out, len + 1);
    if (rc == 0) {
        vsnprintf(out->data + out->end, len + 1, format, args);
        out->end += (uint32_t)len;
    }
    return rc;
}

int mansio_stream_printf(struct mansio_stream *stream, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || len > CORE_STREAM_PRINTF_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "printf of more than %d bytes",
                           (int)CORE_STREAM_PRINTF_MAX);
    }
    int rc = begin(stream);
    if (rc < 0) {
        return rc;
    }
    va_start(args, format);
    rc = print_behind(&stream->out, (size_t)len, format, args);
    va_end(args);
    if (rc != 1) {
        return end(stream, rc);
    }
    stream->out.is_busy = 0;
    va_start(args, format);
    rc = print_apart(stream, (size_t)len, format, args);
    va_end(args);
    return rc;
}

int mansio_stream_flush(struct mansio_stream *stream)
{
    int rc = begin(stream);
    if (rc < 0) {
        return rc;
    }
    struct mansio_str none = MANSIO_STR_NONE;
    rc = send_down_to(stream, &none, 0);
    return end(stream, rc);
}

void mansio_stream_cork(struct mansio_stream *stream, int is_corked)
{
    stream->out.is_corked = is_corked != 0;
    if (!is_corked && stream->in.is_waiting && !stream->out.is_busy && stream->out.end_code == 0) {
        (void)end(stream, 0);
    }
}
