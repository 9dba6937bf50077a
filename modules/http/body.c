/*
 * Bodies: by length or in chunks (RFC 9112 6), never faster told to go away than read. Who sends
 * slower than the configured rate for too long is given up.
 */
#include "conn.h"

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum {
    STATUS_TIMEOUT = 408,
    STATUS_TOO_LARGE = 413,
    SKIP_MAX = 64 * 1024, /* cheaper than a new connection */
};

struct reading {
    struct http_conn *conn;
    struct mansio_buf *kept; /* NULL: nothing is */
    struct http_chunks chunks;
    uint64_t left; /* by length */
    int64_t began_us;
};

/* Neither silent for too long, nor ever so slow. */
static int64_t deadline_of(const struct reading *reading)
{
    const struct http_options *options = &reading->conn->options;
    int64_t earned_us =
        (int64_t)((double)reading->conn->received / (double)options->rate * (double)MANSIO_SECOND);
    int64_t slow_us = reading->began_us + options->body_us + earned_us;
    int64_t silent_us = mansio_deadline_in(options->body_us);
    return slow_us < silent_us ? slow_us : silent_us;
}

static int keep(struct reading *reading, struct mansio_str data)
{
    reading->conn->received += data.len;
    return reading->kept == NULL || mansio_buf_add(reading->kept, data) == 0 ? HTTP_MORE
                                                                             : STATUS_TOO_LARGE;
}

/* What came, as far as it is the body's. As http_chunks_feed(). */
static int take(struct reading *reading, struct mansio_str bytes, size_t *out_used)
{
    size_t used = 0;
    int rc = HTTP_MORE;
    if (!reading->conn->head.is_chunked) {
        struct mansio_str data = mansio_str_sub(
            bytes, 0, (size_t)(bytes.len < reading->left ? bytes.len : reading->left));
        reading->left -= data.len;
        *out_used = data.len;
        rc = keep(reading, data);
        return rc == HTTP_MORE && reading->left == 0 ? HTTP_DONE : rc;
    }
    while (rc == HTTP_MORE && used < bytes.len) {
        struct mansio_str data;
        size_t count = 0;
        rc = http_chunks_feed(&reading->chunks, mansio_str_sub(bytes, used, SIZE_MAX), &count,
                              &data);
        used += count;
        if (data.len > 0) {
            int kept = keep(reading, data);
            rc = kept != HTTP_MORE ? kept : rc;
        }
    }
    *out_used = used;
    return rc;
}

/* 0, a status, or an error. */
static int read_all(struct reading *reading)
{
    struct mansio_stream *stream = reading->conn->stream;
    struct mansio_str bytes;
    size_t used = 0;
    int rc = HTTP_MORE;
    while (rc == HTTP_MORE) {
        mansio_stream_set_deadline(stream, deadline_of(reading));
        rc = mansio_stream_read(stream, MANSIO_STREAM_READ_MAX, 0, &bytes);
        if (rc == MANSIO_E_TIMEOUT) {
            return STATUS_TIMEOUT;
        }
        if (rc < 0) {
            return rc;
        }
        rc = take(reading, bytes, &used);
        mansio_stream_unread(stream, bytes.len - used);
    }
    return rc == HTTP_DONE ? 0 : rc;
}

int http_body_read(struct http_conn *conn, uint64_t max)
{
    struct reading reading = {.conn = conn, .left = conn->head.length, .began_us = mansio_now_us()};
    int rc = 0;
    if (!conn->head.has_body) {
        return 0;
    }
    if (conn->head.length > max) {
        return STATUS_TOO_LARGE;
    }
    reading.kept = mansio_buf_new(conn->arena, (size_t)max);
    http_chunks_init(&reading.chunks, max);
    /* Who has begun to send doesn't wait to be told (RFC 9110 10.1.1). */
    if (conn->head.wants_continue && mansio_stream_buffered(conn->stream) == 0) {
        mansio_stream_set_deadline(conn->stream, mansio_deadline_in(conn->options.answer_us));
        rc = mansio_stream_write(conn->stream, MANSIO_STR("HTTP/1.1 100 Continue\r\n\r\n"));
        if (rc == 0) {
            rc = mansio_stream_flush(conn->stream);
        }
    }
    if (rc == 0) {
        rc = read_all(&reading);
    }
    conn->body = mansio_buf_str(reading.kept);
    return rc;
}

int http_body_skip(struct http_conn *conn)
{
    struct reading reading = {.conn = conn, .left = conn->head.length, .began_us = mansio_now_us()};
    if (!conn->head.has_body || conn->closes) {
        return 0;
    }
    if (conn->head.wants_continue || conn->head.length > SKIP_MAX) {
        conn->closes = 1;
        return 0;
    }
    http_chunks_init(&reading.chunks, SKIP_MAX);
    int rc = read_all(&reading);
    conn->closes |= (uint32_t)(rc != 0);
    return rc < 0 ? rc : 0;
}
