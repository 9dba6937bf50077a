/*
 * The dialogue: greeting, then read, dispatch, reply, until QUIT or an error ends it. Owns the
 * session's state, its maildrop and its lock from login to the end, however it ends: only QUIT
 * changes the mailbox (RFC 1939 6).
 */
#include "session.h"

#include <mansio/account.h>
#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/log.h>
#include <mansio/login.h>
#include <mansio/settings.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "commands.h"

enum {
    COMMAND_CAP = 256 * 1024, /* memory of one command */
    USER_CAP = 4096,
    /* AUTH may bring a whole initial response; a response is base64. */
    RESPONSE_MAX = (MANSIO_SASL_MESSAGE_MAX + 2) / 3 * 4 + 64,
};

int64_t pop3_setting(const struct pop3_session *session, const char *name)
{
    return mansio_settings_int(mansio_instance_settings(session->module->instance), name);
}

int64_t pop3_store_deadline(const struct pop3_session *session)
{
    return mansio_deadline_in(pop3_setting(session, "store_timeout"));
}

/* ---- in and out ---------------------------------------------------------------------------------
 */

static int64_t deadline_of(const struct pop3_session *session)
{
    return session->state == POP3_AUTHORIZATION
               ? session->login_deadline_us
               : mansio_deadline_in(pop3_setting(session, "timeout"));
}

int pop3_send(struct pop3_session *session, size_t at_least)
{
    struct mansio_str text = mansio_buf_str(session->reply);
    if (mansio_buf_status(session->reply) < 0) {
        return mansio_fail(MANSIO_E_BUG, "a reply of more than %d bytes", POP3_REPLY_MAX);
    }
    if (text.len == 0 || text.len < at_least) {
        return 0;
    }
    mansio_stream_set_deadline(session->stream, deadline_of(session));
    int rc = mansio_stream_write(session->stream, text);
    mansio_buf_reset(session->reply);
    return rc;
}

int pop3_send_bytes(struct pop3_session *session, struct mansio_str bytes)
{
    mansio_stream_set_deadline(session->stream, deadline_of(session));
    return mansio_stream_write(session->stream, bytes);
}

int pop3_read_response(struct pop3_session *session, struct mansio_str *out)
{
    int rc = pop3_send(session, 0);
    if (rc < 0) {
        return rc;
    }
    mansio_stream_set_deadline(session->stream, deadline_of(session));
    return mansio_stream_read_line(session->stream, RESPONSE_MAX, MANSIO_READ_BARE_LF, out);
}

/* A session that has opened its maildrop is in a transaction of its own: a reload lets it finish.
 * One that hasn't may come back at once. */
static int read_command(struct pop3_session *session, struct mansio_str *out)
{
    uint32_t idle = session->state == POP3_AUTHORIZATION ? MANSIO_READ_IDLE : 0;
    mansio_stream_set_deadline(session->stream, deadline_of(session));
    return mansio_stream_read_line(session->stream, RESPONSE_MAX, MANSIO_READ_BARE_LF | idle, out);
}

int pop3_fail(struct pop3_session *session, int code, const char *text)
{
    uint32_t class = mansio_error_class(code);
    if (class == MANSIO_CLASS_CANCELLED) {
        return code;
    }
    mansio_log(MANSIO_LOG_WARNING, "command-failed", MANSIO_KV_CSTR("what", text),
               MANSIO_KV_CODE("error", code), MANSIO_KV_END);
    pop3_reply_err(session->reply,
                   class == MANSIO_CLASS_PERMANENT || class == MANSIO_CLASS_BUG
                       ? POP3_CODE_SYS_PERM
                       : POP3_CODE_SYS_TEMP,
                   text);
    return 0;
}

/* ---- login --------------------------------------------------------------------------------------
 */

