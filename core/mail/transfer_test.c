/* Tests of base64 and quoted-printable: RFC 2045 6.7, 6.8, RFC 4648 10. */
#include "core/mail/transfer.h"

#include "core/mail/testing.h"

static const struct {
    uint32_t encoding;
    const char *in;
    const char *out;
} ROWS[] = {
    {CORE_MAIL_IDENTITY, "a=3Db \r\n", "a=3Db \r\n"},
    {CORE_MAIL_BASE64, "", ""},
    {CORE_MAIL_BASE64, "Zg==", "f"},
    {CORE_MAIL_BASE64, "Zm8=", "fo"},
    {CORE_MAIL_BASE64, "Zm9v", "foo"},
    {CORE_MAIL_BASE64, "Zm9vYmFy", "foobar"},
    {CORE_MAIL_BASE64, "+/8=", "\xFB\xFF"},
    {CORE_MAIL_BASE64,
     "Zm\r\n 9v\t!Ym\xFF"
     "Fy",
     "foobar"},
    {CORE_MAIL_BASE64, "Zm9vYmE", "fooba"}, /* no padding */
    {CORE_MAIL_BASE64, "Zm9vY", "foo"},     /* a character too many */
    {CORE_MAIL_BASE64, "Zg==Zg==", "ff"},   /* put end to end */
    {CORE_MAIL_BASE64, "====Zm9v", "foo"},
    {CORE_MAIL_QUOTED_PRINTABLE, "abc", "abc"},
    {CORE_MAIL_QUOTED_PRINTABLE, "a=3Db=C3=a4", "a=b\xC3\xA4"},
    {CORE_MAIL_QUOTED_PRINTABLE, "one=\r\ntwo=\nthree", "onetwothree"},
    {CORE_MAIL_QUOTED_PRINTABLE, "one= \t\r\ntwo", "onetwo"}, /* RFC 2045 6.7 (3) */
    {CORE_MAIL_QUOTED_PRINTABLE, "one \t\r\ntwo ", "one\r\ntwo"},
    {CORE_MAIL_QUOTED_PRINTABLE, "one two\n\nx", "one two\n\nx"},
    {CORE_MAIL_QUOTED_PRINTABLE, "a\rb\r\r\nc", "a\rb\r\r\nc"},
    {CORE_MAIL_QUOTED_PRINTABLE, "=XY =4 =4", "=XY =4 =4"},
    {CORE_MAIL_QUOTED_PRINTABLE, "a==\r\nb", "a=b"},
    {CORE_MAIL_QUOTED_PRINTABLE, "end=", "end"},
    {CORE_MAIL_QUOTED_PRINTABLE, "end=4", "end=4"},
    {CORE_MAIL_QUOTED_PRINTABLE, "a= b", "a=b"},
    {CORE_MAIL_QUOTED_PRINTABLE, "=\rx", "x"},
};

/* Decode in pieces: one of @p first bytes, then of @p step. */
static void decode(struct mansio_buf *out, uint32_t encoding, const char *text, size_t first,
                   size_t step)
{
    struct mansio_str rest = core_test_slice(text);
    struct core_mail_decoder decoder;
    char piece[1024];
    size_t size = first;

    core_mail_decoder_init(&decoder, encoding);
    while (rest.len > 0) {
        struct mansio_str part = mansio_str_sub(rest, 0, size);
        size_t length = core_mail_decode(&decoder, part, piece);

        assert_true(length <= part.len + CORE_MAIL_DECODE_EXTRA);
        (void)mansio_buf_add(out, (struct mansio_str){piece, length});
        rest = mansio_str_sub(rest, part.len, SIZE_MAX);
        size = step;
    }
    (void)mansio_buf_add(out, (struct mansio_str){piece, core_mail_decode_end(&decoder, piece)});
}

