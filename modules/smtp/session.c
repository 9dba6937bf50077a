/*
 * A session: greeting, the loop of reading, dispatching and replying, the end. What has gathered is
 * sent when the reader is about to wait, so the replies to a pipelined group go out together
 * (RFC 2920 3.2).
 */
#include "session.h"

#include <stdarg.h>
#include <stdio.h>

#include <mansio/account.h>
#include <mansio/conn.h>
#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/str.h>

#include "commands.h"
#include "filters.h"
#include "transaction.h"

uint32_t smtp_tls_state(const struct smtp_session *session)
{
    return mansio_conn_tls_state(mansio_session_conn(session->session));
}

struct mansio_str smtp_account_address(const struct smtp_session *session)
{
    const struct mansio_account *account = mansio_session_account(session->session);

    return account != NULL ? mansio_account_facts(account)->address : MANSIO_STR_NONE;
}

int smtp_may_login(const struct smtp_session *session)
{
    return smtp_rules(session)->wants_login && mansio_session_account(session->session) == NULL;
}

/* ---- saying --------------------------------------------------------------------------------- */

int smtp_say_line(struct smtp_session *session, uint32_t code, const char *enhanced, int is_last,
                  struct mansio_str words)
{
    char line[SMTP_REPLY_LINE_MAX];
    size_t length = smtp_reply_line(line, code, enhanced, is_last, words);

    return mansio_stream_write(session->stream, (struct mansio_str){line, length});
}

static int say(struct smtp_session *session, uint32_t code, const char *enhanced,
               const char *format, va_list args) MANSIO_PRINTF(4, 0);

static int say(struct smtp_session *session, uint32_t code, const char *enhanced,
               const char *format, va_list args)
{
    char words[SMTP_SAY_MAX];
    int length = vsnprintf(words, sizeof words, format, args);

    if (length < 0) {
        length = 0;
    } else if ((size_t)length >= sizeof words) {
        length = (int)sizeof words - 1;
    }
    return smtp_say_line(session, code, enhanced, 1, (struct mansio_str){words, (size_t)length});
}

int smtp_say(struct smtp_session *session, uint32_t code, const char *enhanced, const char *format,
             ...)
{
    va_list args;

    va_start(args, format);
    int rc = say(session, code, enhanced, format, args);
    va_end(args);
    return rc;
}

int smtp_say_answer(struct smtp_session *session, const struct smtp_answer *answer)
{
    return smtp_say_line(session, answer->code, answer->enhanced, 1, answer->words);
}

int smtp_count_error(struct smtp_session *session)
{
    smtp_count(session, SMTP_ERRORS, 1);
    session->errors++;
    if (session->errors >= smtp_options(session)->errors_max) {
        return mansio_fail(MANSIO_E_LIMIT, "%u errors in a session", session->errors);
    }
    return 0;
}

int smtp_say_wrong(struct smtp_session *session, uint32_t code, const char *enhanced,
                   const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int rc = say(session, code, enhanced, format, args);
    va_end(args);
    return rc < 0 ? rc : smtp_count_error(session);
}

/* ---- the dialogue --------------------------------------------------------------------------- */

void smtp_reset(struct smtp_session *session)
{
    smtp_transaction_free(session->transaction);
    session->transaction = NULL;
    if (session->state & (SMTP_MAIL | SMTP_RCPT | SMTP_CHUNKS)) {
        session->state = SMTP_GREETED;
    }
}

static void end_session(void *arg)
{
    struct smtp_session *session = arg;

    smtp_transaction_free(session->transaction);
    session->transaction = NULL;
}

/* RFC 5321 3.1; without an enhanced code (RFC 2034 4). */
static int greet_as_judged(struct smtp_session *session, uint32_t verdict, struct mansio_str words)
{
    const struct smtp_options *options = smtp_options(session);

    if (verdict == MANSIO_VERDICT_DEFER) { /* 421 is the one code of this class here */
        int rc = smtp_say(session, 421, NULL, "%s %.*s", options->hostname, MANSIO_STR_ARG(words));
        return rc < 0 ? rc : SMTP_END;
    }
    if (verdict == MANSIO_VERDICT_REJECT) {
        session->state = SMTP_REFUSED;
        return smtp_say(session, 554, NULL, "%s %.*s", options->hostname, MANSIO_STR_ARG(words));
    }
    return smtp_say(session, 220, NULL, "%s %s Mansio", options->hostname,
                    smtp_rules(session)->greeting);
}

