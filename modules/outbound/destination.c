/*
 * Destinations: queues of jobs, and who may have how many connections.
 *
 * Nobody starves. A new destination gets 2 connections and more as it takes mail, up to a limit;
 * one that has many never takes more than half of what is free, so that something is always left
 * for the others; who holds one gives it up after some messages when others wait. However many
 * destinations stall, a quarter of the connections is for those that are known to take mail. What
 * is in hand is bounded, and a destination may have half of that: the rest of its items is put
 * back, for as long as what is before them will take.
 *
 * A destination that can't be reached is left alone for a time that doubles. What is queued for it
 * and what is claimed meanwhile goes back until then, without an attempt being counted: it is one
 * host that is away, not a thousand messages that failed.
 */
#include "outbound.h"

#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/mail.h>
#include <mansio/metrics.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "route.h"

enum {
    DESTINATION_ROOM = 1 << 20,
    WINDOW_FIRST = 2,
    SHARE_LEAST = 50, /* items that any destination may have in hand */
    FAILURES_MAX = 16,
};

#define KEEP_US (600 * MANSIO_SECOND) /* an idle destination's memory */
#define RATE_US (2 * MANSIO_SECOND)   /* over which its rate is measured */
/* Recipients a second: where nothing was sent as yet, and of the slowest. */
#define RATE_UNKNOWN 2.0
#define RATE_LEAST   0.1

#define DISPLACE_MIN_US (5 * MANSIO_SECOND)
#define DISPLACE_MAX_US (900 * MANSIO_SECOND)

/* ---- memory ---------------------------------------------------------------------------------- */

static int is_idle(const struct ob_destination *destination)
{
    int64_t now_us = mansio_now_us();
    return destination->first == NULL && destination->active == 0 &&
           destination->retry_us <= now_us && destination->used_us + KEEP_US < now_us;
}

static void forget_idle(struct ob_module *module)
{
    size_t cursor = 0;
    void *value = NULL;
    struct mansio_str key;
    while (mansio_map_next(module->destinations, &cursor, &key, &value)) {
        struct ob_destination *destination = value;
        if (is_idle(destination)) {
            (void)mansio_map_remove(module->destinations, key);
            mansio_arena_free(destination->arena);
        }
    }
}

static struct ob_destination *find(struct ob_module *module, struct mansio_str key)
{
    struct ob_destination *destination = mansio_map_get(module->destinations, key);

    if (destination != NULL) {
        return destination;
    }
    /* Now and then, and when there is no more room. */
    if (mansio_map_count(module->destinations) % 1000 == 999 ||
        mansio_map_count(module->destinations) == OB_DESTINATIONS_MAX) {
        forget_idle(module);
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "outbound destination", DESTINATION_ROOM);
    destination = mansio_arena_alloc(arena, sizeof *destination);
    destination->module = module;
    destination->arena = arena;
    destination->memory = mansio_arena_new(arena, "outbound failure", 16384);
    destination->window = WINDOW_FIRST;
    destination->rate_since_us = mansio_now_us();
    if (mansio_arena_copy(arena, key, &destination->key) < 0 ||
        mansio_map_put(module->destinations, destination->key, destination) < 0) {
        mansio_arena_free(arena);
        return NULL;
    }
    mansio_metric_set(module->instance, OB_METRIC_DESTINATIONS,
                      (int64_t)mansio_map_count(module->destinations));
    return destination;
}

/* ---- the ring of those with jobs --------------------------------------------------------------
 */

static void list(struct ob_destination *destination)
{
    struct ob_module *module = destination->module;
    struct ob_destination *head = module->ready;

    if (destination->is_listed) {
        return;
    }
    destination->is_listed = 1;
    if (head == NULL) {
        destination->next = destination;
        destination->before = destination;
        module->ready = destination;
        return;
    }
    destination->next = head;
    destination->before = head->before;
    head->before->next = destination;
    head->before = destination;
}

static void unlist(struct ob_destination *destination)
{
    struct ob_module *module = destination->module;

    if (!destination->is_listed) {
        return;
    }
    destination->is_listed = 0;
    if (destination->next == destination) {
        module->ready = NULL;
        return;
    }
    destination->before->next = destination->next;
    destination->next->before = destination->before;
    if (module->ready == destination) {
        module->ready = destination->next;
    }
}

/* ---- jobs -------------------------------------------------------------------------------------
 */

