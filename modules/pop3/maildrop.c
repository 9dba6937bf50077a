/*
 * The maildrop in memory, and what becomes of it. Owns the list of messages; speaks to the store,
 * never to the client.
 */
#include "maildrop.h"

#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/str.h>

enum { WORKING_CAP = 64 << 20 }; /* ranges of a maildrop: never more than the list itself */

struct loading {
    struct pop3_maildrop *drop;
    uint32_t room;
};

static int take(void *arg, const struct mansio_message *message)
{
    struct loading *loading = arg;
    struct pop3_maildrop *drop = loading->drop;
    if (drop->count == loading->room) {
        return 1; /* what came since we counted, or beyond the limit: another session's */
    }
    struct pop3_message *entry = &drop->messages[drop->count++];
    entry->uid = message->uid;
    entry->bytes = message->prefix_bytes + message->body_bytes;
    entry->marks = message->flags & MANSIO_FLAG_SEEN ? POP3_MARK_SEEN : 0;
    drop->left_count++;
    drop->left_bytes += entry->bytes;
    return 0;
}

/* Not in the conn's arena: its cap is for what a client makes us hold, not for how much mail there
 * is. The room is known before. */
static int load(struct pop3_maildrop *drop, uint64_t messages, uint32_t max, int64_t deadline_us)
{
    const struct mansio_message_query query = {.size = sizeof query};
    struct loading loading = {.drop = drop, .room = messages > max ? max : (uint32_t)messages};
    if (messages > max) {
        mansio_log(MANSIO_LOG_WARNING, "maildrop-too-large",
                   MANSIO_KV_STR("user", mansio_account_facts(drop->account)->address),
                   MANSIO_KV_INT("messages", messages), MANSIO_KV_INT("shown", max), MANSIO_KV_END);
    }
    if (loading.room == 0) {
        return 0;
    }
    drop->messages =
        mansio_arena_try_alloc(drop->arena, loading.room * sizeof(struct pop3_message));
    if (drop->messages == NULL) {
        return MANSIO_E_LIMIT;
    }
    int rc = drop->store->message_list(drop->pool, drop->account, drop->collection_id, &query, take,
                                       &loading, deadline_us);
    return rc > 0 ? 0 : rc;
}

int pop3_maildrop_open(struct pop3_maildrop *drop, struct mansio_account *account, uint32_t max,
                       int64_t deadline_us)
{
    struct mansio_collection inbox = {.size = sizeof inbox};
    *drop = (struct pop3_maildrop){.account = account};
    drop->store = mansio_account_store(account, &drop->pool);
    if (drop->store == NULL || drop->store->collection_find == NULL ||
        drop->store->message_list == NULL || drop->store->message_read == NULL ||
        drop->store->message_expunge == NULL) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "the account's store offers no mail");
    }
    MANSIO_SCRATCH_BEGIN(scratch);
    int rc = drop->store->collection_find(drop->pool, account, MANSIO_STR("INBOX"), scratch,
                                          deadline_us, &inbox);
    MANSIO_SCRATCH_END(scratch);
    if (rc < 0) {
        return rc;
    }
    drop->arena = mansio_arena_new(NULL, "pop3.maildrop", 0);
    drop->collection_id = inbox.id;
    drop->uid_validity = inbox.uid_validity;
    return load(drop, inbox.messages, max, deadline_us);
}

void pop3_maildrop_close(struct pop3_maildrop *drop)
{
    mansio_arena_free(drop->arena);
    *drop = (struct pop3_maildrop){.arena = NULL};
}

/* ---- marks --------------------------------------------------------------------------------------
 */

void pop3_maildrop_delete(struct pop3_maildrop *drop, uint32_t number)
{
    struct pop3_message *message = &drop->messages[number - 1];
    MANSIO_ASSERT(number >= 1 && number <= drop->count && !(message->marks & POP3_MARK_DELETED));
    message->marks |= POP3_MARK_DELETED;
    drop->left_count--;
    drop->left_bytes -= message->bytes;
}

