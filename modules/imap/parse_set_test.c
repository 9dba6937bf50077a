/*
 * Sets: what they mean once sorted and merged.
 */
#include "testing.h"

#include "reply.h"

static void reads_sorts_and_merges(void **state)
{
    static const struct {
        const char *text, *set;
        size_t at;
    } rows[] = {
        {"1", "1", 1},
        {"*", "4294967295", 1},
        {"1:*", "1:4294967295", 3},
        {"*:7", "7:4294967295", 3},
        {"4:2", "2:4", 3},
        {"5,3,1", "1,3,5", 5},
        {"1:3,4:6,8", "1:6,8", 9},
        {"1:10,2:3,12,11", "1:12", 14},
        {"1:*,5", "1:4294967295", 5},
        {"*,4294967294", "4294967294:4294967295", 12},
        {"4294967295", "4294967294", 10}, /* digits are never "*" */
        {"7:4294967295", "7:4294967294", 12},
        {"4294967295:7", "7:4294967294", 12},
        {"4294967295:*", "4294967294:4294967295", 12},
        {"2,2,2 FLAGS", "2", 5},
        {"7:7)", "7", 3},
    };

    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct imap_set set;
        struct imap_cursor cursor = imap_test_cursor(*state, core_test_slice(rows[i].text));
        struct mansio_buf *out = mansio_buf_new(*state, 1000);
        assert_int_equal(imap_parse_set(&cursor, &set), 0);
        assert_int_equal(cursor.at - cursor.begin, rows[i].at);
        imap_reply_set(out, set.ranges, set.count);
        core_test_str(mansio_buf_str(out), rows[i].set);
    }
}

static void refuses_what_is_none(void **state)
{
    static const char *const rows[] = {
        "", ",", "0", "0:3", "3:0", "1,", "1:", ":1", "1,,2", "a", "4294967296", "**", "$", "-1",
    };

    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct imap_set set = {.count = 42};
        struct imap_cursor cursor = imap_test_cursor(*state, core_test_slice(rows[i]));
        int rc = imap_parse_set(&cursor, &set);
        /* "**" is "*" and something behind it, which the command refuses. */
        assert_true(rc == MANSIO_E_INVALID || imap_parse_end(&cursor) < 0);
        assert_true(rc == 0 || set.count == 42);
    }
}

static void keeps_to_the_arenas_cap(void **state)
{
    struct mansio_arena *small = mansio_arena_new(*state, "small", 1000);
    struct mansio_buf *text = mansio_buf_new(*state, 10000);
    struct imap_set set;
    mansio_buf_add(text, MANSIO_STR("1"));
    for (uint32_t i = 1; i < 1000; i++) {
        mansio_buf_printf(text, ",%u", 2 * i + 1);
    }
    struct imap_cursor cursor = imap_test_cursor(small, mansio_buf_str(text));
    assert_int_equal(imap_parse_set(&cursor, &set), MANSIO_E_LIMIT);
    cursor = imap_test_cursor(*state, mansio_buf_str(text));
    assert_int_equal(imap_parse_set(&cursor, &set), 0);
    assert_int_equal(set.count, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IMAP_TEST(reads_sorts_and_merges),
        IMAP_TEST(refuses_what_is_none),
        IMAP_TEST(keeps_to_the_arenas_cap),
    };
    return cmocka_run_group_tests_name("imap_parse_set", tests, NULL, NULL);
}
