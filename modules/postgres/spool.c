/*
 * The spool: what is to leave.
 *
 * Claims are made in the role that sees the spool of all tenants and nothing else; bodies are read,
 * and claims ended, in the serving role under the tenant of the claim. A claim has a fence that
 * grows with each grant of the item; whoever writes under it passes it along, and a claim that was
 * lost changes nothing.
 */
#include "deliver.h"
#include "relay.h"

#include <string.h>

enum { SPOOL_PAGE = 500, CLAIM_MAX = 1000, HOLDER_MAX = 127, ENDINGS_MAX = 256 };

/* What an item's claim says to us. */
struct claim {
    int64_t tenant, id, fence;
};

static struct pg_store *store_of(struct mansio_instance *pool)
{
    return pg_of(pool)->store;
}

static int check_ready(struct mansio_instance *pool)
{
    const struct pg *pg = pg_of(pool);
    if (pg->store == NULL) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "the store isn't started");
    }
    if (pg->spool == NULL) {
        return mansio_fail(MANSIO_E_DENIED, "the spool is the service process's");
    }
    return 0;
}

static int check_claiming(struct mansio_str holder, int64_t duration_us)
{
    if (holder.len == 0 || holder.len > HOLDER_MAX || !pg_is_text(holder)) {
        return mansio_fail(MANSIO_E_INVALID, "a holder's name of %zu bytes", holder.len);
    }
    if (duration_us < MANSIO_SECOND || duration_us > 3600 * MANSIO_SECOND) {
        return mansio_fail(MANSIO_E_INVALID, "a claim of %lld us: wanted 1 s to 1 h",
                           (long long)duration_us);
    }
    return 0;
}

/* An item as a row has it; texts in the result. */
static void fill(struct mansio_spool_item *item, const struct pg_result *result, size_t row)
{
    *item = (struct mansio_spool_item){
        .size = sizeof *item,
        .id = (uint64_t)pg_get_int64(result, row, 1),
        .message_bytes = (uint64_t)pg_get_int64(result, row, 2),
        .spooled_us = pg_get_time(result, row, 3),
        .next_us = pg_get_time(result, row, 4),
        .fence = pg_get_bool(result, row, 16) ? (uint64_t)pg_get_int64(result, row, 5) : 0,
        .attempts = (uint32_t)pg_get_int32(result, row, 6),
        .flags = (uint32_t)pg_get_int32(result, row, 7),
        .tenant = pg_get_str(result, row, 8),
        .reverse_path = pg_get_str(result, row, 9),
        .forward_path = pg_get_str(result, row, 10),
        .envelope_id = pg_get_str(result, row, 11),
        .ret = pg_get_str(result, row, 12),
        .notify = pg_get_str(result, row, 13),
        .original_recipient = pg_get_str(result, row, 14),
        .last_reply = pg_get_str(result, row, 15),
        .message_id = (uint64_t)pg_get_int64(result, row, 17),
        .prefix_no = (uint32_t)pg_get_int32(result, row, 18),
    };
}

/* The same in an arena, with its claim. NULL: the arena is full. */
static struct mansio_spool_item *keep(struct mansio_arena *arena, const struct pg_result *result,
                                      size_t row)
{
    struct mansio_spool_item *item = mansio_arena_try_alloc(arena, sizeof *item);
    struct claim *claim = mansio_arena_try_alloc(arena, sizeof *claim);
    if (item == NULL || claim == NULL) {
        return NULL;
    }
    fill(item, result, row);
    struct mansio_str *const texts[] = {
        &item->tenant, &item->reverse_path, &item->forward_path,       &item->envelope_id,
        &item->ret,    &item->notify,       &item->original_recipient, &item->last_reply,
    };
    for (size_t i = 0; i < MANSIO_COUNT(texts); i++) {
        if (mansio_arena_copy(arena, *texts[i], texts[i]) < 0) {
            return NULL;
        }
    }
    *claim = (struct claim){.tenant = pg_get_int64(result, row, 0),
                            .id = (int64_t)item->id,
                            .fence = (int64_t)item->fence};
    item->claim = claim;
    return item;
}

/* ---- claiming ------------------------------------------------------------------------------- */

