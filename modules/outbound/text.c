/*
 * Bytes on their way out: see text.h.
 */
#include "text.h"

#include <string.h>

static size_t end_line(struct ob_text *text, char *out)
{
    text->is_inside = 0;
    text->has_cr = 0;
    out[0] = '\r';
    out[1] = '\n';
    return 2;
}

/* Bytes up to the next line end. */
static size_t run_length(struct mansio_str in, size_t at)
{
    size_t n = at;
    while (n < in.len && in.ptr[n] != '\r' && in.ptr[n] != '\n') {
        n++;
    }
    return n - at;
}

size_t ob_text_encode(struct ob_text *text, struct mansio_str in, char *out)
{
    size_t n = 0;
    size_t at = 0;

    while (at < in.len) {
        char c = in.ptr[at];
        if (text->has_cr || c == '\n') {
            n += end_line(text, out + n);
            at += c == '\n';
            continue;
        }
        if (c == '\r') {
            text->has_cr = 1;
            at++;
            continue;
        }
        if (!text->is_inside && c == '.') {
            out[n++] = '.';
        }
        size_t run = run_length(in, at);
        memcpy(out + n, in.ptr + at, run);
        text->is_inside = 1;
        n += run;
        at += run;
    }
    return n;
}

size_t ob_text_end(struct ob_text *text, char out[OB_TEXT_END_ROOM])
{
    return text->is_inside || text->has_cr ? end_line(text, out) : 0;
}
