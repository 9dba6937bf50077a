/*
 * The statements of the store.
 */
#include "store_sql.h"

const struct pg_statement pg_store_statements[] = {
    {.name = NULL},
};

const size_t pg_store_statement_count = 0;
