/*
 * Sets as ranges: see ranges.h. A range is a pair, first and last, both in; sets are merged: no two
 * ranges touch.
 */
#include "ranges.h"

#include <stdlib.h>
#include <string.h>

#include <mansio/error.h>

enum { FIRST_SPACE = 4 };

/* ---- looking ------------------------------------------------------------------------------------
 */

uint64_t imap_set_count(const struct imap_set *set)
{
    uint64_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        count += (uint64_t)set->ranges[2 * i + 1] - set->ranges[2 * i] + 1;
    }
    return count;
}

/* The first range that ends at or behind @p member; set->count: none does. */
static size_t find(const struct imap_set *set, uint32_t member)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->ranges[2 * middle + 1] < member) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

int imap_set_has(const struct imap_set *set, uint32_t member)
{
    size_t at = find(set, member);
    return at < set->count && set->ranges[2 * at] <= member;
}

uint32_t imap_set_number(const struct imap_set *set, const uint32_t *before, uint32_t member)
{
    size_t at = find(set, member);
    if (at == set->count || set->ranges[2 * at] > member) {
        return 0;
    }
    return before[at] + (member - set->ranges[2 * at]) + 1;
}

uint32_t imap_set_below(const struct imap_set *set, const uint32_t *before, uint32_t bound)
{
    size_t at = find(set, bound);
    if (at == set->count) {
        if (at == 0) {
            return 0;
        }
        at--;
        return before[at] + (set->ranges[2 * at + 1] - set->ranges[2 * at]) + 1;
    }
    return set->ranges[2 * at] >= bound ? before[at] : before[at] + (bound - set->ranges[2 * at]);
}

uint32_t imap_set_member(const struct imap_set *set, const uint32_t *before, uint32_t number)
{
    size_t low = 0, high = set->count;
    if (number == 0) {
        return 0;
    }
    while (low < high) { /* the last range that has fewer than number before it */
        size_t middle = low + (high - low) / 2;
        if (before[middle] < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return 0;
    }
    uint32_t offset = number - before[low - 1] - 1;
    const uint32_t *range = &set->ranges[2 * (low - 1)];
    return offset > range[1] - range[0] ? 0 : range[0] + offset;
}

uint32_t imap_set_index(const struct imap_set *set, uint32_t *before, size_t from)
{
    uint32_t count = 0;
    if (from > 0) {
        count = before[from - 1] + (set->ranges[2 * from - 1] - set->ranges[2 * from - 2]) + 1;
    }
    for (size_t i = from; i < set->count; i++) {
        before[i] = count;
        count += set->ranges[2 * i + 1] - set->ranges[2 * i] + 1;
    }
    return count;
}

/* ---- gathering ----------------------------------------------------------------------------------
 */

int imap_gather_add(struct imap_gather *gather, uint32_t first, uint32_t last)
{
    struct imap_set *set = &gather->set;
    if (set->count > 0) {
        uint32_t *range = &set->ranges[2 * (set->count - 1)];
        if (first >= range[0] && (first <= range[1] || first - range[1] == 1)) {
            range[1] = last > range[1] ? last : range[1];
            return 0;
        }
        gather->is_unsorted |= first < range[0];
    }
    if (set->count == gather->space) {
        size_t space = gather->space == 0 ? FIRST_SPACE : 2 * gather->space;
        uint32_t *ranges = mansio_arena_try_alloc(gather->arena, 2 * space * sizeof *ranges);
        if (ranges == NULL) {
            return MANSIO_E_LIMIT;
        }
        if (set->count > 0) {
            memcpy(ranges, set->ranges, 2 * set->count * sizeof *ranges);
        }
        set->ranges = ranges;
        gather->space = space;
    }
    set->ranges[2 * set->count] = first;
    set->ranges[2 * set->count + 1] = last;
    set->count++;
    return 0;
}

static int compare_ranges(const void *a, const void *b)
{
    const uint32_t *left = a, *right = b;
    return left[0] < right[0] ? -1 : left[0] > right[0];
}

void imap_gather_end(struct imap_gather *gather)
{
    struct imap_set *set = &gather->set;
    size_t kept = 0;
    if (!gather->is_unsorted || set->count == 0) {
        return;
    }
    qsort(set->ranges, set->count, 2 * sizeof *set->ranges, compare_ranges);
    for (size_t i = 1; i < set->count; i++) {
        uint32_t *range = &set->ranges[2 * kept];
        const uint32_t *next = &set->ranges[2 * i];
        if (next[0] <= range[1] || next[0] - range[1] == 1) {
            range[1] = next[1] > range[1] ? next[1] : range[1];
        } else {
            kept++;
            set->ranges[2 * kept] = next[0];
            set->ranges[2 * kept + 1] = next[1];
        }
    }
    set->count = kept + 1;
    gather->is_unsorted = 0;
}

int imap_set_gather(const struct imap_set *set, const uint32_t *before, uint32_t first,
                    uint32_t last, struct imap_gather *gather)
{
    uint32_t from = imap_set_member(set, before, first);
    uint32_t upto = imap_set_member(set, before, last);
    int rc = 0;
    for (size_t i = find(set, from); rc == 0 && i < set->count && set->ranges[2 * i] <= upto; i++) {
        const uint32_t *range = &set->ranges[2 * i];
        rc = imap_gather_add(gather, range[0] > from ? range[0] : from,
                             range[1] < upto ? range[1] : upto);
    }
    return rc;
}

/* ---- combining ----------------------------------------------------------------------------------
 */

int imap_set_intersect(struct mansio_arena *arena, const struct imap_set *a,
                       const struct imap_set *b, struct imap_set *out)
{
    struct imap_gather gather = {.arena = arena};
    size_t i = 0, j = 0;
    int rc = 0;
    while (rc == 0 && i < a->count && j < b->count) {
        const uint32_t *left = &a->ranges[2 * i], *right = &b->ranges[2 * j];
        uint32_t first = left[0] > right[0] ? left[0] : right[0];
        uint32_t last = left[1] < right[1] ? left[1] : right[1];
        if (first <= last) {
            rc = imap_gather_add(&gather, first, last);
        }
        if (left[1] < right[1]) {
            i++;
        } else {
            j++;
        }
    }
    *out = gather.set;
    return rc;
}

int imap_set_subtract(struct mansio_arena *arena, const struct imap_set *a,
                      const struct imap_set *b, struct imap_set *out)
{
    struct imap_gather gather = {.arena = arena};
    size_t j = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < a->count; i++) {
        uint32_t first = a->ranges[2 * i], last = a->ranges[2 * i + 1];
        int is_left = 1; /* first to last */
        while (j < b->count && b->ranges[2 * j + 1] < first) {
            j++;
        }
        for (size_t k = j; rc == 0 && is_left && k < b->count && b->ranges[2 * k] <= last; k++) {
            if (b->ranges[2 * k] > first) {
                rc = imap_gather_add(&gather, first, b->ranges[2 * k] - 1);
            }
            is_left = b->ranges[2 * k + 1] < last;
            first = b->ranges[2 * k + 1] + (uint32_t)is_left;
        }
        if (rc == 0 && is_left) {
            rc = imap_gather_add(&gather, first, last);
        }
    }
    *out = gather.set;
    return rc;
}

