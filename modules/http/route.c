/*
 * Routes, kept in the order in which they are tried: those with a host before those without, longer
 * paths before shorter, whole paths before beginnings, else as the configuration has the handlers.
 */
#include "route.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

enum {
    ROUTES_MAX = 4096,
};

static int is_before(const struct http_route *a, const struct http_route *b)
{
    if (a->host.len != b->host.len) {
        return a->host.len > b->host.len;
    }
    if (a->path.len != b->path.len) {
        return a->path.len > b->path.len;
    }
    return (a->flags & MANSIO_HTTP_PREFIX) < (b->flags & MANSIO_HTTP_PREFIX);
}

static int check(const struct mansio_http_route *route, const struct mansio_instance *instance)
{
    if (route->path == NULL || route->path[0] != '/') {
        return mansio_fail(MANSIO_E_INVALID, "%.*s: a route's path begins with '/'",
                           MANSIO_STR_ARG(mansio_instance_name(instance)));
    }
    if (route->methods == 0) {
        return mansio_fail(MANSIO_E_INVALID, "%.*s: route %s has no method",
                           MANSIO_STR_ARG(mansio_instance_name(instance)), route->path);
    }
    for (const char *c = route->host; c != NULL && *c != '\0'; c++) {
        if (*c >= 'A' && *c <= 'Z') {
            return mansio_fail(MANSIO_E_INVALID, "%.*s: a route's host %s is not in lower case",
                               MANSIO_STR_ARG(mansio_instance_name(instance)), route->host);
        }
    }
    return 0;
}

static void enter(struct http_routes *routes, const struct http_route *entry)
{
    size_t at = routes->count++;
    while (at > 0 && is_before(entry, &routes->routes[at - 1])) {
        routes->routes[at] = routes->routes[at - 1];
        at--;
    }
    routes->routes[at] = *entry;
}

int http_routes_add(struct http_routes *routes, struct mansio_arena *arena,
                    const struct mansio_http_handler *handler, struct mansio_instance *instance)
{
    size_t stride = handler->route_count > 0 ? handler->routes[0].size : 0;
    if (handler->handle == NULL || handler->service == NULL) {
        return mansio_fail(MANSIO_E_INVALID, "%.*s: a handler without service or function",
                           MANSIO_STR_ARG(mansio_instance_name(instance)));
    }
    if (handler->route_count > ROUTES_MAX - routes->count) {
        return mansio_fail(MANSIO_E_LIMIT, "more than %d routes", ROUTES_MAX);
    }
    struct http_route *grown =
        mansio_arena_try_alloc(arena, (routes->count + handler->route_count + 1) * sizeof *grown);
    if (grown == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < routes->count; i++) {
        grown[i] = routes->routes[i];
    }
    routes->routes = grown;
    for (size_t i = 0; i < handler->route_count; i++) {
        struct mansio_http_route row = {0};
        const char *at = (const char *)handler->routes + i * stride;
        memcpy(&row, at, stride < sizeof row ? stride : sizeof row);
        int rc = check(&row, instance);
        if (rc < 0) {
            return rc;
        }
        const struct http_route entry = {
            .handler = handler,
            .instance = instance,
            .service = mansio_str_from_cstr(handler->service),
            .host = mansio_str_from_cstr(row.host),
            .path = mansio_str_from_cstr(row.path),
            .index = i,
            .methods = row.methods,
            .flags = row.flags,
            .body_max_bytes = row.body_max_bytes,
        };
        enter(routes, &entry);
    }
    return 0;
}

static int matches(const struct http_route *route, struct mansio_str host, struct mansio_str path)
{
    if (!mansio_str_starts(host, route->host)) {
        return 0;
    }
    if (route->flags & MANSIO_HTTP_PREFIX) {
        path = mansio_str_sub(path, 0, route->path.len);
    }
    return route->flags & MANSIO_HTTP_ANY_CASE ? mansio_str_ieq(path, route->path)
                                               : mansio_str_eq(path, route->path);
}

const struct http_route *http_routes_find(const struct http_routes *routes, struct mansio_str host,
                                          struct mansio_str path, uint32_t method,
                                          uint32_t *out_allowed)
{
    const struct http_route *found = NULL;
    *out_allowed = 0;
    for (size_t i = 0; i < routes->count; i++) {
        const struct http_route *route = &routes->routes[i];
        if (!matches(route, host, path)) {
            continue;
        }
        uint32_t takes = route->methods;
        takes |= takes & MANSIO_HTTP_GET ? (uint32_t)MANSIO_HTTP_HEAD : 0;
        *out_allowed |= takes;
        if (found == NULL && (takes & method)) {
            found = route;
        }
    }
    return found;
}
