/*
 * Heads: what is taken, what is refused and with which status, however the bytes come.
 */
#include "core/base/testing.h"

#include "parse.h"
#include <mansio/error.h>
#include <mansio/http.h>
#include <mansio/str.h>

#define END  "\r\n\r\n"
#define GET  "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\nHost: h\r\n"

static const struct http_limits limits = {.head_bytes = 1024, .target_bytes = 256, .fields = 12};

struct outcome {
    int result;
    size_t used;
    struct http_head head;
};

/* Feed in pieces, cut behind @p cut bytes and, if @p is_single, everywhere. */
static struct outcome read_cut(struct mansio_arena *arena, struct mansio_str text, size_t cut,
                               int is_single)
{
    struct outcome out = {0};
    assert_int_equal(http_head_init(&out.head, arena, &limits), 0);
    while (out.result == HTTP_MORE && out.used < text.len) {
        size_t len = is_single ? 1 : out.used < cut ? cut - out.used : SIZE_MAX, used = 0;
        out.result = http_head_feed(&out.head, mansio_str_sub(text, out.used, len), &used);
        out.used += used;
    }
    return out;
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
    assert_int_equal(a->result, b->result);
    assert_int_equal(a->used, b->used);
    assert_int_equal(a->head.method, b->head.method);
    assert_int_equal(a->head.field_count, b->head.field_count);
    assert_true(mansio_str_eq(a->head.target.path, b->head.target.path));
    assert_true(mansio_str_eq(a->head.host.host, b->head.host.host));
    assert_int_equal(a->head.length, b->head.length);
    assert_int_equal(a->head.keeps, b->head.keeps);
}

/* The whole; and the same cut at every byte. */
static struct outcome read_head(struct mansio_arena *arena, struct mansio_str text)
{
    struct outcome whole = read_cut(arena, text, text.len, 0);
    struct mansio_arena *scratch = mansio_arena_new(NULL, "test", 0);
    struct outcome single = read_cut(scratch, text, 0, 1);
    check_same(&whole, &single);
    for (size_t cut = 1; cut < text.len; cut++) {
        struct outcome split = read_cut(scratch, text, cut, 0);
        check_same(&whole, &split);
        mansio_arena_reset(scratch);
    }
    mansio_arena_free(scratch);
    return whole;
}

