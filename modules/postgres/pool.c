/*
 * Lending connections out.
 *
 * Owns who waits (first come, first served), what is idle (latest used first, so that the rest
 * grows old and is closed), and the one fiber that tries again while the server is away. Opening
 * is done by fibers of the pool, never by the borrower's: that one may be cancelled.
 */
#include "pool.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/time.h>

#include "conn.h"
#include "pool_private.h"
#include "postgres.h"

#define DRAIN_US       (5 * MANSIO_SECOND)
#define BACKOFF_MIN_US (100 * MANSIO_MS)
#define BACKOFF_MAX_US (5 * MANSIO_SECOND)
#define EAGER_MAX_US   (200 * MANSIO_MS)
#define KEEPER_US      (10 * MANSIO_SECOND)
#define CLOSE_US       (5 * MANSIO_SECOND)
#define CLOSE_LOOK_US  (5 * MANSIO_MS)

struct pg_waiter {
    struct pg_waiter *next;
    struct mansio_event *event;
    struct pg_conn *conn;
    int code; /* why there is none */
};

/* ---- who waits ------------------------------------------------------------------------------ */

static void enter(struct pg_pool *pool, struct pg_waiter *waiter)
{
    if (pool->last != NULL) {
        pool->last->next = waiter;
    } else {
        pool->first = waiter;
    }
    pool->last = waiter;
    pool->waiting++;
}

static void leave(struct pg_pool *pool, struct pg_waiter *waiter)
{
    struct pg_waiter *before = NULL;
    for (struct pg_waiter *at = pool->first; at != NULL; before = at, at = at->next) {
        if (at != waiter) {
            continue;
        }
        if (before != NULL) {
            before->next = at->next;
        } else {
            pool->first = at->next;
        }
        pool->last = pool->last == at ? before : pool->last;
        pool->waiting--;
        return;
    }
}

static void tell_all(struct pg_pool *pool, int code)
{
    while (pool->first != NULL) {
        struct pg_waiter *waiter = pool->first;
        leave(pool, waiter);
        waiter->code = code;
        mansio_event_set(waiter->event);
    }
}

static int away(const struct pg_pool *pool)
{
    return mansio_fail(MANSIO_E_UNAVAILABLE, "%s", pool->away);
}

/* ---- opening -------------------------------------------------------------------------------- */

static void drop(struct pg_pool *pool, struct pg_conn *conn)
{
    pool->open--;
    pg_close(conn);
}

/* A connection at rest, to who waits longest, or to the others. */
static void park(struct pg_pool *pool, struct pg_conn *conn)
{
    struct pg_waiter *waiter = pool->first;
    if (waiter != NULL) {
        leave(pool, waiter);
        waiter->conn = conn;
        mansio_event_set(waiter->event);
        return;
    }
    conn->parked_us = mansio_now_us();
    conn->next = pool->idle;
    pool->idle = conn;
    mansio_event_set(pool->parked);
}

static int64_t jittered(int64_t pause_us)
{
    uint32_t bits = 0;
    (void)!getrandom(&bits, sizeof bits, GRND_NONBLOCK); /* none: no jitter, no harm */
    return pause_us / 2 + (int64_t)((uint64_t)pause_us * bits / UINT32_MAX) / 2;
}

static void went_away(struct pg_pool *pool, int code)
{
    snprintf(pool->away, sizeof pool->away, "%s", mansio_error_detail());
    if (!pool->is_away) {
        pool->is_away = 1;
        mansio_log(MANSIO_LOG_ERROR, "database-away", MANSIO_KV_CSTR("pool", pool->name),
                   MANSIO_KV_CODE("error", code), MANSIO_KV_END);
    }
    pool->away_code = code;
    tell_all(pool, MANSIO_E_UNAVAILABLE);
}

static void came_back(struct pg_pool *pool)
{
    if (pool->is_away) {
        pool->is_away = 0;
        mansio_log(MANSIO_LOG_INFO, "database-back", MANSIO_KV_CSTR("pool", pool->name),
                   MANSIO_KV_END);
    }
}

/* Opens one connection. The one that finds the server away stays and tries until it is back. */
static int opener(void *arg)
{
    struct pg_pool *pool = arg;
    int64_t pause_us = BACKOFF_MIN_US;
    int rc = 0;
    while (!pool->is_closing) {
        struct pg_conn *conn = NULL;
        rc = pg_open(pool, mansio_deadline_in(pool->pg->config.connect_timeout_us), &conn);
        if (rc == 0) {
            pool->open++;
            pool->opening--;
            came_back(pool);
            park(pool, conn);
            return 0;
        }
        int is_first = !pool->is_away;
        if (rc == MANSIO_E_CANCELLED) {
            break;
        }
        went_away(pool, rc);
        if (!is_first && pause_us == BACKOFF_MIN_US) {
            break; /* somebody else is trying already */
        }
        rc = mansio_fiber_sleep_until(mansio_deadline_in(jittered(pause_us)));
        pause_us = pause_us * 2 > pool->pause_max_us ? pool->pause_max_us : pause_us * 2;
        if (rc < 0) {
            break;
        }
    }
    pool->opening--;
    return rc;
}

