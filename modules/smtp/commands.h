/*
 * The commands: a table with what each wants, and its lookup. EHLO and HELP speak from the same
 * table.
 */
#ifndef MANSIO_MODULES_SMTP_COMMANDS_H
#define MANSIO_MODULES_SMTP_COMMANDS_H

#include "parse.h"
#include "session.h"

enum smtp_command_args {
    SMTP_ARGS_NONE = 1, /* RFC 5321 4.1.1: 501 if there are any */
    SMTP_ARGS_SOME = 2, /* 501 if there are none */
    SMTP_ARGS_ANY = 3,
};

enum smtp_command_flags {
    SMTP_ONLY_BEFORE_TLS = 1,  /* offered where TLS can start, out of order where it has */
    SMTP_EVEN_WITHOUT_TLS = 2, /* goes on a listener that requires TLS (RFC 3207 4) */
    SMTP_ONLY_WITH_LOGIN = 4,  /* where the mode wants one (RFC 4954 6) */
    SMTP_ONLY_NAMELESS = 8,    /* offered while nobody is logged in, out of order then */
};

/* 0, SMTP_END, or an error that ends the session. Slices of @p args go with the next read. */
typedef int (*smtp_command_fn)(struct smtp_session *session, const struct smtp_args *args);

struct smtp_command {
    struct mansio_str verb;
    smtp_command_fn run;
    uint32_t modes;  /* enum smtp_mode_bits */
    uint32_t states; /* enum smtp_state, or-ed */
    uint32_t args;   /* enum smtp_command_args */
    uint32_t flags;  /* enum smtp_command_flags */
    /* What the client sends behind the command whatever the answer; called when the command is
     * refused before run(), so that no byte of it is taken for a command. */
    smtp_command_fn skip;
    const char *capability;   /* announced with the command; NULL: none */
    const char *out_of_order; /* why not in another state */
};

/* Check a command against its row and run it. Yields. */
int smtp_dispatch(struct smtp_session *session, const struct smtp_args *args);

/* The table, for EHLO, HELP and tests. */
extern const struct smtp_command smtp_command_table[];
extern const size_t smtp_command_count;

/* 1 if a row's command is offered on this session now. */
int smtp_command_is_offered(const struct smtp_session *session, const struct smtp_command *command);

/* A path that is none, of MAIL ("5.1.7") or RCPT ("5.1.3"): say so. @param code  what reading it
 * came to. Yields. */
int smtp_say_bad_path(struct smtp_session *session, int code, const char *enhanced);

/* ---- cmd_*.c -------------------------------------------------------------------------------- */

int smtp_cmd_helo(struct smtp_session *session, const struct smtp_args *args);
int smtp_cmd_ehlo(struct smtp_session *session, const struct smtp_args *args); /* and LHLO */
int smtp_cmd_mail(struct smtp_session *session, const struct smtp_args *args);
int smtp_cmd_rcpt(struct smtp_session *session, const struct smtp_args *args);
int smtp_cmd_data(struct smtp_session *session, const struct smtp_args *args);
int smtp_cmd_bdat(struct smtp_session *session, const struct smtp_args *args);
int smtp_skip_bdat(struct smtp_session *session, const struct smtp_args *args);
int smtp_cmd_rset(struct smtp_session *session, const struct smtp_args *args);
int smtp_cmd_noop(struct smtp_session *session, const struct smtp_args *args);
int smtp_cmd_vrfy(struct smtp_session *session, const struct smtp_args *args);
int smtp_cmd_help(struct smtp_session *session, const struct smtp_args *args);
int smtp_cmd_quit(struct smtp_session *session, const struct smtp_args *args);
int smtp_cmd_auth(struct smtp_session *session, const struct smtp_args *args);
int smtp_cmd_starttls(struct smtp_session *session, const struct smtp_args *args);

#endif
