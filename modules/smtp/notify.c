/*
 * Reports of delivery: see notify.h. How one looks is <mansio/report.h>'s. Whoever may ask for one
 * is logged in, and sends as an address of their own: the report is delivered there, under the null
 * reverse-path (RFC 3461 6.1). Those of its mailboxes that are on another store get it by the
 * spool.
 */
#include "notify.h"

#include "trace.h"

#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/mail.h>
#include <mansio/plan.h>
#include <mansio/report.h>
#include <mansio/store.h>
#include <mansio/str.h>

enum {
    ARENA_CAP = 64 << 20,
    TEXT_CAP = 32 << 20, /* of one report, while it is composed */
    PREFIX_MAX = 4096,
    REPORT_MAX = 32 << 20,
};

struct notifying {
    struct smtp_session *session;
    struct smtp_transaction *transaction;
    struct smtp_batch *batch;
    int64_t deadline_us;
    struct mansio_arena *arena;
    struct mansio_arena *text_arena; /* of the report at hand */
    struct mansio_recipient *to;     /* NULL: nobody for now */
    size_t next;                     /* the first recipient that no report tells of yet */
    const uint8_t *is_kept;          /* by recipient: there is something of it in the batch */
    /* The batch's own first. */
    struct mansio_delivery deliveries[MANSIO_DELIVERIES_MAX];
    size_t count;
};

/* ---- of whom --------------------------------------------------------------------------------- */

static int is_wanted(const struct smtp_recipient *recipient)
{
    return (recipient->notify & SMTP_NOTIFY_SUCCESS) != 0 && !recipient->is_sent &&
           !recipient->is_discarded && recipient->answer.code == 0;
}

/* Does anybody want one? The sender of a report never does. */
static int is_any_wanted(const struct smtp_transaction *transaction)
{
    for (size_t i = 0; transaction->reverse_path.len > 0 && i < transaction->count; i++) {
        if (is_wanted(&transaction->recipients[i])) {
            return 1;
        }
    }
    return 0;
}

/* What a filter threw away was delivered to nobody. */
static int find_kept(struct notifying *n, const struct smtp_delivery *delivery)
{
    const struct mansio_plan *plan = n->batch->plan;
    uint8_t *is_kept = mansio_arena_try_alloc(n->arena, n->transaction->count);

    if (is_kept == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < mansio_plan_count(plan); i++) {
        const struct mansio_plan_entry *entry = mansio_plan_entry(plan, i);
        if (entry->recipient < n->transaction->count && entry->action != MANSIO_PLAN_DISCARD &&
            entry->action != MANSIO_PLAN_REJECT) {
            is_kept[entry->recipient] = 1;
        }
    }
    for (const struct smtp_share *share = delivery->shares; share != NULL; share = share->next) {
        is_kept[share->recipient - n->transaction->recipients] |=
            is_kept[share->owner - n->transaction->recipients];
    }
    n->is_kept = is_kept;
    return 0;
}

/* ---- composing ------------------------------------------------------------------------------- */

