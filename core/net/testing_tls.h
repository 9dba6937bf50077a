/*
 * For unit tests of TLS: certificates made on the spot, as PEM, and transports that let through a
 * few bytes at a time, or change them.
 */
#ifndef MANSIO_CORE_NET_TESTING_TLS_H
#define MANSIO_CORE_NET_TESTING_TLS_H

#include "core/net/testing.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "core/base/alloc.h"
#include "core/net/conn.h"
#include "core/net/tls_ssl.h"

/* PEM of a certificate and its key, in an arena. */
struct testing_pem {
    struct mansio_str chain, key;
};

static inline struct mansio_str testing_bio_text(struct mansio_arena *arena, BIO *bio)
{
    char *text = NULL;
    long len = BIO_get_mem_data(bio, &text);
    struct mansio_str out = MANSIO_STR_NONE;
    CHECK(len > 0 && mansio_arena_copy(arena, (struct mansio_str){text, (size_t)len}, &out) == 0);
    BIO_free(bio);
    return out;
}

static inline X509 *testing_x509(EVP_PKEY *key, const char *common_name, const char *names)
{
    X509 *x509 = X509_new();
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, key);
    X509_NAME *subject = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1,
                               -1, 0);
    X509_set_issuer_name(x509, subject);
    if (names) {
        X509_EXTENSION *more = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
        CHECK(more != NULL);
        X509_add_ext(x509, more, -1);
        X509_EXTENSION_free(more);
    }
    CHECK(X509_sign(x509, key,
                    EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256()) > 0);
    return x509;
}

/* Signed by itself. @p names as openssl.cnf has them, "DNS:a.test,DNS:*.b.test"; NULL: none. */
static inline struct testing_pem testing_pem_of(struct mansio_arena *arena, EVP_PKEY *key,
                                                const char *common_name, const char *names)
{
    X509 *x509 = testing_x509(key, common_name, names);
    BIO *chain = BIO_new(BIO_s_mem());
    BIO *secret = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(chain, x509);
    PEM_write_bio_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL);
    X509_free(x509);
    EVP_PKEY_free(key);
    return (struct testing_pem){testing_bio_text(arena, chain), testing_bio_text(arena, secret)};
}

static inline struct testing_pem testing_pem_new(struct mansio_arena *arena, const char *names)
{
    return testing_pem_of(arena, EVP_EC_gen("P-256"), "test", names);
}

static inline struct core_tls_certificate *testing_certificate(const struct testing_pem *pem)
{
    struct core_tls_certificate *certificate = NULL;
    enum core_tls_file file;
    CHECK(core_tls_certificate_parse(pem->chain, pem->key, &certificate, &file) == 0);
    return certificate;
}

/* ---- transports over another ------------------------------------------------------------------
 */

struct testing_over {
    struct core_transport base;
    struct core_transport *lower;
    size_t most;        /* bytes at a time */
    unsigned char mask; /* every byte is changed by it */
};

static inline struct testing_over *testing_over_of(struct core_transport *self)
{
    return (struct testing_over *)self;
}

static inline void testing_mask(const struct testing_over *self, char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (char)(bytes[i] ^ self->mask);
    }
}

static inline int testing_over_read(struct core_transport *transport, const struct iovec *iov,
                                    size_t count, uint32_t *wants)
{
    struct testing_over *self = testing_over_of(transport);
    struct iovec one = iov[0];
    (void)count;
    one.iov_len = one.iov_len < self->most ? one.iov_len : self->most;
    int n = self->lower->ops->read(self->lower, &one, 1, wants);
    if (n > 0) {
        testing_mask(self, one.iov_base, (size_t)n);
        *wants = 0; /* there may be more: less was asked for than there was room */
    }
    return n;
}

static inline int testing_over_write(struct core_transport *transport, const struct iovec *iov,
                                     size_t count, uint32_t *wants)
{
    struct testing_over *self = testing_over_of(transport);
    char bytes[1024];
    (void)count;
    size_t len = iov[0].iov_len < self->most ? iov[0].iov_len : self->most;
    len = len < sizeof bytes ? len : sizeof bytes;
    memcpy(bytes, iov[0].iov_base, len);
    testing_mask(self, bytes, len);
    struct iovec one = {.iov_base = bytes, .iov_len = len};
    int n = self->lower->ops->write(self->lower, &one, 1, wants);
    if (n > 0) {
        *wants = 0;
    }
    return n;
}

static inline int testing_over_is_readable(struct core_transport *transport)
{
    struct core_transport *lower = testing_over_of(transport)->lower;
    return lower->ops->is_readable(lower);
}

static inline void testing_over_watch(struct core_transport *transport, uint32_t directions)
{
    struct core_transport *lower = testing_over_of(transport)->lower;
    lower->ops->watch(lower, directions);
}

static inline void testing_over_shutdown(struct core_transport *transport)
{
    struct core_transport *lower = testing_over_of(transport)->lower;
    lower->ops->shutdown(lower);
}

static inline void testing_over_close(struct core_transport *transport)
{
    struct core_transport *lower = testing_over_of(transport)->lower;
    lower->ops->close(lower);
    core_free(transport);
}

static inline void testing_over_ready(void *owner, uint32_t directions)
{
    struct testing_over *self = owner;
    core_transport_ready(&self->base, directions);
}

/* Put one over a stream's transport. */
static inline void testing_put_over(struct mansio_stream *stream, size_t most, unsigned char mask)
{
    static const struct core_transport_ops ops = {
        .name = "over",
        .read = testing_over_read,
        .write = testing_over_write,
        .is_readable = testing_over_is_readable,
        .watch = testing_over_watch,
        .shutdown = testing_over_shutdown,
        .close = testing_over_close,
    };
    struct testing_over *self = core_alloc_must(sizeof(*self));
    self->base.ops = &ops;
    self->lower = stream->transport;
    self->most = most;
    self->mask = mask;
    self->lower->owner = self;
    self->lower->on_ready = testing_over_ready;
    core_stream_set_transport(stream, &self->base);
}

/* ---- a conn and its client --------------------------------------------------------------------
 */

struct testing_tls {
    struct mansio_arena *arena;
    struct core_tls_server *server;
    struct mansio_conn *conn;
    struct mansio_stream *client;
};

static inline void testing_tls_connect(struct testing_tls *self, size_t most)
{
    int fds[2] = {-1, -1};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    struct core_address peer;
    CHECK(core_address_parse(MANSIO_STR("192.0.2.1:4242"), &peer) == 0);
    struct core_conn_options options = {
        .listener = MANSIO_STR("test"), .fd = fds[0], .peer = &peer, .tls = self->server};
    CHECK(core_conn_new(&options, &self->conn) == 0);
    self->client = core_stream_new(self->arena, core_socket_transport(fds[1]));
    mansio_stream_set_deadline(self->client, SOON);
    mansio_stream_set_deadline(mansio_conn_stream(self->conn), SOON);
    testing_put_over(mansio_conn_stream(self->conn), most, 0);
    testing_put_over(self->client, most, 0);
}

#endif
