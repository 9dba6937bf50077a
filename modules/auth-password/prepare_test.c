/*
 * OpaqueString: the examples of RFC 8265 4.3, and what each rule refuses.
 */
#include "prepare.h"

#include "core/base/testing.h"

#include <mansio/error.h>

static void prepares_as_rfc_8265_says(void **state)
{
    static const struct {
        const char *given;
        const char *prepared; /* NULL: refused */
    } rows[] = {
        /* RFC 8265 4.3, examples 12 to 17 */
        {"correct horse battery staple", "correct horse battery staple"},
        {"Correct Horse Battery Staple", "Correct Horse Battery Staple"},
        {"\xcf\x80\xc3\x9f\xc3\xa5", "\xcf\x80\xc3\x9f\xc3\xa5"},
        {"Jack of \xe2\x99\xa6s", "Jack of \xe2\x99\xa6s"},
        {"foo\xe1\x9a\x80"
         "bar",
         "foo bar"},
        {"", NULL},
        {"my cat is a \tby", NULL},
        /* NFC */
        {"a\xcc\x88", "\xc3\xa4"},
        {"\xe2\x84\xab", "\xc3\x85"},
        /* spaces */
        {"a\xc2\xa0"
         "b\xe3\x80\x80"
         "c",
         "a b c"},
        {" a ", " a "},
        /* no UTF-8: cut, overlong, a surrogate, beyond the last */
        {"\xc3", NULL},
        {"\xc0\x80", NULL},
        {"\xed\xa0\x80", NULL},
        {"\xf4\x90\x80\x80", NULL},
        {"\xff", NULL},
        /* controls, a separator of lines, unassigned, private, no character, ignorable, old jamo */
        {"a\x7f", NULL},
        {"a\xc2\x85", NULL},
        {"a\xe2\x80\xa8", NULL},
        {"a\xcd\xb8", NULL},
        {"a\xee\x80\x80", NULL},
        {"a\xef\xbf\xbf", NULL},
        {"a\xc2\xad", NULL},
        {"a\xe1\x85\x9f", NULL},
        /* join controls are a matter of context there, and of none here */
        {"a\xe2\x80\x8d"
         "b",
         "a\xe2\x80\x8d"
         "b"},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct auth_password password = {.len = 0};
        int code = auth_password_prepare(core_test_slice(rows[i].given), &password);
        if (code != (rows[i].prepared != NULL ? 0 : MANSIO_E_INVALID)) {
            print_error("row %zu: %s\n", i, mansio_error_name(code));
            fail();
        }
        if (rows[i].prepared != NULL) {
            core_test_str(auth_password_str(&password), rows[i].prepared);
        }
    }
}

static void lengths_have_an_end(void **state)
{
    char text[AUTH_PASSWORD_MAX + 1];
    struct auth_password password = {.len = 0};

    (void)state;
    memset(text, 'x', sizeof text);
    assert_int_equal(auth_password_prepare((struct mansio_str){text, AUTH_PASSWORD_MAX}, &password),
                     0);
    assert_int_equal(password.len, AUTH_PASSWORD_MAX);
    assert_int_equal(
        auth_password_prepare((struct mansio_str){text, AUTH_PASSWORD_MAX + 1}, &password),
        MANSIO_E_LIMIT);
    assert_int_equal(
        auth_password_take((struct mansio_str){text, AUTH_PASSWORD_MAX + 1}, &password),
        MANSIO_E_LIMIT);
    /* U+0958 is two characters in NFC, of three bytes each: longer than it came. */
    for (size_t i = 0; i + 3 <= AUTH_PASSWORD_MAX; i += 3) {
        memcpy(text + i, "\xe0\xa5\x98", 3);
    }
    assert_int_equal(auth_password_prepare((struct mansio_str){text, 510}, &password),
                     MANSIO_E_LIMIT);
}

static void a_nul_is_no_part_of_a_password(void **state)
{
    struct auth_password password = {.len = 0};

    (void)state;
    assert_int_equal(auth_password_take(MANSIO_STR("a\0b"), &password), MANSIO_E_INVALID);
    assert_int_equal(auth_password_prepare(MANSIO_STR("a\0b"), &password), MANSIO_E_INVALID);
    assert_int_equal(auth_password_take(MANSIO_STR(""), &password), MANSIO_E_INVALID);
    assert_int_equal(auth_password_take(MANSIO_STR("\xff\t"), &password), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prepares_as_rfc_8265_says),
        cmocka_unit_test(lengths_have_an_end),
        cmocka_unit_test(a_nul_is_no_part_of_a_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
