/*
 * Which commands there are, when each may be given, and what is announced.
 */
#include "commands.h"

#include <mansio/error.h>
#include <mansio/login.h>
#include <mansio/str.h>
#include <mansio/tls.h>

#include "view.h"

enum {
    BEFORE = IMAP_NOT_AUTHENTICATED,
    AFTER = IMAP_AUTHENTICATED | IMAP_SELECTED,
    ALWAYS = BEFORE | AFTER,
};

/* Sorted by verb. */
static const struct imap_command commands[] = {
    /* verb  run  valid in  flags */
    {MANSIO_STR("APPEND"), imap_cmd_append, AFTER, IMAP_TAKES_LITERAL},         /* 3501 6.3.11 */
    {MANSIO_STR("AUTHENTICATE"), imap_cmd_authenticate, BEFORE, 0},             /* 3501 6.2.2 */
    {MANSIO_STR("CAPABILITY"), imap_cmd_capability, ALWAYS, IMAP_WITHOUT_SYNC}, /* 3501 6.1.1 */
    {MANSIO_STR("CHECK"), imap_cmd_check, IMAP_SELECTED, 0},                    /* 3501 6.4.1 */
    {MANSIO_STR("CLOSE"), imap_cmd_close, IMAP_SELECTED, 0},                    /* 3501 6.4.2 */
    {MANSIO_STR("COPY"), imap_cmd_copy, IMAP_SELECTED, IMAP_HAS_UID},           /* 3501 6.4.7 */
    {MANSIO_STR("CREATE"), imap_cmd_create, AFTER, 0},                 /* 3501 6.3.3, 6154 3 */
    {MANSIO_STR("DELETE"), imap_cmd_delete, AFTER, 0},                 /* 3501 6.3.4 */
    {MANSIO_STR("ENABLE"), imap_cmd_enable, AFTER, IMAP_WITHOUT_SYNC}, /* 5161 3.1 */
    {MANSIO_STR("EXAMINE"), imap_cmd_examine, AFTER, 0},               /* 3501 6.3.2 */
    {MANSIO_STR("EXPUNGE"), imap_cmd_expunge, IMAP_SELECTED,
     IMAP_HAS_UID | IMAP_WRITES}, /* 3501 6.4.3, 4315 2.1 */
    {MANSIO_STR("FETCH"), imap_cmd_fetch, IMAP_SELECTED,
     IMAP_HAS_UID | IMAP_KEEPS_NUMBERS},                                /* 3501 6.4.5 */
    {MANSIO_STR("ID"), imap_cmd_id, ALWAYS, IMAP_WITHOUT_SYNC},         /* 2971 3.1 */
    {MANSIO_STR("IDLE"), imap_cmd_idle, AFTER, 0},                      /* 2177 3 */
    {MANSIO_STR("LIST"), imap_cmd_list, AFTER, 0},                      /* 3501 6.3.8, 5258 */
    {MANSIO_STR("LOGIN"), imap_cmd_login, BEFORE, IMAP_PASSWORD},       /* 3501 6.2.3 */
    {MANSIO_STR("LOGOUT"), imap_cmd_logout, ALWAYS, IMAP_WITHOUT_SYNC}, /* 3501 6.1.3 */
    {MANSIO_STR("LSUB"), imap_cmd_lsub, AFTER, 0},                      /* 3501 6.3.9 */
    {MANSIO_STR("MOVE"), imap_cmd_move, IMAP_SELECTED, IMAP_HAS_UID | IMAP_WRITES}, /* 6851 3 */
    {MANSIO_STR("NAMESPACE"), imap_cmd_namespace, AFTER, IMAP_WITHOUT_SYNC},        /* 2342 5 */
    {MANSIO_STR("NOOP"), imap_cmd_noop, ALWAYS, 0},                                 /* 3501 6.1.2 */
    {MANSIO_STR("RENAME"), imap_cmd_rename, AFTER, 0},                              /* 3501 6.3.5 */
    {MANSIO_STR("SEARCH"), imap_cmd_search, IMAP_SELECTED,
     IMAP_HAS_UID | IMAP_KEEPS_NUMBERS},                                       /* 3501 6.4.4 */
    {MANSIO_STR("SELECT"), imap_cmd_select, AFTER, 0},                         /* 3501 6.3.1 */
    {MANSIO_STR("STARTTLS"), imap_cmd_starttls, BEFORE, IMAP_ONLY_BEFORE_TLS}, /* 3501 6.2.1 */
    {MANSIO_STR("STATUS"), imap_cmd_status, AFTER, 0},                         /* 3501 6.3.10 */
    {MANSIO_STR("STORE"), imap_cmd_store, IMAP_SELECTED,
     IMAP_HAS_UID | IMAP_KEEPS_NUMBERS | IMAP_WRITES},             /* 3501 6.4.6 */
    {MANSIO_STR("SUBSCRIBE"), imap_cmd_subscribe, AFTER, 0},       /* 3501 6.3.6 */
    {MANSIO_STR("UNSELECT"), imap_cmd_unselect, IMAP_SELECTED, 0}, /* 3691 2 */
    {MANSIO_STR("UNSUBSCRIBE"), imap_cmd_unsubscribe, AFTER, 0},   /* 3501 6.3.7 */
};