static void append(struct ob_job *job)
{
    struct ob_destination *destination = job->destination;
    job->next = NULL;
    if (destination->first == NULL) {
        destination->first = job;
    } else {
        destination->last->next = job;
    }
    destination->last = job;
    destination->queued += job->count;
    destination->used_us = mansio_now_us();
    list(destination);
}

void ob_requeue(struct ob_job *job)
{
    struct ob_destination *destination = job->destination;
    job->next = destination->first;
    destination->first = job;
    destination->last = job->next == NULL ? job : destination->last;
    destination->queued += job->count;
    list(destination);
}

struct ob_job *ob_next_job(struct ob_destination *destination)
{
    struct ob_job *job = destination->first;

    if (job == NULL) {
        return NULL;
    }
    destination->first = job->next;
    destination->queued -= job->count;
    if (destination->first == NULL) {
        unlist(destination);
    }
    job->next = NULL;
    return job;
}

/* ---- connections ------------------------------------------------------------------------------
 */

/* Is something left for a destination of which nobody knows whether it only stalls? */
static int may_prove(const struct ob_destination *destination)
{
    const struct ob_module *module = destination->module;
    size_t total = module->options->connections_max;

    return destination->is_proven || module->unproven < total - total / 4;
}

static void set_proven(struct ob_destination *destination, int is_proven)
{
    struct ob_module *module = destination->module;

    if (is_proven && !destination->is_proven) {
        module->unproven -= destination->active;
    } else if (!is_proven && destination->is_proven) {
        module->unproven += destination->active;
    }
    destination->is_proven = is_proven;
}

static int may_connect(const struct ob_destination *destination)
{
    const struct ob_module *module = destination->module;
    size_t total = module->options->connections_max;
    size_t left = total > module->open ? total - module->open : 0;
    size_t most = destination->window < module->options->destination_max
                      ? destination->window
                      : module->options->destination_max;
    size_t jobs = 0;

    for (const struct ob_job *job = destination->first; job != NULL && jobs <= most;
         job = job->next) {
        jobs++;
    }
    /* One that is being opened is for a job that waits. */
    jobs = jobs > destination->starting ? jobs - destination->starting : 0;
    most = most < destination->active + jobs ? most : destination->active + jobs;
    return left > 0 && may_prove(destination) && destination->active < most &&
           (destination->active == 0 || destination->active < left / 2);
}

void ob_pump(struct ob_module *module)
{
    struct ob_destination *start = NULL;

    while (!module->is_draining && module->ready != NULL &&
           module->open < module->options->connections_max) {
        struct ob_destination *destination = module->ready;
        if (destination == start) {
            return; /* once around, and none may */
        }
        module->ready = destination->next;
        if (!may_connect(destination)) {
            start = start == NULL ? destination : start;
            continue;
        }
        destination->active++;
        destination->starting++;
        module->unproven += !destination->is_proven;
        module->open++;
        if (ob_attempt_start(destination) < 0) {
            destination->starting--;
            destination->active--;
            module->unproven -= !destination->is_proven;
            module->open--;
            return;
        }
        mansio_metric_set(module->instance, OB_METRIC_OPEN, (int64_t)module->open);
        start = NULL;
    }
}

void ob_destination_leave(struct ob_destination *destination)
{
    struct ob_module *module = destination->module;

    destination->active--;
    destination->used_us = mansio_now_us();
    module->unproven -= !destination->is_proven;
    module->open--;
    mansio_metric_set(module->instance, OB_METRIC_OPEN, (int64_t)module->open);
    ob_pump(module);
    ob_pools_wake(module);
}

int ob_is_wanted_elsewhere(const struct ob_destination *destination)
{
    const struct ob_module *module = destination->module;
    const struct ob_destination *at = module->ready;

    if (at == NULL || module->open < module->options->connections_max) {
        return 0;
    }
    do {
        if (at != destination && at->active == 0) {
            return 1;
        }
        at = at->next;
    } while (at != module->ready);
    return 0;
}

/* ---- how it fares -----------------------------------------------------------------------------
 */

void ob_destination_works(struct ob_destination *destination, size_t items, size_t sent)
{
    int64_t now_us = mansio_now_us();

    if (destination->failures > 0) {
        mansio_log(MANSIO_LOG_INFO, "outbound-alive",
                   MANSIO_KV_STR("destination", destination->key), MANSIO_KV_END);
    }
    /* To say "later" for ever takes no mail either. */
    set_proven(destination, sent > 0);
    destination->failures = 0;
    destination->retry_us = 0;
    if (destination->window < destination->module->options->destination_max) {
        destination->window++;
    }
    destination->rate_count += items;
    if (now_us - destination->rate_since_us >= RATE_US) {
        destination->rate = (double)destination->rate_count /
                            ((double)(now_us - destination->rate_since_us) / MANSIO_SECOND);
        destination->rate_since_us = now_us;
        destination->rate_count = 0;
    }
    ob_pump(destination->module);
}

