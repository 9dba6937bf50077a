/*
 * From recipients to plans: one plan for each store, one entry for each account, however many
 * recipients lead to it. Inside delivery*.c alone.
 */
#ifndef MANSIO_MODULES_SMTP_DELIVERY_PLAN_H
#define MANSIO_MODULES_SMTP_DELIVERY_PLAN_H

#include "session.h"
#include "transaction.h"

#include <mansio/map.h>
#include <mansio/plan.h>
#include <mansio/store.h>

/* What goes to one store in one transaction. */
struct smtp_batch {
    struct smtp_batch *next;
    const struct mansio_store *store;
    struct mansio_instance *pool;
    struct mansio_plan *plan;
    struct mansio_map *owners; /* account, or path of what is sent, to struct smtp_recipient, the
                                * first that leads there */
};

/* A recipient that leads where an earlier one does: it is told the same. */
struct smtp_share {
    struct smtp_share *next;
    struct smtp_recipient *recipient;
    const struct smtp_recipient *owner;
};

struct smtp_delivery {
    struct smtp_session *session;
    struct smtp_transaction *transaction;
    struct mansio_str filter_prefix; /* header lines of filters */
    struct mansio_str received;      /* our Received field */
    struct smtp_batch *batches;      /* one a store, newest first */
    struct smtp_share *shares;       /* newest first */
    int64_t ended_us;                /* the last byte of the text */
    int64_t commit_us;               /* how long stores took */
};

/* Make plans of the recipients that nothing is said against. 0; MANSIO_E_LIMIT. */
int smtp_delivery_plan(struct smtp_delivery *delivery);

/* The batch that a recipient of the plan is in, or NULL. */
struct smtp_batch *smtp_delivery_batch(struct smtp_delivery *delivery,
                                       const struct smtp_recipient *recipient);

/* Give every entry of a recipient another action; @p reply: for REJECT. 0; MANSIO_E_LIMIT. */
int smtp_delivery_change(struct smtp_delivery *delivery, size_t recipient, uint32_t action,
                         struct mansio_str reply);

#endif
