/*
 * Looking for text: the server scans the folded texts of messages page by page and tells which have
 * it, so that no text travels. What it can't know (no text is kept, or not all) is the caller's to
 * read.
 */
#include "store_private.h"

#include <mansio/buf.h>

enum {
    WORK_MAX = 4 * MANSIO_SEARCH_NEEDLE_MAX + 64, /* a byte is four where it isn't ASCII */
    FIELD_MAX = 1000,
};

struct search {
    struct pg_op op;
    uint64_t collection;
    const struct mansio_search_key *key;
    mansio_found_fn visit;
    void *arg;
    struct pg_walk walk;
    unsigned statement;
    struct mansio_str escaped, field;
    int is_8bit;
};

/* The needle as encode(..., 'escape') would write it. */
static void escape(struct mansio_buf *out, struct mansio_str needle)
{
    for (size_t i = 0; i < needle.len; i++) {
        unsigned char c = (unsigned char)needle.ptr[i];
        if (c == '\\') {
            (void)mansio_buf_add(out, MANSIO_STR("\\\\"));
        } else if (c >= 0x80) {
            (void)mansio_buf_printf(out, "\\%03o", (unsigned)c);
        } else {
            (void)mansio_buf_add_char(out, (char)c);
        }
    }
}

static int prepare(struct search *s, struct mansio_arena *arena)
{
    static const unsigned statements[] = {
        [MANSIO_SEARCH_TEXT] = PG_SQL_MESSAGE_SEARCH_TEXT,
        [MANSIO_SEARCH_BODY] = PG_SQL_MESSAGE_SEARCH_BODY,
        [MANSIO_SEARCH_FIELD] = PG_SQL_MESSAGE_SEARCH_FIELD,
    };
    const struct mansio_search_key *key = s->key;
    if (key->where < MANSIO_SEARCH_TEXT || key->where > MANSIO_SEARCH_FIELD ||
        key->needle.len > MANSIO_SEARCH_NEEDLE_MAX || key->field.len > FIELD_MAX ||
        !pg_is_text(key->needle) || !pg_is_text(key->field)) {
        return mansio_fail(MANSIO_E_INVALID, "no key for a search");
    }
    struct mansio_buf *escaped = mansio_buf_new(arena, WORK_MAX);
    struct mansio_buf *field = mansio_buf_new(arena, WORK_MAX);
    escape(escaped, key->needle);
    (void)mansio_buf_add(field, key->field);
    (void)mansio_buf_add(field, MANSIO_STR(": "));
    s->statement = statements[key->where];
    s->escaped = mansio_buf_str(escaped);
    s->field = mansio_buf_str(field);
    for (size_t i = 0; i < key->needle.len; i++) {
        s->is_8bit |= ((unsigned char)key->needle.ptr[i] & 0x80) != 0;
    }
    return 0;
}

static int send_page(struct search *s, struct mansio_arena *scratch)
{
    struct pg_params params;
    pg_params_init(&params);
    pg_op_params(&s->op, &params);
    pg_add_int64(&params, (int64_t)s->collection);
    pg_walk_params(&s->walk, &params, scratch);
    pg_add_text(&params, s->key->needle);
    if (s->statement != PG_SQL_MESSAGE_SEARCH_BODY) {
        pg_add_text(&params, s->escaped);
        pg_add_bool(&params, s->is_8bit);
    }
    if (s->statement == PG_SQL_MESSAGE_SEARCH_FIELD) {
        pg_add_text(&params, s->field);
    }
    int rc = pg_tenant(s->op.conn, (uint64_t)s->op.tenant);
    rc = rc == 0 ? pg_send(s->op.conn, s->statement, &params) : rc;
    return rc == 0 ? pg_sync(s->op.conn, 0) : rc;
}

/* Both lists, merged. */
static int visit_page(struct search *s, const struct pg_result *result, struct mansio_arena *arena)
{
    const int64_t *lists[2] = {NULL, NULL};
    size_t counts[2] = {0, 0};
    int rc = pg_get_int64s(result, 0, 2, arena, &lists[0], &counts[0]);
    rc = rc == 0 ? pg_get_int64s(result, 0, 3, arena, &lists[1], &counts[1]) : rc;
    for (size_t at[2] = {0, 0}; rc == 0 && (at[0] < counts[0] || at[1] < counts[1]);) {
        int which = at[0] == counts[0] || (at[1] < counts[1] && lists[1][at[1]] < lists[0][at[0]]);
        rc = s->visit(s->arg, (uint32_t)lists[which][at[which]], which == 0);
        at[which]++;
    }
    return rc;
}

static int search_page(struct search *s, struct mansio_arena *scratch)
{
    const struct pg_result *result = NULL;
    int rc = send_page(s, scratch);
    rc = rc == 0 ? pg_receive(s->op.conn, s->op.deadline_us, &result) : rc;
    if (rc < 0) {
        return rc;
    }
    rc = visit_page(s, result, scratch);
    pg_walk_got(&s->walk, (size_t)pg_get_int64(result, 0, 0), pg_get_int64(result, 0, 1));
    int end = pg_finish(s->op.conn, s->op.deadline_us);
    return rc != 0 ? rc : end;
}

static int search(struct search *s, const uint32_t *ranges, size_t count)
{
    struct pg_probe probe;
    int rc = pg_probe(&s->op, s->collection, &probe);
    if (rc < 0) {
        return rc;
    }
    pg_walk_init(&s->walk, ranges, count, probe.last_uid, INT64_MAX);
    for (int is_first = 1; rc == 0 && pg_walk_next(&s->walk); is_first = 0) {
        MANSIO_SCRATCH_BEGIN(scratch);
        rc = is_first ? 0 : pg_op_turn(&s->op);
        rc = rc == 0 ? search_page(s, scratch) : rc;
        MANSIO_SCRATCH_END(scratch);
    }
    return rc;
}

int pg_message_search(struct mansio_instance *pool, struct mansio_account *account,
                      uint64_t collection_id, const uint32_t *uid_ranges, size_t range_count,
                      const struct mansio_search_key *key, mansio_found_fn visit, void *arg,
                      int64_t deadline_us)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "message search", 0);
    struct search *s = mansio_arena_alloc(arena, sizeof *s);
    *s = (struct search){.collection = collection_id, .key = key, .visit = visit, .arg = arg};
    int rc = prepare(s, arena);
    if (rc == 0) {
        rc = pg_op_begin(&s->op, pool, account, deadline_us);
        rc = rc == 0 ? search(s, uid_ranges, range_count) : rc;
        rc = pg_op_end(&s->op, rc);
    }
    mansio_arena_free(arena);
    return rc;
}
