/*
 * What AddressSanitizer should know of memory that we manage ourselves: poisoned bytes are ours
 * and unused, touching them is an error. Costs nothing in ordinary builds.
 */
#ifndef MANSIO_CORE_BASE_SANITIZE_H
#define MANSIO_CORE_BASE_SANITIZE_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define CORE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CORE_ASAN 1
#endif
#endif
#ifndef CORE_ASAN
#define CORE_ASAN 0
#endif

#if CORE_ASAN
#include <sanitizer/asan_interface.h>
#endif

/* Bytes from @p ptr on are nobody's: reading or writing them is reported. */
static inline void core_poison(const volatile void *ptr, size_t size)
{
#if CORE_ASAN
    __asan_poison_memory_region(ptr, size);
#else
    (void)ptr;
    (void)size;
#endif
}

/* Bytes from @p ptr on are in use. */
static inline void core_unpoison(const volatile void *ptr, size_t size)
{
#if CORE_ASAN
    __asan_unpoison_memory_region(ptr, size);
#else
    (void)ptr;
    (void)size;
#endif
}

#endif
