/*
 * Items of FETCH: what is read, how it is named in the answer, what is refused.
 */
#include "fetch_items.h"

#include "core/base/testing.h"

#include <mansio/error.h>
#include <mansio/str.h>

static int set_up(void **state)
{
    *state = mansio_arena_new(NULL, "test", 4 << 20);
    return 0;
}

static int tear_down(void **state)
{
    mansio_arena_free(*state);
    return 0;
}

static int parse(struct mansio_arena *arena, struct mansio_str text, struct imap_fetch *out,
                 size_t *out_at)
{
    struct imap_cursor cursor = {text.ptr, text.ptr, text.ptr + text.len, arena};
    int rc = imap_fetch_parse(&cursor, out);
    *out_at = (size_t)(cursor.at - cursor.begin);
    return rc;
}

static void reads_items(void **state)
{
    enum {
        FAST = IMAP_FETCH_FLAGS | IMAP_FETCH_INTERNALDATE | IMAP_FETCH_SIZE,
    };
    static const struct {
        const char *text;
        uint32_t what, sets_seen;
        size_t sections;
    } rows[] = {
        {"FLAGS", IMAP_FETCH_FLAGS, 0, 0},
        {"(flags)", IMAP_FETCH_FLAGS, 0, 0},
        {"(UID Flags uid)", IMAP_FETCH_FLAGS | IMAP_FETCH_UID, 0, 0},
        {"FAST", FAST, 0, 0},
        {"all", FAST | IMAP_FETCH_ENVELOPE, 0, 0},
        {"FULL", FAST | IMAP_FETCH_ENVELOPE | IMAP_FETCH_BODY, 0, 0},
        {"(BODY BODYSTRUCTURE)", IMAP_FETCH_BODY | IMAP_FETCH_BODYSTRUCTURE, 0, 0},
        {"MODSEQ", IMAP_FETCH_MODSEQ, 0, 0},
        {"BODY[]", 0, 1, 1},
        {"BODY.PEEK[]", 0, 0, 1},
        {"RFC822", 0, 1, 1},
        {"RFC822.HEADER", 0, 0, 1},
        {"RFC822.TEXT", 0, 1, 1},
        {"RFC822.SIZE", IMAP_FETCH_SIZE, 0, 0},
        {"(BODY.PEEK[] BODY[1] RFC822.SIZE)", IMAP_FETCH_SIZE, 1, 2},
        {"(BODY.PEEK[1] body.peek[2] BODY.PEEK[3] BODY.PEEK[4] BODY.PEEK[5])", 0, 0, 5},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct imap_fetch fetch = {.what = UINT32_MAX};
        size_t at = 0;
        assert_int_equal(parse(*state, core_test_slice(rows[i].text), &fetch, &at), 0);
        assert_int_equal(fetch.what, rows[i].what);
        assert_int_equal(fetch.sets_seen, rows[i].sets_seen);
        assert_int_equal(fetch.section_count, rows[i].sections);
        assert_int_equal(fetch.has_changed_since, 0);
    }
}

