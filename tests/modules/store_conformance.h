/*
 * What every store must do: named cases, run against the store behind some accounts. A case notes
 * its first failure and goes on harmlessly; so it needs no way out.
 *
 * Cases share accounts with earlier runs: they make collections of their own (sc_create()), and
 * judge differences. Each file holds the cases of one concept in a table of its own.
 */
#ifndef MANSIO_TESTS_MODULES_STORE_CONFORMANCE_H
#define MANSIO_TESTS_MODULES_STORE_CONFORMANCE_H

#include <mansio/blob.h>
#include <mansio/content.h>
#include <mansio/error.h>
#include <mansio/store.h>
#include <mansio/str.h>
#include <mansio/time.h>

/* An account, and what leads to its mail. */
struct sc_side {
    struct mansio_account *account;
    struct mansio_instance *pool;
    const struct mansio_store *store;
    const struct mansio_blob *blob;
};

struct sc {
    struct mansio_arena *arena;
    char prefix[40];        /* of names that this run makes */
    struct sc_side one;     /* user1@alpha.test */
    struct sc_side two;     /* user2@alpha.test */
    struct sc_side foreign; /* user1@beta.test */
    struct sc_side small;   /* small@alpha.test: a quota of 3 messages and 100,000 bytes */
    struct sc_side gone;    /* gone@alpha.test, whose account has gone since; NULL: not held */
    int failed;
    char failure[400];
};

struct sc_case {
    const char *name;
    void (*run)(struct sc *);
    int is_spool; /* for the service process */
};

struct sc_cases {
    const struct sc_case *cases;
    size_t count;
};

extern const struct sc_cases sc_collections, sc_messages, sc_changes, sc_bodies, sc_deliveries,
    sc_search, sc_spool, sc_isolation;

/* ---- saying what is wanted; only the first failure is kept ---- */

void sc_fail(struct sc *sc, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* What was found of a condition, of a code. */
int sc_want(struct sc *sc, int is_so, const char *text, const char *file, int line);
int sc_code(struct sc *sc, int found, int wanted, const char *text, const char *file, int line);

#define SC_WANT(sc, condition)                                                                     \
    ((void)sc_want((sc), (condition) ? 1 : 0, #condition, __FILE__, __LINE__))
#define SC_CODE(sc, call, wanted) ((void)sc_code((sc), (call), (wanted), #call, __FILE__, __LINE__))

/* The deadline of one call. */
int64_t sc_deadline(void);

/* The arguments that most calls begin with. */
#define SC_SIDE(side) (side).pool, (side).account

/* ---- shorthands; each notes a failure and then gives nothing ---- */

/* A name of this run. */
struct mansio_str sc_name(struct sc *sc, const char *name);
struct mansio_str sc_text(const char *text);
uint64_t sc_create(struct sc *sc, const struct sc_side *side, const char *name);
struct mansio_collection sc_get(struct sc *sc, const struct sc_side *side, uint64_t id);
uint64_t sc_inbox(struct sc *sc, const struct sc_side *side);
/* The id of the collection with a special use; 0: there is none. */
uint64_t sc_special(struct sc *sc, const struct sc_side *side, uint32_t special_use);
struct mansio_content *sc_content(struct sc *sc, struct mansio_str bytes);
/* Bytes that are nowhere the same, with NULs in them or as lines. */
struct mansio_str sc_noise(struct sc *sc, size_t size, int with_nul);
uint32_t sc_append(struct sc *sc, const struct sc_side *side, uint64_t collection,
                   const char *text);
uint32_t sc_append_with(struct sc *sc, const struct sc_side *side, uint64_t collection,
                        const char *text, uint32_t flags, const char *keywords);
/* Messages of a collection, all or some; copies. */
struct sc_list {
    size_t count;
    struct mansio_message messages[64];
};
struct sc_list *sc_messages_of(struct sc *sc, const struct sc_side *side, uint64_t collection,
                               const struct mansio_message_query *query);
struct sc_list *sc_all(struct sc *sc, const struct sc_side *side, uint64_t collection);
const struct mansio_message *sc_message(struct sc *sc, const struct sc_side *side,
                                        uint64_t collection, uint32_t uid);
/* All bytes of a message, read in slices of @p step. */
struct mansio_str sc_read(struct sc *sc, const struct sc_side *side, uint64_t collection,
                          uint32_t uid, size_t step);
uint64_t sc_modseq(struct sc *sc, const struct sc_side *side);
void sc_flag(struct sc *sc, const struct sc_side *side, uint64_t collection, uint32_t uid,
             uint32_t flags);
/* UIDs that a visitor was shown. */
struct sc_uids {
    size_t count;
    uint32_t uids[64];
};
int sc_note_uid(void *arg, uint32_t uid);
struct sc_uids *sc_expunge(struct sc *sc, const struct sc_side *side, uint64_t collection,
                           const uint32_t *ranges, size_t count, uint32_t only_deleted);
/* Whatever of an account can be seen, as one text: to compare before and after. */
struct mansio_str sc_dump(struct sc *sc, const struct sc_side *side);

/* ---- plans ---- */

struct mansio_plan *sc_plan(struct sc *sc, uint32_t flags);
/* An entry for one more recipient. */
void sc_plan_add(struct sc *sc, struct mansio_plan *plan, const struct sc_side *side,
                 const struct mansio_plan_entry *entry);
int sc_deliver(struct sc *sc, const struct sc_side *side, struct mansio_plan *plan,
               struct mansio_str bytes);
const struct mansio_plan_outcome *sc_outcome(struct sc *sc, struct mansio_plan *plan, size_t index);
/* Fill the small account to its last message. */
void sc_fill_small(struct sc *sc);

#endif
