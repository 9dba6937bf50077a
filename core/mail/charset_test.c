/* Tests of charsets. Expected texts are Unicode's own tables. */
#include "core/mail/charset.h"

#include "core/mail/testing.h"

#include <mansio/str.h>

#define FFFD "\xEF\xBF\xBD"

static const struct {
    const char *charset;
    const char *in;
    const char *out;
} ROWS[] = {
    {"utf-8", "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"},
    {"UTF8", "\xC3", FFFD},
    {"\"utf-8\"", "a\xFFz", "a" FFFD "z"},
    {"utf-8", "\xC0\xAF", FFFD FFFD},                   /* too long a form */
    {"utf-8", "\xED\xA0\x80", FFFD FFFD FFFD},          /* a surrogate */
    {"utf-8", "\xF4\x90\x80\x80", FFFD FFFD FFFD FFFD}, /* past U+10FFFF */
    {"utf-8", "\xE2\x82x", FFFD FFFD "x"},
    {"us-ascii", "abc", "abc"},
    {"us-ascii", "\xC3\xA4\xE4", "\xC3\xA4\xC3\xA4"}, /* guessed */
    {"", "\xE2\x82\xAC\x80", "\xE2\x82\xAC\xE2\x82\xAC"},
    {"x-nobody-knows", "\xE4\xC3", "\xC3\xA4\xC3\x83"},
    {"iso-8859-1", "\xE4\x80\x81", "\xC3\xA4\xE2\x82\xAC\xC2\x81"},
    {"Latin1", "\xFF", "\xC3\xBF"},
    {"windows-1252", "\x93q\x94", "\xE2\x80\x9Cq\xE2\x80\x9D"},
    {"iso-8859-2", "\xB1", "\xC4\x85"},
    {"iso-8859-15", "\xA4", "\xE2\x82\xAC"},
    {"windows-1251", "\xCF\xF0", "\xD0\x9F\xD1\x80"},
    {"cp1250", "\x9A", "\xC5\xA1"},
    {"koi8-r", "\xF0", "\xD0\x9F"},
    {"ISO-2022-JP", "a\x1B$B$3$s\x1B(Bb",
     "a\xE3\x81\x93\xE3\x82\x93"
     "b"},
    {"shift_jis", "\x82\xB1", "\xE3\x81\x93"},
    {"EUC-JP", "\xA4\xB3", "\xE3\x81\x93"},
    {"euc-kr", "\xB0\xA1", "\xEA\xB0\x80"},
    {"ks_c_5601-1987", "\xB0\xA1", "\xEA\xB0\x80"},
    {"big5", "\xA4\xA4", "\xE4\xB8\xAD"},
    {"gb2312", "\xD6\xD0", "\xE4\xB8\xAD"},
    {"GBK", "\xD6\xD0", "\xE4\xB8\xAD"},
    {"gb18030", "\x81\x30\x81\x30", "\xC2\x80"},
    {"gb18030", "\xD6", FFFD},
    {"gb18030", "\xFFx", FFFD "x"},
    {"tis-620", "\xA1", "\xE0\xB8\x81"},
    {"iso-8859-8-i", "\xE0", "\xD7\x90"},
    {"utf-16be", "\x4E\x2D", "\xE4\xB8\xAD"},
    {"utf-16le", "\x2D\x4E", "\xE4\xB8\xAD"},
    {"windows-1255", "\xE0\xC8", "\xEF\xAC\xAF"}, /* a converter that looks ahead and joins */
};

static void feed(struct mansio_buf *out, const char *charset_name, const char *text, size_t first,
                 size_t step)
{
    struct mansio_str rest = core_test_slice(text);
    struct core_mail_charset charset;
    size_t size = first;

    (void)core_mail_charset_open(&charset, core_test_slice(charset_name));
    while (rest.len > 0) {
        core_mail_charset_feed(&charset, mansio_str_sub(rest, 0, size), out);
        rest = mansio_str_sub(rest, size, SIZE_MAX);
        size = step;
    }
    core_mail_charset_flush(&charset, out);
    core_mail_charset_close(&charset);
}

