/*
 * Bounded buffers. Owns one growing piece of heap, charged to its arena and given back when that
 * ends; the live bytes are [start, start + len) in it, a NUL behind them. An overflow is sticky.
 */
#include <mansio/buf.h>

#include "core/base/alloc.h"
#include "core/base/arena.h"

#include <stdio.h>
#include <string.h>
#include <mansio/error.h>

enum { FIRST_BYTES = 128 };

struct mansio_buf {
    struct mansio_arena *arena;
    char *data; /* NULL until something is added */
    size_t start;
    size_t len;
    size_t room; /* bytes at data */
    size_t limit;
    int status;
};

void mansio_buf_release(struct mansio_buf *buf)
{
    core_free(buf->data);
    core_arena_uncharge(buf->arena, buf->room);
    buf->data = NULL;
    buf->start = 0;
    buf->len = 0;
    buf->room = 0;
    buf->status = 0;
}

static void buf_end(void *arg)
{
    mansio_buf_release(arg);
}

struct mansio_buf *mansio_buf_new(struct mansio_arena *arena, size_t limit)
{
    struct mansio_buf *buf = mansio_arena_alloc(arena, sizeof *buf);

    buf->arena = arena;
    buf->limit = limit < SIZE_MAX / 4 ? limit : SIZE_MAX / 4;
    mansio_arena_defer(arena, buf_end, buf);
    return buf;
}

static void move_to_front(struct mansio_buf *buf)
{
    if (buf->start > 0) {
        memmove(buf->data, buf->data + buf->start, buf->len);
        buf->start = 0;
    }
}

/* Double the room, at least to @p needed bytes, at most to the limit and a NUL. */
static int grow(struct mansio_buf *buf, size_t needed)
{
    size_t room = buf->room < FIRST_BYTES / 2 ? FIRST_BYTES : buf->room * 2;
    char *data;
    int result;

    if (room > buf->limit + 1) {
        room = buf->limit + 1;
    }
    if (room < needed) {
        room = needed;
    }
    result = core_arena_charge(buf->arena, room - buf->room);
    if (result < 0) {
        return result;
    }
    move_to_front(buf);
    data = core_realloc(buf->data, room);
    if (data == NULL) {
        core_arena_uncharge(buf->arena, room - buf->room);
        return mansio_fail(MANSIO_E_LIMIT, "buffer: no memory for %zu bytes", room);
    }
    buf->data = data;
    buf->room = room;
    return 0;
}

/* Make room for @p count bytes and a NUL behind the live ones. */
static int reserve(struct mansio_buf *buf, size_t count)
{
    size_t needed;

    if (buf->status < 0) {
        return buf->status;
    }
    if (count > buf->limit - buf->len) {
        buf->status = mansio_fail(MANSIO_E_LIMIT,
                                  "buffer: %zu bytes more than the %zu it holds "
                                  "exceed its limit of %zu",
                                  count, buf->len, buf->limit);
        return buf->status;
    }
    needed = buf->len + count + 1;
    if (needed <= buf->room - buf->start) {
        return 0;
    }
    /* Moving is free when it is paid for by as many bytes consumed; else more room is better. */
    if (needed <= buf->room && (buf->start >= buf->len || buf->room > buf->limit)) {
        move_to_front(buf);
        return 0;
    }
    buf->status = grow(buf, needed);
    return buf->status;
}

int mansio_buf_add(struct mansio_buf *buf, struct mansio_str bytes)
{
    int result = reserve(buf, bytes.len);

    if (result < 0) {
        return result;
    }
    if (bytes.len > 0) {
        memcpy(buf->data + buf->start + buf->len, bytes.ptr, bytes.len);
    }
    buf->len += bytes.len;
    buf->data[buf->start + buf->len] = '\0';
    return 0;
}

int mansio_buf_add_char(struct mansio_buf *buf, char c)
{
    return mansio_buf_add(buf, (struct mansio_str){&c, 1});
}

int mansio_buf_vprintf(struct mansio_buf *buf, const char *format, va_list args)
{
    va_list again;
    int length;
    int result;

    if (buf->status < 0) {
        return buf->status;
    }
    va_copy(again, args);
    length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0) {
        /* Only a broken format or text of 2 GiB: neither fits, whatever the limit. */
        buf->status = mansio_fail(MANSIO_E_LIMIT, "buffer: format \"%s\" can't be printed", format);
        return buf->status;
    }
    result = reserve(buf, (size_t)length);
    if (result < 0) {
        return result;
    }
    vsnprintf(buf->data + buf->start + buf->len, (size_t)length + 1, format, args);
    buf->len += (size_t)length;
    return 0;
}

int mansio_buf_printf(struct mansio_buf *buf, const char *format, ...)
{
    va_list args;
    int result;

    va_start(args, format);
    result = mansio_buf_vprintf(buf, format, args);
    va_end(args);
    return result;
}

void mansio_buf_consume(struct mansio_buf *buf, size_t count)
{
    MANSIO_ASSERT(count <= buf->len);
    buf->len -= count;
    buf->start = buf->len > 0 ? buf->start + count : 0;
    if (buf->data != NULL) {
        buf->data[buf->start + buf->len] = '\0';
    }
}

struct mansio_str mansio_buf_str(const struct mansio_buf *buf)
{
    return buf->data != NULL ? (struct mansio_str){buf->data + buf->start, buf->len}
                             : MANSIO_STR("");
}

int mansio_buf_status(const struct mansio_buf *buf)
{
    return buf->status;
}

void mansio_buf_reset(struct mansio_buf *buf)
{
    mansio_buf_consume(buf, buf->len);
    buf->status = 0;
}
