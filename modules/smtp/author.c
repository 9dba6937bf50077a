/*
 * Whose a message says it is: see author.h.
 *
 * RFC 5322 3.6.2: From names who wrote it, Sender who sent it, where those are not the same. Both
 * are what people are shown and what receivers judge by (DMARC), so both must be one's own. There
 * is no sending on somebody's behalf by naming them in From and oneself in Sender: readers show the
 * former.
 */
#include "author.h"

#include "sender.h"
#include "transaction.h"

#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/str.h>
#include <mansio/structure.h>

enum {
    AUTHORS_MAX = 50, /* each costs a question to the directory */
    WORDS_MAX = 1000, /* of names, too */
    LIST_CAP = 1024 * 1024,
};

struct judging {
    struct smtp_session *session;
    struct mansio_arena *arena;
    struct smtp_answer *out;
};

static int refuse(const struct judging *judging, const char *field, struct mansio_str local,
                  struct mansio_str domain)
{
    smtp_count(judging->session, SMTP_SENDERS_REFUSED, 1);
    mansio_log(
        MANSIO_LOG_INFO, "author-refused", MANSIO_KV_STR("id", judging->session->transaction->id),
        MANSIO_KV_STR("account", smtp_account_address(judging->session)),
        MANSIO_KV_CSTR("field", field), MANSIO_KV_STR("local", mansio_str_sub(local, 0, 256)),
        MANSIO_KV_STR("domain", mansio_str_sub(domain, 0, 256)), MANSIO_KV_END);
    *judging->out = smtp_answer(550, "5.7.1", "the message is from an address that isn't yours");
    return 0;
}

/* 0, with an answer unless it is one's own; an error that ends the session. */
static int judge_address(const struct judging *judging, const char *field,
                         const struct mansio_address *address)
{
    int rc = smtp_sender_is_own(judging->session, judging->arena, address->local, address->domain);

    if (rc == 0) {
        return refuse(judging, field, address->local, address->domain);
    }
    if (rc < 0 && mansio_error_class(rc) == MANSIO_CLASS_CANCELLED) {
        return rc;
    }
    if (rc < 0) {
        mansio_log(MANSIO_LOG_WARNING, "sender-unresolved", MANSIO_KV_CODE("error", rc),
                   MANSIO_KV_END);
        *judging->out = smtp_answer(451, "4.4.3", "can't look up addresses for now");
    }
    return 0;
}

/* The mailboxes of a field's value; code 0 in the answer unless it can't be read in full. */
static size_t count_mailboxes(const struct judging *judging, struct mansio_buf *value,
                              const struct mansio_address **out)
{
    size_t count = 0;
    int rc = mansio_buf_status(value);

    if (rc == 0) {
        rc = mansio_address_list_read(judging->arena, mansio_buf_str(value), AUTHORS_MAX, out);
    }
    if (rc != 0) {
        *judging->out = smtp_answer(554, "5.6.0", "too many authors or senders");
        return 0;
    }
    for (const struct mansio_address *at = *out; at != NULL; at = at->next) {
        count += at->kind == MANSIO_ADDRESS_MAILBOX;
    }
    return count;
}

/* ---- what stands in the open -------------------------------------------------------------------
 */

/* A value without what is in quotes or comments, all that separates words a comma. */
static void uncover(struct mansio_buf *out, struct mansio_str value)
{
    size_t depth = 0; /* of comments */
    int is_quoted = 0;
    char apart = 0; /* what separated the last word from what comes */
    char last = 0;

    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if ((depth > 0 || is_quoted) && c == '\\') {
            i++;
        } else if (depth == 0 && c == '"') {
            is_quoted = !is_quoted;
        } else if (!is_quoted && (c == '(' || (c == ')' && depth > 0))) {
            depth += c == '(' ? 1 : SIZE_MAX;
        } else if (depth > 0 || is_quoted) {
            continue;
        } else if (c == ' ' || c == '\t') {
            apart = apart == 0 ? ' ' : apart;
        } else if (c == '<' || c == '>' || c == ',' || c == ';' || c == ':') {
            apart = ',';
        } else {
            /* RFC 5322 4.4: white space around "@" and "." separates nothing. */
            int is_joined = apart == ' ' && (c == '@' || c == '.' || last == '@' || last == '.');
            if (apart != 0 && !is_joined) {
                (void)mansio_buf_add_char(out, ',');
            }
            (void)mansio_buf_add_char(out, c);
            apart = 0;
            last = c;
        }
    }
}

