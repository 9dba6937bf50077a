/*
 * Checking: crypt(3) for its own forms, libargon2, OpenSSL for the rest. Hashes are compared in
 * constant time, passwords in the clear by their digests, so that not even a length shows. What
 * held a password or was made of one is wiped.
 */
#include "hash.h"

#include "scram.h"

#include <argon2.h>
#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <mansio/error.h>
#include <mansio/str.h>

enum {
    DIGEST_MAX = 64,
    TAG_MAX = 128, /* stored.c accepts no longer one of argon2 */
};

static int library_failed(const struct auth_stored *stored, const char *why)
{
    return mansio_fail(MANSIO_E_UNAVAILABLE, "%s: %s", stored->scheme->name, why);
}

static int check_plain(const struct auth_stored *stored, const struct auth_password *password)
{
    unsigned char given[32] = {0};
    unsigned char wanted[32] = {0};
    int is_same = -1;

    if (EVP_Digest(password->bytes, password->len, given, NULL, EVP_sha256(), NULL) &&
        EVP_Digest(stored->text.ptr, stored->text.len, wanted, NULL, EVP_sha256(), NULL)) {
        is_same = CRYPTO_memcmp(given, wanted, sizeof given) == 0;
    }
    OPENSSL_cleanse(given, sizeof given);
    OPENSSL_cleanse(wanted, sizeof wanted);
    return is_same < 0 ? library_failed(stored, "no digest") : is_same;
}

static int is_hash(const struct auth_stored *stored, const unsigned char *bytes, size_t length)
{
    return mansio_secret_eq(stored->hash, (struct mansio_str){(const char *)bytes, length});
}

static int check_digest(const struct auth_stored *stored, const struct auth_password *password)
{
    unsigned char digest[DIGEST_MAX] = {0};
    unsigned int length = 0;
    const EVP_MD *md = EVP_get_digestbyname(stored->scheme->digest);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int is_same = -1;

    if (md != NULL && context != NULL && EVP_DigestInit_ex(context, md, NULL) &&
        EVP_DigestUpdate(context, password->bytes, password->len) &&
        EVP_DigestUpdate(context, stored->salt.ptr, stored->salt.len) &&
        EVP_DigestFinal_ex(context, digest, &length)) {
        is_same = is_hash(stored, digest, length);
    }
    EVP_MD_CTX_free(context);
    OPENSSL_cleanse(digest, sizeof digest);
    return is_same < 0 ? library_failed(stored, "no digest") : is_same;
}

/* A C string of a stored text, to hand to crypt(3). */
static int text_of(const struct auth_stored *stored, char out[AUTH_HASH_ROOM])
{
    if (stored->text.len >= AUTH_HASH_ROOM) {
        return 0;
    }
    for (size_t i = 0; i < stored->text.len; i++) {
        out[i] = stored->text.ptr[i];
    }
    out[stored->text.len] = '\0';
    return 1;
}

static int check_crypt(const struct auth_stored *stored, const struct auth_password *password)
{
    char setting[AUTH_HASH_ROOM] = "";
    /* 32 KiB: not for a stack. */
    struct crypt_data *data = OPENSSL_zalloc(sizeof *data);
    int is_same = -1;

    if (data != NULL && text_of(stored, setting)) {
        const char *made = crypt_r(password->bytes, setting, data);
        if (made != NULL && made[0] != '*') {
            is_same = mansio_secret_eq(stored->text, mansio_str_from_cstr(made));
        }
    }
    OPENSSL_clear_free(data, sizeof *data);
    return is_same < 0 ? library_failed(stored, "crypt(3) refused the text") : is_same;
}

/* One thread whatever the lanes are: the result is the same, and threads are counted. */
static int run_argon2(const struct auth_stored *stored, const struct auth_password *password,
                      unsigned char *tag, size_t length)
{
    argon2_context context = {
        .out = tag,
        .outlen = (uint32_t)length,
        .pwd = (uint8_t *)(uintptr_t)password->bytes,
        .pwdlen = (uint32_t)password->len,
        .salt = (uint8_t *)(uintptr_t)stored->salt.ptr,
        .saltlen = (uint32_t)stored->salt.len,
        .t_cost = stored->rounds,
        .m_cost = (uint32_t)(stored->memory_bytes / 1024),
        .lanes = stored->lanes,
        .threads = 1,
        .version = stored->version,
    };
    int is_id = mansio_str_eq(mansio_str_from_cstr(stored->scheme->name), MANSIO_STR("ARGON2ID"));
    int code = argon2_ctx(&context, is_id ? Argon2_id : Argon2_i);

    return code == ARGON2_OK ? 0 : library_failed(stored, argon2_error_message(code));
}

static int check_argon2(const struct auth_stored *stored, const struct auth_password *password)
{
    unsigned char tag[TAG_MAX] = {0};
    int rc = run_argon2(stored, password, tag, stored->hash.len);

    rc = rc < 0 ? rc : is_hash(stored, tag, stored->hash.len);
    OPENSSL_cleanse(tag, sizeof tag);
    return rc;
}

static int run_pbkdf2(struct mansio_str salt, uint32_t rounds, const struct auth_password *password,
                      unsigned char out[20])
{
    return PKCS5_PBKDF2_HMAC(password->bytes, (int)password->len, (const unsigned char *)salt.ptr,
                             (int)salt.len, (int)rounds, EVP_sha1(), 20, out) == 1;
}

static int check_pbkdf2(const struct auth_stored *stored, const struct auth_password *password)
{
    unsigned char hash[20] = {0};
    int is_same = run_pbkdf2(stored->salt, stored->rounds, password, hash)
                      ? is_hash(stored, hash, sizeof hash)
                      : library_failed(stored, "no PBKDF2");

    OPENSSL_cleanse(hash, sizeof hash);
    return is_same;
}

static int check_scram(const struct auth_stored *stored, const struct auth_password *password)
{
    struct auth_scram_made made = {{0}, {0}};
    int rc = auth_scram_make(auth_password_str(password), stored->scram.salt,
                             stored->scram.iterations, &made);

    if (rc == 0) {
        rc = mansio_secret_eq(
            stored->scram.stored_key,
            (struct mansio_str){(const char *)made.stored_key, sizeof made.stored_key});
    }
    OPENSSL_cleanse(&made, sizeof made);
    return rc;
}

int auth_hash_check(const struct auth_stored *stored, const struct auth_password *password)
{
    switch (stored->scheme->form) {
    case AUTH_FORM_PLAIN:
        return check_plain(stored, password);
    case AUTH_FORM_DIGEST:
        return check_digest(stored, password);
    case AUTH_FORM_CRYPT:
        return check_crypt(stored, password);
    case AUTH_FORM_ARGON2:
        return check_argon2(stored, password);
    case AUTH_FORM_PBKDF2:
        return check_pbkdf2(stored, password);
    case AUTH_FORM_SCRAM:
        return check_scram(stored, password);
    }
    return MANSIO_E_BUG;
}
