/*
 * Deliveries from the inside: plans taken apart by tenant, and groups of them.
 *
 * What one caller wants committed is a post. It has a letter for each of its messages, most often
 * one, and a part for each tenant of each letter.
 *
 *     deliver_plan.c   plans to post: what is to be written, by tenant; then what became of it
 *     deliver_send.c   posts to statements, answers to posts
 *     deliver.c        who waits, who sends, what happens after a failure
 */
#ifndef MANSIO_MODULES_POSTGRES_DELIVER_H
#define MANSIO_MODULES_POSTGRES_DELIVER_H

#include "store_private.h"

enum {
    PG_GROUP_MAX = 64,                          /* posts in a transaction */
    PG_GROUP_BYTES = MANSIO_CONTENT_MEMORY_MAX, /* of bodies in a transaction */
    PG_GROUP_STATEMENTS = 1024,                 /* in flight: a connection takes twice as many */
};

/* A message, and what shall become of it. */
struct pg_letter {
    struct pg_post *post;
    struct mansio_plan *plan;
    const struct mansio_plan_facts *facts;
    struct mansio_content *content;
    struct mansio_str body, structure, text;
    int64_t id, size;
    int is_large; /* its body is not in memory: in rows */
};

/* What a tenant's accounts get of a letter. Arrays have a place an entry. */
struct pg_part {
    struct pg_letter *letter;
    int64_t tenant;
    int is_simple; /* one entry, into an INBOX that is there or is made: DELIVER_ONE */
    /* entries of mailboxes, sorted by account */
    size_t count;
    size_t *entry; /* of the plan */
    int64_t *accounts, *quota_bytes, *quota_messages;
    int32_t *uses, *flags, *prefix_no, *prefix_bytes;
    struct mansio_str *names, *keywords;
    int64_t *ensure_ids; /* 0: make no collection */
    /* accounts, each once, ascending; open_ids: PG_OPEN_IDS each, for those not known to be open */
    size_t account_count;
    int64_t *locks;
    int64_t *open_ids;
    uint8_t *is_new;
    /* recipients elsewhere */
    size_t spool_count;
    size_t *spool_entry;
    int64_t *spool_ids;
    int32_t *spool_prefix_no, *spool_prefix_bytes;
    struct mansio_str *forward, *notify, *orcpt;
    struct mansio_str tenant_name;
    /* prefixes: the first is the message's own, the rest have numbers from 1 */
    size_t prefix_count;
    struct mansio_str *prefixes;
    int32_t *prefix_numbers;
    /* what came of it: UIDs (0: refused) */
    int64_t *uids, *targets, *modseqs, *held_bytes, *held_messages;
};

enum pg_post_state { PG_POST_NEW, PG_POST_QUEUED, PG_POST_SENT, PG_POST_DONE };

/* Whose an entry without account is. */
struct pg_behalf {
    int64_t tenant; /* 0: nobody's */
    struct mansio_str name;
};

/* Letters on their way, committed together. */
struct pg_post {
    struct pg_post *next; /* in the queue */
    struct mansio_arena *arena;
    struct mansio_event *event; /* done, or it is this one's turn to lead */
    enum pg_post_state state;
    int code;     /* DONE: what came of it */
    int is_alone; /* DONE, code BUSY: worth a transaction of its own, with patience */
    struct pg_behalf behalf;
    size_t letter_count;
    struct pg_letter *letters;
    int is_each;       /* entries stand or fall alone (MANSIO_PLAN_EACH): of a single letter */
    int is_large;      /* one of its letters is: it goes alone */
    int64_t bytes;     /* of bodies, as they are sent: once a part */
    size_t statements; /* that it may take, at most */
    size_t part_count;
    struct pg_part *parts; /* by letter and tenant */
};

/* Read plans: parts, ids. 0, then with part_count 0 there is nothing to do. @yields yes */
MANSIO_MUST_CHECK int pg_post_prepare(struct pg_post *post, struct pg_store *store,
                                      struct mansio_instance *pool, int64_t deadline_us);

/* It is committed: tell the plans, the bus, and what accounts hold. 1 if entries were refused,
 * whose outcome pg_post_explain() finds. */
int pg_post_done(struct pg_post *post, struct pg_store *store);

/* Why entries were refused: asks, and tells the plans. The first code. @yields yes */
int pg_post_explain(struct pg_post *post, struct pg_store *store, int64_t deadline_us);

/* Set the outcome of all its entries. */
void pg_post_fail(struct pg_post *post, int code);

/* pg_post_prepare() of a new post; then its arena is freed by the caller.
 * @param behalf  NULL: every entry has its account @yields yes */
MANSIO_MUST_CHECK int pg_post_new(struct pg_store *store, struct mansio_instance *pool,
                                  const struct mansio_delivery *deliveries, size_t count,
                                  const struct pg_behalf *behalf, int64_t deadline_us,
                                  struct pg_post **out);

/* Write a post within a transaction (pg_begin()) that others end. @yields yes */
MANSIO_MUST_CHECK int pg_post_within(struct pg_store *store, struct pg_conn *conn,
                                     struct pg_post *post, int64_t deadline_us);

/* A statement that was sent: of which part (NULL: of several). */
struct pg_sent {
    struct pg_part *part;
    unsigned id;
};

/* Send the statements of posts, without the Sync; receive their answers.
 * @param rounds_until_us  deadline of the round trips that a post of many statements takes within
 *                         pg_begin(); 0: all must go in one, and do within PG_GROUP_STATEMENTS
 * @param out_culprit  the post whose statement failed; NULL if none is to blame
 * @yields receive does, and send within pg_begin() */
MANSIO_MUST_CHECK int pg_group_send(struct pg_store *store, struct pg_conn *conn,
                                    struct pg_post *const *posts, size_t count,
                                    struct mansio_arena *arena, int64_t rounds_until_us,
                                    struct pg_sent **out_sent, size_t *out_sent_count);
MANSIO_MUST_CHECK int pg_group_receive(struct pg_conn *conn, const struct pg_sent *sent,
                                       size_t sent_count, int64_t deadline_us,
                                       struct pg_post **out_culprit);

#endif
