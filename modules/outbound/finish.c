/*
 * From outcomes to verdicts: what goes from the spool, what stays for later, and what a sender is
 * told. A report and the end of the claim that it is about are one transaction of the store, where
 * the report goes to the same store; where it goes to another, it goes first, so that at worst it
 * comes twice.
 */
#include "outbound.h"

#include <stdio.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/metrics.h>
#include <mansio/report.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "report.h"
#include "route.h"

/* A report that can't be stored now: its item is tried again then. */
#define REPORT_RETRY_US (300 * MANSIO_SECOND)

/* Until what came to nothing is taken up again; at once, when we end and others go on. */
#define UNTRIED_US (30 * MANSIO_SECOND)

enum { REPORTING_MAX = 50 /* reports that are made at once, beside those of connections */ };

static void log_item(const struct ob_item *item, const char *what)
{
    const struct ob_outcome *outcome = &item->outcome;
    const struct mansio_spool_item *spool = item->spool;
    char id[24];
    (void)snprintf(id, sizeof id, "%llu", (unsigned long long)spool->id);
    mansio_log(MANSIO_LOG_INFO, "outbound", MANSIO_KV_CSTR("id", id),
               MANSIO_KV_CSTR("result", what), MANSIO_KV_STR("tenant", spool->tenant),
               MANSIO_KV_STR("from", spool->reverse_path), MANSIO_KV_STR("to", spool->forward_path),
               MANSIO_KV_CSTR("status", outcome->status), MANSIO_KV_STR("relay", outcome->remote),
               MANSIO_KV_STR("reply", item->said),
               MANSIO_KV_INT("attempts", spool->attempts + (outcome->kind != OB_POSTPONED)),
               MANSIO_KV_DURATION("age", mansio_wall_us() - spool->spooled_us), MANSIO_KV_END);
}

static void set_report(struct ob_item *item, uint32_t action, const struct ob_options *options)
{
    const struct mansio_spool_item *spool = item->spool;
    int is_due = mansio_report_is_due(spool->notify, action, spool->reverse_path);

    /* What has no sender any more may be the postmaster's to know of. */
    is_due |=
        action == MANSIO_REPORT_FAILED && spool->reverse_path.len == 0 && options->tells_postmaster;
    item->report = is_due ? action : 0;
}

/* ---- verdicts ---------------------------------------------------------------------------------
 */

static void judge_failed(struct ob_item *item, const struct ob_options *options)
{
    struct ob_module *module = item->pool->module;
    item->verdict = MANSIO_SPOOL_DONE;
    set_report(item, MANSIO_REPORT_FAILED, options);
    mansio_metric_add(module->instance, OB_METRIC_FAILED, 1);
    mansio_metric_observe(module->instance, OB_METRIC_AGE_SECONDS,
                          mansio_wall_us() - item->spool->spooled_us);
}

static void judge_later(struct ob_item *item, const struct ob_destination *destination,
                        const struct ob_options *options)
{
    struct ob_module *module = item->pool->module;
    const struct mansio_spool_item *spool = item->spool;
    int is_postponed = item->outcome.kind == OB_POSTPONED;
    int64_t now_us = mansio_wall_us();
    int64_t at_least_us = 0;

    if (is_postponed && destination != NULL) {
        int64_t left_us = destination->retry_us - mansio_now_us();
        /* Not all at once when it may be there again. */
        left_us = left_us > 0 ? left_us : 0;
        at_least_us = now_us + left_us +
                      (int64_t)(ob_random(module) % (uint64_t)(left_us / 8 + MANSIO_SECOND / 10));
    }
    struct ob_due due = ob_schedule_next(&options->schedule, spool->spooled_us, spool->next_us,
                                         spool->attempts, at_least_us, now_us, ob_random(module));
    if (due.is_over) {
        memcpy(item->outcome.status, "4.4.7", sizeof "4.4.7"); /* RFC 3463 3.5 */
        judge_failed(item, options);
        mansio_metric_add(module->instance, OB_METRIC_EXPIRED, 1);
        return;
    }
    if (is_postponed && !due.is_delayed) {
        /* When its destination may be there, whatever its own schedule says: it wasn't tried. */
        due.next_us = at_least_us < due.next_us ? at_least_us : due.next_us;
    }
    item->verdict = is_postponed ? MANSIO_SPOOL_PUT_BACK : MANSIO_SPOOL_RETRY;
    item->next_us = due.next_us;
    if (due.is_delayed) {
        set_report(item, MANSIO_REPORT_DELAYED, options);
    }
    mansio_metric_add(module->instance, is_postponed ? OB_METRIC_PUT_BACK : OB_METRIC_DEFERRED, 1);
}