/* As many recipients as a report takes; none is left where there are none. */
static int describe(struct notifying *n, struct mansio_report *report)
{
    struct mansio_report_recipient *made =
        mansio_arena_try_alloc(n->text_arena, MANSIO_REPORT_RECIPIENTS_MAX * sizeof *made);
    size_t used = 0;

    if (made == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (; n->next < n->transaction->count && used < MANSIO_REPORT_RECIPIENTS_MAX; n->next++) {
        const struct smtp_recipient *recipient = &n->transaction->recipients[n->next];
        if (is_wanted(recipient) && n->is_kept[n->next]) {
            made[used++] = (struct mansio_report_recipient){
                .size = sizeof *made,
                .action = MANSIO_REPORT_DELIVERED,
                .address = recipient->path,
                .original = recipient->original,
                .status = MANSIO_STR("2.0.0"),
                .log_id = n->transaction->id,
                .last_attempt_us = mansio_wall_us(),
            };
        }
    }
    report->recipients = made;
    report->recipient_count = used;
    return 0;
}

/* 1; 0: there is nobody left to tell of; a code. */
static int compose(struct notifying *n, struct mansio_report_text *out)
{
    const struct smtp_transaction *transaction = n->transaction;
    struct mansio_report report = {
        .size = sizeof report,
        .flags = (transaction->text.is_8bit ? MANSIO_REPORT_8BIT : 0) |
                 (transaction->params.is_utf8 ? MANSIO_REPORT_UTF8 : 0),
        .hostname = mansio_str_from_cstr(smtp_options(n->session)->hostname),
        .reverse_path = transaction->reverse_path,
        .envelope_id = transaction->envelope_id,
        .message_bytes = mansio_content_size(transaction->content),
        .arrived_us = mansio_wall_us(),
        .now_us = mansio_wall_us(),
    };
    int rc = describe(n, &report);

    if (rc < 0 || report.recipient_count == 0) {
        return rc;
    }
    rc = mansio_content_read(transaction->content, 0, MANSIO_REPORT_HEADER_MAX, n->deadline_us,
                             &report.message);
    rc = rc < 0 ? rc : mansio_report_id(n->text_arena, &report.id);
    rc = rc < 0 ? rc : mansio_report_compose(n->text_arena, &report, out);
    return rc < 0 ? rc : 1;
}

/* Success returns the header alone, which is in the head (RFC 3461 4.3). */
static int fill(struct notifying *n, const struct mansio_report_text *text,
                struct mansio_content *content)
{
    int rc = mansio_content_write(content, text->head, n->deadline_us);

    rc = rc < 0 ? rc : mansio_content_write(content, text->tail, n->deadline_us);
    return rc < 0 ? rc : mansio_content_finish(content, n->deadline_us);
}

/* ---- to whom --------------------------------------------------------------------------------- */

static int find_sender(struct notifying *n)
{
    struct mansio_path path = {.size = sizeof path};
    int rc = mansio_mailbox_parse(n->arena, n->transaction->reverse_path, MANSIO_PATH_UTF8, &path);

    rc = rc < 0 ? rc
                : mansio_recipient_resolve(n->arena, path.local, path.domain,
                                           mansio_deadline_in(smtp_options(n->session)->lookup_us),
                                           &n->to);
    return rc == MANSIO_E_BUSY ? 0 : rc; /* takes no mail for now: the spool tries again */
}

static int add_local(struct notifying *n, struct mansio_plan *plan, struct mansio_account *account)
{
    struct mansio_buf *prefix = mansio_buf_new(n->arena, PREFIX_MAX);

    smtp_trace_return_path(prefix, MANSIO_STR(""));
    smtp_trace_delivered_to(prefix, mansio_recipient_address(n->to));
    const struct mansio_plan_entry entry = {
        .size = sizeof entry,
        .action = MANSIO_PLAN_DELIVER,
        .account = account,
        .prefix = mansio_buf_str(prefix),
    };
    int rc = mansio_buf_status(prefix);
    return rc < 0 ? rc : mansio_plan_add(plan, &entry);
}

/* What is elsewhere gets it from the spool, all by one item: it is one address. */
static int add_sent(const struct notifying *n, struct mansio_plan *plan)
{
    const struct mansio_plan_entry entry = {
        .size = sizeof entry,
        .action = MANSIO_PLAN_SEND,
        .account = mansio_session_account(n->session->session),
        .forward_path = n->transaction->reverse_path,
        .notify = MANSIO_STR("NEVER"), /* RFC 3461 6.1 */
    };
    return mansio_plan_add(plan, &entry);
}

static int make_plan(struct notifying *n, const struct mansio_report_text *text,
                     struct mansio_plan **out)
{
    const struct mansio_plan_facts facts = {
        .size = sizeof facts,
        .flags = MANSIO_PLAN_ACCEPTED | (text->flags & MANSIO_REPORT_8BIT ? MANSIO_PLAN_8BIT : 0) |
                 (text->flags & MANSIO_REPORT_UTF8 ? MANSIO_PLAN_UTF8 : 0),
        .received_us = mansio_wall_us(),
    };
    struct mansio_plan *plan = mansio_plan_new(n->arena, &facts);
    struct mansio_instance *pool = NULL;
    int rc = plan == NULL ? MANSIO_E_LIMIT : 0;

    if (n->to != NULL) { /* accounts of an address are on one store */
        (void)mansio_account_store(mansio_recipient_account(n->to, 0), &pool);
    }
    if (rc == 0 && pool != n->batch->pool) {
        rc = add_sent(n, plan);
    }
    for (size_t i = 0; rc >= 0 && pool == n->batch->pool && i < mansio_recipient_count(n->to);
         i++) {
        rc = add_local(n, plan, mansio_recipient_account(n->to, i));
    }
    *out = plan;
    return rc < 0 ? rc : 0;
}

/* One more delivery: the next report. 1; 0: there is none; a code. */
static int add_report(struct notifying *n)
{
    struct mansio_report_text text = {.size = sizeof text};
    struct mansio_delivery *delivery = &n->deliveries[n->count];
    int rc = compose(n, &text);

    if (rc <= 0) {
        return rc;
    }
    if (n->count == MANSIO_DELIVERIES_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "too many reports of one message");
    }
    delivery->size = sizeof *delivery;
    delivery->content = mansio_content_new(n->arena, REPORT_MAX);
    rc = fill(n, &text, delivery->content);
    rc = rc < 0 ? rc : make_plan(n, &text, &delivery->plan);
    n->count += rc == 0;
    return rc < 0 ? rc : 1;
}

