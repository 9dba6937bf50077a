/*
 * What TLS of a server rests on, without a connection: certificates by name, those that are
 * refused, names of ClientHellos, keys of tickets.
 */
#include "core/net/testing_tls.h"

#define ENCRYPTED_KEY                                                                              \
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"                                                      \
    "MIGjMF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBAHcZTdWZUKMeM0uhp2\n"                           \
    "-----END ENCRYPTED PRIVATE KEY-----\n"

static struct testing_pem pem_alpha, pem_beta;
static struct mansio_arena *pems;

static int set_up_pems(void **state)
{
    (void)state;
    pems = mansio_arena_new(NULL, "pems", 0);
    pem_alpha = testing_pem_new(pems, "DNS:alpha.test,DNS:*.wild.test");
    pem_beta = testing_pem_new(pems, "DNS:beta.test");
    return 0;
}

static int tear_down_pems(void **state)
{
    (void)state;
    mansio_arena_free(pems);
    return 0;
}

static void finds_names(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "names", 0);
    struct core_tls_store *store = core_tls_store_new(arena);
    struct testing_pem rsa_pem = testing_pem_of(arena, EVP_RSA_gen(2048), "rsa",
                                                "DNS:Alpha.test,IP:192.0.2.1,email:a@b.test");
    struct core_tls_certificate *alpha = testing_certificate(&pem_alpha);
    struct core_tls_certificate *again = testing_certificate(&pem_alpha);
    struct core_tls_certificate *rsa = testing_certificate(&rsa_pem);
    assert_int_equal(alpha->name_count, 2);
    assert_int_equal(rsa->name_count, 1);
    assert_true(core_tls_certificate_not_before(alpha) < mansio_wall_us());
    assert_true(core_tls_certificate_not_after(alpha) > mansio_wall_us());
    assert_int_equal(core_tls_store_add(store, alpha), 0);
    assert_int_equal(core_tls_store_add(store, again), 0); /* the first of a kind stays */
    assert_int_equal(core_tls_store_add(store, rsa), 0);
    static const struct {
        const char *name;
        size_t count;
    } rows[] = {
        {"alpha.test", 2},    {"beta.test", 0},
        {"a.wild.test", 1},   {"b.wild.test", 1},
        {"a.b.wild.test", 0}, {"wild.test", 0},
        {".wild.test", 0},    {"*.wild.test", 1},
        {"x.alpha.test", 0},  {"", 0},
        {"test", 0},          {".", 0},
        {"192.0.2.1", 0},     {"alpha.test.", 0},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct core_tls_choice choice;
        size_t count = core_tls_store_choose(store, mansio_str_from_cstr(rows[i].name), &choice);
        assert_int_equal(count, rows[i].count);
        if (count > 0) {
            assert_ptr_equal(choice.list[0], alpha);
        }
    }
    core_tls_certificate_unref(alpha);
    core_tls_certificate_unref(again);
    core_tls_certificate_unref(rsa);
    mansio_arena_free(arena);
}

static void refuses_certificates(void **state)
{
    (void)state;
    struct mansio_arena *arena = mansio_arena_new(NULL, "bad", 0);
    struct testing_pem short_rsa = testing_pem_of(arena, EVP_RSA_gen(1024), "short", "DNS:a.test");
    struct mansio_str cut = mansio_str_sub(pem_alpha.chain, 0, pem_alpha.chain.len / 2);
    struct mansio_str twice = MANSIO_STR_NONE;
    assert_int_equal(mansio_arena_printf(arena, &twice, "%.*s%.*s", MANSIO_STR_ARG(pem_alpha.chain),
                                         MANSIO_STR_ARG(cut)),
                     0);
    const struct {
        struct mansio_str chain, key;
        enum core_tls_file file;
        const char *says;
    } rows[] = {
        {MANSIO_STR(""), pem_alpha.key, CORE_TLS_FILE_CHAIN, "no PEM certificate"},
        {MANSIO_STR("text\n"), pem_alpha.key, CORE_TLS_FILE_CHAIN, "no PEM certificate"},
        {pem_alpha.key, pem_alpha.key, CORE_TLS_FILE_CHAIN, "no PEM certificate"},
        {cut, pem_alpha.key, CORE_TLS_FILE_CHAIN, "broken certificate"},
        {twice, pem_alpha.key, CORE_TLS_FILE_CHAIN, "broken certificate"},
        {pem_alpha.chain, MANSIO_STR(""), CORE_TLS_FILE_KEY, "no PEM key"},
        {pem_alpha.chain, pem_alpha.chain, CORE_TLS_FILE_KEY, "no PEM key"},
        {pem_alpha.chain, MANSIO_STR(ENCRYPTED_KEY), CORE_TLS_FILE_KEY, "without a password"},
        {pem_alpha.chain, pem_beta.key, CORE_TLS_FILE_KEY, "a key of another certificate"},
        {short_rsa.chain, short_rsa.key, CORE_TLS_FILE_CHAIN, "ee key too small"},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct core_tls_certificate *certificate = NULL;
        enum core_tls_file file = 0;
        assert_int_equal(
            core_tls_certificate_parse(rows[i].chain, rows[i].key, &certificate, &file),
            MANSIO_E_INVALID);
        assert_int_equal(file, rows[i].file);
        if (!strstr(mansio_error_detail(), rows[i].says)) {
            fail_msg("row %zu: %s", i, mansio_error_detail());
        }
        assert_int_equal(ERR_peek_error(), 0);
    }
    mansio_arena_free(arena);
}

