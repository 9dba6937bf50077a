/*
 * A store's spool: two fibers. One claims what is due, as much as may be in hand, and renews what
 * is; the other ends claims, many in a transaction when many are ready.
 *
 * A hint on the bus wakes the first; without hints it looks twice a minute. What can't be ended
 * because the store is away is kept and tried again while the process lives: its claim may run out
 * meanwhile, and then the message goes a second time, which is the price of not losing it.
 */
#include "outbound.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <mansio/error.h>
#include <mansio/interface.h>
#include <mansio/log.h>
#include <mansio/metrics.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "route.h"

enum { ENDING_MAX = 250, RENEW_MAX = 500, HINTS_MAX = 64, BATCH_ROOM = 64 << 20 };

#define LOOK_US  (30 * MANSIO_SECOND) /* however quiet it is */
#define AWAY_US  (3 * MANSIO_SECOND)  /* until a store that was away is asked again */
#define MIX_PART 4                    /* claims are made when there is room for so much of one */

struct mansio_str ob_holder(const struct ob_pool *pool)
{
    return mansio_str_from_cstr(pool->holder);
}

int64_t ob_store_deadline(const struct ob_options *options)
{
    return mansio_deadline_in(options->timeouts.store_us);
}

uint32_t ob_random(struct ob_module *module)
{
    return (uint32_t)ob_chance(&module->chance);
}

/* ---- items ------------------------------------------------------------------------------------
 */

static void hold(struct ob_item *item)
{
    struct ob_pool *pool = item->pool;
    item->held_before = NULL;
    item->held_next = pool->held;
    if (pool->held != NULL) {
        pool->held->held_before = item;
    }
    pool->held = item;
}

static void let_go(struct ob_item *item)
{
    struct ob_pool *pool = item->pool;
    if (item->held_next != NULL) {
        item->held_next->held_before = item->held_before;
    }
    if (item->held_before != NULL) {
        item->held_before->held_next = item->held_next;
    } else if (pool->held == item) {
        pool->held = item->held_next;
    }
    item->held_next = NULL;
    item->held_before = NULL;
}

static void show_held(const struct ob_pool *pool)
{
    size_t held = 0;
    for (size_t i = 0; i < pool->module->pool_count; i++) {
        held += pool->module->pools[i]->held_count;
    }
    mansio_metric_set(pool->module->instance, OB_METRIC_HELD, (int64_t)held);
}

void ob_item_free(struct ob_item *item)
{
    struct ob_pool *pool = item->pool;
    struct ob_batch *batch = item->batch;

    if (item->state == OB_ENDING && item->verdict != MANSIO_SPOOL_DONE) {
        /* When the store was asked for what is next, this was in hand. */
        pool->own_next_us = item->next_us < pool->own_next_us ? item->next_us : pool->own_next_us;
        pool->next_us = item->next_us < pool->next_us ? item->next_us : pool->next_us;
    }
    let_go(item);
    item->state = OB_GONE;
    pool->held_count--;
    if (--batch->live == 0) {
        mansio_arena_free(batch->arena);
    }
    show_held(pool);
    mansio_event_set(pool->wake);
}

void ob_item_end(struct ob_item *item)
{
    struct ob_pool *pool = item->pool;

    item->state = OB_ENDING;
    item->next = NULL;
    if (pool->ending_first == NULL) {
        pool->ending_first = item;
    } else {
        pool->ending_last->next = item;
    }
    pool->ending_last = item;
    mansio_event_set(pool->ending);
}

void ob_pools_wake(struct ob_module *module)
{
    for (size_t i = 0; i < module->pool_count; i++) {
        mansio_event_set(module->pools[i]->wake);
        mansio_event_set(module->pools[i]->ending);
    }
}

/* 1 when nothing of a pool is left to do. */
static int is_done(const struct ob_pool *pool)
{
    return pool->module->is_draining && pool->held_count == 0 && !pool->is_claiming;
}

/* ---- claiming ---------------------------------------------------------------------------------
 */

static size_t room(const struct ob_pool *pool)
{
    const struct ob_options *options = pool->module->options;
    size_t most = options->held_max;
    size_t left = most > pool->held_count ? most - pool->held_count : 0;
    return left < options->claim_max ? left : options->claim_max;
}

/* Not for a few at a time, unless that is all that may be. */
static int is_room(const struct ob_pool *pool)
{
    size_t part = pool->module->options->claim_max / MIX_PART;
    size_t most = pool->module->options->held_max / MIX_PART;
    part = part < most ? part : most;
    return room(pool) > 0 && room(pool) >= part;
}

