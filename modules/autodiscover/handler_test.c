/*
 * The handler, without a server: what a request in each form is answered with, by what the core
 * says of the domain. The core's functions and the table "http" are stood in for here.
 */
#include "testing.h"

#include <stdio.h>
#include <string.h>

#include "autodiscover.h"
#include <mansio/discovery.h>
#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/metrics.h>
#include <mansio/settings.h>
#include <mansio/str.h>

enum { OUTLOOK, CONFIG, WELL_KNOWN, NEW, NO_ROUTE };

/* ---- the core ---- */

static struct {
    const char *redirect; /* a setting */
    int offers_result;
    size_t offer_count;
    const char *address; /* of who logged in */
    char asked[64];      /* which domain */
    int64_t counted[AUTODISCOVER_METRICS];
} world;

void mansio_metric_add(struct mansio_instance *instance, size_t index, int64_t n)
{
    (void)instance;
    world.counted[index] += n;
}

void mansio_log(uint32_t level, const char *event, ...)
{
    (void)level, (void)event;
}

const struct mansio_settings *mansio_instance_settings(const struct mansio_instance *instance)
{
    (void)instance;
    return NULL;
}

int64_t mansio_settings_int(const struct mansio_settings *settings, const char *name)
{
    (void)settings, (void)name;
    return MANSIO_SECOND;
}

struct mansio_str mansio_settings_str(const struct mansio_settings *settings, const char *name)
{
    (void)settings;
    return mansio_str_from_cstr(strcmp(name, "redirect") == 0 ? world.redirect : "");
}

static struct autodiscover_module module;

void *mansio_instance_data(const struct mansio_instance *instance)
{
    (void)instance;
    return &module;
}

int mansio_session_offers(struct mansio_session *session, struct mansio_arena *from,
                          struct mansio_str domain, int64_t deadline_us, struct mansio_offers *out)
{
    static const struct mansio_offer imap = {.size = sizeof imap,
                                             .protocol = {"imap", 4},
                                             .service = {"imap", 4},
                                             .port = 993,
                                             .tls = MANSIO_OFFER_IMPLICIT,
                                             .mechanisms = {"PLAIN", 5}};
    static const struct mansio_offer *const list[] = {&imap};
    (void)session, (void)from, (void)deadline_us;
    snprintf(world.asked, sizeof world.asked, "%.*s", MANSIO_STR_ARG(domain));
    if (world.offers_result < 0) {
        return mansio_fail(world.offers_result, "as asked");
    }
    out->domain = domain;
    out->address = mansio_str_from_cstr(world.address);
    out->offers = list;
    out->offer_count = world.offer_count;
    return 0;
}

/* ---- HTTP ---- */

struct mansio_http_request {
    uint32_t method;
    const char *host, *email, *type, *body;
    int is_tls;
};

struct mansio_http_answer {
    uint32_t status;
    char fields[512];
    struct mansio_str type, body;
};

static uint32_t request_method(const struct mansio_http_request *request)
{
    return request->method;
}

static struct mansio_str request_host(const struct mansio_http_request *request)
{
    return mansio_str_from_cstr(request->host);
}

static int request_query(const struct mansio_http_request *request, struct mansio_str name,
                         struct mansio_str *out)
{
    assert_true(mansio_str_eq(name, MANSIO_STR("emailaddress")));
    *out = mansio_str_from_cstr(request->email);
    return request->email != NULL ? 0 : MANSIO_E_NOT_FOUND;
}

static int request_header(const struct mansio_http_request *request, struct mansio_str name,
                          struct mansio_str *out)
{
    assert_true(mansio_str_eq(name, MANSIO_STR("content-type")));
    if (request->type == NULL) {
        return MANSIO_E_NOT_FOUND;
    }
    *out = mansio_str_from_cstr(request->type);
    return 0;
}

static struct mansio_str request_body(const struct mansio_http_request *request)
{
    return mansio_str_from_cstr(request->body);
}

static int request_is_tls(const struct mansio_http_request *request)
{
    return request->is_tls;
}

static struct mansio_arena *request_arena(const struct mansio_http_request *request)
{
    (void)request;
    return arena;
}

static void set_status(struct mansio_http_answer *answer, uint32_t status)
{
    answer->status = status;
}

static int add_header(struct mansio_http_answer *answer, struct mansio_str name,
                      struct mansio_str value)
{
    size_t used = strlen(answer->fields);
    snprintf(answer->fields + used, sizeof answer->fields - used, "%.*s: %.*s\n",
             MANSIO_STR_ARG(name), MANSIO_STR_ARG(value));
    return 0;
}

