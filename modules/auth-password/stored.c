/*
 * Reading stored passwords: the scheme in braces, its encoding, and what each form holds. The texts
 * of crypt(3) have a file of their own, stored_crypt.c.
 */
#include "stored.h"

#include "encode.h"
#include "stored_crypt.h"

#include <mansio/error.h>
#include <mansio/str.h>

enum {
    ARGON2_VERSION_FIRST = 0x10, /* of texts that don't say */
    ARGON2_VERSION = 0x13,
    ARGON2_SALT_MIN = 8, /* RFC 9106 3.1; and 4 bytes of tag at least */
    ARGON2_TAG_MIN = 4,
    ARGON2_TAG_MAX = 128, /* ours: what is stored has 32 */
    SALT_MAX = 256,
};

enum encoding { AS_SCHEME_HAS_IT, HEX, BASE64 };

static int malformed(const struct auth_scheme *scheme, const char *what)
{
    return mansio_fail(MANSIO_E_INVALID, "stored password: %s: %s", scheme->name, what);
}

/* "{NAME.ENCODING}": cut off what stands in front. A text without braces keeps all. */
static int cut_scheme(struct mansio_str *text, const struct auth_scheme **out_scheme,
                      enum encoding *out_encoding)
{
    *out_encoding = AS_SCHEME_HAS_IT;
    if (text->len == 0 || text->ptr[0] != '{') {
        *out_scheme = auth_scheme_of_prefix(*text);
        return *out_scheme != NULL
                   ? 0
                   : mansio_fail(MANSIO_E_UNSUPPORTED, "stored password: neither {SCHEME} nor a "
                                                       "prefix that is known here");
    }
    ptrdiff_t end = mansio_str_find_char(*text, '}');
    if (end < 0) {
        return mansio_fail(MANSIO_E_INVALID, "stored password: '{' without '}'");
    }
    struct mansio_str name = mansio_str_sub(*text, 1, (size_t)end - 1);
    struct mansio_str encoding = name;
    struct mansio_str head = MANSIO_STR_NONE;
    (void)mansio_str_split(&encoding, '.', &head);
    if (encoding.ptr != NULL) {
        name = head;
        if (mansio_str_ieq(encoding, MANSIO_STR("HEX"))) {
            *out_encoding = HEX;
        } else if (mansio_str_ieq(encoding, MANSIO_STR("B64")) ||
                   mansio_str_ieq(encoding, MANSIO_STR("BASE64"))) {
            *out_encoding = BASE64;
        } else {
            return mansio_fail(MANSIO_E_UNSUPPORTED,
                               "stored password: an encoding that is neither HEX nor B64");
        }
    }
    *out_scheme = auth_scheme_find(name);
    if (*out_scheme == NULL) {
        return mansio_fail(MANSIO_E_UNSUPPORTED, "stored password: scheme {%.*s} is unknown here",
                           MANSIO_STR_ARG(mansio_str_sub(name, 0, 32)));
    }
    *text = mansio_str_sub(*text, (size_t)end + 1, SIZE_MAX);
    return 0;
}

/* "iterations,salt,stored key,server key", the last three in base64: Dovecot's order. */
static int parse_scram(struct mansio_arena *arena, struct mansio_str text, struct auth_scram *out)
{
    const struct auth_scheme *scheme = auth_scheme_find(MANSIO_STR("SCRAM-SHA-256"));
    struct mansio_str fields[4] = {{NULL, 0}};
    struct mansio_str *decoded[] = {&out->salt, &out->stored_key, &out->server_key};

    for (size_t i = 0; i < MANSIO_COUNT(fields); i++) {
        if (!mansio_str_split(&text, ',', &fields[i])) {
            return malformed(scheme, "wanted iterations, salt and two keys");
        }
    }
    if (text.ptr != NULL) {
        return malformed(scheme, "more than iterations, salt and two keys");
    }
    if (mansio_parse_u32(fields[0], INT32_MAX, &out->iterations) < 0 || out->iterations == 0) {
        return malformed(scheme, "iterations that are no number");
    }
    for (size_t i = 0; i < MANSIO_COUNT(decoded); i++) {
        int rc = auth_base64_decode(arena, fields[i + 1], decoded[i]);
        if (rc == MANSIO_E_LIMIT) {
            return rc;
        }
        if (rc < 0) {
            return malformed(scheme, "a salt or key that is no base64");
        }
    }
    if (out->salt.len == 0 || out->salt.len > SALT_MAX ||
        out->stored_key.len != scheme->digest_bytes ||
        out->server_key.len != scheme->digest_bytes) {
        return malformed(scheme, "a salt or key of a wrong length");
    }
    return 0;
}

