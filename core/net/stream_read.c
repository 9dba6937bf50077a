/*
 * Reading from a stream: by line, by count, or what there is; always bounded.
 *
 * Bytes are received into a block that fits what came: what the block can't take at once goes
 * through one spill area of the process (nothing stays there over a wait) and is copied into a
 * grown block. So a peer that sends 20 bytes costs 20 bytes, and a bulk transfer, whose block has
 * grown, is received in place.
 *
 * A line is searched from where the last search ended; an over-long one is dropped as it comes.
 * When nothing is there, the reader sends what has gathered, and waits for its peer (and, if the
 * peer doesn't take all of it, for that too: a reader never stands still for a peer's reading).
 */
#include "core/net/stream.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/time.h>

#include "core/base/alloc.h"

enum {
    BLOCK_GRAIN = 64, /* blocks are multiples of it */
};

static char spill[MANSIO_STREAM_READ_MAX];

static size_t held(const struct core_stream_input *in)
{
    return in->end - in->start;
}

/* ---- the block ------------------------------------------------------------------------------ */

/* What came may have been a password: none of it stays behind in freed memory. */
static void drop(char *data, size_t size)
{
    if (data != NULL) {
        explicit_bzero(data, size);
        core_free(data);
    }
}

static void release(struct core_stream_input *in)
{
    drop(in->data, in->size);
    in->data = NULL;
    in->size = in->start = in->end = in->scanned = 0;
}

/* Move what is held to the front. Costs at most one move of a byte for each wait, as start is 0
 * from then on until bytes are taken. */
static void compact(struct core_stream_input *in)
{
    if (in->start == 0) {
        return;
    }
    size_t count = held(in);
    if (count > 0) {
        memmove(in->data, in->data + in->start, count);
    }
    in->scanned = in->scanned > in->start ? in->scanned - in->start : 0;
    in->start = 0;
    in->end = (uint32_t)count;
}

/* Make the block @p needed bytes or more; by half more than before at least, so that bytes that
 * come singly don't copy it each time. */
static int grow(struct core_stream_input *in, size_t needed)
{
    size_t size = needed;
    if (in->data && size < in->size + in->size / 2) {
        size = in->size + in->size / 2;
    }
    size = (size + BLOCK_GRAIN - 1) / BLOCK_GRAIN * BLOCK_GRAIN;
    char *data = core_alloc(size);
    if (!data) {
        return mansio_fail(MANSIO_E_IO, "no memory for %zu bytes of input", size);
    }
    if (in->end > 0) {
        memcpy(data, in->data, in->end);
    }
    drop(in->data, in->size);
    in->data = data;
    in->size = (uint32_t)size;
    return 0;
}

int core_stream_receive(struct mansio_stream *stream, size_t held_max)
{
    struct core_stream_input *in = &stream->in;
    if (in->end_code != 0) {
        return core_stream_ended(in->end_code);
    }
    compact(in);
    size_t room = held_max - in->end;
    size_t spare = in->size - in->end;
    struct iovec iov[2];
    size_t count = 0;
    if (spare > room) {
        spare = room;
    }
    if (spare > 0) {
        iov[count++] = (struct iovec){.iov_base = in->data + in->end, .iov_len = spare};
    }
    if (room > spare) {
        iov[count++] = (struct iovec){.iov_base = spill, .iov_len = room - spare};
    }
    in->wants = 0;
    int n = stream->transport->ops->read(stream->transport, iov, count, &in->wants);
    if (n < 0) {
        in->end_code = n;
        return n;
    }
    size_t spilled = (size_t)n > spare ? (size_t)n - spare : 0;
    in->end += (uint32_t)((size_t)n - spilled);
    if (spilled > 0) {
        int rc = grow(in, in->end + spilled);
        if (rc != 0) {
            in->end_code = rc; /* bytes are lost */
            return rc;
        }
        memcpy(in->data + in->end, spill, spilled);
        explicit_bzero(spill, spilled);
        in->end += (uint32_t)spilled;
    }
    return n;
}

/* ---- waiting -------------------------------------------------------------------------------- */

/* Before the reader waits: nothing else will send what is gathered. If some can't be sent yet,
 * its turn is awaited beside the input. A failure to send is the writer's to hear: what the peer
 * sent before it went is still read. */
static void send_gathered(struct mansio_stream *stream)
{
    if (stream->out.is_corked || stream->out.is_busy || core_stream_unsent(stream) == 0) {
        return;
    }
    if (core_stream_push(stream) == 0 && core_stream_unsent(stream) > 0) {
        stream->in.wants |= stream->out.wants;
    }
}

