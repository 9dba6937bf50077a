/*
 * Posts to statements, and answers back to posts.
 *
 * A group's parts are sorted by tenant and first account. A tenant's turn: its name once; then, if
 * any of its parts has several accounts, all accounts of the turn are locked in the order of their
 * ids before anything else is written; then the parts. Where all parts are simple, DELIVER_ONE
 * locks its account itself, and their order is the locks' order. So two groups, of whatever
 * workers, take locks in one order.
 */
#include "deliver.h"

#include <stdlib.h>

static int compare_parts(const void *a, const void *b)
{
    const struct pg_part *x = *(struct pg_part *const *)a;
    const struct pg_part *y = *(struct pg_part *const *)b;
    if (x->tenant != y->tenant) {
        return x->tenant < y->tenant ? -1 : 1;
    }
    int64_t m = x->account_count > 0 ? x->locks[0] : 0;
    int64_t n = y->account_count > 0 ? y->locks[0] : 0;
    if (m != n) {
        return m < n ? -1 : 1;
    }
    return x->letter->id < y->letter->id ? -1 : x->letter->id > y->letter->id;
}

struct sending {
    struct pg_store *store;
    struct pg_conn *conn;
    struct mansio_arena *arena;
    struct pg_sent *sent;
    size_t count, max;
    int64_t rounds_until_us;
};

/* More than a connection takes at once goes in several round trips, where the transaction lasts. */
static int make_room(struct sending *s)
{
    struct pg_post *culprit = NULL;
    if (s->rounds_until_us == 0 || s->count < PG_GROUP_STATEMENTS) {
        return 0;
    }
    int rc = pg_sync(s->conn, 0);
    if (rc == 0) {
        rc = pg_group_receive(s->conn, s->sent, s->count, s->rounds_until_us, &culprit);
    }
    s->count = 0;
    return rc == 0 ? pg_finish(s->conn, s->rounds_until_us) : rc;
}

static int send_one_of(struct sending *s, struct pg_part *part, unsigned id,
                       const struct pg_params *params)
{
    int rc = make_room(s);
    if (rc < 0) {
        return rc;
    }
    if (s->count == s->max) {
        size_t max = s->max == 0 ? 2 * PG_GROUP_MAX : 2 * s->max;
        struct pg_sent *grown = mansio_arena_try_alloc(s->arena, max * sizeof *grown);
        if (grown == NULL) {
            return MANSIO_E_LIMIT;
        }
        for (size_t i = 0; i < s->count; i++) {
            grown[i] = s->sent[i];
        }
        s->sent = grown;
        s->max = max;
    }
    rc = pg_send(s->conn, id, params);
    if (rc == 0) {
        s->sent[s->count++] = (struct pg_sent){part, id};
    }
    return rc;
}

static int send_open(struct sending *s, struct pg_part *part, size_t i)
{
    struct pg_params params;
    pg_open_params(&params, s->arena, part->tenant, part->locks[i],
                   &part->open_ids[i * PG_OPEN_IDS]);
    return send_one_of(s, part, PG_SQL_ACCOUNT_OPEN, &params);
}

static int send_locks(struct sending *s, int64_t tenant, const int64_t *accounts, size_t count)
{
    struct pg_params params;
    if (count == 0) {
        return 0;
    }
    pg_params_init(&params);
    pg_add_int64(&params, tenant);
    pg_add_int64s(&params, s->arena, accounts, count);
    return send_one_of(s, NULL, PG_SQL_ACCOUNTS_LOCK, &params);
}

struct lock {
    int64_t account;
    struct pg_part *part;
    size_t i;
};

static int compare_locks(const void *a, const void *b)
{
    const struct lock *x = a;
    const struct lock *y = b;
    return x->account < y->account ? -1 : x->account > y->account;
}

/* All accounts of a tenant's turn, in order: opened where they may be new, then locked. */
static int lock_turn(struct sending *s, struct pg_part *const *parts, size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += parts[i]->account_count;
    }
    struct lock *locks = mansio_arena_try_alloc(s->arena, (total + 1) * sizeof *locks);
    int64_t *run = mansio_arena_try_alloc(s->arena, (total + 1) * sizeof *run);
    if (locks == NULL || run == NULL) {
        return MANSIO_E_LIMIT;
    }
    total = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < parts[i]->account_count; j++) {
            locks[total++] = (struct lock){parts[i]->locks[j], parts[i], j};
        }
    }
    qsort(locks, total, sizeof *locks, compare_locks);
    size_t waiting = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < total; i++) {
        if (i > 0 && locks[i].account == locks[i - 1].account) {
            continue;
        }
        if (locks[i].part->is_new[locks[i].i]) {
            rc = send_locks(s, parts[0]->tenant, run, waiting);
            waiting = 0;
            if (rc == 0) {
                rc = send_open(s, locks[i].part, locks[i].i);
            }
        }
        run[waiting++] = locks[i].account;
    }
    return rc == 0 ? send_locks(s, parts[0]->tenant, run, waiting) : rc;
}

