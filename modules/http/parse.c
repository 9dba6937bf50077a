/*
 * Words that all parts of a request are made of.
 */
#include "parse.h"

#include <string.h>

int http_is_token_char(unsigned char c)
{
    int is_alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return is_alnum || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

int http_is_token(struct mansio_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!http_is_token_char((unsigned char)s.ptr[i])) {
            return 0;
        }
    }
    return s.len > 0;
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

int http_is_field_value(struct mansio_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return 0;
        }
    }
    return s.len == 0 || (!is_blank(s.ptr[0]) && !is_blank(s.ptr[s.len - 1]));
}

/* RFC 3629 4: how many bytes the character at @p s takes; 0 if there is none. */
static size_t utf8_length(const unsigned char *s, size_t len)
{
    static const struct {
        unsigned char first, last, from, to; /* of the first byte; of the second */
        unsigned char length;
    } forms[] = {
        {0x20, 0x7e, 0x00, 0xff, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < MANSIO_COUNT(forms); i++) {
        if (s[0] < forms[i].first || s[0] > forms[i].last) {
            continue;
        }
        int is_whole = forms[i].length <= len;
        for (size_t at = 1; is_whole && at < forms[i].length; at++) {
            unsigned char from = at == 1 ? forms[i].from : 0x80;
            unsigned char to = at == 1 ? forms[i].to : 0xbf;
            is_whole = s[at] >= from && s[at] <= to;
        }
        return is_whole ? forms[i].length : 0;
    }
    return 0;
}

int http_is_text(struct mansio_str s)
{
    size_t at = 0;
    while (at < s.len) {
        const unsigned char *here = (const unsigned char *)s.ptr + at;
        size_t length = utf8_length(here, s.len - at);
        /* U+0080 to U+009F are controls too. */
        if (length == 0 || (length == 2 && here[0] == 0xc2 && here[1] < 0xa0)) {
            return 0;
        }
        at += length;
    }
    return 1;
}

void http_wipe(struct mansio_str secret)
{
    void *bytes = NULL;
    memcpy(&bytes, &secret.ptr, sizeof bytes); /* slices are of what is constant */
    if (secret.len > 0) {
        explicit_bzero(bytes, secret.len);
    }
}
