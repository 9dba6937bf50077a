/*
 * Sections of messages: which bytes each means, and the fields that are chosen.
 */
#include "section.h"

#include "testing_fetch.h"

#include <mansio/str.h>

static const char prefix[] = "Return-Path: <r@x.test>\r\nDelivered-To: d@x.test\r\n";

static const char plain[] = "Subject: plain\r\nX: y\r\n\r\nHello\r\n";

static const char nested[] = "Subject: outer\r\n"
                             "Content-Type: multipart/mixed; boundary=o\r\n"
                             "\r\n"
                             "preamble\r\n"
                             "--o\r\n"
                             "X-Part: 1\r\n"
                             "\r\n"
                             "one\r\n"
                             "--o\r\n"
                             "Content-Type: message/rfc822\r\n"
                             "\r\n"
                             "Subject: inner\r\n"
                             "Content-Type: multipart/alternative; boundary=i\r\n"
                             "\r\n"
                             "--i\r\n"
                             "\r\n"
                             "a\r\n"
                             "--i\r\n"
                             "Content-Type: text/html\r\n"
                             "\r\n"
                             "b\r\n"
                             "--i--\r\n"
                             "--o\r\n"
                             "Content-Type: message/rfc822\r\n"
                             "X-Part: 3\r\n"
                             "\r\n"
                             "Subject: simple\r\n"
                             "\r\n"
                             "text\r\n"
                             "--o\r\n"
                             "Content-Type: multipart/mixed; boundary=none\r\n"
                             "\r\n"
                             "no part\r\n"
                             "--o--\r\n"
                             "epilogue\r\n";

static const char forwarded[] = "Subject: f\r\nContent-Type: message/rfc822\r\n\r\n"
                                "Subject: g\r\n\r\ninside\r\n";

static const char headless[] = "\r\nbody\r\n";

struct fixture {
    struct mansio_arena *arena;
    struct mansio_buf *message; /* prefix and message */
    const struct mansio_part *root;
    uint64_t body_bytes;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture.arena = mansio_arena_new(NULL, "test", 0);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    mansio_arena_free(fixture->arena);
    return 0;
}

static void take_message(struct fixture *fixture, const char *text)
{
    fixture->root = fetch_read_message(fixture->arena, text);
    fixture->message = mansio_buf_new(fixture->arena, 1 << 20);
    mansio_buf_printf(fixture->message, "%s%s", prefix, text);
    fixture->body_bytes = strlen(text);
}

static void parse(struct fixture *fixture, const char *text, struct imap_fetch *out)
{
    struct mansio_str bytes = core_test_slice(text);
    struct imap_cursor cursor = {bytes.ptr, bytes.ptr, bytes.ptr + bytes.len, fixture->arena};
    assert_int_equal(imap_fetch_parse(&cursor, out), 0);
    assert_int_equal(out->section_count, 1);
}

/* What a section says, as a test writes it: NULL where there is no such part. */
static const char *bytes_of(struct fixture *fixture, const char *text)
{
    struct mansio_str all = mansio_buf_str(fixture->message);
    struct imap_fetch fetch = {.what = 0};
    struct imap_range range = {0, 0};
    struct mansio_buf *out = mansio_buf_new(fixture->arena, 1 << 20);
    parse(fixture, text, &fetch);
    const struct imap_section *section = fetch.sections;
    const struct mansio_part *root = imap_section_needs_structure(section) ? fixture->root : NULL;
    if (!imap_section_find(section, root, sizeof prefix - 1, fixture->body_bytes, &range)) {
        return NULL;
    }
    assert_true(range.offset + range.length <= all.len);
    if (imap_section_is_choice(section)) {
        imap_section_choose(out, section, mansio_str_sub(all, range.offset, range.length));
        all = imap_section_cut_bytes(section, mansio_buf_str(out));
        mansio_buf_add_char(out, '\0');
        return mansio_buf_str(out).ptr;
    }
    range = imap_section_cut(section, range);
    mansio_buf_add(out, mansio_str_sub(all, range.offset, range.length));
    mansio_buf_add_char(out, '\0');
    return mansio_buf_str(out).ptr;
}

struct row {
    const char *section, *wanted;
};

static void check(struct fixture *fixture, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *got = bytes_of(fixture, rows[i].section);
        if ((got == NULL) != (rows[i].wanted == NULL) ||
            (got != NULL && strcmp(got, rows[i].wanted) != 0)) {
            print_error("%s is \"%s\", wanted \"%s\"\n", rows[i].section, got, rows[i].wanted);
            fail();
        }
    }
}

