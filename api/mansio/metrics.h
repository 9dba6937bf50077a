/*
 * Metrics: numbers that a module counts, declared in a table beside its settings.
 *
 * They live in shared memory, one slot a worker, and the service process serves their sums in
 * Prometheus' text format as mansio_MODULE_NAME{instance="..."}, counters with _total, durations
 * in seconds. Updating one is an addition: no lock, no system call. An index that the table doesn't
 * have, or the wrong type of metric, is a programming mistake and stops the process.
 */
#ifndef MANSIO_METRICS_H
#define MANSIO_METRICS_H

#include <mansio/base.h>

struct mansio_instance;

enum mansio_metric_type {
    MANSIO_METRIC_COUNTER = 1, /* only grows; kept when a worker ends */
    MANSIO_METRIC_GAUGE = 2,   /* a worker's part; gone with the worker */
    /* Values by size: 24 buckets, each twice the one before. They begin at 16 us for "seconds", at
     * 64 for "bytes", at 1 for a plain count. */
    MANSIO_METRIC_HISTOGRAM = 3,
};

/** One row of a metrics table. Fill it with MANSIO_METRIC(). */
struct mansio_metric {
    size_t size;             /* sizeof(struct mansio_metric): also the table's stride */
    const char *name;        /* lower-case letters, digits, '_'; at most 47 bytes */
    uint32_t type;           /* enum mansio_metric_type */
    uint32_t reserved_flags; /* 0 */
    const char *unit; /* "seconds" (observed in microseconds), "bytes", or NULL for a plain count */
    const char *help; /* one line, at most 127 bytes */
};

#define MANSIO_METRIC(...)                                                                         \
    {                                                                                              \
        .size = sizeof(struct mansio_metric), __VA_ARGS__                                          \
    }

/**
 * Add to a counter or gauge.
 *
 * @param index  row in the module's metrics table
 * @param n      what to add; negative for gauges only: a counter ignores it, and
 *               mansio_core_metric_misuses_total counts it
 * @yields no     @since 1.0
 */
MANSIO_EXPORT void mansio_metric_add(struct mansio_instance *instance, size_t index, int64_t n);

/** Set a gauge. @yields no @since 1.0 */
MANSIO_EXPORT void mansio_metric_set(struct mansio_instance *instance, size_t index, int64_t value);

/** Enter a value in a histogram: microseconds, bytes, or a count. @yields no @since 1.0 */
MANSIO_EXPORT void mansio_metric_observe(struct mansio_instance *instance, size_t index,
                                         int64_t value);

#endif