/* "name=number" and the separator behind it; @p last: none follows. */
static int cut_number(struct mansio_str *rest, struct mansio_str name, char separator,
                      uint32_t *out)
{
    struct mansio_str field = MANSIO_STR_NONE;

    if (!mansio_str_split(rest, separator, &field) || !mansio_str_starts(field, name)) {
        return MANSIO_E_INVALID;
    }
    return mansio_parse_u32(mansio_str_sub(field, name.len, SIZE_MAX), UINT32_MAX, out);
}

/* "$argon2id$v=19$m=65536,t=3,p=1$salt$hash", base64 without padding. */
static int parse_argon2(struct mansio_arena *arena, struct mansio_str text, struct auth_stored *out)
{
    struct mansio_str salt = MANSIO_STR_NONE;
    uint32_t kibibytes = 0;

    out->scheme = auth_scheme_of_prefix(text);
    if (out->scheme == NULL || out->scheme->form != AUTH_FORM_ARGON2) {
        return mansio_fail(MANSIO_E_INVALID, "stored password: ARGON2: an unknown prefix");
    }
    struct mansio_str rest =
        mansio_str_sub(text, mansio_str_from_cstr(out->scheme->prefix).len, SIZE_MAX);
    out->version = ARGON2_VERSION_FIRST;
    if (mansio_str_starts(rest, MANSIO_STR("v=")) &&
        cut_number(&rest, MANSIO_STR("v="), '$', &out->version) < 0) {
        return malformed(out->scheme, "a version that is no number");
    }
    if (out->version != ARGON2_VERSION_FIRST && out->version != ARGON2_VERSION) {
        return mansio_fail(MANSIO_E_UNSUPPORTED, "stored password: %s: version %u is unknown",
                           out->scheme->name, out->version);
    }
    if (cut_number(&rest, MANSIO_STR("m="), ',', &kibibytes) < 0 ||
        cut_number(&rest, MANSIO_STR("t="), ',', &out->rounds) < 0 ||
        cut_number(&rest, MANSIO_STR("p="), '$', &out->lanes) < 0 ||
        !mansio_str_split(&rest, '$', &salt) || rest.ptr == NULL) {
        return malformed(out->scheme, "wanted m=,t=,p=, salt and hash");
    }
    /* RFC 9106 3.1: memory of at least 8 blocks a lane. */
    if (out->rounds == 0 || out->lanes == 0 || out->lanes > 0xffffff ||
        kibibytes < 8 * (uint64_t)out->lanes) {
        return malformed(out->scheme, "parameters out of range");
    }
    out->memory_bytes = (uint64_t)kibibytes * 1024;
    int rc = auth_base64_decode(arena, salt, &out->salt);
    rc = rc < 0 ? rc : auth_base64_decode(arena, rest, &out->hash);
    if (rc < 0) {
        return rc == MANSIO_E_LIMIT ? rc : malformed(out->scheme, "a salt or hash in no base64");
    }
    if (out->salt.len < ARGON2_SALT_MIN || out->salt.len > SALT_MAX ||
        out->hash.len < ARGON2_TAG_MIN || out->hash.len > ARGON2_TAG_MAX) {
        return malformed(out->scheme, "a salt or hash of a wrong length");
    }
    return 0;
}

/* "$1$salt$rounds$hex": the salt is used as it stands. */
static int parse_pbkdf2(struct mansio_arena *arena, struct mansio_str text, struct auth_stored *out)
{
    struct mansio_str rounds = MANSIO_STR_NONE;

    if (!mansio_str_starts(text, MANSIO_STR("$1$"))) {
        return malformed(out->scheme, "wanted $1$");
    }
    text = mansio_str_sub(text, 3, SIZE_MAX);
    if (!mansio_str_split(&text, '$', &out->salt) || !mansio_str_split(&text, '$', &rounds) ||
        out->salt.len == 0 || out->salt.len > SALT_MAX ||
        mansio_parse_u32(rounds, INT32_MAX, &out->rounds) < 0 || out->rounds == 0) {
        return malformed(out->scheme, "wanted salt, rounds and hash");
    }
    int rc = auth_hex_decode(arena, text, &out->hash);
    if (rc < 0) {
        return rc == MANSIO_E_LIMIT ? rc : malformed(out->scheme, "a hash in no hexadecimal");
    }
    return out->hash.len == out->scheme->digest_bytes ? 0 : malformed(out->scheme, "a short hash");
}

