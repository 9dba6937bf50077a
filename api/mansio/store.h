/*
 * The interface "store", version 1: mail. Collections, messages, deliveries, the spool, the change
 * log: one provider, one transaction.
 *
 * A consumer reaches it through mansio_account_store() and passes the instance and the account that
 * it got there. Ids, UIDs and modseqs of another account are not found. All functions yield and
 * answer, beside what each says: MANSIO_E_UNAVAILABLE (the database is away), MANSIO_E_TIMEOUT,
 * MANSIO_E_BUSY (locked for too long: try again), MANSIO_E_LIMIT (the arena is full),
 * MANSIO_E_CANCELLED. After an error nothing has changed, with one exception: MANSIO_E_TIMEOUT
 * and MANSIO_E_UNAVAILABLE of a function that changes something may come after it took effect.
 *
 * Deadlines are monotonic times. Wall-clock times are as mansio_wall_us(). Visitors must not yield;
 * what they are shown is gone when they return; a visitor that returns other than 0 ends the visit,
 * and the function returns that. Functions that change something call them once that is committed:
 * it stands, whatever a visitor returns.
 */
#ifndef MANSIO_STORE_H
#define MANSIO_STORE_H

#include <mansio/account.h>
#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/content.h>
#include <mansio/module.h>
#include <mansio/plan.h>
#include <mansio/search.h>

#define MANSIO_STORE         "store"
#define MANSIO_STORE_VERSION 1

/* ---- collections ---------------------------------------------------------------------------- */

/** Most messages of one message_read_many() or message_read_slices(). @since 1.0 */
#define MANSIO_READ_MANY_MAX 64

enum mansio_collection_kind {
    MANSIO_COLLECTION_MAIL = 1,
    MANSIO_COLLECTION_CALENDAR = 2,
    MANSIO_COLLECTION_CONTACTS = 3,
};

/** Special uses (RFC 6154); a collection has at most one, a use at most one collection. */
enum mansio_special_use {
    MANSIO_SPECIAL_NONE = 1,
    MANSIO_SPECIAL_INBOX = 2,
    MANSIO_SPECIAL_DRAFTS = 3,
    MANSIO_SPECIAL_SENT = 4,
    MANSIO_SPECIAL_JUNK = 5,
    MANSIO_SPECIAL_TRASH = 6,
    MANSIO_SPECIAL_ARCHIVE = 7,
};

/** A mailbox. Names are UTF-8, levels separated by '/'; "INBOX" always exists. What else a provider
 * makes for an account by itself is subscribed to. */
struct mansio_collection {
    size_t size;
    uint64_t id;                /* never used again */
    uint32_t kind, special_use; /* enums above */
    struct mansio_str name;
    uint32_t uid_validity; /* RFC 3501 2.3.1.1 */
    uint32_t uid_next;
    uint32_t recent_from; /* UIDs from here on are \Recent to who claims them first */
    uint32_t is_subscribed;
    uint64_t messages, unseen, bytes;
    uint64_t modseq; /* highest of any change in it (RFC 7162) */
};

typedef int (*mansio_collection_fn)(void *arg, const struct mansio_collection *collection);

/* ---- messages ------------------------------------------------------------------------------- */

enum mansio_message_flags {
    MANSIO_FLAG_SEEN = 1,
    MANSIO_FLAG_ANSWERED = 2,
    MANSIO_FLAG_FLAGGED = 4,
    MANSIO_FLAG_DELETED = 8,
    MANSIO_FLAG_DRAFT = 16,
};

/** An entry of a collection. */
struct mansio_message {
    size_t size;
    uint64_t message_id; /* the immutable message; copies share it */
    uint64_t blob_id;    /* its bytes without the entry's prefix; 0: not told */
    uint64_t modseq;
    int64_t received_us; /* internal date */
    uint64_t body_bytes; /* of the message as it came */
    uint32_t uid;
    uint32_t prefix_bytes; /* of the lines that this entry has before it; RFC822.SIZE is the sum */
    uint32_t flags;        /* enum mansio_message_flags */
    uint32_t reserved;     /* 0 */
    struct mansio_str keywords;  /* separated by one space */
    struct mansio_str structure; /* as mansio_content_structure(), if asked for */
};

