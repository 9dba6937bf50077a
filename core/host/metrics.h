/*
 * Metrics from the inside: rows registered into the process's slot, additions, and the text that
 * the service process serves. Slots describe themselves (name, labels, help), so whoever reads
 * them needs no module.
 */
#ifndef MANSIO_CORE_HOST_METRICS_H
#define MANSIO_CORE_HOST_METRICS_H

#include "core/base/export.h"
#include "core/host/shm.h"
#include <mansio/buf.h>
#include <mansio/metrics.h>

/* Register a table in this process's slot. @p prefix: "mansio_core" or "mansio_MODULE"; @p instance
 * becomes a label, empty for none. Gives the index of the first row; each histogram takes as many
 * values as it needs. MANSIO_E_LIMIT when the slot is full. */
CORE_EXPORT MANSIO_MUST_CHECK int core_metrics_register(const char *prefix,
                                                        struct mansio_str instance,
                                                        const struct mansio_metric *table,
                                                        size_t count, uint32_t *out_handle);

CORE_EXPORT void core_metric_add(uint32_t handle, size_t index, int64_t n);
CORE_EXPORT void core_metric_set(uint32_t handle, size_t index, int64_t value);
CORE_EXPORT void core_metric_observe(uint32_t handle, size_t index, int64_t value);

/* The sums over all slots in Prometheus' text exposition format 0.0.4, and the slots' own figures
 * (conns and sessions a worker). */
CORE_EXPORT void core_metrics_print(struct core_shm *shm, struct mansio_buf *out);

/* One series, summed over all slots. */
struct core_metric_sum {
    struct mansio_str name;   /* as it is printed: "mansio_core_logins_total" */
    const char *label, *text; /* its label and that one's value; "" for none */
    uint32_t type;            /* enum mansio_metric_type */
    uint32_t is_time;         /* 1: values are microseconds */
    uint64_t value;           /* of a histogram: how many */
    uint64_t sum;             /* of a histogram: of all values */
};
typedef void (*core_metric_sum_fn)(void *arg, const struct core_metric_sum *sum);

/* Visit the same sums; @p sum is gone when @p visit returns. */
CORE_EXPORT void core_metrics_visit(core_metric_sum_fn visit, void *arg, struct core_shm *shm);

/* A counter or gauge of one process: what rows of this name, unprinted ("mansio_core_fibers"), have
 * in its slot, together. */
CORE_EXPORT uint64_t core_metrics_of_slot(struct core_shm *shm, uint32_t slot, const char *name);

#endif
