/*
 * Ids of a leased number and a leased span of milliseconds.
 *
 * Owns the lease. Time here only moves ids forward: it is held between the last id given and the
 * end of the span, so a clock that steps back or runs ahead makes ids less even, never equal.
 */
#include "ids.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/sync.h>
#include <mansio/time.h>

#include "store_sql.h"

enum {
    COUNTER_BITS = 10,
    NUMBER_BITS = 12,
    COUNTER_MAX = (1 << COUNTER_BITS) - 1,
    HOLDER_MAX = 64,
};

#define EPOCH_MS  INT64_C(1735689600000) /* 2025-01-01T00:00:00Z */
#define LEASE_US  (10 * 60 * MANSIO_SECOND)
#define SPARE_MS  INT64_C(60000) /* beyond the lease's end, for clocks that run ahead */
#define HALF_US   (LEASE_US / 2)
#define MARGIN_US (5 * MANSIO_SECOND) /* we stop this long before the database thinks so */
#define TEND_US   (10 * MANSIO_SECOND)

struct pg_ids {
    struct pg *pg;
    struct mansio_mutex *mutex; /* one fiber leases */
    int32_t number;             /* -1: none */
    int64_t ms, limit_ms;       /* of the last id; past the last that may be */
    int32_t counter;
    int64_t until_us; /* monotonic: the lease is ours */
    char holder[HOLDER_MAX];
};

struct pg_ids *pg_ids_new(struct pg *pg, struct mansio_arena *arena)
{
    struct pg_ids *ids = mansio_arena_alloc(arena, sizeof *ids);
    ids->pg = pg;
    ids->mutex = mansio_mutex_new(arena);
    ids->number = -1;
    return ids;
}

static int has_room(const struct pg_ids *ids)
{
    return ids->number >= 0 && mansio_now_us() < ids->until_us && ids->ms < ids->limit_ms - 1;
}

static int lease(struct pg_ids *ids, int64_t deadline_us)
{
    struct pg_conn *conn = NULL;
    const struct pg_result *result = NULL;
    struct pg_params params;
    int64_t asked_us = mansio_now_us();
    char host[HOLDER_MAX / 2] = "";
    (void)gethostname(host, sizeof host - 1);
    /* A new name for each lease: the one before may still be thought ours. */
    int len = snprintf(ids->holder, sizeof ids->holder, "%s/%ld/%" PRId64, host, (long)getpid(),
                       asked_us);
    pg_params_init(&params);
    pg_add_text(&params, (struct mansio_str){ids->holder, (size_t)len});
    pg_add_int64(&params, LEASE_US);
    pg_add_int64(&params, LEASE_US / MANSIO_MS + SPARE_MS);
    pg_add_int64(&params, EPOCH_MS);
    int rc =
        pg_borrow_ask(ids->pg->serving, 0, PG_SQL_ID_LEASE, &params, deadline_us, &conn, &result);
    if (rc < 0) {
        return rc;
    }
    if (pg_rows(result) == 1) {
        ids->number = pg_get_int32(result, 0, 0);
        ids->ms = pg_get_int64(result, 0, 1);
        ids->limit_ms = pg_get_int64(result, 0, 2);
        ids->counter = 0;
        ids->until_us = asked_us + LEASE_US - MARGIN_US;
    } else {
        rc = mansio_fail(MANSIO_E_UNAVAILABLE, "no worker number is free");
    }
    pg_give_back(conn);
    return rc;
}

static int ensure(struct pg_ids *ids, int64_t deadline_us)
{
    if (has_room(ids)) {
        return 0;
    }
    int rc = mansio_mutex_lock(ids->mutex, deadline_us);
    if (rc < 0) {
        return rc;
    }
    rc = has_room(ids) ? 0 : lease(ids, deadline_us);
    mansio_mutex_unlock(ids->mutex);
    return rc;
}

static int64_t next(struct pg_ids *ids)
{
    int64_t now_ms = mansio_wall_us() / MANSIO_MS - EPOCH_MS;
    if (now_ms >= ids->limit_ms) {
        now_ms = ids->ms;
    }
    if (now_ms > ids->ms) {
        ids->ms = now_ms;
        ids->counter = 0;
    } else if (++ids->counter > COUNTER_MAX) {
        ids->ms++;
        ids->counter = 0;
    }
    return (ids->ms << (NUMBER_BITS + COUNTER_BITS)) | ((int64_t)ids->number << COUNTER_BITS) |
           ids->counter;
}

int pg_ids_take(struct pg_ids *ids, size_t count, int64_t deadline_us, int64_t *out)
{
    for (size_t i = 0; i < count; i++) {
        int rc = ensure(ids, deadline_us);
        if (rc < 0) {
            return rc;
        }
        out[i] = next(ids);
    }
    return 0;
}

void pg_ids_tend(struct pg_ids *ids)
{
    if (ids->number < 0 || mansio_now_us() < ids->until_us - HALF_US ||
        mansio_mutex_try_lock(ids->mutex) < 0) {
        return;
    }
    struct pg_conn *conn = NULL;
    const struct pg_result *result = NULL;
    struct pg_params params;
    int64_t asked_us = mansio_now_us();
    pg_params_init(&params);
    pg_add_int32(&params, ids->number);
    pg_add_text(&params, mansio_str_from_cstr(ids->holder));
    pg_add_int64(&params, LEASE_US);
    pg_add_int64(&params, LEASE_US / MANSIO_MS + SPARE_MS);
    pg_add_int64(&params, EPOCH_MS);
    int rc = pg_borrow_ask(ids->pg->serving, 0, PG_SQL_ID_RENEW, &params,
                           mansio_deadline_in(TEND_US), &conn, &result);
    if (rc == 0 && pg_rows(result) == 1) {
        ids->limit_ms = pg_get_int64(result, 0, 0);
        ids->until_us = asked_us + LEASE_US - MARGIN_US;
    } else if (rc == 0) {
        ids->number = -1; /* lost: the next id leases another */
    }
    pg_give_back(rc == 0 ? conn : NULL);
    mansio_mutex_unlock(ids->mutex);
}
