/*
 * Stored passwords, read: "{SCHEME}text", "{SCHEME.B64}text", a bare crypt(3) or argon2 text, and
 * a hash with SCRAM keys behind it: "{ARGON2ID}$argon2id$... {SCRAM-SHA-256}4096,salt,key,key".
 *
 * Pure: text in, struct out. Says what a check would cost, judges no cost (limits.h does), and
 * computes nothing (hash.h does).
 */
#ifndef MANSIO_MODULES_AUTH_PASSWORD_STORED_H
#define MANSIO_MODULES_AUTH_PASSWORD_STORED_H

#include "scheme.h"

#include <mansio/arena.h>
#include <mansio/base.h>

/* Longest stored text, bytes. */
#define AUTH_STORED_MAX 4096

/* Keys of SCRAM-SHA-256 (RFC 5802 3, RFC 7677). */
struct auth_scram {
    uint32_t iterations;
    struct mansio_str salt, stored_key, server_key;
};

struct auth_stored {
    const struct auth_scheme *scheme; /* of its first part */
    struct mansio_str text;           /* PLAIN: the password; CRYPT: the whole text */
    struct mansio_str salt, hash;     /* of the other forms */
    uint64_t memory_bytes;            /* that a check takes; 0: next to none */
    uint32_t rounds;  /* rounds, iterations or passes; of BLF-CRYPT their binary logarithm */
    uint32_t lanes;   /* ARGON2 */
    uint32_t version; /* ARGON2 */
    uint32_t has_scram;
    struct auth_scram scram; /* if it has; the scheme SCRAM-SHA-256 always does */
};

/*
 * Read a stored text. Slices of @p out point into @p text or live in @p arena.
 *
 * 0; MANSIO_E_INVALID: malformed; MANSIO_E_UNSUPPORTED: of a form unknown here; MANSIO_E_LIMIT. No
 * detail quotes the text.
 */
MANSIO_MUST_CHECK int auth_stored_parse(struct mansio_arena *arena, struct mansio_str text,
                                        struct auth_stored *out);

#endif
