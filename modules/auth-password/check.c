/*
 * Checking a password: every login goes the same way. What is of a known form is hashed in turn; if
 * nothing was (no such account, no credential), a decoy in the tenant's default scheme is.
 */
#include "auth.h"

#include "make.h"
#include "metrics.h"

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

/* Cost what a member costs. */
static int check_decoy(struct mansio_instance *instance, const struct mansio_login *login,
                       const struct candidates *candidates, struct mansio_arena *arena,
                       int64_t deadline_us)
{
    const struct auth_state *state = auth_state(instance);
    struct auth_stored stored = {.scheme = NULL};
    struct mansio_str text = MANSIO_STR_NONE;
    int rc = mansio_arena_copy(
        arena, auth_state_decoy(state, auth_state_scheme(state, login->scheme)), &text);

    rc = rc < 0 ? rc : auth_stored_parse(arena, text, &stored);
    rc = rc < 0 ? rc : check_stored(instance, &stored, candidates, deadline_us);
    mansio_metric_add(instance, AUTH_METRIC_DECOYS, 1);
    return rc < 0 ? rc : mansio_fail(MANSIO_E_DENIED, "no such account, or no credential");
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

/* Credentials in turn, until one matches. */
static int check_all(struct mansio_instance *instance, const struct mansio_login *login,
                     const struct candidates *candidates, struct mansio_str password,
                     struct mansio_arena *arena, int64_t deadline_us,
                     struct mansio_auth_result *result)
{
    size_t hashed = 0;
    size_t unknown = 0;

    for (size_t i = 0; i < login->credential_count; i++) {
        const struct mansio_credential *credential = login->credentials[i];
        struct auth_stored stored = {.scheme = NULL};
        int rc = read_credential(instance, login, credential, arena, &stored);
        unknown += rc == MANSIO_E_UNSUPPORTED ? 1 : 0;
        if (rc < 0) {
            continue;
        }
        rc = check_stored(instance, &stored, candidates, deadline_us);
        if (rc < 0) {
            return rc;
        }
        hashed++;
        mansio_metric_add(
            instance, AUTH_METRIC_SCHEMES + 2 * (size_t)stored.scheme->family + (rc == 0 ? 1 : 0),
            1);
        if (rc > 0) {
            result->credential_id = credential->id;
            result->kind = credential->kind;
            upgrade(instance, login, i, &stored, password, arena, deadline_us, result);
            return 0;
        }
    }
    if (hashed == 0 && unknown > 0 && unknown == login->credential_count) {
        return mansio_fail(MANSIO_E_UNSUPPORTED, "no credential of a form that is known here");
    }
    return hashed == 0 ? check_decoy(instance, login, candidates, arena, deadline_us)
                       : mansio_fail(MANSIO_E_DENIED, "wrong password");
}

int auth_check_password(struct mansio_instance *instance, const struct mansio_login *login,
                        struct mansio_str password, struct mansio_arena *arena, int64_t deadline_us,
                        struct mansio_auth_result *out)
{
    struct mansio_auth_result result = {.size = out->size};
    struct candidates candidates = {.count = 0};
    int rc = take(password, &candidates);

    if (rc == 0) {
        rc = login->account != NULL
                 ? check_all(instance, login, &candidates, password, arena, deadline_us, &result)
                 : check_decoy(instance, login, &candidates, arena, deadline_us);
    }
    if (rc == 0) {
        memcpy(out, &result, result.size < sizeof result ? result.size : sizeof result);
    }
    auth_password_wipe(&candidates.passwords[0]);
    auth_password_wipe(&candidates.passwords[1]);
    return rc;
}
