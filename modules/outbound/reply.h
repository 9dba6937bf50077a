/*
 * Replies of SMTP servers (RFC 5321 4.2), read line by line. Pure and bounded: whatever a peer
 * sends, a reply has at most so many lines and keeps at most so much text of them.
 */
#ifndef MANSIO_MODULES_OUTBOUND_REPLY_H
#define MANSIO_MODULES_OUTBOUND_REPLY_H

#include <mansio/base.h>
#include <mansio/buf.h>

enum {
    OB_REPLY_LINE_MAX = 4096, /* RFC 5321 4.5.3.1.5 has 512; some have more to say */
    OB_REPLY_LINES_MAX = 128,
    OB_REPLY_TEXT_MAX = 1024, /* kept */
    OB_STATUS_MAX = 12,       /* "5.123.123" and its NUL */
};

struct ob_reply {
    uint32_t code;              /* 200 to 599 */
    uint32_t lines;             /* read so far */
    char status[OB_STATUS_MAX]; /* of RFC 3463, of the last line that has one; "" without */
    size_t len;
    char text[OB_REPLY_TEXT_MAX]; /* "550 5.1.1 no such user", lines separated by LF; printable
                                   * ASCII otherwise: what isn't is '?' */
};

/** Begin a reply. */
void ob_reply_init(struct ob_reply *reply);

/**
 * The next line of a reply, without its line end.
 *
 * @return 1: it is whole; 0: more lines follow; MANSIO_E_INVALID: this is no reply, or another
 *         one's line; MANSIO_E_LIMIT: too many lines
 */
MANSIO_MUST_CHECK int ob_reply_add(struct ob_reply *reply, struct mansio_str line);

/** The text kept. */
struct mansio_str ob_reply_text(const struct ob_reply *reply);

/** The words of a line of a reply, behind its code: "SIZE 1000" of "250-SIZE 1000". */
struct mansio_str ob_reply_words(struct mansio_str line);

/**
 * The enhanced status code that a text begins with (RFC 3463), of a class that fits.
 *
 * @param class_digit  '2', '4' or '5'
 * @param out          the code with its NUL; "" if there is none
 */
void ob_status_read(struct mansio_str text, char class_digit, char out[OB_STATUS_MAX]);

#endif
