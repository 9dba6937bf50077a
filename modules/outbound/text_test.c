/*
 * A message on its way out: dots, line ends, and the same however it is cut.
 */
#include "core/base/testing.h"

#include "text.h"
#include <mansio/str.h>

#include <string.h>

enum { ROOM = 512 };

static const struct {
    const char *in, *out;
} cases[] = {
    {"", ""},
    {"a\r\n", "a\r\n"},
    {"a", "a\r\n"},
    {".\r\n", "..\r\n"},
    {".", "..\r\n"},
    {"a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n"},
    {"a\r\n..\r\n", "a\r\n...\r\n"},
    {"a.\r\n", "a.\r\n"},
    {"\r\n\r\n", "\r\n\r\n"},
    /* What some servers take for the end of a message is no end here. */
    {"a\n.\nb\n", "a\r\n..\r\nb\r\n"},
    {"a\n.\r\nMAIL FROM:<x>\r\n", "a\r\n..\r\nMAIL FROM:<x>\r\n"},
    {"a\r.\rb\r", "a\r\n..\r\nb\r\n"},
    {"a\r\n.\rb\r\n", "a\r\n..\r\nb\r\n"},
    {"a\r\r\n.\r\n", "a\r\n\r\n..\r\n"},
    {"\r", "\r\n"},
    {"\n", "\r\n"},
    {"\r\r", "\r\n\r\n"},
    {"\n\r", "\r\n\r\n"},
};

static size_t encode(struct mansio_str in, size_t cut, char *out)
{
    struct ob_text text = {.is_inside = 0};
    size_t n = ob_text_encode(&text, mansio_str_sub(in, 0, cut), out);
    n += ob_text_encode(&text, mansio_str_sub(in, cut, SIZE_MAX), out + n);
    return n + ob_text_end(&text, out + n);
}

static void cut_at_every_byte(void **state)
{
    char out[ROOM];
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        struct mansio_str in = mansio_str_from_cstr(cases[i].in);
        for (size_t cut = 0; cut <= in.len; cut++) {
            size_t n = encode(in, cut, out);
            core_test_str((struct mansio_str){out, n}, cases[i].out);
        }
    }
}

static void within_its_room(void **state)
{
    char in[100];
    char out[OB_TEXT_ROOM(sizeof in)];
    struct ob_text text = {.is_inside = 0};
    (void)state;
    for (size_t i = 0; i < sizeof in; i++) {
        in[i] = i % 2 == 0 ? '.' : '\n';
    }
    size_t n = ob_text_encode(&text, (struct mansio_str){in, sizeof in}, out);
    assert_true(n <= sizeof out);
    assert_int_equal(n, 2 * sizeof in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(within_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
