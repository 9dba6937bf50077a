/*
 * Standings by account, in this process: what bears on an account, as the directory told it, made
 * ready to be judged, until something changes. Whoever has sessions *holds* its standing; some that
 * nobody holds are kept for the next login.
 *
 * A standing is *fresh* from when it was read until a change touches it. One that is touched while
 * it is being read is read again: what was read may be from before. So whoever finds it fresh and
 * judges without waiting in between has judged by what a later change will be seen to touch.
 */
#ifndef MANSIO_CORE_HOST_STANDING_H
#define MANSIO_CORE_HOST_STANDING_H

#include "core/base/list.h"
#include "core/host/policy.h"
#include <mansio/arena.h>
#include <mansio/policy.h>

enum { CORE_STANDINGS_AT_ONCE = 1000 }; /* that a directory is asked for (mansio/directory.h) */

/* Words that many accounts share: kept once. */
struct core_rules {
    struct mansio_arena *arena;
    const struct core_policy *policy;
    struct mansio_str plan;
    struct mansio_str key; /* all of it as bytes */
    size_t refs;
};

/* An account's credential; services as one text, separated by one space, empty for all. */
struct core_standing_credential {
    uint64_t id, version;
    int64_t expires_us; /* wall clock; 0: never */
    uint32_t kind;
    uint32_t services_len;
    const char *services;
};

struct core_standing {
    uint64_t key[2];        /* tenant and account */
    struct core_list every; /* of all */
    struct core_list queue; /* of those to be read again, or of those that nobody holds */
    uint32_t holds;
    uint32_t drops; /* changes that touched it */
    uint32_t state; /* enum mansio_state; 0: there is no such account (any more) */
    uint8_t is_known;
    uint8_t is_fresh;
    uint8_t is_taken;   /* somebody reads it for the gate */
    int64_t dropped_us; /* monotonic: since when it is known, but not fresh */
    int64_t until_us;   /* the gate's, wall clock: when a verdict by it ends first */
    uint32_t count;     /* of credentials */
    struct core_standing_credential *credentials;
    struct core_rules *rules; /* NULL while it isn't known */
};

/* The standing of an account; not known if it is new. Never NULL. */
struct core_standing *core_standing_hold(uint64_t tenant_id, uint64_t account_id);
void core_standing_release(struct core_standing *standing);

/* Have it fresh: read it, if it isn't, until it is. The caller holds it. 0; MANSIO_E_UNAVAILABLE;
 * MANSIO_E_TIMEOUT; MANSIO_E_CANCELLED; MANSIO_E_LIMIT. Yields unless it is fresh. */
MANSIO_MUST_CHECK int core_standing_need(struct core_standing *standing, int64_t deadline_us);

/* Read some, at most CORE_STANDINGS_AT_ONCE, all held by the caller; those that a change touches
 * meanwhile don't become fresh. What is too much at once is read in parts. 0, or why some or all
 * could not be had. Yields. */
MANSIO_MUST_CHECK int core_standings_load(struct core_standing *const *standings, size_t count,
                                          int64_t deadline_us);

/* Something changed: what it touches is fresh no more; what of that is held waits to be taken. One
 * fiber at a time. 0 or MANSIO_E_CANCELLED. May yield. */
MANSIO_MUST_CHECK int core_standings_drop(const struct mansio_standing_changes *changes,
                                          int is_all);

/* How many changes there were that touched more than one account. */
uint64_t core_standings_wide_drops(void);

/* The same of one, which knows its hours no further. */
void core_standing_drop(struct core_standing *standing);

/* Take some that wait to be read, first come first; each is held for the caller. And put one back,
 * read or not: one that isn't fresh waits again. */
size_t core_standings_take(struct core_standing **out, size_t max);
void core_standing_put_back(struct core_standing *standing);

/* How many wait; and how many wait or are taken. */
size_t core_standings_waiting(void);
size_t core_standings_pending(void);

/* Visit all that are held; @p visit must not yield, but this does. One fiber at a time, which is
 * not in core_standings_drop(). 0 or MANSIO_E_CANCELLED. */
typedef void (*core_standing_fn)(void *arg, struct core_standing *standing);
MANSIO_MUST_CHECK int core_standings_visit(core_standing_fn visit, void *arg);

/* Forget all that nobody holds: at the process's end, and for tests. */
void core_standings_forget(void);
size_t core_standings_count(void);

/* 1 if the directory tells standings and what changes in them. */
int core_standings_are_told(void);

/* ---- standing_rules.c ---- */

/* The rules of a standing: shared, if somebody has the same. 0; MANSIO_E_UNAVAILABLE: words that
 * can't be read; MANSIO_E_LIMIT. */
MANSIO_MUST_CHECK int core_rules_take(const struct mansio_standing *standing,
                                      struct core_rules **out);
void core_rules_give(struct core_rules *rules); /* NULL does nothing */
size_t core_rules_count(void);

#endif
