/*
 * Reading messages: lists of entries, bytes, texts.
 *
 * Lists come in pages, each a statement of its own: neither the server nor we hold more than a
 * page, and what changes between two pages shows in the change log.
 */
#include "store_private.h"

#include <inttypes.h>
#include <string.h>

/* ---- lists ---------------------------------------------------------------------------------- */

struct listing {
    struct pg_op op;
    uint64_t collection;
    const struct mansio_message_query *query;
    mansio_message_fn visit;
    void *arg;
    struct pg_walk walk;
    int is_whole; /* with blob or structure */
};

static int visit_rows(struct listing *l, const struct pg_result *result)
{
    int rc = 0;
    int64_t uid = 0;
    size_t rows = pg_rows(result);
    for (size_t row = 0; rc == 0 && row < rows; row++) {
        struct mansio_message message;
        pg_message_fill(&message, result, row);
        uid = message.uid;
        if (l->is_whole && (l->query->flags & MANSIO_QUERY_BLOB) != 0) {
            message.blob_id = (uint64_t)pg_get_int64(result, row, 8);
        }
        if (l->is_whole && (l->query->flags & MANSIO_QUERY_STRUCTURE) != 0) {
            message.structure = pg_get_str(result, row, 9);
        }
        rc = l->visit(l->arg, &message);
        if (rc == 0) {
            rc = mansio_fiber_pace(); /* what a visitor makes of a message may take its time */
        }
    }
    pg_walk_got(&l->walk, rows, uid);
    return rc;
}

/* Send a page's statement, behind the probe if the collection isn't known to be there. */
static int send_page(struct listing *l, struct mansio_arena *scratch, int is_probing)
{
    struct pg_params params;
    pg_params_init(&params);
    pg_op_params(&l->op, &params);
    pg_add_int64(&params, (int64_t)l->collection);
    pg_walk_params(&l->walk, &params, scratch);
    pg_add_int64(&params, (int64_t)l->query->changed_since);
    if (l->is_whole) {
        pg_add_bool(&params, (l->query->flags & MANSIO_QUERY_STRUCTURE) != 0);
    }
    int rc = pg_tenant(l->op.conn, (uint64_t)l->op.tenant);
    if (rc == 0 && is_probing) {
        rc = pg_probe_send(&l->op, l->collection);
    }
    if (rc == 0) {
        rc = pg_send(l->op.conn, l->is_whole ? PG_SQL_MESSAGE_LIST_WHOLE : PG_SQL_MESSAGE_LIST,
                     &params);
    }
    return rc == 0 ? pg_sync(l->op.conn, 0) : rc;
}

static int list_page(struct listing *l, struct mansio_arena *scratch, int is_probing)
{
    const struct pg_result *result = NULL;
    struct pg_probe probe;
    int rc = send_page(l, scratch, is_probing);
    if (rc == 0 && is_probing) {
        rc = pg_probe_receive(&l->op, &probe);
    }
    if (rc == 0) {
        rc = pg_receive(l->op.conn, l->op.deadline_us, &result);
    }
    if (rc < 0) {
        return rc;
    }
    rc = visit_rows(l, result);
    int end = pg_finish(l->op.conn, l->op.deadline_us);
    return rc != 0 ? rc : end;
}

static int list(struct listing *l)
{
    /* Where no range wants the last UID the probe only says whether the collection is there: it
     * goes along with the first page. */
    struct pg_probe probe = {.last_uid = INT64_MAX};
    int has_page = l->query->uid_ranges == NULL || l->query->range_count > 0;
    int is_probing = has_page && !pg_walk_needs_probe(l->query->uid_ranges, l->query->range_count);
    int rc = is_probing ? 0 : pg_probe(&l->op, l->collection, &probe);
    if (rc < 0) {
        return rc;
    }
    pg_walk_init(&l->walk, l->query->uid_ranges, l->query->range_count, probe.last_uid, INT64_MAX);
    for (int is_first = 1; rc == 0 && pg_walk_next(&l->walk); is_first = 0) {
        MANSIO_SCRATCH_BEGIN(scratch);
        rc = is_first ? 0 : pg_op_turn(&l->op);
        rc = rc == 0 ? list_page(l, scratch, is_probing && is_first) : rc;
        MANSIO_SCRATCH_END(scratch);
    }
    return rc;
}