/* ---- what is announced --------------------------------------------------------------------------
 */

static int may_start_tls(const struct imap_session *session)
{
    return mansio_conn_tls_state(mansio_session_conn(session->session)) == MANSIO_TLS_AVAILABLE;
}

static int offers_tls(const struct imap_session *session)
{
    return session->state == IMAP_NOT_AUTHENTICATED && may_start_tls(session);
}

static int refuses_passwords(const struct imap_session *session)
{
    return session->state == IMAP_NOT_AUTHENTICATED &&
           !mansio_session_may_use_password(session->session);
}

/* A capability holds if its function says so, and if the command that it stands for has a row. */
static const struct {
    const char *name;
    const char *verb; /* NULL: none of its own */
    int (*holds)(const struct imap_session *session);
    uint32_t enabled; /* enum imap_enabled: what ENABLE does with it */
} capabilities[] = {
    {"IMAP4rev1", NULL, NULL, 0},                         /* 3501 */
    {"LITERAL+", NULL, NULL, 0},                          /* 7888 */
    {"SASL-IR", "AUTHENTICATE", NULL, 0},                 /* 4959 */
    {"STARTTLS", "STARTTLS", offers_tls, 0},              /* 3501 6.2.1 */
    {"LOGINDISABLED", NULL, refuses_passwords, 0},        /* 3501 6.2.3 */
    {"ID", "ID", NULL, 0},                                /* 2971 */
    {"ENABLE", "ENABLE", NULL, 0},                        /* 5161 */
    {"NAMESPACE", "NAMESPACE", NULL, 0},                  /* 2342 */
    {"CHILDREN", "LIST", NULL, 0},                        /* 3348 */
    {"LIST-EXTENDED", "LIST", NULL, 0},                   /* 5258 */
    {"SPECIAL-USE", "LIST", NULL, 0},                     /* 6154 2 */
    {"CREATE-SPECIAL-USE", "CREATE", NULL, 0},            /* 6154 3 */
    {"IDLE", "IDLE", NULL, 0},                            /* 2177 */
    {"UNSELECT", "UNSELECT", NULL, 0},                    /* 3691 */
    {"UIDPLUS", "EXPUNGE", NULL, 0},                      /* 4315 */
    {"MOVE", "MOVE", NULL, 0},                            /* 6851 */
    {"CONDSTORE", "STORE", NULL, IMAP_ENABLED_CONDSTORE}, /* 7162 3.1 */
};