static void takes_requests(void **state)
{
    static const struct {
        const char *text;
        uint32_t method;
        const char *path, *host;
        uint32_t port;
        uint64_t length;
        uint32_t is_chunked, keeps, wants_continue;
    } rows[] = {
        {GET "Host: h" END, MANSIO_HTTP_GET, "/", "h", 0, 0, 0, 1, 0},
        {"\r\n" GET "Host: h" END, MANSIO_HTTP_GET, "/", "h", 0, 0, 0, 1, 0},
        {GET "host:\t H.Example:8080 \t" END, MANSIO_HTTP_GET, "/", "h.example", 8080, 0, 0, 1, 0},
        {"GET / HTTP/1.0" END, MANSIO_HTTP_GET, "/", "", 0, 0, 0, 0, 0},
        {"GET / HTTP/1.0\r\nConnection: x, Keep-Alive" END, MANSIO_HTTP_GET, "/", "", 0, 0, 0, 1,
         0},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close" END, MANSIO_HTTP_GET, "/",
         "", 0, 0, 0, 0, 0},
        {"GET / HTTP/1.9\r\nHost: h" END, MANSIO_HTTP_GET, "/", "h", 0, 0, 0, 1, 0},
        {GET "Host: h\r\nConnection: close" END, MANSIO_HTTP_GET, "/", "h", 0, 0, 0, 0, 0},
        {"HEAD /a?b HTTP/1.1\r\nHost: h" END, MANSIO_HTTP_HEAD, "/a", "h", 0, 0, 0, 1, 0},
        {"PUT /a/../b HTTP/1.1\r\nHost: h" END, MANSIO_HTTP_PUT, "/b", "h", 0, 0, 0, 1, 0},
        {"DELETE /%41 HTTP/1.1\r\nHost: h" END, MANSIO_HTTP_DELETE, "/A", "h", 0, 0, 0, 1, 0},
        {"OPTIONS * HTTP/1.1\r\nHost: h" END, MANSIO_HTTP_OPTIONS, "*", "h", 0, 0, 0, 1, 0},
        {"get / HTTP/1.1\r\nHost: h" END, 0, "/", "h", 0, 0, 0, 1, 0},
        {"PATCH / HTTP/1.1\r\nHost: h" END, 0, "/", "h", 0, 0, 0, 1, 0},
        {"GET http://H/x HTTP/1.1\r\nHost: h:80" END, MANSIO_HTTP_GET, "/x", "h", 0, 0, 0, 1, 0},
        {"GET HTTPS://h:443?q HTTP/1.1\r\nHost: h" END, MANSIO_HTTP_GET, "/", "h", 443, 0, 0, 1, 0},
        {"GET http://h HTTP/1.0" END, MANSIO_HTTP_GET, "/", "h", 0, 0, 0, 0, 0},
        {GET "Host: [2001:DB8::1]:1" END, MANSIO_HTTP_GET, "/", "[2001:db8::1]", 1, 0, 0, 1, 0},
        {GET "Host: h.:" END, MANSIO_HTTP_GET, "/", "h", 0, 0, 0, 1, 0},
        {POST "Content-Length: 5" END, MANSIO_HTTP_POST, "/", "h", 0, 5, 0, 1, 0},
        {POST "Content-Length: 0\r\nExpect: 100-continue" END, MANSIO_HTTP_POST, "/", "h", 0, 0, 0,
         1, 0},
        {POST "Content-Length: 1\r\nExpect: 100-Continue" END, MANSIO_HTTP_POST, "/", "h", 0, 1, 0,
         1, 1},
        {POST "Transfer-Encoding: Chunked" END, MANSIO_HTTP_POST, "/", "h", 0, 0, 1, 1, 0},
        {GET "Host: h\r\nX:\r\nY: \xc3\xa4\x80\r\n!#$%&'*+-.^_`|~0aZ: x" END, MANSIO_HTTP_GET, "/",
         "h", 0, 0, 0, 1, 0},
        {"POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue" END, MANSIO_HTTP_POST, "/",
         "", 0, 3, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
        struct mansio_str text = core_test_slice(rows[i].text);
        struct outcome got = read_head(arena, text);
        if (got.result != HTTP_DONE) {
            print_message("refused with %d: %s\n", got.result, rows[i].text);
        }
        assert_int_equal(got.result, HTTP_DONE);
        assert_int_equal(got.used, text.len);
        assert_int_equal(got.head.method, rows[i].method);
        core_test_str(got.head.target.path, rows[i].path);
        core_test_str(got.head.host.host, rows[i].host);
        assert_int_equal(got.head.host.port, rows[i].port);
        assert_int_equal(got.head.length, rows[i].length);
        assert_int_equal(got.head.is_chunked, rows[i].is_chunked);
        assert_int_equal(got.head.has_body, rows[i].is_chunked || rows[i].length > 0);
        assert_int_equal(got.head.keeps, rows[i].keeps);
        assert_int_equal(got.head.wants_continue, rows[i].wants_continue);
        mansio_arena_free(arena);
    }
}

/* Each is how somebody's requests were smuggled, or could be. */
/* ---- what is ambiguous ---- */

struct refusal {
    struct mansio_str text;
    int status;
};

static void refuses(const struct refusal *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
        struct outcome got = read_head(arena, rows[i].text);
        if (got.result != rows[i].status) {
            print_message("%d instead of %d: %s\n", got.result, rows[i].status, rows[i].text.ptr);
        }
        assert_int_equal(got.result, rows[i].status);
        mansio_arena_free(arena);
    }
}

