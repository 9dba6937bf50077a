/*
 * MAIL (RFC 5321 4.1.1.2) with SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531) and, in
 * submission, AUTH (RFC 4954 5), RET and ENVID (RFC 3461 4.3, 4.4); there the sender is judged, too
 * (RFC 6409 6.1).
 */
#include "commands.h"
#include "filters.h"
#include "sender.h"
#include "transaction.h"

#include <mansio/error.h>
#include <mansio/limit.h>
#include <mansio/log.h>
#include <mansio/mail.h>
#include <mansio/str.h>

int smtp_say_bad_path(struct smtp_session *session, int code, const char *enhanced)
{
    if (code == MANSIO_E_UNSUPPORTED) {
        return smtp_say_wrong(session, 553, enhanced, "%s", mansio_error_detail());
    }
    return smtp_say_wrong(session, 501, enhanced, "%s", mansio_error_detail());
}

/* What the parameters ask for. Returns 1 if it can be done, 0 if the client was told no. */
static int judge_params(struct smtp_session *session, const struct mansio_path *path,
                        const struct smtp_mail_params *params)
{
    uint64_t max = smtp_options(session)->message_bytes_max;
    int rc = 1;

    if (path->is_utf8 && !params->is_utf8) { /* RFC 6531 3.5 */
        rc = smtp_say_wrong(session, 553, "5.6.7", "an address beyond ASCII wants SMTPUTF8");
    } else if (params->declared_bytes > max) { /* RFC 1870 6.1 */
        rc = smtp_say(session, 552, "5.3.4", "more than the %llu bytes that we take",
                      (unsigned long long)max);
    }
    return rc;
}

static int read_params(struct smtp_session *session, struct mansio_str rest,
                       struct smtp_mail_params *out)
{
    if (!session->is_extended && rest.len > 0) {
        return smtp_say_wrong(session, 555, "5.5.4", "parameters come after EHLO");
    }
    int rc = smtp_parse_mail_params(smtp_options(session)->mode, rest, out);
    if (rc == MANSIO_E_UNSUPPORTED) { /* RFC 5321 4.1.1.11 */
        return smtp_say_wrong(session, 555, "5.5.4", "%s", mansio_error_detail());
    }
    return rc < 0 ? smtp_say_wrong(session, 501, "5.5.4", "%s", mansio_error_detail()) : 1;
}

/* May this account send as that? The null path is everybody's: receipts of reading bear it
 * (RFC 8098 3). Returns 1, 0 if the client was told no, or an error. */
static int judge_sender(struct smtp_session *session, const struct mansio_path *path)
{
    if (!smtp_rules(session)->wants_login || path->domain_kind == MANSIO_DOMAIN_NONE) {
        return 1;
    }
    int rc = smtp_sender_is_own(session, session->transaction->arena, path->local, path->domain);
    if (rc == 0) {
        smtp_count(session, SMTP_SENDERS_REFUSED, 1);
        mansio_log(MANSIO_LOG_INFO, "sender-refused",
                   MANSIO_KV_STR("account", smtp_account_address(session)),
                   MANSIO_KV_STR("local", path->local), MANSIO_KV_STR("domain", path->domain),
                   MANSIO_KV_END);
        return smtp_say_wrong(session, 553, "5.7.1", "that is no address of yours to send from");
    }
    if (rc < 0 && mansio_error_class(rc) != MANSIO_CLASS_CANCELLED) {
        mansio_log(MANSIO_LOG_WARNING, "sender-unresolved", MANSIO_KV_CODE("error", rc),
                   MANSIO_KV_END);
        return smtp_say(session, 451, "4.4.3", "can't look up addresses for now");
    }
    return rc;
}

