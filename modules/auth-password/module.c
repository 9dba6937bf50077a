/*
 * auth-password: passwords in the forms that directories hold. Descriptor, settings, life.
 */
#include "auth.h"

#include "metrics.h"

#include <mansio/error.h>
#include <mansio/interface.h>
#include <mansio/str.h>

static const char *const scheme_choices[] = {"ARGON2ID", "SHA512-CRYPT",  "BLF-CRYPT", "YESCRYPT",
                                             "PBKDF2",   "SCRAM-SHA-256", NULL};

#define NUMBER(text, standard, least, most, what, words)                                           \
    MANSIO_SETTING(.name = (text), .type = MANSIO_SETTING_INT, .flags = MANSIO_SETTING_LIVE,       \
                   .unit = (what), .default_text = (standard), .min = (least), .max = (most),      \
                   .help = (words))
#define BYTES(text, standard, least, most, words)                                                  \
    MANSIO_SETTING(.name = (text), .type = MANSIO_SETTING_SIZE, .flags = MANSIO_SETTING_LIVE,      \
                   .default_text = (standard), .min = (least), .max = (most), .help = (words))

static const struct mansio_setting settings[] = {
    MANSIO_SETTING(.name = "scheme", .type = MANSIO_SETTING_CHOICE, .flags = MANSIO_SETTING_LIVE,
                   .choices = scheme_choices, .default_text = "ARGON2ID",
                   .help = "How new passwords are stored where the directory doesn't say."),
    MANSIO_SETTING(.name = "scram", .type = MANSIO_SETTING_BOOL, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "yes",
                   .help = "Upgrades at login add SCRAM-SHA-256 keys to the hash."),
    BYTES("argon2_memory", "19M", 64 << 10, INT64_C(4) << 30, "Memory of a new ARGON2ID hash."),
    NUMBER("argon2_passes", "2", 1, 1000, "passes", "Passes of a new ARGON2ID hash."),
    NUMBER("argon2_lanes", "1", 1, 8, "lanes", "Lanes of a new ARGON2ID hash."),
    NUMBER("sha512_rounds", "100000", 1000, 10000000, "rounds",
           "Rounds of a new SHA512-CRYPT hash."),
    NUMBER("bcrypt_cost", "10", 4, 20, "doublings", "Cost of a new BLF-CRYPT hash."),
    NUMBER("yescrypt_cost", "5", 1, 11, NULL, "Cost of a new YESCRYPT hash, as crypt(5) counts."),
    NUMBER("pbkdf2_rounds", "600000", 1000, 10000000, "rounds", "Rounds of a new PBKDF2 hash."),
    NUMBER("scram_iterations", "10000", 4096, 10000000, "iterations",
           "Iterations of new SCRAM-SHA-256 keys: every client computes them at each login."),
    BYTES("memory_max", "256M", 1 << 20, INT64_C(16) << 30,
          "Most memory that a stored hash may ask for; above it, it is not checked."),
    NUMBER("passes_max", "16", 1, 10000, "passes", "Most passes that a stored hash may ask for."),
    NUMBER("lanes_max", "16", 1, 1024, "lanes", "Most lanes that a stored hash may ask for."),
    NUMBER("rounds_max", "2000000", 10000, 1000000000, "rounds",
           "Most rounds or iterations that a stored hash may ask for."),
    NUMBER("bcrypt_cost_max", "15", 4, 31, "doublings", "Most that a BLF-CRYPT hash may ask for."),
    NUMBER("parallel", "2", 1, 64, "hashes", "Hashes computed at a time, in each process."),
    BYTES("parallel_memory", "512M", 1 << 20, INT64_C(64) << 30,
          "Memory of all hashes computed at a time, in each process."),
    NUMBER("queue", "1000", 1, 1000000, "logins", "Logins that may wait for a hash."),
};

static uint32_t number(const struct mansio_settings *from, const char *name)
{
    return (uint32_t)mansio_settings_int(from, name);
}