typedef int (*mansio_message_fn)(void *arg, const struct mansio_message *message);

enum mansio_query_flags {
    MANSIO_QUERY_STRUCTURE = 1, /* fill in structure */
    MANSIO_QUERY_BLOB = 2,      /* fill in blob_id */
};

/** Which messages of a collection. Ranges are pairs of UIDs, first and last, both in, ascending,
 * not overlapping; UINT32_MAX is "*". */
struct mansio_message_query {
    size_t size;                /* sizeof(struct mansio_message_query) */
    const uint32_t *uid_ranges; /* NULL: all */
    size_t range_count;
    uint64_t changed_since; /* only those with a greater modseq; 0: all */
    uint32_t flags;         /* enum mansio_query_flags */
    uint32_t reserved;      /* 0 */
};

enum mansio_flag_operation {
    MANSIO_FLAGS_ADD = 1,
    MANSIO_FLAGS_REMOVE = 2,
    MANSIO_FLAGS_REPLACE = 3,
};

/** How message_copy() copies. */
enum mansio_copy_flags {
    MANSIO_COPY_MOVE = 1,  /* and take them out where they were (RFC 6851) */
    MANSIO_COPY_WHOLE = 2, /* nothing at all if one of the UIDs of the ranges isn't there */
};

/** Bytes of a message that are wanted, among those of others. */
struct mansio_slice {
    size_t size;             /* sizeof(struct mansio_slice): also the array's stride */
    uint64_t offset;         /* from the first byte of the prefix */
    uint32_t uid, max;       /* whose, and how many bytes at most */
    struct mansio_str bytes; /* out */
};

/** A change of flags. */
struct mansio_flag_change {
    size_t size;                /* sizeof(struct mansio_flag_change) */
    const uint32_t *uid_ranges; /* as in a query */
    size_t range_count;
    uint32_t operation;         /* enum mansio_flag_operation */
    uint32_t flags;             /* enum mansio_message_flags */
    struct mansio_str keywords; /* separated by one space; compared without case */
    uint64_t unchanged_since; /* leave alone what has a greater modseq (RFC 7162 3.1.3); UINT64_MAX:
                               * nothing */
};

/** A message to put into a collection by hand (APPEND). */
struct mansio_append {
    size_t size;                    /* sizeof(struct mansio_append): also the array's stride */
    struct mansio_content *content; /* finished */
    uint32_t flags;
    uint32_t uid; /* out */
    struct mansio_str keywords;
    struct mansio_str prefix; /* most often empty */
    int64_t received_us;      /* internal date */
    uint64_t modseq;          /* out */
};

/** A message that was copied or moved. */
typedef int (*mansio_copied_fn)(void *arg, uint32_t uid_from, uint32_t uid_to);

/** A UID that is gone. */
typedef int (*mansio_uid_fn)(void *arg, uint32_t uid);

/** A message that has what was looked for, or may have it. */
typedef int (*mansio_found_fn)(void *arg, uint32_t uid, uint32_t is_certain);

/* ---- the change log --------------------------------------------------------------------------
 */

enum mansio_change_kind {
    MANSIO_CHANGE_COLLECTION = 1, /* made, renamed, subscribed: as it is now */
    MANSIO_CHANGE_COLLECTION_REMOVED = 2,
    MANSIO_CHANGE_MESSAGE = 3, /* came, or its flags changed: as it is now */
    MANSIO_CHANGE_MESSAGE_REMOVED = 4,
};

