/*
 * Reports: see report.h. How one looks is <mansio/report.h>'s; here is to whom it goes, and how it
 * is committed.
 */
#include "report.h"

#include <stdio.h>

#include <mansio/account.h>
#include <mansio/buf.h>
#include <mansio/content.h>
#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/mail.h>
#include <mansio/metrics.h>
#include <mansio/plan.h>
#include <mansio/report.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum {
    ARENA_ROOM = 16 << 20,
    SLICE_BYTES = 128 * 1024,
    CONTENT_MAX = 256 << 20,
};

struct making {
    struct ob_job *job;
    struct ob_options *options;
    struct ob_module *module;
    struct ob_pool *pool;
    struct mansio_arena *arena;
    const struct mansio_spool_item *first;
    struct mansio_str to;           /* whom it is for */
    struct mansio_recipient *local; /* NULL: somebody elsewhere */
    struct mansio_report_text text;
    struct mansio_content *content;
    struct mansio_plan *plan; /* of the job's own pool */
    int is_bare;              /* nothing is returned: the message can't be read */
};

/* ---- whom -------------------------------------------------------------------------------------
 */

/* @return 0; 1: nobody; a code */
static int find_postmaster(struct making *m)
{
    if (!m->options->tells_postmaster) {
        return 1;
    }
    int rc = mansio_recipient_resolve(m->arena, MANSIO_STR("postmaster"), MANSIO_STR(""),
                                      ob_store_deadline(m->options), &m->local);
    if (rc < 0) {
        return mansio_error_class(rc) == MANSIO_CLASS_PERMANENT ? 1 : rc;
    }
    m->to = mansio_recipient_address(m->local);
    return 0;
}

static int find_recipient(struct making *m)
{
    struct mansio_path path = {.size = sizeof path};
    int rc;

    m->to = m->first->reverse_path;
    if (m->to.len == 0) {
        return find_postmaster(m);
    }
    rc = mansio_mailbox_parse(m->arena, m->to, MANSIO_PATH_UTF8, &path);
    if (rc == 0 && path.domain_kind != MANSIO_DOMAIN_NAME) {
        return 0; /* a literal is nobody of ours */
    }
    rc = rc < 0 ? rc
                : mansio_recipient_resolve(m->arena, path.local, path.domain,
                                           ob_store_deadline(m->options), &m->local);
    if (rc == MANSIO_E_UNSUPPORTED) {
        return 0; /* elsewhere */
    }
    if (rc == MANSIO_E_INVALID || rc == MANSIO_E_NOT_FOUND) {
        return find_postmaster(m);
    }
    return rc;
}

/* ---- what -------------------------------------------------------------------------------------
 */

static void describe(struct making *m, const struct ob_item *item,
                     struct mansio_report_recipient *out)
{
    const struct ob_outcome *outcome = &item->outcome;
    *out = (struct mansio_report_recipient){
        .size = sizeof *out,
        .action = item->report,
        .address = item->spool->forward_path,
        .original = item->spool->original_recipient,
        .status = mansio_str_from_cstr(outcome->status),
        .remote = outcome->remote,
        .reply = outcome->reply,
        .reason = outcome->reason,
        .last_attempt_us = mansio_wall_us(),
        .retry_until_us = item->spool->spooled_us + m->options->schedule.give_up_us,
    };
    /* A server is named to the sender by its name; its address is for the log. */
    ptrdiff_t end = mansio_str_find_char(outcome->remote, '[');
    if (end > 0) {
        out->remote = mansio_str_sub(outcome->remote, 0, (size_t)end);
    }
    if (mansio_arena_printf(m->arena, &out->log_id, "%llu", (unsigned long long)item->spool->id) <
        0) {
        out->log_id = MANSIO_STR_NONE;
    }
}

static int read_message(const struct making *m, uint64_t offset, size_t max,
                        struct mansio_arena *arena, struct mansio_str *out)
{
    return m->pool->store.spool_read(m->pool->instance, m->first, offset, max, arena,
                                     ob_store_deadline(m->options), out);
}