static void judge_sent(struct ob_item *item, const struct ob_options *options)
{
    struct ob_module *module = item->pool->module;
    item->verdict = MANSIO_SPOOL_DONE;
    /* RFC 3461 5.2.2: who asked to be told, and where it went nobody will. */
    if (!item->outcome.has_dsn) {
        set_report(item, MANSIO_REPORT_RELAYED, options);
    }
    mansio_metric_add(module->instance, OB_METRIC_SENT, 1);
    mansio_metric_observe(module->instance, OB_METRIC_AGE_SECONDS,
                          mansio_wall_us() - item->spool->spooled_us);
}

static void judge(struct ob_item *item, const struct ob_destination *destination,
                  const struct ob_options *options)
{
    item->report = 0;
    item->next_us = 0;
    item->said = ob_outcome_text(&item->outcome, item->batch->arena);
    switch (item->outcome.kind) {
    case OB_SENT:
        judge_sent(item, options);
        break;
    case OB_REFUSED:
        judge_failed(item, options);
        break;
    case OB_DEFERRED:
    case OB_POSTPONED:
        judge_later(item, destination, options);
        break;
    default:
        item->verdict = MANSIO_SPOOL_PUT_BACK;
        item->said = MANSIO_STR_NONE;
        if (!item->pool->module->is_draining) {
            item->next_us = mansio_wall_us() + ob_jitter(UNTRIED_US, ob_random(item->pool->module));
        }
        return;
    }
}

/* ---- items out of a job ------------------------------------------------------------------------
 */

/* Take out those of one kind or state; what is left stays in order. */
static struct ob_item *take_out(struct ob_job *job, int (*is_such)(const struct ob_item *),
                                size_t *out_count)
{
    struct ob_item *taken = NULL;
    struct ob_item **at = &job->items;

    *out_count = 0;
    while (*at != NULL) {
        struct ob_item *item = *at;
        if (!is_such(item)) {
            at = &item->next;
            continue;
        }
        *at = item->next;
        item->next = taken;
        taken = item;
        job->count--;
        ++*out_count;
    }
    return taken;
}

static int is_lost(const struct ob_item *item)
{
    return item->state == OB_LOST;
}

static int is_for_again(const struct ob_item *item)
{
    return item->outcome.kind == OB_AGAIN;
}

/* @return 1 if something is left; else the job may be gone with its last item */
static int drop_lost(struct ob_job *job)
{
    size_t count;
    struct ob_item *item = take_out(job, is_lost, &count);
    int is_left = job->items != NULL;
    while (item != NULL) {
        struct ob_item *next = item->next;
        mansio_metric_add(item->pool->module->instance, OB_METRIC_CLAIMS_LOST, 1);
        ob_item_free(item);
        item = next;
    }
    return is_left;
}

/* Those that a server had no room for in this transaction. */
static void send_again(struct ob_job *job)
{
    size_t count;
    struct ob_item *items = take_out(job, is_for_again, &count);
    if (items == NULL) {
        return;
    }
    struct ob_job *again = mansio_arena_alloc(items->batch->arena, sizeof *again);
    again->destination = job->destination;
    again->items = items;
    again->count = count;
    for (struct ob_item *item = items; item != NULL; item = item->next) {
        item->outcome = (struct ob_outcome){.kind = OB_UNTRIED};
    }
    if (job->destination->module->is_draining) {
        ob_job_return(again, job->destination->module->options);
    } else {
        ob_requeue(again);
    }
}

static void end_all(struct ob_job *job)
{
    struct ob_item *item = job->items;
    while (item != NULL) {
        struct ob_item *next = item->next;
        ob_item_end(item);
        item = next;
    }
    job->items = NULL;
}