#define PREFIX "Return-Path: <r@x.test>\r\nDelivered-To: d@x.test\r\n"

static void finds_a_plain_message(void **state)
{
    static const struct row rows[] = {
        {"BODY[]", PREFIX "Subject: plain\r\nX: y\r\n\r\nHello\r\n"},
        {"RFC822", PREFIX "Subject: plain\r\nX: y\r\n\r\nHello\r\n"},
        {"BODY[HEADER]", PREFIX "Subject: plain\r\nX: y\r\n\r\n"},
        {"RFC822.HEADER", PREFIX "Subject: plain\r\nX: y\r\n\r\n"},
        {"BODY[TEXT]", "Hello\r\n"},
        {"RFC822.TEXT", "Hello\r\n"},
        {"BODY[1]", "Hello\r\n"},
        {"BODY[1.MIME]", PREFIX "Subject: plain\r\nX: y\r\n\r\n"},
        {"BODY[1.1]", NULL},
        {"BODY[1.1.1]", NULL},
        {"BODY[2]", NULL},
        {"BODY[1.TEXT]", NULL},
        {"BODY[1.HEADER]", NULL},
        {"BODY[]<0.6>", "Return"},
        {"BODY[TEXT]<1.3>", "ell"},
        {"BODY[TEXT]<5.100>", "\r\n"},
        {"BODY[TEXT]<7.1>", ""},
        {"BODY[TEXT]<4294967295.4294967295>", ""},
        {"BODY[HEADER.FIELDS (subject)]", "Subject: plain\r\n\r\n"},
        {"BODY[HEADER.FIELDS (x return-path x)]", "Return-Path: <r@x.test>\r\nX: y\r\n\r\n"},
        {"BODY[HEADER.FIELDS (none)]", "\r\n"},
        {"BODY[HEADER.FIELDS.NOT (RETURN-PATH delivered-to)]", "Subject: plain\r\nX: y\r\n\r\n"},
        {"BODY[HEADER.FIELDS.NOT (none)]", PREFIX "Subject: plain\r\nX: y\r\n\r\n"},
        {"BODY[2.MIME]", NULL},
    };
    take_message(*state, plain);
    check(*state, rows, MANSIO_COUNT(rows));
}

static void finds_nested_parts(void **state)
{
    static const struct row rows[] = {
        {"BODY[1]", "one"},
        {"BODY[1.MIME]", "X-Part: 1\r\n\r\n"},
        {"BODY[1.1]", NULL},
        {"BODY[1.HEADER]", NULL},
        {"BODY[2.MIME]", "Content-Type: message/rfc822\r\n\r\n"},
        {"BODY[2.HEADER]",
         "Subject: inner\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n"},
        {"BODY[2.HEADER.FIELDS (SUBJECT)]", "Subject: inner\r\n\r\n"},
        {"BODY[2.HEADER.FIELDS.NOT (Content-Type)]", "Subject: inner\r\n\r\n"},
        {"BODY[2.TEXT]", "--i\r\n\r\na\r\n--i\r\nContent-Type: text/html\r\n\r\nb\r\n--i--"},
        {"BODY[2]", "Subject: inner\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n"
                    "--i\r\n\r\na\r\n--i\r\nContent-Type: text/html\r\n\r\nb\r\n--i--"},
        {"BODY[2]<9.5>", "inner"},
        {"BODY[2.1]", "a"},
        {"BODY[2.1.MIME]", "\r\n"},
        {"BODY[2.2]", "b"},
        {"BODY[2.2.MIME]", "Content-Type: text/html\r\n\r\n"},
        {"BODY[2.2.1]", NULL},
        {"BODY[2.3]", NULL},
        {"BODY[3.MIME]", "Content-Type: message/rfc822\r\nX-Part: 3\r\n\r\n"},
        {"BODY[3.HEADER]", "Subject: simple\r\n\r\n"},
        {"BODY[3.TEXT]", "text"},
        {"BODY[3.1]", "text"},
        {"BODY[3.1.MIME]", "Subject: simple\r\n\r\n"},
        {"BODY[3.2]", NULL},
        {"BODY[3.1.1]", NULL},
        {"BODY[4]", "no part"},
        {"BODY[4.1]", ""},
        {"BODY[4.1.MIME]", ""},
        {"BODY[4.1.HEADER]", NULL},
        {"BODY[4.1.1]", NULL},
        {"BODY[4.2]", NULL},
        {"BODY[5]", NULL},
        {"BODY[4294967295]", NULL},
    };
    struct fixture *fixture = *state;
    take_message(fixture, nested);
    check(fixture, rows, MANSIO_COUNT(rows));
    assert_string_equal(bytes_of(fixture, "BODY[TEXT]"), strstr(nested, "preamble"));
}

