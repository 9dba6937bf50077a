/*
 * The loop's own figures, brought into the process's slot from time to time.
 */
#include "core/host/metrics_core.h"

#include "core/loop/loop.h"

void core_metrics_sample(void)
{
    static struct core_loop_stats before; /* a process has one loop */
    struct core_loop_stats now = {0};

    core_loop_stats(&now);
    core_gauge(CORE_METRIC_FIBERS, (int64_t)now.fibers);
    core_gauge(CORE_METRIC_FIBERS_PEAK, (int64_t)now.fibers_peak);
    core_gauge(CORE_METRIC_STACKS_KEPT, (int64_t)now.stacks_kept);
    core_count(CORE_METRIC_SWITCHES, (int64_t)(now.switches - before.switches));
    core_count(CORE_METRIC_SPAWNS, (int64_t)(now.spawns - before.spawns));
    core_count(CORE_METRIC_TURNS, (int64_t)(now.turns - before.turns));
    core_count(CORE_METRIC_HOLDS, (int64_t)(now.holds - before.holds));
    before = now;
}
