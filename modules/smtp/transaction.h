/*
 * A mail transaction: from MAIL to its end, with an arena of its own.
 */
#ifndef MANSIO_MODULES_SMTP_TRANSACTION_H
#define MANSIO_MODULES_SMTP_TRANSACTION_H

#include "parse.h"
#include "reply.h"
#include "text.h"

#include <mansio/account.h>
#include <mansio/content.h>

struct smtp_recipient {
    struct mansio_str path; /* as the client has it: "user@example.org" */
    struct mansio_recipient *resolved;
    const struct mansio_store *store; /* that it is committed to */
    struct mansio_instance *pool;
    uint32_t notify;            /* enum smtp_notify (RFC 3461 4.1) */
    struct mansio_str original; /* ORCPT, decoded: "rfc822;user@example.org"; may be empty */
    uint32_t is_sent;           /* it goes to the spool, and on from there */
    uint32_t is_discarded;      /* a filter said so: 250, and nothing is kept */
    struct smtp_answer answer;  /* at the end of the message */
};

struct smtp_transaction {
    struct mansio_arena *arena;
    struct mansio_str id;           /* session id and number: in replies, logs and Received */
    struct mansio_str reverse_path; /* "user@example.org"; empty: the null path */
    struct smtp_mail_params params;
    struct mansio_str envelope_id; /* ENVID, decoded; may be empty */
    uint32_t is_discarded;         /* the whole message: a filter said so */
    uint32_t refused;              /* recipients that were refused */

    struct smtp_recipient *recipients;
    const struct mansio_recipient **resolved; /* of the same index; as filters see them */
    size_t count, room;

    /* the text */
    struct mansio_arena *content_arena;
    struct mansio_content *content; /* NULL: not begun */
    struct smtp_text text;
    uint64_t bytes;     /* of the text, whatever was kept of it */
    uint64_t bytes_max; /* as it was when the text began */
    int content_error;  /* what writing it came to */
    int64_t ends_us;    /* by which its last byte must have come */
    int64_t begun_us;   /* MAIL */
};

/* Begin one. @p recipients_max bounds its memory. Never NULL. */
struct smtp_transaction *smtp_transaction_new(uint32_t recipients_max);

/* End one and all it holds. NULL does nothing. */
void smtp_transaction_free(struct smtp_transaction *transaction);

/* Add a recipient: @p recipient is copied. 0 or MANSIO_E_LIMIT. */
int smtp_transaction_add(struct smtp_transaction *transaction,
                         const struct smtp_recipient *recipient);

#endif
