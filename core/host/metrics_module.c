/*
 * Metrics as modules see them: an instance knows where its table was registered.
 */
#include <mansio/metrics.h>

#include "core/host/metrics.h"
#include "core/host/modules.h"

void mansio_metric_add(struct mansio_instance *instance, size_t index, int64_t n)
{
    core_metric_add(core_instance_metrics(instance), index, n);
}

void mansio_metric_set(struct mansio_instance *instance, size_t index, int64_t value)
{
    core_metric_set(core_instance_metrics(instance), index, value);
}

void mansio_metric_observe(struct mansio_instance *instance, size_t index, int64_t value)
{
    core_metric_observe(core_instance_metrics(instance), index, value);
}
