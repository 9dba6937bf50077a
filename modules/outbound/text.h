/*
 * A message's bytes as DATA sends them (RFC 5321 4.5.2): dots at the beginning of lines doubled,
 * every line ended by CRLF, the final dot. Pure; bytes come in pieces of any size.
 *
 * A CR or LF alone becomes a line end: no server can then see an end of the message, or another
 * message, where we see none.
 */
#ifndef MANSIO_MODULES_OUTBOUND_TEXT_H
#define MANSIO_MODULES_OUTBOUND_TEXT_H

#include <mansio/base.h>

struct ob_text {
    int is_inside; /* of a line: 0 at its beginning */
    int has_cr;    /* a CR is waiting for what follows */
};

/** Room that ob_text_encode() needs for so many bytes. */
#define OB_TEXT_ROOM(count) (2 * (count) + 4)

/** Room that ob_text_end() needs. */
#define OB_TEXT_END_ROOM 8

/** Encode bytes. @param out  room for OB_TEXT_ROOM(in.len) @return how many bytes of it are used */
size_t ob_text_encode(struct ob_text *text, struct mansio_str in, char *out);

/** End the last line, if it is open, but don't write the final dot yet: that is only sent by who
 * still holds the claims. @return bytes of @p out used */
size_t ob_text_end(struct ob_text *text, char out[OB_TEXT_END_ROOM]);

#endif