struct mansio_change {
    size_t size;
    uint64_t modseq;
    uint64_t collection_id;
    uint64_t message_id; /* of messages; 0 if no longer known */
    uint32_t kind;       /* enum mansio_change_kind */
    uint32_t uid;        /* of messages */
};

typedef int (*mansio_change_fn)(void *arg, const struct mansio_change *change);

/** What an account holds. */
struct mansio_usage {
    size_t size;              /* sizeof(struct mansio_usage), set by the caller */
    uint64_t bytes, messages; /* what counts towards quotas */
    uint64_t modseq;          /* highest given */
};

/* ---- the spool ------------------------------------------------------------------------------- */

/** One recipient of one message that is to leave. */
struct mansio_spool_item {
    size_t size;
    uint64_t id;
    uint64_t message_bytes; /* prefix included */
    int64_t spooled_us;     /* when it came */
    int64_t next_us;        /* when it is tried next; INT64_MAX: it is held */
    uint64_t fence;         /* of the claim; 0: not claimed */
    uint32_t attempts;
    uint32_t flags;           /* MANSIO_PLAN_8BIT, MANSIO_PLAN_UTF8, MANSIO_SPOOL_GIVEN_UP */
    struct mansio_str tenant; /* its name */
    struct mansio_str reverse_path, forward_path;
    struct mansio_str envelope_id, ret, notify, original_recipient; /* RFC 3461 */
    struct mansio_str last_reply;                                   /* of the last attempt; empty */
    void *claim;                                                    /* the provider's own */
    uint64_t message_id; /* items of a tenant with the same one and the same prefix_no have the */
    uint32_t prefix_no;  /* same bytes and envelope: one transaction may carry them */
    uint32_t reserved;   /* 0 */
};

typedef int (*mansio_spool_fn)(void *arg, const struct mansio_spool_item *item);

/** An item's flag, beside those of plans: it isn't to be tried any more, its sender is told. */
#define MANSIO_SPOOL_GIVEN_UP 65536

/** What spool_change() does. */
enum mansio_spool_change {
    MANSIO_SPOOL_HOLD = 1,    /* not due, until spool_retry() */
    MANSIO_SPOOL_GIVE_UP = 2, /* due now, with MANSIO_SPOOL_GIVEN_UP */
};

enum mansio_spool_verdict {
    MANSIO_SPOOL_DONE = 1,  /* delivered, or given up: it goes */
    MANSIO_SPOOL_RETRY = 2, /* again at next_us */
    /* Not tried: as it was, attempts too; due at next_us (0: as it was). A reply, if there is one,
     * is kept all the same. */
    MANSIO_SPOOL_PUT_BACK = 3,
};

struct mansio_spool_outcome {
    size_t size; /* sizeof(struct mansio_spool_outcome): also the array's stride */
    const struct mansio_spool_item *item; /* of this holder's claim */
    uint32_t verdict;                     /* enum mansio_spool_verdict */
    uint32_t reserved;                    /* 0 */
    int64_t next_us;
    struct mansio_str reply; /* of the attempt, for people */
};

/* ---- deliveries ------------------------------------------------------------------------------ */

/** A message and what shall become of it, among others that are committed with it. */
struct mansio_delivery {
    size_t size;                    /* sizeof(struct mansio_delivery): also the array's stride */
    struct mansio_plan *plan;       /* without MANSIO_PLAN_EACH */
    struct mansio_content *content; /* finished; another plan may have the same */
};

/** Most deliveries of one deliver_together(). @since 1.0 */
#define MANSIO_DELIVERIES_MAX 16

/* ---- the table ------------------------------------------------------------------------------- */

struct mansio_store {
    size_t size; /* sizeof(struct mansio_store) */

    /** Visit the collections of a kind (0: of all), by name. @yields yes @since 1.0 */
    int (*collection_list)(struct mansio_instance *pool, struct mansio_account *account,
                           uint32_t kind, mansio_collection_fn visit, void *arg,
                           int64_t deadline_us);