static int add_reports(struct notifying *n, const struct smtp_delivery *delivery)
{
    int rc = find_sender(n);

    rc = rc < 0 ? rc : find_kept(n, delivery);
    rc = rc < 0 ? rc : 1;
    while (rc == 1) {
        n->text_arena = mansio_arena_new(NULL, "smtp report text", TEXT_CAP);
        rc = add_report(n);
        mansio_arena_free(n->text_arena);
    }
    return rc;
}

/* ---- committing ------------------------------------------------------------------------------ */

static void count_lost(const struct notifying *n, size_t count, int code)
{
    smtp_count(n->session, SMTP_REPORTS_LOST, (int64_t)count);
    mansio_log(MANSIO_LOG_WARNING, "report-lost", MANSIO_KV_STR("id", n->transaction->id),
               MANSIO_KV_CODE("error", code), MANSIO_KV_END);
}

static int deliver_one(const struct notifying *n, size_t i)
{
    return n->batch->store->deliver(n->batch->pool, n->deliveries[i].plan, n->deliveries[i].content,
                                    n->deadline_us);
}

static int commit(struct notifying *n)
{
    const struct mansio_store *store = n->batch->store;
    int rc;

    if (n->count == 1) {
        return deliver_one(n, 0);
    }
    if (store->deliver_together != NULL) {
        rc = store->deliver_together(n->batch->pool, n->deliveries, n->count, n->deadline_us);
        smtp_count(n->session, SMTP_REPORTS, rc < 0 ? 0 : (int64_t)n->count - 1);
        return rc;
    }
    /* A store that can't: the mail first, then what it is told by. */
    rc = deliver_one(n, 0);
    for (size_t i = 1; rc == 0 && i < n->count; i++) {
        int told = deliver_one(n, i);
        if (told < 0) {
            count_lost(n, n->count - i, told);
            break;
        }
        smtp_count(n->session, SMTP_REPORTS, 1);
    }
    return rc;
}

int smtp_notify_deliver(struct smtp_delivery *delivery, struct smtp_batch *batch,
                        int64_t deadline_us)
{
    struct notifying n = {
        .session = delivery->session,
        .transaction = delivery->transaction,
        .batch = batch,
        .deadline_us = deadline_us,
        .count = 1,
    };
    int rc = 0;

    n.deliveries[0] = (struct mansio_delivery){
        .size = sizeof n.deliveries[0],
        .plan = batch->plan,
        .content = n.transaction->content,
    };
    if (!is_any_wanted(n.transaction)) {
        return deliver_one(&n, 0);
    }
    n.arena = mansio_arena_new(NULL, "smtp report", ARENA_CAP);
    rc = add_reports(&n, delivery);
    if (rc < 0 && mansio_error_class(rc) == MANSIO_CLASS_PERMANENT) {
        /* The address leads nowhere any more, or can't be written to: that won't change. */
        count_lost(&n, 1, rc);
        n.count = 1;
        rc = 0;
    }
    rc = rc < 0 ? rc : commit(&n);
    mansio_arena_free(n.arena);
    return rc;
}
