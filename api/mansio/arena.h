/*
 * Arenas: memory whose end is the end of what it belongs to.
 *
 * A function that returns memory takes the arena first; the result lives as long as that arena.
 * Nothing in an arena is freed singly. Every arena has a byte cap. What is not memory (a
 * descriptor, a timer, a handle of a library) is tied to an arena with mansio_arena_defer().
 */
#ifndef MANSIO_ARENA_H
#define MANSIO_ARENA_H

#include <mansio/base.h>
#include <stdarg.h>

/** Opaque. */
struct mansio_arena;

/** Called when an arena ends or is reset; must not wait. */
typedef void (*mansio_cleanup_fn)(void *arg);

/**
 * Make an arena. Costs no more than its header until something is allocated.
 *
 * @param parent     the arena that it ends with (before @p parent's own clean-ups registered
 *                   earlier); NULL for one that its maker frees. The child's bytes count towards
 *                   the parent's cap
 * @param name       static text, for messages and the memory report
 * @param cap_bytes  most that may be allocated; 0 for no cap of its own
 * @return the arena, never NULL
 * @yields no     @since 1.0
 */
MANSIO_EXPORT struct mansio_arena *mansio_arena_new(struct mansio_arena *parent, const char *name,
                                                    size_t cap_bytes);

/**
 * Run the clean-ups, last in first out, and free everything, children included.
 *
 * @param arena  NULL does nothing
 * @yields no     @since 1.0
 */
MANSIO_EXPORT void mansio_arena_free(struct mansio_arena *arena);

/**
 * As mansio_arena_free(), but the arena stays and may be used again; one small block is kept.
 *
 * @yields no     @since 1.0
 */
MANSIO_EXPORT void mansio_arena_reset(struct mansio_arena *arena);

/**
 * Allocate a small, fixed size: what a struct takes, never what input asks for.
 *
 * @param size  bytes, at most 64 KiB
 * @return zeroed memory aligned for any type; never NULL: the worker is stopped when the system
 *         has no memory. Past the cap it still succeeds, so that fixed-size needs cannot fail,
 *         but past twice the cap (plus 64 KiB) the worker is stopped: something loops over input
 *         without the try form
 * @yields no     @since 1.0
 */
MANSIO_EXPORT void *mansio_arena_alloc(struct mansio_arena *arena, size_t size);

/**
 * Allocate a size that depends on input.
 *
 * @param size  bytes
 * @return zeroed memory aligned for any type; NULL, with the detail recorded, when it would
 *         exceed the cap or the system has none: answer MANSIO_E_LIMIT
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK void *mansio_arena_try_alloc(struct mansio_arena *arena,
                                                             size_t size);

/**
 * Copy a slice into an arena.
 *
 * @param s    what to copy
 * @param out  the copy; a NUL follows its last byte
 * @return 0; MANSIO_E_LIMIT past the cap
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_arena_copy(struct mansio_arena *arena,
                                                      struct mansio_str s, struct mansio_str *out);

/**
 * Format into an arena.
 *
 * @param out     the text; a NUL follows its last byte
 * @param format  printf format
 * @return 0; MANSIO_E_LIMIT past the cap
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_arena_printf(struct mansio_arena *arena,
                                                        struct mansio_str *out, const char *format,
                                                        ...) MANSIO_PRINTF(3, 4);

/**
 * A NUL-terminated copy, for the border to libc and libraries.
 *
 * @param s    bytes without NUL
 * @param out  the copy
 * @return 0; MANSIO_E_INVALID if @p s holds a NUL; MANSIO_E_LIMIT past the cap
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_cstr(struct mansio_arena *arena, struct mansio_str s,
                                                const char **out);

/**
 * Tie a clean-up to an arena's end.
 *
 * @param fn   called with @p arg when the arena is reset or freed, last registered first; must
 *             not wait
 * @yields no     @since 1.0
 */
MANSIO_EXPORT void mansio_arena_defer(struct mansio_arena *arena, mansio_cleanup_fn fn, void *arg);

/**
 * Take a clean-up back, for what was given away or ended early. Takes the latest that matches.
 *
 * @return 1 if one was taken back, 0 if there was none
 * @yields no     @since 1.0
 */
MANSIO_EXPORT int mansio_arena_undefer(struct mansio_arena *arena, mansio_cleanup_fn fn, void *arg);

/**
 * Bytes allocated from an arena and its children, its own bookkeeping not counted.
 *
 * @yields no     @since 1.0
 */
MANSIO_EXPORT size_t mansio_arena_used(const struct mansio_arena *arena);

/**
 * Open a scratch frame: an arena for temporaries of one function. Frames of one fiber nest; frames
 * of two fibers never mix. What is allocated from it does not outlive the matching end. Prefer
 * the macros MANSIO_SCRATCH_BEGIN and MANSIO_SCRATCH_END.
 *
 * @return the fiber's scratch arena, capped at 1 MiB in all
 * @yields no     @since 1.0
 */
MANSIO_EXPORT struct mansio_arena *mansio_scratch_begin(void);

/**
 * End the innermost scratch frame of this fiber; everything since its begin is gone.
 *
 * @param scratch  what the matching begin returned
 * @yields no     @since 1.0
 */
MANSIO_EXPORT void mansio_scratch_end(struct mansio_arena *scratch);

#define MANSIO_SCRATCH_BEGIN(name) struct mansio_arena *name = mansio_scratch_begin()
#define MANSIO_SCRATCH_END(name)   mansio_scratch_end(name)

/** A secret: bytes that are wiped when they end, kept out of core dumps and logs. Opaque. */
struct mansio_secret;

/**
 * Copy bytes into a secret.
 *
 * @param arena  whose end wipes and frees it
 * @param bytes  copied; the caller wipes its own
 * @param out    the secret
 * @return 0; MANSIO_E_LIMIT over 64 KiB
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_secret_new(struct mansio_arena *arena,
                                                      struct mansio_str bytes,
                                                      struct mansio_secret **out);

/**
 * A secret's bytes; a NUL follows the last. Valid as long as the secret. Don't copy, don't log.
 *
 * @param secret  NULL gives the empty slice
 * @yields no     @since 1.0
 */
MANSIO_EXPORT struct mansio_str mansio_secret_bytes(const struct mansio_secret *secret);

/**
 * Compare without telling by its time where two byte strings differ (their lengths it does tell).
 *
 * @return 1 if equal, else 0
 * @yields no     @since 1.0
 */
MANSIO_EXPORT int mansio_secret_eq(struct mansio_str a, struct mansio_str b);

#endif
