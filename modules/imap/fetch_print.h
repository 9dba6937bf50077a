/*
 * ENVELOPE, BODY and BODYSTRUCTURE as IMAP prints them (RFC 3501 7.4.2 and 9). Pure; all append.
 */
#ifndef MANSIO_MODULES_IMAP_FETCH_PRINT_H
#define MANSIO_MODULES_IMAP_FETCH_PRINT_H

#include <mansio/buf.h>
#include <mansio/structure.h>

/* A number in decimal: in an answer there are many, and printf is slow. */
void imap_print_number(struct mansio_buf *out, uint64_t number);

/* "(date subject from sender reply-to to cc bcc in-reply-to message-id)". A sender or reply-to that
 * isn't there is from's. @param envelope  NULL: all NIL */
void imap_print_envelope(struct mansio_buf *out, const struct mansio_envelope *envelope);

/* A message's structure. @param is_extended  1: BODYSTRUCTURE, with extension data; 0: BODY */
void imap_print_structure(struct mansio_buf *out, const struct mansio_part *root, int is_extended);

#endif
