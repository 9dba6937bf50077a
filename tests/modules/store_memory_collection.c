/*
 * store-memory's collections and subscriptions.
 */
#include "store_memory.h"

#include <string.h>

enum { NAME_MAX_BYTES = 1000, LEVELS_MAX = 100 };

struct memory_collection *memory_collection_named(const struct memory_account *account,
                                                  struct mansio_str name)
{
    struct memory_collection *at = account->collections;

    if (mansio_str_ieq(name, MANSIO_STR("INBOX"))) {
        name = MANSIO_STR("INBOX");
    }
    while (at != NULL && !mansio_str_eq(at->name, name)) {
        at = at->next;
    }
    return at;
}

static struct memory_collection *with_id(const struct memory_account *account, uint64_t id)
{
    struct memory_collection *at = account->collections;

    while (at != NULL && at->id != id) {
        at = at->next;
    }
    return at;
}

int memory_collection(struct memory_state *state, struct memory_account *account, uint64_t id,
                      struct memory_collection **out)
{
    struct memory_collection *found = with_id(account, id);

    if (found == NULL && state->mistake == MISTAKE_FOREIGN_COLLECTION) {
        for (account = state->accounts; found == NULL && account != NULL; account = account->next) {
            found = with_id(account, id);
        }
    }
    if (found == NULL) {
        return mansio_fail(MANSIO_E_NOT_FOUND, "no such collection");
    }
    *out = found;
    return 0;
}

static void insert(struct memory_account *account, struct memory_collection *collection)
{
    struct memory_collection **at = &account->collections;

    while (*at != NULL && mansio_str_cmp((*at)->name, collection->name) < 0) {
        at = &(*at)->next;
    }
    collection->next = *at;
    *at = collection;
}

static void take_out(struct memory_account *account, struct memory_collection *collection)
{
    struct memory_collection **at = &account->collections;

    while (*at != NULL && *at != collection) {
        at = &(*at)->next;
    }
    if (*at != NULL) { /* else it is somebody else's: a mistake that was asked for */
        *at = collection->next;
    }
}

struct memory_collection *memory_collection_add(struct memory_state *state,
                                                struct memory_account *account, uint32_t kind,
                                                struct mansio_str name, uint32_t special_use)
{
    struct memory_collection *collection = memory_alloc(state, sizeof *collection);

    collection->id = memory_new_id(state);
    collection->kind = kind;
    collection->special_use = special_use;
    collection->name = memory_copy(state, name);
    collection->uid_validity = ++state->last_validity;
    collection->uid_next = 1;
    collection->recent_from = 1;
    collection->modseq = collection->own_modseq = ++account->modseq;
    insert(account, collection);
    return collection;
}

void memory_bury(struct memory_state *state, struct memory_account *account,
                 const struct mansio_change *change)
{
    struct memory_tombstone *tombstone = memory_alloc(state, sizeof *tombstone);

    tombstone->change = *change;
    tombstone->next = account->tombstones;
    account->tombstones = tombstone;
}

