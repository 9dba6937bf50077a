/*
 * The module note: read, judged, its required interfaces taken apart.
 */
#include "core/host/module_note.h"

#include <mansio/error.h>
#include <mansio/module.h>
#include <mansio/str.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FILE_NAME "made.so"

/* The layout that mansio/module.h writes down. */
struct note {
    uint32_t layout, major, minor, reserved;
    char name[32], version[32], build[36], required[256];
};

static struct note make(const char *required)
{
    struct note note = {.layout = MANSIO_NOTE_SIZE,
                        .major = MANSIO_ABI_MAJOR,
                        .minor = MANSIO_ABI_MINOR,
                        .name = "echo",
                        .version = "1.2",
                        .build = MANSIO_BUILD_TAG};
    _Static_assert(sizeof note == MANSIO_NOTE_SIZE, "the layout that module.h writes down");
    (void)snprintf(note.required, sizeof note.required, "%s", required);
    return note;
}

static int read_and_judge(const struct note *note, size_t len, struct core_note *out)
{
    struct mansio_str bytes = {(const char *)note, len};
    int err = core_note_read(FILE_NAME, bytes, out);
    return err < 0 ? err : core_note_judge(FILE_NAME, out);
}

static void assert_refused(const struct note *note, size_t len, int code, const char *why)
{
    struct core_note out;
    int err = read_and_judge(note, len, &out);
    if (err != code || strstr(mansio_error_detail(), why) == NULL ||
        strstr(mansio_error_detail(), FILE_NAME ": wanted ") == NULL) {
        fail_msg("wanted %d, \"%s\", found %d, \"%s\"", code, why, err, mansio_error_detail());
    }
}

static void test_takes_a_good_note(void **state)
{
    (void)state;
    struct note note = make("store/1 search/12");
    struct core_note out;
    struct mansio_str name;
    uint32_t version = 0;

    assert_int_equal(read_and_judge(&note, sizeof note, &out), 0);
    assert_true(mansio_str_eq(out.name, MANSIO_STR("echo")));
    assert_true(mansio_str_eq(out.version, MANSIO_STR("1.2")));
    assert_true(mansio_str_eq(out.build_tag, MANSIO_STR(MANSIO_BUILD_TAG)));

    struct mansio_str rest = out.required;
    assert_int_equal(core_note_next_required(FILE_NAME, &rest, &name, &version), 1);
    assert_true(mansio_str_eq(name, MANSIO_STR("store")));
    assert_int_equal(version, 1);
    assert_int_equal(core_note_next_required(FILE_NAME, &rest, &name, &version), 1);
    assert_true(mansio_str_eq(name, MANSIO_STR("search")));
    assert_int_equal(version, 12);
    assert_int_equal(core_note_next_required(FILE_NAME, &rest, &name, &version), 0);
}

static void test_takes_a_longer_layout(void **state)
{
    (void)state;
    struct {
        struct note note;
        char more[64];
    } longer = {.note = make("")};
    struct core_note out;

    longer.note.layout = sizeof longer;
    assert_int_equal(read_and_judge(&longer.note, sizeof longer, &out), 0);
    assert_true(mansio_str_eq(out.name, MANSIO_STR("echo")));
    assert_refused(&longer.note, MANSIO_NOTE_SIZE, MANSIO_E_INVALID,
                   "found 372 bytes that call themselves 436");
}

