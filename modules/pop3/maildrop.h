/*
 * A session's view of its maildrop: what was in INBOX at login, 16 bytes a message, and what the
 * session has done to it. What comes later is the next session's.
 */
#ifndef MANSIO_MODULES_POP3_MAILDROP_H
#define MANSIO_MODULES_POP3_MAILDROP_H

#include <mansio/account.h>
#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/store.h>

enum pop3_marks {
    POP3_MARK_DELETED = 1,   /* goes at QUIT */
    POP3_MARK_SEEN = 2,      /* had \Seen at login */
    POP3_MARK_RETRIEVED = 4, /* RETR gave it */
};

struct pop3_message {
    uint64_t bytes; /* as it is stored, prefix included: with CRLF, which is how mail comes in */
    uint32_t uid;
    uint32_t marks; /* enum pop3_marks */
};

struct pop3_maildrop {
    struct mansio_arena *arena; /* NULL: not open */
    const struct mansio_store *store;
    struct mansio_instance *pool;
    struct mansio_account *account;
    uint64_t collection_id;
    uint32_t uid_validity;
    uint32_t count;                /* of messages, deleted ones included */
    struct pop3_message *messages; /* number n at n - 1 */
    uint32_t left_count;           /* without those that are marked as deleted */
    uint64_t left_bytes;
};

/* Read INBOX. @p max: most messages that are shown, the oldest. 0, or the store's error; close it
 * in any case. Yields. */
MANSIO_MUST_CHECK int pop3_maildrop_open(struct pop3_maildrop *drop, struct mansio_account *account,
                                         uint32_t max, int64_t deadline_us);

void pop3_maildrop_close(struct pop3_maildrop *drop);

void pop3_maildrop_delete(struct pop3_maildrop *drop, uint32_t number);

/* Take all deletions back: RSET. */
void pop3_maildrop_reset(struct pop3_maildrop *drop);

/*
 * The UIDs of messages whose marks, of those in @p mask, are @p wanted, as ranges for the store.
 * Pure. UIDs between two of the maildrop belong to nobody and never will, so messages side by side
 * make one range.
 *
 * @param out  in @p arena: pairs
 * @return how many ranges; MANSIO_E_LIMIT
 */
MANSIO_MUST_CHECK int64_t pop3_maildrop_ranges(const struct pop3_maildrop *drop,
                                               struct mansio_arena *arena, uint32_t mask,
                                               uint32_t wanted, uint32_t **out);

/* What QUIT does: deletions in one transaction; then, if @p is_marking, \Seen on what was
 * retrieved and stays. @p out_deleted: how many went. 0, or the store's error of the deletions.
 * Yields. */
MANSIO_MUST_CHECK int pop3_maildrop_update(struct pop3_maildrop *drop, int is_marking,
                                           int64_t deadline_us, uint32_t *out_deleted);

#endif
