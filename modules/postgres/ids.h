/*
 * Ids: 63 bits that no two processes give, without asking the database for each.
 *
 * 41 bits of milliseconds since 2025-01-01, 12 bits of a number that this process has to itself for
 * a time, 10 bits of a counter. The database leases the number together with a span of
 * milliseconds; no span of a number overlaps another, so ids differ whatever anybody's clock says.
 * They grow within a process, and nearly so over all.
 */
#ifndef MANSIO_MODULES_POSTGRES_IDS_H
#define MANSIO_MODULES_POSTGRES_IDS_H

#include "postgres.h"

struct pg_ids;

/* Never NULL; lives in @p arena. The first id leases a number. @yields no */
struct pg_ids *pg_ids_new(struct pg *pg, struct mansio_arena *arena);

/* The next ids. 0; as pg_borrow(), when there is no lease and none to be had.
 * @yields yes, when the lease is new or runs out */
MANSIO_MUST_CHECK int pg_ids_take(struct pg_ids *ids, size_t count, int64_t deadline_us,
                                  int64_t *out);

/* Prolong the lease when half of it is over; for a fiber that does so now and then.
 * @yields yes */
void pg_ids_tend(struct pg_ids *ids);

#endif
