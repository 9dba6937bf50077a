/*
 * Collections and subscriptions.
 */
#include "store_private.h"

#include <string.h>

static void fill(struct mansio_collection *out, const struct pg_result *result, size_t row)
{
    *out = (struct mansio_collection){
        .size = sizeof *out,
        .id = (uint64_t)pg_get_int64(result, row, 0),
        .kind = (uint32_t)pg_get_int32(result, row, 1),
        .special_use = (uint32_t)pg_get_int32(result, row, 2),
        .name = pg_get_str(result, row, 3),
        .uid_validity = (uint32_t)pg_get_int64(result, row, 4),
        .uid_next = (uint32_t)pg_get_int64(result, row, 5),
        .recent_from = (uint32_t)pg_get_int64(result, row, 6),
        .messages = (uint64_t)pg_get_int64(result, row, 7),
        .unseen = (uint64_t)pg_get_int64(result, row, 8),
        .bytes = (uint64_t)pg_get_int64(result, row, 9),
        .modseq = (uint64_t)pg_get_int64(result, row, 10),
        .is_subscribed = (uint32_t)pg_get_bool(result, row, 11),
    };
}

int pg_collection_list(struct mansio_instance *pool, struct mansio_account *account, uint32_t kind,
                       mansio_collection_fn visit, void *arg, int64_t deadline_us)
{
    struct pg_op op;
    const struct pg_result *result = NULL;
    int rc = pg_op_begin(&op, pool, account, deadline_us);
    if (rc == 0) {
        struct pg_params params;
        pg_params_init(&params);
        pg_op_params(&op, &params);
        pg_add_int32(&params, (int32_t)kind);
        rc = pg_ask(op.conn, PG_SQL_COLLECTION_LIST, &params, deadline_us, &result);
    }
    for (size_t row = 0; rc == 0 && row < pg_rows(result); row++) {
        struct mansio_collection collection;
        fill(&collection, result, row);
        rc = visit(arg, &collection);
    }
    return pg_op_end(&op, rc);
}

/* One row into the caller's arena. */
static int give_one(struct pg_op *op, unsigned id, const struct pg_params *params,
                    struct mansio_arena *arena, struct mansio_collection *out)
{
    const struct pg_result *result = NULL;
    struct mansio_collection collection;
    int rc = pg_ask(op->conn, id, params, op->deadline_us, &result);
    if (rc < 0) {
        return rc;
    }
    if (pg_rows(result) == 0) {
        return mansio_fail(MANSIO_E_NOT_FOUND, "no such collection");
    }
    fill(&collection, result, 0);
    rc = mansio_arena_copy(arena, collection.name, &collection.name);
    if (rc == 0) {
        size_t size = out->size < sizeof collection ? out->size : sizeof collection;
        collection.size = out->size;
        memcpy(out, &collection, size);
    }
    return rc;
}

int pg_collection_find(struct mansio_instance *pool, struct mansio_account *account,
                       struct mansio_str name, struct mansio_arena *arena, int64_t deadline_us,
                       struct mansio_collection *out)
{
    struct pg_op op;
    struct pg_params params;
    if (pg_name_check(name, &name) < 0) {
        return mansio_fail(MANSIO_E_NOT_FOUND, "no such collection");
    }
    int rc = pg_op_begin(&op, pool, account, deadline_us);
    if (rc == 0) {
        pg_params_init(&params);
        pg_op_params(&op, &params);
        pg_add_text(&params, name);
        rc = give_one(&op, PG_SQL_COLLECTION_FIND, &params, arena, out);
    }
    return pg_op_end(&op, rc);
}

int pg_collection_get(struct mansio_instance *pool, struct mansio_account *account, uint64_t id,
                      struct mansio_arena *arena, int64_t deadline_us,
                      struct mansio_collection *out)
{
    struct pg_op op;
    struct pg_params params;
    int rc = pg_op_begin(&op, pool, account, deadline_us);
    if (rc == 0) {
        pg_params_init(&params);
        pg_op_params(&op, &params);
        pg_add_int64(&params, (int64_t)id);
        rc = give_one(&op, PG_SQL_COLLECTION_GET, &params, arena, out);
    }
    return pg_op_end(&op, rc);
}