/* ENVID, which lies in the line. Returns 1, 0 if the client was told no, or an error. */
static int keep_envelope_id(struct smtp_session *session, struct smtp_transaction *transaction)
{
    struct mansio_str text = transaction->params.envelope_id;
    int rc = smtp_parse_xtext(transaction->arena, text, SMTP_ENVID_MAX, &transaction->envelope_id);

    transaction->params.envelope_id = MANSIO_STR_NONE;
    if (rc == MANSIO_E_LIMIT) {
        return smtp_say(session, 452, "4.3.1", "no room");
    }
    return rc < 0 ? smtp_say_wrong(session, 501, "5.5.4", "%s", mansio_error_detail()) : 1;
}

/* Path and parameters into the transaction. Returns 1, 0 if the client was told no, or an error. */
static int read_mail(struct smtp_session *session, struct smtp_transaction *transaction,
                     struct mansio_str text)
{
    struct mansio_path path = {.size = sizeof path};
    struct mansio_str rest = MANSIO_STR_NONE;
    int rc = smtp_parse_path(transaction->arena, text, SMTP_PATH_FROM,
                             (int)smtp_options(session)->may_space_path, &path, &rest);

    if (rc < 0) {
        return smtp_say_bad_path(session, rc, "5.1.7");
    }
    rc = read_params(session, rest, &transaction->params);
    if (rc == 1) {
        rc = judge_params(session, &path, &transaction->params);
    }
    if (rc == 1) {
        rc = keep_envelope_id(session, transaction);
    }
    if (rc == 1) {
        rc = judge_sender(session, &path);
    }
    if (rc == 1 && path.domain_kind != MANSIO_DOMAIN_NONE &&
        mansio_mailbox_print(transaction->arena, path.local, path.domain,
                             &transaction->reverse_path) < 0) {
        rc = smtp_say(session, 452, "4.3.1", "no room");
    }
    return rc;
}

/* Returns 1, 0 if the client was told no, or an error. */
static int ask_filters(struct smtp_session *session, struct smtp_transaction *transaction)
{
    const struct smtp_question question = {.stage = MANSIO_STAGE_SENDER,
                                           .arena = transaction->arena};
    struct smtp_answer answer = {.code = 0};
    int verdict = smtp_filters_ask(session, &question, &answer);

    if (verdict < 0) {
        return verdict;
    }
    if (verdict == MANSIO_VERDICT_REJECT || verdict == MANSIO_VERDICT_DEFER) {
        int rc = smtp_say_answer(session, &answer);
        return rc == 0 ? smtp_count_error(session) : rc;
    }
    transaction->is_discarded = verdict == MANSIO_VERDICT_DISCARD;
    return 1;
}

int smtp_cmd_mail(struct smtp_session *session, const struct smtp_args *args)
{
    const struct smtp_options *options = smtp_options(session);

    if (mansio_fiber_stop_reason() != MANSIO_REASON_NONE) { /* a client that always has more */
        return mansio_fail(MANSIO_E_STOPPING, "asked to stop before a transaction");
    }
    if (session->transactions >= options->transactions_max) {
        return mansio_fail(MANSIO_E_LIMIT, "%u transactions in a session", session->transactions);
    }
    struct smtp_transaction *transaction = smtp_transaction_new(options->recipients_max);
    session->transaction = transaction;
    session->transactions++;
    int rc = read_mail(session, transaction, args->text);
    if (rc == 1 && mansio_arena_printf(transaction->arena, &transaction->id, "%.*s.%u",
                                       MANSIO_STR_ARG(mansio_session_id(session->session)),
                                       session->transactions) < 0) {
        rc = smtp_say(session, 452, "4.3.1", "no room");
    }
    if (rc == 1 && mansio_session_count(session->session, MANSIO_COUNT_MESSAGES, 1) < 0) {
        rc = smtp_say(session, 451, "4.7.1",
                      "too many messages in so short a time, try again later");
    }
    if (rc == 1) {
        rc = ask_filters(session, transaction);
    }
    if (rc != 1) {
        smtp_reset(session);
        return rc;
    }
    session->state = SMTP_MAIL;
    return smtp_say(session, 250, "2.1.0", "%.*s sender ok", MANSIO_STR_ARG(transaction->id));
}
