/*
 * store-memory's messages: entries of collections, their flags, what changed.
 */
#include "store_memory.h"

#include <string.h>

#include <mansio/buf.h>

enum { CHUNK_BYTES = 256 << 10, READ_MAX = 1 << 20 };

/* ---- contents and entries ---- */

int memory_content(struct memory_state *state, struct mansio_content *content, int64_t deadline_us,
                   struct mansio_str *out)
{
    uint64_t size = mansio_content_size(content);
    char *bytes = memory_alloc(state, (size_t)size + 1);

    for (uint64_t at = 0; at < size;) {
        struct mansio_str block = MANSIO_STR_NONE;
        int rc = mansio_content_read(content, at, 65536, deadline_us, &block);
        if (rc < 0) {
            return rc;
        }
        MANSIO_ASSERT(block.len > 0 && block.len <= size - at);
        memcpy(bytes + at, block.ptr, block.len);
        at += block.len;
    }
    *out = (struct mansio_str){bytes, (size_t)size};
    if (state->mistake == MISTAKE_NUL_ENDS) {
        out->len = strlen(bytes);
    }
    return 0;
}

static struct memory_blob *add_blob(struct memory_state *state, const struct memory_tenant *tenant,
                                    struct mansio_str bytes)
{
    struct memory_blob *blob = memory_alloc(state, sizeof *blob);

    blob->id = memory_new_id(state);
    blob->tenant = tenant;
    blob->bytes = bytes;
    blob->next = state->blobs;
    state->blobs = blob;
    return blob;
}

struct memory_message *memory_message_new(struct memory_state *state,
                                          const struct memory_tenant *tenant,
                                          struct mansio_content *content, struct mansio_str bytes)
{
    struct memory_message *message = memory_alloc(state, sizeof *message);

    message->id = memory_new_id(state);
    message->blob = add_blob(state, tenant, bytes);
    message->structure = memory_copy(state, mansio_content_structure(content));
    message->text = memory_copy(state, mansio_content_search_text(content));
    return message;
}

static void put(struct memory_state *state, struct memory_collection *collection,
                struct memory_entry *entry)
{
    if (collection->count == collection->room) {
        size_t room = collection->room > 0 ? 2 * collection->room : 16;
        struct memory_entry **entries = memory_alloc(state, room * sizeof(*entries));
        if (collection->count > 0) {
            memcpy(entries, collection->entries, collection->count * sizeof(*entries));
        }
        collection->entries = entries;
        collection->room = room;
    }
    collection->entries[collection->count++] = entry;
}

struct memory_entry *memory_entry_add(struct memory_state *state, struct memory_account *account,
                                      struct memory_collection *collection,
                                      struct memory_message *message)
{
    struct memory_entry *entry = memory_alloc(state, sizeof *entry);

    if (state->mistake == MISTAKE_UID_REUSED) {
        collection->uid_next =
            collection->count > 0 ? collection->entries[collection->count - 1]->uid + 1 : 1;
    }
    entry->message = message;
    entry->uid = collection->uid_next++;
    entry->modseq = collection->modseq = ++account->modseq;
    put(state, collection, entry);
    return entry;
}

static uint64_t size_of(const struct memory_entry *entry)
{
    return entry->prefix.len + entry->message->blob->bytes.len;
}

void memory_usage(const struct memory_account *account, uint64_t *bytes, uint64_t *messages)
{
    *bytes = *messages = 0;
    for (const struct memory_collection *at = account->collections; at != NULL; at = at->next) {
        for (size_t i = 0; i < at->count; i++) {
            *bytes += size_of(at->entries[i]);
        }
        *messages += at->count;
    }
}

int memory_has_room(const struct memory_account *account, uint64_t bytes, uint64_t messages)
{
    uint64_t has_bytes = 0;
    uint64_t has_messages = 0;

    memory_usage(account, &has_bytes, &has_messages);
    return (account->quota_bytes == 0 || has_bytes + bytes <= account->quota_bytes) &&
           (account->quota_messages == 0 || has_messages + messages <= account->quota_messages);
}

