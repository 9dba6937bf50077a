/*
 * Reading messages: their bytes, one or several in a round trip, and the cache of bodies beside.
 *
 * Statements say which message each place has, what lies before it, and which blob it is; only the
 * bytes of a blob that was guessed, because it is held, are left out. So who may read what is the
 * database's to say, each time.
 */
#include "store_private.h"

#include <inttypes.h>
#include <string.h>

#include "body_cache.h"

/* Columns of the statements that read. */
enum { UID, PREFIX, BODY, BLOB, MESSAGE, BODY_BYTES, PREFIX_BYTES };

/* What is wanted of messages, and what is guessed of them. */
struct reading {
    struct pg_op op;
    int64_t collection;
    size_t count;
    int64_t uids[MANSIO_READ_MANY_MAX];
    int64_t firsts[MANSIO_READ_MANY_MAX]; /* from the prefix on */
    int64_t mosts[MANSIO_READ_MANY_MAX];
    int64_t guesses[MANSIO_READ_MANY_MAX]; /* ids of blobs; 0: none */
    const struct pg_body *bodies[MANSIO_READ_MANY_MAX];
    int is_right[MANSIO_READ_MANY_MAX];
    size_t missed;
};

/* ---- bytes ---------------------------------------------------------------------------------- */

/* What lies before, in the caller's arena, with room for so much behind it. */
static int begin_bytes(struct mansio_arena *arena, struct mansio_str head, size_t length,
                       struct mansio_str *out, char **out_rest)
{
    *out = MANSIO_STR_NONE;
    *out_rest = NULL;
    if (head.len + length == 0) {
        return 0;
    }
    char *bytes = mansio_arena_try_alloc(arena, head.len + length);
    if (bytes == NULL) {
        return MANSIO_E_LIMIT;
    }
    if (head.len > 0) {
        memcpy(bytes, head.ptr, head.len);
    }
    *out = (struct mansio_str){bytes, head.len + length};
    *out_rest = bytes + head.len;
    return 0;
}

/* Two slices, one behind the other. */
static int join(struct mansio_arena *arena, struct mansio_str head, struct mansio_str body,
                struct mansio_str *out)
{
    char *rest;
    int rc = begin_bytes(arena, head, body.len, out, &rest);
    if (rc == 0 && body.len > 0) {
        memcpy(rest, body.ptr, body.len);
    }
    return rc;
}

int pg_bytes_ask(struct pg_conn *conn, unsigned id, const struct pg_params *params,
                 struct mansio_arena *arena, int64_t deadline_us, struct mansio_str *out)
{
    const struct pg_result *result = NULL;
    int rc = pg_ask(conn, id, params, deadline_us, &result);
    if (rc < 0) {
        return rc;
    }
    return pg_rows(result) == 0
               ? MANSIO_E_NOT_FOUND
               : join(arena, pg_get_str(result, 0, 0), pg_get_str(result, 0, 1), out);
}

void pg_add_window(struct pg_params *params, uint64_t offset, size_t max)
{
    pg_add_int64(params, offset > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)offset);
    pg_add_int64(params, max > PG_READ_MAX ? PG_READ_MAX : (int64_t)max);
}

/* ---- guesses -------------------------------------------------------------------------------- */

/* Whoever calls fills in what is wanted. */
static struct reading *reading_new(struct mansio_arena *scratch, uint64_t collection_id,
                                   size_t count)
{
    struct reading *r = mansio_arena_alloc(scratch, sizeof *r);
    r->collection = (int64_t)collection_id;
    r->count = count;
    return r;
}

static int begin(struct reading *r, struct mansio_instance *pool, struct mansio_account *account,
                 int64_t deadline_us)
{
    int rc = pg_op_begin(&r->op, pool, account, deadline_us);
    for (size_t i = 0; rc == 0 && i < r->count; i++) {
        r->bodies[i] = pg_body_take(r->op.store->bodies, r->op.tenant, r->collection, r->uids[i]);
        r->guesses[i] = r->bodies[i] != NULL ? pg_body_blob(r->bodies[i]) : 0;
    }
    return rc;
}

static int end(struct reading *r, int rc)
{
    for (size_t i = 0; i < r->count; i++) {
        if (r->bodies[i] != NULL) {
            pg_body_give_back(r->op.store->bodies, r->bodies[i], r->is_right[i]);
        }
    }
    if (r->missed > 0) {
        pg_body_missed(r->op.store->bodies, r->missed);
    }
    return pg_op_end(&r->op, rc);
}

