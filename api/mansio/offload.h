/*
 * Offload threads: for what is slow or blocks (password hashing, a library without an
 * asynchronous interface, fsync). A fiber waits for the thread as for I/O.
 */
#ifndef MANSIO_OFFLOAD_H
#define MANSIO_OFFLOAD_H

#include <mansio/base.h>

/** Runs in an offload thread. It may record a failure with mansio_fail(); it must not call
 * anything that yields, nor touch what fibers share. */
typedef int (*mansio_offload_fn)(void *arg);

/**
 * Run a function in an offload thread and wait for it.
 *
 * @param fn           what to run
 * @param arg          passed to @p fn
 * @param deadline_us  monotonic time by which it must have begun. Once begun, it is waited for to
 *                     its end, whatever happens: so @p arg may lie on the caller's stack
 * @param out_result   what @p fn returned; may be NULL
 * @return 0; MANSIO_E_TIMEOUT or MANSIO_E_CANCELLED if it was taken from the queue unbegun;
 *         MANSIO_E_LIMIT when the queue is full. The detail that @p fn recorded is then this
 *         fiber's
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_offload(mansio_offload_fn fn, void *arg,
                                                   int64_t deadline_us, int *out_result);

#endif
