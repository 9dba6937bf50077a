/*
 * RCPT (RFC 5321 4.1.1.3): whether an address is ours, whose it is, and whether mail for it can be
 * taken now; in submission, whether it can be sent to. What is refused is refused here, where the
 * sender can be told for each recipient.
 */
#include "commands.h"
#include "filters.h"
#include "transaction.h"

#include <mansio/error.h>
#include <mansio/limit.h>
#include <mansio/log.h>
#include <mansio/mail.h>
#include <mansio/store.h>
#include <mansio/str.h>

/* The platform's postmaster, whose mail is refused for nothing (RFC 5321 4.5.1). */
static int is_postmaster(const struct mansio_path *path)
{
    return path->domain_kind == MANSIO_DOMAIN_NONE;
}

/* ---- what may be against it ------------------------------------------------------------------ */

/* Words for what mansio_recipient_resolve() says, and the metric that counts it. */
static struct smtp_answer word_resolution(int code, size_t *out_metric)
{
    *out_metric = SMTP_RECIPIENTS_REFUSED;
    switch (code) {
    case MANSIO_E_NOT_FOUND:
        *out_metric = SMTP_RECIPIENTS_UNKNOWN;
        return smtp_answer(550, "5.1.1", "no such address here");
    case MANSIO_E_UNSUPPORTED:
        *out_metric = SMTP_RECIPIENTS_NOT_OURS;
        return smtp_answer(550, "5.7.1", "relaying denied: not a domain of ours");
    case MANSIO_E_INVALID:
        return smtp_answer(501, "5.1.3", "that is no address");
    case MANSIO_E_BUSY:
        *out_metric = SMTP_RECIPIENTS_DEFERRED;
        return smtp_answer(450, "4.2.1", "mail for this address is not taken for now");
    case MANSIO_E_LIMIT:
        *out_metric = SMTP_RECIPIENTS_DEFERRED;
        return smtp_answer(452, "4.5.3", "no room for further recipients");
    default:
        *out_metric = SMTP_RECIPIENTS_DEFERRED;
        return smtp_answer(451, "4.4.3", "can't look up addresses for now");
    }
}

static struct smtp_answer over_quota(const struct mansio_account_facts *facts)
{
    return facts->quota_reply == MANSIO_QUOTA_PERMANENT
               ? smtp_answer(552, "5.2.2", "the mailbox is full")
               : smtp_answer(452, "4.2.2", "the mailbox is full");
}

/* Has one of the accounts that an address leads to something against the message? One that can't
 * be delivered to keeps the address from being accepted: 250 is a promise for all of them. */
static int judge_accounts(struct smtp_session *session, struct smtp_recipient *recipient,
                          struct smtp_answer *out, size_t *out_metric)
{
    uint64_t bytes = session->transaction->params.declared_bytes;
    int64_t deadline_us = mansio_deadline_in(smtp_options(session)->lookup_us);

    for (size_t i = 0; i < mansio_recipient_count(recipient->resolved); i++) {
        struct mansio_account *account = mansio_recipient_account(recipient->resolved, i);
        const struct mansio_account_facts *facts = mansio_account_facts(account);
        *out_metric = SMTP_RECIPIENTS_REFUSED;
        if (facts->message_bytes_max > 0 && bytes > facts->message_bytes_max) {
            *out = smtp_answer(552, "5.2.3", "more than this mailbox takes in one message");
            return 0;
        }
        if (recipient->store->may_deliver == NULL) {
            continue;
        }
        int rc = recipient->store->may_deliver(recipient->pool, account, bytes, deadline_us);
        if (rc == MANSIO_E_LIMIT) {
            *out_metric = SMTP_RECIPIENTS_OVER_QUOTA;
            *out = over_quota(facts);
        } else if (rc == MANSIO_E_NOT_FOUND) {
            *out = word_resolution(rc, out_metric);
        } else if (rc < 0 && mansio_error_class(rc) == MANSIO_CLASS_CANCELLED) {
            return rc;
        } else if (rc < 0) {
            mansio_log(MANSIO_LOG_WARNING, "quota-unknown", MANSIO_KV_CODE("error", rc),
                       MANSIO_KV_END);
            *out_metric = SMTP_RECIPIENTS_DEFERRED;
            *out = smtp_answer(451, "4.3.0", "can't look into the mailbox for now");
        }
        if (rc < 0) {
            return 0;
        }
    }
    return 0;
}

