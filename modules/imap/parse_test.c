/*
 * The words of commands: good ones, bad ones, and where the cursor stands behind them.
 */
#include "testing.h"

typedef int (*parse_fn)(struct imap_cursor *cursor, struct mansio_str *out);

struct row {
    const char *text; /* NULL ends a table */
    int result;
    const char *out; /* of a good one */
    size_t at;       /* where the cursor stands then */
};

/* Also what stands behind the end of the slice must not matter: the text ends where it ends. */
static void check_rows(struct mansio_arena *arena, parse_fn parse, const struct row *rows)
{
    for (const struct row *row = rows; row->text != NULL; row++) {
        struct mansio_str out = MANSIO_STR("untouched");
        struct imap_cursor cursor = imap_test_cursor(arena, core_test_slice(row->text));
        int rc = parse(&cursor, &out);
        if (rc != row->result || (rc == 0 && (size_t)(cursor.at - cursor.begin) != row->at)) {
            fail_msg("%s: %d, at %zd", row->text, rc, cursor.at - cursor.begin);
        }
        if (rc == 0) {
            core_test_str(out, row->out);
        }
    }
}

static void reads_tags(void **state)
{
    static const struct row rows[] = {
        {"a NOOP", 0, "a", 1},
        {"A001 x", 0, "A001", 4},
        {"a.b]c", 0, "a.b]c", 5},
        {"a+b", 0, "a", 1}, /* '+' is no tag character: no space follows */
        {"", MANSIO_E_INVALID, NULL, 0},
        {" a", MANSIO_E_INVALID, NULL, 0},
        {"+ x", MANSIO_E_INVALID, NULL, 0},
        {"* x", MANSIO_E_INVALID, NULL, 0},
        {"\"a\" x", MANSIO_E_INVALID, NULL, 0},
        {"\xc3\xa4 x", MANSIO_E_INVALID, NULL, 0},
        {"0123456789012345678901234567890123456789012345678901234567890123 x", 0,
         "0123456789012345678901234567890123456789012345678901234567890123", 64},
        {"01234567890123456789012345678901234567890123456789012345678901234 x", MANSIO_E_LIMIT,
         NULL, 0},
        {NULL, 0, NULL, 0},
    };
    check_rows(*state, imap_parse_tag, rows);
}

static void reads_atoms(void **state)
{
    static const struct row rows[] = {
        {"abc", 0, "abc", 3},
        {"a[b", 0, "a[b", 3},
        {"a]b", 0, "a", 1},
        {"a(b", 0, "a", 1},
        {"a%", 0, "a", 1},
        {"a\tb", 0, "a", 1},
        {"a\x7f", 0, "a", 1},
        {"a\xc3\xa4", 0, "a", 1},
        {"$Junk x", 0, "$Junk", 5},
        {"", MANSIO_E_INVALID, NULL, 0},
        {"*", MANSIO_E_INVALID, NULL, 0},
        {"\\Seen", MANSIO_E_INVALID, NULL, 0},
        {"{1}", MANSIO_E_INVALID, NULL, 0},
        {NULL, 0, NULL, 0},
    };
    check_rows(*state, imap_parse_atom, rows);
}

static void reads_strings(void **state)
{
    static const struct row rows[] = {
        {"\"\"", 0, "", 2},
        {"\"a b\" c", 0, "a b", 5},
        {"\"a\\\"b\\\\c\"", 0, "a\"b\\c", 9},
        {"\"\xc3\xa4\"", 0, "\xc3\xa4", 4},
        {"{0}\r\n", 0, "", 5},
        {"{3}\r\na\r\nb", 0, "a\r\n", 8},
        {"{3+}\r\nabc d", 0, "abc", 9},
        {"\"", MANSIO_E_INVALID, NULL, 0},
        {"\"a", MANSIO_E_INVALID, NULL, 0},
        {"\"a\\", MANSIO_E_INVALID, NULL, 0},
        {"\"a\\b\"", MANSIO_E_INVALID, NULL, 0},
        {"\"a\r\n\"", MANSIO_E_INVALID, NULL, 0},
        {"{4}\r\nabc", MANSIO_E_INVALID, NULL, 0},
        {"{3}abc", MANSIO_E_INVALID, NULL, 0},
        {"{3}\nabc", MANSIO_E_INVALID, NULL, 0},
        {"{}\r\nabc", MANSIO_E_INVALID, NULL, 0},
        {"{3-}\r\nabc", MANSIO_E_INVALID, NULL, 0},
        {"{3", MANSIO_E_INVALID, NULL, 0},
        {"{3}\r", MANSIO_E_INVALID, NULL, 0},
        {"{9223372036854775807}\r\nabc", MANSIO_E_INVALID, NULL, 0},
        {"{18446744073709551616}\r\nabc", MANSIO_E_INVALID, NULL, 0},
        {"abc", MANSIO_E_INVALID, NULL, 0},
        {"", MANSIO_E_INVALID, NULL, 0},
        {NULL, 0, NULL, 0},
    };
    check_rows(*state, imap_parse_string, rows);
}

