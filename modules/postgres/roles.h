/*
 * What comes before the first migration: database, roles, schema.
 */
#ifndef MANSIO_MODULES_POSTGRES_ROLES_H
#define MANSIO_MODULES_POSTGRES_ROLES_H

#include "conn.h"

typedef void (*pg_tell_fn)(void *arg, const char *step);

/* Make what is missing, as far as the connection's role may: a superuser may all of it.
 * @return how many steps were done; MANSIO_E_DENIED: something is missing and may not be made
 * @yields yes */
MANSIO_MUST_CHECK int pg_roles_apply(struct pg_conn *conn, pg_tell_fn tell, void *arg,
                                     int64_t deadline_us);

#endif
