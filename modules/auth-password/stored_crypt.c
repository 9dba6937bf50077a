/*
 * crypt(5)'s texts. What libxcrypt would clamp, cut or refuse is refused here, so that what is
 * accepted can match, and costs what it says.
 */
#include "stored_crypt.h"

#include <mansio/error.h>
#include <mansio/str.h>

enum {
    SHA_ROUNDS_DEFAULT = 5000,
    SHA_ROUNDS_MIN = 1000,
    SHA_ROUNDS_MAX = 999999999,
    SHA_SALT_MAX = 16,
    MD5_SALT_MAX = 8,
    MD5_ROUNDS = 1000,
    BLF_COST_MIN = 4,
    BLF_COST_MAX = 31,
    BLF_REST = 53,   /* 22 digits of salt, 31 of hash */
    DES_LENGTH = 13, /* 2 of salt, 11 of hash */
    YESCRYPT_SALT_MAX = 86,
    YESCRYPT_HASH = 43,
};

/* Digits in crypt's order. */
static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static int value_of(char c)
{
    return c == '\0' ? -1 : (int)mansio_str_find_char(mansio_str_from_cstr(digits), c);
}

static int is_digits(struct mansio_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (value_of(text.ptr[i]) < 0) {
            return 0;
        }
    }
    return 1;
}

/* crypt(5): no blank, no control, none of ":;*!\". */
static int is_salt(struct mansio_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c <= ' ' || c >= 0x7f || mansio_str_find_char(MANSIO_STR(":;*!\\"), (char)c) >= 0) {
            return 0;
        }
    }
    return 1;
}

static int malformed(const struct auth_stored *stored, const char *what)
{
    return mansio_fail(MANSIO_E_INVALID, "stored password: %s: %s", stored->scheme->name, what);
}

/* "salt$hash" of MD5-CRYPT and the SHA ones. */
static int parse_salt_hash(struct mansio_str rest, size_t salt_max, size_t hash_length,
                           const struct auth_stored *out)
{
    struct mansio_str salt = MANSIO_STR_NONE;

    if (!mansio_str_split(&rest, '$', &salt) || salt.len > salt_max || !is_salt(salt)) {
        return malformed(out, "a salt that is too long or has bytes it can't have");
    }
    if (rest.len != hash_length || !is_digits(rest)) {
        return malformed(out, "a hash of a wrong length or with bytes it can't have");
    }
    return 0;
}

static int parse_sha(struct mansio_str rest, size_t hash_length, struct auth_stored *out)
{
    struct mansio_str name = MANSIO_STR("rounds=");
    struct mansio_str rounds = MANSIO_STR_NONE;

    out->rounds = SHA_ROUNDS_DEFAULT;
    if (mansio_str_starts(rest, name)) {
        (void)mansio_str_split(&rest, '$', &rounds);
        rounds = mansio_str_sub(rounds, name.len, SIZE_MAX);
        if (mansio_parse_u32(rounds, SHA_ROUNDS_MAX, &out->rounds) < 0 ||
            out->rounds < SHA_ROUNDS_MIN || rounds.ptr[0] == '0') {
            return malformed(out, "rounds out of range");
        }
    }
    return parse_salt_hash(rest, SHA_SALT_MAX, hash_length, out);
}

/* "$2y$05$" and 53 digits. 2x is somebody's old bug and not offered. */
static int parse_blf(struct mansio_str text, struct auth_stored *out)
{
    if (text.len != 7 + BLF_REST || mansio_str_find_char(MANSIO_STR("aby"), text.ptr[2]) < 0 ||
        text.ptr[3] != '$' || text.ptr[6] != '$' || !is_digits(mansio_str_sub(text, 7, SIZE_MAX))) {
        return malformed(out, "wanted $2a$, $2b$ or $2y$, two digits, '$' and 53 digits");
    }
    if (mansio_parse_u32(mansio_str_sub(text, 4, 2), BLF_COST_MAX, &out->rounds) < 0 ||
        out->rounds < BLF_COST_MIN) {
        return malformed(out, "a cost out of range");
    }
    return 0;
}

/*
 * "$y$j9T$salt$hash": one digit each for the flavour, the binary logarithm of N, less one, and r,
 * less one. Larger values take more digits and further parameters may follow: nobody makes those,
 * and their cost is not read here, so they are refused.
 */
static int parse_yescrypt(struct mansio_str text, struct auth_stored *out)
{
    enum { SINGLE_MAX = 47 }; /* highest value that stands in one digit */
    struct mansio_str rest = mansio_str_sub(text, 3, SIZE_MAX);
    struct mansio_str parameters = MANSIO_STR_NONE;
    struct mansio_str salt = MANSIO_STR_NONE;

    if (!mansio_str_split(&rest, '$', &parameters) || parameters.len != 3 ||
        parameters.ptr[0] != 'j') {
        return mansio_fail(MANSIO_E_UNSUPPORTED,
                           "stored password: YESCRYPT: other parameters than crypt(3) makes");
    }
    int log_n = value_of(parameters.ptr[1]) + 1;
    int r = value_of(parameters.ptr[2]) + 1;
    if (log_n < 1 || r < 1 || log_n > SINGLE_MAX + 1 || r > SINGLE_MAX + 1) {
        return malformed(out, "parameters out of range");
    }
    if (!mansio_str_split(&rest, '$', &salt) || salt.len > YESCRYPT_SALT_MAX || !is_digits(salt) ||
        rest.len != YESCRYPT_HASH || !is_digits(rest)) {
        return malformed(out, "a salt or hash of a wrong length or with bytes it can't have");
    }
    out->rounds = (uint32_t)log_n;
    out->memory_bytes = ((uint64_t)128 * (uint64_t)r) << log_n;
    return 0;
}

int auth_stored_parse_crypt(struct mansio_str text, struct auth_stored *out)
{
    if (text.len > 0 && text.ptr[0] != '$') {
        out->scheme = auth_scheme_find(MANSIO_STR("DES-CRYPT"));
        out->text = text;
        return text.len == DES_LENGTH && is_digits(text) ? 0 : malformed(out, "wanted 13 digits");
    }
    const struct auth_scheme *scheme = auth_scheme_of_prefix(text);
    if (scheme == NULL || scheme->form != AUTH_FORM_CRYPT) {
        return mansio_fail(MANSIO_E_UNSUPPORTED,
                           "stored password: a prefix of crypt(3) that is unknown here");
    }
    out->scheme = scheme;
    out->text = text;
    struct mansio_str rest = mansio_str_sub(text, 3, SIZE_MAX);
    switch (scheme->family) {
    case AUTH_FAMILY_MD5_CRYPT:
        out->rounds = MD5_ROUNDS;
        return parse_salt_hash(rest, MD5_SALT_MAX, 22, out);
    case AUTH_FAMILY_SHA256_CRYPT:
        return parse_sha(rest, 43, out);
    case AUTH_FAMILY_SHA512_CRYPT:
        return parse_sha(rest, 86, out);
    case AUTH_FAMILY_BLF_CRYPT:
        return parse_blf(text, out);
    default:
        return parse_yescrypt(text, out);
    }
}
