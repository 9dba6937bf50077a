/*
 * A message on its way out: byte-stuffing (RFC 1939 3) and the cut that TOP makes (RFC 1939 7).
 * Both take it in pieces, cut anywhere. Pure.
 */
#ifndef MANSIO_MODULES_POP3_LINES_H
#define MANSIO_MODULES_POP3_LINES_H

#include <mansio/base.h>

/* Where in a line the next byte stands. Zeroed: at the beginning of the message. */
struct pop3_stuffing {
    uint32_t is_inside; /* a line has begun */
    uint32_t is_cr;     /* the last byte was CR */
    uint32_t is_mended; /* a CR was given for the LF that comes next */
};

/*
 * The next bytes to send. A '.' that begins a line is doubled; an LF without CR, which would end a
 * line for some clients and not for others, gets its CR.
 *
 * @param in   what is left of a piece of the message; shortened by what @p out covers
 * @param out  a part of the piece, or static text; never empty
 * @return 1; 0 when nothing of the piece is left
 */
int pop3_stuff(struct pop3_stuffing *stuffing, struct mansio_str *in, struct mansio_str *out);

/* What ends the message after its last byte: a line end, if the last line has none, and ".". */
struct mansio_str pop3_stuff_end(const struct pop3_stuffing *stuffing);

/* TOP: the header, the empty line, then so many lines. */
struct pop3_top {
    uint64_t lines;    /* still to give */
    uint32_t is_body;  /* the empty line was given */
    uint32_t has_text; /* this line has bytes other than CR and LF */
};

/* The part of a piece that belongs to what is asked for; shorter than the piece: nothing of what
 * follows does. */
struct mansio_str pop3_top_cut(struct pop3_top *top, struct mansio_str piece);

#endif
