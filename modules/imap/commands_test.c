/*
 * The table of commands: sorted, sound, and what the RFCs say of each of its rows.
 */
#include "core/base/testing.h"

#include "commands.h"
#include <mansio/str.h>

enum {
    BEFORE = IMAP_NOT_AUTHENTICATED,
    AFTER = IMAP_AUTHENTICATED | IMAP_SELECTED,
    ALWAYS = BEFORE | AFTER,
};

/* RFC 3501 6 and the extensions that bring commands. */
static const struct {
    const char *verb;
    uint32_t states;
    uint32_t has_uid;
} known[] = {
    {"APPEND", AFTER, 0},
    {"AUTHENTICATE", BEFORE, 0},
    {"CAPABILITY", ALWAYS, 0},
    {"CHECK", IMAP_SELECTED, 0},
    {"CLOSE", IMAP_SELECTED, 0},
    {"COPY", IMAP_SELECTED, 1},
    {"CREATE", AFTER, 0},
    {"DELETE", AFTER, 0},
    {"ENABLE", AFTER, 0},
    {"EXAMINE", AFTER, 0},
    {"EXPUNGE", IMAP_SELECTED, 1},
    {"FETCH", IMAP_SELECTED, 1},
    {"ID", ALWAYS, 0},
    {"IDLE", AFTER, 0},
    {"LIST", AFTER, 0},
    {"LOGIN", BEFORE, 0},
    {"LOGOUT", ALWAYS, 0},
    {"LSUB", AFTER, 0},
    {"MOVE", IMAP_SELECTED, 1},
    {"NAMESPACE", AFTER, 0},
    {"NOOP", ALWAYS, 0},
    {"RENAME", AFTER, 0},
    {"SEARCH", IMAP_SELECTED, 1},
    {"SELECT", AFTER, 0},
    {"STARTTLS", BEFORE, 0},
    {"STATUS", AFTER, 0},
    {"STORE", IMAP_SELECTED, 1},
    {"SUBSCRIBE", AFTER, 0},
    {"UNSELECT", IMAP_SELECTED, 0},
    {"UNSUBSCRIBE", AFTER, 0},
};

static void is_sorted_and_well_formed(void **state)
{
    size_t count = 0;
    const struct imap_command *rows = imap_commands(&count);
    (void)state;
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || mansio_str_cmp(rows[i - 1].verb, rows[i].verb) < 0);
        assert_non_null(rows[i].run);
        assert_true(rows[i].states != 0 && (rows[i].states & ~(uint32_t)ALWAYS) == 0);
    }
}

static void has_each_row_as_its_rfc_says(void **state)
{
    size_t count = 0;
    const struct imap_command *rows = imap_commands(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        size_t found = 0;
        for (size_t j = 0; j < MANSIO_COUNT(known); j++) {
            if (mansio_str_eq(rows[i].verb, core_test_slice(known[j].verb))) {
                found++;
                assert_int_equal(rows[i].states, known[j].states);
                assert_int_equal((rows[i].flags & (IMAP_HAS_UID | IMAP_ONLY_UID)) != 0,
                                 known[j].has_uid);
            }
        }
        assert_int_equal(found, 1);
    }
}

static void has_every_command(void **state)
{
    size_t count = 0;
    (void)state;
    (void)imap_commands(&count);
    assert_int_equal(count, MANSIO_COUNT(known));
    for (size_t i = 0; i < MANSIO_COUNT(known); i++) {
        struct mansio_str verb = core_test_slice(known[i].verb);
        assert_non_null(imap_find_command(verb, 0));
        assert_int_equal(imap_find_command(verb, 1) != NULL, known[i].has_uid);
    }
}

/* RFC 3501 7.4.1: no EXPUNGE while FETCH, STORE or SEARCH run. */
static void keeps_numbers_where_it_must(void **state)
{
    static const char *const verbs[] = {"FETCH", "STORE", "SEARCH"};
    size_t count = 0;
    const struct imap_command *rows = imap_commands(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        int must = 0;
        for (size_t j = 0; j < MANSIO_COUNT(verbs); j++) {
            must |= mansio_str_eq(rows[i].verb, core_test_slice(verbs[j]));
        }
        assert_true(!must || (rows[i].flags & IMAP_KEEPS_NUMBERS));
    }
}

static void finds_in_any_case(void **state)
{
    (void)state;
    assert_non_null(imap_find_command(MANSIO_STR("noop"), 0));
    assert_ptr_equal(imap_find_command(MANSIO_STR("nOoP"), 0),
                     imap_find_command(MANSIO_STR("NOOP"), 0));
    assert_null(imap_find_command(MANSIO_STR("NOOP"), 1));
    assert_null(imap_find_command(MANSIO_STR("NOO"), 0));
    assert_null(imap_find_command(MANSIO_STR("NOOPS"), 0));
    assert_null(imap_find_command(MANSIO_STR(""), 0));
    assert_null(imap_find_command(MANSIO_STR("NO\0P"), 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_sorted_and_well_formed), cmocka_unit_test(has_each_row_as_its_rfc_says),
        cmocka_unit_test(has_every_command),         cmocka_unit_test(keeps_numbers_where_it_must),
        cmocka_unit_test(finds_in_any_case),
    };
    return cmocka_run_group_tests_name("imap_commands", tests, NULL, NULL);
}
