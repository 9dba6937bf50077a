/*
 * Changing messages: flags, APPEND, COPY, MOVE, EXPUNGE.
 *
 * Each function is one transaction that locks the account first. What fits one statement goes in
 * one round trip; more goes page by page within pg_begin(). Visitors are shown what came of it
 * after the commit, so what they were shown is so; until then it is kept in a compact form.
 */
#include "store_private.h"

#include <string.h>

enum { PACE_ROWS = 256, KEPT_BYTES_MAX = 64 << 20 };

/* ---- a change over ranges, page by page ----------------------------------------------------- */

struct changing {
    struct pg_op op;
    struct mansio_arena *arena; /* what is kept until the commit */
    uint64_t collection;
    struct pg_walk walk;
    unsigned id;
    /* the parameters from $7 on */
    void (*add)(struct changing *c, struct pg_params *params);
    /* A page's answer: keep what is to be shown. How many rows it had; the last UID. */
    int (*keep)(struct changing *c, const struct pg_result *result, size_t *out_rows,
                int64_t *out_uid);
    void *arg;
    int has_kept;
};

static int send_page(struct changing *c)
{
    struct pg_params params;
    MANSIO_SCRATCH_BEGIN(scratch);
    pg_params_init(&params);
    pg_op_params(&c->op, &params);
    pg_add_int64(&params, (int64_t)c->collection);
    pg_walk_params(&c->walk, &params, scratch);
    c->add(c, &params);
    int rc = pg_send(c->op.conn, c->id, &params);
    MANSIO_SCRATCH_END(scratch);
    return rc;
}

static int receive_page(struct changing *c)
{
    const struct pg_result *result = NULL;
    size_t rows = 0;
    int64_t uid = 0;
    int rc = pg_receive(c->op.conn, c->op.deadline_us, &result);
    if (rc == 0) {
        rc = c->keep(c, result, &rows, &uid);
    }
    pg_walk_got(&c->walk, rows, uid);
    c->has_kept |= rows > 0;
    return rc;
}

/* All in one round trip. The walk has its only batch. */
static int change_at_once(struct changing *c)
{
    struct pg_probe probe;
    int rc = pg_op_lock(&c->op);
    if (rc == 0) {
        rc = pg_probe_send(&c->op, c->collection);
    }
    if (rc == 0) {
        rc = send_page(c);
    }
    if (rc == 0) {
        rc = pg_sync(c->op.conn, PG_SYNC_COMMIT);
    }
    if (rc == 0) {
        rc = pg_op_locked(&c->op);
    }
    if (rc == 0) {
        rc = pg_probe_receive(&c->op, &probe);
    }
    if (rc == 0) {
        rc = receive_page(c);
    }
    return rc == 0 ? pg_finish(c->op.conn, c->op.deadline_us) : rc;
}

/* Begin a transaction of several round trips, locked, the collection probed. */
static int begin_locked(struct pg_op *op, uint64_t collection, struct pg_probe *probe)
{
    int rc = pg_begin(op->conn);
    if (rc == 0) {
        rc = pg_tenant(op->conn, (uint64_t)op->tenant);
    }
    if (rc == 0) {
        rc = pg_op_lock(op);
    }
    if (rc == 0) {
        rc = pg_probe_send(op, collection);
    }
    if (rc == 0) {
        rc = pg_sync(op->conn, 0);
    }
    if (rc == 0) {
        rc = pg_op_locked(op);
    }
    if (rc == 0) {
        rc = pg_probe_receive(op, probe);
    }
    return rc == 0 ? pg_finish(op->conn, op->deadline_us) : rc;
}

static int change_pages(struct changing *c)
{
    int rc = 0;
    while (rc == 0 && pg_walk_next(&c->walk)) {
        rc = send_page(c);
        if (rc == 0) {
            rc = pg_sync(c->op.conn, 0);
        }
        if (rc == 0) {
            rc = receive_page(c);
        }
        if (rc == 0) {
            rc = pg_finish(c->op.conn, c->op.deadline_us);
        }
        if (rc == 0) {
            rc = mansio_fiber_pace();
        }
    }
    return rc;
}

/* A change over ranges, to its commit. */
static int change(struct changing *c, const uint32_t *ranges, size_t count)
{
    struct pg_probe probe;
    if (!pg_walk_needs_probe(ranges, count)) {
        pg_walk_init(&c->walk, ranges, count, INT64_MAX, INT64_MAX);
        int has_any = pg_walk_next(&c->walk);
        if (has_any && !c->walk.is_cut && c->walk.next == c->walk.count &&
            c->walk.lo > c->walk.hi) {
            return change_at_once(c);
        }
        if (!has_any) {
            return pg_probe(&c->op, c->collection, &probe);
        }
    }
    int rc = begin_locked(&c->op, c->collection, &probe);
    if (rc == 0) {
        pg_walk_init(&c->walk, ranges, count, probe.last_uid, probe.uid_next);
        rc = change_pages(c);
    }
    return rc == 0 ? pg_commit(c->op.conn, c->op.deadline_us) : rc;
}