static int send_simple(struct sending *s, struct pg_part *part)
{
    const struct pg_letter *letter = part->letter;
    struct pg_params params;
    pg_params_init(&params);
    pg_add_int64(&params, part->tenant);
    pg_add_int64(&params, part->accounts[0]);
    pg_add_int64(&params, letter->id);
    pg_add_int64(&params, letter->size);
    pg_add_int32(&params, part->prefix_bytes[0]);
    pg_add_int32(&params, part->flags[0]);
    pg_add_text(&params, part->keywords[0]);
    pg_add_time(&params, letter->facts->received_us);
    pg_add_bytes(&params, part->prefixes[0]);
    pg_add_bytes(&params, letter->structure);
    pg_add_bytes(&params, letter->body);
    pg_add_text(&params, letter->text);
    pg_add_int64(&params, part->quota_bytes[0]);
    pg_add_int64(&params, part->quota_messages[0]);
    return send_one_of(s, part, PG_SQL_DELIVER_ONE, &params);
}

static int send_ensures(struct sending *s, struct pg_part *part)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < part->count; i++) {
        if (part->ensure_ids[i] == 0) {
            continue;
        }
        struct pg_params params;
        pg_params_init(&params);
        pg_add_int64(&params, part->tenant);
        pg_add_int64(&params, part->accounts[i]);
        pg_add_int64(&params, part->ensure_ids[i]);
        pg_add_int32(&params, MANSIO_COLLECTION_MAIL);
        pg_add_int32(&params, part->uses[i]);
        pg_add_text(&params, part->names[i]);
        pg_add_int64(&params, mansio_wall_us() / MANSIO_SECOND);
        pg_add_int64(&params, (int64_t)pg_store_collections_max(s->store->pg));
        rc = send_one_of(s, part, PG_SQL_COLLECTION_ENSURE, &params);
    }
    return rc;
}

static int send_spool(struct sending *s, struct pg_part *part)
{
    const struct pg_letter *letter = part->letter;
    struct pg_params params;
    pg_params_init(&params);
    pg_add_int64(&params, part->tenant);
    pg_add_int64(&params, letter->id);
    pg_add_text(&params, part->tenant_name);
    pg_add_text(&params, letter->facts->reverse_path);
    pg_add_text(&params, letter->facts->envelope_id);
    pg_add_text(&params, letter->facts->ret);
    pg_add_int32(&params, (int32_t)(letter->facts->flags & (MANSIO_PLAN_8BIT | MANSIO_PLAN_UTF8)));
    pg_add_int64(&params, letter->size);
    pg_add_int64s(&params, s->arena, part->spool_ids, part->spool_count);
    pg_add_int32s(&params, s->arena, part->spool_prefix_no, part->spool_count);
    pg_add_int32s(&params, s->arena, part->spool_prefix_bytes, part->spool_count);
    pg_add_texts(&params, s->arena, part->forward, part->spool_count);
    pg_add_texts(&params, s->arena, part->notify, part->spool_count);
    pg_add_texts(&params, s->arena, part->orcpt, part->spool_count);
    return send_one_of(s, part, PG_SQL_SPOOL_ADD, &params);
}

static int send_many(struct sending *s, struct pg_part *part)
{
    const struct pg_letter *letter = part->letter;
    size_t n = part->count;
    size_t further = part->prefix_count > 1 ? part->prefix_count - 1 : 0;
    struct pg_params params;
    int rc = send_ensures(s, part);
    if (rc < 0) {
        return rc;
    }
    pg_params_init(&params);
    pg_add_int64(&params, part->tenant);
    pg_add_int64(&params, letter->id);
    pg_add_int64(&params, letter->size);
    pg_add_int32(&params, letter->is_large ? PG_STORAGE_CHUNKS : PG_STORAGE_INLINE);
    if (letter->is_large) {
        pg_add_null(&params);
    } else {
        pg_add_bytes(&params, letter->body);
    }
    pg_add_bytes(&params, part->prefix_count > 0 ? part->prefixes[0] : MANSIO_STR_NONE);
    pg_add_bytes(&params, letter->structure);
    pg_add_text(&params, letter->text);
    pg_add_time(&params, letter->facts->received_us);
    pg_add_int32(&params, part->spool_count > 0);
    pg_add_bool(&params, (letter->facts->flags & MANSIO_PLAN_EACH) == 0);
    pg_add_int64s(&params, s->arena, part->accounts, n);
    pg_add_int32s(&params, s->arena, part->uses, n);
    pg_add_texts(&params, s->arena, part->names, n);
    pg_add_int32s(&params, s->arena, part->flags, n);
    pg_add_texts(&params, s->arena, part->keywords, n);
    pg_add_int32s(&params, s->arena, part->prefix_no, n);
    pg_add_int32s(&params, s->arena, part->prefix_bytes, n);
    pg_add_int64s(&params, s->arena, part->quota_bytes, n);
    pg_add_int64s(&params, s->arena, part->quota_messages, n);
    pg_add_int32s(&params, s->arena, part->prefix_numbers + (further > 0), further);
    pg_add_bytess(&params, s->arena, part->prefixes + (further > 0), further);
    rc = send_one_of(s, part, PG_SQL_DELIVER_MANY, &params);
    return rc == 0 && part->spool_count > 0 ? send_spool(s, part) : rc;
}

