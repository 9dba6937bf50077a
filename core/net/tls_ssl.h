/*
 * TLS from the inside, with OpenSSL's types: for core/net/tls_*.c alone. OpenSSL's error queue is
 * the thread's, not the fiber's: every call is preceded by ERR_clear_error(), and what it left is
 * read before anything may yield.
 */
#ifndef MANSIO_CORE_NET_TLS_SSL_H
#define MANSIO_CORE_NET_TLS_SSL_H

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "core/net/stream.h"
#include "core/net/tls.h"
#include "core/net/transport.h"

enum { CORE_TLS_HASH_SIZE = 32 };

struct core_tls_certificate {
    uint32_t refs;
    X509 *leaf;
    STACK_OF(X509) * chain; /* without the leaf */
    EVP_PKEY *key;
    struct mansio_arena *arena; /* of the names */
    struct mansio_str *names;
    size_t name_count;
    int64_t not_before_us, not_after_us; /* wall time */
    unsigned char fingerprint[CORE_TLS_HASH_SIZE];
};

/* A direction's end: sticky. */
struct core_tls_side {
    int code;           /* MANSIO_E_EOF or MANSIO_E_IO */
    const char *reason; /* static */
};

struct core_tls {
    struct core_transport base; /* first: the two pointers are one */
    struct core_transport *lower;
    SSL *ssl;
    struct mansio_arena *arena;     /* the stream's: texts of facts */
    struct core_tls_server *server; /* NULL: we are the client */
    char *ahead; /* bytes received before the handshake that belong to it; freed once taken */
    size_t ahead_len, ahead_used;
    uint32_t exhausted;   /* directions of the lower transport that have no more in this call */
    uint32_t lower_wants; /* what the last refusal of the lower transport lacked */
    int lower_code;       /* its error */
    struct core_tls_side in, out;
    uint8_t is_open;              /* the handshake is done */
    uint8_t has_hello;            /* the client's name is known */
    uint8_t is_looked_up;         /* options.lookup has been asked */
    uint8_t is_ambiguous;         /* there were several certificates to choose from */
    struct core_tls_choice found; /* what it answered; references of ours, until applied */
    struct mansio_str server_name;
    struct mansio_str peer_subject, peer_fingerprint; /* filled in when asked for first */
    uint8_t has_peer_texts;
};

/* Make a transport of an SSL, which it owns, on another, which it owns too from then on. */
struct core_tls *core_tls_new(struct mansio_arena *arena, SSL *ssl, struct core_transport *lower);

/* What an SSL call that did nothing came to: 0 with *wants, or the sticky code, with the detail. */
int core_tls_outcome(struct core_tls *tls, struct core_tls_side *side, int result, uint32_t *wants);

/* Shake hands over a stream whose transport @p tls is by now. Yields. */
MANSIO_MUST_CHECK int core_tls_handshake(struct mansio_stream *stream, struct core_tls *tls,
                                         int64_t deadline_us, uint32_t *out_end);

/* The server's SSL of a conn, its certificates yet to be chosen. NULL without memory. */
SSL *core_tls_server_ssl(struct core_tls_server *server);
const struct core_tls_server_options *core_tls_server_get_options(
    const struct core_tls_server *server);
/* Lists of revoked certificates. tls_revocation.c */
enum { CORE_TLS_LISTS_MAX = 64 };
struct core_tls_lists {
    struct {
        int64_t from_us, until_us; /* in which it is current; wall clock */
    } spans[CORE_TLS_LISTS_MAX];
    size_t count;
    int64_t until_us; /* then the first CA is without a current one */
    unsigned char digest[CORE_TLS_HASH_SIZE];
};
/* Read a PEM file of them into a store that has the CAs, which is strict from then on. @p out is
 * zeroed. MANSIO_E_IO, MANSIO_E_INVALID: of that file. */
MANSIO_MUST_CHECK int core_tls_lists_read(const char *path, X509_STORE *store,
                                          struct core_tls_lists *out);
/* Pure: the lists, and which of them are current. 1 if it went well. */
int core_tls_lists_hash(const struct core_tls_lists *lists, int64_t wall_us,
                        unsigned char out[CORE_TLS_HASH_SIZE]);

