/*
 * RETR (RFC 1939 5) and TOP (RFC 1939 7): a message, read from the store in slices and sent as it
 * comes, so that its size costs no memory; small ones that are fetched in a row come together.
 */
#include "commands.h"
#include "session.h"

#include <inttypes.h>

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/str.h>

#include "lines.h"

enum {
    RETR_SLICE = 128 * 1024, /* what is held of a message at a time */
    TOP_SLICE = 16 * 1024,   /* most often its header is all that is wanted */
    SLICE_CAP = 4 * RETR_SLICE,
};

/* A message on its way. */
struct sending {
    struct pop3_session *session;
    const struct pop3_message *message;
    struct mansio_arena *arena; /* of one slice */
    struct mansio_str slice;
    uint64_t offset; /* of what follows the slice */
    size_t slice_max;
    struct pop3_top *top; /* NULL: all of it */
    struct pop3_stuffing stuffing;
};

static int read_slice(struct sending *sending)
{
    const struct pop3_maildrop *drop = &sending->session->drop;
    uint64_t left = sending->message->bytes - sending->offset;
    sending->slice = MANSIO_STR_NONE;
    mansio_arena_reset(sending->arena);
    if (left == 0) {
        return 0;
    }
    int rc = drop->store->message_read(
        drop->pool, drop->account, drop->collection_id, sending->message->uid, sending->offset,
        left < sending->slice_max ? (size_t)left : sending->slice_max, sending->arena,
        pop3_store_deadline(sending->session), &sending->slice);
    if (rc == 0 && sending->slice.len == 0) {
        return mansio_fail(MANSIO_E_UNAVAILABLE,
                           "message %" PRIu32 " ends at %" PRIu64 " of %" PRIu64 " bytes",
                           sending->message->uid, sending->offset, sending->message->bytes);
    }
    sending->offset += sending->slice.len;
    return rc;
}

/* Returns 1 if nothing of what follows is wanted. */
static int send_slice(struct sending *sending)
{
    struct mansio_str rest = sending->slice, piece;
    int is_cut = 0, rc = 0;
    if (sending->top != NULL) {
        rest = pop3_top_cut(sending->top, rest);
        is_cut = rest.len < sending->slice.len;
    }
    sending->session->sent_bytes += rest.len;
    mansio_metric_add(sending->session->module->instance, POP3_METRIC_SENT_BYTES,
                      (int64_t)rest.len);
    while (rc == 0 && pop3_stuff(&sending->stuffing, &rest, &piece)) {
        rc = pop3_send_bytes(sending->session, piece);
    }
    if (rc == 0) {
        rc = mansio_fiber_pace();
    }
    return rc < 0 ? rc : is_cut;
}

/* Once "+OK" is out there is no way to say that something failed, but to break off. */
static int send_all(struct sending *sending)
{
    struct pop3_session *session = sending->session;
    session->is_sending = 1;
    int rc = pop3_send(session, 0);
    while (rc == 0 && sending->slice.len > 0) {
        rc = send_slice(sending);
        if (rc == 0) {
            rc = read_slice(sending);
        }
    }
    if (rc >= 0) {
        rc = pop3_send_bytes(session, pop3_stuff_end(&sending->stuffing));
    }
    if (rc == 0) {
        session->is_sending = 0;
    }
    return rc;
}

static int send_message(struct pop3_session *session, uint32_t number, struct pop3_top *top)
{
    struct sending sending = {
        .session = session,
        .message = &session->drop.messages[number - 1],
        .arena = mansio_arena_new(mansio_session_arena(session->session), "pop3.slice", SLICE_CAP),
        .slice_max = top != NULL ? TOP_SLICE : RETR_SLICE,
        .top = top,
    };
    if (top == NULL) {
        sending.slice =
            pop3_ahead_get(&session->ahead, &session->drop, number, pop3_store_deadline(session));
        sending.offset = sending.slice.len;
    }
    int rc = sending.slice.len > 0 ? 0 : read_slice(&sending);
    if (rc == MANSIO_E_NOT_FOUND) {
        pop3_reply_err(session->reply, POP3_CODE_NONE, "That message is gone meanwhile");
        rc = 0;
    } else if (rc < 0) {
        rc = pop3_fail(session, rc, "The message can't be read now");
    } else {
        if (top == NULL) {
            pop3_reply_ok(session->reply, "%" PRIu64 " octets", sending.message->bytes);
        } else {
            pop3_reply_done(session->reply);
        }
        rc = send_all(&sending);
    }
    mansio_arena_free(sending.arena);
    pop3_ahead_sent(&session->ahead, number);
    return rc;
}

int pop3_cmd_retr(struct pop3_session *session, const struct pop3_line *line)
{
    uint32_t number = pop3_find_message(session, line->args[0]);
    if (number == 0) {
        return 0;
    }
    int rc = send_message(session, number, NULL);
    if (rc == 0) {
        session->retrieved++;
        session->drop.messages[number - 1].marks |= POP3_MARK_RETRIEVED;
        mansio_metric_add(session->module->instance, POP3_METRIC_RETRIEVED, 1);
    }
    return rc;
}

int pop3_cmd_top(struct pop3_session *session, const struct pop3_line *line)
{
    struct pop3_top top = {.lines = 0};
    uint32_t number = pop3_find_message(session, line->args[0]);
    if (number == 0) {
        return 0;
    }
    if (pop3_parse_lines(line->args[1], &top.lines) < 0) {
        pop3_reply_err(session->reply, POP3_CODE_NONE, "That is no number of lines");
        return 0;
    }
    session->topped++;
    return send_message(session, number, &top);
}
