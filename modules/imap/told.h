/*
 * States of messages (UID and modseq) that the client needn't be told: it caused them itself, or
 * was told by the running command. Kept as runs, until the view has moved past them. Pure.
 */
#ifndef MANSIO_MODULES_IMAP_TOLD_H
#define MANSIO_MODULES_IMAP_TOLD_H

#include <mansio/arena.h>
#include <mansio/base.h>

struct imap_told_run {
    uint32_t first, last; /* what lies between and isn't in the view matters to nobody */
    uint64_t modseq;
    uint32_t is_whole, reserved;
};

struct imap_told {
    struct mansio_arena *arena; /* NULL while there are none */
    struct imap_told_run *runs;
    size_t count, space;
    uint32_t is_by_uid;    /* sorted */
    uint32_t has_overlaps; /* some were told twice */
};

/* @param is_whole  1 if every message of this change is among them
 * @param is_next   1 if no message of the view lies between @p uid and the one added before
 * @return 0; MANSIO_E_LIMIT */
MANSIO_MUST_CHECK int imap_told_add(struct imap_told *told, uint32_t uid, uint64_t modseq,
                                    int is_whole, int is_next);

/* 1 if this state is among them. */
int imap_told_has(struct imap_told *told, uint32_t uid, uint64_t modseq);

/* 1 if a state with this modseq is among them. */
int imap_told_knows(const struct imap_told *told, uint64_t modseq);

/* The modseq up to which all is told, from @p modseq on. A modseq belongs to one change: so if the
 * next one was told whole, nothing else happened in between. */
uint64_t imap_told_advance(struct imap_told *told, uint64_t modseq);

/* Forget those up to @p modseq; UINT64_MAX: all, and give the memory back. */
void imap_told_forget(struct imap_told *told, uint64_t modseq);

#endif
