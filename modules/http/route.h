/*
 * Who answers which request: all routes of all handlers, and the search among them. Pure once it is
 * made: what is kept are copies of tables, made when the instance starts.
 */
#ifndef MANSIO_MODULES_HTTP_ROUTE_H
#define MANSIO_MODULES_HTTP_ROUTE_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/http.h>
#include <mansio/module.h>

/* A route and its handler. */
struct http_route {
    const struct mansio_http_handler *handler;
    struct mansio_instance *instance; /* the handler's */
    struct mansio_str service, host, path;
    size_t index; /* in the handler's table */
    uint32_t methods, flags;
    uint64_t body_max_bytes;
};

struct http_routes {
    struct http_route *routes; /* the most special first */
    size_t count;
};

/* Add a handler's routes. 0; MANSIO_E_INVALID for one that can't be, with what is wrong;
 * MANSIO_E_LIMIT. @p handler lives as long as @p arena. */
MANSIO_MUST_CHECK int http_routes_add(struct http_routes *routes, struct mansio_arena *arena,
                                      const struct mansio_http_handler *handler,
                                      struct mansio_instance *instance);

/* The most special route for a request: of those for this host and path the first that takes the
 * method; HEAD goes where GET goes. NULL if there is none; @p out_allowed has the methods that
 * routes for this host and path take, 0: no such path. */
const struct http_route *http_routes_find(const struct http_routes *routes, struct mansio_str host,
                                          struct mansio_str path, uint32_t method,
                                          uint32_t *out_allowed);

#endif
