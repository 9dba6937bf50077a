/*
 * APPEND: messages put into a collection by hand, all in one transaction.
 */
#include "store_private.h"

struct appending {
    struct pg_op op;
    uint64_t collection;
    struct mansio_append *messages;
    size_t count, stride;
    int64_t *ids;
    int has_large;
};

static struct mansio_append *message_at(const struct appending *a, size_t i)
{
    return (struct mansio_append *)(void *)((char *)a->messages + i * a->stride);
}

static int is_large(const struct mansio_append *message)
{
    return mansio_content_memory(message->content).ptr == NULL &&
           mansio_content_size(message->content) > 0;
}

static int send_message(struct appending *a, size_t i)
{
    const struct mansio_append *m = message_at(a, i);
    struct mansio_str text = mansio_content_search_text(m->content);
    struct pg_params params;
    pg_params_init(&params);
    pg_op_params(&a->op, &params);
    pg_add_int64(&params, (int64_t)a->collection);
    pg_add_int64(&params, a->ids[i]);
    pg_add_int64(&params, (int64_t)mansio_content_size(m->content));
    pg_add_int32(&params, (int32_t)m->prefix.len);
    pg_add_int32(&params, (int32_t)(m->flags & 31));
    pg_add_text(&params, m->keywords);
    pg_add_time(&params, m->received_us);
    pg_add_bytes(&params, m->prefix);
    pg_add_bytes(&params, mansio_content_structure(m->content));
    pg_add_int32(&params, is_large(m) ? PG_STORAGE_CHUNKS : PG_STORAGE_INLINE);
    if (is_large(m)) {
        pg_add_null(&params);
    } else {
        pg_add_bytes(&params, mansio_content_memory(m->content));
    }
    pg_add_text(&params,
                pg_store_keeps_text(a->op.pg) && pg_is_text(text) ? text : MANSIO_STR_NONE);
    pg_add_int64(&params, (int64_t)a->op.facts->quota_bytes);
    pg_add_int64(&params, (int64_t)a->op.facts->quota_messages);
    return pg_send(a->op.conn, PG_SQL_MESSAGE_APPEND, &params);
}

static int receive_message(struct appending *a, size_t i, uint32_t *out_uid_validity)
{
    struct mansio_append *m = message_at(a, i);
    const struct pg_result *result = NULL;
    int rc = pg_receive(a->op.conn, a->op.deadline_us, &result);
    if (rc == 0) {
        m->uid = (uint32_t)pg_get_int64(result, 0, 0);
        m->modseq = (uint64_t)pg_get_int64(result, 0, 2);
        *out_uid_validity = (uint32_t)pg_get_int64(result, 0, 1);
    }
    return rc;
}

/* What is in memory: everything in one round trip. */
static int append_at_once(struct appending *a, uint32_t *out_uid_validity)
{
    int rc = pg_op_lock(&a->op);
    for (size_t i = 0; rc == 0 && i < a->count; i++) {
        rc = send_message(a, i);
    }
    if (rc == 0) {
        rc = pg_sync(a->op.conn, PG_SYNC_COMMIT);
    }
    if (rc == 0) {
        rc = pg_op_locked(&a->op);
    }
    for (size_t i = 0; rc == 0 && i < a->count; i++) {
        rc = receive_message(a, i, out_uid_validity);
    }
    return rc == 0 ? pg_finish(a->op.conn, a->op.deadline_us) : rc;
}

/* Bodies in rows come first, so that the account isn't locked while a file is read. */
static int append_by_parts(struct appending *a, uint32_t *out_uid_validity)
{
    int rc = pg_begin(a->op.conn);
    if (rc == 0) {
        rc = pg_tenant(a->op.conn, (uint64_t)a->op.tenant);
    }
    for (size_t i = 0; rc == 0 && i < a->count; i++) {
        const struct mansio_append *m = message_at(a, i);
        if (is_large(m)) {
            rc = pg_chunks_add(a->op.conn, a->op.tenant, a->ids[i], m->content, a->op.deadline_us);
        }
    }
    if (rc == 0) {
        rc = pg_op_lock(&a->op);
    }
    if (rc == 0) {
        rc = pg_sync(a->op.conn, 0);
    }
    if (rc == 0) {
        rc = pg_op_locked(&a->op);
    }
    if (rc == 0) {
        rc = pg_finish(a->op.conn, a->op.deadline_us);
    }
    for (size_t i = 0; rc == 0 && i < a->count; i++) {
        rc = send_message(a, i);
        if (rc == 0) {
            rc = pg_sync(a->op.conn, 0);
        }
        if (rc == 0) {
            rc = receive_message(a, i, out_uid_validity);
        }
        if (rc == 0) {
            rc = pg_finish(a->op.conn, a->op.deadline_us);
        }
    }
    return rc == 0 ? pg_commit(a->op.conn, a->op.deadline_us) : rc;
}

static int prepare(struct appending *a, struct mansio_arena *arena)
{
    uint64_t bytes = 0;
    a->ids = mansio_arena_try_alloc(arena, a->count * sizeof *a->ids);
    int rc = a->ids != NULL ? 0 : MANSIO_E_LIMIT;
    for (size_t i = 0; rc == 0 && i < a->count; i++) {
        const struct mansio_str *words = NULL;
        size_t word_count;
        rc = pg_keywords(arena, message_at(a, i)->keywords, &words, &word_count);
        bytes += mansio_content_size(message_at(a, i)->content);
        a->has_large |= is_large(message_at(a, i));
    }
    /* Memory for what is on its way to the server stays within bounds. */
    a->has_large |= bytes > 4 * (uint64_t)MANSIO_CONTENT_MEMORY_MAX || a->count > 256;
    return rc == 0 ? pg_ids_take(a->op.store->ids, a->count, a->op.deadline_us, a->ids) : rc;
}

/* Nothing to append: is there such a collection? */
static int append_none(struct appending *a, uint32_t *out_uid_validity)
{
    struct pg_probe probe;
    int rc = pg_op_borrow(&a->op);
    if (rc == 0) {
        rc = pg_probe(&a->op, a->collection, &probe);
    }
    if (rc == 0) {
        *out_uid_validity = (uint32_t)probe.uid_validity;
    }
    return rc;
}

static int append_all(struct appending *a, uint32_t *out_uid_validity)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "append", 16 << 20);
    a->stride = a->messages[0].size;
    int rc = prepare(a, arena);
    if (rc == 0) {
        rc = pg_op_borrow(&a->op);
    }
    if (rc == 0) {
        rc = a->has_large ? append_by_parts(a, out_uid_validity)
                          : append_at_once(a, out_uid_validity);
    }
    mansio_arena_free(arena);
    if (rc == 0) {
        const struct mansio_append *last = message_at(a, a->count - 1);
        pg_tell(a->op.account, (int64_t)a->collection, (int64_t)last->modseq);
    }
    return rc;
}

int pg_message_append(struct mansio_instance *pool, struct mansio_account *account,
                      uint64_t collection_id, struct mansio_append *messages, size_t count,
                      int64_t deadline_us, uint32_t *out_uid_validity)
{
    struct appending a = {.collection = collection_id, .messages = messages, .count = count};
    uint32_t validity = 0;
    int rc = pg_op_open(&a.op, pool, account, deadline_us);
    if (rc == 0) {
        rc = count == 0 ? append_none(&a, &validity) : append_all(&a, &validity);
    }
    if (rc == 0 && out_uid_validity != NULL) {
        *out_uid_validity = validity;
    }
    return pg_op_end(&a.op, rc);
}
