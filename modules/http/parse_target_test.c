/*
 * Targets: paths and queries, decoded once or refused.
 */
#include "core/base/testing.h"

#include "parse.h"
#include <mansio/error.h>
#include <mansio/str.h>

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

static void takes_targets(void **state)
{
    static const struct {
        const char *text, *path, *query, *raw;
    } rows[] = {
        {"/", "/", "", "/"},
        {"/a/b", "/a/b", "", "/a/b"},
        {"/a?b=c?d/..", "/a", "b=c?d/..", "/a?b=c?d/.."},
        {"/?", "/", "", "/?"},
        {"/%61%2e%7E", "/a.~", "", "/%61%2e%7E"},
        {"/%C3%a4", "/\xc3\xa4", "", "/%C3%a4"},
        {"/-._~!$&'()*+,;=:@", "/-._~!$&'()*+,;=:@", "", "/-._~!$&'()*+,;=:@"},
        {"/%20%25%23%3f", "/ %#?", "", "/%20%25%23%3f"},
        {"/?a={|}[]^`\"<>\\", "/", "a={|}[]^`\"<>\\", "/?a={|}[]^`\"<>\\"},
        /* RFC 3986 5.2.4 */
        {"/a/b/c/./../../g", "/a/g", "", "/a/b/c/./../../g"},
        {"/..", "/", "", "/.."},
        {"/../../etc", "/etc", "", "/../../etc"},
        {"/%2e%2E/x", "/x", "", "/%2e%2E/x"},
        {"/a/%2e.", "/", "", "/a/%2e."},
        {"/a/.", "/a/", "", "/a/."},
        {"/a/./b", "/a/b", "", "/a/./b"},
        {"/a//../b", "/a/b", "", "/a//../b"},
        {"//a", "//a", "", "//a"},
        {"/...", "/...", "", "/..."},
        {"/..a/.b", "/..a/.b", "", "/..a/.b"},
        /* with scheme and authority */
        {"http://h", "/", "", "/"},
        {"http://h?q", "/", "q", "/?q"},
        {"http://h/x/../y?q", "/y", "q", "/x/../y?q"},
        {"hTTps://h/", "/", "", "/"},
        {"*", "*", "", "*"},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct http_target target;
        assert_int_equal(http_parse_target(arena, core_test_slice(rows[i].text), &target), 0);
        core_test_str(target.path, rows[i].path);
        core_test_str(target.query, rows[i].query);
        core_test_str(target.raw, rows[i].raw);
        assert_int_equal(target.is_asterisk, rows[i].text[0] == '*');
        assert_int_equal(target.is_absolute, rows[i].text[0] == 'h');
        assert_int_equal(target.is_https, strncasecmp(rows[i].text, "https", 5) == 0);
    }
}

static void refuses_others(void **state)
{
    static const struct mansio_str rows[] = {
        MANSIO_STR(""),
        MANSIO_STR("a"),
        MANSIO_STR("?a"),
        MANSIO_STR("**"),
        MANSIO_STR("/#a"),
        MANSIO_STR("/a#"),
        MANSIO_STR("/?a#b"),
        MANSIO_STR("/\\"),
        MANSIO_STR("/\""),
        MANSIO_STR("/{"),
        MANSIO_STR("/%"),
        MANSIO_STR("/%4"),
        MANSIO_STR("/%4g"),
        MANSIO_STR("/%%41"),
        MANSIO_STR("/%u0041"),
        MANSIO_STR("/%00"),
        MANSIO_STR("/%2f"),
        MANSIO_STR("/%2F.."),
        MANSIO_STR("/%5C"),
        MANSIO_STR("/%0d%0a"),
        MANSIO_STR("/%7f"),
        MANSIO_STR("/%c2%85"),
        /* RFC 3629 3: overlong forms, surrogates, what lies beyond */
        MANSIO_STR("/%c0%af"),
        MANSIO_STR("/%c0%80"),
        MANSIO_STR("/%e0%80%af"),
        MANSIO_STR("/%f0%80%80%af"),
        MANSIO_STR("/%ed%a0%80"),
        MANSIO_STR("/%f4%90%80%80"),
        MANSIO_STR("/%ff"),
        MANSIO_STR("/%c3"),
        MANSIO_STR("/%c3a"),
        MANSIO_STR("/%80"),
        MANSIO_STR("/\xc3\xa4"),
        MANSIO_STR("/?%"),
        MANSIO_STR("/?%0"),
        MANSIO_STR("/?%00"),
        MANSIO_STR("/?\xc3\xa4"),
        MANSIO_STR("/?a\0"),
        MANSIO_STR("http:/h"),
        MANSIO_STR("ws://h/"),
        MANSIO_STR("http://h/%00"),
        MANSIO_STR("http://h?%zz"),
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct http_target target = {.is_https = 7};
        assert_int_equal(http_parse_target(arena, rows[i], &target), 400);
        assert_int_equal(target.is_https, 7);
    }
}

static void finds_parameters(void **state)
{
    static const struct {
        const char *query, *name;
        int result;
        const char *value;
    } rows[] = {
        {"", "a", MANSIO_E_NOT_FOUND, ""},
        {"a=1&b=2", "b", 0, "2"},
        {"a=1&A=2", "A", 0, "1"},
        {"emailaddress=u%40h+x%2B", "EmailAddress", 0, "u@h x+"},
        {"a", "a", 0, ""},
        {"a=", "a", 0, ""},
        {"&&a==b=", "a", 0, "=b="},
        {"%61=1", "a", 0, "1"},
        {"ab=1", "a", MANSIO_E_NOT_FOUND, ""},
        {"a=%ff%0A", "a", 0, "\xff\n"},
        {"=x", "", 0, "x"},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_str value = MANSIO_STR_NONE;
        assert_int_equal(http_query_find(arena, core_test_slice(rows[i].query),
                                         core_test_slice(rows[i].name), &value),
                         rows[i].result);
        core_test_str(value, rows[i].value);
    }
}

static void needs_room(void **state)
{
    struct mansio_arena *narrow = mansio_arena_new(arena, "narrow", 64);
    struct mansio_str long_text = MANSIO_STR(
        "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    struct http_target target;
    struct mansio_str value;

    (void)state;
    assert_int_equal(http_parse_target(narrow, long_text, &target), 400);
    assert_int_equal(http_query_find(narrow, long_text, MANSIO_STR("a"), &value), MANSIO_E_LIMIT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_targets),
        cmocka_unit_test(refuses_others),
        cmocka_unit_test(finds_parameters),
        cmocka_unit_test(needs_room),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
