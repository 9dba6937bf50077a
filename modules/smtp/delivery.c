/*
 * The end of a message: see delivery.h. In order: what is wrong with the text; in submission, whose
 * it says it is, and what it lacks; what filters say of it; what each recipient has against it; the
 * plan; what filters make of it for each recipient; the commit; the replies.
 *
 * SMTP has one reply for all recipients. What only some of them refuse now can't be told to the
 * sender any more: a loop is then cut by leaving that recipient out (it has the message already),
 * and what a filter rejects for it goes to its \Junk. Nothing is lost and nobody is lied to. In
 * submission the sender is there to hear it: a refusal for one is a refusal for all.
 */
#include "delivery.h"

#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/store.h>
#include <mansio/str.h>

#include "body.h"
#include "delivery_plan.h"
#include "filters.h"
#include "notify.h"
#include "repair.h"
#include "trace.h"

enum {
    FILTER_PREFIX_MAX = 64 * 1024,
    HEADER_LINE_MAX = 1000, /* RFC 5322 2.1.1 */
};

/* Does each recipient get a reply of its own? */
static int answers_each(const struct smtp_delivery *delivery)
{
    return smtp_rules(delivery->session)->answers_each != 0;
}

static struct smtp_answer nothing_failed_but_us(void)
{
    return smtp_answer(451, "4.3.0", "something failed here, try again later");
}

/* Say something to every recipient that nothing was said to. */
static void answer_all(struct smtp_delivery *delivery, const struct smtp_answer *answer)
{
    struct smtp_transaction *transaction = delivery->transaction;

    for (size_t i = 0; i < transaction->count; i++) {
        if (transaction->recipients[i].answer.code == 0) {
            transaction->recipients[i].answer = *answer;
        }
    }
}

/* The first recipient with an answer of a class, or NULL. */
static const struct smtp_recipient *find_answer(const struct smtp_delivery *delivery,
                                                uint32_t class)
{
    const struct smtp_transaction *transaction = delivery->transaction;

    for (size_t i = 0; i < transaction->count; i++) {
        if (transaction->recipients[i].answer.code / 100 == class) {
            return &transaction->recipients[i];
        }
    }
    return NULL;
}

/* ---- the message ----------------------------------------------------------------------------- */

/* What is wrong with the message, whoever it is for; code 0: nothing. */
static int judge_message(struct smtp_delivery *delivery, struct smtp_answer *out)
{
    struct smtp_session *session = delivery->session;
    struct smtp_transaction *transaction = delivery->transaction;
    int rc = mansio_content_finish(transaction->content,
                                   mansio_deadline_in(smtp_options(session)->delivery_us));

    if (rc < 0 && mansio_error_class(rc) == MANSIO_CLASS_CANCELLED) {
        return rc;
    }
    if (rc < 0 && transaction->content_error == 0) {
        transaction->content_error = rc;
    }
    *out = smtp_body_judge(session);
    if (transaction->text.faults != 0) {
        smtp_count(session, SMTP_CONTENT_FAULTS, 1);
    }
    if (transaction->content_error < 0 && transaction->content_error != MANSIO_E_LIMIT) {
        mansio_log(MANSIO_LOG_ERROR, "content-lost",
                   MANSIO_KV_CODE("error", transaction->content_error), MANSIO_KV_END);
    }
    /* RFC 5321 6.3 */
    if (out->code == 0 && !transaction->is_discarded &&
        mansio_content_received_count(transaction->content) >=
            smtp_options(session)->received_max) {
        smtp_count(session, SMTP_LOOPS, 1);
        *out = smtp_answer(554, "5.4.6", "the message loops: too many Received fields");
    }
    return 0;
}

/* Header lines that filters give become part of the message: whole lines of text, or nothing. */
static int is_header_text(struct mansio_str lines)
{
    struct smtp_text text;
    struct mansio_str bytes = MANSIO_STR_NONE;
    int begins = 1;

    for (size_t i = 0; i < lines.len; i++) { /* a line begins with a name, or goes on with space */
        if (begins && (lines.ptr[i] == '\r' || (i == 0 && lines.ptr[i] <= ' '))) {
            return 0;
        }
        begins = lines.ptr[i] == '\n';
    }
    smtp_text_begin(&text, 0, HEADER_LINE_MAX);
    while (smtp_text_next(&text, &lines, &bytes) != SMTP_TEXT_MORE) {
    }
    return !smtp_text_finish(&text) && text.faults == 0;
}

