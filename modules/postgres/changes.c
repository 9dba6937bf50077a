/*
 * The change log, and what an account holds.
 *
 * The log is no table of its own: entries and collections carry the modseq of their last change,
 * and what is gone left a tombstone. Pages are bounded by the modseq at the beginning, so a thing
 * that changes meanwhile is in the next look at the log, not twice in this one.
 */
#include "store_private.h"

enum { CHANGES_PAGE = 16384, PACE_ROWS = 256 };

#define USAGE_FRESH_US (5 * MANSIO_SECOND)

struct cursor {
    int64_t modseq, collection, uid;
    int32_t kind;
};

static int changes_page(struct pg_op *op, uint64_t collection, int64_t since, int64_t upto,
                        const struct cursor *after, const struct pg_result **out)
{
    struct pg_params params;
    pg_params_init(&params);
    pg_op_params(op, &params);
    pg_add_int64(&params, (int64_t)collection);
    pg_add_int64(&params, since);
    pg_add_int64(&params, upto);
    pg_add_int64(&params, after->modseq);
    pg_add_int64(&params, after->collection);
    pg_add_int32(&params, after->kind);
    pg_add_int64(&params, after->uid);
    pg_add_int32(&params, CHANGES_PAGE);
    int rc = pg_tenant(op->conn, (uint64_t)op->tenant);
    return rc == 0 ? pg_ask(op->conn, PG_SQL_CHANGES, &params, op->deadline_us, out) : rc;
}

static int changes_visit(const struct pg_result *result, struct cursor *last,
                         mansio_change_fn visit, void *arg)
{
    int rc = 0;
    for (size_t row = 0; rc == 0 && row < pg_rows(result); row++) {
        *last = (struct cursor){
            .modseq = pg_get_int64(result, row, 0),
            .kind = pg_get_int32(result, row, 1),
            .collection = pg_get_int64(result, row, 2),
            .uid = pg_get_int64(result, row, 3),
        };
        const struct mansio_change change = {
            .size = sizeof change,
            .modseq = (uint64_t)last->modseq,
            .collection_id = (uint64_t)last->collection,
            .message_id = (uint64_t)pg_get_int64(result, row, 4),
            .kind = (uint32_t)last->kind,
            .uid = (uint32_t)last->uid,
        };
        rc = visit(arg, &change);
        if (rc == 0 && row % PACE_ROWS == PACE_ROWS - 1) {
            rc = mansio_fiber_pace();
        }
    }
    return rc;
}

static int receive_usage(struct pg_op *op, struct mansio_usage *out, int64_t *out_horizon)
{
    const struct pg_result *result = NULL;
    int rc = pg_receive(op->conn, op->deadline_us, &result);
    if (rc < 0) {
        return rc;
    }
    if (pg_rows(result) == 0 || pg_get_bool(result, 0, 3)) {
        pg_seen_drop(op->store->seen, op->tenant, op->account);
        return mansio_fail(MANSIO_E_NOT_FOUND, "the account is gone");
    }
    out->modseq = (uint64_t)pg_get_int64(result, 0, 0);
    out->bytes = (uint64_t)pg_get_int64(result, 0, 1);
    out->messages = (uint64_t)pg_get_int64(result, 0, 2);
    *out_horizon = pg_get_int64(result, 0, 4);
    pg_seen_put(op->store->seen, op->tenant, op->account, (int64_t)out->bytes,
                (int64_t)out->messages);
    return 0;
}

/* What the account holds and, unless @p collection is 0, whether there is such a one: in one round
 * trip. */
static int ask_usage(struct pg_op *op, uint64_t collection, struct mansio_usage *out,
                     int64_t *out_horizon)
{
    struct pg_probe probe;
    struct pg_params params;
    pg_params_init(&params);
    pg_op_params(op, &params);
    int rc = pg_send(op->conn, PG_SQL_ACCOUNT_USAGE, &params);
    if (rc == 0 && collection != 0) {
        rc = pg_probe_send(op, collection);
    }
    if (rc == 0) {
        rc = pg_sync(op->conn, 0);
    }
    if (rc == 0) {
        rc = receive_usage(op, out, out_horizon);
    }
    if (rc == 0 && collection != 0) {
        rc = pg_probe_receive(op, &probe);
    }
    return rc == 0 ? pg_finish(op->conn, op->deadline_us) : rc;
}

static int changes_all(struct pg_op *op, uint64_t collection, uint64_t since,
                       mansio_change_fn visit, void *arg)
{
    struct mansio_usage usage = {0};
    int64_t horizon = 0;
    struct cursor last = {0};
    size_t rows = CHANGES_PAGE;
    int rc = ask_usage(op, collection, &usage, &horizon);
    if (rc == 0 && since > 0 && since < (uint64_t)horizon) {
        return mansio_fail(MANSIO_E_UNSUPPORTED, "changes are remembered since %lld",
                           (long long)horizon);
    }
    while (rc == 0 && rows == CHANGES_PAGE && since < usage.modseq) {
        const struct pg_result *result = NULL;
        rc = changes_page(op, collection, (int64_t)since, (int64_t)usage.modseq, &last, &result);
        rows = rc == 0 ? pg_rows(result) : 0;
        if (rc == 0) {
            rc = changes_visit(result, &last, visit, arg);
        }
    }
    return rc;
}

int pg_changes(struct mansio_instance *pool, struct mansio_account *account, uint64_t collection_id,
               uint64_t since, mansio_change_fn visit, void *arg, int64_t deadline_us)
{
    struct pg_op op;
    int rc = pg_op_begin(&op, pool, account, deadline_us);
    if (rc == 0) {
        rc = changes_all(&op, collection_id, since, visit, arg);
    }
    return pg_op_end(&op, rc);
}

int pg_usage(struct mansio_instance *pool, struct mansio_account *account, int64_t deadline_us,
             struct mansio_usage *out)
{
    struct pg_op op;
    int64_t horizon;
    int rc = pg_op_begin(&op, pool, account, deadline_us);
    if (rc == 0) {
        rc = ask_usage(&op, 0, out, &horizon);
    }
    return pg_op_end(&op, rc);
}

int pg_may_deliver(struct mansio_instance *pool, struct mansio_account *account, uint64_t bytes,
                   int64_t deadline_us)
{
    struct pg_op op;
    int64_t held_bytes;
    int64_t held_messages;
    int rc = pg_op_init(&op, pool, account, deadline_us);
    if (rc < 0 || (op.facts->quota_bytes == 0 && op.facts->quota_messages == 0)) {
        return rc;
    }
    if (!pg_seen_usage(op.store->seen, op.tenant, op.account, USAGE_FRESH_US, &held_bytes,
                       &held_messages)) {
        struct mansio_usage usage;
        int64_t horizon;
        rc = pg_op_begin(&op, pool, account, deadline_us);
        if (rc == 0) {
            rc = ask_usage(&op, 0, &usage, &horizon);
        }
        rc = pg_op_end(&op, rc);
        if (rc < 0) {
            return rc;
        }
        held_bytes = (int64_t)usage.bytes;
        held_messages = (int64_t)usage.messages;
    }
    /* Of an unknown size: room for one byte is asked for. */
    uint64_t wanted = (uint64_t)held_bytes + (bytes > 0 ? bytes : 1);
    if ((op.facts->quota_bytes > 0 && wanted > op.facts->quota_bytes) ||
        (op.facts->quota_messages > 0 && (uint64_t)held_messages + 1 > op.facts->quota_messages)) {
        return mansio_fail(MANSIO_E_LIMIT, "over quota");
    }
    return 0;
}
