/*
 * Limits from the inside: several rates at once, and emptying for tests.
 */
#ifndef MANSIO_CORE_HOST_LIMIT_H
#define MANSIO_CORE_HOST_LIMIT_H

#include <mansio/limit.h>

enum { CORE_LIMIT_USES_MAX = 4 };

struct core_limit_use {
    const char *name; /* static */
    struct mansio_str key;
    uint32_t max;
};

/* Count @p n events in every one of these rates, or, if one of them has no room for so many, in
 * none. 0; MANSIO_E_LIMIT, with the index of the first that has no room; MANSIO_E_BUG. */
MANSIO_MUST_CHECK int core_limit_rates(const struct core_limit_use *uses, size_t count, uint32_t n,
                                       int64_t window_us, size_t *out_refused);

/* How many entries this process holds. Walks its whole table. */
uint32_t core_limits_used(void);

/* For tests: the table of a process without shared memory, empty. */
void core_limits_forget(void);

#endif
