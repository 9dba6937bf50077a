/*
 * The commands: see commands.h. What a row's columns say is checked here, once, before the handler
 * runs; a refused command whose text follows has that text skipped.
 */
#include "commands.h"

#include <mansio/account.h>
#include <mansio/error.h>
#include <mansio/str.h>

#define ANYWHERE    (SMTP_FRESH | SMTP_GREETED | SMTP_MAIL | SMTP_RCPT | SMTP_CHUNKS)
#define ONLY_QUIT   (ANYWHERE | SMTP_REFUSED)
#define IN_ENVELOPE (SMTP_MAIL | SMTP_RCPT)
#define BEFORE_TLS  (SMTP_ONLY_BEFORE_TLS | SMTP_EVEN_WITHOUT_TLS)

/* Sorted by verb. */
const struct smtp_command smtp_command_table[] = {
    /* RFC 4954 4 */
    {MANSIO_STR("AUTH"), smtp_cmd_auth, SMTP_IN_SUBMISSION, SMTP_GREETED, SMTP_ARGS_SOME,
     SMTP_ONLY_NAMELESS, NULL, "AUTH", "AUTH comes once, after EHLO and before MAIL"},
    /* RFC 3030 2 */
    {MANSIO_STR("BDAT"), smtp_cmd_bdat, SMTP_IN_ALL, IN_ENVELOPE | SMTP_CHUNKS, SMTP_ARGS_SOME,
     SMTP_ONLY_WITH_LOGIN, smtp_skip_bdat, "CHUNKING", "MAIL and RCPT come first"},
    /* RFC 5321 4.1.1.4 */
    {MANSIO_STR("DATA"), smtp_cmd_data, SMTP_IN_ALL, SMTP_RCPT, SMTP_ARGS_NONE,
     SMTP_ONLY_WITH_LOGIN, NULL, NULL, "DATA wants MAIL, an accepted RCPT, and no BDAT before it"},
    /* RFC 5321 4.1.1.1; RFC 2033 4.1 has neither HELO nor EHLO in LMTP */
    {MANSIO_STR("EHLO"), smtp_cmd_ehlo, SMTP_IN_SMTP, ANYWHERE, SMTP_ARGS_SOME,
     SMTP_EVEN_WITHOUT_TLS, NULL, NULL, NULL},
    {MANSIO_STR("HELO"), smtp_cmd_helo, SMTP_IN_SMTP, ANYWHERE, SMTP_ARGS_SOME,
     SMTP_EVEN_WITHOUT_TLS, NULL, NULL, NULL},
    /* RFC 5321 4.1.1.8 */
    {MANSIO_STR("HELP"), smtp_cmd_help, SMTP_IN_ALL, ANYWHERE, SMTP_ARGS_ANY, SMTP_EVEN_WITHOUT_TLS,
     NULL, "HELP", NULL},
    /* RFC 2033 4.1 */
    {MANSIO_STR("LHLO"), smtp_cmd_ehlo, SMTP_IN_LMTP, ANYWHERE, SMTP_ARGS_SOME,
     SMTP_EVEN_WITHOUT_TLS, NULL, NULL, NULL},
    /* RFC 5321 4.1.1.2 */
    {MANSIO_STR("MAIL"), smtp_cmd_mail, SMTP_IN_ALL, SMTP_GREETED, SMTP_ARGS_SOME,
     SMTP_ONLY_WITH_LOGIN, NULL, NULL, "a greeting comes first, and one MAIL at a time"},
    /* RFC 5321 4.1.1.9 */
    {MANSIO_STR("NOOP"), smtp_cmd_noop, SMTP_IN_ALL, ANYWHERE, SMTP_ARGS_ANY, SMTP_EVEN_WITHOUT_TLS,
     NULL, NULL, NULL},
    /* RFC 5321 4.1.1.10, 3.1 */
    {MANSIO_STR("QUIT"), smtp_cmd_quit, SMTP_IN_ALL, ONLY_QUIT, SMTP_ARGS_NONE,
     SMTP_EVEN_WITHOUT_TLS, NULL, NULL, NULL},
    /* RFC 5321 4.1.1.3 */
    {MANSIO_STR("RCPT"), smtp_cmd_rcpt, SMTP_IN_ALL, IN_ENVELOPE, SMTP_ARGS_SOME,
     SMTP_ONLY_WITH_LOGIN, NULL, NULL, "MAIL comes first"},
    /* RFC 5321 4.1.1.5 */
    {MANSIO_STR("RSET"), smtp_cmd_rset, SMTP_IN_ALL, ANYWHERE, SMTP_ARGS_NONE,
     SMTP_EVEN_WITHOUT_TLS, NULL, NULL, NULL},
    /* RFC 3207 4. Who is logged in stays so to the end of the session: what is forgotten with TLS
     * (4.2) can't be that. */
    {MANSIO_STR("STARTTLS"), smtp_cmd_starttls, SMTP_IN_ALL, SMTP_FRESH | SMTP_GREETED,
     SMTP_ARGS_NONE, BEFORE_TLS | SMTP_ONLY_NAMELESS, NULL, "STARTTLS",
     "not in a transaction, not in TLS, not after a login"},
    /* RFC 5321 4.1.1.6, 7.3 */
    {MANSIO_STR("VRFY"), smtp_cmd_vrfy, SMTP_IN_ALL, ANYWHERE, SMTP_ARGS_SOME, SMTP_ONLY_WITH_LOGIN,
     NULL, NULL, NULL},
};
const size_t smtp_command_count = MANSIO_COUNT(smtp_command_table);

