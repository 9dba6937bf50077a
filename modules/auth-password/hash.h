/*
 * Hashes, computed: is this the password of that stored text; a new text of a password; a text that
 * no password matches. Slow by intent and without fibers: for offload threads.
 */
#ifndef MANSIO_MODULES_AUTH_PASSWORD_HASH_H
#define MANSIO_MODULES_AUTH_PASSWORD_HASH_H

#include "limits.h"
#include "prepare.h"
#include "stored.h"

/* Room for a new text of one part: "{SHA512-CRYPT}" and what crypt(3) makes, and a NUL. */
#define AUTH_HASH_ROOM 512

/* 1: it is; 0: it isn't; MANSIO_E_UNAVAILABLE: the library fails, or there is no memory. */
MANSIO_MUST_CHECK int auth_hash_check(const struct auth_stored *stored,
                                      const struct auth_password *password);

/*
 * Make a text of a password. The scheme is makeable, and not SCRAM-SHA-256 (scram.h makes that).
 *
 * The length of the text; MANSIO_E_INVALID: BLF-CRYPT can't tell apart passwords this long;
 * MANSIO_E_UNAVAILABLE.
 */
MANSIO_MUST_CHECK int auth_hash_make(const struct auth_scheme *scheme,
                                     const struct auth_costs *costs,
                                     const struct auth_password *password,
                                     char out[AUTH_HASH_ROOM]);

/*
 * A text that costs what one of this scheme costs and that nobody's password matches: its salt and
 * hash are random. Quick. The length of the text; MANSIO_E_UNAVAILABLE.
 */
MANSIO_MUST_CHECK int auth_hash_decoy(const struct auth_scheme *scheme,
                                      const struct auth_costs *costs, char out[AUTH_HASH_ROOM]);

#endif
