/*
 * http-echo: a handler of HTTP requests that says back what it was asked, for the tests of the
 * module `http`. Its routes are of every kind; what /fail and /bad do is in their names.
 */
#include <string.h>

#include <mansio/account.h>
#include <mansio/error.h>
#include <mansio/http.h>
#include <mansio/interface.h>
#include <mansio/str.h>
#include <mansio/time.h>

struct echo {
    struct mansio_http http;
};

static const char *const names[] = {"echo", "sleep", "fail", "bad", "large", "status"};

enum {
    READS = MANSIO_HTTP_GET | MANSIO_HTTP_POST | MANSIO_HTTP_PUT,
};

#define ROUTE(...)                                                                                 \
    {                                                                                              \
        .size = sizeof(struct mansio_http_route), __VA_ARGS__                                      \
    }

static const struct mansio_http_route routes[] = {
    ROUTE(.path = "/echo", .methods = READS, .body_max_bytes = 262144),
    ROUTE(.path = "/sleep", .methods = MANSIO_HTTP_GET | MANSIO_HTTP_POST, .body_max_bytes = 65536),
    ROUTE(.path = "/fail/", .methods = MANSIO_HTTP_GET, .flags = MANSIO_HTTP_PREFIX),
    ROUTE(.path = "/bad/", .methods = MANSIO_HTTP_GET, .flags = MANSIO_HTTP_PREFIX),
    ROUTE(.path = "/large", .methods = MANSIO_HTTP_GET),
    ROUTE(.path = "/status/", .methods = MANSIO_HTTP_GET, .flags = MANSIO_HTTP_PREFIX),
    ROUTE(.path = "/who", .methods = READS, .flags = MANSIO_HTTP_NEEDS_LOGIN,
          .body_max_bytes = 65536),
    ROUTE(.path = "/maybe", .methods = READS, .flags = MANSIO_HTTP_TAKES_LOGIN,
          .body_max_bytes = 65536),
    ROUTE(.path = "/secure", .methods = READS, .flags = MANSIO_HTTP_NEEDS_TLS),
    ROUTE(.path = "/Any/Case.xml", .methods = MANSIO_HTTP_GET, .flags = MANSIO_HTTP_ANY_CASE),
    ROUTE(.path = "/tree/", .methods = MANSIO_HTTP_GET, .flags = MANSIO_HTTP_PREFIX),
    ROUTE(.path = "/tree/leaf", .methods = MANSIO_HTTP_GET | MANSIO_HTTP_DELETE),
    ROUTE(.path = "/options", .methods = MANSIO_HTTP_OPTIONS | MANSIO_HTTP_HEAD),
    ROUTE(.host = "special.", .path = "/", .methods = MANSIO_HTTP_GET, .flags = MANSIO_HTTP_PREFIX),
    ROUTE(.path = "/sleep/mine", .methods = READS, .flags = MANSIO_HTTP_NEEDS_LOGIN,
          .body_max_bytes = 65536),
};

static int is_at(struct mansio_str path, const char *name)
{
    return mansio_str_starts(mansio_str_sub(path, 1, SIZE_MAX), mansio_str_from_cstr(name));
}

/* One line each: who was asked how, by whom; then the body. */
static int echo(const struct echo *self, struct mansio_session *session, size_t route,
                const struct mansio_http_request *request, struct mansio_http_answer *answer)
{
    const struct mansio_http *http = &self->http;
    struct mansio_str body = http->body(request), value = MANSIO_STR("-"), text;
    struct mansio_account *account = mansio_session_account(session);
    struct mansio_str path = http->path(request);
    struct mansio_buf *out = mansio_buf_new(http->arena(request), body.len + 65536);
    mansio_buf_printf(out, "method=%u\nhost=%.*s\nport=%u\npath=%.*s\nroute=%zu\ntls=%d\n",
                      http->method(request), MANSIO_STR_ARG(http->host(request)),
                      http->port(request), MANSIO_STR_ARG(path), route, http->is_tls(request));
    int rc = http->query(request, MANSIO_STR("Word"), &value);
    mansio_buf_printf(out, "query=%d:%.*s\n", rc, MANSIO_STR_ARG(value));
    value = MANSIO_STR("-");
    rc = http->header(request, MANSIO_STR("X-Word"), &value);
    mansio_buf_printf(out, "header=%d:%.*s\n", rc, MANSIO_STR_ARG(value));
    rc = http->header(request, MANSIO_STR("Authorization"), &value);
    value = account != NULL ? mansio_account_facts(account)->address : MANSIO_STR("-");
    mansio_buf_printf(out, "authorization=%d\naccount=%.*s\nsession=%.*s\nbody=%zu\n", rc,
                      MANSIO_STR_ARG(value), MANSIO_STR_ARG(mansio_session_id(session)), body.len);
    mansio_buf_add(out, body);
    text = mansio_buf_str(out);
    return http->set_body(answer, MANSIO_STR("text/plain"), text);
}

/* /fail/CODE: an error, with an answer that nobody may see. */
static int fail(const struct echo *self, struct mansio_str path, struct mansio_http_answer *answer)
{
    uint32_t code = 0;
    if (mansio_parse_u32(mansio_str_sub(path, strlen("/fail/"), SIZE_MAX), 1000, &code) < 0) {
        return MANSIO_E_INVALID;
    }
    self->http.set_status(answer, 201);
    (void)!self->http.set_body(answer, MANSIO_STR("text/plain"), MANSIO_STR("leaked"));
    return mansio_fail(-(int)code, "as asked");
}

