/*
 * What is printed, and that it stays within the grammar whatever is put in.
 */
#include "testing.h"

#include "reply.h"
#include <mansio/store.h>

static void prints_strings_in_the_form_they_need(void **state)
{
    static const struct {
        struct mansio_str text;
        const char *wanted;
    } rows[] = {
        {MANSIO_STR(""), "\"\""},
        {MANSIO_STR("a b"), "\"a b\""},
        {MANSIO_STR("a\"b\\c"), "\"a\\\"b\\\\c\""},
        {MANSIO_STR("a\0b"), "\"a b\""},
        {MANSIO_STR("\0\""), "\" \\\"\""},
        {MANSIO_STR("a\r\nb"), "{4}\r\na\r\nb"},
        {MANSIO_STR("\xc3\xa4\"\\"), "{4}\r\n\xc3\xa4\"\\"},
        {MANSIO_STR("\xc3\xa4\0"), "{3}\r\n\xc3\xa4 "},
    };

    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_buf *out = mansio_buf_new(*state, 1000);
        imap_reply_string(out, rows[i].text);
        core_test_str(mansio_buf_str(out), rows[i].wanted);
    }
}

static void makes_literals_of_what_is_long(void **state)
{
    static char text[1025];
    struct mansio_buf *out = mansio_buf_new(*state, 10000);
    memset(text, 'x', sizeof text);
    imap_reply_string(out, (struct mansio_str){text, 1024});
    assert_int_equal(mansio_buf_str(out).len, 1026);
    mansio_buf_reset(out);
    imap_reply_string(out, (struct mansio_str){text, 1025});
    assert_true(mansio_str_starts(mansio_buf_str(out), MANSIO_STR("{1025}\r\nx")));
}

static void prints_nil_for_nothing(void **state)
{
    struct mansio_buf *out = mansio_buf_new(*state, 1000);
    imap_reply_nstring(out, MANSIO_STR_NONE);
    imap_reply_nstring(out, MANSIO_STR(""));
    imap_reply_nstring(out, MANSIO_STR("NIL"));
    core_test_str(mansio_buf_str(out), "NIL\"\"\"NIL\"");
}

static void prints_names_of_mailboxes(void **state)
{
    static const struct {
        const char *name, *wanted;
    } rows[] = {
        {"INBOX", "INBOX"}, {"a/b.c-d_e", "a/b.c-d_e"},   {"a b", "\"a b\""},
        {"nil", "\"nil\""}, /* an atom that would mean something else */
        {"", "\"\""},       {"A&B", "\"A&-B\""},          {"\xc3\xa4\"", "\"&AOQ-\\\"\""},
        {"a*%", "\"a*%\""}, {"a\r\nb", "\"a&AA0ACg-b\""},
    };

    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_buf *out = mansio_buf_new(*state, 1000);
        imap_reply_mailbox(out, core_test_slice(rows[i].name));
        core_test_str(mansio_buf_str(out), rows[i].wanted);
    }
}

static void prints_flags(void **state)
{
    struct mansio_buf *out = mansio_buf_new(*state, 1000);
    imap_reply_flags(out, 0, 0, MANSIO_STR_NONE);
    imap_reply_flags(out, MANSIO_FLAG_SEEN, 1, MANSIO_STR("$Junk a"));
    imap_reply_flags(out, 31, 0, MANSIO_STR_NONE);
    imap_reply_flags(out, 1U << 31, 0, MANSIO_STR("a")); /* newer than we are: not for the wire */
    core_test_str(mansio_buf_str(out), "()(\\Seen \\Recent $Junk a)"
                                       "(\\Answered \\Flagged \\Deleted \\Seen \\Draft)(a)");
}

static void prints_dates_of_four_digit_years(void **state)
{
    struct mansio_buf *out = mansio_buf_new(*state, 1000);
    imap_reply_date_time(out, INT64_MIN);
    imap_reply_date_time(out, INT64_MAX);
    imap_reply_date_time(out, -1);
    core_test_str(mansio_buf_str(out), "\" 1-Jan-0000 00:00:00 +0000\""
                                       "\"31-Dec-9999 23:59:59 +0000\""
                                       "\"31-Dec-1969 23:59:59 +0000\"");
}

static void prints_sets(void **state)
{
    static const uint32_t ranges[] = {1, 1, 3, 5, UINT32_MAX, UINT32_MAX};
    struct mansio_buf *out = mansio_buf_new(*state, 1000);
    imap_reply_set(out, ranges, 3);
    core_test_str(mansio_buf_str(out), "1,3:5,4294967295");
}

static void prints_untagged_lines(void **state)
{
    struct mansio_buf *out = mansio_buf_new(*state, 1000);
    imap_reply_untagged(out, "%d EXISTS", 3);
    core_test_str(mansio_buf_str(out), "* 3 EXISTS\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IMAP_TEST(prints_strings_in_the_form_they_need),
        IMAP_TEST(makes_literals_of_what_is_long),
        IMAP_TEST(prints_nil_for_nothing),
        IMAP_TEST(prints_names_of_mailboxes),
        IMAP_TEST(prints_flags),
        IMAP_TEST(prints_dates_of_four_digit_years),
        IMAP_TEST(prints_sets),
        IMAP_TEST(prints_untagged_lines),
    };
    return cmocka_run_group_tests_name("imap_reply", tests, NULL, NULL);
}
