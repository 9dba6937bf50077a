/*
 * The table of schemes. One row a scheme; other names for one are rows of a second table.
 */
#include "scheme.h"

#include <mansio/str.h>

static const struct auth_scheme schemes[] = {
    {"PLAIN", AUTH_FORM_PLAIN, AUTH_FAMILY_PLAIN, NULL, 0, 0, 0, NULL},
    {"CLEARTEXT", AUTH_FORM_PLAIN, AUTH_FAMILY_PLAIN, NULL, 0, 0, 0, NULL},
    {"SHA", AUTH_FORM_DIGEST, AUTH_FAMILY_DIGEST, "SHA1", 20, 0, 0, NULL},
    {"SSHA", AUTH_FORM_DIGEST, AUTH_FAMILY_DIGEST, "SHA1", 20, 1, 0, NULL},
    {"SHA256", AUTH_FORM_DIGEST, AUTH_FAMILY_DIGEST, "SHA256", 32, 0, 0, NULL},
    {"SSHA256", AUTH_FORM_DIGEST, AUTH_FAMILY_DIGEST, "SHA256", 32, 1, 0, NULL},
    {"SHA512", AUTH_FORM_DIGEST, AUTH_FAMILY_DIGEST, "SHA512", 64, 0, 0, NULL},
    {"SSHA512", AUTH_FORM_DIGEST, AUTH_FAMILY_DIGEST, "SHA512", 64, 1, 0, NULL},
    {"MD5-CRYPT", AUTH_FORM_CRYPT, AUTH_FAMILY_MD5_CRYPT, NULL, 0, 0, 0, "$1$"},
    {"SHA256-CRYPT", AUTH_FORM_CRYPT, AUTH_FAMILY_SHA256_CRYPT, NULL, 0, 0, 0, "$5$"},
    {"SHA512-CRYPT", AUTH_FORM_CRYPT, AUTH_FAMILY_SHA512_CRYPT, NULL, 0, 0, 1, "$6$"},
    {"BLF-CRYPT", AUTH_FORM_CRYPT, AUTH_FAMILY_BLF_CRYPT, NULL, 0, 0, 1, "$2"},
    {"YESCRYPT", AUTH_FORM_CRYPT, AUTH_FAMILY_YESCRYPT, NULL, 0, 0, 1, "$y$"},
    {"DES-CRYPT", AUTH_FORM_CRYPT, AUTH_FAMILY_DES_CRYPT, NULL, 0, 0, 0, NULL},
    {"ARGON2ID", AUTH_FORM_ARGON2, AUTH_FAMILY_ARGON2, NULL, 0, 0, 1, "$argon2id$"},
    {"ARGON2I", AUTH_FORM_ARGON2, AUTH_FAMILY_ARGON2, NULL, 0, 0, 0, "$argon2i$"},
    {"PBKDF2", AUTH_FORM_PBKDF2, AUTH_FAMILY_PBKDF2, "SHA1", 20, 0, 1, NULL},
    {"SCRAM-SHA-256", AUTH_FORM_SCRAM, AUTH_FAMILY_SCRAM, "SHA256", 32, 0, 1, NULL},
};

/* Names that people and other servers use too. CRYPT is any of its form: the prefix decides. */
static const struct {
    const char *name, *scheme;
} other_names[] = {
    {"CLEAR", "CLEARTEXT"},  {"SHA1", "SHA"},        {"CRYPT", "DES-CRYPT"},
    {"BCRYPT", "BLF-CRYPT"}, {"ARGON2", "ARGON2ID"},
};

const struct auth_scheme *auth_scheme_at(size_t index)
{
    return index < MANSIO_COUNT(schemes) ? &schemes[index] : NULL;
}

const struct auth_scheme *auth_scheme_find(struct mansio_str name)
{
    for (size_t i = 0; i < MANSIO_COUNT(other_names); i++) {
        if (mansio_str_ieq(name, mansio_str_from_cstr(other_names[i].name))) {
            name = mansio_str_from_cstr(other_names[i].scheme);
            break;
        }
    }
    for (size_t i = 0; i < MANSIO_COUNT(schemes); i++) {
        if (mansio_str_ieq(name, mansio_str_from_cstr(schemes[i].name))) {
            return &schemes[i];
        }
    }
    return NULL;
}

const struct auth_scheme *auth_scheme_of_prefix(struct mansio_str text)
{
    for (size_t i = 0; i < MANSIO_COUNT(schemes); i++) {
        if (schemes[i].prefix != NULL &&
            mansio_str_starts(text, mansio_str_from_cstr(schemes[i].prefix))) {
            return &schemes[i];
        }
    }
    return NULL;
}
