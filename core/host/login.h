/*
 * Logging in from the inside: one attempt, from a name to a session that is somebody's. Passwords
 * and SASL mechanisms share it; they differ in how they find out whether the credentials are right.
 *
 *     core_login_begin()      name, throttle, directory
 *     core_login_password()   or a mechanism's own way: right or wrong
 *     core_login_finish()     registry, gate, upgrade; or count, log and wait
 *
 * Every way that an attempt can fail in ends in core_login_finish(), so that it looks and costs the
 * same.
 */
#ifndef MANSIO_CORE_HOST_LOGIN_H
#define MANSIO_CORE_HOST_LOGIN_H

#include "core/base/export.h"
#include "core/host/config.h"
#include "core/host/login_name.h"
#include <mansio/auth.h>
#include <mansio/session.h>

struct core_login {
    struct mansio_session *session;
    struct mansio_arena *arena;  /* the caller's: as long as the attempt */
    struct mansio_str given;     /* the name as the client wrote it; copied */
    struct core_login_name name; /* its one spelling; empty if it has none */
    const char *mechanism;       /* static: for log and gate */
    struct mansio_login found;   /* what the directory knows */
    struct mansio_auth_result result;
    int64_t until_us;  /* wall clock: what was shown ends then; 0: as the directory says */
    const char *why;   /* static: why it is denied, for the log */
    const char *scope; /* static: whose word of policy it was; NULL: nobody's */
    int is_refused;    /* right, but it may not come in */
    int64_t begun_us;
    /* What the answer to a failure waits from: a password's from when the attempt began; that of an
     * exchange from when it was found out, or a client could sit out the wait in the midst of it.
     * 0: not known yet. */
    int64_t waits_from_us;
};

/* Take the settings (login_settings.c); replaces those before. Keeps no pointer into @p config. */
CORE_EXPORT MANSIO_MUST_CHECK int core_login_configure(const struct core_config *config);
CORE_EXPORT void core_login_fini(void);

/* Look at the throttle, then at the directory. A name that can't be anybody's is looked up as
 * nobody's: 0 too, with found.account NULL. @p authzid: who to act as; nobody else than oneself.
 * 0; MANSIO_E_LIMIT: throttled; MANSIO_E_UNAVAILABLE; MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED;
 * MANSIO_E_BUG if the session has a name. Yields. */
MANSIO_MUST_CHECK int core_login_begin(struct core_login *login, struct mansio_session *session,
                                       struct mansio_arena *arena, const char *mechanism,
                                       struct mansio_str name, struct mansio_str authzid,
                                       int64_t deadline_us);

/* Ask the directory once more what it said from memory: found is then as it is now, or stays if
 * nobody can tell. 0, also if nothing was remembered. Errors as core_login_begin(). Yields. */
MANSIO_MUST_CHECK int core_login_look_anew(struct core_login *login, int64_t deadline_us);

/* Ask the auth modules. 0; MANSIO_E_DENIED; or why nobody can tell. Yields. */
MANSIO_MUST_CHECK int core_login_password(struct core_login *login, struct mansio_str password,
                                          int64_t deadline_us);

/* The end of an attempt that core_login_begin() let in: @p rc is what was found out. Counts, logs,
 * and makes who failed wait. 0: the session is somebody's; or an error for the protocol. Yields. */
MANSIO_MUST_CHECK int core_login_finish(struct core_login *login, int rc, int64_t deadline_us);

/* ---- login_domain.c ---- */

/* The domain of ours that a session's client asked for by name, itself or as what its host's name
 * ends with; empty for none. And whether SCRAM can be offered there. Cached for seconds;
 * while the directory is away what it said last holds, and what it never said is taken for no. 0
 * or MANSIO_E_CANCELLED. Yields. */
MANSIO_MUST_CHECK int core_login_domain(struct mansio_session *session, struct mansio_str *out,
                                        uint32_t *out_is_scram_ready);

/* The same of a domain's name; but what was never said is MANSIO_E_UNAVAILABLE. */
MANSIO_MUST_CHECK int core_login_domain_scram(struct mansio_str domain,
                                              uint32_t *out_is_scram_ready);

/* Forget the cache: settings or instances have changed. */
void core_login_domain_forget(void);

/* ---- login_throttle.c ---- */

struct core_throttle {
    uint32_t per_address, per_network, per_account, per_tenant; /* 0: no limit */
    int64_t window_us, delay_us, delay_max_us;
    int64_t beat_us; /* see core_config_login */
};

/* By what an attempt is counted; what is empty isn't. */
struct core_throttle_who {
    struct mansio_str address, network, account;
    struct mansio_str pair;   /* address and account together */
    struct mansio_str tenant; /* or what stands for it; known once the directory has answered */
};

/* MANSIO_E_LIMIT if this address, network or account has failed too often; nothing is counted. */
MANSIO_MUST_CHECK int core_throttle_check(const struct core_throttle *throttle,
                                          const struct core_throttle_who *who);

/* Count a failure; how long its answer must wait. */
int64_t core_throttle_count(const struct core_throttle *throttle,
                            const struct core_throttle_who *who);

/* When the answer to a failure leaves, of an attempt on which so much was spent: after its delay,
 * at the next beat. So what there was to do for a name shows only where it takes a beat more. From
 * the attempt's beginning. Pure. */
int64_t core_throttle_wait(int64_t delay_us, int64_t spent_us, int64_t beat_us);

/* The same of who was right, but may not come in: counted against this account from this address,
 * not against all others there. To him all looks as if it were a failure. */
int64_t core_throttle_refuse(const struct core_throttle *throttle,
                             const struct core_throttle_who *who);

#endif
