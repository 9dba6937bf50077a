/*
 * Messages and arithmetic of SCRAM-SHA-256. See scram.h.
 */
#include "core/host/scram.h"

#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <mansio/error.h>
#include <mansio/login.h>
#include <mansio/str.h>

/* ---- reading -------------------------------------------------------------------------------- */

static int refuse(const char *what)
{
    return mansio_fail(MANSIO_E_INVALID, "SCRAM: %s", what);
}

/* RFC 5802 7: value-char; NUL, '=' and ',' aside. UTF-8 is the name's reader's concern. */
static int is_plain(struct mansio_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\0') {
            return 0;
        }
    }
    return 1;
}

/* RFC 5802 7: printable = %x21-2B / %x2D-7E. */
static int is_nonce(struct mansio_str s, size_t max)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < 0x21 || s.ptr[i] == ',' || s.ptr[i] > 0x7e) {
            return 0;
        }
    }
    return s.len > 0 && s.len <= max;
}

/* A saslname: "=2C" is ',', "=3D" is '=', and a '=' before anything else is an error. */
static int unescape(struct mansio_arena *arena, struct mansio_str s, struct mansio_str *out)
{
    char *text = mansio_arena_try_alloc(arena, s.len + 1);
    size_t used = 0;
    if (text == NULL) {
        return MANSIO_E_LIMIT;
    }
    if (!is_plain(s)) {
        return refuse("a NUL in a name");
    }
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '=') {
            struct mansio_str code = mansio_str_sub(s, i, 3);
            if (mansio_str_ieq(code, MANSIO_STR("=2C"))) {
                c = ',';
            } else if (!mansio_str_ieq(code, MANSIO_STR("=3D"))) {
                return refuse("a '=' in a name that is no escape");
            }
            i += 2;
        }
        text[used++] = c;
    }
    *out = (struct mansio_str){text, used};
    return 0;
}

/* Cut "X=value" off the front; the value may be empty. */
static int take(struct mansio_str *rest, char name, struct mansio_str *out)
{
    struct mansio_str field;
    if (!mansio_str_split(rest, ',', &field) || field.len < 2 || field.ptr[0] != name ||
        field.ptr[1] != '=') {
        return mansio_fail(MANSIO_E_INVALID, "SCRAM: attribute %c= is not where it must be", name);
    }
    *out = mansio_str_sub(field, 2, SIZE_MAX);
    return 0;
}

/* Extensions that we don't know are passed over (RFC 5802 5.1), but must look like some. */
static int skip_extensions(struct mansio_str rest)
{
    struct mansio_str field;
    while (mansio_str_split(&rest, ',', &field)) {
        char c = field.len >= 2 ? field.ptr[0] : '\0';
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) || field.ptr[1] != '=' ||
            !is_plain(field)) {
            return refuse("an extension that is none");
        }
    }
    return 0;
}

/* gs2-cbind-flag "," [ authzid ] "," */
static int read_header(struct mansio_arena *arena, struct mansio_str message,
                       struct core_scram_first *out)
{
    struct mansio_str rest = message;
    struct mansio_str flag, authzid;
    if (!mansio_str_split(&rest, ',', &flag) || !mansio_str_split(&rest, ',', &authzid) ||
        rest.ptr == NULL) {
        return refuse("no GS2 header");
    }
    if (mansio_str_eq(flag, MANSIO_STR("n"))) {
        out->binding = CORE_SCRAM_BINDING_NO;
    } else if (mansio_str_eq(flag, MANSIO_STR("y"))) {
        out->binding = CORE_SCRAM_BINDING_UNUSED;
    } else if (mansio_str_starts(flag, MANSIO_STR("p=")) && flag.len > 2) {
        out->binding = CORE_SCRAM_BINDING_WANTED;
        out->binding_name = mansio_str_sub(flag, 2, SIZE_MAX);
    } else {
        return refuse("no channel binding flag");
    }
    if (authzid.len > 0) {
        if (!mansio_str_starts(authzid, MANSIO_STR("a="))) {
            return refuse("no authorization identity where it must be");
        }
        int rc = unescape(arena, mansio_str_sub(authzid, 2, SIZE_MAX), &out->authzid);
        if (rc < 0) {
            return rc;
        }
    }
    out->bare = rest;
    out->header = mansio_str_sub(message, 0, (size_t)(rest.ptr - message.ptr));
    return 0;
}