static void test_refuses_malformed_notes(void **state)
{
    (void)state;
    struct note note = make("");

    for (size_t len = 0; len < sizeof note; len++) {
        assert_refused(&note, len, MANSIO_E_INVALID, "wanted a MANSIO note of 372 bytes or more");
    }
    note = make(""), note.layout = 371;
    assert_refused(&note, sizeof note, MANSIO_E_INVALID, "call themselves 371");
    note = make(""), memset(note.name, 'x', sizeof note.name);
    assert_refused(&note, sizeof note, MANSIO_E_INVALID, "found a name");
    note = make(""), note.name[0] = 'E';
    assert_refused(&note, sizeof note, MANSIO_E_INVALID, "found a name");
    note = make(""), note.name[0] = 0;
    assert_refused(&note, sizeof note, MANSIO_E_INVALID, "found a name");
    note = make(""), note.name[31] = 'x';
    assert_refused(&note, sizeof note, MANSIO_E_INVALID, "found a name");
    note = make(""), memcpy(note.name, "core", 5); /* its metrics would pass for the core's own */
    assert_refused(&note, sizeof note, MANSIO_E_INVALID, "found \"core\"");
    note = make(""), memcpy(note.name, "process", 8);
    assert_refused(&note, sizeof note, MANSIO_E_INVALID, "found \"process\"");
    note = make(""), memcpy(note.name, "build", 6);
    assert_refused(&note, sizeof note, MANSIO_E_INVALID, "found \"build\"");
    note = make(""), memcpy(note.name, "core-mail", 10);
    assert_refused(&note, sizeof note, MANSIO_E_INVALID, "found \"core-mail\"");
    note = make(""), note.version[1] = '\n';
    assert_refused(&note, sizeof note, MANSIO_E_INVALID, "found no version");
    note = make(""), memset(note.required, 'x', sizeof note.required);
    assert_refused(&note, sizeof note, MANSIO_E_INVALID, "required interfaces that aren't plain");
}

static void test_refuses_what_does_not_fit(void **state)
{
    (void)state;
    char wanted[128];
    struct note note;

    note = make(""), note.major = 7;
    assert_refused(&note, sizeof note, MANSIO_E_UNSUPPORTED, "wanted ABI major 1, found 7");
    note = make(""), note.minor = MANSIO_ABI_MINOR + 3;
    (void)snprintf(wanted, sizeof wanted, "wanted ABI minor %d or lower, found %d",
                   MANSIO_ABI_MINOR, MANSIO_ABI_MINOR + 3);
    assert_refused(&note, sizeof note, MANSIO_E_UNSUPPORTED, wanted);
    note = make(""), memcpy(note.build, "tsan", 5);
    assert_refused(&note, sizeof note, MANSIO_E_UNSUPPORTED,
                   "wanted build tag \"" MANSIO_BUILD_TAG "\"");
    assert_refused(&note, sizeof note, MANSIO_E_UNSUPPORTED, "found \"tsan\"");
}

static void test_refuses_bad_requirements(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "store",    "store/",    "store/0",           "store/x",  "/1",
        "Store/1",  "store/1/2", "store/1  search/1", "store/-1", "store/99999999999",
        " store/1", "st_re/1"};
    for (size_t i = 0; i < MANSIO_COUNT(bad); i++) {
        struct note note = make(bad[i]);
        assert_refused(&note, sizeof note, MANSIO_E_INVALID,
                       "wanted required interfaces as NAME/VERSION, found \"");
    }
}

static void test_names(void **state)
{
    (void)state;
    assert_true(core_name_is_valid(MANSIO_STR("a")));
    assert_true(core_name_is_valid(MANSIO_STR("http-handler2")));
    assert_true(core_name_is_valid(MANSIO_STR("abcdefghijklmnopqrstuvwxyzabcde")));
    assert_false(core_name_is_valid(MANSIO_STR("abcdefghijklmnopqrstuvwxyzabcdef")));
    assert_false(core_name_is_valid(MANSIO_STR_NONE));
    assert_false(core_name_is_valid(MANSIO_STR("2fast")));
    assert_false(core_name_is_valid(MANSIO_STR("-a")));
    assert_false(core_name_is_valid(MANSIO_STR("a_b")));
    assert_false(core_name_is_valid(MANSIO_STR("a\0b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_a_good_note),
        cmocka_unit_test(test_takes_a_longer_layout),
        cmocka_unit_test(test_refuses_malformed_notes),
        cmocka_unit_test(test_refuses_what_does_not_fit),
        cmocka_unit_test(test_refuses_bad_requirements),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
