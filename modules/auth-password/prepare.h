/*
 * Passwords, prepared: OpaqueString (RFC 8265 4.2), so that what is typed on one keyboard matches
 * what was set on another. Pure; what it touches it wipes.
 */
#ifndef MANSIO_MODULES_AUTH_PASSWORD_PREPARE_H
#define MANSIO_MODULES_AUTH_PASSWORD_PREPARE_H

#include <mansio/base.h>

/* Longest password, bytes, before and after preparation: crypt(3) takes no more. */
#define AUTH_PASSWORD_MAX 511

/* A password and a NUL; wiped by auth_password_wipe(). */
struct auth_password {
    size_t len;
    char bytes[AUTH_PASSWORD_MAX + 1];
};

/*
 * Prepare a password.
 *
 * 0; MANSIO_E_INVALID: empty, no UTF-8, or with characters that the FreeformClass lacks (RFC 8264
 * 4.3: controls, unassigned ones, ...); MANSIO_E_LIMIT: too long; MANSIO_E_UNAVAILABLE: no memory.
 */
MANSIO_MUST_CHECK int auth_password_prepare(struct mansio_str password, struct auth_password *out);

/* As it is. 0; MANSIO_E_INVALID: empty, or with NUL, which no hash here can take; MANSIO_E_LIMIT.
 */
MANSIO_MUST_CHECK int auth_password_take(struct mansio_str password, struct auth_password *out);

void auth_password_wipe(struct auth_password *password);

static inline struct mansio_str auth_password_str(const struct auth_password *password)
{
    return (struct mansio_str){password->bytes, password->len};
}

#endif
