/*
 * Reading messages: lists of entries, texts. Their bytes are read in reading.c.
 *
 * Lists come in pages, each a statement of its own: neither the server nor we hold more than a
 * page, and what changes between two pages shows in the change log.
 */
#include "store_private.h"

#include "body_cache.h"

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
        pg_body_seen(l->op.store->bodies, l->op.tenant, (int64_t)message.message_id,
                     (int64_t)l->collection, uid);
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

/* ---- text ----------------------------------------------------------------------------------- */

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
