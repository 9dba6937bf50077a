/*
 * Text for terminals: nothing that a terminal obeys comes through, widths and figures as people
 * expect them.
 */
#include "core/ctl/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mansio/arena.h>
#include <mansio/str.h>

static void escapes_what_terminals_obey(void **state)
{
    static const struct {
        struct mansio_str in;
        const char *out;
    } rows[] = {
        {{"", 0}, ""},
        {{"plain text", 10}, "plain text"},
        {{"a\\b", 3}, "a\\\\b"},
        {{"\x1b[31mred", 8}, "\\x1b[31mred"},
        {{"a\r\nb\tc", 6}, "a\\x0d\\x0ab\\x09c"},
        {{"nul\0end", 7}, "nul\\x00end"},
        {{"\x7f", 1}, "\\x7f"},
        {{"caf\xc3\xa9", 5}, "caf\xc3\xa9"},
        {{"\xc3", 1}, "\\xc3"},                            /* cut in mid-character */
        {{"\xc0\xaf", 2}, "\\xc0\\xaf"},                   /* overlong '/' */
        {{"\xe0\x80\xaf", 3}, "\\xe0\\x80\\xaf"},          /* overlong, three bytes */
        {{"\xed\xa0\x80", 3}, "\\xed\\xa0\\x80"},          /* surrogate */
        {{"\xf4\x90\x80\x80", 4}, "\\xf4\\x90\\x80\\x80"}, /* above U+10FFFF */
        {{"\xff\xfe", 2}, "\\xff\\xfe"},
        {{"\xc2\x9b"
          "2J",
          4},
         "\\u{009b}2J"}, /* CSI as one C1 character */
        {{"\xe2\x80\xae"
          "gpj",
          6},
         "\\u{202e}gpj"},                   /* right-to-left override */
        {{"\xe2\x80\xa8", 3}, "\\u{2028}"}, /* line separator */
        {{"\xf0\x9f\x90\x8e", 4}, "\xf0\x9f\x90\x8e"},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 65536);
        struct mansio_buf *buf = mansio_buf_new(arena, 4096);
        core_ctl_escape(buf, rows[i].in);
        assert_string_equal(mansio_buf_str(buf).ptr ? mansio_buf_str(buf).ptr : "", rows[i].out);
        mansio_arena_free(arena);
    }
}

static void escapes_every_control_byte(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 65536);
        struct mansio_buf *buf = mansio_buf_new(arena, 64);
        core_ctl_escape(buf, (struct mansio_str){&byte, 1});
        struct mansio_str out = mansio_buf_str(buf);
        for (size_t i = 0; i < out.len; i++) {
            assert_in_range((unsigned char)out.ptr[i], 0x20, 0x7e);
        }
        mansio_arena_free(arena);
    }
}

static void counts_columns(void **state)
{
    static const struct {
        const char *text;
        size_t width;
    } rows[] = {
        {"", 0},
        {"abc", 3},
        {"caf\xc3\xa9", 4},
        {"cafe\xcc\x81", 4},             /* e and a combining acute */
        {"\xe6\x97\xa5\xe6\x9c\xac", 4}, /* two ideographs */
        {"\xf0\x9f\x90\x8e", 2},         /* an emoji */
        {"\xff", 1},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        assert_int_equal(core_ctl_width(mansio_str_from_cstr(rows[i].text)), rows[i].width);
    }
}

static void words_durations(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } rows[] = {
        {-5, "0s"},        {0, "0s"},        {59, "59s"},         {60, "1m00s"},
        {725, "12m05s"},   {3599, "59m59s"}, {3600, "1h00m"},     {11045, "3h04m"},
        {86399, "23h59m"}, {86400, "1d00h"}, {1062000, "12d07h"},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 65536);
        struct mansio_buf *buf = mansio_buf_new(arena, 64);
        core_ctl_duration(buf, rows[i].seconds);
        assert_string_equal(mansio_buf_str(buf).ptr, rows[i].text);
        mansio_arena_free(arena);
    }
}

static void words_bytes(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {
        {0, "0"},       {1023, "1023"},    {1024, "1K"},         {1536, "1.5K"},
        {10240, "10K"}, {20971520, "20M"}, {3435973836, "3.1G"}, {UINT64_MAX, "15E"},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 65536);
        struct mansio_buf *buf = mansio_buf_new(arena, 64);
        core_ctl_bytes(buf, rows[i].bytes);
        assert_string_equal(mansio_buf_str(buf).ptr, rows[i].text);
        mansio_arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_what_terminals_obey),
        cmocka_unit_test(escapes_every_control_byte),
        cmocka_unit_test(counts_columns),
        cmocka_unit_test(words_durations),
        cmocka_unit_test(words_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
