/* Tests of folding for search: RFC 5051, Unicode 3.13. */
#include "core/mail/fold.h"

#include "core/mail/charset.h"
#include "core/mail/testing.h"

static const struct {
    const char *text;
    const char *wanted;
} ROWS[] = {
    {"", ""},
    {"Hello, World @[`{ 09", "hello, world @[`{ 09"},
    {"M\xc3\x9cLLER", "m\xc3\xbcller"},
    {"MU\xcc\x88LLER", "m\xc3\xbcller"},
    {"Stra\xc3\x9f"
     "e",
     "strasse"},
    {"\xd0\x9f\xd0\x9e\xd0\xa7\xd0\xa2\xd0\x90", "\xd0\xbf\xd0\xbe\xd1\x87\xd1\x82\xd0\xb0"},
    {"\xe6\x97\xa5\xe6\x9c\xac", "\xe6\x97\xa5\xe6\x9c\xac"},
    {"\xf0\x9f\x98\x80 Ok", "\xf0\x9f\x98\x80 ok"},
    {"bad \xff", ""},
};

static void rows(void **state)
{
    struct mail_fixture *fixture = *state;

    for (size_t i = 0; i < MANSIO_COUNT(ROWS); i++) {
        struct mansio_str text = core_test_slice(ROWS[i].text);

        assert_int_equal(core_mail_fold(fixture->out, 1000, text), text.len);
        mail_expect(fixture, ROWS[i].text, ROWS[i].wanted);
    }
}

/* Chunks of any length, with and without places to cut them, are folded as one. */
static void long_texts(void **state)
{
    static const char *const PIECES[] = {
        "A", "\xc3\x9c", "Word ", "\xd0\x9f\xd0\x9e ", "\xf0\x9f\x98\x80", "U\xcc\x88 "};
    struct mail_fixture *fixture = *state;

    for (size_t i = 0; i < MANSIO_COUNT(PIECES); i++) {
        size_t length = strlen(PIECES[i]);
        static char text[4000];
        static char wanted[4000];
        size_t piece;
        size_t got;

        (void)core_mail_fold(fixture->out, 1000, core_test_slice(PIECES[i]));
        piece = mansio_buf_str(fixture->out).len;
        for (size_t k = 0; k < 500; k++) {
            memcpy(text + k * length, PIECES[i], length);
            memcpy(wanted + k * piece, mansio_buf_str(fixture->out).ptr, piece);
        }
        mansio_buf_reset(fixture->out);
        got = core_mail_fold(fixture->out, sizeof text, (struct mansio_str){text, 500 * length});
        assert_int_equal(got, 500 * length);
        assert_int_equal(mansio_buf_str(fixture->out).len, 500 * piece);
        assert_memory_equal(mansio_buf_str(fixture->out).ptr, wanted, 500 * piece);
        mansio_buf_reset(fixture->out);
        for (size_t max = 0; max < 600; max++) {
            (void)core_mail_fold(fixture->out, max, (struct mansio_str){text, 500 * length});
            assert_true(mansio_buf_str(fixture->out).len <= max);
            assert_true(core_mail_is_utf8(mansio_buf_str(fixture->out)));
            mansio_buf_reset(fixture->out);
        }
    }
}

static void nul(void **state)
{
    struct mail_fixture *fixture = *state;

    (void)core_mail_fold(fixture->out, 100, MANSIO_STR("A\0B"));
    mail_expect(fixture, "A\\0B", "a b");
    (void)core_mail_fold(fixture->out, 100, MANSIO_STR("\xc3\x9c\0B\0"));
    mail_expect(fixture, "U\\0B\\0",
                "\xc3\xbc"
                " b ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {MAIL_TEST(rows), MAIL_TEST(long_texts), MAIL_TEST(nul)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
