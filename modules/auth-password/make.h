/*
 * The making of stored passwords as a job for an offload thread.
 */
#ifndef MANSIO_MODULES_AUTH_PASSWORD_MAKE_H
#define MANSIO_MODULES_AUTH_PASSWORD_MAKE_H

#include "auth.h"

/* The SCRAM salt and iterations of a new text: those of @p like if it has some, else a random salt
 * and the configured count. 0, or an error. */
MANSIO_MUST_CHECK int auth_choose_salt(const struct auth_state *state, struct mansio_str like,
                                       struct mansio_arena *arena, struct mansio_str *out_salt,
                                       uint32_t *out_iterations);

#endif
