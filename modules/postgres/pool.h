/*
 * Pools: the connections of one role in one process.
 *
 * A pool opens connections as they are asked for, up to its size, keeps them, and closes what
 * has been idle for long. Who asks waits in line, up to a deadline. While the server is away,
 * askers are told at once (MANSIO_E_UNAVAILABLE), and one fiber of the pool tries again with
 * growing, jittered pauses. What is given back in mid-pipeline is drained in the background, or
 * closed if that takes too long.
 */
#ifndef MANSIO_MODULES_POSTGRES_POOL_H
#define MANSIO_MODULES_POSTGRES_POOL_H

#include "connection.h"

struct pg;
struct pg_pool;

enum pg_role {
    PG_ROLE_SERVING = 1,
    PG_ROLE_SPOOL = 2,
    PG_ROLE_ADMIN = 3,
    PG_ROLE_MIGRATOR = 4,
};

/* Make a pool; nothing is opened yet. Never NULL; ends with pg_pool_close().
 * @param name  static text, for logs and application_name
 * @param size  most connections
 * @yields no */
struct pg_pool *pg_pool_new(struct pg *pg, enum pg_role role, const char *name, size_t size);

/* Close every connection: whoever waits is told MANSIO_E_CLOSED, what is lent is waited for (5 s).
 * NULL does nothing. @yields yes */
void pg_pool_close(struct pg_pool *pool);

/* From now on, have a server that was away back within a fraction of a second, not of its pauses:
 * for the few connections that changes are seen on. @yields no */
void pg_pool_be_eager(struct pg_pool *pool);

/* Another size, from now on; what is too many goes as it is given back. @yields no */
void pg_pool_resize(struct pg_pool *pool, size_t size);

/* Why the server is away: 0 if it isn't, MANSIO_E_DENIED if the role has rights that it must not
 * have, else MANSIO_E_UNAVAILABLE. @yields no */
int pg_pool_refusal(const struct pg_pool *pool);

/* Borrow a connection: late, and give it back before any wait on a client.
 * 0; MANSIO_E_UNAVAILABLE: the server is away, or its schema isn't ours; MANSIO_E_BUSY: none was
 * free by the deadline; MANSIO_E_TIMEOUT: it didn't answer by then; MANSIO_E_CANCELLED;
 * MANSIO_E_CLOSED. @yields yes */
MANSIO_MUST_CHECK int pg_borrow(struct pg_pool *pool, int64_t deadline_us, struct pg_conn **out);

/* Give a connection back, in whatever state. NULL does nothing. @yields no */
void pg_give_back(struct pg_conn *conn);

/* Borrow, ask one statement under a tenant (0: none), and leave the connection borrowed for who
 * reads the result: pg_give_back() it after. On failure nothing is borrowed. @yields yes */
MANSIO_MUST_CHECK int pg_borrow_ask(struct pg_pool *pool, uint64_t tenant_id, unsigned id,
                                    const struct pg_params *params, int64_t deadline_us,
                                    struct pg_conn **out_conn, const struct pg_result **out);

/* As pg_borrow_ask() for a statement that changes something and has no rows to read: 0 once it is
 * committed. @yields yes */
MANSIO_MUST_CHECK int pg_change(struct pg_pool *pool, uint64_t tenant_id, unsigned id,
                                const struct pg_params *params, int64_t deadline_us,
                                uint64_t *out_affected);

#endif