/* /bad/...: what must not reach a client; what came of each try is the body. */
static int bad(const struct echo *self, const struct mansio_http_request *request,
               struct mansio_http_answer *answer)
{
    static const struct {
        struct mansio_str name, value;
    } tries[] = {
        {MANSIO_STR("X-Split"), MANSIO_STR("a\r\nX-Injected: 1")},
        {MANSIO_STR("X-Split"), MANSIO_STR("a\nX-Injected: 1")},
        {MANSIO_STR("X-Split\r\nX-Injected"), MANSIO_STR("1")},
        {MANSIO_STR("X-Injected "), MANSIO_STR("1")},
        {MANSIO_STR(""), MANSIO_STR("X-Injected")},
        {MANSIO_STR("X-Injected"), MANSIO_STR("a\0b")},
        {MANSIO_STR("Content-Length"), MANSIO_STR("1")},
        {MANSIO_STR("transfer-encoding"), MANSIO_STR("chunked")},
        {MANSIO_STR("Connection"), MANSIO_STR("X-Injected")},
        {MANSIO_STR("Date"), MANSIO_STR("X-Injected")},
        {MANSIO_STR("X-Good"), MANSIO_STR("good")},
    };
    struct mansio_buf *out = mansio_buf_new(self->http.arena(request), 1024);
    for (size_t i = 0; i < MANSIO_COUNT(tries); i++) {
        mansio_buf_printf(out, "%d\n",
                          self->http.add_header(answer, tries[i].name, tries[i].value));
    }
    mansio_buf_printf(
        out, "%d\n", self->http.set_body(answer, MANSIO_STR("a\r\nX-Injected: 1"), MANSIO_STR("")));
    self->http.set_status(answer, 1000);
    return self->http.set_body(answer, MANSIO_STR("text/plain"), mansio_buf_str(out));
}

static int large(const struct echo *self, const struct mansio_http_request *request,
                 struct mansio_http_answer *answer)
{
    enum { SIZE = 4000000 };
    char *bytes = mansio_arena_try_alloc(self->http.arena(request), SIZE);
    if (bytes == NULL) {
        return MANSIO_E_LIMIT;
    }
    memset(bytes, 'x', SIZE);
    return self->http.set_body(answer, MANSIO_STR("text/plain"), (struct mansio_str){bytes, SIZE});
}

/* Two seconds, or as long as the query's "seconds". */
static int rest(const struct echo *self, const struct mansio_http_request *request)
{
    struct mansio_str text;
    uint32_t seconds = 2;
    if (self->http.query(request, MANSIO_STR("seconds"), &text) == 0 &&
        mansio_parse_u32(text, 3600, &seconds) < 0) {
        return MANSIO_E_INVALID;
    }
    return mansio_fiber_sleep_until(mansio_deadline_in(seconds * MANSIO_SECOND));
}

static int handle(struct mansio_instance *instance, struct mansio_session *session, size_t route,
                  const struct mansio_http_request *request, struct mansio_http_answer *answer)
{
    const struct echo *self = mansio_instance_data(instance);
    struct mansio_str path = self->http.path(request);
    uint32_t status = 0;
    size_t what = 0;
    while (what < MANSIO_COUNT(names) && !is_at(path, names[what])) {
        what++;
    }
    switch (what) {
    case 1: {
        int rc = rest(self, request);
        return rc < 0 ? rc : echo(self, session, route, request, answer);
    }
    case 2:
        return fail(self, path, answer);
    case 3:
        return bad(self, request, answer);
    case 4:
        return large(self, request, answer);
    case 5:
        if (mansio_parse_u32(mansio_str_sub(path, strlen("/status/"), SIZE_MAX), 999, &status) <
            0) {
            return MANSIO_E_INVALID;
        }
        self->http.set_status(answer, status);
        return self->http.set_body(answer, MANSIO_STR("text/plain"), MANSIO_STR("some words"));
    default:
        return echo(self, session, route, request, answer);
    }
}

static const struct mansio_http_handler handler = {
    .size = sizeof handler,
    .service = "echo",
    .routes = routes,
    .route_count = MANSIO_COUNT(routes),
    .handle = handle,
};

static int load(struct mansio_instance *instance)
{
    return mansio_interface_provide(instance, MANSIO_HTTP_HANDLER, MANSIO_HTTP_HANDLER_VERSION,
                                    &handler);
}

static int start(struct mansio_instance *instance, uint32_t role)
{
    struct mansio_instance *provider = NULL;
    struct echo *self = mansio_arena_alloc(mansio_instance_arena(instance), sizeof *self);
    if (role != MANSIO_ROLE_WORKER) {
        return 0;
    }
    mansio_instance_set_data(instance, self);
    return mansio_interface_get(instance, MANSIO_HTTP, MANSIO_HTTP_VERSION, MANSIO_STR_NONE,
                                &self->http, sizeof self->http, &provider);
}

MANSIO_MODULE("http-echo", "1.0", "http/1", .summary = "Says back what it is asked over HTTP.",
              .load = load, .start = start);