static int compose(struct making *m)
{
    struct mansio_report report = {
        .size = sizeof report,
        .flags = ((m->first->flags & MANSIO_PLAN_8BIT) != 0 ? MANSIO_REPORT_8BIT : 0) |
                 ((m->first->flags & MANSIO_PLAN_UTF8) != 0 ? MANSIO_REPORT_UTF8 : 0),
        .hostname = mansio_str_from_cstr(m->options->hostname),
        .reverse_path = m->to,
        .envelope_id = m->first->envelope_id,
        .ret = m->first->ret,
        .message_bytes = m->is_bare ? 0 : m->first->message_bytes,
        .returned_bytes_max = m->options->returned_max,
        .arrived_us = m->first->spooled_us,
        .now_us = mansio_wall_us(),
    };
    struct mansio_report_recipient *recipients =
        mansio_arena_try_alloc(m->arena, (m->job->count + 1) * sizeof *recipients);
    if (recipients == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (const struct ob_item *item = m->job->items; item != NULL; item = item->next) {
        if (item->report != 0 && report.recipient_count < MANSIO_REPORT_RECIPIENTS_MAX) {
            describe(m, item, &recipients[report.recipient_count++]);
        }
    }
    report.recipients = recipients;
    m->text = (struct mansio_report_text){.size = sizeof m->text};
    int rc = mansio_report_id(m->arena, &report.id);
    if (rc == 0 && !m->is_bare) {
        rc = read_message(m, 0, MANSIO_REPORT_HEADER_MAX, m->arena, &report.message);
    }
    return rc < 0 ? rc : mansio_report_compose(m->arena, &report, &m->text);
}

/* Head, what is returned of the message, tail. */
static int fill(struct making *m)
{
    struct mansio_arena *slices = mansio_arena_new(m->arena, "outbound report", 4 << 20);
    int64_t deadline_us = ob_store_deadline(m->options);
    uint64_t offset = 0;

    m->content = mansio_content_new(m->arena, CONTENT_MAX);
    int rc = mansio_content_write(m->content, m->text.head, deadline_us);
    while (rc == 0 && offset < m->text.returned_bytes) {
        uint64_t left = m->text.returned_bytes - offset;
        struct mansio_str slice = MANSIO_STR_NONE;
        mansio_arena_reset(slices);
        rc = read_message(m, offset, left < SLICE_BYTES ? (size_t)left : SLICE_BYTES, slices,
                          &slice);
        if (rc == 0 && slice.len == 0) {
            rc = mansio_fail(MANSIO_E_IO, "the message ends early");
        }
        rc = rc < 0 ? rc : mansio_content_write(m->content, slice, deadline_us);
        offset += slice.len;
    }
    rc = rc < 0 ? rc : mansio_content_write(m->content, m->text.tail, deadline_us);
    rc = rc < 0 ? rc : mansio_content_finish(m->content, deadline_us);
    mansio_arena_free(slices);
    return rc;
}

/* ---- where to ---------------------------------------------------------------------------------
 */

static struct mansio_plan *make_plan(struct making *m)
{
    const struct mansio_plan_facts facts = {
        .size = sizeof facts,
        .flags = MANSIO_PLAN_ACCEPTED |
                 ((m->text.flags & MANSIO_REPORT_8BIT) != 0 ? MANSIO_PLAN_8BIT : 0) |
                 ((m->text.flags & MANSIO_REPORT_UTF8) != 0 ? MANSIO_PLAN_UTF8 : 0),
        .received_us = mansio_wall_us(),
        /* RFC 3461 6.1: the null reverse-path, so that nothing comes of a report. */
    };
    return mansio_plan_new(m->arena, &facts);
}

static int add_local(struct making *m, struct mansio_plan *plan, size_t index)
{
    struct mansio_buf *prefix = mansio_buf_new(m->arena, 4096);
    (void)mansio_buf_printf(prefix, "Return-Path: <>\r\nDelivered-To: %.*s\r\n",
                            MANSIO_STR_ARG(mansio_recipient_address(m->local)));
    const struct mansio_plan_entry entry = {
        .size = sizeof entry,
        .action = MANSIO_PLAN_DELIVER,
        .recipient = (uint32_t)index,
        .account = mansio_recipient_account(m->local, index),
        .prefix = mansio_buf_str(prefix),
    };
    int rc = mansio_buf_status(prefix);
    rc = rc < 0 ? rc : mansio_plan_add(plan, &entry);
    return rc < 0 ? rc : 0;
}

/* Accounts of this pool go into the plan; for each of another one a delivery goes before. */
static int plan_local(struct making *m)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < mansio_recipient_count(m->local); i++) {
        struct mansio_instance *its = NULL;
        const struct mansio_store *store =
            mansio_account_store(mansio_recipient_account(m->local, i), &its);
        if (its == m->pool->instance) {
            rc = add_local(m, m->plan, i);
            continue;
        }
        struct mansio_plan *apart = make_plan(m);
        rc = apart == NULL ? MANSIO_E_LIMIT : add_local(m, apart, i);
        rc = rc < 0 ? rc : store->deliver(its, apart, m->content, ob_store_deadline(m->options));
    }
    return rc;
}

