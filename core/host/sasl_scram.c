/*
 * SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677): the exchange. Messages and arithmetic
 * are scram.c's. An account has several keys where it has app passwords; all share salt and
 * iterations, so that one proof can be tried against each.
 */
#include "core/host/sasl.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include <mansio/error.h>
#include <mansio/str.h>

#include "core/host/account.h"
#include "core/host/login_channel.h"
#include "core/host/scram.h"

enum { NONCE_BYTES = 18 }; /* ours: 24 characters of base64 */

struct core_scram_exchange {
    struct core_scram_first first;  /* its slices point into message */
    struct mansio_str message;      /* client-first-message */
    struct mansio_str nonce;        /* the client's and ours */
    struct mansio_str server_first; /* as we sent it */
    const struct mansio_scram_keys *const *keys;
    size_t key_count;
};

static const char *fixed_nonce;

void core_sasl_set_nonce(const char *nonce)
{
    fixed_nonce = nonce;
}

static int make_nonce(struct mansio_arena *arena, struct mansio_str *out)
{
    char bytes[NONCE_BYTES];
    if (fixed_nonce != NULL) {
        *out = mansio_str_from_cstr(fixed_nonce);
        return 0;
    }
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "getrandom: %s", strerror(errno));
    }
    return mansio_base64_encode(arena, (struct mansio_str){bytes, sizeof bytes}, out);
}

/* ---- the first message ---------------------------------------------------------------------- */

/* RFC 5802 6: what the flag may be with which mechanism. A client that can bind but says that we
 * can't, while we offer it, was shown another list than ours: somebody sits between. */
static int check_binding(struct mansio_sasl *sasl, const struct core_scram_first *first)
{
    int is_plus = (sasl->facts->flags & CORE_SASL_BINDING) != 0;
    if (is_plus != (first->binding == CORE_SCRAM_BINDING_WANTED)) {
        return mansio_fail(MANSIO_E_INVALID, "SCRAM: the channel binding flag is not %.*s's",
                           MANSIO_STR_ARG(sasl->facts->name));
    }
    if (is_plus && !mansio_str_eq(first->binding_name, MANSIO_STR("tls-exporter")) &&
        !mansio_str_eq(first->binding_name, MANSIO_STR("tls-server-end-point"))) {
        return mansio_fail(MANSIO_E_INVALID, "SCRAM: channel binding of an unknown type");
    }
    if (first->binding == CORE_SCRAM_BINDING_UNUSED) {
        return core_sasl_is_offered(sasl->session, &core_sasl_table[CORE_SASL_SCRAM_SHA_256_PLUS]);
    }
    return 0;
}

static int find_keys(struct mansio_sasl *sasl, struct core_scram_exchange *scram)
{
    size_t count = 0;
    const struct core_auth *auths = core_auths_current(&count);
    int rc = MANSIO_E_UNSUPPORTED;
    for (size_t i = 0; i < count && rc == MANSIO_E_UNSUPPORTED; i++) {
        if (auths[i].table.scram_keys != NULL) {
            rc = auths[i].table.scram_keys(auths[i].instance, &sasl->login.found, scram->first.name,
                                           sasl->arena, &scram->keys, &scram->key_count);
        }
    }
    if (rc < 0) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "no auth module has keys: %s",
                           mansio_error_detail());
    }
    for (size_t i = 0; i < scram->key_count; i++) {
        const struct mansio_scram_keys *keys = scram->keys[i];
        if (keys->iterations != scram->keys[0]->iterations ||
            !mansio_str_eq(keys->salt, scram->keys[0]->salt)) {
            return mansio_fail(MANSIO_E_UNAVAILABLE, "SCRAM keys of one account differ in salt or "
                                                     "iterations");
        }
    }
    if (scram->key_count == 0 || scram->keys[0]->iterations == 0 || scram->keys[0]->salt.len == 0) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "an auth module gave SCRAM keys that are none");
    }
    return 0;
}

static int challenge(struct mansio_sasl *sasl, struct core_scram_exchange *scram)
{
    struct mansio_str ours;
    int rc = make_nonce(sasl->arena, &ours);
    if (rc == 0) {
        rc = mansio_arena_printf(sasl->arena, &scram->nonce, "%.*s%.*s",
                                 MANSIO_STR_ARG(scram->first.nonce), MANSIO_STR_ARG(ours));
    }
    return rc < 0 ? rc
                  : core_scram_print_first(sasl->arena, scram->nonce, scram->keys[0],
                                           &scram->server_first);
}

/* The salt is told before a password is judged: the database is asked for everybody, since it was
 * for who isn't there. What is remembered will do while it is away. */
static int look_anew(struct mansio_sasl *sasl, int64_t deadline_us)
{
    int rc = core_login_look_anew(&sasl->login, deadline_us);
    return rc == MANSIO_E_CANCELLED ? core_login_finish(&sasl->login, rc, deadline_us) : 0;
}