/* One character of UTF-8 (RFC 3629 4): its length, 0 for what is none. */
static size_t character(struct mansio_str s)
{
    unsigned char first = (unsigned char)s.ptr[0];
    size_t length = first < 0x80                    ? 1
                    : first >= 0xc2 && first < 0xe0 ? 2
                    : first >= 0xe0 && first < 0xf0 ? 3
                    : first >= 0xf0 && first < 0xf5 ? 4
                                                    : 0;
    if (length == 0 || length > s.len) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if (((unsigned char)s.ptr[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    unsigned char second = length > 1 ? (unsigned char)s.ptr[1] : 0;
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
        (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) {
        return 0;
    }
    return length;
}

int memory_name_check(struct mansio_str name)
{
    struct mansio_str rest = name;
    struct mansio_str level = MANSIO_STR_NONE;
    size_t levels = 0;

    if (name.len == 0 || name.len > NAME_MAX_BYTES || name.ptr[name.len - 1] == '/') {
        return mansio_fail(MANSIO_E_INVALID, "a name that is empty, too long or ends in '/'");
    }
    for (size_t i = 0; i < name.len;) {
        size_t used = character(mansio_str_sub(name, i, SIZE_MAX));
        unsigned char c = (unsigned char)name.ptr[i];
        if (used == 0 || c < ' ' || c == 0x7f ||
            (c == 0xc2 && (unsigned char)name.ptr[i + 1] < 0xa0)) {
            return mansio_fail(MANSIO_E_INVALID, "a name with a control, or not in UTF-8");
        }
        i += used;
    }
    while (mansio_str_split(&rest, '/', &level)) {
        if (level.len == 0 || ++levels > LEVELS_MAX) {
            return mansio_fail(MANSIO_E_INVALID, "a name with an empty level, or too many");
        }
    }
    return 0;
}

static int is_subscribed(const struct memory_account *account, struct mansio_str name)
{
    for (const struct memory_subscription *at = account->subscriptions; at != NULL; at = at->next) {
        if (mansio_str_eq(at->name, name)) {
            return 1;
        }
    }
    return 0;
}

static struct mansio_collection view(const struct memory_account *account,
                                     const struct memory_collection *collection)
{
    struct mansio_collection out = {
        .size = sizeof out,
        .id = collection->id,
        .kind = collection->kind,
        .special_use = collection->special_use,
        .name = collection->name,
        .uid_validity = collection->uid_validity,
        .uid_next = collection->uid_next,
        .recent_from = collection->recent_from,
        .is_subscribed = (uint32_t)is_subscribed(account, collection->name),
        .messages = collection->count,
        .modseq = collection->modseq,
    };
    for (size_t i = 0; i < collection->count; i++) {
        const struct memory_entry *entry = collection->entries[i];
        out.unseen += (entry->flags & MANSIO_FLAG_SEEN) == 0;
        out.bytes += entry->prefix.len + entry->message->blob->bytes.len;
    }
    return out;
}

int memory_collection_list(struct mansio_instance *pool, struct mansio_account *handle,
                           uint32_t kind, mansio_collection_fn visit, void *arg,
                           int64_t deadline_us)
{
    struct memory_account *account = NULL;
    int rc = memory_enter(pool, handle, deadline_us, &account);

    if (rc < 0) {
        return rc;
    }
    for (const struct memory_collection *at = account->collections; rc == 0 && at != NULL;
         at = at->next) {
        if (kind == 0 || at->kind == kind) {
            struct mansio_collection collection = view(account, at);
            rc = visit(arg, &collection);
        }
    }
    return rc;
}

static int fill(struct mansio_arena *arena, const struct memory_account *account,
                const struct memory_collection *found, struct mansio_collection *out)
{
    struct mansio_collection collection = view(account, found);
    int rc = mansio_arena_copy(arena, found->name, &collection.name);

    if (rc == 0) {
        collection.size = out->size;
        memcpy(out, &collection, out->size < sizeof collection ? out->size : sizeof collection);
    }
    return rc;
}

int memory_collection_find(struct mansio_instance *pool, struct mansio_account *handle,
                           struct mansio_str name, struct mansio_arena *arena, int64_t deadline_us,
                           struct mansio_collection *out)
{
    struct memory_account *account = NULL;
    int rc = memory_enter(pool, handle, deadline_us, &account);

    if (rc < 0) {
        return rc;
    }
    const struct memory_collection *found = memory_collection_named(account, name);
    return found == NULL ? mansio_fail(MANSIO_E_NOT_FOUND, "no such collection")
                         : fill(arena, account, found, out);
}

int memory_collection_get(struct mansio_instance *pool, struct mansio_account *handle, uint64_t id,
                          struct mansio_arena *arena, int64_t deadline_us,
                          struct mansio_collection *out)
{
    struct memory_account *account = NULL;
    struct memory_collection *found = NULL;
    int rc = memory_enter(pool, handle, deadline_us, &account);

    rc = rc < 0 ? rc : memory_collection(memory_state(pool), account, id, &found);
    return rc < 0 ? rc : fill(arena, account, found, out);
}

int memory_collection_create(struct mansio_instance *pool, struct mansio_account *handle,
                             uint32_t kind, struct mansio_str name, uint32_t special_use,
                             int64_t deadline_us, uint64_t *out_id)
{
    struct memory_account *account = NULL;
    int rc = memory_enter(pool, handle, deadline_us, &account);

    rc = rc < 0 ? rc : memory_name_check(name);
    if (rc < 0) {
        return rc;
    }
    if (memory_collection_named(account, name) != NULL) {
        return mansio_fail(MANSIO_E_EXISTS, "the name is taken");
    }
    for (const struct memory_collection *at = account->collections; at != NULL; at = at->next) {
        if (special_use > MANSIO_SPECIAL_NONE && at->special_use == special_use) {
            return mansio_fail(MANSIO_E_EXISTS, "another collection has that special use");
        }
    }
    *out_id = memory_collection_add(memory_state(pool), account, kind, name,
                                    special_use == 0 ? MANSIO_SPECIAL_NONE : special_use)
                  ->id;
    return 0;
}

/* 1 if @p name is below @p top. */
static int is_below(struct mansio_str name, struct mansio_str top)
{
    return name.len > top.len && mansio_str_starts(name, top) && name.ptr[top.len] == '/';
}

/* What a collection is called once @p from is called @p to; NONE if that doesn't concern it. */
static struct mansio_str new_name(struct memory_state *state, struct mansio_str name,
                                  struct mansio_str from, struct mansio_str to)
{
    struct mansio_str out = MANSIO_STR_NONE;

    if (mansio_str_eq(name, from) ||
        (is_below(name, from) && state->mistake != MISTAKE_RENAME_SHALLOW)) {
        int rc = mansio_arena_printf(state->arena, &out, "%.*s%.*s", MANSIO_STR_ARG(to),
                                     MANSIO_STR_ARG(mansio_str_sub(name, from.len, SIZE_MAX)));
        MANSIO_ASSERT(rc == 0);
    }
    return out;
}

int memory_collection_rename(struct mansio_instance *pool, struct mansio_account *handle,
                             uint64_t id, struct mansio_str name, int64_t deadline_us)
{
    struct memory_state *state = memory_state(pool);
    struct memory_account *account = NULL;
    struct memory_collection *collection = NULL;
    int rc = memory_enter(pool, handle, deadline_us, &account);

    rc = rc < 0 ? rc : memory_collection(state, account, id, &collection);
    rc = rc < 0 ? rc : memory_name_check(name);
    if (rc < 0) {
        return rc;
    }
    if (collection->special_use == MANSIO_SPECIAL_INBOX) {
        return mansio_fail(MANSIO_E_DENIED, "INBOX stays");
    }
    struct mansio_str from = collection->name;
    if (is_below(name, from)) {
        return mansio_fail(MANSIO_E_INVALID, "below itself");
    }
    for (struct memory_collection *at = account->collections; at != NULL; at = at->next) {
        struct mansio_str to = new_name(state, at->name, from, name);
        if (to.ptr != NULL && (memory_name_check(to) < 0)) {
            return mansio_fail(MANSIO_E_INVALID, "too long for what is below");
        }
        if (to.ptr != NULL && memory_collection_named(account, to) != NULL) {
            return mansio_fail(MANSIO_E_EXISTS, "the name is taken");
        }
    }
    struct memory_collection *all = account->collections;
    account->collections = NULL;
    while (all != NULL) {
        struct memory_collection *at = all;
        struct mansio_str to = new_name(state, at->name, from, name);
        all = at->next;
        if (to.ptr != NULL) {
            at->name = to;
            at->modseq = at->own_modseq = ++account->modseq;
        }
        insert(account, at);
    }
    return 0;
}

int memory_collection_remove(struct mansio_instance *pool, struct mansio_account *handle,
                             uint64_t id, int64_t deadline_us)
{
    struct memory_state *state = memory_state(pool);
    struct memory_account *account = NULL;
    struct memory_collection *collection = NULL;
    int rc = memory_enter(pool, handle, deadline_us, &account);

    rc = rc < 0 ? rc : memory_collection(state, account, id, &collection);
    if (rc < 0) {
        return rc;
    }
    if (collection->special_use == MANSIO_SPECIAL_INBOX) {
        return mansio_fail(MANSIO_E_DENIED, "INBOX stays");
    }
    take_out(account, collection);
    const struct mansio_change change = {
        .size = sizeof change,
        .modseq = ++account->modseq,
        .collection_id = collection->id,
        .kind = MANSIO_CHANGE_COLLECTION_REMOVED,
    };
    memory_bury(state, account, &change);
    return 0;
}

/* INBOX is one name, however it is written. */
static struct mansio_str spelling(struct mansio_str name)
{
    return mansio_str_ieq(name, MANSIO_STR("INBOX")) ? MANSIO_STR("INBOX") : name;
}

int memory_subscribe(struct mansio_instance *pool, struct mansio_account *handle,
                     struct mansio_str name, uint32_t subscribed, int64_t deadline_us)
{
    struct memory_state *state = memory_state(pool);
    struct memory_account *account = NULL;
    int rc = memory_enter(pool, handle, deadline_us, &account);

    name = spelling(name);
    rc = rc < 0 ? rc : memory_name_check(name);
    if (rc < 0 || is_subscribed(account, name) == (subscribed != 0)) {
        return rc;
    }
    struct memory_subscription **at = &account->subscriptions;
    while (*at != NULL && mansio_str_cmp((*at)->name, name) < 0) {
        at = &(*at)->next;
    }
    if (subscribed) {
        struct memory_subscription *made = memory_alloc(state, sizeof *made);
        made->name = memory_copy(state, name);
        made->next = *at;
        *at = made;
    } else {
        *at = (*at)->next;
    }
    struct memory_collection *collection = memory_collection_named(account, name);
    if (collection != NULL) {
        collection->modseq = collection->own_modseq = ++account->modseq;
    }
    return 0;
}

int memory_subscription_list(struct mansio_instance *pool, struct mansio_account *handle,
                             int (*visit)(void *arg, struct mansio_str name), void *arg,
                             int64_t deadline_us)
{
    struct memory_account *account = NULL;
    int rc = memory_enter(pool, handle, deadline_us, &account);

    if (rc < 0) {
        return rc;
    }
    for (const struct memory_subscription *at = account->subscriptions; rc == 0 && at != NULL;
         at = at->next) {
        rc = visit(arg, at->name);
    }
    return rc;
}

int memory_recent_claim(struct mansio_instance *pool, struct mansio_account *handle,
                        uint64_t collection_id, int64_t deadline_us, uint32_t *out_from)
{
    struct memory_account *account = NULL;
    struct memory_collection *collection = NULL;
    int rc = memory_enter(pool, handle, deadline_us, &account);

    rc = rc < 0 ? rc : memory_collection(memory_state(pool), account, collection_id, &collection);
    if (rc < 0) {
        return rc;
    }
    *out_from = collection->recent_from;
    if (memory_state(pool)->mistake != MISTAKE_RECENT_TWICE) {
        collection->recent_from = collection->uid_next;
    }
    return 0;
}
