/*
 * Ids of the store's statements; store_sql.c has the table.
 */
#ifndef MANSIO_MODULES_POSTGRES_STORE_SQL_H
#define MANSIO_MODULES_POSTGRES_STORE_SQL_H

#include "statement.h"

enum pg_store_sql {
    PG_SQL_STORE_END = PG_SQL_STORE, /* the last */
};

/* By id - PG_SQL_STORE. */
extern const struct pg_statement pg_store_statements[];
extern const size_t pg_store_statement_count;

#endif
