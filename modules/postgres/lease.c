/*
 * Leases: one row a name. A fence is drawn from one sequence for all names, and a row stays when
 * its lease is given back: so fences of a name only grow.
 */
#include "lease.h"

#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/interface.h>
#include <mansio/lease.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "sql.h"

#define DURATION_MIN_US MANSIO_SECOND
#define DURATION_MAX_US (3600 * MANSIO_SECOND)

static int check_text(const char *what, struct mansio_str text)
{
    if (text.len == 0 || text.len > MANSIO_LEASE_NAME_MAX ||
        mansio_str_find_char(text, '\0') >= 0) {
        return mansio_fail(MANSIO_E_INVALID, "lease: %s: wanted 1 to %d bytes without NUL", what,
                           MANSIO_LEASE_NAME_MAX);
    }
    return 0;
}

/* Names and holders are any bytes, the columns text: what isn't ASCII is written as \xx. */
static void add_bytes(struct pg_params *params, struct mansio_buf *room, struct mansio_str bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        if (c >= 128 || c == '\\') {
            (void)mansio_buf_printf(room, "\\%02x", c);
        } else {
            (void)mansio_buf_add_char(room, (char)c);
        }
    }
    pg_add_text(params, mansio_buf_str(room));
}

struct asking {
    struct mansio_arena *arena;
    struct pg_params params;
};

static int begin(struct asking *asking, struct mansio_str name, struct mansio_str holder,
                 int64_t duration_us)
{
    enum { WRITTEN_MAX = 3 * MANSIO_LEASE_NAME_MAX };
    int rc = check_text("name", name);
    rc = rc < 0 ? rc : check_text("holder", holder);
    if (rc == 0 && (duration_us < DURATION_MIN_US || duration_us > DURATION_MAX_US)) {
        rc = mansio_fail(MANSIO_E_INVALID, "lease: duration: wanted 1 second to 1 hour");
    }
    if (rc < 0) {
        return rc;
    }
    asking->arena = mansio_arena_new(NULL, "lease", 0);
    pg_params_init(&asking->params);
    add_bytes(&asking->params, mansio_buf_new(asking->arena, WRITTEN_MAX), name);
    add_bytes(&asking->params, mansio_buf_new(asking->arena, WRITTEN_MAX), holder);
    return 0;
}

/* The interface knows no "busy" beside "held by another". */
static int as_lease(int rc)
{
    return rc == MANSIO_E_BUSY ? mansio_fail(MANSIO_E_UNAVAILABLE, "lease: no connection free")
                               : rc;
}

/* One row's worth of a change; -1 in @p out_fence: none. */
static int change(struct pg *pg, unsigned statement, const struct pg_params *params,
                  int64_t deadline_us, uint64_t *out_affected, int64_t *out_fence)
{
    struct pg_conn *conn = NULL;
    const struct pg_result *result = NULL;
    int64_t fence = -1;
    uint64_t affected = 0;
    int rc = as_lease(pg_borrow(pg->serving, deadline_us, &conn));
    if (rc < 0) {
        return rc;
    }
    rc = pg_send(conn, statement, params);
    rc = rc < 0 ? rc : pg_sync(conn, PG_SYNC_COMMIT);
    rc = rc < 0 ? rc : pg_receive(conn, deadline_us, &result);
    if (rc == 0) {
        affected = pg_affected(result);
        fence = pg_rows(result) == 1 ? pg_get_int64(result, 0, 0) : -1;
        rc = pg_finish(conn, deadline_us);
    }
    pg_give_back(conn);
    *out_affected = affected;
    *out_fence = fence;
    return as_lease(rc);
}

static int lease_acquire(struct mansio_instance *instance, struct mansio_str name,
                         struct mansio_str holder, int64_t duration_us, int64_t deadline_us,
                         uint64_t *out_fence)
{
    struct asking asking;
    uint64_t affected = 0;
    int64_t fence = -1;
    int rc = begin(&asking, name, holder, duration_us);
    if (rc < 0) {
        return rc;
    }
    pg_add_int64(&asking.params, duration_us);
    rc = change(pg_of(instance), PG_SQL_LEASE_ACQUIRE, &asking.params, deadline_us, &affected,
                &fence);
    mansio_arena_free(asking.arena);
    if (rc == 0 && fence < 0) {
        return mansio_fail(MANSIO_E_BUSY, "lease %.*s: somebody else holds it",
                           MANSIO_STR_ARG(name));
    }
    if (rc == 0) {
        *out_fence = (uint64_t)fence;
    }
    return rc;
}

static int lease_renew(struct mansio_instance *instance, struct mansio_str name,
                       struct mansio_str holder, uint64_t fence, int64_t duration_us,
                       int64_t deadline_us)
{
    struct asking asking;
    uint64_t affected = 0;
    int64_t none;
    int rc = begin(&asking, name, holder, duration_us);
    if (rc < 0) {
        return rc;
    }
    pg_add_int64(&asking.params, (int64_t)fence);
    pg_add_int64(&asking.params, duration_us);
    rc = change(pg_of(instance), PG_SQL_LEASE_RENEW, &asking.params, deadline_us, &affected, &none);
    mansio_arena_free(asking.arena);
    if (rc == 0 && affected != 1) {
        return mansio_fail(MANSIO_E_DENIED, "lease %.*s: lost meanwhile", MANSIO_STR_ARG(name));
    }
    return rc;
}

static int lease_release(struct mansio_instance *instance, struct mansio_str name,
                         struct mansio_str holder, uint64_t fence, int64_t deadline_us)
{
    struct asking asking;
    uint64_t affected = 0;
    int64_t none;
    int rc = begin(&asking, name, holder, DURATION_MIN_US);
    if (rc < 0) {
        return rc;
    }
    pg_add_int64(&asking.params, (int64_t)fence);
    rc = change(pg_of(instance), PG_SQL_LEASE_RELEASE, &asking.params, deadline_us, &affected,
                &none);
    mansio_arena_free(asking.arena);
    return rc;
}

static const struct mansio_lease lease_table = {
    .size = sizeof lease_table,
    .acquire = lease_acquire,
    .renew = lease_renew,
    .release = lease_release,
};

const struct mansio_lease *pg_lease_table(void)
{
    return &lease_table;
}

int pg_lease_load(struct pg *pg)
{
    return mansio_interface_provide(pg->instance, MANSIO_LEASE, MANSIO_LEASE_VERSION, &lease_table);
}