static void test_decoders_at_every_split(void **state)
{
    struct mail_fixture *fixture = *state;

    for (size_t i = 0; i < MANSIO_COUNT(ROWS); i++) {
        for (size_t cut = 1; cut <= strlen(ROWS[i].in) + 1; cut++) {
            decode(fixture->out, ROWS[i].encoding, ROWS[i].in, cut, SIZE_MAX);
            mail_expect(fixture, ROWS[i].in, ROWS[i].out);
        }
        decode(fixture->out, ROWS[i].encoding, ROWS[i].in, 1, 1);
        mail_expect(fixture, ROWS[i].in, ROWS[i].out);
    }
}

static void test_endless_white_space_is_text(void **state)
{
    struct mail_fixture *fixture = *state;
    char text[4 * CORE_MAIL_QP_HELD_MAX];

    memset(text, ' ', sizeof text);
    text[sizeof text - 2] = '\n';
    text[sizeof text - 1] = '\0';
    decode(fixture->out, CORE_MAIL_QUOTED_PRINTABLE, text, SIZE_MAX, SIZE_MAX);
    assert_true(mansio_buf_str(fixture->out).len >= sizeof text - CORE_MAIL_QP_HELD_MAX - 2);
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(core_mail_encoding_of(MANSIO_STR("BASE64")), CORE_MAIL_BASE64);
    assert_int_equal(core_mail_encoding_of(MANSIO_STR(" (c) base64 (d)")), CORE_MAIL_BASE64);
    assert_int_equal(core_mail_encoding_of(MANSIO_STR("Quoted-Printable")),
                     CORE_MAIL_QUOTED_PRINTABLE);
    assert_int_equal(core_mail_encoding_of(MANSIO_STR("8bit")), CORE_MAIL_IDENTITY);
    assert_int_equal(core_mail_encoding_of(MANSIO_STR("base64x")), CORE_MAIL_IDENTITY);
    assert_int_equal(core_mail_encoding_of(MANSIO_STR_NONE), CORE_MAIL_IDENTITY);
}

static void test_base64_encode(void **state)
{
    static const char *const PAIRS[][2] = {
        {"", ""},        {"f", "Zg=="},          {"fo", "Zm8="},
        {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}, {"\xFB\xFF", "+/8="},
    };
    struct mail_fixture *fixture = *state;

    for (size_t i = 0; i < MANSIO_COUNT(PAIRS); i++) {
        core_mail_base64_encode(fixture->out, core_test_slice(PAIRS[i][0]));
        mail_expect(fixture, PAIRS[i][0], PAIRS[i][1]);
    }
}

/* RFC 2045 6.7 */
static void test_quoted_printable_encode(void **state)
{
    static const char *const PAIRS[][2] = {
        {"", ""},
        {"plain\r\ntext\r\n", "plain\r\ntext\r\n"},
        {"a=b", "a=3Db"},
        {"\xc3\xbc\x7f", "=C3=BC=7F"},
        {"a b\tc", "a b\tc"},
        {"a \r\nb\t\r\n ", "a=20\r\nb=09\r\n=20"}, /* rule 3 */
        {"\r\na\rb\nc", "\r\na=0Db=0Ac"},          /* rule 4 */
        /* Rule 5: 76 fit on a line that ends, 75 and "=" where it goes on. */
        {"123456789012345678901234567890123456789012345678901234567890123456789012345\xfc",
         "123456789012345678901234567890123456789012345678901234567890123456789012345=\r\n=FC"},
        {"1234567890123456789012345678901234567890123456789012345678901234567890123456",
         "1234567890123456789012345678901234567890123456789012345678901234567890123456"},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234567",
         "123456789012345678901234567890123456789012345678901234567890123456789012345=\r\n67"},
    };
    struct mail_fixture *fixture = *state;

    for (size_t i = 0; i < MANSIO_COUNT(PAIRS); i++) {
        core_mail_quoted_printable_encode(fixture->out, core_test_slice(PAIRS[i][0]));
        mail_expect(fixture, PAIRS[i][0], PAIRS[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAIL_TEST(test_decoders_at_every_split),
        MAIL_TEST(test_endless_white_space_is_text),
        MAIL_TEST(test_names),
        MAIL_TEST(test_base64_encode),
        MAIL_TEST(test_quoted_printable_encode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
