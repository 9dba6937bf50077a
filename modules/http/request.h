/*
 * A request as handlers see it, and the table "http" through which they do.
 */
#ifndef MANSIO_MODULES_HTTP_REQUEST_H
#define MANSIO_MODULES_HTTP_REQUEST_H

#include "parse.h"
#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/http.h>

struct mansio_http_request {
    struct mansio_arena *arena; /* lives until the answer is sent */
    const struct http_head *head;
    struct mansio_str body;
    uint32_t method; /* what the handler is to see */
    uint32_t is_tls;
};

/* Provided as MANSIO_HTTP. */
extern const struct mansio_http http_table;

#endif
