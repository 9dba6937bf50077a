/*
 * Streams: buffered bytes in both directions, whatever carries them.
 *
 * Reading is by line or by count, always under a limit. Writing is corked: what is written is
 * gathered and sent when the stream is flushed, when enough has gathered, or when the reader is
 * about to wait for its peer, so that a pipelined dialogue takes one segment each way. A writer
 * whose peer does not read waits (back-pressure); it never gathers more than a bounded amount.
 * One fiber may read while another writes; two may not do the same.
 */
#ifndef MANSIO_STREAM_H
#define MANSIO_STREAM_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/fiber.h>

/** Opaque. */
struct mansio_stream;

/** Most that one read gives, and the longest line: bytes. */
#define MANSIO_STREAM_READ_MAX 65536

/** Flags for reading. */
enum mansio_read_flags {
    MANSIO_READ_IDLE = 1,    /* waiting for the first byte is idle: a stop request may end it */
    MANSIO_READ_BARE_LF = 2, /* read_line: a LF without CR ends a line too */
};

/**
 * Set the deadline of every later wait on a stream, of both directions.
 *
 * @param deadline_us  monotonic time, or MANSIO_NEVER; a protocol sets it once per step
 *                     (RFC 5321 4.5.3.2)
 * @yields no     @since 1.0
 */
MANSIO_EXPORT void mansio_stream_set_deadline(struct mansio_stream *stream, int64_t deadline_us);

/**
 * Read one line, without its CRLF.
 *
 * @param stream  borrowed
 * @param max     longest line accepted, bytes, line end included (RFC 5321 4.5.3.1.6); at most
 *                MANSIO_STREAM_READ_MAX
 * @param flags   enum mansio_read_flags; without MANSIO_READ_BARE_LF only CRLF ends a line, and a
 *                lone CR or LF is part of it
 * @param out     slice into the stream's buffer; valid until the next read on @p stream
 * @return length in bytes; MANSIO_E_LIMIT if longer (the line is skipped to its end);
 *         MANSIO_E_EOF (an unfinished last line is dropped); MANSIO_E_TIMEOUT at the stream's
 *         deadline; MANSIO_E_STOPPING, with MANSIO_READ_IDLE, if nothing of the line had come;
 *         MANSIO_E_CANCELLED; MANSIO_E_IO
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_stream_read_line(struct mansio_stream *stream,
                                                            size_t max, uint32_t flags,
                                                            struct mansio_str *out);

/**
 * Read what there is, at least one byte.
 *
 * @param max    most bytes; at most MANSIO_STREAM_READ_MAX
 * @param flags  MANSIO_READ_IDLE or 0
 * @param out    slice into the stream's buffer; valid until the next read on @p stream
 * @return length in bytes; MANSIO_E_EOF; MANSIO_E_TIMEOUT; MANSIO_E_STOPPING; MANSIO_E_CANCELLED;
 *         MANSIO_E_IO
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_stream_read(struct mansio_stream *stream, size_t max,
                                                       uint32_t flags, struct mansio_str *out);

/**
 * Read an exact number of bytes.
 *
 * @param count  1 to MANSIO_STREAM_READ_MAX; for more, loop over mansio_stream_read()
 * @param out    slice into the stream's buffer; valid until the next read on @p stream
 * @return @p count; MANSIO_E_EOF if the peer closed before; otherwise as mansio_stream_read()
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_stream_read_exact(struct mansio_stream *stream,
                                                             size_t count, struct mansio_str *out);

/**
 * Give back the end of what the last read gave: it is read again. For who reads in bulk what ends
 * somewhere (the text of a message), with the next command behind it.
 *
 * @param count  at most what the last mansio_stream_read() or mansio_stream_read_exact() gave;
 *               nothing else may have been done with @p stream since
 * @yields no     @since 1.0
 */
MANSIO_EXPORT void mansio_stream_unread(struct mansio_stream *stream, size_t count);

/** Bytes that a read would give without waiting. @yields no @since 1.0 */
MANSIO_EXPORT size_t mansio_stream_buffered(const struct mansio_stream *stream);

/**
 * Write bytes. They are gathered, or, when enough has gathered, sent.
 *
 * @param bytes  copied or sent before the call returns
 * @return 0; MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED; MANSIO_E_IO (the peer is gone)
 * @yields yes, when more than the gathering limit (16 KiB) is unsent     @since 1.0
 */
MANSIO_EXPORT int mansio_stream_write(struct mansio_stream *stream, struct mansio_str bytes);

/**
 * Write formatted text, at most 8 KiB of it.
 *
 * @return 0; MANSIO_E_LIMIT (nothing of it is written); otherwise as mansio_stream_write()
 * @yields yes, as mansio_stream_write()     @since 1.0
 */
MANSIO_EXPORT int mansio_stream_printf(struct mansio_stream *stream, const char *format, ...)
    MANSIO_PRINTF(2, 3);

/**
 * Send what has gathered.
 *
 * @return 0 once the system has taken it all; otherwise as mansio_stream_write()
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT int mansio_stream_flush(struct mansio_stream *stream);

/**
 * Hold gathered bytes back even when the reader is about to wait, until uncorked or flushed.
 *
 * @param is_corked  1 to hold, 0 for the ordinary way
 * @yields no     @since 1.0
 */
MANSIO_EXPORT void mansio_stream_cork(struct mansio_stream *stream, int is_corked);

/** Ready when a read would not wait: bytes are there, or the peer closed. For mansio_wait(); note
 * that only reads send gathered bytes by themselves, so flush first. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_waitable *mansio_stream_readable(struct mansio_stream *stream);

/**
 * Connect to an address and make a stream of it.
 *
 * @param arena        whose end closes the stream
 * @param address      "192.0.2.1:25", "[2001:db8::1]:25" or "unix:/run/x.sock"; no names
 * @param deadline_us  monotonic time
 * @param out          the stream
 * @return 0; MANSIO_E_INVALID for an address that is none; MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED;
 *         MANSIO_E_UNAVAILABLE when refused or unreachable; MANSIO_E_IO
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_stream_connect(struct mansio_arena *arena,
                                                          struct mansio_str address,
                                                          int64_t deadline_us,
                                                          struct mansio_stream **out);

#endif
