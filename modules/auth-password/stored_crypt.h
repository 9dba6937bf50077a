/*
 * Texts of crypt(3), read as far as their cost and shape: their prefix says which scheme they are,
 * whatever stood in braces.
 */
#ifndef MANSIO_MODULES_AUTH_PASSWORD_STORED_CRYPT_H
#define MANSIO_MODULES_AUTH_PASSWORD_STORED_CRYPT_H

#include "stored.h"

/* Sets scheme, text, rounds and memory_bytes of @p out. 0; MANSIO_E_INVALID; MANSIO_E_UNSUPPORTED
 * for a prefix that is unknown here. */
MANSIO_MUST_CHECK int auth_stored_parse_crypt(struct mansio_str text, struct auth_stored *out);

#endif
