/*
 * The current context and the end of a worker that can't go on. Owns one thread-local pointer;
 * loop/ swaps it at each switch, so this file knows neither fibers nor the loop.
 */
#include "core/base/context.h"
#include "core/base/alloc.h"
#include "core/base/scratch.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Thread_local struct core_context own CORE_FAST_TLS = {.name = "main"};
static _Thread_local struct core_context *current CORE_FAST_TLS; /* NULL for the thread's own */

static _Atomic(core_assert_fn) on_assert;

static pthread_once_t thread_end_once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_end_key;

struct core_context *core_context_current(void)
{
    return current != NULL ? current : &own;
}

struct core_context *core_context_swap(struct core_context *context)
{
    struct core_context *before = core_context_current();

    current = context;
    return before;
}

static void release(struct core_context *context)
{
    core_scratch_unwind(context);
    core_free(context->detail);
    context->detail = NULL;
}

void core_context_fini(struct core_context *context)
{
    MANSIO_ASSERT(context != core_context_current());
    release(context);
}

/* The key's value says only that this thread has something to release. */
static void thread_end(void *marker)
{
    (void)marker;
    release(&own);
    core_scratch_drop_cache();
}

static void make_key(void)
{
    MANSIO_ASSERT(pthread_key_create(&thread_end_key, thread_end) == 0);
}

void core_context_release_at_thread_end(void)
{
    pthread_once(&thread_end_once, make_key);
    if (pthread_getspecific(thread_end_key) == NULL) {
        /* Fails only without memory; then the thread's end leaks a little instead of stopping. */
        (void)pthread_setspecific(thread_end_key, &thread_end_key);
    }
}

void core_context_on_assert(core_assert_fn fn)
{
    atomic_store(&on_assert, fn);
}

static void report_to_stderr(const char *condition, const char *file, int line,
                             const char *function)
{
    const struct core_context *context = core_context_current();
    struct mansio_str session = MANSIO_STR_NONE;
    char text[1024];
    int length;

    if (context->fields != NULL) {
        session = context->fields->session;
    }
    length =
        snprintf(text, sizeof text, "mansio: assertion failed: %s (%s:%d, %s), fiber=%s%s%.*s\n",
                 condition, file, line, function, context->name != NULL ? context->name : "-",
                 session.len > 0 ? " session=" : "", MANSIO_STR_ARG(session));
    if (length > 0) {
        size_t size = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;

        /* write(), not stdio: what stdio holds may be what is broken. */
        if (write(STDERR_FILENO, text, size) < 0) {
            return;
        }
    }
}

void mansio_assert_failed(const char *condition, const char *file, int line, const char *function)
{
    /* Taken away before the call: an assertion that fails inside the hook goes to stderr. */
    core_assert_fn fn = atomic_exchange(&on_assert, NULL);

    if (fn != NULL) {
        fn(condition, file, line, function);
    } else {
        report_to_stderr(condition, file, line, function);
    }
    abort();
}