    /** One collection by name ("INBOX" in any case). Its texts live in @p arena.
     * @param out  its size set  @return 0; MANSIO_E_NOT_FOUND @yields yes @since 1.0 */
    int (*collection_find)(struct mansio_instance *pool, struct mansio_account *account,
                           struct mansio_str name, struct mansio_arena *arena, int64_t deadline_us,
                           struct mansio_collection *out);

    /** As collection_find(), by id. @yields yes @since 1.0 */
    int (*collection_get)(struct mansio_instance *pool, struct mansio_account *account, uint64_t id,
                          struct mansio_arena *arena, int64_t deadline_us,
                          struct mansio_collection *out);

    /** Make a collection. What its name leads through is not made.
     * @return 0; MANSIO_E_EXISTS (the name, or the special use); MANSIO_E_INVALID: an empty level,
     *         a control character, no UTF-8, over 1,000 bytes or 100 levels; MANSIO_E_LIMIT: more
     *         than the account may have @yields yes @since 1.0 */
    int (*collection_create)(struct mansio_instance *pool, struct mansio_account *account,
                             uint32_t kind, struct mansio_str name, uint32_t special_use,
                             int64_t deadline_us, uint64_t *out_id);

    /** Rename a collection and all below it (RFC 3501 6.3.5). Not INBOX: MANSIO_E_DENIED.
     * @return 0; MANSIO_E_NOT_FOUND; MANSIO_E_EXISTS; MANSIO_E_INVALID @yields yes @since 1.0 */
    int (*collection_rename)(struct mansio_instance *pool, struct mansio_account *account,
                             uint64_t id, struct mansio_str name, int64_t deadline_us);

    /** Remove a collection with its messages; not what is below it. Not INBOX: MANSIO_E_DENIED.
     * @return 0; MANSIO_E_NOT_FOUND @yields yes @since 1.0 */
    int (*collection_remove)(struct mansio_instance *pool, struct mansio_account *account,
                             uint64_t id, int64_t deadline_us);

    /** Subscribe to a name, or end it; there need be no such collection (RFC 3501 6.3.6).
     * @yields yes @since 1.0 */
    int (*subscribe)(struct mansio_instance *pool, struct mansio_account *account,
                     struct mansio_str name, uint32_t is_subscribed, int64_t deadline_us);

    /** Visit the names that are subscribed to, in order. @yields yes @since 1.0 */
    int (*subscription_list)(struct mansio_instance *pool, struct mansio_account *account,
                             int (*visit)(void *arg, struct mansio_str name), void *arg,
                             int64_t deadline_us);

    /** Take what is \Recent: @p out_from is the first UID that is, and nobody else gets those.
     * @return 0; MANSIO_E_NOT_FOUND @yields yes @since 1.0 */
    int (*recent_claim)(struct mansio_instance *pool, struct mansio_account *account,
                        uint64_t collection_id, int64_t deadline_us, uint32_t *out_from);

    /** Visit messages by UID. @return 0; MANSIO_E_NOT_FOUND: no such collection
     * @yields yes @since 1.0 */
    int (*message_list)(struct mansio_instance *pool, struct mansio_account *account,
                        uint64_t collection_id, const struct mansio_message_query *query,
                        mansio_message_fn visit, void *arg, int64_t deadline_us);

    /** Bytes of a message as a reader sees it: its entry's prefix, then the message.
     * @param offset  from the first byte of the prefix
     * @param max     most bytes wanted, at most 1 MiB
     * @param out     what is there, in @p arena; empty past the end
     * @return 0; MANSIO_E_NOT_FOUND @yields yes @since 1.0 */
    int (*message_read)(struct mansio_instance *pool, struct mansio_account *account,
                        uint64_t collection_id, uint32_t uid, uint64_t offset, size_t max,
                        struct mansio_arena *arena, int64_t deadline_us, struct mansio_str *out);

