/*
 * The interface "lease" on a table, times by the database's clock.
 */
#ifndef MANSIO_MODULES_POSTGRES_LEASE_H
#define MANSIO_MODULES_POSTGRES_LEASE_H

#include "postgres.h"

/* Offer "lease". As load(). */
MANSIO_MUST_CHECK int pg_lease_load(struct pg *pg);

#endif
