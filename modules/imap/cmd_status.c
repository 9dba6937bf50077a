/*
 * STATUS (RFC 3501 6.3.10), with HIGHESTMODSEQ (RFC 7162 3.1.7).
 */
#include <inttypes.h>

#include <mansio/error.h>
#include <mansio/str.h>

#include "commands.h"
#include "reply.h"
#include "view.h"

enum status_item {
    STATUS_MESSAGES = 1,
    STATUS_RECENT = 2,
    STATUS_UIDNEXT = 4,
    STATUS_UIDVALIDITY = 8,
    STATUS_UNSEEN = 16,
    STATUS_HIGHESTMODSEQ = 32,
};

static const struct {
    struct mansio_str word;
    uint32_t item;
} items[] = {
    {MANSIO_STR("MESSAGES"), STATUS_MESSAGES}, {MANSIO_STR("RECENT"), STATUS_RECENT},
    {MANSIO_STR("UIDNEXT"), STATUS_UIDNEXT},   {MANSIO_STR("UIDVALIDITY"), STATUS_UIDVALIDITY},
    {MANSIO_STR("UNSEEN"), STATUS_UNSEEN},     {MANSIO_STR("HIGHESTMODSEQ"), STATUS_HIGHESTMODSEQ},
};

static int parse_item(struct imap_cursor *cursor, uint32_t *out)
{
    for (size_t i = 0; i < MANSIO_COUNT(items); i++) {
        if (imap_parse_word(cursor, items[i].word)) {
            *out |= items[i].item;
            return 0;
        }
    }
    return MANSIO_E_INVALID;
}

static int parse_items(struct imap_cursor *cursor, uint32_t *out)
{
    *out = 0;
    int rc = imap_parse_space(cursor);
    rc = rc == 0 ? imap_parse_char(cursor, '(') : rc;
    rc = rc == 0 ? parse_item(cursor, out) : rc;
    while (rc == 0 && imap_parse_char(cursor, ')') < 0) {
        rc = imap_parse_space(cursor);
        rc = rc == 0 ? parse_item(cursor, out) : rc;
    }
    return rc == 0 ? imap_parse_end(cursor) : rc;
}

static int count_message(void *arg, const struct mansio_message *message)
{
    (void)message;
    ++*(uint64_t *)arg;
    return 0;
}

/* Of those that nobody has claimed, how many are left. */
static int count_recent(struct imap_session *session, const struct mansio_collection *there,
                        uint64_t *out)
{
    const uint32_t range[] = {there->recent_from, UINT32_MAX};
    const struct mansio_message_query query = {
        .size = sizeof query, .uid_ranges = range, .range_count = 1};
    *out = 0;
    if (there->recent_from >= there->uid_next) {
        return 0; /* "*" would be the last message, which isn't */
    }
    return session->store->message_list(session->pool, session->account, there->id, &query,
                                        count_message, out, imap_store_deadline(session));
}

static void add_number(struct mansio_buf *out, const char *name, uint64_t number,
                       const char **space)
{
    mansio_buf_printf(out, "%s%s %" PRIu64, *space, name, number);
    *space = " ";
}

static void print(struct imap_session *session, const struct mansio_collection *there,
                  uint32_t wanted, uint64_t recent)
{
    const struct {
        uint32_t item;
        const char *name;
        uint64_t number;
    } rows[] = {
        {STATUS_MESSAGES, "MESSAGES", there->messages},
        {STATUS_RECENT, "RECENT", recent},
        {STATUS_UIDNEXT, "UIDNEXT", there->uid_next},
        {STATUS_UIDVALIDITY, "UIDVALIDITY", there->uid_validity},
        {STATUS_UNSEEN, "UNSEEN", there->unseen},
        {STATUS_HIGHESTMODSEQ, "HIGHESTMODSEQ", there->modseq},
    };
    const char *space = "";
    mansio_buf_add(session->out, MANSIO_STR("* STATUS "));
    imap_reply_mailbox(session->out, there->name);
    mansio_buf_add(session->out, MANSIO_STR(" ("));
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        if (wanted & rows[i].item) {
            add_number(session->out, rows[i].name, rows[i].number, &space);
        }
    }
    mansio_buf_add(session->out, MANSIO_STR(")\r\n"));
}

int imap_cmd_status(struct imap_session *session, struct imap_cursor *cursor)
{
    struct mansio_str name;
    struct mansio_collection there = {.size = sizeof there};
    uint32_t wanted;
    uint64_t recent = 0;
    if (imap_parse_space(cursor) < 0 || imap_parse_mailbox(cursor, &name) < 0) {
        return imap_end_bad(session, cursor, "a mailbox's name");
    }
    if (parse_items(cursor, &wanted) < 0) {
        return imap_end_bad(session, cursor, "what the status shall have");
    }
    int rc = session->store->collection_find(session->pool, session->account, name, session->arena,
                                             imap_store_deadline(session), &there);
    if (rc == 0 && (wanted & STATUS_RECENT)) {
        rc = count_recent(session, &there, &recent);
    }
    if (rc == MANSIO_E_NOT_FOUND) {
        return imap_end_with(session, IMAP_NO, "[NONEXISTENT] There is no such mailbox");
    }
    if (rc < 0) {
        return imap_end_failed(session, rc, "The status can't be told");
    }
    if (wanted & STATUS_HIGHESTMODSEQ) {
        imap_view_enable_condstore(session); /* RFC 7162 3.1 */
    }
    print(session, &there, wanted, recent);
    return imap_end_with(session, IMAP_OK, "That is the status");
}