static int over_quota(void)
{
    return mansio_fail(MANSIO_E_LIMIT, "over quota");
}

/* ---- which ---- */

static int is_in(const uint32_t *ranges, size_t count, uint32_t uid, uint32_t last)
{
    for (size_t i = 0; ranges != NULL && i < count; i++) {
        uint32_t from = ranges[2 * i] == UINT32_MAX ? last : ranges[2 * i];
        uint32_t to = ranges[2 * i + 1] == UINT32_MAX ? last : ranges[2 * i + 1];
        if ((uid >= from && uid <= to) || (uid >= to && uid <= from)) {
            return 1;
        }
    }
    return ranges == NULL;
}

static uint32_t last_uid(const struct memory_collection *collection)
{
    return collection->count > 0 ? collection->entries[collection->count - 1]->uid : 0;
}

static struct mansio_message view(const struct memory_entry *entry, uint32_t flags)
{
    return (struct mansio_message){
        .size = sizeof(struct mansio_message),
        .message_id = entry->message->id,
        .blob_id = flags & MANSIO_QUERY_BLOB ? entry->message->blob->id : 0,
        .modseq = entry->modseq,
        .received_us = entry->received_us,
        .body_bytes = entry->message->blob->bytes.len,
        .uid = entry->uid,
        .prefix_bytes = (uint32_t)entry->prefix.len,
        .flags = entry->flags,
        .keywords = entry->keywords,
        .structure = flags & MANSIO_QUERY_STRUCTURE ? entry->message->structure : MANSIO_STR_NONE,
    };
}

/* An account's collection, to work on. */
static int enter(struct mansio_instance *pool, struct mansio_account *handle, uint64_t id,
                 int64_t deadline_us, struct memory_account **account,
                 struct memory_collection **collection)
{
    int rc = memory_enter(pool, handle, deadline_us, account);
    return rc < 0 ? rc : memory_collection(memory_state(pool), *account, id, collection);
}

int memory_message_list(struct mansio_instance *pool, struct mansio_account *handle,
                        uint64_t collection_id, const struct mansio_message_query *query,
                        mansio_message_fn visit, void *arg, int64_t deadline_us)
{
    struct memory_account *account = NULL;
    struct memory_collection *collection = NULL;
    int rc = enter(pool, handle, collection_id, deadline_us, &account, &collection);

    for (size_t i = 0; rc == 0 && i < collection->count; i++) {
        const struct memory_entry *entry = collection->entries[i];
        if (entry->modseq > query->changed_since &&
            is_in(query->uid_ranges, query->range_count, entry->uid, last_uid(collection))) {
            struct mansio_message message = view(entry, query->flags);
            rc = visit(arg, &message);
        }
    }
    return rc;
}

static int find(struct mansio_instance *pool, struct mansio_account *handle, uint64_t collection_id,
                uint32_t uid, int64_t deadline_us, const struct memory_entry **out)
{
    struct memory_account *account = NULL;
    struct memory_collection *collection = NULL;
    int rc = enter(pool, handle, collection_id, deadline_us, &account, &collection);

    for (size_t i = 0; rc == 0 && i < collection->count; i++) {
        if (collection->entries[i]->uid == uid) {
            *out = collection->entries[i];
            return 0;
        }
    }
    return rc < 0 ? rc : mansio_fail(MANSIO_E_NOT_FOUND, "no such message");
}

int memory_slice(struct memory_state *state, struct mansio_str prefix, struct mansio_str body,
                 uint64_t offset, size_t max, struct mansio_arena *arena, struct mansio_str *out)
{
    uint64_t total = prefix.len + body.len;
    size_t wanted = offset >= total ? 0 : total - offset < max ? (size_t)(total - offset) : max;
    wanted = wanted > READ_MAX ? READ_MAX : wanted;
    char *bytes = mansio_arena_try_alloc(arena, wanted + 1);
    if (bytes == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < wanted; i++) {
        uint64_t at = offset + i;
        if (state->mistake == MISTAKE_CHUNK_EDGE && at / CHUNK_BYTES != offset / CHUNK_BYTES &&
            at + 1 < total) {
            at++;
        }
        bytes[i] = at < prefix.len ? prefix.ptr[at] : body.ptr[at - prefix.len];
    }
    *out = (struct mansio_str){bytes, wanted};
    return 0;
}

