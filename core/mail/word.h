/*
 * Encoded words (RFC 2047, with the language of RFC 2231 5): header text to UTF-8 and back.
 *
 * Decoding is tolerant: encoded words count wherever they stand, also inside of words and quoted
 * strings, with spaces in them or longer than 75. White space between two of them goes; a character
 * cut apart by two of the same charset is put together. Raw 8-bit text is guessed (see
 * charset.h). Time is linear in the text.
 */
#ifndef MANSIO_CORE_MAIL_WORD_H
#define MANSIO_CORE_MAIL_WORD_H

#include <mansio/buf.h>
#include <mansio/str.h>

enum {
    CORE_MAIL_WORD_MAX = 75, /* RFC 2047 2: longest encoded word written */
};

/* Append the meaning of header text, line ends of folding left out; always UTF-8. */
void core_mail_word_decode(struct mansio_buf *out, struct mansio_str raw);

/*
 * Append UTF-8 text so that a header may carry it: as it stands if it is printable ASCII and could
 * not be taken for an encoded word, else as encoded words in UTF-8, "\r\n " between them, cut
 * between characters.
 *
 * @param text    what is no UTF-8 in it becomes U+FFFD
 * @param column  bytes already on the line, so that the first word is short enough
 */
void core_mail_word_encode(struct mansio_buf *out, struct mansio_str text, size_t column);

#endif
