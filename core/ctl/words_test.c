/*
 * Words of a batch's line: quoting, comments, what is refused.
 */
#include "core/base/testing.h"

#include "core/ctl/words.h"
#include <mansio/error.h>

static void takes_lines_apart(void **state)
{
    static const struct {
        const char *line;
        int count;
        const char *words[4];
    } rows[] = {
        {"", 0, {NULL}},
        {"   \t\r", 0, {NULL}},
        {"# a remark", 0, {NULL}},
        {"  # a remark", 0, {NULL}},
        {"a", 1, {"a"}},
        {"tenant add alpha\r", 3, {"tenant", "add", "alpha"}},
        {" a\t b ", 2, {"a", "b"}},
        {"a b#c # d", 2, {"a", "b#c"}},
        {"'a b' \"c d\"", 2, {"a b", "c d"}},
        {"a'b'\"c\"d", 1, {"abcd"}},
        {"'' \"\"", 2, {"", ""}},
        {"'a\\b' \"a\\b\" a\\b", 3, {"a\\b", "a\\b", "ab"}},
        {"\"\\\"\\\\\"", 1, {"\"\\"}},
        {"a\\ b", 1, {"a b"}},
        {"\\# '#'", 2, {"#", "#"}},
        {"a\\", 1, {"a\\"}},
        {"x {SCRAM-SHA-256}4096,a$b:c", 2, {"x", "{SCRAM-SHA-256}4096,a$b:c"}},
    };

    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 20);
        const char *words[CORE_CTL_WORDS_MAX];
        int count = core_ctl_words(arena, core_test_slice(rows[i].line), words);
        assert_int_equal(count, rows[i].count);
        for (int j = 0; j < count; j++) {
            assert_string_equal(words[j], rows[i].words[j]);
        }
        mansio_arena_free(arena);
    }
}

static void refuses_what_makes_no_sense(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 20);
    const char *words[CORE_CTL_WORDS_MAX];
    char many[2 * (CORE_CTL_WORDS_MAX + 1)];
    (void)state;
    assert_int_equal(core_ctl_words(arena, MANSIO_STR("a 'b"), words), MANSIO_E_INVALID);
    assert_string_equal(mansio_error_detail(), "a quote (') that doesn't end");
    assert_int_equal(core_ctl_words(arena, MANSIO_STR("a \"b\\\""), words), MANSIO_E_INVALID);
    assert_int_equal(core_ctl_words(arena, MANSIO_STR("a\0b"), words), MANSIO_E_INVALID);
    for (size_t i = 0; i < sizeof many; i += 2) {
        many[i] = 'x';
        many[i + 1] = ' ';
    }
    struct mansio_str line = {many, sizeof many};
    assert_int_equal(core_ctl_words(arena, line, words), MANSIO_E_INVALID);
    line.len -= 2;
    assert_int_equal(core_ctl_words(arena, line, words), CORE_CTL_WORDS_MAX);
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_lines_apart),
        cmocka_unit_test(refuses_what_makes_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
