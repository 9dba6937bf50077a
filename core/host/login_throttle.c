/*
 * Who fails to log in often is slowed, then not heard for a while: by address (an IPv6 /64 is one)
 * and by account. Counted over all workers of the node (mansio/limit.h); nothing is kept here.
 */
#include "core/host/login.h"

#include <mansio/error.h>
#include <mansio/limit.h>
#include <mansio/str.h>

static const char by_address[] = "core.login.address";
static const char by_account[] = "core.login.account";

static int is_over(const char *name, struct mansio_str key, uint32_t max, int64_t window_us)
{
    return max > 0 && mansio_limit_rate_left(name, key, max, window_us) <= 0;
}

int core_throttle_check(const struct core_throttle *throttle, struct mansio_str network,
                        struct mansio_str account)
{
    if (network.len > 0 &&
        is_over(by_address, network, throttle->per_address, throttle->window_us)) {
        return mansio_fail(MANSIO_E_LIMIT, "too many failed logins from %.*s",
                           MANSIO_STR_ARG(network));
    }
    if (is_over(by_account, account, throttle->per_account, throttle->window_us)) {
        return mansio_fail(MANSIO_E_LIMIT, "too many failed logins as %.*s",
                           MANSIO_STR_ARG(account));
    }
    return 0;
}

/* How many there are in the window, this one included. */
static uint32_t count(const char *name, struct mansio_str key, uint32_t max, int64_t window_us)
{
    uint32_t most = max > 0 ? max : INT32_MAX;
    if (mansio_limit_rate(name, key, most, window_us) < 0) {
        return most; /* there already; or the table is full, and then nobody is to be quick */
    }
    int left = mansio_limit_rate_left(name, key, most, window_us);
    return most - (left > 0 ? (uint32_t)left : 0);
}

int64_t core_throttle_count(const struct core_throttle *throttle, struct mansio_str network,
                            struct mansio_str account)
{
    uint32_t failures = 1;
    if (network.len > 0) {
        failures = count(by_address, network, throttle->per_address, throttle->window_us);
    }
    (void)count(by_account, account, throttle->per_account, throttle->window_us);
    int64_t delay_us = throttle->delay_us;
    for (uint32_t i = 1; i < failures && delay_us < throttle->delay_max_us; i++) {
        delay_us *= 2;
    }
    return delay_us < throttle->delay_max_us ? delay_us : throttle->delay_max_us;
}
