/*
 * The header of a message: what is found in it, cut out of it, and where it ends; every message in
 * one piece and byte by byte.
 */
#include "header.h"

#include "core/base/testing.h"

#include <mansio/arena.h>
#include <mansio/str.h>

#define ALL (SMTP_FIELD_FROM | SMTP_FIELD_DATE | SMTP_FIELD_MESSAGE_ID)

static const struct {
    const char *head, *body;
    uint32_t seen, is_broken;
    const char *authors, *senders;
    const char *cuts; /* what is cut, together */
} ROWS[] = {
    {"From: a@x\r\nDate: d\r\nMessage-ID: <m>\r\n\r\n", "From: b\r\n", ALL, 0, " a@x", "", ""},
    {"", "", 0, 0, "", "", ""},
    {"\r\n", "From: b\r\n", 0, 0, "", "", ""},
    {"Subject: s\r\n", "", SMTP_FIELD_OTHER, 0, "", "", ""},
    /* Names in any case, white space before the colon, folding. */
    {"fRoM \t:a@x,\r\n\tb@y\r\n (c)\r\nsender:\r\n d@z\r\n\r\n", "",
     SMTP_FIELD_FROM | SMTP_FIELD_SENDER, 0, "a@x,\tb@y (c)", " d@z", ""},
    {"From: a@x\r\nFrom: b@y\r\n\r\n", "", SMTP_FIELD_FROM, 0, " a@x, b@y", "", ""},
    /* No field, a fold without one, other bytes: the header ends before them. */
    {"", "hello\r\n", 0, 1, "", "", ""},
    {"", "hello world\r\nFrom: a@x\r\n\r\n", 0, 1, "", "", ""},
    {"", " x: y\r\n", 0, 1, "", "", ""},
    {"", ":x\r\n", 0, 1, "", "", ""},
    {"Subject: s\r\nhello: \r\n", "hello\r\nFrom: a@x\r\n\r\n", SMTP_FIELD_OTHER, 1, "", "", ""},
    {"Subject: s\r\n", "\xc3\xa4: y\r\n", SMTP_FIELD_OTHER, 1, "", "", ""},
    {"Subject: s\r\n", "x\xc3\xa4: y\r\n", SMTP_FIELD_OTHER, 1, "", "", ""},
    {"Subject: s\r\n", "From joe\r\n", SMTP_FIELD_OTHER, 1, "", "", ""},
    {"", "Subject", 0, 1, "", "", ""},
    {"Subject: s", "", SMTP_FIELD_OTHER, 0, "", "", ""},
    /* A line of an mbox comes first or not at all, and doesn't go on. */
    {"From joe@x Thu\r\nDate: d\r\n\r\n", "", SMTP_FIELD_DATE, 0, "", "", "From joe@x Thu\r\n"},
    {">From joe\r\n\r\n", "", 0, 0, "", "", ">From joe\r\n"},
    {"From joe\r\n", " x\r\n", 0, 1, "", "", "From joe\r\n"},
    {"", "from joe\r\n", 0, 1, "", "", ""},
    /* Bcc goes, with what it folds to, wherever it stands. */
    {"Bcc: a@x,\r\n b@y\r\nTo: c\r\nresent-BCC : d\r\n\r\n", "Bcc: e\r\n",
     SMTP_FIELD_BCC | SMTP_FIELD_OTHER, 0, "", "", "Bcc: a@x,\r\n b@y\r\nresent-BCC : d\r\n"},
    {"To: c\r\nBcc: a\r\nBcc: b\r\n", "hello\r\n", SMTP_FIELD_BCC | SMTP_FIELD_OTHER, 1, "", "",
     "Bcc: a\r\nBcc: b\r\n"},
    {"Bcc: a\r\n", "", SMTP_FIELD_BCC, 0, "", "", "Bcc: a\r\n"},
    {"Bcc: a", "", SMTP_FIELD_BCC, 0, "", "", "Bcc: a"},
    {"Bccs: a\r\nXBcc: b\r\nresent-bcc-x-y-z: c\r\n\r\n", "", SMTP_FIELD_OTHER, 0, "", "", ""},
};

struct fixture {
    struct mansio_arena *arena;
    struct mansio_buf *authors, *senders, *cuts;
    struct smtp_header header;
};

