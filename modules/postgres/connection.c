/*
 * Sending, Sync, receiving: libpq's pipeline mode made to wait by fiber.
 *
 * Owns the order of what is in flight: libpq answers in the order asked, and the queue here says
 * what each answer is of (a statement's preparation, our own set_config, a user's statement, the
 * end of a transaction). An answer that is interrupted half way (deadline, cancellation) stays at
 * the head, so that whoever goes on reads on where it stopped.
 *
 * Doesn't open connections (connect.c) nor share them out (pool.c).
 */
#include "connection.h"

#include <stdio.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "conn.h"
#include "error.h"
#include "postgres.h"
#include "sql.h"

enum { ODD_RESULTS_MAX = 16 }; /* that libpq may give where none is due, before we give up */

/* ---- breaking ------------------------------------------------------------------------------- */

int pg_break(struct pg_conn *conn, const char *why)
{
    if (!conn->is_broken) {
        conn->is_broken = 1;
        snprintf(conn->detail, sizeof conn->detail, "%s",
                 why != NULL ? why : PQerrorMessage(conn->pq));
    }
    return mansio_fail(MANSIO_E_UNAVAILABLE, "PostgreSQL: %s", conn->detail);
}

int pg_is_broken(const struct pg_conn *conn)
{
    return conn->is_broken;
}

int pg_look(struct pg_conn *conn)
{
    if (conn->is_broken || PQconsumeInput(conn->pq) == 0 || PQstatus(conn->pq) == CONNECTION_BAD) {
        return pg_break(conn, NULL);
    }
    return 0;
}

int pg_look_idle(struct pg_conn *conn)
{
    /* Last words first ("terminating connection"), then its end. */
    int rc = pg_look(conn);
    return rc < 0 ? rc : pg_look(conn);
}

/* ---- the queue ------------------------------------------------------------------------------ */

static void push(struct pg_conn *conn, enum pg_entry_kind kind, unsigned id)
{
    conn->queue[(conn->first + conn->count++) % PG_QUEUE_MAX] =
        (struct pg_entry){.kind = (uint16_t)kind, .id = (uint16_t)id};
    conn->queries += kind == PG_ENTRY_QUERY;
    conn->syncs += kind == PG_ENTRY_SYNC || kind == PG_ENTRY_SYNC_COMMIT;
    conn->commits += kind == PG_ENTRY_SYNC_COMMIT;
}

static void pop(struct pg_conn *conn)
{
    uint16_t kind = conn->queue[conn->first].kind;
    conn->first = (conn->first + 1) % PG_QUEUE_MAX;
    conn->count--;
    conn->queries -= kind == PG_ENTRY_QUERY;
    conn->syncs -= kind == PG_ENTRY_SYNC || kind == PG_ENTRY_SYNC_COMMIT;
    conn->commits -= kind == PG_ENTRY_SYNC_COMMIT;
}

static int is_prepared(const struct pg_conn *conn, unsigned id)
{
    return (conn->prepared[id / 8] >> (id % 8)) & 1;
}

static void set_prepared(struct pg_conn *conn, unsigned id, int is)
{
    uint8_t bit = (uint8_t)(1u << (id % 8));
    conn->prepared[id / 8] =
        (uint8_t)(is ? conn->prepared[id / 8] | bit : conn->prepared[id / 8] & ~bit);
}

size_t pg_unreceived(const struct pg_conn *conn)
{
    return conn->queries;
}

/* ---- sending -------------------------------------------------------------------------------- */

static int prepare(struct pg_conn *conn, unsigned id, const struct pg_statement *statement)
{
    Oid types[PG_PARAMS_MAX];
    size_t count = strlen(statement->params);
    MANSIO_ASSERT(count <= PG_PARAMS_MAX);
    for (size_t i = 0; i < count; i++) {
        types[i] = pg_type_oid(statement->params[i]);
        MANSIO_ASSERT(types[i] != 0);
    }
    if (PQsendPrepare(conn->pq, statement->name, statement->text, (int)count, types) == 0) {
        return pg_break(conn, NULL);
    }
    set_prepared(conn, id, 1);
    push(conn, PG_ENTRY_PREPARE, id);
    return 0;
}

