/*
 * RSET, NOOP, VRFY, HELP, QUIT (RFC 5321 4.1.1.5 to 4.1.1.10).
 */
#include "commands.h"

#include <stdio.h>

#include <mansio/error.h>
#include <mansio/str.h>

enum {
    HELP_WORDS_MAX = 400,
};

int smtp_cmd_rset(struct smtp_session *session, const struct smtp_args *args)
{
    (void)args;
    smtp_reset(session);
    return smtp_say(session, 250, "2.0.0", "ok");
}

int smtp_cmd_noop(struct smtp_session *session, const struct smtp_args *args)
{
    (void)args;
    return smtp_say(session, 250, "2.0.0", "ok");
}

/* Who asks is told nothing: addresses are for RCPT (RFC 5321 3.5.3, 7.3). */
int smtp_cmd_vrfy(struct smtp_session *session, const struct smtp_args *args)
{
    (void)args;
    return smtp_say(session, 252, "2.5.0",
                    "will not verify, but will take mail for addresses here");
}

int smtp_cmd_help(struct smtp_session *session, const struct smtp_args *args)
{
    char words[HELP_WORDS_MAX];
    size_t length = 0;

    (void)args;
    for (size_t i = 0; i < smtp_command_count; i++) {
        const struct smtp_command *command = &smtp_command_table[i];
        if (smtp_command_is_offered(session, command) &&
            length + command->verb.len + 1 < sizeof words) {
            length += (size_t)snprintf(words + length, sizeof words - length, "%s%.*s",
                                       length > 0 ? " " : "", MANSIO_STR_ARG(command->verb));
        }
    }
    int rc = smtp_say_line(session, 214, "2.0.0", 0, (struct mansio_str){words, length});
    return rc < 0 ? rc : smtp_say(session, 214, "2.0.0", "RFC 5321 explains them");
}

int smtp_cmd_quit(struct smtp_session *session, const struct smtp_args *args)
{
    (void)args;
    int rc = smtp_say(session, 221, "2.0.0", "%s goodbye", smtp_options(session)->hostname);
    return rc < 0 ? rc : SMTP_END;
}
