/*
 * Judging sessions: at login, and again. See gate.h.
 *
 * Between finding a standing fresh and marking the session as judged nothing waits: so a change is
 * either in what it is judged by, or will find it judged (standing.h).
 */
#include "core/host/gate.h"

#include <mansio/auth.h>
#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/protocol.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "core/host/metrics_core.h"

static const char why_state[] = "state";
static const char why_credential[] = "credential";
static const char why_policy[] = "policy";

static const char *const scope_names[] = {"default", "platform", "plan",
                                          "tenant",  "domain",   "account"};

const char *core_gate_scope_name(const struct core_gate_verdict *verdict)
{
    return verdict->why == why_policy && verdict->scope < MANSIO_COUNT(scope_names)
               ? scope_names[verdict->scope]
               : "";
}

/* ---- pure ----------------------------------------------------------------------------------- */

static int is_good_for(const struct core_standing_credential *credential, struct mansio_str service)
{
    struct mansio_str rest = {credential->services, credential->services_len};
    int is_good = rest.len == 0;
    while (!is_good && rest.len > 0) {
        ptrdiff_t space = mansio_str_find_char(rest, ' ');
        struct mansio_str one = space < 0 ? rest : mansio_str_sub(rest, 0, (size_t)space);
        is_good = mansio_str_eq(one, service);
        rest = mansio_str_sub(rest, one.len + 1, SIZE_MAX);
    }
    return is_good;
}

/* Is what was shown at login still worth something? A certificate is stored nowhere, but ends. */
static int has_credential(const struct core_standing *standing, struct mansio_str service,
                          const struct core_session_way *way, int64_t now_us, int64_t *until_us)
{
    if (way->until_us != 0) {
        *until_us = way->until_us < *until_us ? way->until_us : *until_us;
        if (now_us >= way->until_us) {
            return 0;
        }
    }
    if (way->credential_id == 0 || way->credential_kind == MANSIO_CREDENTIAL_CERTIFICATE) {
        return 1;
    }
    for (uint32_t i = 0; i < standing->count; i++) {
        const struct core_standing_credential *credential = &standing->credentials[i];
        if (credential->id != way->credential_id) {
            continue;
        }
        if (credential->expires_us != 0 && credential->expires_us < *until_us) {
            *until_us = credential->expires_us;
        }
        return (way->credential_version == 0 || credential->version == way->credential_version) &&
               (credential->expires_us == 0 || now_us < credential->expires_us) &&
               is_good_for(credential, service);
    }
    return 0;
}

int core_gate_credential_serves(const struct core_standing *standing, struct mansio_str service,
                                const struct core_session_way *way, int64_t now_us)
{
    int64_t until_us = INT64_MAX;
    return has_credential(standing, service, way, now_us, &until_us);
}

/* Spans of hours reach only so far: what held last holds until they are read again. */
static int64_t time_known(const struct core_policy *policy, int64_t now_us)
{
    int64_t known_us = policy->hours_known_us;
    return known_us != 0 && known_us <= now_us ? known_us - 1 : now_us;
}

static void judge_words(const struct core_standing *standing, struct mansio_str service,
                        const struct core_session_way *way, int64_t now_us,
                        struct core_gate_verdict *out)
{
    const struct core_policy *policy = standing->rules->policy;
    const struct core_policy_facts facts = {
        .service = service,
        .peer = way->peer,
        .is_protected = way->is_protected,
        .mechanism = mansio_str_from_cstr(way->mechanism),
        .credential_kind = way->credential_kind,
        .now_us = time_known(policy, now_us),
    };
    struct core_policy_verdict verdict;
    core_policy_judge(policy, &facts, &verdict);
    out->is_allowed = verdict.is_allowed;
    out->why = why_policy;
    out->scope = verdict.scope;
    out->failed = verdict.scope != 0 ? verdict.scopes[verdict.scope - 1].failed : 0;
    if (verdict.until_us < out->until_us) {
        out->until_us = verdict.until_us;
    }
}

void core_gate_verdict(const struct core_standing *standing, struct mansio_str service,
                       const struct core_session_way *way, int64_t now_us,
                       struct core_gate_verdict *out)
{
    *out = (struct core_gate_verdict){.why = why_state, .until_us = INT64_MAX};
    if (standing->state != MANSIO_STATE_ACTIVE) {
        return;
    }
    out->why = why_credential;
    if (has_credential(standing, service, way, now_us, &out->until_us)) {
        judge_words(standing, service, way, now_us, out);
    }
}

/* ---- at login ------------------------------------------------------------------------------- */

static void count(const struct core_gate_verdict *verdict)
{
    core_count_decision(verdict->is_allowed, verdict->why == why_policy  ? verdict->scope
                                             : verdict->why == why_state ? CORE_DECIDED_STATE
                                                                         : CORE_DECIDED_CREDENTIAL);
}

/* When a verdict ends. What is over already is looked at again soon, not at once for ever: a
 * directory that knows its hours no further would keep us busy. */
static void note_end(struct core_standing *standing, int64_t until_us, int64_t now_us)
{
    if (until_us < now_us + MANSIO_SECOND) {
        until_us = until_us > now_us ? until_us : now_us + MANSIO_SECOND;
    }
    if (until_us < standing->until_us) {
        standing->until_us = until_us;
        core_gate_note_end(until_us);
    }
}