void pop3_maildrop_reset(struct pop3_maildrop *drop)
{
    drop->left_count = drop->count;
    drop->left_bytes = 0;
    for (uint32_t i = 0; i < drop->count; i++) {
        drop->messages[i].marks &= ~(uint32_t)POP3_MARK_DELETED;
        drop->left_bytes += drop->messages[i].bytes;
    }
}

int64_t pop3_maildrop_ranges(const struct pop3_maildrop *drop, struct mansio_arena *arena,
                             uint32_t mask, uint32_t wanted, uint32_t **out)
{
    size_t count = 0;
    for (uint32_t i = 0; i < drop->count; i++) {
        int is_first = i == 0 || (drop->messages[i - 1].marks & mask) != wanted;
        count += (drop->messages[i].marks & mask) == wanted && is_first;
    }
    uint32_t *ranges = mansio_arena_try_alloc(arena, (count + 1) * 2 * sizeof *ranges);
    if (ranges == NULL) {
        return MANSIO_E_LIMIT;
    }
    size_t at = 0;
    for (uint32_t i = 0; i < drop->count; i++) {
        if ((drop->messages[i].marks & mask) != wanted) {
            continue;
        }
        if (i == 0 || (drop->messages[i - 1].marks & mask) != wanted) {
            ranges[2 * at++] = drop->messages[i].uid;
        }
        ranges[2 * at - 1] = drop->messages[i].uid;
    }
    *out = ranges;
    return (int64_t)count;
}

/* ---- the end ------------------------------------------------------------------------------------
 */

static int count_gone(void *arg, uint32_t uid)
{
    uint32_t *gone = arg;
    (void)uid;
    (*gone)++;
    return 0;
}

static int expunge(struct pop3_maildrop *drop, struct mansio_arena *arena, int64_t deadline_us,
                   uint32_t *out_deleted)
{
    uint32_t *ranges = NULL;
    int64_t count =
        pop3_maildrop_ranges(drop, arena, POP3_MARK_DELETED, POP3_MARK_DELETED, &ranges);
    if (count <= 0) {
        return (int)count;
    }
    return drop->store->message_expunge(drop->pool, drop->account, drop->collection_id, ranges,
                                        (size_t)count, 0, count_gone, out_deleted, deadline_us);
}

/* For people with another program beside this one. Whoever only counts on POP3 loses nothing when
 * it fails: so it doesn't fail QUIT. */
static void mark_seen(struct pop3_maildrop *drop, struct mansio_arena *arena, int64_t deadline_us)
{
    uint32_t *ranges = NULL;
    int64_t count =
        pop3_maildrop_ranges(drop, arena, POP3_MARK_DELETED | POP3_MARK_SEEN | POP3_MARK_RETRIEVED,
                             POP3_MARK_RETRIEVED, &ranges);
    if (count <= 0 || drop->store->message_flag == NULL) {
        return;
    }
    const struct mansio_flag_change change = {
        .size = sizeof change,
        .uid_ranges = ranges,
        .range_count = (size_t)count,
        .operation = MANSIO_FLAGS_ADD,
        .flags = MANSIO_FLAG_SEEN,
        .unchanged_since = UINT64_MAX,
    };
    int rc = drop->store->message_flag(drop->pool, drop->account, drop->collection_id, &change,
                                       NULL, NULL, NULL, deadline_us);
    if (rc < 0) {
        mansio_log(MANSIO_LOG_WARNING, "seen-not-stored", MANSIO_KV_CODE("error", rc),
                   MANSIO_KV_END);
    }
}

int pop3_maildrop_update(struct pop3_maildrop *drop, int is_marking, int64_t deadline_us,
                         uint32_t *out_deleted)
{
    *out_deleted = 0;
    struct mansio_arena *arena = mansio_arena_new(NULL, "pop3.update", WORKING_CAP);
    int rc = expunge(drop, arena, deadline_us, out_deleted);
    if (rc == 0 && is_marking) {
        mark_seen(drop, arena, deadline_us);
    }
    mansio_arena_free(arena);
    return rc < 0 ? rc : 0;
}
