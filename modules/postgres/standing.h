/*
 * Standings: rows of the database made into what the gate judges by. Words are read once and shared
 * by all standings of a result; hours become spans here.
 */
#ifndef MANSIO_MODULES_POSTGRES_STANDING_H
#define MANSIO_MODULES_POSTGRES_STANDING_H

#include "directory.h"
#include "statement.h"

enum { PG_STANDINGS_MAX = 1000 }; /* in one round trip */

/* Standings of a result, by the numbers that were asked for: 1 to @p count (accounts), or 0 alone
 * (a domain; then @p count is 0 and @p out takes one). account NULL where there is none.
 * @param arena  owns all of it; the result may go
 * @param out    room for them
 * 0; MANSIO_E_UNAVAILABLE: no such result; MANSIO_E_LIMIT. */
MANSIO_MUST_CHECK int pg_standings_read(const struct pg_result *result, struct mansio_arena *arena,
                                        const struct mansio_standing **out, size_t count);

#endif
