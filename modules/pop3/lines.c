/*
 * Lines on their way out. Looks at each byte once, with memchr(); copies none.
 */
#include "lines.h"

#include <string.h>

#include <mansio/str.h>

/* ---- byte-stuffing ------------------------------------------------------------------------------
 */

static const char *find_lf(const char *from, const char *end)
{
    return from < end ? memchr(from, '\n', (size_t)(end - from)) : NULL;
}

static int give(struct pop3_stuffing *stuffing, struct mansio_str *in, const char *end,
                struct mansio_str *out)
{
    size_t len = (size_t)(end - in->ptr);
    *out = (struct mansio_str){in->ptr, len};
    stuffing->is_inside = end[-1] != '\n';
    stuffing->is_cr = end[-1] == '\r';
    stuffing->is_mended = 0;
    in->ptr += len;
    in->len -= len;
    return 1;
}

int pop3_stuff(struct pop3_stuffing *stuffing, struct mansio_str *in, struct mansio_str *out)
{
    if (in->len == 0) {
        return 0;
    }
    const char *begin = in->ptr, *end = begin + in->len;
    if (!stuffing->is_inside && *begin == '.') {
        stuffing->is_inside = 1;
        *out = MANSIO_STR(".");
        return 1;
    }
    for (const char *lf = find_lf(begin, end); lf != NULL; lf = find_lf(lf + 1, end)) {
        int has_cr = lf > begin ? lf[-1] == '\r' : stuffing->is_cr || stuffing->is_mended;
        if (!has_cr && lf > begin) {
            return give(stuffing, in, lf, out); /* the next call begins with this LF */
        }
        if (!has_cr) {
            stuffing->is_mended = 1;
            *out = MANSIO_STR("\r");
            return 1;
        }
        if (lf + 1 < end && lf[1] == '.') {
            return give(stuffing, in, lf + 1, out);
        }
    }
    return give(stuffing, in, end, out);
}

struct mansio_str pop3_stuff_end(const struct pop3_stuffing *stuffing)
{
    return stuffing->is_inside ? MANSIO_STR("\r\n.\r\n") : MANSIO_STR(".\r\n");
}

/* ---- TOP ----------------------------------------------------------------------------------------
 */

static int has_text(const char *from, const char *to)
{
    while (from < to && (*from == '\r' || *from == '\n')) {
        from++;
    }
    return from < to;
}

struct mansio_str pop3_top_cut(struct pop3_top *top, struct mansio_str piece)
{
    const char *at = piece.ptr, *end = at + piece.len;
    while (at < end && !(top->is_body && top->lines == 0)) {
        const char *lf = find_lf(at, end);
        const char *stop = lf != NULL ? lf : end;
        if (!top->is_body) {
            top->has_text |= (uint32_t)has_text(at, stop);
        }
        if (lf == NULL) {
            return piece;
        }
        if (top->is_body) {
            top->lines--;
        } else {
            top->is_body = !top->has_text;
            top->has_text = 0;
        }
        at = lf + 1;
    }
    return mansio_str_sub(piece, 0, (size_t)(at - piece.ptr));
}
