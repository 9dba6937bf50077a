/*
 * Bounded buffers: text and bytes being built, under a hard limit.
 *
 * A buffer that would outgrow its limit keeps what it has, ignores what follows and remembers:
 * builders append without checking each step and ask mansio_buf_status() once at the end.
 */
#ifndef MANSIO_BUF_H
#define MANSIO_BUF_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <stdarg.h>

/** Opaque. */
struct mansio_buf;

/**
 * Make a buffer. It takes memory as it grows and gives it back when @p arena ends.
 *
 * @param arena      whose end is the buffer's end
 * @param limit      most bytes it may hold
 * @return the buffer, never NULL
 * @yields no     @since 1.0
 */
MANSIO_EXPORT struct mansio_buf *mansio_buf_new(struct mansio_arena *arena, size_t limit);

/**
 * Append bytes.
 *
 * @return 0; MANSIO_E_LIMIT when they don't fit (nothing of them is added, and every later append
 *         answers the same until mansio_buf_reset())
 * @yields no     @since 1.0
 */
MANSIO_EXPORT int mansio_buf_add(struct mansio_buf *buf, struct mansio_str bytes);

/** Append one byte; returns as mansio_buf_add(). @yields no @since 1.0 */
MANSIO_EXPORT int mansio_buf_add_char(struct mansio_buf *buf, char c);

/** Append formatted text; returns as mansio_buf_add(). @yields no @since 1.0 */
MANSIO_EXPORT int mansio_buf_printf(struct mansio_buf *buf, const char *format, ...)
    MANSIO_PRINTF(2, 3);

/** As mansio_buf_printf(), with a va_list. @yields no @since 1.0 */
MANSIO_EXPORT int mansio_buf_vprintf(struct mansio_buf *buf, const char *format, va_list args)
    MANSIO_PRINTF(2, 0);

/**
 * Remove bytes at the front, for what has been sent.
 *
 * @param count  at most what the buffer holds
 * @yields no     @since 1.0
 */
MANSIO_EXPORT void mansio_buf_consume(struct mansio_buf *buf, size_t count);

/**
 * What the buffer holds. A NUL follows the last byte.
 *
 * @return valid until the buffer is next changed
 * @yields no     @since 1.0
 */
MANSIO_EXPORT struct mansio_str mansio_buf_str(const struct mansio_buf *buf);

/** 0 if everything appended fitted, else MANSIO_E_LIMIT. @yields no @since 1.0 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_buf_status(const struct mansio_buf *buf);

/** Empty the buffer and forget an overflow; memory is kept. @yields no @since 1.0 */
MANSIO_EXPORT void mansio_buf_reset(struct mansio_buf *buf);

/** Empty the buffer and give its memory back now; it may be used again. @yields no @since 1.0 */
MANSIO_EXPORT void mansio_buf_release(struct mansio_buf *buf);

#endif