/* RFC 3501 9: CHAR8 and TEXT-CHAR are without NUL. */
static void refuses_nul_in_strings(void **state)
{
    static const struct mansio_str rows[] = {
        MANSIO_STR("\"a\0b\""),
        MANSIO_STR("{3}\r\na\0b"),
        MANSIO_STR("\0"),
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_str out;
        struct imap_cursor cursor = imap_test_cursor(*state, rows[i]);
        assert_int_equal(imap_parse_astring(&cursor, &out), MANSIO_E_INVALID);
    }
}

static void reads_astrings(void **state)
{
    static const struct row rows[] = {
        {"abc]d e", 0, "abc]d", 5},
        {"\"a b\"", 0, "a b", 5},
        {"{2}\r\n() x", 0, "()", 7},
        {"{2}", MANSIO_E_INVALID, NULL, 0},
        {"(a)", MANSIO_E_INVALID, NULL, 0},
        {"", MANSIO_E_INVALID, NULL, 0},
        {NULL, 0, NULL, 0},
    };
    check_rows(*state, imap_parse_astring, rows);
}

static void reads_names_of_mailboxes(void **state)
{
    static const struct row rows[] = {
        {"inbox", 0, "INBOX", 5},
        {"\"InBox\"", 0, "INBOX", 7},
        {"inbox/a", 0, "INBOX/a", 7},
        {"inboxes", 0, "inboxes", 7},
        {"a/inbox", 0, "a/inbox", 7},
        {"Sent/", 0, "Sent", 5}, /* RFC 3501 6.3.3 */
        {"\"a b/c\"", 0, "a b/c", 7},
        {"Entw&APw-rfe", 0, "Entw\xc3\xbcrfe", 12},
        {"{5}\r\nA&-BC x", 0, "A&BC", 10},
        {"\"\"", MANSIO_E_INVALID, NULL, 0},
        {"/", MANSIO_E_INVALID, NULL, 0},
        {"/a", MANSIO_E_INVALID, NULL, 0},
        {"a//b", MANSIO_E_INVALID, NULL, 0},
        {"a//", MANSIO_E_INVALID, NULL, 0},
        {"a&b", MANSIO_E_INVALID, NULL, 0},
        {"&AAk-", MANSIO_E_INVALID, NULL, 0}, /* a tab */
        {"&AAA-", MANSIO_E_INVALID, NULL, 0}, /* NUL */
        {"\"\xc3\xa4\"", MANSIO_E_INVALID, NULL, 0},
        {"(a)", MANSIO_E_INVALID, NULL, 0},
        {NULL, 0, NULL, 0},
    };
    check_rows(*state, imap_parse_mailbox, rows);
}

static void reads_patterns_of_list(void **state)
{
    static const struct row rows[] = {
        {"*", 0, "*", 1},
        {"%/% x", 0, "%/%", 3},
        {"\"\"", 0, "", 2},
        {"inbox", 0, "inbox", 5},
        {"a]%", 0, "a]%", 3},
        {"\"Entw&APw-*\"", 0, "Entw\xc3\xbc*", 12},
        {"a&*", MANSIO_E_INVALID, NULL, 0},
        {"", MANSIO_E_INVALID, NULL, 0},
        {"(", MANSIO_E_INVALID, NULL, 0},
        {NULL, 0, NULL, 0},
    };
    check_rows(*state, imap_parse_list_mailbox, rows);
}

