/* Tests of LIST's patterns: a table, a naive matcher against ours, and what would take for ever. */
#include "match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mansio/error.h>
#include <mansio/str.h>

static int matches(const char *pattern, const char *name)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct imap_pattern read;
    assert_int_equal(imap_pattern_read(arena, mansio_str_from_cstr(pattern), &read), 0);
    int found = imap_pattern_matches(&read, mansio_str_from_cstr(name));
    assert_int_equal(imap_pattern_matches(&read, mansio_str_from_cstr(name)), found);
    mansio_arena_free(arena);
    return found;
}

static void test_table(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *name;
        int wanted;
    } rows[] = {
        {"*", "a/b/c", 1},
        {"%", "a", 1},
        {"%", "a/b", 0},
        {"%/%", "a/b", 1},
        {"a/%", "a/b", 1},
        {"a/%", "a", 0},
        {"a/%", "a/b/c", 0},
        {"a*", "a/b/c", 1},
        {"a*", "a", 1},
        {"*c", "a/b/c", 1},
        {"a%c", "abc", 1},
        {"a%c", "a/c", 0},
        {"a*%c", "a/b/c", 1},
        {"a%*c", "a/b/c", 1},
        {"", "", 1},
        {"", "a", 0},
        {"a", "", 0},
        {"%", "", 1},
        {"INBOX", "INBOX", 1},
        {"inbox", "INBOX", 1},
        {"InB%", "INBOX", 1},
        {"inbox/%", "INBOX/x", 1},
        {"inbox/X", "INBOX/x", 0},
        {"inboxes", "INBOXES", 0},
        {"sent", "Sent", 0},
        {"%n%", "Sent", 1},
        {"*/b", "a/b", 1},
        {"*/b", "b", 0},
        {"%/b", "x/a/b", 0},
        {"a.b", "axb", 0},
        {"\xc3\xa4%", "\xc3\xa4\xc3\xb6", 1},
        {"%b%d%", "abcd", 1},
        {"%d%b%", "abcd", 0},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        if (matches(rows[i].pattern, rows[i].name) != rows[i].wanted) {
            fail_msg("%s against %s", rows[i].pattern, rows[i].name);
        }
    }
}

static int naive(const char *pattern, const char *name)
{
    if (*pattern == '\0') {
        return *name == '\0';
    }
    if (*pattern == '*' || *pattern == '%') {
        return naive(pattern + 1, name) ||
               (*name != '\0' && (*pattern == '*' || *name != '/') && naive(pattern, name + 1));
    }
    return *pattern == *name && naive(pattern + 1, name + 1);
}

static void test_against_a_naive_one(void **state)
{
    (void)state;
    unsigned seed = 1;
    unsigned found = 0;
    for (unsigned i = 0; i < 50000; i++) {
        char pattern[9] = "", name[12] = "";
        for (int j = rand_r(&seed) % 8; j > 0; j--) {
            pattern[strlen(pattern)] = "ab/*%"[rand_r(&seed) % 5];
        }
        for (int j = rand_r(&seed) % 11; j > 0; j--) {
            name[strlen(name)] = "aab/"[rand_r(&seed) % 4];
        }
        int is = matches(pattern, name);
        found += (unsigned)is;
        if (is != naive(pattern, name)) {
            fail_msg("%s against %s", pattern, name);
        }
    }
    assert_in_range(found, 1000, 40000);
}

/* Of so many wildcards a matcher that tries one way after the other would not see the end. */
static void test_many_wildcards(void **state)
{
    (void)state;
    char pattern[IMAP_PATTERN_MAX + 2] = "", name[1001] = "";
    for (size_t i = 0; i < 500; i++) {
        pattern[2 * i] = i % 2 ? '%' : '*';
        pattern[2 * i + 1] = 'a';
    }
    memset(name, 'a', 1000);
    assert_int_equal(matches(pattern, name), 1);
    pattern[1000] = 'b';
    assert_int_equal(matches(pattern, name), 0);
    /* Positions over the edges of words. */
    for (size_t len = 60; len < 70; len++) {
        memset(pattern, 0, sizeof pattern);
        memset(name, 0, sizeof name);
        memset(pattern, 'x', len);
        memset(name, 'x', len);
        assert_int_equal(matches(pattern, name), 1);
        pattern[len - 1] = '%';
        assert_int_equal(matches(pattern, name), 1);
        name[len - 1] = '/';
        assert_int_equal(matches(pattern, name), 0);
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct imap_pattern read;
    memset(pattern, 'a', sizeof pattern);
    assert_int_equal(
        imap_pattern_read(arena, (struct mansio_str){pattern, IMAP_PATTERN_MAX + 1}, &read),
        MANSIO_E_LIMIT);
    mansio_arena_free(arena);
}

static void test_last_percent_is_told(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct imap_pattern read;
    assert_int_equal(imap_pattern_read(arena, MANSIO_STR("a/%%"), &read), 0);
    assert_int_equal(read.ends_percent, 1);
    assert_int_equal(imap_pattern_read(arena, MANSIO_STR("a*%"), &read), 0);
    assert_int_equal(read.ends_percent, 1);
    assert_int_equal(imap_pattern_read(arena, MANSIO_STR("%/a"), &read), 0);
    assert_int_equal(read.ends_percent, 0);
    assert_int_equal(imap_pattern_read(arena, MANSIO_STR("%*"), &read), 0);
    assert_int_equal(read.ends_percent, 0);
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_against_a_naive_one),
        cmocka_unit_test(test_many_wildcards),
        cmocka_unit_test(test_last_percent_is_told),
    };
    return cmocka_run_group_tests_name("match", tests, NULL, NULL);
}
