/* Tests of the one spelling of local parts: RFC 5321 2.4, RFC 6531 3.3. */
#include "core/mail/local.h"

#include "core/mail/testing.h"

#include <mansio/error.h>
#include <mansio/mail.h>

static const struct {
    const char *text;
    int result;
    const char *wanted;
} ROWS[] = {
    {"bob", 0, "bob"},
    {"Bob.Smith+Tag", 0, "bob.smith+tag"},
    {"a b", 0, "a b"},
    {"", 0, ""},
    {"M\xc3\x9cLLER", 0, "m\xc3\xbcller"},
    {"MU\xcc\x88LLER", 0, "m\xc3\xbcller"},
    {"stra\xc3\x9f"
     "e",
     0, "strasse"},
    {"\xce\xa3\xce\xa3", 0, "\xcf\x83\xcf\x83"},
    {"\xcf\x82", 0, "\xcf\x83"},
    {"\xe2\x84\xaa", 0, "k"}, /* KELVIN SIGN */
    {"\xd0\x98\xd0\xb2", 0, "\xd0\xb8\xd0\xb2"},
    {"\xff", MANSIO_E_INVALID, NULL},
    {"\xc3", MANSIO_E_INVALID, NULL},
    {"a\tb", MANSIO_E_INVALID, NULL},
    {"a\x7f", MANSIO_E_INVALID, NULL},
    {"\xc3\xbc\n", MANSIO_E_INVALID, NULL},
};

static void spellings(void **state)
{
    struct mail_fixture *fixture = *state;

    for (size_t i = 0; i < MANSIO_COUNT(ROWS); i++) {
        struct mansio_str out = MANSIO_STR("untouched");
        struct mansio_str again = MANSIO_STR_NONE;
        int result = mansio_local_normalize(fixture->arena, core_test_slice(ROWS[i].text), &out);

        assert_int_equal(result, ROWS[i].result);
        core_test_str(out, result == 0 ? ROWS[i].wanted : "untouched");
        if (result == 0) {
            assert_int_equal(mansio_local_normalize(fixture->arena, out, &again), 0);
            core_test_str(again, ROWS[i].wanted);
        }
    }
}

static void lengths(void **state)
{
    struct mail_fixture *fixture = *state;
    struct mansio_str out = MANSIO_STR_NONE;
    char text[CORE_MAIL_LOCAL_SPELLING_MAX + 1];

    memset(text, 'A', sizeof text);
    assert_int_equal(
        mansio_local_normalize(fixture->arena, (struct mansio_str){text, sizeof text - 1}, &out),
        0);
    assert_int_equal(out.len, CORE_MAIL_LOCAL_SPELLING_MAX);
    assert_int_equal(
        mansio_local_normalize(fixture->arena, (struct mansio_str){text, sizeof text}, &out),
        MANSIO_E_LIMIT);
    /* U+0130 folds to two characters: three bytes for two. */
    for (size_t i = 0; i + 1 < sizeof text; i += 2) {
        text[i] = (char)0xc4;
        text[i + 1] = (char)0xb0;
    }
    assert_int_equal(
        mansio_local_normalize(fixture->arena, (struct mansio_str){text, sizeof text - 1}, &out),
        MANSIO_E_LIMIT);
    assert_int_equal(mansio_local_normalize(fixture->arena, (struct mansio_str){text, 160}, &out),
                     0);
    assert_int_equal(out.len, 240);
    assert_int_equal(mansio_local_normalize(fixture->arena, MANSIO_STR("a\0b"), &out),
                     MANSIO_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {MAIL_TEST(spellings), MAIL_TEST(lengths)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
