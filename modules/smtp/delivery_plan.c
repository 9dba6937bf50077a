/*
 * From recipients to plans: see delivery_plan.h.
 */
#include "delivery_plan.h"

#include "trace.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

enum {
    PREFIX_MAX = 128 * 1024, /* a recipient's header lines, those of filters included */
    ACCOUNTS_MAX = 10000,    /* as a plan's entries */
};

/* ---- header lines ---------------------------------------------------------------------------- */

/* "TLSv1.3 with cipher X (256 bits)", for a comment; empty without TLS. */
static struct mansio_str describe_tls(struct mansio_arena *arena,
                                      const struct smtp_session *session)
{
    struct mansio_tls_facts facts = {.size = sizeof facts};
    struct mansio_str text = MANSIO_STR_NONE;

    if (smtp_tls_state(session) != MANSIO_TLS_ACTIVE ||
        mansio_conn_tls_facts(mansio_session_conn(session->session), &facts) < 0 ||
        mansio_arena_printf(arena, &text, "%.*s with cipher %.*s, %u bits",
                            MANSIO_STR_ARG(facts.version), MANSIO_STR_ARG(facts.cipher),
                            facts.cipher_bits) < 0) {
        return MANSIO_STR_NONE;
    }
    return text;
}

/* RFC 5321 4.4: who it came from, to whom if that tells nobody of others (7.2). */
static int make_received(struct smtp_delivery *delivery)
{
    const struct smtp_session *session = delivery->session;
    struct smtp_transaction *transaction = delivery->transaction;
    struct mansio_conn *conn = mansio_session_conn(session->session);
    uint32_t protocol = smtp_rules(session)->answers_each ? SMTP_TRACE_LMTP
                        : session->is_extended            ? SMTP_TRACE_EXTENDED
                                                          : 0;
    protocol |= mansio_session_account(session->session) != NULL ? SMTP_TRACE_AUTH : 0;
    protocol |= smtp_tls_state(session) == MANSIO_TLS_ACTIVE ? SMTP_TRACE_TLS : 0;
    protocol |= transaction->params.is_utf8 ? SMTP_TRACE_UTF8 : 0;

    MANSIO_SCRATCH_BEGIN(scratch);
    const struct smtp_trace trace = {
        .protocol = protocol,
        .hello = smtp_hello(session),
        .peer_ip = mansio_conn_peer_ip(conn),
        .hostname = mansio_str_from_cstr(smtp_options(session)->hostname),
        .tls = describe_tls(scratch, session),
        .id = transaction->id,
        .for_path = transaction->count == 1 && transaction->refused == 0
                        ? transaction->recipients[0].path
                        : MANSIO_STR_NONE,
        .wall_us = mansio_wall_us(),
    };
    struct mansio_buf *out = mansio_buf_new(scratch, PREFIX_MAX);
    smtp_trace_received(scratch, out, &trace);
    int rc = mansio_buf_status(out);
    if (rc == 0) {
        rc = mansio_arena_copy(transaction->arena, mansio_buf_str(out), &delivery->received);
    }
    MANSIO_SCRATCH_END(scratch);
    return rc;
}

/* ---- entries --------------------------------------------------------------------------------- */

static struct smtp_batch *find_batch(struct smtp_delivery *delivery,
                                     const struct mansio_instance *pool)
{
    struct smtp_batch *batch = delivery->batches;

    while (batch != NULL && batch->pool != pool) {
        batch = batch->next;
    }
    return batch;
}

struct smtp_batch *smtp_delivery_batch(struct smtp_delivery *delivery,
                                       const struct smtp_recipient *recipient)
{
    return find_batch(delivery, recipient->pool);
}

static struct smtp_batch *make_batch(struct smtp_delivery *delivery,
                                     const struct smtp_recipient *recipient)
{
    struct smtp_transaction *transaction = delivery->transaction;
    /* In SMTP, whoever was accepted at RCPT is delivered to; in LMTP each is answered now. */
    uint32_t flags =
        smtp_rules(delivery->session)->answers_each ? MANSIO_PLAN_EACH : MANSIO_PLAN_ACCEPTED;
    flags |= transaction->text.is_8bit ? MANSIO_PLAN_8BIT : 0;
    flags |= transaction->params.is_utf8 ? MANSIO_PLAN_UTF8 : 0;
    const struct mansio_plan_facts facts = {
        .size = sizeof facts,
        .flags = flags,
        .received_us = mansio_wall_us(),
        .reverse_path = transaction->reverse_path,
        .envelope_id = transaction->envelope_id,
        .ret = transaction->params.ret == SMTP_RET_FULL   ? MANSIO_STR("FULL")
               : transaction->params.ret == SMTP_RET_HDRS ? MANSIO_STR("HDRS")
                                                          : MANSIO_STR_NONE,
    };
    struct smtp_batch *batch = mansio_arena_alloc(transaction->arena, sizeof *batch);

    batch->store = recipient->store;
    batch->pool = recipient->pool;
    batch->plan = mansio_plan_new(transaction->arena, &facts);
    batch->owners = mansio_map_new(transaction->arena, ACCOUNTS_MAX);
    if (batch->plan == NULL) {
        return NULL;
    }
    batch->next = delivery->batches;
    delivery->batches = batch;
    return batch;
}

/* Does an earlier recipient have an entry of this key? Then this one fares as that one does: 1. */
static int is_shared(struct smtp_delivery *delivery, struct smtp_batch *batch,
                     struct smtp_recipient *recipient, struct mansio_str key)
{
    const struct smtp_recipient *owner = mansio_map_get(batch->owners, key);