static int send_as(struct pg_conn *conn, enum pg_entry_kind kind, unsigned id,
                   const struct pg_params *params)
{
    static const struct pg_params none;
    static const int binary[PG_PARAMS_MAX] = {
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    };
    const struct pg_statement *statement = pg_statement_get(id);
    MANSIO_ASSERT(statement != NULL);
    params = params != NULL ? params : &none;
    if (conn->is_broken) {
        return pg_break(conn, NULL);
    }
    if (params->status < 0) {
        return params->status;
    }
    MANSIO_ASSERT(params->count == strlen(statement->params));
    const char *values[PG_PARAMS_MAX];
    for (size_t i = 0; i < params->count; i++) {
        values[i] = params->is_number[i] ? params->numbers[i] : params->values[i];
        MANSIO_ASSERT(params->types[i] == '?' || params->types[i] == statement->params[i]);
    }
    if (conn->count + 4 > PG_QUEUE_MAX) { /* room for its preparation, a tenant, a Sync */
        return mansio_fail(MANSIO_E_LIMIT, "more than %d statements in flight", PG_QUEUE_MAX);
    }
    int rc = is_prepared(conn, id) ? 0 : prepare(conn, id, statement);
    if (rc < 0) {
        return rc;
    }
    if (PQsendQueryPrepared(conn->pq, statement->name, (int)params->count, values, params->lengths,
                            binary, 1) == 0) {
        return pg_break(conn, NULL);
    }
    push(conn, kind, id);
    conn->has_unsynced = 1;
    mansio_metric_add(conn->pg->instance, PG_METRIC_STATEMENTS, 1);
    return 0;
}

int pg_send(struct pg_conn *conn, unsigned id, const struct pg_params *params)
{
    return send_as(conn, PG_ENTRY_QUERY, id, params);
}

int pg_tenant(struct pg_conn *conn, uint64_t tenant_id)
{
    struct pg_params params;
    if (conn->has_tenant && conn->tenant_id == tenant_id) {
        return 0;
    }
    pg_params_init(&params);
    pg_add_int64(&params, (int64_t)tenant_id);
    int rc = send_as(conn, PG_ENTRY_CONTROL, PG_SQL_TENANT_SET, &params);
    if (rc == 0) {
        conn->has_tenant = 1;
        conn->tenant_id = tenant_id;
    }
    return rc;
}

int pg_sync(struct pg_conn *conn, uint32_t flags)
{
    if (conn->is_broken) {
        return pg_break(conn, NULL);
    }
    if (PQpipelineSync(conn->pq) == 0) {
        return pg_break(conn, NULL);
    }
    push(conn, (flags & PG_SYNC_COMMIT) != 0 ? PG_ENTRY_SYNC_COMMIT : PG_ENTRY_SYNC, 0);
    conn->has_unsynced = 0;
    conn->synced_us = mansio_now_us();
    if (!conn->is_explicit) {
        conn->has_tenant = 0;
        mansio_metric_add(conn->pg->instance, PG_METRIC_TRANSACTIONS, 1);
    }
    return 0;
}

int pg_begin(struct pg_conn *conn)
{
    MANSIO_ASSERT(!conn->is_explicit);
    int rc = send_as(conn, PG_ENTRY_CONTROL, PG_SQL_BEGIN, NULL);
    if (rc == 0) {
        conn->is_explicit = 1;
    }
    return rc;
}

/* ---- receiving ------------------------------------------------------------------------------ */