static void look(struct fixture *fixture, struct mansio_str text, size_t step)
{
    fixture->arena = mansio_arena_new(NULL, "header", 0);
    fixture->authors = mansio_buf_new(fixture->arena, 1000);
    fixture->senders = mansio_buf_new(fixture->arena, 1000);
    fixture->cuts = mansio_buf_new(fixture->arena, 1000);
    smtp_header_begin(&fixture->header, fixture->authors, fixture->senders);
    for (size_t at = 0; at < text.len; at += step) {
        smtp_header_feed(&fixture->header, mansio_str_sub(text, at, step));
    }
    smtp_header_end(&fixture->header);
    for (size_t i = 0; i < fixture->header.cut_count; i++) {
        const struct smtp_header_cut *cut = &fixture->header.cuts[i];
        mansio_buf_add(fixture->cuts,
                       mansio_str_sub(text, (size_t)cut->offset, (size_t)cut->length));
    }
}

static void reads(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "texts", 0);
    for (size_t i = 0; i < MANSIO_COUNT(ROWS); i++) {
        struct mansio_str text = MANSIO_STR_NONE;
        assert_true(mansio_arena_printf(arena, &text, "%s%s", ROWS[i].head, ROWS[i].body) >= 0);
        for (size_t step = 1; step <= text.len + 1; step += step < 4 ? 1 : text.len) {
            struct fixture fixture;
            look(&fixture, text, step);
            if (fixture.header.seen != ROWS[i].seen ||
                fixture.header.length != strlen(ROWS[i].head) ||
                fixture.header.is_broken != ROWS[i].is_broken || !fixture.header.is_over) {
                print_error("row %zu, step %zu: seen %u, length %u, broken %u\n", i, step,
                            fixture.header.seen, (unsigned)fixture.header.length,
                            fixture.header.is_broken);
                fail();
            }
            core_test_str(mansio_buf_str(fixture.authors), ROWS[i].authors);
            core_test_str(mansio_buf_str(fixture.senders), ROWS[i].senders);
            core_test_str(mansio_buf_str(fixture.cuts), ROWS[i].cuts);
            mansio_arena_free(fixture.arena);
        }
    }
    mansio_arena_free(arena);
}

static void counts_fields(void **state)
{
    (void)state;
    struct fixture fixture;
    look(&fixture, MANSIO_STR("From: a\r\nFrom: b\r\nSender: c\r\n\r\n"), SIZE_MAX);
    assert_int_equal(fixture.header.from_fields, 2);
    assert_int_equal(fixture.header.sender_fields, 1);
    mansio_arena_free(fixture.arena);
}

static void tells_of_too_many_cuts(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "text", 0);
    struct mansio_buf *text = mansio_buf_new(arena, 4096);
    struct fixture fixture;
    for (int i = 0; i < SMTP_HEADER_CUTS_MAX; i++) {
        mansio_buf_add(text, MANSIO_STR("Bcc: a\r\n"));
    }
    look(&fixture, mansio_buf_str(text), SIZE_MAX);
    assert_int_equal(fixture.header.cut_count, SMTP_HEADER_CUTS_MAX);
    assert_int_equal(fixture.header.has_too_many_cuts, 0);
    mansio_arena_free(fixture.arena);
    mansio_buf_add(text, MANSIO_STR("Bcc: a\r\n"));
    look(&fixture, mansio_buf_str(text), SIZE_MAX);
    assert_int_equal(fixture.header.has_too_many_cuts, 1);
    mansio_arena_free(fixture.arena);
    mansio_arena_free(arena);
}

static void keeps_bounded_values(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "text", 0);
    struct mansio_buf *authors = mansio_buf_new(arena, 4);
    struct smtp_header header;
    smtp_header_begin(&header, authors, mansio_buf_new(arena, 4));
    smtp_header_feed(&header, MANSIO_STR("From: a@x.test\r\n\r\n"));
    assert_int_equal(header.is_over, 1);
    assert_true(mansio_buf_status(authors) < 0);
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),
        cmocka_unit_test(counts_fields),
        cmocka_unit_test(tells_of_too_many_cuts),
        cmocka_unit_test(keeps_bounded_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
