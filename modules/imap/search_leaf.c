/*
 * Answers to single questions: see search_leaf.h.
 */
#include "search_leaf.h"

#include <mansio/mail.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "ranges.h"

enum { TEXT_MAX = 1 << 20 }; /* of a field's addresses, all together */

#define DAY_US (86400 * MANSIO_SECOND)

/* ---- the entry ------------------------------------------------------------------------------ */

/* The day of a time; days before 1970 are negative. */
static int64_t day_of(int64_t us)
{
    return us / DAY_US - (us % DAY_US < 0 ? 1 : 0);
}

static int has_word(struct mansio_str words, struct mansio_str word)
{
    struct mansio_str one;
    while (mansio_str_split(&words, ' ', &one)) {
        if (mansio_str_ieq(one, word)) {
            return 1;
        }
    }
    return 0;
}

int imap_search_entry(const struct imap_search_leaf *leaf, size_t index,
                      const struct mansio_message *message, const struct imap_search_place *place)
{
    uint64_t bytes = message->body_bytes + message->prefix_bytes;
    int64_t day = day_of(message->received_us); /* as we print it: in UTC */
    switch (leaf->kind) {
    case IMAP_SEARCH_ALL:
        return 1;
    case IMAP_SEARCH_FLAGS:
        return (message->flags & leaf->mask) == leaf->number;
    case IMAP_SEARCH_KEYWORD:
        return has_word(message->keywords, leaf->text);
    case IMAP_SEARCH_RECENT:
        return place->is_recent != 0;
    case IMAP_SEARCH_NEW:
        return place->is_recent && !(message->flags & MANSIO_FLAG_SEEN);
    case IMAP_SEARCH_NUMBERS:
    case IMAP_SEARCH_UIDS:
        return imap_set_has(&place->sets[index], message->uid);
    case IMAP_SEARCH_BEFORE:
        return day < leaf->days;
    case IMAP_SEARCH_ON:
        return day == leaf->days;
    case IMAP_SEARCH_SINCE:
        return day >= leaf->days;
    case IMAP_SEARCH_LARGER:
        return bytes > leaf->number;
    case IMAP_SEARCH_SMALLER:
        return bytes < leaf->number;
    case IMAP_SEARCH_MODSEQ:
        return message->modseq >= leaf->number;
    default:
        return 0;
    }
}

/* ---- the structure -------------------------------------------------------------------------- */

void imap_search_work_init(struct imap_search_work *work, struct mansio_arena *arena)
{
    *work = (struct imap_search_work){
        .text = mansio_buf_new(arena, TEXT_MAX),
        .folded = mansio_buf_new(arena, TEXT_MAX),
    };
}

void imap_search_work_take(struct imap_search_work *work, const struct mansio_envelope *envelope)
{
    work->envelope = envelope;
    work->kind = 0;
}

/* "name <local@domain>, group: local@domain, local@domain;" */
static void add_address(struct mansio_buf *out, const struct mansio_address *address,
                        const struct mansio_address *before)
{
    if (address->kind == MANSIO_ADDRESS_GROUP_END) {
        (void)mansio_buf_add_char(out, ';');
        return;
    }
    if (before != NULL && before->kind != MANSIO_ADDRESS_GROUP_START) {
        (void)mansio_buf_add(out, MANSIO_STR(", "));
    }
    if (address->kind == MANSIO_ADDRESS_GROUP_START) {
        mansio_text_decode(out, address->local);
        (void)mansio_buf_add(out, MANSIO_STR(": "));
        return;
    }
    mansio_text_decode(out, address->name);
    (void)mansio_buf_add(out, address->name.len > 0 ? MANSIO_STR(" <") : MANSIO_STR("<"));
    mansio_text_decode(out, address->local);
    if (address->domain.len > 0) {
        (void)mansio_buf_add_char(out, '@');
        mansio_text_decode(out, address->domain);
    }
    (void)mansio_buf_add_char(out, '>');
}

static void add_addresses(struct mansio_buf *out, const struct mansio_address *list)
{
    const struct mansio_address *before = NULL;
    for (const struct mansio_address *at = list; at != NULL; at = at->next) {
        add_address(out, at, before);
        before = at;
    }
}

/* The text of the field that a kind of leaf is about; none if it isn't there. */
static void add_field(struct imap_search_work *work, uint32_t kind)
{
    const struct mansio_envelope *envelope = work->envelope;
    switch (kind) {
    case IMAP_SEARCH_FROM:
        add_addresses(work->text, envelope->from);
        break;
    case IMAP_SEARCH_TO:
        add_addresses(work->text, envelope->to);
        break;
    case IMAP_SEARCH_CC:
        add_addresses(work->text, envelope->cc);
        break;
    case IMAP_SEARCH_BCC:
        add_addresses(work->text, envelope->bcc);
        break;
    default:
        mansio_text_decode(work->text, envelope->subject);
        break;
    }
}

static int has_text(struct imap_search_work *work, const struct imap_search_leaf *leaf)
{
    if (work->kind != leaf->kind) {
        mansio_buf_reset(work->text);
        mansio_buf_reset(work->folded);
        add_field(work, leaf->kind);
        mansio_text_fold(work->folded, TEXT_MAX, mansio_buf_str(work->text));
        work->kind = leaf->kind;
    }
    return mansio_str_find(mansio_buf_str(work->folded), leaf->text) >= 0;
}

/* The Date field's own day, whatever its zone (RFC 3501 6.4.4). Without a date that can be read
 * there is none, and no day is it. */
static int sent_is(uint32_t kind, struct mansio_str date, int32_t wanted)
{
    int64_t us = 0;
    int32_t zone = 0;
    if (date.ptr == NULL || mansio_mail_date_parse(date, &us, &zone) < 0) {
        return 0;
    }
    int64_t day = day_of(us + zone * (60 * MANSIO_SECOND));
    return kind == IMAP_SEARCH_SENT_BEFORE ? day < wanted
           : kind == IMAP_SEARCH_SENT_ON   ? day == wanted
                                           : day >= wanted;
}

int imap_search_envelope(const struct imap_search_leaf *leaf, struct imap_search_work *work)
{
    switch (leaf->kind) {
    case IMAP_SEARCH_SENT_BEFORE:
    case IMAP_SEARCH_SENT_ON:
    case IMAP_SEARCH_SENT_SINCE:
        return sent_is(leaf->kind, work->envelope->date, leaf->days);
    case IMAP_SEARCH_FROM:
    case IMAP_SEARCH_TO:
    case IMAP_SEARCH_CC:
    case IMAP_SEARCH_BCC:
    case IMAP_SEARCH_SUBJECT:
        return has_text(work, leaf);
    default:
        return 0;
    }
}

struct mansio_str imap_search_field(const struct imap_search_leaf *leaf)
{
    switch (leaf->kind) {
    case IMAP_SEARCH_FROM:
        return MANSIO_STR("from");
    case IMAP_SEARCH_TO:
        return MANSIO_STR("to");
    case IMAP_SEARCH_CC:
        return MANSIO_STR("cc");
    case IMAP_SEARCH_BCC:
        return MANSIO_STR("bcc");
    case IMAP_SEARCH_SUBJECT:
        return MANSIO_STR("subject");
    default:
        return MANSIO_STR_NONE;
    }
}
