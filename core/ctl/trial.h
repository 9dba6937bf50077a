/*
 * A change of policy tried out: the accounts of a scope before it and after it, and who of them
 * would lose or gain a service. Pure: the directory is read, and the sessions are asked for,
 * elsewhere.
 *
 * "Can get in" is judged optimistically: in some way, from somewhere, at some time. Accounts with
 * the same words are judged once.
 */
#ifndef MANSIO_CORE_CTL_TRIAL_H
#define MANSIO_CORE_CTL_TRIAL_H

#include "core/host/policy.h"
#include <mansio/arena.h>
#include <mansio/policy.h>

enum core_ctl_turn {
    CORE_CTL_TURN_NONE = 0,
    CORE_CTL_TURN_LOSES = 1,  /* could get in some way, can no more */
    CORE_CTL_TURN_GAINS = 2,  /* couldn't get in at all, can in some way */
    CORE_CTL_TURN_FEWER = 3,  /* some ways in are gone, some are left */
    CORE_CTL_TURN_MORE = 4,   /* there are more ways in than before */
    CORE_CTL_TURN_OTHERS = 5, /* some ways in are gone, others are new */
};
enum { CORE_CTL_TURNS = 6 };

/* "loses", ... "" for none. */
const char *core_ctl_turn_name(uint32_t turn);

/* All accounts with the same words for a service. Opaque. */
struct core_ctl_class;

struct core_ctl_tried {
    struct mansio_str address, tenant;
    int is_active;                       /* else nobody gets in before or after */
    const struct core_ctl_class *before; /* NULL: it isn't there */
    const struct core_ctl_class *after;
    uint32_t turn; /* enum core_ctl_turn, once judged */
    struct core_ctl_tried *next;
};

struct core_ctl_trial {
    struct mansio_arena *arena;
    struct mansio_str service;
    int64_t now_us;             /* wall clock */
    struct mansio_map *classes; /* by their words, spelled out */
    struct mansio_map *pairs;   /* judged ones */
    struct mansio_map *accounts;
    struct core_ctl_tried *first, **last; /* in the order they came */
    size_t counts[CORE_CTL_TURNS];        /* of active accounts, once judged */
    size_t seen;
};

/* @p arena holds all of it; @p service is borrowed. */
struct core_ctl_trial *core_ctl_trial_new(struct mansio_arena *arena, struct mansio_str service,
                                          int64_t now_us);

/* An account as it is (is_after 0), or would be (1). 0; MANSIO_E_LIMIT; MANSIO_E_UNAVAILABLE: words
 * that can't be judged. */
MANSIO_MUST_CHECK int core_ctl_trial_add(struct core_ctl_trial *trial, int is_after,
                                         const struct mansio_standing *standing);

/* All accounts are there: who turns how. 0; MANSIO_E_LIMIT. */
MANSIO_MUST_CHECK int core_ctl_trial_judge(struct core_ctl_trial *trial);

/* A session that is in: 1 if it would have to go; 0 if it may stay, or couldn't be in before. @p
 * facts' service and now_us are the trial's. */
int core_ctl_trial_ends(const struct core_ctl_trial *trial, struct mansio_str address,
                        const struct core_policy_facts *facts);

#endif