static struct ob_item **take_in(struct ob_pool *pool, struct ob_batch *batch,
                                const struct mansio_spool_item *const *spooled, size_t count)
{
    struct ob_item **items = mansio_arena_try_alloc(batch->arena, (count + 1) * sizeof(*items));
    for (size_t i = 0; items != NULL && i < count; i++) {
        items[i] = mansio_arena_try_alloc(batch->arena, sizeof **items);
        if (items[i] == NULL) {
            return NULL;
        }
        items[i]->batch = batch;
        items[i]->pool = pool;
        items[i]->spool = spooled[i];
        items[i]->state = OB_WAITING;
    }
    for (size_t i = 0; items != NULL && i < count; i++) {
        hold(items[i]);
        pool->held_count++;
        batch->live++;
    }
    return items;
}

static void store_away(struct ob_pool *pool, int code, const char *doing)
{
    if (!pool->is_away) {
        mansio_log(MANSIO_LOG_WARNING, "outbound-store-away",
                   MANSIO_KV_STR("store", mansio_instance_name(pool->instance)),
                   MANSIO_KV_CSTR("doing", doing), MANSIO_KV_CODE("error", code), MANSIO_KV_END);
    }
    pool->is_away = 1;
}

static void store_back(struct ob_pool *pool)
{
    if (pool->is_away) {
        mansio_log(MANSIO_LOG_INFO, "outbound-store-back",
                   MANSIO_KV_STR("store", mansio_instance_name(pool->instance)), MANSIO_KV_END);
    }
    pool->is_away = 0;
}

/* Claim once. */
static int claim(struct ob_pool *pool)
{
    struct ob_module *module = pool->module;
    struct ob_options *options = ob_options_use(module->options);
    struct mansio_arena *arena = mansio_arena_new(NULL, "outbound batch", BATCH_ROOM);
    struct ob_batch *batch = mansio_arena_alloc(arena, sizeof *batch);
    const struct mansio_spool_item *const *spooled = NULL;
    struct ob_item **items = NULL;
    size_t count = 0;
    int64_t next_us = INT64_MAX;

    batch->arena = arena;
    pool->own_next_us = INT64_MAX;
    int rc = pool->store.spool_claim(pool->instance, ob_holder(pool), room(pool), options->claim_us,
                                     arena, ob_store_deadline(options), &spooled, &count, &next_us);
    ob_options_leave(options);
    if (rc == 0) {
        items = take_in(pool, batch, spooled, count);
        rc = items != NULL ? 0 : MANSIO_E_LIMIT;
    }
    if (rc < 0) {
        mansio_arena_free(arena);
        if (rc != MANSIO_E_CANCELLED) {
            store_away(pool, rc, "claiming");
            pool->next_us = mansio_wall_us() + AWAY_US;
            pool->look_us = mansio_deadline_in(LOOK_US);
        }
        return rc;
    }
    store_back(pool);
    pool->next_us = next_us < pool->own_next_us ? next_us : pool->own_next_us;
    pool->look_us = mansio_deadline_in(LOOK_US);
    mansio_metric_add(module->instance, OB_METRIC_CLAIMED, (int64_t)count);
    show_held(pool);
    if (count == 0) {
        mansio_arena_free(arena);
        return 0;
    }
    batch->live++; /* ours, while items may end below */
    ob_enqueue(pool, items, count);
    if (module->is_draining) {
        ob_destinations_drain(module);
    }
    if (--batch->live == 0) {
        mansio_arena_free(arena);
    }
    return 0;
}

/* ---- renewing ---------------------------------------------------------------------------------
 */

/* Take an item that is somebody else's now out of its queue's way: whoever meets it drops it. */
static void lose(struct ob_item *item)
{
    if (item->state == OB_WAITING) {
        item->state = OB_LOST;
        mansio_log(MANSIO_LOG_WARNING, "outbound-claim-lost",
                   MANSIO_KV_STR("to", item->spool->forward_path), MANSIO_KV_END);
    }
}

/* All or none are renewed: where one was lost, by halves, to find it. What has ended meanwhile
 * isn't lost. The items are pinned. */
static int renew_some(struct ob_pool *pool, struct mansio_arena *arena, struct ob_item **all,
                      size_t count)
{
    const struct ob_options *options = pool->module->options;
    const struct mansio_spool_item **items =
        mansio_arena_try_alloc(arena, (count + 1) * sizeof(*items));
    size_t n = 0;

    if (items == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        if (all[i]->state == OB_WAITING) {
            struct ob_item *item = all[i];
            all[i] = all[n];
            all[n] = item;
            items[n++] = item->spool;
        }
    }
    if (n == 0) {
        return 0;
    }
    int rc = pool->store.spool_renew(pool->instance, ob_holder(pool), items, n, options->claim_us,
                                     ob_store_deadline(options));
    if (rc != MANSIO_E_DENIED) {
        return rc;
    }
    if (n == 1) {
        lose(all[0]);
        return 0;
    }
    rc = renew_some(pool, arena, all, n / 2);
    return rc < 0 ? rc : renew_some(pool, arena, all + n / 2, n - n / 2);
}

