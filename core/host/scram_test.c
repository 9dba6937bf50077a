/*
 * SCRAM's messages and arithmetic: RFC 7677's example, and tables of what is no message.
 */
#include "core/host/scram.h"

#include "core/base/testing.h"

#include <mansio/error.h>

#include "core/host/scram_testing.h"

static struct mansio_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = mansio_arena_new(NULL, "test", 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mansio_arena_free(arena);
    return 0;
}

/* RFC 7677 3: user "user", password "pencil". */
static void test_example(void **state)
{
    (void)state;
    struct core_scram_first first;
    struct core_scram_final final;
    struct mansio_str salt, server_first, text;
    unsigned char signature[CORE_SCRAM_HASH_BYTES];
    assert_int_equal(
        core_scram_read_first(arena, MANSIO_STR("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"), &first), 0);
    core_test_str(first.name, "user");
    core_test_str(first.nonce, "rOprNGfwEbeRWgbNEkqO");
    core_test_str(first.header, "n,,");
    core_test_str(first.bare, "n=user,r=rOprNGfwEbeRWgbNEkqO");
    core_test_str(first.authzid, "");
    assert_int_equal(first.binding, CORE_SCRAM_BINDING_NO);
    assert_int_equal(mansio_base64_decode(arena, MANSIO_STR("W22ZaJ0SNY7soEsUEjb6gQ=="), &salt), 0);
    const struct mansio_scram_keys *keys = testing_keys(arena, 1, "pencil", salt, 4096);
    assert_int_equal(core_scram_print_first(
                         arena, MANSIO_STR("rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"),
                         keys, &server_first),
                     0);
    core_test_str(server_first, "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                                "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
    assert_int_equal(core_scram_read_final(
                         arena,
                         MANSIO_STR("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                                    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
                         &final),
                     0);
    core_test_str(final.binding, "n,,");
    core_test_str(final.without_proof,
                  "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
    assert_int_equal(mansio_arena_printf(arena, &text, "%.*s,%.*s,%.*s", MANSIO_STR_ARG(first.bare),
                                         MANSIO_STR_ARG(server_first),
                                         MANSIO_STR_ARG(final.without_proof)),
                     0);
    assert_int_equal(core_scram_verify(keys, text, final.proof, signature), 1);
    struct mansio_str verifier;
    assert_int_equal(mansio_base64_encode(arena,
                                          (struct mansio_str){(char *)signature, sizeof signature},
                                          &verifier),
                     0);
    core_test_str(verifier, "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");

    /* One bit elsewhere, and it proves nothing. */
    memset(signature, 0, sizeof signature);
    char *broken = mansio_arena_alloc(arena, final.proof.len);
    memcpy(broken, final.proof.ptr, final.proof.len);
    broken[31] ^= 1;
    assert_int_equal(
        core_scram_verify(keys, text, (struct mansio_str){broken, final.proof.len}, signature), 0);
    assert_int_equal(core_scram_verify(keys, MANSIO_STR("other"), final.proof, signature), 0);
    assert_int_equal(core_scram_verify(keys, text, mansio_str_sub(final.proof, 0, 31), signature),
                     0);
    for (size_t i = 0; i < sizeof signature; i++) {
        assert_int_equal(signature[i], 0);
    }
}

static const struct {
    const char *message;
    int wanted;
    const char *name, *authzid, *binding_name;
    uint32_t binding;
} firsts[] = {
    {"n,,n=user,r=abc", 0, "user", "", "", CORE_SCRAM_BINDING_NO},
    {"y,,n=user,r=abc", 0, "user", "", "", CORE_SCRAM_BINDING_UNUSED},
    {"p=tls-exporter,,n=user,r=abc", 0, "user", "", "tls-exporter", CORE_SCRAM_BINDING_WANTED},
    {"n,a=boss,n=user,r=abc", 0, "user", "boss", "", CORE_SCRAM_BINDING_NO},
    {"n,a=bo=2Css,n=us=3Der=2C,r=abc", 0, "us=er,", "bo,ss", "", CORE_SCRAM_BINDING_NO},
    {"n,,n=us=2cer,r=abc", 0, "us,er", "", "", CORE_SCRAM_BINDING_NO},
    {"n,,n=user,r=abc,x=ext,y=", 0, "user", "", "", CORE_SCRAM_BINDING_NO},
    {"n,,n=\xc3\xa4,r=!~", 0, "\xc3\xa4", "", "", CORE_SCRAM_BINDING_NO},
    {"", MANSIO_E_INVALID, NULL, NULL, NULL, 0},
    {"n", MANSIO_E_INVALID, NULL, NULL, NULL, 0},
    {"n,", MANSIO_E_INVALID, NULL, NULL, NULL, 0},
    {"n,,", MANSIO_E_INVALID, NULL, NULL, NULL, 0},
    {"n,,n=user", MANSIO_E_INVALID, NULL, NULL, NULL, 0},
    {"n,,n=user,", MANSIO_E_INVALID, NULL, NULL, NULL, 0},
    {"n,,n=user,r=", MANSIO_E_INVALID, NULL, NULL, NULL, 0},
    {"n,,n=user,r=a b", MANSIO_E_INVALID, NULL, NULL, NULL, 0},
    {"n,,n=user,r=a\xff", MANSIO_E_INVALID, NULL, NULL, NULL, 0},
    {"n,,n=,r=abc", MANSIO_E_INVALID, NULL, NULL, NULL, 0},
    {"n,,r=abc,n=user", MANSIO_E_INVALID, NULL, NULL, NULL, 0},
    {"n,,m=x,n=user,r=abc", MANSIO_E_INVALID, NULL, NULL, NULL, 0}, /* 5.1: mandatory */
    {"n,,n=us=er,r=abc", MANSIO_E_INVALID, NULL, NULL, NULL, 0},
    {"n,,n=user=,r=abc", MANSIO_E_INVALID, NULL, NULL, NULL, 0},
    {"n,,n=user=2,r=abc", MANSIO_E_INVALID, NULL, NULL, NULL, 0},
    {"n,,n=user,r=abc,", MANSIO_E_INVALID, NULL, NULL, NULL, 0},
    {"n,,n=user,r=abc,1=x", MANSIO_E_INVALID, NULL, NULL, NULL, 0},
    {"n,,n=user,r=abc,xy", MANSIO_E_INVALID, NULL, NULL, NULL, 0},
    {"p=,,n=user,r=abc", MANSIO_E_INVALID, NULL, NULL, NULL, 0},
    {"q,,n=user,r=abc", MANSIO_E_INVALID, NULL, NULL, NULL, 0},
    {"n,boss,n=user,r=abc", MANSIO_E_INVALID, NULL, NULL, NULL, 0},
    {"n,a=b=oss,n=user,r=abc", MANSIO_E_INVALID, NULL, NULL, NULL, 0},
};

static void test_first_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(firsts); i++) {
        struct core_scram_first first;
        int rc = core_scram_read_first(arena, core_test_slice(firsts[i].message), &first);
        if (rc != firsts[i].wanted) {
            print_error("%s: %d %s\n", firsts[i].message, rc, mansio_error_detail());
            fail();
        }
        if (rc == 0) {
            core_test_str(first.name, firsts[i].name);
            core_test_str(first.authzid, firsts[i].authzid);
            core_test_str(first.binding_name, firsts[i].binding_name);
            assert_int_equal(first.binding, firsts[i].binding);
            assert_int_equal(first.header.len + first.bare.len, strlen(firsts[i].message));
        }
    }
    struct core_scram_first first; /* a NUL */
    assert_int_equal(
        core_scram_read_first(arena, (struct mansio_str){"n,,n=a\0b,r=abc", 14}, &first),
        MANSIO_E_INVALID);
    struct mansio_str text;
    assert_int_equal(mansio_arena_printf(arena, &text, "n,,n=u,r=%0257d", 0), 0);
    assert_int_equal(core_scram_read_first(arena, text, &first), MANSIO_E_INVALID);
}

#define PROOF "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
static const struct {
    const char *message;
    int wanted;
} finals[] = {
    {"c=biws,r=abc,p=" PROOF, 0},
    {"c=biws,r=abc,x=1,p=" PROOF, 0},
    {"", MANSIO_E_INVALID},
    {"p=" PROOF, MANSIO_E_INVALID},
    {"c=biws,r=abc", MANSIO_E_INVALID},
    {"c=biws,r=abc,p=", MANSIO_E_INVALID},
    {"c=biws,r=abc,p=AAAA", MANSIO_E_INVALID},
    {"c=biws,r=abc,p=" PROOF ",x=1", MANSIO_E_INVALID},
    {"c=biws,p=" PROOF, MANSIO_E_INVALID},
    {"r=abc,c=biws,p=" PROOF, MANSIO_E_INVALID},
    {"c=biw,r=abc,p=" PROOF, MANSIO_E_INVALID},
    {"c=b!ws,r=abc,p=" PROOF, MANSIO_E_INVALID},
    {"c=biws,r=a c,p=" PROOF, MANSIO_E_INVALID},
    {"c=biws,r=,p=" PROOF, MANSIO_E_INVALID},
    {"c=biws,r=abc,,p=" PROOF, MANSIO_E_INVALID},
};

static void test_final_messages(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(finals); i++) {
        struct core_scram_final final;
        int rc = core_scram_read_final(arena, core_test_slice(finals[i].message), &final);
        if (rc != finals[i].wanted) {
            print_error("%s: %d %s\n", finals[i].message, rc, mansio_error_detail());
            fail();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_example, setup, teardown),
        cmocka_unit_test_setup_teardown(test_first_messages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_final_messages, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