/* RFC 9112 3 */
static void refuses_ambiguous_request_lines(void **state)
{
    static const struct refusal rows[] = {
        {MANSIO_STR("\r\n\r\n" GET), 400},
        {MANSIO_STR("\n" GET), 400},
        {MANSIO_STR(" GET / HTTP/1.1\r\n"), 400},
        {MANSIO_STR("GET  / HTTP/1.1\r\n"), 400},
        {MANSIO_STR("GET /  HTTP/1.1\r\n"), 400},
        {MANSIO_STR("GET / HTTP/1.1 \r\n"), 400},
        {MANSIO_STR("GET\t/ HTTP/1.1\r\n"), 400},
        {MANSIO_STR("GET / x HTTP/1.1\r\n"), 400},
        {MANSIO_STR("GET /\r\n"), 400},
        {MANSIO_STR("GET\r\n"), 400},
        {MANSIO_STR("G@T / HTTP/1.1\r\n"), 400},
        {MANSIO_STR("GET / http/1.1\r\n"), 400},
        {MANSIO_STR("GET / HTTP/1.11\r\n"), 400},
        {MANSIO_STR("GET / HTTP/1,1\r\n"), 400},
        {MANSIO_STR("GET / HTTP/11\r\n"), 400},
        {MANSIO_STR("GET / HTTP/2.0\r\n"), 505},
        {MANSIO_STR("GET / HTTP/0.9\r\n"), 505},
        {MANSIO_STR("PRI * HTTP/2.0\r\n"), 505},
        {MANSIO_STR("GET * HTTP/1.1\r\n"), 400},
        {MANSIO_STR("CONNECT h:443 HTTP/1.1\r\n"), 501},
        {MANSIO_STR("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHI / HTTP/1.1\r\n"), 501},
        {MANSIO_STR("GET h HTTP/1.1\r\n"), 400},
        {MANSIO_STR("GET ftp://h/ HTTP/1.1\r\n"), 400},
        {MANSIO_STR("GET /\x7f HTTP/1.1\r\n"), 400},
        {MANSIO_STR("GET /\0 HTTP/1.1\r\n"), 400},
        {MANSIO_STR("GET /\xc3\xa4 HTTP/1.1\r\n"), 400},
        {MANSIO_STR("\x16\x03\x01\x02"), 400},
    };
    (void)state;
    refuses(rows, MANSIO_COUNT(rows));
}

/* RFC 9112 2.2 */
static void refuses_ambiguous_line_ends(void **state)
{
    static const struct refusal rows[] = {
        {MANSIO_STR("GET / HTTP/1.1\n"), 400},   {MANSIO_STR(GET "Host: h\n"), 400},
        {MANSIO_STR(GET "Host: h\r\r\n"), 400},  {MANSIO_STR(GET "Host: h\rX: y\r\n"), 400},
        {MANSIO_STR(GET "Host: h\r\n\rX"), 400}, {MANSIO_STR(GET "Host: h\r\n\n"), 400},
    };
    (void)state;
    refuses(rows, MANSIO_COUNT(rows));
}

/* RFC 9112 5 */
static void refuses_ambiguous_fields(void **state)
{
    static const struct refusal rows[] = {
        {MANSIO_STR(GET " Host: h\r\n"), 400},
        {MANSIO_STR(GET "Host: h\r\nX: y\r\n z\r\n"), 400},
        {MANSIO_STR(GET "Host: h\r\n\tz: y\r\n"), 400},
        {MANSIO_STR(GET "Host : h\r\n"), 400},
        {MANSIO_STR(GET "Host\t: h\r\n"), 400},
        {MANSIO_STR(GET "Host\r\n"), 400},
        {MANSIO_STR(GET ": h\r\n"), 400},
        {MANSIO_STR(GET "Host: h\r\nX[]: y\r\n"), 400},
        {MANSIO_STR(GET "Host: h\r\nX\xc3\xa4: y\r\n"), 400},
        {MANSIO_STR(GET "Host: h\r\nX: a\0b\r\n"), 400},
        {MANSIO_STR(GET "Host: h\r\nX: a\x0b\r\n"), 400},
        {MANSIO_STR(GET "Host: h\r\nX: a\x7f\r\n"), 400},
        {MANSIO_STR(GET "Host: h\r\nAuthorization: a\r\nauthorization: b" END), 400},
        {MANSIO_STR(GET "Host: h\r\nContent-Type: a\r\nContent-Type: a" END), 400},
    };
    (void)state;
    refuses(rows, MANSIO_COUNT(rows));
}