static int claim_items(struct pg_conn *conn, struct mansio_str holder, size_t max,
                       int64_t duration_us, struct mansio_arena *arena, int64_t deadline_us,
                       const struct mansio_spool_item *const **out, size_t *out_count)
{
    const struct pg_result *result = NULL;
    struct pg_params params;
    pg_params_init(&params);
    pg_add_text(&params, holder);
    pg_add_int32(&params, max > CLAIM_MAX ? CLAIM_MAX : (int32_t)max);
    pg_add_int64(&params, duration_us);
    int rc = pg_ask(conn, PG_SQL_SPOOL_CLAIM, &params, deadline_us, &result);
    if (rc < 0) {
        return rc;
    }
    size_t count = pg_rows(result);
    const struct mansio_spool_item **items =
        mansio_arena_try_alloc(arena, (count + 1) * sizeof(*items));
    for (size_t i = 0; items != NULL && i < count; i++) {
        items[i] = keep(arena, result, i);
        if (items[i] == NULL) {
            return MANSIO_E_LIMIT; /* what was claimed returns by itself */
        }
    }
    if (items == NULL) {
        return MANSIO_E_LIMIT;
    }
    *out = items;
    *out_count = count;
    return 0;
}

int pg_spool_claim(struct mansio_instance *pool, struct mansio_str holder, size_t max,
                   int64_t duration_us, struct mansio_arena *arena, int64_t deadline_us,
                   const struct mansio_spool_item *const **out, size_t *out_count,
                   int64_t *out_next_us)
{
    struct pg_conn *conn = NULL;
    const struct pg_result *result = NULL;
    struct pg_params params;
    int rc = check_ready(pool);
    if (rc == 0) {
        rc = check_claiming(holder, duration_us);
    }
    if (rc == 0) {
        rc = pg_borrow(pg_of(pool)->spool, deadline_us, &conn);
    }
    if (rc == 0) {
        rc = claim_items(conn, holder, max, duration_us, arena, deadline_us, out, out_count);
    }
    if (rc == 0) {
        pg_params_init(&params);
        pg_add_text(&params, holder);
        rc = pg_ask(conn, PG_SQL_SPOOL_NEXT, &params, deadline_us, &result);
    }
    if (rc == 0) {
        *out_next_us = pg_is_null(result, 0, 0) ? INT64_MAX : pg_get_time(result, 0, 0);
    }
    pg_give_back(conn);
    return rc;
}

int pg_spool_renew(struct mansio_instance *pool, struct mansio_str holder,
                   const struct mansio_spool_item *const *items, size_t count, int64_t duration_us,
                   int64_t deadline_us)
{
    int rc = check_ready(pool);
    if (rc == 0) {
        rc = check_claiming(holder, duration_us);
    }
    if (rc < 0 || count == 0) {
        return rc;
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "spool renew", 16 << 20);
    int64_t *numbers = mansio_arena_try_alloc(arena, 3 * count * sizeof *numbers);
    if (numbers == NULL) {
        mansio_arena_free(arena);
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        const struct claim *claim = items[i]->claim;
        numbers[i] = claim->tenant;
        numbers[count + i] = claim->id;
        numbers[2 * count + i] = claim->fence;
    }
    struct pg_params params;
    pg_params_init(&params);
    pg_add_text(&params, holder);
    pg_add_int64s(&params, arena, numbers, count);
    pg_add_int64s(&params, arena, numbers + count, count);
    pg_add_int64s(&params, arena, numbers + 2 * count, count);
    pg_add_int64(&params, duration_us);
    rc = pg_change(pg_of(pool)->spool, 0, PG_SQL_SPOOL_RENEW, &params, deadline_us, NULL);
    mansio_arena_free(arena);
    return rc;
}