/* A body that was sent whole is kept. */
static void keep(struct reading *r, const struct pg_result *result, size_t row, size_t i)
{
    struct mansio_str body = pg_get_str(result, row, BODY);
    const struct pg_body_source source = {
        .tenant = r->op.tenant,
        .blob = pg_get_int64(result, row, BLOB),
        .message = pg_get_int64(result, row, MESSAGE),
        .collection = r->collection,
        .uid = r->uids[i],
    };
    r->missed++;
    if ((int64_t)body.len == pg_get_int64(result, row, BODY_BYTES)) {
        pg_body_put(r->op.store->bodies, &source, body);
    }
}

/* What is wanted of a body that is held, behind its prefix. */
static size_t window(const struct reading *r, size_t i, int64_t prefix_bytes, size_t *out_first)
{
    int64_t size = (int64_t)pg_body_size(r->bodies[i]);
    int64_t first = r->firsts[i] > prefix_bytes ? r->firsts[i] - prefix_bytes : 0;
    int64_t before = r->firsts[i] < prefix_bytes ? prefix_bytes - r->firsts[i] : 0;
    int64_t most = r->mosts[i] > before ? r->mosts[i] - before : 0;
    first = first < size ? first : size;
    *out_first = (size_t)first;
    return (size_t)(most < size - first ? most : size - first);
}

/* Prefix and body of a row. */
static int give(struct reading *r, const struct pg_result *result, size_t row, size_t i,
                struct mansio_arena *arena, struct mansio_str *out)
{
    struct mansio_str head = pg_get_str(result, row, PREFIX);
    size_t first;
    char *rest;
    r->is_right[i] = r->bodies[i] != NULL && pg_get_int64(result, row, BLOB) == r->guesses[i];
    if (!r->is_right[i]) {
        keep(r, result, row, i);
        return join(arena, head, pg_get_str(result, row, BODY), out);
    }
    size_t length = window(r, i, pg_get_int32(result, row, PREFIX_BYTES), &first);
    int rc = begin_bytes(arena, head, length, out, &rest);
    if (rc == 0 && length > 0) {
        pg_body_copy(r->op.store->bodies, r->bodies[i], first, length, rest);
    }
    return rc;
}

/* Rows come in the order of the UIDs; some may be missing. What comes without bytes, because they
 * lie in chunks, isn't given here. */
static int give_rows(struct reading *r, const struct pg_result *result, struct mansio_arena *arena,
                     struct mansio_str *out)
{
    int rc = 0;
    size_t at = 0;
    for (size_t row = 0; rc == 0 && row < pg_rows(result); row++) {
        int64_t uid = pg_get_int64(result, row, UID);
        while (at < r->count && r->uids[at] < uid) {
            at++;
        }
        if (at < r->count && r->uids[at] == uid &&
            (pg_get_int64(result, row, BLOB) == r->guesses[at] || !pg_is_null(result, row, BODY))) {
            rc = give(r, result, row, at, arena, &out[at]);
        }
    }
    return rc;
}

/* ---- functions of the interface ------------------------------------------------------------- */

static int read_one(struct reading *r, struct mansio_arena *arena, struct mansio_str *out)
{
    struct pg_params params;
    const struct pg_result *result = NULL;
    pg_params_init(&params);
    pg_op_params(&r->op, &params);
    pg_add_int64(&params, r->collection);
    pg_add_int64(&params, r->uids[0]);
    pg_add_int64(&params, r->firsts[0]);
    pg_add_int64(&params, r->mosts[0]);
    pg_add_int64(&params, r->guesses[0]);
    int rc = pg_ask(r->op.conn, PG_SQL_MESSAGE_READ, &params, r->op.deadline_us, &result);
    if (rc < 0) {
        return rc;
    }
    return pg_rows(result) == 0 ? mansio_fail(MANSIO_E_NOT_FOUND, "no such message")
                                : give(r, result, 0, 0, arena, out);
}

