/*
 * Mechanisms: see sasl.h. Hashing a password many times over is done by an offload thread.
 */
#include "sasl.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/login.h>
#include <mansio/offload.h>
#include <mansio/str.h>

enum { HASH_BYTES = 32, NONCE_BYTES = 18, TEXT_MAX = 4096 };

int ob_plain_message(struct mansio_arena *arena, struct mansio_str user, struct mansio_str password,
                     struct mansio_str *out)
{
    struct mansio_buf *text = mansio_buf_new(arena, TEXT_MAX);

    if (mansio_str_find_char(user, '\0') >= 0 || mansio_str_find_char(password, '\0') >= 0) {
        return mansio_fail(MANSIO_E_INVALID, "a NUL in a user's name or password");
    }
    (void)mansio_buf_add_char(text, '\0');
    (void)mansio_buf_add(text, user);
    (void)mansio_buf_add_char(text, '\0');
    (void)mansio_buf_add(text, password);
    *out = mansio_buf_str(text);
    return mansio_buf_status(text);
}

/* A name with ',' and '=' written apart (RFC 5802 5.1). */
static void add_name(struct mansio_buf *out, struct mansio_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (c == ',' || c == '=') {
            (void)mansio_buf_add(out, c == ',' ? MANSIO_STR("=2C") : MANSIO_STR("=3D"));
        } else {
            (void)mansio_buf_add_char(out, c);
        }
    }
}

int ob_scram_first(struct mansio_arena *arena, struct ob_scram *scram, struct mansio_str user,
                   struct mansio_str password, const unsigned char nonce[18],
                   struct mansio_str *out)
{
    struct mansio_buf *bare = mansio_buf_new(arena, TEXT_MAX);
    struct mansio_str text = MANSIO_STR_NONE;
    int rc =
        mansio_base64_encode(arena, (struct mansio_str){(const char *)nonce, NONCE_BYTES}, &text);

    *scram = (struct ob_scram){.user = user, .password = password};
    if (rc < 0) {
        return rc;
    }
    MANSIO_ASSERT(text.len < sizeof scram->nonce);
    memcpy(scram->nonce, text.ptr, text.len);
    (void)mansio_buf_add(bare, MANSIO_STR("n="));
    add_name(bare, user);
    (void)mansio_buf_printf(bare, ",r=%s", scram->nonce);
    scram->first = mansio_buf_str(bare);
    rc = mansio_buf_status(bare);
    return rc < 0 ? rc : mansio_arena_printf(arena, out, "n,,%.*s", MANSIO_STR_ARG(scram->first));
}

/* The value of an attribute, "r=...", which must come next. */
static int take(struct mansio_str *rest, char name, struct mansio_str *out)
{
    struct mansio_str field = MANSIO_STR_NONE;
    if (!mansio_str_split(rest, ',', &field) || field.len < 2 || field.ptr[0] != name ||
        field.ptr[1] != '=') {
        return mansio_fail(MANSIO_E_INVALID, "SCRAM: the server gave no %c", name);
    }
    *out = mansio_str_sub(field, 2, SIZE_MAX);
    return 0;
}

struct hashing {
    struct mansio_str password, salt;
    uint32_t iterations;
    unsigned char out[HASH_BYTES];
};

static int hash(void *arg)
{
    struct hashing *h = arg;
    return PKCS5_PBKDF2_HMAC(h->password.ptr, (int)h->password.len,
                             (const unsigned char *)h->salt.ptr, (int)h->salt.len,
                             (int)h->iterations, EVP_sha256(), HASH_BYTES, h->out) == 1
               ? 0
               : mansio_fail(MANSIO_E_IO, "SCRAM: hashing failed");
}

static int keyed(const unsigned char *key, struct mansio_str text, unsigned char out[HASH_BYTES])
{
    unsigned int len = 0;
    return HMAC(EVP_sha256(), key, HASH_BYTES, (const unsigned char *)text.ptr, text.len, out,
                &len) != NULL
               ? 0
               : mansio_fail(MANSIO_E_IO, "SCRAM: hashing failed");
}