static void unpin(struct ob_item *const *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct ob_batch *batch = all[i]->batch;
        if (--batch->live == 0) {
            mansio_arena_free(batch->arena);
        }
    }
}

static int renew(struct ob_pool *pool)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "outbound renewing", BATCH_ROOM);
    struct ob_item **all = mansio_arena_try_alloc(arena, (pool->held_count + 1) * sizeof(*all));
    size_t count = 0;
    int rc = all != NULL ? 0 : MANSIO_E_LIMIT;

    for (struct ob_item *item = pool->held; rc == 0 && item != NULL; item = item->held_next) {
        if (item->state == OB_WAITING) {
            item->batch->live++;
            all[count++] = item;
        }
    }
    for (size_t at = 0; rc == 0 && at < count; at += RENEW_MAX) {
        size_t some = count - at < RENEW_MAX ? count - at : RENEW_MAX;
        rc = renew_some(pool, arena, all + at, some);
    }
    unpin(all, count);
    mansio_arena_free(arena);
    if (rc < 0 && rc != MANSIO_E_CANCELLED) {
        store_away(pool, rc, "renewing");
        pool->renew_us = mansio_deadline_in(AWAY_US);
        return 0;
    }
    pool->renew_us = mansio_deadline_in(pool->module->options->claim_us / 3);
    return rc;
}

/* ---- the claiming fiber -----------------------------------------------------------------------
 */

static void take_hints(struct ob_pool *pool)
{
    struct mansio_str payload;
    int rc = 0;
    while (rc == 0 || rc == MANSIO_E_LIMIT) {
        rc = mansio_subscription_next(pool->hints, 0, &payload);
        if (rc == 0 || rc == MANSIO_E_LIMIT) {
            pool->next_us = 0;
        }
    }
}

/* Until there may be something to do. */
static int wait_for_work(struct ob_pool *pool)
{
    struct mansio_waitable *const sources[] = {
        mansio_event_waitable(pool->wake),
        mansio_subscription_readable(pool->hints),
    };
    int64_t deadline_us = pool->renew_us;

    if (!pool->module->is_draining && is_room(pool)) {
        int64_t wait_us = pool->next_us - mansio_wall_us();
        int64_t due_us = wait_us < LOOK_US ? mansio_deadline_in(wait_us) : pool->look_us;
        due_us = due_us < pool->look_us ? due_us : pool->look_us;
        deadline_us = due_us < deadline_us ? due_us : deadline_us;
    }
    int rc = mansio_wait(sources, MANSIO_COUNT(sources), deadline_us, 0);
    mansio_event_clear(pool->wake);
    if (pool->look_us <= mansio_now_us()) {
        pool->next_us = 0;
    }
    return rc == MANSIO_E_TIMEOUT ? 0 : rc;
}

static int claim_run(void *arg)
{
    struct ob_pool *pool = arg;
    int rc = 0;

    while (rc >= 0 && !is_done(pool)) {
        take_hints(pool);
        if (pool->renew_us <= mansio_now_us()) {
            rc = renew(pool);
        }
        if (rc >= 0 && !pool->module->is_draining && is_room(pool) &&
            pool->next_us <= mansio_wall_us()) {
            pool->is_claiming = 1;
            rc = claim(pool);
            pool->is_claiming = 0;
            rc = rc == MANSIO_E_CANCELLED ? rc : mansio_fiber_pace();
            continue;
        }
        ob_pump(pool->module);
        rc = rc < 0 ? rc : wait_for_work(pool);
    }
    mansio_event_set(pool->ending);
    return 0;
}

/* ---- the ending fiber -------------------------------------------------------------------------
 */

static size_t take_ending(struct ob_pool *pool, struct ob_item **items)
{
    size_t n = 0;
    while (pool->ending_first != NULL && n < ENDING_MAX) {
        items[n++] = pool->ending_first;
        pool->ending_first = pool->ending_first->next;
    }
    return n;
}

static int end_claims(struct ob_pool *pool, struct mansio_spool_outcome *outcomes,
                      struct ob_item *const *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        outcomes[i] = (struct mansio_spool_outcome){
            .size = sizeof *outcomes,
            .item = items[i]->spool,
            .verdict = items[i]->verdict,
            .next_us = items[i]->next_us,
            .reply = items[i]->said,
        };
    }
    return pool->store.spool_finish(pool->instance, ob_holder(pool), outcomes, count, NULL, NULL,
                                    ob_store_deadline(pool->module->options));
}

