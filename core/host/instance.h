/*
 * Instances from the inside: one configured use of a module, and what the set of a process knows
 * of all of them together. For instance.c, interface.c and modules*.c alone.
 */
#ifndef MANSIO_CORE_HOST_INSTANCE_H
#define MANSIO_CORE_HOST_INSTANCE_H

#include "core/base/context.h"
#include "core/host/module_file.h"
#include <mansio/interface.h>

/* In order: a later phase never goes back. */
enum core_phase {
    CORE_PHASE_NEW = 0,
    CORE_PHASE_LOADING = 1, /* load() runs: the one time to provide interfaces */
    CORE_PHASE_LOADED = 2,
    CORE_PHASE_STARTING = 3, /* from here on interfaces may be used */
    CORE_PHASE_RUNNING = 4,
    CORE_PHASE_DRAINING = 5,
    CORE_PHASE_STOPPED = 6,
};

struct mansio_instance {
    struct core_log_fields fields; /* what log lines of its fibers carry */
    struct mansio_str name;
    struct core_modules *set;
    const struct core_module_code *code;
    struct mansio_arena *arena;
    struct mansio_group *group; /* from start to stop */
    const struct mansio_settings *settings;
    struct mansio_arena *settings_arena;
    struct mansio_arena *retired_arena; /* of the settings before the present ones */
    uint32_t metrics;                   /* handle of metrics.c */
    uint32_t phase;
    int is_placed; /* in core_modules.order */
    void *data;
};

/* An interface that an instance offers. */
struct core_offer {
    struct core_offer *next;
    struct mansio_instance *instance;
    struct mansio_str name;
    uint32_t version;
    const void *table; /* begins with its size */
};

struct core_modules {
    struct mansio_arena *arena;
    struct mansio_instance **instances; /* in the configuration's order */
    struct mansio_instance **order;     /* providers before who requires them */
    size_t count;
    size_t started; /* of order: how many start() was called for */
    struct core_offer *first_offer, *last_offer;
};

/* ---- instance.c: calls into a module, each with the instance in the log context ---- */

MANSIO_MUST_CHECK int core_instance_new(struct core_modules *set, struct mansio_str name,
                                        const struct core_module_code *code,
                                        struct mansio_instance **out);
MANSIO_MUST_CHECK int core_instance_load(struct mansio_instance *instance);
MANSIO_MUST_CHECK int core_instance_start(struct mansio_instance *instance, uint32_t role);
/* A failure is logged: the new settings stand. */
int core_instance_reconfigure(struct mansio_instance *instance);
void core_instance_drain(struct mansio_instance *instance, int64_t deadline_us);
/* Close the group, call stop() if start() was called, end the arena. Yields. */
void core_instance_stop(struct mansio_instance *instance);

/* mansio_fail() with "instance NAME (FILE): " and the detail recorded before. */
int core_instance_fail(const struct mansio_instance *instance, int code, const char *doing);

/* ---- interface.c: the registry ---- */

/* First offer of a name and version after @p from (NULL: from the first); version 0 for any. */
const struct core_offer *core_offer_find(const struct core_modules *set,
                                         const struct core_offer *from, struct mansio_str name,
                                         uint32_t version);

/* The table of an offer in the reader's size: what both know, then zeros; its first field becomes
 * the size that both know. */
void core_offer_copy(const struct core_offer *offer, void *table, size_t table_size);

/* "store/1 (pg), store/2 (new)": who offers a name in any version; "nothing of that name". */
enum { CORE_OFFERS_TEXT_MAX = 256 };
const char *core_offers_describe(const struct core_modules *set, struct mansio_str name,
                                 char out[CORE_OFFERS_TEXT_MAX]);

/* Are all interfaces there that the instances' notes require? MANSIO_E_NOT_FOUND. */
MANSIO_MUST_CHECK int core_offers_check(const struct core_modules *set);

/* ---- modules_order.c ---- */

/* Fill set->order. MANSIO_E_INVALID if instances require each other in a circle. */
MANSIO_MUST_CHECK int core_modules_sort(struct core_modules *set);

/* Put those first in set->order that offer one of these interfaces, and whom they require, else as
 * they were. Returns how many. */
size_t core_modules_sort_needed(struct core_modules *set, const char *const *interfaces);

#endif
