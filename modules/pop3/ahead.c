/*
 * Reading ahead: which messages, and holding them. Owns their bytes.
 */
#include "ahead.h"

#include <mansio/str.h>

enum {
    AHEAD_BYTES = 256 * 1024,
    AHEAD_CAP = 2 * AHEAD_BYTES, /* what an arena rounds up */
};

static void drop_all(struct pop3_ahead *ahead)
{
    ahead->count = 0;
    mansio_arena_reset(ahead->arena);
}

/* Message @p number and those behind it that this session has not deleted, as many as fit. */
static void choose(struct pop3_ahead *ahead, const struct pop3_maildrop *drop, uint32_t number,
                   uint32_t uids[POP3_AHEAD_MESSAGES])
{
    uint64_t left = AHEAD_BYTES;
    for (; number <= drop->count && ahead->count < POP3_AHEAD_MESSAGES; number++) {
        const struct pop3_message *message = &drop->messages[number - 1];
        if ((message->marks & POP3_MARK_DELETED) != 0) {
            continue;
        }
        if (message->bytes > left) {
            return;
        }
        left -= message->bytes;
        uids[ahead->count] = message->uid;
        ahead->numbers[ahead->count++] = number;
    }
}

static void read_ahead(struct pop3_ahead *ahead, const struct pop3_maildrop *drop, uint32_t number,
                       int64_t deadline_us)
{
    uint32_t uids[POP3_AHEAD_MESSAGES];
    choose(ahead, drop, number, uids);
    if (ahead->count < 2 || drop->store->message_read_many(
                                drop->pool, drop->account, drop->collection_id, uids, ahead->count,
                                AHEAD_BYTES, ahead->arena, deadline_us, ahead->bytes) < 0) {
        drop_all(ahead);
    }
}

static struct mansio_str held(const struct pop3_ahead *ahead, const struct pop3_maildrop *drop,
                              uint32_t number)
{
    for (uint32_t i = 0; i < ahead->count; i++) {
        if (ahead->numbers[i] == number) {
            /* What isn't as long as the list has it is judged where it is read singly. */
            int is_whole = ahead->bytes[i].len == drop->messages[number - 1].bytes;
            return is_whole ? ahead->bytes[i] : MANSIO_STR_NONE;
        }
    }
    return MANSIO_STR_NONE;
}

void pop3_ahead_init(struct pop3_ahead *ahead, struct mansio_arena *parent)
{
    *ahead = (struct pop3_ahead){.arena = mansio_arena_new(parent, "pop3.ahead", AHEAD_CAP)};
}

struct mansio_str pop3_ahead_get(struct pop3_ahead *ahead, const struct pop3_maildrop *drop,
                                 uint32_t number, int64_t deadline_us)
{
    int is_next = ahead->last != 0 && number == ahead->last + 1;
    ahead->last = number;
    struct mansio_str bytes = held(ahead, drop, number);
    if (bytes.len > 0) {
        return bytes;
    }
    drop_all(ahead);
    if (!is_next || drop->store->message_read_many == NULL) {
        return MANSIO_STR_NONE;
    }
    read_ahead(ahead, drop, number, deadline_us);
    return held(ahead, drop, number);
}

void pop3_ahead_sent(struct pop3_ahead *ahead, uint32_t number)
{
    if (ahead->count > 0 && ahead->numbers[ahead->count - 1] <= number) {
        drop_all(ahead);
    }
}
