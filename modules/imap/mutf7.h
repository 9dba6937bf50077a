/*
 * Modified UTF-7, the spelling of mailbox names on the wire (RFC 3501 5.1.3). Pure.
 */
#ifndef MANSIO_MODULES_IMAP_MUTF7_H
#define MANSIO_MODULES_IMAP_MUTF7_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/buf.h>

/*
 * To UTF-8. Strict: only the one spelling that RFC 3501 allows, so that what is undone and done
 * again is what it was. ASCII outside of shifts is passed on as it is, wildcards too.
 *
 * @param out  in @p arena
 * @return 0; MANSIO_E_INVALID; MANSIO_E_LIMIT
 */
MANSIO_MUST_CHECK int imap_mutf7_decode(struct mansio_arena *arena, struct mansio_str name,
                                        struct mansio_str *out);

/* From UTF-8, appended. What is no UTF-8 becomes U+FFFD.
 * @param is_quoted  1: for between quotes, '"' and '\' get a '\' before them */
void imap_mutf7_encode(struct mansio_buf *out, struct mansio_str name, int is_quoted);

#endif
