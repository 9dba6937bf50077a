/*
 * Checking a password: every login goes the same way, and every wrong one costs the same.
 *
 * First the hashes, of the main password most often; then the SCRAM keys that app passwords have,
 * all by one derivation, since an account's credentials share salt and iterations. Whatever of both
 * there was no need for is made up for by a decoy before a password is called wrong: so neither
 * whether there is such an account nor how many credentials it has shows in the time.
 */
#include "auth.h"

#include "make.h"
#include "metrics.h"
#include "scram.h"

#include <openssl/crypto.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/str.h>

/* A password as it is prepared (RFC 8265), and as it came if that differs: hashes made elsewhere
 * are of what came. */
struct candidates {
    struct auth_password passwords[2];
    size_t count;
};

struct job {
    const struct auth_stored *stored;
    const struct candidates *candidates;
};

static int run_check(void *arg)
{
    const struct job *job = arg;
    int is_match = 0;

    for (size_t i = 0; i < job->candidates->count && is_match == 0; i++) {
        is_match = auth_hash_check(job->stored, &job->candidates->passwords[i]);
    }
    return is_match;
}

/* 0, or that no password can be this one, whoever's it is. */
static int take(struct mansio_str password, struct candidates *out)
{
    struct auth_password *first = &out->passwords[0];
    int rc = auth_password_prepare(password, first);

    out->count = 0;
    if (rc == MANSIO_E_UNAVAILABLE) {
        return rc;
    }
    if (rc == 0) {
        out->count = 1;
        if (mansio_secret_eq(auth_password_str(first), password)) {
            return 0;
        }
    }
    rc = auth_password_take(password, &out->passwords[out->count]);
    out->count += rc == 0 ? 1 : 0;
    return out->count > 0 ? 0 : MANSIO_E_DENIED;
}

/* 1, 0, or an error of ours. */
static int check_stored(struct mansio_instance *instance, const struct auth_stored *stored,
                        const struct candidates *candidates, int64_t deadline_us)
{
    struct job job = {.stored = stored, .candidates = candidates};
    int rc = auth_pool_run(auth_state(instance)->pool, stored->memory_bytes, run_check, &job,
                           deadline_us);

    if (rc < 0) {
        mansio_metric_add(instance, AUTH_METRIC_FAILED, 1);
    }
    return rc;
}

/* Read a credential. 0; MANSIO_E_UNSUPPORTED; MANSIO_E_INVALID: unusable, which is logged. */
static int read_credential(struct mansio_instance *instance, const struct mansio_login *login,
                           const struct mansio_credential *credential, struct mansio_arena *arena,
                           struct auth_stored *out)
{
    int rc = auth_stored_parse(arena, credential->stored, out);

    if (rc == MANSIO_E_UNSUPPORTED) {
        mansio_metric_add(instance, AUTH_METRIC_UNKNOWN, 1);
        return rc;
    }
    rc = rc < 0 ? rc : auth_limits_check(&auth_state(instance)->limits, out);
    if (rc < 0) {
        mansio_metric_add(instance, AUTH_METRIC_UNUSABLE, 1);
        mansio_log(MANSIO_LOG_WARNING, "credential-unusable",
                   MANSIO_KV_STR("account", login->account->address),
                   MANSIO_KV_INT("credential", credential->id), MANSIO_KV_CODE("error", rc),
                   MANSIO_KV_END);
        return MANSIO_E_INVALID;
    }
    return 0;
}

/* What to store instead of the credential that matched, if its tenant wants that: no login fails
 * because it can't be made. */
static void upgrade(struct mansio_instance *instance, const struct mansio_login *login,
                    size_t index, const struct auth_stored *stored, struct mansio_str password,
                    struct mansio_arena *arena, int64_t deadline_us,
                    struct mansio_auth_result *result)
{
    const struct auth_state *state = auth_state(instance);
    const struct auth_scheme *scheme = auth_state_scheme(state, login->scheme);
    uint32_t with_scram = scheme->form != AUTH_FORM_SCRAM && (state->is_scram || stored->has_scram);
    struct mansio_str like =
        stored->has_scram ? login->credentials[index]->stored : MANSIO_STR_NONE;

    if (!login->is_upgrading || (auth_costs_are_current(&state->costs, scheme, stored) &&
                                 stored->has_scram >= with_scram)) {
        return;
    }
    for (size_t i = 0; like.len == 0 && i < login->credential_count; i++) {
        struct auth_stored other = {.scheme = NULL};
        if (auth_stored_parse(arena, login->credentials[i]->stored, &other) == 0 &&
            other.has_scram && auth_limits_check(&state->limits, &other) == 0) {
            like = login->credentials[i]->stored;
        }
    }
    int rc = auth_make(instance, mansio_str_from_cstr(scheme->name), with_scram, like, password,
                       arena, deadline_us, &result->upgrade);
    if (rc == 0) {
        mansio_metric_add(instance, AUTH_METRIC_UPGRADES, 1);
    } else {
        result->upgrade = MANSIO_STR_NONE;
    }
}

