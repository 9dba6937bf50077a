/*
 * Mail addresses of certificates: which are found where, and which are left out.
 */
#include "core/net/testing_tls.h"

#include "core/base/testing.h"

#include <time.h>

#include <mansio/time.h>

#include "core/base/time.h"

enum { EMAILS_MAX = 3 };

#define UTF8_NAME "otherName:1.3.6.1.5.5.7.8.9;UTF8:"
#define LONG_64   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define LONG_512  LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64 LONG_64

static const struct {
    const char *names;              /* as openssl.cnf has them; NULL: no such extension */
    const char *emails[EMAILS_MAX]; /* of the subject */
    const char *san, *subject, *either;
} rows[] = {
    {NULL, {0}, "", "", ""},
    {"email:a@b.test", {0}, "a@b.test,", "", "a@b.test,"},
    {"email:a@b.test,DNS:b.test,email:C@d.test",
     {"e@f.test"},
     "a@b.test,C@d.test,",
     "e@f.test,",
     "a@b.test,C@d.test,"},
    {"DNS:b.test", {"e@f.test", "g@h.test"}, "", "e@f.test,g@h.test,", "e@f.test,g@h.test,"},
    {NULL, {"e@f.test"}, "", "e@f.test,", "e@f.test,"},
    {UTF8_NAME "u@b.test", {0}, "u@b.test,", "", "u@b.test,"},
    /* another kind of name, another kind of text */
    {"otherName:1.3.6.1.5.5.7.8.7;UTF8:a@b.test", {0}, "", "", ""},
    {"otherName:1.3.6.1.5.5.7.8.9;IA5:a@b.test", {0}, "", "", ""},
    {"URI:mailto:a@b.test", {0}, "", "", ""},
    /* no addresses; a bare name could be anybody's */
    {"email:root", {"root"}, "", "", ""},
    {"email:@b.test", {"@b.test"}, "", "", ""},
    {"email:a@", {"a@"}, "", "", ""},
    {UTF8_NAME "a b@b.test", {"a b@b.test"}, "", "", ""},
    {UTF8_NAME "a\x7f@b.test", {0}, "", "", ""},
    {"email:" LONG_512 LONG_512 "@b.test", {0}, "", "", ""},
};

static const char *list(X509 *x509, uint32_t from)
{
    static char text[1024];
    const struct mansio_str *found = NULL;
    size_t count = 0;
    struct mansio_arena *arena = mansio_arena_new(NULL, "peer", 0);
    text[0] = '\0';
    assert_int_equal(core_tls_certificate_addresses(x509, from, arena, &found, &count), 0);
    for (size_t i = 0; i < count; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s,",
                 MANSIO_STR_ARG(found[i]));
    }
    mansio_arena_free(arena);
    return text;
}

static void finds_addresses(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        X509 *x509 = testing_x509(key, "user@cn.test", rows[i].names);
        for (size_t k = 0; k < EMAILS_MAX && rows[i].emails[k] != NULL; k++) {
            X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "emailAddress", MBSTRING_UTF8,
                                       (const unsigned char *)rows[i].emails[k], -1, -1, 0);
        }
        assert_string_equal(list(x509, CORE_TLS_PEER_SAN), rows[i].san);
        assert_string_equal(list(x509, CORE_TLS_PEER_SUBJECT), rows[i].subject);
        assert_string_equal(list(x509, CORE_TLS_PEER_EITHER), rows[i].either);
        X509_free(x509);
    }
    EVP_PKEY_free(key);
}

/* The addresses of a certificate with one name that openssl.cnf has no words for. */
static const char *list_one(GENERAL_NAME *name)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = testing_x509(key, "user", NULL);
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    assert_int_equal(sk_GENERAL_NAME_push(names, name), 1);
    assert_int_equal(X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 0, 0), 1);
    GENERAL_NAMES_free(names);
    const char *text = list(x509, CORE_TLS_PEER_SAN);
    X509_free(x509);
    EVP_PKEY_free(key);
    return text;
}

/* "user@alpha.test\0.evil.test": what C would make of it is somebody else. */
static void leaves_out_what_has_a_nul(void **state)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    (void)state;
    assert_int_equal(ASN1_STRING_set(text, "user@alpha.test\0.evil.test", 26), 1);
    GENERAL_NAME_set0_value(name, GEN_EMAIL, text);
    assert_string_equal(list_one(name), "");
}

/* RFC 9598 3 */
static void finds_what_is_not_ascii(void **state)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_TYPE *value = ASN1_TYPE_new();
    ASN1_UTF8STRING *text = ASN1_UTF8STRING_new();
    (void)state;
    assert_int_equal(ASN1_STRING_set(text, "\xc3\xbc@b.test", -1), 1);
    ASN1_TYPE_set(value, V_ASN1_UTF8STRING, text);
    assert_int_equal(
        GENERAL_NAME_set0_othername(name, OBJ_nid2obj(NID_id_on_SmtpUTF8Mailbox), value), 1);
    assert_string_equal(list_one(name), "\xc3\xbc@b.test,");
}