int memory_message_read(struct mansio_instance *pool, struct mansio_account *handle,
                        uint64_t collection_id, uint32_t uid, uint64_t offset, size_t max,
                        struct mansio_arena *arena, int64_t deadline_us, struct mansio_str *out)
{
    const struct memory_entry *entry = NULL;
    int rc = find(pool, handle, collection_id, uid, deadline_us, &entry);

    return rc < 0 ? rc
                  : memory_slice(memory_state(pool), entry->prefix, entry->message->blob->bytes,
                                 offset, max, arena, out);
}

int memory_message_read_many(struct mansio_instance *pool, struct mansio_account *handle,
                             uint64_t collection_id, const uint32_t *uids, size_t count, size_t max,
                             struct mansio_arena *arena, int64_t deadline_us,
                             struct mansio_str *out)
{
    int rc = 0;
    int is_full = 0;

    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct memory_entry *entry = NULL;
        out[i] = MANSIO_STR_NONE;
        rc = find(pool, handle, collection_id, uids[i], deadline_us, &entry);
        if (rc == MANSIO_E_NOT_FOUND) {
            rc = 0;
            continue;
        }
        if (rc < 0) {
            return rc;
        }
        size_t bytes = entry->prefix.len + entry->message->blob->bytes.len;
        is_full |= bytes > max;
        if (!is_full) {
            max -= bytes;
            rc = memory_slice(memory_state(pool), entry->prefix, entry->message->blob->bytes, 0,
                              bytes, arena, &out[i]);
        }
    }
    return rc;
}

int memory_message_read_slices(struct mansio_instance *pool, struct mansio_account *handle,
                               uint64_t collection_id, struct mansio_slice *slices, size_t count,
                               struct mansio_arena *arena, int64_t deadline_us)
{
    for (size_t i = 0; i < count; i++) {
        slices[i].bytes = MANSIO_STR_NONE;
        int rc = memory_message_read(pool, handle, collection_id, slices[i].uid, slices[i].offset,
                                     slices[i].max, arena, deadline_us, &slices[i].bytes);
        if (rc < 0 && rc != MANSIO_E_NOT_FOUND) {
            return rc;
        }
    }
    return 0;
}

int memory_message_text(struct mansio_instance *pool, struct mansio_account *handle,
                        uint64_t collection_id, uint32_t uid, struct mansio_arena *arena,
                        int64_t deadline_us, struct mansio_str *out)
{
    const struct memory_entry *entry = NULL;
    int rc = find(pool, handle, collection_id, uid, deadline_us, &entry);

    return rc < 0 ? rc : mansio_arena_copy(arena, entry->message->text, out);
}

int memory_message_search(struct mansio_instance *pool, struct mansio_account *handle,
                          uint64_t collection_id, const uint32_t *uid_ranges, size_t range_count,
                          const struct mansio_search_key *key, mansio_found_fn visit, void *arg,
                          int64_t deadline_us)
{
    struct memory_account *account = NULL;
    struct memory_collection *collection = NULL;
    struct mansio_search_key asked = *key;
    int rc = enter(pool, handle, collection_id, deadline_us, &account, &collection);

    if (rc == 0 && memory_state(pool)->mistake == MISTAKE_SEARCH_HEADER) {
        asked.where = MANSIO_SEARCH_TEXT;
    }
    for (size_t i = 0; rc == 0 && i < collection->count; i++) {
        const struct memory_entry *entry = collection->entries[i];
        if (is_in(uid_ranges, range_count, entry->uid, last_uid(collection))) {
            int found = mansio_search_judge(entry->message->text, entry->prefix, &asked);
            rc = found ? visit(arg, entry->uid, found == 1) : 0;
        }
    }
    return rc;
}

