/* Tests of the stored form: what is read back, what is refused, and that it stays as it is. */
#include "core/mail/stored.h"

#include "core/mail/parser.h"
#include "core/mail/testing.h"

#include <mansio/error.h>

#include <string.h>

static const char MESSAGE[] =
    "From: A <a@x.test>\r\nTo: G: b@y.test, <@r.test:c@z.test>;\r\nSubject: s\r\n"
    "Date: Mon, 2 Jan 2006 15:04:05 +0000\r\nMessage-ID: <1@x.test>\r\nReferences: <0@x>\r\n"
    "Content-Type: multipart/mixed; boundary=o\r\n\r\n"
    "--o\r\nContent-Type: text/plain; charset=utf-8; name*=utf-8''%41\r\n"
    "Content-Disposition: attachment; filename=f\r\nContent-ID: <i@x>\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\nQUJD\r\n"
    "--o\r\nContent-Type: message/rfc822\r\nContent-Description:\r\n\r\nSubject: inner\r\n\r\nx\r\n"
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

static void test_round_trip(void **state)
{
    struct mail_fixture *fixture = *state;
    struct mansio_str bytes = store(fixture, MESSAGE);
    struct core_mail_message message = {.root = NULL};
    const struct core_mail_part *part;

    assert_true(bytes.len < 250); /* compact */
    assert_int_equal(core_mail_stored_read(fixture->arena, bytes, &message), 0);
    core_mail_stored_write(fixture->out, &message);
    assert_true(mansio_str_eq(mansio_buf_str(fixture->out), bytes));
    assert_int_equal(message.size, sizeof MESSAGE - 1);
    assert_int_equal(message.part_count, 4);
    core_test_str(message.root->envelope->subject, "s");
    assert_int_equal(message.root->envelope->to.count, 4);
    core_test_str(message.root->envelope->to.first->next->next->route, "@r.test");
    part = message.root->first_child;
    core_test_str(mansio_str_sub(core_test_slice(MESSAGE), part->body_start,
                                 part->body_end - part->body_start),
                  "QUJD");
    core_test_str(part->type.first->value, "utf-8");
    assert_int_equal(part->type.first->next->is_extended, 1);
    core_test_str(part->disposition.value, "attachment");
    core_test_str(part->id, "<i@x>");
    assert_null(part->description.ptr);
    assert_null(part->envelope);
    part = part->next;
    assert_non_null(part->description.ptr); /* empty, not NIL */
    assert_int_equal(part->description.len, 0);
    assert_int_equal(part->kind, CORE_MAIL_PART_MESSAGE);
    core_test_str(part->first_child->envelope->subject, "inner");
}

/* The bytes are on disk in many databases: they may not change without a new version. */
static void test_format_is_frozen(void **state)
{
    static const char FROZEN[] = "MS\x01"
                                 "\x00\x0C\x02"             /* no flags, 12 bytes, 2 lines */
                                 "\x04\x00\x00\x0B\x01"     /* a leaf with envelope; 0, 11, 1 */
                                 "\x02\x00\x01\x03\x00\x00" /* lines 2, 0; text/plain; NIL */
                                 "\x00\x04"
                                 "b\x00\x00\x00" /* date; subject "b"; three NILs */
                                 "\x00\x00\x00\x00\x00\x00";
    struct mail_fixture *fixture = *state;
    struct mansio_str bytes = store(fixture, "Subject:b\n\nx");

    assert_int_equal(bytes.len, sizeof FROZEN - 1);
    assert_memory_equal(bytes.ptr, FROZEN, bytes.len);
}

static void test_cut_off_anywhere_is_refused(void **state)
{
    struct mail_fixture *fixture = *state;
    struct mansio_str bytes = store(fixture, MESSAGE);

    for (size_t length = 0; length < bytes.len; length++) {
        struct core_mail_message message = {.root = NULL};
        /* A copy of just that length, so that a sanitizer sees a step too far. */
        struct mansio_arena *arena = mansio_arena_new(NULL, "cut", 0);
        struct mansio_str cut = MANSIO_STR_NONE;

        assert_int_equal(mansio_arena_copy(arena, mansio_str_sub(bytes, 0, length), &cut), 0);
        assert_int_equal(core_mail_stored_read(arena, cut, &message), MANSIO_E_INVALID);
        assert_null(message.root);
        mansio_arena_free(arena);
    }
}