/* The one store of an address; for one elsewhere, that of who sends. */
static void find_pool(const struct smtp_session *session, struct smtp_recipient *recipient,
                      struct smtp_answer *out)
{
    size_t count = mansio_recipient_count(recipient->resolved);
    struct mansio_account *first = count > 0 ? mansio_recipient_account(recipient->resolved, 0)
                                             : mansio_session_account(session->session);

    recipient->store = mansio_account_store(first, &recipient->pool);
    for (size_t i = 1; i < count; i++) {
        struct mansio_instance *pool = NULL;
        (void)mansio_account_store(mansio_recipient_account(recipient->resolved, i), &pool);
        if (pool != recipient->pool) {
            mansio_log(MANSIO_LOG_ERROR, "recipient-on-several-stores",
                       MANSIO_KV_STR("to", mansio_recipient_address(recipient->resolved)),
                       MANSIO_KV_END);
            *out = smtp_answer(451, "4.3.5", "this address is misconfigured here");
            return;
        }
    }
}

/* One transaction commits to one store. Who sends on somebody's behalf commits to that account's:
 * what isn't delivered there goes to its spool. Else all recipients of a message are on one, and a
 * client sends the rest again (RFC 5321 4.5.3.1.10); in LMTP each is answered for itself. */
static void choose_pool(const struct smtp_session *session, struct smtp_recipient *recipient,
                        struct smtp_answer *out)
{
    const struct smtp_transaction *transaction = session->transaction;
    const struct smtp_rules *rules = smtp_rules(session);

    if (rules->sends) {
        struct mansio_instance *pool = NULL;
        const struct mansio_store *store =
            mansio_account_store(mansio_session_account(session->session), &pool);
        recipient->is_sent =
            mansio_recipient_count(recipient->resolved) == 0 || pool != recipient->pool;
        recipient->store = store;
        recipient->pool = pool;
    } else if (!rules->answers_each && transaction->count > 0 &&
               transaction->recipients[0].pool != recipient->pool) {
        *out = smtp_answer(452, "4.5.3", "send this recipient a copy of its own");
    }
}

/* ---- the command ----------------------------------------------------------------------------- */

/* Tell the client no. */
static int refuse(struct smtp_session *session, const struct smtp_answer *answer, size_t metric,
                  struct mansio_str path)
{
    smtp_count(session, metric, 1);
    session->transaction->refused++;
    mansio_log(MANSIO_LOG_INFO, "recipient-refused", MANSIO_KV_STR("id", session->transaction->id),
               MANSIO_KV_STR("from", session->transaction->reverse_path), MANSIO_KV_STR("to", path),
               MANSIO_KV_INT("code", answer->code), MANSIO_KV_CSTR("status", answer->enhanced),
               MANSIO_KV_END);
    int is_guess = smtp_rules(session)->counts_unknown && metric == SMTP_RECIPIENTS_UNKNOWN;
    int missed = is_guess ? mansio_session_missed(session->session, session->ends_us) : 0;
    if (missed == MANSIO_E_CANCELLED) {
        return missed;
    }
    /* Told also to who is sent away after it: so the recipient is off the sender's list. */
    int rc = smtp_say_answer(session, answer);
    if (rc == 0 && smtp_rules(session)->counts_unknown && answer->code >= 500) {
        rc = smtp_count_error(session);
    }
    return rc == 0 && missed < 0 ? missed : rc;
}

/* NOTIFY and ORCPT (RFC 3461 4.1, 4.2). Returns 1, 0 if the client was told no, or an error. */
static int read_params(struct smtp_session *session, struct mansio_str rest,
                       struct smtp_recipient *recipient)
{
    struct smtp_transaction *transaction = session->transaction;
    struct smtp_rcpt_params params = {.notify = 0};
    int rc = smtp_parse_rcpt_params(smtp_options(session)->mode, rest, &params);

