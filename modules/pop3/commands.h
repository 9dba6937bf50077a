/*
 * The table of commands. What CAPA announces is generated from it, so that what is announced works.
 */
#ifndef MANSIO_MODULES_POP3_COMMANDS_H
#define MANSIO_MODULES_POP3_COMMANDS_H

#include "parse.h"
#include <mansio/base.h>
#include <mansio/buf.h>

struct pop3_session;

enum pop3_command_flags {
    POP3_TAKES_REST = 1, /* its one argument may hold spaces */
    POP3_PASSWORD = 2,   /* only where a password in the clear is taken */
    POP3_LONG = 4,       /* its line may be longer than POP3_LINE_MAX: an initial response */
    POP3_STARTS_TLS = 8, /* only while TLS may be started */
};

struct pop3_command {
    struct mansio_str verb;
    int (*run)(struct pop3_session *session, const struct pop3_line *line);
    uint32_t states; /* enum pop3_state: where it may be used */
    uint32_t args_min, args_max;
    uint32_t flags;         /* enum pop3_command_flags */
    const char *capability; /* what CAPA says of it; NULL: nothing */
};

const struct pop3_command *pop3_commands(size_t *out_count);

/* By its verb, in any case; NULL if there is none. */
const struct pop3_command *pop3_find_command(struct mansio_str verb);

/* Why a command can't be run now, in words for the client; NULL: it can. */
const char *pop3_check_command(const struct pop3_session *session,
                               const struct pop3_command *command, const struct pop3_line *line,
                               size_t line_len);

/* Append what CAPA says, without the lines around it. @p mechanisms: of SASL, may be empty. */
void pop3_capabilities(const struct pop3_session *session, struct mansio_str mechanisms,
                       struct mansio_str implementation, struct mansio_buf *out);

/* cmd_*.c: one for each row. They build the reply; an error that they return ends the session. */
int pop3_cmd_auth(struct pop3_session *session, const struct pop3_line *line);
int pop3_cmd_capa(struct pop3_session *session, const struct pop3_line *line);
int pop3_cmd_dele(struct pop3_session *session, const struct pop3_line *line);
int pop3_cmd_list(struct pop3_session *session, const struct pop3_line *line);
int pop3_cmd_noop(struct pop3_session *session, const struct pop3_line *line);
int pop3_cmd_pass(struct pop3_session *session, const struct pop3_line *line);
int pop3_cmd_quit(struct pop3_session *session, const struct pop3_line *line);
int pop3_cmd_retr(struct pop3_session *session, const struct pop3_line *line);
int pop3_cmd_rset(struct pop3_session *session, const struct pop3_line *line);
int pop3_cmd_stat(struct pop3_session *session, const struct pop3_line *line);
int pop3_cmd_stls(struct pop3_session *session, const struct pop3_line *line);
int pop3_cmd_top(struct pop3_session *session, const struct pop3_line *line);
int pop3_cmd_uidl(struct pop3_session *session, const struct pop3_line *line);
int pop3_cmd_user(struct pop3_session *session, const struct pop3_line *line);

/* The message that an argument names, if the session still has it; else the reply says why not and
 * the result is 0. */
uint32_t pop3_find_message(struct pop3_session *session, struct mansio_str text);

#endif