/* Suspend until more may be there. Returns 0 to try again; the answer of mansio_wait(). */
static int wait_for_input(struct mansio_stream *stream, int is_idle)
{
    struct core_stream_input *in = &stream->in;
    if (held(in) == 0) {
        release(in);
    }
    in->is_waiting = 1;
    int rc = core_stream_wait(stream, &stream->reading, is_idle ? MANSIO_WAIT_IDLE : 0);
    in->is_waiting = 0;
    return rc;
}

/* Receive at least one byte more, waiting for it if need be. */
static int fill(struct mansio_stream *stream, size_t held_max, uint32_t flags)
{
    struct core_stream_input *in = &stream->in;
    int is_idle = (flags & MANSIO_READ_IDLE) && held(in) == 0 && !in->is_skipping;
    for (;;) {
        if (in->wants == 0 || in->end_code != 0) {
            int n = core_stream_receive(stream, held_max);
            if (n != 0) {
                return n;
            }
        }
        send_gathered(stream);
        int rc = wait_for_input(stream, is_idle);
        in->wants = 0;
        if (rc == MANSIO_E_STOPPING) { /* what came meanwhile goes first */
            int n = core_stream_receive(stream, held_max);
            if (n > 0) { /* asked anew: the next idle wait, here or elsewhere, tells */
                mansio_fiber_stop(mansio_fiber_self(), mansio_fiber_stop_reason(), MANSIO_NEVER);
            }
            return n != 0 ? n : mansio_fail(MANSIO_E_STOPPING, "asked to stop");
        }
        if (rc < 0) {
            return rc;
        }
    }
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* Where the first line held ends, its end included: an offset into the block; 0 if there is no
 * line end yet. */
static uint32_t find_end(struct core_stream_input *in, int is_bare)
{
    if (in->scanned < in->start || in->scanned_bare != is_bare) {
        in->scanned = in->start;
        in->scanned_bare = (uint8_t)is_bare;
    }
    while (in->scanned < in->end) {
        const char *from = in->data + in->scanned;
        const char *lf = memchr(from, '\n', in->end - in->scanned);
        if (!lf) {
            break;
        }
        uint32_t at = (uint32_t)(lf - in->data);
        int has_cr = at > in->start ? in->data[at - 1] == '\r' : in->skip_has_cr;
        if (is_bare || has_cr) {
            return at + 1;
        }
        in->scanned = at + 1;
    }
    in->scanned = in->end;
    return 0;
}

static void stop_skipping(struct core_stream_input *in)
{
    in->is_skipping = 0;
    in->skip_has_cr = 0;
}

/* Drop what is held up to the end of the line that is being skipped. Returns 1 at its end. */
static int skip_line(struct core_stream_input *in, int is_bare)
{
    uint32_t end = find_end(in, is_bare);
    if (end == 0) {
        if (held(in) > 0) {
            in->skip_has_cr = in->data[in->end - 1] == '\r';
        }
        in->start = in->end;
        return 0;
    }
    in->start = end;
    stop_skipping(in);
    return 1;
}

static int too_long(size_t max)
{
    return mansio_fail(MANSIO_E_LIMIT, "a line of more than %zu bytes", max);
}

/* The first line held: 1 with a line, 0 if its end has not come, MANSIO_E_LIMIT. */
static int take_line(struct core_stream_input *in, size_t max, int is_bare, struct mansio_str *out)
{
    if (in->is_skipping) {
        return skip_line(in, is_bare) ? too_long(max) : 0;
    }
    uint32_t end = find_end(in, is_bare);
    if (end == 0 && held(in) >= max) {
        in->is_skipping = 1;
        skip_line(in, is_bare);
        return 0;
    }
    if (end == 0) {
        return 0;
    }
    uint32_t start = in->start;
    in->start = end;
    if (end - start > max) {
        return too_long(max);
    }
    end--;
    if (end > start && in->data[end - 1] == '\r') {
        end--;
    }
    *out = (struct mansio_str){in->data + start, end - start};
    return 1;
}

/* ---- public --------------------------------------------------------------------------------- */

/* What every read begins with. A pipelining peer always has more: so each read is a place where
 * others may run. */
static int begin(struct mansio_stream *stream)
{
    MANSIO_ASSERT(!stream->in.is_busy); /* two fibers read */
    if (!stream->transport) {
        return core_stream_ended(MANSIO_E_CLOSED);
    }
    stream->in.is_busy = 1;
    int rc = mansio_fiber_pace();
    if (rc < 0) {
        stream->in.is_busy = 0;
        return rc;
    }
    return 0;
}

static size_t at_least(size_t a, size_t b)
{
    return a > b ? a : b;
}

int mansio_stream_read_line(struct mansio_stream *stream, size_t max, uint32_t flags,
                            struct mansio_str *out)
{
    if (max == 0 || max > MANSIO_STREAM_READ_MAX) {
        return mansio_fail(MANSIO_E_BUG, "read_line: no line can have %zu bytes", max);
    }
    int rc = begin(stream);
    if (rc < 0) {
        return rc;
    }
    struct core_stream_input *in = &stream->in;
    while ((rc = take_line(in, max, (flags & MANSIO_READ_BARE_LF) != 0, out)) == 0) {
        rc = fill(stream, at_least(max, CORE_STREAM_AHEAD_MAX), flags);
        if (rc == MANSIO_E_EOF) {
            in->start = in->end;
        }
        if (rc < 0 || (rc = mansio_fiber_pace()) < 0) {
            break;
        }
    }
    in->is_busy = 0;
    return rc < 0 ? rc : (int)out->len;
}

/* Give the first @p count bytes held. */
static int give(struct core_stream_input *in, size_t count, struct mansio_str *out)
{
    *out = (struct mansio_str){in->data + in->start, count};
    in->start += (uint32_t)count;
    return (int)count;
}

int mansio_stream_read(struct mansio_stream *stream, size_t max, uint32_t flags,
                       struct mansio_str *out)
{
    if (max == 0 || max > MANSIO_STREAM_READ_MAX) {
        return mansio_fail(MANSIO_E_BUG, "read: %zu bytes can't be asked for", max);
    }
    int rc = begin(stream);
    if (rc < 0) {
        return rc;
    }
    struct core_stream_input *in = &stream->in;
    stop_skipping(in);
    if (held(in) == 0) {
        rc = fill(stream, max, flags);
    }
    in->is_busy = 0;
    if (rc < 0) {
        return rc;
    }
    return give(in, held(in) < max ? held(in) : max, out);
}

int mansio_stream_read_exact(struct mansio_stream *stream, size_t count, struct mansio_str *out)
{
    if (count == 0 || count > MANSIO_STREAM_READ_MAX) {
        return mansio_fail(MANSIO_E_BUG, "read_exact: %zu bytes can't be asked for", count);
    }
    int rc = begin(stream);
    if (rc < 0) {
        return rc;
    }
    struct core_stream_input *in = &stream->in;
    stop_skipping(in);
    while (rc >= 0 && held(in) < count) {
        rc = fill(stream, at_least(count, CORE_STREAM_AHEAD_MAX), 0);
        if (rc >= 0) {
            rc = mansio_fiber_pace();
        }
    }
    in->is_busy = 0;
    return rc < 0 ? rc : give(in, count, out);
}

void mansio_stream_unread(struct mansio_stream *stream, size_t count)
{
    struct core_stream_input *in = &stream->in;
    MANSIO_ASSERT(!in->is_busy && count <= in->start);
    in->start -= (uint32_t)count;
    if (in->scanned > in->start) {
        in->scanned = in->start; /* a line may begin elsewhere than it did */
    }
}

int core_stream_peek(struct mansio_stream *stream, size_t count, size_t held_max,
                     struct mansio_str *out)
{
    int rc = begin(stream);
    if (rc < 0) {
        return rc;
    }
    struct core_stream_input *in = &stream->in;
    stop_skipping(in);
    if (count >= held_max) {
        rc = mansio_fail(MANSIO_E_BUG, "peek: more than %zu of %zu bytes", count, held_max);
    }
    while (rc >= 0 && held(in) <= count) {
        rc = fill(stream, held_max, 0);
        if (rc >= 0) {
            rc = mansio_fiber_pace();
        }
    }
    in->is_busy = 0;
    if (rc < 0) {
        return rc;
    }
    *out = (struct mansio_str){in->data + in->start, held(in)};
    return (int)out->len;
}

void core_stream_skip(struct mansio_stream *stream, size_t count)
{
    struct core_stream_input *in = &stream->in;
    MANSIO_ASSERT(count <= held(in));
    in->start += (uint32_t)count;
}

void core_stream_forget(struct mansio_stream *stream)
{
    MANSIO_ASSERT(!stream->in.is_busy);
    stop_skipping(&stream->in);
    release(&stream->in);
}

size_t mansio_stream_buffered(const struct mansio_stream *stream)
{
    return held(&stream->in);
}
