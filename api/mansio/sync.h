/*
 * Between fibers of one worker: mutex, condition, channel. First come, first served.
 */
#ifndef MANSIO_SYNC_H
#define MANSIO_SYNC_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/fiber.h>

/** Opaque. */
struct mansio_mutex;
struct mansio_cond;
struct mansio_chan;

/** Make a mutex that ends with @p arena, then unlocked. Never NULL. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_mutex *mansio_mutex_new(struct mansio_arena *arena);

/**
 * Lock a mutex. Not recursive: locking twice is MANSIO_E_BUG.
 *
 * @param deadline_us  monotonic time, or MANSIO_NEVER
 * @return 0; MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED; MANSIO_E_BUG
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_mutex_lock(struct mansio_mutex *mutex,
                                                      int64_t deadline_us);

/** Lock a mutex if nobody holds it: 0, or MANSIO_E_BUSY. @yields no @since 1.0 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_mutex_try_lock(struct mansio_mutex *mutex);

/** Unlock a mutex that the running fiber holds; who waits longest holds it then.
 * @yields no @since 1.0 */
MANSIO_EXPORT void mansio_mutex_unlock(struct mansio_mutex *mutex);

/** Make a condition that ends with @p arena. Never NULL. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_cond *mansio_cond_new(struct mansio_arena *arena);

/**
 * Unlock @p mutex, wait for a signal, lock it again. However it ends, the mutex is held again
 * (that second wait is masked). May wake without a signal: test the predicate in a loop.
 *
 * @param deadline_us  monotonic time, or MANSIO_NEVER
 * @return 0; MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED
 * @yields yes    @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_cond_wait(struct mansio_cond *cond,
                                                     struct mansio_mutex *mutex,
                                                     int64_t deadline_us);

/** Wake the fiber that waits longest. @yields no @since 1.0 */
MANSIO_EXPORT void mansio_cond_signal(struct mansio_cond *cond);

/** Wake all that wait. @yields no @since 1.0 */
MANSIO_EXPORT void mansio_cond_broadcast(struct mansio_cond *cond);

/**
 * Make a channel: a bounded queue of pointers.
 *
 * @param arena     whose end is the channel's end
 * @param capacity  1 to 65,536 items
 * @return the channel, never NULL
 * @yields no     @since 1.0
 */
MANSIO_EXPORT struct mansio_chan *mansio_chan_new(struct mansio_arena *arena, size_t capacity);

/**
 * Put an item in; waits while the channel is full.
 *
 * @param item         not NULL; who receives it owns it
 * @param deadline_us  monotonic time; 0 to try without waiting; or MANSIO_NEVER
 * @return 0; MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED; MANSIO_E_CLOSED
 * @yields yes, unless @p deadline_us is 0     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_chan_send(struct mansio_chan *chan, void *item,
                                                     int64_t deadline_us);

/**
 * Take an item out; waits while the channel is empty.
 *
 * @param deadline_us  monotonic time; 0 to try without waiting; or MANSIO_NEVER
 * @param out          the item, oldest first
 * @return 0; MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED; MANSIO_E_CLOSED once closed and empty
 * @yields yes, unless @p deadline_us is 0     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_chan_receive(struct mansio_chan *chan,
                                                        int64_t deadline_us, void **out);

/** Refuse further items; what is in can still be taken out. @yields no @since 1.0 */
MANSIO_EXPORT void mansio_chan_close(struct mansio_chan *chan);

/** Ready while there is something to take, or the channel is closed. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_waitable *mansio_chan_readable(struct mansio_chan *chan);

/** Ready while there is room, or the channel is closed. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_waitable *mansio_chan_writable(struct mansio_chan *chan);

#endif