int core_scram_read_first(struct mansio_arena *arena, struct mansio_str message,
                          struct core_scram_first *out)
{
    struct core_scram_first first = {0};
    struct mansio_str name;
    int rc = read_header(arena, message, &first);
    if (rc < 0) {
        return rc;
    }
    struct mansio_str rest = first.bare;
    if (mansio_str_starts(rest, MANSIO_STR("m="))) {
        return refuse("a mandatory extension"); /* RFC 5802 5.1: we know none */
    }
    if ((rc = take(&rest, 'n', &name)) < 0 || (rc = take(&rest, 'r', &first.nonce)) < 0 ||
        (rc = skip_extensions(rest)) < 0 || (rc = unescape(arena, name, &first.name)) < 0) {
        return rc;
    }
    if (first.name.len == 0) {
        return refuse("an empty name");
    }
    if (!is_nonce(first.nonce, CORE_SCRAM_NONCE_MAX)) {
        return refuse("a nonce that is none");
    }
    *out = first;
    return 0;
}

int core_scram_read_final(struct mansio_arena *arena, struct mansio_str message,
                          struct core_scram_final *out)
{
    struct core_scram_final final = {0};
    struct mansio_str binding, proof;
    /* The proof is the last attribute, and holds no ','. */
    size_t at = message.len;
    while (at > 0 && message.ptr[at - 1] != ',') {
        at--;
    }
    if (at == 0 || !mansio_str_starts(mansio_str_sub(message, at, SIZE_MAX), MANSIO_STR("p="))) {
        return refuse("no proof at its end");
    }
    final.without_proof = mansio_str_sub(message, 0, at - 1);
    proof = mansio_str_sub(message, at + 2, SIZE_MAX);
    struct mansio_str rest = final.without_proof;
    int rc = take(&rest, 'c', &binding);
    if (rc < 0 || (rc = take(&rest, 'r', &final.nonce)) < 0 || (rc = skip_extensions(rest)) < 0 ||
        (rc = mansio_base64_decode(arena, binding, &final.binding)) < 0 ||
        (rc = mansio_base64_decode(arena, proof, &final.proof)) < 0) {
        return rc;
    }
    if (final.proof.len != CORE_SCRAM_HASH_BYTES) {
        return refuse("a proof of another length");
    }
    if (!is_nonce(final.nonce, message.len)) {
        return refuse("a nonce that is none");
    }
    *out = final;
    return 0;
}

/* ---- writing -------------------------------------------------------------------------------- */

int core_scram_print_first(struct mansio_arena *arena, struct mansio_str nonce,
                           const struct mansio_scram_keys *keys, struct mansio_str *out)
{
    struct mansio_str salt;
    int rc = mansio_base64_encode(arena, keys->salt, &salt);
    return rc < 0 ? rc
                  : mansio_arena_printf(arena, out, "r=%.*s,s=%.*s,i=%u", MANSIO_STR_ARG(nonce),
                                        MANSIO_STR_ARG(salt), keys->iterations);
}

/* ---- arithmetic ----------------------------------------------------------------------------- */

static int hmac(struct mansio_str key, struct mansio_str text,
                unsigned char out[CORE_SCRAM_HASH_BYTES])
{
    unsigned len = 0;
    return HMAC(EVP_sha256(), key.ptr, (int)key.len, (const unsigned char *)text.ptr, text.len, out,
                &len) != NULL &&
           len == CORE_SCRAM_HASH_BYTES;
}

/* RFC 5802 3: ClientSignature := HMAC(StoredKey, AuthMessage); ClientKey := ClientProof XOR
 * ClientSignature; H(ClientKey) must be StoredKey. ServerSignature := HMAC(ServerKey, AuthMessage).
 */
int core_scram_verify(const struct mansio_scram_keys *keys, struct mansio_str auth_message,
                      struct mansio_str proof, unsigned char out_signature[CORE_SCRAM_HASH_BYTES])
{
    unsigned char client_key[CORE_SCRAM_HASH_BYTES];
    unsigned char hash[CORE_SCRAM_HASH_BYTES];
    unsigned char signature[CORE_SCRAM_HASH_BYTES];
    unsigned len = 0;
    if (proof.len != CORE_SCRAM_HASH_BYTES || keys->stored_key.len != CORE_SCRAM_HASH_BYTES ||
        keys->server_key.len != CORE_SCRAM_HASH_BYTES) {
        return 0;
    }
    int is_done = hmac(keys->stored_key, auth_message, client_key) &&
                  hmac(keys->server_key, auth_message, signature);
    for (size_t i = 0; i < sizeof client_key; i++) {
        client_key[i] ^= (unsigned char)proof.ptr[i];
    }
    is_done =
        is_done && EVP_Digest(client_key, sizeof client_key, hash, &len, EVP_sha256(), NULL) == 1;
    int is_equal =
        mansio_secret_eq((struct mansio_str){(const char *)hash, sizeof hash}, keys->stored_key);
    if (is_done && is_equal) {
        memcpy(out_signature, signature, sizeof signature);
    }
    explicit_bzero(client_key, sizeof client_key);
    explicit_bzero(signature, sizeof signature);
    return is_done ? is_equal : mansio_fail(MANSIO_E_LIMIT, "SCRAM: SHA-256 failed");
}
