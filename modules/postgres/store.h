/*
 * What the module's other files know of the store.
 */
#ifndef MANSIO_MODULES_POSTGRES_STORE_H
#define MANSIO_MODULES_POSTGRES_STORE_H

#include "postgres.h"

/* Offer "store" and "blob"; check settings. As load(). */
MANSIO_MUST_CHECK int pg_store_load(struct pg *pg);
/* Pools of @p pg are there. As start(). */
MANSIO_MUST_CHECK int pg_store_start(struct pg *pg, uint32_t role);
/* Settings changed; before start() too. */
void pg_store_reconfigure(struct pg *pg);
/* As drain(); before start() too. */
void pg_store_drain(struct pg *pg, int64_t deadline_us);
/* As stop(); also after a start() that failed, or never ran. */
void pg_store_stop(struct pg *pg);

#endif
