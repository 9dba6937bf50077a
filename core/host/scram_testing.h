/*
 * For the tests of SCRAM: what a client does, and keys made of a password.
 */
#ifndef MANSIO_CORE_HOST_SCRAM_TESTING_H
#define MANSIO_CORE_HOST_SCRAM_TESTING_H

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <mansio/login.h>
#include <mansio/str.h>

#include "core/host/scram.h"

enum { TESTING_HASH = CORE_SCRAM_HASH_BYTES };

struct testing_secrets {
    unsigned char client_key[TESTING_HASH], stored_key[TESTING_HASH], server_key[TESTING_HASH];
};

static inline void testing_hmac(const unsigned char *key, const char *text, unsigned char *out)
{
    unsigned len = 0;
    (void)HMAC(EVP_sha256(), key, TESTING_HASH, (const unsigned char *)text, strlen(text), out,
               &len);
}

/* RFC 5802 3. */
static inline void testing_secrets(const char *password, struct mansio_str salt, int iterations,
                                   struct testing_secrets *out)
{
    unsigned char salted[TESTING_HASH];
    unsigned len = 0;
    (void)PKCS5_PBKDF2_HMAC(password, (int)strlen(password), (const unsigned char *)salt.ptr,
                            (int)salt.len, iterations, EVP_sha256(), sizeof salted, salted);
    testing_hmac(salted, "Client Key", out->client_key);
    testing_hmac(salted, "Server Key", out->server_key);
    (void)EVP_Digest(out->client_key, TESTING_HASH, out->stored_key, &len, EVP_sha256(), NULL);
}

/* Keys as an auth module gives them, in an arena. */
static inline const struct mansio_scram_keys *testing_keys(struct mansio_arena *arena, uint64_t id,
                                                           const char *password,
                                                           struct mansio_str salt, int iterations)
{
    struct testing_secrets *secrets = mansio_arena_alloc(arena, sizeof *secrets);
    struct mansio_scram_keys *keys = mansio_arena_alloc(arena, sizeof *keys);
    testing_secrets(password, salt, iterations, secrets);
    *keys = (struct mansio_scram_keys){
        .size = sizeof *keys,
        .iterations = (uint32_t)iterations,
        .salt = salt,
        .stored_key = {(const char *)secrets->stored_key, TESTING_HASH},
        .server_key = {(const char *)secrets->server_key, TESTING_HASH},
        .credential_id = id,
    };
    return keys;
}

/* client-final-message, for what was said before. @p bound: gs2 header and channel data. */
static inline struct mansio_str testing_final(struct mansio_arena *arena, const char *password,
                                              struct mansio_str bare,
                                              struct mansio_str server_first, const char *bound,
                                              struct mansio_str salt, int iterations)
{
    struct testing_secrets secrets;
    struct mansio_str binding, without, text, proof, out = MANSIO_STR_NONE;
    unsigned char signature[TESTING_HASH];
    testing_secrets(password, salt, iterations, &secrets);
    ptrdiff_t comma = mansio_str_find_char(server_first, ',');
    struct mansio_str nonce = mansio_str_sub(server_first, 0, (size_t)comma);
    if (mansio_base64_encode(arena, mansio_str_from_cstr(bound), &binding) < 0 ||
        mansio_arena_printf(arena, &without, "c=%.*s,%.*s", MANSIO_STR_ARG(binding),
                            MANSIO_STR_ARG(nonce)) < 0 ||
        mansio_arena_printf(arena, &text, "%.*s,%.*s,%.*s", MANSIO_STR_ARG(bare),
                            MANSIO_STR_ARG(server_first), MANSIO_STR_ARG(without)) < 0) {
        return out;
    }
    testing_hmac(secrets.stored_key, text.ptr, signature);
    for (size_t i = 0; i < TESTING_HASH; i++) {
        signature[i] ^= secrets.client_key[i];
    }
    if (mansio_base64_encode(arena, (struct mansio_str){(const char *)signature, TESTING_HASH},
                             &proof) < 0 ||
        mansio_arena_printf(arena, &out, "%.*s,p=%.*s", MANSIO_STR_ARG(without),
                            MANSIO_STR_ARG(proof)) < 0) {
        return MANSIO_STR_NONE;
    }
    return out;
}

#endif