/* As many at work as are waited for, within the size. */
static void open_more(struct pg_pool *pool)
{
    while (!pool->is_closing && !(pool->is_away && pool->opening > 0) &&
           pool->opening < pool->waiting && pool->open + pool->opening < pool->size) {
        pool->opening++;
        int rc = mansio_group_spawn(pool->group, "postgres open", opener, pool, NULL);
        if (rc < 0) {
            pool->opening--;
            if (pool->opening + pool->open == 0) {
                tell_all(pool, rc);
            }
            return;
        }
    }
}

/* ---- idle ones ------------------------------------------------------------------------------ */

/* Close what has been idle for too long, or is dead. */
static void weed(struct pg_pool *pool)
{
    const struct pg_config *config = &pool->pg->config;
    int64_t now_us = mansio_now_us();
    struct pg_conn **at = &pool->idle;
    while (*at != NULL) {
        struct pg_conn *conn = *at;
        if (pg_look_idle(conn) < 0 || now_us - conn->parked_us > config->idle_timeout_us ||
            now_us - conn->opened_us > config->lifetime_us) {
            *at = conn->next;
            drop(pool, conn);
        } else {
            at = &conn->next;
        }
    }
}

static int keeper(void *arg)
{
    struct pg_pool *pool = arg;
    struct mansio_waitable *parked = mansio_event_waitable(pool->parked);
    for (;;) {
        int rc = mansio_wait(&parked, 1, MANSIO_NEVER, 0);
        if (rc >= 0) {
            rc = mansio_fiber_sleep_until(mansio_deadline_in(KEEPER_US));
        }
        if (rc < 0) {
            return rc;
        }
        weed(pool);
        if (pool->idle == NULL) {
            mansio_event_clear(pool->parked);
        }
    }
}

/* ---- the pool ------------------------------------------------------------------------------- */

struct pg_pool *pg_pool_new(struct pg *pg, enum pg_role role, const char *name, size_t size)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "postgres pool", 0);
    struct pg_pool *pool = mansio_arena_alloc(arena, sizeof *pool);
    pool->arena = arena;
    pool->pg = pg;
    pool->role = role;
    pool->name = name;
    pool->size = size;
    pool->pause_max_us = BACKOFF_MAX_US;
    pool->group = mansio_group_new(name);
    pool->parked = mansio_event_new(arena);
    /* Without the keeper idle connections stay: no harm that anybody would notice. */
    (void)!mansio_group_spawn(pool->group, "postgres keeper", keeper, pool, NULL);
    return pool;
}

void pg_pool_be_eager(struct pg_pool *pool)
{
    pool->pause_max_us = EAGER_MAX_US;
}

void pg_pool_resize(struct pg_pool *pool, size_t size)
{
    pool->size = size;
    open_more(pool);
}

/* Until nobody uses the pool any more, who waits was told and what was lent is given back. */
static void wait_for_users(struct pg_pool *pool)
{
    int64_t deadline_us = mansio_deadline_in(CLOSE_US);
    mansio_fiber_mask();
    while ((pool->open > 0 || pool->users > 0) && mansio_now_us() < deadline_us) {
        (void)!mansio_fiber_sleep_until(mansio_deadline_in(CLOSE_LOOK_US));
    }
    mansio_fiber_unmask();
}

void pg_pool_close(struct pg_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    pool->is_closing = 1;
    tell_all(pool, MANSIO_E_CLOSED);
    mansio_group_close(pool->group);
    while (pool->idle != NULL) {
        struct pg_conn *conn = pool->idle;
        pool->idle = conn->next;
        drop(pool, conn);
    }
    wait_for_users(pool);
    if (pool->open > 0 || pool->users > 0) {
        /* Whoever holds one still will give it back: so the pool stays, and the memory is lost. */
        mansio_log(MANSIO_LOG_ERROR, "pool-still-used", MANSIO_KV_CSTR("pool", pool->name),
                   MANSIO_KV_INT("connections", pool->open), MANSIO_KV_END);
        return;
    }
    mansio_arena_free(pool->arena);
}

int pg_pool_refusal(const struct pg_pool *pool)
{
    return pool->is_away ? pool->away_code : 0;
}

static struct pg_conn *take_idle(struct pg_pool *pool)
{
    while (pool->idle != NULL) {
        struct pg_conn *conn = pool->idle;
        pool->idle = conn->next;
        conn->next = NULL;
        if (pg_look_idle(conn) == 0) {
            return conn;
        }
        drop(pool, conn);
    }
    return NULL;
}

/* What a wait in line came to. */
static int borrowed(struct pg_pool *pool, const struct pg_waiter *waiter, int rc)
{
    if (rc == MANSIO_E_TIMEOUT) {
        return mansio_fail(MANSIO_E_BUSY, "PostgreSQL: none of %zu connections of pool %s free",
                           pool->size, pool->name);
    }
    if (rc < 0 || waiter->conn != NULL) {
        return rc < 0 ? rc : 0;
    }
    return waiter->code == MANSIO_E_UNAVAILABLE
               ? away(pool)
               : mansio_fail(waiter->code, "PostgreSQL: pool %s", pool->name);
}

