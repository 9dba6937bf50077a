/*
 * The store from the inside: what its files share.
 *
 * Files: store.c life cycle; store_op.c what functions share; collection.c, message.c, reading.c,
 * changing.c, appending.c, changes.c, deliver*.c, spool.c and blob.c the functions; ids.c, seen.c;
 * sweep.c.
 */
#ifndef MANSIO_MODULES_POSTGRES_STORE_PRIVATE_H
#define MANSIO_MODULES_POSTGRES_STORE_PRIVATE_H

#include "ids.h"
#include "postgres.h"
#include "seen.h"
#include "store_sql.h"

#include <mansio/account.h>
#include <mansio/blob.h>
#include <mansio/error.h>
#include <mansio/store.h>
#include <mansio/str.h>
#include <mansio/sync.h>
#include <mansio/time.h>

struct pg_body_cache;
struct pg_post;

enum {
    PG_CHUNK_BYTES = 262144, /* of a blob that is kept in rows */
    PG_READ_MAX = 1048576,   /* <mansio/store.h>: most bytes of one read */
    PG_NAME_MAX = 1000,      /* of a collection, bytes */
    PG_LEVELS_MAX = 100,
    PG_PAGE = 4096, /* entries of a collection that one statement reads or changes */
};

/* A blob's storage. */
enum { PG_STORAGE_INLINE = 1, PG_STORAGE_CHUNKS = 2 };

enum { PG_TURNS = 4096 };

struct pg_store {
    struct pg *pg;
    struct mansio_arena *arena; /* start to stop */
    struct pg_pool *delivery;   /* one connection: groups go one after the other */
    struct pg_ids *ids;
    struct pg_seen *seen;
    struct pg_body_cache *bodies;
    /* Posts that wait for a group, oldest first; is_led while a fiber sends one. */
    struct pg_post *first, *last;
    int is_led;
    int is_draining; /* nothing is remembered for later any more */
    size_t users;    /* what runs, until it is stopped; fibers that deliver, or have a connection */
    struct mansio_mutex *patience; /* of who waits for an account that somebody keeps locked */
    /* How many connections an account has now, and how many fibers wait for one more. Accounts
     * share a place by chance, and then wait for each other, too. */
    struct pg_turns {
        uint32_t held, waiting;
    } turns[PG_TURNS];
    struct pg_turn *turn_first, **turn_end; /* who waits, oldest first */
};

/* Settings of the store. */
size_t pg_store_collections_max(const struct pg *pg);
int pg_store_keeps_text(const struct pg *pg);

/* The tables that are offered. */
extern const struct mansio_store pg_store_table;
extern const struct mansio_blob pg_blob_table;

/* ---- one function of the interface, on one account ------------------------------------------ */

struct pg_op {
    struct pg *pg;
    struct pg_store *store;
    const struct mansio_account_facts *facts;
    int64_t tenant, account;
    int64_t deadline_us;
    struct pg_conn *conn; /* NULL before pg_op_begin() */
    int has_turn;         /* to have one */
};

/* Whose, and until when. MANSIO_E_UNAVAILABLE before start(), MANSIO_E_BUG for the account of
 * another pool. */
MANSIO_MUST_CHECK int pg_op_init(struct pg_op *op, struct mansio_instance *pool,
                                 struct mansio_account *account, int64_t deadline_us);

/* pg_op_init(), and the account opened: its state and collections made at first need. What needs
 * ids takes them between this and pg_op_borrow(): to lease their number takes a connection, and
 * whoever waits for one while it holds one may wait for itself. @yields yes */
MANSIO_MUST_CHECK int pg_op_open(struct pg_op *op, struct mansio_instance *pool,
                                 struct mansio_account *account, int64_t deadline_us);

/* A connection with the tenant set. Then pg_op_end(). An account has a half of them at most, in a
 * process: sessions that wait for its lock would keep all, and everybody else waiting. @yields yes
 */
MANSIO_MUST_CHECK int pg_op_borrow(struct pg_op *op);

/* Between two pages of what may be long: whoever waits for a connection has a turn. None is lent
 * after a failure. @yields yes */