static int set_body(struct mansio_http_answer *answer, struct mansio_str type,
                    struct mansio_str body)
{
    answer->type = type;
    answer->body = body;
    return 0;
}

static struct mansio_http_answer answer;

static int ask(size_t route, const struct mansio_http_request *request)
{
    answer = (struct mansio_http_answer){.status = 200};
    memset(world.counted, 0, sizeof world.counted);
    world.asked[0] = '\0';
    return autodiscover_handler.handle(NULL, NULL, route, request, &answer);
}

/* The last request was answered so, and counted as that alone. */
static void expect(uint32_t status, enum autodiscover_metric metric, const char *has)
{
    assert_int_equal(answer.status, status);
    assert_non_null(strstr(answer.fields, "Cache-Control: no-store\n"));
    if (mansio_str_find(answer.body, mansio_str_from_cstr(has)) < 0) {
        fail_msg("no \"%s\" in \"%.*s\"", has, MANSIO_STR_ARG(answer.body));
    }
    for (size_t i = 0; i < AUTODISCOVER_METRICS; i++) {
        assert_int_equal(world.counted[i], i == (size_t)metric);
    }
}

static int start(void **state)
{
    world = (typeof(world)){.redirect = "", .offer_count = 1, .address = ""};
    module = (struct autodiscover_module){.http = {.size = sizeof module.http,
                                                   .method = request_method,
                                                   .host = request_host,
                                                   .query = request_query,
                                                   .header = request_header,
                                                   .body = request_body,
                                                   .is_tls = request_is_tls,
                                                   .arena = request_arena,
                                                   .set_status = set_status,
                                                   .add_header = add_header,
                                                   .set_body = set_body},
                                          .machine = "mx.example.org"};
    return make_arena(state);
}

/* ---- Thunderbird ---- */

static void tells_a_domains_settings(void **state)
{
    static const struct mansio_http_request by_host = {.method = MANSIO_HTTP_GET,
                                                       .host = "autoconfig.example.org"};
    static const struct mansio_http_request by_address = {
        .method = MANSIO_HTTP_GET, .host = "other.test", .email = "a@example.org"};
    (void)state;
    for (size_t route = CONFIG; route <= NEW; route++) {
        assert_int_equal(ask(route, &by_host), 0);
        expect(200, AUTODISCOVER_METRIC_AUTOCONFIG, "<hostname>mx.example.org</hostname>");
        assert_string_equal(world.asked, "example.org");
        assert_int_equal(ask(route, &by_address), 0);
        expect(200, AUTODISCOVER_METRIC_AUTOCONFIG, "%EMAILADDRESS%");
        assert_string_equal(world.asked, "example.org");
    }
    /* Who logged in is told what to log in with. */
    world.address = "b@example.org";
    assert_int_equal(ask(CONFIG, &by_address), 0);
    expect(200, AUTODISCOVER_METRIC_AUTOCONFIG, "<username>b@example.org</username>");
}

static void says_that_there_is_nothing(void **state)
{
    static const struct mansio_http_request request = {
        .method = MANSIO_HTTP_GET, .host = "x.test", .email = "a@example.org"};
    static const struct mansio_http_request bad = {
        .method = MANSIO_HTTP_GET, .host = "x.test", .email = "nobody"};
    (void)state;
    world.offer_count = 0;
    assert_int_equal(ask(CONFIG, &request), 0);
    expect(404, AUTODISCOVER_METRIC_NOTHING, "No mail settings");
    world.offer_count = 1;
    world.offers_result = MANSIO_E_NOT_FOUND; /* not ours, or not to be told */
    assert_int_equal(ask(CONFIG, &request), 0);
    expect(404, AUTODISCOVER_METRIC_NOTHING, "No mail settings");
    assert_int_equal(ask(CONFIG, &bad), 0);
    expect(400, AUTODISCOVER_METRIC_INVALID, "no mail address");
    assert_string_equal(world.asked, ""); /* nobody was */
}