int pg_spool_read(struct mansio_instance *pool, const struct mansio_spool_item *item,
                  uint64_t offset, size_t max, struct mansio_arena *arena, int64_t deadline_us,
                  struct mansio_str *out)
{
    const struct claim *claim = item->claim;
    struct pg_conn *conn = NULL;
    struct pg_params params;
    int rc = check_ready(pool);
    if (rc == 0 && claim == NULL) {
        rc = mansio_fail(MANSIO_E_DENIED, "the item isn't claimed");
    }
    if (rc < 0) {
        return rc;
    }
    rc = pg_borrow(pg_of(pool)->serving, deadline_us, &conn);
    if (rc == 0) {
        rc = pg_tenant(conn, (uint64_t)claim->tenant);
    }
    if (rc == 0) {
        pg_params_init(&params);
        pg_add_int64(&params, claim->tenant);
        pg_add_int64(&params, claim->id);
        pg_add_int64(&params, claim->fence);
        pg_add_window(&params, offset, max);
        rc = pg_bytes_ask(conn, PG_SQL_SPOOL_READ, &params, arena, deadline_us, out);
        if (rc == MANSIO_E_NOT_FOUND) {
            rc = mansio_fail(MANSIO_E_DENIED, "the claim was lost");
        }
    }
    pg_give_back(conn);
    return rc;
}

/* ---- finishing ------------------------------------------------------------------------------ */

static const struct mansio_spool_outcome *outcome_at(const struct mansio_spool_outcome *outcomes,
                                                     size_t i)
{
    return (const struct mansio_spool_outcome *)(const void *)((const char *)outcomes +
                                                               i * outcomes[0].size);
}

/* The outcomes of one tenant and verdict in one statement. */
struct ending {
    struct pg_conn *conn;
    struct mansio_arena *arena;
    struct mansio_str holder;
    const struct mansio_spool_outcome *outcomes;
    size_t count;
    int64_t *ids, *fences, *next;
    struct mansio_str *replies;
};

static int send_ending(struct ending *e, int64_t tenant, uint32_t verdict, size_t *out_sent)
{
    size_t n = 0;
    for (size_t i = 0; i < e->count; i++) {
        const struct mansio_spool_outcome *outcome = outcome_at(e->outcomes, i);
        const struct claim *claim = outcome->item->claim;
        if (claim->tenant == tenant && outcome->verdict == verdict) {
            e->ids[n] = claim->id;
            e->fences[n] = claim->fence;
            e->next[n] = outcome->next_us;
            /* For people: what isn't text is left out. */
            e->replies[n] = pg_is_text(outcome->reply) && outcome->reply.ptr != NULL
                                ? mansio_str_sub(outcome->reply, 0, 1024)
                                : MANSIO_STR("");
            if (!pg_is_text(e->replies[n])) {
                e->replies[n] = MANSIO_STR("");
            }
            n++;
        }
    }
    if (n == 0) {
        return 0;
    }
    struct pg_params params;
    pg_params_init(&params);
    pg_add_int64(&params, tenant);
    pg_add_text(&params, e->holder);
    pg_add_int64s(&params, e->arena, e->ids, n);
    pg_add_int64s(&params, e->arena, e->fences, n);
    if (verdict != MANSIO_SPOOL_DONE) {
        pg_add_int64s(&params, e->arena, e->next, n);
        pg_add_texts(&params, e->arena, e->replies, n);
        pg_add_int32(&params, verdict == MANSIO_SPOOL_RETRY);
    }
    ++*out_sent;
    int rc = pg_tenant(e->conn, (uint64_t)tenant);
    return rc == 0 ? pg_send(e->conn,
                             verdict == MANSIO_SPOOL_DONE ? PG_SQL_SPOOL_DONE : PG_SQL_SPOOL_AGAIN,
                             &params)
                   : rc;
}

/* The least tenant of the outcomes that is greater than this one; INT64_MAX: none. */
static int64_t tenant_after(const struct ending *e, int64_t tenant)
{
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < e->count; i++) {
        const struct claim *claim = outcome_at(e->outcomes, i)->item->claim;
        least = claim->tenant > tenant && claim->tenant < least ? claim->tenant : least;
    }
    return least;
}

/* Send what is queued of endings, and see what became of it. */
static int flush_endings(struct ending *e, size_t *sent, int64_t deadline_us)
{
    int rc = *sent > 0 ? pg_sync(e->conn, 0) : 0;
    for (size_t i = 0; rc == 0 && i < *sent; i++) {
        rc = pg_receive(e->conn, deadline_us, NULL);
    }
    if (rc == 0 && *sent > 0) {
        rc = pg_finish(e->conn, deadline_us);
    }
    *sent = 0;
    return rc;
}

