/*
 * Deliveries that share commits.
 *
 * There is no fiber for it: whoever comes while nobody sends leads, takes all that is ready, sends
 * it as one transaction over the one delivery connection, and hands the lead to who has waited
 * longest. So a group is what came while the one before was being flushed; no timer delays
 * anybody. From the moment a post is taken, its fiber and the leader's are masked from
 * cancellation: what was sent is seen to its end.
 *
 * A message that fails on its own account gets its answer and the rest is sent again, in halves.
 * One that meets a locked account leaves the group and waits by itself. When the connection breaks
 * nothing is sent again: what was sent may have been committed, so the answer is "try later", and
 * the client's copy stands.
 */
#include "deliver.h"

#include <string.h>

#include <mansio/limit.h>
#include <mansio/log.h>

enum {
    TRIES = 3,      /* of a post whose account changed under it */
    TOKENS_MAX = 4, /* groups in flight on a node */
};

#define GROUP_WAIT_US  (5 * MANSIO_SECOND) /* beyond the server's own time-outs */
#define TOKEN_PAUSE_US (1 * MANSIO_MS)
#define TOKEN_WAIT_US  (1 * MANSIO_SECOND)
#define TOKEN_NAME     "postgres-deliveries"

/* ---- the queue ------------------------------------------------------------------------------ */

static void enqueue(struct pg_store *store, struct pg_post *post)
{
    post->state = PG_POST_QUEUED;
    post->next = NULL;
    if (store->last != NULL) {
        store->last->next = post;
    } else {
        store->first = post;
    }
    store->last = post;
}

static void unqueue(struct pg_store *store, struct pg_post *post)
{
    struct pg_post *before = NULL;
    for (struct pg_post *at = store->first; at != NULL; before = at, at = at->next) {
        if (at != post) {
            continue;
        }
        if (before != NULL) {
            before->next = at->next;
        } else {
            store->first = at->next;
        }
        store->last = store->last == at ? before : store->last;
        post->state = PG_POST_NEW;
        return;
    }
}

/* All that is ready, within a group's bounds; at least one. */
static size_t take(struct pg_store *store, struct pg_post *out[PG_GROUP_MAX])
{
    size_t count = 0;
    size_t statements = 0;
    int64_t bytes = 0;
    while (store->first != NULL && count < PG_GROUP_MAX) {
        struct pg_post *post = store->first;
        if (count > 0 && (bytes + post->bytes > PG_GROUP_BYTES ||
                          statements + post->statements > PG_GROUP_STATEMENTS)) {
            break;
        }
        store->first = post->next;
        store->last = store->first != NULL ? store->last : NULL;
        bytes += post->bytes;
        statements += post->statements;
        post->state = PG_POST_SENT;
        out[count++] = post;
    }
    return count;
}

static void finish(struct pg_post *post, int code)
{
    post->state = PG_POST_DONE;
    post->code = code;
    mansio_event_set(post->event);
}

/* ---- sending a group ------------------------------------------------------------------------ */

/* Groups of all workers of the node. One that gets no token in time goes without: it is a brake,
 * no lock. */
static int token_take(const struct pg_store *store)
{
    struct mansio_str key = mansio_instance_name(store->pg->instance);
    int64_t until_us = mansio_deadline_in(TOKEN_WAIT_US);
    while (mansio_limit_acquire(TOKEN_NAME, key, TOKENS_MAX) < 0) {
        if (mansio_now_us() >= until_us ||
            mansio_fiber_sleep_until(mansio_deadline_in(TOKEN_PAUSE_US)) < 0) {
            return 0;
        }
    }
    return 1;
}

/* What failed may be a message's own fault, or bad luck with a lock: then the others needn't. So is
 * damage that the server meets (class XX): it may be a page that only one account has to do with.
 */
static int is_own(const struct pg_conn *conn, int code)
{
    if (code == MANSIO_E_UNAVAILABLE) {
        return !pg_is_broken(conn) && strncmp(pg_sqlstate(conn), "XX", 2) == 0;
    }
    return code != MANSIO_E_TIMEOUT && code != MANSIO_E_CANCELLED;
}

