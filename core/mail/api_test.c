/* Tests of <mansio/mail.h>: structs of readers older and newer than we are, printing, dates. */
#include <mansio/mail.h>

#include "core/mail/testing.h"

#include <mansio/error.h>
#include <mansio/time.h>

static void paths(void **state)
{
    struct mail_fixture *fixture = *state;
    struct mansio_path path = {.size = sizeof path};

    assert_int_equal(
        mansio_path_parse(fixture->arena, MANSIO_STR("<\"a b\"@[192.0.2.1]> X"), 0, &path), 19);
    core_test_str(path.local, "a b");
    core_test_str(path.domain, "[192.0.2.1]");
    assert_int_equal(path.domain_kind, MANSIO_DOMAIN_IPV4);
    assert_int_equal(path.is_utf8, 0);
    assert_int_equal(mansio_path_parse(fixture->arena, MANSIO_STR("<>"), MANSIO_PATH_NULL, &path),
                     2);
    assert_int_equal(path.domain_kind, MANSIO_DOMAIN_NONE);
    assert_int_equal(path.local.len, 0);
    assert_int_equal(mansio_path_parse(fixture->arena, MANSIO_STR("<a@x.test>"), 0, &path), 10);
    assert_int_equal(path.domain_kind, MANSIO_DOMAIN_NAME);
    assert_int_equal(mansio_path_parse(fixture->arena, MANSIO_STR("<\xc3\xbc@x.test>"), 0, &path),
                     MANSIO_E_UNSUPPORTED);
    core_test_str(path.local, "a"); /* untouched */
    assert_int_equal(
        mansio_path_parse(fixture->arena, MANSIO_STR("<\xc3\xbc@x.test>"), MANSIO_PATH_UTF8, &path),
        11);
    assert_int_equal(path.is_utf8, 1);
    assert_int_equal(path.size, sizeof path);
}

static void mailboxes(void **state)
{
    struct mail_fixture *fixture = *state;
    struct mansio_path path = {.size = sizeof path};

    assert_int_equal(
        mansio_mailbox_parse(fixture->arena, MANSIO_STR("a@[IPv6:2001:db8::1]"), 0, &path), 0);
    assert_int_equal(path.domain_kind, MANSIO_DOMAIN_IPV6);
    assert_int_equal(mansio_mailbox_parse(fixture->arena, MANSIO_STR("a@b c"), 0, &path),
                     MANSIO_E_INVALID);
}

/* What lies behind a smaller struct isn't written, nor what a larger one has more. */
static void sizes(void **state)
{
    struct mail_fixture *fixture = *state;
    struct {
        struct mansio_path path;
        char behind[16];
    } larger = {.path.size = sizeof larger, .behind = "as it was"};
    struct mansio_path small = {.size = offsetof(struct mansio_path, domain_kind),
                                .domain_kind = 77};

    assert_int_equal(mansio_mailbox_parse(fixture->arena, MANSIO_STR("a@x.test"), 0, &small), 0);
    core_test_str(small.domain, "x.test");
    assert_int_equal(small.domain_kind, 77);
    assert_int_equal(mansio_mailbox_parse(fixture->arena, MANSIO_STR("a@x.test"), 0, &larger.path),
                     0);
    assert_int_equal(larger.path.size, sizeof larger);
    assert_string_equal(larger.behind, "as it was");
}

static void printing(void **state)
{
    static const struct {
        const char *local;
        const char *domain;
        const char *wanted;
    } ROWS[] = {
        {"a", "x.test", "a@x.test"},
        {"a b", "x.test", "\"a b\"@x.test"},
        {"a\"\\", "x.test", "\"a\\\"\\\\\"@x.test"},
        {"", "x.test", "\"\"@x.test"},
        {"\"\"\"\"", "", "\"\\\"\\\"\\\"\\\"\""},
        {"Postmaster", "", "Postmaster"},
        {"\xc3\xbc", "\xc3\xbc.test", "\xc3\xbc@\xc3\xbc.test"},
    };
    struct mail_fixture *fixture = *state;
    struct mansio_arena *narrow = mansio_arena_new(NULL, "test", 160);
    struct mansio_str out = MANSIO_STR_NONE;

    for (size_t i = 0; i < MANSIO_COUNT(ROWS); i++) {
        assert_int_equal(mansio_mailbox_print(fixture->arena, core_test_slice(ROWS[i].local),
                                              core_test_slice(ROWS[i].domain), &out),
                         0);
        core_test_str(out, ROWS[i].wanted);
    }
    assert_int_equal(
        mansio_mailbox_print(narrow,
                             MANSIO_STR("a.very.long.name.that.doesnt.fit.into.this."
                                        "arena.because.of.its.cap"),
                             MANSIO_STR("an.even.longer.domain.of.some.other.people.of."
                                        "whom.nobody.knows.anything.test"),
                             &out),
        MANSIO_E_LIMIT);
    mansio_arena_free(narrow);
}

static void dates(void **state)
{
    static const struct {
        int64_t seconds;
        const char *wanted;
    } ROWS[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 +0000"},
        {-1, "Wed, 31 Dec 1969 23:59:59 +0000"},
        {INT64_C(1795321842), "Sun, 22 Nov 2026 04:30:42 +0000"},
        {INT64_C(1709164800), "Thu, 29 Feb 2024 00:00:00 +0000"},
        {INT64_MAX / MANSIO_SECOND, "Fri, 31 Dec 9999 23:59:59 +0000"},
        {INT64_MIN / MANSIO_SECOND, "Sat, 01 Jan 0000 00:00:00 +0000"},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(ROWS); i++) {
        char text[MANSIO_MAIL_DATE_MAX];
        size_t length = mansio_mail_date(ROWS[i].seconds * MANSIO_SECOND, text);

        assert_string_equal(text, ROWS[i].wanted);
        assert_int_equal(length, strlen(text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAIL_TEST(paths),    MAIL_TEST(mailboxes), MAIL_TEST(sizes),
        MAIL_TEST(printing), MAIL_TEST(dates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
