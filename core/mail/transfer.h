/*
 * Content-Transfer-Encoding (RFC 2045 6): streaming decoders that take input split at any byte,
 * and encoders for what we write: base64 for encoded words, quoted-printable for text.
 *
 * Decoders are tolerant: they never fail, what is no part of the encoding is skipped (base64) or
 * passes as it stands (quoted-printable). They hold no memory but the struct.
 */
#ifndef MANSIO_CORE_MAIL_TRANSFER_H
#define MANSIO_CORE_MAIL_TRANSFER_H

#include <mansio/buf.h>
#include <mansio/str.h>

enum core_mail_encoding {
    CORE_MAIL_IDENTITY = 0, /* 7bit, 8bit, binary, and what nobody knows */
    CORE_MAIL_BASE64 = 1,
    CORE_MAIL_QUOTED_PRINTABLE = 2,
};

enum {
    /* White space that a line of quoted-printable may end in; more of it is content. */
    CORE_MAIL_QP_HELD_MAX = 128,
    /* What a call may give beyond the size of its input: held white space, "=", a digit, CR. */
    CORE_MAIL_DECODE_EXTRA = CORE_MAIL_QP_HELD_MAX + 8,
};

struct core_mail_decoder {
    uint32_t encoding;
    uint32_t bits;  /* base64: collected */
    uint32_t count; /* base64: characters collected; quoted-printable: a state */
    uint32_t held;  /* quoted-printable: bytes held */
    char hold[CORE_MAIL_QP_HELD_MAX];
    char first; /* quoted-printable: the digit after "=" */
};

/* The encoding that a Content-Transfer-Encoding names; CORE_MAIL_IDENTITY for any other. */
uint32_t core_mail_encoding_of(struct mansio_str name);

/* Begin. */
void core_mail_decoder_init(struct core_mail_decoder *decoder, uint32_t encoding);

/*
 * Decode the next bytes.
 *
 * @param in   any piece of the encoded text
 * @param out  room for in.len + CORE_MAIL_DECODE_EXTRA bytes; may not overlap @p in
 * @return bytes written
 */
size_t core_mail_decode(struct core_mail_decoder *decoder, struct mansio_str in, char *out);

/*
 * End the text: what was held is given out. The decoder is as new afterwards.
 *
 * @param out  room for CORE_MAIL_DECODE_EXTRA bytes
 * @return bytes written
 */
size_t core_mail_decode_end(struct core_mail_decoder *decoder, char *out);

/* Append the base64 form of bytes, without line ends. */
void core_mail_base64_encode(struct mansio_buf *out, struct mansio_str bytes);

/* Append text, its lines ended by CRLF, in quoted-printable (RFC 2045 6.7): lines of at most 76. */
void core_mail_quoted_printable_encode(struct mansio_buf *out, struct mansio_str text);

#endif
