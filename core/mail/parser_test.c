/* Tests of the MIME parser: RFC 2046 5.1, 5.2.1, and what it does where the RFCs are broken. */
#include "core/mail/parser.h"

#include "core/mail/stored.h"
#include "core/mail/testing.h"

#include <mansio/error.h>

/*
 * Each part on a line: ">" for each level, type, line ends of header and body, its body with CR and
 * LF as "\r" and "\n" (a leaf's alone).
 */
static void show(struct mansio_buf *out, const struct core_mail_message *message,
                 struct mansio_str text)
{
    for (const struct core_mail_part *at = message->root; at != NULL; at = at->following) {
        struct mansio_str body =
            mansio_str_sub(text, at->body_start, at->body_end - at->body_start);

        for (const struct core_mail_part *up = at->parent; up != NULL; up = up->parent) {
            (void)mansio_buf_add_char(out, '>');
        }
        (void)mansio_buf_printf(out, "%.*s/%.*s %d,%d", MANSIO_STR_ARG(at->type.value),
                                MANSIO_STR_ARG(at->type.subtype), (int)at->header_lines,
                                (int)at->body_lines);
        for (size_t i = 0; at->kind == CORE_MAIL_PART_LEAF && i < body.len; i++) {
            if (i == 0) {
                (void)mansio_buf_add_char(out, ' ');
            }
            if (body.ptr[i] == '\n') {
                (void)mansio_buf_add(out, MANSIO_STR("\\n"));
            } else if (body.ptr[i] != '\r') {
                (void)mansio_buf_add_char(out, body.ptr[i]);
            }
        }
        (void)mansio_buf_add_char(out, '\n');
    }
}

#define MIXED "Content-Type: multipart/mixed; boundary=o\r\n\r\n"
#define INNER "Content-Type: multipart/alternative; boundary=i\r\n\r\n"