static int send_turn(struct sending *s, struct pg_part *const *parts, size_t count)
{
    int is_all_simple = 1;
    for (size_t i = 0; i < count; i++) {
        is_all_simple = is_all_simple && parts[i]->is_simple;
    }
    int rc = pg_tenant(s->conn, (uint64_t)parts[0]->tenant);
    if (rc == 0 && !is_all_simple) {
        rc = lock_turn(s, parts, count);
    }
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (is_all_simple && parts[i]->is_new[0]) {
            rc = send_open(s, parts[i], 0);
        }
        if (rc == 0) {
            rc = parts[i]->is_simple ? send_simple(s, parts[i]) : send_many(s, parts[i]);
        }
    }
    return rc;
}

int pg_group_send(struct pg_store *store, struct pg_conn *conn, struct pg_post *const *posts,
                  size_t count, struct mansio_arena *arena, int64_t rounds_until_us,
                  struct pg_sent **out_sent, size_t *out_sent_count)
{
    struct sending s = {
        .store = store, .conn = conn, .arena = arena, .rounds_until_us = rounds_until_us};
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += posts[i]->part_count;
    }
    struct pg_part **parts = mansio_arena_try_alloc(arena, (total + 1) * sizeof(*parts));
    if (parts == NULL) {
        return MANSIO_E_LIMIT;
    }
    total = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < posts[i]->part_count; j++) {
            parts[total++] = &posts[i]->parts[j];
        }
    }
    qsort(parts, total, sizeof(*parts), compare_parts);
    int rc = 0;
    for (size_t first = 0; rc == 0 && first < total;) {
        size_t end = first + 1;
        while (end < total && parts[end]->tenant == parts[first]->tenant) {
            end++;
        }
        rc = send_turn(&s, &parts[first], end - first);
        first = end;
    }
    *out_sent = s.sent;
    *out_sent_count = s.count;
    return rc;
}

/* ---- answers -------------------------------------------------------------------------------- */

static void read_simple(struct pg_part *part, const struct pg_result *result)
{
    part->uids[0] = 0;
    if (pg_rows(result) == 1) {
        part->uids[0] = pg_get_int64(result, 0, 0);
        part->targets[0] = part->accounts[0];
        part->modseqs[0] = pg_get_int64(result, 0, 1);
        part->held_bytes[0] = pg_get_int64(result, 0, 2);
        part->held_messages[0] = pg_get_int64(result, 0, 3);
    }
}

static void read_many(struct pg_part *part, const struct pg_result *result)
{
    for (size_t row = 0; row < pg_rows(result); row++) {
        size_t i = (size_t)pg_get_int64(result, row, 0) - 1;
        MANSIO_ASSERT(i < part->count);
        part->uids[i] = pg_get_int64(result, row, 1);
        part->targets[i] = pg_get_int64(result, row, 2);
        part->modseqs[i] = pg_get_int64(result, row, 3);
        part->held_bytes[i] = pg_get_int64(result, row, 4);
        part->held_messages[i] = pg_get_int64(result, row, 5);
    }
}

int pg_group_receive(struct pg_conn *conn, const struct pg_sent *sent, size_t sent_count,
                     int64_t deadline_us, struct pg_post **out_culprit)
{
    *out_culprit = NULL;
    for (size_t i = 0; i < sent_count; i++) {
        const struct pg_result *result = NULL;
        int rc = pg_receive(conn, deadline_us, &result);
        if (rc < 0) {
            *out_culprit = sent[i].part != NULL ? sent[i].part->letter->post : NULL;
            return rc;
        }
        if (sent[i].id == PG_SQL_DELIVER_ONE) {
            read_simple(sent[i].part, result);
        } else if (sent[i].id == PG_SQL_DELIVER_MANY) {
            read_many(sent[i].part, result);
        }
    }
    return 0;
}
