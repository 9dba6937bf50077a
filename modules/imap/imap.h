/*
 * What the files of this module share: the instance's state, the names of its metrics.
 */
#ifndef MANSIO_MODULES_IMAP_IMAP_H
#define MANSIO_MODULES_IMAP_IMAP_H

#include <mansio/base.h>
#include <mansio/module.h>

enum imap_metric {
    IMAP_METRIC_LOGINS,
    IMAP_METRIC_LOGIN_FAILURES,
    IMAP_METRIC_COMMANDS,
    IMAP_METRIC_BAD_COMMANDS,
    IMAP_METRIC_FAILED_COMMANDS,
};

/* An instance in a worker. */
struct imap_module {
    struct mansio_instance *instance;
};

#endif