static const struct {
    const char *name;
    const char *text;
    const char *parts;
} ROWS[] = {
    {"nothing", "", "text/plain 0,0\n"},
    {"only an empty line", "\r\n", "text/plain 1,0\n"},
    {"no header", "\r\nbody\r\n", "text/plain 1,1 body\\n\n"},
    {"no body", "A: b\r\n", "text/plain 1,0\n"},
    {"no end of line", "A: b\r\n\r\nbody", "text/plain 2,0 body\n"},
    {"no empty line", "A: b\r\nbody one\r\n", "text/plain 1,1 body one\\n\n"},
    {"mbox", "From x\r\nA: b\r\n\r\nx\r\n", "text/plain 3,1 x\\n\n"},
    {"LF", "A: b\n\nx\ny\n", "text/plain 2,2 x\\ny\\n\n"},
    {"two parts", MIXED "--o\r\n\r\na\r\n--o\r\nContent-Type: text/html\r\n\r\nb\r\n\r\n--o--\r\n",
     "multipart/mixed 2,9\n>text/plain 1,0 a\n>text/html 2,1 b\\n\n"},
    {"preamble, epilogue", MIXED "pre\r\n--o\r\n\r\na\r\n--o--\r\nepi\r\n--o\r\nno part\r\n",
     "multipart/mixed 2,8\n>text/plain 1,0 a\n"},
    {"padding (RFC 2046 5.1.1)", MIXED "--o \t\r\n\r\na\r\n--o-- \r\n",
     "multipart/mixed 2,4\n>text/plain 1,0 a\n"},
    {"a line that begins like a boundary", MIXED "--o\r\n\r\n--ox\r\n--o-x\r\n -o\r\n--o--\r\n",
     "multipart/mixed 2,6\n>text/plain 1,2 --ox\\n--o-x\\n -o\n"},
    {"no closing boundary", MIXED "--o\r\n\r\na\r\n--o\r\n\r\nb\r\n",
     "multipart/mixed 2,6\n>text/plain 1,0 a\n>text/plain 1,0 b\n"},
    {"no boundary line", MIXED "a\r\nb\r\n", "multipart/mixed 2,2\n"},
    {"no boundary parameter", "Content-Type: multipart/mixed\r\n\r\n--\r\n\r\nx\r\n",
     "multipart/mixed 2,3\n"},
    {"boundary at the very end", MIXED "--o\r\n\r\na\r\n--o--",
     "multipart/mixed 2,3\n>text/plain 1,0 a\n"},
    {"empty part", MIXED "--o\r\n\r\n--o\r\n\r\n\r\n--o--\r\n",
     "multipart/mixed 2,6\n>text/plain 1,0\n>text/plain 1,0\n"},
    {"header-only part", MIXED "--o\r\nContent-Type: text/html\r\n--o--\r\n",
     "multipart/mixed 2,3\n>text/html 1,0\n"},
    {"boundaries in a row", MIXED "--o\r\n--o\r\n--o\r\n\r\na\r\n--o--\r\n",
     "multipart/mixed 2,6\n>text/plain 1,0 a\n"},
    {"boundary without a header's end", "Content-Type: multipart/mixed; boundary=o\r\n--o\r\n\r\na",
     "multipart/mixed 1,2\n>text/plain 1,0 a\n"},
    {"nested", MIXED "--o\r\n" INNER "--i\r\n\r\na\r\n--i--\r\n--o\r\n\r\nb\r\n--o--\r\n",
     "multipart/mixed 2,11\n>multipart/alternative 2,3\n>>text/plain 1,0 a\n>text/plain 1,0 b\n"},
    {"RFC 2046 5.1.2: an outer boundary inside of an inner multipart",
     MIXED "--o\r\n" INNER "--i\r\n\r\na\r\n--o\r\n\r\nb\r\n--o--\r\n",
     "multipart/mixed 2,10\n>multipart/alternative 2,2\n>>text/plain 1,0 a\n>text/plain 1,0 b\n"},
    {"the same boundary twice",
     MIXED "--o\r\n" MIXED "--o\r\n\r\na\r\n--o--\r\n--o\r\n\r\nb\r\n--o--\r\n",
     "multipart/mixed 2,11\n>multipart/mixed 2,3\n>>text/plain 1,0 a\n>text/plain 1,0 b\n"},
    {"RFC 2046 5.1.5: digest",
     "Content-Type: multipart/digest; boundary=o\r\n\r\n--o\r\n\r\nA: b\r\n\r\nx\r\n--o\r\n"
     "Content-Type: text/plain\r\n\r\ny\r\n--o--\r\n",
     "multipart/digest 2,10\n>message/rfc822 1,2\n>>text/plain 2,0 x\n>text/plain 2,0 y\n"},
    {"RFC 2046 5.2.1: message",
     "Content-Type: message/rfc822\r\n\r\nContent-Type: text/html\r\n\r\nx\r\ny\r\n",
     "message/rfc822 2,4\n>text/html 2,2 x\\ny\\n\n"},
    {"message without a message", "Content-Type: message/rfc822\r\n\r\n",
     "message/rfc822 2,0\n>text/plain 0,0\n"},
    {"message without a body", "Content-Type: message/rfc822\r\n",
     "message/rfc822 1,0\n>text/plain 0,0\n"},
    {"message/partial is a leaf", "Content-Type: message/partial\r\n\r\nA: b\r\n",
     "message/partial 2,1 A: b\\n\n"},
    {"message in a multipart",
     MIXED "--o\r\nContent-Type: message/rfc822\r\n\r\n" INNER "--i\r\n\r\na\r\n--o--\r\n",
     "multipart/mixed 2,9\n>message/rfc822 2,4\n>>multipart/alternative 2,2\n>>>text/plain 1,0 "
     "a\n"},
    {"RFC 2045 5.2: broken type", "Content-Type: nonsense\r\n\r\nx", "text/plain 2,0 x\n"},
    {"quoted boundary with a folded space",
     "Content-Type: multipart/mixed; boundary=\"a\r\n b\"\r\n\r\n--a b\r\n\r\nx\r\n--a b--\r\n",
     "multipart/mixed 3,4\n>text/plain 1,0 x\n"},
    {"CR alone ends no line", "A: b\r\n\r\nx\ry\r\r\n", "text/plain 2,1 xy\\n\n"},
};