static int judge_state(const struct mansio_account_facts *account, struct core_gate_verdict *out)
{
    *out = (struct core_gate_verdict){.why = why_state, .until_us = INT64_MAX};
    out->is_allowed = account->state == MANSIO_STATE_ACTIVE;
    return out->is_allowed
               ? 0
               : mansio_fail(MANSIO_E_DENIED, "account %.*s is %s",
                             MANSIO_STR_ARG(account->address),
                             account->state == MANSIO_STATE_SUSPENDED ? "suspended" : "closed");
}

int core_gate_need(struct core_standing *standing, int64_t deadline_us)
{
    if (core_gate_trust() == CORE_GATE_CLOSED) {
        return mansio_fail(MANSIO_E_UNAVAILABLE,
                           "policy has not been read for longer than policy.hold");
    }
    int rc = core_standing_need(standing, deadline_us);
    if (rc < 0 && rc != MANSIO_E_CANCELLED && core_gate_trust() == CORE_GATE_OPEN &&
        standing->is_known) {
        return 0; /* the last one goes on holding */
    }
    return rc;
}

/* From finding the standing fresh to marking the session as judged nothing may wait. */
static int judge_now(struct mansio_session *session, struct core_standing *standing,
                     struct core_gate_verdict *out)
{
    int64_t now_us = mansio_wall_us();
    core_gate_verdict(standing, mansio_session_service(session), core_session_way(session), now_us,
                      out);
    if (out->is_allowed) {
        core_session_way(session)->is_judged = 1;
        note_end(standing, out->until_us, now_us);
    }
    return out->is_allowed;
}

/* Whoever would be turned away by what is at hand is judged by what the directory says now: what
 * let him in may be too new for it, a word, a password that he has just changed. */
static int judge_anew(struct mansio_session *session, struct core_standing *standing,
                      int64_t deadline_us, struct core_gate_verdict *out)
{
    int rc = core_standings_load(&standing, 1, deadline_us);
    if (rc == 0) {
        rc = core_gate_need(standing, deadline_us);
    }
    if (rc == 0) {
        (void)judge_now(session, standing, out);
    }
    return rc == MANSIO_E_CANCELLED ? rc : 0; /* else what is at hand stands */
}

int core_gate_judge(struct mansio_session *session, int64_t deadline_us,
                    struct core_gate_verdict *out)
{
    const struct mansio_account_facts *account =
        mansio_account_facts(mansio_session_account(session));
    int rc = judge_state(account, out);
    if (rc < 0 || core_gate_trust() == CORE_GATE_STATES) {
        count(out);
        return rc;
    }
    struct core_standing *standing = core_session_standing(session);
    int was_at_hand = standing->is_fresh;
    rc = core_gate_need(standing, deadline_us);
    if (rc == 0 && !judge_now(session, standing, out) && was_at_hand) {
        rc = judge_anew(session, standing, deadline_us, out);
    }
    if (rc < 0) {
        return rc;
    }
    count(out);
    return out->is_allowed ? 0
                           : mansio_fail(MANSIO_E_DENIED, "account %.*s: %s says no",
                                         MANSIO_STR_ARG(account->address), out->why);
}

/* ---- again ---------------------------------------------------------------------------------- */

struct again {
    struct core_standing *standing;
    int64_t now_us;
    size_t ended;
};

static void tell_ended(const struct mansio_session *session,
                       const struct core_gate_verdict *verdict)
{
    const struct mansio_account_facts *account =
        mansio_account_facts(mansio_session_account(session));
    mansio_log(MANSIO_LOG_INFO, "session-forbidden",
               MANSIO_KV_STR("id", mansio_session_id(session)),
               MANSIO_KV_STR("service", mansio_session_service(session)),
               MANSIO_KV_STR("account", account->address), MANSIO_KV_STR("tenant", account->tenant),
               MANSIO_KV_CSTR("reason", verdict->why),
               MANSIO_KV_CSTR("scope", core_gate_scope_name(verdict)), MANSIO_KV_END);
}

static void judge_one_again(void *arg, struct mansio_session *session)
{
    struct again *again = arg;
    const struct core_session_way *way = core_session_way(session);
    struct core_gate_verdict verdict;
    if (!way->is_judged) {
        return; /* a login under way: it judges itself */
    }
    core_gate_verdict(again->standing, mansio_session_service(session), way, again->now_us,
                      &verdict);
    count(&verdict);
    if (verdict.is_allowed) {
        note_end(again->standing, verdict.until_us, again->now_us);
    } else if (core_session_end(session, MANSIO_REASON_POLICY)) {
        again->ended++;
        core_count(CORE_METRIC_POLICY_ENDED, 1);
        tell_ended(session, &verdict);
    }
}

size_t core_gate_judge_again(struct core_standing *standing)
{
    struct again again = {.standing = standing, .now_us = mansio_wall_us()};
    standing->until_us = INT64_MAX;
    if (standing->is_known) {
        core_sessions_of_account(standing->key[0], standing->key[1], judge_one_again, &again);
    }
    return again.ended;
}