    if (owner != NULL && owner != recipient) {
        struct smtp_share *share = mansio_arena_alloc(delivery->transaction->arena, sizeof *share);
        *share = (struct smtp_share){delivery->shares, recipient, owner};
        delivery->shares = share;
    }
    return owner != NULL;
}

static int add_entry(struct smtp_delivery *delivery, struct smtp_batch *batch,
                     struct smtp_recipient *recipient, struct mansio_account *account,
                     struct mansio_str prefix)
{
    const struct mansio_account_facts *facts = mansio_account_facts(account);
    uint64_t ids[2] = {facts->tenant_id, facts->account_id};
    struct mansio_str key = {(const char *)ids, sizeof ids};
    const struct mansio_plan_entry entry = {
        .size = sizeof entry,
        .action = MANSIO_PLAN_DELIVER,
        .recipient = (uint32_t)(recipient - delivery->transaction->recipients),
        .account = account,
        .prefix = prefix,
    };

    if (is_shared(delivery, batch, recipient, key)) {
        return 0;
    }
    int rc = mansio_plan_add(batch->plan, &entry);
    return rc < 0 ? rc : mansio_map_put(batch->owners, key, recipient);
}

/* What goes on from here has no final trace fields yet (RFC 5321 4.4). */
static int add_sent(struct smtp_delivery *delivery, struct smtp_batch *batch,
                    struct smtp_recipient *recipient)
{
    /* One of ours on another store is written as the client wrote it: what it was found by may be
     * a catch-all's "@example.org", or lack a detail. */
    struct mansio_str path = mansio_recipient_count(recipient->resolved) > 0
                                 ? recipient->path
                                 : mansio_recipient_address(recipient->resolved);
    struct mansio_str key = MANSIO_STR_NONE;
    int rc = 0;

    MANSIO_SCRATCH_BEGIN(scratch);
    struct mansio_buf *prefix = mansio_buf_new(scratch, PREFIX_MAX);
    (void)mansio_buf_add(prefix, delivery->filter_prefix);
    (void)mansio_buf_add(prefix, delivery->received);
    const struct mansio_plan_entry entry = {
        .size = sizeof entry,
        .action = MANSIO_PLAN_SEND,
        .recipient = (uint32_t)(recipient - delivery->transaction->recipients),
        .account = mansio_session_account(delivery->session->session),
        .prefix = mansio_buf_str(prefix),
        .forward_path = path,
        .notify = smtp_notify_words(recipient->notify),
        .original_recipient = recipient->original,
    };
    rc = mansio_buf_status(prefix);
    if (rc == 0) { /* nothing that two numbers are begins so */
        rc = mansio_arena_printf(delivery->transaction->arena, &key, "to:<%.*s>",
                                 MANSIO_STR_ARG(path));
    }
    if (rc >= 0 && !is_shared(delivery, batch, recipient, key)) {
        rc = mansio_plan_add(batch->plan, &entry);
        rc = rc < 0 ? rc : mansio_map_put(batch->owners, key, recipient);
    }
    MANSIO_SCRATCH_END(scratch);
    return rc < 0 ? rc : 0;
}

/* The entries of one recipient, one for each account that no earlier recipient leads to. */
static int add_delivered(struct smtp_delivery *delivery, struct smtp_batch *batch,
                         struct smtp_recipient *recipient)
{
    int rc = 0;

    MANSIO_SCRATCH_BEGIN(scratch);
    struct mansio_buf *prefix = mansio_buf_new(scratch, PREFIX_MAX);
    smtp_trace_return_path(prefix, delivery->transaction->reverse_path);
    smtp_trace_delivered_to(prefix, mansio_recipient_address(recipient->resolved));
    (void)mansio_buf_add(prefix, delivery->filter_prefix);
    (void)mansio_buf_add(prefix, delivery->received);
    rc = mansio_buf_status(prefix);
    for (size_t i = 0; rc >= 0 && i < mansio_recipient_count(recipient->resolved); i++) {
        rc = add_entry(delivery, batch, recipient, mansio_recipient_account(recipient->resolved, i),
                       mansio_buf_str(prefix));
    }
    MANSIO_SCRATCH_END(scratch);
    return rc < 0 ? rc : 0;
}

static int add_recipient(struct smtp_delivery *delivery, struct smtp_recipient *recipient)
{
    struct smtp_batch *batch = find_batch(delivery, recipient->pool);

    if (batch == NULL && (batch = make_batch(delivery, recipient)) == NULL) {
        return MANSIO_E_LIMIT;
    }
    return recipient->is_sent ? add_sent(delivery, batch, recipient)
                              : add_delivered(delivery, batch, recipient);
}

int smtp_delivery_plan(struct smtp_delivery *delivery)
{
    struct smtp_transaction *transaction = delivery->transaction;
    int rc = make_received(delivery);

    for (size_t i = 0; rc == 0 && i < transaction->count; i++) {
        struct smtp_recipient *recipient = &transaction->recipients[i];
        if (recipient->answer.code == 0 && !recipient->is_discarded) {
            rc = add_recipient(delivery, recipient);
        }
    }
    return rc;
}

int smtp_delivery_change(struct smtp_delivery *delivery, size_t recipient, uint32_t action,
                         struct mansio_str reply)
{
    struct smtp_batch *batch =
        smtp_delivery_batch(delivery, &delivery->transaction->recipients[recipient]);

    for (size_t i = 0; batch != NULL && i < mansio_plan_count(batch->plan); i++) {
        struct mansio_plan_entry entry = *mansio_plan_entry(batch->plan, i);
        if (entry.recipient == recipient) {
            entry.size = sizeof entry;
            entry.action = action;
            entry.reply = reply;
            int rc = mansio_plan_change(batch->plan, i, &entry);
            if (rc < 0) {
                return rc;
            }
        }
    }
    return 0;
}
