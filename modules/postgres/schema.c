/*
 * Which schema there is, which one is wanted, and getting from one to the other.
 */
#include "schema.h"

#include <mansio/error.h>

uint32_t pg_schema_wanted(void)
{
    return pg_migrations[pg_migration_count - 1].version;
}

int pg_schema_check(uint32_t version, uint32_t oldest)
{
    uint32_t wanted = pg_schema_wanted();
    if (version < wanted) {
        return mansio_fail(MANSIO_E_UNAVAILABLE,
                           "PostgreSQL: the schema is version %u, this module wants %u: apply it",
                           version, wanted);
    }
    if (wanted < oldest) {
        return mansio_fail(MANSIO_E_UNAVAILABLE,
                           "PostgreSQL: the schema is version %u, for modules of %u and later;"
                           " this one is of %u: install the newer one",
                           version, oldest, wanted);
    }
    return 0;
}