/* Read a text in pieces: one of @p first bytes, then of @p step. */
static const struct core_mail_message *parse(struct mansio_arena *arena, struct mansio_str text,
                                             const struct core_mail_limits *limits, size_t first,
                                             size_t step)
{
    struct core_mail_parser *parser = core_mail_parser_new(arena, limits);
    const struct core_mail_message *message = NULL;
    size_t size = first;

    while (text.len > 0) {
        assert_int_equal(core_mail_parser_feed(parser, mansio_str_sub(text, 0, size)), 0);
        text = mansio_str_sub(text, size, SIZE_MAX);
        size = step;
    }
    assert_int_equal(core_mail_parser_finish(parser, &message), 0);
    return message;
}

static void test_structures_at_every_split(void **state)
{
    struct mail_fixture *fixture = *state;
    struct core_mail_limits limits = core_mail_limits_usual();

    for (size_t i = 0; i < MANSIO_COUNT(ROWS); i++) {
        struct mansio_str text = core_test_slice(ROWS[i].text);

        for (size_t cut = 1; cut <= text.len + 1; cut++) {
            struct mansio_arena *arena = mansio_arena_new(NULL, "split", 0);
            const struct core_mail_message *message =
                parse(arena, text, &limits, cut, cut == 1 ? 1 : SIZE_MAX);

            show(fixture->out, message, text);
            mail_expect(fixture, ROWS[i].name, ROWS[i].parts);
            assert_int_equal(message->size, text.len);
            assert_int_equal(message->is_limited, 0);
            assert_int_equal(message->root->body_end, text.len);
            mansio_arena_free(arena);
        }
    }
}

static void test_offsets(void **state)
{
    struct mail_fixture *fixture = *state;
    struct mansio_str text = MANSIO_STR(MIXED "--o\r\nA: b\r\n\r\nx\r\n--o--\r\n");
    struct core_mail_limits limits = core_mail_limits_usual();
    const struct core_mail_message *message =
        parse(fixture->arena, text, &limits, SIZE_MAX, SIZE_MAX);
    const struct core_mail_part *part = message->root->first_child;

    assert_int_equal(message->root->header_start, 0);
    assert_int_equal(message->root->body_start, sizeof MIXED - 1);
    assert_int_equal(part->header_start, sizeof MIXED - 1 + 5);
    assert_int_equal(part->body_start, part->header_start + 8);
    assert_int_equal(part->body_end, part->body_start + 1);
    assert_int_equal(message->lines, 7);
}

static void test_fields(void **state)
{
    struct mail_fixture *fixture = *state;
    struct core_mail_limits limits = core_mail_limits_usual();
    struct mansio_str text = MANSIO_STR(
        "Date: Mon, 2 Jan 2006 15:04:05 +0000\r\nSubject: one\r\n two\r\nSubject: second\r\n"
        "From: A <a@x>\r\nTo: b@y\r\nTO: c@z\r\nCc: d@w\r\nBcc: e@v\r\nSender: s@x\r\n"
        "Reply-To: r@x\r\nMessage-ID: <1@x>\r\nIn-Reply-To: <0@x>\r\nReferences: <0@x>\r\n"
        "Content-Type: image/png; name=p\r\nContent-Transfer-Encoding: BASE64 (c)\r\n"
        "Content-ID: <i@x>\r\nContent-Description: d\r\nContent-MD5: m==\r\n"
        "Content-Disposition: inline; filename=f\r\nContent-Language: de\r\n"
        "Content-Location: l\r\nX-Other: o\r\n\r\n");
    const struct core_mail_part *root =
        parse(fixture->arena, text, &limits, SIZE_MAX, SIZE_MAX)->root;

    core_test_str(root->envelope->date, "Mon, 2 Jan 2006 15:04:05 +0000");
    core_test_str(root->envelope->subject, "one two");
    core_test_str(root->envelope->message_id, "<1@x>");
    core_test_str(root->envelope->in_reply_to, "<0@x>");
    core_test_str(root->envelope->references, "<0@x>");
    core_mail_address_print(fixture->out, &root->envelope->to);
    mail_expect(fixture, "RFC 5322 4.5.3: to", "b@y, c@z");
    core_test_str(root->envelope->from.first->name, "A");
    core_test_str(root->envelope->cc.first->local, "d");
    core_test_str(root->envelope->bcc.first->local, "e");
    core_test_str(root->envelope->sender.first->local, "s");
    core_test_str(root->envelope->reply_to.first->local, "r");
    core_test_str(root->type.first->value, "p");
    core_test_str(root->encoding, "base64");
    core_test_str(root->id, "<i@x>");
    core_test_str(root->description, "d");
    core_test_str(root->md5, "m==");
    core_test_str(root->disposition.value, "inline");
    core_test_str(root->disposition.first->value, "f");
    core_test_str(root->language, "de");
    core_test_str(root->location, "l");
}

