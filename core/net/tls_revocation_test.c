/*
 * Lists of revoked certificates: which files are taken, what is said of the others, and what
 * handshakes would make of them.
 */
#include "core/net/testing_tls.h"

#include "core/base/testing.h"

#include <stdlib.h>
#include <unistd.h>

#include <mansio/error.h>
#include <mansio/time.h>

enum { HOUR = 3600, OURS = 1, REVOKED = 2 };

static EVP_PKEY *key, *other_key; /* of the root and what it signs, and of a stranger */
static X509 *root, *middle, *leaf, *deep, *stranger;

static X509 *issue(const char *name, long serial, X509 *issuer, EVP_PKEY *by, const char *usage)
{
    X509 *x509 = testing_x509(issuer ? key : by, name, NULL);
    X509_EXTENSION *more[2] = {
        usage ? X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE") : NULL,
        usage ? X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, usage) : NULL};
    for (size_t i = 0; i < MANSIO_COUNT(more) && more[i]; i++) {
        assert_int_equal(X509_add_ext(x509, more[i], -1), 1);
        X509_EXTENSION_free(more[i]);
    }
    ASN1_INTEGER_set(X509_get_serialNumber(x509), serial);
    X509_set_issuer_name(x509, X509_get_subject_name(issuer ? issuer : x509));
    assert_true(X509_sign(x509, by, EVP_sha256()) > 0);
    return x509;
}

static int set_up(void **state)
{
    static const char usage[] = "critical,keyCertSign,cRLSign";
    (void)state;
    key = EVP_EC_gen("P-256");
    other_key = EVP_EC_gen("P-256");
    root = issue("root", OURS, NULL, key, usage);
    middle = issue("middle", OURS, root, key, usage);
    leaf = issue("leaf", OURS, root, key, NULL);
    deep = issue("deep", OURS, middle, key, NULL);
    stranger = issue("root", OURS, NULL, other_key, usage); /* the same name */
    return 0;
}

static int tear_down(void **state)
{
    X509 *all[] = {root, middle, leaf, deep, stranger};
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(all); i++) {
        X509_free(all[i]);
    }
    EVP_PKEY_free(key);
    EVP_PKEY_free(other_key);
    return 0;
}

/* ---- files ------------------------------------------------------------------------------------
 */

/* What a list is like: of whom, by whose key, what it revokes, and its span in hours from now. */
struct list {
    X509 *const *ca;
    int is_by_other;
    long revoked;
    long from, until; /* hours; until 0: it doesn't say */
    int is_delta;
};

static void add_list(BIO *file, const struct list *row)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *time = X509_gmtime_adj(NULL, row->from * HOUR);
    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(*row->ca));
    X509_CRL_set1_lastUpdate(crl, time);
    if (row->until != 0) {
        X509_gmtime_adj(time, row->until * HOUR);
        X509_CRL_set1_nextUpdate(crl, time);
    }
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    if (row->revoked != 0) {
        X509_REVOKED *revoked = X509_REVOKED_new();
        ASN1_INTEGER_set(serial, row->revoked);
        X509_REVOKED_set_serialNumber(revoked, serial);
        X509_gmtime_adj(time, -HOUR);
        X509_REVOKED_set_revocationDate(revoked, time);
        X509_CRL_add0_revoked(crl, revoked);
    }
    if (row->is_delta) {
        ASN1_INTEGER_set(serial, 1);
        X509_CRL_add1_ext_i2d(crl, NID_delta_crl, serial, 1, 0);
    }
    X509_CRL_sort(crl);
    assert_true(X509_CRL_sign(crl, row->is_by_other ? other_key : key, EVP_sha256()) > 0);
    PEM_write_bio_X509_CRL(file, crl);
    ASN1_INTEGER_free(serial);
    ASN1_TIME_free(time);
    X509_CRL_free(crl);
}

static char path[64];

