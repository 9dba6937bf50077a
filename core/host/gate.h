/*
 * The gate: may this account use this service, this way, from here? Asked once credentials were
 * right and the session stands in the registry under its account; and again whenever something
 * changes that bears on it, or a verdict's time is over. What is asked is the account's standing
 * (standing.h): its state, the credential that was used, the words of policy (policy.h).
 *
 * With a directory that tells no standings, and before core_gate_start(), states alone are judged,
 * at login.
 */
#ifndef MANSIO_CORE_HOST_GATE_H
#define MANSIO_CORE_HOST_GATE_H

#include "core/base/export.h"
#include "core/host/session.h"
#include "core/host/standing.h"
#include <mansio/account.h>

struct core_config;

/* What a session came to. */
struct core_gate_verdict {
    int is_allowed;
    const char *why;  /* static, for the log: "state", "credential", "policy" */
    uint32_t scope;   /* enum mansio_policy_scope that decided; 0: none, or the default */
    uint32_t failed;  /* its conditions that don't hold: bits of enum core_policy_condition */
    int64_t until_us; /* wall clock: by time alone nothing changes before it */
};

/* Judge a session that has been entered. 0: it may stay; MANSIO_E_DENIED, and @p out says why;
 * MANSIO_E_UNAVAILABLE and other temporary ones: nobody can tell. Yields unless the standing is at
 * hand. */
MANSIO_MUST_CHECK int core_gate_judge(struct mansio_session *session, int64_t deadline_us,
                                      struct core_gate_verdict *out);

/* Have what there is to judge by: a fresh standing, or the last one as long as it holds. 0; as
 * core_standing_need(). Not where trust is CORE_GATE_STATES. Yields unless it is at hand. */
MANSIO_MUST_CHECK int core_gate_need(struct core_standing *standing, int64_t deadline_us);

/* What a known standing comes to; pure. */
void core_gate_verdict(const struct core_standing *standing, struct mansio_str service,
                       const struct core_session_way *way, int64_t now_us,
                       struct core_gate_verdict *out);

/* 1 if the credential that let a session in is still worth something, and good for a service: an
 * app password may be for some alone. Pure. */
int core_gate_credential_serves(const struct core_standing *standing, struct mansio_str service,
                                const struct core_session_way *way, int64_t now_us);

/* Judge the sessions of an account again, those that were let in; end who no longer passes. How
 * many. */
size_t core_gate_judge_again(struct core_standing *standing);

/* "tenant", "default", ...; for verdicts of policy, others are named by why. */
const char *core_gate_scope_name(const struct core_gate_verdict *verdict);

/* ---- gate_watch.c ---- */

/* Take the settings `policy`; replaces those before. */
CORE_EXPORT void core_gate_configure(const struct core_config *config);

/* Begin to watch for changes: once a process, when the directory is there. And end: before the
 * directory is forgotten. */
CORE_EXPORT MANSIO_MUST_CHECK int core_gate_start(void);
CORE_EXPORT void core_gate_stop(void);

/* What core_gate_start() does before it starts fibers: judge by standings from now on. */
void core_gate_begin(void);

/* What standings are worth, by the age of the last reading of changes. */
enum core_gate_trust {
    CORE_GATE_STATES = 0, /* there are none: states alone are judged */
    CORE_GATE_HOLDS,      /* read within `hold` */
    CORE_GATE_CLOSED,     /* not read for so long that nobody is let in */
    CORE_GATE_OPEN,       /* likewise, but the last ones go on holding */
};
enum core_gate_trust core_gate_trust(void);

/* A verdict ends then (wall clock): look again. */
void core_gate_note_end(int64_t until_us);

/* The steps of watching, for tests: ask what changed; end what time ends, and hold what is to be
 * held; read standings again that wait for it, and judge. Yield. */
MANSIO_MUST_CHECK int core_gate_look(void);
MANSIO_MUST_CHECK int core_gate_tick(void);
MANSIO_MUST_CHECK int core_gate_reload(void);

#endif
