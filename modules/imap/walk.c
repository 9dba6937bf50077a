/*
 * Going through UIDs: see walk.h.
 */
#include "walk.h"

static uint32_t first_of(const struct imap_walk *walk)
{
    return walk->set->ranges[2 * walk->at];
}

static uint32_t last_of(const struct imap_walk *walk)
{
    return walk->set->ranges[2 * walk->at + 1];
}

/* The range at hand is the one before the next. */
static void next_range(struct imap_walk *walk)
{
    walk->at++;
    walk->next = walk->at < walk->set->count ? first_of(walk) : 0;
}

void imap_walk_init(struct imap_walk *walk, const struct imap_set *set)
{
    *walk = (struct imap_walk){.set = set};
    walk->next = set->count > 0 ? first_of(walk) : 0;
}

size_t imap_walk_take(struct imap_walk *walk, uint32_t max, uint32_t *ranges, size_t room)
{
    size_t count = 0;
    while (count < room && max > 0 && walk->at < walk->set->count) {
        uint32_t left = last_of(walk) - walk->next;
        uint32_t taken = left < max - 1 ? left : max - 1; /* beside the first */
        ranges[2 * count] = walk->next;
        ranges[2 * count + 1] = walk->next + taken;
        count++;
        max -= taken + 1;
        if (taken == left) {
            next_range(walk);
        } else {
            walk->next += taken + 1;
        }
    }
    return count;
}

void imap_walk_behind(struct imap_walk *walk, uint32_t uid)
{
    imap_walk_init(walk, walk->set);
    /* Halves: a set has as many ranges as a client cares to write. */
    size_t low = 0, high = walk->set->count;
    while (low < high) {
        walk->at = low + (high - low) / 2;
        if (last_of(walk) <= uid) {
            low = walk->at + 1;
        } else {
            high = walk->at;
        }
    }
    walk->at = low;
    if (low < walk->set->count) {
        walk->next = first_of(walk) > uid ? first_of(walk) : uid + 1;
    }
}

int imap_walk_is_at_end(const struct imap_walk *walk)
{
    return walk->at == walk->set->count;
}

uint64_t imap_walk_count(const struct imap_set *set)
{
    uint64_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        count += (uint64_t)set->ranges[2 * i + 1] - set->ranges[2 * i] + 1;
    }
    return count;
}