/* ---- flags ---- */

static int has_keyword(struct mansio_str keywords, struct mansio_str word)
{
    struct mansio_str one = MANSIO_STR_NONE;

    while (mansio_str_split(&keywords, ' ', &one)) {
        if (mansio_str_ieq(one, word)) {
            return 1;
        }
    }
    return 0;
}

/* Words of both, or of the first without those of the second. */
static struct mansio_str combine(struct memory_state *state, struct mansio_str had,
                                 struct mansio_str words, uint32_t operation)
{
    struct mansio_buf *buf = mansio_buf_new(state->arena, 65536);
    struct mansio_str lists[] = {operation == MANSIO_FLAGS_REPLACE ? MANSIO_STR_NONE : had,
                                 operation == MANSIO_FLAGS_REMOVE ? MANSIO_STR_NONE : words};
    struct mansio_str word = MANSIO_STR_NONE;

    for (size_t i = 0; i < MANSIO_COUNT(lists); i++) {
        while (mansio_str_split(&lists[i], ' ', &word)) {
            if (word.len > 0 && !has_keyword(mansio_buf_str(buf), word) &&
                !(operation == MANSIO_FLAGS_REMOVE && has_keyword(words, word))) {
                (void)mansio_buf_printf(buf, "%s%.*s", mansio_buf_str(buf).len > 0 ? " " : "",
                                        MANSIO_STR_ARG(word));
            }
        }
    }
    return mansio_buf_str(buf);
}

static int is_same_words(struct mansio_str a, struct mansio_str b)
{
    struct mansio_str word = MANSIO_STR_NONE;
    int is_same = a.len == b.len;

    while (is_same && mansio_str_split(&a, ' ', &word)) {
        is_same = word.len == 0 || has_keyword(b, word);
    }
    return is_same;
}

static void change_flags(struct memory_state *state, struct memory_account *account,
                         struct memory_collection *collection, struct memory_entry *entry,
                         const struct mansio_flag_change *change)
{
    struct mansio_str keywords =
        combine(state, entry->keywords, change->keywords, change->operation);
    uint32_t flags = change->operation == MANSIO_FLAGS_ADD      ? entry->flags | change->flags
                     : change->operation == MANSIO_FLAGS_REMOVE ? entry->flags & ~change->flags
                                                                : change->flags;
    if (flags == entry->flags && is_same_words(keywords, entry->keywords)) {
        return;
    }
    entry->flags = flags;
    entry->keywords = keywords;
    if (state->mistake != MISTAKE_MODSEQ_STILL) {
        entry->modseq = collection->modseq = ++account->modseq;
    }
}

int memory_message_flag(struct mansio_instance *pool, struct mansio_account *handle,
                        uint64_t collection_id, const struct mansio_flag_change *change,
                        mansio_message_fn visit, mansio_uid_fn refused, void *arg,
                        int64_t deadline_us)
{
    struct memory_state *state = memory_state(pool);
    struct memory_account *account = NULL;
    struct memory_collection *collection = NULL;
    int rc = enter(pool, handle, collection_id, deadline_us, &account, &collection);

    for (size_t i = 0; rc == 0 && i < collection->count; i++) {
        struct memory_entry *entry = collection->entries[i];
        if (!is_in(change->uid_ranges, change->range_count, entry->uid, last_uid(collection))) {
            continue;
        }
        if (entry->modseq > change->unchanged_since &&
            state->mistake != MISTAKE_UNCHANGED_IGNORED) {
            rc = refused != NULL ? refused(arg, entry->uid) : 0;
            continue;
        }
        change_flags(state, account, collection, entry, change);
        struct mansio_message message = view(entry, 0);
        rc = visit != NULL ? visit(arg, &message) : 0;
    }
    return rc;
}

/* ---- coming and going ---- */

