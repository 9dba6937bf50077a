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
    /* ... what view.c needs beside */
};

/* UID of a number, 1 to count; 0: none. */
uint32_t imap_view_uid(const struct imap_view *view, uint32_t number);
/* Number of a UID; 0: not in the view. */
uint32_t imap_view_number(const struct imap_view *view, uint32_t uid);
/* 1 if \Recent. */
int imap_view_is_recent(const struct imap_view *view, uint32_t uid);

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
 *
 * @return 0, or an error of the store: told so far is told, the rest comes next time
 * @yields yes
 */
MANSIO_MUST_CHECK int imap_view_catch_up(struct imap_session *session, uint32_t flags);

/* The running command has told, or by .SILENT need not tell, this state of a message. */
void imap_view_told(struct imap_session *session, uint32_t uid, uint64_t modseq);

/* One message's flags: "* 3 FETCH (UID 7 FLAGS (...) MODSEQ (9))"; UID when @p with_uid, MODSEQ
 * when CONDSTORE is enabled. Nothing if it isn't in the view. */
void imap_view_reply_flags(struct imap_session *session, const struct mansio_message *message,
                           int with_uid);

/* End the view: what CLOSE does without its expunging, and UNSELECT, SELECT, LOGOUT. */
void imap_view_close(struct imap_session *session);

#endif
