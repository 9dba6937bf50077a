/*
 * The interface "http-handler", version 1: who answers HTTP requests.
 *
 * Whatever serves HTTP (the module `http`) reads a request, finds the handler by host, path and
 * method, opens a session for the handler's service, logs in with what the request brings (RFC
 * 7617), and asks the handler. So each handler has a service of its own that policy knows, on one
 * connection. A handler sees a whole request, never the connection.
 */
#ifndef MANSIO_HTTP_H
#define MANSIO_HTTP_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/buf.h>
#include <mansio/module.h>
#include <mansio/session.h>

#define MANSIO_HTTP_HANDLER         "http-handler"
#define MANSIO_HTTP_HANDLER_VERSION 1

enum mansio_http_method {
    MANSIO_HTTP_GET = 1,
    MANSIO_HTTP_HEAD =
        2, /* given as GET to handlers that have GET: what serves HTTP cuts the body */
    MANSIO_HTTP_POST = 4,
    MANSIO_HTTP_PUT = 8,
    MANSIO_HTTP_DELETE = 16,
    MANSIO_HTTP_OPTIONS = 32,
};

enum mansio_http_route_flags {
    MANSIO_HTTP_PREFIX = 1,       /* path begins with it; else it is the whole path */
    MANSIO_HTTP_ANY_CASE = 2,     /* ASCII letters of the path match in either case */
    MANSIO_HTTP_NEEDS_LOGIN = 4,  /* 401 for a request without credentials */
    MANSIO_HTTP_NEEDS_TLS = 8,    /* 403 without */
    MANSIO_HTTP_TAKES_LOGIN = 16, /* credentials are judged if they come, and ignored otherwise */
};

struct mansio_http_route {
    size_t size;             /* sizeof(struct mansio_http_route): also the table's stride */
    const char *host;        /* "autoconfig.": hosts that begin so; NULL: any. Lower case */
    const char *path;        /* begins with '/'; decoded and normalized before it is compared */
    uint32_t methods;        /* bits of enum mansio_http_method */
    uint32_t flags;          /* enum mansio_http_route_flags */
    uint64_t body_max_bytes; /* 413 beyond; 0: no body is taken */
};

/** Opaque: a request, whole; lives until handle() returns. */
struct mansio_http_request;

/** Opaque: its answer. */
struct mansio_http_answer;

struct mansio_http_handler {
    size_t size;                            /* sizeof(struct mansio_http_handler) */
    const char *service;                    /* as mansio_session_open() */
    const struct mansio_http_route *routes; /* the most special one that matches is taken: host
                                             * before none, longer path before shorter */
    size_t route_count;

    /**
     * Answer a request.
     *
     * @param session  for the handler's service; somebody's if the request logged in
     * @param route    index of the route that matched
     * @param answer   to fill in; 200 without a body at first
     * @return 0: send @p answer; an error: 503 for transient ones, 413 for limits, else 500;
     * nothing of @p answer is sent
     * @yields yes    @since 1.0
     */
    int (*handle)(struct mansio_instance *instance, struct mansio_session *session, size_t route,
                  const struct mansio_http_request *request, struct mansio_http_answer *answer);
};

/* ---- for handlers: the functions that read a request and fill an answer. They are tables' of the
 * interface "http", version 1, which who serves HTTP provides. --------------------------------- */

#define MANSIO_HTTP         "http"
#define MANSIO_HTTP_VERSION 1

/** Whoever serves HTTP provides it; handlers get it by mansio_interface_get(). None of it yields.
 */
struct mansio_http {
    size_t size; /* sizeof(struct mansio_http) */

    /** One enum mansio_http_method bit. @yields no @since 1.0 */
    uint32_t (*method)(const struct mansio_http_request *request);

    /** Host, lower case, without port; empty in HTTP/1.0 without one. @yields no @since 1.0 */
    struct mansio_str (*host)(const struct mansio_http_request *request);

    /** Port that the client asked for: the Host field's, else the scheme's default. @yields no
     * @since 1.0 */
    uint32_t (*port)(const struct mansio_http_request *request);

    /** Path: %-sequences decoded, dot segments resolved (RFC 3986 5.2.4); no NUL in it. @yields no
     * @since 1.0
     */
    struct mansio_str (*path)(const struct mansio_http_request *request);

    /** A parameter of the query (application/x-www-form-urlencoded), decoded: the first of that
     * name in any case. @return 0; MANSIO_E_NOT_FOUND; MANSIO_E_LIMIT @yields no @since 1.0 */
    int (*query)(const struct mansio_http_request *request, struct mansio_str name,
                 struct mansio_str *out);

    /** A field of the head, trimmed; several of one name joined by ", " (RFC 9110 5.3).
     * Never Authorization, which the core alone judges.
     * @return 0; MANSIO_E_NOT_FOUND; MANSIO_E_LIMIT @yields no @since 1.0 */
    int (*header)(const struct mansio_http_request *request, struct mansio_str name,
                  struct mansio_str *out);

    /** Content, transfer coding undone; empty without one. @yields no @since 1.0 */
    struct mansio_str (*body)(const struct mansio_http_request *request);

    /** 1 if it came through TLS. @yields no @since 1.0 */
    int (*is_tls)(const struct mansio_http_request *request);

    /** Arena that lives until the answer is sent. @yields no @since 1.0 */
    struct mansio_arena *(*arena)(const struct mansio_http_request *request);

    /** Status, 200 to 599. @yields no @since 1.0 */
    void (*set_status)(struct mansio_http_answer *answer, uint32_t status);

    /** Add a field; Content-Length, Date, Connection, Transfer-Encoding are not for handlers.
     * @return 0; MANSIO_E_INVALID for what is no field; MANSIO_E_LIMIT @yields no @since 1.0 */
    int (*add_header)(struct mansio_http_answer *answer, struct mansio_str name,
                      struct mansio_str value);

    /** Content and its type. @p body must live as long as the request's arena.
     * @return 0; MANSIO_E_INVALID; MANSIO_E_LIMIT @yields no @since 1.0 */
    int (*set_body)(struct mansio_http_answer *answer, struct mansio_str type,
                    struct mansio_str body);
};

#endif
