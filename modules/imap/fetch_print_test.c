/*
 * ENVELOPE and BODYSTRUCTURE: what is printed of messages.
 */
#include "fetch_print.h"

#include "testing_fetch.h"

#include <mansio/str.h>

#include "reply.h"

struct fixture {
    struct mansio_arena *arena;
    struct mansio_buf *out;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture.arena = mansio_arena_new(NULL, "test", 0);
    fixture.out = mansio_buf_new(fixture.arena, 1 << 20);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    mansio_arena_free(fixture->arena);
    return 0;
}

static void expect(struct fixture *fixture, const char *wanted)
{
    core_test_str(mansio_buf_str(fixture->out), wanted);
    mansio_buf_reset(fixture->out);
}

static void prints_envelopes(void **state)
{
    static const struct {
        const char *header, *wanted;
    } rows[] = {
        {"", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"},
        {"Date: d\r\nSubject: s \"q\" \\\r\nFrom: A <a@x.test>\r\nTo: b@y.test, c@z.test\r\n"
         "In-Reply-To: <i@x>\r\nMessage-ID: <m@x>\r\n",
         "(\"d\" \"s \\\"q\\\" \\\\\" ((\"A\" NIL \"a\" \"x.test\")) ((\"A\" NIL \"a\" "
         "\"x.test\")) "
         "((\"A\" NIL \"a\" \"x.test\")) ((NIL NIL \"b\" \"y.test\")(NIL NIL \"c\" \"z.test\")) "
         "NIL NIL \"<i@x>\" \"<m@x>\")"},
        /* RFC 3501 7.4.2: what is absent or empty is from's */
        {"From: a@x\r\nSender: s@x\r\nReply-To:\r\nSubject:\r\n",
         "(NIL \"\" ((NIL NIL \"a\" \"x\")) ((NIL NIL \"s\" \"x\")) ((NIL NIL \"a\" \"x\")) NIL "
         "NIL NIL NIL NIL)"},
        {"From: a@x\r\nSender: \"S\" <>\r\nReply-To: g:;\r\n",
         "(NIL NIL ((NIL NIL \"a\" \"x\")) ((NIL NIL \"a\" \"x\")) ((NIL NIL \"g\" NIL)"
         "(NIL NIL NIL NIL)) NIL NIL NIL NIL NIL)"},
        /* groups: no host */
        {"To: G: a@x, b@y;, c@z\r\nCc: undisclosed:;\r\n",
         "(NIL NIL NIL NIL NIL ((NIL NIL \"G\" NIL)(NIL NIL \"a\" \"x\")(NIL NIL \"b\" \"y\")"
         "(NIL NIL NIL NIL)(NIL NIL \"c\" \"z\")) ((NIL NIL \"undisclosed\" NIL)(NIL NIL NIL NIL)) "
         "NIL NIL NIL)"},
        {"Bcc: <@r.test:a@x>\r\n",
         "(NIL NIL NIL NIL NIL NIL NIL ((NIL \"@r.test\" \"a\" \"x\")) NIL NIL)"},
        /* a mailbox without a domain isn't a group's end */
        {"From: root\r\n", "(NIL NIL ((NIL NIL \"root\" \"\")) ((NIL NIL \"root\" \"\")) "
                           "((NIL NIL \"root\" \"\")) NIL NIL NIL NIL NIL)"},
        {"Subject: \xc3\xbc\r\n", "(NIL {2}\r\n\xc3\xbc NIL NIL NIL NIL NIL NIL NIL NIL)"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        imap_print_envelope(fixture->out,
                            fetch_read_message(fixture->arena, rows[i].header)->envelope);
        expect(fixture, rows[i].wanted);
    }
}

static void prints_leaves(void **state)
{
    static const struct {
        const char *message, *body, *bodystructure;
    } rows[] = {
        {"\r\na\r\nb", "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 4 1)",
         "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 4 1 NIL NIL NIL NIL)"},
        {"Content-Type: IMAGE/PNG; name=\"a b\"; x*=utf-8''%41\r\nContent-ID: <i>\r\n"
         "Content-Description: d\r\nContent-Transfer-Encoding: BASE64\r\n"
         "Content-MD5: m\r\nContent-Disposition: attachment; filename=f\r\n"
         "Content-Language: en, fr\r\nContent-Location: http://x\r\n\r\nQUJD\r\n",
         "(\"image\" \"png\" (\"name\" \"a b\" \"x*\" \"utf-8''%41\") \"<i>\" \"d\" \"base64\" 6)",
         "(\"image\" \"png\" (\"name\" \"a b\" \"x*\" \"utf-8''%41\") \"<i>\" \"d\" \"base64\" 6 "
         "\"m\" (\"attachment\" (\"filename\" \"f\")) (\"en\" \"fr\") \"http://x\")"},
        {"Content-Type: application/x\r\nContent-Disposition: inline\r\nContent-Language: de\r\n"
         "\r\n",
         "(\"application\" \"x\" NIL NIL NIL \"7bit\" 0)",
         "(\"application\" \"x\" NIL NIL NIL \"7bit\" 0 NIL (\"inline\" NIL) \"de\" NIL)"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        const struct mansio_part *root = fetch_read_message(fixture->arena, rows[i].message);
        imap_print_structure(fixture->out, root, 0);
        expect(fixture, rows[i].body);
        imap_print_structure(fixture->out, root, 1);
        expect(fixture, rows[i].bodystructure);
    }
}

#define TEXT(octets, lines) "(\"text\" \"plain\" NIL NIL NIL \"7bit\" " octets " " lines
#define NILS                " NIL NIL NIL NIL)"

static void prints_trees(void **state)
{
    static const struct {
        const char *message, *body, *bodystructure;
    } rows[] = {
        {"Content-Type: multipart/mixed; boundary=o\r\nContent-Language: x\r\n\r\n"
         "--o\r\n\r\na\r\n--o\r\nContent-Type: multipart/alternative; boundary=i\r\n\r\n"
         "--i\r\n\r\nbb\r\n--i--\r\n--o\r\n\r\n--o--\r\n",
         "(" TEXT("1", "0") ")(" TEXT("2", "0") ") \"alternative\")" TEXT("0", "0") ") \"mixed\")",
         "(" TEXT("1", "0") NILS "(" TEXT("2", "0") NILS
         " \"alternative\" (\"boundary\" \"i\") NIL NIL NIL)" TEXT("0", "0") NILS
         " \"mixed\" (\"boundary\" \"o\") NIL \"x\" NIL)"},
        {"Content-Type: message/rfc822\r\n\r\nSubject: s\r\n\r\na\r\n",
         "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 17 "
         "(NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) " TEXT("3", "1") ") 3)",
         "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 17 "
         "(NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) " TEXT("3", "1") NILS " 3" NILS},
        /* the form of a message is message/rfc822's alone (RFC 3501 9) */
        {"Content-Type: message/global\r\n\r\nSubject: s\r\n\r\na\r\n",
         "(\"message\" \"global\" NIL NIL NIL \"7bit\" 17)",
         "(\"message\" \"global\" NIL NIL NIL \"7bit\" 17" NILS},
        {"Content-Type: message/delivery-status\r\n\r\na: b\r\n",
         "(\"message\" \"delivery-status\" NIL NIL NIL \"7bit\" 6)",
         "(\"message\" \"delivery-status\" NIL NIL NIL \"7bit\" 6" NILS},
        /* a multipart has a part, says the grammar */
        {"Content-Type: multipart/mixed; boundary=o\r\n\r\nx\r\n",
         "((\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0) \"mixed\")",
         "((\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0" NILS
         " \"mixed\" (\"boundary\" \"o\") NIL NIL NIL)"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        const struct mansio_part *root = fetch_read_message(fixture->arena, rows[i].message);
        imap_print_structure(fixture->out, root, 0);
        expect(fixture, rows[i].body);
        imap_print_structure(fixture->out, root, 1);
        expect(fixture, rows[i].bodystructure);
    }
}

/* As quoted strings where they may be, else as literals; whatever is gathered meanwhile. */
static void prints_strings_of_any_length(void **state)
{
    struct fixture *fixture = *state;
    struct mansio_buf *text = mansio_buf_new(fixture->arena, 1 << 20);
    struct mansio_buf *wanted = mansio_buf_new(fixture->arena, 1 << 20);
    static const char *const tails[] = {"", "\"", "\\", "\xc3", "\r\n", "\t"};
    for (size_t len = 0; len < 1100; len += len < 20 ? 1 : 37) {
        for (size_t i = 0; i < MANSIO_COUNT(tails); i++) {
            mansio_buf_reset(text);
            mansio_buf_reset(wanted);
            for (size_t at = 0; at < len; at++) {
                mansio_buf_add_char(text, (char)('a' + at % 26));
            }
            mansio_buf_add(text, core_test_slice(tails[i]));
            const struct mansio_param param = {
                .size = sizeof param, .name = mansio_buf_str(text), .value = mansio_buf_str(text)};
            const struct mansio_part part = {.size = sizeof part,
                                             .kind = MANSIO_PART_LEAF,
                                             .type = MANSIO_STR("a"),
                                             .subtype = MANSIO_STR("b"),
                                             .params = &param,
                                             .description = mansio_buf_str(text)};
            mansio_buf_add(wanted, MANSIO_STR("(\"a\" \"b\" ("));
            imap_reply_string(wanted, mansio_buf_str(text));
            mansio_buf_add_char(wanted, ' ');
            imap_reply_string(wanted, mansio_buf_str(text));
            mansio_buf_add(wanted, MANSIO_STR(") NIL "));
            imap_reply_string(wanted, mansio_buf_str(text));
            mansio_buf_add(wanted, MANSIO_STR(" \"7bit\" 0)"));
            imap_print_structure(fixture->out, &part, 0);
            assert_true(mansio_str_eq(mansio_buf_str(fixture->out), mansio_buf_str(wanted)));
            mansio_buf_reset(fixture->out);
        }
    }
}

static void prints_numbers(void **state)
{
    struct fixture *fixture = *state;
    imap_print_number(fixture->out, 0);
    expect(fixture, "0");
    imap_print_number(fixture->out, 1234567890);
    expect(fixture, "1234567890");
    imap_print_number(fixture->out, UINT64_MAX);
    expect(fixture, "18446744073709551615");
}

/* Beyond the limit of depth a message isn't read inside; the grammar wants one there. */
static void prints_what_lies_too_deep(void **state)
{
    static const char begin[] = "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" ";
    static const char end[] = "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) "
                              "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0) ";
    struct fixture *fixture = *state;
    struct mansio_buf *message = mansio_buf_new(fixture->arena, 1 << 20);
    for (int i = 0; i < 100; i++) {
        mansio_buf_add(message, MANSIO_STR("Content-Type: message/rfc822\r\n\r\n"));
    }
    imap_print_structure(fixture->out,
                         fetch_read_message(fixture->arena, mansio_buf_str(message).ptr), 0);
    struct mansio_str got = mansio_buf_str(fixture->out);
    assert_true(mansio_str_starts(got, core_test_slice(begin)));
    ptrdiff_t at = mansio_str_find(got, core_test_slice(end));
    assert_true(at > (ptrdiff_t)sizeof begin);
    /* It ends as it began: each message with its lines and parenthesis. */
    size_t opened = 0, closed = 0;
    for (size_t i = 0; i < got.len; i++) {
        opened += got.ptr[i] == '(';
        closed += got.ptr[i] == ')';
    }
    assert_int_equal(opened, closed);
    assert_true(mansio_str_ends(got, MANSIO_STR(" 198)")));
}

#define PRINT_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PRINT_TEST(prints_envelopes), PRINT_TEST(prints_leaves),
        PRINT_TEST(prints_trees),     PRINT_TEST(prints_strings_of_any_length),
        PRINT_TEST(prints_numbers),   PRINT_TEST(prints_what_lies_too_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
