/*
 * A strict reader of HTTP/1.1 request heads (RFC 9112), line by line, for the metrics end point:
 * GET and HEAD without a body. Pure. What it doesn't understand it refuses with a status.
 */
#ifndef MANSIO_CORE_HOST_HTTP_REQUEST_H
#define MANSIO_CORE_HOST_HTTP_REQUEST_H

#include <mansio/base.h>

enum {
    CORE_HTTP_LINE_MAX = 4096,  /* a line of the head, its end included */
    CORE_HTTP_HEADERS_MAX = 64, /* lines */
    CORE_HTTP_PATH_MAX = 64,    /* longer ones exist nowhere here: cut */
};

struct core_http_request {
    int is_get, is_head;
    int minor; /* 0 or 1: HTTP/1.x */
    int wants_close, wants_keep;
    int has_body;
    int host_count, length_count, header_count;
    size_t path_len;
    char path[CORE_HTTP_PATH_MAX + 1]; /* without the query; one byte more tells a cut one */
};

/* The first line, without its end. 0, or the status to refuse with: 400, 505. */
int core_http_request_line(struct mansio_str line, struct core_http_request *out);

/* A header line. 0, 400, or 431 for too many. */
int core_http_header(struct mansio_str line, struct core_http_request *request);

/* After the empty line. 0, 400 (no Host), 405, or 413 (a body). */
int core_http_head_end(const struct core_http_request *request);

/* May the connection be used for another request? */
int core_http_keeps(const struct core_http_request *request);

#endif
