/*
 * Standings of domains: what bears on who names no account of one. Kept like those of accounts, in
 * a table of fixed size whose rows give way to each other.
 */
#ifndef MANSIO_CORE_HOST_STANDING_DOMAIN_H
#define MANSIO_CORE_HOST_STANDING_DOMAIN_H

#include "core/host/standing.h"

/* What a domain's standing comes to; lives until the caller yields. */
struct core_domain_standing {
    const struct core_policy *policy;
    struct mansio_str name; /* its own, where an alias was asked for */
};

/* @p domain  its one spelling. 0; MANSIO_E_NOT_FOUND: none of ours, or one that isn't active;
 * MANSIO_E_UNAVAILABLE and other temporary ones. May yield. */
MANSIO_MUST_CHECK int core_domain_standing(struct mansio_str domain, int64_t deadline_us,
                                           struct core_domain_standing *out);

/* At the process's end, and for tests. */
void core_domain_standings_forget(void);

#endif
