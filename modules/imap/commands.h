/*
 * The commands as a table; what is announced as capability stands beside them.
 */
#ifndef MANSIO_MODULES_IMAP_COMMANDS_H
#define MANSIO_MODULES_IMAP_COMMANDS_H

#include "session.h"

enum imap_command_flags {
    IMAP_HAS_UID = 1,       /* there is a form behind "UID" */
    IMAP_ONLY_UID = 2,      /* and no other (UID EXPUNGE) */
    IMAP_KEEPS_NUMBERS = 4, /* no EXPUNGE may be sent while it runs, unless it is the UID form
                               (RFC 3501 7.4.1) */
    IMAP_WITHOUT_SYNC = 8,  /* nothing about the selected mailbox is told before its tagged reply */
    IMAP_TAKES_LITERAL = 16, /* reads a literal by itself: APPEND */
    IMAP_ONLY_BEFORE_TLS = 32,
    IMAP_WRITES = 64,    /* not in a mailbox opened by EXAMINE */
    IMAP_PASSWORD = 128, /* only where a password in the clear is taken */
};

struct imap_command {
    struct mansio_str verb;
    /* @param cursor  behind the verb: at the space before the arguments, or at the end.
     * @return 0, the tagged reply said by imap_end_with() and its kin; or an error that ends the
     * session. May yield */
    int (*run)(struct imap_session *session, struct imap_cursor *cursor);
    uint32_t states; /* enum imap_state bits in which it may be given */
    uint32_t flags;  /* enum imap_command_flags */
};

/* All rows, sorted by verb. */
const struct imap_command *imap_commands(size_t *out_count);

/* The row of a verb (any case); NULL: unknown. @param is_uid  behind "UID " */
const struct imap_command *imap_find_command(struct mansio_str verb, int is_uid);

/*
 * Read tag and verb of a command into session->tag, is_uid and command, and look whether it may be
 * given now.
 *
 * @param cursor  at the begin; behind the verb after success
 * @return 0; MANSIO_E_DENIED: it may not, which imap_end_with() has been told
 */
MANSIO_MUST_CHECK int imap_recognise(struct imap_session *session, struct imap_cursor *cursor);

/* Append the capabilities that hold now, as CAPABILITY lists them: from a table of name, function
 * that says whether it holds, and RFC. */
void imap_print_capabilities(const struct imap_session *session, struct mansio_buf *out);

/* What ENABLE (RFC 5161) can switch on under this name; 0: nothing. */
uint32_t imap_find_enabled(struct mansio_str capability, struct mansio_str *out_name);

/* Each in a file of its own, or with its like. */
int imap_cmd_append(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_authenticate(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_capability(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_check(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_close(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_copy(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_create(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_delete(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_enable(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_examine(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_expunge(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_fetch(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_id(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_idle(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_list(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_login(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_logout(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_lsub(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_move(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_namespace(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_noop(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_rename(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_search(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_select(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_starttls(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_status(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_store(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_subscribe(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_unselect(struct imap_session *session, struct imap_cursor *cursor);
int imap_cmd_unsubscribe(struct imap_session *session, struct imap_cursor *cursor);

#endif