/* ---- hashes and keys -------------------------------------------------------------------------
 */

/* A credential that could be read. */
struct row {
    size_t index; /* among the login's */
    const struct mansio_credential *credential;
    struct auth_stored stored;
    uint32_t is_keyed; /* checked by its SCRAM keys; else by its hash */
    uint32_t is_done;
};

/* One attempt. */
struct attempt {
    struct mansio_instance *instance;
    const struct mansio_login *login;
    const struct candidates *candidates;
    struct mansio_arena *arena;
    int64_t deadline_us;
    struct row *rows;
    size_t row_count;
    size_t unknown; /* credentials of a form unknown here */
    size_t hashes;  /* in the default scheme: what one of another cost is no measure */
    size_t derivations;
};

static void count_row(const struct attempt *attempt, const struct row *row, int is_match)
{
    mansio_metric_add(
        attempt->instance,
        AUTH_METRIC_SCHEMES + 2 * (size_t)row->stored.scheme->family + (is_match ? 0 : 1), 1);
}

/* An app password is as good as its keys, which whoever reads the database may attack as well as
 * its hash. */
static int is_keyed(const struct mansio_credential *credential, const struct auth_stored *stored)
{
    return stored->has_scram &&
           (stored->scheme->form == AUTH_FORM_SCRAM || credential->kind == MANSIO_CREDENTIAL_APP);
}

static void read_rows(struct attempt *attempt)
{
    const struct mansio_login *login = attempt->login;
    size_t count = login->account != NULL ? login->credential_count : 0;

    attempt->rows = mansio_arena_alloc(attempt->arena, (count + 1) * sizeof *attempt->rows);
    for (size_t i = 0; i < count; i++) {
        struct row *row = &attempt->rows[attempt->row_count];
        *row = (struct row){.index = i, .credential = login->credentials[i]};
        int rc = read_credential(attempt->instance, login, row->credential, attempt->arena,
                                 &row->stored);
        row->is_keyed = (uint32_t)(rc == 0 && is_keyed(row->credential, &row->stored));
        attempt->unknown += rc == MANSIO_E_UNSUPPORTED ? 1 : 0;
        attempt->row_count += rc == 0 ? 1 : 0;
    }
}

static const struct auth_scheme *default_scheme(const struct attempt *attempt)
{
    return auth_state_scheme(auth_state(attempt->instance), attempt->login->scheme);
}

/* Hashes in turn. 1: @p out matches; 0; or an error of ours. */
static int check_hashes(struct attempt *attempt, const struct row **out)
{
    const struct auth_scheme *scheme = default_scheme(attempt);
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < attempt->row_count; i++) {
        const struct row *row = &attempt->rows[i];
        if (row->is_keyed) {
            continue;
        }
        rc = check_stored(attempt->instance, &row->stored, attempt->candidates,
                          attempt->deadline_us);
        attempt->hashes += row->stored.scheme == scheme ? 1 : 0;
        if (rc >= 0) {
            count_row(attempt, row, rc);
        }
        *out = row;
    }
    return rc;
}

/* All rows that share salt and iterations, by one derivation. */
struct keys_job {
    const struct attempt *attempt;
    const struct auth_scram *scram;
    const struct row *found;
};

static int has_keys(const struct row *row, const struct auth_scram *scram)
{
    return row->is_keyed && !row->is_done && row->stored.scram.iterations == scram->iterations &&
           mansio_str_eq(row->stored.scram.salt, scram->salt);
}

static int run_keys(void *arg)
{
    struct keys_job *job = arg;
    const struct attempt *attempt = job->attempt;
    struct auth_scram_made made = {{0}, {0}};
    const struct mansio_str key = {(const char *)made.stored_key, sizeof made.stored_key};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < attempt->candidates->count && job->found == NULL; i++) {
        rc = auth_scram_make(auth_password_str(&attempt->candidates->passwords[i]),
                             job->scram->salt, job->scram->iterations, &made);
        for (size_t j = 0; rc == 0 && j < attempt->row_count; j++) {
            const struct row *row = &attempt->rows[j];
            if (has_keys(row, job->scram) && mansio_secret_eq(row->stored.scram.stored_key, key)) {
                job->found = row;
            }
        }
    }
    OPENSSL_cleanse(&made, sizeof made);
    return rc < 0 ? rc : job->found != NULL;
}