static void test_texts_at_every_split(void **state)
{
    struct mail_fixture *fixture = *state;

    for (size_t i = 0; i < MANSIO_COUNT(ROWS); i++) {
        for (size_t cut = 1; cut <= strlen(ROWS[i].in); cut++) {
            feed(fixture->out, ROWS[i].charset, ROWS[i].in, cut, SIZE_MAX);
            mail_expect(fixture, ROWS[i].charset, ROWS[i].out);
        }
        feed(fixture->out, ROWS[i].charset, ROWS[i].in, 1, 1);
        mail_expect(fixture, ROWS[i].charset, ROWS[i].out);
    }
}

static void test_nul_is_replaced(void **state)
{
    struct mail_fixture *fixture = *state;

    core_mail_charset_convert(MANSIO_STR("utf-8"), MANSIO_STR("a\0b"), fixture->out);
    mail_expect(fixture, "utf-8", "a" FFFD "b");
    core_mail_charset_convert(MANSIO_STR("latin1"), MANSIO_STR("a\0"), fixture->out);
    mail_expect(fixture, "latin1", "a" FFFD);
    core_mail_charset_convert(MANSIO_STR("koi8-r"), MANSIO_STR("\0a"), fixture->out);
    mail_expect(fixture, "koi8-r", FFFD "a");
}

static void test_names(void **state)
{
    struct core_mail_charset charset;

    (void)state;
    assert_int_equal(core_mail_charset_open(&charset, MANSIO_STR("Windows_1252")), 1);
    core_mail_charset_close(&charset);
    assert_int_equal(core_mail_charset_open(&charset, MANSIO_STR("ISO-2022-CN-EXT")), 0);
    core_mail_charset_close(&charset);
    assert_int_equal(core_mail_charset_open(&charset, MANSIO_STR("utf-8//TRANSLIT")), 0);
    core_mail_charset_close(&charset);
    assert_int_equal(
        core_mail_charset_open(
            &charset, MANSIO_STR("a-name-that-is-longer-than-any-charset-ever-was-or-will-be")),
        0);
    core_mail_charset_close(&charset);
    assert_int_equal(core_mail_charset_same(MANSIO_STR("utf8"), MANSIO_STR("UTF-8")), 1);
    assert_int_equal(core_mail_charset_same(MANSIO_STR("utf8"), MANSIO_STR("latin1")), 0);
    assert_int_equal(core_mail_charset_same(MANSIO_STR("foo"), MANSIO_STR("FOO")), 1);
    assert_int_equal(core_mail_charset_same(MANSIO_STR("foo"), MANSIO_STR("utf8")), 0);
}

/* Every name of the table is found, so it is sorted, and this system has its converter. */
static void test_table(void **state)
{
    int known = 0;
    int have = core_mail_charset_warm(&known);

    (void)state;
    assert_int_equal(have, known);
    assert_true(known > 100);
}

static void test_utf8_check(void **state)
{
    (void)state;
    assert_int_equal(core_mail_is_utf8(MANSIO_STR("")), 1);
    assert_int_equal(core_mail_is_utf8(MANSIO_STR("a\xC3\xA4")), 1);
    assert_int_equal(core_mail_is_utf8(MANSIO_STR("\xEF\xBF\xBF\xF4\x8F\xBF\xBF")), 1);
    assert_int_equal(core_mail_is_utf8(MANSIO_STR("\xC3")), 0);
    assert_int_equal(core_mail_is_utf8(MANSIO_STR("\x80")), 0);
    assert_int_equal(core_mail_is_utf8(MANSIO_STR("\xE0\x80\x80")), 0);
    assert_int_equal(core_mail_is_utf8(MANSIO_STR("\xF0\x80\x80\x80")), 0);
    assert_int_equal(core_mail_is_utf8(MANSIO_STR("\xF5\x80\x80\x80")), 0);
}

static void test_output_keeps_its_limit(void **state)
{
    struct mail_fixture *fixture = *state;
    struct mansio_buf *small = mansio_buf_new(fixture->arena, 5);

    core_mail_charset_convert(MANSIO_STR("koi8-r"), MANSIO_STR("\xF0\xF0\xF0\xF0\xF0"), small);
    assert_true(mansio_buf_str(small).len <= 5 && mansio_buf_status(small) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAIL_TEST(test_texts_at_every_split),
        MAIL_TEST(test_nul_is_replaced),
        MAIL_TEST(test_names),
        MAIL_TEST(test_table),
        MAIL_TEST(test_utf8_check),
        MAIL_TEST(test_output_keeps_its_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
