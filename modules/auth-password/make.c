/*
 * make(): the hash, and SCRAM keys behind it, in one offloaded job; inspect().
 */
#include "make.h"

#include "metrics.h"
#include "scram.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

struct job {
    const struct auth_scheme *scheme;
    struct auth_costs costs; /* a copy: a reload may change them meanwhile */
    uint32_t with_scram;
    struct mansio_str salt;
    uint32_t iterations;
    struct auth_password password;
    size_t length;
    char text[AUTH_HASH_ROOM + 1 + AUTH_SCRAM_TEXT_ROOM];
};

static int run_make(void *arg)
{
    struct job *job = arg;
    struct auth_scram_made made = {{0}, {0}};
    int rc = 0;

    if (job->scheme->form != AUTH_FORM_SCRAM) {
        rc = auth_hash_make(job->scheme, &job->costs, &job->password, job->text);
        if (rc < 0) {
            return rc;
        }
        job->length = (size_t)rc;
        if (!job->with_scram) {
            return 0;
        }
        job->text[job->length++] = ' ';
    }
    rc = auth_scram_make(auth_password_str(&job->password), job->salt, job->iterations, &made);
    if (rc == 0) {
        job->length += auth_scram_print(job->salt, job->iterations, &made, job->text + job->length);
    }
    OPENSSL_cleanse(&made, sizeof made);
    return rc;
}

int auth_choose_salt(const struct auth_state *state, struct mansio_str like,
                     struct mansio_arena *arena, struct mansio_str *out_salt,
                     uint32_t *out_iterations)
{
    struct auth_stored stored = {.scheme = NULL};

    if (like.len > 0) {
        int rc = auth_stored_parse(arena, like, &stored);
        rc = rc < 0 ? rc : auth_limits_check(&state->limits, &stored);
        if (rc < 0) {
            return rc == MANSIO_E_LIMIT ? rc : MANSIO_E_INVALID;
        }
        if (stored.has_scram) {
            *out_salt = stored.scram.salt;
            *out_iterations = stored.scram.iterations;
            return 0;
        }
    }
    char *salt = mansio_arena_alloc(arena, AUTH_SCRAM_SALT_BYTES);
    if (RAND_bytes((unsigned char *)salt, AUTH_SCRAM_SALT_BYTES) != 1) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "SCRAM: no random numbers");
    }
    *out_salt = (struct mansio_str){salt, AUTH_SCRAM_SALT_BYTES};
    *out_iterations = state->costs.scram_iterations;
    return 0;
}

/* Which scheme a name means, for make(). */
static int choose_scheme(const struct auth_state *state, struct mansio_str name,
                         const struct auth_scheme **out)
{
    const struct auth_scheme *scheme = name.len > 0 ? auth_scheme_find(name) : state->scheme;

    if (scheme == NULL) {
        return mansio_fail(MANSIO_E_INVALID, "password scheme %.*s is none",
                           MANSIO_STR_ARG(mansio_str_sub(name, 0, 32)));
    }
    if (!scheme->is_makeable) {
        return mansio_fail(MANSIO_E_UNSUPPORTED, "password scheme %s: is only checked, not made",
                           scheme->name);
    }
    *out = scheme;
    return 0;
}

int auth_make(struct mansio_instance *instance, struct mansio_str scheme, uint32_t with_scram,
              struct mansio_str like, struct mansio_str password, struct mansio_arena *arena,
              int64_t deadline_us, struct mansio_str *out)
{
    const struct auth_state *state = auth_state(instance);
    struct job job = {.costs = state->costs, .with_scram = with_scram};
    int rc = choose_scheme(state, scheme, &job.scheme);

    rc = rc < 0 ? rc : auth_choose_salt(state, like, arena, &job.salt, &job.iterations);
    rc = rc < 0 ? rc : auth_password_prepare(password, &job.password);
    if (rc < 0) {
        return rc;
    }
    rc = auth_pool_run(state->pool, auth_costs_memory(&state->costs, job.scheme), run_make, &job,
                       deadline_us);
    auth_password_wipe(&job.password);
    rc = rc < 0 ? rc : mansio_arena_copy(arena, (struct mansio_str){job.text, job.length}, out);
    if (rc == 0) {
        mansio_metric_add(instance, AUTH_METRIC_MADE, 1);
    }
    OPENSSL_cleanse(job.text, sizeof job.text);
    return rc < 0 ? rc : 0;
}

int auth_inspect(struct mansio_instance *instance, struct mansio_str stored,
                 const char **out_scheme, uint32_t *out_scram)
{
    MANSIO_SCRATCH_BEGIN(scratch);
    struct auth_stored read = {.scheme = NULL};
    int rc = auth_stored_parse(scratch, stored, &read);

    /* One that would never be checked is as good as malformed: say so while it is being stored. */
    if (rc == 0 && auth_limits_check(&auth_state(instance)->limits, &read) < 0) {
        rc = MANSIO_E_INVALID;
    }
    if (rc == 0) {
        *out_scheme = read.scheme->name;
        *out_scram = read.has_scram;
    }
    MANSIO_SCRATCH_END(scratch);
    return rc == MANSIO_E_LIMIT ? MANSIO_E_INVALID : rc;
}
