/*
 * Who fails to log in often is slowed, then not heard for a while: by address (an IPv6 /64 is one),
 * by network and by account. A tenant whose names are tried often is slow to answer failures, and
 * never deaf: a stranger could else keep all of its people out. Counted over all workers of the
 * node (mansio/limit.h); nothing is kept here.
 */
#include "core/host/login.h"

#include <mansio/error.h>
#include <mansio/limit.h>
#include <mansio/str.h>

#include "core/host/limits.h"
#include "core/host/metrics_core.h"
#include "core/host/tarpit.h"

static int is_over(enum core_limit_id id, struct mansio_str key, uint32_t max, int64_t window_us)
{
    int is = max > 0 && key.len > 0 &&
             mansio_limit_rate_left(core_limit_name(id), key, max, window_us) <= 0;
    if (is) {
        core_count_limit(id);
    }
    return is;
}

static const char by_pair[] = "core.logins.refused";

/* How often this account was right, and not let in, from this address. */
static uint32_t refusals(const struct core_throttle *throttle, const struct core_throttle_who *who)
{
    int left = who->pair.len > 0
                   ? mansio_limit_rate_left(by_pair, who->pair, INT32_MAX, throttle->window_us)
                   : INT32_MAX;
    return left > 0 ? (uint32_t)(INT32_MAX - left) : 0;
}

static int is_over_with_refusals(const struct core_throttle *throttle,
                                 const struct core_throttle_who *who)
{
    uint32_t refused =
        who->address.len > 0 && throttle->per_address > 0 ? refusals(throttle, who) : 0;
    return refused > 0 &&
           mansio_limit_rate_left(core_limit_name(CORE_LIMIT_FAILURES_ADDRESS), who->address,
                                  throttle->per_address, throttle->window_us) <= (int)refused;
}

int core_throttle_check(const struct core_throttle *throttle, const struct core_throttle_who *who)
{
    if (is_over_with_refusals(throttle, who)) {
        core_count_limit(CORE_LIMIT_FAILURES_ADDRESS);
        return mansio_fail(MANSIO_E_LIMIT, "too many failed logins of one account from %.*s",
                           MANSIO_STR_ARG(who->address));
    }
    if (is_over(CORE_LIMIT_FAILURES_ADDRESS, who->address, throttle->per_address,
                throttle->window_us)) {
        return mansio_fail(MANSIO_E_LIMIT, "too many failed logins from %.*s",
                           MANSIO_STR_ARG(who->address));
    }
    if (is_over(CORE_LIMIT_FAILURES_NETWORK, who->network, throttle->per_network,
                throttle->window_us)) {
        return mansio_fail(MANSIO_E_LIMIT, "too many failed logins from the network of %.*s",
                           MANSIO_STR_ARG(who->address));
    }
    if (is_over(CORE_LIMIT_FAILURES_ACCOUNT, who->account, throttle->per_account,
                throttle->window_us)) {
        return mansio_fail(MANSIO_E_LIMIT, "too many failed logins as %.*s",
                           MANSIO_STR_ARG(who->account));
    }
    return 0;
}

/* How many there are in the window, this one included; 0 for nobody. */
static uint32_t count(enum core_limit_id id, struct mansio_str key, uint32_t max, int64_t window_us)
{
    uint32_t most = max > 0 ? max : INT32_MAX;
    const char *name = core_limit_name(id);
    if (key.len == 0) {
        return 0;
    }
    if (mansio_limit_rate(name, key, most, window_us) < 0) {
        return most; /* there already; or the table is full, and then nobody is to be quick */
    }
    int left = mansio_limit_rate_left(name, key, most, window_us);
    return most - (left > 0 ? (uint32_t)left : 0);
}

int64_t core_throttle_count(const struct core_throttle *throttle,
                            const struct core_throttle_who *who)
{
    int64_t window_us = throttle->window_us;
    uint32_t failures =
        count(CORE_LIMIT_FAILURES_ADDRESS, who->address, throttle->per_address, window_us);
    uint32_t of_network =
        count(CORE_LIMIT_FAILURES_NETWORK, who->network, throttle->per_network, window_us);
    uint32_t of_tenant =
        count(CORE_LIMIT_FAILURES_TENANT, who->tenant, throttle->per_tenant, window_us);
    (void)count(CORE_LIMIT_FAILURES_ACCOUNT, who->account, throttle->per_account, window_us);
    if (throttle->per_tenant > 0 && of_tenant >= throttle->per_tenant) {
        core_count_limit(CORE_LIMIT_FAILURES_TENANT);
        return throttle->delay_us > 0 ? throttle->delay_max_us : 0; /* 0: nobody is to wait */
    }
    /* Many addresses of one network, each with few failures, are one who guesses. */
    uint32_t half = throttle->per_network / 2;
    if (half > 0 && of_network > half && of_network - half > failures) {
        failures = of_network - half;
    }
    return core_tarpit_delay(failures > 0 ? failures : 1, throttle->delay_us,
                             throttle->delay_max_us);
}

int64_t core_throttle_refuse(const struct core_throttle *throttle,
                             const struct core_throttle_who *who)
{
    int64_t window_us = throttle->window_us;
    uint32_t most = throttle->per_address > 0 ? throttle->per_address : INT32_MAX;
    uint32_t failures = 0;
    (void)count(CORE_LIMIT_FAILURES_ACCOUNT, who->account, throttle->per_account, window_us);
    if (who->address.len > 0) {
        int is_full = mansio_limit_rate(by_pair, who->pair, INT32_MAX, window_us) < 0;
        int left = mansio_limit_rate_left(core_limit_name(CORE_LIMIT_FAILURES_ADDRESS),
                                          who->address, most, window_us);
        failures =
            is_full ? most : most - (left > 0 ? (uint32_t)left : 0) + refusals(throttle, who);
    }
    return core_tarpit_delay(failures > 0 ? failures : 1, throttle->delay_us,
                             throttle->delay_max_us);
}