/* Any byte changed to any value is read or refused, and never beyond its bounds. */
static void test_damage_is_survived(void **state)
{
    struct mail_fixture *fixture = *state;
    struct mansio_str bytes = store(fixture, MESSAGE);
    size_t refused = 0;

    for (size_t at = 3; at < bytes.len; at++) {
        for (int value = 0; value < 256; value++) {
            struct mansio_arena *arena = mansio_arena_new(NULL, "damage", 0);
            struct core_mail_message message = {.root = NULL};
            char *copy = mansio_arena_try_alloc(arena, bytes.len);

            memcpy(copy, bytes.ptr, bytes.len);
            copy[at] = (char)value;
            refused +=
                core_mail_stored_read(arena, (struct mansio_str){copy, bytes.len}, &message) < 0;
            for (const struct core_mail_part *p = message.root; p != NULL; p = p->following) {
                assert_true(p->body_end <= message.size);
            }
            mansio_arena_free(arena);
        }
    }
    assert_true(refused > bytes.len);
}

static void test_refusals(void **state)
{
    struct mail_fixture *fixture = *state;
    struct core_mail_message message = {.root = NULL};
    struct mansio_buf *deep = mansio_buf_new(fixture->arena, 1 << 20);
    struct mansio_str bytes = store(fixture, MESSAGE);

    assert_int_equal(
        core_mail_stored_read(fixture->arena, MANSIO_STR("XX\x01\x00\x00\x00"), &message),
        MANSIO_E_INVALID);
    assert_int_equal(
        core_mail_stored_read(fixture->arena, MANSIO_STR("MS\x02\x00\x00\x00"), &message),
        MANSIO_E_UNSUPPORTED);
    assert_int_equal(
        core_mail_stored_read(fixture->arena, MANSIO_STR("MS\x00\x00\x00\x00"), &message),
        MANSIO_E_UNSUPPORTED);
    (void)mansio_buf_add(fixture->out, bytes);
    (void)mansio_buf_add_char(fixture->out, 0);
    assert_int_equal(core_mail_stored_read(fixture->arena, mansio_buf_str(fixture->out), &message),
                     MANSIO_E_INVALID);
    /* a nest of multiparts that would be deeper than any that is written */
    (void)mansio_buf_add(deep, MANSIO_STR("MS\x01\x00\x00\x00"));
    for (int i = 0; i < 1000; i++) {
        (void)mansio_buf_add(deep, i == 0 ? MANSIO_STR("\x05\x01") : MANSIO_STR("\x01\x01"));
        (void)mansio_buf_add(deep, MANSIO_STR("\0\0\0\0\0\x07\x09\0\0"));
        if (i == 0) {
            (void)mansio_buf_add(deep, MANSIO_STR("\0\0\0\0\0\0\0\0\0\0\0"));
        }
    }
    assert_int_equal(core_mail_stored_read(fixture->arena, mansio_buf_str(deep), &message),
                     MANSIO_E_INVALID);
    assert_non_null(strstr(mansio_error_detail(), "nested too deep"));
    assert_null(message.root);
}

static void test_full_arena_is_told(void **state)
{
    struct mail_fixture *fixture = *state;
    struct mansio_str bytes = store(fixture, MESSAGE);
    struct mansio_arena *small = mansio_arena_new(NULL, "small", 600);
    struct core_mail_message message = {.root = NULL};

    assert_int_equal(core_mail_stored_read(small, bytes, &message), MANSIO_E_LIMIT);
    mansio_arena_free(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MAIL_TEST(test_round_trip),
        MAIL_TEST(test_format_is_frozen),
        MAIL_TEST(test_cut_off_anywhere_is_refused),
        MAIL_TEST(test_damage_is_survived),
        MAIL_TEST(test_refusals),
        MAIL_TEST(test_full_arena_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
