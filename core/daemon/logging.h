/*
 * Where the log of a daemon process goes: standard error, or a file that is opened once more at
 * each reload, so that rotating it works.
 */
#ifndef MANSIO_CORE_DAEMON_LOGGING_H
#define MANSIO_CORE_DAEMON_LOGGING_H

#include <mansio/base.h>

struct core_logging {
    uint32_t format, level;
    struct mansio_str file; /* empty: standard error; a NUL follows */
    const char *process;    /* static: "master", "worker", ... */
    uint32_t generation;    /* 0: none */
};

/* May be called again. A file that can't be opened is reported on standard error, where lines then
 * go. */
void core_logging_set(const struct core_logging *logging);

#endif
