/*
 * The tarpit. See tarpit.h. Owns the number of who waits in this process.
 */
#include "core/host/tarpit.h"

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/time.h>

#include "core/host/limits.h"
#include "core/host/metrics_core.h"

static uint32_t waiting;

int64_t core_tarpit_delay(uint32_t nth, int64_t first_us, int64_t max_us)
{
    int64_t delay_us = nth > 0 ? first_us : 0;
    for (uint32_t i = 1; i < nth && delay_us > 0 && delay_us < max_us; i++) {
        delay_us *= 2;
    }
    return delay_us < max_us ? delay_us : max_us;
}

int core_tarpit_wait(int64_t delay_us, int64_t deadline_us)
{
    const struct core_config_limits *limits = core_limits_current();
    uint32_t places = limits->max[CORE_LIMIT_TARPIT];
    int64_t began_us = mansio_now_us();
    int64_t until_us = mansio_deadline_in(delay_us);
    if (delay_us <= 0) {
        return 0;
    }
    if (places > 0 && waiting >= places) {
        core_count_limit(CORE_LIMIT_TARPIT);
        return mansio_fail(MANSIO_E_LIMIT, "%u wait in this process for having guessed", places);
    }
    core_gauge(CORE_METRIC_TARPIT_WAITING, ++waiting);
    int rc =
        mansio_wait(NULL, 0, until_us < deadline_us ? until_us : deadline_us, MANSIO_WAIT_IDLE);
    core_gauge(CORE_METRIC_TARPIT_WAITING, --waiting);
    core_count(CORE_METRIC_TARPIT_SECONDS, mansio_now_us() - began_us);
    return rc == MANSIO_E_TIMEOUT ? 0 : rc;
}
