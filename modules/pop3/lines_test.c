/*
 * Messages on their way out: stuffing and TOP, whole and cut at every byte.
 */
#include "core/base/testing.h"

#include "lines.h"
#include <mansio/arena.h>
#include <mansio/buf.h>
#include <mansio/str.h>

enum { ROOM = 65536 };

/* Send @p text in two pieces, the first of @p split bytes. @p lines: of TOP; -1: all of it. */
static struct mansio_str sent(struct mansio_arena *arena, const char *text, size_t split,
                              int64_t lines)
{
    struct mansio_str whole = core_test_slice(text), piece;
    struct mansio_str parts[] = {mansio_str_sub(whole, 0, split),
                                 mansio_str_sub(whole, split, SIZE_MAX)};
    struct mansio_buf *out = mansio_buf_new(arena, ROOM);
    struct pop3_stuffing stuffing = {.is_inside = 0};
    struct pop3_top top = {.lines = lines < 0 ? UINT64_MAX : (uint64_t)lines};
    for (size_t i = 0; i < MANSIO_COUNT(parts); i++) {
        struct mansio_str rest = lines < 0 ? parts[i] : pop3_top_cut(&top, parts[i]);
        while (pop3_stuff(&stuffing, &rest, &piece)) {
            assert_true(piece.len > 0);
            mansio_buf_add(out, piece);
        }
    }
    mansio_buf_add(out, pop3_stuff_end(&stuffing));
    return mansio_buf_str(out);
}

struct row {
    const char *text;
    int64_t lines;
    const char *sent;
};

static const struct row rows[] = {
    {"", -1, ".\r\n"},
    {"a\r\n", -1, "a\r\n.\r\n"},
    {"a", -1, "a\r\n.\r\n"},
    {"a\r", -1, "a\r\r\n.\r\n"},
    {".", -1, "..\r\n.\r\n"},
    {".\r\n", -1, "..\r\n.\r\n"},
    {"..\r\n", -1, "...\r\n.\r\n"},
    {"a\r\n.b\r\n.\r\n", -1, "a\r\n..b\r\n..\r\n.\r\n"},
    {"a.\r\n.a", -1, "a.\r\n..a\r\n.\r\n"},
    {"\r\n\r\n", -1, "\r\n\r\n.\r\n"},
    {"a\n.b\n\n", -1, "a\r\n..b\r\n\r\n.\r\n"},
    {"\n.\n", -1, "\r\n..\r\n.\r\n"},
    {"a\rb\r\r\n", -1, "a\rb\r\r\n.\r\n"},
    {"a\r.\r\n", -1, "a\r.\r\n.\r\n"},
    {"A: b\r\nC: d\r\n\r\n1\r\n2\r\n3\r\n", 0, "A: b\r\nC: d\r\n\r\n.\r\n"},
    {"A: b\r\nC: d\r\n\r\n1\r\n2\r\n3\r\n", 2, "A: b\r\nC: d\r\n\r\n1\r\n2\r\n.\r\n"},
    {"A: b\r\n\r\n1\r\n2\r\n", 2, "A: b\r\n\r\n1\r\n2\r\n.\r\n"},
    {"A: b\r\n\r\n1\r\n2\r\n", 9, "A: b\r\n\r\n1\r\n2\r\n.\r\n"},
    {"A: b\r\n\r\n1\r\n2", 2, "A: b\r\n\r\n1\r\n2\r\n.\r\n"},
    {"A: b\r\n\r\n.1\r\n2", 1, "A: b\r\n\r\n..1\r\n.\r\n"},
    {"A: b\r\n\r\n\r\n\r\n2", 1, "A: b\r\n\r\n\r\n.\r\n"},
    {"A: b\n\n1\n2\n", 1, "A: b\r\n\r\n1\r\n.\r\n"},
    {"\r\n1\r\n2\r\n", 1, "\r\n1\r\n.\r\n"},
    {"A: b\r\nC: d\r\n", 0, "A: b\r\nC: d\r\n.\r\n"},
    {"A: b", 3, "A: b\r\n.\r\n"},
};

static void sends_as_rfc1939_3_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        for (size_t split = 0; split <= strlen(rows[i].text); split++) {
            struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 20);
            core_test_str(sent(arena, rows[i].text, split, rows[i].lines), rows[i].sent);
            mansio_arena_free(arena);
        }
    }
}

/* What has neither dots nor lone LFs goes out in one piece, as it lies in memory. */
static void copies_nothing(void **state)
{
    struct mansio_str text = MANSIO_STR("A: b\r\n\r\nhello.\r\nthere\r\n"), rest = text, piece;
    struct pop3_stuffing stuffing = {.is_inside = 0};
    (void)state;
    assert_int_equal(pop3_stuff(&stuffing, &rest, &piece), 1);
    assert_ptr_equal(piece.ptr, text.ptr);
    assert_int_equal(piece.len, text.len);
    assert_int_equal(pop3_stuff(&stuffing, &rest, &piece), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_as_rfc1939_3_says),
        cmocka_unit_test(copies_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
