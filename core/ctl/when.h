/*
 * Times as people give them on a command line: RFC 3339, or how long from now. Pure.
 */
#ifndef MANSIO_CORE_CTL_WHEN_H
#define MANSIO_CORE_CTL_WHEN_H

#include <mansio/base.h>

/* "2026-11-22T01:02:03Z", "2026-11-22T01:02:03.5+01:00" (RFC 3339 5.6) to wall-clock time; 'T' and
 * 'Z' in any case, a blank may stand for 'T'. 0; MANSIO_E_INVALID. */
MANSIO_MUST_CHECK int core_ctl_time_parse(struct mansio_str text, int64_t *out_us);

/* The same, or "90m", "12h", "30d", "6w" behind @p now_us. 0; MANSIO_E_INVALID. */
MANSIO_MUST_CHECK int core_ctl_when_parse(struct mansio_str text, int64_t now_us, int64_t *out_us);

#endif