/* A digest, its salt behind it: in base64, or, without salt and by its length, in hexadecimal, as
 * Dovecot guesses too. */
static int parse_digest(struct mansio_arena *arena, struct mansio_str text, enum encoding encoding,
                        struct auth_stored *out)
{
    struct mansio_str bytes = text;
    size_t length = out->scheme->digest_bytes;
    int rc = 0;

    if (encoding == AS_SCHEME_HAS_IT) {
        int is_hex = !out->scheme->is_salted && text.len == 2 * length;
        rc =
            is_hex ? auth_hex_decode(arena, text, &bytes) : auth_base64_decode(arena, text, &bytes);
    }
    if (rc < 0) {
        return rc == MANSIO_E_LIMIT ? rc : malformed(out->scheme, "a digest in no known encoding");
    }
    if (bytes.len < length || (bytes.len > length) != (out->scheme->is_salted != 0) ||
        bytes.len > length + SALT_MAX) {
        return malformed(out->scheme, "a digest of a wrong length");
    }
    out->hash = mansio_str_sub(bytes, 0, length);
    out->salt = mansio_str_sub(bytes, length, SIZE_MAX);
    return 0;
}

/* The first part, its scheme and encoding cut off. */
static int parse_body(struct mansio_arena *arena, struct mansio_str text, enum encoding encoding,
                      struct auth_stored *out)
{
    int rc = encoding == HEX      ? auth_hex_decode(arena, text, &text)
             : encoding == BASE64 ? auth_base64_decode(arena, text, &text)
                                  : 0;
    if (rc < 0) {
        return rc == MANSIO_E_LIMIT ? rc : malformed(out->scheme, "not in the encoding it names");
    }
    switch (out->scheme->form) {
    case AUTH_FORM_PLAIN:
        out->text = text;
        return text.len > 0 ? 0 : malformed(out->scheme, "an empty password");
    case AUTH_FORM_DIGEST:
        return parse_digest(arena, text, encoding, out);
    case AUTH_FORM_CRYPT:
        return auth_stored_parse_crypt(text, out);
    case AUTH_FORM_ARGON2:
        return parse_argon2(arena, text, out);
    case AUTH_FORM_PBKDF2:
        return parse_pbkdf2(arena, text, out);
    case AUTH_FORM_SCRAM:
        out->has_scram = 1;
        rc = parse_scram(arena, text, &out->scram);
        out->rounds = out->scram.iterations;
        return rc;
    }
    return MANSIO_E_BUG;
}

int auth_stored_parse(struct mansio_arena *arena, struct mansio_str text, struct auth_stored *out)
{
    struct auth_stored stored = {.scheme = NULL};
    struct mansio_str scram = MANSIO_STR_NONE;
    enum encoding encoding = AS_SCHEME_HAS_IT;

    if (text.len > AUTH_STORED_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "stored password: %zu bytes, at most %d are possible",
                           text.len, AUTH_STORED_MAX);
    }
    int rc = cut_scheme(&text, &stored.scheme, &encoding);
    if (rc < 0) {
        return rc;
    }
    /* A password in the clear may hold anything, also what looks like a second part. */
    if (stored.scheme->form != AUTH_FORM_PLAIN) {
        struct mansio_str rest = text;
        (void)mansio_str_split(&rest, ' ', &text);
        scram = rest;
    }
    rc = parse_body(arena, text, encoding, &stored);
    if (rc == 0 && scram.ptr != NULL) {
        struct mansio_str name = MANSIO_STR("{SCRAM-SHA-256}");
        if (stored.has_scram || !mansio_str_istarts(scram, name)) {
            return malformed(stored.scheme, "a second part that is not {SCRAM-SHA-256}");
        }
        stored.has_scram = 1;
        rc = parse_scram(arena, mansio_str_sub(scram, name.len, SIZE_MAX), &stored.scram);
    }
    if (rc == 0) {
        *out = stored;
    }
    return rc;
}
