/*
 * The sweep: what nothing refers to any more goes, after a grace time.
 *
 * An account lets go of a message when its last entry of it went. Where an entry goes, a row of
 * message_released says so; the sweep locks the account, so that nothing is copied meanwhile, looks
 * whether it has the message elsewhere, and if not counts down the message's holders. At none the
 * message goes with its bytes. Tombstones that are old enough are forgotten, and the account's
 * horizon says up to where. Accounts that are gone lose their collections one by one.
 *
 * What fails for one account fails for it alone.
 *
 * One process of all nodes does it at a time, under a lease; two would do no harm but work.
 */
#include "sweep.h"

enum { DUE_MAX = 1000, MESSAGES_MAX = 500 };

enum { WORK_RELEASED = 1, WORK_TOMBSTONES = 2, WORK_GONE = 4, WORK_LOOSE = 8 };

struct due {
    int64_t tenant, account;
    int32_t work;
};

struct sweeping {
    struct pg_store *store;
    struct mansio_arena *arena;
    int64_t grace_us, keep_us, deadline_us;
    int is_locked;
    int64_t tenant, account;
    struct pg_conn *conn;
    uint64_t swept;
};

/* Begin a transaction on an account, locked (account 0: none to lock). */
static int begin(struct sweeping *s, const struct due *due)
{
    struct pg_params params;
    s->tenant = due->tenant;
    s->account = due->account;
    int rc = pg_borrow(s->store->pg->serving, s->deadline_us, &s->conn);
    if (rc == 0) {
        rc = pg_begin(s->conn);
    }
    if (rc == 0) {
        rc = pg_tenant(s->conn, (uint64_t)due->tenant);
    }
    if (rc == 0 && due->account != 0) {
        pg_params_init(&params);
        pg_add_int64(&params, due->tenant);
        pg_add_int64(&params, due->account);
        rc = pg_ask(s->conn, PG_SQL_ACCOUNT_LOCK, &params, s->deadline_us, NULL);
    }
    return rc;
}

static int end(struct sweeping *s, int rc)
{
    if (rc == 0) {
        rc = pg_commit(s->conn, s->deadline_us);
    }
    pg_give_back(s->conn);
    s->conn = NULL;
    return rc;
}

static int sweep_released(struct sweeping *s)
{
    const struct pg_result *result = NULL;
    struct pg_params params;
    pg_params_init(&params);
    pg_add_int64(&params, s->tenant);
    if (s->account != 0) {
        pg_add_int64(&params, s->account);
    }
    pg_add_int64(&params, s->grace_us);
    pg_add_int32(&params, MESSAGES_MAX);
    int rc = pg_ask(s->conn, s->account != 0 ? PG_SQL_SWEEP_ACCOUNT : PG_SQL_SWEEP_SPOOL, &params,
                    s->deadline_us, &result);
    s->swept += rc == 0 && pg_rows(result) == 1 ? (uint64_t)pg_get_int64(result, 0, 0) : 0;
    return rc;
}

static int sweep_loose(struct sweeping *s)
{
    const struct pg_result *result = NULL;
    struct pg_params params;
    pg_params_init(&params);
    pg_add_int64(&params, s->tenant);
    pg_add_int64(&params, s->grace_us);
    int rc = pg_ask(s->conn, PG_SQL_SWEEP_BLOBS, &params, s->deadline_us, &result);
    s->swept += rc == 0 && pg_rows(result) == 1 ? (uint64_t)pg_get_int64(result, 0, 0) : 0;
    return rc;
}

static int sweep_tombstones(struct sweeping *s)
{
    struct pg_params params;
    pg_params_init(&params);
    pg_add_int64(&params, s->tenant);
    pg_add_int64(&params, s->account);
    pg_add_int64(&params, s->keep_us);
    return pg_ask(s->conn, PG_SQL_SWEEP_TOMBSTONES, &params, s->deadline_us, NULL);
}