/* RFC 9112 3.2 */
static void refuses_ambiguous_hosts(void **state)
{
    static const struct refusal rows[] = {
        {MANSIO_STR(GET "X: y" END), 400},
        {MANSIO_STR(GET "Host: h\r\nHost: h" END), 400},
        {MANSIO_STR("GET / HTTP/1.0\r\nHost: h\r\nHost: i" END), 400},
        {MANSIO_STR(GET "Host:" END), 400},
        {MANSIO_STR(GET "Host: a b" END), 400},
        {MANSIO_STR(GET "Host: a,b" END), 400},
        {MANSIO_STR(GET "Host: u@h" END), 400},
        {MANSIO_STR(GET "Host: h/x" END), 400},
        {MANSIO_STR(GET "Host: h%41" END), 400},
        {MANSIO_STR(GET "Host: a..b" END), 400},
        {MANSIO_STR(GET "Host: .a" END), 400},
        {MANSIO_STR(GET "Host: h:0" END), 400},
        {MANSIO_STR(GET "Host: h:65536" END), 400},
        {MANSIO_STR(GET "Host: h:000080" END), 400},
        {MANSIO_STR(GET "Host: h:80:80" END), 400},
        {MANSIO_STR(GET "Host: h:x" END), 400},
        {MANSIO_STR(GET "Host: [::1" END), 400},
        {MANSIO_STR(GET "Host: [::1]x" END), 400},
        {MANSIO_STR(GET "Host: ::1" END), 400},
        {MANSIO_STR(GET "Host: [::1%25eth0]" END), 400},
        {MANSIO_STR("GET http://h/ HTTP/1.1\r\nHost: i" END), 400},
        {MANSIO_STR("GET http://h/ HTTP/1.1\r\nHost: h:81" END), 400},
        {MANSIO_STR("GET http://h/ HTTP/1.1\r\nX: y" END), 400},
        {MANSIO_STR("GET http:///x HTTP/1.1\r\nHost: h" END), 400},
        {MANSIO_STR("GET http://u@h/ HTTP/1.1\r\nHost: h" END), 400},
    };
    (void)state;
    refuses(rows, MANSIO_COUNT(rows));
}

