/*
 * The exclusive lock on a maildrop that RFC 1939 4 asks for: on this node by a limit of one, on all
 * nodes by a lease, where an instance offers leases. One fiber renews the leases of all sessions of
 * a worker.
 */
#ifndef MANSIO_MODULES_POP3_LOCK_H
#define MANSIO_MODULES_POP3_LOCK_H

#include "pop3.h"
#include <mansio/account.h>
#include <mansio/session.h>

struct pop3_lock {
    struct pop3_lock *next, *previous; /* in the instance's list */
    struct mansio_fiber *fiber;        /* of the session: cancelled when the lease is lost */
    uint64_t fence;
    int64_t renew_us; /* when */
    int64_t until_us; /* ours for certain until then */
    uint32_t is_counted, is_leased, is_lost;
    char name[48], holder[MANSIO_LEASE_NAME_MAX + 1];
};

/* Find who offers leases, and start renewing them. */
MANSIO_MUST_CHECK int pop3_locks_start(struct pop3_module *module);

/* Lock an account's maildrop. 0; MANSIO_E_BUSY: somebody else has it; or the provider's error.
 * Yields. */
MANSIO_MUST_CHECK int pop3_lock_take(struct pop3_module *module, struct pop3_lock *lock,
                                     struct mansio_session *session, int64_t deadline_us);

/* Be sure that it is still ours, for long enough to commit something. 0; MANSIO_E_DENIED: lost; or
 * the provider's error. Yields. */
MANSIO_MUST_CHECK int pop3_lock_confirm(struct pop3_module *module, struct pop3_lock *lock,
                                        int64_t deadline_us);

/* Give it back, whatever of it was taken. Yields, unless cancelled: the lease is then given back
 * by another fiber, soon after. */
void pop3_lock_give_back(struct pop3_module *module, struct pop3_lock *lock);

#endif
