/*
 * The lexical pieces of structured header fields: see cursor.h.
 */
#include "core/mail/cursor.h"

#include "core/mail/chars.h"

void core_mail_skip_space(struct core_mail_cursor *cursor)
{
    while (cursor->at < cursor->end && core_mail_is_space(*cursor->at)) {
        cursor->at++;
    }
}

/* Go past one comment; the cursor stands on its parenthesis. */
static struct mansio_str skip_comment(struct core_mail_cursor *cursor)
{
    const char *from = cursor->at + 1;
    size_t depth = 0;

    for (; cursor->at < cursor->end; cursor->at++) {
        if (*cursor->at == '\\' && cursor->at + 1 < cursor->end) {
            cursor->at++;
        } else if (*cursor->at == '(') {
            depth++;
        } else if (*cursor->at == ')' && --depth == 0) {
            return core_mail_between(from, cursor->at++);
        }
    }
    return core_mail_between(from, cursor->end);
}

void core_mail_skip_cfws(struct core_mail_cursor *cursor, struct mansio_str *comment)
{
    for (;;) {
        core_mail_skip_space(cursor);
        if (core_mail_peek(cursor) != '(') {
            return;
        }
        struct mansio_str inside = skip_comment(cursor);

        if (comment != NULL) {
            *comment = inside;
        }
    }
}

int core_mail_skip_quoted(struct core_mail_cursor *cursor, struct mansio_str *out)
{
    const char *from = ++cursor->at;

    for (; cursor->at < cursor->end; cursor->at++) {
        if (*cursor->at == '\\' && cursor->at + 1 < cursor->end) {
            cursor->at++;
        } else if (*cursor->at == '"') {
            *out = core_mail_between(from, cursor->at++);
            return 1;
        }
    }
    *out = core_mail_between(from, cursor->end);
    return 0;
}

void core_mail_unquote(struct mansio_buf *out, struct mansio_str inside)
{
    for (size_t i = 0; i < inside.len; i++) {
        char c = inside.ptr[i];

        if (c == '\\' && i + 1 < inside.len) {
            c = inside.ptr[++i];
        }
        /* RFC 5322 3.2.4: line ends of folding are no part of the text. NUL never is. */
        if (c != '\r' && c != '\n' && c != '\0') {
            (void)mansio_buf_add_char(out, c);
        }
    }
}

void core_mail_quote(struct mansio_buf *out, struct mansio_str text)
{
    (void)mansio_buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '"' || c == '\\') {
            (void)mansio_buf_add_char(out, '\\');
        }
        if (core_mail_is_visible(c) || core_mail_is_wsp(c)) {
            (void)mansio_buf_add_char(out, c);
        }
    }
    (void)mansio_buf_add_char(out, '"');
}
