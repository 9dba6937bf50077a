/*
 * A connection from the inside: for connection.c, connect.c, pool.c and notify.c.
 */
#ifndef MANSIO_MODULES_POSTGRES_CONN_H
#define MANSIO_MODULES_POSTGRES_CONN_H

#include "libpq.h"
#include "connection.h"
#include "result.h"

struct pg;
struct pg_pool;

enum {
    PG_QUEUE_MAX = 2048,    /* sent and unanswered; a power of two */
    PG_DETAIL_MAX = 256,    /* of a failure, for people */
    PG_CONSTRAINT_MAX = 64, /* NAMEDATALEN */
};

/* What was sent, and so is answered, in order. */
enum pg_entry_kind {
    PG_ENTRY_PREPARE = 1, /* of a statement */
    PG_ENTRY_CONTROL = 2, /* the layer's own: tenant, BEGIN, COMMIT */
    PG_ENTRY_QUERY = 3,   /* a user's statement: pg_receive() gives its result */
    PG_ENTRY_SYNC = 4,
    PG_ENTRY_SYNC_COMMIT = 5,
};

struct pg_entry {
    uint16_t kind, id;
};

struct pg_conn {
    struct pg *pg;
    struct pg_pool *pool; /* whose it is */
    struct pg_conn *next; /* in the pool's list of idle ones */
    struct mansio_arena *arena;
    PGconn *pq;
    struct mansio_waitable *readable, *writable;

    struct pg_entry queue[PG_QUEUE_MAX];
    size_t first, count;  /* of queue */
    size_t queries;       /* of them of kind QUERY */
    size_t syncs;         /* of them SYNC*; what stands behind the last isn't ended yet */
    size_t commits;       /* of them SYNC_COMMIT */
    uint8_t has_unsynced; /* something was sent since the last Sync */
    uint8_t is_explicit;  /* within pg_begin() */
    uint8_t is_counted;   /* in the gauge */
    uint8_t is_broken;
    uint8_t is_worn; /* good for what is under way, to be closed after it */
    uint8_t has_tenant;
    uint64_t tenant_id; /* what set_config() said last, for what is sent next */

    PGresult *got;             /* of the entry being read */
    struct pg_result received; /* what pg_receive() gave last */
    int code;                  /* of the transaction being read: what failed first */
    char sqlstate[6], constraint[PG_CONSTRAINT_MAX], detail[PG_DETAIL_MAX];

    int64_t opened_us, parked_us, synced_us;
    uint8_t prepared[PG_SQL_MAX / 8];
};

/* Mark as of no use; record why (libpq's own words if @p why is NULL). MANSIO_E_UNAVAILABLE. */
int pg_break(struct pg_conn *conn, const char *why);

/* Read whatever has come, without waiting: sees that the server has gone. 0 or
 * MANSIO_E_UNAVAILABLE. */
int pg_look(struct pg_conn *conn);

/* Of one at rest: sees also that the server said goodbye before it went. */
int pg_look_idle(struct pg_conn *conn);

/* Bring a connection that was given back in mid-work to rest. 0; then nothing is queued and no
 * transaction open. @yields yes */
MANSIO_MUST_CHECK int pg_drain(struct pg_conn *conn, int64_t deadline_us);

/* Free the result that was received last. */
void pg_forget(struct pg_conn *conn);

/* 1 if it can be lent as it is. */
int pg_is_at_rest(const struct pg_conn *conn);

/* Open one for a pool. As pg_borrow(); MANSIO_E_DENIED: the role has rights that it must not have.
 * @yields yes */
MANSIO_MUST_CHECK int pg_open(struct pg_pool *pool, int64_t deadline_us, struct pg_conn **out);

/* Close and free. NULL does nothing. */
void pg_close(struct pg_conn *conn);

#endif
