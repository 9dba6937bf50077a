/*
 * The core's way to the heap. One place to make allocation fail on purpose, so that tests can
 * walk every path that runs out of memory. Arenas, buffers and maps stand on it; code above
 * base/ takes an arena where it can.
 */
#ifndef MANSIO_CORE_BASE_ALLOC_H
#define MANSIO_CORE_BASE_ALLOC_H

#include "core/base/export.h"
#include <mansio/base.h>

/* As malloc(), calloc(), realloc() and free(); NULL when there is no memory. */
CORE_EXPORT MANSIO_MUST_CHECK void *core_alloc(size_t size);
CORE_EXPORT MANSIO_MUST_CHECK void *core_alloc_zero(size_t size);
CORE_EXPORT MANSIO_MUST_CHECK void *core_realloc(void *ptr, size_t size);
CORE_EXPORT void core_free(void *ptr);

/* Zeroed memory of a small, fixed size; the worker is stopped when there is none. */
CORE_EXPORT void *core_alloc_must(size_t size);

/* Stop the worker: there is no memory for something small that it can't go on without. */
CORE_EXPORT MANSIO_NORETURN void core_alloc_exhausted(size_t size);

/* 1 if the allocation that the caller is about to make by other means (a memory map) is the one
 * that a test wants to fail. */
CORE_EXPORT int core_alloc_is_refused(void);

/* For tests: the @p nth allocation from now on fails (1 is the next), once, in whichever thread
 * makes it; 0 for never. Returns how many were still to go before the one set earlier, 0 if none
 * was set or it has failed already. */
CORE_EXPORT uint64_t core_alloc_fail_at(uint64_t nth);

#endif
