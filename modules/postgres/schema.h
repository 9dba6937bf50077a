/*
 * The schema: numbered migrations, forward only, embedded in the module.
 *
 * Version N of the schema is what migrations 1 to N make; a module wants the number of its last
 * migration. Each migration says the oldest module (by the version it wants) that still works on
 * what it made: so an older module goes on while a newer one is rolled out, unless it says no.
 */
#ifndef MANSIO_MODULES_POSTGRES_SCHEMA_H
#define MANSIO_MODULES_POSTGRES_SCHEMA_H

#include "postgres.h"
#include "roles.h"

/* A file of sql/, as the build embeds it. */
struct pg_migration {
    uint32_t version;
    uint32_t oldest;  /* "-- oldest: N", its first line */
    const char *name; /* "0001_directory" */
    const char *text;
};

/* Made of sql/NNNN_*.sql; ascending, without gaps. */
extern const struct pg_migration pg_migrations[];
extern const size_t pg_migration_count;

/* What this module wants: the version of the last migration. */
uint32_t pg_schema_wanted(void);

/* May this module use a schema? 0; MANSIO_E_UNAVAILABLE, and why. */
MANSIO_MUST_CHECK int pg_schema_check(uint32_t version, uint32_t oldest);

/* As mansio_directory.schema_apply() and schema_status(). @yields yes */
MANSIO_MUST_CHECK int pg_schema_apply(struct pg *pg, pg_tell_fn tell, void *arg,
                                      int64_t deadline_us);
MANSIO_MUST_CHECK int pg_schema_status(struct pg *pg, int64_t deadline_us, uint32_t *out_version,
                                       uint32_t *out_wanted, uint32_t *out_oldest);

#endif
