/*
 * Answers: what is sent, and what no handler can make them say.
 */
#include "core/base/testing.h"

#include "answer.h"
#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

#define DATE    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define DATE_US (INT64_C(784111777) * MANSIO_SECOND)

static struct mansio_arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = mansio_arena_new(NULL, "test", 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mansio_arena_free(arena);
    return 0;
}

static void check_head(const struct mansio_http_answer *answer, const struct http_framing *framing,
                       const char *wanted)
{
    struct mansio_buf *out = mansio_buf_new(arena, 65536);
    assert_int_equal(http_answer_head(answer, framing, out), 0);
    core_test_str(mansio_buf_str(out), wanted);
}

static void prints_dates(void **state)
{
    char text[HTTP_DATE_MAX];

    (void)state;
    assert_int_equal(http_date(DATE_US, text), 29); /* RFC 9110 5.6.7 */
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_int_equal(http_date(0, text), 29);
    assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_int_equal(http_date(INT64_MAX, text), 29);
    assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
}

static void prints_heads(void **state)
{
    const struct http_framing keeps = {.wall_us = DATE_US, .minor = 1};
    const struct http_framing closes = {.wall_us = DATE_US, .minor = 1, .closes = 1};
    const struct http_framing old = {.wall_us = DATE_US, .minor = 0, .hsts_seconds = 9};
    struct mansio_http_answer answer;

    (void)state;
    http_answer_init(&answer, arena, 200);
    check_head(&answer, &keeps, "HTTP/1.1 200 OK\r\n" DATE "Content-Length: 0\r\n\r\n");
    assert_int_equal(http_answer_set_body(&answer, MANSIO_STR("a/b"), MANSIO_STR("xyz")), 0);
    assert_int_equal(http_answer_add_header(&answer, MANSIO_STR("X"), MANSIO_STR("y")), 0);
    assert_int_equal(http_answer_add_header(&answer, MANSIO_STR("X"), MANSIO_STR("")), 0);
    check_head(&answer, &closes,
               "HTTP/1.1 200 OK\r\n" DATE "Connection: close\r\nContent-Length: 3\r\n"
               "Content-Type: a/b\r\nX: y\r\nX: \r\n\r\n");
    assert_int_equal(http_answer_add_header(&answer, MANSIO_STR("content-type"), MANSIO_STR("c/d")),
                     0);
    check_head(&answer, &old,
               "HTTP/1.1 200 OK\r\n" DATE "Connection: keep-alive\r\nContent-Length: 3\r\n"
               "Content-Type: c/d\r\nStrict-Transport-Security: max-age=9\r\nX: y\r\nX: \r\n\r\n");
    http_answer_refuse(&answer, 404);
    core_test_str(answer.body, "404 Not Found\n");
    check_head(&answer, &keeps,
               "HTTP/1.1 404 Not Found\r\n" DATE
               "Content-Length: 14\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n");
    http_answer_init(&answer, arena, 204); /* RFC 9110 8.6 */
    check_head(&answer, &keeps, "HTTP/1.1 204 No Content\r\n" DATE "\r\n");
    http_answer_set_status(&answer, 299);
    check_head(&answer, &keeps, "HTTP/1.1 299 \r\n" DATE "Content-Length: 0\r\n\r\n");
}

static void refuses_what_is_no_field(void **state)
{
    static const struct {
        struct mansio_str name, value;
    } rows[] = {
        {MANSIO_STR(""), MANSIO_STR("a")},
        {MANSIO_STR("X "), MANSIO_STR("a")},
        {MANSIO_STR("X:"), MANSIO_STR("a")},
        {MANSIO_STR("X\r\nY"), MANSIO_STR("a")},
        {MANSIO_STR("X"), MANSIO_STR("a\r\nY: z")},
        {MANSIO_STR("X"), MANSIO_STR("a\nY: z")},
        {MANSIO_STR("X"), MANSIO_STR("a\r")},
        {MANSIO_STR("X"), MANSIO_STR("a\0")},
        {MANSIO_STR("X"), MANSIO_STR(" a")},
        {MANSIO_STR("Content-length"), MANSIO_STR("1")},
        {MANSIO_STR("DATE"), MANSIO_STR("x")},
        {MANSIO_STR("connection"), MANSIO_STR("x")},
        {MANSIO_STR("Transfer-Encoding"), MANSIO_STR("chunked")},
        {MANSIO_STR("Keep-Alive"), MANSIO_STR("x")},
        {MANSIO_STR("Upgrade"), MANSIO_STR("x")},
        {MANSIO_STR("Trailer"), MANSIO_STR("x")},
    };
    struct mansio_http_answer answer;

    (void)state;
    http_answer_init(&answer, arena, 200);
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        assert_int_equal(http_answer_add_header(&answer, rows[i].name, rows[i].value),
                         MANSIO_E_INVALID);
    }
    assert_int_equal(http_answer_set_body(&answer, MANSIO_STR("a\r\nb: c"), MANSIO_STR("x")),
                     MANSIO_E_INVALID);
    assert_int_equal(
        http_answer_set_body(&answer, MANSIO_STR("a"),
                             (struct mansio_str){"", (size_t)HTTP_ANSWER_BODY_MAX + 1}),
        MANSIO_E_LIMIT);
    assert_int_equal(answer.body.len, 0);
    assert_int_equal(mansio_buf_str(answer.fields).len, 0);
}

static void bounds_fields_and_statuses(void **state)
{
    struct mansio_http_answer answer;
    size_t count = 0;
    char value[1000];

    (void)state;
    memset(value, 'v', sizeof value);
    http_answer_init(&answer, arena, 200);
    while (http_answer_add_header(&answer, MANSIO_STR("X"),
                                  (struct mansio_str){value, sizeof value}) == 0) {
        assert_true(++count < 100);
    }
    assert_int_equal(count, 16);
    /* What fits still does. */
    assert_int_equal(http_answer_add_header(&answer, MANSIO_STR("X"), MANSIO_STR("y")), 0);
    static const uint32_t wrong[] = {0, 99, 100, 101, 199, 600, 1000};
    for (size_t i = 0; i < MANSIO_COUNT(wrong); i++) {
        http_answer_set_status(&answer, wrong[i]);
        assert_int_equal(answer.status, 500);
    }
    http_answer_set_status(&answer, 200);
    assert_int_equal(answer.status, 200);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_dates),
        cmocka_unit_test(prints_heads),
        cmocka_unit_test(refuses_what_is_no_field),
        cmocka_unit_test(bounds_fields_and_statuses),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
