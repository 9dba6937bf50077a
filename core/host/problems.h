/*
 * What is wrong with a configuration: the first so many messages in the order of the files, so
 * that an admin sees all at once. Of fixed size (10 KiB: not for the stack). Decides nothing.
 */
#ifndef MANSIO_CORE_HOST_PROBLEMS_H
#define MANSIO_CORE_HOST_PROBLEMS_H

#include "core/host/yaml.h"
#include <mansio/base.h>
#include <mansio/error.h>

enum { CORE_PROBLEMS_MAX = 20 };

struct core_problems {
    size_t count; /* kept: at most CORE_PROBLEMS_MAX, those that stand first */
    size_t total; /* found */
    int is_table; /* a table is judged, not a file: nothing is missing */
    struct core_place places[CORE_PROBLEMS_MAX];
    char texts[CORE_PROBLEMS_MAX][MANSIO_ERROR_DETAIL_MAX]; /* "path:line:column: ..." */
};

/* Add one. Without a file in @p at it comes first and names no place. */
void core_problems_add(struct core_problems *problems, struct core_place at, const char *format,
                       ...) MANSIO_PRINTF(3, 4);

/* Take over what another list has. */
void core_problems_merge(struct core_problems *problems, const struct core_problems *from);

/* 0 if there are none, else MANSIO_E_INVALID with the first as the detail. */
MANSIO_MUST_CHECK int core_problems_status(const struct core_problems *problems);

#endif
