/*
 * The dialogue: greeting, then read, dispatch, reply, until LOGOUT or an error ends it. Owns the
 * session's state and the memory of the command that runs; the selected mailbox is view.c's.
 */
#include "session.h"

#include <stdarg.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/login.h>
#include <mansio/protocol.h>
#include <mansio/settings.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "commands.h"
#include "reader.h"
#include "reply.h"
#include "view.h"

enum {
    COMMAND_CAP = 16 << 20, /* memory of one command: numbers and UIDs of a large mailbox */
    MECHANISMS_CAP = 4096,
};

int64_t imap_setting(const struct imap_session *session, const char *name)
{
    return mansio_settings_int(mansio_instance_settings(session->module->instance), name);
}

int64_t imap_store_deadline(const struct imap_session *session)
{
    return mansio_deadline_in(imap_setting(session, "store_timeout"));
}

int64_t imap_deadline(const struct imap_session *session)
{
    return session->state == IMAP_NOT_AUTHENTICATED
               ? session->login_deadline_us
               : mansio_deadline_in(imap_setting(session, "timeout"));
}

/* ---- sending ------------------------------------------------------------------------------------
 */

/* What is gathered goes to the stream, which sends it when it has much or waits for the client. */
static int write_out(struct imap_session *session)
{
    struct mansio_str text = mansio_buf_str(session->out);
    if (mansio_buf_status(session->out) < 0) {
        return mansio_fail(MANSIO_E_BUG, "a reply of more than %d bytes", IMAP_OUT_MAX);
    }
    if (text.len == 0) {
        return 0;
    }
    mansio_stream_set_deadline(session->stream, imap_deadline(session));
    int rc = mansio_stream_write(session->stream, text);
    mansio_buf_reset(session->out);
    return rc;
}

int imap_send(struct imap_session *session, size_t at_least)
{
    if (at_least > 0 && mansio_buf_status(session->out) == 0 &&
        mansio_buf_str(session->out).len < at_least) {
        return 0;
    }
    int rc = write_out(session);
    return rc == 0 && at_least == 0 ? mansio_stream_flush(session->stream) : rc;
}

int imap_send_bytes(struct imap_session *session, struct mansio_str bytes)
{
    int rc = write_out(session);
    if (rc < 0) {
        return rc;
    }
    mansio_stream_set_deadline(session->stream, imap_deadline(session));
    return mansio_stream_write(session->stream, bytes);
}

/* ---- how a command ended ------------------------------------------------------------------------
 */

int imap_end_with(struct imap_session *session, uint32_t status, const char *format, ...)
{
    va_list args;
    struct mansio_buf *words = mansio_buf_new(session->arena, IMAP_OUT_MAX);
    va_start(args, format);
    mansio_buf_vprintf(words, format, args);
    va_end(args);
    session->status = status;
    session->words = mansio_buf_str(words);
    return 0;
}

int imap_end_bad(struct imap_session *session, const struct imap_cursor *cursor,
                 const char *expected)
{
    session->bad_commands++;
    mansio_metric_add(session->module->instance, IMAP_METRIC_BAD_COMMANDS, 1);
    if (cursor == NULL) {
        return imap_end_with(session, IMAP_BAD, "Expected %s", expected);
    }
    return imap_end_with(session, IMAP_BAD, "Expected %s at column %zu", expected,
                         (size_t)(cursor->at - cursor->begin) + 1);
}

/* RFC 5530 3. */
static const char *response_code(int code)
{
    switch (code) {
    case MANSIO_E_NOT_FOUND:
        return "NONEXISTENT";
    case MANSIO_E_EXISTS:
        return "ALREADYEXISTS";
    case MANSIO_E_DENIED:
        return "NOPERM";
    case MANSIO_E_BUSY:
        return "INUSE";
    default:
        break;
    }
    switch (mansio_error_class(code)) {
    case MANSIO_CLASS_TRANSIENT:
        return "UNAVAILABLE";
    case MANSIO_CLASS_PERMANENT:
        return "CANNOT";
    case MANSIO_CLASS_LIMIT:
        return "LIMIT";
    default:
        return "SERVERBUG";
    }
}

