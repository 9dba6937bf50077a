/*
 * Names to log in with, as clients give them. Pure but for the one spelling.
 */
#ifndef MANSIO_CORE_HOST_LOGIN_NAME_H
#define MANSIO_CORE_HOST_LOGIN_NAME_H

#include <mansio/arena.h>
#include <mansio/base.h>

struct core_login_name {
    struct mansio_str local, domain; /* each in its one spelling */
};

/* "user@domain", or a bare "user" of @p domain (its one spelling; empty: there is none, and a bare
 * name stays without). 0; MANSIO_E_INVALID; MANSIO_E_LIMIT. */
MANSIO_MUST_CHECK int core_login_name_read(struct mansio_arena *arena, struct mansio_str name,
                                           struct mansio_str domain, struct core_login_name *out);

/* Message of PLAIN (RFC 4616 2): [authzid] NUL authcid NUL passwd. Slices point into it. */
struct core_sasl_plain {
    struct mansio_str authzid, authcid, password;
};
MANSIO_MUST_CHECK int core_sasl_plain_read(struct mansio_str message, struct core_sasl_plain *out);

#endif