static void names_sections(void **state)
{
    static const struct {
        const char *text, *label;
        uint32_t kind;
        size_t depth, fields;
    } rows[] = {
        {"BODY[]", "BODY[]", IMAP_SECTION_ALL, 0, 0},
        {"body.peek[]", "BODY[]", IMAP_SECTION_ALL, 0, 0},
        {"BODY[]<0.100>", "BODY[]<0>", IMAP_SECTION_ALL, 0, 0},
        {"BODY.PEEK[TEXT]<4294967295.1>", "BODY[TEXT]<4294967295>", IMAP_SECTION_TEXT, 0, 0},
        {"BODY[header]", "BODY[HEADER]", IMAP_SECTION_HEADER, 0, 0},
        {"BODY[1]", "BODY[1]", IMAP_SECTION_ALL, 1, 0},
        {"BODY[1.2.3.4.5.66]", "BODY[1.2.3.4.5.66]", IMAP_SECTION_ALL, 6, 0},
        {"BODY[1.mime]", "BODY[1.MIME]", IMAP_SECTION_MIME, 1, 0},
        {"BODY[4.1.HEADER]", "BODY[4.1.HEADER]", IMAP_SECTION_HEADER, 2, 0},
        {"BODY[4.TEXT]<2.3>", "BODY[4.TEXT]<2>", IMAP_SECTION_TEXT, 1, 0},
        {"BODY[HEADER.FIELDS (DATE From)]", "BODY[HEADER.FIELDS (DATE From)]", IMAP_SECTION_FIELDS,
         0, 2},
        {"BODY[HEADER.FIELDS.NOT (a)]<1.2>", "BODY[HEADER.FIELDS.NOT (a)]<1>",
         IMAP_SECTION_FIELDS_NOT, 0, 1},
        {"BODY[1.HEADER.FIELDS (a b c d e f)]", "BODY[1.HEADER.FIELDS (a b c d e f)]",
         IMAP_SECTION_FIELDS, 1, 6},
        {"BODY[HEADER.FIELDS (\"From\" {4}\r\nDate \"\" \"a b\")]",
         "BODY[HEADER.FIELDS (From Date \"\" \"a b\")]", IMAP_SECTION_FIELDS, 0, 4},
        {"RFC822", "RFC822", IMAP_SECTION_ALL, 0, 0},
        {"rfc822.header", "RFC822.HEADER", IMAP_SECTION_HEADER, 0, 0},
        {"RFC822.TEXT", "RFC822.TEXT", IMAP_SECTION_TEXT, 0, 0},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct imap_fetch fetch = {.what = 0};
        size_t at = 0;
        assert_int_equal(parse(*state, core_test_slice(rows[i].text), &fetch, &at), 0);
        assert_int_equal(fetch.section_count, 1);
        core_test_str(fetch.sections->label, rows[i].label);
        assert_int_equal(fetch.sections->text, rows[i].kind);
        assert_int_equal(fetch.sections->depth, rows[i].depth);
        assert_int_equal(fetch.sections->field_count, rows[i].fields);
    }
}

static void reads_numbers_and_ranges(void **state)
{
    struct imap_fetch fetch = {.what = 0};
    size_t at = 0;
    assert_int_equal(parse(*state, MANSIO_STR("BODY[3.21.4294967295]<7.9>"), &fetch, &at), 0);
    assert_int_equal(fetch.sections->numbers[0], 3);
    assert_int_equal(fetch.sections->numbers[1], 21);
    assert_int_equal(fetch.sections->numbers[2], UINT32_MAX);
    assert_int_equal(fetch.sections->is_partial, 1);
    assert_int_equal(fetch.sections->origin, 7);
    assert_int_equal(fetch.sections->length, 9);
    core_test_str(fetch.sections->label, "BODY[3.21.4294967295]<7>");
}

/* RFC 7162 3.1.4.1: the modifier asks for MODSEQ as well. */
static void reads_modifiers(void **state)
{
    struct imap_fetch fetch = {.what = 0};
    size_t at = 0;
    assert_int_equal(parse(*state, MANSIO_STR("FLAGS (CHANGEDSINCE 12345)"), &fetch, &at), 0);
    assert_int_equal(fetch.what, IMAP_FETCH_FLAGS | IMAP_FETCH_MODSEQ);
    assert_int_equal(fetch.has_changed_since, 1);
    assert_int_equal(fetch.changed_since, 12345);
    assert_int_equal(
        parse(*state, MANSIO_STR("(UID) (changedsince 9223372036854775807)"), &fetch, &at), 0);
    assert_true(fetch.changed_since == INT64_MAX);
}

