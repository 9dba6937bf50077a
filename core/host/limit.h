/*
 * Limits from the inside: the same with the time given, for tests, and emptying for them.
 */
#ifndef MANSIO_CORE_HOST_LIMIT_H
#define MANSIO_CORE_HOST_LIMIT_H

#include <mansio/limit.h>

/* How many entries this process holds. Walks its whole table. */
uint32_t core_limits_used(void);

/* For tests: the table of a process without shared memory, empty. */
void core_limits_forget(void);

#endif