/* Let filters judge the message. */
static int ask_about_message(struct smtp_delivery *delivery, struct smtp_answer *out)
{
    struct smtp_transaction *transaction = delivery->transaction;
    struct mansio_buf *prefix = mansio_buf_new(transaction->arena, FILTER_PREFIX_MAX);
    const struct smtp_question question = {
        .stage = MANSIO_STAGE_MESSAGE,
        .arena = transaction->arena,
        .prefix = prefix,
    };
    int verdict = smtp_filters_ask(delivery->session, &question, out);

    if (verdict < 0) {
        return verdict;
    }
    transaction->is_discarded = verdict == MANSIO_VERDICT_DISCARD;
    delivery->filter_prefix = mansio_buf_str(prefix);
    if (mansio_buf_status(prefix) < 0 || !is_header_text(delivery->filter_prefix)) {
        mansio_log(MANSIO_LOG_ERROR, "filter-header-malformed",
                   MANSIO_KV_INT("bytes", (int64_t)delivery->filter_prefix.len), MANSIO_KV_END);
        *out = nothing_failed_but_us();
    }
    return 0;
}

/* ---- recipients ------------------------------------------------------------------------------ */

static void judge_recipient(struct smtp_delivery *delivery, struct smtp_recipient *recipient)
{
    struct mansio_content *content = delivery->transaction->content;
    uint64_t bytes = mansio_content_size(content);

    for (size_t i = 0; i < mansio_recipient_count(recipient->resolved); i++) {
        const struct mansio_account_facts *facts =
            mansio_account_facts(mansio_recipient_account(recipient->resolved, i));
        if (facts->message_bytes_max > 0 && bytes > facts->message_bytes_max) {
            recipient->answer =
                smtp_answer(552, "5.2.3", "more than this mailbox takes in one message");
            return;
        }
    }
    if (smtp_rules(delivery->session)->cuts_loops &&
        mansio_content_has_field(content, MANSIO_STR("Delivered-To"),
                                 mansio_recipient_address(recipient->resolved))) {
        smtp_count(delivery->session, SMTP_LOOPS, 1);
        recipient->answer = smtp_answer(554, "5.4.6", "the message loops: it was delivered before");
    }
}

/* What each recipient has against the message. */
static void judge_recipients(struct smtp_delivery *delivery)
{
    struct smtp_transaction *transaction = delivery->transaction;
    size_t refusing = 0;

    for (size_t i = 0; i < transaction->count; i++) {
        struct smtp_recipient *recipient = &transaction->recipients[i];
        if (!recipient->is_discarded) {
            judge_recipient(delivery, recipient);
        }
        refusing += recipient->answer.code != 0;
    }
    if (answers_each(delivery) || refusing == 0) {
        return;
    }
    for (size_t i = 0; i < transaction->count; i++) {
        struct smtp_recipient *recipient = &transaction->recipients[i];
        if (recipient->answer.code == 552) { /* the smallest limit holds */
            struct smtp_answer answer = recipient->answer;
            answer_all(delivery, &answer);
            return;
        }
    }
    for (size_t i = 0; refusing < transaction->count && i < transaction->count; i++) {
        struct smtp_recipient *recipient = &transaction->recipients[i];
        if (recipient->answer.code != 0) {
            mansio_log(MANSIO_LOG_WARNING, "loop-cut", MANSIO_KV_STR("id", transaction->id),
                       MANSIO_KV_STR("to", recipient->path), MANSIO_KV_END);
            recipient->answer.code = 0;
            recipient->is_discarded = 1;
        }
    }
}

