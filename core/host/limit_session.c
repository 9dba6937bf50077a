/*
 * What a session counts of what it carries: messages, recipients, wrong guesses. Whom they are
 * counted to follows from the session alone, so that a protocol has one call for each.
 */
#include "core/host/limit.h"
#include "core/host/limits.h"
#include "core/host/tarpit.h"

#include <mansio/account.h>
#include <mansio/error.h>
#include <mansio/session.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "core/host/metrics_core.h"
#include "core/host/session.h"

#define HOUR_US (3600 * MANSIO_SECOND)

/* What there is to count up in. */
struct counting {
    struct core_limit_use uses[CORE_LIMIT_USES_MAX];
    enum core_limit_id ids[CORE_LIMIT_USES_MAX];
    size_t count;
    uint64_t account[2]; /* what keys point to */
    struct core_limit_peer peer;
};

/* Of so many an hour, what a window may have. */
static uint32_t in_window(uint64_t hourly, int64_t window_us)
{
    uint64_t max = hourly > UINT32_MAX ? UINT32_MAX : hourly;
    max = (max * (uint64_t)window_us + HOUR_US - 1) / HOUR_US;
    return max > UINT32_MAX ? UINT32_MAX : (uint32_t)max;
}

/* @p hourly  0: what the settings say. */
static void add(struct counting *counting, enum core_limit_id id, struct mansio_str key,
                uint64_t hourly)
{
    const struct core_config_limits *limits = core_limits_current();
    uint64_t max = hourly > 0 ? hourly : limits->max[id];
    if (max > 0) {
        counting->ids[counting->count] = id;
        counting->uses[counting->count++] = (struct core_limit_use){
            .name = core_limit_name(id), .key = key, .max = in_window(max, limits->window_us)};
    }
}

static void add_account(struct counting *counting, const struct mansio_account_facts *facts,
                        int is_messages)
{
    counting->account[0] = facts->tenant_id;
    counting->account[1] = facts->account_id;
    struct mansio_str key = {(const char *)counting->account, sizeof counting->account};
    struct mansio_str tenant = {(const char *)counting->account, sizeof counting->account[0]};
    add(counting, is_messages ? CORE_LIMIT_MESSAGES_ACCOUNT : CORE_LIMIT_RECIPIENTS_ACCOUNT, key,
        is_messages ? facts->messages_hour : facts->recipients_hour);
    add(counting, is_messages ? CORE_LIMIT_MESSAGES_TENANT : CORE_LIMIT_RECIPIENTS_TENANT, tenant,
        0);
}

static void add_peer(struct counting *counting, const struct mansio_session *session,
                     enum core_limit_id by_address, enum core_limit_id by_network)
{
    core_limit_peer_of(core_session_conn(session), &counting->peer);
    if (!counting->peer.is_exempt) {
        add(counting, by_address, counting->peer.address, 0);
        add(counting, by_network, core_limit_network_key(&counting->peer.network), 0);
    }
}

static int count(const struct counting *counting, uint32_t n)
{
    size_t refused = 0;
    if (counting->count == 0) {
        return 0;
    }
    int rc = core_limit_rates(counting->uses, counting->count, n, core_limits_current()->window_us,
                              &refused);
    if (rc == MANSIO_E_LIMIT) {
        core_count_limit(counting->ids[refused]);
    }
    return rc;
}

int mansio_session_count(struct mansio_session *session, uint32_t what, uint32_t n)
{
    const struct mansio_account *account = mansio_session_account(session);
    struct counting counting = {.count = 0};
    int is_messages = what == MANSIO_COUNT_MESSAGES;
    if (!is_messages && what != MANSIO_COUNT_RECIPIENTS) {
        return mansio_fail(MANSIO_E_BUG, "nobody counts %u in a session", what);
    }
    if (account != NULL) {
        add_account(&counting, mansio_account_facts(account), is_messages);
    } else if (is_messages) {
        add_peer(&counting, session, CORE_LIMIT_MESSAGES_ADDRESS, CORE_LIMIT_MESSAGES_NETWORK);
    } else {
        add_peer(&counting, session, CORE_LIMIT_RECIPIENTS_ADDRESS, CORE_LIMIT_RECIPIENTS_NETWORK);
    }
    return count(&counting, n);
}

/* ---- wrong guesses -------------------------------------------------------------------------- */

/* How many misses there are of an address, this one included, and whether that is too much. A limit
 * that isn't set counts all the same: waits depend on it. */
static int count_miss(enum core_limit_id id, struct mansio_str key, uint32_t *out_count)
{
    const struct core_config_limits *limits = core_limits_current();
    uint32_t max = limits->max[id] > 0 ? in_window(limits->max[id], limits->window_us) : INT32_MAX;
    int rc = mansio_limit_rate(core_limit_name(id), key, max, limits->window_us);
    if (rc < 0) {
        *out_count = max;
        core_count_limit(id);
        return rc;
    }
    int left = mansio_limit_rate_left(core_limit_name(id), key, max, limits->window_us);
    *out_count = max - (left > 0 ? (uint32_t)left : 0);
    return 0;
}

int mansio_session_missed(struct mansio_session *session, int64_t deadline_us)
{
    const struct core_config_limits *limits = core_limits_current();
    struct core_limit_peer peer;
    uint32_t misses = 0, others = 0;
    core_limit_peer_of(core_session_conn(session), &peer);
    if (peer.is_exempt || mansio_session_account(session) != NULL || limits->window_us == 0) {
        return 0;
    }
    int address = count_miss(CORE_LIMIT_MISSES_ADDRESS, peer.address, &misses);
    int network =
        count_miss(CORE_LIMIT_MISSES_NETWORK, core_limit_network_key(&peer.network), &others);
    uint32_t nth = misses > limits->misses_free ? misses - limits->misses_free : 0;
    int64_t delay_us = core_tarpit_delay(nth, limits->tarpit_us, limits->tarpit_max_us);
    if (address < 0 || network < 0) {
        delay_us = limits->tarpit_max_us;
    }
    int rc = core_tarpit_wait(delay_us, deadline_us);
    if (rc == 0 && (address < 0 || network < 0)) {
        return mansio_fail(MANSIO_E_LIMIT, "too many wrong guesses from %.*s",
                           MANSIO_STR_ARG(peer.address));
    }
    return rc;
}