int memory_message_append(struct mansio_instance *pool, struct mansio_account *handle,
                          uint64_t collection_id, struct mansio_append *messages, size_t count,
                          int64_t deadline_us, uint32_t *out_uid_validity)
{
    struct memory_state *state = memory_state(pool);
    struct memory_account *account = NULL;
    struct memory_collection *collection = NULL;
    struct mansio_str *bytes = memory_alloc(state, (count + 1) * sizeof *bytes);
    uint64_t total = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = memory_content(state, messages[i].content, deadline_us, &bytes[i]);
        total += bytes[i].len + messages[i].prefix.len;
    }
    rc = rc < 0 ? rc : enter(pool, handle, collection_id, deadline_us, &account, &collection);
    if (rc < 0) {
        return rc;
    }
    if (!memory_has_room(account, total, count)) {
        return over_quota();
    }
    for (size_t i = 0; i < count; i++) {
        struct memory_message *message =
            memory_message_new(state, account->tenant, messages[i].content, bytes[i]);
        struct memory_entry *entry = memory_entry_add(state, account, collection, message);
        entry->flags = messages[i].flags;
        entry->keywords =
            combine(state, MANSIO_STR_NONE, messages[i].keywords, MANSIO_FLAGS_REPLACE);
        entry->prefix = memory_copy(state, messages[i].prefix);
        entry->received_us = messages[i].received_us;
        messages[i].uid = entry->uid;
        messages[i].modseq = entry->modseq;
    }
    if (out_uid_validity != NULL) {
        *out_uid_validity = collection->uid_validity;
    }
    return 0;
}

/* Take entry @p index out. */
static void expunge(struct memory_state *state, struct memory_account *account,
                    struct memory_collection *collection, size_t index)
{
    const struct memory_entry *entry = collection->entries[index];
    const struct mansio_change change = {
        .size = sizeof change,
        .modseq = collection->modseq = ++account->modseq,
        .collection_id = collection->id,
        .message_id = entry->message->id,
        .kind = MANSIO_CHANGE_MESSAGE_REMOVED,
        .uid = entry->uid,
    };
    if (state->mistake != MISTAKE_TOMBSTONE_FORGOTTEN) {
        memory_bury(state, account, &change);
    }
    collection->count--;
    memmove(&collection->entries[index], &collection->entries[index + 1],
            (collection->count - index) * sizeof collection->entries[0]);
}

/* Which entries a copy is of: their number, their bytes. */
static size_t gather(const struct memory_collection *from, const uint32_t *ranges, size_t count,
                     struct memory_entry **chosen, uint64_t *out_bytes)
{
    size_t found = 0;

    for (size_t i = 0; i < from->count; i++) {
        if (is_in(ranges, count, from->entries[i]->uid, last_uid(from))) {
            *out_bytes += size_of(from->entries[i]);
            chosen[found++] = from->entries[i];
        }
    }
    return found;
}

static void remove_entry(struct memory_state *state, struct memory_account *account,
                         struct memory_collection *from, const struct memory_entry *entry)
{
    for (size_t i = 0; i < from->count; i++) {
        if (from->entries[i] == entry) {
            expunge(state, account, from, i);
            return;
        }
    }
}

static uint64_t count_wanted(const uint32_t *ranges, size_t range_count)
{
    uint64_t wanted = 0;

    for (size_t i = 0; i < range_count; i++) {
        wanted += (uint64_t)ranges[2 * i + 1] - ranges[2 * i] + 1;
    }
    return wanted;
}

