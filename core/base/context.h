/*
 * The current context: what belongs to whoever runs now, a fiber, the loop itself or an offload
 * thread: its error detail, its log fields, its scratch arena. base/ keeps the pointer, loop/
 * swaps it at each switch. Cheap while unused: detail and scratch are made on first use.
 */
#ifndef MANSIO_CORE_BASE_CONTEXT_H
#define MANSIO_CORE_BASE_CONTEXT_H

#include "core/base/export.h"
#include <mansio/arena.h>
#include <mansio/base.h>

/* For thread-local variables: one instruction instead of a call. Sound because libmansio is always
 * loaded at program start, never by dlopen(). */
#define CORE_FAST_TLS __attribute__((tls_model("initial-exec")))

/* What log lines carry. Owned by whoever sets it; must outlive its use. */
struct core_log_fields {
    struct mansio_str module;
    struct mansio_str instance;
    struct mansio_str session; /* id; empty outside sessions */
};

struct core_context {
    const char *name;                     /* static: the fiber's, "loop", "offload", "main" */
    const struct core_log_fields *fields; /* NULL for none */
    char *detail;                         /* of the last failure; NULL until there was one */
    struct mansio_arena *scratch;         /* innermost open frame; NULL outside every frame */
};

/* The context of the running thread; never NULL: each thread starts with one of its own. */
CORE_EXPORT struct core_context *core_context_current(void);

/* Make @p context current; NULL for the thread's own. Returns the one before. */
CORE_EXPORT struct core_context *core_context_swap(struct core_context *context);

/* Release what a context has gathered. Not of the current one. */
CORE_EXPORT void core_context_fini(struct core_context *context);

/* See to it that the thread's own context and its caches are released when the thread ends. Called
 * by whatever first gathers something there. */
void core_context_release_at_thread_end(void);

/* What MANSIO_ASSERT reports to before it aborts; set by host/ so that the log has it. Called once:
 * it is taken away before the call, so that a failure inside it can't call it again. Without one
 * the report goes to stderr. */
typedef void (*core_assert_fn)(const char *condition, const char *file, int line,
                               const char *function);
CORE_EXPORT void core_context_on_assert(core_assert_fn fn);

#endif
