/*
 * The schemes that a password may be stored in, one row each: name, form, digest, what it can do.
 * Knows names, not texts: stored.h reads those.
 */
#ifndef MANSIO_MODULES_AUTH_PASSWORD_SCHEME_H
#define MANSIO_MODULES_AUTH_PASSWORD_SCHEME_H

#include <mansio/base.h>

/* How a stored text is built. */
enum auth_form {
    AUTH_FORM_PLAIN,  /* the password itself */
    AUTH_FORM_DIGEST, /* a digest, and a salt behind it where the scheme has one */
    AUTH_FORM_CRYPT,  /* crypt(3): its prefix says which */
    AUTH_FORM_ARGON2, /* $argon2id$... */
    AUTH_FORM_PBKDF2, /* Dovecot's $1$salt$rounds$hex */
    AUTH_FORM_SCRAM,  /* iterations,salt,stored key,server key */
};

/* Schemes that are counted as one: rows of the metrics table. */
enum auth_family {
    AUTH_FAMILY_PLAIN,
    AUTH_FAMILY_DIGEST,
    AUTH_FAMILY_DES_CRYPT,
    AUTH_FAMILY_MD5_CRYPT,
    AUTH_FAMILY_SHA256_CRYPT,
    AUTH_FAMILY_SHA512_CRYPT,
    AUTH_FAMILY_BLF_CRYPT,
    AUTH_FAMILY_YESCRYPT,
    AUTH_FAMILY_ARGON2,
    AUTH_FAMILY_PBKDF2,
    AUTH_FAMILY_SCRAM,
    AUTH_FAMILIES,
};

struct auth_scheme {
    const char *name; /* as inspect() says it */
    enum auth_form form;
    enum auth_family family;
    const char *digest; /* of OpenSSL; NULL: none */
    uint32_t digest_bytes;
    uint32_t is_salted;   /* DIGEST: what follows the digest is salt */
    uint32_t is_makeable; /* 1: make() makes it; 0: it is only checked */
    const char *prefix;   /* CRYPT, ARGON2: what a text begins with; NULL: any of its form */
};

/* A scheme by its name, any case, also by another name that it goes by; NULL if there is none. */
const struct auth_scheme *auth_scheme_find(struct mansio_str name);

/* The scheme whose prefix a bare text has ("$6$..."), NULL if none has. */
const struct auth_scheme *auth_scheme_of_prefix(struct mansio_str text);

/* Row @p index, NULL past the last. */
const struct auth_scheme *auth_scheme_at(size_t index);

#endif