/* ---- UIDs that are kept --------------------------------------------------------------------- */

struct uids {
    struct uids *next;
    int64_t base; /* of COPY: what the first became */
    const int64_t *uids;
    size_t count;
};

struct uid_list {
    struct uids *first, *last;
};

/* An array of UIDs in a column of the only row. */
static int keep_uids(struct changing *c, const struct pg_result *result, size_t column,
                     int64_t base, size_t *out_rows, int64_t *out_uid)
{
    struct uid_list *list = c->arg;
    struct uids *page = mansio_arena_try_alloc(c->arena, sizeof *page);
    if (page == NULL) {
        return MANSIO_E_LIMIT;
    }
    *page = (struct uids){.base = base};
    if (!pg_is_null(result, 0, column)) {
        int rc = pg_get_int64s(result, 0, column, c->arena, &page->uids, &page->count);
        if (rc < 0) {
            return rc;
        }
    }
    if (page->count > 0) {
        *(list->last != NULL ? &list->last->next : &list->first) = page;
        list->last = page;
        *out_uid = page->uids[page->count - 1];
    }
    *out_rows = page->count;
    return 0;
}

/* ---- flags ---------------------------------------------------------------------------------- */

struct kept_entry {
    int64_t modseq, message_id, received_us, body_bytes;
    uint32_t uid, prefix_bytes, flags, is_refused;
    struct mansio_str keywords;
};

struct kept_page {
    struct kept_page *next;
    size_t count;
    struct kept_entry entries[];
};

struct flagging {
    const struct mansio_flag_change *change;
    const struct mansio_str *words;
    size_t word_count;
    mansio_message_fn visit;
    mansio_uid_fn refused;
    struct kept_page *first, *last;
    int64_t changed; /* highest modseq of what has the flags now; 0: none has */
};

static void flag_add(struct changing *c, struct pg_params *params)
{
    const struct flagging *f = c->arg;
    pg_add_int32(params, (int32_t)f->change->operation);
    pg_add_int32(params, (int32_t)(f->change->flags & 31));
    pg_add_texts(params, c->arena, f->words, f->word_count);
    pg_add_int64(params, f->change->unchanged_since > INT64_MAX
                             ? INT64_MAX
                             : (int64_t)f->change->unchanged_since);
}

static int flag_keep(struct changing *c, const struct pg_result *result, size_t *out_rows,
                     int64_t *out_uid)
{
    struct flagging *f = c->arg;
    size_t rows = pg_rows(result);
    struct kept_page *page = mansio_arena_try_alloc(
        c->arena, sizeof *page + (rows > 0 ? rows : 1) * sizeof page->entries[0]);
    if (page == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t row = 0; row < rows; row++) {
        struct mansio_message m;
        pg_message_fill(&m, result, row);
        page->entries[row] = (struct kept_entry){
            .modseq = (int64_t)m.modseq,
            .message_id = (int64_t)m.message_id,
            .received_us = m.received_us,
            .body_bytes = (int64_t)m.body_bytes,
            .uid = m.uid,
            .prefix_bytes = m.prefix_bytes,
            .flags = m.flags,
            .is_refused = (uint32_t)pg_get_bool(result, row, 8),
        };
        if (m.keywords.len > 0 &&
            mansio_arena_copy(c->arena, m.keywords, &page->entries[row].keywords) < 0) {
            return MANSIO_E_LIMIT;
        }
        if (!page->entries[row].is_refused && page->entries[row].modseq > f->changed) {
            f->changed = page->entries[row].modseq; /* or one that had the flags already */
        }
        *out_uid = m.uid;
    }
    page->count = rows;
    *(f->last != NULL ? &f->last->next : &f->first) = page;
    f->last = page;
    *out_rows = rows;
    return 0;
}

static int flag_show(const struct flagging *f, const struct kept_entry *e, void *arg)
{
    if (e->is_refused) {
        return f->refused != NULL ? f->refused(arg, e->uid) : 0;
    }
    const struct mansio_message message = {
        .size = sizeof message,
        .message_id = (uint64_t)e->message_id,
        .modseq = (uint64_t)e->modseq,
        .received_us = e->received_us,
        .body_bytes = (uint64_t)e->body_bytes,
        .uid = e->uid,
        .prefix_bytes = e->prefix_bytes,
        .flags = e->flags,
        .keywords = e->keywords,
    };
    return f->visit != NULL ? f->visit(arg, &message) : 0;
}