/* ClientProof, and the ServerSignature to expect (RFC 5802 3). */
static int prove(struct ob_scram *scram, const unsigned char *salted, struct mansio_str message,
                 unsigned char proof[HASH_BYTES])
{
    unsigned char client_key[HASH_BYTES];
    unsigned char server_key[HASH_BYTES];
    unsigned char stored[HASH_BYTES];
    unsigned char signature[HASH_BYTES];
    int rc = keyed(salted, MANSIO_STR("Client Key"), client_key);

    if (rc == 0 && EVP_Digest(client_key, HASH_BYTES, stored, NULL, EVP_sha256(), NULL) != 1) {
        rc = mansio_fail(MANSIO_E_IO, "SCRAM: hashing failed");
    }
    rc = rc < 0 ? rc : keyed(stored, message, signature);
    rc = rc < 0 ? rc : keyed(salted, MANSIO_STR("Server Key"), server_key);
    rc = rc < 0 ? rc : keyed(server_key, message, scram->server_key_proof);
    for (size_t i = 0; rc == 0 && i < HASH_BYTES; i++) {
        proof[i] = client_key[i] ^ signature[i];
    }
    scram->is_proved = rc == 0;
    explicit_bzero(client_key, sizeof client_key);
    explicit_bzero(server_key, sizeof server_key);
    return rc;
}

int ob_scram_final(struct mansio_arena *arena, struct ob_scram *scram,
                   struct mansio_str server_first, int64_t deadline_us, struct mansio_str *out)
{
    struct mansio_str rest = server_first;
    struct mansio_str nonce, salt, count, ours, message, proof_text;
    struct hashing hashing = {.password = scram->password};
    unsigned char proof[HASH_BYTES];
    int result = 0;
    int rc = take(&rest, 'r', &nonce);

    rc = rc < 0 ? rc : take(&rest, 's', &salt);
    rc = rc < 0 ? rc : take(&rest, 'i', &count);
    if (rc == 0 && (nonce.len <= strlen(scram->nonce) ||
                    !mansio_str_starts(nonce, mansio_str_from_cstr(scram->nonce)))) {
        rc = mansio_fail(MANSIO_E_INVALID, "SCRAM: the server answers somebody else");
    }
    rc = rc < 0 ? rc : mansio_parse_u32(count, OB_ITERATIONS_MAX, &hashing.iterations);
    if (rc == 0 && hashing.iterations == 0) {
        rc = mansio_fail(MANSIO_E_INVALID, "SCRAM: no iterations");
    }
    rc = rc < 0 ? rc : mansio_base64_decode(arena, salt, &hashing.salt);
    rc = rc < 0 ? rc : mansio_offload(hash, &hashing, deadline_us, &result);
    rc = rc < 0 ? rc : result;
    rc = rc < 0 ? rc : mansio_arena_printf(arena, &ours, "c=biws,r=%.*s", MANSIO_STR_ARG(nonce));
    rc = rc < 0
             ? rc
             : mansio_arena_printf(arena, &message, "%.*s,%.*s,%.*s", MANSIO_STR_ARG(scram->first),
                                   MANSIO_STR_ARG(server_first), MANSIO_STR_ARG(ours));
    rc = rc < 0 ? rc : prove(scram, hashing.out, message, proof);
    rc = rc < 0 ? rc
                : mansio_base64_encode(
                      arena, (struct mansio_str){(const char *)proof, sizeof proof}, &proof_text);
    explicit_bzero(hashing.out, sizeof hashing.out);
    return rc < 0 ? rc
                  : mansio_arena_printf(arena, out, "%.*s,p=%.*s", MANSIO_STR_ARG(ours),
                                        MANSIO_STR_ARG(proof_text));
}

int ob_scram_check(struct mansio_arena *arena, struct ob_scram *scram,
                   struct mansio_str server_final)
{
    struct mansio_str rest = server_final;
    struct mansio_str text, bytes;
    const struct mansio_str expected = {(const char *)scram->server_key_proof, HASH_BYTES};

    if (!scram->is_proved || take(&rest, 'v', &text) < 0 ||
        mansio_base64_decode(arena, text, &bytes) < 0 || !mansio_secret_eq(bytes, expected)) {
        return mansio_fail(MANSIO_E_DENIED, "SCRAM: the server doesn't know the password");
    }
    return 0;
}
