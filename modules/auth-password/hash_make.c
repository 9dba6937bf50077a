/*
 * Making: new texts, and decoys, which are texts whose hash is random instead of computed.
 */
#include "hash.h"

#include "scram.h"

#include <argon2.h>
#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

enum {
    SALT_BYTES = 16,
    ARGON2_TAG_BYTES = 32,
    PBKDF2_BYTES = 20,
    BCRYPT_PASSWORD_MAX = 72, /* what follows is not looked at */
    SETTING_ROOM = CRYPT_GENSALT_OUTPUT_SIZE,
};

static const char crypt_digits[] =
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static int no_luck(const struct auth_scheme *scheme, const char *why)
{
    return mansio_fail(MANSIO_E_UNAVAILABLE, "%s: %s", scheme->name, why);
}

static int random_bytes(const struct auth_scheme *scheme, void *out, size_t length)
{
    return RAND_bytes(out, (int)length) == 1 ? 0 : no_luck(scheme, "no random numbers");
}

/* Base64 without padding, as argon2's texts have it. */
static void unpadded(const unsigned char *bytes, size_t length, char *out)
{
    size_t end = auth_base64_encode((struct mansio_str){(const char *)bytes, length}, out);

    while (end > 0 && out[end - 1] == '=') {
        out[--end] = '\0';
    }
}

static int print_argon2(const struct auth_costs *costs, const unsigned char *salt,
                        const unsigned char *tag, char out[AUTH_HASH_ROOM])
{
    char salt_text[AUTH_BASE64_ROOM(SALT_BYTES)] = "";
    char tag_text[AUTH_BASE64_ROOM(ARGON2_TAG_BYTES)] = "";

    unpadded(salt, SALT_BYTES, salt_text);
    unpadded(tag, ARGON2_TAG_BYTES, tag_text);
    return snprintf(out, AUTH_HASH_ROOM, "{ARGON2ID}$argon2id$v=19$m=%llu,t=%u,p=%u$%s$%s",
                    (unsigned long long)(costs->argon2_memory_bytes / 1024), costs->argon2_passes,
                    costs->argon2_lanes, salt_text, tag_text);
}

/* @p password NULL: a decoy. */
static int make_argon2(const struct auth_scheme *scheme, const struct auth_costs *costs,
                       const struct auth_password *password, char out[AUTH_HASH_ROOM])
{
    unsigned char salt[SALT_BYTES] = {0};
    unsigned char tag[ARGON2_TAG_BYTES] = {0};
    int rc = random_bytes(scheme, salt, sizeof salt);

    rc = rc < 0 ? rc : random_bytes(scheme, tag, sizeof tag);
    if (rc == 0 && password != NULL) {
        argon2_context context = {
            .out = tag,
            .outlen = sizeof tag,
            .pwd = (uint8_t *)(uintptr_t)password->bytes,
            .pwdlen = (uint32_t)password->len,
            .salt = salt,
            .saltlen = sizeof salt,
            .t_cost = costs->argon2_passes,
            .m_cost = (uint32_t)(costs->argon2_memory_bytes / 1024),
            .lanes = costs->argon2_lanes,
            .threads = 1,
            .version = ARGON2_VERSION_13,
        };
        int code = argon2_ctx(&context, Argon2_id);
        rc = code == ARGON2_OK ? 0 : no_luck(scheme, argon2_error_message(code));
    }
    rc = rc < 0 ? rc : print_argon2(costs, salt, tag, out);
    OPENSSL_cleanse(tag, sizeof tag);
    return rc;
}

static int make_pbkdf2(const struct auth_scheme *scheme, const struct auth_costs *costs,
                       const struct auth_password *password, char out[AUTH_HASH_ROOM])
{
    unsigned char random[SALT_BYTES] = {0};
    unsigned char hash[PBKDF2_BYTES] = {0};
    char salt[AUTH_BASE64_ROOM(SALT_BYTES)] = "";
    char hex[2 * PBKDF2_BYTES + 1] = "";
    int rc = random_bytes(scheme, random, sizeof random);

    rc = rc < 0 ? rc : random_bytes(scheme, hash, sizeof hash);
    unpadded(random, sizeof random, salt);
    if (rc == 0 && password != NULL &&
        PKCS5_PBKDF2_HMAC(password->bytes, (int)password->len, (const unsigned char *)salt,
                          (int)strlen(salt), (int)costs->pbkdf2_rounds, EVP_sha1(), sizeof hash,
                          hash) != 1) {
        rc = no_luck(scheme, "no PBKDF2");
    }
    for (size_t i = 0; i < sizeof hash; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    }
    OPENSSL_cleanse(hash, sizeof hash);
    return rc < 0 ? rc
                  : snprintf(out, AUTH_HASH_ROOM, "{PBKDF2}$1$%s$%u$%s", salt, costs->pbkdf2_rounds,
                             hex);
}

