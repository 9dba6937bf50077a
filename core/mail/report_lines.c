/*
 * Text of peers on lines of a report: made safe, and cut into lines that are not too long.
 */
#include "core/mail/report.h"

#include "core/mail/chars.h"
#include "core/mail/charset.h"

#include <mansio/str.h>

enum { WORD_MAX_BYTES = 900 }; /* a longer word is cut: RFC 5322 2.1.1 */

struct mansio_str core_mail_report_character(struct mansio_str text, int is_utf8, size_t *used)
{
    char c = text.ptr[0];
    int length;

    *used = 1;
    if (core_mail_is_space(c)) {
        return MANSIO_STR(" ");
    }
    if (!core_mail_is_8bit(c)) {
        return c > ' ' && c < 0x7f ? mansio_str_sub(text, 0, 1) : MANSIO_STR("?");
    }
    length = core_mail_utf8_length(text.ptr, text.len);
    if (length <= 1) {
        return MANSIO_STR("?");
    }
    *used = (size_t)length;
    /* U+0080 to U+009F are controls. */
    if (!is_utf8 || ((unsigned char)c == 0xc2 && (unsigned char)text.ptr[1] < 0xa0)) {
        return MANSIO_STR("?");
    }
    return mansio_str_sub(text, 0, *used);
}

void core_mail_report_clean(struct mansio_buf *out, struct mansio_str text, int is_utf8)
{
    while (text.len > 0) {
        size_t used;

        (void)mansio_buf_add(out, core_mail_report_character(text, is_utf8, &used));
        text = mansio_str_sub(text, used, SIZE_MAX);
    }
}

static void new_line(struct core_mail_report_lines *lines)
{
    (void)mansio_buf_add(lines->out, MANSIO_STR("\r\n"));
    (void)mansio_buf_add(lines->out, lines->indent);
    lines->column = lines->indent.len;
}

/* A word, on the next line if this one is full. */
static void add_word(struct core_mail_report_lines *lines, struct mansio_str word, int *is_apart)
{
    if (*is_apart && lines->column > lines->indent.len &&
        lines->column + 1 + word.len > lines->width) {
        new_line(lines);
    } else if (*is_apart && lines->column > lines->indent.len) {
        (void)mansio_buf_add_char(lines->out, ' ');
        lines->column++;
    }
    *is_apart = 0;
    while (word.len > 0) {
        size_t used;
        struct mansio_str c = core_mail_report_character(word, lines->is_utf8, &used);

        if (lines->column + c.len > WORD_MAX_BYTES) {
            new_line(lines);
        }
        (void)mansio_buf_add(lines->out, c);
        lines->column += c.len;
        word = mansio_str_sub(word, used, SIZE_MAX);
    }
}

void core_mail_report_wrap(struct core_mail_report_lines *lines, struct mansio_str text,
                           int keeps_lines)
{
    int is_apart = 0; /* white space came before */
    size_t i = 0;

    while (i < text.len) {
        size_t from = i;

        while (i < text.len && !core_mail_is_space(text.ptr[i])) {
            i++;
        }
        if (i > from) {
            add_word(lines, mansio_str_sub(text, from, i - from), &is_apart);
        }
        for (int is_first = 1; i < text.len && core_mail_is_space(text.ptr[i]); i++) {
            is_apart = 1;
            /* One line end, whatever it is made of, and none at the end of all. */
            if (keeps_lines && text.ptr[i] == '\n' && is_first &&
                core_mail_trim(mansio_str_sub(text, i, SIZE_MAX)).len > 0) {
                new_line(lines);
                is_first = 0;
            }
        }
    }
}
