/*
 * How many sessions this process has, by service and by tenant: counted as they come and go, so
 * that whoever watches an installation with 100,000 of them doesn't make anybody walk over all.
 */
#ifndef MANSIO_CORE_HOST_TALLY_H
#define MANSIO_CORE_HOST_TALLY_H

#include "core/base/export.h"
#include <mansio/base.h>

enum core_tally {
    CORE_TALLY_SERVICE = 0,
    CORE_TALLY_TENANT = 1, /* of sessions that are somebody's */
};
enum { CORE_TALLIES = 2, CORE_TALLY_NAME_MAX = 255 };

/* One more (1) or one less (-1) of a name. A longer name counts under its beginning. */
CORE_EXPORT void core_tally_count(enum core_tally tally, struct mansio_str name, int change);

struct core_tally_row {
    struct mansio_str name; /* until the next core_tally_count() */
    uint64_t count;
};

/* The largest, in order; those with as many by name. Fills @p out and returns how many there are;
 * *out_names is how many names there are in all. */
CORE_EXPORT size_t core_tally_top(enum core_tally tally, struct core_tally_row *out, size_t max,
                                  size_t *out_names);

/* For tests: as if nothing had been counted. */
CORE_EXPORT void core_tally_forget(void);

#endif