static int transact(struct pg_store *store, struct pg_conn *conn, struct pg_post *const *posts,
                    size_t count, int64_t deadline_us, struct pg_post **out_culprit,
                    int *out_is_own)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "delivery group", 64 << 20);
    struct pg_sent *sent = NULL;
    size_t sent_count = 0;
    struct pg_params params;
    pg_params_init(&params);
    *out_culprit = NULL;
    *out_is_own = 0;
    int rc = pg_send(conn, PG_SQL_GROUP_BEGIN, NULL);
    if (rc == 0) {
        rc = pg_group_send(store, conn, posts, count, arena, 0, &sent, &sent_count);
    }
    if (rc == 0) {
        rc = pg_sync(conn, PG_SYNC_COMMIT);
    }
    if (rc < 0) { /* some of it is on its way, and no Sync: the connection is given up */
        mansio_arena_free(arena);
        *out_is_own = is_own(conn, rc);
        return rc;
    }
    rc = pg_receive(conn, deadline_us, NULL);
    if (rc == 0) {
        rc = pg_group_receive(conn, sent, sent_count, deadline_us, out_culprit);
    }
    if (rc == 0 || is_own(conn, rc)) {
        int end = pg_finish(conn, deadline_us);
        rc = rc == 0 ? end : rc;
    }
    if (pg_is_broken(conn)) {
        rc = MANSIO_E_UNAVAILABLE;
    }
    *out_is_own = rc < 0 && is_own(conn, rc);
    mansio_arena_free(arena);
    return rc;
}

/* 1 if both want the lock of some account. */
static int meet(const struct pg_part *a, const struct pg_part *b)
{
    size_t i = 0;
    size_t j = 0;
    if (a->tenant != b->tenant) {
        return 0;
    }
    while (i < a->account_count && j < b->account_count && a->locks[i] != b->locks[j]) {
        *(a->locks[i] < b->locks[j] ? &i : &j) += 1;
    }
    return i < a->account_count && j < b->account_count;
}

static int share_account(const struct pg_post *a, const struct pg_post *b)
{
    int do_meet = 0;
    for (size_t i = 0; !do_meet && i < a->part_count; i++) {
        for (size_t j = 0; !do_meet && j < b->part_count; j++) {
            do_meet = meet(&a->parts[i], &b->parts[j]);
        }
    }
    return do_meet;
}

/* What failed, and, where an account was locked, all that want that account: each would keep the
 * others waiting once more. Fewer than there were are left, to try again. */
static size_t leave_group(struct pg_post **posts, size_t count, struct pg_post *culprit, int code)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        if (posts[i] == culprit ||
            (code == MANSIO_E_BUSY && culprit != NULL && share_account(posts[i], culprit))) {
            posts[i]->is_alone = code == MANSIO_E_BUSY;
            finish(posts[i], code);
        } else {
            posts[left++] = posts[i];
        }
    }
    return left;
}

static void commit(struct pg_store *store, struct pg_post **posts, size_t count);

/* The rest of a group in which one failed. Bounded: each call has fewer posts than the one
 * before, and halves make it a logarithm of calls deep. */
static void commit_rest(struct pg_store *store, struct pg_post **posts, size_t count)
{
    size_t half = (count + 1) / 2;
    if (half > 0) {
        commit(store, posts, half);
    }
    if (count > half) {
        commit(store, posts + half, count - half);
    }
}

/* Send posts as one transaction, and see each to its end. Masked. */
static void commit(struct pg_store *store, struct pg_post **posts, size_t count)
{
    struct pg_conn *conn = NULL;
    struct pg_post *culprit = NULL;
    int is_theirs = 0;
    int64_t deadline_us =
        mansio_deadline_in(store->pg->config.statement_timeout_us + GROUP_WAIT_US);
    int rc = pg_borrow(store->delivery, deadline_us, &conn);
    if (rc == 0) {
        rc = transact(store, conn, posts, count, deadline_us, &culprit, &is_theirs);
        pg_give_back(conn);
    } else {
        rc = rc == MANSIO_E_BUSY ? MANSIO_E_UNAVAILABLE : rc;
    }
    if (is_theirs && (culprit != NULL || count > 1)) {
        mansio_metric_add(store->pg->instance, PG_METRIC_GROUP_SPLITS, 1);
        commit_rest(store, posts, leave_group(posts, count, culprit, rc));
        return;
    }
    if (is_theirs) {
        posts[0]->is_alone = rc == MANSIO_E_BUSY;
    } else if (rc < 0) {
        mansio_log(MANSIO_LOG_WARNING, "delivery-group", MANSIO_KV_INT("messages", (int64_t)count),
                   MANSIO_KV_CODE("error", rc), MANSIO_KV_END);
    }
    if (rc == 0) {
        mansio_metric_add(store->pg->instance, PG_METRIC_DELIVERIES, (int64_t)count);
        mansio_metric_observe(store->pg->instance, PG_METRIC_GROUP_MESSAGES, (int64_t)count);
    }
    for (size_t i = 0; i < count; i++) {
        finish(posts[i], rc);
    }
}

/* Whoever waits longest leads next. */
static void hand_over(struct pg_store *store)
{
    store->is_led = 0;
    if (store->first != NULL) {
        mansio_event_set(store->first->event);
    }
}

/* Lead one group, which has this post in it unless 64 came before. 0; MANSIO_E_CANCELLED: this
 * post isn't queued any more. */
