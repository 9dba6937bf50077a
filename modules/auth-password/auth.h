/*
 * An instance of auth-password: its settings as numbers, its decoys, its share of the offload
 * threads; and the operations of the interface "auth".
 */
#ifndef MANSIO_MODULES_AUTH_PASSWORD_AUTH_H
#define MANSIO_MODULES_AUTH_PASSWORD_AUTH_H

#include "hash.h"
#include "limits.h"
#include "pool.h"

#include <mansio/auth.h>

/* Most schemes that can be made: each has a decoy. */
enum { AUTH_SCHEMES_MAX = 8 };

struct auth_state {
    const struct auth_scheme *scheme; /* that new texts have if nobody says another */
    struct auth_limits limits;
    struct auth_costs costs;
    uint32_t is_scram; /* upgrades add SCRAM-SHA-256 keys */
    struct auth_pool *pool;
    size_t decoy_count;
    /* By scheme; whoever checks one copies it before it waits. */
    struct {
        const struct auth_scheme *scheme;
        char text[AUTH_HASH_ROOM];
    } decoys[AUTH_SCHEMES_MAX];
};

static inline struct auth_state *auth_state(const struct mansio_instance *instance)
{
    return mansio_instance_data(instance);
}

/* The makeable scheme of a name, the instance's own for an empty or another one. */
const struct auth_scheme *auth_state_scheme(const struct auth_state *state, struct mansio_str name);

/* The decoy of a makeable scheme. */
struct mansio_str auth_state_decoy(const struct auth_state *state,
                                   const struct auth_scheme *scheme);

/* Operations: see <mansio/auth.h>. */
int auth_check_password(struct mansio_instance *instance, const struct mansio_login *login,
                        struct mansio_str password, struct mansio_arena *arena, int64_t deadline_us,
                        struct mansio_auth_result *out);
int auth_scram_keys(struct mansio_instance *instance, const struct mansio_login *login,
                    struct mansio_str name, struct mansio_arena *arena,
                    const struct mansio_scram_keys *const **out, size_t *out_count);
int auth_make(struct mansio_instance *instance, struct mansio_str scheme, uint32_t with_scram,
              struct mansio_str like, struct mansio_str password, struct mansio_arena *arena,
              int64_t deadline_us, struct mansio_str *out);
int auth_inspect(struct mansio_instance *instance, struct mansio_str stored,
                 const char **out_scheme, uint32_t *out_scram);

#endif
