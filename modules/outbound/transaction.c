/*
 * A message on its way out: MAIL, RCPT, DATA (RFC 5321 3.3), pipelined where that is offered
 * (RFC 2920).
 */
#include "client.h"

#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/metrics.h>
#include <mansio/str.h>
#include <mansio/stream.h>
#include <mansio/time.h>

enum {
    COMMANDS_MAX = 1 << 20,
    SLICE_BYTES = 128 * 1024,
    HEADER_LOOK_BYTES = 256 * 1024,
};

#define LAST_WORDS_US (2 * MANSIO_SECOND)

struct sending {
    struct ob_client *client;
    struct ob_job *job;
    const struct mansio_spool_item *first; /* of what the items have in common */
    struct mansio_str reverse_path;
    int is_utf8;
    size_t accepted;
};

static struct mansio_arena *arena_of(const struct ob_item *item)
{
    return item->batch->arena;
}

static int is_open(const struct ob_item *item)
{
    return item->outcome.kind == OB_UNTRIED && item->state == OB_WAITING;
}

/* ---- what can't be sent there -----------------------------------------------------------------
 */

static void refuse(struct ob_item *item, struct ob_client *client, const char *status,
                   const char *why)
{
    struct mansio_str reason = MANSIO_STR_NONE;
    if (mansio_arena_printf(arena_of(item), &reason, "%.*s %s", MANSIO_STR_ARG(client->remote),
                            why) < 0) {
        reason = MANSIO_STR_NONE;
    }
    ob_outcome_set(&item->outcome, arena_of(item), OB_REFUSED, status, MANSIO_STR_NONE,
                   MANSIO_STR_NONE, reason);
}

static void refuse_all(struct sending *s, const char *status, const char *why)
{
    for (struct ob_item *item = s->job->items; item != NULL; item = item->next) {
        if (is_open(item)) {
            refuse(item, s->client, status, why);
        }
    }
}

/* The store failed: a claim that was lost is somebody else's now, and so is the message. */
static int store_fault(struct ob_client *client, int code, const char *doing)
{
    client->is_final = 1;
    client->is_closing = 1;
    (void)ob_own_fault(client, code, "4.3.0", doing);
    if (code == MANSIO_E_DENIED || code == MANSIO_E_CANCELLED) {
        client->fault.kind = OB_UNTRIED;
    }
    return code;
}

static void lose_all(struct sending *s)
{
    for (struct ob_item *item = s->job->items; item != NULL; item = item->next) {
        if (is_open(item)) {
            item->state = OB_LOST;
        }
    }
}

/* The server may have a claim's recipient that was lost meanwhile: no dot may follow then, since
 * somebody else sends to it. */
static int check_claims(struct sending *s)
{
    int is_any_open = 0;
    for (const struct ob_item *item = s->job->items; item != NULL; item = item->next) {
        is_any_open |= is_open(item);
        if (item->is_asked && item->state == OB_LOST && item->outcome.kind == OB_UNTRIED) {
            return store_fault(s->client, mansio_fail(MANSIO_E_DENIED, "a claim was lost"),
                               "sending the message");
        }
    }
    return is_any_open
               ? 0
               : store_fault(s->client, mansio_fail(MANSIO_E_DENIED, "all claims were lost"),
                             "sending the message");
}

static int read_slice(struct sending *s, struct mansio_arena *arena, uint64_t offset, size_t max,
                      struct mansio_str *out)
{
    struct ob_item *item = s->job->items;
    int rc = check_claims(s);
    if (rc < 0) {
        return rc;
    }
    while (!is_open(item)) {
        item = item->next;
    }
    const struct ob_pool *pool = item->pool;
    rc = pool->store.spool_read(pool->instance, item->spool, offset, max, arena,
                                ob_store_deadline(s->client->options), out);
    if (rc == MANSIO_E_DENIED) {
        lose_all(s);
    }
    return rc < 0 ? store_fault(s->client, rc, "reading the message") : 0;
}

