/*
 * How long a dead child's place waits before the next one: not at all after the first death, then
 * doubling up to a bound, and as at first after a healthy minute. Pure.
 */
#ifndef MANSIO_CORE_DAEMON_BACKOFF_H
#define MANSIO_CORE_DAEMON_BACKOFF_H

#include <stdint.h>

struct core_backoff {
    int64_t next_us; /* what the next death costs */
};

/* A child has died after @p lived_us of life: the pause before its successor. */
int64_t core_backoff_next(struct core_backoff *backoff, int64_t lived_us);

#endif