int memory_message_copy(struct mansio_instance *pool, struct mansio_account *handle,
                        uint64_t from_id, const uint32_t *uid_ranges, size_t range_count,
                        uint64_t to_id, uint32_t flags, mansio_copied_fn visit, void *arg,
                        int64_t deadline_us, uint32_t *out_uid_validity)
{
    struct memory_state *state = memory_state(pool);
    struct memory_account *account = NULL;
    struct memory_collection *from = NULL;
    struct memory_collection *to = NULL;
    uint64_t bytes = 0;
    int rc = enter(pool, handle, from_id, deadline_us, &account, &from);

    rc = rc < 0 ? rc : memory_collection(state, account, to_id, &to);
    if (rc < 0) {
        return rc;
    }
    struct memory_entry **chosen = memory_alloc(state, (from->count + 1) * sizeof(*chosen));
    size_t count = gather(from, uid_ranges, range_count, chosen, &bytes);
    int is_move = (flags & MANSIO_COPY_MOVE) != 0;
    if ((flags & MANSIO_COPY_WHOLE) != 0 && state->mistake != MISTAKE_COPY_IN_PART &&
        count < count_wanted(uid_ranges, range_count)) {
        return mansio_fail(MANSIO_E_INVALID, "some of the messages aren't there");
    }
    if (!is_move && !memory_has_room(account, bytes, count)) {
        return over_quota();
    }
    if (out_uid_validity != NULL) {
        *out_uid_validity = to->uid_validity;
    }
    for (size_t i = 0; i < count; i++) {
        struct memory_entry *entry = memory_entry_add(state, account, to, chosen[i]->message);
        entry->flags = chosen[i]->flags;
        entry->received_us = chosen[i]->received_us;
        entry->prefix = chosen[i]->prefix;
        if (state->mistake != MISTAKE_COPY_FORGETS) {
            entry->keywords = chosen[i]->keywords;
        }
        if (is_move && state->mistake != MISTAKE_MOVE_LEAVES) {
            remove_entry(state, account, from, chosen[i]);
        }
        rc = rc == 0 && visit != NULL ? visit(arg, chosen[i]->uid, entry->uid) : rc;
    }
    return rc;
}

int memory_message_expunge(struct mansio_instance *pool, struct mansio_account *handle,
                           uint64_t collection_id, const uint32_t *uid_ranges, size_t range_count,
                           uint32_t only_deleted, mansio_uid_fn visit, void *arg,
                           int64_t deadline_us)
{
    struct memory_state *state = memory_state(pool);
    struct memory_account *account = NULL;
    struct memory_collection *collection = NULL;
    int rc = enter(pool, handle, collection_id, deadline_us, &account, &collection);

    if (rc < 0) {
        return rc;
    }
    uint32_t last = last_uid(collection);
    if (state->mistake == MISTAKE_EXPUNGE_ALL) {
        only_deleted = 0;
    }
    for (size_t i = 0; i < collection->count;) {
        const struct memory_entry *entry = collection->entries[i];
        if (!is_in(uid_ranges, range_count, entry->uid, last) ||
            (only_deleted && (entry->flags & MANSIO_FLAG_DELETED) == 0)) {
            i++;
            continue;
        }
        expunge(state, account, collection, i);
        rc = rc == 0 && visit != NULL ? visit(arg, entry->uid) : rc;
    }
    return rc;
}

/* ---- what changed ---- */

struct changes {
    struct mansio_change *list;
    size_t count, room;
};

static void note(struct memory_state *state, struct changes *changes,
                 const struct mansio_change *change)
{
    size_t at = changes->count;

    if (changes->count == changes->room) {
        size_t room = changes->room > 0 ? 2 * changes->room : 64;
        struct mansio_change *list = memory_alloc(state, room * sizeof *list);
        if (changes->count > 0) {
            memcpy(list, changes->list, changes->count * sizeof *list);
        }
        changes->list = list;
        changes->room = room;
    }
    for (; at > 0 && changes->list[at - 1].modseq > change->modseq; at--) {
        changes->list[at] = changes->list[at - 1];
    }
    changes->list[at] = *change;
    changes->count++;
}

