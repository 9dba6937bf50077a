/*
 * A place in structured header text, and the pieces that addresses, parameters and dates share:
 * folding white space, nested comments, quoted strings, quoted pairs (RFC 5322 3.2).
 *
 * Nothing recurses: comments are counted. Nothing fails: what is not closed ends with the text.
 */
#ifndef MANSIO_CORE_MAIL_CURSOR_H
#define MANSIO_CORE_MAIL_CURSOR_H

#include <mansio/buf.h>
#include <mansio/str.h>

struct core_mail_cursor {
    const char *at;
    const char *end;
};

static inline struct core_mail_cursor core_mail_cursor_at(struct mansio_str text)
{
    return (struct core_mail_cursor){.at = text.ptr,
                                     .end = text.ptr == NULL ? NULL : text.ptr + text.len};
}

static inline int core_mail_at_end(const struct core_mail_cursor *cursor)
{
    return cursor->at == cursor->end;
}

/* The next byte; NUL at the end (a NUL in the text is a byte that no grammar has). */
static inline char core_mail_peek(const struct core_mail_cursor *cursor)
{
    return cursor->at == cursor->end ? '\0' : *cursor->at;
}

/* What lies between two places. */
static inline struct mansio_str core_mail_between(const char *from, const char *to)
{
    return (struct mansio_str){from, (size_t)(to - from)};
}

/* Go past spaces, tabs and line ends. */
void core_mail_skip_space(struct core_mail_cursor *cursor);

/*
 * Go past white space and comments.
 *
 * @param comment  the inside of the last comment passed, without its parentheses; untouched if
 *                 there was none; may be NULL
 */
void core_mail_skip_cfws(struct core_mail_cursor *cursor, struct mansio_str *comment);

/*
 * Go past a quoted string; the cursor stands on its first quote.
 *
 * @param out  its inside, as written; core_mail_unquote() gives its meaning
 * @return 1; 0 if its end was missing (the cursor is then at the end of the text)
 */
int core_mail_skip_quoted(struct core_mail_cursor *cursor, struct mansio_str *out);

/* Append the meaning of the inside of a quoted string or comment: no line ends, pairs resolved. */
void core_mail_unquote(struct mansio_buf *out, struct mansio_str inside);

/* Append text as a quoted string, quotes included; control characters are left out. */
void core_mail_quote(struct mansio_buf *out, struct mansio_str text);

#endif