static int derive(struct attempt *attempt, const struct auth_scram *scram, const struct row **out)
{
    struct keys_job job = {.attempt = attempt, .scram = scram};
    int rc =
        auth_pool_run(auth_state(attempt->instance)->pool, 0, run_keys, &job, attempt->deadline_us);

    attempt->derivations++;
    if (rc < 0) {
        mansio_metric_add(attempt->instance, AUTH_METRIC_FAILED, 1);
    }
    *out = job.found;
    return rc;
}

/* As check_hashes(). */
static int check_keys(struct attempt *attempt, const struct row **out)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < attempt->row_count; i++) {
        const struct auth_scram scram = attempt->rows[i].stored.scram;
        if (!attempt->rows[i].is_keyed || attempt->rows[i].is_done) {
            continue;
        }
        rc = derive(attempt, &scram, out);
        for (size_t j = i; rc >= 0 && j < attempt->row_count; j++) {
            struct row *row = &attempt->rows[j];
            if (has_keys(row, &scram)) {
                row->is_done = 1;
                count_row(attempt, row, rc > 0 && row == *out);
            }
        }
    }
    return rc;
}

/* ---- decoys ------------------------------------------------------------------------------------
 */

/* What a member's main password would have cost. */
static int hash_decoy(struct attempt *attempt, const struct auth_scheme *scheme)
{
    const struct auth_state *state = auth_state(attempt->instance);
    struct auth_stored stored = {.scheme = NULL};
    struct mansio_str text = MANSIO_STR_NONE;
    int rc = mansio_arena_copy(attempt->arena, auth_state_decoy(state, scheme), &text);

    rc = rc < 0 ? rc : auth_stored_parse(attempt->arena, text, &stored);
    rc = rc < 0
             ? rc
             : check_stored(attempt->instance, &stored, attempt->candidates, attempt->deadline_us);
    mansio_metric_add(attempt->instance, AUTH_METRIC_DECOYS, 1);
    return rc;
}

/* And its app passwords. */
static int keys_decoy(struct attempt *attempt)
{
    static const char salt[AUTH_SCRAM_SALT_BYTES];
    const struct auth_scram scram = {
        .iterations = auth_state(attempt->instance)->costs.scram_iterations,
        .salt = {salt, sizeof salt},
    };
    const struct row *nobody = NULL;

    mansio_metric_add(attempt->instance, AUTH_METRIC_DECOYS, 1);
    return derive(attempt, &scram, &nobody);
}

/* Nothing matched: do what hasn't been done. */
static int make_up(struct attempt *attempt)
{
    const struct auth_state *state = auth_state(attempt->instance);
    const struct auth_scheme *scheme = default_scheme(attempt);
    int is_of_keys = scheme->form == AUTH_FORM_SCRAM;
    int rc = 0;

    if (attempt->hashes == 0 && !is_of_keys) {
        rc = hash_decoy(attempt, scheme);
    }
    if (rc >= 0 && attempt->derivations == 0 && (is_of_keys || state->is_scram)) {
        rc = keys_decoy(attempt);
    }
    return rc < 0 ? rc : 0;
}

/* 0, MANSIO_E_DENIED, or why nobody can tell. */
static int check_all(struct attempt *attempt, struct mansio_str password,
                     struct mansio_auth_result *result)
{
    const struct row *row = NULL;

    read_rows(attempt);
    if (attempt->unknown > 0 && attempt->unknown == attempt->login->credential_count) {
        return mansio_fail(MANSIO_E_UNSUPPORTED, "no credential of a form that is known here");
    }
    int rc = check_hashes(attempt, &row);
    rc = rc != 0 ? rc : check_keys(attempt, &row);
    if (rc > 0) {
        result->credential_id = row->credential->id;
        result->kind = row->credential->kind;
        upgrade(attempt->instance, attempt->login, row->index, &row->stored, password,
                attempt->arena, attempt->deadline_us, result);
        return 0;
    }
    rc = rc < 0 ? rc : make_up(attempt);
    return rc < 0 ? rc : mansio_fail(MANSIO_E_DENIED, "no such account, or a wrong password");
}

int auth_check_password(struct mansio_instance *instance, const struct mansio_login *login,
                        struct mansio_str password, struct mansio_arena *arena, int64_t deadline_us,
                        struct mansio_auth_result *out)
{
    struct mansio_auth_result result = {.size = out->size};
    struct candidates candidates = {.count = 0};
    struct attempt attempt = {
        .instance = instance,
        .login = login,
        .candidates = &candidates,
        .arena = arena,
        .deadline_us = deadline_us,
    };
    int rc = take(password, &candidates);

    rc = rc < 0 ? rc : check_all(&attempt, password, &result);
    if (rc == 0) {
        memcpy(out, &result, result.size < sizeof result ? result.size : sizeof result);
    }
    auth_password_wipe(&candidates.passwords[0]);
    auth_password_wipe(&candidates.passwords[1]);
    return rc;
}