static void reads_words_that_end_there(void **state)
{
    static const struct {
        const char *text, *word;
        int result;
    } rows[] = {
        {"BODY[1]", "BODY", 1},
        {"body", "BODY", 1},
        {"BODY.PEEK[]", "BODY", 0},
        {"BODY (", "BODY", 1},
        {"BODYSTRUCTURE", "BODY", 0},
        {"RFC822)", "RFC822", 1},
        {"RFC822.SIZE", "RFC822", 0},
        {"BO", "BODY", 0},
        {"", "BODY", 0},
        {"UID\r", "UID", 1},
    };

    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct imap_cursor cursor = imap_test_cursor(*state, core_test_slice(rows[i].text));
        assert_int_equal(imap_parse_word(&cursor, core_test_slice(rows[i].word)), rows[i].result);
        assert_int_equal(cursor.at - cursor.begin, rows[i].result ? strlen(rows[i].word) : 0);
    }
}

static void reads_numbers(void **state)
{
    static const struct {
        const char *text;
        int number, nz_number, number64; /* results */
        uint64_t value;
        size_t at;
    } rows[] = {
        {"0", 0, MANSIO_E_INVALID, 0, 0, 1},
        {"1 x", 0, 0, 0, 1, 1},
        {"0042", 0, 0, 0, 42, 4},
        {"4294967295", 0, 0, 0, UINT32_MAX, 10},
        {"4294967296", MANSIO_E_INVALID, MANSIO_E_INVALID, 0, UINT64_C(4294967296), 10},
        {"9223372036854775807", MANSIO_E_INVALID, MANSIO_E_INVALID, 0, INT64_MAX, 19},
        {"9223372036854775808", MANSIO_E_INVALID, MANSIO_E_INVALID, MANSIO_E_INVALID, 0, 0},
        {"-1", MANSIO_E_INVALID, MANSIO_E_INVALID, MANSIO_E_INVALID, 0, 0},
        {"", MANSIO_E_INVALID, MANSIO_E_INVALID, MANSIO_E_INVALID, 0, 0},
        {"x", MANSIO_E_INVALID, MANSIO_E_INVALID, MANSIO_E_INVALID, 0, 0},
    };

    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        uint32_t number = 0, nz_number = 0;
        uint64_t number64 = 0;
        struct imap_cursor a = imap_test_cursor(*state, core_test_slice(rows[i].text)), b = a,
                           c = a;
        assert_int_equal(imap_parse_number(&a, &number), rows[i].number);
        assert_int_equal(imap_parse_nz_number(&b, &nz_number), rows[i].nz_number);
        assert_int_equal(imap_parse_number64(&c, &number64), rows[i].number64);
        assert_true(rows[i].number < 0 || number == rows[i].value);
        assert_true(rows[i].nz_number < 0 || nz_number == rows[i].value);
        assert_true(number64 == rows[i].value);
        assert_int_equal(a.at - a.begin, rows[i].number < 0 ? 0 : rows[i].at);
        assert_int_equal(b.at - b.begin, rows[i].nz_number < 0 ? 0 : rows[i].at);
        assert_int_equal(c.at - c.begin, rows[i].at);
    }
}

static void takes_single_characters(void **state)
{
    struct imap_cursor cursor = imap_test_cursor(*state, MANSIO_STR(" ( x"));
    assert_int_equal(imap_parse_end(&cursor), MANSIO_E_INVALID);
    assert_int_equal(imap_parse_space(&cursor), 0);
    assert_int_equal(imap_parse_space(&cursor), MANSIO_E_INVALID);
    assert_int_equal(imap_parse_sees(&cursor, '('), 1);
    assert_int_equal(imap_parse_char(&cursor, ')'), MANSIO_E_INVALID);
    assert_int_equal(imap_parse_char(&cursor, '('), 0);
    assert_int_equal(imap_parse_space(&cursor), 0);
    assert_int_equal(imap_parse_char(&cursor, 'x'), 0);
    assert_int_equal(imap_parse_sees(&cursor, 'x'), 0);
    assert_int_equal(imap_parse_char(&cursor, 'x'), MANSIO_E_INVALID);
    assert_int_equal(imap_parse_end(&cursor), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IMAP_TEST(reads_tags),
        IMAP_TEST(reads_atoms),
        IMAP_TEST(reads_strings),
        IMAP_TEST(refuses_nul_in_strings),
        IMAP_TEST(reads_astrings),
        IMAP_TEST(reads_names_of_mailboxes),
        IMAP_TEST(reads_patterns_of_list),
        IMAP_TEST(reads_words_that_end_there),
        IMAP_TEST(reads_numbers),
        IMAP_TEST(takes_single_characters),
    };
    return cmocka_run_group_tests_name("imap_parse", tests, NULL, NULL);
}