static int plan_remote(struct making *m)
{
    const struct mansio_plan_entry entry = {
        .size = sizeof entry,
        .action = MANSIO_PLAN_SEND,
        .forward_path = m->to,
        .notify = MANSIO_STR("NEVER"), /* RFC 3461 6.1 */
    };
    int rc = mansio_plan_add(m->plan, &entry);
    return rc < 0 ? rc : 0;
}

static int finish(struct making *m)
{
    struct mansio_spool_outcome *outcomes =
        mansio_arena_try_alloc(m->arena, m->job->count * sizeof *outcomes);
    size_t n = 0;

    if (outcomes == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (struct ob_item *item = m->job->items; item != NULL; item = item->next) {
        item->state = OB_ENDING;
        outcomes[n++] = (struct mansio_spool_outcome){
            .size = sizeof *outcomes,
            .item = item->spool,
            .verdict = item->verdict,
            .next_us = item->next_us,
            .reply = item->said,
        };
    }
    int has_plan = mansio_plan_count(m->plan) > 0;
    int rc = m->pool->store.spool_finish(m->pool->instance, ob_holder(m->pool), outcomes, n,
                                         has_plan ? m->plan : NULL, has_plan ? m->content : NULL,
                                         ob_store_deadline(m->options));
    for (struct ob_item *item = m->job->items; rc < 0 && item != NULL; item = item->next) {
        item->state = OB_WAITING;
    }
    return rc;
}

static int make(struct making *m)
{
    int rc = find_recipient(m);
    if (rc != 0) {
        return rc;
    }
    rc = compose(m);
    rc = rc < 0 ? rc : fill(m);
    if (rc == MANSIO_E_IO) {
        /* Whoever sent it is told all the same. */
        mansio_log(MANSIO_LOG_ERROR, "outbound-message-damaged",
                   MANSIO_KV_STR("tenant", m->first->tenant), MANSIO_KV_STR("from", m->to),
                   MANSIO_KV_CODE("error", rc), MANSIO_KV_END);
        m->is_bare = 1;
        rc = compose(m);
        rc = rc < 0 ? rc : fill(m);
    }
    m->plan = rc == 0 ? make_plan(m) : NULL;
    if (rc == 0 && m->plan == NULL) {
        rc = MANSIO_E_LIMIT;
    }
    rc = rc < 0 ? rc : m->local != NULL ? plan_local(m) : plan_remote(m);
    return rc < 0 ? rc : finish(m);
}

int ob_report(struct ob_job *job, struct ob_options *options)
{
    struct making m = {
        .job = job,
        .options = options,
        .pool = job->items->pool,
        .module = job->items->pool->module,
        .arena = mansio_arena_new(NULL, "outbound report", ARENA_ROOM),
        .first = job->items->spool,
    };
    int rc = make(&m);
    if (rc == 0) {
        mansio_metric_add(m.module->instance, OB_METRIC_REPORTS, 1);
        rc = OB_REPORT_ENDED;
    } else if (rc > 0 || rc == MANSIO_E_INVALID || rc == MANSIO_E_NOT_FOUND) {
        /* Nobody there, or facts that make no report: that won't change. */
        mansio_metric_add(m.module->instance, OB_METRIC_REPORTS_LOST, 1);
        mansio_log(MANSIO_LOG_WARNING, "outbound-report-lost",
                   MANSIO_KV_STR("from", m.first->reverse_path),
                   MANSIO_KV_STR("to", m.first->forward_path),
                   MANSIO_KV_CSTR("reason", rc > 0 ? "nobody to tell" : mansio_error_detail()),
                   MANSIO_KV_END);
        rc = 0;
    }
    mansio_arena_free(m.arena);
    return rc;
}
