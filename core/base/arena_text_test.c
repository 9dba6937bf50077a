/* Tests of text in arenas: copies, formats, C strings, under caps and without memory. */
#include <mansio/arena.h>

#include "core/base/testing.h"
#include <wchar.h>
#include <mansio/error.h>

/* What no locale can print: vsnprintf() itself fails. */
static const wchar_t unprintable[] = {(wchar_t)0x7fffffff, 0};

static void copies(void **state)
{
    static const struct mansio_str rows[] = {
        MANSIO_STR(""), {NULL, 0}, MANSIO_STR("abc"), MANSIO_STR("a\0b"), MANSIO_STR("\r\n"),
    };
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_str copy = MANSIO_STR("other");

        assert_int_equal(mansio_arena_copy(arena, rows[i], &copy), 0);
        assert_int_equal(copy.len, rows[i].len);
        assert_ptr_not_equal(copy.ptr, rows[i].ptr);
        if (copy.len > 0) {
            assert_memory_equal(copy.ptr, rows[i].ptr, copy.len);
        }
        assert_int_equal(copy.ptr[copy.len], '\0');
    }
    mansio_arena_free(arena);
}

static void formats(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_str text = MANSIO_STR_NONE;
    struct mansio_str half = {"abcdef", 3};

    (void)state;
    assert_int_equal(mansio_arena_printf(arena, &text, "%s", ""), 0);
    core_test_str(text, "");
    assert_int_equal(mansio_arena_printf(arena, &text, "%.*s-%d", MANSIO_STR_ARG(half), -7), 0);
    core_test_str(text, "abc--7");
    assert_int_equal(text.ptr[text.len], '\0');
    assert_int_equal(mansio_arena_printf(arena, &text, "%10000d", 1), 0);
    assert_int_equal(text.len, 10000);
    assert_int_equal(mansio_arena_printf(arena, &text, "%ls", unprintable), MANSIO_E_BUG);
    assert_non_null(strstr(mansio_error_detail(), "format \"%ls\": "));
    assert_int_equal(text.len, 10000);
    mansio_arena_free(arena);
}

static void c_strings_refuse_nul(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    const char *cstr = "untouched";

    (void)state;
    assert_int_equal(mansio_cstr(arena, MANSIO_STR("a\0b"), &cstr), MANSIO_E_INVALID);
    assert_int_equal(mansio_cstr(arena, MANSIO_STR("\0"), &cstr), MANSIO_E_INVALID);
    assert_string_equal(cstr, "untouched");
    assert_int_equal(mansio_cstr(arena, (struct mansio_str){"abcdef", 3}, &cstr), 0);
    assert_string_equal(cstr, "abc");
    assert_int_equal(mansio_cstr(arena, MANSIO_STR_NONE, &cstr), 0);
    assert_string_equal(cstr, "");
    mansio_arena_free(arena);
}

static void caps_and_memory_bind_all_three(void **state)
{
    struct mansio_str text = MANSIO_STR("untouched");
    const char *cstr = "untouched";

    (void)state;
    for (int has_memory = 0; has_memory < 2; has_memory++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", has_memory ? 16 : 0);
        struct mansio_str sixteen = MANSIO_STR("0123456789abcdef"); /* and a NUL: 17 */
        uint64_t fail_at = has_memory ? 0 : 1;

        (void)core_alloc_fail_at(fail_at);
        assert_int_equal(mansio_arena_copy(arena, sixteen, &text), MANSIO_E_LIMIT);
        (void)core_alloc_fail_at(fail_at);
        assert_int_equal(mansio_arena_printf(arena, &text, "%s", sixteen.ptr), MANSIO_E_LIMIT);
        (void)core_alloc_fail_at(fail_at);
        assert_int_equal(mansio_cstr(arena, sixteen, &cstr), MANSIO_E_LIMIT);
        (void)core_alloc_fail_at(0);
        core_test_str(text, "untouched");
        assert_string_equal(cstr, "untouched");
        sixteen.len--;
        assert_int_equal(mansio_arena_copy(arena, sixteen, &text), 0);
        core_test_str(text, "0123456789abcde");
        text = MANSIO_STR("untouched");
        mansio_arena_free(arena);
    }
}

static void a_length_without_end_is_a_limit(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_str copy;

    (void)state;
    assert_int_equal(mansio_arena_copy(arena, (struct mansio_str){"", SIZE_MAX}, &copy),
                     MANSIO_E_LIMIT);
    assert_int_equal(mansio_arena_copy(arena, (struct mansio_str){"", SIZE_MAX - 1}, &copy),
                     MANSIO_E_LIMIT);
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies),
        cmocka_unit_test(formats),
        cmocka_unit_test(c_strings_refuse_nul),
        cmocka_unit_test(caps_and_memory_bind_all_three),
        cmocka_unit_test(a_length_without_end_is_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
