/*
 * Limits by name. See limits.h. Owns a copy of the settings; counts nothing itself.
 */
#include "core/host/limits.h"

#include <string.h>

#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/limit.h>
#include <mansio/str.h>

#include "core/host/config.h"
#include "core/host/metrics_core.h"
#include "core/net/conn.h"

enum { PREFIX_LEN = 5 }; /* "core." */

/* Those with a setting are named as it is: `limits.` or `login.` before it. */
static const char *const names[] = {
    [CORE_LIMIT_CONNS] = "core.connections",
    [CORE_LIMIT_CONNS_LISTENER] = "core.connections_per_listener",
    [CORE_LIMIT_CONNS_ADDRESS] = "core.connections_per_address",
    [CORE_LIMIT_CONNS_NETWORK] = "core.connections_per_network",
    [CORE_LIMIT_SESSIONS_ACCOUNT] = "core.sessions_per_account",
    [CORE_LIMIT_SESSIONS_TENANT] = "core.sessions_per_tenant",
    [CORE_LIMIT_FAILURES_ADDRESS] = "core.failures_per_address",
    [CORE_LIMIT_FAILURES_NETWORK] = "core.failures_per_network",
    [CORE_LIMIT_FAILURES_ACCOUNT] = "core.failures_per_account",
    [CORE_LIMIT_FAILURES_TENANT] = "core.failures_per_tenant",
    [CORE_LIMIT_MESSAGES_ADDRESS] = "core.messages_per_address",
    [CORE_LIMIT_MESSAGES_NETWORK] = "core.messages_per_network",
    [CORE_LIMIT_MESSAGES_ACCOUNT] = "core.messages_per_account",
    [CORE_LIMIT_MESSAGES_TENANT] = "core.messages_per_tenant",
    [CORE_LIMIT_RECIPIENTS_ADDRESS] = "core.recipients_per_address",
    [CORE_LIMIT_RECIPIENTS_NETWORK] = "core.recipients_per_network",
    [CORE_LIMIT_RECIPIENTS_ACCOUNT] = "core.recipients_per_account",
    [CORE_LIMIT_RECIPIENTS_TENANT] = "core.recipients_per_tenant",
    [CORE_LIMIT_MISSES_ADDRESS] = "core.misses_per_address",
    [CORE_LIMIT_MISSES_NETWORK] = "core.misses_per_network",
    [CORE_LIMIT_TARPIT] = "core.tarpit_places",
};
_Static_assert(MANSIO_COUNT(names) == CORE_LIMIT_COUNT, "a name for each limit");

static struct {
    struct mansio_arena *arena; /* of exempt */
    struct core_config_limits limits;
} current;

int core_limits_configure(const struct core_config *config)
{
    const struct core_config_limits *limits = &config->limits;
    struct mansio_arena *arena = mansio_arena_new(NULL, "limits", 0);
    size_t bytes = limits->exempt_count * sizeof *limits->exempt;
    struct core_network *exempt = mansio_arena_try_alloc(arena, bytes + 1);
    if (exempt == NULL) {
        mansio_arena_free(arena);
        return MANSIO_E_LIMIT;
    }
    if (bytes > 0) {
        memcpy(exempt, limits->exempt, bytes);
    }
    core_limits_fini();
    current.arena = arena;
    current.limits = *limits;
    current.limits.exempt = exempt;
    return 0;
}

void core_limits_fini(void)
{
    mansio_arena_free(current.arena);
    memset(&current, 0, sizeof current);
}

const struct core_config_limits *core_limits_current(void)
{
    return &current.limits;
}

const char *core_limit_name(enum core_limit_id id)
{
    return names[id];
}

const char *core_limit_label(enum core_limit_id id)
{
    return names[id] + PREFIX_LEN;
}

/* ---- whom a peer counts as ------------------------------------------------------------------ */

void core_limit_peer_of(const struct mansio_conn *conn, struct core_limit_peer *out)
{
    const struct core_config_limits *limits = &current.limits;
    *out = (struct core_limit_peer){.is_exempt = 1};
    if (core_conn_is_unix(conn) ||
        core_network_of_ip(mansio_conn_peer_ip(conn), &out->network) < 0) {
        return;
    }
    for (size_t i = 0; i < limits->exempt_count; i++) {
        if (core_network_contains(&limits->exempt[i], &out->network)) {
            return;
        }
    }
    out->is_exempt = 0;
    out->address = core_conn_peer_network(conn);
    core_network_widen(&out->network, out->network.family == CORE_NETWORK_IPV4
                                          ? limits->ipv4_prefix
                                          : limits->ipv6_prefix);
}

struct mansio_str core_limit_network_key(const struct core_network *network)
{
    _Static_assert(sizeof *network == 18, "bytes alone, no holes: it is a key as it lies");
    return (struct mansio_str){(const char *)network, sizeof *network};
}

/* ---- how many at once ----------------------------------------------------------------------- */

int core_limit_enter(enum core_limit_id id, struct mansio_str key, uint64_t max,
                     int *out_is_counted)
{
    uint64_t most = max > 0 ? max : current.limits.max[id];
    *out_is_counted = 0;
    if (most == 0) {
        return 0;
    }
    uint32_t cap = most > UINT32_MAX ? UINT32_MAX : (uint32_t)most;
    int rc = mansio_limit_acquire(names[id], key, cap);
    *out_is_counted = rc == 0;
    if (rc == MANSIO_E_LIMIT && mansio_limit_count(names[id], key) < cap) {
        return 0; /* our table is full, which is not the peer's doing: it is let in uncounted */
    }
    if (rc < 0) {
        core_count_limit(id);
    }
    return rc;
}

void core_limit_leave(enum core_limit_id id, struct mansio_str key)
{
    mansio_limit_release(names[id], key);
}

static struct mansio_str key_of(const uint64_t *ids, size_t count)
{
    return (struct mansio_str){(const char *)ids, count * sizeof *ids};
}

int core_limit_enter_account(const struct mansio_account_facts *facts,
                             struct core_limit_session *out)
{
    const uint64_t ids[2] = {facts->tenant_id, facts->account_id};
    struct core_limit_session counted = {0};
    int rc = core_limit_enter(CORE_LIMIT_SESSIONS_ACCOUNT, key_of(ids, 2), facts->sessions_max,
                              &counted.is_account);
    if (rc == 0) {
        rc = core_limit_enter(CORE_LIMIT_SESSIONS_TENANT, key_of(ids, 1), 0, &counted.is_tenant);
    }
    if (rc < 0) {
        core_limit_leave_account(facts, &counted);
        return rc;
    }
    *out = counted;
    return 0;
}

void core_limit_leave_account(const struct mansio_account_facts *facts,
                              const struct core_limit_session *counted)
{
    const uint64_t ids[2] = {facts->tenant_id, facts->account_id};
    if (counted->is_account) {
        core_limit_leave(CORE_LIMIT_SESSIONS_ACCOUNT, key_of(ids, 2));
    }
    if (counted->is_tenant) {
        core_limit_leave(CORE_LIMIT_SESSIONS_TENANT, key_of(ids, 1));
    }
}
