/* Tests of the one spelling of domains: RFC 1035 2.3.4, RFC 1123 2.1, RFC 5891, UTS 46. */
#include "core/net/domain.h"

#include "core/base/testing.h"

#include <mansio/error.h>
#include <mansio/mail.h>

#define A10     "aaaaaaaaaa"
#define A60     A10 A10 A10 A10 A10 A10
#define LABEL63 A60 "aaa"

static const struct {
    const char *text;
    int result;
    const char *wanted;
} ROWS[] = {
    {"example.org", 0, "example.org"},
    {"Example.ORG", 0, "example.org"},
    {"example.org.", 0, "example.org"},
    {"x", 0, "x"},
    {"1and1.test", 0, "1and1.test"},
    {"r3---sn-a.test", 0, "r3---sn-a.test"},
    {"xn--MNCHEN-3ya.test", 0, "xn--mnchen-3ya.test"},
    {"m\xc3\xbcnchen.test", 0, "xn--mnchen-3ya.test"},
    {"M\xc3\x9cNCHEN.Test", 0, "xn--mnchen-3ya.test"},
    {"mu\xcc\x88nchen.test", 0, "xn--mnchen-3ya.test"},
    {"m\xc3\xbcnchen.test.", 0, "xn--mnchen-3ya.test"},
    {"m\xc3\xbcnchen\xe3\x80\x82test", 0, "xn--mnchen-3ya.test"},
    {"\xef\xbd\x81\xef\xbd\x82.test", 0, "ab.test"},
    {"fa\xc3\x9f.test", 0, "xn--fa-hia.test"},
    {"\xd0\xbf\xd0\xbe\xd1\x87\xd1\x82\xd0\xb0.\xd1\x80\xd1\x84", 0, "xn--80a1acny.xn--p1ai"},
    {LABEL63 ".test", 0, LABEL63 ".test"},
    {LABEL63 "a.test", MANSIO_E_LIMIT, NULL},
    {LABEL63 "." LABEL63 "." LABEL63 "." A60 "a", 0, LABEL63 "." LABEL63 "." LABEL63 "." A60 "a"},
    {LABEL63 "." LABEL63 "." LABEL63 "." A60 "aa", MANSIO_E_LIMIT, NULL},
    {"\xc3\xbc" A60 ".test", MANSIO_E_LIMIT, NULL},
    {"", MANSIO_E_INVALID, NULL},
    {".", MANSIO_E_INVALID, NULL},
    {"..", MANSIO_E_INVALID, NULL},
    {"a..b", MANSIO_E_INVALID, NULL},
    {".a", MANSIO_E_INVALID, NULL},
    {"a..", MANSIO_E_INVALID, NULL},
    {"-a.test", MANSIO_E_INVALID, NULL},
    {"a-.test", MANSIO_E_INVALID, NULL},
    {"a_b.test", MANSIO_E_INVALID, NULL},
    {"a b.test", MANSIO_E_INVALID, NULL},
    {"a@b.test", MANSIO_E_INVALID, NULL},
    {"[192.0.2.1]", MANSIO_E_INVALID, NULL},
    {"\xff.test", MANSIO_E_INVALID, NULL},
    {"a\xe2\x84\x80.test", MANSIO_E_INVALID, NULL},        /* maps to "a/c" */
    {"\xef\xbc\xbf\xc3\xbc.test", MANSIO_E_INVALID, NULL}, /* a wide low line */
};

static void spellings(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(ROWS); i++) {
        struct mansio_str out = MANSIO_STR("untouched");
        struct mansio_str again = MANSIO_STR_NONE;
        int result = mansio_domain_normalize(arena, core_test_slice(ROWS[i].text), &out);

        if (result != ROWS[i].result) {
            print_error("\"%s\" gives %d (%s)\n", ROWS[i].text, result, mansio_error_detail());
        }
        assert_int_equal(result, ROWS[i].result);
        core_test_str(out, result == 0 ? ROWS[i].wanted : "untouched");
        if (result == 0) {
            assert_int_equal(mansio_domain_normalize(arena, out, &again), 0);
            core_test_str(again, ROWS[i].wanted);
        }
    }
    mansio_arena_free(arena);
}

static void nul_and_length(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_str out = MANSIO_STR_NONE;
    char text[CORE_DOMAIN_INPUT_MAX + 1];

    (void)state;
    memset(text, 'a', sizeof text);
    assert_int_equal(mansio_domain_normalize(arena, MANSIO_STR("a\0b.test"), &out),
                     MANSIO_E_INVALID);
    assert_int_equal(mansio_domain_normalize(arena, MANSIO_STR("\xc3\xbc\0.test"), &out),
                     MANSIO_E_INVALID);
    assert_int_equal(mansio_domain_normalize(arena, (struct mansio_str){text, sizeof text}, &out),
                     MANSIO_E_LIMIT);
    assert_int_equal(mansio_domain_normalize(arena, MANSIO_STR_NONE, &out), MANSIO_E_INVALID);
    mansio_arena_free(arena);
}

static void underscores(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_str out = MANSIO_STR_NONE;

    (void)state;
    assert_int_equal(
        core_domain_normalize(arena, MANSIO_STR("_25._TCP.mx.test"), CORE_DOMAIN_UNDERSCORE, &out),
        0);
    core_test_str(out, "_25._tcp.mx.test");
    assert_int_equal(
        core_domain_normalize(arena, MANSIO_STR("_.test"), CORE_DOMAIN_UNDERSCORE, &out),
        MANSIO_E_INVALID);
    assert_int_equal(core_domain_normalize(arena, MANSIO_STR("_25._tcp.mx.test"), 0, &out),
                     MANSIO_E_INVALID);
    mansio_arena_free(arena);
}

static void full_arena(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 16);
    struct mansio_str out = MANSIO_STR_NONE;

    (void)state;
    assert_int_equal(mansio_domain_normalize(arena, MANSIO_STR("twenty.characters.it"), &out),
                     MANSIO_E_LIMIT);
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings),
        cmocka_unit_test(nul_and_length),
        cmocka_unit_test(underscores),
        cmocka_unit_test(full_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
