/*
 * Scratch frames, the side that only contexts see. A frame is an arena of its own, the child of
 * the frame around it, so that memory taken from an outer frame outlives an inner one. Ended
 * frames wait in a cache of their thread: a fiber outside every frame holds nothing.
 */
#ifndef MANSIO_CORE_BASE_SCRATCH_H
#define MANSIO_CORE_BASE_SCRATCH_H

struct core_context;

/* End every frame that @p context left open, for a fiber that ended within one. */
void core_scratch_unwind(struct core_context *context);

/* Free the running thread's cache. */
void core_scratch_drop_cache(void);

#endif
