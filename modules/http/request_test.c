/*
 * What handlers see of a request.
 */
#include "core/base/testing.h"

#include "request.h"
#include <mansio/error.h>
#include <mansio/str.h>

static struct http_head head;

static struct mansio_http_request make(struct mansio_arena *arena, const char *text)
{
    static const struct http_limits limits = {1024, 256, 12};
    size_t used;
    assert_int_equal(http_head_init(&head, arena, &limits), 0);
    assert_int_equal(http_head_feed(&head, core_test_slice(text), &used), HTTP_DONE);
    return (struct mansio_http_request){
        .arena = arena, .head = &head, .body = MANSIO_STR("body"), .method = MANSIO_HTTP_GET};
}

static void shows_what_was_asked(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_str value = MANSIO_STR_NONE;
    struct mansio_http_request request =
        make(arena, "GET /%41?Q=1 HTTP/1.1\r\nHost: H:99\r\nA: 1\r\nb:\r\na: \t2\r\nA:\r\n"
                    "Authorization: Basic x\r\n\r\n");

    (void)state;
    assert_int_equal(http_table.method(&request), MANSIO_HTTP_GET);
    core_test_str(http_table.host(&request), "h");
    assert_int_equal(http_table.port(&request), 99);
    core_test_str(http_table.path(&request), "/A");
    core_test_str(http_table.body(&request), "body");
    assert_int_equal(http_table.query(&request, MANSIO_STR("q"), &value), 0);
    core_test_str(value, "1");
    assert_int_equal(http_table.header(&request, MANSIO_STR("A"), &value), 0);
    core_test_str(value, "1, 2, "); /* RFC 9110 5.3 */
    assert_int_equal(http_table.header(&request, MANSIO_STR("B"), &value), 0);
    core_test_str(value, "");
    assert_int_equal(http_table.header(&request, MANSIO_STR("c"), &value), MANSIO_E_NOT_FOUND);
    assert_int_equal(http_table.header(&request, MANSIO_STR("authorization"), &value),
                     MANSIO_E_NOT_FOUND);
    assert_int_equal(http_table.is_tls(&request), 0);
    assert_ptr_equal(http_table.arena(&request), arena);
    mansio_arena_free(arena);
}

static void knows_usual_ports(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_http_request request = make(arena, "GET / HTTP/1.0\r\n\r\n");

    (void)state;
    core_test_str(http_table.host(&request), "");
    assert_int_equal(http_table.port(&request), 80);
    request.is_tls = 1;
    assert_int_equal(http_table.port(&request), 443);
    mansio_arena_free(arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_what_was_asked),
        cmocka_unit_test(knows_usual_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
