/*
 * The figures of the loop, of contents and of the resolver, brought into the process's slot from
 * time to time.
 */
#include "core/host/metrics_core.h"

#include "core/host/content.h"
#include "core/loop/loop.h"
#include "core/net/resolver.h"

static void sample_mail(void)
{
    static struct core_resolver_stats before; /* a process has one resolver */
    static uint64_t files_before;
    struct core_resolver_stats now = {.asked = 0};

    core_resolver_stats(&now);
    core_count(CORE_METRIC_DNS_QUESTIONS, (int64_t)(now.asked - before.asked));
    core_count(CORE_METRIC_DNS_KEPT, (int64_t)(now.kept - before.kept));
    core_count(CORE_METRIC_DNS_FAILED, (int64_t)(now.failed - before.failed));
    before = now;
    core_gauge(CORE_METRIC_CONTENT_MEMORY, (int64_t)core_content_memory_used());
    core_count(CORE_METRIC_CONTENT_FILES, (int64_t)(core_content_files() - files_before));
    files_before = core_content_files();
}

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
    sample_mail();
}
