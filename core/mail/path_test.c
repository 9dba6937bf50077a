/* Tests of SMTP's paths: RFC 5321 4.1.2, 4.1.3, 4.5.3.1, RFC 6531 3.3. */
#include "core/mail/path.h"

#include "core/mail/testing.h"

#include <mansio/error.h>

#define A10     "aaaaaaaaaa"
#define A60     A10 A10 A10 A10 A10 A10
#define LABEL63 A60 "aaa"

static const struct {
    const char *text;
    uint32_t allow;
    int result;
    const char *local;
    const char *domain;
    uint32_t kind;
} ROWS[] = {
    {"<a@x.test>", 0, 10, "a", "x.test", CORE_MAIL_DOMAIN_NAME},
    {"<a.b+c@x-1.test> SIZE=5", 0, 16, "a.b+c", "x-1.test", CORE_MAIL_DOMAIN_NAME},
    {"<>", CORE_MAIL_PATH_NULL, 2, "", "", CORE_MAIL_DOMAIN_NONE},
    {"<>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<Postmaster>", CORE_MAIL_PATH_POSTMASTER, 12, "Postmaster", "", CORE_MAIL_DOMAIN_NONE},
    {"<postmaster>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<other>", CORE_MAIL_PATH_POSTMASTER, MANSIO_E_INVALID, "", "", 0},
    {"<@a.test,@b.test:c@d.test>", 0, 26, "c", "d.test", CORE_MAIL_DOMAIN_NAME},
    {"<@a.test:>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<@a.test,b.test:c@d>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<@a.test c@d>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<\"a b\"@x>", 0, 9, "a b", "x", CORE_MAIL_DOMAIN_NAME},
    {"<\"a\\\"b\\\\\"@x>", 0, 12, "a\"b\\", "x", CORE_MAIL_DOMAIN_NAME},
    {"<\"\"@x>", 0, 6, "", "x", CORE_MAIL_DOMAIN_NAME},
    {"<\"a\tb\"@x>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<\"a@x>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<a@[192.0.2.1]>", 0, 15, "a", "[192.0.2.1]", CORE_MAIL_DOMAIN_IPV4},
    {"<a@[IPv6:2001:db8::1]>", 0, 22, "a", "[IPv6:2001:db8::1]", CORE_MAIL_DOMAIN_IPV6},
    {"<a@[ipv6:::ffff:192.0.2.1]>", 0, 27, "a", "[ipv6:::ffff:192.0.2.1]", CORE_MAIL_DOMAIN_IPV6},
    {"<a@[256.0.2.1]>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<a@[192.0.2]>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<a@[2001:db8::1]>", 0, MANSIO_E_UNSUPPORTED, "", "", 0},
    {"<a@[X-tag:1]>", 0, MANSIO_E_UNSUPPORTED, "", "", 0},
    {"<a@[192.0.2.1>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<a@[]>", 0, MANSIO_E_INVALID, "", "", 0},
    {"a@x", 0, MANSIO_E_INVALID, "", "", 0},
    {"", 0, MANSIO_E_INVALID, "", "", 0},
    {"<", 0, MANSIO_E_INVALID, "", "", 0},
    {"<a@x", 0, MANSIO_E_INVALID, "", "", 0},
    {"<a>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<@x>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<a@>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<a..b@x>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<.a@x>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<a.@x>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<a b@x>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<a@x y>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<a@x_y>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<a@-x>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<a@x->", 0, MANSIO_E_INVALID, "", "", 0},
    {"<a@x..y>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<a@x.>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<a@.x>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<a@x@y>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<a@x\r\n>", 0, MANSIO_E_INVALID, "", "", 0},
    {"<(c)a@x>", 0, MANSIO_E_INVALID, "", "", 0},
    /* RFC 6531 */
    {"<\xC3\xA4@\xC3\xB6.test>", CORE_MAIL_PATH_UTF8, 12, "\xC3\xA4", "\xC3\xB6.test",
     CORE_MAIL_DOMAIN_NAME},
    {"<\xC3\xA4@x>", 0, MANSIO_E_UNSUPPORTED, "", "", 0},
    {"<a@\xC3\xB6>", 0, MANSIO_E_UNSUPPORTED, "", "", 0},
    {"<\xC3@x>", CORE_MAIL_PATH_UTF8, MANSIO_E_INVALID, "", "", 0},
    {"<a@\xFF>", CORE_MAIL_PATH_UTF8, MANSIO_E_INVALID, "", "", 0},
    /* what some take for a line end: C1 controls, line and paragraph separators */
    {"<a\xC2\x85z@x>", CORE_MAIL_PATH_UTF8, MANSIO_E_INVALID, "", "", 0},
    {"<\"a\xC2\x80\"@x>", CORE_MAIL_PATH_UTF8, MANSIO_E_INVALID, "", "", 0},
    {"<a\xC2\x9F@x>", CORE_MAIL_PATH_UTF8, MANSIO_E_INVALID, "", "", 0},
    {"<\xE2\x80\xA8@x>", CORE_MAIL_PATH_UTF8, MANSIO_E_INVALID, "", "", 0},
    {"<a@\xE2\x80\xA9>", CORE_MAIL_PATH_UTF8, MANSIO_E_INVALID, "", "", 0},
    {"<\xC2\xA0@x>", CORE_MAIL_PATH_UTF8, 6, "\xC2\xA0", "x", CORE_MAIL_DOMAIN_NAME},
    {"<\xE2\x80\xA7@x>", CORE_MAIL_PATH_UTF8, 7, "\xE2\x80\xA7", "x", CORE_MAIL_DOMAIN_NAME},
    /* RFC 5321 4.5.3.1: 64, 63, 255 and 256 fit, one more does not */
    {"<" A60 "aaaa@x>", 0, 68, A60 "aaaa", "x", CORE_MAIL_DOMAIN_NAME},
    {"<" A60 "aaaaa@x>", 0, MANSIO_E_LIMIT, "", "", 0},
    {"<\"" A60 "aaaaa\"@x>", 0, MANSIO_E_LIMIT, "", "", 0},
    {"<a@" LABEL63 ">", 0, 67, "a", LABEL63, CORE_MAIL_DOMAIN_NAME},
    {"<a@" LABEL63 "a>", 0, MANSIO_E_LIMIT, "", "", 0},
    {"<a@" LABEL63 "." LABEL63 "." LABEL63 "." A60 ">", 0, 256, "a",
     LABEL63 "." LABEL63 "." LABEL63 "." A60, CORE_MAIL_DOMAIN_NAME},
    {"<aa@" LABEL63 "." LABEL63 "." LABEL63 "." A60 ">", 0, MANSIO_E_LIMIT, "", "", 0},
    {"<a@" LABEL63 "." LABEL63 "." LABEL63 "." LABEL63 ".a>", 0, MANSIO_E_LIMIT, "", "", 0},
};

