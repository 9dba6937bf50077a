/* Tests of header blocks: RFC 5322 2.2, 4.5. */
#include "core/mail/header.h"

#include "core/mail/testing.h"

static const struct {
    const char *block;
    const char *fields; /* "name=value@offset+length" */
    size_t end;
} ROWS[] = {
    {"", "", 0},
    {"\r\nbody", "", 0},
    {"A: b\r\nC: d\r\n\r\nbody", "A=b@0+6 C=d@6+6 ", 12},
    {"A: b\nC: d\n\nbody", "A=b@0+5 C=d@5+5 ", 10},
    {"A: b\r\n c\r\n\td\r\nE: f", "A=b c\td@0+14 E=f@14+4 ", 18},
    {"A: b\r\n \r\nC: d\r\n", "A=b@0+9 C=d@9+6 ", 15},
    {"A  : b\r\n", "A=b@0+8 ", 8},
    {"A:\r\n", "A=@0+4 ", 4},
    {"A:b", "A=b@0+3 ", 3},
    {": b\nC: d\n", "=b@0+4 C=d@4+5 ", 9},
    {"A: b\r\nno colon\r\nC: d\r\n", "A=b@0+6 ", 6},
    {"two words: b\r\n", "", 0},
    {"From x@y Thu Jan  1\r\nA: b\r\n>From z\r\nC: d\r\n", "A=b@21+6 C=d@36+6 ", 42},
    {" folded\r\nA: b\r\n", "A=b@9+6 ", 15},
    {"A: b\rc\r\n", "A=bc@0+8 ", 8},
    {"\xC3\xA4: b\r\n", "", 0},
    {"A: \xC3\xA4\xFF\r\n", "A=\xC3\xA4\xFF@0+8 ", 8},
};

static void test_blocks(void **state)
{
    struct mail_fixture *fixture = *state;

    for (size_t i = 0; i < MANSIO_COUNT(ROWS); i++) {
        struct core_mail_field field = {.offset = 0};
        size_t offset = 0;

        while (core_mail_header_next(core_test_slice(ROWS[i].block), &offset, &field)) {
            (void)mansio_buf_add(fixture->out, field.name);
            (void)mansio_buf_add_char(fixture->out, '=');
            core_mail_header_unfold(fixture->out, field.raw);
            (void)mansio_buf_printf(fixture->out, "@%zu+%zu ", field.offset, field.length);
        }
        mail_expect(fixture, ROWS[i].block, ROWS[i].fields);
        assert_int_equal(offset, ROWS[i].end);
    }
}

static void test_unfold_drops_nul(void **state)
{
    struct mail_fixture *fixture = *state;

    core_mail_header_unfold(fixture->out, MANSIO_STR(" a\0b\r\n c \r\n"));
    mail_expect(fixture, "NUL", "ab c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAIL_TEST(test_blocks),
        MAIL_TEST(test_unfold_drops_nul),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