/* A filter's words for a recipient, from its verdict or from the plan's entries. */
static int hear_about_recipient(struct smtp_delivery *delivery, size_t index, int verdict)
{
    struct smtp_recipient *recipient = &delivery->transaction->recipients[index];
    struct smtp_batch *batch = smtp_delivery_batch(delivery, recipient);
    uint32_t action = verdict == MANSIO_VERDICT_REJECT ? MANSIO_PLAN_REJECT : MANSIO_PLAN_DISCARD;

    if (verdict == MANSIO_VERDICT_NEXT) {
        for (size_t i = 0; i < mansio_plan_count(batch->plan); i++) {
            const struct mansio_plan_entry *entry = mansio_plan_entry(batch->plan, i);
            if (entry->recipient != index || entry->action != MANSIO_PLAN_REJECT ||
                smtp_reply_read(entry->reply, 5, &recipient->answer) ||
                smtp_reply_read(entry->reply, 4, &recipient->answer)) {
                continue;
            }
            recipient->answer = smtp_answer(554, "5.7.1", "refused by policy");
        }
        if (recipient->answer.code == 0) {
            return 0;
        }
        action = MANSIO_PLAN_REJECT; /* one rejecting entry rejects it all */
    }
    recipient->is_discarded = verdict == MANSIO_VERDICT_DISCARD;
    return smtp_delivery_change(delivery, index, action,
                                action == MANSIO_PLAN_REJECT ? MANSIO_STR("554 5.7.1 refused")
                                                             : MANSIO_STR_NONE);
}

/* Let filters shape the plan for each recipient that has entries of its own. */
static int ask_about_recipients(struct smtp_delivery *delivery)
{
    struct smtp_transaction *transaction = delivery->transaction;
    int rc = 0;

    if (delivery->session->service->filter_count == 0) {
        return 0;
    }
    for (size_t i = 0; rc == 0 && i < transaction->count; i++) {
        struct smtp_recipient *recipient = &transaction->recipients[i];
        struct smtp_batch *batch = smtp_delivery_batch(delivery, recipient);
        int has_entries = 0;
        for (size_t k = 0; batch != NULL && k < mansio_plan_count(batch->plan); k++) {
            has_entries |= mansio_plan_entry(batch->plan, k)->recipient == i;
        }
        if (!has_entries) {
            continue;
        }
        const struct smtp_question question = {
            .stage = MANSIO_STAGE_DELIVERY,
            .arena = transaction->arena,
            .plan = batch->plan,
            .recipient = i,
        };
        rc = smtp_filters_ask(delivery->session, &question, &recipient->answer);
        if (rc >= 0) {
            rc = hear_about_recipient(delivery, i, rc);
        }
    }
    return rc;
}

/* SMTP: some recipients were refused by filters and some not. */
static int settle(struct smtp_delivery *delivery)
{
    struct smtp_transaction *transaction = delivery->transaction;
    const struct smtp_recipient *deferred = find_answer(delivery, 4);
    size_t willing = 0;
    int rc = 0;

    for (size_t i = 0; i < transaction->count; i++) {
        willing += transaction->recipients[i].answer.code == 0;
    }
    if (deferred != NULL) { /* nothing is committed: it comes again for all of them */
        struct smtp_answer answer = deferred->answer;
        for (size_t i = 0; i < transaction->count; i++) {
            transaction->recipients[i].answer = answer;
        }
        return 0;
    }
    if (!smtp_rules(delivery->session)->junks_rejected) {
        return 0; /* one refusal is everybody's, and whoever sends hears it */
    }
    for (size_t i = 0; rc == 0 && willing > 0 && i < transaction->count; i++) {
        struct smtp_recipient *recipient = &transaction->recipients[i];
        if (recipient->answer.code == 0) {
            continue;
        }
        mansio_log(MANSIO_LOG_INFO, "rejected-to-junk", MANSIO_KV_STR("id", transaction->id),
                   MANSIO_KV_STR("to", recipient->path), MANSIO_KV_END);
        recipient->answer.code = 0;
        rc = smtp_delivery_change(delivery, i, MANSIO_PLAN_QUARANTINE, MANSIO_STR_NONE);
    }
    return rc;
}

/* ---- committing ------------------------------------------------------------------------------ */

static int is_kept(const struct mansio_plan_entry *entry)
{
    return entry->action != MANSIO_PLAN_REJECT && entry->action != MANSIO_PLAN_DISCARD;
}