    if (rc == 0 && !session->is_extended && rest.len > 0) {
        return smtp_say_wrong(session, 555, "5.5.4", "parameters come after EHLO");
    }
    if (rc == 0 && params.original.len > 0) {
        rc = smtp_parse_orcpt(transaction->arena, params.original, transaction->params.is_utf8,
                              &recipient->original);
    }
    if (rc == MANSIO_E_LIMIT) {
        return smtp_say(session, 452, "4.5.3", "no room for further recipients");
    }
    if (rc < 0) { /* RFC 5321 4.1.1.11 */
        return smtp_say_wrong(session, rc == MANSIO_E_UNSUPPORTED ? 555 : 501, "5.5.4", "%s",
                              mansio_error_detail());
    }
    recipient->notify = params.notify;
    return 1;
}

/* Path and parameters. Returns 1, 0 if the client was told no, or an error. */
static int read_rcpt(struct smtp_session *session, struct mansio_str text, struct mansio_path *path,
                     struct smtp_recipient *recipient)
{
    struct mansio_str rest = MANSIO_STR_NONE;
    int rc = smtp_parse_path(session->transaction->arena, text, SMTP_PATH_TO,
                             (int)smtp_options(session)->may_space_path, path, &rest);

    if (rc < 0) {
        return smtp_say_bad_path(session, rc, "5.1.3");
    }
    if (path->is_utf8 && !session->transaction->params.is_utf8) { /* RFC 6531 3.5 */
        return smtp_say_wrong(session, 553, "5.6.7", "an address beyond ASCII wants SMTPUTF8");
    }
    return read_params(session, rest, recipient);
}

/* What stands behind the last "@": a local part may have some in quotes. */
static struct mansio_str domain_of(struct mansio_str address)
{
    size_t at = address.len;

    while (at > 0 && address.ptr[at - 1] != '@') {
        at--;
    }
    return mansio_str_sub(address, at, SIZE_MAX);
}

/* An address that isn't ours, where such ones are taken: its domain must be one that can be looked
 * up from anywhere (RFC 6409 4.2). As mansio_recipient_resolve(), or 0 with an answer. */
static int resolve_remote(struct smtp_session *session, const struct mansio_path *path,
                          struct smtp_recipient *recipient, struct smtp_answer *out)
{
    int rc = mansio_recipient_remote(session->transaction->arena, path->local, path->domain,
                                     &recipient->resolved);

    if (rc == 0 && path->domain_kind == MANSIO_DOMAIN_NAME) {
        struct mansio_str domain = domain_of(mansio_recipient_address(recipient->resolved));
        if (mansio_str_find_char(domain, '.') < 0) {
            *out = smtp_answer(554, "5.1.2", "the domain isn't fully qualified");
        }
    }
    return rc;
}

/* Find out where the path leads, and judge it. 0, with an answer's code if it is refused. */
static int resolve(struct smtp_session *session, const struct mansio_path *path,
                   struct smtp_recipient *recipient, struct smtp_answer *out, size_t *out_metric)
{
    struct smtp_transaction *transaction = session->transaction;
    struct mansio_str local = is_postmaster(path) ? MANSIO_STR("postmaster") : path->local;
    int rc = MANSIO_E_UNSUPPORTED; /* an address literal is no domain of ours */

    if (path->domain_kind == MANSIO_DOMAIN_NAME || is_postmaster(path)) {
        rc = mansio_recipient_resolve(transaction->arena, local, path->domain,
                                      mansio_deadline_in(smtp_options(session)->lookup_us),
                                      &recipient->resolved);
    }
    if (rc < 0 && mansio_error_class(rc) == MANSIO_CLASS_CANCELLED) {
        return rc;
    }
    if (rc == MANSIO_E_UNSUPPORTED && smtp_rules(session)->sends) {
        *out_metric = SMTP_RECIPIENTS_REFUSED;
        rc = resolve_remote(session, path, recipient, out);
    }
    if (rc < 0) {
        *out = word_resolution(rc, out_metric);
        if (*out_metric == SMTP_RECIPIENTS_DEFERRED && rc != MANSIO_E_BUSY) {
            mansio_log(MANSIO_LOG_WARNING, "recipient-unresolved", MANSIO_KV_CODE("error", rc),
                       MANSIO_KV_END);
        }
    }
    return 0;
}

/* What is against a recipient whose place is known. 0, or an error that ends the session. */
static int judge(struct smtp_session *session, const struct mansio_path *path,
                 struct smtp_recipient *recipient, struct smtp_answer *out, size_t *out_metric)
{
    int rc = 0;