/* All outcomes, tenant by tenant, in one order for all who do this: so nothing deadlocks. However
 * many tenants they are of: a connection takes so many statements at once. */
static int end_claims(struct ending *e, int64_t deadline_us)
{
    size_t sent = 0;
    int rc = 0;
    for (int64_t tenant = tenant_after(e, INT64_MIN); rc == 0 && tenant != INT64_MAX;
         tenant = tenant_after(e, tenant)) {
        for (uint32_t verdict = MANSIO_SPOOL_DONE; rc == 0 && verdict <= MANSIO_SPOOL_PUT_BACK;
             verdict++) {
            rc = send_ending(e, tenant, verdict, &sent);
        }
        if (rc == 0 && sent >= ENDINGS_MAX) {
            rc = flush_endings(e, &sent, deadline_us);
        }
    }
    return rc == 0 ? flush_endings(e, &sent, deadline_us) : rc;
}

static int check_outcomes(const struct mansio_spool_outcome *outcomes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct mansio_spool_outcome *outcome = outcome_at(outcomes, i);
        if (outcome->verdict < MANSIO_SPOOL_DONE || outcome->verdict > MANSIO_SPOOL_PUT_BACK) {
            return mansio_fail(MANSIO_E_INVALID, "verdict %u", outcome->verdict);
        }
        if (outcome->item == NULL || outcome->item->claim == NULL) {
            return mansio_fail(MANSIO_E_DENIED, "the item isn't claimed");
        }
    }
    return 0;
}

/* End claims, and write the post, if there is one; in a transaction that the caller commits. */
static int finish_within(struct pg_store *store, struct ending *e, struct pg_post *post,
                         int64_t deadline_us)
{
    int rc = pg_begin(e->conn);
    if (rc == 0) {
        rc = end_claims(e, deadline_us);
    }
    if (rc == 0 && post != NULL && post->part_count > 0) {
        rc = pg_post_within(store, e->conn, post, deadline_us);
    }
    return rc;
}

/* 1 if what comes of it can't be, and all of it must (deliver()): then the claims stay. */
static int is_refused(const struct pg_post *post)
{
    if (post == NULL || post->is_each) {
        return 0;
    }
    for (size_t p = 0; p < post->part_count; p++) {
        for (size_t i = 0; i < post->parts[p].count; i++) {
            if (post->parts[p].uids[i] == 0) {
                return 1;
            }
        }
    }
    return 0;
}

static int finish(struct pg_store *store, struct ending *e, struct pg_post *post,
                  int64_t deadline_us)
{
    e->ids = mansio_arena_try_alloc(e->arena, e->count * sizeof *e->ids);
    e->fences = mansio_arena_try_alloc(e->arena, e->count * sizeof *e->fences);
    e->next = mansio_arena_try_alloc(e->arena, e->count * sizeof *e->next);
    e->replies = mansio_arena_try_alloc(e->arena, e->count * sizeof *e->replies);
    if (e->ids == NULL || e->fences == NULL || e->next == NULL || e->replies == NULL) {
        return MANSIO_E_LIMIT;
    }
    int rc = pg_borrow(store->pg->serving, deadline_us, &e->conn);
    if (rc == 0) {
        rc = finish_within(store, e, post, deadline_us);
    }
    int must_stay = rc == 0 && is_refused(post);
    if (rc == 0 && !must_stay) {
        rc = pg_commit(e->conn, deadline_us);
    }
    pg_give_back(e->conn); /* rolls back what isn't committed */
    if (must_stay) {
        rc = pg_post_explain(post, store, deadline_us);
        rc = rc < 0 ? rc : mansio_fail(MANSIO_E_BUSY, "refused, and no longer: again");
    }
    if (post != NULL && rc < 0) {
        pg_post_fail(post, rc);
    } else if (post != NULL && pg_post_done(post, store)) {
        /* Committed; the plan says which entries were refused. */
        (void)pg_post_explain(post, store, deadline_us);
    }
    return rc;
}

/* Whose item it is, for what is sent because of it. */
static struct pg_behalf behalf_of(const struct mansio_spool_outcome *outcomes, size_t count)
{
    if (count == 0) {
        return (struct pg_behalf){.tenant = 0};
    }
    const struct claim *claim = outcomes[0].item->claim;
    return (struct pg_behalf){.tenant = claim->tenant, .name = outcomes[0].item->tenant};
}