/* More than anybody has: the first of them. */
static void is_bounded(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    static char names[4096] = "email:a@b.test";
    (void)state;
    for (size_t i = 0; i < 2 * (size_t)CORE_TLS_PEER_ADDRESSES_MAX; i++) {
        snprintf(names + strlen(names), sizeof names - strlen(names), ",email:a%zu@b.test", i);
    }
    X509 *x509 = testing_x509(key, "user", names);
    const struct mansio_str *found = NULL;
    size_t count = 0;
    struct mansio_arena *arena = mansio_arena_new(NULL, "peer", 0);
    assert_int_equal(core_tls_certificate_addresses(x509, CORE_TLS_PEER_SAN, arena, &found, &count),
                     0);
    assert_int_equal(count, CORE_TLS_PEER_ADDRESSES_MAX);
    core_test_str(found[0], "a@b.test");
    mansio_arena_free(arena);
    X509_free(x509);
    EVP_PKEY_free(key);
}

static int64_t hours; /* from now */

static int64_t wall_clock(void *arg)
{
    (void)arg;
    return (time(NULL) + hours * 3600) * MANSIO_SECOND;
}

/* Test certificates are good for an hour before now and one after it. */
static void ends_with_the_certificate(void **state)
{
    static const struct {
        int64_t hours;
        int wanted;
    } moments[] = {{0, 1}, {2, 0}, {-2, 0}};
    const struct core_time_source source = {.wall_us = wall_clock};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = testing_x509(key, "user", NULL);
    (void)state;
    core_time_set_source(&source);
    for (size_t i = 0; i < MANSIO_COUNT(moments); i++) {
        hours = moments[i].hours;
        assert_int_equal(core_tls_is_valid_now(x509), moments[i].wanted);
    }
    core_time_set_source(NULL);
    X509_free(x509);
    EVP_PKEY_free(key);
}

/* ---- the end of a chain ---- */

/* Signed by @p issuer's key, good until @p end_s from now. */
static X509 *signed_until(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key,
                          long end_s)
{
    X509 *x509 = testing_x509(key, name, NULL);
    if (issuer == NULL) {
        X509_EXTENSION *ca = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "CA:TRUE");
        assert_int_equal(X509_add_ext(x509, ca, -1), 1);
        X509_EXTENSION_free(ca);
    } else {
        X509_set_issuer_name(x509, X509_get_subject_name(issuer));
    }
    X509_gmtime_adj(X509_getm_notAfter(x509), end_s);
    assert_true(X509_sign(x509, issuer_key, EVP_sha256()) > 0);
    return x509;
}

/* Shake hands in memory; the server's side. The client has read what came behind the handshake. */
static SSL *shake_hands(SSL_CTX *server_ctx, SSL_CTX *client_ctx, SSL_SESSION **kept)
{
    SSL *server = SSL_new(server_ctx);
    SSL *client = SSL_new(client_ctx);
    BIO *ends[2];
    char byte;
    assert_int_equal(BIO_new_bio_pair(&ends[0], 1 << 16, &ends[1], 1 << 16), 1);
    SSL_set_bio(server, ends[0], ends[0]);
    SSL_set_bio(client, ends[1], ends[1]);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    if (*kept != NULL) {
        assert_int_equal(SSL_set_session(client, *kept), 1);
    }
    int is_done = 0;
    for (int turn = 0; !is_done && turn < 10; turn++) {
        is_done = SSL_do_handshake(client) + SSL_do_handshake(server) == 2;
    }
    assert_true(is_done);
    (void)SSL_read(client, &byte, 1);
    SSL_SESSION_free(*kept);
    *kept = SSL_get1_session(client);
    SSL_set_shutdown(client, SSL_SENT_SHUTDOWN); /* else it is none to take up again */
    SSL_free(client);
    return server;
}

/* The authority's end, where it comes before the certificate's; also of a session that is taken up
 * again, and again, where no chain is shown. */
static void ends_with_what_vouches_for_it(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    EVP_PKEY *ca_key = EVP_EC_gen("P-256");
    X509 *ca = signed_until(ca_key, "ca", NULL, ca_key, 1000);
    X509 *leaf = signed_until(key, "user", ca, ca_key, 3000);
    int64_t wanted_us = core_tls_wall_us(X509_get0_notAfter(ca));
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(versions); i++) {
        SSL_CTX *server_ctx = SSL_CTX_new(TLS_server_method());
        SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
        SSL_SESSION *kept = NULL;
        SSL_CTX_use_certificate(server_ctx, leaf);
        SSL_CTX_use_PrivateKey(server_ctx, key);
        SSL_CTX_use_certificate(client_ctx, leaf);
        SSL_CTX_use_PrivateKey(client_ctx, key);
        SSL_CTX_set_max_proto_version(client_ctx, versions[i]);
        X509_STORE_add_cert(SSL_CTX_get_cert_store(server_ctx), ca);
        SSL_CTX_set_verify(server_ctx, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_session_id_context(server_ctx, (const unsigned char *)"x", 1);
        SSL_CTX_set_session_ticket_cb(server_ctx, core_tls_on_ticket_made, NULL, NULL);
        for (int turn = 0; turn < 3; turn++) {
            SSL *server = shake_hands(server_ctx, client_ctx, &kept);
            assert_int_equal(SSL_session_reused(server), turn > 0);
            assert_int_equal(SSL_get_verify_result(server), X509_V_OK);
            assert_int_equal(core_tls_peer_until_us(server), wanted_us);
            SSL_free(server);
        }
        SSL_SESSION_free(kept);
        SSL_CTX_free(client_ctx);
        SSL_CTX_free(server_ctx);
    }
    X509_free(leaf);
    X509_free(ca);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_addresses),
        cmocka_unit_test(leaves_out_what_has_a_nul),
        cmocka_unit_test(finds_what_is_not_ascii),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(ends_with_the_certificate),
        cmocka_unit_test(ends_with_what_vouches_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
