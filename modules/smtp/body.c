/*
 * A message's text: see body.h.
 */
#include "body.h"

#include "transaction.h"

#include <mansio/error.h>

void smtp_body_begin(struct smtp_session *session, uint32_t is_dotted)
{
    const struct smtp_options *options = smtp_options(session);
    struct smtp_transaction *transaction = session->transaction;

    /* The body's bytes are bounded by message_size_max and by the worker's cap on contents. */
    transaction->content_arena = mansio_arena_new(NULL, "smtp content", 0);
    transaction->content =
        mansio_content_new(transaction->content_arena, options->message_bytes_max);
    transaction->bytes_max = options->message_bytes_max;
    transaction->ends_us = mansio_deadline_in(options->message_us);
    smtp_text_begin(&transaction->text, is_dotted, options->line_max);
    mansio_session_set_activity(session->session, "message");
}

void smtp_body_set_deadline(struct smtp_session *session)
{
    int64_t deadline_us = mansio_deadline_in(smtp_options(session)->data_us);
    int64_t ends_us = session->transaction->ends_us;

    mansio_stream_set_deadline(session->stream, deadline_us < ends_us ? deadline_us : ends_us);
}

static int keep(struct smtp_session *session, struct mansio_str bytes)
{
    struct smtp_transaction *transaction = session->transaction;

    if (transaction->content_error != 0 || transaction->is_discarded) {
        return 0;
    }
    int rc = mansio_content_write(transaction->content, bytes,
                                  mansio_deadline_in(smtp_options(session)->delivery_us));
    if (rc < 0 && mansio_error_class(rc) == MANSIO_CLASS_CANCELLED) {
        return rc;
    }
    transaction->content_error = rc;
    return 0;
}

int smtp_body_take(struct smtp_session *session, struct mansio_str *in)
{
    struct smtp_transaction *transaction = session->transaction;
    struct mansio_str bytes = MANSIO_STR_NONE;
    size_t length = in->len;
    uint32_t found;
    int rc = 0;

    while (rc == 0 && (found = smtp_text_next(&transaction->text, in, &bytes)) != SMTP_TEXT_MORE) {
        rc = found == SMTP_TEXT_END ? 1 : keep(session, bytes);
    }
    transaction->bytes += length - in->len;
    smtp_count(session, SMTP_RECEIVED_BYTES, (int64_t)(length - in->len));
    return rc;
}

int smtp_body_finish(struct smtp_session *session)
{
    struct smtp_transaction *transaction = session->transaction;

    /* A message consists of lines (RFC 5322 2.1); who sends it in chunks may forget the last end,
     * and without it no reader could show the message as it is. */
    if (smtp_text_finish(&transaction->text) && transaction->text.faults == 0) {
        return keep(session, MANSIO_STR("\r\n"));
    }
    return 0;
}

struct smtp_answer smtp_body_judge(const struct smtp_session *session)
{
    const struct smtp_transaction *transaction = session->transaction;

    if (transaction->text.faults != 0) {
        return smtp_answer(554, "5.6.0", smtp_text_fault_words(transaction->text.faults));
    }
    if (transaction->content_error == MANSIO_E_LIMIT) { /* RFC 1870 6.3 */
        return smtp_answer(552, "5.3.4", "the message is larger than we take");
    }
    if (transaction->content_error < 0) {
        return smtp_answer(451, "4.3.0", "can't keep the message for now");
    }
    return (struct smtp_answer){.code = 0};
}
