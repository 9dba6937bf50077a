/*
 * What the parts of the module share: items in hand, jobs, destinations, pools.
 *
 * An item is a recipient that we hold a claim of. A job is the items of one message that go to one
 * destination: one transaction. A destination is what shares connections and a fate: a domain, or a
 * relay that the settings name. A pool is a store with a spool.
 *
 *     pool.c         claims, renews, ends claims; one fiber a pool for each
 *     destination.c  queues of jobs, and who may connect how often
 *     attempt.c      a connection's fiber: takes jobs, finds hosts, gives outcomes
 *     client.c       SMTP
 *     finish.c       from outcomes to verdicts and reports
 */
#ifndef MANSIO_MODULES_OUTBOUND_OUTBOUND_H
#define MANSIO_MODULES_OUTBOUND_OUTBOUND_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/bus.h>
#include <mansio/fiber.h>
#include <mansio/map.h>
#include <mansio/module.h>
#include <mansio/store.h>

#include "options.h"
#include "reply.h"

enum ob_metric {
    OB_METRIC_SENT,
    OB_METRIC_DEFERRED,
    OB_METRIC_FAILED,
    OB_METRIC_EXPIRED,
    OB_METRIC_REPORTS,
    OB_METRIC_REPORTS_LOST,
    OB_METRIC_MESSAGES,
    OB_METRIC_SENT_BYTES,
    OB_METRIC_CONNECTIONS,
    OB_METRIC_CONNECTION_FAILURES,
    OB_METRIC_TLS,
    OB_METRIC_TLS_FAILURES,
    OB_METRIC_CLAIMED,
    OB_METRIC_PUT_BACK,
    OB_METRIC_CLAIMS_LOST,
    OB_METRIC_HELD,
    OB_METRIC_OPEN,
    OB_METRIC_DESTINATIONS,
    OB_METRIC_DEAD,
    OB_METRIC_TRANSACTION_SECONDS,
    OB_METRIC_AGE_SECONDS,
    OB_METRIC_COUNT,
};

extern const struct mansio_metric ob_metrics[];

/* ---- outcomes ------------------------------------------------------------------------------- */

enum ob_kind {
    OB_UNTRIED = 0, /* nothing was decided: it goes back as it was */
    OB_SENT = 1,
    OB_DEFERRED = 2,  /* 4yz, or nobody there */
    OB_REFUSED = 3,   /* 5yz, or nowhere to go */
    OB_AGAIN = 4,     /* not in this transaction, but at once in another */
    OB_POSTPONED = 5, /* its destination is left alone for now */
};

/** What became of an item, or why a connection ended. */
struct ob_outcome {
    uint32_t kind;
    char status[OB_STATUS_MAX];
    int has_dsn; /* SENT: the server will report itself (RFC 3461) */
    struct mansio_str remote;
    struct mansio_str reply;
    struct mansio_str reason;
};

/** Say what it is; texts are copied to @p arena, as far as there is room. NULLs and "": none. */
void ob_outcome_set(struct ob_outcome *outcome, struct mansio_arena *arena, uint32_t kind,
                    const char *status, struct mansio_str remote, struct mansio_str reply,
                    struct mansio_str reason);

/** The same of a reply: 4yz, 5yz, and what is neither where it shouldn't be.
 * @param status  where the reply has none of its own: the subject and detail, "1.0" */
void ob_outcome_reply(struct ob_outcome *outcome, struct mansio_arena *arena,
                      const struct ob_reply *reply, const char *subject, struct mansio_str remote);

/** One line of it for people: the reply, else the reason. In @p arena. */
struct mansio_str ob_outcome_text(const struct ob_outcome *outcome, struct mansio_arena *arena);

/* ---- items and jobs ------------------------------------------------------------------------- */

/** What one claim gave; lives as long as an item of it does. */
struct ob_batch {
    struct mansio_arena *arena;
    size_t live;
};

enum ob_state {
    OB_WAITING = 1, /* in a job: queued or being tried */
    OB_ENDING = 2,  /* the end of its claim is on its way */
    OB_LOST = 3,    /* the claim is somebody else's: nothing is done with it */
    OB_GONE = 4,    /* no longer ours to look at */
};

struct ob_item {
    struct ob_item *next; /* in its job, or on its way to its end */
    struct ob_item *held_next, *held_before;
    struct ob_batch *batch;
    struct ob_pool *pool;
    const struct mansio_spool_item *spool;
    struct mansio_str domain; /* one spelling, or a literal; empty: its path is none */
    uint32_t state;           /* enum ob_state */
    uint32_t verdict;         /* of its end: enum mansio_spool_verdict */
    int64_t next_us;
    struct mansio_str said; /* of its end, for people */
    struct ob_outcome outcome;
    uint32_t report; /* enum mansio_report_action; 0: none is due */
    int is_asked;    /* in the transaction that runs: RCPT was said for it */
};

struct ob_job {
    struct ob_job *next;
    struct ob_destination *destination;
    struct ob_item *items;
    size_t count;
};

enum { OB_DESTINATIONS_MAX = 100000 /* remembered */ };

/* ---- destinations --------------------------------------------------------------------------- */

