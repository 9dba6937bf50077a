/*
 * The limits that the configuration names, shared by all workers of the node: which there are, what
 * they are set to, whom they are of. limit.c counts; here is what is counted, and each refusal by a
 * limit's name in the metrics. README.md (Limits) has the reasons.
 *
 * Settings are LIVE: what was counted in is given back as it was counted, whatever they say by
 * then.
 */
#ifndef MANSIO_CORE_HOST_LIMITS_H
#define MANSIO_CORE_HOST_LIMITS_H

#include "core/base/export.h"
#include "core/net/network.h"
#include <mansio/account.h>
#include <mansio/conn.h>
#include <mansio/limit.h>

struct core_config;

/* In the order of limits.c's table. */
enum core_limit_id {
    CORE_LIMIT_CONNS = 0,
    CORE_LIMIT_CONNS_LISTENER,
    CORE_LIMIT_CONNS_ADDRESS,
    CORE_LIMIT_CONNS_NETWORK,
    CORE_LIMIT_SESSIONS_ACCOUNT,
    CORE_LIMIT_SESSIONS_TENANT,
    CORE_LIMIT_FAILURES_ADDRESS, /* of logins */
    CORE_LIMIT_FAILURES_NETWORK,
    CORE_LIMIT_FAILURES_ACCOUNT,
    CORE_LIMIT_FAILURES_TENANT,
    CORE_LIMIT_MESSAGES_ADDRESS,
    CORE_LIMIT_MESSAGES_NETWORK,
    CORE_LIMIT_MESSAGES_ACCOUNT,
    CORE_LIMIT_MESSAGES_TENANT,
    CORE_LIMIT_RECIPIENTS_ADDRESS,
    CORE_LIMIT_RECIPIENTS_NETWORK,
    CORE_LIMIT_RECIPIENTS_ACCOUNT,
    CORE_LIMIT_RECIPIENTS_TENANT,
    CORE_LIMIT_MISSES_ADDRESS,
    CORE_LIMIT_MISSES_NETWORK,
    CORE_LIMIT_TARPIT,
    CORE_LIMIT_COUNT,
};

/* `limits:` of the configuration, as far as it is LIVE and counts; 0: no limit. */
struct core_config_limits {
    uint32_t max[CORE_LIMIT_COUNT]; /* messages, recipients and misses: in an hour */
    uint32_t ipv4_prefix, ipv6_prefix;
    int64_t window_us; /* of messages, recipients and misses */
    const struct core_network *exempt;
    size_t exempt_count;
    uint32_t misses_free;             /* of an address in the window, before answers wait */
    int64_t tarpit_us, tarpit_max_us; /* the first wait; the longest */
};

/* Take the settings; replaces those before. Keeps no pointer into @p config. */
CORE_EXPORT MANSIO_MUST_CHECK int core_limits_configure(const struct core_config *config);
CORE_EXPORT void core_limits_fini(void);
const struct core_config_limits *core_limits_current(void);

/* The name that mansio/limit.h counts it under; without its prefix "core." the one that metrics,
 * and settings where there is one, have for it. Static. */
CORE_EXPORT const char *core_limit_name(enum core_limit_id id);
const char *core_limit_label(enum core_limit_id id);

/* Whom a conn's peer counts as. */
struct core_limit_peer {
    int is_exempt;             /* a unix socket, or a network that is trusted: counted by neither */
    struct mansio_str address; /* IPv6: its /64; lives as long as the conn knows its peer by it */
    struct core_network network;
};

CORE_EXPORT void core_limit_peer_of(const struct mansio_conn *conn, struct core_limit_peer *out);
CORE_EXPORT struct mansio_str core_limit_network_key(const struct core_network *network);

/* Count one in or out. Counts nothing, and says so in @p out_is_counted, where there is no limit,
 * and where the table has no room: that isn't the fault of whoever comes.
 * @p max  0: what the settings say. 0 or MANSIO_E_LIMIT. */
CORE_EXPORT MANSIO_MUST_CHECK int core_limit_enter(enum core_limit_id id, struct mansio_str key,
                                                   uint64_t max, int *out_is_counted);
CORE_EXPORT void core_limit_leave(enum core_limit_id id, struct mansio_str key);

/* Sessions that are somebody's: those of the account and of its tenant. */
struct core_limit_session {
    int is_account, is_tenant;
};

MANSIO_MUST_CHECK int core_limit_enter_account(const struct mansio_account_facts *facts,
                                               struct core_limit_session *out);
void core_limit_leave_account(const struct mansio_account_facts *facts,
                              const struct core_limit_session *counted);

#endif