/* Ask options.lookup. Yields. 0; MANSIO_E_CANCELLED. */
MANSIO_MUST_CHECK int core_tls_server_look_up(struct core_tls *tls);

/* Set what both sides have in common: versions, options, modes. */
void core_tls_set_common(SSL_CTX *ctx);

/* For SSL_CTX_set_tlsext_ticket_key_evp_cb(). */
int core_tls_on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                       EVP_MAC_CTX *mac, int is_new);
/* How long a ticket may be used. */
enum { CORE_TLS_TICKET_PERIOD_S = 8 * 3600 };

/* Pure but for OpenSSL: the key of a period. */
enum {
    CORE_TLS_TICKET_NAME_SIZE = 16,
    CORE_TLS_TICKET_KEY_SIZE = 32,
};
struct core_tls_ticket_key {
    unsigned char name[CORE_TLS_TICKET_NAME_SIZE];
    unsigned char cipher[CORE_TLS_TICKET_KEY_SIZE];
    unsigned char mac[CORE_TLS_TICKET_KEY_SIZE];
};
/* The key that seals at a time; NULL when it can't be derived. Valid until the next call. */
const struct core_tls_ticket_key *core_tls_tickets_seal(struct core_tls_tickets *tickets,
                                                        int64_t wall_us);
/* The key of a name at a time; NULL: none, or an old one. *out_is_stale: issue a new ticket. */
const struct core_tls_ticket_key *core_tls_tickets_open(struct core_tls_tickets *tickets,
                                                        int64_t wall_us, const unsigned char *name,
                                                        int *out_is_stale);

/* A whole file, into memory that core_tls_file_free() wipes. MANSIO_E_IO. */
MANSIO_MUST_CHECK int core_tls_file_read(const char *path, struct mansio_str *out);
void core_tls_file_free(struct mansio_str bytes);

/* In wall microseconds; 0, long ago, if it is no time. */
int64_t core_tls_wall_us(const ASN1_TIME *time);

/* OpenSSL's last reason, never NULL, static; empties its queue. */
const char *core_tls_reason(void);

/* Of a stream: its TLS, or NULL. */
struct core_tls *core_tls_of_stream(const struct mansio_stream *stream);
/* As mansio_conn_tls_facts() and its like; @p tls may be NULL. tls_facts.c */
MANSIO_MUST_CHECK int core_tls_facts(struct core_tls *tls, struct mansio_tls_facts *out);
MANSIO_MUST_CHECK int core_tls_peer_certificate(struct core_tls *tls, struct mansio_arena *arena,
                                                struct mansio_str *out);
/* As core_conn_peer_addresses(); @p tls may be NULL. tls_peer.c */
MANSIO_MUST_CHECK int core_tls_peer_addresses(struct core_tls *tls, uint32_t from,
                                              struct mansio_arena *arena,
                                              const struct mansio_str **out, size_t *out_count);
/* Of a certificate, whoever vouches for it. */
MANSIO_MUST_CHECK int core_tls_certificate_addresses(X509 *peer, uint32_t from,
                                                     struct mansio_arena *arena,
                                                     const struct mansio_str **out,
                                                     size_t *out_count);
/* 1: neither before its time nor after it. */
int core_tls_is_valid_now(const X509 *peer);
/* When what vouches for the peer's certificate ends, in wall microseconds: the certificate's end,
 * or that of an authority above it if it is earlier. */
int64_t core_tls_peer_until_us(SSL *ssl);
/* For SSL_CTX_set_session_ticket_cb(): a ticket remembers it, as the chain isn't shown again. */
int core_tls_on_ticket_made(SSL *ssl, void *arg);
/* 1: it showed a certificate that our CAs vouch for. @p tls is open. */
int core_tls_is_peer_verified(const struct core_tls *tls);
MANSIO_MUST_CHECK int core_tls_channel_binding(struct core_tls *tls, struct mansio_str type,
                                               struct mansio_arena *arena, struct mansio_str *out);

#endif
