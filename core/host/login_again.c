/*
 * Logging in once more on a connection. See login_again.h.
 */
#include "core/host/login_again.h"

#include <string.h>
#include <sys/random.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <mansio/auth.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "core/host/account.h"
#include "core/host/gate.h"
#include "core/host/login_settings.h"

enum {
    PROOF_SIZE = 32,
    ARENA_CAP = 4096,
};

struct core_login_again {
    struct mansio_arena *arena;
    unsigned char proof[PROOF_SIZE];
    int64_t until_us; /* monotonic */
    uint64_t tenant_id, account_id;
    struct core_session_way way;
};

/* One a process, drawn when first used. */
static struct {
    int is_drawn;
    unsigned char bytes[PROOF_SIZE];
} key;

static int has_key(void)
{
    if (!key.is_drawn) {
        key.is_drawn = getrandom(key.bytes, sizeof key.bytes, 0) == (ssize_t)sizeof key.bytes;
    }
    return key.is_drawn;
}

/* HMAC(HMAC(key, name), password): neither can be taken for a part of the other. 1 if it went well.
 */
static int prove(struct mansio_str name, struct mansio_str password, unsigned char out[PROOF_SIZE])
{
    unsigned char of_name[PROOF_SIZE];
    unsigned int len = 0;
    int is_done = has_key() &&
                  HMAC(EVP_sha256(), key.bytes, sizeof key.bytes, (const unsigned char *)name.ptr,
                       name.len, of_name, &len) != NULL &&
                  HMAC(EVP_sha256(), of_name, sizeof of_name, (const unsigned char *)password.ptr,
                       password.len, out, &len) != NULL;
    explicit_bzero(of_name, sizeof of_name);
    return is_done;
}

static void wipe(void *arg)
{
    struct core_login_again *again = arg;
    explicit_bzero(again->proof, sizeof again->proof);
}

/* What the gate can judge anew later: a credential that the directory stores, and tells versions
 * of, so that another password is another. */
static int can_be_judged(const struct core_session_way *way)
{
    return core_gate_trust() != CORE_GATE_STATES && way->credential_id != 0 &&
           way->credential_version != 0;
}

int core_login_again_find(struct mansio_session *session, struct mansio_str name,
                          struct mansio_str password, const struct mansio_account_facts *facts,
                          struct core_session_way *out_way)
{
    struct core_login_again **place = core_session_again(session);
    const struct core_login_again *again = place != NULL ? *place : NULL;
    unsigned char proof[PROOF_SIZE];
    if (again == NULL) {
        return 0;
    }
    if (mansio_now_us() >= again->until_us || !can_be_judged(&again->way)) {
        core_login_again_forget(session);
        return 0;
    }
    int is_same = prove(name, password, proof) &&
                  mansio_secret_eq((struct mansio_str){(const char *)proof, PROOF_SIZE},
                                   (struct mansio_str){(const char *)again->proof, PROOF_SIZE});
    explicit_bzero(proof, sizeof proof);
    if (!is_same || again->tenant_id != facts->tenant_id ||
        again->account_id != facts->account_id) {
        return 0;
    }
    *out_way = again->way;
    return 1;
}

void core_login_again_keep(struct mansio_session *session, struct mansio_str name,
                           struct mansio_str password)
{
    struct core_login_again **place = core_session_again(session);
    const struct core_session_way *way = core_session_way(session);
    int64_t again_us = core_login_again_us();
    core_login_again_forget(session);
    if (place == NULL || again_us == 0 || !can_be_judged(way)) {
        return;
    }
    struct mansio_arena *arena =
        mansio_arena_new(mansio_conn_arena(mansio_session_conn(session)), "login.again", ARENA_CAP);
    struct core_login_again *again = mansio_arena_alloc(arena, sizeof *again);
    const struct mansio_account_facts *facts =
        mansio_account_facts(mansio_session_account(session));
    *again = (struct core_login_again){.arena = arena,
                                       .until_us = mansio_now_us() + again_us,
                                       .tenant_id = facts->tenant_id,
                                       .account_id = facts->account_id,
                                       .way = *way};
    mansio_arena_defer(arena, wipe, again);
    if (!prove(name, password, again->proof)) {
        mansio_arena_free(arena); /* it is a matter of speed alone */
        return;
    }
    *place = again;
}

void core_login_again_forget(struct mansio_session *session)
{
    struct core_login_again **place = core_session_again(session);
    if (place != NULL && *place != NULL) {
        struct mansio_arena *arena = (*place)->arena;
        *place = NULL;
        mansio_arena_free(arena);
    }
}