/* How crypt(3) writes what crypt_gensalt(3) is to make, and with which number. */
static const char *gensalt_of(const struct auth_scheme *scheme, const struct auth_costs *costs,
                              unsigned long *out_count, size_t *out_hash_length)
{
    switch (scheme->family) {
    case AUTH_FAMILY_SHA512_CRYPT:
        *out_count = costs->sha512_rounds;
        *out_hash_length = 86;
        return "$6$";
    case AUTH_FAMILY_BLF_CRYPT:
        *out_count = costs->bcrypt_cost;
        *out_hash_length = 31;
        return "$2y$";
    default:
        *out_count = costs->yescrypt_cost;
        *out_hash_length = 43;
        return "$y$";
    }
}

/* A setting with random digits where the hash belongs. */
static int print_crypt_decoy(const struct auth_scheme *scheme, const char *setting,
                             size_t hash_length, char out[AUTH_HASH_ROOM])
{
    unsigned char random[128] = {0};
    char hash[sizeof random + 1] = "";
    int rc = random_bytes(scheme, random, sizeof random);

    for (size_t i = 0; i < hash_length; i++) {
        hash[i] = crypt_digits[random[i] & 63];
    }
    return rc < 0 ? rc
                  : snprintf(out, AUTH_HASH_ROOM, "{%s}%s%s%s", scheme->name, setting,
                             scheme->family == AUTH_FAMILY_BLF_CRYPT ? "" : "$", hash);
}

static int make_crypt(const struct auth_scheme *scheme, const struct auth_costs *costs,
                      const struct auth_password *password, char out[AUTH_HASH_ROOM])
{
    unsigned long count = 0;
    size_t hash_length = 0;
    const char *prefix = gensalt_of(scheme, costs, &count, &hash_length);
    unsigned char random[SALT_BYTES] = {0};
    char setting[SETTING_ROOM] = "";
    int rc = random_bytes(scheme, random, sizeof random);

    if (rc == 0 && crypt_gensalt_rn(prefix, count, (const char *)random, sizeof random, setting,
                                    sizeof setting) == NULL) {
        rc = no_luck(scheme, "crypt_gensalt(3) refused");
    }
    if (rc < 0) {
        return rc;
    }
    if (password == NULL) {
        return print_crypt_decoy(scheme, setting, hash_length, out);
    }
    struct crypt_data *data = OPENSSL_zalloc(sizeof *data);
    const char *made = data != NULL ? crypt_r(password->bytes, setting, data) : NULL;
    rc = made == NULL || made[0] == '*'
             ? no_luck(scheme, "crypt(3) refused")
             : snprintf(out, AUTH_HASH_ROOM, "{%s}%s", scheme->name, made);
    OPENSSL_clear_free(data, sizeof *data);
    return rc;
}

/* A decoy of SCRAM: keys that are random. */
static int make_scram_decoy(const struct auth_scheme *scheme, const struct auth_costs *costs,
                            char out[AUTH_HASH_ROOM])
{
    unsigned char salt[AUTH_SCRAM_SALT_BYTES] = {0};
    struct auth_scram_made made = {{0}, {0}};
    char text[AUTH_SCRAM_TEXT_ROOM] = "";
    int rc = random_bytes(scheme, salt, sizeof salt);

    rc = rc < 0 ? rc : random_bytes(scheme, &made, sizeof made);
    if (rc < 0) {
        return rc;
    }
    (void)auth_scram_print((struct mansio_str){(const char *)salt, sizeof salt},
                           costs->scram_iterations, &made, text);
    return snprintf(out, AUTH_HASH_ROOM, "%s", text);
}

static int make(const struct auth_scheme *scheme, const struct auth_costs *costs,
                const struct auth_password *password, char out[AUTH_HASH_ROOM])
{
    switch (scheme->form) {
    case AUTH_FORM_ARGON2:
        return make_argon2(scheme, costs, password, out);
    case AUTH_FORM_PBKDF2:
        return make_pbkdf2(scheme, costs, password, out);
    case AUTH_FORM_CRYPT:
        return make_crypt(scheme, costs, password, out);
    default:
        return mansio_fail(MANSIO_E_BUG, "%s is not made", scheme->name);
    }
}

int auth_hash_make(const struct auth_scheme *scheme, const struct auth_costs *costs,
                   const struct auth_password *password, char out[AUTH_HASH_ROOM])
{
    if (scheme->family == AUTH_FAMILY_BLF_CRYPT && password->len > BCRYPT_PASSWORD_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "BLF-CRYPT: looks at %d bytes of a password only",
                           BCRYPT_PASSWORD_MAX);
    }
    return make(scheme, costs, password, out);
}

int auth_hash_decoy(const struct auth_scheme *scheme, const struct auth_costs *costs,
                    char out[AUTH_HASH_ROOM])
{
    return scheme->form == AUTH_FORM_SCRAM ? make_scram_decoy(scheme, costs, out)
                                           : make(scheme, costs, NULL, out);
}