/* Lock, one statement that changes, commit. @p out_rows: rows of its answer. */
static int change(struct pg_op *op, unsigned id, const struct pg_params *params, size_t *out_rows)
{
    const struct pg_result *result = NULL;
    int rc = pg_op_change(op, id, params, &result);
    if (rc == 0) {
        *out_rows = pg_rows(result);
        rc = pg_finish(op->conn, op->deadline_us);
    }
    return rc;
}

int pg_collection_create(struct mansio_instance *pool, struct mansio_account *account,
                         uint32_t kind, struct mansio_str name, uint32_t special_use,
                         int64_t deadline_us, uint64_t *out_id)
{
    struct pg_op op;
    struct pg_params params;
    int64_t id = 0;
    size_t rows;
    if (kind < MANSIO_COLLECTION_MAIL || kind > MANSIO_COLLECTION_CONTACTS ||
        special_use > MANSIO_SPECIAL_ARCHIVE) {
        return mansio_fail(MANSIO_E_INVALID, "no such kind or use of a collection");
    }
    int rc = pg_name_check(name, &name);
    if (rc < 0) {
        return rc;
    }
    rc = pg_op_open(&op, pool, account, deadline_us);
    if (rc == 0) {
        rc = pg_ids_take(op.store->ids, 1, deadline_us, &id);
    }
    if (rc == 0) {
        rc = pg_op_borrow(&op);
    }
    if (rc == 0) {
        pg_params_init(&params);
        pg_op_params(&op, &params);
        pg_add_int64(&params, id);
        pg_add_int32(&params, (int32_t)kind);
        pg_add_int32(&params, special_use == 0 ? MANSIO_SPECIAL_NONE : (int32_t)special_use);
        pg_add_text(&params, name);
        pg_add_int64(&params, mansio_wall_us() / MANSIO_SECOND);
        pg_add_int64(&params, (int64_t)pg_store_collections_max(op.pg));
        rc = change(&op, PG_SQL_COLLECTION_CREATE, &params, &rows);
    }
    if (rc == 0) {
        *out_id = (uint64_t)id;
        pg_tell(op.account, id, 0);
    }
    return pg_op_end(&op, rc);
}

static int is_inbox(const struct pg_op *op, uint64_t id)
{
    return (int64_t)id == op->account;
}

int pg_collection_rename(struct mansio_instance *pool, struct mansio_account *account, uint64_t id,
                         struct mansio_str name, int64_t deadline_us)
{
    struct pg_op op;
    struct pg_params params;
    size_t rows = 0;
    int rc = pg_op_begin(&op, pool, account, deadline_us);
    if (rc == 0 && is_inbox(&op, id)) {
        rc = mansio_fail(MANSIO_E_DENIED, "INBOX keeps its name");
    }
    if (rc == 0) {
        rc = pg_name_check(name, &name);
    }
    if (rc == 0) {
        pg_params_init(&params);
        pg_op_params(&op, &params);
        pg_add_int64(&params, (int64_t)id);
        pg_add_text(&params, name);
        rc = change(&op, PG_SQL_COLLECTION_RENAME, &params, &rows);
    }
    if (rc == 0 && rows == 0) {
        rc = mansio_fail(MANSIO_E_NOT_FOUND, "no such collection");
    }
    if (rc == 0) {
        pg_tell(op.account, (int64_t)id, 0);
    }
    return pg_op_end(&op, rc);
}

int pg_collection_remove(struct mansio_instance *pool, struct mansio_account *account, uint64_t id,
                         int64_t deadline_us)
{
    struct pg_op op;
    struct pg_params params;
    size_t rows = 0;
    int rc = pg_op_begin(&op, pool, account, deadline_us);
    if (rc == 0 && is_inbox(&op, id)) {
        rc = mansio_fail(MANSIO_E_DENIED, "INBOX always exists");
    }
    if (rc == 0) {
        pg_params_init(&params);
        pg_op_params(&op, &params);
        pg_add_int64(&params, (int64_t)id);
        rc = change(&op, PG_SQL_COLLECTION_REMOVE, &params, &rows);
    }
    if (rc == 0 && rows == 0) {
        rc = mansio_fail(MANSIO_E_NOT_FOUND, "no such collection");
    }
    if (rc == 0) {
        pg_tell(op.account, (int64_t)id, 0);
    }
    return pg_op_end(&op, rc);
}