/* Who sends it said SMTPUTF8, as many clients always do: does its header need that?
 * @return 1, 0 or a code */
static int needs_utf8(struct sending *s)
{
    struct mansio_str text = MANSIO_STR_NONE;
    int rc = read_slice(s, s->client->step, 0, HEADER_LOOK_BYTES, &text);
    if (rc < 0) {
        return rc;
    }
    ptrdiff_t end = mansio_str_find(text, MANSIO_STR("\r\n\r\n"));
    return ob_is_beyond_ascii(end >= 0 ? mansio_str_sub(text, 0, (size_t)end) : text);
}

/* RFC 6531 3.2: without the extension it may only go if it doesn't need it. */
static int check_utf8(struct sending *s)
{
    struct ob_client *client = s->client;
    int is_offered = (client->offer.features & OB_SMTPUTF8) != 0;

    s->reverse_path = s->first->reverse_path;
    s->is_utf8 =
        (s->first->flags & MANSIO_PLAN_UTF8) != 0 || ob_is_beyond_ascii(s->first->reverse_path);
    for (const struct ob_item *item = s->job->items; item != NULL; item = item->next) {
        s->is_utf8 |= is_open(item) && ob_is_beyond_ascii(item->spool->forward_path);
    }
    if (is_offered || !s->is_utf8) {
        return 0;
    }
    int rc = (s->first->flags & MANSIO_PLAN_UTF8) != 0 ? needs_utf8(s) : 0;
    if (rc < 0) {
        return rc;
    }
    if (rc > 0 || ob_ascii_path(client->step, s->first->reverse_path, &s->reverse_path) < 0) {
        refuse_all(s, "5.6.7", "doesn't take internationalized mail (SMTPUTF8)");
    }
    s->is_utf8 = 0;
    return 0;
}

/* What the server said it doesn't take isn't offered to it. */
static int check_offer(struct sending *s)
{
    const struct ob_client *client = s->client;
    const struct ob_offer *offer = &client->offer;

    if ((offer->features & OB_SIZE) != 0 && offer->size_max > 0 &&
        s->first->message_bytes > offer->size_max) {
        refuse_all(s, "5.3.4", "takes no message of this size"); /* RFC 1870 6.1 */
        return 0;
    }
    if ((s->first->flags & (MANSIO_PLAN_8BIT | MANSIO_PLAN_UTF8)) == MANSIO_PLAN_8BIT &&
        (offer->features & OB_8BITMIME) == 0 && !client->options->sends_8bit) {
        refuse_all(s, "5.6.3", "doesn't take 8-bit mail (8BITMIME)"); /* RFC 6152 3 */
        return 0;
    }
    return check_utf8(s);
}

/* ---- MAIL and RCPT --------------------------------------------------------------------------- */

static size_t count_open(const struct ob_job *job)
{
    size_t n = 0;
    for (const struct ob_item *item = job->items; item != NULL; item = item->next) {
        n += is_open(item);
    }
    return n;
}

/* RCPT for an item; one whose path this server can't have is refused instead. */
static void add_rcpt(struct sending *s, struct mansio_buf *out, struct ob_item *item)
{
    struct mansio_str path = item->spool->forward_path;
    int rc = s->is_utf8 ? 0 : ob_ascii_path(s->client->step, path, &path);
    if (rc < 0) {
        refuse(item, s->client, "5.6.7", "doesn't take internationalized addresses (SMTPUTF8)");
        return;
    }
    ob_add_rcpt(out, &s->client->offer, item->spool, path);
    item->is_asked = 1;
}

static void decide(struct sending *s, struct ob_item *item, const char *subject)
{
    ob_outcome_reply(&item->outcome, arena_of(item), s->client->reply, subject, s->client->remote);
}

static void decide_all(struct sending *s, const char *subject)
{
    for (struct ob_item *item = s->job->items; item != NULL; item = item->next) {
        if (is_open(item)) {
            decide(s, item, subject);
        }
    }
}

/* RFC 5321 4.5.3.1.10: too many at once; the others go in another transaction. Some say it with
 * 552. */
