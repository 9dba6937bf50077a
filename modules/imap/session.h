/*
 * An IMAP session: its states (RFC 3501 3), and what commands do to it. Commands gather replies in
 * a buffer and never touch the socket; what is large is sent piece by piece through here.
 */
#ifndef MANSIO_MODULES_IMAP_SESSION_H
#define MANSIO_MODULES_IMAP_SESSION_H

#include "imap.h"
#include "parse.h"

#include <mansio/account.h>
#include <mansio/arena.h>
#include <mansio/buf.h>
#include <mansio/session.h>
#include <mansio/store.h>
#include <mansio/stream.h>

struct imap_command;
struct imap_view;

enum imap_state {
    IMAP_NOT_AUTHENTICATED = 1,
    IMAP_AUTHENTICATED = 2,
    IMAP_SELECTED = 4,
    IMAP_LOGOUT = 8,
};

/* What a client has enabled, by ENABLE or by using it (RFC 5161, RFC 7162 3.1). */
enum imap_enabled {
    IMAP_ENABLED_CONDSTORE = 1,
};

enum {
    IMAP_OUT_MAX = 4 << 20,    /* gathered before it is sent */
    IMAP_OUT_FLUSH = 32 << 10, /* from here on imap_send() sends */
};

/* The words of a tagged reply (RFC 3501 7.1). */
enum imap_status {
    IMAP_OK = 1,
    IMAP_NO = 2,
    IMAP_BAD = 3,
};

struct imap_session {
    struct imap_module *module;
    struct mansio_session *session;
    struct mansio_stream *stream;
    struct mansio_arena *arena; /* of one command, reset after it */
    struct mansio_buf *out;     /* replies of the command that runs, in its arena */
    struct mansio_str tag;      /* of the command that runs */
    struct mansio_str text;     /* all of it; wiped when it has run */
    const struct imap_command *command;
    uint32_t is_uid;          /* the command came behind "UID " (RFC 3501 6.4.8) */
    uint32_t state;           /* enum imap_state */
    uint32_t enabled;         /* enum imap_enabled */
    uint32_t is_over;         /* after the reply nothing more is read */
    uint32_t is_mid_response; /* bytes of a response have been sent, more belong to it: no other
                                 word fits in */
    uint32_t bad_commands, login_failures;
    uint32_t has_said_id; /* to the log */
    int64_t login_deadline_us;

    /* The account's store, from login on. */
    const struct mansio_store *store;
    struct mansio_instance *pool;
    struct mansio_account *account;

    struct imap_view *view; /* the selected mailbox (view.h); NULL without one */

    /* What the running command's tagged reply will say (imap_end_with()). */
    uint32_t status;         /* enum imap_status; 0: not said yet */
    struct mansio_str words; /* response code and text */

    /* SASL mechanisms as last asked for (imap_ask_mechanisms()). */
    struct mansio_arena *mechanisms_arena;
    struct mansio_str mechanisms;
};

/* The protocol's functions (mansio/protocol.h). */
int imap_serve(struct mansio_instance *instance, struct mansio_session *session);
void imap_goodbye(struct mansio_instance *instance, struct mansio_session *session, uint32_t reason,
                  struct mansio_buf *out);

int64_t imap_setting(const struct imap_session *session, const char *name);

/* When the client has to have sent or taken what is waited for. */
int64_t imap_deadline(const struct imap_session *session);

/* When the store has to have answered. */
int64_t imap_store_deadline(const struct imap_session *session);

/*
 * Say how the command ended: its tagged reply, which the dispatcher sends after what is untagged.
 *
 * @param status  enum imap_status
 * @param format  response code, if any, and text: "[APPENDUID %u %u] Appended"
 * @return 0
 */
int imap_end_with(struct imap_session *session, uint32_t status, const char *format, ...)
    MANSIO_PRINTF(3, 4);

/* A client's mistake: BAD, with what was expected and, where @p cursor isn't NULL, at which
 * column. It is counted, and too many end the session. Returns 0. */
int imap_end_bad(struct imap_session *session, const struct imap_cursor *cursor,
                 const char *expected);

/*
 * A step failed on our side: NO, with the response code that its class has (RFC 5530 UNAVAILABLE,
 * LIMIT, OVERQUOTA, SERVERBUG, INUSE, NONEXISTENT ...), and a line in the log.
 *
 * @return 0, or @p code itself if the session is to end with it (cancelled)
 */
MANSIO_MUST_CHECK int imap_end_failed(struct imap_session *session, int code, const char *what);

/* Append the tagged reply now, for what changes the conn behind it (STARTTLS); the dispatcher then
 * sends none. */
void imap_end_now(struct imap_session *session);

/* Send what is gathered in session->out if it is at least @p at_least bytes (0: in any case, and
 * flush it to the peer). For commands with large answers. Yields. */
MANSIO_MUST_CHECK int imap_send(struct imap_session *session, size_t at_least);

/* Send what is gathered, then bytes that need not be copied (a body). Yields. */
MANSIO_MUST_CHECK int imap_send_bytes(struct imap_session *session, struct mansio_str bytes);

/* Give back what the running command holds but its tag, before a long wait; all must be sent. Its
 * text and the cursor in it are gone then. */
void imap_rest(struct imap_session *session);

/* Overwrite what was read into memory of ours and may have been a password. */
void imap_wipe(struct mansio_str secret);

/* Ask the core which mechanisms there are now, before imap_print_capabilities(). Yields. */
MANSIO_MUST_CHECK int imap_ask_mechanisms(struct imap_session *session);

/* The credentials were judged: the tagged reply, and from success on the account's store.
 * @return 0, or the error that ends the session */
MANSIO_MUST_CHECK int imap_login_done(struct imap_session *session, int result);

#endif