static int lead(struct pg_store *store, struct pg_post *post)
{
    struct pg_post *posts[PG_GROUP_MAX];
    store->is_led = 1;
    /* Who was answered just now may be ready with the next message. */
    int rc = mansio_fiber_yield();
    if (rc < 0) {
        unqueue(store, post);
        hand_over(store);
        return rc;
    }
    mansio_fiber_mask();
    int has_token = token_take(store);
    size_t count = take(store, posts);
    commit(store, posts, count);
    if (has_token) {
        mansio_limit_release(TOKEN_NAME, mansio_instance_name(store->pg->instance));
    }
    hand_over(store);
    mansio_fiber_unmask();
    return 0;
}

/* Wait for what was sent, whoever wants this fiber to end. */
static void see_to_end(struct pg_post *post)
{
    struct mansio_waitable *const done = mansio_event_waitable(post->event);
    int rc = 0;
    mansio_fiber_mask();
    while (rc >= 0 && post->state != PG_POST_DONE) {
        rc = mansio_wait(&done, 1, MANSIO_NEVER, 0);
    }
    mansio_fiber_unmask();
    MANSIO_ASSERT(post->state == PG_POST_DONE);
}

/* A post through a group. Its code. */
static int share(struct pg_store *store, struct pg_post *post, int64_t deadline_us)
{
    post->is_alone = 0;
    mansio_event_clear(post->event);
    enqueue(store, post);
    while (post->state != PG_POST_DONE) {
        if (!store->is_led) {
            int rc = lead(store, post);
            if (rc < 0) {
                return rc;
            }
            continue;
        }
        struct mansio_waitable *const done = mansio_event_waitable(post->event);
        int rc = mansio_wait(&done, 1, deadline_us, 0);
        if (rc < 0 && post->state == PG_POST_QUEUED) {
            unqueue(store, post);
            if (!store->is_led) {
                hand_over(store); /* it may have been this one's turn */
            }
            return rc == MANSIO_E_TIMEOUT ? mansio_fail(rc, "no delivery by the deadline") : rc;
        }
        if (post->state != PG_POST_DONE) {
            mansio_event_clear(post->event);
        }
        if (rc < 0) {
            see_to_end(post);
        }
    }
    if (post->code == 0) {
        return 0;
    }
    /* The leader knew more, but its words are its fiber's. */
    return mansio_fail(post->code, post->code == MANSIO_E_UNSUPPORTED
                                       ? "a collection has given out all its UIDs"
                                       : "the database refused it, or is away");
}

/* ---- a transaction of its own --------------------------------------------------------------- */

static int send_bodies(struct pg_conn *conn, const struct pg_post *post, int64_t deadline_us)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < post->part_count; i++) {
        const struct pg_part *part = &post->parts[i];
        const struct pg_letter *letter = part->letter;
        if (!letter->is_large) {
            continue;
        }
        rc = pg_tenant(conn, (uint64_t)part->tenant);
        if (rc == 0) {
            rc = pg_chunks_add(conn, part->tenant, letter->id, letter->content, deadline_us);
        }
    }
    return rc;
}

int pg_post_within(struct pg_store *store, struct pg_conn *conn, struct pg_post *post,
                   int64_t deadline_us)
{
    struct pg_sent *sent = NULL;
    size_t sent_count = 0;
    struct pg_post *culprit = NULL;
    int rc = send_bodies(conn, post, deadline_us);
    if (rc == 0) {
        rc = pg_group_send(store, conn, &post, 1, post->arena, deadline_us, &sent, &sent_count);
    }
    if (rc == 0) {
        rc = pg_sync(conn, 0);
    }
    if (rc == 0) {
        rc = pg_group_receive(conn, sent, sent_count, deadline_us, &culprit);
    }
    return rc == 0 ? pg_finish(conn, deadline_us) : rc;
}

static int transact_alone(struct pg_store *store, struct pg_post *post, int64_t deadline_us)
{
    struct pg_conn *conn = NULL;
    int rc = pg_borrow(store->pg->serving, deadline_us, &conn);
    if (rc == 0) {
        rc = pg_begin(conn);
    }
    if (rc == 0) {
        rc = pg_post_within(store, conn, post, deadline_us);
    }
    if (rc == 0) {
        rc = pg_commit(conn, deadline_us);
        mansio_metric_add(store->pg->instance, PG_METRIC_DELIVERIES, rc == 0);
    }
    pg_give_back(conn);
    return rc;
}

/* Whoever waits for a locked account waits with a connection: so one does at a time, lest the mail
 * of one account takes them all. */
static int alone(struct pg_store *store, struct pg_post *post, int64_t deadline_us)
{
    if (!post->is_alone) {
        return transact_alone(store, post, deadline_us);
    }
    int rc = mansio_mutex_lock(store->patience, deadline_us);
    if (rc == 0) {
        rc = transact_alone(store, post, deadline_us);
        mansio_mutex_unlock(store->patience);
    }
    return rc;
}

