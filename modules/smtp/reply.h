/*
 * Replies: lines of a code, an enhanced code and words (RFC 5321 4.2, RFC 2034). Pure.
 *
 * Whatever words are made of, a line stays one line of printable text within its limit: a peer's
 * bytes can't end it, nor begin another.
 */
#ifndef MANSIO_MODULES_SMTP_REPLY_H
#define MANSIO_MODULES_SMTP_REPLY_H

#include <mansio/base.h>

enum {
    SMTP_REPLY_LINE_MAX = 512, /* RFC 5321 4.5.3.1.5 */
    SMTP_ENHANCED_MAX = 12,    /* "5.123.123" and a NUL */
};

/* What is said about a command or a recipient. Words live as long as what they are about. */
struct smtp_answer {
    uint32_t code; /* 0: nothing is said yet */
    char enhanced[SMTP_ENHANCED_MAX];
    struct mansio_str words;
};

/**
 * One line of a reply, with its CRLF.
 *
 * @param enhanced  "5.1.1"; NULL or empty: none (RFC 2034 4: greeting, HELO, EHLO and 3yz)
 * @param is_last   1: "250 ", 0: "250-"
 * @param words     control characters and bytes that aren't UTF-8 become '?'; cut to the limit
 * @return bytes written to @p out
 */
size_t smtp_reply_line(char out[SMTP_REPLY_LINE_MAX], uint32_t code, const char *enhanced,
                       int is_last, struct mansio_str words);

/**
 * Read a reply that somebody else words: "550 5.7.1 text" or "550 text".
 *
 * @param wanted  its class: 4 or 5; the enhanced code must be of it too
 * @param out     words point into @p text; without an enhanced code: of that class, ".0.0"
 * @return 1 if it is one, else 0
 */
int smtp_reply_read(struct mansio_str text, uint32_t wanted, struct smtp_answer *out);

/** An answer of static words. */
struct smtp_answer smtp_answer(uint32_t code, const char *enhanced, const char *words);

#endif
