/*
 * Lists of revoked client certificates (RFC 5280 5), beside the CAs that a listener judges clients
 * by: read, held against the CAs, given to OpenSSL, which looks into them at each handshake.
 *
 * Every authority of a chain must have a list, and one that is current: who has none, or an old
 * one, vouches for nobody. What was read stays as it is until somebody makes another server;
 * nothing is fetched. Delta lists and indirect ones (of another issuer than the CA) are not taken.
 */
#include "core/net/tls_ssl.h"

#include <stdio.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "core/net/conn.h"

enum {
    NAME_MAX_BYTES = 128, /* of an issuer, in messages */
    WHY_MAX_BYTES = 512,
};

/* ---- one list ---------------------------------------------------------------------------------
 */

static const char *name_of(const X509_NAME *name, char out[NAME_MAX_BYTES])
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long len = 0;
    /* ASCII, with escapes: it goes into messages. */
    if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
        len = BIO_get_mem_data(bio, &text);
    }
    len = len < NAME_MAX_BYTES - 1 ? len : NAME_MAX_BYTES - 1;
    if (len > 0) {
        memcpy(out, text, (size_t)len);
    }
    out[len > 0 ? len : 0] = '\0';
    BIO_free(bio);
    return out;
}

static int is_by(X509_CRL *crl, X509 *ca)
{
    return X509_NAME_cmp(X509_get_subject_name(ca), X509_CRL_get_issuer(crl)) == 0 &&
           X509_CRL_verify(crl, X509_get0_pubkey(ca)) == 1;
}

/* The CA of a list; NULL: none of ours. */
static X509 *find_ca(X509_STORE *store, X509_CRL *crl)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *ca = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (ca && is_by(crl, ca)) {
            return ca;
        }
    }
    return NULL;
}

/* What OpenSSL would refuse at each handshake is said once, here. */
static int check(const struct core_tls_lists *lists, X509_STORE *store, X509_CRL *crl)
{
    char name[NAME_MAX_BYTES];
    X509 *ca = find_ca(store, crl);
    ERR_clear_error(); /* of signatures that don't fit */
    (void)name_of(X509_CRL_get_issuer(crl), name);
    if (!ca) {
        return mansio_fail(MANSIO_E_INVALID,
                           "found a list of \"%s\", expected one signed by a CA of client_ca",
                           name);
    }
    if ((X509_get_key_usage(ca) & X509v3_KU_CRL_SIGN) == 0) {
        return mansio_fail(MANSIO_E_INVALID,
                           "found a list of \"%s\", whose certificate doesn't let it sign lists "
                           "(keyUsage lacks cRLSign)",
                           name);
    }
    if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0) {
        return mansio_fail(MANSIO_E_INVALID,
                           "found a list of \"%s\" that has changes alone, expected a whole one",
                           name);
    }
    if (!X509_CRL_get0_nextUpdate(crl)) { /* RFC 5280 5.1.2.5: MUST */
        return mansio_fail(MANSIO_E_INVALID,
                           "found a list of \"%s\" that doesn't say when the next one comes", name);
    }
    return lists->count == CORE_TLS_LISTS_MAX
               ? mansio_fail(MANSIO_E_INVALID, "found more than %d lists", (int)CORE_TLS_LISTS_MAX)
               : 0;
}

/* ---- all of a file ----------------------------------------------------------------------------
 */

static int take(struct core_tls_lists *lists, X509_STORE *store, X509_CRL *crl)
{
    unsigned char *digest = lists->digest;
    unsigned char both[2 * CORE_TLS_HASH_SIZE];
    unsigned int len = 0;
    int rc = check(lists, store, crl);
    if (rc < 0) {
        return rc;
    }
    memcpy(both, digest, CORE_TLS_HASH_SIZE);
    if (X509_STORE_add_crl(store, crl) != 1 ||
        X509_CRL_digest(crl, EVP_sha256(), both + CORE_TLS_HASH_SIZE, &len) != 1 ||
        EVP_Digest(both, sizeof both, digest, &len, EVP_sha256(), NULL) != 1) {
        return mansio_fail(MANSIO_E_IO, "TLS: %s", core_tls_reason());
    }
    lists->spans[lists->count].from_us = core_tls_wall_us(X509_CRL_get0_lastUpdate(crl));
    lists->spans[lists->count].until_us = core_tls_wall_us(X509_CRL_get0_nextUpdate(crl));
    lists->count++;
    return 0;
}

