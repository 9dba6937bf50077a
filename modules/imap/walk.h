/*
 * Going through a set of UIDs in pieces, for commands whose answer is larger than what is held at a
 * time. Pure.
 */
#ifndef MANSIO_MODULES_IMAP_WALK_H
#define MANSIO_MODULES_IMAP_WALK_H

#include "parse.h"

struct imap_walk {
    const struct imap_set *set; /* UIDs that are there, ascending (imap_view_resolve()) */
    size_t at;                  /* range at hand */
    uint32_t next;              /* its first UID that was not taken; at most its last */
};

void imap_walk_init(struct imap_walk *walk, const struct imap_set *set);

/*
 * Take the next UIDs and go behind them.
 *
 * @param max     how many UIDs, at least 1
 * @param ranges  receives pairs of first and last
 * @param room    for so many pairs, at least 1
 * @return pairs; 0 at the end
 */
size_t imap_walk_take(struct imap_walk *walk, uint32_t max, uint32_t *ranges, size_t room);

/* Go where what lies behind a UID comes next. */
void imap_walk_behind(struct imap_walk *walk, uint32_t uid);

/* 1 if nothing is left. */
int imap_walk_is_at_end(const struct imap_walk *walk);

/* UIDs of a set. */
uint64_t imap_walk_count(const struct imap_set *set);

#endif
