/*
 * A result from the inside: libpq's, and the statement that it answers.
 */
#ifndef MANSIO_MODULES_POSTGRES_RESULT_H
#define MANSIO_MODULES_POSTGRES_RESULT_H

#include "libpq.h"
#include "statement.h"

struct pg_result {
    PGresult *pq;
    const struct pg_statement *statement;
};

/* Are its columns those of the table? 0; MANSIO_E_UNAVAILABLE: the schema is another. */
MANSIO_MUST_CHECK int pg_result_check(struct pg_result *result);

/* The type of a letter; 0 for none. */
uint32_t pg_type_oid(char letter);

#endif