    *out_metric = SMTP_RECIPIENTS_DEFERRED;
    find_pool(session, recipient, out);
    if (out->code == 0 && !is_postmaster(path)) {
        rc = judge_accounts(session, recipient, out, out_metric);
    }
    if (rc == 0 && out->code == 0) {
        choose_pool(session, recipient, out);
    }
    return rc;
}

/* Let filters judge the recipient, which is the transaction's last for that. */
static int ask_filters(struct smtp_session *session, struct smtp_answer *out, size_t *out_metric)
{
    struct smtp_transaction *transaction = session->transaction;
    const struct smtp_question question = {.stage = MANSIO_STAGE_RECIPIENT,
                                           .arena = transaction->arena};
    int verdict = smtp_filters_ask(session, &question, out);

    if (verdict == MANSIO_VERDICT_DISCARD) {
        transaction->recipients[transaction->count - 1].is_discarded = 1;
    }
    *out_metric =
        verdict == MANSIO_VERDICT_DEFER ? SMTP_RECIPIENTS_DEFERRED : SMTP_RECIPIENTS_REFUSED;
    if (verdict < 0 || out->code != 0) {
        transaction->count--;
    }
    return verdict < 0 ? verdict : 0;
}

/* Has the transaction seen all that it may? Those that were refused take memory and lines of the
 * log as well, and where nobody counts errors a client could go on with them for ever. */
static int is_full(const struct smtp_session *session)
{
    const struct smtp_transaction *transaction = session->transaction;
    uint32_t max = smtp_options(session)->recipients_max;

    return transaction->count >= max || transaction->refused >= max;
}

/* Who stole a password shouldn't send to the whole world before somebody sees it, nor one host to
 * everybody here. What another host is told makes it come back with the rest (RFC 5321 4.5.3.1.10);
 * a mail program would take that for a full disk. */
static void judge_rate(struct smtp_session *session, const struct mansio_path *path,
                       struct smtp_answer *out)
{
    if (!is_postmaster(path) &&
        mansio_session_count(session->session, MANSIO_COUNT_RECIPIENTS, 1) < 0) {
        *out = smtp_answer(smtp_rules(session)->sends ? 450 : 452, "4.7.1",
                           "too many recipients in so short a time, try again later");
    }
}

int smtp_cmd_rcpt(struct smtp_session *session, const struct smtp_args *args)
{
    struct smtp_transaction *transaction = session->transaction;
    struct mansio_path path = {.size = sizeof path};
    struct smtp_recipient recipient = {.resolved = NULL};
    struct smtp_answer answer = {.code = 0};
    size_t metric = SMTP_RECIPIENTS_DEFERRED;

    if (is_full(session)) { /* RFC 5321 4.5.3.1.10 */
        smtp_count(session, SMTP_RECIPIENTS_DEFERRED, 1);
        return smtp_say(session, 452, "4.5.3", "too many recipients");
    }
    int rc = read_rcpt(session, args->text, &path, &recipient);
    if (rc != 1) {
        return rc;
    }
    rc = is_postmaster(&path)
             ? mansio_arena_copy(transaction->arena, path.local, &recipient.path)
             : mansio_mailbox_print(transaction->arena, path.local, path.domain, &recipient.path);
    if (rc < 0) {
        answer = smtp_answer(452, "4.5.3", "no room for further recipients");
    } else {
        rc = resolve(session, &path, &recipient, &answer, &metric);
        if (rc == 0 && answer.code == 0) {
            rc = judge(session, &path, &recipient, &answer, &metric);
        }
        if (rc < 0) {
            return rc;
        }
    }
    if (answer.code == 0) {
        metric = SMTP_RECIPIENTS_DEFERRED;
        judge_rate(session, &path, &answer);
    }
    if (answer.code == 0 && smtp_transaction_add(transaction, &recipient) < 0) {
        answer = smtp_answer(452, "4.5.3", "no room for further recipients");
    } else if (answer.code == 0) {
        rc = ask_filters(session, &answer, &metric);
        if (rc < 0) {
            return rc;
        }
    }
    if (answer.code != 0) {
        return refuse(session, &answer, metric, recipient.path);
    }
    session->state = SMTP_RCPT;
    return smtp_say(session, 250, "2.1.5", "recipient ok");
}