int pg_message_list(struct mansio_instance *pool, struct mansio_account *account,
                    uint64_t collection_id, const struct mansio_message_query *query,
                    mansio_message_fn visit, void *arg, int64_t deadline_us)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "message list", 0);
    struct listing *l = mansio_arena_alloc(arena, sizeof *l);
    *l = (struct listing){
        .collection = collection_id,
        .query = query,
        .visit = visit,
        .arg = arg,
        .is_whole = (query->flags & (MANSIO_QUERY_STRUCTURE | MANSIO_QUERY_BLOB)) != 0,
    };
    int rc = pg_op_begin(&l->op, pool, account, deadline_us);
    if (rc == 0) {
        rc = list(l);
    }
    rc = pg_op_end(&l->op, rc);
    mansio_arena_free(arena);
    return rc;
}

/* ---- bytes ---------------------------------------------------------------------------------- */

/* Two columns of a row, from @p column on, into the caller's arena, one behind the other. */
static int give_bytes(const struct pg_result *result, size_t row, size_t column,
                      struct mansio_arena *arena, struct mansio_str *out)
{
    struct mansio_str head = pg_get_str(result, row, column);
    struct mansio_str body = pg_get_str(result, row, column + 1);
    if (head.len + body.len == 0) {
        *out = MANSIO_STR_NONE;
        return 0;
    }
    char *bytes = mansio_arena_try_alloc(arena, head.len + body.len);
    if (bytes == NULL) {
        return MANSIO_E_LIMIT;
    }
    if (head.len > 0) {
        memcpy(bytes, head.ptr, head.len);
    }
    if (body.len > 0) {
        memcpy(bytes + head.len, body.ptr, body.len);
    }
    *out = (struct mansio_str){bytes, head.len + body.len};
    return 0;
}

int pg_bytes_ask(struct pg_conn *conn, unsigned id, const struct pg_params *params,
                 struct mansio_arena *arena, int64_t deadline_us, struct mansio_str *out)
{
    const struct pg_result *result = NULL;
    int rc = pg_ask(conn, id, params, deadline_us, &result);
    if (rc < 0) {
        return rc;
    }
    return pg_rows(result) == 0 ? MANSIO_E_NOT_FOUND : give_bytes(result, 0, 0, arena, out);
}

void pg_add_window(struct pg_params *params, uint64_t offset, size_t max)
{
    pg_add_int64(params, offset > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)offset);
    pg_add_int64(params, max > PG_READ_MAX ? PG_READ_MAX : (int64_t)max);
}

int pg_message_read(struct mansio_instance *pool, struct mansio_account *account,
                    uint64_t collection_id, uint32_t uid, uint64_t offset, size_t max,
                    struct mansio_arena *arena, int64_t deadline_us, struct mansio_str *out)
{
    struct pg_op op;
    struct pg_params params;
    int rc = pg_op_begin(&op, pool, account, deadline_us);
    if (rc == 0) {
        pg_params_init(&params);
        pg_op_params(&op, &params);
        pg_add_int64(&params, (int64_t)collection_id);
        pg_add_int64(&params, uid);
        pg_add_window(&params, offset, max);
        rc = pg_bytes_ask(op.conn, PG_SQL_MESSAGE_READ, &params, arena, deadline_us, out);
        if (rc == MANSIO_E_NOT_FOUND) {
            rc = mansio_fail(rc, "no such message");
        }
    }
    return pg_op_end(&op, rc);
}

/* Rows come in the order of the UIDs; some may be missing. */
static int give_many(const struct pg_result *result, const uint32_t *uids, size_t count,
                     struct mansio_arena *arena, struct mansio_str *out)
{
    int rc = 0;
    size_t at = 0;
    for (size_t row = 0; rc == 0 && row < pg_rows(result); row++) {
        int64_t uid = pg_get_int64(result, row, 0);
        while (at < count && uids[at] < uid) {
            at++;
        }
        if (at < count && uids[at] == uid) {
            rc = give_bytes(result, row, 1, arena, &out[at]);
        }
    }
    return rc;
}