int pg_spool_finish(struct mansio_instance *pool, struct mansio_str holder,
                    const struct mansio_spool_outcome *outcomes, size_t count,
                    struct mansio_plan *plan, struct mansio_content *content, int64_t deadline_us)
{
    struct pg_store *store = store_of(pool);
    struct pg_post *post = NULL;
    int rc = check_ready(pool);
    if (rc == 0) {
        rc = check_outcomes(outcomes, count);
    }
    if (rc == 0 && plan != NULL) {
        const struct pg_behalf behalf = behalf_of(outcomes, count);
        const struct mansio_delivery delivery = {
            .size = sizeof delivery, .plan = plan, .content = content};
        rc = pg_post_new(store, pool, &delivery, 1, &behalf, deadline_us, &post);
    }
    if (rc < 0) {
        return rc;
    }
    struct ending e = {.arena = mansio_arena_new(NULL, "spool finish", 64 << 20),
                       .holder = holder,
                       .outcomes = outcomes,
                       .count = count};
    rc = finish(store, &e, post, deadline_us);
    mansio_arena_free(e.arena);
    if (post != NULL) {
        mansio_arena_free(post->arena);
    }
    return rc;
}

/* ---- administration ------------------------------------------------------------------------- */

static int list_page(struct pg_conn *conn, struct mansio_str tenant, int64_t *after_us,
                     int64_t *after_id, mansio_spool_fn visit, void *arg, int64_t deadline_us,
                     size_t *out_rows)
{
    const struct pg_result *result = NULL;
    struct pg_params params;
    pg_params_init(&params);
    pg_add_text(&params, tenant);
    pg_add_time(&params, *after_us);
    pg_add_int64(&params, *after_id);
    pg_add_int32(&params, SPOOL_PAGE);
    int rc = pg_ask(conn, PG_SQL_SPOOL_LIST, &params, deadline_us, &result);
    *out_rows = rc == 0 ? pg_rows(result) : 0;
    for (size_t row = 0; rc == 0 && row < *out_rows; row++) {
        struct mansio_spool_item item;
        fill(&item, result, row);
        *after_us = item.spooled_us;
        *after_id = (int64_t)item.id;
        rc = visit(arg, &item);
    }
    return rc;
}

int pg_spool_list(struct mansio_instance *pool, struct mansio_str tenant, mansio_spool_fn visit,
                  void *arg, int64_t deadline_us)
{
    struct pg_conn *conn = NULL;
    int64_t after_us = 0;
    int64_t after_id = 0;
    size_t rows = SPOOL_PAGE;
    int rc = check_ready(pool);
    if (rc == 0) {
        rc = pg_borrow(pg_of(pool)->spool, deadline_us, &conn);
    }
    while (rc == 0 && rows == SPOOL_PAGE) {
        rc = list_page(conn, tenant, &after_us, &after_id, visit, arg, deadline_us, &rows);
    }
    pg_give_back(conn);
    return rc;
}

/* Of an item that wasn't changed: being tried, or not there? */
static int tenant_of(struct mansio_instance *pool, uint64_t id, int64_t deadline_us,
                     int64_t *out_tenant)
{
    struct pg_conn *conn = NULL;
    const struct pg_result *result = NULL;
    struct pg_params params;
    pg_params_init(&params);
    pg_add_int64(&params, (int64_t)id);
    int rc =
        pg_borrow_ask(pg_of(pool)->spool, 0, PG_SQL_SPOOL_OF, &params, deadline_us, &conn, &result);
    if (rc < 0) {
        return rc;
    }
    if (pg_rows(result) == 0) {
        rc = mansio_fail(MANSIO_E_NOT_FOUND, "no such item");
    } else {
        *out_tenant = pg_get_int64(result, 0, 0);
    }
    pg_give_back(conn);
    return rc;
}

