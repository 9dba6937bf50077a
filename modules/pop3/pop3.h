/*
 * What the files of this module share: the instance's state, the names of its metrics.
 */
#ifndef MANSIO_MODULES_POP3_POP3_H
#define MANSIO_MODULES_POP3_POP3_H

#include <mansio/base.h>
#include <mansio/lease.h>
#include <mansio/module.h>

enum pop3_metric {
    POP3_METRIC_LOGINS,
    POP3_METRIC_LOGIN_FAILURES,
    POP3_METRIC_IN_USE,
    POP3_METRIC_LOCKS_LOST,
    POP3_METRIC_RETRIEVED,
    POP3_METRIC_SENT_BYTES,
    POP3_METRIC_DELETED,
    POP3_METRIC_BAD_COMMANDS,
    POP3_METRIC_OPEN_SECONDS,
};

struct pop3_lock;

/* An instance in a worker. */
struct pop3_module {
    struct mansio_instance *instance;
    char holder[17]; /* hex: no other process has it */

    /* Leases of maildrops (lock.c). */
    struct mansio_lease lease; /* size 0: nobody offers leases; then a maildrop is locked on this
                                  node alone */
    struct mansio_instance *lease_instance;
    int64_t lease_us;
    struct pop3_lock *first, *last; /* by when they are to be renewed */
    struct pop3_lock *renewing;     /* NULL too if it was released meanwhile */
    struct mansio_event *changed;   /* the first of an empty list came */
};

#endif