static void test_absent_fields_are_nil(void **state)
{
    struct mail_fixture *fixture = *state;
    struct core_mail_limits limits = core_mail_limits_usual();
    const struct core_mail_part *root =
        parse(fixture->arena, MANSIO_STR("Subject:\r\n\r\n"), &limits, SIZE_MAX, SIZE_MAX)->root;

    assert_non_null(root->envelope->subject.ptr);
    assert_int_equal(root->envelope->subject.len, 0);
    assert_null(root->envelope->date.ptr);
    assert_null(root->envelope->from.first);
    assert_null(root->encoding.ptr);
    assert_null(root->disposition.value.ptr);
}

static const struct {
    const char *text;
    const char *decoded;
} TEXTS[] = {
    {"\r\nplain\r\n", "plain\r\n\n"},
    {"Content-Type: text/plain; charset=iso-8859-1\r\n"
     "Content-Transfer-Encoding: quoted-printable\r\n\r\nf=FCr=\r\n x\r\n",
     "f\xC3\xBCr x\r\n\n"},
    {"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+\r\nw6Q=\r\n",
     "<b>\xC3\xA4\n"},
    {"Content-Type: image/png\r\n\r\nnot text", ""},
    {MIXED
     "pre\r\n--o\r\n\r\na\r\n--o\r\nContent-Type: x/y\r\n\r\nb\r\n--o\r\n\r\nc\r\n--o--\r\nepi",
     "a\nc\n"},
};

static void test_decoded_text(void **state)
{
    struct mail_fixture *fixture = *state;
    struct core_mail_limits limits = core_mail_limits_usual();

    for (size_t i = 0; i < MANSIO_COUNT(TEXTS); i++) {
        for (size_t cut = 1; cut <= strlen(TEXTS[i].text); cut++) {
            struct mansio_arena *arena = mansio_arena_new(NULL, "split", 0);

            (void)mansio_buf_add(
                fixture->out,
                parse(arena, core_test_slice(TEXTS[i].text), &limits, cut, SIZE_MAX)->text);
            mail_expect(fixture, TEXTS[i].text, TEXTS[i].decoded);
            mansio_arena_free(arena);
        }
    }
    limits.text_max_bytes = 2;
    core_test_str(
        parse(fixture->arena, MANSIO_STR("\r\na\xC3\xA4"), &limits, SIZE_MAX, SIZE_MAX)->text, "a");
    limits.text_max_bytes = 0;
    assert_int_equal(
        parse(fixture->arena, MANSIO_STR("\r\na"), &limits, SIZE_MAX, SIZE_MAX)->text.len, 0);
}

