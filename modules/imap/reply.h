/*
 * Printing for IMAP (RFC 3501 7 and 9): strings in the form that they need, names, flags, dates.
 * Pure; all append.
 */
#ifndef MANSIO_MODULES_IMAP_REPLY_H
#define MANSIO_MODULES_IMAP_REPLY_H

#include <mansio/base.h>
#include <mansio/buf.h>
#include <mansio/str.h>

/* A line of an untagged reply: "* ", the text, CRLF. */
void imap_reply_untagged(struct mansio_buf *out, const char *format, ...) MANSIO_PRINTF(2, 3);

/* string: quoted if it may be, else a literal. NUL never gets out: it becomes a space. */
void imap_reply_string(struct mansio_buf *out, struct mansio_str text);
/* nstring: NIL for a NULL ptr. */
void imap_reply_nstring(struct mansio_buf *out, struct mansio_str text);
/* A mailbox name, from UTF-8: modified UTF-7, as atom or string. */
void imap_reply_mailbox(struct mansio_buf *out, struct mansio_str name);
/* "(\Seen \Recent $Junk)". @param flags  enum mansio_message_flags
 * @param keywords  separated by one space */
void imap_reply_flags(struct mansio_buf *out, uint32_t flags, int is_recent,
                      struct mansio_str keywords);
/* date-time with its quotes, in UTC. */
void imap_reply_date_time(struct mansio_buf *out, int64_t wall_us);
/* UIDs or numbers as a set: pairs of first and last. */
void imap_reply_set(struct mansio_buf *out, const uint32_t *ranges, size_t count);

#endif
