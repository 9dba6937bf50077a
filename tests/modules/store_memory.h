/*
 * store-memory, from the inside: who there is and what they have, in lists and arrays of one
 * process. As simple as can be: looked up by walking, never given back before the process ends.
 *
 * Every operation yields first (memory_begin()) and then runs to its end without yielding, so each
 * is a transaction by itself.
 */
#ifndef MANSIO_TESTS_MODULES_STORE_MEMORY_H
#define MANSIO_TESTS_MODULES_STORE_MEMORY_H

#include <mansio/blob.h>
#include <mansio/directory.h>
#include <mansio/error.h>
#include <mansio/store.h>
#include <mansio/str.h>
#include <mansio/time.h>

/* What it does wrong when its setting `mistake` says so: each must be found by the conformance
 * suite. The order of the setting's words. */
enum memory_mistake {
    MISTAKE_NONE,
    MISTAKE_UID_REUSED,          /* an expunged UID is given again */
    MISTAKE_TOMBSTONE_FORGOTTEN, /* changes() doesn't tell of what went */
    MISTAKE_FOREIGN_COLLECTION,  /* an id of another account's collection is found */
    MISTAKE_FOREIGN_BLOB,        /* an id of another tenant's blob is found */
    MISTAKE_HALF_PLAN,           /* what came before the entry that fails is committed */
    MISTAKE_MODSEQ_STILL,        /* a change of flags raises no modseq */
    MISTAKE_QUOTA_IGNORED,       /* deliveries are never over quota */
    MISTAKE_CHUNK_EDGE,          /* a read over an edge of 256 KiB skips a byte */
    MISTAKE_FENCE_IGNORED,       /* a lost claim can be finished */
    MISTAKE_RENAME_SHALLOW,      /* what is below keeps its name */
    MISTAKE_RECENT_TWICE,        /* what is recent is given again */
    MISTAKE_BOUNCE_APART,        /* a bounce is committed though its claim was lost */
    MISTAKE_UNCHANGED_IGNORED,   /* unchanged_since holds nothing back */
    MISTAKE_MOVE_LEAVES,         /* what was moved stays where it was */
    MISTAKE_COPY_FORGETS,        /* a copy has no keywords */
    MISTAKE_COPY_IN_PART,        /* what isn't there any more is left out of a whole copy */
    MISTAKE_EXPUNGE_ALL,         /* messages without MANSIO_FLAG_DELETED go too */
    MISTAKE_NUL_ENDS,            /* a body ends at its first NUL */
    MISTAKE_PREFIX_SHARED,       /* all recipients get the first one's prefix */
    MISTAKE_SEARCH_HEADER,       /* what is to be in the body is found in the header */
    MISTAKE_TOLD_APART,          /* a report is committed without what it tells of */
};

struct memory_tenant {
    uint64_t id;
    const char *name, *domain;
};

struct memory_blob {
    struct memory_blob *next;
    uint64_t id;
    const struct memory_tenant *tenant;
    struct mansio_str bytes;
};

/* A message as it came; entries and spool items share it. */
struct memory_message {
    uint64_t id;
    struct memory_blob *blob;
    struct mansio_str structure, text;
};

struct memory_entry {
    struct memory_message *message;
    uint64_t modseq;
    int64_t received_us;
    uint32_t uid, flags;
    struct mansio_str keywords, prefix;
};

struct memory_collection {
    struct memory_collection *next; /* by name */
    uint64_t id, modseq;
    uint64_t own_modseq; /* of the collection itself: made, renamed, subscribed */
    uint32_t kind, special_use, uid_validity, uid_next, recent_from;
    struct mansio_str name;
    struct memory_entry **entries; /* by UID */
    size_t count, room;
};

/* Something that is gone. */
struct memory_tombstone {
    struct memory_tombstone *next; /* latest first */
    struct mansio_change change;
};

struct memory_subscription {
    struct memory_subscription *next; /* by name */
    struct mansio_str name;
};

struct memory_account {
    struct memory_account *next;
    const struct memory_tenant *tenant;
    uint64_t id, modseq, quota_bytes, quota_messages;
    int is_gone;
    struct mansio_str address;
    struct memory_collection *collections;
    struct memory_subscription *subscriptions;
    struct memory_tombstone *tombstones;
};

struct memory_spool {
    struct memory_spool *next; /* oldest first */
    struct mansio_spool_item item;
    const struct memory_tenant *tenant;
    struct memory_message *message;
    struct mansio_str prefix;
    char holder[256];
    size_t holder_len;
    int64_t claimed_until_us; /* monotonic */
};