static int flag_show_all(const struct flagging *f, void *arg)
{
    int rc = 0;
    for (const struct kept_page *page = f->first; rc == 0 && page != NULL; page = page->next) {
        for (size_t i = 0; rc == 0 && i < page->count; i++) {
            rc = flag_show(f, &page->entries[i], arg);
            if (rc == 0 && i % PACE_ROWS == PACE_ROWS - 1) {
                rc = mansio_fiber_pace();
            }
        }
    }
    return rc;
}

/* A change that is under way: in an arena of its own, for a walk is large. */
static struct changing *changing_new(uint64_t collection)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "store change", KEPT_BYTES_MAX);
    struct changing *c = mansio_arena_alloc(arena, sizeof *c);
    c->arena = arena;
    c->collection = collection;
    return c;
}

int pg_message_flag(struct mansio_instance *pool, struct mansio_account *account,
                    uint64_t collection_id, const struct mansio_flag_change *flag_change,
                    mansio_message_fn visit, mansio_uid_fn refused, void *arg, int64_t deadline_us)
{
    struct flagging f = {.change = flag_change, .visit = visit, .refused = refused};
    if (flag_change->operation < MANSIO_FLAGS_ADD ||
        flag_change->operation > MANSIO_FLAGS_REPLACE) {
        return mansio_fail(MANSIO_E_INVALID, "flag operation %u", flag_change->operation);
    }
    struct changing *c = changing_new(collection_id);
    c->id = PG_SQL_MESSAGE_FLAG;
    c->add = flag_add;
    c->keep = flag_keep;
    c->arg = &f;
    int rc = pg_keywords(c->arena, flag_change->keywords, &f.words, &f.word_count);
    if (rc == 0) {
        rc = pg_op_begin(&c->op, pool, account, deadline_us);
    }
    if (rc == 0) {
        rc = change(c, flag_change->uid_ranges, flag_change->range_count);
    }
    rc = pg_op_end(&c->op, rc);
    if (rc == 0) {
        if (f.changed > 0) {
            pg_tell(c->op.account, (int64_t)collection_id, f.changed);
        }
        rc = flag_show_all(&f, arg);
    }
    mansio_arena_free(c->arena);
    return rc;
}

/* ---- EXPUNGE -------------------------------------------------------------------------------- */

struct expunging {
    struct uid_list list; /* first: keep_uids() has it by the changing's arg */
    uint32_t only_deleted;
};

static void expunge_add(struct changing *c, struct pg_params *params)
{
    const struct expunging *e = c->arg;
    pg_add_bool(params, e->only_deleted != 0);
}

static int expunge_keep(struct changing *c, const struct pg_result *result, size_t *out_rows,
                        int64_t *out_uid)
{
    return keep_uids(c, result, 0, 0, out_rows, out_uid);
}

int pg_message_expunge(struct mansio_instance *pool, struct mansio_account *account,
                       uint64_t collection_id, const uint32_t *uid_ranges, size_t range_count,
                       uint32_t only_deleted, mansio_uid_fn visit, void *arg, int64_t deadline_us)
{
    struct expunging e = {.only_deleted = only_deleted};
    struct changing *c = changing_new(collection_id);
    c->id = PG_SQL_MESSAGE_EXPUNGE;
    c->add = expunge_add;
    c->keep = expunge_keep;
    c->arg = &e;
    int rc = pg_op_begin(&c->op, pool, account, deadline_us);
    if (rc == 0) {
        rc = change(c, uid_ranges, range_count);
    }
    rc = pg_op_end(&c->op, rc);
    if (rc == 0 && c->has_kept) {
        pg_tell(c->op.account, (int64_t)collection_id, 0);
    }
    for (const struct uids *page = e.list.first; rc == 0 && visit != NULL && page != NULL;
         page = page->next) {
        for (size_t i = 0; rc == 0 && i < page->count; i++) {
            rc = visit(arg, (uint32_t)page->uids[i]);
        }
        if (rc == 0) {
            rc = mansio_fiber_pace();
        }
    }
    mansio_arena_free(c->arena);
    return rc;
}

/* ---- COPY and MOVE -------------------------------------------------------------------------- */

struct copying {
    struct uid_list list; /* first, as above */
    uint64_t to;
    int is_move, wants_whole;
};

