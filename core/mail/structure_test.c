/* Tests of <mansio/structure.h>: what is stored is given out whole and in its place; texts. */
#include <mansio/structure.h>

#include "core/mail/parser.h"
#include "core/mail/stored.h"
#include "core/mail/testing.h"

#include <mansio/error.h>

static const char MESSAGE[] =
    "From: A <a@x.test>\r\nTo: G: b@y.test, <@r.test:c@z.test>;\r\nSubject: s\r\n"
    "Date: Mon, 2 Jan 2006 15:04:05 +0000\r\nMessage-ID: <1@x.test>\r\nReferences: <0@x>\r\n"
    "Content-Type: multipart/mixed; boundary=o; x=y\r\n\r\n"
    "--o\r\nContent-Type: text/plain; charset=utf-8; name*=utf-8''%41\r\n"
    "Content-Disposition: attachment; filename=f\r\nContent-ID: <i@x>\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\nQUJD\r\n"
    "--o\r\nContent-Type: message/rfc822\r\nContent-Description:\r\n\r\n"
    "Subject: inner\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n"
    "--i\r\n\r\nx\r\n--i--\r\n"
    "--o\r\nContent-Type: multipart/mixed\r\nContent-Language: la\r\nContent-MD5: m\r\n"
    "Content-Location: l\r\n\r\ny\r\n"
    "--o--\r\n";

static struct mansio_str store(struct mail_fixture *fixture, const char *text)
{
    struct core_mail_limits limits = core_mail_limits_usual();
    struct mansio_buf *out = mansio_buf_new(fixture->arena, 1 << 20);
    const struct core_mail_message *message = NULL;

    assert_int_equal(core_mail_parse(fixture->arena, core_test_slice(text), &limits, &message), 0);
    core_mail_stored_write(out, message);
    assert_int_equal(mansio_buf_status(out), 0);
    return mansio_buf_str(out);
}

static void bytes_of(struct mansio_str *out, uint64_t from, uint64_t to)
{
    *out = mansio_str_sub(core_test_slice(MESSAGE), from, to - from);
}

static void check_envelope(const struct mansio_envelope *envelope)
{
    const struct mansio_address *at;

    assert_non_null(envelope);
    assert_int_equal(envelope->size, sizeof *envelope);
    core_test_str(envelope->subject, "s");
    core_test_str(envelope->date, "Mon, 2 Jan 2006 15:04:05 +0000");
    core_test_str(envelope->message_id, "<1@x.test>");
    core_test_str(envelope->references, "<0@x>");
    assert_null(envelope->in_reply_to.ptr);
    assert_null(envelope->sender);
    at = envelope->from;
    assert_int_equal(at->size, sizeof *at);
    assert_int_equal(at->kind, MANSIO_ADDRESS_MAILBOX);
    core_test_str(at->name, "A");
    core_test_str(at->local, "a");
    core_test_str(at->domain, "x.test");
    assert_null(at->next);
    at = envelope->to;
    assert_int_equal(at->kind, MANSIO_ADDRESS_GROUP_START);
    core_test_str(at->local, "G");
    core_test_str(at->next->local, "b");
    core_test_str(at->next->next->route, "@r.test");
    assert_int_equal(at->next->next->next->kind, MANSIO_ADDRESS_GROUP_END);
    assert_null(at->next->next->next->next);
}

static void test_parts(void **state)
{
    struct mail_fixture *fixture = *state;
    const struct mansio_part *root = NULL;
    const struct mansio_part *part;
    struct mansio_str bytes = MANSIO_STR_NONE;

    assert_int_equal(mansio_structure_read(fixture->arena, store(fixture, MESSAGE), &root), 0);
    assert_int_equal(root->size, sizeof *root);
    assert_null(root->parent);
    assert_null(root->next);
    assert_int_equal(root->kind, MANSIO_PART_MULTIPART);
    core_test_str(root->params->name, "boundary");
    core_test_str(root->params->next->value, "y");
    assert_null(root->params->next->next);
    check_envelope(root->envelope);
    part = root->first_child;
    assert_ptr_equal(part->parent, root);
    assert_int_equal(part->kind, MANSIO_PART_LEAF);
    assert_int_equal(part->body_lines, 0);
    assert_int_equal(part->header_lines, 5);
    bytes_of(&bytes, part->header_start, part->body_start);
    assert_true(mansio_str_starts(bytes, MANSIO_STR("Content-Type: text/plain;")));
    bytes_of(&bytes, part->body_start, part->body_end);
    core_test_str(bytes, "QUJD");
    core_test_str(part->params->value, "utf-8");
    assert_int_equal(part->params->next->size, sizeof *part->params);
    assert_int_equal(part->params->next->is_extended, 1);
    core_test_str(part->disposition, "attachment");
    core_test_str(part->disposition_params->value, "f");
    core_test_str(part->encoding, "base64");
    core_test_str(part->id, "<i@x>");
    assert_null(part->description.ptr);
    assert_null(part->envelope);
    part = part->next;
    assert_int_equal(part->kind, MANSIO_PART_MESSAGE);
    assert_non_null(part->description.ptr);
    assert_null(part->first_child->next);
    core_test_str(part->first_child->envelope->subject, "inner");
    assert_ptr_equal(part->first_child->parent, part);
    assert_ptr_equal(part->first_child->first_child->parent, part->first_child);
    core_test_str(part->first_child->first_child->type, "text");
    assert_null(part->first_child->first_child->next);
    part = part->next;
    assert_ptr_equal(part->parent, root);
    assert_int_equal(part->kind, MANSIO_PART_MULTIPART);
    assert_null(part->first_child); /* it names no boundary */
    core_test_str(part->language, "la");
    core_test_str(part->md5, "m");
    core_test_str(part->location, "l");
    assert_null(part->next);
}