int imap_end_failed(struct imap_session *session, int code, const char *what)
{
    uint32_t class = mansio_error_class(code);
    if (class == MANSIO_CLASS_CANCELLED) {
        return code;
    }
    mansio_metric_add(session->module->instance, IMAP_METRIC_FAILED_COMMANDS, 1);
    mansio_log(class == MANSIO_CLASS_PERMANENT || class == MANSIO_CLASS_LIMIT ? MANSIO_LOG_DEBUG
                                                                              : MANSIO_LOG_WARNING,
               "command-failed", MANSIO_KV_CSTR("what", what),
               MANSIO_KV_STR("command",
                             session->command != NULL ? session->command->verb : MANSIO_STR_NONE),
               MANSIO_KV_CODE("error", code), MANSIO_KV_END);
    return imap_end_with(session, IMAP_NO, "[%s] %s", response_code(code), what);
}

void imap_end_now(struct imap_session *session)
{
    static const char *const names[] = {[IMAP_OK] = "OK", [IMAP_NO] = "NO", [IMAP_BAD] = "BAD"};
    MANSIO_ASSERT(session->status >= IMAP_OK && session->status <= IMAP_BAD);
    mansio_buf_printf(session->out, "%.*s %s ",
                      MANSIO_STR_ARG(session->tag.len > 0 ? session->tag : MANSIO_STR("*")),
                      names[session->status]);
    mansio_buf_add(session->out, session->words);
    mansio_buf_add(session->out, MANSIO_STR("\r\n"));
    session->status = 0;
}

/* ---- login --------------------------------------------------------------------------------------
 */

int imap_ask_mechanisms(struct imap_session *session)
{
    if (session->mechanisms_arena == NULL) {
        session->mechanisms_arena = mansio_arena_new(mansio_session_arena(session->session),
                                                     "imap.mechanisms", MECHANISMS_CAP);
    }
    mansio_arena_reset(session->mechanisms_arena);
    session->mechanisms = MANSIO_STR_NONE;
    if (session->state != IMAP_NOT_AUTHENTICATED) {
        return 0;
    }
    int rc = mansio_session_mechanisms(session->session, session->mechanisms_arena,
                                       &session->mechanisms);
    /* A greeting without mechanisms is better than none. */
    return rc < 0 && mansio_error_class(rc) == MANSIO_CLASS_CANCELLED ? rc : 0;
}

static int begin_account(struct imap_session *session)
{
    struct mansio_account *account = mansio_session_account(session->session);
    session->account = account;
    session->store = mansio_account_store(account, &session->pool);
    session->state = IMAP_AUTHENTICATED;
    mansio_arena_free(session->mechanisms_arena);
    session->mechanisms_arena = NULL;
    session->mechanisms = MANSIO_STR_NONE;
    mansio_session_set_activity(session->session, "authenticated");
    mansio_metric_add(session->module->instance, IMAP_METRIC_LOGINS, 1);
    /* The list is another one now: whoever gets it here need not ask (RFC 3501 6.2.2). */
    struct mansio_buf *list = mansio_buf_new(session->arena, IMAP_OUT_FLUSH);
    imap_print_capabilities(session, list);
    return imap_end_with(session, IMAP_OK, "[CAPABILITY %.*s] Logged in",
                         MANSIO_STR_ARG(mansio_buf_str(list)));
}

