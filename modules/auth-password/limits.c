/*
 * Limits and costs: comparisons, and what yescrypt's one number stands for.
 */
#include "limits.h"

#include <mansio/error.h>

static int above(const struct auth_stored *stored, const char *what, uint64_t asked, uint64_t most)
{
    return mansio_fail(
        MANSIO_E_LIMIT, "stored password: %s asks for %llu %s, at most %llu are allowed",
        stored->scheme->name, (unsigned long long)asked, what, (unsigned long long)most);
}

int auth_limits_check(const struct auth_limits *limits, const struct auth_stored *stored)
{
    if (stored->memory_bytes > limits->memory_bytes) {
        return above(stored, "bytes of memory", stored->memory_bytes, limits->memory_bytes);
    }
    switch (stored->scheme->family) {
    case AUTH_FAMILY_ARGON2:
        if (stored->rounds > limits->passes) {
            return above(stored, "passes", stored->rounds, limits->passes);
        }
        if (stored->lanes > limits->lanes) {
            return above(stored, "lanes", stored->lanes, limits->lanes);
        }
        break;
    case AUTH_FAMILY_BLF_CRYPT:
        if (stored->rounds > limits->bcrypt_cost) {
            return above(stored, "doublings", stored->rounds, limits->bcrypt_cost);
        }
        break;
    case AUTH_FAMILY_YESCRYPT: /* memory is its whole cost */
        break;
    default:
        if (stored->rounds > limits->rounds) {
            return above(stored, "rounds", stored->rounds, limits->rounds);
        }
        break;
    }
    if (stored->has_scram && stored->scram.iterations > limits->rounds) {
        return above(stored, "iterations of SCRAM", stored->scram.iterations, limits->rounds);
    }
    return 0;
}

/* crypt_gensalt(3): 1 and 2 give N of 1024 and 2048 with r of 8, 3 to 11 N of 1024 to 262144 with
 * r of 32. */
static uint32_t yescrypt_log_n(uint32_t cost)
{
    return cost < 3 ? cost + 9 : cost + 7;
}

static uint64_t yescrypt_memory(uint32_t cost)
{
    return ((uint64_t)128 * (cost < 3 ? 8 : 32)) << yescrypt_log_n(cost);
}

uint64_t auth_costs_memory(const struct auth_costs *costs, const struct auth_scheme *scheme)
{
    return scheme->family == AUTH_FAMILY_ARGON2     ? costs->argon2_memory_bytes
           : scheme->family == AUTH_FAMILY_YESCRYPT ? yescrypt_memory(costs->yescrypt_cost)
                                                    : 0;
}

int auth_costs_are_current(const struct auth_costs *costs, const struct auth_scheme *scheme,
                           const struct auth_stored *stored)
{
    if (stored->scheme != scheme) {
        return 0;
    }
    switch (scheme->family) {
    case AUTH_FAMILY_ARGON2:
        return stored->memory_bytes / 1024 == costs->argon2_memory_bytes / 1024 &&
               stored->rounds == costs->argon2_passes && stored->lanes == costs->argon2_lanes;
    case AUTH_FAMILY_SHA512_CRYPT:
        return stored->rounds == costs->sha512_rounds;
    case AUTH_FAMILY_BLF_CRYPT:
        return stored->rounds == costs->bcrypt_cost;
    case AUTH_FAMILY_YESCRYPT:
        return stored->rounds == yescrypt_log_n(costs->yescrypt_cost) &&
               stored->memory_bytes == yescrypt_memory(costs->yescrypt_cost);
    case AUTH_FAMILY_PBKDF2:
        return stored->rounds == costs->pbkdf2_rounds;
    default:
        return 1;
    }
}
