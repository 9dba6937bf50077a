/*
 * The ground every public header stands on: attributes, ABI numbers, the slice.
 *
 * A slice (struct mansio_str) is bytes with a length. It is the one public struct without a size
 * field; its layout is frozen for the life of ABI major 1.
 */
#ifndef MANSIO_BASE_H
#define MANSIO_BASE_H

#include <stddef.h>
#include <stdint.h>

/* The ABI that these headers describe. The loader wants an equal major and a minor not above the
 * core's. */
#define MANSIO_ABI_MAJOR 1
#define MANSIO_ABI_MINOR 0

/* The minor a module asks for. Define it before including any header to hide newer declarations,
 * so that the module loads on older cores too. */
#ifndef MANSIO_ABI_TARGET
#define MANSIO_ABI_TARGET MANSIO_ABI_MINOR
#endif
#if MANSIO_ABI_TARGET > MANSIO_ABI_MINOR
#error "MANSIO_ABI_TARGET is newer than these headers"
#endif

#ifdef __cplusplus
#define MANSIO_EXPORT extern "C" __attribute__((visibility("default")))
#else
#define MANSIO_EXPORT __attribute__((visibility("default")))
#endif
#define MANSIO_MUST_CHECK                    __attribute__((warn_unused_result))
#define MANSIO_PRINTF(format_arg, first_arg) __attribute__((format(printf, format_arg, first_arg)))
#define MANSIO_DEPRECATED(advice)            __attribute__((deprecated(advice)))
#define MANSIO_NORETURN                      __attribute__((noreturn))

/** Number of elements of a true array. */
#define MANSIO_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/** Bytes with a length. May hold NUL; is not NUL-terminated; ptr may be NULL when len is 0. */
struct mansio_str {
    const char *ptr;
    size_t len;
};

/** A slice of a string literal; usable in static initialisers. */
#define MANSIO_STR(literal) ((struct mansio_str){"" literal, sizeof(literal) - 1})

/** The empty slice. */
#define MANSIO_STR_NONE ((struct mansio_str){NULL, 0})

/** The two arguments that "%.*s" takes for slice @p s; prints at most INT32_MAX bytes. */
#define MANSIO_STR_ARG(s) (int)((s).len > INT32_MAX ? INT32_MAX : (s).len), ((s).ptr ? (s).ptr : "")

/**
 * Stop the worker because of a programming mistake, never because of input. Logs the condition,
 * the place, the fiber and the session first. Kept in release builds.
 */
#define MANSIO_ASSERT(condition)                                                                   \
    ((condition) ? (void)0 : mansio_assert_failed(#condition, __FILE__, __LINE__, __func__))

/**
 * What MANSIO_ASSERT calls; not for direct use.
 *
 * @param condition  the text of the condition that did not hold
 * @param file,line,function  where
 * @return never
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_NORETURN void mansio_assert_failed(const char *condition, const char *file,
                                                        int line, const char *function);

#endif