static void drop(struct ob_item *item)
{
    mansio_metric_add(item->pool->module->instance, OB_METRIC_CLAIMS_LOST, 1);
    mansio_log(MANSIO_LOG_WARNING, "outbound-claim-lost",
               MANSIO_KV_STR("to", item->spool->forward_path),
               MANSIO_KV_CSTR("was", item->verdict == MANSIO_SPOOL_DONE ? "done" : "later"),
               MANSIO_KV_END);
    ob_item_free(item);
}

/* All together; where one claim was lost, one by one. Away: again, for as long as it takes. */
static int end_some(struct ob_pool *pool, struct mansio_spool_outcome *outcomes,
                    struct ob_item *const *items, size_t count)
{
    int rc;
    for (;;) {
        rc = end_claims(pool, outcomes, items, count);
        if (rc == 0) {
            store_back(pool);
            for (size_t i = 0; i < count; i++) {
                ob_item_free(items[i]);
            }
            return 0;
        }
        if (rc == MANSIO_E_CANCELLED) {
            return rc;
        }
        if (mansio_error_class(rc) == MANSIO_CLASS_PERMANENT ||
            mansio_error_class(rc) == MANSIO_CLASS_BUG) {
            break;
        }
        store_away(pool, rc, "ending claims");
        rc = mansio_fiber_sleep_until(mansio_deadline_in(AWAY_US / 3));
        if (rc < 0) {
            return rc;
        }
    }
    if (count == 1) {
        drop(items[0]);
        return 0;
    }
    rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = end_some(pool, outcomes, items + i, 1);
    }
    return rc;
}

static int end_run(void *arg)
{
    struct ob_pool *pool = arg;
    struct mansio_spool_outcome *outcomes =
        mansio_arena_alloc(pool->arena, ENDING_MAX * sizeof *outcomes);
    struct ob_item **items = mansio_arena_alloc(pool->arena, ENDING_MAX * sizeof(*items));
    struct mansio_waitable *const source = mansio_event_waitable(pool->ending);
    int rc = 0;

    while (rc >= 0 && !is_done(pool)) {
        mansio_event_clear(pool->ending);
        size_t count = take_ending(pool, items);
        if (count > 0) {
            rc = end_some(pool, outcomes, items, count);
        } else {
            rc = mansio_wait(&source, 1, MANSIO_NEVER, 0);
        }
    }
    ob_pools_wake(pool->module);
    return 0;
}

/* ---- life -------------------------------------------------------------------------------------
 */

static int start_pool(struct ob_module *module, const struct mansio_store *store,
                      struct mansio_instance *instance)
{
    struct mansio_arena *arena = module->arena;
    struct ob_pool *pool = mansio_arena_alloc(arena, sizeof *pool);
    struct mansio_group *group = mansio_instance_group(module->instance);

    pool->module = module;
    pool->arena = arena;
    pool->store = *store;
    pool->instance = instance;
    pool->wake = mansio_event_new(arena);
    pool->ending = mansio_event_new(arena);
    pool->renew_us = mansio_deadline_in(module->options->claim_us / 3);
    (void)snprintf(pool->holder, sizeof pool->holder, "%.50s/%ld/%lld", module->options->hostname,
                   (long)getpid(), (long long)mansio_wall_us());
    int rc = mansio_bus_subscribe(arena, MANSIO_STR("spool"), HINTS_MAX, &pool->hints);
    if (rc == 0) {
        module->pools[module->pool_count++] = pool;
        rc = mansio_group_spawn(group, "outbound-claim", claim_run, pool, NULL);
    }
    return rc < 0 ? rc : mansio_group_spawn(group, "outbound-end", end_run, pool, NULL);
}

int ob_pools_start(struct ob_module *module)
{
    struct mansio_store store = {.size = sizeof store};
    struct mansio_instance *instance = NULL;
    int rc = 0;

    for (size_t i = 0; rc == 0; i++) {
        rc = mansio_interface_at(module->instance, MANSIO_STORE, MANSIO_STORE_VERSION, i, &store,
                                 sizeof store, &instance);
        if (rc == 0 && store.spool_claim != NULL && store.spool_finish != NULL) {
            rc = module->pool_count < OB_POOLS_MAX
                     ? start_pool(module, &store, instance)
                     : mansio_fail(MANSIO_E_LIMIT, "more than %d stores", OB_POOLS_MAX);
        }
    }
    if (rc != MANSIO_E_NOT_FOUND) {
        return rc;
    }
    return module->pool_count > 0 ? 0 : mansio_fail(MANSIO_E_NOT_FOUND, "no store has a spool");
}