MANSIO_MUST_CHECK int pg_op_turn(struct pg_op *op);

/* Both. @yields yes */
MANSIO_MUST_CHECK int pg_op_begin(struct pg_op *op, struct mansio_instance *pool,
                                  struct mansio_account *account, int64_t deadline_us);

/* Give the connection back. Returns @p rc. */
int pg_op_end(struct pg_op *op, int rc);

/* Whoever uses a store between these keeps its memory, also once it is stopped. */
void pg_store_enter(struct pg_store *store);
void pg_store_leave(struct pg_store *store);

/* Whoever waits for a turn is told that the store is stopped, and doesn't look at it again. */
void pg_turns_close(struct pg_store *store);

/* Tenant and account as the first two parameters. */
void pg_op_params(const struct pg_op *op, struct pg_params *params);

/* Send ACCOUNT_LOCK; its result is the next to receive. */
MANSIO_MUST_CHECK int pg_op_lock(struct pg_op *op);

/* The result of ACCOUNT_LOCK. 0; MANSIO_E_NOT_FOUND: the account is gone. @yields yes */
MANSIO_MUST_CHECK int pg_op_locked(struct pg_op *op);

/* Lock, one statement, commit. @yields yes
 * @param out  may be NULL; valid until the connection's next use */
MANSIO_MUST_CHECK int pg_op_change(struct pg_op *op, unsigned id, const struct pg_params *params,
                                   const struct pg_result **out);

/* Parameters of ACCOUNT_OPEN. Arrays in @p arena. */
enum { PG_OPEN_IDS = 5 }; /* new ids that it takes: INBOX has the account's */
void pg_open_params(struct pg_params *params, struct mansio_arena *arena, int64_t tenant,
                    int64_t account, const int64_t ids[PG_OPEN_IDS]);

/* Tell the bus: topic "collection/ACCOUNT", payload "COLLECTION MODSEQ" (modseq 0: not known). */
void pg_tell(int64_t account, int64_t collection, int64_t modseq);

/* ---- names, ranges, keywords ---------------------------------------------------------------- */

/* A collection's name as it is kept ("INBOX" in any case is "INBOX"). 0; MANSIO_E_INVALID. */
MANSIO_MUST_CHECK int pg_name_check(struct mansio_str name, struct mansio_str *out);

/* 1 if UTF-8 without NUL. */
int pg_is_text(struct mansio_str s);

/* Words of keywords, in @p arena. 0; MANSIO_E_INVALID; MANSIO_E_LIMIT. */
MANSIO_MUST_CHECK int pg_keywords(struct mansio_arena *arena, struct mansio_str keywords,
                                  const struct mansio_str **out, size_t *out_count);

/* UID ranges, taken apart into batches that one statement may take: many short ones, or one that
 * is cut where the page is full. */
struct pg_walk {
    const uint32_t *ranges;
    size_t count, next;
    int64_t lo, hi;    /* what is left of the range in hand; lo > hi: nothing */
    int64_t last, end; /* greatest UID there is, and the first not to look at */
    int64_t los[PG_PAGE / 16], his[PG_PAGE / 16];
    size_t batch;
    int is_cut; /* one range, of which a page may not be all */
};

/* Begin. @p last: greatest UID there is (what "*" means); @p end: UIDs from there on are left
 * alone; both INT64_MAX when not known: pg_walk_needs_probe() must be 0 then. */
void pg_walk_init(struct pg_walk *walk, const uint32_t *ranges, size_t count, int64_t last,
                  int64_t end);
/* 1 if what "*" is must be known. */
int pg_walk_needs_probe(const uint32_t *ranges, size_t count);
/* The next batch into los, his, batch. 0 at the end. */
int pg_walk_next(struct pg_walk *walk);
/* What a statement gave: so many, the last with this UID. */
void pg_walk_got(struct pg_walk *walk, size_t rows, int64_t uid);
/* The batch as the parameters $4 to $6. */
void pg_walk_params(const struct pg_walk *walk, struct pg_params *params,
                    struct mansio_arena *arena);

