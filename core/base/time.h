/*
 * Where time comes from: the system's clocks, or what a test gives instead.
 */
#ifndef MANSIO_CORE_BASE_TIME_H
#define MANSIO_CORE_BASE_TIME_H

#include "core/base/export.h"
#include <mansio/time.h>

struct core_time_source {
    int64_t (*now_us)(void *arg);  /* monotonic; NULL for the system's */
    int64_t (*wall_us)(void *arg); /* NULL for the system's */
    void *arg;
};

/* Read time from @p source, borrowed, from now on, in every thread; NULL for the system's clocks.
 * For tests, before other threads run. */
CORE_EXPORT void core_time_set_source(const struct core_time_source *source);

#endif
