/*
 * What was told: see told.h. Few runs as a rule, one a command; a STORE of every other message of
 * a large mailbox makes many, so nothing here looks at all of them for each message.
 */
#include "told.h"

#include <stdlib.h>
#include <string.h>

#include <mansio/error.h>

enum {
    FIRST_SPACE = 16,
    TOLD_CAP = 64 << 20,
};

static int grow(struct imap_told *told)
{
    size_t space = told->space == 0 ? FIRST_SPACE : 2 * told->space;
    if (told->arena == NULL) {
        told->arena = mansio_arena_new(NULL, "imap.told", TOLD_CAP);
    }
    struct imap_told_run *runs = mansio_arena_try_alloc(told->arena, space * sizeof *runs);
    if (runs == NULL) {
        return MANSIO_E_LIMIT;
    }
    if (told->count > 0) {
        memcpy(runs, told->runs, told->count * sizeof *runs);
    }
    told->runs = runs;
    told->space = space;
    return 0;
}

int imap_told_add(struct imap_told *told, uint32_t uid, uint64_t modseq, int is_whole, int is_next)
{
    struct imap_told_run *last = told->count > 0 ? &told->runs[told->count - 1] : NULL;
    if (last != NULL && is_next && last->modseq == modseq && last->last < uid &&
        (int)last->is_whole == is_whole) {
        last->last = uid;
        return 0;
    }
    if (told->count == told->space) {
        int rc = grow(told);
        if (rc < 0) {
            return rc;
        }
    }
    told->is_by_uid = 0;
    told->runs[told->count++] = (struct imap_told_run){
        .first = uid,
        .last = uid,
        .modseq = modseq,
        .is_whole = (uint32_t)is_whole,
    };
    return 0;
}

/* By modseq and UID. Runs of one modseq may overlap, where a message was told twice. */
static int compare(const void *a, const void *b)
{
    const struct imap_told_run *left = a, *right = b;
    if (left->modseq != right->modseq) {
        return left->modseq < right->modseq ? -1 : 1;
    }
    return left->first < right->first ? -1 : left->first > right->first;
}

static void sort(struct imap_told *told)
{
    if (!told->is_by_uid && told->count > 0) {
        qsort(told->runs, told->count, sizeof *told->runs, compare);
        told->has_overlaps = 0;
        for (size_t i = 1; i < told->count; i++) {
            const struct imap_told_run *run = &told->runs[i - 1];
            told->has_overlaps |= run->modseq == run[1].modseq && run[1].first <= run->last;
        }
    }
    told->is_by_uid = 1;
}

int imap_told_has(struct imap_told *told, uint32_t uid, uint64_t modseq)
{
    const struct imap_told_run wanted = {.first = uid, .modseq = modseq};
    size_t low = 0, high = told->count;
    sort(told);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&told->runs[middle], &wanted) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    /* The last that begins at or before it, or one that it overlaps with. */
    for (; low > 0 && told->runs[low - 1].modseq == modseq; low--) {
        if (told->runs[low - 1].last >= uid) {
            return 1;
        }
        if (!told->has_overlaps) {
            return 0;
        }
    }
    return 0;
}

int imap_told_knows(const struct imap_told *told, uint64_t modseq)
{
    for (size_t i = told->count; i-- > 0;) {
        if (told->runs[i].modseq == modseq) {
            return 1;
        }
    }
    return 0;
}

uint64_t imap_told_advance(struct imap_told *told, uint64_t modseq)
{
    sort(told);
    for (size_t i = 0; i < told->count && told->runs[i].modseq <= modseq + 1; i++) {
        if (told->runs[i].modseq == modseq + 1 && told->runs[i].is_whole) {
            modseq++;
        }
    }
    return modseq;
}

void imap_told_forget(struct imap_told *told, uint64_t modseq)
{
    size_t kept = 0;
    for (size_t i = 0; i < told->count; i++) {
        if (told->runs[i].modseq > modseq) {
            told->runs[kept++] = told->runs[i];
        }
    }
    told->count = kept;
    if (kept == 0) {
        mansio_arena_free(told->arena);
        *told = (struct imap_told){.arena = NULL};
    }
}
