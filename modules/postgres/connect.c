/*
 * Opening a connection: with the role's name and password, the session settings that everything
 * here counts on, and a look at whether this database may be used at all.
 *
 * libpq looks names up, reads files and derives keys while it connects, all of which would hold the
 * loop: so each of its steps runs in an offload thread, and only the waits between are fibers'.
 */
#include <stdio.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/offload.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "conn.h"
#include "pool_private.h"
#include "postgres.h"
#include "schema.h"
#include "sql.h"

enum {
    KEYS_MAX = 16,
    CONN_BYTES_MAX = 256 * 1024,
};

struct opening {
    const char *keys[KEYS_MAX + 1], *values[KEYS_MAX + 1];
    size_t count;
    struct mansio_str lacking; /* why there is no password */
    PGconn *pq;
    PostgresPollingStatusType status;
};

static int start_in_thread(void *arg)
{
    struct opening *opening = arg;
    opening->pq = PQconnectStartParams(opening->keys, opening->values, 1);
    return 0;
}

static int poll_in_thread(void *arg)
{
    struct opening *opening = arg;
    opening->status = PQconnectPoll(opening->pq);
    return 0;
}

static void on_notice(void *arg, const char *message)
{
    (void)arg;
    struct mansio_str text = mansio_str_from_cstr(message);
    while (text.len > 0 && text.ptr[text.len - 1] == '\n') {
        text.len--;
    }
    mansio_log(MANSIO_LOG_DEBUG, "database-notice", MANSIO_KV_STR("text", text), MANSIO_KV_END);
}

static void add(struct opening *opening, const char *key, const char *value)
{
    MANSIO_ASSERT(opening->count < KEYS_MAX);
    opening->keys[opening->count] = key;
    opening->values[opening->count] = value;
    opening->count++;
}

/* What libpq is told; copied, for it is read in a thread while settings may change. Defaults stand
 * before the file's conninfo, which may overrule them, what must hold stands behind it. Plans are
 * made once: statements are written so that values can't make another plan better, and yet those
 * with arrays would be planned each time, for longer than they run. */
static int describe(struct pg_pool *pool, struct mansio_arena *arena, struct opening *opening)
{
    const struct pg_config *config = &pool->pg->config;
    const struct mansio_secret *password = config->roles[pool->role].password;
    int is_migrator = pool->role == PG_ROLE_MIGRATOR;
    struct mansio_str options;
    struct mansio_str name;
    const char *conninfo = NULL;
    const char *user = NULL;
    int rc = mansio_cstr(arena, config->conninfo, &conninfo);
    if (rc == 0) {
        rc = mansio_cstr(arena, config->roles[pool->role].user, &user);
    }
    /* Statements are written so that one plan does for all values: to plan each time, which arrays
     * of unknown length otherwise lead to, costs a millisecond. */
    if (rc == 0) {
        rc = mansio_arena_printf(
            arena, &options,
            "-c search_path=mansio,pg_temp -c mansio.tenant= -c timezone=UTC -c jit=off -c "
            "plan_cache_mode=force_generic_plan"
            " -c default_transaction_isolation=read\\ committed"
            " -c statement_timeout=%lld -c lock_timeout=%lld"
            " -c idle_in_transaction_session_timeout=%lld -c client_connection_check_interval=2s",
            is_migrator ? 0LL : (long long)(config->statement_timeout_us / MANSIO_MS),
            (long long)(config->lock_timeout_us / MANSIO_MS),
            is_migrator ? 0LL : (long long)(config->statement_timeout_us / MANSIO_MS));
    }
    if (rc == 0) {
        rc = mansio_arena_printf(arena, &name, "mansio %s", pool->name);
    }
    if (rc < 0) {
        return rc;
    }
    add(opening, "keepalives_idle", "30");
    add(opening, "keepalives_interval", "5");
    add(opening, "keepalives_count", "3");
    add(opening, "tcp_user_timeout", "10000");
    add(opening, "dbname", conninfo);
    if (pool->database != NULL) {
        add(opening, "dbname", pool->database);
    }
    add(opening, "user", user);
    if (password != NULL) {
        struct mansio_secret *copy = NULL;
        rc = mansio_secret_new(arena, mansio_secret_bytes(password), &copy);
        if (rc < 0) {
            return rc;
        }
        add(opening, "password", mansio_secret_bytes(copy).ptr);
    }
    rc = mansio_arena_copy(arena, config->roles[pool->role].lacking, &opening->lacking);
    add(opening, "client_encoding", "UTF8");
    add(opening, "application_name", name.ptr);
    add(opening, "options", options.ptr);
    return rc;
}

static int connect_failed(const struct opening *opening)
{
    if (opening->lacking.len > 0 && PQconnectionNeedsPassword(opening->pq)) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "PostgreSQL: %.*s",
                           MANSIO_STR_ARG(opening->lacking));
    }
    struct mansio_str why = mansio_str_from_cstr(PQerrorMessage(opening->pq));
    while (why.len > 0 && why.ptr[why.len - 1] == '\n') {
        why.len--;
    }
    return mansio_fail(MANSIO_E_UNAVAILABLE, "PostgreSQL: %.*s", MANSIO_STR_ARG(why));
}