/* RFC 3501 6.4.5: a message that is another has its parts behind 1. */
static void finds_a_message_in_a_message(void **state)
{
    static const struct row rows[] = {
        {"BODY[1]", "Subject: g\r\n\r\ninside\r\n"},
        {"BODY[1.HEADER]", "Subject: g\r\n\r\n"},
        {"BODY[1.TEXT]", "inside\r\n"},
        {"BODY[1.MIME]", PREFIX "Subject: f\r\nContent-Type: message/rfc822\r\n\r\n"},
        {"BODY[1.1]", "inside\r\n"},
        {"BODY[1.1.MIME]", "Subject: g\r\n\r\n"},
        {"BODY[1.2]", NULL},
        {"BODY[2]", NULL},
    };
    take_message(*state, forwarded);
    check(*state, rows, MANSIO_COUNT(rows));
}

static void finds_a_message_without_header(void **state)
{
    static const struct row rows[] = {
        {"BODY[HEADER]", PREFIX "\r\n"},
        {"BODY[HEADER.FIELDS (Return-Path)]", "Return-Path: <r@x.test>\r\n\r\n"},
        {"BODY[1]", "body\r\n"},
    };
    take_message(*state, headless);
    check(*state, rows, MANSIO_COUNT(rows));
}

static void chooses_fields(void **state)
{
    static const struct {
        const char *header, *wanted, *opposite;
    } rows[] = {
        {"A: 1\r\nB: 2\r\n\r\n", "A: 1\r\n\r\n", "B: 2\r\n\r\n"},
        {"a: 1\r\n  more\r\n\tyet\r\nB: 2\r\nA:3\r\n\r\n", "a: 1\r\n  more\r\n\tyet\r\nA:3\r\n\r\n",
         "B: 2\r\n\r\n"},
        {"B: 2\r\n A: 1\r\n\r\n", "\r\n", "B: 2\r\n A: 1\r\n\r\n"},
        {"A : 1\r\nB\t: 2\r\n\r\n", "A : 1\r\n\r\n", "B\t: 2\r\n\r\n"},
        {"A: 1\nB: 2\n\n", "A: 1\n\r\n", "B: 2\n\r\n"},
        {"A: 1", "A: 1\r\n\r\n", "\r\n"},
        {"B: 2\r\nA: 1", "A: 1\r\n\r\n", "B: 2\r\n\r\n"},
        {"From me Thu\r\nA: 1\r\n>From you\r\n B\r\n\r\n", "A: 1\r\n\r\n", "\r\n"},
        {" A: 1\r\nA: 2\r\n\r\n", "A: 2\r\n\r\n", "\r\n"},
        {"AA: 1\r\nA\r\n\r\n", "\r\n", "AA: 1\r\n\r\n"},
        {"A: 1\r\n\r\nA: body\r\n", "A: 1\r\n\r\n", "\r\n"},
        {"A: 1\r\n \r\nB: 2\r\n\r\n", "A: 1\r\n \r\n\r\n", "B: 2\r\n\r\n"},
        {"", "\r\n", "\r\n"},
        {"\r\n", "\r\n", "\r\n"},
    };
    struct fixture *fixture = *state;
    struct mansio_buf *out = mansio_buf_new(fixture->arena, 1024);
    struct imap_fetch fetch = {.what = 0}, opposite = {.what = 0};
    parse(fixture, "BODY[HEADER.FIELDS (A)]", &fetch);
    parse(fixture, "BODY[HEADER.FIELDS.NOT (A)]", &opposite);
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        mansio_buf_reset(out);
        imap_section_choose(out, fetch.sections, core_test_slice(rows[i].header));
        core_test_str(mansio_buf_str(out), rows[i].wanted);
        mansio_buf_reset(out);
        imap_section_choose(out, opposite.sections, core_test_slice(rows[i].header));
        core_test_str(mansio_buf_str(out), rows[i].opposite);
    }
}

#define SECTION_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SECTION_TEST(finds_a_plain_message),
        SECTION_TEST(finds_nested_parts),
        SECTION_TEST(finds_a_message_in_a_message),
        SECTION_TEST(finds_a_message_without_header),
        SECTION_TEST(chooses_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
