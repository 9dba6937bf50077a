/*
 * Chunked bodies: what they hold, and what is refused, however the bytes come.
 */
#include "core/base/testing.h"

#include "parse.h"
#include <mansio/buf.h>
#include <mansio/str.h>

enum {
    MAX = 20,
};

struct outcome {
    int result;
    size_t used;
    struct mansio_buf *content;
};

static struct outcome read_cut(struct mansio_arena *arena, struct mansio_str text, size_t cut,
                               int is_single)
{
    struct outcome out = {.content = mansio_buf_new(arena, 4096)};
    struct http_chunks chunks;
    http_chunks_init(&chunks, MAX);
    while (out.result == HTTP_MORE && out.used < text.len) {
        size_t len = is_single ? 1 : out.used < cut ? cut - out.used : SIZE_MAX, used = 0;
        struct mansio_str data;
        out.result = http_chunks_feed(&chunks, mansio_str_sub(text, out.used, len), &used, &data);
        assert_true(used > 0);
        mansio_buf_add(out.content, data);
        out.used += used;
    }
    return out;
}

static struct outcome read_body(struct mansio_arena *arena, struct mansio_str text)
{
    struct outcome whole = read_cut(arena, text, text.len, 0);
    for (size_t cut = 0; cut < text.len; cut++) {
        struct mansio_arena *scratch = mansio_arena_new(NULL, "test", 0);
        struct outcome split = read_cut(scratch, text, cut, cut == 0);
        assert_int_equal(split.result, whole.result);
        assert_int_equal(split.used, whole.used);
        assert_true(mansio_str_eq(mansio_buf_str(split.content), mansio_buf_str(whole.content)));
        mansio_arena_free(scratch);
    }
    return whole;
}

static void takes_bodies(void **state)
{
    static const struct {
        const char *text, *content, *rest;
    } rows[] = {
        {"0\r\n\r\n", "", ""},
        {"0\r\n\r\nGET", "", "GET"},
        {"5\r\nhello\r\n0\r\n\r\n", "hello", ""},
        {"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "abc", ""},
        {"A\r\n0123456789\r\n00a\r\n0\r\n\r\n0\r\n\r\n\r\n000\r\n\r\n",
         "01234567890\r\n\r\n0\r\n\r\n", ""},
        {"0000000000000003\r\nabc\r\n0\r\n\r\n", "abc", ""},
        {"3;a=b;c=\"d;e\"\r\nabc\r\n0;x\r\n\r\n", "abc", ""},
        {"3 \t ;a\r\nabc\r\n0\r\n\r\n", "abc", ""},
        {"0\r\nX: y\r\nHost:\r\nContent-Length: 9\r\n\r\nG", "", "G"},
        {"14\r\n01234567890123456789\r\n0\r\n\r\n", "01234567890123456789", ""},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
        struct mansio_str text = core_test_slice(rows[i].text);
        struct outcome got = read_body(arena, text);
        assert_int_equal(got.result, HTTP_DONE);
        core_test_str(mansio_buf_str(got.content), rows[i].content);
        core_test_str(mansio_str_sub(text, got.used, SIZE_MAX), rows[i].rest);
        mansio_arena_free(arena);
    }
}

static void refuses_others(void **state)
{
    static const struct {
        struct mansio_str text;
        int status;
    } rows[] = {
        {MANSIO_STR("\r\n"), 400},
        {MANSIO_STR(";a\r\n"), 400},
        {MANSIO_STR(" 5\r\n"), 400},
        {MANSIO_STR("5 \r\n"), 400},
        {MANSIO_STR("5\t5\r\n"), 400},
        {MANSIO_STR("+5\r\n"), 400},
        {MANSIO_STR("0x5\r\n"), 400},
        {MANSIO_STR("-1\r\n"), 400},
        {MANSIO_STR("g\r\n"), 400},
        {MANSIO_STR("5\n"), 400},
        {MANSIO_STR("5\rx"), 400},
        {MANSIO_STR("5;a\nhello"), 400},
        {MANSIO_STR("5;a\rb"), 400},
        {MANSIO_STR("5;\0"), 400},
        {MANSIO_STR("5;\x7f"), 400},
        {MANSIO_STR("00000000000000005\r\n"), 400},
        {MANSIO_STR("ffffffffffffffff\r\n"), 413},
        {MANSIO_STR("15\r\n"), 413},
        {MANSIO_STR("a\r\n0123456789\r\nb\r\n"), 413},
        {MANSIO_STR("3\r\nabcd\r\n"), 400},
        {MANSIO_STR("3\r\nabc\n"), 400},
        {MANSIO_STR("3\r\nabc\rx"), 400},
        {MANSIO_STR("3\r\nabc0\r\n"), 400},
        {MANSIO_STR("0\r\n\n"), 400},
        {MANSIO_STR("0\r\n\rx"), 400},
        {MANSIO_STR("0\r\nX\r\n"), 400},
        {MANSIO_STR("0\r\nX : y\r\n"), 400},
        {MANSIO_STR("0\r\n X: y\r\n"), 400},
        {MANSIO_STR("0\r\nX: y\r\n z\r\n"), 400},
        {MANSIO_STR("0\r\nX: y\n"), 400},
        {MANSIO_STR("0\r\nX: y\rz"), 400},
        {MANSIO_STR("0\r\nX: \0"), 400},
        {MANSIO_STR("0\r\n: y\r\n"), 400},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
        struct outcome got = read_body(arena, rows[i].text);
        if (got.result != rows[i].status) {
            print_message("%d instead of %d: %s\n", got.result, rows[i].status, rows[i].text.ptr);
        }
        assert_int_equal(got.result, rows[i].status);
        mansio_arena_free(arena);
    }
}

/* What is no content must not go on for ever. */
static void bounds_what_is_beside(void **state)
{
    static const char *const beginnings[] = {"5;", "5 ", "0\r\nX", "0\r\nX: "};
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(beginnings); i++) {
        char more = beginnings[i][1] == ' ' ? ' ' : 'a';
        struct mansio_str text = core_test_slice(beginnings[i]), data;
        struct http_chunks chunks;
        size_t used = 0, count = 0;
        http_chunks_init(&chunks, MAX);
        int result = http_chunks_feed(&chunks, text, &used, &data);
        while (result == HTTP_MORE && count < 100000) {
            result = http_chunks_feed(&chunks, (struct mansio_str){&more, 1}, &used, &data);
            count++;
        }
        assert_int_equal(result, 431);
        assert_in_range(count, 1000, 17000);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_bodies),
        cmocka_unit_test(refuses_others),
        cmocka_unit_test(bounds_what_is_beside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
