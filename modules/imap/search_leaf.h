/*
 * Answers to single questions about a message, from what stores tell of it: its entry, its stored
 * structure. Pure.
 */
#ifndef MANSIO_MODULES_IMAP_SEARCH_LEAF_H
#define MANSIO_MODULES_IMAP_SEARCH_LEAF_H

#include <mansio/arena.h>
#include <mansio/buf.h>
#include <mansio/store.h>
#include <mansio/structure.h>

#include "search_parse.h"

/* What a view adds to an entry. */
struct imap_search_place {
    uint32_t is_recent;
    uint32_t reserved;
    const struct imap_set *sets; /* by leaf: UIDs that a set means */
};

/* 1 or 0: a leaf that the entry alone answers (kind below IMAP_SEARCH_SENT_BEFORE).
 * @param index  of the leaf */
int imap_search_entry(const struct imap_search_leaf *leaf, size_t index,
                      const struct mansio_message *message, const struct imap_search_place *place);

/* Buffers to work in, kept from message to message, and the envelope in hand. */
struct imap_search_work {
    struct mansio_buf *text, *folded;
    const struct mansio_envelope *envelope;
    uint32_t kind; /* of the leaves whose field is in `folded`; 0: none */
};
void imap_search_work_init(struct imap_search_work *work, struct mansio_arena *arena);

/* The leaves that follow are asked of this envelope. */
void imap_search_work_take(struct imap_search_work *work, const struct mansio_envelope *envelope);

/* 1 or 0: a leaf that the structure answers (kind below IMAP_SEARCH_FIELD). A field is decoded and
 * folded once if the leaves of a kind are asked one behind the other. */
int imap_search_envelope(const struct imap_search_leaf *leaf, struct imap_search_work *work);

/* The header field that such a leaf is about, for who must read the message instead; empty for
 * dates. */
struct mansio_str imap_search_field(const struct imap_search_leaf *leaf);

#endif