static void reads_names_of_hellos(void **state)
{
    (void)state;
    static const struct {
        struct mansio_str bytes;
        const char *name;
    } rows[] = {
        {MANSIO_STR("\0\11\0\0\6a.test"), "a.test"},
        {MANSIO_STR("\0\11\0\0\6A.TeSt"), "a.test"},
        {MANSIO_STR("\0\12\0\0\7a.test."), "a.test"},
        {MANSIO_STR("\0\12\0\0\7_a.t-st"), "_a.t-st"},
        {MANSIO_STR(""), ""},
        {MANSIO_STR("\0\3\0\0\0"), ""},
        {MANSIO_STR("\0\4\0\0\1."), ""},
        {MANSIO_STR("\0\11\1\0\6a.test"), ""},
        {MANSIO_STR("\0\11\0\0\5a.test"), ""},
        {MANSIO_STR("\0\11\0\0\7a.test"), ""},
        {MANSIO_STR("\0\10\0\0\6a.test"), ""},
        {MANSIO_STR("\0\11\0\0\6a\0test"), ""},
        {MANSIO_STR("\0\11\0\0\6a test"), ""},
        {MANSIO_STR("\0\11\0\0\6a..tes"), ""},
        {MANSIO_STR("\0\11\0\0\6.a.tes"), ""},
        {MANSIO_STR("\0\11\0\0\6a.t\303\244s"), ""},
    };
    char name[CORE_TLS_NAME_MAX + 1];
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        size_t len = core_tls_parse_server_name((const unsigned char *)rows[i].bytes.ptr,
                                                rows[i].bytes.len, name);
        assert_true(
            mansio_str_eq((struct mansio_str){name, len}, mansio_str_from_cstr(rows[i].name)));
    }
    unsigned char lengthy[5 + 254];
    memset(lengthy, 'a', sizeof lengthy);
    for (size_t size = 253; size <= 254; size++) { /* RFC 1035 2.3.4 */
        lengthy[0] = (unsigned char)((size + 3) >> 8);
        lengthy[1] = (unsigned char)(size + 3);
        lengthy[2] = 0;
        lengthy[3] = 0;
        lengthy[4] = (unsigned char)size;
        assert_int_equal(core_tls_parse_server_name(lengthy, size + 5, name),
                         size == 253 ? 253 : 0);
    }
}

static void derives_the_same_keys_from_the_same_secret(void **state)
{
    (void)state;
    static const int64_t period_us = CORE_TLS_TICKET_PERIOD_S * MANSIO_SECOND;
    struct mansio_arena *arena = mansio_arena_new(NULL, "tickets", 0);
    struct core_tls_tickets *a = NULL;
    struct core_tls_tickets *b = NULL;
    struct core_tls_tickets *other = NULL;
    assert_int_equal(core_tls_tickets_new(arena, MANSIO_STR("too short"), &a), MANSIO_E_INVALID);
    assert_int_equal(
        core_tls_tickets_new(arena, MANSIO_STR("0123456789abcdef0123456789abcdef"), &a), 0);
    assert_int_equal(
        core_tls_tickets_new(arena, MANSIO_STR("0123456789abcdef0123456789abcdef"), &b), 0);
    assert_int_equal(
        core_tls_tickets_new(arena, MANSIO_STR("0123456789abcdef0123456789abcdeF"), &other), 0);
    int64_t now_us = 5000 * period_us;
    struct core_tls_ticket_key sealed = *core_tls_tickets_seal(a, now_us);
    assert_memory_equal(core_tls_tickets_seal(b, now_us + period_us - 1), &sealed, sizeof sealed);
    assert_memory_not_equal(core_tls_tickets_seal(a, now_us + period_us), &sealed, sizeof sealed);
    assert_memory_not_equal(core_tls_tickets_seal(other, now_us), &sealed, sizeof sealed);
    static const struct {
        int64_t periods;
        int is_opened, is_stale;
    } rows[] = {{-2, 0, 0}, {-1, 1, 1}, {0, 1, 0}, {1, 1, 1}, {2, 0, 0}, {1000, 0, 0}};
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        int is_stale = 0;
        const struct core_tls_ticket_key *key =
            core_tls_tickets_open(b, now_us + rows[i].periods * period_us, sealed.name, &is_stale);
        assert_int_equal(key != NULL, rows[i].is_opened);
        assert_int_equal(is_stale, rows[i].is_stale);
        if (key) {
            assert_memory_equal(key, &sealed, sizeof sealed);
        }
        assert_null(core_tls_tickets_open(other, now_us, sealed.name, &is_stale));
    }
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_names),
        cmocka_unit_test(refuses_certificates),
        cmocka_unit_test(reads_names_of_hellos),
        cmocka_unit_test(derives_the_same_keys_from_the_same_secret),
    };
    return cmocka_run_group_tests(tests, set_up_pems, tear_down_pems);
}