/* What can't be known now is for the server to word: never "there is nothing". */
static void passes_faults_on(void **state)
{
    static const struct {
        int is, wanted;
    } rows[] = {{MANSIO_E_UNAVAILABLE, MANSIO_E_UNAVAILABLE},
                {MANSIO_E_TIMEOUT, MANSIO_E_TIMEOUT},
                {MANSIO_E_CANCELLED, MANSIO_E_CANCELLED},
                {MANSIO_E_LIMIT, MANSIO_E_UNAVAILABLE}};
    static const struct mansio_http_request request = {
        .method = MANSIO_HTTP_GET, .host = "x.test", .email = "a@example.org"};
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        world.offers_result = rows[i].is;
        assert_int_equal(ask(CONFIG, &request), rows[i].wanted);
        assert_int_equal(world.counted[AUTODISCOVER_METRIC_FAILURES], 1);
        assert_int_equal(answer.body.len, 0);
    }
    assert_int_equal(ask(NO_ROUTE, &request), MANSIO_E_BUG);
}

/* ---- Outlook ---- */

#define BODY(schema, inside)                                                                       \
    "<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/" schema "\">"       \
    "<Request>" inside "<AcceptableResponseSchema>"                                                \
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"              \
    "</AcceptableResponseSchema></Request></Autodiscover>"
#define POX "outlook/requestschema/2006"

static int post(const char *body, const char *type)
{
    const struct mansio_http_request request = {.method = MANSIO_HTTP_POST,
                                                .host = "autodiscover.example.org",
                                                .type = type,
                                                .body = body,
                                                .is_tls = 1};
    return ask(OUTLOOK, &request);
}

static void answers_outlook(void **state)
{
    static const char good[] = BODY(POX, "<EMailAddress>a@example.org</EMailAddress>");
    static const char *const types[] = {NULL, "text/xml", "text/xml; charset=utf-8",
                                        "text/xml;charset=\"UTF-8\"; x=y"};
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(types); i++) {
        assert_int_equal(post(good, types[i]), 0);
        expect(200, AUTODISCOVER_METRIC_OUTLOOK, "<Server>mx.example.org</Server>");
        assert_string_equal(world.asked, "example.org");
    }
    world.offer_count = 0;
    assert_int_equal(post(good, NULL), 0);
    expect(200, AUTODISCOVER_METRIC_NOTHING, "<ErrorCode>500</ErrorCode>");
    assert_int_equal(post("<Autodiscover>", NULL), 0);
    expect(200, AUTODISCOVER_METRIC_INVALID, "<ErrorCode>600</ErrorCode>");
    assert_int_equal(post("", NULL), 0);
    expect(200, AUTODISCOVER_METRIC_INVALID, "<ErrorCode>600</ErrorCode>");
    world.offers_result = MANSIO_E_UNAVAILABLE;
    assert_int_equal(post(good, NULL), MANSIO_E_UNAVAILABLE);
}

static void sends_outlook_to_tls(void **state)
{
    static const struct {
        const char *host, *redirect, *location; /* NULL: refused */
    } rows[] = {
        {"autodiscover.example.org", "",
         "https://autodiscover.example.org/autodiscover/autodiscover.xml"},
        {"autodiscover.example.org", "mail.test:8443",
         "https://mail.test:8443/autodiscover/autodiscover.xml"},
        {"autodiscover.example.org", "d.%d", "https://d.example.org/autodiscover/autodiscover.xml"},
        {"", "mail.test", "https://mail.test/autodiscover/autodiscover.xml"},
        {"", "", NULL},
        {"", "d.%d", NULL},
        {"[::1]", "d.%d", NULL},
    };
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        const struct mansio_http_request request = {.method = MANSIO_HTTP_GET,
                                                    .host = rows[i].host};
        char wanted[256];
        world.redirect = rows[i].redirect;
        assert_int_equal(ask(OUTLOOK, &request), 0);
        if (rows[i].location == NULL) {
            expect(400, AUTODISCOVER_METRIC_INVALID, "Host");
            assert_null(strstr(answer.fields, "Location"));
            continue;
        }
        expect(302, AUTODISCOVER_METRIC_REDIRECTS, "");
        snprintf(wanted, sizeof wanted, "Location: %s\n", rows[i].location);
        assert_non_null(strstr(answer.fields, wanted));
    }
    /* With TLS it is where it belongs, but asks nothing. */
    const struct mansio_http_request request = {
        .method = MANSIO_HTTP_GET, .host = "example.org", .is_tls = 1};
    assert_int_equal(ask(OUTLOOK, &request), 0);
    expect(200, AUTODISCOVER_METRIC_INVALID, "<ErrorCode>600</ErrorCode>");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, start, end_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tells_a_domains_settings), TEST(says_that_there_is_nothing), TEST(passes_faults_on),
        TEST(answers_outlook),          TEST(sends_outlook_to_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