int pg_spool_retry(struct mansio_instance *pool, uint64_t id, int64_t deadline_us)
{
    struct pg_params params;
    struct mansio_str hint = MANSIO_STR_NONE;
    uint64_t changed = 0;
    int64_t tenant;
    int rc = check_ready(pool);
    if (rc < 0) {
        return rc;
    }
    MANSIO_SCRATCH_BEGIN(scratch);
    rc = pg_relay_payload(scratch, MANSIO_STR("spool"), MANSIO_STR("due"), &hint);
    pg_params_init(&params);
    pg_add_int64(&params, (int64_t)id);
    pg_add_text(&params, hint);
    if (rc == 0) {
        rc = pg_change(pg_of(pool)->spool, 0, PG_SQL_SPOOL_RETRY, &params, deadline_us, &changed);
    }
    MANSIO_SCRATCH_END(scratch);
    if (rc == 0 && changed == 0) {
        rc = tenant_of(pool, id, deadline_us, &tenant);
        rc = rc == 0 ? mansio_fail(MANSIO_E_BUSY, "it is being tried") : rc;
    }
    return rc;
}

int pg_spool_look(struct mansio_instance *pool, uint64_t id, uint64_t offset, size_t max,
                  struct mansio_arena *arena, int64_t deadline_us, struct mansio_str *out)
{
    struct pg_conn *conn = NULL;
    struct pg_params params;
    int64_t tenant = 0;
    int rc = check_ready(pool);
    if (rc == 0) {
        rc = tenant_of(pool, id, deadline_us, &tenant);
    }
    if (rc == 0) {
        rc = pg_borrow(pg_of(pool)->serving, deadline_us, &conn);
    }
    if (rc == 0) {
        rc = pg_tenant(conn, (uint64_t)tenant);
    }
    if (rc == 0) {
        pg_params_init(&params);
        pg_add_int64(&params, tenant);
        pg_add_int64(&params, (int64_t)id);
        pg_add_window(&params, offset, max);
        rc = pg_bytes_ask(conn, PG_SQL_SPOOL_LOOK, &params, arena, deadline_us, out);
    }
    pg_give_back(conn);
    return rc;
}

/* One statement on an idle item, under its tenant: a row of its result says that it was done.
 * @param change  NULL: none */
static int change_idle(struct mansio_instance *pool, uint64_t id, unsigned statement,
                       const uint32_t *change, int64_t deadline_us)
{
    struct pg_conn *conn = NULL;
    struct pg_params params;
    const struct pg_result *result = NULL;
    int64_t tenant = 0;
    int rc = check_ready(pool);
    if (rc == 0) {
        rc = tenant_of(pool, id, deadline_us, &tenant);
    }
    if (rc == 0) {
        rc = pg_borrow(pg_of(pool)->serving, deadline_us, &conn);
    }
    if (rc == 0) {
        rc = pg_tenant(conn, (uint64_t)tenant);
    }
    if (rc == 0) {
        pg_params_init(&params);
        pg_add_int64(&params, tenant);
        pg_add_int64(&params, (int64_t)id);
        if (change != NULL) {
            pg_add_int32(&params, (int32_t)*change);
        }
        rc = pg_send(conn, statement, &params);
    }
    if (rc == 0) {
        rc = pg_sync(conn, PG_SYNC_COMMIT);
    }
    if (rc == 0) {
        rc = pg_receive(conn, deadline_us, &result);
    }
    int is_gone = rc == 0 && pg_rows(result) > 0;
    if (rc == 0) {
        rc = pg_finish(conn, deadline_us);
    }
    pg_give_back(conn);
    if (rc == 0 && !is_gone) {
        rc = tenant_of(pool, id, deadline_us, &tenant);
        rc = rc == 0 ? mansio_fail(MANSIO_E_BUSY, "it is being tried") : rc;
    }
    return rc;
}

int pg_spool_remove(struct mansio_instance *pool, uint64_t id, int64_t deadline_us)
{
    return change_idle(pool, id, PG_SQL_SPOOL_REMOVE, NULL, deadline_us);
}

int pg_spool_change(struct mansio_instance *pool, uint64_t id, uint32_t change, int64_t deadline_us)
{
    if (change != MANSIO_SPOOL_HOLD && change != MANSIO_SPOOL_GIVE_UP) {
        return mansio_fail(MANSIO_E_INVALID, "no change of an item: %u", change);
    }
    return change_idle(pool, id, PG_SQL_SPOOL_CHANGE, &change, deadline_us);
}