static int has_something_to_keep(const struct smtp_batch *batch)
{
    for (size_t i = 0; i < mansio_plan_count(batch->plan); i++) {
        if (is_kept(mansio_plan_entry(batch->plan, i))) {
            return 1;
        }
    }
    return 0;
}

/* What an entry that wasn't committed means for its recipient. */
static struct smtp_answer word_outcome(const struct mansio_plan_entry *entry, int32_t code)
{
    if (code == MANSIO_E_LIMIT) {
        return mansio_account_facts(entry->account)->quota_reply == MANSIO_QUOTA_PERMANENT
                   ? smtp_answer(552, "5.2.2", "the mailbox is full")
                   : smtp_answer(452, "4.2.2", "the mailbox is full");
    }
    if (code == MANSIO_E_NOT_FOUND) {
        return smtp_answer(550, "5.1.1", "no such address here any more");
    }
    return nothing_failed_but_us();
}

/* Each recipient is told the worst of its entries. */
static void read_outcomes(struct smtp_delivery *delivery, const struct smtp_batch *batch)
{
    struct smtp_transaction *transaction = delivery->transaction;

    for (size_t i = 0; i < mansio_plan_count(batch->plan); i++) {
        const struct mansio_plan_entry *entry = mansio_plan_entry(batch->plan, i);
        const struct mansio_plan_outcome *outcome = mansio_plan_outcome(batch->plan, i);
        if (!is_kept(entry) || outcome->code == 0 || entry->recipient >= transaction->count) {
            continue;
        }
        struct smtp_answer answer = word_outcome(entry, outcome->code);
        struct smtp_answer *told = &transaction->recipients[entry->recipient].answer;
        if (told->code == 0 || (told->code >= 500 && answer.code < 500)) { /* try again is worse */
            *told = answer;
        }
        smtp_count(delivery->session, SMTP_RECIPIENTS_OVER_QUOTA, outcome->code == MANSIO_E_LIMIT);
    }
}

/* Nothing of a batch was committed. */
static void read_failure(struct smtp_delivery *delivery, const struct smtp_batch *batch, int code)
{
    struct smtp_transaction *transaction = delivery->transaction;
    struct smtp_answer answer = nothing_failed_but_us();

    mansio_log(MANSIO_LOG_WARNING, "delivery-failed", MANSIO_KV_STR("id", transaction->id),
               MANSIO_KV_CODE("error", code), MANSIO_KV_END);
    for (size_t i = 0; i < transaction->count; i++) {
        struct smtp_recipient *recipient = &transaction->recipients[i];
        if (recipient->pool == batch->pool && recipient->answer.code == 0 &&
            !recipient->is_discarded) {
            recipient->answer = answer;
        }
    }
}

static int commit_batch(struct smtp_delivery *delivery, struct smtp_batch *batch)
{
    int64_t deadline_us = mansio_deadline_in(smtp_options(delivery->session)->delivery_us);

    if (batch->store->deliver == NULL) {
        return MANSIO_E_UNSUPPORTED;
    }
    return smtp_rules(delivery->session)->notifies
               ? smtp_notify_deliver(delivery, batch, deadline_us)
               : batch->store->deliver(batch->pool, batch->plan, delivery->transaction->content,
                                       deadline_us);
}

/* Commit each batch. After this, whoever has no answer has the message. */
static int commit(struct smtp_delivery *delivery)
{
    int64_t began_us = mansio_now_us();

    mansio_session_set_activity(delivery->session->session, "delivering");
    for (struct smtp_batch *batch = delivery->batches; batch != NULL; batch = batch->next) {
        if (!has_something_to_keep(batch)) {
            continue;
        }
        int rc = commit_batch(delivery, batch);
        if (rc < 0 && mansio_error_class(rc) == MANSIO_CLASS_CANCELLED) {
            return rc;
        }
        if (rc < 0) {
            read_failure(delivery, batch, rc);
        } else {
            read_outcomes(delivery, batch);
        }
    }
    delivery->commit_us = mansio_now_us() - began_us;
    return 0;
}