/* Any cap gives an answer: the whole or a limit, never a part of it. */
static void test_full_arena(void **state)
{
    struct mail_fixture *fixture = *state;
    struct mansio_str bytes = store(fixture, MESSAGE);
    int wanted = MANSIO_E_LIMIT;
    size_t limits = 0;

    for (size_t cap = 64; cap < 65536; cap += 64) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "cap", cap);
        const struct mansio_part *root = NULL;
        int result = mansio_structure_read(arena, bytes, &root);

        if (result == 0) {
            wanted = 0;
            assert_int_equal(root->first_child->next->next->kind, MANSIO_PART_MULTIPART);
        } else {
            assert_null(root);
            limits++;
        }
        assert_int_equal(result, wanted);
        mansio_arena_free(arena);
    }
    assert_int_equal(wanted, 0);
    assert_true(limits > 10);
}

static void test_damage(void **state)
{
    struct mail_fixture *fixture = *state;
    const struct mansio_part *root = NULL;

    assert_int_equal(mansio_structure_read(fixture->arena, MANSIO_STR(""), &root),
                     MANSIO_E_INVALID);
    assert_int_equal(mansio_structure_read(fixture->arena, MANSIO_STR("MS\x7f"), &root),
                     MANSIO_E_UNSUPPORTED);
    assert_null(root);
}

static void test_address_list(void **state)
{
    struct mail_fixture *fixture = *state;
    struct mansio_str text = MANSIO_STR("A B <a@x.test>, us: b@x.test;, \"c d\"@y.test (e)");
    const struct mansio_address *list = NULL;

    assert_int_equal(mansio_address_list_read(fixture->arena, text, 100, &list), 0);
    assert_int_equal(list->kind, MANSIO_ADDRESS_MAILBOX);
    assert_true(mansio_str_eq(list->local, MANSIO_STR("a")));
    assert_true(mansio_str_eq(list->name, MANSIO_STR("A B")));
    assert_int_equal(list->next->kind, MANSIO_ADDRESS_GROUP_START);
    assert_int_equal(list->next->next->next->kind, MANSIO_ADDRESS_GROUP_END);
    list = list->next->next->next->next;
    assert_true(mansio_str_eq(list->local, MANSIO_STR("c d")));
    assert_true(mansio_str_eq(list->domain, MANSIO_STR("y.test")));
    assert_null(list->next);
    assert_int_equal(mansio_address_list_read(fixture->arena, text, 1, &list), 1);
    assert_null(list->next);
    assert_int_equal(mansio_address_list_read(fixture->arena, MANSIO_STR(" "), 1, &list), 0);
    assert_null(list);
    struct mansio_arena *small = mansio_arena_new(NULL, "small", 64);
    assert_int_equal(mansio_address_list_read(small, text, 100, &list), MANSIO_E_LIMIT);
    mansio_arena_free(small);
}

static void test_texts(void **state)
{
    struct mail_fixture *fixture = *state;

    mansio_text_decode(fixture->out, MANSIO_STR("=?iso-8859-1?q?M=FCll?= =?utf-8?b?eA==?=\r\n y"));
    mail_expect(fixture, "encoded words", "M\xc3\xbcllx y");
    mansio_text_fold(fixture->out, 1024,
                     MANSIO_STR("STRA\xc3\x9f"
                                "E A\xcc\x88"));
    mail_expect(fixture, "folding", "strasse \xc3\xa4");
    mansio_text_fold(fixture->out, 3, MANSIO_STR("AB\xc3\x84"));
    mail_expect(fixture, "folding to a limit", "ab");
    assert_int_equal(
        mansio_text_from_charset(fixture->out, MANSIO_STR("ISO-8859-1"), MANSIO_STR("\xfc")), 1);
    mail_expect(fixture, "latin1", "\xc3\xbc");
    assert_int_equal(
        mansio_text_from_charset(fixture->out, MANSIO_STR("koi8-r"), MANSIO_STR("\xc1")), 1);
    mail_expect(fixture, "koi8-r", "\xd0\xb0");
    assert_int_equal(mansio_text_from_charset(fixture->out, MANSIO_STR("x-none"), MANSIO_STR("a")),
                     0);
    mail_expect(fixture, "no charset", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAIL_TEST(test_parts),        MAIL_TEST(test_full_arena), MAIL_TEST(test_damage),
        MAIL_TEST(test_address_list), MAIL_TEST(test_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