static int is_too_many(const struct sending *s)
{
    return s->accepted > 0 && (s->client->reply->code == 452 || s->client->reply->code == 552);
}

static int take_rcpt(struct sending *s, struct ob_item *item)
{
    if (s->client->is_closing) {
        return ob_reply_fault(s->client, "3.2"); /* 421: another host may take them */
    }
    if (s->client->reply->code / 100 == 2) {
        s->accepted++;
    } else if (is_too_many(s)) {
        ob_outcome_set(&item->outcome, arena_of(item), OB_AGAIN, "4.5.3", s->client->remote,
                       ob_reply_text(s->client->reply), MANSIO_STR_NONE);
    } else {
        decide(s, item, "1.0");
    }
    return 0;
}

/* One after the other. @return the reply to DATA, 0 if that wasn't said; a code */
static int converse(struct sending *s, struct mansio_buf *mail)
{
    struct ob_client *client = s->client;
    const struct ob_timeouts *timeouts = &client->options->timeouts;
    struct mansio_buf *text = mansio_buf_new(client->step, COMMANDS_MAX);
    int rc = ob_ask(client, "MAIL", mansio_buf_str(mail), timeouts->mail_us);

    if (rc >= 0 && client->is_closing) {
        return ob_reply_fault(client, "3.2");
    }
    if (rc >= 0 && rc / 100 != 2) {
        decide_all(s, "1.0");
        return 0;
    }
    client->is_open_mail = rc >= 0;
    for (struct ob_item *item = s->job->items; rc >= 0 && item != NULL; item = item->next) {
        mansio_buf_reset(text);
        if (is_open(item)) {
            add_rcpt(s, text, item);
        }
        if (is_open(item)) {
            rc = ob_ask(client, "RCPT", mansio_buf_str(text), timeouts->recipient_us);
            rc = rc < 0 ? rc : take_rcpt(s, item);
        }
    }
    if (rc < 0 || s->accepted == 0) {
        return rc < 0 ? rc : 0;
    }
    return ob_ask(client, "DATA", MANSIO_STR("DATA\r\n"), timeouts->data_us);
}

/* All at once. */
static int pipeline(struct sending *s, struct mansio_buf *text)
{
    struct ob_client *client = s->client;
    const struct ob_timeouts *timeouts = &client->options->timeouts;

    for (struct ob_item *item = s->job->items; item != NULL; item = item->next) {
        if (is_open(item)) {
            add_rcpt(s, text, item);
        }
    }
    if (count_open(s->job) == 0) {
        return 0;
    }
    (void)mansio_buf_add(text, MANSIO_STR("DATA\r\n"));
    int rc = mansio_buf_status(text);
    if (rc < 0) {
        return ob_own_fault(client, rc, "4.3.0", "MAIL");
    }
    rc = ob_say(client, "MAIL", mansio_buf_str(text), timeouts->mail_us);
    rc = rc < 0 ? rc : ob_hear(client, "MAIL", timeouts->mail_us);
    if (rc >= 0 && client->is_closing) {
        return ob_reply_fault(client, "3.2");
    }
    int is_refused = rc >= 0 && rc / 100 != 2;
    if (is_refused) {
        decide_all(s, "1.0");
    }
    client->is_open_mail = rc >= 0;
    /* Each command has its reply, also those that can't be but "503", and also where the claim was
     * lost since it was said. */
    for (struct ob_item *item = s->job->items; rc >= 0 && item != NULL; item = item->next) {
        if (!item->is_asked) {
            continue;
        }
        rc = ob_hear(client, "RCPT", timeouts->recipient_us);
        if (rc >= 0 && !is_refused) {
            rc = take_rcpt(s, item);
        }
    }
    return rc < 0 ? rc : ob_hear(client, "DATA", timeouts->data_us);
}

/* ---- the message ------------------------------------------------------------------------------
 */

