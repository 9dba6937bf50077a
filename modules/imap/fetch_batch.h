/*
 * Messages whose sections FETCH asks for, a batch at a time: listed, and the bytes that their
 * sections need read in one go, as far as they are small. While one batch is sent the next is read.
 */
#ifndef MANSIO_MODULES_IMAP_FETCH_BATCH_H
#define MANSIO_MODULES_IMAP_FETCH_BATCH_H

#include "fetch.h"

enum {
    IMAP_BATCH_MESSAGES = MANSIO_READ_MANY_MAX,
    IMAP_BATCH_BYTES = 512 << 10, /* read ahead, of all messages together */
    IMAP_BATCH_SMALL = 256 << 10, /* what a message needs at most to be read ahead */
};

/* A message of a batch. */
struct imap_fetched {
    struct mansio_message message;  /* its texts live in the batch */
    const struct mansio_part *root; /* NULL if no section needs it */
    struct imap_range span;         /* from the first byte that its sections need to the last */
    struct mansio_str bytes;        /* of the span; empty: not read yet */
    int failed;                     /* why it can't be answered; 0: it can */
};

struct imap_batch {
    struct mansio_arena *arena; /* of all that is in it */
    struct imap_fetching *fetching;
    struct imap_fetched *messages;
    size_t count;                /* 0: there are none left */
    size_t bytes;                /* that are read ahead */
    uint32_t is_cut;             /* the list was broken off */
    size_t wanted;               /* messages to be read ahead */
    struct mansio_fiber *reader; /* who does that */
};

/* @param parent  of its arena */
void imap_batch_init(struct imap_batch *batch, struct imap_fetching *fetching,
                     struct mansio_arena *parent);

/* Take the next messages of fetching->walk, at most @p wanted. Yields. */
MANSIO_MUST_CHECK int imap_batch_read(struct imap_batch *batch, size_t wanted);

#endif