void imap_print_capabilities(const struct imap_session *session, struct mansio_buf *out)
{
    const char *space = "";
    for (size_t i = 0; i < MANSIO_COUNT(capabilities); i++) {
        const char *verb = capabilities[i].verb;
        if ((verb != NULL && imap_find_command(mansio_str_from_cstr(verb), 0) == NULL) ||
            (capabilities[i].holds != NULL && !capabilities[i].holds(session))) {
            continue;
        }
        mansio_buf_printf(out, "%s%s", space, capabilities[i].name);
        space = " ";
    }
    struct mansio_str rest = session->mechanisms, mechanism;
    while (session->state == IMAP_NOT_AUTHENTICATED && rest.len > 0 &&
           mansio_str_split(&rest, ' ', &mechanism)) {
        mansio_buf_printf(out, " AUTH=%.*s", MANSIO_STR_ARG(mechanism));
    }
}

uint32_t imap_find_enabled(struct mansio_str capability, struct mansio_str *out_name)
{
    for (size_t i = 0; i < MANSIO_COUNT(capabilities); i++) {
        struct mansio_str name = mansio_str_from_cstr(capabilities[i].name);
        if (capabilities[i].enabled != 0 && mansio_str_ieq(name, capability)) {
            *out_name = name;
            return capabilities[i].enabled;
        }
    }
    return 0;
}

/* ---- which command ------------------------------------------------------------------------------
 */

const struct imap_command *imap_commands(size_t *out_count)
{
    *out_count = MANSIO_COUNT(commands);
    return commands;
}

const struct imap_command *imap_find_command(struct mansio_str verb, int is_uid)
{
    for (size_t i = 0; i < MANSIO_COUNT(commands); i++) {
        uint32_t flags = commands[i].flags;
        int has_form =
            is_uid ? (flags & (IMAP_HAS_UID | IMAP_ONLY_UID)) != 0 : (flags & IMAP_ONLY_UID) == 0;
        if (has_form && mansio_str_ieq(commands[i].verb, verb)) {
            return &commands[i];
        }
    }
    return NULL;
}

static int deny(struct imap_session *session, uint32_t status, const char *words)
{
    if (status == IMAP_BAD) {
        imap_end_bad(session, NULL, words);
    } else {
        imap_end_with(session, status, "%s", words);
    }
    return MANSIO_E_DENIED;
}

static int check(struct imap_session *session, const struct imap_command *command)
{
    if (!(command->states & session->state)) {
        return deny(session, IMAP_BAD,
                    session->state == IMAP_NOT_AUTHENTICATED ? "login first"
                    : command->states == IMAP_SELECTED       ? "a mailbox selected first"
                                                             : "no login again");
    }
    if ((command->flags & IMAP_ONLY_BEFORE_TLS) && !may_start_tls(session)) {
        return deny(session, IMAP_BAD, "no TLS to be started here, or not twice");
    }
    if ((command->flags & IMAP_PASSWORD) && !mansio_session_may_use_password(session->session)) {
        return deny(session, IMAP_NO,
                    may_start_tls(session)
                        ? "[PRIVACYREQUIRED] No password in the clear: STARTTLS first"
                        : "[PRIVACYREQUIRED] No password in the clear here");
    }
    if ((command->flags & IMAP_WRITES) && session->view != NULL && session->view->is_read_only) {
        return deny(session, IMAP_NO, "The mailbox is open for reading only");
    }
    return 0;
}

int imap_recognise(struct imap_session *session, struct imap_cursor *cursor)
{
    struct mansio_str tag, verb;
    session->tag = MANSIO_STR_NONE;
    session->command = NULL;
    session->is_uid = 0;
    if (imap_parse_tag(cursor, &tag) < 0 || imap_parse_space(cursor) < 0) {
        return deny(session, IMAP_BAD, "a tag and a command");
    }
    session->tag = tag;
    if (imap_parse_word(cursor, MANSIO_STR("UID"))) { /* RFC 3501 6.4.8 */
        session->is_uid = 1;
        if (imap_parse_space(cursor) < 0) {
            return deny(session, IMAP_BAD, "a command behind UID");
        }
    }
    if (imap_parse_atom(cursor, &verb) < 0) {
        return deny(session, IMAP_BAD, "a command behind the tag");
    }
    const struct imap_command *command = imap_find_command(verb, (int)session->is_uid);
    if (command == NULL) {
        return deny(session, IMAP_BAD, "a command that is known");
    }
    session->command = command;
    return check(session, command);
}
