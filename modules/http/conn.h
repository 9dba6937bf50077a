/*
 * A connection: requests one after the other, each with a session of its own for the service of
 * whoever answers it. The session that the core opened is the connection's, and nobody's.
 */
#ifndef MANSIO_MODULES_HTTP_CONN_H
#define MANSIO_MODULES_HTTP_CONN_H

#include "answer.h"
#include "http.h"
#include "options.h"
#include "parse.h"
#include "route.h"
#include <mansio/protocol.h>
#include <mansio/session.h>
#include <mansio/stream.h>

enum http_phase {
    HTTP_IDLE = 0,  /* between requests: nothing can be said */
    HTTP_ASKED,     /* somebody waits for an answer of which nothing is sent */
    HTTP_ANSWERING, /* in the midst of an answer */
};

struct http_conn {
    struct http_module *module;
    struct mansio_session *outer; /* the conn's */
    struct mansio_conn *conn;
    struct mansio_stream *stream;
    uint32_t is_tls, is_unix;
    uint32_t phase; /* enum http_phase */
    uint32_t request_count, login_failures;
    uint32_t is_over; /* no more requests are read */

    /* Of the request in hand. */
    struct http_options options;
    struct mansio_arena *arena;
    struct http_head head;
    const struct http_route *route; /* NULL: nobody's */
    struct mansio_session *session; /* NULL: none yet */
    struct mansio_str body;
    uint64_t received;        /* of its body */
    uint32_t is_read;         /* all of it: what comes next is another request */
    struct mansio_str detail; /* of an error of the fiber that answers */
    int64_t began_us;
    struct mansio_http_answer answer;
    uint32_t closes; /* the answer is the last */
};

/* The protocol's functions (mansio/protocol.h). */
int http_serve(struct mansio_instance *instance, struct mansio_session *session);
void http_goodbye(struct mansio_instance *instance, struct mansio_session *session, uint32_t reason,
                  struct mansio_buf *out);

/* ---- body.c: both yield -----------------------------------------------------------------------
 */

/* Read the request's body, at most @p max bytes of it. 0; a status to refuse with; an error that
 * ends the connection. */
MANSIO_MUST_CHECK int http_body_read(struct http_conn *conn, uint64_t max);

/* Get past a body that nobody wants, if that is cheap; else the answer closes. 0 or an error that
 * ends the connection. */
MANSIO_MUST_CHECK int http_body_skip(struct http_conn *conn);

/* ---- admit.c ----------------------------------------------------------------------------------
 */

enum {
    HTTP_ADMITTED = 0,
    HTTP_ANSWERED = 1, /* the answer is made */
};

/* Find who answers, open the session, judge credentials. HTTP_ADMITTED, HTTP_ANSWERED, or an error
 * that ends the connection. Yields. */
MANSIO_MUST_CHECK int http_admit(struct http_conn *conn);

#endif
