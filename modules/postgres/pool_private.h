/*
 * A pool from the inside: for pool.c and connect.c.
 */
#ifndef MANSIO_MODULES_POSTGRES_POOL_PRIVATE_H
#define MANSIO_MODULES_POSTGRES_POOL_PRIVATE_H

#include "pool.h"

struct pg_waiter;

struct pg_pool {
    struct pg *pg;
    enum pg_role role;
    const char *name;
    const char *database; /* instead of the configured one; NULL: that one */
    int is_unchecked;     /* role and schema aren't looked at */
    struct mansio_arena *arena;
    struct mansio_group *group;  /* openers, drains, the keeper */
    struct mansio_event *parked; /* something was parked: the keeper wakes */
    size_t size;
    size_t open;    /* lent, idle, draining */
    size_t opening; /* fibers at it */
    size_t waiting;
    size_t users;         /* fibers within pg_borrow() */
    struct pg_conn *idle; /* latest first */
    struct pg_waiter *first, *last;
    int64_t pause_max_us; /* between tries */
    int is_away;          /* the last try failed: a fiber goes on trying */
    int is_closing;
    int away_code;
    char away[256]; /* why */
};

#endif