static int wait_io(struct pg_conn *conn, int64_t deadline_us)
{
    int unsent = PQflush(conn->pq);
    if (unsent < 0) {
        return pg_break(conn, NULL);
    }
    struct mansio_waitable *const sources[] = {conn->readable, unsent > 0 ? conn->writable : NULL};
    int rc = mansio_wait(sources, MANSIO_COUNT(sources), deadline_us, 0);
    if (rc == MANSIO_E_TIMEOUT) {
        return mansio_fail(MANSIO_E_TIMEOUT, "PostgreSQL didn't answer in time");
    }
    return rc < 0 ? rc : pg_look(conn);
}

/* libpq's next result, or NULL where it gives none. */
static int next_result(struct pg_conn *conn, int64_t deadline_us, PGresult **out)
{
    if (conn->is_broken) {
        return pg_break(conn, NULL);
    }
    while (PQisBusy(conn->pq)) {
        int rc = wait_io(conn, deadline_us);
        if (rc < 0) {
            return rc;
        }
    }
    *out = PQgetResult(conn->pq);
    if (PQstatus(conn->pq) == CONNECTION_BAD) {
        PQclear(*out);
        return pg_break(conn, NULL);
    }
    return 0;
}

static void count_failure(struct pg_conn *conn, int code)
{
    enum pg_metric metric = PG_METRIC_ERRORS_PERMANENT;
    if (code == MANSIO_E_BUSY) {
        metric = PG_METRIC_ERRORS_CONFLICT;
    } else if (mansio_error_class(code) == MANSIO_CLASS_TRANSIENT) {
        metric = PG_METRIC_ERRORS_TRANSIENT;
    }
    mansio_metric_add(conn->pg->instance, metric, 1);
}

static void copy_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text != NULL ? text : "");
}

/* 1 for what a new connection may mend. */
static int wears(const char *sqlstate)
{
    static const char *const states[] = {
        "0A000", /* plans of an older schema */
        "26000", /* statements that somebody deallocated */
        "25006", /* read-only: the primary is another host by now, or the session was opened so */
    };
    int is_one = 0;
    for (size_t i = 0; i < MANSIO_COUNT(states); i++) {
        is_one |= strcmp(sqlstate, states[i]) == 0;
    }
    return is_one;
}

/* A failure within the transaction being read: the first is the one that counts. */
static void note_failure(struct pg_conn *conn, const PGresult *got, unsigned id)
{
    if (conn->code != 0) {
        return;
    }
    const struct pg_statement *statement = id < PG_SQL_MAX ? pg_statement_get(id) : NULL;
    copy_text(conn->sqlstate, sizeof conn->sqlstate, PQresultErrorField(got, PG_DIAG_SQLSTATE));
    copy_text(conn->constraint, sizeof conn->constraint,
              PQresultErrorField(got, PG_DIAG_CONSTRAINT_NAME));
    const char *message = PQresultErrorField(got, PG_DIAG_MESSAGE_PRIMARY);
    message = message != NULL ? message : PQresultErrorMessage(got);
    const char *words = pg_error_words(conn->sqlstate, message);
    if (words != NULL) {
        copy_text(conn->detail, sizeof conn->detail, words);
    } else {
        snprintf(conn->detail, sizeof conn->detail, "PostgreSQL: %s: %s (%s)",
                 statement != NULL ? statement->name : "commit", message, conn->sqlstate);
    }
    conn->code = pg_error_code(conn->sqlstate);
    conn->is_worn = conn->is_worn || wears(conn->sqlstate);
    count_failure(conn, conn->code);
}

static int failure(struct pg_conn *conn)
{
    return mansio_fail(conn->code, "%s", conn->detail);
}

/* Read the answer to the entry at the head, which isn't a Sync, into conn->got, and take the entry
 * away. 0, also for a statement that failed. */
