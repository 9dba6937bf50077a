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
    uint32_t format;     /* enum core_log_format */
    uint32_t level;      /* enum mansio_log_level: this and what is graver */
    int fd;              /* where to; borrowed */
    const char *process; /* "master", "worker", "service", "check", "ctl": on every line, with pid */
    uint32_t generation; /* 0: not on the line */
};

/* May be called again (LIVE settings). Before the first call lines go to stderr as logfmt. */
CORE_EXPORT void core_log_configure(const struct core_log_options *options);
CORE_EXPORT uint64_t core_log_dropped(void);

/* Pure: one line with its line end. */
CORE_EXPORT void core_log_format(struct mansio_buf *out, const struct core_log_options *options,
                                 const struct core_context *context, int64_t wall_us,
                                 uint32_t level, const char *event, va_list pairs);

#endif