struct memory_state {
    struct mansio_arena *arena;
    enum memory_mistake mistake;
    uint64_t last_id;
    uint64_t last_fence;
    uint32_t last_validity;
    struct memory_account *accounts;
    struct memory_blob *blobs;
    struct memory_spool *spool;
};

static inline struct memory_state *memory_state(const struct mansio_instance *instance)
{
    return mansio_instance_data(instance);
}

/* As any provider would: see that it may answer. */
int memory_begin(int64_t deadline_us);

uint64_t memory_new_id(struct memory_state *state);

/* Room that lasts; stops the worker when there is none, as tests may. */
void *memory_alloc(struct memory_state *state, size_t size);
struct mansio_str memory_copy(struct memory_state *state, struct mansio_str s);

/* The tenant of a domain; NULL if it is none of ours. */
const struct memory_tenant *memory_tenant_of(struct mansio_str domain);

/* An account by its local part ("user1" to "user130", "small", "gone"), made at first need; NULL
 * if there is no such. */
struct memory_account *memory_account_named(struct memory_state *state,
                                            const struct memory_tenant *tenant,
                                            struct mansio_str local);

/* The account behind a handle: 0, or MANSIO_E_NOT_FOUND. */
int memory_account(struct mansio_instance *instance, const struct mansio_account *handle,
                   struct memory_account **out);

/* begin, then the account: what most operations start with. */
int memory_enter(struct mansio_instance *instance, const struct mansio_account *handle,
                 int64_t deadline_us, struct memory_account **out);

/* ---- collections ---- */

struct memory_collection *memory_collection_named(const struct memory_account *account,
                                                  struct mansio_str name);
int memory_collection(struct memory_state *state, struct memory_account *account, uint64_t id,
                      struct memory_collection **out);
struct memory_collection *memory_collection_add(struct memory_state *state,
                                                struct memory_account *account, uint32_t kind,
                                                struct mansio_str name, uint32_t special_use);
int memory_name_check(struct mansio_str name);
void memory_bury(struct memory_state *state, struct memory_account *account,
                 const struct mansio_change *change);

/* ---- messages ---- */

/* Read a finished content whole; yields. */
int memory_content(struct memory_state *state, struct mansio_content *content, int64_t deadline_us,
                   struct mansio_str *out);
struct memory_message *memory_message_new(struct memory_state *state,
                                          const struct memory_tenant *tenant,
                                          struct mansio_content *content, struct mansio_str bytes);
/* Give a message its place: UID, modseq. */
struct memory_entry *memory_entry_add(struct memory_state *state, struct memory_account *account,
                                      struct memory_collection *collection,
                                      struct memory_message *message);
void memory_usage(const struct memory_account *account, uint64_t *bytes, uint64_t *messages);
/* 1 if so much more would be within quota. */
int memory_has_room(const struct memory_account *account, uint64_t bytes, uint64_t messages);
/* Bytes of a prefix and a message: at most @p max from @p offset on. */
int memory_slice(struct memory_state *state, struct mansio_str prefix, struct mansio_str body,
                 uint64_t offset, size_t max, struct mansio_arena *arena, struct mansio_str *out);

/* ---- delivery ---- */

/* A message that is to be delivered, and its bytes. */
struct memory_letter {
    struct mansio_plan *plan;
    struct mansio_content *content;
    struct mansio_str body;
};

/* What deliver() does once it has begun and has read the content: for spool_finish() too, where an
 * entry without account is @p behalf's. */
int memory_deliver(struct mansio_instance *instance, const struct memory_letter *letters,
                   size_t count, const struct memory_tenant *behalf);

/* ---- operations, each as its interface says ---- */

extern const struct mansio_directory memory_directory_table;
extern const struct mansio_blob memory_blob_table;
extern const struct mansio_store memory_store_table;

int memory_collection_list(struct mansio_instance *, struct mansio_account *, uint32_t,
                           mansio_collection_fn, void *, int64_t);
int memory_collection_find(struct mansio_instance *, struct mansio_account *, struct mansio_str,
                           struct mansio_arena *, int64_t, struct mansio_collection *);
int memory_collection_get(struct mansio_instance *, struct mansio_account *, uint64_t,
                          struct mansio_arena *, int64_t, struct mansio_collection *);
int memory_collection_create(struct mansio_instance *, struct mansio_account *, uint32_t,
                             struct mansio_str, uint32_t, int64_t, uint64_t *);
int memory_collection_rename(struct mansio_instance *, struct mansio_account *, uint64_t,
                             struct mansio_str, int64_t);
