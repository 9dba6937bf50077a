/*
 * A connection to PostgreSQL on fibers: libpq without blocking, in pipeline mode.
 *
 * One fiber at a time uses a connection. It sends statements (pg_send, no wait), ends a
 * transaction's worth with pg_sync(), and receives their results in the order sent (pg_receive),
 * then the end of it (pg_finish). What stands between two Syncs is one transaction: all or none.
 *
 *     pg_tenant(conn, tenant_id);
 *     pg_send(conn, ID, &params);  ...
 *     pg_sync(conn, PG_SYNC_COMMIT);
 *     pg_receive(conn, deadline_us, &result);  ...  (one for each pg_send)
 *     pg_finish(conn, deadline_us);
 *
 * For a transaction of several round trips, pg_begin() first and pg_commit() or pg_rollback()
 * last; within it pg_sync() is only the end of a round trip.
 *
 * Failures: when a statement fails, what follows it up to the Sync fails with the same code, and
 * pg_finish() answers it as well. A connection that broke answers MANSIO_E_UNAVAILABLE to all.
 * After MANSIO_E_TIMEOUT or MANSIO_E_CANCELLED just give the connection back: the pool sees to
 * what is still under way.
 */
#ifndef MANSIO_MODULES_POSTGRES_CONNECTION_H
#define MANSIO_MODULES_POSTGRES_CONNECTION_H

#include "statement.h"

#include <mansio/fiber.h>

struct pg_conn;

enum pg_sync_flags {
    /* The transaction changes something: once this Sync is sent, the wait for its end is masked
     * from cancellation. */
    PG_SYNC_COMMIT = 1,
};

/* Set the tenant for what follows, up to the Sync (in pg_begin(): to the end of the transaction).
 * Free if it is set already. 0, or as pg_send(). @yields no */
MANSIO_MUST_CHECK int pg_tenant(struct pg_conn *conn, uint64_t tenant_id);

/* Queue a statement. @p params NULL: none.
 * 0; MANSIO_E_UNAVAILABLE: the connection is broken; MANSIO_E_LIMIT. @yields no */
MANSIO_MUST_CHECK int pg_send(struct pg_conn *conn, unsigned id, const struct pg_params *params);

/* Queue a Sync: what was sent since the last one is a transaction. @yields no */
MANSIO_MUST_CHECK int pg_sync(struct pg_conn *conn, uint32_t flags);

/* The result of the next statement sent; sends what is queued first. Results may be read before
 * pg_sync() only where the server was made to answer: so sync first.
 * 0; the class of its failure (error.h); MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED.
 * @param out  may be NULL; valid until the next pg_receive(), pg_finish() or pg_give_back()
 * @yields yes */
MANSIO_MUST_CHECK int pg_receive(struct pg_conn *conn, int64_t deadline_us,
                                 const struct pg_result **out);

/* Read to the end of the oldest Sync, passing over results not received.
 * 0: committed (where it wasn't within pg_begin()); what failed first; MANSIO_E_TIMEOUT,
 * MANSIO_E_UNAVAILABLE: after PG_SYNC_COMMIT it may have been committed all the same.
 * @yields yes */
MANSIO_MUST_CHECK int pg_finish(struct pg_conn *conn, int64_t deadline_us);

/* pg_send(), pg_sync(0), pg_receive(), pg_finish() of one statement; the result stays until the
 * next call. @yields yes */
MANSIO_MUST_CHECK int pg_ask(struct pg_conn *conn, unsigned id, const struct pg_params *params,
                             int64_t deadline_us, const struct pg_result **out);

/* Queue BEGIN: what follows is one transaction over several Syncs. @yields no */
MANSIO_MUST_CHECK int pg_begin(struct pg_conn *conn);

/* Send COMMIT and wait for its end, masked. As pg_finish(). @yields yes */
MANSIO_MUST_CHECK int pg_commit(struct pg_conn *conn, int64_t deadline_us);

/* End it without effect. Needs no answer: giving a connection back within a transaction does it
 * too. @yields no */
void pg_rollback(struct pg_conn *conn);

/* Of the failure that pg_receive() or pg_finish() answered last: its SQLSTATE, "" for none, and
 * the constraint that it names, "" for none. Valid until the next Sync is finished. */
const char *pg_sqlstate(const struct pg_conn *conn);
const char *pg_constraint(const struct pg_conn *conn);

/* 1 once the connection is of no use. */
int pg_is_broken(const struct pg_conn *conn);

/* Statements sent whose results have not been received. */
size_t pg_unreceived(const struct pg_conn *conn);

#endif
