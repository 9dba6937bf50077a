/*
 * Which commands there are, and when each may be used.
 */
#include "commands.h"

#include "session.h"
#include <mansio/login.h>
#include <mansio/str.h>
#include <mansio/tls.h>

enum { BOTH = POP3_AUTHORIZATION | POP3_TRANSACTION };

/* Sorted by verb. */
static const struct pop3_command commands[] = {
    /* verb               run            valid in            args  flags            CAPA */
    {MANSIO_STR("AUTH"), pop3_cmd_auth, POP3_AUTHORIZATION, 1, 2, POP3_LONG, "SASL"}, /* 5034 4 */
    {MANSIO_STR("CAPA"), pop3_cmd_capa, BOTH, 0, 0, 0, NULL},                         /* 2449 5 */
    {MANSIO_STR("DELE"), pop3_cmd_dele, POP3_TRANSACTION, 1, 1, 0, NULL},             /* 1939 5 */
    {MANSIO_STR("LIST"), pop3_cmd_list, POP3_TRANSACTION, 0, 1, 0, NULL},             /* 1939 5 */
    {MANSIO_STR("NOOP"), pop3_cmd_noop, POP3_TRANSACTION, 0, 0, 0, NULL},             /* 1939 5 */
    {MANSIO_STR("PASS"), pop3_cmd_pass, POP3_AUTHORIZATION, 1, 1, POP3_TAKES_REST | POP3_PASSWORD,
     NULL},                                                               /* 1939 7 */
    {MANSIO_STR("QUIT"), pop3_cmd_quit, BOTH, 0, 0, 0, NULL},             /* 1939 4, 6 */
    {MANSIO_STR("RETR"), pop3_cmd_retr, POP3_TRANSACTION, 1, 1, 0, NULL}, /* 1939 5 */
    {MANSIO_STR("RSET"), pop3_cmd_rset, POP3_TRANSACTION, 0, 0, 0, NULL}, /* 1939 5 */
    {MANSIO_STR("STAT"), pop3_cmd_stat, POP3_TRANSACTION, 0, 0, 0, NULL}, /* 1939 5 */
    {MANSIO_STR("STLS"), pop3_cmd_stls, POP3_AUTHORIZATION, 0, 0, POP3_STARTS_TLS,
     "STLS"},                                                               /* 2595 4 */
    {MANSIO_STR("TOP"), pop3_cmd_top, POP3_TRANSACTION, 2, 2, 0, "TOP"},    /* 1939 7 */
    {MANSIO_STR("UIDL"), pop3_cmd_uidl, POP3_TRANSACTION, 0, 1, 0, "UIDL"}, /* 1939 7 */
    {MANSIO_STR("USER"), pop3_cmd_user, POP3_AUTHORIZATION, 1, 1, POP3_PASSWORD,
     "USER"}, /* 1939 7 */
};

/* What is a property of all we say, not of a command. */
static const char *const properties[] = {
    "PIPELINING",     /* RFC 2449 6.6 */
    "RESP-CODES",     /* RFC 2449 6.4 */
    "AUTH-RESP-CODE", /* RFC 3206 5 */
    "EXPIRE NEVER",   /* RFC 2449 6.7 */
};

const struct pop3_command *pop3_commands(size_t *out_count)
{
    *out_count = MANSIO_COUNT(commands);
    return commands;
}

const struct pop3_command *pop3_find_command(struct mansio_str verb)
{
    for (size_t i = 0; i < MANSIO_COUNT(commands); i++) {
        if (mansio_str_ieq(commands[i].verb, verb)) {
            return &commands[i];
        }
    }
    return NULL;
}

static int may_start_tls(const struct pop3_session *session)
{
    return mansio_conn_tls_state(mansio_session_conn(session->session)) == MANSIO_TLS_AVAILABLE;
}

const char *pop3_check_command(const struct pop3_session *session,
                               const struct pop3_command *command, const struct pop3_line *line,
                               size_t line_len)
{
    if (line_len > POP3_LINE_MAX - 2 && !(command->flags & POP3_LONG)) {
        return "The line is too long";
    }
    if (!(command->states & session->state)) {
        return session->state == POP3_AUTHORIZATION ? "Log in first" : "Not after login";
    }
    if ((command->flags & POP3_STARTS_TLS) && !may_start_tls(session)) {
        return "TLS can't be started here, or is in use already";
    }
    if ((command->flags & POP3_PASSWORD) && !mansio_session_may_use_password(session->session)) {
        return may_start_tls(session) ? "No password in the clear: STLS first"
                                      : "No password in the clear here";
    }
    if (command->flags & POP3_TAKES_REST) {
        return line->rest.len > 0 ? NULL : "An argument is missing";
    }
    if (line->arg_count < command->args_min) {
        return "An argument is missing";
    }
    return line->arg_count > command->args_max ? "Too many arguments" : NULL;
}

void pop3_capabilities(const struct pop3_session *session, struct mansio_str mechanisms,
                       struct mansio_str implementation, struct mansio_buf *out)
{
    for (size_t i = 0; i < MANSIO_COUNT(commands); i++) {
        const struct pop3_command *row = &commands[i];
        if (row->capability == NULL ||
            ((row->flags & POP3_STARTS_TLS) && !may_start_tls(session)) ||
            ((row->flags & POP3_PASSWORD) && !mansio_session_may_use_password(session->session))) {
            continue;
        }
        if (row->run != pop3_cmd_auth) {
            mansio_buf_printf(out, "%s\r\n", row->capability);
        } else if (mechanisms.len > 0) {
            mansio_buf_printf(out, "%s %.*s\r\n", row->capability, MANSIO_STR_ARG(mechanisms));
        }
    }
    for (size_t i = 0; i < MANSIO_COUNT(properties); i++) {
        mansio_buf_printf(out, "%s\r\n", properties[i]);
    }
    if (implementation.len > 0) {
        mansio_buf_printf(out, "IMPLEMENTATION %.*s\r\n", MANSIO_STR_ARG(implementation));
    }
}