static int take_all(struct core_tls_lists *lists, X509_STORE *store, struct mansio_str text)
{
    BIO *bio = BIO_new_mem_buf(text.ptr, (int)text.len);
    X509_CRL *crl = NULL;
    int rc = 0;
    ERR_clear_error();
    while (rc == 0 && bio && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL) {
        rc = take(lists, store, crl);
        X509_CRL_free(crl);
    }
    unsigned long error = ERR_peek_last_error();
    ERR_clear_error();
    BIO_free(bio);
    if (rc == 0 && ERR_GET_REASON(error) != PEM_R_NO_START_LINE) { /* how PEM ends */
        rc = mansio_fail(MANSIO_E_INVALID, "found a broken list");
    } else if (rc == 0 && lists->count == 0) {
        rc = mansio_fail(MANSIO_E_INVALID, "found no PEM list of revoked certificates (X509 CRL)");
    }
    return rc;
}

/* When the best list of a CA ends; 0: it has none. */
static int64_t until_of(X509_STORE *store, X509 *ca)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    int64_t until_us = 0;
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509_CRL *crl = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));
        if (crl && is_by(crl, ca)) {
            int64_t end_us = core_tls_wall_us(X509_CRL_get0_nextUpdate(crl));
            until_us = end_us > until_us ? end_us : until_us;
        }
    }
    ERR_clear_error();
    return until_us;
}

static int check_cas(struct core_tls_lists *lists, X509_STORE *store)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    lists->until_us = INT64_MAX;
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        char name[NAME_MAX_BYTES];
        X509 *ca = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        int64_t until_us = ca ? until_of(store, ca) : INT64_MAX;
        if (until_us == 0) {
            return mansio_fail(MANSIO_E_INVALID,
                               "found no list of \"%s\", a CA of client_ca: nobody would get in by "
                               "what it signs",
                               name_of(X509_get_subject_name(ca), name));
        }
        lists->until_us = until_us < lists->until_us ? until_us : lists->until_us;
    }
    return 0;
}

int core_tls_lists_read(const char *path, X509_STORE *store, struct core_tls_lists *out)
{
    struct mansio_str text;
    int rc = core_tls_file_read(path, &text);
    if (rc < 0) {
        return rc;
    }
    rc = take_all(out, store, text);
    core_tls_file_free(text);
    if (rc == 0) {
        rc = check_cas(out, store);
    }
    if (rc < 0) {
        char why[WHY_MAX_BYTES];
        snprintf(why, sizeof why, "%s", mansio_error_detail());
        return mansio_fail(rc, "%s: %s", path, why);
    }
    /* The whole chain: who revokes an authority revokes what it has signed. */
    if (X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) != 1) {
        return mansio_fail(MANSIO_E_IO, "TLS: %s", core_tls_reason());
    }
    return 0;
}

int core_tls_lists_hash(const struct core_tls_lists *lists, int64_t wall_us,
                        unsigned char out[CORE_TLS_HASH_SIZE])
{
    unsigned char bytes[CORE_TLS_HASH_SIZE + CORE_TLS_LISTS_MAX];
    unsigned int len = 0;
    memcpy(bytes, lists->digest, CORE_TLS_HASH_SIZE);
    for (size_t i = 0; i < lists->count; i++) {
        bytes[CORE_TLS_HASH_SIZE + i] =
            wall_us >= lists->spans[i].from_us && wall_us < lists->spans[i].until_us;
    }
    return EVP_Digest(bytes, CORE_TLS_HASH_SIZE + lists->count, out, &len, EVP_sha256(), NULL);
}

/* ---- what became of a conn --------------------------------------------------------------------
 */

const char *core_conn_peer_refusal(const struct mansio_conn *conn, int *out_is_ours)
{
    const struct core_tls *tls = core_tls_of_stream(core_conn_stream(conn));
    long why = tls ? SSL_get_verify_result(tls->ssl) : X509_V_OK;
    *out_is_ours = why != X509_V_ERR_CERT_REVOKED;
    switch (why) {
    case X509_V_ERR_CERT_REVOKED:
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
    case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
        return X509_verify_cert_error_string(why);
    default:
        return NULL;
    }
}
