/*
 * Basic credentials, and the words that all parsers share.
 */
#include "core/base/testing.h"

#include "parse.h"
#include <mansio/error.h>
#include <mansio/login.h>
#include <mansio/str.h>

static void takes_credentials(void **state)
{
    static const struct {
        const char *value;
        int result;
        const char *user, *password;
    } rows[] = {
        {"Basic dXNlcjpwYXNz", 0, "user", "pass"},
        {"bASIC  dXNlcjpwYXNz", 0, "user", "pass"},
        {"Basic dTpwOjpx", 0, "u", "p::q"}, /* u:p::q */
        {"Basic Og==", 0, "", ""},
        {"Basic dGVzdDoxMjPCow==", 0, "test", "123\xc2\xa3"}, /* RFC 7617 2.1 */
        {"Basic", MANSIO_E_UNSUPPORTED, "", ""},
        {"Basicdxpw", MANSIO_E_UNSUPPORTED, "", ""},
        {"Basic\tdTpw", MANSIO_E_UNSUPPORTED, "", ""},
        {"Bearer dTpw", MANSIO_E_UNSUPPORTED, "", ""},
        {"", MANSIO_E_UNSUPPORTED, "", ""},
        {"Basic ", MANSIO_E_INVALID, "", ""},
        {"Basic dXNlcg==", MANSIO_E_INVALID, "", ""}, /* no colon */
        {"Basic dXNlcjpwYXNz!", MANSIO_E_INVALID, "", ""},
        {"Basic dXNl cjpwYXNz", MANSIO_E_INVALID, "", ""},
        {"Basic dXNlcjpwYXM", MANSIO_E_INVALID, "", ""}, /* no padding */
        {"Basic dTo=dTo=", MANSIO_E_INVALID, "", ""},
        {"Basic dTr/", MANSIO_E_INVALID, "", ""},     /* u:\xff */
        {"Basic dTpwAA==", MANSIO_E_INVALID, "", ""}, /* u:p\0 */
        {"Basic dTpwCg==", MANSIO_E_INVALID, "", ""}, /* u:p\n */
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
        struct http_basic basic = {0};
        assert_int_equal(http_parse_basic(arena, core_test_slice(rows[i].value), &basic),
                         rows[i].result);
        core_test_str(basic.user, rows[i].user);
        core_test_str(basic.password, rows[i].password);
        http_wipe(basic.password);
        for (size_t at = 0; at < basic.password.len; at++) {
            assert_int_equal(basic.password.ptr[at], 0);
        }
        mansio_arena_free(arena);
    }
}

static void knows_values(void **state)
{
    (void)state;
    assert_true(http_is_field_value(MANSIO_STR("")));
    assert_true(http_is_field_value(MANSIO_STR("a\tb c\xff")));
    assert_false(http_is_field_value(MANSIO_STR(" a")));
    assert_false(http_is_field_value(MANSIO_STR("a\t")));
    assert_false(http_is_field_value(MANSIO_STR("a\rb")));
    assert_false(http_is_field_value(MANSIO_STR("a\nb")));
    assert_false(http_is_field_value(MANSIO_STR("a\0b")));
    assert_false(http_is_token(MANSIO_STR("")));
    assert_false(http_is_token(MANSIO_STR("a\0")));
    assert_true(http_is_text(MANSIO_STR("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80"
                                        "\xf4\x8f\xbf\xbf\xf1\x80\x80\x80\xe1\x80\x80")));
    assert_false(http_is_text(MANSIO_STR("\xe1\x80")));
    assert_false(http_is_text(MANSIO_STR("\xf1\x80\x80")));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_credentials),
        cmocka_unit_test(knows_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