static int is_among(const struct mansio_address *list, const struct mansio_address *one)
{
    while (list != NULL &&
           !(mansio_str_eq(list->local, one->local) && mansio_str_eq(list->domain, one->domain))) {
        list = list->next;
    }
    return list != NULL;
}

/* "a@b c@d" and "a@b <c@d>" are nothing that a grammar allows, and readers differ in which of the
 * two they show: so each must be one's own, but for what was judged already. */
static int judge_open(const struct judging *judging, const char *field, struct mansio_buf *value,
                      const struct mansio_address *judged)
{
    const struct mansio_address *list = NULL;
    struct mansio_buf *open = mansio_buf_new(judging->arena, 2 * mansio_buf_str(value).len + 1);
    int rc = 0;

    uncover(open, mansio_buf_str(value));
    if (mansio_buf_status(open) < 0 ||
        mansio_address_list_read(judging->arena, mansio_buf_str(open), WORDS_MAX, &list) != 0) {
        *judging->out = smtp_answer(554, "5.6.0", "too many words in From or Sender");
        return 0;
    }
    for (; rc == 0 && judging->out->code == 0 && list != NULL; list = list->next) {
        if (list->kind == MANSIO_ADDRESS_MAILBOX && list->local.len > 0 && list->domain.len > 0 &&
            !is_among(judged, list)) {
            rc = judge_address(judging, field, list);
        }
    }
    return rc;
}

static int judge_all(const struct judging *judging, const char *field,
                     const struct mansio_address *list)
{
    int rc = 0;

    for (const struct mansio_address *at = list; rc == 0 && judging->out->code == 0 && at != NULL;
         at = at->next) {
        if (at->kind == MANSIO_ADDRESS_MAILBOX) {
            rc = judge_address(judging, field, at);
        }
    }
    return rc;
}

static int judge(const struct judging *judging, const struct smtp_header *header,
                 size_t *out_authors)
{
    const struct mansio_address *authors = NULL;
    const struct mansio_address *senders = NULL;
    int is_checked = smtp_options(judging->session)->is_from_checked != 0;

    *out_authors = count_mailboxes(judging, header->authors, &authors);
    if (judging->out->code != 0 || !is_checked) {
        return 0;
    }
    size_t count = count_mailboxes(judging, header->senders, &senders);
    if (judging->out->code != 0) {
        return 0;
    }
    /* RFC 5322 3.6: one of each at most; readers differ in which of several they show. */
    if (header->from_fields > 1 || header->sender_fields > 1 ||
        (header->from_fields == 1 && *out_authors == 0) ||
        (header->sender_fields == 1 && count != 1)) {
        *judging->out = smtp_answer(554, "5.6.0",
                                    "From and Sender must be there once, if at all, "
                                    "with an address");
        return 0;
    }
    int rc = judge_all(judging, "from", authors);
    rc = rc == 0 ? judge_all(judging, "sender", senders) : rc;
    rc = rc == 0 && judging->out->code == 0 ? judge_open(judging, "from", header->authors, authors)
                                            : rc;
    return rc == 0 && judging->out->code == 0
               ? judge_open(judging, "sender", header->senders, senders)
               : rc;
}

int smtp_author_judge(struct smtp_session *session, const struct smtp_header *header,
                      size_t *out_authors, struct smtp_answer *out)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "smtp authors", LIST_CAP);
    const struct judging judging = {.session = session, .arena = arena, .out = out};
    int rc = judge(&judging, header, out_authors);

    if (!smtp_options(session)->is_from_checked) {
        out->code = 0;
    }
    mansio_arena_free(arena);
    return rc;
}