int pg_message_read(struct mansio_instance *pool, struct mansio_account *account,
                    uint64_t collection_id, uint32_t uid, uint64_t offset, size_t max,
                    struct mansio_arena *arena, int64_t deadline_us, struct mansio_str *out)
{
    MANSIO_SCRATCH_BEGIN(scratch);
    struct reading *r = reading_new(scratch, collection_id, 1);
    r->uids[0] = uid;
    r->firsts[0] = offset > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)offset;
    r->mosts[0] = max > PG_READ_MAX ? PG_READ_MAX : (int64_t)max;
    int rc = begin(r, pool, account, deadline_us);
    if (rc == 0) {
        rc = read_one(r, arena, out);
    }
    rc = end(r, rc);
    MANSIO_SCRATCH_END(scratch);
    return rc;
}

int pg_message_read_many(struct mansio_instance *pool, struct mansio_account *account,
                         uint64_t collection_id, const uint32_t *uids, size_t count, size_t max,
                         struct mansio_arena *arena, int64_t deadline_us, struct mansio_str *out)
{
    struct pg_params params;
    const struct pg_result *result = NULL;
    if (count > MANSIO_READ_MANY_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "%zu messages at once", count);
    }
    MANSIO_SCRATCH_BEGIN(scratch);
    struct reading *r = reading_new(scratch, collection_id, count);
    for (size_t i = 0; i < count; i++) {
        r->uids[i] = uids[i];
        r->mosts[i] = INT64_MAX;
        out[i] = MANSIO_STR_NONE;
    }
    int rc = begin(r, pool, account, deadline_us);
    if (rc == 0) {
        pg_params_init(&params);
        pg_op_params(&r->op, &params);
        pg_add_int64(&params, r->collection);
        pg_add_int64s(&params, scratch, r->uids, count);
        pg_add_int64(&params, max > PG_READ_MAX ? PG_READ_MAX : (int64_t)max);
        pg_add_int64s(&params, scratch, r->guesses, count);
        rc = pg_ask(r->op.conn, PG_SQL_MESSAGE_READ_MANY, &params, deadline_us, &result);
    }
    if (rc == 0) {
        rc = give_rows(r, result, arena, out);
    }
    rc = end(r, rc);
    MANSIO_SCRATCH_END(scratch);
    return rc;
}

static int ask_slices(struct reading *r, struct mansio_arena *scratch, const struct pg_result **out)
{
    struct pg_params params;
    pg_params_init(&params);
    pg_op_params(&r->op, &params);
    pg_add_int64(&params, r->collection);
    pg_add_int64s(&params, scratch, r->uids, r->count);
    pg_add_int64s(&params, scratch, r->firsts, r->count);
    pg_add_int64s(&params, scratch, r->mosts, r->count);
    pg_add_int64s(&params, scratch, r->guesses, r->count);
    return pg_ask(r->op.conn, PG_SQL_MESSAGE_READ_SLICES, &params, r->op.deadline_us, out);
}

/* All that is wanted, or nothing if that is too much. */
static int want_slices(struct reading *r, struct mansio_slice *slices)
{
    uint64_t total = 0;
    for (size_t i = 0; i < r->count; i++) {
        slices[i].bytes = MANSIO_STR_NONE;
        r->uids[i] = slices[i].uid;
        r->firsts[i] = slices[i].offset > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)slices[i].offset;
        r->mosts[i] = slices[i].max;
        total += slices[i].max;
    }
    return total > PG_READ_MAX ? mansio_fail(MANSIO_E_INVALID, "%" PRIu64 " bytes at once", total)
                               : 0;
}

int pg_message_read_slices(struct mansio_instance *pool, struct mansio_account *account,
                           uint64_t collection_id, struct mansio_slice *slices, size_t count,
                           struct mansio_arena *arena, int64_t deadline_us)
{
    const struct pg_result *result = NULL;
    if (count > MANSIO_READ_MANY_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "%zu messages at once", count);
    }
    MANSIO_SCRATCH_BEGIN(scratch);
    struct reading *r = reading_new(scratch, collection_id, count);
    struct mansio_str *bytes = mansio_arena_alloc(scratch, (count + 1) * sizeof *bytes);
    int rc = want_slices(r, slices);
    if (rc == 0) {
        rc = begin(r, pool, account, deadline_us);
        rc = rc == 0 ? ask_slices(r, scratch, &result) : rc;
        rc = rc == 0 ? give_rows(r, result, arena, bytes) : rc;
        for (size_t i = 0; i < count; i++) {
            slices[i].bytes = bytes[i];
        }
        rc = end(r, rc);
    }
    MANSIO_SCRATCH_END(scratch);
    return rc;
}
