/*
 * One log line in the making: flat memory, no allocation, no lock, so that it serves the ordinary
 * way (log.c), the formatter of tests and tools (core_log_format) and the reporter of crashes.
 *
 * A line never outgrows its memory: what doesn't fit is left out whole, and the line says how many
 * pairs are missing. Everything here is async-signal-safe but core_line_pairs() with a code, which
 * reads the running context's error detail.
 */
#ifndef MANSIO_CORE_HOST_LOG_LINE_H
#define MANSIO_CORE_HOST_LOG_LINE_H

#include "core/host/log.h"
#include <stdarg.h>

enum {
    CORE_LINE_MAX = 8192,       /* longest line, its line end included */
    CORE_LINE_VALUE_MAX = 1024, /* longest value, bytes before they are escaped */
    CORE_LINE_KEY_MAX = 64,
};

struct core_line {
    char *ptr;
    size_t room; /* bytes at ptr */
    size_t len;
    size_t pair_count; /* written */
    size_t missing;    /* pairs that did not fit */
    uint32_t format;   /* enum core_log_format */
    int has_detail;    /* the key "detail" is taken */
};

void core_line_begin(struct core_line *line, char *memory, size_t room, uint32_t format);

/* What every line has. @p pid as given. */
void core_line_head(struct core_line *line, const struct core_log_options *options,
                    const struct core_context *context, int64_t pid, int64_t wall_us,
                    uint32_t level, const char *event);

/* Pairs, by kind. */
void core_line_str(struct core_line *line, const char *key, struct mansio_str value);
void core_line_int(struct core_line *line, const char *key, int64_t value);
void core_line_duration(struct core_line *line, const char *key, int64_t us);

/* Pairs as mansio_log() has them, up to MANSIO_KV_END. @p detail is what a code's detail is. */
void core_line_pairs(struct core_line *line, const char *detail, va_list pairs);

/* Close the line; ptr and len are then the whole of it. */
void core_line_end(struct core_line *line);

/* Write a value's bytes as text of the format, without the quotes around it, as long as they fit:
 * returns how many bytes of @p out were used, or -1 if it didn't fit. Invalid UTF-8 becomes \xNN
 * in logfmt and U+FFFD in JSON, which has no way to hold a byte. Controls (also C1, line and
 * paragraph separators, and what turns the direction of text) are escaped. */
ptrdiff_t core_log_escape(char *out, size_t room, uint32_t format, struct mansio_str value);

/* 1 if logfmt wants quotes around it. */
int core_log_needs_quotes(struct mansio_str value);

/* "error", ...; unknown graver or lighter levels take the nearest name. */
const char *core_log_level_name(uint32_t level);

#endif
