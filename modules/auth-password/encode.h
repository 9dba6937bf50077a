/*
 * Bytes as text and back: base64 (RFC 4648 4) and hexadecimal, as stored passwords have them.
 */
#ifndef MANSIO_MODULES_AUTH_PASSWORD_ENCODE_H
#define MANSIO_MODULES_AUTH_PASSWORD_ENCODE_H

#include <mansio/arena.h>
#include <mansio/base.h>

/* Room for the base64 of @p bytes bytes, with padding and NUL. */
#define AUTH_BASE64_ROOM(bytes) (((bytes) + 2) / 3 * 4 + 1)

/* Base64, with its padding or without, nothing else in it. 0; MANSIO_E_INVALID; MANSIO_E_LIMIT. */
MANSIO_MUST_CHECK int auth_base64_decode(struct mansio_arena *arena, struct mansio_str text,
                                         struct mansio_str *out);

/* Hexadecimal, either case. 0; MANSIO_E_INVALID; MANSIO_E_LIMIT. */
MANSIO_MUST_CHECK int auth_hex_decode(struct mansio_arena *arena, struct mansio_str text,
                                      struct mansio_str *out);

/* Base64 of bytes, with padding, and a NUL; returns its length. @p out has AUTH_BASE64_ROOM(). */
size_t auth_base64_encode(struct mansio_str bytes, char *out);

#endif
