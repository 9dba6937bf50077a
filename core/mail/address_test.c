/* Tests of address lists: RFC 5322 3.4, 4.4 and appendix A, and what the wild writes. */
#include "core/mail/address.h"

#include "core/mail/testing.h"

#include <mansio/error.h>

/* "name|route|local|domain" of each entry, "~" for NULL, "{name" and "}" for groups. */
static void show(struct mansio_buf *out, const struct core_mail_address_list *list)
{
    for (const struct core_mail_address *at = list->first; at != NULL; at = at->next) {
        if (at != list->first) {
            (void)mansio_buf_add_char(out, ' ');
        }
        if (at->kind == CORE_MAIL_GROUP_END) {
            (void)mansio_buf_add_char(out, '}');
        } else if (at->kind == CORE_MAIL_GROUP_START) {
            (void)mansio_buf_printf(out, "{%.*s", MANSIO_STR_ARG(at->local));
        } else {
            (void)mansio_buf_printf(out, "%.*s|%.*s|%.*s|%.*s",
                                    MANSIO_STR_ARG(at->name.ptr ? at->name : MANSIO_STR("~")),
                                    MANSIO_STR_ARG(at->route.ptr ? at->route : MANSIO_STR("~")),
                                    MANSIO_STR_ARG(at->local), MANSIO_STR_ARG(at->domain));
        }
    }
}

static const struct {
    const char *text;
    const char *entries;
    const char *printed;
} ROWS[] = {
    {"a@x.test", "~|~|a|x.test", "a@x.test"},
    {"<a@x.test>", "~|~|a|x.test", "a@x.test"},
    {"John Doe <j@m.ex>", "John Doe|~|j|m.ex", "John Doe <j@m.ex>"},
    /* RFC 5322 A.1.2 */
    {"\"Joe Q. Public\" <john.q.public@example.com>", "Joe Q. Public|~|john.q.public|example.com",
     "\"Joe Q. Public\" <john.q.public@example.com>"},
    {"Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
     "Mary Smith|~|mary|x.test ~|~|jdoe|example.org Who?|~|one|y.test",
     "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>"},
    {"<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
     "~|~|boss|nil.test Giant; \"Big\" Box|~|sysservices|example.net",
     "boss@nil.test, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>"},
    /* RFC 5322 A.1.3 */
    {"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
     "{A Group Ed Jones|~|c|a.test ~|~|joe|where.test John|~|jdoe|one.test }",
     "A Group: Ed Jones <c@a.test>, joe@where.test, John <jdoe@one.test>;"},
    {"Undisclosed recipients:;", "{Undisclosed recipients }", "Undisclosed recipients: ;"},
    {"a@x, G: b@y;, c@z", "~|~|a|x {G ~|~|b|y } ~|~|c|z", "a@x, G: b@y;, c@z"},
    /* RFC 5322 A.5: comments and folding */
    {"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "Pete|~|pete|silly.test",
     "Pete <pete@silly.test>"},
    {"c@(Chris's host.)public.example", "Chris's host.|~|c|public.example",
     "\"Chris's host.\" <c@public.example>"},
    {"(nested (deep)) a@x (Ann)", "Ann|~|a|x", "Ann <a@x>"},
    {"Ann\r\n B\r\n <a@x>", "Ann B|~|a|x", "Ann B <a@x>"},
    /* RFC 5322 A.6: obsolete forms */
    {"Joe Q. Public <john.q.public@example.com>", "Joe Q. Public|~|john.q.public|example.com",
     "\"Joe Q. Public\" <john.q.public@example.com>"},
    {"Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
     "Mary Smith|@node.test|mary|example.net ~|~|jdoe|test.example",
     "Mary Smith <mary@example.net>, jdoe@test.example"},
    {"<@a.test,@b.test:c@d.test>", "~|@a.test,@b.test|c|d.test", "c@d.test"},
    {"a . b @ x . test", "~|~|a.b|x.test", "a.b@x.test"},
    {"\"a b\"@x.test", "~|~|a b|x.test", "\"a b\"@x.test"},
    {"\"a\".\"b\"@x.test", "~|~|a.b|x.test", "a.b@x.test"},
    {"a@[192.0.2.1]", "~|~|a|[192.0.2.1]", "a@[192.0.2.1]"},
    {"a@[IPv6:2001:db8::1], b@y", "~|~|a|[IPv6:2001:db8::1] ~|~|b|y", "a@[IPv6:2001:db8::1], b@y"},
    /* RFC 6532 */
    {"J\xC3\xBCrgen <j\xC3\xBC@b\xC3\xBC.test>", "J\xC3\xBCrgen|~|j\xC3\xBC|b\xC3\xBC.test",
     "J\xC3\xBCrgen <j\xC3\xBC@b\xC3\xBC.test>"},
    /* encoded words stay */
    {"=?utf-8?q?J=C3=BC?= <j@x>", "=?utf-8?q?J=C3=BC?=|~|j|x", "=?utf-8?q?J=C3=BC?= <j@x>"},
    /* the wild */
    {"", "", ""},
    {",,;,", "", ""},
    {"(nothing)", "", ""},
    {"user", "~|~|user|", "user"},
    {"two words", "~|~|two words|", "\"two words\""},
    {"Name <>", "Name|~||", "Name <\"\">"},
    {"a@b <a@b>", "a@b|~|a|b", "\"a@b\" <a@b>"},
    {"Big Bug bb@bug.test", "Big Bug|~|bb|bug.test", "Big Bug <bb@bug.test>"},
    {"A <a@x> B <b@y>", "A|~|a|x B|~|b|y", "A <a@x>, B <b@y>"},
    {"<a@x> and more", "~|~|a|x", "a@x"},
    {"<a@x> (Ann)", "Ann|~|a|x", "Ann <a@x>"},
    {"a@x; b@y", "~|~|a|x ~|~|b|y", "a@x, b@y"},
    {"<a@x", "~|~|a|x", "a@x"},
    {"<a@x, b@y", "~|~|a|x ~|~|b|y", "a@x, b@y"},
    {"<<a@x>>", "~|~|a|x", "a@x"},
    {"\"open <a@x>", "~|~|open <a@x>|", "\"open <a@x>\""},
    {"<a@b@c>", "~|~|a@b|c", "\"a@b\"@c"},
    {"<two words@x>", "~|~|two words|x", "\"two words\"@x"},
    {"<Undisclosed:@x;>", "~|~|Undisclosed:|x", "\"Undisclosed:\"@x"},
    {"a@[1.2.3.4", "~|~|a|[1.2.3.4]", "a@[1.2.3.4]"},
    {"G: a@x", "{G ~|~|a|x }", "G: a@x;"},
};

