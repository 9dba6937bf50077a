/*
 * What we say, as text: status lines with response codes (RFC 2449 8, RFC 3206), lines of lists,
 * base64 challenges. Pure; each function appends whole lines.
 */
#ifndef MANSIO_MODULES_POP3_REPLY_H
#define MANSIO_MODULES_POP3_REPLY_H

#include <mansio/base.h>
#include <mansio/buf.h>

/* Response codes. Each of them is announced: RESP-CODES, AUTH-RESP-CODE. */
enum pop3_code {
    POP3_CODE_NONE = 0,
    POP3_CODE_IN_USE = 1,   /* RFC 2449 8.1.2: another session has the maildrop */
    POP3_CODE_SYS_TEMP = 2, /* RFC 3206 4: try again */
    POP3_CODE_SYS_PERM = 3, /* RFC 3206 4: somebody must do something here */
    POP3_CODE_AUTH = 4,     /* RFC 3206 4: the credentials are wrong */
};

/* "-ERR [CODE] text". Bytes of @p text that no line may hold become '?'. */
void pop3_reply_err(struct mansio_buf *out, uint32_t code, const char *text);

/* "+OK". */
void pop3_reply_done(struct mansio_buf *out);

/* "+OK text". */
void pop3_reply_ok(struct mansio_buf *out, const char *format, ...) MANSIO_PRINTF(2, 3);

/* "n octets", of LIST: RFC 1939 5. */
void pop3_reply_size(struct mansio_buf *out, uint32_t number, uint64_t bytes);

/* "n id", of UIDL (RFC 1939 7): the mailbox's validity and the message's UID, which together never
 * name another message. At most 21 characters of the 70 that are allowed. */
void pop3_reply_uid(struct mansio_buf *out, uint32_t number, uint32_t validity, uint32_t uid);

/* "+ base64" (RFC 5034 4). */
void pop3_reply_challenge(struct mansio_buf *out, struct mansio_str text);

/* The end of a multi-line reply: ".". */
void pop3_reply_end(struct mansio_buf *out);

#endif
