/*
 * Scratch frames. Owns the thread's cache of ended frames, each an empty arena with one warm block;
 * the open ones hang on the context, innermost first, each the parent of the next. The outermost
 * frame's cap thus bounds all of a fiber's scratch memory.
 */
#include "core/base/scratch.h"
#include "core/base/arena.h"
#include "core/base/context.h"
#include <mansio/arena.h>

enum {
    SCRATCH_CAP_BYTES = 1024 * 1024, /* <mansio/arena.h> promises it */
    FRAME_BLOCK_BYTES = 4096,        /* shared by all fibers of a thread, so it may be larger */
    CACHE_MAX = 16,                  /* deeper nesting than this is rare */
};

static _Thread_local struct mansio_arena *cache[CACHE_MAX] CORE_FAST_TLS;
static _Thread_local unsigned cached CORE_FAST_TLS;

struct mansio_arena *mansio_scratch_begin(void)
{
    struct core_context *context = core_context_current();
    struct mansio_arena *frame;

    if (cached > 0) {
        frame = cache[--cached];
    } else {
        frame = core_arena_make("scratch", SCRATCH_CAP_BYTES, FRAME_BLOCK_BYTES);
    }
    if (context->scratch != NULL) {
        core_arena_move(frame, context->scratch);
    }
    context->scratch = frame;
    return frame;
}

static void end_frame(struct core_context *context)
{
    struct mansio_arena *frame = context->scratch;
    struct mansio_arena *outer = core_arena_parent(frame);

    /* Clean-ups of the frame may open and end frames themselves: it stays the innermost. */
    mansio_arena_reset(frame);
    MANSIO_ASSERT(context->scratch == frame);
    core_arena_move(frame, NULL);
    context->scratch = outer;
    if (cached < CACHE_MAX) {
        core_context_release_at_thread_end();
        cache[cached++] = frame;
    } else {
        mansio_arena_free(frame);
    }
}

void mansio_scratch_end(struct mansio_arena *scratch)
{
    struct core_context *context = core_context_current();

    /* Anything else: an inner frame was left open, or this one was ended before. */
    MANSIO_ASSERT(scratch != NULL && scratch == context->scratch);
    end_frame(context);
}

void core_scratch_unwind(struct core_context *context)
{
    while (context->scratch != NULL) {
        end_frame(context);
    }
}

void core_scratch_drop_cache(void)
{
    while (cached > 0) {
        mansio_arena_free(cache[--cached]);
    }
}