struct ob_destination {
    struct ob_module *module;
    struct mansio_arena *arena;
    struct mansio_str key;
    struct ob_destination *next, *before; /* among those with jobs */
    int is_listed;
    struct ob_job *first, *last;
    size_t queued;               /* items in its jobs */
    size_t active;               /* connections */
    size_t starting;             /* of these, without a job as yet */
    size_t window;               /* most of them, for now */
    int is_proven;               /* it took mail when it was asked last */
    uint32_t failures;           /* in a row */
    int64_t retry_us;            /* monotonic: left alone until then */
    int64_t plain_until_us;      /* monotonic: STARTTLS doesn't work there */
    struct mansio_arena *memory; /* what `last_failure` is in */
    struct ob_outcome last_failure;
    size_t displaced;      /* items put back since there was no room */
    int64_t rate_since_us; /* monotonic */
    size_t rate_count;     /* items ended since */
    double rate;           /* a second */
    int64_t used_us;       /* monotonic: last */
};

/* ---- pools ---------------------------------------------------------------------------------- */

enum { OB_HOLDER_MAX = 127, OB_POOLS_MAX = 64 };

struct ob_pool {
    struct ob_module *module;
    struct mansio_arena *arena;
    struct mansio_store store;
    struct mansio_instance *instance;
    char holder[OB_HOLDER_MAX + 1];
    struct ob_item *held; /* all items in hand but those that are ending */
    size_t held_count;    /* those that are ending too */
    struct ob_item *ending_first, *ending_last;
    struct mansio_event *wake;   /* the claiming fiber: there is room, or it ends */
    struct mansio_event *ending; /* the ending fiber */
    struct mansio_subscription *hints;
    int64_t next_us;     /* wall clock: when there is something to claim */
    int64_t own_next_us; /* of what was ended since the last claim began: it is due then */
    int64_t renew_us;    /* monotonic: when claims are renewed */
    int64_t look_us;     /* monotonic: when the spool is looked at though nothing was said */
    int is_away;         /* the store has been: it was logged */
    int is_claiming;     /* items may come any time */
};

struct ob_module {
    struct mansio_instance *instance;
    struct mansio_arena *arena;
    struct ob_options *options;
    struct ob_pool *pools[OB_POOLS_MAX];
    size_t pool_count;
    struct mansio_group *connections;
    size_t open;                     /* connections */
    size_t unproven;                 /* of these, to destinations that took nothing as yet */
    size_t reporting;                /* fibers that make reports */
    struct mansio_map *destinations; /* by key */
    struct ob_destination *ready;    /* a ring of those with jobs */
    uint64_t chance;                 /* state of ob_chance() */
    int is_draining;
    int64_t drain_us; /* monotonic: its deadline */
};

/** Any number. */
uint32_t ob_random(struct ob_module *module);

/** Who a pool's claims are for. */
struct mansio_str ob_holder(const struct ob_pool *pool);

/** A deadline for a step of the store. */
int64_t ob_store_deadline(const struct ob_options *options);

/* ---- pool.c */

/** Begin to use the stores there are. @yields no */
MANSIO_MUST_CHECK int ob_pools_start(struct ob_module *module);

/** An item's claim is to end with its verdict; from now on it is the pool's. */
void ob_item_end(struct ob_item *item);

/** An item's claim has ended, or was lost: the item is gone. */
void ob_item_free(struct ob_item *item);

/** Claims may be made again, or all is to end. */
void ob_pools_wake(struct ob_module *module);

/* ---- destination.c */

/** Make jobs of items that were claimed together, and give them to their destinations. */
void ob_enqueue(struct ob_pool *pool, struct ob_item *const *items, size_t count);

/** Queue a job again, at the front. */
void ob_requeue(struct ob_job *job);

/** The next job of a destination; NULL: there is none. */
struct ob_job *ob_next_job(struct ob_destination *destination);

/** Open connections where jobs wait. */
void ob_pump(struct ob_module *module);

/** 1 if a connection should be given to another destination. */
int ob_is_wanted_elsewhere(const struct ob_destination *destination);

/** It answered: so many recipients were decided, and so many of them taken. */
void ob_destination_works(struct ob_destination *destination, size_t items, size_t sent);

/** It couldn't be reached: it is left alone for a time, and what is queued for it waits. */
void ob_destination_failed(struct ob_destination *destination, const struct ob_outcome *why);

/** A connection of it has ended. */
void ob_destination_leave(struct ob_destination *destination);

/** Give back all that is queued. */
void ob_destinations_drain(struct ob_module *module);

/* ---- attempt.c */

/** Start a connection's fiber. @return 0; MANSIO_E_LIMIT, MANSIO_E_CANCELLED */
MANSIO_MUST_CHECK int ob_attempt_start(struct ob_destination *destination);

/* ---- finish.c */

/** All items of a job have their outcome: from here on it is nobody's. @yields yes */
void ob_job_finish(struct ob_job *job, struct ob_options *options);

/** As ob_job_finish(), where there can be no waiting: reports are made by fibers of their own.
 * @yields no */
void ob_job_return(struct ob_job *job, struct ob_options *options);

#endif
