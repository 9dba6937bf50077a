/*
 * Bytes by id: the interface "blob", and bodies that are kept in rows.
 *
 * A body that is in a file goes to the server in rows of 256 KiB, a few in flight at a time: what
 * is held in memory doesn't grow with it. The row of the blob comes last, in the same transaction.
 */
#include "store_private.h"

enum { CHUNKS_IN_FLIGHT = 4 };

static int send_chunk(struct pg_conn *conn, int64_t tenant, int64_t blob, int32_t number,
                      struct mansio_str bytes)
{
    struct pg_params params;
    pg_params_init(&params);
    pg_add_int64(&params, tenant);
    pg_add_int64(&params, blob);
    pg_add_int32(&params, number);
    pg_add_bytes(&params, bytes);
    return pg_send(conn, PG_SQL_CHUNK_ADD, &params);
}

static int flush_chunks(struct pg_conn *conn, int64_t deadline_us)
{
    int rc = pg_sync(conn, 0);
    return rc == 0 ? pg_finish(conn, deadline_us) : rc;
}

int pg_chunks_add(struct pg_conn *conn, int64_t tenant, int64_t blob,
                  struct mansio_content *content, int64_t deadline_us)
{
    uint64_t size = mansio_content_size(content);
    int32_t number = 0;
    int rc = 0;
    for (uint64_t at = 0; rc == 0 && at < size;) {
        struct mansio_str bytes = MANSIO_STR_NONE;
        size_t wanted = size - at < PG_CHUNK_BYTES ? (size_t)(size - at) : PG_CHUNK_BYTES;
        rc = mansio_content_read(content, at, wanted, deadline_us, &bytes);
        if (rc < 0) {
            return rc;
        }
        if (bytes.len != wanted) {
            return mansio_fail(MANSIO_E_IO, "%zu bytes of a body, wanted %zu", bytes.len, wanted);
        }
        rc = send_chunk(conn, tenant, blob, number++, bytes);
        at += bytes.len;
        if (rc == 0 && (number % CHUNKS_IN_FLIGHT == 0 || at == size)) {
            rc = flush_chunks(conn, deadline_us);
        }
    }
    return rc;
}

static int send_blob(struct pg_op *op, int64_t id, struct mansio_content *content, int is_large)
{
    struct pg_params params;
    pg_params_init(&params);
    pg_add_int64(&params, op->tenant);
    pg_add_int64(&params, id);
    pg_add_int64(&params, (int64_t)mansio_content_size(content));
    pg_add_int32(&params, is_large ? PG_STORAGE_CHUNKS : PG_STORAGE_INLINE);
    if (is_large) {
        pg_add_null(&params);
    } else {
        pg_add_bytes(&params, mansio_content_memory(content));
    }
    return pg_send(op->conn, PG_SQL_BLOB_ADD, &params);
}

static int put(struct pg_op *op, int64_t id, struct mansio_content *content)
{
    int is_large = mansio_content_memory(content).ptr == NULL && mansio_content_size(content) > 0;
    int rc = pg_begin(op->conn);
    if (rc == 0) {
        rc = pg_tenant(op->conn, (uint64_t)op->tenant);
    }
    if (rc == 0 && is_large) {
        rc = pg_chunks_add(op->conn, op->tenant, id, content, op->deadline_us);
    }
    if (rc == 0) {
        rc = send_blob(op, id, content, is_large);
    }
    if (rc == 0) {
        rc = pg_sync(op->conn, 0);
    }
    if (rc == 0) {
        rc = pg_finish(op->conn, op->deadline_us);
    }
    return rc == 0 ? pg_commit(op->conn, op->deadline_us) : rc;
}

static int blob_put(struct mansio_instance *pool, struct mansio_account *account,
                    struct mansio_content *content, int64_t deadline_us, uint64_t *out_id)
{
    struct pg_op op;
    int64_t id = 0;
    int rc = pg_op_open(&op, pool, account, deadline_us);
    if (rc == 0) {
        rc = pg_ids_take(op.store->ids, 1, deadline_us, &id);
    }
    if (rc == 0) {
        rc = pg_op_borrow(&op);
    }
    if (rc == 0) {
        rc = put(&op, id, content);
    }
    if (rc == 0) {
        *out_id = (uint64_t)id;
    }
    return pg_op_end(&op, rc);
}

static int blob_read(struct mansio_instance *pool, struct mansio_account *account, uint64_t id,
                     uint64_t offset, size_t max, struct mansio_arena *arena, int64_t deadline_us,
                     struct mansio_str *out, uint64_t *out_size)
{
    struct pg_op op;
    struct pg_params params;
    const struct pg_result *result = NULL;
    int rc = pg_op_begin(&op, pool, account, deadline_us);
    if (rc == 0) {
        pg_params_init(&params);
        pg_add_int64(&params, op.tenant);
        pg_add_int64(&params, (int64_t)id);
        pg_add_window(&params, offset, max);
        rc = pg_ask(op.conn, PG_SQL_BLOB_READ, &params, deadline_us, &result);
    }
    if (rc == 0 && pg_rows(result) == 0) {
        rc = mansio_fail(MANSIO_E_NOT_FOUND, "no such blob");
    }
    struct mansio_str bytes = MANSIO_STR_NONE;
    if (rc == 0) {
        rc = mansio_arena_copy(arena, pg_get_str(result, 0, 1), &bytes);
    }
    if (rc == 0) {
        *out = bytes;
        if (out_size != NULL) {
            *out_size = (uint64_t)pg_get_int64(result, 0, 0);
        }
    }
    return pg_op_end(&op, rc);
}

const struct mansio_blob pg_blob_table = {
    .size = sizeof(struct mansio_blob),
    .put = blob_put,
    .read = blob_read,
};