int smtp_command_is_offered(const struct smtp_session *session, const struct smtp_command *command)
{
    if (!(command->modes & 1u << smtp_options(session)->mode)) {
        return 0;
    }
    if ((command->flags & SMTP_ONLY_NAMELESS) && mansio_session_account(session->session) != NULL) {
        return 0;
    }
    return !(command->flags & SMTP_ONLY_BEFORE_TLS) ||
           smtp_tls_state(session) == MANSIO_TLS_AVAILABLE;
}

/* The row of a verb that this mode knows, or NULL. */
static const struct smtp_command *find(const struct smtp_session *session, struct mansio_str verb)
{
    for (size_t i = 0; i < smtp_command_count; i++) {
        const struct smtp_command *command = &smtp_command_table[i];
        if ((command->modes & 1u << smtp_options(session)->mode) &&
            mansio_str_ieq(verb, command->verb)) {
            return command;
        }
    }
    return NULL;
}

/* Browsers that somebody's page makes talk to us, and the like: nothing they send is mail. */
static int is_other_protocol(struct mansio_str verb)
{
    static const struct mansio_str VERBS[] = {MANSIO_STR("GET"), MANSIO_STR("POST"),
                                              MANSIO_STR("PUT"), MANSIO_STR("CONNECT"),
                                              MANSIO_STR("OPTIONS")};
    for (size_t i = 0; i < MANSIO_COUNT(VERBS); i++) {
        if (mansio_str_ieq(verb, VERBS[i])) {
            return 1;
        }
    }
    return 0;
}

static int say_unknown(struct smtp_session *session, const struct smtp_args *args)
{
    int rc = smtp_say_wrong(session, 500, "5.5.1", "command not known here");

    if (rc < 0) {
        return rc;
    }
    session->unknown++;
    if (session->unknown >= smtp_options(session)->unknown_max || is_other_protocol(args->verb)) {
        return mansio_fail(MANSIO_E_LIMIT, "%u unknown commands in a session", session->unknown);
    }
    return 0;
}

/* What a row's columns have against a command now; code 0: nothing. */
static struct smtp_answer judge(const struct smtp_session *session,
                                const struct smtp_command *command, const struct smtp_args *args)
{
    uint32_t tls = smtp_tls_state(session);

    if (session->state == SMTP_REFUSED && !(command->states & SMTP_REFUSED)) {
        return smtp_answer(503, "5.5.1", "you were refused, and may only QUIT");
    }
    if ((command->flags & SMTP_ONLY_BEFORE_TLS) && tls == MANSIO_TLS_NONE) {
        return smtp_answer(502, "5.5.1", "not offered here");
    }
    if (smtp_options(session)->is_tls_required && tls != MANSIO_TLS_ACTIVE &&
        !(command->flags & SMTP_EVEN_WITHOUT_TLS)) {
        return smtp_answer(530, "5.7.0", "must issue a STARTTLS command first");
    }
    if ((command->flags & SMTP_ONLY_WITH_LOGIN) && smtp_may_login(session)) {
        return smtp_answer(530, "5.7.0",
                           tls == MANSIO_TLS_AVAILABLE ? "STARTTLS and AUTH come first"
                                                       : "AUTH comes first");
    }
    if (!(command->states & session->state) ||
        ((command->flags & SMTP_ONLY_BEFORE_TLS) && tls == MANSIO_TLS_ACTIVE) ||
        ((command->flags & SMTP_ONLY_NAMELESS) &&
         mansio_session_account(session->session) != NULL)) {
        return smtp_answer(503, "5.5.1", command->out_of_order);
    }
    if (command->args == SMTP_ARGS_NONE && args->text.len > 0) {
        return smtp_answer(501, "5.5.4", "this command takes no argument");
    }
    if (command->args == SMTP_ARGS_SOME && args->text.len == 0) {
        return smtp_answer(501, "5.5.4", "this command wants an argument");
    }
    return (struct smtp_answer){.code = 0};
}

int smtp_dispatch(struct smtp_session *session, const struct smtp_args *args)
{
    const struct smtp_command *command = find(session, args->verb);

    if (command == NULL) {
        return say_unknown(session, args);
    }
    struct smtp_answer answer = judge(session, command, args);
    if (answer.code == 0) {
        return command->run(session, args);
    }
    int rc = command->skip != NULL ? command->skip(session, args) : 0;
    if (rc == 0) {
        rc = smtp_say_answer(session, &answer);
    }
    return rc == 0 ? smtp_count_error(session) : rc;
}