static int open_maildrop(struct pop3_session *session)
{
    struct mansio_account *account = mansio_session_account(session->session);
    int rc = pop3_lock_take(session->module, &session->lock, session->session,
                            pop3_store_deadline(session));
    if (rc == MANSIO_E_BUSY) {
        mansio_metric_add(session->module->instance, POP3_METRIC_IN_USE, 1);
        pop3_reply_err(session->reply, POP3_CODE_IN_USE, "Another session has this maildrop");
        return 0;
    }
    if (rc < 0) {
        return pop3_fail(session, rc, "The maildrop can't be locked now");
    }
    rc = pop3_maildrop_open(&session->drop, account, (uint32_t)pop3_setting(session, "messages"),
                            pop3_store_deadline(session));
    if (rc < 0) {
        return pop3_fail(session, rc, "The maildrop can't be opened now");
    }
    session->is_over = 0;
    session->state = POP3_TRANSACTION;
    session->transaction_us = mansio_now_us();
    mansio_session_set_activity(session->session, "transaction");
    mansio_metric_add(session->module->instance, POP3_METRIC_LOGINS, 1);
    pop3_reply_ok(session->reply, "%u messages", session->drop.left_count);
    return 0;
}

static void say_denied(struct pop3_session *session, int result)
{
    switch (result) {
    case MANSIO_E_DENIED:
        pop3_reply_err(session->reply, POP3_CODE_AUTH, "Not these credentials");
        break;
    case MANSIO_E_INVALID:
        pop3_reply_err(session->reply, POP3_CODE_NONE, "The mechanism's words make no sense");
        break;
    case MANSIO_E_UNSUPPORTED:
        pop3_reply_err(session->reply, POP3_CODE_NONE, "Not offered here, or not without TLS");
        break;
    default:
        pop3_reply_err(session->reply, POP3_CODE_SYS_TEMP,
                       result == MANSIO_E_LIMIT ? "Too many failed logins or sessions, try later"
                                                : "Nobody can judge credentials now, try later");
        break;
    }
}

int pop3_login_done(struct pop3_session *session, int result)
{
    mansio_arena_reset(session->user_arena);
    session->user = MANSIO_STR_NONE;
    if (result == 0) {
        /* The name is the session's for good: without its maildrop there is nothing left to do. */
        session->is_over = 1;
        return open_maildrop(session);
    }
    if (mansio_error_class(result) == MANSIO_CLASS_CANCELLED) {
        return result;
    }
    mansio_metric_add(session->module->instance, POP3_METRIC_LOGIN_FAILURES, 1);
    say_denied(session, result);
    session->login_failures++;
    session->is_over = result == MANSIO_E_LIMIT ||
                       session->login_failures >= (uint64_t)pop3_setting(session, "login_failures");
    return 0;
}

/* ---- the loop -----------------------------------------------------------------------------------
 */

static int refuse(struct pop3_session *session, const char *why)
{
    session->bad_commands++;
    mansio_metric_add(session->module->instance, POP3_METRIC_BAD_COMMANDS, 1);
    pop3_reply_err(session->reply, POP3_CODE_NONE, why);
    return 0;
}

static int dispatch(struct pop3_session *session, struct mansio_str text)
{
    struct pop3_line line;
    if (pop3_parse_line(text, &line) < 0) {
        return refuse(session, "That is no command");
    }
    const struct pop3_command *command = pop3_find_command(line.verb);
    if (command == NULL) {
        return refuse(session, "Unknown command");
    }
    const char *why = pop3_check_command(session, command, &line, text.len);
    return why == NULL ? command->run(session, &line) : refuse(session, why);
}

/* One command, from its line to its reply. Who fills the log with nonsense is sent away. */
static int serve_one(struct pop3_session *session)
{
    struct mansio_str text;
    int rc = read_command(session, &text);
    if (rc < 0 && rc != MANSIO_E_LIMIT) {
        return rc;
    }
    session->reply = mansio_buf_new(session->arena, POP3_REPLY_MAX);
    if (rc == MANSIO_E_LIMIT) {
        session->bad_commands++;
        pop3_reply_err(session->reply, POP3_CODE_NONE, "The line is too long");
        rc = 0;
    } else {
        rc = dispatch(session, text);
    }
    if (rc == 0 && session->bad_commands >= (uint64_t)pop3_setting(session, "bad_commands")) {
        pop3_reply_err(session->reply, POP3_CODE_NONE, "Too many bad commands");
        session->is_over = 1;
    }
    return rc < 0 ? rc : 0;
}