static int say_denied(struct imap_session *session, int result)
{
    switch (result) {
    case MANSIO_E_DENIED:
        return imap_end_with(session, IMAP_NO, "[AUTHENTICATIONFAILED] Not these credentials");
    case MANSIO_E_INVALID:
        return imap_end_bad(session, NULL, "words that the mechanism has");
    case MANSIO_E_UNSUPPORTED:
        return imap_end_with(
            session, IMAP_NO, "%sNot offered here, or not without TLS",
            mansio_session_may_use_password(session->session) ? "" : "[PRIVACYREQUIRED] ");
    case MANSIO_E_LIMIT:
        return imap_end_with(session, IMAP_NO,
                             "[LIMIT] Too many failed logins or sessions, try later");
    default:
        return imap_end_with(session, IMAP_NO,
                             "[UNAVAILABLE] Nobody can judge credentials now, try later");
    }
}

int imap_login_done(struct imap_session *session, int result)
{
    if (result == 0) {
        return begin_account(session);
    }
    if (mansio_error_class(result) == MANSIO_CLASS_CANCELLED) {
        return result;
    }
    mansio_metric_add(session->module->instance, IMAP_METRIC_LOGIN_FAILURES, 1);
    say_denied(session, result);
    session->login_failures++;
    if (result == MANSIO_E_LIMIT ||
        session->login_failures >= (uint64_t)imap_setting(session, "login_failures")) {
        imap_reply_untagged(session->out, result == MANSIO_E_LIMIT
                                              ? "BYE Too many failed logins or sessions, try later"
                                              : "BYE Too many failed logins");
        session->is_over = 1;
    }
    return 0;
}

/* ---- the loop -----------------------------------------------------------------------------------
 */

static int dispatch(struct imap_session *session, struct mansio_str text)
{
    const char *begin = text.len > 0 ? text.ptr : ""; /* of an empty line there is nothing */
    struct imap_cursor cursor = {begin, begin, begin + text.len, session->arena};
    if (imap_recognise(session, &cursor) < 0) {
        return 0; /* it has been said why */
    }
    return session->command->run(session, &cursor);
}

/* What happened to the selected mailbox meanwhile (RFC 3501 5.2, 7.4.1). */
static int catch_up(struct imap_session *session)
{
    const struct imap_command *command = session->command;
    if (session->view == NULL || command == NULL || (command->flags & IMAP_WITHOUT_SYNC) != 0) {
        return 0;
    }
    int keeps_numbers = (command->flags & IMAP_KEEPS_NUMBERS) != 0 && !session->is_uid;
    return imap_view_catch_up(session, keeps_numbers ? 0 : IMAP_CATCH_UP_EXPUNGES);
}

/* The tagged reply, and a word to whoever fills the log with nonsense. */
static int finish(struct imap_session *session)
{
    int rc = catch_up(session);
    if (rc < 0) {
        return rc;
    }
    if (session->status == IMAP_OK && session->state != IMAP_NOT_AUTHENTICATED) {
        session->bad_commands = 0; /* a program that errs now and then may stay for days */
    }
    if (session->status != 0) {
        imap_end_now(session);
    }
    if (!session->is_over &&
        session->bad_commands >= (uint64_t)imap_setting(session, "bad_commands")) {
        imap_reply_untagged(session->out, "BYE Too many bad commands");
        session->is_over = 1;
    }
    return write_out(session);
}

void imap_wipe(struct mansio_str secret)
{
    void *bytes = NULL;
    memcpy(&bytes, &secret.ptr, sizeof bytes); /* slices are of what is constant */
    if (secret.len > 0) {
        explicit_bzero(bytes, secret.len);
    }
}

/* It may hold a password, whether or not it was understood. */
static void wipe_text(struct imap_session *session)
{
    imap_wipe(session->text);
    session->text = MANSIO_STR_NONE;
}

void imap_rest(struct imap_session *session)
{
    char tag[IMAP_TAG_MAX];
    size_t len = session->tag.len;
    MANSIO_ASSERT(len <= sizeof tag);
    memcpy(tag, session->tag.ptr, len);
    wipe_text(session);
    mansio_arena_reset(session->arena);
    session->out = mansio_buf_new(session->arena, IMAP_OUT_MAX);
    char *kept = mansio_arena_alloc(session->arena, len);
    memcpy(kept, tag, len);
    session->tag = (struct mansio_str){kept, len};
}