/* Writing failed: perhaps the server said why before it closed. */
static int last_words(struct sending *s, int code)
{
    if (code == MANSIO_E_CANCELLED || code == MANSIO_E_TIMEOUT) {
        return code;
    }
    const struct ob_outcome before = s->client->fault;
    int rc = ob_hear(s->client, "DATA", LAST_WORDS_US);
    s->client->is_closing = 1;
    if (rc < 400) {
        s->client->fault = before;
        return code;
    }
    if (rc == 421) {
        return ob_reply_fault(s->client, "3.2");
    }
    decide_all(s, "6.0");
    return 0;
}

/* @return 0: it is all out but the final dot; a code */
static int send_text(struct sending *s)
{
    struct ob_client *client = s->client;
    struct mansio_arena *arena = mansio_arena_new(client->arena, "outbound slice", 4 << 20);
    char *room = mansio_arena_alloc(client->step, OB_TEXT_END_ROOM);
    struct ob_text text = {.is_inside = 0};
    uint64_t offset = 0;
    int rc = 0;

    while (rc == 0 && offset < s->first->message_bytes) {
        struct mansio_str slice = MANSIO_STR_NONE;
        mansio_arena_reset(arena);
        rc = read_slice(s, arena, offset, SLICE_BYTES, &slice);
        if (rc == 0 && slice.len == 0) {
            rc = store_fault(client, mansio_fail(MANSIO_E_IO, "it ends early"),
                             "reading the message");
        }
        char *out = rc == 0 ? mansio_arena_try_alloc(arena, OB_TEXT_ROOM(slice.len)) : NULL;
        if (rc == 0 && out == NULL) {
            rc = store_fault(client, MANSIO_E_LIMIT, "reading the message");
        }
        if (rc == 0) {
            size_t n = ob_text_encode(&text, slice, out);
            offset += slice.len;
            rc = ob_say(client, "DATA", (struct mansio_str){out, n},
                        client->options->timeouts.block_us);
        }
    }
    if (rc == 0) {
        size_t n = ob_text_end(&text, room);
        rc = ob_say(client, "DATA", (struct mansio_str){room, n},
                    client->options->timeouts.block_us);
    }
    mansio_arena_free(arena);
    return rc;
}

/* Claims are renewed before the last byte of the message that could be acted upon: if one is lost,
 * somebody else sends it, and we must not. */
static int renew(struct sending *s)
{
    const struct ob_pool *pool = s->job->items->pool;
    const struct ob_options *options = s->client->options;
    int rc = check_claims(s);
    if (rc < 0) {
        return rc;
    }
    const struct mansio_spool_item **items =
        mansio_arena_try_alloc(s->client->step, (s->job->count + 1) * sizeof(*items));
    size_t n = 0;

    if (items == NULL) {
        return store_fault(s->client, MANSIO_E_LIMIT, "renewing claims");
    }
    for (const struct ob_item *item = s->job->items; item != NULL; item = item->next) {
        if (is_open(item)) {
            items[n++] = item->spool;
        }
    }
    rc = pool->store.spool_renew(pool->instance, ob_holder(pool), items, n, options->claim_us,
                                 ob_store_deadline(options));
    if (rc == MANSIO_E_DENIED) {
        /* Of which it isn't known: those that are still ours are taken up when they run out. */
        lose_all(s);
    }
    return rc < 0 ? store_fault(s->client, rc, "renewing claims") : 0;
}

static void take_end(struct sending *s)
{
    struct ob_client *client = s->client;
    int has_dsn = (client->offer.features & OB_DSN) != 0;

    for (struct ob_item *item = s->job->items; item != NULL; item = item->next) {
        if (!is_open(item)) {
            continue;
        }
        if (client->reply->code / 100 != 2) {
            decide(s, item, "6.0");
            continue;
        }
        ob_outcome_set(&item->outcome, arena_of(item), OB_SENT,
                       client->reply->status[0] == '2' ? client->reply->status : "2.0.0",
                       client->remote, ob_reply_text(client->reply), MANSIO_STR_NONE);
        item->outcome.has_dsn = has_dsn;
    }
    if (client->reply->code / 100 == 2) {
        mansio_metric_add(client->module->instance, OB_METRIC_MESSAGES, 1);
        mansio_metric_add(client->module->instance, OB_METRIC_SENT_BYTES,
                          (int64_t)s->first->message_bytes);
    }
}

