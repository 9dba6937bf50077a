/*
 * What Thunderbird and its kin are answered: draft-ietf-mailmaint-autoconfig. Pure.
 */
#ifndef MANSIO_MODULES_AUTODISCOVER_AUTOCONFIG_H
#define MANSIO_MODULES_AUTODISCOVER_AUTOCONFIG_H

#include <mansio/base.h>
#include <mansio/buf.h>

#include "servers.h"

enum {
    AUTODISCOVER_NAME_MAX = 60,       /* of displayName (draft, displayName), characters */
    AUTODISCOVER_SHORT_NAME_MAX = 20, /* of displayShortName */
};

enum autodiscover_version {
    AUTODISCOVER_V1_1 = 1, /* what all programs know */
    AUTODISCOVER_V1_2 = 2, /* the draft's: SASL mechanisms by name */
};

struct autodiscover_config {
    uint32_t version;         /* enum autodiscover_version */
    struct mansio_str domain; /* its own name */
    struct mansio_str asked;  /* the domain that was asked about; may be an alias, or empty */
    struct mansio_str user;   /* what to log in with */
    struct mansio_str name, short_name; /* the provider's; empty: of the domain */
};

/**
 * A configuration, if a program of that version can use any server.
 *
 * @return how many servers are in it; with 0 nothing was written
 */
size_t autodiscover_config_write(struct mansio_buf *out, const struct autodiscover_config *config,
                                 const struct autodiscover_servers *servers);

#endif