/* Until it is connected. On failure opening->pq may be there, for its owner to end. */
static int establish(struct mansio_arena *arena, struct opening *opening, int64_t deadline_us)
{
    int rc = mansio_offload(start_in_thread, opening, deadline_us, NULL);
    if (rc == 0 && opening->pq == NULL) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "libpq: out of memory");
    }
    opening->status = PGRES_POLLING_WRITING;
    while (rc == 0 && opening->status != PGRES_POLLING_OK) {
        if (opening->status == PGRES_POLLING_FAILED || PQstatus(opening->pq) == CONNECTION_BAD) {
            return connect_failed(opening);
        }
        /* libpq may be on another socket after each step. */
        struct mansio_arena *step = mansio_arena_new(arena, "connect step", 0);
        struct mansio_waitable *ready = mansio_fd_watch(
            step, PQsocket(opening->pq),
            opening->status == PGRES_POLLING_READING ? MANSIO_FD_READ : MANSIO_FD_WRITE);
        rc = mansio_wait(&ready, 1, deadline_us, 0);
        mansio_arena_free(step);
        if (rc >= 0) {
            rc = mansio_offload(poll_in_thread, opening, deadline_us, NULL);
        }
    }
    if (rc == MANSIO_E_TIMEOUT || rc == MANSIO_E_LIMIT) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "PostgreSQL: no connection in time");
    }
    return rc;
}

static int into_pipeline(struct pg_conn *conn)
{
    if (PQsetnonblocking(conn->pq, 1) != 0 || PQenterPipelineMode(conn->pq) == 0) {
        return pg_break(conn, NULL);
    }
    (void)PQsetNoticeProcessor(conn->pq, on_notice, NULL);
    conn->readable = mansio_fd_watch(conn->arena, PQsocket(conn->pq), MANSIO_FD_READ);
    conn->writable = mansio_fd_watch(conn->arena, PQsocket(conn->pq), MANSIO_FD_WRITE);
    return 0;
}

/* The serving role must be one that row-level security binds, whatever its owner thinks. */
static int check_role(struct pg_conn *conn, int64_t deadline_us)
{
    const struct pg_result *result = NULL;
    int rc = pg_ask(conn, PG_SQL_CHECK_ROLE, NULL, deadline_us, &result);
    if (rc < 0) {
        return rc;
    }
    const char *what = NULL;
    if (pg_rows(result) != 1 || pg_get_bool(result, 0, 1)) {
        what = "is a superuser";
    } else if (pg_get_bool(result, 0, 2)) {
        what = "has BYPASSRLS";
    } else if (pg_get_bool(result, 0, 3)) {
        what = "owns tables";
    } else if (pg_get_bool(result, 0, 4)) {
        what = "is a member of a role that row-level security doesn't bind";
    }
    if (what != NULL) {
        return mansio_fail(MANSIO_E_DENIED, "PostgreSQL: role %.*s %s: it must not serve",
                           MANSIO_STR_ARG(pg_get_str(result, 0, 0)), what);
    }
    return 0;
}

static int check_schema(struct pg_conn *conn, int64_t deadline_us)
{
    const struct pg_result *result = NULL;
    int rc = pg_ask(conn, PG_SQL_SCHEMA_VERSION, NULL, deadline_us, &result);
    if (rc < 0 && (strcmp(conn->sqlstate, "42P01") == 0 || strcmp(conn->sqlstate, "42501") == 0)) {
        return mansio_fail(MANSIO_E_UNAVAILABLE,
                           "PostgreSQL: database %s has no schema of ours: apply it",
                           PQdb(conn->pq));
    }
    if (rc < 0) {
        return rc;
    }
    int32_t version = pg_rows(result) == 1 ? pg_get_int32(result, 0, 0) : 0;
    int32_t oldest = pg_rows(result) == 1 ? pg_get_int32(result, 0, 1) : 0;
    return pg_schema_check((uint32_t)version, (uint32_t)oldest);
}

static int check_database(struct pg_conn *conn, int64_t deadline_us)
{
    enum pg_role role = conn->pool->role;
    int rc = role == PG_ROLE_SERVING ? check_role(conn, deadline_us) : 0;
    if (rc == 0 && role != PG_ROLE_MIGRATOR) {
        rc = check_schema(conn, deadline_us);
    }
    return rc == MANSIO_E_TIMEOUT
               ? mansio_fail(MANSIO_E_UNAVAILABLE, "PostgreSQL: no answer in time")
               : rc;
}

int pg_open(struct pg_pool *pool, int64_t deadline_us, struct pg_conn **out)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "postgres", CONN_BYTES_MAX);
    struct pg_conn *conn = mansio_arena_alloc(arena, sizeof *conn);
    struct mansio_arena *words = mansio_arena_new(arena, "conninfo", 0);
    struct opening *opening = mansio_arena_alloc(words, sizeof *opening);
    conn->arena = arena;
    conn->pool = pool;
    conn->pg = pool->pg;
    int rc = describe(pool, words, opening);
    if (rc == 0) {
        rc = establish(words, opening, deadline_us);
    }
    conn->pq = opening->pq;
    mansio_arena_free(words);
    if (rc == 0) {
        rc = into_pipeline(conn);
    }
    if (rc == 0 && !pool->is_unchecked) {
        rc = check_database(conn, deadline_us);
    }
    mansio_metric_add(pool->pg->instance, rc == 0 ? PG_METRIC_CONNECTS : PG_METRIC_CONNECT_FAILURES,
                      1);
    if (rc < 0) {
        pg_close(conn);
        return rc;
    }
    mansio_metric_add(pool->pg->instance, PG_METRIC_CONNECTIONS, 1);
    conn->is_counted = 1;
    conn->opened_us = mansio_now_us();
    *out = conn;
    return 0;
}

void pg_close(struct pg_conn *conn)
{
    if (conn == NULL) {
        return;
    }
    struct mansio_arena *arena = conn->arena;
    PGconn *pq = conn->pq;
    if (conn->is_counted) {
        mansio_metric_add(conn->pg->instance, PG_METRIC_CONNECTIONS, -1);
    }
    PQclear(conn->got);
    PQclear(conn->received.pq);
    mansio_arena_free(arena); /* the watches, before their descriptor */
    PQfinish(pq);
}
