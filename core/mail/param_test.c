/* Tests of values with parameters: RFC 2045 5.1, RFC 2183, RFC 2231 (its examples among them). */
#include "core/mail/param.h"

#include "core/mail/testing.h"

#include <mansio/error.h>

/* "type/subtype name=value name*=extended", what is decoded behind "->" if it is another. */
static void show(struct mail_fixture *fixture, const struct core_mail_typed *typed)
{
    (void)mansio_buf_printf(fixture->out, "%.*s/%.*s",
                            MANSIO_STR_ARG(typed->value.ptr ? typed->value : MANSIO_STR("~")),
                            MANSIO_STR_ARG(typed->subtype));
    for (const struct core_mail_param *at = typed->first; at != NULL; at = at->next) {
        struct mansio_buf *meaning = mansio_buf_new(fixture->arena, 1 << 16);

        core_mail_param_decode(meaning, at);
        (void)mansio_buf_printf(fixture->out, " %.*s%s=%.*s", MANSIO_STR_ARG(at->name),
                                at->is_extended ? "*" : "", MANSIO_STR_ARG(at->value));
        if (!mansio_str_eq(mansio_buf_str(meaning), at->value)) {
            (void)mansio_buf_printf(fixture->out, "->%.*s",
                                    MANSIO_STR_ARG(mansio_buf_str(meaning)));
        }
    }
}

static const char *const TYPES[][2] = {
    {"text/plain", "text/plain"},
    {"TEXT/Plain; CHARSET=\"UTF-8\"", "text/plain charset=UTF-8"},
    /* RFC 2045 5.1 */
    {"text/plain; charset=us-ascii (Plain text)", "text/plain charset=us-ascii"},
    {"text/plain; charset=\"us-ascii\"", "text/plain charset=us-ascii"},
    {" (c) text (d) / (e) plain (f) ; (g) a (h) = (i) b (j)", "text/plain a=b"},
    {"a/b; c=\"d \\\"e\\\" \\\\f\"", "a/b c=d \"e\" \\f"},
    {"a/b; c=\"d;e\"; f=g", "a/b c=d;e f=g"},
    {"a/b; c=\"d\r\n e\"", "a/b c=d e"},
    /* RFC 2231 3, 4, 4.1 */
    {"message/external-body; access-type=URL;\r\n URL*0=\"ftp://\";\r\n"
     " URL*1=\"cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar\"",
     "message/external-body access-type=URL "
     "url=ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar"},
    {"application/x-stuff;\r\n"
     " title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
     "application/x-stuff title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A"
     "->This is ***fun***"},
    {"application/x-stuff\r\n ;title*0*=us-ascii'en'This%20is%20even%20more%20\r\n"
     " ;title*1*=%2A%2A%2Afun%2A%2A%2A%20\r\n ;title*2=\"isn't it!\"",
     "application/x-stuff "
     "title*=us-ascii'en'This%20is%20even%20more%20%2A%2A%2Afun%2A%2A%2A%20isn%27t%20it!"
     "->This is even more ***fun*** isn't it!"},
    {"a/b; n*=iso-8859-1''%e4", "a/b n*=iso-8859-1''%e4->\xC3\xA4"},
    {"a/b; n*=''%c3%a4", "a/b n*=''%c3%a4->\xC3\xA4"},
    {"a/b; n*=x%41", "a/b n*=x%41->xA"},
    {"a/b; n*1=two; n*0=one", "a/b n=onetwo"},
    {"a/b; n*0=one; x=y; n*1=two", "a/b n=onetwo x=y"},
    {"a/b; n*0=one; n*2=three", "a/b n=one"},
    {"a/b; n*1=two; n*2=three", "a/b n=twothree"},
    {"a/b; n*0=one; n*0=again", "a/b n=one"},
    {"a/b; n*0=a b; n*1*=%43", "a/b n*=''a%20b%43->a bC"},
    {"a/b; n**=1; m*x=2; o*0*0=3; p*99999=4", "a/b n**=1 m*x=2 o*0*0=3 p*99999=4"},
    /* encoded words, against RFC 2047 5 */
    {"a/b; name=\"=?utf-8?q?=C3=A4?=\"", "a/b name==?utf-8?q?=C3=A4?=->\xC3\xA4"},
    /* the wild */
    {"text/html; name=foo bar (1).pdf; x=y", "text/html name=foo bar (1).pdf x=y"},
    {"text/html; boundary=a=b/c", "text/html boundary=a=b/c"},
    {"text/html;;; ; x=y;", "text/html x=y"},
    {"text/html; x; =z; y=", "text/html y="},
    {"text/html; x=\"open; y=z", "text/html x=open; y=z"},
    {"text/html x=1; y=2", "text/html y=2"},
    {"text/html; a=1; a=2", "text/html a=1 a=2"},
    {"text", "~/"},
    {"text/; a=b", "~/ a=b"},
    {"/plain", "~/"},
    {"", "~/"},
    {"; a=b", "~/ a=b"},
};

static void test_types(void **state)
{
    struct mail_fixture *fixture = *state;

    for (size_t i = 0; i < MANSIO_COUNT(TYPES); i++) {
        struct core_mail_typed typed = {.first = NULL};

        assert_int_equal(
            core_mail_param_parse_type(fixture->arena, core_test_slice(TYPES[i][0]), &typed), 0);
        show(fixture, &typed);
        mail_expect(fixture, TYPES[i][0], TYPES[i][1]);
    }
}

static void test_tokens(void **state)
{
    struct mail_fixture *fixture = *state;
    struct core_mail_typed typed = {.first = NULL};
    const struct core_mail_param *param;

    assert_int_equal(core_mail_param_parse_token(fixture->arena,
                                                 MANSIO_STR("Attachment; FileName=\"a.b\"; size=5"),
                                                 &typed),
                     0);
    core_test_str(typed.value, "attachment");
    param = core_mail_param_find(typed.first, MANSIO_STR("filename"));
    assert_non_null(param);
    core_test_str(param->value, "a.b");
    assert_null(core_mail_param_find(typed.first, MANSIO_STR("name")));
}

static void test_bounds(void **state)
{
    struct mail_fixture *fixture = *state;
    struct mansio_buf *text = mansio_buf_new(fixture->arena, 1 << 20);
    struct core_mail_typed typed = {.first = NULL};
    size_t count = 0;

    (void)mansio_buf_add(text, MANSIO_STR("a/b"));
    for (int i = 0; i < 10000; i++) {
        (void)mansio_buf_printf(text, "; n%d=x; m*%d=y", i, i);
    }
    assert_int_equal(core_mail_param_parse_type(fixture->arena, mansio_buf_str(text), &typed), 0);
    for (const struct core_mail_param *at = typed.first; at != NULL; at = at->next) {
        count++;
    }
    assert_int_equal(count, CORE_MAIL_PARAMS_MAX);
}

static void test_full_arena_is_told(void **state)
{
    struct mansio_arena *small = mansio_arena_new(NULL, "small", 64);
    struct core_mail_typed typed = {.first = NULL};

    (void)state;
    assert_int_equal(core_mail_param_parse_type(small, MANSIO_STR("a/b; c=d"), &typed),
                     MANSIO_E_LIMIT);
    assert_null(typed.value.ptr);
    mansio_arena_free(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAIL_TEST(test_types),
        MAIL_TEST(test_tokens),
        MAIL_TEST(test_bounds),
        MAIL_TEST(test_full_arena_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