    /** Case-folded text of a message, as mansio_content_search_text(); empty while there is none.
     * @return 0; MANSIO_E_NOT_FOUND @yields yes @since 1.0 */
    int (*message_text)(struct mansio_instance *pool, struct mansio_account *account,
                        uint64_t collection_id, uint32_t uid, struct mansio_arena *arena,
                        int64_t deadline_us, struct mansio_str *out);

    /** Change flags, all in one transaction. @p visit is shown each message as it is then, also
     * those that had these flags already (their modseq stays); @p refused each UID that
     * unchanged_since left alone. Either may be NULL. UIDs that aren't there are passed over.
     * @return 0; MANSIO_E_NOT_FOUND: no such collection @yields yes @since 1.0 */
    int (*message_flag)(struct mansio_instance *pool, struct mansio_account *account,
                        uint64_t collection_id, const struct mansio_flag_change *change,
                        mansio_message_fn visit, mansio_uid_fn refused, void *arg,
                        int64_t deadline_us);

    /** Put messages into a collection, all or none, with ascending UIDs.
     * @param out_uid_validity  of the collection; may be NULL
     * @return 0 once committed; MANSIO_E_NOT_FOUND; MANSIO_E_LIMIT: over quota;
     *         MANSIO_E_UNSUPPORTED: it has given out all its UIDs, the last of which is 2^32 - 2,
     *         so that the next one is a number too (RFC 3501 2.3.1.1) @yields yes @since 1.0 */
    int (*message_append)(struct mansio_instance *pool, struct mansio_account *account,
                          uint64_t collection_id, struct mansio_append *messages, size_t count,
                          int64_t deadline_us, uint32_t *out_uid_validity);

    /** Copy messages to a collection of the account, all or none; flags and dates go along.
     * @param flags  enum mansio_copy_flags
     * @param visit  each pair of UIDs, ascending; may be NULL
     * @return 0; MANSIO_E_NOT_FOUND: no such collection; MANSIO_E_LIMIT: over quota;
     *         MANSIO_E_INVALID: MANSIO_COPY_WHOLE, and one isn't there; MANSIO_E_UNSUPPORTED: the
     *         target has given out all its UIDs @yields yes @since 1.0 */
    int (*message_copy)(struct mansio_instance *pool, struct mansio_account *account,
                        uint64_t from_id, const uint32_t *uid_ranges, size_t range_count,
                        uint64_t to_id, uint32_t flags, mansio_copied_fn visit, void *arg,
                        int64_t deadline_us, uint32_t *out_uid_validity);

    /** Remove messages for good.
     * @param uid_ranges        NULL: all
     * @param only_deleted      1: only those with MANSIO_FLAG_DELETED
     * @param visit             each UID that went, ascending; may be NULL
     * @return 0; MANSIO_E_NOT_FOUND: no such collection @yields yes @since 1.0 */
    int (*message_expunge)(struct mansio_instance *pool, struct mansio_account *account,
                           uint64_t collection_id, const uint32_t *uid_ranges, size_t range_count,
                           uint32_t only_deleted, mansio_uid_fn visit, void *arg,
                           int64_t deadline_us);

    /** Visit what changed in the account after a modseq, by modseq, each thing once as it is now.
     * @param collection_id  only there; 0: everywhere
     * @param since          0: everything that is there
     * @return 0; MANSIO_E_NOT_FOUND: no such collection; MANSIO_E_UNSUPPORTED: @p since lies before
     *         what tombstones remember: read everything anew @yields yes @since 1.0 */
    int (*changes)(struct mansio_instance *pool, struct mansio_account *account,
                   uint64_t collection_id, uint64_t since, mansio_change_fn visit, void *arg,
                   int64_t deadline_us);

    /** What an account holds. @return 0 @yields yes @since 1.0 */
    int (*usage)(struct mansio_instance *pool, struct mansio_account *account, int64_t deadline_us,
                 struct mansio_usage *out);