/* Items of a job go back until their destination may be there again. */
static void postpone(struct ob_job *job)
{
    for (struct ob_item *item = job->items; item != NULL; item = item->next) {
        const struct ob_outcome *why = &job->destination->last_failure;
        ob_outcome_set(&item->outcome, item->batch->arena, OB_POSTPONED, why->status, why->remote,
                       why->reply, why->reason);
    }
}

void ob_destination_failed(struct ob_destination *destination, const struct ob_outcome *why)
{
    struct ob_options *options = destination->module->options;
    int64_t wait_us = options->dead_us;
    struct ob_job *job;

    /* Several connections may fail for one reason: that is one failure. */
    if (destination->retry_us > mansio_now_us()) {
        return;
    }
    for (uint32_t i = 0; i < destination->failures && wait_us < options->dead_max_us; i++) {
        wait_us *= 2;
    }
    wait_us = wait_us < options->dead_max_us ? wait_us : options->dead_max_us;
    set_proven(destination, 0);
    destination->failures += destination->failures < FAILURES_MAX;
    destination->window = 1;
    destination->retry_us = mansio_deadline_in(ob_jitter(wait_us, ob_random(destination->module)));
    mansio_arena_reset(destination->memory);
    ob_outcome_set(&destination->last_failure, destination->memory, why->kind, why->status,
                   why->remote, why->reply, why->reason);
    mansio_metric_add(destination->module->instance, OB_METRIC_DEAD, 1);
    mansio_log(MANSIO_LOG_INFO, "outbound-dead", MANSIO_KV_STR("destination", destination->key),
               MANSIO_KV_INT("failures", destination->failures),
               MANSIO_KV_DURATION("retry_in", wait_us),
               MANSIO_KV_STR("reason", ob_outcome_text(why, destination->memory)), MANSIO_KV_END);
    while ((job = ob_next_job(destination)) != NULL) {
        postpone(job);
        ob_job_return(job, options);
    }
}

/* ---- from items to jobs -----------------------------------------------------------------------
 */

/* The one spelling of a path's domain, or its literal; empty: the path is none. */
static struct mansio_str domain_of(const struct ob_item *item)
{
    struct mansio_path path = {.size = sizeof path};
    struct mansio_str domain = MANSIO_STR_NONE;
    struct mansio_arena *arena = item->batch->arena;

    if (mansio_mailbox_parse(arena, item->spool->forward_path, MANSIO_PATH_UTF8, &path) < 0) {
        return MANSIO_STR_NONE;
    }
    if (path.domain_kind != MANSIO_DOMAIN_NAME) {
        return path.domain;
    }
    return mansio_domain_normalize(arena, path.domain, &domain) == 0 ? domain : MANSIO_STR_NONE;
}

/* Domains that one relay takes are one destination. A key can't be mistaken for a domain. */
static struct ob_destination *destination_of(struct ob_item *item)
{
    struct ob_module *module = item->pool->module;
    const struct ob_relay *relay = ob_options_relay(module->options, item->domain);
    struct mansio_str key = item->domain;

    if (relay->host.len > 0 && mansio_arena_printf(item->batch->arena, &key, "relay %.*s",
                                                   MANSIO_STR_ARG(relay->name)) < 0) {
        return NULL;
    }
    return find(module, key);
}

/* How much of what is in hand one destination may have. */
static size_t share(const struct ob_module *module)
{
    size_t half = module->options->held_max / 2;
    return half > SHARE_LEAST ? half : SHARE_LEAST;
}

/* No room for it now: until about when those before it are through. */
static void displace(struct ob_destination *destination, struct ob_item *item)
{
    double rate = destination->rate <= 0 ? RATE_UNKNOWN : destination->rate;
    rate = rate > RATE_LEAST ? rate : RATE_LEAST;
    double wait_s = (double)(destination->displaced + destination->queued) / rate;
    int64_t wait_us = wait_s > (double)DISPLACE_MAX_US / MANSIO_SECOND
                          ? DISPLACE_MAX_US
                          : (int64_t)(wait_s * MANSIO_SECOND);

    wait_us = wait_us > DISPLACE_MIN_US ? wait_us : DISPLACE_MIN_US;
    destination->displaced++;
    mansio_metric_add(destination->module->instance, OB_METRIC_PUT_BACK, 1);
    item->verdict = MANSIO_SPOOL_PUT_BACK;
    item->next_us = mansio_wall_us() + ob_jitter(wait_us, ob_random(destination->module));
    ob_item_end(item);
}

