/*
 * FETCH at work (RFC 3501 6.4.5): what its files share. Answers that need no bytes of messages are
 * printed while the store lists them; for others messages are taken in batches, read and sent.
 */
#ifndef MANSIO_MODULES_IMAP_FETCH_H
#define MANSIO_MODULES_IMAP_FETCH_H

#include "fetch_items.h"
#include "section.h"
#include "session.h"
#include "walk.h"

enum {
    IMAP_FETCH_LINE_MAX = 3 << 20, /* a response without the bytes of large sections */
};

/* A FETCH that runs. */
struct imap_fetching {
    struct imap_session *session;
    struct imap_fetch what;
    struct imap_set uids;
    struct imap_walk walk;      /* what was not listed yet */
    struct mansio_buf *line;    /* the response that is being made */
    struct mansio_arena *parts; /* the structure of the message at hand */
    uint32_t query_flags;       /* enum mansio_query_flags: what the items need */
    uint32_t is_broken;         /* the session must end: the client is gone, or half of a
                                   response is with it */
    uint64_t answered;          /* messages */
    int failed;                 /* the first error that cost a single message its answer */
};

/* What a response says beside sections: begins with "* 3 FETCH (", each item with a space before
 * it but the first. @param root  NULL if no item needs it */
void imap_fetch_print(struct imap_fetching *fetching, uint32_t number, uint32_t what,
                      const struct mansio_message *message, const struct mansio_part *root);

/* The structure of a message into an arena, if the items need it; else NULL.
 * @return 0, or why this message can't be answered */
MANSIO_MUST_CHECK int imap_fetch_structure(const struct imap_fetching *fetching,
                                           struct mansio_arena *arena,
                                           const struct mansio_message *message,
                                           const struct mansio_part **out);

/* What goes with FLAGS, if those are among the items: MODSEQ, once CONDSTORE is enabled (RFC 7162
 * 3.1). */
uint32_t imap_fetch_flags_items(const struct imap_session *session, uint32_t what);

/* A message was answered that the client might have been told of by itself. */
void imap_fetch_told(struct imap_fetching *fetching, uint32_t what,
                     const struct mansio_message *message);

/* A message could not be answered. */
void imap_fetch_failed(struct imap_fetching *fetching, int code);

/* Send what is gathered, from @p at_least bytes on; an error breaks the session. Yields. */
MANSIO_MUST_CHECK int imap_fetch_send(struct imap_fetching *fetching, size_t at_least);

/* Answer with sections of messages. Yields. */
MANSIO_MUST_CHECK int imap_fetch_bodies(struct imap_fetching *fetching);

#endif