/* RFC 9112 6 */
static void refuses_ambiguous_lengths(void **state)
{
    static const struct refusal rows[] = {
        {MANSIO_STR(POST "Content-Length: 5\r\nTransfer-Encoding: chunked" END), 400},
        {MANSIO_STR(POST "Transfer-Encoding: chunked\r\nContent-Length: 5" END), 400},
        {MANSIO_STR(POST "Content-Length: 5\r\nContent-Length: 6" END), 400},
        {MANSIO_STR(POST "Content-Length: 5\r\nContent-Length: 5" END), 400},
        {MANSIO_STR(POST "Content-Length: 5, 5" END), 400},
        {MANSIO_STR(POST "Content-Length:" END), 400},
        {MANSIO_STR(POST "Content-Length: +5" END), 400},
        {MANSIO_STR(POST "Content-Length: -5" END), 400},
        {MANSIO_STR(POST "Content-Length: 0x5" END), 400},
        {MANSIO_STR(POST "Content-Length: 5 5" END), 400},
        {MANSIO_STR(POST "Content-Length: 5\x0c" END), 400},
        {MANSIO_STR(POST "Content-Length: 9223372036854775808" END), 400},
        {MANSIO_STR(POST "Content-Length: 99999999999999999999999" END), 400},
        {MANSIO_STR(POST "Transfer-Encoding:" END), 400},
        {MANSIO_STR(POST "Transfer-Encoding: xchunked" END), 400},
        {MANSIO_STR(POST "Transfer-Encoding: identity" END), 400},
        {MANSIO_STR(POST "Transfer-Encoding: chunked, identity" END), 400},
        {MANSIO_STR(POST "Transfer-Encoding: chunked, chunked" END), 400},
        {MANSIO_STR(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked" END), 400},
        {MANSIO_STR(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x" END), 400},
        {MANSIO_STR(POST "Transfer-Encoding: x\r\nTransfer-Encoding: chunked" END), 501},
        {MANSIO_STR(POST "Transfer-Encoding: gzip, chunked" END), 501},
        {MANSIO_STR(POST "Transfer-Encoding: \"chunked\"" END), 400},
        {MANSIO_STR(POST "Transfer-Encoding: chunked;q=1" END), 400},
        {MANSIO_STR(POST "Transfer-Encoding: chunked," END), 400},
        {MANSIO_STR(POST "Transfer-Encoding: \x0b"
                         "chunked" END),
         400},
        {MANSIO_STR(POST "Transfer-Encoding : chunked" END), 400},
        {MANSIO_STR(POST "Transfer\\Encoding: chunked" END), 400},
        {MANSIO_STR(POST "Transfer-Encoding\0: chunked" END), 400},
        {MANSIO_STR("POST / HTTP/1.0\r\nTransfer-Encoding: chunked" END), 400},
        {MANSIO_STR(POST "Content-Length: 1\r\nExpect: 200-ok" END), 417},
        {MANSIO_STR(POST "Expect: 100-continue\r\nExpect: 100-continue" END), 417},
    };
    (void)state;
    refuses(rows, MANSIO_COUNT(rows));
}

/* As text of @p count letters between two others, up to its limit and beyond. */
static int read_long(const char *before, size_t count, const char *after)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_buf *text = mansio_buf_new(arena, 8192);
    mansio_buf_add(text, core_test_slice(before));
    for (size_t i = 0; i < count; i++) {
        mansio_buf_add_char(text, 'a');
    }
    mansio_buf_add(text, core_test_slice(after));
    int result = read_head(arena, mansio_buf_str(text)).result;
    mansio_arena_free(arena);
    return result;
}

static void keeps_to_its_limits(void **state)
{
    static const char rest[] = " HTTP/1.1\r\nHost: h" END;
    static const char field[] = GET "Host: h\r\nX: ";

    (void)state;
    assert_int_equal(read_long("GET /", limits.target_bytes - 1, rest), HTTP_DONE);
    assert_int_equal(read_long("GET /", limits.target_bytes, rest), 414);
    assert_int_equal(read_long("GET /", 4000, ""), 414);
    assert_int_equal(read_long("", 4000, ""), 414);
    assert_int_equal(read_long(field, limits.head_bytes - strlen(field) - 4, END), HTTP_DONE);
    assert_int_equal(read_long(field, limits.head_bytes - strlen(field) - 3, END), 431);
    assert_int_equal(read_long(field, 4000, ""), 431);
    assert_int_equal(read_long(GET "Host: ", 253, END), HTTP_DONE);
    assert_int_equal(read_long(GET "Host: ", 254, END), 400);
}

static void counts_fields(void **state)
{
    (void)state;
    for (size_t more = limits.fields - 2; more < limits.fields + 2; more++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
        struct mansio_buf *text = mansio_buf_new(arena, 8192);
        mansio_buf_add(text, MANSIO_STR(GET "Host: h\r\n"));
        for (size_t i = 0; i < more; i++) {
            mansio_buf_add(text, MANSIO_STR("X:\r\n"));
        }
        mansio_buf_add(text, MANSIO_STR("\r\n"));
        struct outcome got = read_head(arena, mansio_buf_str(text));
        assert_int_equal(got.result, more < limits.fields ? HTTP_DONE : 431);
        mansio_arena_free(arena);
    }
}

static void leaves_what_follows(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    static const struct mansio_str text =
        MANSIO_STR(GET "Host: h\r\nA: 1\r\nb: 2\r\na: 3" END "GET /next");
    struct mansio_str value = MANSIO_STR_NONE;
    struct outcome got = read_head(arena, text);

    (void)state;
    assert_int_equal(got.used, text.len - strlen("GET /next"));
    assert_int_equal(http_head_find(&got.head, MANSIO_STR("a"), &value), 2);
    core_test_str(value, "1");
    assert_int_equal(http_head_find(&got.head, MANSIO_STR("c"), &value), 0);
    http_head_wipe(&got.head);
    assert_int_equal(http_head_find(&got.head, MANSIO_STR("a"), &value), 0);
    mansio_arena_free(arena);
}

static void needs_room(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 512);
    struct http_head head;

    (void)state;
    assert_int_equal(http_head_init(&head, arena, &limits), MANSIO_E_LIMIT);
    http_head_wipe(&head);
    mansio_arena_free(arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_requests),
        cmocka_unit_test(refuses_ambiguous_request_lines),
        cmocka_unit_test(refuses_ambiguous_line_ends),
        cmocka_unit_test(refuses_ambiguous_fields),
        cmocka_unit_test(refuses_ambiguous_hosts),
        cmocka_unit_test(refuses_ambiguous_lengths),
        cmocka_unit_test(keeps_to_its_limits),
        cmocka_unit_test(counts_fields),
        cmocka_unit_test(leaves_what_follows),
        cmocka_unit_test(needs_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