static void refuses_what_is_wrong(void **state)
{
    static const struct {
        const char *text;
        size_t at; /* where the mistake is */
    } rows[] = {
        {"", 0},
        {"()", 1},
        {"(FLAGS", 6},
        {"(FLAGS  UID)", 7},
        {"(FLAGS UID )", 11},
        {"FLAGS UID", 6},
        {"FLAGS ", 6},
        {"(ALL)", 1},
        {"ENVELOP", 0},
        {"BODY.PEEK", 0},
        {"RFC822[]", 0},
        {"FLAGS[]", 0},
        {"BODY[", 5},
        {"BODY[MIME]", 5},
        {"BODY[1.]", 7},
        {"BODY[1.2.]", 9},
        {"BODY[.1]", 5},
        {"BODY[0]", 5},
        {"BODY[1.0]", 7},
        {"BODY[4294967296]", 5},
        {"BODY[1TEXT]", 6},
        {"BODY[1 .2]", 6},
        {"BODY[HEADER.]", 5},
        {"BODY[TEXT.1]", 5},
        {"BODY[HEADER.FIELDS]", 18},
        {"BODY[HEADER.FIELDS ()]", 20},
        {"BODY[HEADER.FIELDS (a ]", 23},
        {"BODY[HEADER.FIELDS (a  b)]", 22},
        {"BODY[HEADER.FIELDS (a)", 22},
        {"BODY[HEADER.FIELDS(a)]", 18},
        {"BODY[]<1>", 8},
        {"BODY[]<1.0>", 9},
        {"BODY[]<-1.1>", 7},
        {"BODY[]<1.1", 10},
        {"BODY[]<1.1>x", 11},
        {"BODY[]x", 6},
        {"FLAGS (CHANGEDSINCE)", 19},
        {"FLAGS (CHANGEDSINCE x)", 20},
        {"FLAGS (CHANGEDSINCE 1", 21},
        {"FLAGS (VANISHED)", 7},
        {"FLAGS (CHANGEDSINCE 9223372036854775808)", 20},
        {"FLAGS (CHANGEDSINCE 1) ", 22},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct imap_fetch fetch = {.what = 77};
        size_t at = 0;
        int rc = parse(*state, core_test_slice(rows[i].text), &fetch, &at);
        if (rc != MANSIO_E_INVALID || at != rows[i].at) {
            print_error("\"%s\" gives %d at %zu\n", rows[i].text, rc, at);
            fail();
        }
        assert_int_equal(fetch.what, 77);
    }
}

/* How many pieces of a text are taken: as many as the limit says, one more is refused. */
static void check_limit(struct mansio_arena *arena, const char *begin, const char *first,
                        const char *more, const char *end, size_t max)
{
    for (size_t count = max; count <= max + 1; count++) {
        struct mansio_buf *text = mansio_buf_new(arena, 1 << 20);
        struct imap_fetch fetch = {.what = 0};
        size_t at = 0;
        mansio_buf_printf(text, "%s%s", begin, first);
        for (size_t i = 1; i < count; i++) {
            mansio_buf_printf(text, "%s", more);
        }
        mansio_buf_printf(text, "%s", end);
        assert_int_equal(parse(arena, mansio_buf_str(text), &fetch, &at),
                         count <= max ? 0 : MANSIO_E_LIMIT);
    }
}

static void has_limits(void **state)
{
    check_limit(*state, "BODY[", "1", ".1", "]", IMAP_SECTION_DEPTH_MAX);
    check_limit(*state, "BODY[HEADER.FIELDS (", "a", " a", ")]", IMAP_SECTION_FIELDS_MAX);
    check_limit(*state, "(", "BODY[]", " BODY[]", ")", IMAP_FETCH_SECTIONS_MAX);
}

#define ITEMS_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ITEMS_TEST(reads_items),
        ITEMS_TEST(names_sections),
        ITEMS_TEST(reads_numbers_and_ranges),
        ITEMS_TEST(reads_modifiers),
        ITEMS_TEST(refuses_what_is_wrong),
        ITEMS_TEST(has_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
