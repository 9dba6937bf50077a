/*
 * Flags as clients give them.
 */
#include "testing.h"

#include <mansio/store.h>

static void reads_flags(void **state)
{
    static const struct {
        const char *text;
        uint32_t flags;
        const char *keywords;
        size_t at;
    } rows[] = {
        {"()", 0, "", 2},
        {"(\\Seen)", MANSIO_FLAG_SEEN, "", 7},
        {"\\seen", MANSIO_FLAG_SEEN, "", 5},
        {"\\Answered \\Draft", MANSIO_FLAG_ANSWERED | MANSIO_FLAG_DRAFT, "", 16},
        {"(\\Flagged $Junk \\Deleted NonJunk)", MANSIO_FLAG_FLAGGED | MANSIO_FLAG_DELETED,
         "$Junk NonJunk", 33},
        {"(a A b)", 0, "a b", 7}, /* keywords are compared without case */
        {"$Forwarded", 0, "$Forwarded", 10},
    };

    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        uint32_t flags = 42;
        struct mansio_str keywords;
        struct imap_cursor cursor = imap_test_cursor(*state, core_test_slice(rows[i].text));
        assert_int_equal(imap_parse_flags(&cursor, &flags, &keywords), 0);
        assert_int_equal(flags, rows[i].flags);
        core_test_str(keywords, rows[i].keywords);
        assert_int_equal(cursor.at - cursor.begin, rows[i].at);
    }
}

static void refuses_what_is_none(void **state)
{
    static const char *const rows[] = {
        "",          "(",
        "(\\Seen",   "( \\Seen)",
        "(\\Seen )", "(\\Seen  \\Draft)",
        "\\Recent",  "(\\Seen \\Recent)",
        "\\",        "\\*",
        "\\Seenx",   "\\Future",
        "(a,b\")",   "((a))",
        "\"a\"",
    };

    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        uint32_t flags = 42;
        struct mansio_str keywords;
        struct imap_cursor cursor = imap_test_cursor(*state, core_test_slice(rows[i]));
        assert_int_equal(imap_parse_flags(&cursor, &flags, &keywords), MANSIO_E_INVALID);
        assert_int_equal(flags, 42);
    }
}

static void has_limits(void **state)
{
    char name[IMAP_KEYWORD_MAX + 2];
    uint32_t flags = 0;
    struct mansio_str keywords;
    memset(name, 'k', sizeof name);
    struct imap_cursor cursor = imap_test_cursor(*state, (struct mansio_str){name, sizeof name});
    cursor.end = cursor.begin + IMAP_KEYWORD_MAX;
    assert_int_equal(imap_parse_flags(&cursor, &flags, &keywords), 0);
    assert_int_equal(keywords.len, IMAP_KEYWORD_MAX);
    cursor.at = cursor.begin;
    cursor.end++;
    assert_int_equal(imap_parse_flags(&cursor, &flags, &keywords), MANSIO_E_LIMIT);

    struct mansio_buf *many = mansio_buf_new(*state, 10000);
    for (uint32_t i = 0; i < IMAP_KEYWORDS_MAX; i++) {
        mansio_buf_printf(many, "%sk%u", i > 0 ? " " : "", i);
    }
    cursor = imap_test_cursor(*state, mansio_buf_str(many));
    assert_int_equal(imap_parse_flags(&cursor, &flags, &keywords), 0);
    assert_int_equal(keywords.len, mansio_buf_str(many).len);
    mansio_buf_add(many, MANSIO_STR(" \\Seen K1")); /* said before */
    cursor = imap_test_cursor(*state, mansio_buf_str(many));
    assert_int_equal(imap_parse_flags(&cursor, &flags, &keywords), 0);
    mansio_buf_add(many, MANSIO_STR(" more"));
    cursor = imap_test_cursor(*state, mansio_buf_str(many));
    assert_int_equal(imap_parse_flags(&cursor, &flags, &keywords), MANSIO_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IMAP_TEST(reads_flags),
        IMAP_TEST(refuses_what_is_none),
        IMAP_TEST(has_limits),
    };
    return cmocka_run_group_tests_name("imap_parse_flags", tests, NULL, NULL);
}