static int read_entry(struct pg_conn *conn, int64_t deadline_us)
{
    struct pg_entry entry = conn->queue[conn->first];
    for (;;) {
        PGresult *more = NULL;
        int rc = next_result(conn, deadline_us, &more);
        if (rc < 0) {
            return rc;
        }
        if (more == NULL && conn->got != NULL) {
            break;
        }
        if (more == NULL) {
            return pg_break(conn, "an answer is missing");
        }
        PQclear(conn->got);
        conn->got = more;
    }
    pop(conn);
    ExecStatusType status = PQresultStatus(conn->got);
    int is_good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!is_good) {
        if (entry.kind == PG_ENTRY_PREPARE) {
            set_prepared(conn, entry.id, 0);
        }
        if (status == PGRES_PIPELINE_ABORTED) {
            conn->code = conn->code != 0 ? conn->code : MANSIO_E_UNAVAILABLE;
        } else {
            note_failure(conn, conn->got, entry.id);
        }
    } else if (entry.kind == PG_ENTRY_CONTROL && entry.id == PG_SQL_COMMIT &&
               strcmp(PQcmdStatus(conn->got), "COMMIT") != 0 && conn->code == 0) {
        /* COMMIT of a transaction in which something failed: it says ROLLBACK, and succeeds. */
        conn->code = MANSIO_E_UNAVAILABLE;
        copy_text(conn->detail, sizeof conn->detail,
                  "PostgreSQL: rolled back instead of committed");
    }
    return 0;
}

void pg_forget(struct pg_conn *conn)
{
    PQclear(conn->received.pq);
    conn->received.pq = NULL;
}

static void drop_got(struct pg_conn *conn)
{
    PQclear(conn->got);
    conn->got = NULL;
}

/* A commit that may have been sent is seen to its end. */
static void mask_commit(const struct pg_conn *conn, int *is_masked)
{
    *is_masked = conn->commits > 0;
    if (*is_masked) {
        mansio_fiber_mask();
    }
}

static int receive(struct pg_conn *conn, int64_t deadline_us)
{
    while (conn->count > 0) {
        struct pg_entry entry = conn->queue[conn->first];
        if (entry.kind >= PG_ENTRY_SYNC) {
            break;
        }
        int rc = read_entry(conn, deadline_us);
        if (rc < 0) {
            return rc;
        }
        if (entry.kind != PG_ENTRY_QUERY) {
            drop_got(conn);
            continue;
        }
        conn->received = (struct pg_result){conn->got, pg_statement_get(entry.id)};
        conn->got = NULL;
        if (conn->code != 0) {
            return failure(conn);
        }
        rc = pg_result_check(&conn->received);
        if (rc < 0) {
            conn->code = rc;
            copy_text(conn->detail, sizeof conn->detail, mansio_error_detail());
        }
        return rc;
    }
    return mansio_fail(MANSIO_E_BUG, "no statement was sent whose result is due");
}

int pg_receive(struct pg_conn *conn, int64_t deadline_us, const struct pg_result **out)
{
    int is_masked;
    pg_forget(conn);
    mask_commit(conn, &is_masked);
    int rc = receive(conn, deadline_us);
    if (is_masked) {
        mansio_fiber_unmask();
    }
    if (rc == 0 && out != NULL) {
        *out = &conn->received;
    }
    return rc;
}

/* Read up to the Sync at the head of the queue; a failure of the commit itself comes before it. */
static int read_sync(struct pg_conn *conn, int64_t deadline_us)
{
    for (int odd = 0; odd < ODD_RESULTS_MAX; odd++) {
        PGresult *got = NULL;
        int rc = next_result(conn, deadline_us, &got);
        if (rc < 0) {
            return rc;
        }
        ExecStatusType status = PQresultStatus(got); /* NULL reads as a failure */
        if (got != NULL && status == PGRES_FATAL_ERROR) {
            note_failure(conn, got, PG_SQL_MAX);
        }
        PQclear(got);
        if (got != NULL && status == PGRES_PIPELINE_SYNC) {
            pop(conn);
            return 0;
        }
    }
    return pg_break(conn, "the end of a pipeline is missing");
}