/* 1 if items may share a transaction: one message, one tenant, one destination. */
static int is_like(const struct ob_job *job, const struct ob_item *item,
                   const struct ob_destination *destination)
{
    const struct mansio_spool_item *a = job->items->spool;
    const struct mansio_spool_item *b = item->spool;
    return job->destination == destination && a->message_id == b->message_id &&
           a->prefix_no == b->prefix_no && a->message_id != 0 &&
           mansio_str_eq(a->tenant, b->tenant) && mansio_str_eq(a->reverse_path, b->reverse_path);
}

static struct ob_job *job_of_one(struct ob_item *item, struct ob_destination *destination)
{
    struct ob_job *job = mansio_arena_alloc(item->batch->arena, sizeof *job);
    job->destination = destination;
    job->items = item;
    job->count = 1;
    item->next = NULL;
    return job;
}

/* No destination: its path is no address, or more are remembered than may be. */
static void refuse(struct ob_item *item, struct ob_options *options)
{
    if (item->domain.len == 0) {
        ob_outcome_set(&item->outcome, item->batch->arena, OB_REFUSED, "5.1.3", MANSIO_STR_NONE,
                       MANSIO_STR_NONE, MANSIO_STR("the address is none"));
    }
    ob_job_return(job_of_one(item, NULL), options);
}

/* What an administrator gave up. Items of one message that come one after the other are told of in
 * one report. @param item  NULL: no more come */
static void give_up(struct ob_job **io_job, struct ob_item *item,
                    struct ob_destination *destination)
{
    struct ob_job *job = *io_job;

    if (item != NULL) {
        ob_outcome_set(&item->outcome, item->batch->arena, OB_REFUSED, "5.4.7", MANSIO_STR_NONE,
                       MANSIO_STR_NONE, MANSIO_STR("delivery was given up by an administrator"));
    }
    if (job != NULL && item != NULL && is_like(job, item, destination) &&
        job->count < destination->module->options->recipients_max) {
        item->next = job->items;
        job->items = item;
        job->count++;
        return;
    }
    if (job != NULL) {
        ob_job_return(job, job->destination->module->options);
    }
    *io_job = item != NULL ? job_of_one(item, destination) : NULL;
}

void ob_enqueue(struct ob_pool *pool, struct ob_item *const *items, size_t count)
{
    enum { LOOK_BACK = 32 };
    struct ob_module *module = pool->module;
    struct ob_job *recent[LOOK_BACK] = {NULL};
    struct ob_job *given = NULL;
    size_t made = 0;

    for (size_t i = 0; i < count; i++) {
        struct ob_item *item = items[i];
        item->domain = domain_of(item);
        struct ob_destination *destination = item->domain.len > 0 ? destination_of(item) : NULL;
        struct ob_job *job = NULL;
        if (destination == NULL) {
            refuse(item, module->options);
            continue;
        }
        destination->displaced -= destination->displaced > 0;
        if ((item->spool->flags & MANSIO_SPOOL_GIVEN_UP) != 0) {
            give_up(&given, item, destination);
            continue;
        }
        if (destination->retry_us > mansio_now_us()) {
            job = job_of_one(item, destination);
            postpone(job);
            ob_job_return(job, module->options);
            continue;
        }
        if (destination->queued >= share(module)) {
            displace(destination, item);
            continue;
        }
        for (size_t k = 0; k < LOOK_BACK && job == NULL; k++) {
            if (recent[k] != NULL && recent[k]->count < module->options->recipients_max &&
                is_like(recent[k], item, destination)) {
                job = recent[k];
            }
        }
        if (job != NULL) {
            item->next = job->items;
            job->items = item;
            job->count++;
            destination->queued++;
            continue;
        }
        job = job_of_one(item, destination);
        recent[made++ % LOOK_BACK] = job;
        append(job);
    }
    give_up(&given, NULL, NULL);
    ob_pump(module);
}

void ob_destinations_drain(struct ob_module *module)
{
    while (module->ready != NULL) {
        struct ob_job *job = ob_next_job(module->ready);
        ob_job_return(job, module->options);
    }
}