static int wait_for_one(struct pg_pool *pool, struct pg_waiter *waiter, int64_t deadline_us)
{
    struct mansio_waitable *ready = mansio_event_waitable(waiter->event);
    enter(pool, waiter);
    open_more(pool);
    int rc = mansio_wait(&ready, 1, deadline_us, 0);
    leave(pool, waiter);
    if (rc >= 0 || waiter->conn == NULL) {
        return rc;
    }
    /* It came in the same moment as the signal. */
    pg_give_back(waiter->conn);
    waiter->conn = NULL;
    return rc;
}

int pg_borrow(struct pg_pool *pool, int64_t deadline_us, struct pg_conn **out)
{
    /* Not mansio_fiber_is_cancelled(), which says so of a masked fiber too: that is how who was
     * cancelled gives back what it holds, a lease for one. */
    int cancelled = mansio_fiber_pace();
    if (cancelled < 0) {
        return cancelled;
    }
    if (pool->is_closing) {
        return mansio_fail(MANSIO_E_CLOSED, "PostgreSQL: pool %s is closed", pool->name);
    }
    int64_t asked_us = mansio_now_us();
    struct pg_conn *conn = pool->first == NULL ? take_idle(pool) : NULL;
    if (conn == NULL && pool->is_away && pool->open == 0 && pool->opening > 0) {
        return away(pool);
    }
    if (conn == NULL) {
        MANSIO_SCRATCH_BEGIN(scratch);
        struct pg_waiter waiter = {.event = mansio_event_new(scratch)};
        pool->users++;
        int rc = wait_for_one(pool, &waiter, deadline_us);
        rc = borrowed(pool, &waiter, rc);
        pool->users--;
        conn = waiter.conn;
        MANSIO_SCRATCH_END(scratch);
        if (rc < 0) {
            return rc;
        }
    }
    mansio_metric_observe(pool->pg->instance, PG_METRIC_BORROW_WAIT, mansio_now_us() - asked_us);
    *out = conn;
    return 0;
}

static int drainer(void *arg)
{
    struct pg_conn *conn = arg;
    struct pg_pool *pool = conn->pool;
    int rc = pg_drain(conn, mansio_deadline_in(DRAIN_US));
    if (rc < 0 || pool->is_closing) {
        drop(pool, conn);
        open_more(pool);
        return 0;
    }
    park(pool, conn);
    return 0;
}

void pg_give_back(struct pg_conn *conn)
{
    if (conn == NULL) {
        return;
    }
    struct pg_pool *pool = conn->pool;
    int is_old = mansio_now_us() - conn->opened_us > pool->pg->config.lifetime_us;
    if (conn->is_broken || conn->is_worn || is_old || pool->is_closing || pool->open > pool->size) {
        drop(pool, conn);
        open_more(pool);
    } else if (pg_is_at_rest(conn)) {
        pg_forget(conn);
        park(pool, conn);
    } else if (mansio_group_spawn(pool->group, "postgres drain", drainer, conn, NULL) < 0) {
        drop(pool, conn);
        open_more(pool);
    }
}

/* ---- one statement -------------------------------------------------------------------------- */

int pg_borrow_ask(struct pg_pool *pool, uint64_t tenant_id, unsigned id,
                  const struct pg_params *params, int64_t deadline_us, struct pg_conn **out_conn,
                  const struct pg_result **out)
{
    struct pg_conn *conn = NULL;
    int rc = pg_borrow(pool, deadline_us, &conn);
    if (rc < 0) {
        return rc;
    }
    if (tenant_id != 0) {
        rc = pg_tenant(conn, tenant_id);
    }
    if (rc == 0) {
        rc = pg_ask(conn, id, params, deadline_us, out);
    }
    if (rc < 0) {
        pg_give_back(conn);
        return rc;
    }
    *out_conn = conn;
    return 0;
}

int pg_change(struct pg_pool *pool, uint64_t tenant_id, unsigned id, const struct pg_params *params,
              int64_t deadline_us, uint64_t *out_affected)
{
    struct pg_conn *conn = NULL;
    const struct pg_result *result = NULL;
    uint64_t affected = 0;
    int rc = pg_borrow(pool, deadline_us, &conn);
    if (rc < 0) {
        return rc;
    }
    if (tenant_id != 0) {
        rc = pg_tenant(conn, tenant_id);
    }
    if (rc == 0) {
        rc = pg_send(conn, id, params);
    }
    if (rc == 0) {
        rc = pg_sync(conn, PG_SYNC_COMMIT);
    }
    if (rc == 0) {
        rc = pg_receive(conn, deadline_us, &result);
    }
    if (rc == 0) {
        affected = pg_affected(result);
        rc = pg_finish(conn, deadline_us);
    }
    pg_give_back(conn);
    if (rc == 0 && out_affected != NULL) {
        *out_affected = affected;
    }
    return rc;
}
