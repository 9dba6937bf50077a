/*
 * EHLO, HELO (RFC 5321 4.1.1.1) and LHLO (RFC 2033 4.1): who the client says it is, and what we
 * can do. What is announced comes from the tables of commands and of MAIL's parameters, so it is
 * what works. Replies are without enhanced codes (RFC 2034 4).
 */
#include "commands.h"
#include "filters.h"

#include <stdio.h>
#include <string.h>

#include <mansio/conn.h>
#include <mansio/error.h>
#include <mansio/login.h>
#include <mansio/str.h>

enum {
    CAPABILITY_MAX = 256, /* AUTH names every mechanism there is */
};

/* What no command or parameter stands for: RFC 2034, RFC 2920. */
static const char *const OTHERS[] = {"ENHANCEDSTATUSCODES", "PIPELINING"};

/* SIZE with its number (RFC 1870 4), AUTH with what can be used now (RFC 4954 3), or not at all. */
static int say_capability(struct smtp_session *session, struct mansio_str name,
                          struct mansio_str mechanisms)
{
    char line[CAPABILITY_MAX];
    struct mansio_str words = name;
    int length = -1;

    if (mansio_str_eq(name, MANSIO_STR("AUTH"))) {
        if (mechanisms.len == 0) {
            return 0;
        }
        length = snprintf(line, sizeof line, "AUTH %.*s", MANSIO_STR_ARG(mechanisms));
    } else if (mansio_str_eq(name, MANSIO_STR("SIZE"))) {
        length = snprintf(line, sizeof line, "SIZE %llu",
                          (unsigned long long)smtp_options(session)->message_bytes_max);
    }
    if (length >= 0 && length < (int)sizeof line) {
        words = (struct mansio_str){line, (size_t)length};
    }
    return smtp_say_line(session, 250, NULL, 0, words);
}

static int say_capabilities(struct smtp_session *session, struct mansio_str mechanisms)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < smtp_mail_param_count; i++) {
        const struct smtp_mail_param *param = &smtp_mail_param_table[i];
        if (param->capability.len > 0 && (param->modes & 1u << smtp_options(session)->mode)) {
            rc = say_capability(session, param->capability, MANSIO_STR_NONE);
        }
    }
    for (size_t i = 0; rc == 0 && i < smtp_command_count; i++) {
        const struct smtp_command *command = &smtp_command_table[i];
        if (command->capability != NULL && smtp_command_is_offered(session, command)) {
            rc = say_capability(session, mansio_str_from_cstr(command->capability), mechanisms);
        }
    }
    for (size_t i = 0; rc == 0 && i < MANSIO_COUNT(OTHERS); i++) {
        int is_last = i + 1 == MANSIO_COUNT(OTHERS);
        rc = smtp_say_line(session, 250, NULL, is_last, mansio_str_from_cstr(OTHERS[i]));
    }
    return rc;
}

/* Let filters judge the name; a transaction ends as by RSET (RFC 5321 4.1.4). Returns 1 if the
 * client may go on, 0 if it was told no, or an error. */
static int enter(struct smtp_session *session, struct mansio_str name, uint32_t is_extended)
{
    struct smtp_answer answer = {.code = 0};

    if (!smtp_parse_is_hello(name)) {
        return smtp_say_wrong(session, 501, NULL, "that is no name for a host");
    }
    smtp_reset(session);
    memcpy(session->hello, name.ptr, name.len);
    session->hello_length = (uint16_t)name.len;

    MANSIO_SCRATCH_BEGIN(scratch);
    const struct smtp_question question = {.stage = MANSIO_STAGE_GREETING, .arena = scratch};
    int rc = smtp_filters_ask(session, &question, &answer);
    if (rc == MANSIO_VERDICT_REJECT || rc == MANSIO_VERDICT_DEFER) {
        session->state = SMTP_FRESH;
        rc = smtp_say_line(session, answer.code, NULL, 1, answer.words);
        rc = rc == 0 ? smtp_count_error(session) : rc;
    } else if (rc >= 0) {
        session->state = SMTP_GREETED;
        session->is_extended = is_extended;
        rc = 1;
    }
    MANSIO_SCRATCH_END(scratch);
    return rc;
}

static int say_welcome(struct smtp_session *session, int is_last)
{
    char words[SMTP_HOSTNAME_MAX + 80];
    struct mansio_str ip = mansio_conn_peer_ip(mansio_session_conn(session->session));
    int length = snprintf(words, sizeof words, "%s greets %.*s", smtp_options(session)->hostname,
                          MANSIO_STR_ARG(ip));

    length = length < (int)sizeof words ? length : (int)sizeof words - 1;
    return smtp_say_line(session, 250, NULL, is_last, (struct mansio_str){words, (size_t)length});
}

int smtp_cmd_helo(struct smtp_session *session, const struct smtp_args *args)
{
    int rc = enter(session, args->text, 0);

    return rc == 1 ? say_welcome(session, 1) : rc;
}

int smtp_cmd_ehlo(struct smtp_session *session, const struct smtp_args *args)
{
    struct mansio_str mechanisms = MANSIO_STR_NONE;
    int rc = enter(session, args->text, 1);

    if (rc != 1) {
        return rc;
    }
    MANSIO_SCRATCH_BEGIN(scratch);
    rc = smtp_may_login(session) ? mansio_session_mechanisms(session->session, scratch, &mechanisms)
                                 : 0;
    if (rc == MANSIO_E_LIMIT) {
        rc = 0;
    }
    if (rc == 0) {
        rc = say_welcome(session, 0);
    }
    if (rc == 0) {
        rc = say_capabilities(session, mechanisms);
    }
    MANSIO_SCRATCH_END(scratch);
    return rc;
}
