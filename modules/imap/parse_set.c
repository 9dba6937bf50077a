/*
 * Sets of message numbers and UIDs (RFC 3501 9, sequence-set).
 */
#include "parse.h"

#include <stdlib.h>

#include <mansio/error.h>
#include <mansio/str.h>

#define UID_MAX (UINT32_MAX - 1) /* as UIDNEXT has 32 bits, too (RFC 3501 2.3.1.1) */

/* seq-number: a number from 1, or '*'. What stands for '*' is no message's number or UID, for
 * stores give out none above UID_MAX; nor does a client mean the last message who writes it in
 * digits. */
static int parse_seq_number(struct imap_cursor *cursor, uint32_t *out)
{
    if (imap_parse_sees(cursor, '*')) {
        cursor->at++;
        *out = UINT32_MAX;
        return 0;
    }
    int rc = imap_parse_nz_number(cursor, out);
    if (rc == 0 && *out > UID_MAX) {
        *out = UID_MAX;
    }
    return rc;
}

static int parse_range(struct imap_cursor *cursor, uint32_t *range)
{
    int rc = parse_seq_number(cursor, &range[0]);
    range[1] = range[0];
    if (rc < 0 || !imap_parse_sees(cursor, ':')) {
        return rc;
    }
    cursor->at++;
    rc = parse_seq_number(cursor, &range[1]);
    if (rc == 0 && range[1] < range[0]) { /* "4:2" means 2 to 4 */
        uint32_t first = range[1];
        range[1] = range[0];
        range[0] = first;
    }
    return rc;
}

static int compare_ranges(const void *a, const void *b)
{
    uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
    return first < second ? -1 : first > second;
}

static void sort_and_merge(struct imap_set *set)
{
    qsort(set->ranges, set->count, 2 * sizeof *set->ranges, compare_ranges);
    size_t last = 0;
    for (size_t i = 1; i < set->count; i++) {
        const uint32_t *next = &set->ranges[2 * i];
        uint32_t *so_far = &set->ranges[2 * last];
        if (so_far[1] == UINT32_MAX || next[0] <= so_far[1] + 1) {
            so_far[1] = next[1] > so_far[1] ? next[1] : so_far[1];
            continue;
        }
        last++;
        set->ranges[2 * last] = next[0];
        set->ranges[2 * last + 1] = next[1];
    }
    set->count = last + 1;
}

/* How many there may be: commas and one, up to the next space. */
static size_t count_ranges(const struct imap_cursor *cursor)
{
    size_t count = 1;
    for (const char *at = cursor->at; at != cursor->end && *at != ' '; at++) {
        count += *at == ',';
    }
    return count;
}

int imap_parse_set(struct imap_cursor *cursor, struct imap_set *out)
{
    struct imap_set set = {.count = 0};
    set.ranges =
        mansio_arena_try_alloc(cursor->arena, count_ranges(cursor) * 2 * sizeof *set.ranges);
    if (set.ranges == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (;;) {
        int rc = parse_range(cursor, set.ranges + 2 * set.count);
        if (rc < 0) {
            return rc;
        }
        set.count++;
        if (!imap_parse_sees(cursor, ',')) {
            break;
        }
        cursor->at++;
    }
    sort_and_merge(&set);
    *out = set;
    return 0;
}
