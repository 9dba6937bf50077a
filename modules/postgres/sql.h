/*
 * Ids of the layer's and the directory's statements; sql.c has the table.
 */
#ifndef MANSIO_MODULES_POSTGRES_SQL_H
#define MANSIO_MODULES_POSTGRES_SQL_H

#include "statement.h"

enum pg_sql {
    PG_SQL_BEGIN,
    PG_SQL_COMMIT,
    PG_SQL_ROLLBACK,
    PG_SQL_TENANT_SET,
    PG_SQL_CHECK_ROLE,
    PG_SQL_SCHEMA_VERSION,
    PG_SQL_EPOCH,
    PG_SQL_ROUTE,
    PG_SQL_LOGIN,
    PG_SQL_CREDENTIAL_UPGRADE,
    PG_SQL_STANDING_CHANGES,
    PG_SQL_STANDINGS,
    PG_SQL_DOMAIN_STANDING,
    PG_SQL_CREDENTIALS_USED,
    PG_SQL_LEASE_ACQUIRE,
    PG_SQL_LEASE_RENEW,
    PG_SQL_LEASE_RELEASE,
    PG_SQL_LISTEN,
    PG_SQL_NOTIFY,
    PG_SQL_END
};

/* By id. */
extern const struct pg_statement pg_sql_statements[];
extern const size_t pg_sql_count;

#endif