/* A recipient whose accounts are an earlier one's fares as that one does. */
static void answer_shares(struct smtp_delivery *delivery)
{
    for (const struct smtp_share *share = delivery->shares; share != NULL; share = share->next) {
        struct smtp_answer *told = &share->recipient->answer;
        const struct smtp_answer *answer = &share->owner->answer;
        if (answer->code >= 400 && (told->code == 0 || (told->code >= 500 && answer->code < 500))) {
            *told = *answer;
        }
    }
}

/* From a sound message to an answer for each recipient that was not delivered to. */
static int deliver(struct smtp_delivery *delivery)
{
    judge_recipients(delivery);
    int rc = smtp_delivery_plan(delivery);

    if (rc == 0) {
        rc = ask_about_recipients(delivery);
    }
    if (rc == 0 && !answers_each(delivery)) {
        answer_shares(delivery);
        rc = settle(delivery);
    }
    /* In SMTP a refusal is everybody's by now: then there is nothing to commit. */
    int is_off = !answers_each(delivery) &&
                 (find_answer(delivery, 4) != NULL || find_answer(delivery, 5) != NULL);
    if (rc == 0 && !is_off) {
        rc = commit(delivery);
    }
    answer_shares(delivery);
    return rc;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* Recipients that have the message now, in a mailbox or in the spool. */
struct kept {
    size_t delivered, spooled;
};

static struct kept count_kept(const struct smtp_transaction *transaction)
{
    struct kept kept = {.delivered = 0};

    for (size_t i = 0; i < transaction->count; i++) {
        const struct smtp_recipient *recipient = &transaction->recipients[i];
        if (recipient->answer.code == 0 && !transaction->is_discarded && !recipient->is_discarded) {
            kept.spooled += recipient->is_sent;
            kept.delivered += !recipient->is_sent;
        }
    }
    return kept;
}

static void count_end(struct smtp_delivery *delivery, const struct kept *kept)
{
    struct smtp_session *session = delivery->session;
    const struct smtp_transaction *transaction = delivery->transaction;
    struct mansio_instance *instance = session->service->instance;

    smtp_count(session, SMTP_RECIPIENTS_DELIVERED, (int64_t)kept->delivered);
    smtp_count(session, SMTP_RECIPIENTS_SPOOLED, (int64_t)kept->spooled);
    if (kept->delivered + kept->spooled > 0) {
        session->errors = 0;
        smtp_count(session, SMTP_MESSAGES_ACCEPTED, 1);
        mansio_metric_observe(instance, SMTP_MESSAGE_BYTES,
                              (int64_t)mansio_content_size(transaction->content));
        mansio_metric_observe(instance, SMTP_DELIVERY_SECONDS,
                              mansio_now_us() - delivery->ended_us);
    } else if (find_answer(delivery, 4) != NULL) {
        smtp_count(session, SMTP_MESSAGES_DEFERRED, 1);
    } else if (find_answer(delivery, 5) != NULL) {
        smtp_count(session, SMTP_MESSAGES_REJECTED, 1);
    } else {
        smtp_count(session, SMTP_MESSAGES_DISCARDED, 1);
    }
}

/* One line a message. */
static void log_end(const struct smtp_delivery *delivery, const struct kept *kept)
{
    const struct smtp_session *session = delivery->session;
    const struct smtp_transaction *transaction = delivery->transaction;
    const struct smtp_recipient *failed = find_answer(delivery, 4);
    int is_kept_by_some = kept->delivered + kept->spooled > 0;
    int64_t now_us = mansio_now_us();

    failed = failed != NULL ? failed : find_answer(delivery, 5);
    mansio_log(
        MANSIO_LOG_INFO, "message", MANSIO_KV_STR("id", transaction->id),
        MANSIO_KV_STR("account", smtp_account_address(session)),
        MANSIO_KV_STR("from", transaction->reverse_path),
        MANSIO_KV_STR("to", transaction->recipients[0].path),
        MANSIO_KV_INT("recipients", (int64_t)transaction->count),
        MANSIO_KV_INT("refused", transaction->refused),
        MANSIO_KV_INT("delivered", (int64_t)kept->delivered),
        MANSIO_KV_INT("spooled", (int64_t)kept->spooled),
        MANSIO_KV_CSTR("outcome", failed != NULL && is_kept_by_some ? "partly"
                                  : kept->delivered > 0             ? "delivered"
                                  : kept->spooled > 0               ? "spooled"
                                  : failed == NULL                  ? "discarded"
                                  : failed->answer.code < 500       ? "deferred"
                                                                    : "rejected"),
        MANSIO_KV_INT("code", failed != NULL ? failed->answer.code : 250),
        MANSIO_KV_CSTR("status", failed != NULL ? failed->answer.enhanced : "2.0.0"),
        MANSIO_KV_STR("reason", failed != NULL ? failed->answer.words : MANSIO_STR_NONE),
        MANSIO_KV_INT("bytes", (int64_t)(is_kept_by_some ? mansio_content_size(transaction->content)
                                                         : transaction->bytes)),
        MANSIO_KV_STR("hello", smtp_hello(session)),
        MANSIO_KV_STR("ip", mansio_conn_peer_ip(mansio_session_conn(session->session))),
        MANSIO_KV_DURATION("receive", delivery->ended_us - transaction->begun_us),
        MANSIO_KV_DURATION("commit", delivery->commit_us),
        MANSIO_KV_DURATION("deliver", now_us - delivery->ended_us), MANSIO_KV_END);
}

/* The replies: one, or in LMTP one for each recipient, in the order of their RCPTs. */
static int reply(const struct smtp_delivery *delivery)
{
    struct smtp_session *session = delivery->session;
    const struct smtp_transaction *transaction = delivery->transaction;
    size_t replies = answers_each(delivery) ? transaction->count : 1;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < replies; i++) {
        const struct smtp_recipient *recipient = &transaction->recipients[i];
        if (!answers_each(delivery)) { /* the worst of what was said */
            const struct smtp_recipient *failed = find_answer(delivery, 4);
            failed = failed != NULL ? failed : find_answer(delivery, 5);
            recipient = failed != NULL ? failed : recipient;
        }
        const struct smtp_answer *answer = &recipient->answer;
        if (answer->code == 0) {
            rc = smtp_say(session, 250, "2.0.0", "%.*s saved", MANSIO_STR_ARG(transaction->id));
        } else {
            rc = smtp_say(session, answer->code, answer->enhanced, "%.*s %.*s",
                          MANSIO_STR_ARG(transaction->id), MANSIO_STR_ARG(answer->words));
        }
    }
    return rc;
}

