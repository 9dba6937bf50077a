/*
 * BDAT (RFC 3030 2): chunks of counted bytes. Whatever is answered, a chunk's bytes are read to
 * their last (RFC 3030 2: "MUST accept and discard"), so that the next command is where it should
 * be. Where a chunk's size can't be read there is no telling where it ends: then the conn ends.
 */
#include "body.h"
#include "commands.h"
#include "delivery.h"
#include "transaction.h"

#include <mansio/error.h>

/* Read a chunk; its bytes become text if @p is_text. */
static int read_chunk(struct smtp_session *session, uint64_t left, int is_text)
{
    int64_t ends_us = mansio_deadline_in(smtp_options(session)->message_us);
    int rc = 0;

    ends_us = ends_us < session->ends_us ? ends_us : session->ends_us; /* of what nobody keeps */
    while (rc == 0 && left > 0) {
        size_t most = left < MANSIO_STREAM_READ_MAX ? (size_t)left : MANSIO_STREAM_READ_MAX;
        struct mansio_str bytes = MANSIO_STR_NONE;
        int64_t deadline_us = mansio_deadline_in(smtp_options(session)->data_us);
        if (is_text) {
            smtp_body_set_deadline(session);
        } else {
            mansio_stream_set_deadline(session->stream,
                                       deadline_us < ends_us ? deadline_us : ends_us);
        }
        rc = mansio_stream_read(session->stream, most, 0, &bytes);
        if (rc >= 0) {
            left -= (uint64_t)rc;
            rc = is_text ? smtp_body_take(session, &bytes) : 0;
        }
    }
    return rc;
}

/* The words, and the end of the dialogue: what follows can't be told from commands. */
static int say_lost(struct smtp_session *session)
{
    int rc = smtp_say(session, 501, "5.5.4", "%s", mansio_error_detail());

    if (rc == 0) {
        rc = smtp_say(session, 421, "4.3.0", "%s can't tell where the chunk ends",
                      smtp_options(session)->hostname);
    }
    return rc < 0 ? rc : SMTP_END;
}

int smtp_skip_bdat(struct smtp_session *session, const struct smtp_args *args)
{
    uint64_t size = 0;
    uint32_t is_last = 0;

    if (smtp_parse_bdat(args->text, &size, &is_last) < 0) {
        return say_lost(session);
    }
    return read_chunk(session, size, 0);
}

/* A chunk without recipients: RFC 2033 4.3 wants no reply to the last of them, one for each
 * recipient being none. */
static int skip_without_recipients(struct smtp_session *session, uint64_t size, uint32_t is_last)
{
    int rc = read_chunk(session, size, 0);

    if (rc < 0) {
        return rc;
    }
    if (smtp_rules(session)->answers_each && is_last) {
        smtp_reset(session);
        return 0;
    }
    return smtp_say_wrong(session, 503, "5.5.1", "no recipient was accepted");
}

int smtp_cmd_bdat(struct smtp_session *session, const struct smtp_args *args)
{
    struct smtp_transaction *transaction = session->transaction;
    uint64_t size = 0;
    uint32_t is_last = 0;

    if (smtp_parse_bdat(args->text, &size, &is_last) < 0) {
        return say_lost(session);
    }
    if (transaction->count == 0) {
        return skip_without_recipients(session, size, is_last);
    }
    if (transaction->content == NULL) {
        smtp_body_begin(session, 0);
        session->state = SMTP_CHUNKS;
    }
    int rc = read_chunk(session, size, 1);
    if (rc == 0 && is_last) {
        rc = smtp_body_finish(session);
    }
    if (rc < 0) {
        return rc;
    }
    if (is_last) {
        return smtp_message_end(session);
    }
    struct smtp_answer answer = smtp_body_judge(session);
    if (answer.code != 0) {
        return smtp_say_answer(session, &answer);
    }
    return smtp_say(session, 250, "2.0.0", "%llu bytes", (unsigned long long)size);
}