static void test_lists(void **state)
{
    struct mail_fixture *fixture = *state;

    for (size_t i = 0; i < MANSIO_COUNT(ROWS); i++) {
        struct core_mail_address_list list = {.first = NULL};

        assert_int_equal(
            core_mail_address_parse(fixture->arena, core_test_slice(ROWS[i].text), 100, &list), 0);
        show(fixture->out, &list);
        mail_expect(fixture, ROWS[i].text, ROWS[i].entries);
        core_mail_address_print(fixture->out, &list);
        mail_expect(fixture, ROWS[i].text, ROWS[i].printed);
    }
}

static void test_several_fields_are_one_list(void **state)
{
    struct mail_fixture *fixture = *state;
    struct core_mail_address_list list = {.first = NULL};

    assert_int_equal(core_mail_address_parse(fixture->arena, MANSIO_STR("a@x"), 9, &list), 0);
    assert_int_equal(core_mail_address_parse(fixture->arena, MANSIO_STR("b@y"), 9, &list), 0);
    assert_int_equal(list.count, 2);
    core_mail_address_print(fixture->out, &list);
    mail_expect(fixture, "two fields", "a@x, b@y");
}

static void test_limit_keeps_groups_whole(void **state)
{
    struct mail_fixture *fixture = *state;
    struct core_mail_address_list list = {.first = NULL};

    assert_int_equal(
        core_mail_address_parse(fixture->arena, MANSIO_STR("G: a@x, b@y, c@z;, d@w"), 2, &list), 1);
    show(fixture->out, &list);
    mail_expect(fixture, "limit", "{G ~|~|a|x }");
}

static void test_full_arena_is_told(void **state)
{
    struct mansio_arena *small = mansio_arena_new(NULL, "small", 64);
    struct core_mail_address_list list = {.first = NULL};

    (void)state;
    assert_int_equal(core_mail_address_parse(small, MANSIO_STR("a@x"), 9, &list), MANSIO_E_LIMIT);
    mansio_arena_free(small);
}

static void test_time_is_linear(void **state)
{
    /* 256 KiB of what nests or repeats; quadratic work would not come back. */
    static const char *const UNITS[] = {"(", "\"", "<", "@", "a@b,", ":", "[", "a ", "<@a,", "\\("};
    struct mail_fixture *fixture = *state;
    size_t length = 256 << 10;
    char *text = mansio_arena_try_alloc(fixture->arena, length);

    for (size_t u = 0; u < MANSIO_COUNT(UNITS); u++) {
        struct core_mail_address_list list = {.first = NULL};

        for (size_t i = 0; i < length; i++) {
            text[i] = UNITS[u][i % strlen(UNITS[u])];
        }
        assert_true(core_mail_address_parse(fixture->arena, (struct mansio_str){text, length}, 100,
                                            &list) >= 0);
        assert_true(list.count <= 101);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAIL_TEST(test_lists),
        MAIL_TEST(test_several_fields_are_one_list),
        MAIL_TEST(test_limit_keeps_groups_whole),
        MAIL_TEST(test_full_arena_is_told),
        MAIL_TEST(test_time_is_linear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
