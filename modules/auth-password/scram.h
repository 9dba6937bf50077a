/*
 * SCRAM-SHA-256's keys (RFC 5802 3, RFC 7677): made of a password, written as text. Slow by
 * intent; for offload threads.
 */
#ifndef MANSIO_MODULES_AUTH_PASSWORD_SCRAM_H
#define MANSIO_MODULES_AUTH_PASSWORD_SCRAM_H

#include "encode.h"
#include "stored.h"

enum {
    AUTH_SCRAM_KEY_BYTES = 32,
    AUTH_SCRAM_SALT_BYTES = 16,
    AUTH_SCRAM_SALT_MAX = 256, /* of somebody else's making */
    /* Room for a text with a salt of that length. */
    AUTH_SCRAM_TEXT_ROOM = 16 + 12 + AUTH_BASE64_ROOM(AUTH_SCRAM_SALT_MAX) + 2 * 48,
};

struct auth_scram_made {
    unsigned char stored_key[AUTH_SCRAM_KEY_BYTES];
    unsigned char server_key[AUTH_SCRAM_KEY_BYTES];
};

/* 0, or MANSIO_E_UNAVAILABLE when the library fails. */
MANSIO_MUST_CHECK int auth_scram_make(struct mansio_str password, struct mansio_str salt,
                                      uint32_t iterations, struct auth_scram_made *out);

/* "{SCRAM-SHA-256}iterations,salt,stored key,server key" and a NUL; returns its length.
 * @p out has AUTH_SCRAM_TEXT_ROOM. */
size_t auth_scram_print(struct mansio_str salt, uint32_t iterations,
                        const struct auth_scram_made *made, char *out);

#endif
