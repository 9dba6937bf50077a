/*
 * A stream from the inside: what its three files (life, reading, writing) share, and what conns
 * need beside the public functions.
 */
#ifndef MANSIO_CORE_NET_STREAM_H
#define MANSIO_CORE_NET_STREAM_H

#include <mansio/stream.h>

#include "core/loop/waitable.h"
#include "core/net/transport.h"

enum {
    CORE_STREAM_GATHER_MAX = 16384, /* unsent bytes above which a writer waits */
    CORE_STREAM_AHEAD_MAX = 16384,  /* bytes read ahead of a line that is asked for */
    CORE_STREAM_PRINTF_MAX = 8192,
};

/* Received bytes that nobody has taken yet: data[start..end) of size. The block is as big as what
 * came, not as what may come, and is freed when it is empty and the reader is about to wait: so
 * an idle conn has none. */
struct core_stream_input {
    char *data;
    uint32_t size, start, end;
    uint32_t scanned;     /* no line end between start and here: nothing is searched twice */
    uint32_t wants;       /* directions that the last try lacked; 0: try before waiting */
    int end_code;         /* once it has come: MANSIO_E_EOF or MANSIO_E_IO; sticky */
    uint8_t is_busy;      /* a fiber is in a read call */
    uint8_t is_waiting;   /* and suspended there: nobody else will send what is gathered */
    uint8_t is_skipping;  /* in the middle of a line that is too long */
    uint8_t skip_has_cr;  /* whose last byte so far was a CR */
    uint8_t scanned_bare; /* scanned was found with MANSIO_READ_BARE_LF */
};

/* Gathered bytes that are not sent yet: data[start..end) of size. Freed when empty. */
struct core_stream_output {
    char *data;
    uint32_t size, start, end;
    uint32_t wants;
    int end_code;    /* once bytes were lost or the peer is gone, no more can follow; sticky */
    uint8_t is_busy; /* a fiber is in a write call */
    uint8_t is_corked;
};

struct core_tls;

struct mansio_stream {
    struct core_transport *transport; /* NULL once closed */
    struct core_tls *tls;             /* the transport that is TLS, or one below it; may be NULL */
    struct mansio_arena *arena;
    int64_t deadline_us;
    struct core_stream_input in;
    struct core_stream_output out;
    struct mansio_waitable reading;  /* the reader waits here for in.wants, */
    struct mansio_waitable writing;  /* the writer for out.wants, */
    struct mansio_waitable readable; /* and mansio_wait() for input */
    uint8_t armed;                   /* which of the three are watched; stream.c's own */
};

/* Make a stream on a transport, which it owns. It is closed when @p arena ends at the latest. */
struct mansio_stream *core_stream_new(struct mansio_arena *arena, struct core_transport *transport);

/* Put another transport under a stream in mid-life, one that stands on the present one. Nobody may
 * be reading or writing, nothing be held or unsent. */
void core_stream_set_transport(struct mansio_stream *stream, struct core_transport *transport);

/* Forget what was received and not read, an unfinished over-long line too. */
void core_stream_forget(struct mansio_stream *stream);

/* Wait until more than @p count bytes are held, reading ahead no more than up to @p held_max; give
 * all that is held, without taking it. Yields. As mansio_stream_read(). */
MANSIO_MUST_CHECK int core_stream_peek(struct mansio_stream *stream, size_t count, size_t held_max,
                                       struct mansio_str *out);
/* Take bytes that are held. */
void core_stream_skip(struct mansio_stream *stream, size_t count);

/* Close the transport and free the buffers; every later call answers MANSIO_E_CLOSED. No fiber
 * may be reading or writing. Twice is harmless. */
void core_stream_close(struct mansio_stream *stream);

/* Send what is gathered as far as the transport takes it now. Returns 0, also when some is left,
 * or the error that writing gives from now on. */
int core_stream_push(struct mansio_stream *stream);

/* Bytes gathered and not sent. */
size_t core_stream_unsent(const struct mansio_stream *stream);

/* Flush, shut our side down, read and drop until the peer closes, @p bytes_max have come or
 * @p deadline_us: so that no unread input makes the system reset the connection and our last
 * words with it. Yields. */
void core_stream_finish(struct mansio_stream *stream, size_t bytes_max, int64_t deadline_us);

/* For the reader and the writer: wait on stream->reading or ->writing, under the stream's deadline.
 * Returns 0, also when woken for nothing, or as mansio_wait(). Yields. */
MANSIO_MUST_CHECK int core_stream_wait(struct mansio_stream *stream, struct mansio_waitable *side,
                                       uint32_t flags);

/* The directions that somebody waits for have changed in mid-wait: watch them. */
void core_stream_rewatch(struct mansio_stream *stream);

/* What a call on a stream that has ended answers: @p code, with its detail recorded anew. */
int core_stream_ended(int code);

/* One try to read what is there into the block, at most up to @p held_max bytes held. Returns how
 * many came, 0 if nothing can be had now, or the sticky code. */
int core_stream_receive(struct mansio_stream *stream, size_t held_max);

#endif