/* ---- with and without a report -----------------------------------------------------------------
 */

/* What was to be reported can't be now. What failed is looked at again soon, though not for ever;
 * nobody hears of the rest. */
static void without_reports(struct ob_job *job, const struct ob_options *options)
{
    for (struct ob_item *item = job->items; item != NULL; item = item->next) {
        int64_t age_us = mansio_wall_us() - item->spool->spooled_us;
        if (item->report == MANSIO_REPORT_FAILED &&
            age_us < 2 * options->schedule.give_up_us + REPORT_RETRY_US) {
            item->verdict = MANSIO_SPOOL_RETRY;
            item->next_us =
                mansio_wall_us() + ob_jitter(REPORT_RETRY_US, ob_random(item->pool->module));
        } else if (item->report != 0) {
            mansio_metric_add(item->pool->module->instance, OB_METRIC_REPORTS_LOST, 1);
        }
        item->report = 0;
    }
}

static int has_report(const struct ob_job *job)
{
    for (const struct ob_item *item = job->items; item != NULL; item = item->next) {
        if (item->report != 0) {
            return 1;
        }
    }
    return 0;
}

static void log_all(const struct ob_job *job)
{
    for (const struct ob_item *item = job->items; item != NULL; item = item->next) {
        uint32_t kind = item->outcome.kind;
        if (kind == OB_UNTRIED || (kind == OB_POSTPONED && item->report == 0)) {
            continue;
        }
        log_item(item, kind == OB_SENT                      ? "sent"
                       : item->verdict == MANSIO_SPOOL_DONE ? "failed"
                                                            : "deferred");
    }
}

/* Report, and end the claims with it; or end them without. */
static void end_job(struct ob_job *job, struct ob_options *options)
{
    int rc = ob_report(job, options);

    if (rc < 0) {
        mansio_log(MANSIO_LOG_WARNING, "outbound-report", MANSIO_KV_CODE("error", rc),
                   MANSIO_KV_END);
        without_reports(job, options);
    }
    log_all(job);
    if (rc != OB_REPORT_ENDED) {
        end_all(job);
        return;
    }
    for (struct ob_item *next, *item = job->items; item != NULL; item = next) {
        next = item->next;
        ob_item_free(item);
    }
}

void ob_job_finish(struct ob_job *job, struct ob_options *options)
{
    if (!drop_lost(job)) {
        return;
    }
    send_again(job);
    for (struct ob_item *item = job->items; item != NULL; item = item->next) {
        judge(item, job->destination, options);
    }
    if (job->items == NULL) {
        return;
    }
    if (has_report(job)) {
        end_job(job, options);
    } else {
        log_all(job);
        end_all(job);
    }
}

struct later {
    struct ob_job *job;
    struct ob_options *options;
};

static int report_later(void *arg)
{
    const struct later later = *(struct later *)arg;
    struct ob_module *module = later.job->items->pool->module;

    end_job(later.job, later.options);
    ob_options_leave(later.options);
    module->reporting--;
    ob_pools_wake(module);
    return 0;
}

/* In a fiber of its own, if there may be one. */
static int start_report(struct ob_job *job, struct ob_options *options)
{
    struct ob_module *module = job->items->pool->module;
    struct later *later = mansio_arena_alloc(job->items->batch->arena, sizeof *later);

    if (module->is_draining || module->reporting == REPORTING_MAX) {
        return MANSIO_E_LIMIT;
    }
    *later = (struct later){job, options};
    int rc = mansio_group_spawn(module->connections, "outbound-report", report_later, later, NULL);
    if (rc == 0) {
        module->reporting++;
        (void)ob_options_use(options);
    }
    return rc;
}

void ob_job_return(struct ob_job *job, struct ob_options *options)
{
    if (!drop_lost(job)) {
        return;
    }
    for (struct ob_item *item = job->items; item != NULL; item = item->next) {
        if (item->outcome.kind == OB_AGAIN) {
            item->outcome.kind = OB_UNTRIED;
        }
        judge(item, job->destination, options);
    }
    if (has_report(job)) {
        if (start_report(job, options) == 0) {
            return;
        }
        without_reports(job, options);
    }
    log_all(job);
    end_all(job);
}
