/*
 * Kinds of objects: which statements do what with each. For object.c and object_change.c.
 */
#ifndef MANSIO_MODULES_POSTGRES_OBJECT_H
#define MANSIO_MODULES_POSTGRES_OBJECT_H

#include "directory.h"
#include "object_key.h"

enum { PG_NO_STATEMENT = 0 }; /* ids of objects' statements aren't 0 */

struct pg_object_kind {
    uint32_t kind;
    unsigned list, add, set, remove;
    unsigned hangs, mail; /* before it is removed */
    uint8_t is_made;      /* setting one that isn't there may add it */
    uint8_t is_counted;   /* adding one may break a tenant's limits */
    uint8_t is_pruned;    /* removing one may leave addresses that lead nowhere */
};

/* The kind that a key is of (a quota's is one of three); NULL for none. */
const struct pg_object_kind *pg_object_kind(uint32_t kind, const struct pg_key *key);

/* The parameters that all of a kind's statements take. */
void pg_object_params(struct pg_params *params, const struct pg_key *key, struct mansio_str json);

/* Refuse who isn't administration. */
MANSIO_MUST_CHECK int pg_object_check(struct pg *pg, const struct mansio_object_form *form);

#endif
