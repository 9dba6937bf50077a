/*
 * The log from the inside: where lines go and what they look like. Formatting is apart from
 * writing, so that it can be tested. A line is one write(); a full pipe drops the line, counted.
 */
#ifndef MANSIO_CORE_HOST_LOG_H
#define MANSIO_CORE_HOST_LOG_H

#include "core/base/context.h"
#include "core/base/export.h"
#include <mansio/buf.h>
#include <mansio/log.h>
#include <stdarg.h>

enum core_log_format { CORE_LOG_LOGFMT = 0, CORE_LOG_JSON = 1 };

struct core_log_options {
    uint32_t format; /* enum core_log_format */
    uint32_t level;  /* enum mansio_log_level: this and what is graver */
    int fd;          /* where to; borrowed */
    const char
        *process; /* "master", "worker", "service", "check", "ctl": on every line, with pid */
    uint32_t generation; /* 0: not on the line */
};

/* May be called again (LIVE settings). Before the first call lines go to stderr as logfmt. From the
 * first call on MANSIO_ASSERT reports to the log. A pipe or terminal is opened once more for our
 * own use, non-blocking, where that is allowed: whoever else has it doesn't notice. */
CORE_EXPORT void core_log_configure(const struct core_log_options *options);
CORE_EXPORT uint64_t core_log_dropped(void);

/* For lines that any peer can bring about as often as it likes: one a second passes, so that it
 * can't bury the log. 1 to write the line, then with how many were held back since the last; else
 * 0. Not for offload threads. */
struct core_log_gate {
    int64_t next_us;
    uint64_t held_back;
};
CORE_EXPORT int core_log_pass(struct core_log_gate *gate, uint64_t *out_held_back);

/* As mansio_log(), in the name of another context than the running one; NULL for none. */
CORE_EXPORT void core_log_as(const struct core_context *context, uint32_t level, const char *event,
                             ...);

/* For core_loop_options: a warning with the name of who held the loop. */
CORE_EXPORT void core_log_hold(const struct core_context *holder, int64_t held_us);

/* Async-signal-safe, for handlers of deadly signals, on any stack with 2 KiB: one line in the
 * configured format with what @p holder says about itself. The first is core_loop_options'
 * on_overflow. */
CORE_EXPORT void core_log_overflow(const struct core_context *holder);
CORE_EXPORT void core_log_crash(const struct core_context *holder, int signal_number);

/* Async-signal-safe likewise, for on_stuck: a warning with the name of who holds the loop still. */
CORE_EXPORT void core_log_stuck(const struct core_context *holder, int64_t held_us);

/* Pure: one line with its line end. */
CORE_EXPORT void core_log_format(struct mansio_buf *out, const struct core_log_options *options,
                                 const struct core_context *context, int64_t wall_us,
                                 uint32_t level, const char *event, va_list pairs);

#endif
