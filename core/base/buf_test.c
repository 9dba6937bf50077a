/* Tests of bounded buffers: limits, stickiness, memory given back, and a model to compare with. */
#include <mansio/buf.h>

#include "core/base/testing.h"

#include <stdlib.h>
#include <wchar.h>
#include <mansio/error.h>

static void appends(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_buf *buf = mansio_buf_new(arena, 1000);

    (void)state;
    core_test_str(mansio_buf_str(buf), "");
    assert_int_equal(mansio_buf_str(buf).ptr[0], '\0');
    assert_int_equal(mansio_buf_add(buf, MANSIO_STR_NONE), 0);
    assert_int_equal(mansio_buf_add(buf, MANSIO_STR("* OK ")), 0);
    assert_int_equal(mansio_buf_add_char(buf, '['), 0);
    assert_int_equal(mansio_buf_printf(buf, "%s %d", "UIDNEXT", 7), 0);
    assert_int_equal(mansio_buf_add(buf, MANSIO_STR("]\r\n")), 0);
    core_test_str(mansio_buf_str(buf), "* OK [UIDNEXT 7]\r\n");
    assert_int_equal(mansio_buf_str(buf).ptr[mansio_buf_str(buf).len], '\0');
    assert_int_equal(mansio_buf_status(buf), 0);
    mansio_buf_consume(buf, 5);
    core_test_str(mansio_buf_str(buf), "[UIDNEXT 7]\r\n");
    mansio_buf_reset(buf);
    core_test_str(mansio_buf_str(buf), "");
    mansio_arena_free(arena);
}

static void an_overflow_is_whole_and_sticky(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_buf *buf = mansio_buf_new(arena, 5);

    (void)state;
    assert_int_equal(mansio_buf_add(buf, MANSIO_STR("abc")), 0);
    assert_int_equal(mansio_buf_add(buf, MANSIO_STR("def")), MANSIO_E_LIMIT);
    assert_string_equal(mansio_error_detail(),
                        "buffer: 3 bytes more than the 3 it holds exceed its limit of 5");
    core_test_str(mansio_buf_str(buf), "abc");
    assert_int_equal(mansio_buf_add_char(buf, 'd'), MANSIO_E_LIMIT); /* though it would fit */
    assert_int_equal(mansio_buf_printf(buf, "%d", 4), MANSIO_E_LIMIT);
    mansio_buf_consume(buf, 3);
    assert_int_equal(mansio_buf_add_char(buf, 'd'), MANSIO_E_LIMIT);
    assert_int_equal(mansio_buf_status(buf), MANSIO_E_LIMIT);
    mansio_buf_reset(buf);
    assert_int_equal(mansio_buf_status(buf), 0);
    assert_int_equal(mansio_buf_printf(buf, "%s", "12345"), 0);
    core_test_str(mansio_buf_str(buf), "12345");
    assert_int_equal(mansio_buf_printf(buf, "%s", "6"), MANSIO_E_LIMIT);
    mansio_buf_release(buf);
    assert_int_equal(mansio_buf_status(buf), 0);
    assert_int_equal(mansio_buf_add(buf, MANSIO_STR("new")), 0);
    core_test_str(mansio_buf_str(buf), "new");
    mansio_arena_free(arena);
}

/* What no locale can print: vsnprintf() itself fails. */
static const wchar_t unprintable[] = {(wchar_t)0x7fffffff, 0};

static void what_cannot_be_printed_does_not_fit(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_buf *buf = mansio_buf_new(arena, 100);

    (void)state;
    assert_int_equal(mansio_buf_printf(buf, "%ls", unprintable), MANSIO_E_LIMIT);
    assert_string_equal(mansio_error_detail(), "buffer: format \"%ls\" can't be printed");
    assert_int_equal(mansio_buf_status(buf), MANSIO_E_LIMIT);
    core_test_str(mansio_buf_str(buf), "");
    mansio_arena_free(arena);
}

static void a_limit_of_nothing(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_buf *buf = mansio_buf_new(arena, 0);

    (void)state;
    assert_int_equal(mansio_buf_add(buf, MANSIO_STR_NONE), 0);
    core_test_str(mansio_buf_str(buf), "");
    assert_int_equal(mansio_buf_add_char(buf, 'x'), MANSIO_E_LIMIT);
    mansio_arena_free(arena);
}

