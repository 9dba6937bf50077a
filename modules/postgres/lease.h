/*
 * The interface "lease" on a table, times by the database's clock.
 */
#ifndef MANSIO_MODULES_POSTGRES_LEASE_H
#define MANSIO_MODULES_POSTGRES_LEASE_H

#include "postgres.h"
#include <mansio/lease.h>

/* Offer "lease". As load(). */
MANSIO_MUST_CHECK int pg_lease_load(struct pg *pg);

/* The table itself, for tests. */
const struct mansio_lease *pg_lease_table(void);

#endif