/* What PROBE says of a collection. 0; MANSIO_E_NOT_FOUND. @yields yes */
struct pg_probe {
    int64_t uid_next, uid_validity, modseq, last_uid;
};
MANSIO_MUST_CHECK int pg_probe_send(struct pg_op *op, uint64_t collection);
MANSIO_MUST_CHECK int pg_probe_receive(struct pg_op *op, struct pg_probe *out);
MANSIO_MUST_CHECK int pg_probe(struct pg_op *op, uint64_t collection, struct pg_probe *out);

/* An entry from a row whose first columns are those of MESSAGE_LIST. */
void pg_message_fill(struct mansio_message *out, const struct pg_result *result, size_t row);

/* Bytes that a statement gives in two columns of one row, one behind the other, in @p arena. 0;
 * MANSIO_E_NOT_FOUND, without a detail: no row. @yields yes */
MANSIO_MUST_CHECK int pg_bytes_ask(struct pg_conn *conn, unsigned id,
                                   const struct pg_params *params, struct mansio_arena *arena,
                                   int64_t deadline_us, struct mansio_str *out);
/* Offset and number of bytes of a read, within bounds. */
void pg_add_window(struct pg_params *params, uint64_t offset, size_t max);

/* Rows of a blob that is too large to be one value, from a content. Within pg_begin(). @yields yes
 */
MANSIO_MUST_CHECK int pg_chunks_add(struct pg_conn *conn, int64_t tenant, int64_t blob,
                                    struct mansio_content *content, int64_t deadline_us);

/* ---- functions of the interface, by file ---------------------------------------------------- */

int pg_collection_list(struct mansio_instance *pool, struct mansio_account *account, uint32_t kind,
                       mansio_collection_fn visit, void *arg, int64_t deadline_us);
int pg_collection_find(struct mansio_instance *pool, struct mansio_account *account,
                       struct mansio_str name, struct mansio_arena *arena, int64_t deadline_us,
                       struct mansio_collection *out);
int pg_collection_get(struct mansio_instance *pool, struct mansio_account *account, uint64_t id,
                      struct mansio_arena *arena, int64_t deadline_us,
                      struct mansio_collection *out);
int pg_collection_create(struct mansio_instance *pool, struct mansio_account *account,
                         uint32_t kind, struct mansio_str name, uint32_t special_use,
                         int64_t deadline_us, uint64_t *out_id);
int pg_collection_rename(struct mansio_instance *pool, struct mansio_account *account, uint64_t id,
                         struct mansio_str name, int64_t deadline_us);
int pg_collection_remove(struct mansio_instance *pool, struct mansio_account *account, uint64_t id,
                         int64_t deadline_us);
int pg_subscribe(struct mansio_instance *pool, struct mansio_account *account,
                 struct mansio_str name, uint32_t is_subscribed, int64_t deadline_us);
int pg_subscription_list(struct mansio_instance *pool, struct mansio_account *account,
                         int (*visit)(void *arg, struct mansio_str name), void *arg,
                         int64_t deadline_us);
int pg_recent_claim(struct mansio_instance *pool, struct mansio_account *account,
                    uint64_t collection_id, int64_t deadline_us, uint32_t *out_from);
int pg_message_list(struct mansio_instance *pool, struct mansio_account *account,
                    uint64_t collection_id, const struct mansio_message_query *query,
                    mansio_message_fn visit, void *arg, int64_t deadline_us);
int pg_message_read_many(struct mansio_instance *pool, struct mansio_account *account,
                         uint64_t collection_id, const uint32_t *uids, size_t count, size_t max,
                         struct mansio_arena *arena, int64_t deadline_us, struct mansio_str *out);
int pg_message_read_slices(struct mansio_instance *pool, struct mansio_account *account,
                           uint64_t collection_id, struct mansio_slice *slices, size_t count,
                           struct mansio_arena *arena, int64_t deadline_us);
int pg_message_read(struct mansio_instance *pool, struct mansio_account *account,
                    uint64_t collection_id, uint32_t uid, uint64_t offset, size_t max,
                    struct mansio_arena *arena, int64_t deadline_us, struct mansio_str *out);
