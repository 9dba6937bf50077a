/*
 * The core's own metrics, "mansio_core_...": one table, registered by each process once it is
 * attached to its slot. Counting before that does nothing.
 */
#ifndef MANSIO_CORE_HOST_METRICS_CORE_H
#define MANSIO_CORE_HOST_METRICS_CORE_H

#include "core/base/export.h"
#include "core/host/metrics.h"
#include <mansio/base.h>

enum core_metric {
    CORE_METRIC_LOG_DROPPED = 0,
    CORE_METRIC_MISUSES,
    CORE_METRIC_LIMITS_FULL,
    CORE_METRIC_LIMITS_FORGOTTEN,
    CORE_METRIC_LIMITS_REFUSED,
    CORE_METRIC_SESSIONS,
    CORE_METRIC_SESSIONS_KILLED,
    CORE_METRIC_SESSION_SECONDS,
    CORE_METRIC_BUS_PUBLISHED,
    CORE_METRIC_BUS_LOST,
    CORE_METRIC_FIBERS,
    CORE_METRIC_FIBERS_PEAK,
    CORE_METRIC_STACKS_KEPT,
    CORE_METRIC_SWITCHES,
    CORE_METRIC_SPAWNS,
    CORE_METRIC_TURNS,
    CORE_METRIC_HOLDS,
    CORE_METRIC_CONTENT_MEMORY,
    CORE_METRIC_CONTENT_FILES,
    CORE_METRIC_DNS_QUESTIONS,
    CORE_METRIC_DNS_KEPT,
    CORE_METRIC_DNS_FAILED,
    CORE_METRIC_UPGRADES,
    CORE_METRIC_STANDINGS,
    CORE_METRIC_STANDING_HITS,
    CORE_METRIC_STANDING_MISSES,
    CORE_METRIC_POLICY_ENDED,
    CORE_METRIC_POLICY_CHANGES,
    CORE_METRIC_POLICY_FAILED,
    CORE_METRIC_POLICY_AGE,
    CORE_METRIC_POLICY_SECONDS,
    CORE_METRIC_TARPIT_WAITING,
    CORE_METRIC_TARPIT_SECONDS,
    CORE_METRIC_SESSIONS_NAMED,
    CORE_METRIC_USES_RECORDED,
    CORE_METRIC_USES_LOST,
    CORE_METRIC_COUNT,
};

/* Why a conn was refused: label reason of mansio_core_conns_refused_total. */
enum core_refusal {
    CORE_REFUSED_NODE = 0, /* as many as the node may have */
    CORE_REFUSED_LISTENER, /* as many as the listener may have */
    CORE_REFUSED_ADDRESS,  /* as many as one address, or IPv6 /64, may have */
    CORE_REFUSED_NETWORK,  /* as many as one network may have */
    CORE_REFUSED_FIBERS,   /* no fiber, no memory */
    CORE_REFUSED_SESSIONS, /* as many sessions as the process may have */
    CORE_REFUSED_PROXY,    /* no PROXY header where one is due, or a bad one */
    CORE_REFUSED_SYSTEM,   /* accept() failed: descriptors used up, ... */
    CORE_REFUSED_COUNT,
};

/* How a login went: label outcome of mansio_core_logins_total. */
enum core_login_outcome {
    CORE_LOGIN_OK = 0,
    CORE_LOGIN_DENIED,      /* wrong password, no such account, not allowed: the stranger's view */
    CORE_LOGIN_THROTTLED,   /* too many failures before it */
    CORE_LOGIN_LIMITED,     /* as many sessions as the account, or its tenant, may have */
    CORE_LOGIN_UNAVAILABLE, /* nobody could tell */
    CORE_LOGIN_CANCELLED,   /* it, or its conn, was ended meanwhile */
    CORE_LOGIN_COUNT,
};

/* What decided at the gate: label by of mansio_core_policy_allowed_total and _denied_total. The
 * scopes are those of enum mansio_policy_scope. */
enum core_decided {
    CORE_DECIDED_DEFAULT = 0,
    CORE_DECIDED_STATE = 6,      /* of account, domain, tenant */
    CORE_DECIDED_CREDENTIAL = 7, /* gone, another one by now, expired, not for this service */
    CORE_DECIDED_COUNT,
};

/* After core_shm_attach(). Handshakes are counted by enum core_tls_end: label result of
 * mansio_core_tls_handshakes_total. */
CORE_EXPORT MANSIO_MUST_CHECK int core_metrics_init(void);

CORE_EXPORT void core_count(enum core_metric metric, int64_t n);
CORE_EXPORT void core_count_refused(enum core_refusal reason);
void core_count_login(enum core_login_outcome outcome);
void core_count_decision(int is_allowed, uint32_t by);
/* That a limit (enum core_limit_id) was reached: label limit of mansio_core_limit_hits_total. */
CORE_EXPORT void core_count_limit(uint32_t id);
CORE_EXPORT void core_count_handshake(uint32_t end);
CORE_EXPORT void core_gauge(enum core_metric metric, int64_t value);
CORE_EXPORT void core_observe(enum core_metric metric, int64_t value);
void core_count_log_line(uint32_t level);

/* Bring the loop's figures into the slot. From a timer, about once a second. */
CORE_EXPORT void core_metrics_sample(void);

/* A table with a label of one's own instead of "instance". */
MANSIO_MUST_CHECK int core_metrics_register_labelled(const char *prefix, const char *label,
                                                     struct mansio_str value,
                                                     const struct mansio_metric *table,
                                                     size_t count, uint32_t *out_handle);

/* A histogram's first bucket ends at 1 << this: 16 us, 64 bytes, 1. */
uint32_t core_metric_lowest_shift(const char *unit);

/* For tests: as if this process had registered nothing yet. */
void core_metrics_forget(void);
void core_metrics_core_forget(void);

#endif