static int greet(struct smtp_session *session)
{
    const struct smtp_options *options = smtp_options(session);
    struct mansio_str local = mansio_conn_local(mansio_session_conn(session->session));
    struct smtp_answer answer = {.code = 0};

    if (smtp_rules(session)->keeps_from_port25 && mansio_str_ends(local, MANSIO_STR(":25"))) {
        (void)smtp_say(session, 421, NULL, "%s LMTP is not for port 25 (RFC 2033 5)",
                       options->hostname);
        mansio_log(MANSIO_LOG_ERROR, "lmtp-on-port-25", MANSIO_KV_STR("local", local),
                   MANSIO_KV_END);
        return SMTP_END;
    }
    MANSIO_SCRATCH_BEGIN(scratch);
    const struct smtp_question question = {.stage = MANSIO_STAGE_CONNECT, .arena = scratch};
    int rc = smtp_filters_ask(session, &question, &answer);
    if (rc >= 0) {
        rc = greet_as_judged(session, (uint32_t)rc, answer.words);
    }
    MANSIO_SCRATCH_END(scratch);
    return rc;
}

/* The longest line that may come now: AUTH's are long, where it is offered. */
static size_t line_max(const struct smtp_session *session)
{
    size_t max = (size_t)smtp_options(session)->command_max;

    return smtp_may_login(session) && max < SMTP_AUTH_LINE_MAX ? SMTP_AUTH_LINE_MAX : max;
}

/* Read a command and do as it says. Between transactions nothing is in hand: a stop request may end
 * that wait. */
static int next_command(struct smtp_session *session)
{
    const struct smtp_options *options = smtp_options(session);
    uint32_t flags = session->transaction == NULL ? MANSIO_READ_IDLE : 0;
    int64_t deadline_us = mansio_deadline_in(options->command_us);
    struct mansio_str line = MANSIO_STR_NONE;
    struct smtp_args args = {.verb = MANSIO_STR_NONE};

    if (mansio_now_us() >= session->ends_us) {
        return mansio_fail(MANSIO_E_TIMEOUT, "a session has lasted long enough");
    }
    deadline_us = deadline_us < session->ends_us ? deadline_us : session->ends_us;
    mansio_stream_set_deadline(session->stream, deadline_us);
    mansio_session_set_activity(session->session,
                                session->transaction == NULL ? "idle" : "envelope");
    int rc = mansio_stream_read_line(session->stream, line_max(session), flags, &line);
    if (rc == MANSIO_E_LIMIT) { /* RFC 5321 4.5.3.1.9 */
        return smtp_say_wrong(session, 500, "5.5.2", "the line is too long");
    }
    if (rc < 0) {
        return rc;
    }
    if (smtp_parse_command(line, &args) < 0) {
        return smtp_say_wrong(session, 500, "5.5.2", "%s", mansio_error_detail());
    }
    if (line.len + 2 > options->command_max && !mansio_str_ieq(args.verb, MANSIO_STR("AUTH"))) {
        return smtp_say_wrong(session, 500, "5.5.2", "the line is too long");
    }
    return smtp_dispatch(session, &args);
}

int smtp_serve(struct mansio_instance *instance, struct mansio_session *handle)
{
    struct mansio_arena *arena = mansio_session_arena(handle);
    struct smtp_session *session = mansio_arena_alloc(arena, sizeof *session);

    session->service = mansio_instance_data(instance);
    session->session = handle;
    session->stream = mansio_session_stream(handle);
    session->state = SMTP_FRESH;
    session->ends_us =
        mansio_deadline_in(smtp_rules(session)->wants_login ? smtp_options(session)->login_us
                                                            : smtp_options(session)->session_us);
    mansio_session_set_data(handle, session);
    mansio_arena_defer(arena, end_session, session);

    mansio_stream_set_deadline(session->stream,
                               mansio_deadline_in(smtp_options(session)->command_us));
    int rc = greet(session);
    while (rc == 0) {
        rc = next_command(session);
    }
    smtp_reset(session); /* nothing of it outlives the dialogue, whatever the goodbye takes */
    return rc == SMTP_END ? 0 : rc;
}

void smtp_goodbye(struct mansio_instance *instance, struct mansio_session *session, uint32_t reason,
                  struct mansio_buf *out)
{
    const struct smtp_service *service = mansio_instance_data(instance);
    static const struct {
        const char *enhanced, *words;
    } REASONS[] = {
        [MANSIO_REASON_NONE] = {"4.3.2", "goodbye"},
        [MANSIO_REASON_DRAIN] = {"4.3.2", "the service restarts, come back at once"},
        [MANSIO_REASON_KILLED] = {"4.3.2", "ended by an administrator"},
        [MANSIO_REASON_POLICY] = {"4.7.1", "no longer allowed"},
        [MANSIO_REASON_TIMEOUT] = {"4.4.2", "you took too long"},
        [MANSIO_REASON_FAULT] = {"4.3.0", "something failed here, come back later"},
        [MANSIO_REASON_LIMIT] = {"4.7.0", "too much for one session"},
    };
    size_t row = reason < MANSIO_COUNT(REASONS) ? reason : MANSIO_REASON_NONE;

    (void)session;
    (void)mansio_buf_printf(out, "421 %s %s %s\r\n", REASONS[row].enhanced,
                            service->options.hostname, REASONS[row].words);
}
