/*
 * The text of a message as it comes over the wire, byte by byte: where it ends, and whether it is
 * text at all. Pure.
 *
 * Only <CRLF>.<CRLF> ends what DATA carries (RFC 5321 4.1.1.4); dots that were put before lines
 * are taken away (4.5.2). A bare CR, a bare LF, NUL or an over-long line is remembered as a fault
 * and never taken for anything else: what lies behind it up to the real end belongs to the message
 * too, so no second message can be smuggled in there. BDAT carries text without dots and without
 * an end of its own; the same faults hold.
 */
#ifndef MANSIO_MODULES_SMTP_TEXT_H
#define MANSIO_MODULES_SMTP_TEXT_H

#include <mansio/base.h>

enum smtp_text_faults {
    SMTP_TEXT_BARE_CR = 1,
    SMTP_TEXT_BARE_LF = 2,
    SMTP_TEXT_NUL = 4,
    SMTP_TEXT_LONG_LINE = 8,
};

struct smtp_text {
    uint32_t state;     /* where the last byte stood */
    uint32_t is_dotted; /* 1: DATA, 0: BDAT */
    uint32_t faults;    /* enum smtp_text_faults, or-ed */
    uint32_t is_8bit;   /* 1: a byte beyond ASCII was seen */
    uint64_t line;      /* bytes of the line so far, its CR included */
    uint64_t line_max;  /* its CRLF included */
};

/* What smtp_text_next() found. */
enum smtp_text_found {
    SMTP_TEXT_MORE = 0,  /* the input is used up */
    SMTP_TEXT_BYTES = 1, /* bytes of the message */
    SMTP_TEXT_END = 2,   /* the end; what is left of the input comes behind the message */
};

/* Begin a text. @p line_max: longest line, CRLF included, a dot that is taken away not. */
void smtp_text_begin(struct smtp_text *text, uint32_t is_dotted, uint64_t line_max);

/* Take from the front of @p in up to the next thing worth telling. @p out: for SMTP_TEXT_BYTES, a
 * slice of the input (bytes are not given after a fault: nobody wants them). */
uint32_t smtp_text_next(struct smtp_text *text, struct mansio_str *in, struct mansio_str *out);

/* A text without an end of its own is over. Returns 1 if its last line has no end yet. */
int smtp_text_finish(struct smtp_text *text);

/* The words for a fault, the first of several. */
const char *smtp_text_fault_words(uint32_t faults);

#endif