    /** Would a message be within quota? A hint: may be told from what was learnt some seconds ago.
     * @param bytes  of the message; 0: not known
     * @return 0; MANSIO_E_LIMIT: over quota; MANSIO_E_NOT_FOUND @yields yes @since 1.0 */
    int (*may_deliver)(struct mansio_instance *pool, struct mansio_account *account, uint64_t bytes,
                       int64_t deadline_us);

    /** Commit a plan: all its entries for accounts of this pool, in one transaction. Says what
     * became of each by mansio_plan_set_outcome(). REJECT and DISCARD entries are passed over.
     * The wait for a commit that was sent is masked from cancellation.
     * @param pool     the store of every account in the plan: MANSIO_E_BUG otherwise
     * @param content  finished
     * @return 0 once it is committed and flushed. Without MANSIO_PLAN_EACH, an entry that can't be
     *         fails it all with its code; MANSIO_E_UNSUPPORTED: a collection has given out all its
     *         UIDs, nothing was delivered. MANSIO_E_TIMEOUT and MANSIO_E_UNAVAILABLE: answer 4yz,
     * the client's copy stands @yields yes @since 1.0 */
    int (*deliver)(struct mansio_instance *pool, struct mansio_plan *plan,
                   struct mansio_content *content, int64_t deadline_us);

    /* ---- spool: service process (claim to finish) and administration (the rest) ---- */

    /** Claim items that are due, for a time. What another holder has, or an earlier claim of this
     * one, is not given.
     * @param holder       who asks: one process for as long as it lives
     * @param max          most items
     * @param duration_us  1 second to 1 hour
     * @param arena        owns the items
     * @param out_next_us  wall clock: when the next item is due that is not given; INT64_MAX: none
     * @return 0 @yields yes @since 1.0 */
    int (*spool_claim)(struct mansio_instance *pool, struct mansio_str holder, size_t max,
                       int64_t duration_us, struct mansio_arena *arena, int64_t deadline_us,
                       const struct mansio_spool_item *const **out, size_t *out_count,
                       int64_t *out_next_us);

    /** Prolong claims from now, all or none.
     * @return 0; MANSIO_E_DENIED if one was lost: send nothing more @yields yes @since 1.0 */
    int (*spool_renew)(struct mansio_instance *pool, struct mansio_str holder,
                       const struct mansio_spool_item *const *items, size_t count,
                       int64_t duration_us, int64_t deadline_us);

    /** Bytes of a claimed item's message, prefix first; as message_read().
     * @return 0; MANSIO_E_DENIED if the claim was lost @yields yes @since 1.0 */
    int (*spool_read)(struct mansio_instance *pool, const struct mansio_spool_item *item,
                      uint64_t offset, size_t max, struct mansio_arena *arena, int64_t deadline_us,
                      struct mansio_str *out);

    /** End claims as their outcomes say, and commit what comes of them (bounces) in the same
     * transaction.
     * @param plan, content  as deliver(); NULL: nothing. An entry to SEND may have no account: it
     *                       is then sent on behalf of the first outcome's tenant
     * @return 0; MANSIO_E_DENIED if a claim was lost: nothing has changed @yields yes @since 1.0 */
    int (*spool_finish)(struct mansio_instance *pool, struct mansio_str holder,
                        const struct mansio_spool_outcome *outcomes, size_t count,
                        struct mansio_plan *plan, struct mansio_content *content,
                        int64_t deadline_us);

    /** Visit items, oldest first. @param tenant  empty: of all @yields yes @since 1.0 */
    int (*spool_list)(struct mansio_instance *pool, struct mansio_str tenant, mansio_spool_fn visit,
                      void *arg, int64_t deadline_us);

    /** Try an item now; the scheduler is told (topic "spool"). @return 0; MANSIO_E_NOT_FOUND;
     * MANSIO_E_BUSY: being tried
     * @yields yes @since 1.0 */
    int (*spool_retry)(struct mansio_instance *pool, uint64_t id, int64_t deadline_us);

