/*
 * Modified UTF-7: the spellings of RFC 3501 5.1.3 and those that it forbids.
 */
#include "testing.h"

#include "mutf7.h"

static const struct {
    const char *wire, *name;
} pairs[] = {
    {"", ""},
    {"INBOX", "INBOX"},
    {"a b~!", "a b~!"},
    {"&-", "&"},
    {"A&-B", "A&B"},
    {"&-&-", "&&"},
    {"&-&2D3eAA-", "&\xf0\x9f\x98\x80"},
    {"~peter/mail/&U,BTFw-/&ZeVnLIqe-",
     "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"}, /* RFC's own */
    {"Entw&APw-rfe", "Entw\xc3\xbcrfe"},
    {"&AOQ-&-&APY-", "\xc3\xa4&\xc3\xb6"}, /* '&' ends a shift and is no part of one */
    {"&AOQA9gD8-", "\xc3\xa4\xc3\xb6\xc3\xbc"},
    {"&2D3eAA-", "\xf0\x9f\x98\x80"},
    {"&2,,f,w-", "\xf4\x8f\xbf\xbf"},
    {"&,,8-", "\xef\xbf\xbf"},
    {"&AAk-", "\t"},
    {"*%", "*%"},
};

static void undoes_what_is_well_spelled(void **state)
{
    for (size_t i = 0; i < MANSIO_COUNT(pairs); i++) {
        struct mansio_str out;
        assert_int_equal(imap_mutf7_decode(*state, core_test_slice(pairs[i].wire), &out), 0);
        core_test_str(out, pairs[i].name);
    }
}

static void spells_as_the_rfc_does(void **state)
{
    for (size_t i = 0; i < MANSIO_COUNT(pairs); i++) {
        struct mansio_buf *out = mansio_buf_new(*state, 1000);
        imap_mutf7_encode(out, core_test_slice(pairs[i].name), 0);
        core_test_str(mansio_buf_str(out), pairs[i].wire);
    }
}

static void refuses_other_spellings(void **state)
{
    static const char *const rows[] = {
        "&",          "a&",       "&AOQ",     "&AOQ/",                /* no end */
        "&A-",        "&AO-",     "&AOQA-",                           /* no whole units */
        "&AOR-",                                                      /* spare bits */
        "&AGE-",      "&AOQAYQ-",                                     /* what stands for itself */
        "&AOQ-&APY-",                                                 /* a shift too many */
        "&2D0-",      "&3gA-",    "&2D3YPQ-", "&2D0A5A-", "&2D0AQQ-", /* halves of surrogates */
        "&AOQ=-",     "&A/8-",    "&A 8-",                            /* no digits */
        "\xc3\xa4",   "a\tb",     "a\x7f",                            /* not printable ASCII */
    };

    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_str out = MANSIO_STR("untouched");
        assert_int_equal(imap_mutf7_decode(*state, core_test_slice(rows[i]), &out),
                         MANSIO_E_INVALID);
        core_test_str(out, "untouched");
    }
}

static void replaces_what_is_no_utf8(void **state)
{
    static const char *const rows[] = {
        "\xff", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\x80",
    };

    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_buf *out = mansio_buf_new(*state, 1000);
        imap_mutf7_encode(out, core_test_slice(rows[i]), 0);
        assert_true(mansio_str_starts(mansio_buf_str(out), MANSIO_STR("&,,")));
    }
}

static void escapes_between_quotes(void **state)
{
    struct mansio_buf *out = mansio_buf_new(*state, 1000);
    imap_mutf7_encode(out, MANSIO_STR("a\"b\\c&\xc3\xa4"), 1);
    core_test_str(mansio_buf_str(out), "a\\\"b\\\\c&-&AOQ-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IMAP_TEST(undoes_what_is_well_spelled), IMAP_TEST(spells_as_the_rfc_does),
        IMAP_TEST(refuses_other_spellings),     IMAP_TEST(replaces_what_is_no_utf8),
        IMAP_TEST(escapes_between_quotes),
    };
    return cmocka_run_group_tests_name("imap_mutf7", tests, NULL, NULL);
}
