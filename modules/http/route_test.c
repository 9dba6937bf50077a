/*
 * Which route is taken.
 */
#include "core/base/testing.h"

#include "route.h"
#include <mansio/error.h>

enum {
    GET = MANSIO_HTTP_GET,
    POST = MANSIO_HTTP_POST,
    PUT = MANSIO_HTTP_PUT,
};

#define ROUTE(...)                                                                                 \
    {                                                                                              \
        .size = sizeof(struct mansio_http_route), __VA_ARGS__                                      \
    }

static int nothing(struct mansio_instance *instance, struct mansio_session *session, size_t route,
                   const struct mansio_http_request *request, struct mansio_http_answer *answer)
{
    (void)instance, (void)session, (void)route, (void)request, (void)answer;
    return 0;
}

static const struct mansio_http_route first[] = {
    ROUTE(.path = "/", .methods = GET, .flags = MANSIO_HTTP_PREFIX),
    ROUTE(.path = "/a/", .methods = GET | POST, .flags = MANSIO_HTTP_PREFIX),
    ROUTE(.path = "/a/b", .methods = GET),
    ROUTE(.host = "auto.", .path = "/", .methods = PUT, .flags = MANSIO_HTTP_PREFIX),
    ROUTE(.path = "/X.xml", .methods = POST, .flags = MANSIO_HTTP_ANY_CASE),
};
static const struct mansio_http_route second[] = {
    ROUTE(.path = "/a/b", .methods = GET | PUT, .flags = MANSIO_HTTP_PREFIX),
    ROUTE(.path = "/x.xml", .methods = GET),
    ROUTE(.host = "auto.config.", .path = "/", .methods = GET),
};

static const struct mansio_http_handler handlers[] = {
    {sizeof handlers[0], "one", first, MANSIO_COUNT(first), nothing},
    {sizeof handlers[0], "two", second, MANSIO_COUNT(second), nothing},
};

static void takes_the_most_special(void **state)
{
    static const struct {
        const char *host, *path;
        uint32_t method;
        int handler; /* -1: none */
        size_t index;
        uint32_t allowed;
    } rows[] = {
        {"h", "/", GET, 0, 0, GET | MANSIO_HTTP_HEAD},
        {"h", "/", MANSIO_HTTP_HEAD, 0, 0, GET | MANSIO_HTTP_HEAD},
        {"h", "/", POST, -1, 0, GET | MANSIO_HTTP_HEAD},
        {"h", "/a", GET, 0, 0, GET | MANSIO_HTTP_HEAD},
        {"h", "/a/", GET, 0, 1, GET | POST | MANSIO_HTTP_HEAD},
        {"h", "/a/b", GET, 0, 2, GET | POST | PUT | MANSIO_HTTP_HEAD},
        {"h", "/a/b", POST, 0, 1, GET | POST | PUT | MANSIO_HTTP_HEAD},
        {"h", "/a/b", PUT, 1, 0, GET | POST | PUT | MANSIO_HTTP_HEAD},
        {"h", "/a/bc", GET, 1, 0, GET | POST | PUT | MANSIO_HTTP_HEAD},
        {"h", "/A/b", GET, 0, 0, GET | MANSIO_HTTP_HEAD},
        {"h", "/x.XML", POST, 0, 4, GET | POST | MANSIO_HTTP_HEAD},
        {"h", "/x.xml", GET, 1, 1, GET | POST | MANSIO_HTTP_HEAD},
        {"auto.h", "/a/b", PUT, 0, 3, GET | POST | PUT | MANSIO_HTTP_HEAD},
        {"auto.h", "/a/b", GET, 0, 2, GET | POST | PUT | MANSIO_HTTP_HEAD},
        {"auto.config.h", "/", GET, 1, 2, GET | PUT | MANSIO_HTTP_HEAD},
        {"auto", "/", PUT, -1, 0, GET | MANSIO_HTTP_HEAD},
        {"", "/", GET, 0, 0, GET | MANSIO_HTTP_HEAD},
    };
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct http_routes routes = {0};
    uint32_t allowed = 0;

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(handlers); i++) {
        assert_int_equal(http_routes_add(&routes, arena, &handlers[i], NULL), 0);
    }
    assert_int_equal(routes.count, MANSIO_COUNT(first) + MANSIO_COUNT(second));
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        const struct http_route *found =
            http_routes_find(&routes, core_test_slice(rows[i].host), core_test_slice(rows[i].path),
                             rows[i].method, &allowed);
        assert_int_equal(allowed, rows[i].allowed);
        if (rows[i].handler < 0) {
            assert_null(found);
            continue;
        }
        assert_non_null(found);
        assert_ptr_equal(found->handler, &handlers[rows[i].handler]);
        assert_int_equal(found->index, rows[i].index);
    }
    struct http_routes none = {0};
    assert_null(http_routes_find(&none, MANSIO_STR("h"), MANSIO_STR("/"), GET, &allowed));
    assert_int_equal(allowed, 0);
    mansio_arena_free(arena);
}

/* A table of an older or newer header: its rows are shorter or longer. */
static void reads_other_rows(void **state)
{
    struct {
        struct mansio_http_route route;
        uint64_t more;
    } longer[2] = {
        {{.size = sizeof longer[0], .path = "/1", .methods = GET}, 1},
        {{.size = sizeof longer[0], .path = "/2", .methods = GET, .body_max_bytes = 7}, 1},
    };
    struct mansio_http_handler handler = {sizeof handler, "more", &longer[0].route, 2, nothing};
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct http_routes routes = {0};
    uint32_t allowed = 0;

    (void)state;
    assert_int_equal(http_routes_add(&routes, arena, &handler, NULL), 0);
    const struct http_route *found =
        http_routes_find(&routes, MANSIO_STR("h"), MANSIO_STR("/2"), GET, &allowed);
    assert_non_null(found);
    assert_int_equal(found->body_max_bytes, 7);
    mansio_arena_free(arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_most_special),
        cmocka_unit_test(reads_other_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
