/* Tests of encoded words: RFC 2047 (the examples of its section 8 among them), RFC 2231 5. */
#include "core/mail/word.h"

#include "core/mail/charset.h"
#include "core/mail/testing.h"

static const char *const DECODED[][2] = {
    {"", ""},
    {"plain text", "plain text"},
    /* RFC 2047 8 */
    {"(=?ISO-8859-1?Q?a?=)", "(a)"},
    {"(=?ISO-8859-1?Q?a?= b)", "(a b)"},
    {"(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"},
    {"(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"},
    {"(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)", "(ab)"},
    {"(=?ISO-8859-1?Q?a_b?=)", "(a b)"},
    {"(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"},
    {"=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>"},
    {"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n"
     " =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
     "If you can read this you understand the example."},
    {"=?ISO-8859-1?Q?Patrik_F=E4ltstr=F6m?=", "Patrik F\xC3\xA4ltstr\xC3\xB6m"},
    /* RFC 2231 5 */
    {"=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"},
    /* white space */
    {"a =?utf-8?q?b?= c", "a b c"},
    {"folded\r\n text", "folded text"},
    {"=?utf-8?q?a?= \r\n", "a "},
    /* tolerant */
    {"x=?utf-8?q?=C3=A4?=y", "x\xC3\xA4y"},
    {"=?utf-8?q?a b?=", "a b"},
    {"=?utf-8?B?w6Q?=", "\xC3\xA4"},
    {"=?utf-8?q?=C3?= =?utf-8?q?=A4?=", "\xC3\xA4"}, /* a character cut apart */
    {"=?utf-8?q?=C3?= =?latin1?q?=A4?=", "\xEF\xBF\xBD\xC2\xA4"},
    {"=?utf-8?q?=4?=", "=4"},
    {"=?utf-8?q?=41?=", "A"},
    {"=?utf-8?q?\?=x", "x"},
    {"\xE4", "\xC3\xA4"},
    {"\xC3\xA4", "\xC3\xA4"},
    {"=?iso-2022-jp?b?GyRCJDMbKEI=?=", "\xE3\x81\x93"},
    /* none */
    {"=?utf-8?q?open", "=?utf-8?q?open"},
    {"=?utf-8?x?a?=", "=?utf-8?x?a?="},
    {"=?utf-8?qq?a?=", "=?utf-8?qq?a?="},
    {"=?\?q?a?=", "=?\?q?a?="},
    {"=?u 8?q?a?=", "=?u 8?q?a?="},
    {"=?utf-8?=", "=?utf-8?="},
    {"=?", "=?"},
    {"=", "="},
};

static void test_decode(void **state)
{
    struct mail_fixture *fixture = *state;

    for (size_t i = 0; i < MANSIO_COUNT(DECODED); i++) {
        core_mail_word_decode(fixture->out, core_test_slice(DECODED[i][0]));
        mail_expect(fixture, DECODED[i][0], DECODED[i][1]);
    }
}

static const char *const ENCODED[][2] = {
    {"", ""},
    {"plain text", "plain text"},
    {"=?no word?=", "=?utf-8?b?PT9ubyB3b3JkPz0=?="},
    {"a \xC3\xA4 b c d e", "=?utf-8?q?a_=C3=A4_b_c_d_e?="},
    {"\xC3\xA4\xC3\xB6\xC3\xBC", "=?utf-8?b?w6TDtsO8?="},
    {"a\nb", "=?utf-8?b?YQpi?="},
};

static void test_encode(void **state)
{
    struct mail_fixture *fixture = *state;

    for (size_t i = 0; i < MANSIO_COUNT(ENCODED); i++) {
        core_mail_word_encode(fixture->out, core_test_slice(ENCODED[i][0]), 9);
        mail_expect(fixture, ENCODED[i][0], ENCODED[i][1]);
    }
}

/* RFC 2047 2: words of at most 75, lines of at most 76; 5 (3): no character is cut apart. */
static void test_long_texts(void **state)
{
    static const char *const UNITS[] = {"\xC3\xA4", "ab \xE2\x82\xAC ", "\xF0\x9F\x98\x80",
                                        "word \xC3\xA4 more "};
    struct mail_fixture *fixture = *state;

    for (size_t u = 0; u < MANSIO_COUNT(UNITS); u++) {
        struct mansio_buf *text = mansio_buf_new(fixture->arena, 4096);
        struct mansio_buf *encoded = mansio_buf_new(fixture->arena, 65536);
        struct mansio_str rest;
        struct mansio_str line = MANSIO_STR_NONE;
        size_t column = 20;

        while (mansio_buf_str(text).len < 500) {
            (void)mansio_buf_add(text, core_test_slice(UNITS[u]));
        }
        core_mail_word_encode(encoded, mansio_buf_str(text), column);
        rest = mansio_buf_str(encoded);
        while (mansio_str_split(&rest, '\n', &line) == 1) {
            struct mansio_str word = mansio_str_trim(line);

            if (word.len > 0 && word.ptr[word.len - 1] == '\r') {
                word.len--;
            }
            assert_true(word.len <= CORE_MAIL_WORD_MAX);
            assert_true(column + word.len <= 76);
            column = 1;
            core_mail_word_decode(fixture->out, word);
            assert_int_equal(core_mail_is_utf8(mansio_buf_str(fixture->out)), 1);
            assert_int_equal(
                mansio_str_find(mansio_buf_str(fixture->out), MANSIO_STR("\xEF\xBF\xBD")), -1);
            mansio_buf_reset(fixture->out);
        }
        core_mail_word_decode(fixture->out, mansio_buf_str(encoded));
        assert_true(mansio_str_eq(mansio_buf_str(fixture->out), mansio_buf_str(text)));
        mansio_buf_reset(fixture->out);
    }
}

static void test_time_is_linear(void **state)
{
    static const char *const UNITS[] = {"=?a?q?", "=?", "=?a?q?b", "=?a?q?b?= "};
    struct mail_fixture *fixture = *state;
    size_t length = 256 << 10;
    char *text = mansio_arena_try_alloc(fixture->arena, length);

    for (size_t u = 0; u < MANSIO_COUNT(UNITS); u++) {
        for (size_t i = 0; i < length; i++) {
            text[i] = UNITS[u][i % strlen(UNITS[u])];
        }
        core_mail_word_decode(fixture->out, (struct mansio_str){text, length});
        assert_true(mansio_buf_str(fixture->out).len <= length);
        mansio_buf_reset(fixture->out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAIL_TEST(test_decode),
        MAIL_TEST(test_encode),
        MAIL_TEST(test_long_texts),
        MAIL_TEST(test_time_is_linear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
