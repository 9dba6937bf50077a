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

/* Who was right, and not let in. */
static const char by_pair[] = "core.logins.refused";
static const char by_address[] = "core.logins.refused_address";
static const char by_network[] = "core.logins.refused_network";
static const char by_tenant[] = "core.logins.refused_tenant";

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

/* How many of a kind there are in the window. */
static uint32_t seen(const char *name, struct mansio_str key, uint32_t max, int64_t window_us)
{
    uint32_t most = max > 0 ? max : INT32_MAX;
    int left = key.len > 0 ? mansio_limit_rate_left(name, key, most, window_us) : (int)most;
    return most - (left > 0 ? (uint32_t)left : 0);
}

/* Count one more. 0: the table is full, and then nobody is to be quick. */
static int note(const char *name, struct mansio_str key, uint32_t max, int64_t window_us)
{
    uint32_t most = max > 0 ? max : INT32_MAX;
    return key.len == 0 || mansio_limit_rate(name, key, most, window_us) == 0 ||
           mansio_limit_rate_left(name, key, most, window_us) <= 0;
}

static uint32_t sum(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

/* How long an answer waits, by all that were like it: failures and refusals alike, this one
 * included. If it told them apart, so would the answer after it. */
static int64_t delay_of(const struct core_throttle *throttle, const struct core_throttle_who *who)
{
    int64_t window_us = throttle->window_us;
    uint32_t failures = sum(seen(core_limit_name(CORE_LIMIT_FAILURES_ADDRESS), who->address,
                                 throttle->per_address, window_us),
                            seen(by_address, who->address, 0, window_us));
    uint32_t of_network = sum(seen(core_limit_name(CORE_LIMIT_FAILURES_NETWORK), who->network,
                                   throttle->per_network, window_us),
                              seen(by_network, who->network, 0, window_us));
    uint32_t of_tenant = sum(seen(core_limit_name(CORE_LIMIT_FAILURES_TENANT), who->tenant,
                                  throttle->per_tenant, window_us),
                             seen(by_tenant, who->tenant, 0, window_us));
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

int64_t core_throttle_count(const struct core_throttle *throttle,
                            const struct core_throttle_who *who)
{
    int64_t window_us = throttle->window_us;
    int has_room = note(core_limit_name(CORE_LIMIT_FAILURES_ADDRESS), who->address,
                        throttle->per_address, window_us);
    has_room &= note(core_limit_name(CORE_LIMIT_FAILURES_NETWORK), who->network,
                     throttle->per_network, window_us);
    has_room &= note(core_limit_name(CORE_LIMIT_FAILURES_TENANT), who->tenant, throttle->per_tenant,
                     window_us);
    (void)note(core_limit_name(CORE_LIMIT_FAILURES_ACCOUNT), who->account, throttle->per_account,
               window_us);
    return has_room ? delay_of(throttle, who) : throttle->delay_max_us;
}

int64_t core_throttle_refuse(const struct core_throttle *throttle,
                             const struct core_throttle_who *who)
{
    int64_t window_us = throttle->window_us;
    int has_room = note(by_address, who->address, 0, window_us);
    has_room &= note(by_network, who->network, 0, window_us);
    has_room &= note(by_tenant, who->tenant, 0, window_us);
    has_room &= who->address.len == 0 || note(by_pair, who->pair, 0, window_us);
    (void)note(core_limit_name(CORE_LIMIT_FAILURES_ACCOUNT), who->account, throttle->per_account,
               window_us);
    return has_room ? delay_of(throttle, who) : throttle->delay_max_us;
}

int64_t core_throttle_wait(int64_t delay_us, int64_t spent_us, int64_t beat_us)
{
    int64_t least_us = spent_us > delay_us ? spent_us : delay_us;
    return beat_us > 0 ? (least_us + beat_us - 1) / beat_us * beat_us : least_us;
}
