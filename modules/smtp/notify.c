/*
 * Reports of delivery: see notify.h. How one looks is <mansio/report.h>'s. Whoever may ask for one
 * is logged in, and sends as an address of their own: the report is delivered there, under the null
 * reverse-path (RFC 3461 6.1), behind the commit of what it tells of.
 */
#include "notify.h"

#include "trace.h"
#include "transaction.h"

#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/mail.h>
#include <mansio/plan.h>
#include <mansio/report.h>
#include <mansio/store.h>
#include <mansio/str.h>

enum {
    ARENA_CAP = 32 << 20,
    PREFIX_MAX = 4096,
    REPORT_MAX = 32 << 20,
};

struct notifying {
    struct smtp_session *session;
    struct smtp_transaction *transaction;
    struct mansio_arena *arena;
    struct mansio_recipient *to;
    struct mansio_report_text text;
    struct mansio_content *content;
};

static int64_t deadline_us(const struct notifying *n)
{
    return mansio_deadline_in(smtp_options(n->session)->delivery_us);
}

static int is_wanted(const struct smtp_recipient *recipient)
{
    return (recipient->notify & SMTP_NOTIFY_SUCCESS) != 0 && !recipient->is_sent &&
           !recipient->is_discarded && recipient->answer.code == 0;
}

static size_t count_wanted(const struct smtp_transaction *transaction)
{
    size_t count = 0;

    for (size_t i = 0; i < transaction->count && count < MANSIO_REPORT_RECIPIENTS_MAX; i++) {
        count += is_wanted(&transaction->recipients[i]);
    }
    return count;
}

/* ---- composing ------------------------------------------------------------------------------- */

static struct mansio_report_recipient *describe(const struct notifying *n, size_t count)
{
    struct mansio_report_recipient *made = mansio_arena_try_alloc(n->arena, count * sizeof *made);
    size_t used = 0;

    for (size_t i = 0; made != NULL && i < n->transaction->count && used < count; i++) {
        const struct smtp_recipient *recipient = &n->transaction->recipients[i];
        if (is_wanted(recipient)) {
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
    return made;
}

static int compose(struct notifying *n)
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
        .recipient_count = count_wanted(transaction),
    };

    report.recipients = describe(n, report.recipient_count);
    if (report.recipients == NULL) {
        return MANSIO_E_LIMIT;
    }
    int rc = mansio_content_read(transaction->content, 0, MANSIO_REPORT_HEADER_MAX, deadline_us(n),
                                 &report.message);
    rc = rc < 0 ? rc : mansio_report_id(n->arena, &report.id);
    return rc < 0 ? rc : mansio_report_compose(n->arena, &report, &n->text);
}

/* Success returns the header alone, which is in the head (RFC 3461 4.3). */
static int fill(struct notifying *n)
{
    n->content = mansio_content_new(n->arena, REPORT_MAX);
    int rc = mansio_content_write(n->content, n->text.head, deadline_us(n));
    rc = rc < 0 ? rc : mansio_content_write(n->content, n->text.tail, deadline_us(n));
    return rc < 0 ? rc : mansio_content_finish(n->content, deadline_us(n));
}

/* ---- delivering ------------------------------------------------------------------------------ */

static int deliver_to(struct notifying *n, struct mansio_account *account)
{
    struct mansio_instance *pool = NULL;
    const struct mansio_store *store = mansio_account_store(account, &pool);
    const struct mansio_plan_facts facts = {
        .size = sizeof facts,
        .flags = MANSIO_PLAN_ACCEPTED |
                 (n->text.flags & MANSIO_REPORT_8BIT ? MANSIO_PLAN_8BIT : 0) |
                 (n->text.flags & MANSIO_REPORT_UTF8 ? MANSIO_PLAN_UTF8 : 0),
        .received_us = mansio_wall_us(),
    };
    struct mansio_plan *plan = mansio_plan_new(n->arena, &facts);
    struct mansio_buf *prefix = mansio_buf_new(n->arena, PREFIX_MAX);

    smtp_trace_return_path(prefix, MANSIO_STR(""));
    smtp_trace_delivered_to(prefix, mansio_recipient_address(n->to));
    const struct mansio_plan_entry entry = {
        .size = sizeof entry,
        .action = MANSIO_PLAN_DELIVER,
        .account = account,
        .prefix = mansio_buf_str(prefix),
    };
    int rc = plan == NULL ? MANSIO_E_LIMIT : mansio_buf_status(prefix);
    rc = rc < 0 ? rc : mansio_plan_add(plan, &entry);
    if (rc < 0 || store->deliver == NULL) {
        return rc < 0 ? rc : MANSIO_E_UNSUPPORTED;
    }
    return store->deliver(pool, plan, n->content, deadline_us(n));
}

static int find_sender(struct notifying *n)
{
    struct mansio_path path = {.size = sizeof path};
    int rc = mansio_mailbox_parse(n->arena, n->transaction->reverse_path, MANSIO_PATH_UTF8, &path);

    return rc < 0
               ? rc
               : mansio_recipient_resolve(n->arena, path.local, path.domain,
                                          mansio_deadline_in(smtp_options(n->session)->lookup_us),
                                          &n->to);
}

static int run(struct notifying *n)
{
    int rc = find_sender(n);

    rc = rc < 0 ? rc : compose(n);
    rc = rc < 0 ? rc : fill(n);
    for (size_t i = 0; rc >= 0 && i < mansio_recipient_count(n->to); i++) {
        rc = deliver_to(n, mansio_recipient_account(n->to, i));
    }
    return rc < 0 ? rc : 0;
}

int smtp_notify_success(struct smtp_session *session)
{
    struct notifying n = {
        .session = session,
        .transaction = session->transaction,
        .text = {.size = sizeof n.text},
    };

    if (n.transaction->is_discarded || n.transaction->reverse_path.len == 0 ||
        count_wanted(n.transaction) == 0) {
        return 0;
    }
    /* The client needn't wait for that; a stream that is lost says so at the next read. */
    (void)mansio_stream_flush(session->stream);
    n.arena = mansio_arena_new(NULL, "smtp report", ARENA_CAP);
    int rc = run(&n);
    mansio_arena_free(n.arena);
    if (rc < 0 && mansio_error_class(rc) == MANSIO_CLASS_CANCELLED) {
        return rc;
    }
    smtp_count(session, rc < 0 ? SMTP_REPORTS_LOST : SMTP_REPORTS, 1);
    if (rc < 0) {
        mansio_log(MANSIO_LOG_WARNING, "report-lost", MANSIO_KV_STR("id", n.transaction->id),
                   MANSIO_KV_CODE("error", rc), MANSIO_KV_END);
    }
    return 0;
}
