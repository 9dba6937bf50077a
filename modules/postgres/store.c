/*
 * The store: where the module's life cycle reaches it.
 */
#include "store.h"

int pg_store_load(struct pg *pg)
{
    (void)pg;
    return 0;
}

int pg_store_start(struct pg *pg, uint32_t role)
{
    (void)pg;
    (void)role;
    return 0;
}

void pg_store_drain(struct pg *pg, int64_t deadline_us)
{
    (void)pg;
    (void)deadline_us;
}

void pg_store_stop(struct pg *pg)
{
    (void)pg;
}