static void begin_command(struct imap_session *session)
{
    mansio_arena_reset(session->arena);
    session->out = mansio_buf_new(session->arena, IMAP_OUT_MAX);
    session->tag = MANSIO_STR_NONE;
    session->text = MANSIO_STR_NONE;
    session->command = NULL;
    session->is_uid = 0;
    session->status = 0;
    session->words = MANSIO_STR_NONE;
}

static int serve_one(struct imap_session *session)
{
    begin_command(session);
    int rc = imap_read_command(session, &session->text);
    if (rc < 0 && rc != MANSIO_E_LIMIT) {
        wipe_text(session);
        return rc;
    }
    mansio_metric_add(session->module->instance, IMAP_METRIC_COMMANDS, 1);
    rc = rc == 0 ? dispatch(session, session->text) : 0;
    if (rc == 0) {
        rc = finish(session);
    }
    wipe_text(session);
    return rc;
}

static int greet(struct imap_session *session)
{
    const struct mansio_settings *settings = mansio_instance_settings(session->module->instance);
    struct mansio_str words = mansio_settings_str(settings, "greeting");
    begin_command(session);
    int rc = imap_ask_mechanisms(session);
    if (rc < 0) {
        return rc;
    }
    mansio_buf_add(session->out, MANSIO_STR("* OK [CAPABILITY "));
    imap_print_capabilities(session, session->out);
    mansio_buf_printf(session->out, "] %.*s\r\n", MANSIO_STR_ARG(words));
    return write_out(session);
}

int imap_serve(struct mansio_instance *instance, struct mansio_session *session)
{
    struct mansio_arena *arena = mansio_session_arena(session);
    struct imap_session *self = mansio_arena_alloc(arena, sizeof *self);
    *self = (struct imap_session){
        .module = mansio_instance_data(instance),
        .session = session,
        .stream = mansio_session_stream(session),
        .arena = mansio_arena_new(NULL, "imap.command", COMMAND_CAP),
        .state = IMAP_NOT_AUTHENTICATED,
    };
    self->login_deadline_us = mansio_deadline_in(imap_setting(self, "login_timeout"));
    mansio_session_set_data(session, self);
    mansio_session_set_activity(session, "not authenticated");
    int rc = greet(self);
    while (rc == 0 && !self->is_over) {
        rc = serve_one(self);
    }
    imap_view_close(self);
    self->out = NULL;
    mansio_arena_free(self->arena);
    self->arena = NULL;
    return rc;
}

void imap_goodbye(struct mansio_instance *instance, struct mansio_session *session, uint32_t reason,
                  struct mansio_buf *out)
{
    const struct imap_session *self = mansio_session_data(session);
    (void)instance;
    if (self == NULL || self->is_mid_response) {
        return; /* any word would be taken for a part of what was begun */
    }
    switch (reason) {
    case MANSIO_REASON_DRAIN:
        imap_reply_untagged(out, "BYE Going on elsewhere, come back at once");
        break;
    case MANSIO_REASON_KILLED:
        imap_reply_untagged(out, "BYE [ALERT] Ended by an administrator");
        break;
    case MANSIO_REASON_POLICY:
        imap_reply_untagged(out, "BYE [ALERT] No longer allowed");
        break;
    case MANSIO_REASON_TIMEOUT:
        imap_reply_untagged(out, "BYE Silent for too long"); /* RFC 3501 5.4 */
        break;
    case MANSIO_REASON_LIMIT:
        imap_reply_untagged(out, "BYE [LIMIT] Too much at once");
        break;
    default:
        imap_reply_untagged(out, "BYE [UNAVAILABLE] Something failed here, come back later");
        break;
    }
}
