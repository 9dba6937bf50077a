/*
 * Names to log in with, PLAIN's message, and the table of mechanisms.
 */
#include "core/host/login_name.h"

#include "core/base/testing.h"

#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/str.h>

#include "core/host/sasl_table.h"

static const struct {
    const char *name, *domain, *local_out, *domain_out; /* local_out NULL: refused */
} names[] = {
    {"user@alpha.test", "", "user", "alpha.test"},
    {"User@ALPHA.Test.", "beta.test", "user", "alpha.test"},
    {"user", "alpha.test", "user", "alpha.test"},
    {"user", "", "user", ""},
    {"a@b@alpha.test", "", "a@b", "alpha.test"},
    {"us er@alpha.test", "", "us er", "alpha.test"},
    {"\xc3\x84@b\xc3\xbc"
     "cher.test",
     "", "\xc3\xa4", "xn--bcher-kva.test"},
    {"", "alpha.test", NULL, NULL},
    {"@", "", NULL, NULL},
    {"@alpha.test", "", NULL, NULL},
    {"user@", "alpha.test", NULL, NULL},
    {"user@a..test", "", NULL, NULL},
    {"us\x01"
     "er@alpha.test",
     "", NULL, NULL},
    {"\xff@alpha.test", "", NULL, NULL},
};

static void test_names(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    for (size_t i = 0; i < MANSIO_COUNT(names); i++) {
        struct core_login_name out;
        int rc = core_login_name_read(arena, core_test_slice(names[i].name),
                                      core_test_slice(names[i].domain), &out);
        if (names[i].local_out == NULL ? rc != MANSIO_E_INVALID : rc != 0) {
            print_error("%s: %d %s\n", names[i].name, rc, mansio_error_detail());
            fail();
        }
        if (rc == 0) {
            core_test_str(out.local, names[i].local_out);
            core_test_str(out.domain, names[i].domain_out);
        }
    }
    char longest[600];
    struct core_login_name out;
    memset(longest, 'a', sizeof longest);
    assert_int_equal(core_login_name_read(arena, (struct mansio_str){longest, sizeof longest},
                                          MANSIO_STR_NONE, &out),
                     MANSIO_E_INVALID);
    mansio_arena_free(arena);
}

#define BYTES(literal)                                                                             \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
static const struct {
    struct mansio_str message;
    const char *authzid, *authcid, *password; /* authcid NULL: refused */
} plains[] = {
    {BYTES("\0tim\0tanstaaftanstaaf"), "", "tim", "tanstaaftanstaaf"}, /* RFC 4616 4 */
    {BYTES("Ursel\0Kurt\0xipj3plmq"), "Ursel", "Kurt", "xipj3plmq"},   /* RFC 4616 4 */
    {BYTES(""), NULL, NULL, NULL},
    {BYTES("tim"), NULL, NULL, NULL},
    {BYTES("\0tim"), NULL, NULL, NULL},
    {BYTES("\0tim\0"), NULL, NULL, NULL},
    {BYTES("\0\0secret"), NULL, NULL, NULL},
    {BYTES("\0tim\0secret\0"), NULL, NULL, NULL},
    {BYTES("\0tim\0sec\0ret"), NULL, NULL, NULL},
};

static void test_plain(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(plains); i++) {
        struct core_sasl_plain out;
        int rc = core_sasl_plain_read(plains[i].message, &out);
        if (rc != (plains[i].authcid == NULL ? MANSIO_E_INVALID : 0)) {
            print_error("row %zu: %d\n", i, rc);
            fail();
        }
        if (rc == 0) {
            core_test_str(out.authzid, plains[i].authzid);
            core_test_str(out.authcid, plains[i].authcid);
            core_test_str(out.password, plains[i].password);
        }
    }
}

static void test_table(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_buf *names_text = mansio_buf_new(arena, 256);
    for (size_t i = 0; i < CORE_SASL_COUNT; i++) {
        assert_int_equal(core_sasl_table[i].id, i);
        assert_ptr_equal(core_sasl_find(core_sasl_table[i].name), &core_sasl_table[i]);
        assert_int_equal(core_sasl_table[i].name.len, strlen(core_sasl_table[i].name.ptr));
        mansio_buf_printf(names_text, "%s%s", i > 0 ? ", " : "", core_sasl_table[i].name.ptr);
    }
    core_test_str(mansio_buf_str(names_text), CORE_SASL_NAMES);
    assert_ptr_equal(core_sasl_find(MANSIO_STR("plain")), &core_sasl_table[CORE_SASL_PLAIN]);
    assert_null(core_sasl_find(MANSIO_STR("PLAI")));
    assert_null(core_sasl_find(MANSIO_STR("")));
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
