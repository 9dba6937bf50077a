/*
 * The heap, with a countdown to a failure on purpose. Keeps no account of what is allocated:
 * sanitizers and valgrind do that better, and arenas count what their owners use.
 */
#include "core/base/alloc.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static _Atomic uint64_t countdown;

int core_alloc_is_refused(void)
{
    uint64_t left = atomic_load_explicit(&countdown, memory_order_relaxed);

    while (left > 0) {
        if (atomic_compare_exchange_weak(&countdown, &left, left - 1)) {
            return left == 1;
        }
    }
    return 0;
}

void *core_alloc(size_t size)
{
    return core_alloc_is_refused() ? NULL : malloc(size);
}

void *core_alloc_zero(size_t size)
{
    return core_alloc_is_refused() ? NULL : calloc(1, size);
}

void *core_realloc(void *ptr, size_t size)
{
    return core_alloc_is_refused() ? NULL : realloc(ptr, size);
}

void core_free(void *ptr)
{
    free(ptr);
}

void *core_alloc_must(size_t size)
{
    void *ptr = core_alloc_zero(size);

    if (ptr == NULL) {
        core_alloc_exhausted(size);
    }
    return ptr;
}

void core_alloc_exhausted(size_t size)
{
    char text[64];

    snprintf(text, sizeof text, "out of memory for %zu bytes", size);
    mansio_assert_failed(text, __FILE__, __LINE__, __func__);
}

uint64_t core_alloc_fail_at(uint64_t nth)
{
    return atomic_exchange(&countdown, nth);
}
