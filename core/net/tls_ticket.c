/*
 * Keys of session tickets, derived from a secret and the time: all who have the secret seal and
 * open the same tickets without a word between them. A key is good for a period of 8 hours; it
 * opens for one more on both sides, so that rotation breaks no resumption and clocks may differ.
 *
 * Whoever learns the secret can open the tickets of its life. TLS 1.3 mixes a fresh key exchange
 * into every resumption all the same; a resumed TLS 1.2 connection has nothing else. So the secret
 * is one of the daemon's run where no configured one has to be shared with other nodes.
 */
#include "core/net/tls_ssl.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum { KEPT = 3 }; /* the present period, and its neighbours */

struct core_tls_tickets {
    struct mansio_secret *secret;
    struct mansio_arena *arena;
    int64_t periods[KEPT]; /* 0: none derived */
    struct core_tls_ticket_key keys[KEPT];
};

static void wipe(void *arg)
{
    struct core_tls_tickets *tickets = arg;
    explicit_bzero(tickets->keys, sizeof tickets->keys);
}

int core_tls_tickets_new(struct mansio_arena *arena, struct mansio_str secret,
                         struct core_tls_tickets **out)
{
    if (secret.len < CORE_TLS_TICKET_SECRET_MIN) {
        return mansio_fail(MANSIO_E_INVALID, "found a secret of %zu bytes, expected %d or more",
                           secret.len, (int)CORE_TLS_TICKET_SECRET_MIN);
    }
    struct core_tls_tickets *tickets = mansio_arena_alloc(arena, sizeof(*tickets));
    int rc = mansio_secret_new(arena, secret, &tickets->secret);
    if (rc < 0) {
        return rc;
    }
    tickets->arena = arena;
    mansio_arena_defer(arena, wipe, tickets);
    *out = tickets;
    return 0;
}

/* RFC 5869, with the period in the info. 1 if it went well. */
static int derive(struct mansio_str secret, int64_t period, struct core_tls_ticket_key *out)
{
    static const char label[] = "mansio tls ticket 1";
    unsigned char info[sizeof label - 1 + 8];
    memcpy(info, label, sizeof label - 1);
    for (size_t i = 0; i < 8; i++) {
        info[sizeof label - 1 + i] = (unsigned char)((uint64_t)period >> (56 - 8 * i));
    }
    char digest[] = "SHA256";
    char *key = NULL;
    memcpy(&key, &secret.ptr, sizeof key); /* OSSL_PARAM knows no const */
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key, secret.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof info),
        OSSL_PARAM_construct_end(),
    };
    unsigned char bytes[sizeof *out];
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    int is_done = ctx && EVP_KDF_derive(ctx, bytes, sizeof bytes, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    if (is_done) {
        memcpy(out, bytes, sizeof bytes);
    }
    explicit_bzero(bytes, sizeof bytes);
    return is_done;
}

static const struct core_tls_ticket_key *key_of(struct core_tls_tickets *tickets, int64_t period)
{
    size_t slot = (size_t)(period % KEPT);
    if (period <= 0) {
        return NULL;
    }
    if (tickets->periods[slot] != period) {
        tickets->periods[slot] = 0;
        if (!derive(mansio_secret_bytes(tickets->secret), period, &tickets->keys[slot])) {
            return NULL;
        }
        tickets->periods[slot] = period;
    }
    return &tickets->keys[slot];
}

static int64_t period_at(int64_t wall_us)
{
    return wall_us / (CORE_TLS_TICKET_PERIOD_S * MANSIO_SECOND);
}

const struct core_tls_ticket_key *core_tls_tickets_seal(struct core_tls_tickets *tickets,
                                                        int64_t wall_us)
{
    return key_of(tickets, period_at(wall_us));
}

const struct core_tls_ticket_key *core_tls_tickets_open(struct core_tls_tickets *tickets,
                                                        int64_t wall_us, const unsigned char *name,
                                                        int *out_is_stale)
{
    int64_t now = period_at(wall_us);
    const int64_t tried[KEPT] = {now, now - 1, now + 1};
    for (size_t i = 0; i < KEPT; i++) {
        const struct core_tls_ticket_key *key = key_of(tickets, tried[i]);
        if (key && memcmp(key->name, name, sizeof key->name) == 0) {
            *out_is_stale = i > 0;
            return key;
        }
    }
    return NULL;
}

/* AES-256-CBC and HMAC-SHA-256, as RFC 5077 4 recommends. */
static int use_key(const struct core_tls_ticket_key *key, const unsigned char *iv,
                   EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int is_new)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_init(mac, key->mac, sizeof key->mac, params) == 1 &&
           EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv, is_new) == 1;
}

/* -1: the handshake fails. 0: no such key, a full handshake. 1: done. 2: and a new ticket. */
int core_tls_on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                       EVP_MAC_CTX *mac, int is_new)
{
    const struct core_tls *tls = SSL_get_app_data(ssl);
    struct core_tls_tickets *tickets = core_tls_server_get_options(tls->server)->tickets;
    int is_stale = 0;
    const struct core_tls_ticket_key *key =
        is_new ? core_tls_tickets_seal(tickets, mansio_wall_us())
               : core_tls_tickets_open(tickets, mansio_wall_us(), name, &is_stale);
    if (!key) {
        return is_new ? -1 : 0;
    }
    if (is_new) {
        memcpy(name, key->name, sizeof key->name);
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) {
            return -1;
        }
    }
    if (!use_key(key, iv, cipher, mac, is_new)) {
        return -1;
    }
    /* TLS 1.3 gives a new ticket with every resumption, asked or not. */
    return is_stale ? 2 : 1;
}
