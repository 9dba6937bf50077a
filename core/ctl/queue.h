/*
 * What the commands about the queue share: which messages a command line means, and how one
 * is shown. The queue is what lies in the spools of all configured stores, an item a recipient.
 */
#ifndef MANSIO_CORE_CTL_QUEUE_H
#define MANSIO_CORE_CTL_QUEUE_H

#include "core/ctl/ctl.h"
#include <jansson.h>
#include <mansio/store.h>

enum { CORE_CTL_QUEUE_IDS_MAX = 256 };

/* How an item stands. */
enum core_ctl_queue_state {
    CORE_CTL_QUEUE_ANY, /* of a filter */
    CORE_CTL_QUEUE_DUE,
    CORE_CTL_QUEUE_WAITING, /* for its next attempt */
    CORE_CTL_QUEUE_SENDING, /* right now */
    CORE_CTL_QUEUE_HELD,    /* until it is released */
};

/* Which items: those of the ids, if there are any, else all that match what is given. */
struct core_ctl_queue {
    uint64_t ids[CORE_CTL_QUEUE_IDS_MAX];
    size_t id_count;
    const char *tenant, *sender, *recipient, *domain; /* NULL: any */
    struct mansio_str domain_normal;                  /* the domain's other spelling */
    const char *reply;                                /* in the last reply, in any case */
    enum core_ctl_queue_state state;
    int64_t before_us; /* spooled before; 0: whenever */
    int64_t now_us;
    int is_filtered; /* any of them is given */
};

/* Called with each item that is meant, and the store that it is in. As mansio_spool_fn. */
typedef int (*core_ctl_queue_fn)(void *arg, size_t store, const struct mansio_spool_item *item);

/* Read the operand (ids, blanks between) and the options. 0; MANSIO_E_INVALID. */
MANSIO_MUST_CHECK int core_ctl_queue_read(struct core_ctl *ctl, const struct core_ctl_args *args,
                                          struct core_ctl_queue *out);

/* Visit the items that are meant, store by store, the oldest of each first. */
MANSIO_MUST_CHECK int core_ctl_queue_visit(struct core_ctl *ctl, const struct core_ctl_queue *queue,
                                           core_ctl_queue_fn visit, void *arg);

/* The domain that an item is to go to, as it is written; a literal with its brackets. */
struct mansio_str core_ctl_queue_domain(const struct mansio_spool_item *item);

enum core_ctl_queue_state core_ctl_queue_state(const struct mansio_spool_item *item,
                                               int64_t now_us);

/* An item as JSON. Never NULL. */
json_t *core_ctl_queue_json(struct mansio_arena *arena, const struct mansio_spool_item *item,
                            int64_t now_us);

#endif