int memory_collection_remove(struct mansio_instance *, struct mansio_account *, uint64_t, int64_t);
int memory_subscribe(struct mansio_instance *, struct mansio_account *, struct mansio_str, uint32_t,
                     int64_t);
int memory_subscription_list(struct mansio_instance *, struct mansio_account *,
                             int (*)(void *, struct mansio_str), void *, int64_t);
int memory_recent_claim(struct mansio_instance *, struct mansio_account *, uint64_t, int64_t,
                        uint32_t *);
int memory_message_list(struct mansio_instance *, struct mansio_account *, uint64_t,
                        const struct mansio_message_query *, mansio_message_fn, void *, int64_t);
int memory_message_read_slices(struct mansio_instance *, struct mansio_account *, uint64_t,
                               struct mansio_slice *, size_t, struct mansio_arena *, int64_t);
int memory_message_read_many(struct mansio_instance *, struct mansio_account *, uint64_t,
                             const uint32_t *, size_t, size_t, struct mansio_arena *, int64_t,
                             struct mansio_str *);
int memory_message_read(struct mansio_instance *, struct mansio_account *, uint64_t, uint32_t,
                        uint64_t, size_t, struct mansio_arena *, int64_t, struct mansio_str *);
int memory_message_text(struct mansio_instance *, struct mansio_account *, uint64_t, uint32_t,
                        struct mansio_arena *, int64_t, struct mansio_str *);
int memory_message_search(struct mansio_instance *, struct mansio_account *, uint64_t,
                          const uint32_t *, size_t, const struct mansio_search_key *,
                          mansio_found_fn, void *, int64_t);
int memory_message_flag(struct mansio_instance *, struct mansio_account *, uint64_t,
                        const struct mansio_flag_change *, mansio_message_fn, mansio_uid_fn, void *,
                        int64_t);
int memory_message_append(struct mansio_instance *, struct mansio_account *, uint64_t,
                          struct mansio_append *, size_t, int64_t, uint32_t *);
int memory_message_copy(struct mansio_instance *, struct mansio_account *, uint64_t,
                        const uint32_t *, size_t, uint64_t, uint32_t, mansio_copied_fn, void *,
                        int64_t, uint32_t *);
int memory_message_expunge(struct mansio_instance *, struct mansio_account *, uint64_t,
                           const uint32_t *, size_t, uint32_t, mansio_uid_fn, void *, int64_t);
int memory_changes(struct mansio_instance *, struct mansio_account *, uint64_t, uint64_t,
                   mansio_change_fn, void *, int64_t);
int memory_usage_tell(struct mansio_instance *, struct mansio_account *, int64_t,
                      struct mansio_usage *);
int memory_may_deliver(struct mansio_instance *, struct mansio_account *, uint64_t, int64_t);
int memory_deliver_plan(struct mansio_instance *, struct mansio_plan *, struct mansio_content *,
                        int64_t);
int memory_deliver_together(struct mansio_instance *, const struct mansio_delivery *, size_t,
                            int64_t);
int memory_spool_claim(struct mansio_instance *, struct mansio_str, size_t, int64_t,
                       struct mansio_arena *, int64_t, const struct mansio_spool_item *const **,
                       size_t *, int64_t *);
int memory_spool_renew(struct mansio_instance *, struct mansio_str,
                       const struct mansio_spool_item *const *, size_t, int64_t, int64_t);
int memory_spool_read(struct mansio_instance *, const struct mansio_spool_item *, uint64_t, size_t,
                      struct mansio_arena *, int64_t, struct mansio_str *);
int memory_spool_finish(struct mansio_instance *, struct mansio_str,
                        const struct mansio_spool_outcome *, size_t, struct mansio_plan *,
                        struct mansio_content *, int64_t);
int memory_spool_list(struct mansio_instance *, struct mansio_str, mansio_spool_fn, void *,
                      int64_t);
int memory_spool_retry(struct mansio_instance *, uint64_t, int64_t);
int memory_spool_remove(struct mansio_instance *, uint64_t, int64_t);
int memory_spool_change(struct mansio_instance *, uint64_t, uint32_t, int64_t);
int memory_spool_look(struct mansio_instance *, uint64_t, uint64_t, size_t, struct mansio_arena *,
                      int64_t, struct mansio_str *);
void memory_spool_add(struct memory_state *state, const struct mansio_plan_facts *facts,
                      const struct mansio_plan_entry *entry, const struct memory_tenant *tenant,
                      struct memory_message *message);

#endif