/* Everything but the words. An error ends the session; nothing was promised then. */
static int work(struct smtp_delivery *delivery)
{
    struct smtp_transaction *transaction = delivery->transaction;
    struct smtp_answer answer = {.code = 0};
    int rc = judge_message(delivery, &answer);

    if (rc == 0 && answer.code == 0 && !transaction->is_discarded &&
        smtp_rules(delivery->session)->repairs) {
        rc = smtp_repair(delivery->session, &answer);
    }
    if (rc == 0 && answer.code == 0 && !transaction->is_discarded) {
        rc = ask_about_message(delivery, &answer);
    }
    if (rc == 0 && answer.code != 0) {
        answer_all(delivery, &answer);
    } else if (rc == 0 && !transaction->is_discarded) {
        rc = deliver(delivery);
    }
    if (rc < 0 && mansio_error_class(rc) != MANSIO_CLASS_CANCELLED) { /* no room, most likely */
        mansio_log(MANSIO_LOG_WARNING, "delivery-failed", MANSIO_KV_STR("id", transaction->id),
                   MANSIO_KV_CODE("error", rc), MANSIO_KV_END);
        answer = nothing_failed_but_us();
        answer_all(delivery, &answer);
        rc = 0;
    }
    return rc;
}

int smtp_message_end(struct smtp_session *session)
{
    struct smtp_transaction *transaction = session->transaction;
    struct smtp_delivery delivery = {
        .session = session,
        .transaction = transaction,
        .ended_us = mansio_now_us(),
    };
    int rc = work(&delivery);

    if (rc < 0) {
        return rc;
    }
    const struct kept kept = count_kept(transaction);
    count_end(&delivery, &kept);
    log_end(&delivery, &kept);
    rc = reply(&delivery);
    smtp_reset(session);
    return rc;
}
