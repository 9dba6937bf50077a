/*
 * What hashes may cost: the most that a stored text is allowed to ask of us, and what new ones are
 * made with. Pure.
 *
 * Stored texts come with migrations and from administrators; one that asks for a week of rounds
 * must not hang a worker.
 */
#ifndef MANSIO_MODULES_AUTH_PASSWORD_LIMITS_H
#define MANSIO_MODULES_AUTH_PASSWORD_LIMITS_H

#include "stored.h"

/* Most that one check may take. */
struct auth_limits {
    uint64_t memory_bytes; /* ARGON2, YESCRYPT */
    uint32_t passes;       /* ARGON2 */
    uint32_t lanes;        /* ARGON2 */
    uint32_t rounds;       /* SHA256-CRYPT, SHA512-CRYPT, PBKDF2, SCRAM-SHA-256 */
    uint32_t bcrypt_cost;
};

/* What new texts are made with. */
struct auth_costs {
    uint64_t argon2_memory_bytes;
    uint32_t argon2_passes, argon2_lanes;
    uint32_t sha512_rounds;
    uint32_t bcrypt_cost;
    uint32_t yescrypt_cost; /* 1 to 11, as crypt_gensalt(3) counts */
    uint32_t pbkdf2_rounds;
    uint32_t scram_iterations;
};

/* 0; MANSIO_E_LIMIT, the detail says what is asked for and how much is allowed. */
MANSIO_MUST_CHECK int auth_limits_check(const struct auth_limits *limits,
                                        const struct auth_stored *stored);

/* 1 if a new text of this scheme would be made with the parameters that this one has. */
int auth_costs_are_current(const struct auth_costs *costs, const struct auth_scheme *scheme,
                           const struct auth_stored *stored);

/* Memory that the making of a hash takes. */
uint64_t auth_costs_memory(const struct auth_costs *costs, const struct auth_scheme *scheme);

#endif