static void consume_too_much(void *arg)
{
    mansio_buf_consume(arg, 2);
}

static void consuming_what_is_not_there_stops(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_buf *buf = mansio_buf_new(arena, 10);

    (void)state;
    assert_int_equal(mansio_buf_add_char(buf, 'x'), 0);
    core_test_stops(consume_too_much, buf, "count <= buf->len");
    mansio_arena_free(arena);
}

/* Random appends and removals against a plain array; the seed is fixed. */
static void behaves_as_a_queue(void **state)
{
    enum { LIMIT = 3000, STEPS = 20000 };
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_buf *buf = mansio_buf_new(arena, LIMIT);
    char *model = malloc(LIMIT);
    char piece[700];
    size_t held = 0;
    uint32_t random = 1;

    (void)state;
    for (int step = 0; step < STEPS; step++) {
        size_t size;

        random = random * 1664525 + 1013904223;
        size = (random >> 8) % sizeof piece;
        if (random >> 31 != 0 && held + size <= LIMIT) {
            memset(piece, 'a' + step % 26, size);
            assert_int_equal(mansio_buf_add(buf, (struct mansio_str){piece, size}), 0);
            memcpy(model + held, piece, size);
            held += size;
        } else {
            size = size < held ? size : held;
            mansio_buf_consume(buf, size);
            memmove(model, model + size, held - size);
            held -= size;
        }
        assert_int_equal(mansio_buf_str(buf).len, held);
        assert_memory_equal(mansio_buf_str(buf).ptr, model, held);
        assert_int_equal(mansio_buf_str(buf).ptr[held], '\0');
        /* Never much more memory than the limit, whatever was consumed. */
        assert_true(mansio_arena_used(arena) <= LIMIT + 256);
    }
    free(model);
    mansio_arena_free(arena);
}

static void memory_is_charged_and_given_back(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "session", 4096);
    struct mansio_buf *buf = mansio_buf_new(arena, 100000);
    size_t empty = mansio_arena_used(arena);
    int result = 0;

    (void)state;
    for (int i = 0; i < 100 && result == 0; i++) {
        result = mansio_buf_printf(buf, "%100d", i);
    }
    assert_int_equal(result, MANSIO_E_LIMIT);
    assert_non_null(strstr(mansio_error_detail(), "session:"));
    assert_in_range(mansio_buf_str(buf).len, 1000, 4096);
    assert_in_range(mansio_arena_used(arena), 1000, 4096);
    mansio_buf_release(buf);
    assert_int_equal(mansio_arena_used(arena), empty);
    assert_int_equal(mansio_buf_add(buf, MANSIO_STR("again")), 0);
    mansio_arena_reset(arena);
    assert_int_equal(mansio_arena_used(arena), 0);
    mansio_arena_free(arena);
}

static void no_memory_is_a_limit(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_buf *buf = mansio_buf_new(arena, 100000);
    size_t used;

    (void)state;
    assert_int_equal(mansio_buf_add(buf, MANSIO_STR("kept")), 0);
    used = mansio_arena_used(arena);
    (void)core_alloc_fail_at(1);
    assert_int_equal(mansio_buf_printf(buf, "%1000d", 1), MANSIO_E_LIMIT);
    assert_int_equal(core_alloc_fail_at(0), 0);
    assert_int_equal(mansio_arena_used(arena), used);
    assert_string_equal(mansio_error_detail(), "buffer: no memory for 1005 bytes");
    core_test_str(mansio_buf_str(buf), "kept");
    assert_int_equal(mansio_buf_status(buf), MANSIO_E_LIMIT);
    mansio_buf_reset(buf);
    assert_int_equal(mansio_buf_printf(buf, "%1000d", 1), 0);
    assert_int_equal(mansio_buf_str(buf).len, 1000);
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends),
        cmocka_unit_test(an_overflow_is_whole_and_sticky),
        cmocka_unit_test(what_cannot_be_printed_does_not_fit),
        cmocka_unit_test(a_limit_of_nothing),
        cmocka_unit_test(consuming_what_is_not_there_stops),
        cmocka_unit_test(behaves_as_a_queue),
        cmocka_unit_test(memory_is_charged_and_given_back),
        cmocka_unit_test(no_memory_is_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