static int first_step(struct mansio_sasl *sasl, struct mansio_str response, int64_t deadline_us,
                      struct mansio_str *out_challenge)
{
    struct core_scram_exchange *scram = mansio_arena_alloc(sasl->arena, sizeof *scram);
    int rc = mansio_arena_copy(sasl->arena, response, &scram->message);
    if (rc == 0) {
        rc = core_scram_read_first(sasl->arena, scram->message, &scram->first);
    }
    if (rc < 0) {
        return rc;
    }
    int is_downgraded = check_binding(sasl, &scram->first);
    if (is_downgraded < 0) {
        return is_downgraded;
    }
    rc = core_login_begin(&sasl->login, sasl->session, sasl->arena, sasl->facts->name.ptr,
                          scram->first.name, scram->first.authzid, deadline_us);
    if (rc == 0 && is_downgraded) {
        sasl->login.why = "downgrade";
        return core_login_finish(&sasl->login, MANSIO_E_DENIED, deadline_us);
    }
    if (rc == 0) {
        rc = look_anew(sasl, deadline_us);
    }
    if (rc == 0) {
        rc = find_keys(sasl, scram);
        rc = rc == 0 ? challenge(sasl, scram) : rc;
        rc = rc < 0 ? core_login_finish(&sasl->login, rc, deadline_us) : 0;
    }
    if (rc < 0) {
        return rc;
    }
    sasl->scram = scram;
    *out_challenge = scram->server_first;
    return MANSIO_SASL_CONTINUE;
}

/* ---- the second ----------------------------------------------------------------------------- */

/* The header as it was in the first message, then the channel's data if it is bound. */
static int is_bound(struct mansio_sasl *sasl, struct mansio_str binding)
{
    const struct core_scram_first *first = &sasl->scram->first;
    struct mansio_str data = MANSIO_STR_NONE;
    if (first->binding == CORE_SCRAM_BINDING_WANTED &&
        core_channel_binding(mansio_session_conn(sasl->session), first->binding_name, sasl->arena,
                             &data) < 0) {
        return 0;
    }
    return binding.len == first->header.len + data.len &&
           mansio_str_starts(binding, first->header) &&
           mansio_secret_eq(mansio_str_sub(binding, first->header.len, SIZE_MAX), data);
}

/* Try every key, whichever fits: 0, and what proves that we know it too; MANSIO_E_DENIED. */
static int verify(struct mansio_sasl *sasl, const struct core_scram_final *final,
                  unsigned char out_signature[CORE_SCRAM_HASH_BYTES])
{
    struct core_scram_exchange *scram = sasl->scram;
    struct mansio_str text;
    int found = 0;
    /* RFC 5802 3: AuthMessage */
    int rc = mansio_arena_printf(
        sasl->arena, &text, "%.*s,%.*s,%.*s", MANSIO_STR_ARG(scram->first.bare),
        MANSIO_STR_ARG(scram->server_first), MANSIO_STR_ARG(final->without_proof));
    for (size_t i = 0; rc >= 0 && i < scram->key_count; i++) {
        const struct mansio_scram_keys *keys = scram->keys[i];
        rc = core_scram_verify(keys, text, final->proof, out_signature);
        if (rc == 1 && keys->credential_id != 0) {
            sasl->login.result.credential_id = keys->credential_id;
            found = 1;
        }
    }
    return rc < 0 ? rc : found ? 0 : MANSIO_E_DENIED;
}

static int second_step(struct mansio_sasl *sasl, struct mansio_str response, int64_t deadline_us,
                       struct mansio_str *out_challenge)
{
    struct core_scram_final final;
    unsigned char signature[CORE_SCRAM_HASH_BYTES] = {0};
    struct mansio_str text = MANSIO_STR_NONE;
    int rc = core_scram_read_final(sasl->arena, response, &final);
    if (rc < 0) {
        return rc;
    }
    rc = verify(sasl, &final, signature);
    if (rc == 0 && !mansio_str_eq(final.nonce, sasl->scram->nonce)) {
        sasl->login.why = "nonce";
        rc = MANSIO_E_DENIED;
    } else if (rc == 0 && !is_bound(sasl, final.binding)) {
        sasl->login.why = "channel-binding";
        rc = MANSIO_E_DENIED;
    } else if (rc == MANSIO_E_DENIED && sasl->login.why[0] == '\0') {
        sasl->login.why = "password";
    }
    if (rc == 0) { /* nothing may fail once the session is somebody's */
        rc = mansio_base64_encode(
            sasl->arena, (struct mansio_str){(const char *)signature, sizeof signature}, &text);
    }
    if (rc == 0) {
        rc = mansio_arena_printf(sasl->arena, &text, "v=%.*s", MANSIO_STR_ARG(text));
    }
    rc = core_login_finish(&sasl->login, rc, deadline_us);
    if (rc == 0) {
        *out_challenge = text;
    }
    return rc < 0 ? rc : MANSIO_SASL_DONE;
}

int core_sasl_scram_step(struct mansio_sasl *sasl, struct mansio_str response, int64_t deadline_us,
                         struct mansio_str *out_challenge)
{
    return sasl->step == 0 ? first_step(sasl, response, deadline_us, out_challenge)
                           : second_step(sasl, response, deadline_us, out_challenge);
}
