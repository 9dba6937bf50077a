/*
 * When credentials were last used: noted at each login, in memory, written by a fiber. A login
 * never waits for it. At most one use of a credential in `login.use_every` is written from a
 * process; what was noted when a process crashes is lost, and so is what finds no room.
 */
#ifndef MANSIO_CORE_HOST_LAST_USE_H
#define MANSIO_CORE_HOST_LAST_USE_H

#include "core/base/export.h"
#include <mansio/account.h>
#include <mansio/base.h>

enum { CORE_LAST_USES_MAX = 32768 }; /* credentials remembered, some 6 MB */

/* @p every_us  0: nothing is noted. LIVE. */
CORE_EXPORT void core_last_use_configure(int64_t every_us);

/* A credential has let somebody in. */
void core_last_use_note(const struct mansio_account_facts *facts, uint64_t credential_id,
                        struct mansio_str service, struct mansio_str network);

/* The fiber that writes, some seconds after the first that was noted. Until it is cancelled. */
CORE_EXPORT int core_last_use_run(void *arg);

/* Write what is noted: 0; or why what is left wasn't written. Yields. */
MANSIO_MUST_CHECK int core_last_use_flush(int64_t deadline_us);

/* Write what can be written until the deadline, and forget everything, once the fiber has ended.
 * Yields. */
CORE_EXPORT void core_last_use_end(int64_t deadline_us);

/* How many uses wait to be written. */
size_t core_last_use_pending(void);

#endif
