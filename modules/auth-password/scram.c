/*
 * SaltedPassword := Hi(password, salt, i); StoredKey := H(HMAC(SaltedPassword, "Client Key"));
 * ServerKey := HMAC(SaltedPassword, "Server Key") (RFC 5802 3). Hi is PBKDF2 with HMAC.
 */
#include "scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#include <mansio/error.h>

static int hmac(const unsigned char *key, const char *text, size_t length, unsigned char *out)
{
    return HMAC(EVP_sha256(), key, AUTH_SCRAM_KEY_BYTES, (const unsigned char *)text, length, out,
                NULL) != NULL;
}

int auth_scram_make(struct mansio_str password, struct mansio_str salt, uint32_t iterations,
                    struct auth_scram_made *out)
{
    unsigned char salted[AUTH_SCRAM_KEY_BYTES] = {0};
    unsigned char client[AUTH_SCRAM_KEY_BYTES] = {0};
    struct auth_scram_made made = {{0}, {0}};
    int is_made = PKCS5_PBKDF2_HMAC(password.ptr, (int)password.len,
                                    (const unsigned char *)salt.ptr, (int)salt.len, (int)iterations,
                                    EVP_sha256(), sizeof salted, salted) == 1 &&
                  hmac(salted, "Client Key", 10, client) &&
                  EVP_Digest(client, sizeof client, made.stored_key, NULL, EVP_sha256(), NULL) &&
                  hmac(salted, "Server Key", 10, made.server_key);

    if (is_made) {
        *out = made;
    }
    OPENSSL_cleanse(salted, sizeof salted);
    OPENSSL_cleanse(client, sizeof client);
    OPENSSL_cleanse(&made, sizeof made);
    return is_made ? 0 : mansio_fail(MANSIO_E_UNAVAILABLE, "SCRAM: the library refused");
}

size_t auth_scram_print(struct mansio_str salt, uint32_t iterations,
                        const struct auth_scram_made *made, char *out)
{
    char salt_text[AUTH_BASE64_ROOM(AUTH_SCRAM_SALT_MAX)] = "";
    char stored_key[AUTH_BASE64_ROOM(AUTH_SCRAM_KEY_BYTES)] = "";
    char server_key[AUTH_BASE64_ROOM(AUTH_SCRAM_KEY_BYTES)] = "";

    MANSIO_ASSERT(salt.len <= AUTH_SCRAM_SALT_MAX);
    (void)auth_base64_encode(salt, salt_text);
    (void)auth_base64_encode(
        (struct mansio_str){(const char *)made->stored_key, AUTH_SCRAM_KEY_BYTES}, stored_key);
    (void)auth_base64_encode(
        (struct mansio_str){(const char *)made->server_key, AUTH_SCRAM_KEY_BYTES}, server_key);
    return (size_t)snprintf(out, AUTH_SCRAM_TEXT_ROOM, "{SCRAM-SHA-256}%u,%s,%s,%s", iterations,
                            salt_text, stored_key, server_key);
}