int imap_set_unite(struct mansio_arena *arena, const struct imap_set *a, const struct imap_set *b,
                   struct imap_set *out)
{
    struct imap_gather gather = {.arena = arena};
    size_t i = 0, j = 0;
    int rc = 0;
    while (rc == 0 && (i < a->count || j < b->count)) {
        int takes_a = j == b->count || (i < a->count && a->ranges[2 * i] <= b->ranges[2 * j]);
        const uint32_t *range = takes_a ? &a->ranges[2 * i++] : &b->ranges[2 * j++];
        rc = imap_gather_add(&gather, range[0], range[1]);
    }
    *out = gather.set;
    return rc;
}

/* ---- pieces -------------------------------------------------------------------------------------
 */

int imap_pieces_begin(struct imap_pieces *pieces, struct mansio_arena *arena,
                      const struct imap_set *set, uint32_t max)
{
    size_t space = set->count < max ? set->count : max;
    *pieces = (struct imap_pieces){.set = set, .space = space, .max = max};
    pieces->piece.ranges =
        mansio_arena_try_alloc(arena, 2 * (space + 1) * sizeof *pieces->piece.ranges);
    if (set->count > 0) {
        pieces->next = set->ranges[0];
    }
    return pieces->piece.ranges == NULL ? MANSIO_E_LIMIT : 0;
}

int imap_pieces_next(struct imap_pieces *pieces)
{
    const struct imap_set *set = pieces->set;
    struct imap_set *piece = &pieces->piece;
    uint32_t left = pieces->max;
    piece->count = 0;
    while (left > 0 && pieces->at < set->count) {
        uint32_t last = set->ranges[2 * pieces->at + 1];
        int is_cut = last - pieces->next >= left;
        uint32_t end = is_cut ? pieces->next + left - 1 : last;
        piece->ranges[2 * piece->count] = pieces->next;
        piece->ranges[2 * piece->count + 1] = end;
        piece->count++;
        left -= end - pieces->next + 1;
        if (is_cut) {
            pieces->next = end + 1;
        } else {
            pieces->at++;
            pieces->next = pieces->at < set->count ? set->ranges[2 * pieces->at] : 0;
        }
    }
    return piece->count > 0;
}