static void test_limits(void **state)
{
    struct mail_fixture *fixture = *state;
    struct core_mail_limits limits = core_mail_limits_usual();
    struct mansio_str two = MANSIO_STR(MIXED "--o\r\n\r\na\r\n--o\r\n\r\nb\r\n--o--\r\n");
    struct mansio_str nested =
        MANSIO_STR(MIXED "--o\r\n" INNER "--i\r\n\r\na\r\n--i--\r\n--o--\r\n");
    const struct core_mail_message *message;

    limits.parts_max = 2;
    message = parse(fixture->arena, two, &limits, SIZE_MAX, SIZE_MAX);
    show(fixture->out, message, two);
    mail_expect(fixture, "parts", "multipart/mixed 2,7\n>text/plain 1,3 a\\n--o\\n\\nb\n");
    assert_int_equal(message->is_limited, 1);
    limits = core_mail_limits_usual();
    limits.depth_max = 2;
    message = parse(fixture->arena, nested, &limits, SIZE_MAX, SIZE_MAX);
    show(fixture->out, message, nested);
    mail_expect(fixture, "depth", "multipart/mixed 2,8\n>multipart/alternative 2,3\n");
    assert_int_equal(message->is_limited, 1);
    message = parse(fixture->arena,
                    MANSIO_STR("Content-Type: message/rfc822\r\n\r\n"
                               "Content-Type: message/rfc822\r\n\r\nx"),
                    &limits, SIZE_MAX, SIZE_MAX);
    assert_int_equal(message->root->kind, CORE_MAIL_PART_MESSAGE);
    assert_int_equal(message->root->first_child->kind, CORE_MAIL_PART_LEAF);
    limits = core_mail_limits_usual();
    limits.header_max_bytes = 9;
    message = parse(fixture->arena, MANSIO_STR("Subject: abc\r\nDate: x\r\n\r\ny"), &limits, 3, 4);
    assert_int_equal(message->is_limited, 1);
    assert_int_equal(message->root->body_start, 25);
    limits = core_mail_limits_usual();
    limits.result_max_bytes = 1;
    message = parse(fixture->arena, two, &limits, SIZE_MAX, SIZE_MAX);
    assert_int_equal(message->part_count, 1);
    assert_int_equal(message->is_limited, 1);
}

static void test_full_arena_is_told(void **state)
{
    struct core_mail_limits limits = core_mail_limits_usual();
    struct mansio_arena *small = mansio_arena_new(NULL, "small", 8192);
    const struct core_mail_message *message = NULL;
    static char text[9000];

    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text, "Subject: ", 9);
    assert_int_equal(
        core_mail_parse(small, (struct mansio_str){text, sizeof text}, &limits, &message),
        MANSIO_E_LIMIT);
    assert_null(message);
    mansio_arena_free(small);
}

/* Lines of a head's length and around it: the place where pieces are brought together. */
static void test_long_lines(void **state)
{
    struct mail_fixture *fixture = *state;
    struct core_mail_limits limits = core_mail_limits_usual();
    char text[2048];

    for (size_t length = 1018; length < 1030; length++) {
        static const size_t STEPS[] = {SIZE_MAX, 1, 7, 1023, 1024, 1025};
        size_t end = 0;

        memcpy(text, "\r\n", 2);
        memset(text + 2, 'x', length);
        end = 2 + length;
        memcpy(text + end, "\r\ny\r\n", 5);
        end += 5;
        for (size_t s = 0; s < MANSIO_COUNT(STEPS); s++) {
            const struct core_mail_message *message =
                parse(fixture->arena, (struct mansio_str){text, end}, &limits, STEPS[s], STEPS[s]);

            assert_int_equal(message->root->body_lines, 2);
            assert_int_equal(message->root->body_end, end);
            assert_int_equal(message->text.len, end - 2 + 1);
            assert_memory_equal(message->text.ptr, text + 2, end - 2);
        }
    }
}

/* A boundary on each line, in as deep a nest as there may be: no worse than linear. */
static void test_deep_nest_of_boundaries(void **state)
{
    struct mail_fixture *fixture = *state;
    struct core_mail_limits limits = core_mail_limits_usual();
    struct mansio_buf *text = mansio_buf_new(fixture->arena, 4 << 20);

    for (int i = 0; i < 40; i++) {
        (void)mansio_buf_printf(
            text, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i);
    }
    for (int i = 0; i < 100000; i++) {
        (void)mansio_buf_add(text, MANSIO_STR("--b0x\r\n"));
    }
    const struct core_mail_message *message =
        parse(fixture->arena, mansio_buf_str(text), &limits, SIZE_MAX, SIZE_MAX);

    assert_int_equal(message->part_count, limits.depth_max);
    assert_int_equal(message->is_limited, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAIL_TEST(test_structures_at_every_split),
        MAIL_TEST(test_offsets),
        MAIL_TEST(test_fields),
        MAIL_TEST(test_absent_fields_are_nil),
        MAIL_TEST(test_decoded_text),
        MAIL_TEST(test_limits),
        MAIL_TEST(test_full_arena_is_told),
        MAIL_TEST(test_long_lines),
        MAIL_TEST(test_deep_nest_of_boundaries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
