/*
 * Running scripts: the simple query protocol, for what has several statements and no parameters.
 */
#include "script.h"

#include <stdio.h>

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/str.h>

#include "error.h"

static int wait_for_answer(struct pg_conn *conn, int64_t deadline_us)
{
    for (;;) {
        int unsent = PQflush(conn->pq);
        if (unsent < 0 || PQstatus(conn->pq) == CONNECTION_BAD) {
            return pg_break(conn, NULL);
        }
        if (unsent == 0 && !PQisBusy(conn->pq)) {
            return 0;
        }
        struct mansio_waitable *const sources[] = {conn->readable,
                                                   unsent > 0 ? conn->writable : NULL};
        int rc = mansio_wait(sources, MANSIO_COUNT(sources), deadline_us, 0);
        if (rc < 0) {
            return rc;
        }
        rc = pg_look(conn);
        if (rc < 0) {
            return rc;
        }
    }
}

static int keep_value(const PGresult *got, struct mansio_arena *arena, struct mansio_str *out)
{
    *out = MANSIO_STR_NONE;
    if (PQntuples(got) == 0 || PQnfields(got) == 0 || PQgetisnull(got, 0, 0)) {
        return 0;
    }
    return mansio_arena_copy(arena, mansio_str_from_cstr(PQgetvalue(got, 0, 0)), out);
}

static int run(struct pg_conn *conn, const char *text, int64_t deadline_us,
               struct mansio_arena *arena, struct mansio_str *out)
{
    int rc = 0;
    if (PQsendQuery(conn->pq, text) == 0) {
        return pg_break(conn, NULL);
    }
    for (;;) {
        int waited = wait_for_answer(conn, deadline_us);
        if (waited < 0) {
            (void)pg_break(conn, "a script was given up");
            return waited;
        }
        PGresult *got = PQgetResult(conn->pq);
        if (got == NULL) {
            return rc;
        }
        ExecStatusType status = PQresultStatus(got);
        if (status == PGRES_FATAL_ERROR && rc == 0) {
            const char *state = PQresultErrorField(got, PG_DIAG_SQLSTATE);
            const char *message = PQresultErrorField(got, PG_DIAG_MESSAGE_PRIMARY);
            const char *where = PQresultErrorField(got, PG_DIAG_STATEMENT_POSITION);
            snprintf(conn->sqlstate, sizeof conn->sqlstate, "%s", state != NULL ? state : "");
            rc = mansio_fail(pg_error_code(state), "PostgreSQL: %s (%s%s%s)",
                             message != NULL ? message : "failed", conn->sqlstate,
                             where != NULL ? ", at character " : "", where != NULL ? where : "");
        } else if (rc == 0 && out != NULL) {
            rc = keep_value(got, arena, out);
        }
        PQclear(got);
    }
}

int pg_script(struct pg_conn *conn, const char *text, int64_t deadline_us,
              struct mansio_arena *arena, struct mansio_str *out)
{
    MANSIO_ASSERT(pg_is_at_rest(conn));
    pg_forget(conn);
    if (PQexitPipelineMode(conn->pq) == 0) {
        return pg_break(conn, NULL);
    }
    mansio_fiber_mask();
    int rc = run(conn, text, deadline_us, arena, out);
    if (rc < 0 && !conn->is_broken && PQtransactionStatus(conn->pq) == PQTRANS_INERROR) {
        char why[MANSIO_ERROR_DETAIL_MAX];
        snprintf(why, sizeof why, "%s", mansio_error_detail());
        (void)!run(conn, "ROLLBACK", deadline_us, NULL, NULL);
        rc = mansio_fail(rc, "%s", why);
    }
    mansio_fiber_unmask();
    if (!conn->is_broken && PQenterPipelineMode(conn->pq) == 0) {
        return pg_break(conn, NULL);
    }
    return rc;
}
