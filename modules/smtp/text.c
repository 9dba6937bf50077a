/*
 * A message's text: see text.h. One machine of five states, whose inner loop is for bytes that
 * mean nothing.
 */
#include "text.h"

enum {
    LINE_START, /* behind a CRLF, and at the very beginning */
    LINE,       /* in a line */
    LINE_CR,    /* in a line, behind a CR */
    DOT,        /* behind the dot that a line begins with, which is taken away */
    DOT_CR,     /* behind that and a CR */
};

enum {
    CRLF = 2,
};

void smtp_text_begin(struct smtp_text *text, uint32_t is_dotted, uint64_t line_max)
{
    *text = (struct smtp_text){
        .state = LINE_START,
        .is_dotted = is_dotted,
        .line_max = line_max,
    };
}

static void count(struct smtp_text *text, uint64_t bytes)
{
    text->line += bytes;
    if (bytes > 0 && text->line + CRLF > text->line_max) {
        text->faults |= SMTP_TEXT_LONG_LINE;
    }
}

/* In a line: pass bytes up to a CR, which is passed too, or to the end of the input. */
static const char *pass_line(struct smtp_text *text, const char *at, const char *end)
{
    while (at < end) {
        const char *from = at;
        unsigned char seen = 0;
        while (at < end && *at != '\r' && *at != '\n' && *at != '\0') {
            seen |= (unsigned char)*at++;
        }
        text->is_8bit |= seen >> 7;
        count(text, (uint64_t)(at - from));
        if (at == end) {
            break;
        }
        if (*at++ == '\r') {
            text->state = LINE_CR;
            break;
        }
        text->faults |= at[-1] == '\n' ? SMTP_TEXT_BARE_LF : SMTP_TEXT_NUL;
        count(text, 1);
    }
    return at;
}

/* Pass lines, up to a dot at the beginning of one or to the end of the input. */
static const char *pass_lines(struct smtp_text *text, const char *at, const char *end)
{
    while (at < end) {
        if (text->state == LINE) {
            at = pass_line(text, at, end);
        } else if (text->state == LINE_CR && *at == '\n') {
            text->state = LINE_START;
            text->line = 0;
            at++;
        } else if (text->state == LINE_CR) {
            text->faults |= SMTP_TEXT_BARE_CR;
            text->state = LINE;
            count(text, 1);
        } else if (text->is_dotted && *at == '.') {
            break;
        } else {
            text->state = LINE;
        }
    }
    return at;
}

static void skip(struct mansio_str *in, size_t bytes)
{
    in->ptr += bytes;
    in->len -= bytes;
}

uint32_t smtp_text_next(struct smtp_text *text, struct mansio_str *in, struct mansio_str *out)
{
    while (in->len > 0) {
        const char *from = in->ptr;
        if (text->state == LINE_START && text->is_dotted && *from == '.') {
            text->state = DOT;
            skip(in, 1);
        } else if (text->state == DOT && *from == '\r') {
            text->state = DOT_CR;
            skip(in, 1);
        } else if (text->state == DOT) {
            text->state = LINE;
        } else if (text->state == DOT_CR && *from == '\n') {
            text->state = LINE_START;
            skip(in, 1);
            return SMTP_TEXT_END;
        } else if (text->state == DOT_CR) {
            text->faults |= SMTP_TEXT_BARE_CR;
            text->state = LINE;
            count(text, 1);
        } else {
            skip(in, (size_t)(pass_lines(text, from, from + in->len) - from));
            if (text->faults == 0) {
                *out = (struct mansio_str){from, (size_t)(in->ptr - from)};
                return SMTP_TEXT_BYTES;
            }
        }
    }
    return SMTP_TEXT_MORE;
}

int smtp_text_finish(struct smtp_text *text)
{
    if (text->state == LINE_CR) {
        text->faults |= SMTP_TEXT_BARE_CR;
    }
    return text->state != LINE_START;
}

const char *smtp_text_fault_words(uint32_t faults)
{
    if (faults & SMTP_TEXT_BARE_LF) {
        return "a bare LF in the message (RFC 5321 2.3.8)";
    }
    if (faults & SMTP_TEXT_BARE_CR) {
        return "a bare CR in the message (RFC 5321 2.3.8)";
    }
    if (faults & SMTP_TEXT_NUL) {
        return "a NUL in the message (RFC 5322 2.2)";
    }
    return "a line of the message is too long (RFC 5321 4.5.3.1.6)";
}