static void close_maildrop(struct pop3_session *session)
{
    if (session->drop.arena != NULL) {
        const struct mansio_account *account = mansio_session_account(session->session);
        int64_t open_us = mansio_now_us() - session->transaction_us;
        mansio_metric_observe(session->module->instance, POP3_METRIC_OPEN_SECONDS, open_us);
        mansio_log(
            MANSIO_LOG_INFO, "maildrop",
            MANSIO_KV_STR("user", mansio_account_facts(account)->address),
            MANSIO_KV_INT("messages", session->drop.count),
            MANSIO_KV_INT("retrieved", session->retrieved), MANSIO_KV_INT("top", session->topped),
            MANSIO_KV_INT("bytes", session->sent_bytes), MANSIO_KV_INT("deleted", session->deleted),
            MANSIO_KV_INT("is_updated", session->state == POP3_UPDATE), MANSIO_KV_END);
    }
    pop3_maildrop_close(&session->drop);
    pop3_lock_give_back(session->module, &session->lock);
}

/* What was said last goes out when the maildrop is free again: who then comes back finds it so. */
static int run(struct pop3_session *session)
{
    int rc = 0;
    while (rc == 0 && !session->is_over) {
        rc = serve_one(session);
        if (rc == 0 && session->is_over) {
            close_maildrop(session);
        }
        if (rc == 0) {
            rc = pop3_send(session, 0);
        }
        session->reply = NULL;
        mansio_arena_reset(session->arena);
    }
    return rc;
}

static int greet(struct pop3_session *session)
{
    const struct mansio_settings *settings = mansio_instance_settings(session->module->instance);
    struct mansio_str words = mansio_settings_str(settings, "greeting");
    mansio_stream_set_deadline(session->stream, session->login_deadline_us);
    return mansio_stream_printf(session->stream, "+OK %.*s\r\n", MANSIO_STR_ARG(words));
}

int pop3_serve(struct mansio_instance *instance, struct mansio_session *session)
{
    struct mansio_arena *arena = mansio_session_arena(session);
    struct pop3_session *self = mansio_arena_alloc(arena, sizeof *self);
    *self = (struct pop3_session){
        .module = mansio_instance_data(instance),
        .session = session,
        .stream = mansio_session_stream(session),
        .arena = mansio_arena_new(arena, "pop3.command", COMMAND_CAP),
        .user_arena = mansio_arena_new(arena, "pop3.user", USER_CAP),
        .state = POP3_AUTHORIZATION,
    };
    pop3_ahead_init(&self->ahead, arena);
    self->login_deadline_us = mansio_deadline_in(pop3_setting(self, "login_timeout"));
    mansio_session_set_data(session, self);
    mansio_session_set_activity(session, "authorization");
    int rc = greet(self);
    if (rc == 0) {
        rc = run(self);
    }
    close_maildrop(self);
    return rc;
}

void pop3_goodbye(struct mansio_instance *instance, struct mansio_session *session, uint32_t reason,
                  struct mansio_buf *out)
{
    const struct pop3_session *self = mansio_session_data(session);
    (void)instance;
    /* In the midst of a message any word would be taken for a part of it; and a session that was
     * silent for too long ends without one (RFC 1939 3). */
    if (self == NULL || self->is_sending || reason == MANSIO_REASON_TIMEOUT) {
        return;
    }
    if (self->lock.is_lost) {
        pop3_reply_err(out, POP3_CODE_SYS_TEMP, "The lock on the maildrop was lost");
        return;
    }
    switch (reason) {
    case MANSIO_REASON_DRAIN:
        pop3_reply_err(out, POP3_CODE_SYS_TEMP, "Going on elsewhere, come back at once");
        break;
    case MANSIO_REASON_KILLED:
        pop3_reply_err(out, POP3_CODE_SYS_TEMP, "Ended by an administrator");
        break;
    case MANSIO_REASON_POLICY:
        pop3_reply_err(out, POP3_CODE_SYS_PERM, "No longer allowed");
        break;
    case MANSIO_REASON_LIMIT:
        pop3_reply_err(out, POP3_CODE_SYS_TEMP, "Too much at once");
        break;
    default:
        pop3_reply_err(out, POP3_CODE_SYS_TEMP, "Something failed here, come back later");
        break;
    }
}