/* What is made must be within what is checked, or nobody could log in with it. */
static int check_made(const struct mansio_settings *from, const struct auth_limits *limits,
                      const struct auth_costs *costs)
{
    const struct {
        const char *name, *most_name;
        uint64_t value, most;
    } pairs[] = {
        {"argon2_memory", "memory_max", costs->argon2_memory_bytes, limits->memory_bytes},
        {"argon2_passes", "passes_max", costs->argon2_passes, limits->passes},
        {"argon2_lanes", "lanes_max", costs->argon2_lanes, limits->lanes},
        {"sha512_rounds", "rounds_max", costs->sha512_rounds, limits->rounds},
        {"pbkdf2_rounds", "rounds_max", costs->pbkdf2_rounds, limits->rounds},
        {"scram_iterations", "rounds_max", costs->scram_iterations, limits->rounds},
        {"bcrypt_cost", "bcrypt_cost_max", costs->bcrypt_cost, limits->bcrypt_cost},
        {"yescrypt_cost", "memory_max",
         auth_costs_memory(costs, auth_scheme_find(MANSIO_STR("YESCRYPT"))), limits->memory_bytes},
        {"memory_max", "parallel_memory", limits->memory_bytes,
         (uint64_t)mansio_settings_int(from, "parallel_memory")},
    };
    for (size_t i = 0; i < MANSIO_COUNT(pairs); i++) {
        if (pairs[i].value > pairs[i].most) {
            return mansio_settings_fail(from, pairs[i].name, "takes %llu, above %s of %llu",
                                        (unsigned long long)pairs[i].value, pairs[i].most_name,
                                        (unsigned long long)pairs[i].most);
        }
    }
    return 0;
}

/* Read settings. Nothing is kept of what is refused. */
static int read_settings(const struct mansio_settings *from, struct auth_state *out)
{
    const struct auth_limits limits = {
        .memory_bytes = (uint64_t)mansio_settings_int(from, "memory_max"),
        .passes = number(from, "passes_max"),
        .lanes = number(from, "lanes_max"),
        .rounds = number(from, "rounds_max"),
        .bcrypt_cost = number(from, "bcrypt_cost_max"),
    };
    const struct auth_costs costs = {
        .argon2_memory_bytes = (uint64_t)mansio_settings_int(from, "argon2_memory"),
        .argon2_passes = number(from, "argon2_passes"),
        .argon2_lanes = number(from, "argon2_lanes"),
        .sha512_rounds = number(from, "sha512_rounds"),
        .bcrypt_cost = number(from, "bcrypt_cost"),
        .yescrypt_cost = number(from, "yescrypt_cost"),
        .pbkdf2_rounds = number(from, "pbkdf2_rounds"),
        .scram_iterations = number(from, "scram_iterations"),
    };
    int rc = check_made(from, &limits, &costs);

    if (rc == 0) {
        out->scheme = auth_scheme_find(mansio_settings_str(from, "scheme"));
        out->is_scram = number(from, "scram");
        out->limits = limits;
        out->costs = costs;
    }
    return rc;
}

/* A decoy of each scheme that new passwords may have. */
static int make_decoys(struct auth_state *state)
{
    const struct auth_scheme *scheme = NULL;

    state->decoy_count = 0;
    for (size_t i = 0; (scheme = auth_scheme_at(i)) != NULL; i++) {
        if (!scheme->is_makeable) {
            continue;
        }
        MANSIO_ASSERT(state->decoy_count < AUTH_SCHEMES_MAX);
        int rc = auth_hash_decoy(scheme, &state->costs, state->decoys[state->decoy_count].text);
        if (rc < 0) {
            return rc;
        }
        state->decoys[state->decoy_count++].scheme = scheme;
    }
    return 0;
}

static int configure(struct mansio_instance *instance)
{
    const struct mansio_settings *from = mansio_instance_settings(instance);
    struct auth_state *state = auth_state(instance);
    int rc = read_settings(from, state);

    rc = rc < 0 ? rc : make_decoys(state);
    if (rc == 0 && state->pool != NULL) {
        auth_pool_configure(state->pool, number(from, "parallel"),
                            (uint64_t)mansio_settings_int(from, "parallel_memory"),
                            number(from, "queue"));
    }
    return rc;
}

static const struct mansio_auth table = {
    .size = sizeof table,
    .check_password = auth_check_password,
    .scram_keys = auth_scram_keys,
    .make = auth_make,
    .inspect = auth_inspect,
};

static int auth_load(struct mansio_instance *instance)
{
    mansio_instance_set_data(
        instance, mansio_arena_alloc(mansio_instance_arena(instance), sizeof(struct auth_state)));
    int rc = configure(instance);
    return rc < 0 ? rc
                  : mansio_interface_provide(instance, MANSIO_AUTH, MANSIO_AUTH_VERSION, &table);
}

static int auth_start(struct mansio_instance *instance, uint32_t role)
{
    (void)role; /* the same in all: whoever judges credentials, or makes some */
    auth_state(instance)->pool = auth_pool_new(instance);
    return configure(instance);
}

/* No drain(): no fiber runs here but those who ask, and they are waited for by who started them. */
MANSIO_MODULE("auth-password", "1.0", "",
              .summary = "Passwords, in the forms that Dovecot and crypt(3) store them.",
              .settings = settings, .setting_count = MANSIO_COUNT(settings),
              .metrics = auth_metrics, .metric_count = AUTH_METRICS, .load = auth_load,
              .start = auth_start, .reconfigure = configure);
