/*
 * What may come next on a command line. Pure.
 */
#ifndef MANSIO_CORE_CTL_COMPLETE_H
#define MANSIO_CORE_CTL_COMPLETE_H

#include "core/ctl/ctl.h"

/* What the word under the cursor is a value of, when no table knows it. */
enum core_ctl_wanted {
    CORE_CTL_WANT_NOTHING = 0,
    CORE_CTL_WANT_SESSION = 1, /* a session's id: the daemon knows them */
};

/*
 * Append the candidates for the last of @p words, a line each.
 *
 * @return an enum core_ctl_wanted value: what else could be asked for
 */
uint32_t core_ctl_candidates(struct mansio_buf *out, const char *const *words, size_t count);

#endif