    /** Remove an item, without a bounce. @return as spool_retry() @yields yes @since 1.0 */
    int (*spool_remove)(struct mansio_instance *pool, uint64_t id, int64_t deadline_us);

    /** Bytes of several messages, each whole, in one go: for who reads one after the other.
     * @param uids   ascending, at most MANSIO_READ_MANY_MAX
     * @param max    most bytes of all together, at most 1 MiB
     * @param arena  owns the bytes
     * @param out    @p count of them, in the order of @p uids; empty for one that isn't there, for
     *               those from which on @p max was too little, and for any that the store would
     *               rather give by message_read()
     * @return 0 @yields yes @since 1.0 */
    int (*message_read_many)(struct mansio_instance *pool, struct mansio_account *account,
                             uint64_t collection_id, const uint32_t *uids, size_t count, size_t max,
                             struct mansio_arena *arena, int64_t deadline_us,
                             struct mansio_str *out);

    /** Visit the messages that have a text, by UID.
     * @param uid_ranges  as in a query
     * @param visit       is_certain 0: what is kept of the message doesn't tell, its bytes must be
     *                    read (mansio_scan_new()). NULL in a table: no store of this provider can
     * @return 0; MANSIO_E_NOT_FOUND: no such collection; MANSIO_E_INVALID: no such key
     * @yields yes @since 1.0 */
    int (*message_search)(struct mansio_instance *pool, struct mansio_account *account,
                          uint64_t collection_id, const uint32_t *uid_ranges, size_t range_count,
                          const struct mansio_search_key *key, mansio_found_fn visit, void *arg,
                          int64_t deadline_us);

    /** Bytes of an item's message, prefix first, whoever has claimed it: for administration. As
     * spool_read() otherwise. @return 0; MANSIO_E_NOT_FOUND @yields yes @since 1.0 */
    int (*spool_look)(struct mansio_instance *pool, uint64_t id, uint64_t offset, size_t max,
                      struct mansio_arena *arena, int64_t deadline_us, struct mansio_str *out);

    /** A slice of each of several messages, in one go: for who reads headers, or other parts whose
     * place is known. NULL in a table: no store of this provider can.
     * @param slices  ascending by UID, each UID once, at most MANSIO_READ_MANY_MAX; together at
     *                most 1 MiB. Their bytes are filled in: empty for one that isn't there, or past
     *                the end, and for any that the store would rather give by message_read()
     * @param arena   owns the bytes
     * @return 0 @yields yes @since 1.0 */
    int (*message_read_slices)(struct mansio_instance *pool, struct mansio_account *account,
                               uint64_t collection_id, struct mansio_slice *slices, size_t count,
                               struct mansio_arena *arena, int64_t deadline_us);

    /** Commit several plans, each with a message of its own, in one transaction: a delivery, and
     * the report that tells of it. Says what became of each entry, as deliver(). NULL in a table:
     * no store of this provider can.
     * @param deliveries  1 to MANSIO_DELIVERIES_MAX
     * @return 0 once all of it is committed and flushed; else as deliver() without
     *         MANSIO_PLAN_EACH: what one entry can't, none of any plan does. MANSIO_E_INVALID: too
     *         many; or a plan with MANSIO_PLAN_EACH, as what one plan says of another's entries
     * must be so once it stands @yields yes @since 1.0 */
    int (*deliver_together)(struct mansio_instance *pool, const struct mansio_delivery *deliveries,
                            size_t count, int64_t deadline_us);

    /** Change how an item goes on, for administration. NULL in a table: no store of this provider
     * can. @param change  enum mansio_spool_change @return as spool_retry(); MANSIO_E_INVALID
     * @yields yes @since 1.0 */
    int (*spool_change)(struct mansio_instance *pool, uint64_t id, uint32_t change,
                        int64_t deadline_us);
};

#endif
