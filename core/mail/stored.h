/*
 * The compact form of what a message is (part.h), to be stored at arrival and read back whenever
 * IMAP asks: a few hundred bytes, no larger than the headers that it is of.
 *
 * Bytes 'M' 'S' and a version, then numbers of seven bits a byte (low ones first) and texts.
 * A text is a number n: 0 for NIL; 2k+1 for word k of a fixed list; 2k+2 for k bytes that follow.
 * Parts stand in order of the text, each with the number of its children. Offsets are stored as
 * distances. Decoded text is not in it. A reader knows every version up to its own.
 *
 * What is read is not trusted: counts, depth, order of offsets and the end are checked, nothing
 * recurses, and memory is bounded by the size of the input.
 */
#ifndef MANSIO_CORE_MAIL_STORED_H
#define MANSIO_CORE_MAIL_STORED_H

#include "core/mail/part.h"

#include <mansio/arena.h>
#include <mansio/buf.h>

enum {
    CORE_MAIL_STORED_VERSION = 1,
    CORE_MAIL_STORED_DEPTH_MAX = 256, /* of parts, when read */
};

/* Append the stored form of a message; mansio_buf_status() says whether it fitted. */
void core_mail_stored_write(struct mansio_buf *out, const struct core_mail_message *message);

/*
 * Read a stored form.
 *
 * @param arena   owns the result; texts point into @p bytes
 * @param bytes   all of it; must live as long as the result is used
 * @param out     the message, without its text
 * @return 0; MANSIO_E_INVALID if it is none or damaged; MANSIO_E_UNSUPPORTED for a newer version;
 *         MANSIO_E_LIMIT if the arena is full
 */
MANSIO_MUST_CHECK int core_mail_stored_read(struct mansio_arena *arena, struct mansio_str bytes,
                                            struct core_mail_message *out);

#endif