/* Write a file, read it into a store with these CAs. */
static int read_file(BIO *file, X509 *const cas[2], X509_STORE *store, struct core_tls_lists *out)
{
    char *text = NULL;
    long len = BIO_get_mem_data(file, &text);
    snprintf(path, sizeof path, "/tmp/mansio-crl-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, (size_t)len) == len);
    close(fd);
    BIO_free(file);
    for (int i = 0; i < 2 && cas[i]; i++) {
        assert_int_equal(X509_STORE_add_cert(store, cas[i]), 1);
    }
    *out = (struct core_tls_lists){.count = 0};
    int rc = core_tls_lists_read(path, store, out);
    unlink(path);
    return rc;
}

static BIO *file_of(const struct list *rows)
{
    BIO *file = BIO_new(BIO_s_mem());
    for (; rows->ca; rows++) {
        add_list(file, rows);
    }
    return file;
}

static void expect(BIO *file, X509 *first, X509 *second, const char *wanted)
{
    X509 *const cas[2] = {first, second};
    X509_STORE *store = X509_STORE_new();
    struct core_tls_lists lists;
    int rc = read_file(file, cas, store, &lists);
    const char *said = rc < 0 ? mansio_error_detail() : "";
    const char *behind = rc < 0 ? said + strlen(path) + 2 : said;
    if (strcmp(behind, wanted) != 0 || (rc < 0 && strncmp(said, path, strlen(path)) != 0)) {
        fail_msg("%d: \"%s\", wanted \"%s\"", rc, said, wanted);
    }
    assert_int_equal(ERR_peek_error(), 0);
    X509_STORE_free(store);
}

static void takes_lists_of_all_its_authorities(void **state)
{
    (void)state;
    expect(file_of((struct list[]){{&root, .until = 1}, {.ca = NULL}}), root, NULL, "");
    expect(file_of((struct list[]){{&root, .until = 1}, {&middle, .until = 2}, {.ca = NULL}}), root,
           middle, "");
    expect(file_of((struct list[]){{&root, .until = 1}, {&root, .until = 9}, {.ca = NULL}}), root,
           NULL, "");
    /* One that is out of date is for a warning, or nothing would start. */
    expect(file_of((struct list[]){{&root, .from = -3, .until = -2}, {.ca = NULL}}), root, NULL,
           "");
}

static void says_what_is_wrong_with_others(void **state)
{
    static const char none[] = "found no PEM list of revoked certificates (X509 CRL)";
    static const char broken[] = "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n";
    (void)state;
    expect(BIO_new_mem_buf("", 0), root, NULL, none);
    expect(BIO_new_mem_buf("no list\n", -1), root, NULL, none);
    BIO *file = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(file, leaf);
    expect(file, root, NULL, none);
    expect(BIO_new_mem_buf(broken, -1), root, NULL, "found a broken list");
    file = file_of((struct list[]){{&root, .until = 1}, {.ca = NULL}});
    BIO_puts(file, broken);
    expect(file, root, NULL, "found a broken list");
    expect(file_of((struct list[]){{&middle, .until = 1}, {.ca = NULL}}), root, NULL,
           "found a list of \"CN=middle\", expected one signed by a CA of client_ca");
    expect(file_of((struct list[]){{&root, .is_by_other = 1, .until = 1}, {.ca = NULL}}), root,
           NULL, "found a list of \"CN=root\", expected one signed by a CA of client_ca");
    expect(
        file_of((struct list[]){{&root, .until = 1}, {.ca = NULL}}), root, middle,
        "found no list of \"CN=middle\", a CA of client_ca: nobody would get in by what it signs");
    expect(file_of((struct list[]){{&root, .until = 1}, {.ca = NULL}}), root, stranger,
           "found no list of \"CN=root\", a CA of client_ca: nobody would get in by what it signs");
    expect(file_of((struct list[]){{&root, .until = 1, .is_delta = 1}, {.ca = NULL}}), root, NULL,
           "found a list of \"CN=root\" that has changes alone, expected a whole one");
    expect(file_of((struct list[]){{&root, .until = 0}, {.ca = NULL}}), root, NULL,
           "found a list of \"CN=root\" that doesn't say when the next one comes");
    X509 *mute = issue("mute", OURS, NULL, key, "critical,keyCertSign");
    expect(
        file_of((struct list[]){{&mute, .until = 1}, {.ca = NULL}}), mute, NULL,
        "found a list of \"CN=mute\", whose certificate doesn't let it sign lists (keyUsage lacks "
        "cRLSign)");
    X509_free(mute);
}

static void is_bounded(void **state)
{
    struct list rows[CORE_TLS_LISTS_MAX + 2] = {{.ca = NULL}};
    (void)state;
    for (size_t i = 0; i < CORE_TLS_LISTS_MAX; i++) {
        rows[i] = (struct list){&root, .until = 1 + (long)i};
    }
    expect(file_of(rows), root, NULL, "");
    rows[CORE_TLS_LISTS_MAX] = (struct list){&root, .until = 1};
    expect(file_of(rows), root, NULL, "found more than 64 lists");
}

/* ---- what comes of them -----------------------------------------------------------------------
 */

static const struct {
    struct list lists[3];
    X509 *const *shown;
    int wanted;
} verdicts[] = {
    {{{&root, .until = 1}, {&middle, .until = 1}}, &leaf, X509_V_OK},
    {{{&root, .until = 1}, {&middle, .until = 1}}, &deep, X509_V_OK},
    {{{&root, .until = 1, .revoked = REVOKED}, {&middle, .until = 1}}, &leaf, X509_V_OK},
    {{{&root, .until = 1, .revoked = OURS}, {&middle, .until = 1}}, &leaf, X509_V_ERR_CERT_REVOKED},
    {{{&root, .until = 1}, {&middle, .until = 1, .revoked = OURS}}, &deep, X509_V_ERR_CERT_REVOKED},
    /* who is revoked vouches for nobody */
    {{{&root, .until = 1, .revoked = OURS}, {&middle, .until = 1}}, &deep, X509_V_ERR_CERT_REVOKED},
    /* too old, for whom it is about alone; too new */
    {{{&root, .from = -2, .until = -1}, {&middle, .until = 1}}, &leaf, X509_V_ERR_CRL_HAS_EXPIRED},
    {{{&root, .until = 1}, {&middle, .from = -2, .until = -1}}, &leaf, X509_V_OK},
    {{{&root, .until = 1}, {&middle, .from = -2, .until = -1}}, &deep, X509_V_ERR_CRL_HAS_EXPIRED},
    {{{&root, .from = 1, .until = 2}, {&middle, .until = 1}}, &leaf, X509_V_ERR_CRL_NOT_YET_VALID},
};

static void shuts_out_who_is_revoked(void **state)
{
    X509 *const cas[2] = {root, middle};
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(verdicts); i++) {
        X509_STORE *store = X509_STORE_new();
        X509_STORE_CTX *ctx = X509_STORE_CTX_new();
        struct core_tls_lists lists;
        assert_int_equal(read_file(file_of(verdicts[i].lists), cas, store, &lists), 0);
        assert_int_equal(X509_STORE_CTX_init(ctx, store, *verdicts[i].shown, NULL), 1);
        int is_good = X509_verify_cert(ctx) == 1;
        int why = X509_STORE_CTX_get_error(ctx);
        if (why != verdicts[i].wanted || is_good != (why == X509_V_OK)) {
            fail_msg("row %zu: %d, %s", i, is_good, X509_verify_cert_error_string(why));
        }
        X509_STORE_CTX_free(ctx);
        X509_STORE_free(store);
    }
}

