/*
 * What Outlook is answered: "plain old XML". Pure.
 */
#ifndef MANSIO_MODULES_AUTODISCOVER_POX_H
#define MANSIO_MODULES_AUTODISCOVER_POX_H

#include <mansio/base.h>
#include <mansio/buf.h>

#include "servers.h"

enum autodiscover_pox_error {
    AUTODISCOVER_POX_NOT_FOUND = 500, /* no such address here, or nothing that is offered for it */
    AUTODISCOVER_POX_INVALID = 600,
    AUTODISCOVER_POX_NO_PROVIDER = 601, /* for the schema that is wanted */
};

/**
 * Settings, if there are any that Outlook can use.
 *
 * @param address  whose settings: shown, and what to log in with
 * @return how many servers are in it; with 0 nothing was written
 */
size_t autodiscover_pox_settings(struct mansio_buf *out, struct mansio_str address,
                                 const struct autodiscover_servers *servers);

/**
 * An error, in the form that Outlook knows. HTTP's own status is 200 all the same.
 *
 * @param wall_us  when, wall clock
 * @param id       says which machine
 * @param code     enum autodiscover_pox_error
 */
void autodiscover_pox_fault(struct mansio_buf *out, int64_t wall_us, uint32_t id, uint32_t code);

#endif