static int finish(struct pg_conn *conn, int64_t deadline_us)
{
    MANSIO_ASSERT(conn->syncs > 0 || conn->is_broken);
    while (!conn->is_broken && conn->queue[conn->first].kind < PG_ENTRY_SYNC) {
        int rc = read_entry(conn, deadline_us);
        if (rc < 0) {
            return rc;
        }
        drop_got(conn);
    }
    int rc = read_sync(conn, deadline_us);
    if (rc < 0) {
        return rc;
    }
    mansio_metric_observe(conn->pg->instance, PG_METRIC_ROUND_TRIP,
                          mansio_now_us() - conn->synced_us);
    if (conn->code != 0) {
        rc = failure(conn);
        conn->code = 0;
        return rc;
    }
    conn->sqlstate[0] = '\0';
    conn->constraint[0] = '\0';
    return 0;
}

int pg_finish(struct pg_conn *conn, int64_t deadline_us)
{
    int is_masked;
    pg_forget(conn);
    mask_commit(conn, &is_masked);
    int rc = finish(conn, deadline_us);
    if (is_masked) {
        mansio_fiber_unmask();
    }
    return rc;
}

int pg_ask(struct pg_conn *conn, unsigned id, const struct pg_params *params, int64_t deadline_us,
           const struct pg_result **out)
{
    int rc = pg_send(conn, id, params);
    if (rc == 0) {
        rc = pg_sync(conn, 0);
    }
    if (rc == 0) {
        rc = pg_receive(conn, deadline_us, out);
    }
    if (conn->is_broken || conn->queries > 0 || conn->syncs == 0) {
        return rc; /* not sent, or the wait failed */
    }
    /* The result outlives the end of its round trip. */
    struct pg_result kept = conn->received;
    conn->received.pq = NULL;
    int end = finish(conn, deadline_us);
    conn->received = kept;
    return rc < 0 ? rc : end;
}

static void end_explicit(struct pg_conn *conn)
{
    conn->is_explicit = 0;
    conn->has_tenant = 0;
}

int pg_commit(struct pg_conn *conn, int64_t deadline_us)
{
    MANSIO_ASSERT(conn->is_explicit);
    int rc = send_as(conn, PG_ENTRY_CONTROL, PG_SQL_COMMIT, NULL);
    if (rc == 0) {
        rc = pg_sync(conn, PG_SYNC_COMMIT);
    }
    if (rc == 0) {
        end_explicit(conn);
        rc = pg_finish(conn, deadline_us);
    }
    return rc;
}

void pg_rollback(struct pg_conn *conn)
{
    if (!conn->is_explicit || conn->is_broken) {
        return;
    }
    /* In a pipeline where something failed it would be skipped up to the Sync: so behind one. */
    if (conn->has_unsynced && pg_sync(conn, 0) < 0) {
        return;
    }
    if (send_as(conn, PG_ENTRY_CONTROL, PG_SQL_ROLLBACK, NULL) == 0 && pg_sync(conn, 0) == 0) {
        end_explicit(conn);
    } else {
        (void)pg_break(conn, NULL);
    }
}

/* ---- coming to rest ------------------------------------------------------------------------- */

int pg_is_at_rest(const struct pg_conn *conn)
{
    return !conn->is_broken && conn->count == 0 && !conn->is_explicit;
}

int pg_drain(struct pg_conn *conn, int64_t deadline_us)
{
    pg_forget(conn);
    if (conn->has_unsynced && !conn->is_explicit) {
        /* It would be executed, and committed, by the Sync that ends it. */
        return pg_break(conn, "given back before its Sync");
    }
    pg_rollback(conn);
    while (!conn->is_broken && conn->syncs > 0) {
        size_t before = conn->syncs;
        int rc = finish(conn, deadline_us);
        if (conn->syncs == before) { /* it was the wait that failed, not a statement */
            return rc;
        }
    }
    conn->code = 0;
    return conn->is_broken ? MANSIO_E_UNAVAILABLE : 0;
}

const char *pg_sqlstate(const struct pg_conn *conn)
{
    return conn->sqlstate;
}

const char *pg_constraint(const struct pg_conn *conn)
{
    return conn->constraint;
}
