/*
 * Answers: a status, fields, a body, and the bytes that they become. Pure. Whatever a handler
 * gives, no byte of it begins a line that isn't ours.
 */
#ifndef MANSIO_MODULES_HTTP_ANSWER_H
#define MANSIO_MODULES_HTTP_ANSWER_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/buf.h>
#include <mansio/http.h>

enum {
    HTTP_ANSWER_FIELDS_MAX = 16 * 1024,      /* bytes of a handler's fields */
    HTTP_ANSWER_BODY_MAX = 64 * 1024 * 1024, /* bytes */
    HTTP_DATE_MAX = 32,
};

struct mansio_http_answer {
    struct mansio_arena *arena;
    struct mansio_buf *fields; /* whole lines */
    struct mansio_str type, body;
    uint32_t status;
};

void http_answer_init(struct mansio_http_answer *answer, struct mansio_arena *arena,
                      uint32_t status);

/* As struct mansio_http has them. */
void http_answer_set_status(struct mansio_http_answer *answer, uint32_t status);
MANSIO_MUST_CHECK int http_answer_add_header(struct mansio_http_answer *answer,
                                             struct mansio_str name, struct mansio_str value);
MANSIO_MUST_CHECK int http_answer_set_body(struct mansio_http_answer *answer,
                                           struct mansio_str type, struct mansio_str body);

/* Make it one of our own, for people: its status in words. What it held is gone. */
void http_answer_refuse(struct mansio_http_answer *answer, uint32_t status);

/* The words of a status; "" of one that has none here. */
const char *http_status_words(uint32_t status);

/* RFC 9110 5.6.7, of a wall-clock time. @return its length */
size_t http_date(int64_t wall_us, char out[HTTP_DATE_MAX]);

/* How an answer leaves. */
struct http_framing {
    int64_t wall_us;
    uint32_t minor;       /* of the request: HTTP/1.x */
    uint32_t closes;      /* nothing follows it */
    int64_t hsts_seconds; /* 0: no such field (RFC 6797) */
};

/* Its head, up to and with the empty line. 0 or MANSIO_E_LIMIT. */
MANSIO_MUST_CHECK int http_answer_head(const struct mansio_http_answer *answer,
                                       const struct http_framing *framing, struct mansio_buf *out);

#endif