static void test_paths(void **state)
{
    struct mail_fixture *fixture = *state;

    for (size_t i = 0; i < MANSIO_COUNT(ROWS); i++) {
        struct core_mail_path path = {.domain_kind = 99};
        int result = core_mail_path_parse(fixture->arena, core_test_slice(ROWS[i].text),
                                          ROWS[i].allow, &path);

        if (result != ROWS[i].result) {
            print_error("%s: %d (%s), wanted %d\n", ROWS[i].text, result, mansio_error_detail(),
                        ROWS[i].result);
            fail();
        }
        if (result < 0) {
            assert_int_equal(path.domain_kind, 99);
            continue;
        }
        core_test_str(path.local, ROWS[i].local);
        core_test_str(path.domain, ROWS[i].domain);
        assert_int_equal(path.domain_kind, ROWS[i].kind);
    }
}

static void test_literal_addresses(void **state)
{
    struct mail_fixture *fixture = *state;
    struct core_mail_path path = {.domain_kind = 0};

    assert_true(core_mail_path_parse(fixture->arena, MANSIO_STR("<a@[192.0.2.1]>"), 0, &path) > 0);
    assert_memory_equal(path.address, "\xC0\x00\x02\x01", 4);
    assert_true(core_mail_path_parse(fixture->arena, MANSIO_STR("<a@[IPv6:1::2]>"), 0, &path) > 0);
    assert_memory_equal(path.address, "\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 16);
}

static void test_nul_is_refused(void **state)
{
    struct mail_fixture *fixture = *state;
    struct core_mail_path path = {.domain_kind = 0};

    assert_int_equal(core_mail_path_parse(fixture->arena, MANSIO_STR("<a\0@x>"), 0, &path),
                     MANSIO_E_INVALID);
    assert_int_equal(core_mail_path_parse(fixture->arena, MANSIO_STR("<a@[1.2.3.4\0]>"), 0, &path),
                     MANSIO_E_INVALID);
}

static void test_utf8_is_told(void **state)
{
    struct mail_fixture *fixture = *state;
    struct core_mail_path path = {.domain_kind = 0};

    assert_true(core_mail_path_parse(fixture->arena, MANSIO_STR("<a@\xC3\xB6>"),
                                     CORE_MAIL_PATH_UTF8, &path) > 0);
    assert_int_equal(path.is_utf8, 1);
    assert_true(
        core_mail_path_parse(fixture->arena, MANSIO_STR("<a@o>"), CORE_MAIL_PATH_UTF8, &path) > 0);
    assert_int_equal(path.is_utf8, 0);
}

static void test_mailbox_is_all(void **state)
{
    struct mail_fixture *fixture = *state;
    struct core_mail_path path = {.domain_kind = 0};

    assert_int_equal(core_mail_mailbox_parse(fixture->arena, MANSIO_STR("a@x"), 0, &path), 0);
    core_test_str(path.domain, "x");
    assert_int_equal(core_mail_mailbox_parse(fixture->arena, MANSIO_STR("a@x>"), 0, &path),
                     MANSIO_E_INVALID);
    assert_int_equal(core_mail_mailbox_parse(fixture->arena, MANSIO_STR(""), 0, &path),
                     MANSIO_E_INVALID);
    assert_int_equal(core_mail_mailbox_parse(fixture->arena, MANSIO_STR("postmaster"),
                                             CORE_MAIL_PATH_POSTMASTER, &path),
                     MANSIO_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAIL_TEST(test_paths),          MAIL_TEST(test_literal_addresses),
        MAIL_TEST(test_nul_is_refused), MAIL_TEST(test_utf8_is_told),
        MAIL_TEST(test_mailbox_is_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