static void copy_add(struct changing *c, struct pg_params *params)
{
    const struct copying *copying = c->arg;
    pg_add_int64(params, (int64_t)copying->to);
    pg_add_int64(params, copying->is_move ? 0 : (int64_t)c->op.facts->quota_bytes);
    pg_add_int64(params, copying->is_move ? 0 : (int64_t)c->op.facts->quota_messages);
}

static int copy_keep(struct changing *c, const struct pg_result *result, size_t *out_rows,
                     int64_t *out_uid)
{
    return keep_uids(c, result, 1, pg_get_int64(result, 0, 0), out_rows, out_uid);
}

static void move_add(struct changing *c, struct pg_params *params)
{
    (void)c;
    pg_add_bool(params, 0);
}

static int move_keep(struct changing *c, const struct pg_result *result, size_t *out_rows,
                     int64_t *out_uid)
{
    struct copying *copying = c->arg;
    struct uid_list copied = copying->list;
    copying->list = (struct uid_list){NULL, NULL};
    int rc = keep_uids(c, result, 0, 0, out_rows, out_uid);
    copying->list = copied;
    return rc;
}

/* 1 if what was copied is all that was asked for. */
static int is_whole(const struct copying *copying, const uint32_t *ranges, size_t count)
{
    uint64_t wanted = 0, copied = 0;
    for (size_t i = 0; i < count; i++) {
        wanted += (uint64_t)ranges[2 * i + 1] - ranges[2 * i] + 1;
    }
    for (const struct uids *page = copying->list.first; page != NULL; page = page->next) {
        copied += page->count;
    }
    return copied == wanted;
}

/* Both collections probed and the account locked: copy, then, for MOVE, take them out. */
static int copy_locked(struct changing *c, const uint32_t *ranges, size_t count,
                       struct pg_probe *target)
{
    struct copying *copying = c->arg;
    struct pg_probe probe;
    int rc = begin_locked(&c->op, c->collection, &probe);
    if (rc == 0) {
        rc = pg_probe(&c->op, copying->to, target);
    }
    if (rc == 0) {
        /* What is copied into the same collection is not copied again. */
        pg_walk_init(&c->walk, ranges, count, probe.last_uid, probe.uid_next);
        rc = change_pages(c);
    }
    if (rc == 0 && copying->wants_whole && !is_whole(copying, ranges, count)) {
        rc = mansio_fail(MANSIO_E_INVALID, "some of the messages aren't there");
    }
    if (rc == 0 && copying->is_move) {
        c->id = PG_SQL_MESSAGE_EXPUNGE;
        c->add = move_add;
        c->keep = move_keep;
        pg_walk_init(&c->walk, ranges, count, probe.last_uid, probe.uid_next);
        rc = change_pages(c);
    }
    return rc == 0 ? pg_commit(c->op.conn, c->op.deadline_us) : rc;
}

int pg_message_copy(struct mansio_instance *pool, struct mansio_account *account, uint64_t from_id,
                    const uint32_t *uid_ranges, size_t range_count, uint64_t to_id, uint32_t flags,
                    mansio_copied_fn visit, void *arg, int64_t deadline_us,
                    uint32_t *out_uid_validity)
{
    struct copying copying = {
        .to = to_id,
        .is_move = (flags & MANSIO_COPY_MOVE) != 0,
        .wants_whole = (flags & MANSIO_COPY_WHOLE) != 0,
    };
    struct pg_probe target = {0};
    struct changing *c = changing_new(from_id);
    c->id = PG_SQL_MESSAGE_COPY;
    c->add = copy_add;
    c->keep = copy_keep;
    c->arg = &copying;
    int rc = pg_op_begin(&c->op, pool, account, deadline_us);
    if (rc == 0) {
        rc = copy_locked(c, uid_ranges, range_count, &target);
    }
    rc = pg_op_end(&c->op, rc);
    if (rc == 0 && out_uid_validity != NULL) {
        *out_uid_validity = (uint32_t)target.uid_validity;
    }
    if (rc == 0 && c->has_kept) {
        pg_tell(c->op.account, (int64_t)to_id, 0);
        if (copying.is_move) {
            pg_tell(c->op.account, (int64_t)from_id, 0);
        }
    }
    for (const struct uids *page = copying.list.first; rc == 0 && visit != NULL && page != NULL;
         page = page->next) {
        for (size_t i = 0; rc == 0 && i < page->count; i++) {
            rc = visit(arg, (uint32_t)page->uids[i], (uint32_t)(page->base + (int64_t)i));
        }
        if (rc == 0) {
            rc = mansio_fiber_pace();
        }
    }
    mansio_arena_free(c->arena);
    return rc;
}