/* A collection of an account that is gone. */
static int sweep_gone(struct sweeping *s)
{
    const struct pg_result *result = NULL;
    struct pg_params params;
    pg_params_init(&params);
    pg_add_int64(&params, s->tenant);
    pg_add_int64(&params, s->account);
    int rc = pg_ask(s->conn, PG_SQL_SWEEP_GONE, &params, s->deadline_us, &result);
    if (rc < 0 || pg_rows(result) == 0) {
        return rc;
    }
    int64_t collection = pg_get_int64(result, 0, 0);
    pg_params_init(&params);
    pg_add_int64(&params, s->tenant);
    pg_add_int64(&params, s->account);
    pg_add_int64(&params, collection);
    s->swept++;
    return pg_ask(s->conn, PG_SQL_COLLECTION_REMOVE, &params, s->deadline_us, NULL);
}

static int sweep_one(struct sweeping *s, const struct due *due)
{
    int rc = begin(s, due);
    if (rc == 0 && (due->work & WORK_GONE) != 0) {
        rc = sweep_gone(s);
    }
    if (rc == 0 && (due->work & WORK_RELEASED) != 0) {
        rc = sweep_released(s);
    }
    if (rc == 0 && (due->work & WORK_TOMBSTONES) != 0) {
        rc = sweep_tombstones(s);
    }
    if (rc == 0 && (due->work & WORK_LOOSE) != 0) {
        rc = sweep_loose(s);
    }
    return end(s, rc);
}

/* 1 if a failure may be the account's own, and not that of all. */
static int is_of_one(int code)
{
    return code != MANSIO_E_UNAVAILABLE && code != MANSIO_E_CANCELLED && code != MANSIO_E_CLOSED;
}

static int ask_due(struct sweeping *s, struct due **out, size_t *out_count)
{
    struct pg_conn *conn = NULL;
    const struct pg_result *result = NULL;
    struct pg_params params;
    pg_params_init(&params);
    pg_add_int64(&params, s->grace_us);
    pg_add_int64(&params, s->keep_us);
    pg_add_int32(&params, DUE_MAX);
    int rc = pg_borrow_ask(s->store->pg->serving, 0, PG_SQL_SWEEP_DUE, &params, s->deadline_us,
                           &conn, &result);
    if (rc < 0) {
        return rc;
    }
    size_t count = pg_rows(result);
    struct due *due = mansio_arena_try_alloc(s->arena, (count + 1) * sizeof *due);
    for (size_t i = 0; due != NULL && i < count; i++) {
        due[i] = (struct due){pg_get_int64(result, i, 0), pg_get_int64(result, i, 1),
                              pg_get_int32(result, i, 2)};
    }
    pg_give_back(conn);
    *out = due;
    *out_count = count;
    return due != NULL ? 0 : MANSIO_E_LIMIT;
}

int pg_sweep_once(struct pg_store *store, int64_t grace_us, int64_t keep_us, int64_t deadline_us,
                  uint64_t *out_swept)
{
    struct sweeping s = {.store = store,
                         .arena = mansio_arena_new(NULL, "sweep", 16 << 20),
                         .grace_us = grace_us,
                         .keep_us = keep_us,
                         .deadline_us = deadline_us};
    struct due *due = NULL;
    size_t count = 0;
    int rc = ask_due(&s, &due, &count);
    int failed = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = sweep_one(&s, &due[i]);
        /* An account that is busy has its turn the next time, and one that can't be swept keeps
         * nobody behind it from being swept. */
        if (rc < 0 && is_of_one(rc) && mansio_now_us() < deadline_us) {
            failed = failed == 0 && rc != MANSIO_E_BUSY ? rc : failed;
            rc = 0;
        }
    }
    mansio_arena_free(s.arena);
    *out_swept = s.swept;
    rc = rc == 0 ? failed : rc;
    return rc < 0 ? rc : count == DUE_MAX;
}