int pg_message_text(struct mansio_instance *pool, struct mansio_account *account,
                    uint64_t collection_id, uint32_t uid, struct mansio_arena *arena,
                    int64_t deadline_us, struct mansio_str *out);
int pg_message_search(struct mansio_instance *pool, struct mansio_account *account,
                      uint64_t collection_id, const uint32_t *uid_ranges, size_t range_count,
                      const struct mansio_search_key *key, mansio_found_fn visit, void *arg,
                      int64_t deadline_us);
int pg_message_flag(struct mansio_instance *pool, struct mansio_account *account,
                    uint64_t collection_id, const struct mansio_flag_change *change,
                    mansio_message_fn visit, mansio_uid_fn refused, void *arg, int64_t deadline_us);
int pg_message_append(struct mansio_instance *pool, struct mansio_account *account,
                      uint64_t collection_id, struct mansio_append *messages, size_t count,
                      int64_t deadline_us, uint32_t *out_uid_validity);
int pg_message_copy(struct mansio_instance *pool, struct mansio_account *account, uint64_t from_id,
                    const uint32_t *uid_ranges, size_t range_count, uint64_t to_id, uint32_t flags,
                    mansio_copied_fn visit, void *arg, int64_t deadline_us,
                    uint32_t *out_uid_validity);
int pg_message_expunge(struct mansio_instance *pool, struct mansio_account *account,
                       uint64_t collection_id, const uint32_t *uid_ranges, size_t range_count,
                       uint32_t only_deleted, mansio_uid_fn visit, void *arg, int64_t deadline_us);
int pg_changes(struct mansio_instance *pool, struct mansio_account *account, uint64_t collection_id,
               uint64_t since, mansio_change_fn visit, void *arg, int64_t deadline_us);
int pg_usage(struct mansio_instance *pool, struct mansio_account *account, int64_t deadline_us,
             struct mansio_usage *out);
int pg_may_deliver(struct mansio_instance *pool, struct mansio_account *account, uint64_t bytes,
                   int64_t deadline_us);
int pg_deliver(struct mansio_instance *pool, struct mansio_plan *plan,
               struct mansio_content *content, int64_t deadline_us);
int pg_deliver_together(struct mansio_instance *pool, const struct mansio_delivery *deliveries,
                        size_t count, int64_t deadline_us);
int pg_spool_claim(struct mansio_instance *pool, struct mansio_str holder, size_t max,
                   int64_t duration_us, struct mansio_arena *arena, int64_t deadline_us,
                   const struct mansio_spool_item *const **out, size_t *out_count,
                   int64_t *out_next_us);
int pg_spool_renew(struct mansio_instance *pool, struct mansio_str holder,
                   const struct mansio_spool_item *const *items, size_t count, int64_t duration_us,
                   int64_t deadline_us);
int pg_spool_read(struct mansio_instance *pool, const struct mansio_spool_item *item,
                  uint64_t offset, size_t max, struct mansio_arena *arena, int64_t deadline_us,
                  struct mansio_str *out);
int pg_spool_finish(struct mansio_instance *pool, struct mansio_str holder,
                    const struct mansio_spool_outcome *outcomes, size_t count,
                    struct mansio_plan *plan, struct mansio_content *content, int64_t deadline_us);
int pg_spool_list(struct mansio_instance *pool, struct mansio_str tenant, mansio_spool_fn visit,
                  void *arg, int64_t deadline_us);
int pg_spool_retry(struct mansio_instance *pool, uint64_t id, int64_t deadline_us);
int pg_spool_remove(struct mansio_instance *pool, uint64_t id, int64_t deadline_us);
int pg_spool_change(struct mansio_instance *pool, uint64_t id, uint32_t change,
                    int64_t deadline_us);
int pg_spool_look(struct mansio_instance *pool, uint64_t id, uint64_t offset, size_t max,
                  struct mansio_arena *arena, int64_t deadline_us, struct mansio_str *out);

#endif
