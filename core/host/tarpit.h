/*
 * The tarpit: whoever guesses waits for each answer, longer each time. What a wait costs is a fiber
 * and its conn, which go on counting in all limits; so there are only so many places. When they are
 * taken, nobody is answered sooner for that: the caller ends the session instead.
 */
#ifndef MANSIO_CORE_HOST_TARPIT_H
#define MANSIO_CORE_HOST_TARPIT_H

#include <mansio/base.h>

/* How long the answer to the @p nth in a row waits: @p first_us at 1, twice as long each time, at
 * most @p max_us; 0 at 0. Pure. */
int64_t core_tarpit_delay(uint32_t nth, int64_t first_us, int64_t max_us);

/* Wait so long, at most until the deadline. 0; MANSIO_E_LIMIT at once where all places are taken;
 * MANSIO_E_STOPPING: asked to stop (nobody drains the longer for who guesses); MANSIO_E_CANCELLED.
 * Yields. */
MANSIO_MUST_CHECK int core_tarpit_wait(int64_t delay_us, int64_t deadline_us);

#endif