int pg_message_read_many(struct mansio_instance *pool, struct mansio_account *account,
                         uint64_t collection_id, const uint32_t *uids, size_t count, size_t max,
                         struct mansio_arena *arena, int64_t deadline_us, struct mansio_str *out)
{
    struct pg_op op;
    struct pg_params params;
    int64_t wanted[MANSIO_READ_MANY_MAX];
    const struct pg_result *result = NULL;
    if (count > MANSIO_READ_MANY_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "%zu messages at once", count);
    }
    for (size_t i = 0; i < count; i++) {
        wanted[i] = uids[i];
        out[i] = MANSIO_STR_NONE;
    }
    MANSIO_SCRATCH_BEGIN(scratch);
    int rc = pg_op_begin(&op, pool, account, deadline_us);
    if (rc == 0) {
        pg_params_init(&params);
        pg_op_params(&op, &params);
        pg_add_int64(&params, (int64_t)collection_id);
        pg_add_int64s(&params, scratch, wanted, count);
        pg_add_int64(&params, max > PG_READ_MAX ? PG_READ_MAX : (int64_t)max);
        rc = pg_ask(op.conn, PG_SQL_MESSAGE_READ_MANY, &params, deadline_us, &result);
    }
    if (rc == 0) {
        rc = give_many(result, uids, count, arena, out);
    }
    rc = pg_op_end(&op, rc);
    MANSIO_SCRATCH_END(scratch);
    return rc;
}

/* Rows come in the order of the UIDs; some may be missing. */
static int give_slices(const struct pg_result *result, struct mansio_slice *slices, size_t count,
                       struct mansio_arena *arena)
{
    int rc = 0;
    size_t at = 0;
    for (size_t row = 0; rc == 0 && row < pg_rows(result); row++) {
        int64_t uid = pg_get_int64(result, row, 0);
        while (at < count && slices[at].uid < uid) {
            at++;
        }
        if (at < count && slices[at].uid == uid) {
            rc = give_bytes(result, row, 1, arena, &slices[at].bytes);
        }
    }
    return rc;
}

/* All that is wanted, or nothing if that is too much. */
static int send_slices(struct pg_op *op, uint64_t collection_id, struct mansio_slice *slices,
                       size_t count, const struct pg_result **out)
{
    int64_t uids[MANSIO_READ_MANY_MAX], firsts[MANSIO_READ_MANY_MAX], mosts[MANSIO_READ_MANY_MAX];
    struct pg_params params;
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        uids[i] = slices[i].uid;
        firsts[i] = slices[i].offset > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)slices[i].offset;
        mosts[i] = slices[i].max;
        total += slices[i].max;
    }
    if (total > PG_READ_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "%" PRIu64 " bytes at once", total);
    }
    MANSIO_SCRATCH_BEGIN(scratch);
    pg_params_init(&params);
    pg_op_params(op, &params);
    pg_add_int64(&params, (int64_t)collection_id);
    pg_add_int64s(&params, scratch, uids, count);
    pg_add_int64s(&params, scratch, firsts, count);
    pg_add_int64s(&params, scratch, mosts, count);
    int rc = pg_ask(op->conn, PG_SQL_MESSAGE_READ_SLICES, &params, op->deadline_us, out);
    MANSIO_SCRATCH_END(scratch);
    return rc;
}

int pg_message_read_slices(struct mansio_instance *pool, struct mansio_account *account,
                           uint64_t collection_id, struct mansio_slice *slices, size_t count,
                           struct mansio_arena *arena, int64_t deadline_us)
{
    struct pg_op op;
    const struct pg_result *result = NULL;
    if (count > MANSIO_READ_MANY_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "%zu messages at once", count);
    }
    for (size_t i = 0; i < count; i++) {
        slices[i].bytes = MANSIO_STR_NONE;
    }
    int rc = pg_op_begin(&op, pool, account, deadline_us);
    if (rc == 0) {
        rc = send_slices(&op, collection_id, slices, count, &result);
    }
    if (rc == 0) {
        rc = give_slices(result, slices, count, arena);
    }
    return pg_op_end(&op, rc);
}

int pg_message_text(struct mansio_instance *pool, struct mansio_account *account,
                    uint64_t collection_id, uint32_t uid, struct mansio_arena *arena,
                    int64_t deadline_us, struct mansio_str *out)
{
    struct pg_op op;
    struct pg_params params;
    const struct pg_result *result = NULL;
    int rc = pg_op_begin(&op, pool, account, deadline_us);
    if (rc == 0) {
        pg_params_init(&params);
        pg_op_params(&op, &params);
        pg_add_int64(&params, (int64_t)collection_id);
        pg_add_int64(&params, uid);
        rc = pg_ask(op.conn, PG_SQL_MESSAGE_TEXT, &params, deadline_us, &result);
    }
    if (rc == 0 && pg_rows(result) == 0) {
        rc = mansio_fail(MANSIO_E_NOT_FOUND, "no such message");
    }
    if (rc == 0) {
        rc = mansio_arena_copy(arena, pg_get_str(result, 0, 0), out);
    }
    return pg_op_end(&op, rc);
}
