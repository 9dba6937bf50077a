/*
 * Sets of UIDs or numbers as ascending, disjoint ranges (struct imap_set): gathering and combining
 * them. Pure. All that return int: 0, or MANSIO_E_LIMIT when the arena is full.
 */
#ifndef MANSIO_MODULES_IMAP_RANGES_H
#define MANSIO_MODULES_IMAP_RANGES_H

#include "parse.h"

/* Members, and whether one is among them. */
uint64_t imap_set_count(const struct imap_set *set);
int imap_set_has(const struct imap_set *set, uint32_t member);

MANSIO_MUST_CHECK int imap_set_intersect(struct mansio_arena *arena, const struct imap_set *a,
                                         const struct imap_set *b, struct imap_set *out);
/* What is in @p a and not in @p b. */
MANSIO_MUST_CHECK int imap_set_subtract(struct mansio_arena *arena, const struct imap_set *a,
                                        const struct imap_set *b, struct imap_set *out);
MANSIO_MUST_CHECK int imap_set_unite(struct mansio_arena *arena, const struct imap_set *a,
                                     const struct imap_set *b, struct imap_set *out);

/* A set that grows. Cheap while members come in ascending order; any order will do. */
struct imap_gather {
    struct mansio_arena *arena;
    struct imap_set set; /* whole once imap_gather_end() was called */
    size_t space;
    uint32_t is_unsorted;
};
MANSIO_MUST_CHECK int imap_gather_add(struct imap_gather *gather, uint32_t first, uint32_t last);
void imap_gather_end(struct imap_gather *gather);

/* A set in pieces of at most so many members each: one call to a store at a time. */
struct imap_pieces {
    const struct imap_set *set;
    struct imap_set piece; /* what imap_pieces_next() gave */
    size_t at, space;
    uint32_t max, next; /* the first member of range at that was not given */
};
MANSIO_MUST_CHECK int imap_pieces_begin(struct imap_pieces *pieces, struct mansio_arena *arena,
                                        const struct imap_set *set, uint32_t max);
/* 1 with a piece, 0 at the end. */
int imap_pieces_next(struct imap_pieces *pieces);

/* Number of a member, 1 for the smallest, and the member of a number; 0: none. @param before  for
 * each range, how many members lie before it (imap_set_index()) */
uint32_t imap_set_number(const struct imap_set *set, const uint32_t *before, uint32_t member);
uint32_t imap_set_member(const struct imap_set *set, const uint32_t *before, uint32_t number);
/* Gather the members of numbers @p first to @p last, which are there. */
MANSIO_MUST_CHECK int imap_set_gather(const struct imap_set *set, const uint32_t *before,
                                      uint32_t first, uint32_t last, struct imap_gather *gather);
/* How many members lie below @p bound. */
uint32_t imap_set_below(const struct imap_set *set, const uint32_t *before, uint32_t bound);
/* Fill @p before, set->count of them, from range @p from on. Returns how many members there are. */
uint32_t imap_set_index(const struct imap_set *set, uint32_t *before, size_t from);

#endif