static void note_collection(struct memory_state *state, struct changes *changes,
                            const struct memory_collection *at, uint64_t since)
{
    struct mansio_change change = {.size = sizeof change, .collection_id = at->id};

    if (at->own_modseq > since) {
        change.kind = MANSIO_CHANGE_COLLECTION;
        change.modseq = at->own_modseq;
        note(state, changes, &change);
    }
    for (size_t i = 0; i < at->count; i++) {
        const struct memory_entry *entry = at->entries[i];
        if (entry->modseq > since) {
            change.kind = MANSIO_CHANGE_MESSAGE;
            change.modseq = entry->modseq;
            change.message_id = entry->message->id;
            change.uid = entry->uid;
            note(state, changes, &change);
        }
    }
}

int memory_changes(struct mansio_instance *pool, struct mansio_account *handle,
                   uint64_t collection_id, uint64_t since, mansio_change_fn visit, void *arg,
                   int64_t deadline_us)
{
    struct memory_state *state = memory_state(pool);
    struct memory_account *account = NULL;
    struct memory_collection *only = NULL;
    struct changes changes = {.count = 0};
    int rc = memory_enter(pool, handle, deadline_us, &account);

    if (rc == 0 && collection_id != 0) {
        rc = memory_collection(state, account, collection_id, &only);
    }
    if (rc < 0) {
        return rc;
    }
    for (const struct memory_collection *at = account->collections; at != NULL; at = at->next) {
        if (only == NULL || only == at) {
            note_collection(state, &changes, at, since);
        }
    }
    for (const struct memory_tombstone *at = account->tombstones; since > 0 && at != NULL;
         at = at->next) {
        if (at->change.modseq > since && (only == NULL || only->id == at->change.collection_id)) {
            note(state, &changes, &at->change);
        }
    }
    for (size_t i = 0; rc == 0 && i < changes.count; i++) {
        rc = visit(arg, &changes.list[i]);
    }
    return rc;
}

int memory_usage_tell(struct mansio_instance *pool, struct mansio_account *handle,
                      int64_t deadline_us, struct mansio_usage *out)
{
    struct memory_account *account = NULL;
    struct mansio_usage usage = {.size = out->size};
    int rc = memory_enter(pool, handle, deadline_us, &account);

    if (rc == 0) {
        memory_usage(account, &usage.bytes, &usage.messages);
        usage.modseq = account->modseq;
        memcpy(out, &usage, out->size < sizeof usage ? out->size : sizeof usage);
    }
    return rc;
}

/* ---- blobs ---- */

static int blob_put(struct mansio_instance *pool, struct mansio_account *handle,
                    struct mansio_content *content, int64_t deadline_us, uint64_t *out_id)
{
    struct memory_account *account = NULL;
    struct mansio_str bytes = MANSIO_STR_NONE;
    int rc = memory_content(memory_state(pool), content, deadline_us, &bytes);

    rc = rc < 0 ? rc : memory_enter(pool, handle, deadline_us, &account);
    if (rc == 0) {
        *out_id = add_blob(memory_state(pool), account->tenant, bytes)->id;
    }
    return rc;
}

static int blob_read(struct mansio_instance *pool, struct mansio_account *handle, uint64_t id,
                     uint64_t offset, size_t max, struct mansio_arena *arena, int64_t deadline_us,
                     struct mansio_str *out, uint64_t *out_size)
{
    struct memory_state *state = memory_state(pool);
    struct memory_account *account = NULL;
    int rc = memory_enter(pool, handle, deadline_us, &account);
    const struct memory_blob *blob = rc == 0 ? state->blobs : NULL;

    while (blob != NULL && (blob->id != id || (blob->tenant != account->tenant &&
                                               state->mistake != MISTAKE_FOREIGN_BLOB))) {
        blob = blob->next;
    }
    if (blob == NULL) {
        return rc < 0 ? rc : mansio_fail(MANSIO_E_NOT_FOUND, "no such blob");
    }
    if (out_size != NULL) {
        *out_size = blob->bytes.len;
    }
    return memory_slice(state, MANSIO_STR_NONE, blob->bytes, offset, max, arena, out);
}

const struct mansio_blob memory_blob_table = {
    .size = sizeof memory_blob_table,
    .put = blob_put,
    .read = blob_read,
};