/* ---- the interface -------------------------------------------------------------------------- */

static int goes_alone(const struct pg_post *post)
{
    return post->is_large || post->is_alone || post->statements > PG_GROUP_STATEMENTS;
}

static int deliver_post(struct pg_store *store, struct pg_post *post, int64_t deadline_us)
{
    int rc = MANSIO_E_BUSY;
    for (int i = 0; i < TRIES && rc == MANSIO_E_BUSY; i++) {
        rc = goes_alone(post) ? alone(store, post, deadline_us) : share(store, post, deadline_us);
    }
    if (rc < 0) {
        pg_post_fail(post, rc);
        return rc;
    }
    if (!pg_post_done(post, store)) {
        return 0;
    }
    rc = pg_post_explain(post, store, deadline_us);
    return post->is_each ? 0 : rc;
}

static const struct mansio_delivery *delivery_at(const struct mansio_delivery *deliveries, size_t i)
{
    return (const struct mansio_delivery *)(const void *)((const char *)deliveries +
                                                          i * deliveries[0].size);
}

/* Letters, before anything is known of them. */
static void take_letters(struct pg_post *post, const struct mansio_delivery *deliveries,
                         size_t count)
{
    post->letters = mansio_arena_alloc(post->arena, count * sizeof *post->letters);
    for (size_t i = 0; i < count; i++) {
        const struct mansio_delivery *delivery = delivery_at(deliveries, i);
        post->letters[i] = (struct pg_letter){
            .post = post,
            .plan = delivery->plan,
            .facts = mansio_plan_facts(delivery->plan),
            .content = delivery->content,
        };
    }
    post->letter_count = count;
    post->is_each = count == 1 && (post->letters[0].facts->flags & MANSIO_PLAN_EACH) != 0;
}

int pg_post_new(struct pg_store *store, struct mansio_instance *pool,
                const struct mansio_delivery *deliveries, size_t count,
                const struct pg_behalf *behalf, int64_t deadline_us, struct pg_post **out)
{
    /* Texts of 10,000 entries are the plan's; here is what points to them. */
    struct mansio_arena *arena = mansio_arena_new(NULL, "delivery", 64 << 20);
    struct pg_post *post = mansio_arena_alloc(arena, sizeof *post);
    post->arena = arena;
    post->event = mansio_event_new(arena);
    take_letters(post, deliveries, count);
    post->behalf = behalf != NULL ? *behalf : (struct pg_behalf){.tenant = 0};
    int rc = pg_post_prepare(post, store, pool, deadline_us);
    if (rc < 0) {
        mansio_arena_free(arena);
        return rc;
    }
    *out = post;
    return 0;
}

static int check_deliveries(const struct mansio_delivery *deliveries, size_t count)
{
    if (count == 0 || count > MANSIO_DELIVERIES_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "%zu deliveries at once: wanted 1 to %d", count,
                           MANSIO_DELIVERIES_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        const struct mansio_delivery *delivery = delivery_at(deliveries, i);
        if ((mansio_plan_facts(delivery->plan)->flags & MANSIO_PLAN_EACH) != 0) {
            return mansio_fail(MANSIO_E_INVALID, "recipients stand or fall together here");
        }
    }
    return 0;
}

static int deliver_all(struct mansio_instance *pool, const struct mansio_delivery *deliveries,
                       size_t count, int64_t deadline_us)
{
    struct pg_store *store = pg_of(pool)->store;
    struct pg_post *post = NULL;
    if (store == NULL) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "the store isn't started");
    }
    pg_store_enter(store);
    int64_t began_us = mansio_now_us();
    int rc = pg_post_new(store, pool, deliveries, count, NULL, deadline_us, &post);
    if (rc == 0) {
        rc = post->part_count > 0 ? deliver_post(store, post, deadline_us) : 0;
        mansio_metric_observe(store->pg->instance, PG_METRIC_DELIVERY_TIME,
                              mansio_now_us() - began_us);
        mansio_arena_free(post->arena);
    }
    pg_store_leave(store);
    return rc;
}

int pg_deliver(struct mansio_instance *pool, struct mansio_plan *plan,
               struct mansio_content *content, int64_t deadline_us)
{
    const struct mansio_delivery delivery = {
        .size = sizeof delivery, .plan = plan, .content = content};
    return deliver_all(pool, &delivery, 1, deadline_us);
}

int pg_deliver_together(struct mansio_instance *pool, const struct mansio_delivery *deliveries,
                        size_t count, int64_t deadline_us)
{
    int rc = check_deliveries(deliveries, count);
    return rc < 0 ? rc : deliver_all(pool, deliveries, count, deadline_us);
}
