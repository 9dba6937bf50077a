/*
 * Filters: see filters.h. The first that decides is heard; one that fails counts as putting off,
 * or, where the settings say so, as having nothing to say.
 */
#include "filters.h"

#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/str.h>

#include "transaction.h"

/* What is told when a filter refuses without words of its own. */
static struct smtp_answer own_words(uint32_t stage, uint32_t verdict)
{
    if (verdict == MANSIO_VERDICT_DEFER) {
        return smtp_answer(stage == MANSIO_STAGE_RECIPIENT ? 450 : 451, "4.7.1",
                           "put off for now, try again later");
    }
    return smtp_answer(stage >= MANSIO_STAGE_MESSAGE ? 554 : 550, "5.7.1", "refused by policy");
}

static void word(const struct smtp_question *question, uint32_t verdict, struct mansio_str reply,
                 struct smtp_answer *out)
{
    uint32_t wanted = verdict == MANSIO_VERDICT_DEFER ? 4 : 5;

    if (!smtp_reply_read(reply, wanted, out)) {
        *out = own_words(question->stage, verdict);
    }
}

/* What a filter is shown. */
static struct mansio_filter_subject show(struct smtp_session *session,
                                         const struct smtp_question *question,
                                         struct mansio_buf *reply)
{
    const struct smtp_transaction *transaction = session->transaction;
    struct mansio_filter_subject subject = {
        .size = sizeof subject,
        .session = session->session,
        .arena = question->arena,
        .greeting = smtp_hello(session),
        .plan = question->plan,
        .prefix = question->prefix,
        .recipient = question->recipient,
        .reply = reply,
    };

    if (transaction != NULL) {
        subject.reverse_path = transaction->reverse_path;
        subject.declared_bytes = transaction->params.declared_bytes;
        subject.recipients = transaction->resolved;
        subject.recipient_count = transaction->count;
        subject.content = question->stage >= MANSIO_STAGE_MESSAGE ? transaction->content : NULL;
    }
    return subject;
}

/* Does the verdict mean something at this stage? Unknown ones mean nothing anywhere. */
static int is_meant(uint32_t stage, uint32_t verdict)
{
    if (verdict == MANSIO_VERDICT_DISCARD) {
        return stage >= MANSIO_STAGE_SENDER;
    }
    return verdict >= MANSIO_VERDICT_ACCEPT && verdict <= MANSIO_VERDICT_DEFER;
}

/* Returns a verdict, or an error that ends the session. */
static int judge_failure(struct smtp_session *session, const struct smtp_filter_use *use,
                         const struct smtp_question *question, int code, struct smtp_answer *out)
{
    if (mansio_error_class(code) == MANSIO_CLASS_CANCELLED) {
        return code;
    }
    smtp_count(session, SMTP_FILTER_FAILURES, 1);
    mansio_log(MANSIO_LOG_WARNING, "filter-failed",
               MANSIO_KV_STR("filter", mansio_instance_name(use->instance)),
               MANSIO_KV_INT("stage", question->stage), MANSIO_KV_CODE("error", code),
               MANSIO_KV_END);
    if (smtp_options(session)->filter_failure == SMTP_FILTER_ACCEPT) {
        return MANSIO_VERDICT_NEXT;
    }
    *out = smtp_answer(451, "4.3.0", "something failed here, try again later");
    return MANSIO_VERDICT_DEFER;
}

int smtp_filters_ask(struct smtp_session *session, const struct smtp_question *question,
                     struct smtp_answer *out)
{
    for (size_t i = 0; i < session->service->filter_count; i++) {
        const struct smtp_filter_use *use = &session->service->filters[i];
        if (use->table.look == NULL || !(use->table.stages & 1u << question->stage)) {
            continue;
        }
        struct mansio_buf *reply = mansio_buf_new(question->arena, SMTP_REPLY_LINE_MAX);
        struct mansio_filter_subject subject = show(session, question, reply);
        int verdict = use->table.look(use->instance, question->stage, &subject,
                                      mansio_deadline_in(smtp_options(session)->filter_us));
        if (verdict < 0) {
            verdict = judge_failure(session, use, question, verdict, out);
            if (verdict == MANSIO_VERDICT_NEXT) {
                continue;
            }
            return verdict;
        }
        if (!is_meant(question->stage, (uint32_t)verdict)) {
            continue;
        }
        if (verdict == MANSIO_VERDICT_REJECT || verdict == MANSIO_VERDICT_DEFER) {
            word(question, (uint32_t)verdict, mansio_buf_str(reply), out);
        }
        return verdict == MANSIO_VERDICT_ACCEPT ? MANSIO_VERDICT_NEXT : verdict;
    }
    return MANSIO_VERDICT_NEXT;
}