/* The dot, and what is said to it. Who closed before it may have said why: nothing was taken then,
 * if that is a refusal. */
static int end_message(struct sending *s)
{
    struct ob_client *client = s->client;
    int64_t timeout_us = client->options->timeouts.end_us;
    int rc = ob_say(client, "the final dot", MANSIO_STR(".\r\n"), timeout_us);

    if (rc == MANSIO_E_IO || rc == MANSIO_E_EOF) {
        return last_words(s, rc);
    }
    rc = rc < 0 ? rc : ob_hear(client, "the final dot", timeout_us);
    if (rc >= 0) {
        client->is_final = 0;
        client->messages++;
        take_end(s);
    }
    return rc < 0 ? rc : 0;
}

static int send_message(struct sending *s)
{
    struct ob_client *client = s->client;
    int rc = send_text(s);

    if (rc == MANSIO_E_IO || rc == MANSIO_E_EOF) {
        return client->is_final ? rc : last_words(s, rc);
    }
    rc = rc < 0 ? rc : renew(s);
    if (rc < 0) {
        return rc;
    }
    /* From here on it may have been taken, whatever we hear. */
    client->is_final = 1;
    client->is_open_mail = 0;
    return end_message(s);
}

/* ---- all of it --------------------------------------------------------------------------------
 */

/* What a transaction that didn't come to its end leaves behind (RFC 5321 4.1.1.5). */
static int reset(struct ob_client *client)
{
    if (!client->is_open_mail) {
        return 0;
    }
    int rc = ob_ask(client, "RSET", MANSIO_STR("RSET\r\n"), client->options->timeouts.mail_us);
    client->is_open_mail = 0;
    if (rc >= 0 && rc / 100 != 2) {
        client->is_closing = 1;
        return ob_reply_fault(client, "3.0");
    }
    return rc < 0 ? rc : 0;
}

/* 354 to a pipelined DATA though nobody is there to get it: nothing is what it gets. */
static int send_nothing(struct ob_client *client)
{
    int rc = ob_ask(client, "DATA", MANSIO_STR(".\r\n"), client->options->timeouts.end_us);
    client->is_open_mail = 0;
    return rc < 0 ? rc : 0;
}

static int transact(struct sending *s)
{
    struct ob_client *client = s->client;
    struct mansio_buf *text = mansio_buf_new(client->step, COMMANDS_MAX);

    ob_add_mail(text, &client->offer, s->first, s->reverse_path, s->is_utf8);
    int rc = (client->offer.features & OB_PIPELINING) != 0 ? pipeline(s, text) : converse(s, text);
    if (rc <= 0) {
        return rc;
    }
    if (rc != 354) {
        if (client->is_closing) {
            return ob_reply_fault(client, "3.2");
        }
        decide_all(s, "3.0");
        return 0;
    }
    return s->accepted > 0 ? send_message(s) : send_nothing(client);
}

int ob_client_send(struct ob_client *client, struct ob_job *job)
{
    struct sending s = {.client = client, .job = job, .first = job->items->spool};
    int64_t began_us = mansio_now_us();

    client->is_final = 0;
    mansio_arena_reset(client->step);
    for (struct ob_item *item = job->items; item != NULL; item = item->next) {
        item->is_asked = 0;
    }
    if (count_open(job) == 0) {
        return 0;
    }
    int rc = reset(client);
    rc = rc < 0 ? rc : check_offer(&s);
    if (rc == 0 && count_open(job) > 0) {
        rc = transact(&s);
    }
    if (rc < 0) {
        client->is_closing = 1;
    }
    mansio_metric_observe(client->module->instance, OB_METRIC_TRANSACTION_SECONDS,
                          mansio_now_us() - began_us);
    return rc;
}
