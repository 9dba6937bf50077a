/*
 * What is known of a TLS connection: facts, the peer's certificate, channel bindings. Texts are
 * made when they are asked for first, and live with the stream.
 */
#include "core/net/tls_ssl.h"

#include <stddef.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

enum {
    SUBJECT_MAX = 4096,      /* bytes of a subject; a longer one is not told, for a part of it
                                could be another's */
    CERTIFICATE_MAX = 65536, /* DER */
};

static struct mansio_str subject_of(struct core_tls *tls, X509 *peer)
{
    struct mansio_str out = MANSIO_STR_NONE;
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    /* RFC 4514: the most special first, UTF-8 as it is. */
    unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(peer), 0, flags) >= 0) {
        long len = BIO_get_mem_data(bio, &text);
        if (len <= 0 || len > SUBJECT_MAX ||
            mansio_arena_copy(tls->arena, (struct mansio_str){text, (size_t)len}, &out) < 0) {
            out = MANSIO_STR_NONE;
        }
    }
    BIO_free(bio);
    return out;
}

static struct mansio_str fingerprint_of(struct core_tls *tls, X509 *peer)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char hash[EVP_MAX_MD_SIZE];
    char text[2 * EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    struct mansio_str out = MANSIO_STR_NONE;
    if (X509_digest(peer, EVP_sha256(), hash, &len) == 1) {
        for (unsigned int i = 0; i < len; i++) {
            text[2 * i] = digits[hash[i] >> 4];
            text[2 * i + 1] = digits[hash[i] & 15];
        }
        if (mansio_arena_copy(tls->arena, (struct mansio_str){text, (size_t)len * 2}, &out) < 0) {
            out = MANSIO_STR_NONE;
        }
    }
    return out;
}

static void take_peer_texts(struct core_tls *tls)
{
    X509 *peer = SSL_get0_peer_certificate(tls->ssl);
    if (peer && !tls->has_peer_texts) {
        tls->peer_subject = subject_of(tls, peer);
        tls->peer_fingerprint = fingerprint_of(tls, peer);
        ERR_clear_error();
    }
    tls->has_peer_texts = 1;
}

static int no_tls(void)
{
    return mansio_fail(MANSIO_E_NOT_FOUND, "this connection has no TLS");
}

int core_tls_facts(struct core_tls *tls, struct mansio_tls_facts *out)
{
    if (out->size < offsetof(struct mansio_tls_facts, cipher)) {
        return mansio_fail(MANSIO_E_BUG, "TLS facts of %zu bytes: the size is not set", out->size);
    }
    if (!tls || !tls->is_open) {
        return no_tls();
    }
    take_peer_texts(tls);
    const SSL_CIPHER *cipher = SSL_get_current_cipher(tls->ssl);
    const char *cipher_name = cipher ? SSL_CIPHER_standard_name(cipher) : NULL;
    struct mansio_tls_facts facts = {
        .size = out->size,
        .version = mansio_str_from_cstr(SSL_get_version(tls->ssl)),
        .cipher = mansio_str_from_cstr(cipher_name),
        .server_name = tls->server_name,
        .cipher_bits = cipher ? (uint32_t)SSL_CIPHER_get_bits(cipher, NULL) : 0,
        .is_resumed = SSL_session_reused(tls->ssl) ? 1 : 0,
        .is_peer_verified = (uint32_t)core_tls_is_peer_verified(tls),
        .peer_subject = tls->peer_subject,
        .peer_fingerprint = tls->peer_fingerprint,
    };
    memcpy(out, &facts, out->size < sizeof facts ? out->size : sizeof facts);
    return 0;
}

/* ---- bindings ---------------------------------------------------------------------------------
 */

static int keep(struct mansio_arena *arena, const unsigned char *bytes, size_t len,
                struct mansio_str *out)
{
    return mansio_arena_copy(arena, (struct mansio_str){(const char *)bytes, len}, out);
}

static int unsupported(const char *why)
{
    ERR_clear_error();
    return mansio_fail(MANSIO_E_UNSUPPORTED, "channel binding: %s", why);
}

/* RFC 9266: only where the exporter is bound to the handshake for sure. */
static int bind_exporter(struct core_tls *tls, struct mansio_arena *arena, struct mansio_str *out)
{
    static const char label[] = "EXPORTER-Channel-Binding";
    enum { SIZE = 32 };
    unsigned char bytes[SIZE];
    if (SSL_version(tls->ssl) < TLS1_3_VERSION) {
        return unsupported("tls-exporter needs TLS 1.3");
    }
    ERR_clear_error();
    if (SSL_export_keying_material(tls->ssl, bytes, SIZE, label, sizeof label - 1,
                                   (const unsigned char *)"", 0, 1) != 1) {
        return unsupported("the exporter failed");
    }
    return keep(arena, bytes, SIZE, out);
}

/* RFC 5929 4.1: by the hash of the certificate's signature, SHA-256 for what is older. */
static const EVP_MD *hash_of_signature(X509 *certificate)
{
    int hash = NID_undef;
    if (X509_get_signature_info(certificate, &hash, NULL, NULL, NULL) != 1 || hash == NID_undef) {
        return NULL; /* Ed25519 and its like have none: undefined */
    }
    return hash == NID_md5 || hash == NID_sha1 || hash == NID_md5_sha1 ? EVP_sha256()
                                                                       : EVP_get_digestbynid(hash);
}

static int bind_end_point(struct core_tls *tls, struct mansio_arena *arena, struct mansio_str *out)
{
    /* A resumed session shows no certificate. It was bound to the ones that were to choose from,
     * so if there was only one, that is it. */
    if (tls->server && tls->is_ambiguous && SSL_session_reused(tls->ssl)) {
        return unsupported("tls-server-end-point is not known of a resumed session");
    }
    X509 *certificate =
        tls->server ? SSL_get_certificate(tls->ssl) : SSL_get0_peer_certificate(tls->ssl);
    const EVP_MD *hash = certificate ? hash_of_signature(certificate) : NULL;
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    ERR_clear_error();
    if (!hash || X509_digest(certificate, hash, bytes, &len) != 1) {
        return unsupported("tls-server-end-point is not defined for this certificate");
    }
    return keep(arena, bytes, len, out);
}

int core_tls_channel_binding(struct core_tls *tls, struct mansio_str type,
                             struct mansio_arena *arena, struct mansio_str *out)
{
    if (!tls || !tls->is_open) {
        return no_tls();
    }
    if (mansio_str_eq(type, MANSIO_STR("tls-exporter"))) {
        return bind_exporter(tls, arena, out);
    }
    if (mansio_str_eq(type, MANSIO_STR("tls-server-end-point"))) {
        return bind_end_point(tls, arena, out);
    }
    return unsupported("not a type that is known here");
}

int core_tls_peer_certificate(struct core_tls *tls, struct mansio_arena *arena,
                              struct mansio_str *out)
{
    X509 *peer = tls && tls->is_open ? SSL_get0_peer_certificate(tls->ssl) : NULL;
    unsigned char *der = NULL;
    ERR_clear_error();
    int len = peer ? i2d_X509(peer, &der) : 0;
    if (len <= 0) {
        ERR_clear_error();
        return mansio_fail(MANSIO_E_NOT_FOUND, "the peer showed no certificate");
    }
    int rc = len > CERTIFICATE_MAX
                 ? mansio_fail(MANSIO_E_LIMIT, "the peer's certificate has %d bytes", len)
                 : keep(arena, der, (size_t)len, out);
    OPENSSL_free(der);
    return rc;
}