/* ---- subscriptions -------------------------------------------------------------------------- */

enum { SUBSCRIPTIONS_MAX = 10000, SUBSCRIPTION_PAGE = 1000 };

int pg_subscribe(struct mansio_instance *pool, struct mansio_account *account,
                 struct mansio_str name, uint32_t is_subscribed, int64_t deadline_us)
{
    struct pg_op op;
    struct pg_params params;
    size_t rows;
    int rc = pg_name_check(name, &name);
    if (rc < 0) {
        return rc;
    }
    rc = pg_op_begin(&op, pool, account, deadline_us);
    if (rc == 0) {
        pg_params_init(&params);
        pg_op_params(&op, &params);
        pg_add_text(&params, name);
        if (is_subscribed) {
            pg_add_int64(&params, SUBSCRIPTIONS_MAX);
        }
        rc = change(&op, is_subscribed ? PG_SQL_SUBSCRIBE : PG_SQL_UNSUBSCRIBE, &params, &rows);
    }
    return pg_op_end(&op, rc);
}

static int list_names(struct pg_op *op, struct mansio_arena *scratch,
                      int (*visit)(void *arg, struct mansio_str name), void *arg)
{
    struct mansio_str last = MANSIO_STR_NONE;
    size_t rows = SUBSCRIPTION_PAGE;
    int rc = 0;
    while (rc == 0 && rows == SUBSCRIPTION_PAGE) {
        const struct pg_result *result = NULL;
        struct pg_params params;
        pg_params_init(&params);
        pg_op_params(op, &params);
        pg_add_text(&params, last);
        pg_add_int32(&params, SUBSCRIPTION_PAGE);
        rc = pg_tenant(op->conn, (uint64_t)op->tenant);
        if (rc == 0) {
            rc = pg_ask(op->conn, PG_SQL_SUBSCRIPTION_LIST, &params, op->deadline_us, &result);
        }
        rows = rc == 0 ? pg_rows(result) : 0;
        for (size_t row = 0; rc == 0 && row < rows; row++) {
            rc = visit(arg, pg_get_str(result, row, 0));
        }
        if (rc == 0 && rows == SUBSCRIPTION_PAGE) {
            rc = mansio_arena_copy(scratch, pg_get_str(result, rows - 1, 0), &last);
        }
    }
    return rc;
}

int pg_subscription_list(struct mansio_instance *pool, struct mansio_account *account,
                         int (*visit)(void *arg, struct mansio_str name), void *arg,
                         int64_t deadline_us)
{
    struct pg_op op;
    int rc = pg_op_begin(&op, pool, account, deadline_us);
    if (rc == 0) {
        MANSIO_SCRATCH_BEGIN(scratch);
        rc = list_names(&op, scratch, visit, arg);
        MANSIO_SCRATCH_END(scratch);
    }
    return pg_op_end(&op, rc);
}

int pg_recent_claim(struct mansio_instance *pool, struct mansio_account *account,
                    uint64_t collection_id, int64_t deadline_us, uint32_t *out_from)
{
    struct pg_op op;
    struct pg_params params;
    const struct pg_result *result = NULL;
    uint32_t from = 0;
    int rc = pg_op_begin(&op, pool, account, deadline_us);
    if (rc == 0) {
        pg_params_init(&params);
        pg_op_params(&op, &params);
        pg_add_int64(&params, (int64_t)collection_id);
        rc = pg_op_change(&op, PG_SQL_RECENT_CLAIM, &params, &result);
    }
    if (rc == 0 && pg_rows(result) == 0) {
        rc = mansio_fail(MANSIO_E_NOT_FOUND, "no such collection");
    }
    if (rc == 0) {
        from = (uint32_t)pg_get_int64(result, 0, 0);
        rc = pg_finish(op.conn, deadline_us);
    }
    if (rc == 0) {
        *out_from = from;
    }
    return pg_op_end(&op, rc);
}