/* A session of TLS isn't taken up where the lists are others, or their time has come or gone. */
static void others_are_told_apart(void **state)
{
    X509 *const cas[2] = {root, NULL};
    const int64_t now_us = mansio_wall_us();
    const int64_t hour_us = HOUR * MANSIO_SECOND;
    struct core_tls_lists lists[3];
    static const long revoked[] = {0, 0, REVOKED};
    unsigned char hashes[6][CORE_TLS_HASH_SIZE];
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        X509_STORE *store = X509_STORE_new();
        BIO *file = file_of((struct list[]){{&root, .revoked = revoked[i], .until = 2},
                                            {&root, .from = 1, .until = 4},
                                            {.ca = NULL}});
        assert_int_equal(read_file(file, cas, store, &lists[i]), 0);
        X509_STORE_free(store);
    }
    assert_in_range(lists[0].until_us, now_us + 4 * hour_us - 60 * MANSIO_SECOND,
                    now_us + 4 * hour_us + 60 * MANSIO_SECOND);
    static const long at[] = {-1, 0, 1, 3, 5}; /* and half an hour */
    for (size_t i = 0; i < MANSIO_COUNT(at); i++) {
        assert_int_equal(
            core_tls_lists_hash(&lists[0], now_us + at[i] * hour_us + hour_us / 2, hashes[i]), 1);
    }
    /* none, the first, both, the second, none */
    assert_memory_equal(hashes[0], hashes[4], CORE_TLS_HASH_SIZE);
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = i + 1; k < 4; k++) {
            assert_memory_not_equal(hashes[i], hashes[k], CORE_TLS_HASH_SIZE);
        }
    }
    assert_int_equal(core_tls_lists_hash(&lists[2], now_us, hashes[5]), 1);
    assert_memory_not_equal(hashes[5], hashes[1], CORE_TLS_HASH_SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_lists_of_all_its_authorities),
        cmocka_unit_test(says_what_is_wrong_with_others),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(shuts_out_who_is_revoked),
        cmocka_unit_test(others_are_told_apart),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
