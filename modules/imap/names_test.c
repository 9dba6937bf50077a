/* Tests of names: order, levels that are made up, what is carried upwards. */
#include "names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/store.h>
#include <mansio/str.h>

static void add(struct imap_names *names, const char *name, uint32_t flags)
{
    imap_names_add(names, mansio_str_from_cstr(name), flags, 0);
}

/* Names with their flags in hexadecimal, and how deep they stand. */
static const char *print(const struct imap_names *names)
{
    struct mansio_buf *out = mansio_buf_new(names->arena, 10000);
    for (size_t i = 0; i < names->count; i++) {
        const struct imap_name *row = &names->rows[i];
        size_t depth = 0;
        for (size_t at = row->parent; at != SIZE_MAX; at = names->rows[at].parent) {
            depth++;
        }
        (void)mansio_buf_printf(out, "%zu %.*s %x\n", depth, MANSIO_STR_ARG(row->name), row->flags);
    }
    return mansio_buf_str(out).ptr;
}

static void test_order_and_levels(void **state)
{
    (void)state;
    struct imap_names names = {.arena = mansio_arena_new(NULL, "test", 0)};
    add(&names, "a/b/c/d", IMAP_NAME_EXISTS);
    add(&names, "a-b", IMAP_NAME_EXISTS);
    add(&names, "INBOX", IMAP_NAME_EXISTS);
    add(&names, "a/b", IMAP_NAME_EXISTS);
    add(&names, "a/b!", IMAP_NAME_SUBSCRIBED);
    add(&names, "z/y/x", IMAP_NAME_SUBSCRIBED);
    add(&names, "a/b", IMAP_NAME_SUBSCRIBED);
    assert_int_equal(imap_names_arrange(&names), 0);
    assert_string_equal(print(&names), "0 INBOX 1\n"
                                       "0 a 0\n"
                                       "1 a/b 3\n"
                                       "2 a/b/c 0\n"
                                       "3 a/b/c/d 1\n"
                                       "1 a/b! 2\n"
                                       "0 a-b 1\n"
                                       "0 z 0\n"
                                       "1 z/y 0\n"
                                       "2 z/y/x 2\n");
    names.rows[4].flags |= IMAP_NAME_SELECTED | IMAP_NAME_MATCHES;
    names.rows[9].flags |= IMAP_NAME_SELECTED;
    imap_names_carry(&names);
    assert_string_equal(print(&names), "0 INBOX 1\n"
                                       "0 a 70\n"
                                       "1 a/b 53\n"
                                       "2 a/b/c 50\n"
                                       "3 a/b/c/d d\n"
                                       "1 a/b! 2\n"
                                       "0 a-b 1\n"
                                       "0 z e0\n"
                                       "1 z/y e0\n"
                                       "2 z/y/x a\n");
    mansio_arena_free(names.arena);
}

static void test_none(void **state)
{
    (void)state;
    struct imap_names names = {.arena = mansio_arena_new(NULL, "test", 0)};
    assert_int_equal(imap_names_arrange(&names), 0);
    imap_names_carry(&names);
    assert_int_equal(names.count, 0);
    mansio_arena_free(names.arena);
}

static void test_no_room(void **state)
{
    (void)state;
    struct imap_names names = {.arena = mansio_arena_new(NULL, "test", 20000)};
    char name[] = "name-000";
    for (unsigned i = 0; i < 1000; i++) {
        name[5] = (char)('0' + i / 100);
        name[6] = (char)('0' + i / 10 % 10);
        name[7] = (char)('0' + i % 10);
        add(&names, name, IMAP_NAME_EXISTS);
    }
    assert_int_equal(imap_names_arrange(&names), MANSIO_E_LIMIT);
    mansio_arena_free(names.arena);
}

static void test_special_uses(void **state)
{
    (void)state;
    for (uint32_t use = MANSIO_SPECIAL_DRAFTS; use <= MANSIO_SPECIAL_ARCHIVE; use++) {
        const char *name = imap_special_use_name(use);
        assert_non_null(name);
        assert_int_equal(imap_special_use_find(mansio_str_from_cstr(name)), use);
    }
    assert_null(imap_special_use_name(MANSIO_SPECIAL_INBOX));
    assert_null(imap_special_use_name(0));
    assert_int_equal(imap_special_use_find(MANSIO_STR("\\sENT")), MANSIO_SPECIAL_SENT);
    assert_int_equal(imap_special_use_find(MANSIO_STR("\\All")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_levels),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_special_uses),
    };
    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
