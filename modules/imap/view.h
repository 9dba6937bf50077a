/*
 * The selected mailbox as its client knows it: which UIDs, in which order, hence which numbers; up
 * to which modseq it was told of changes. Ranges of UIDs and a modseq, nothing a message, so that
 * a session costs little while it idles.
 *
 * The mailbox moves on under it; imap_view_catch_up() brings the client there, as the change log
 * has it, when numbers may change (RFC 3501 5.5, RFC 2180).
 */
#ifndef MANSIO_MODULES_IMAP_VIEW_H
#define MANSIO_MODULES_IMAP_VIEW_H

#include "session.h"
#include "told.h"

struct mansio_subscription;

struct imap_view {
    struct mansio_arena *arena; /* of the view */
    uint64_t collection_id;
    struct mansio_str name;
    uint32_t uid_validity;
    uint32_t uid_next; /* as told */
    uint32_t is_read_only;
    uint32_t recent_from; /* UIDs from here on are \Recent to this session */
    uint64_t modseq;      /* told up to here */
    uint32_t *ranges;     /* pairs of first and last UID, ascending */
    size_t range_count, range_space;
    uint32_t count;                    /* messages */
    struct mansio_subscription *hints; /* something changed in the account */

    /* view.c's and catch_up.c's own. */
    uint32_t *before;                  /* for each range, how many messages lie before it */
    struct mansio_arena *ranges_arena; /* of ranges and before */
    struct imap_set gone;              /* removed from the mailbox, EXPUNGE not told yet */
    struct mansio_arena *gone_arena;
    struct imap_told told;
    uint32_t must_look;    /* the store is to be asked, hint or not */
    uint32_t is_removed;   /* the mailbox is */
    uint32_t is_behind;    /* the store could not be asked: said in the log once */
    uint32_t claimed_upto; /* UIDs from here on nobody has claimed yet as \Recent */
    int64_t looked_us;     /* when the store was asked last */
};

/* The UIDs of the view as a set; valid until the next catch-up. */
struct imap_set imap_view_uids(const struct imap_view *view);

/* UID of a number, 1 to count; 0: none. */
uint32_t imap_view_uid(const struct imap_view *view, uint32_t number);
/* Number of a UID; 0: not in the view. */
uint32_t imap_view_number(const struct imap_view *view, uint32_t uid);
/* 1 if \Recent. */
int imap_view_is_recent(const struct imap_view *view, uint32_t uid);
/* How many are \Recent. */
uint32_t imap_view_recent(const struct imap_view *view);

/*
 * What a client's set means here: ranges of UIDs that are in the view.
 *
 * @param is_uid  the set has UIDs: those that aren't there are passed over (RFC 3501 6.4.8);
 *                else numbers: one beyond count is MANSIO_E_INVALID
 * @param out     in @p arena; ascending pairs, may be empty
 * @return 0; MANSIO_E_INVALID; MANSIO_E_LIMIT
 */
MANSIO_MUST_CHECK int imap_view_resolve(const struct imap_view *view, const struct imap_set *set,
                                        int is_uid, struct mansio_arena *arena,
                                        struct imap_set *out);

enum imap_catch_up_flags {
    IMAP_CATCH_UP_EXPUNGES = 1, /* EXPUNGE may be told */
};

/*
 * Tell the client what happened to the mailbox: EXPUNGE, EXISTS, RECENT, FETCH of flags (MODSEQ
 * too once CONDSTORE is enabled), into session->out. Without IMAP_CATCH_UP_EXPUNGES removals wait;
 * the rest is told. What the running command has told itself (imap_view_told()) isn't told again.
 * The store is asked when a hint came, when imap_view_look() was called, or when that is long ago.
 * If the mailbox was removed, BYE is said (RFC 2180 3.3) and session->is_over set.
 *
 * @return 0, also when the store can't answer now: what isn't told yet is told next time; or the
 *         error that ends the session
 * @yields yes
 */
MANSIO_MUST_CHECK int imap_view_catch_up(struct imap_session *session, uint32_t flags);

/* The next catch-up asks the store, whether or not anything hints at a change: for NOOP, CHECK and
 * IDLE. A hint may be lost; what a client asks for explicitly may not. */
void imap_view_look(struct imap_session *session);

/* These were removed by the running command, or seen to be gone: they are told at the next
 * occasion. @param uids  in the view */
void imap_view_gone(struct imap_session *session, const struct imap_set *uids);

/* 1 if a message of the view is known to be gone from the mailbox. */
int imap_view_is_gone(const struct imap_view *view, uint32_t uid);

/* The running command has told this state of a message, its flags among it. */
void imap_view_told(struct imap_session *session, uint32_t uid, uint64_t modseq);

/* The running command has brought about this state of a message, and tells it or, by .SILENT, need
 * not. It says so of every message that it changed, or calls imap_view_retell(). */
void imap_view_changed(struct imap_session *session, uint32_t uid, uint64_t modseq);

/* What the running command has told counts for nothing: something of it could not be said. */
void imap_view_retell(struct imap_session *session);

/* One message's flags: "* 3 FETCH (UID 7 FLAGS (...) MODSEQ (9))"; UID when @p with_uid, MODSEQ
 * when CONDSTORE is enabled. Nothing if it isn't in the view. */
void imap_view_reply_flags(struct imap_session *session, const struct mansio_message *message,
                           int with_uid);

/* "* 3 FETCH (UID 7 MODSEQ (9))", for what a client changed silently. */
void imap_view_reply_modseq(struct imap_session *session, uint32_t uid, uint64_t modseq,
                            int with_uid);

/* From now on the client gets mod-sequences, and if that is new, HIGHESTMODSEQ of the selected
 * mailbox (RFC 7162 3.1): for ENABLE and for whatever command uses CONDSTORE. */
void imap_view_enable_condstore(struct imap_session *session);

/* What SELECT shows of a mailbox beside the view. */
struct imap_found {
    struct mansio_str keywords; /* in use: each with a space before it; in the command's arena */
    uint32_t first_unseen;      /* UID; 0: none */
};

/* Open a mailbox: its UIDs are read, hints subscribed to. No view is open yet.
 * @return 0; MANSIO_E_NOT_FOUND; as the store otherwise. Yields. */
MANSIO_MUST_CHECK int imap_view_open(struct imap_session *session, struct mansio_str name,
                                     int is_read_only, struct imap_found *found);

/* End the view, if there is one: what CLOSE does without its expunging, and UNSELECT, SELECT,
 * LOGOUT, the end of a session. A selected state becomes the authenticated one. What came while it
 * was open is claimed as \Recent now, in one go. Yields. */
void imap_view_close(struct imap_session *session);

#endif
