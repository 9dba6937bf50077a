/*
 * Modified UTF-7 (RFC 3501 5.1.3): printable ASCII stands for itself, "&-" for '&', all else is
 * UTF-16 in base64 between '&' and '-', with ',' for '/' and without padding.
 */
#include "mutf7.h"

#include <mansio/error.h>
#include <mansio/str.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static int is_printable(uint32_t code)
{
    return code >= 0x20 && code <= 0x7e;
}

/* ---- undoing ------------------------------------------------------------------------------------
 */

static int digit_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '+') {
        return 62;
    }
    return c == ',' ? 63 : -1;
}

static char *put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *to++ = (char)(0xe0 | code >> 12);
        } else {
            *to++ = (char)(0xf0 | code >> 18);
            *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        }
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
    }
    *to++ = (char)(0x80 | (code & 0x3f));
    return to;
}

/* A unit of UTF-16. @param high  a high surrogate that waits for its low one, 0 for none */
static int put_unit(char **to, uint32_t unit, uint32_t *high)
{
    if (*high != 0) {
        if (unit < 0xdc00 || unit > 0xdfff) {
            return MANSIO_E_INVALID;
        }
        *to = put_utf8(*to, 0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00));
        *high = 0;
        return 0;
    }
    if (unit >= 0xdc00 && unit <= 0xdfff) {
        return MANSIO_E_INVALID;
    }
    if (unit >= 0xd800 && unit <= 0xdbff) {
        *high = unit;
        return 0;
    }
    if (is_printable(unit)) {
        return MANSIO_E_INVALID; /* it MUST stand for itself */
    }
    *to = put_utf8(*to, unit);
    return 0;
}

/* What stands between '&' and '-': base64 of whole units, its spare bits zero. */
static int decode_shift(struct mansio_str text, char **to)
{
    uint32_t bits = 0, count = 0, high = 0;
    for (size_t i = 0; i < text.len; i++) {
        int value = digit_value(text.ptr[i]);
        if (value < 0) {
            return MANSIO_E_INVALID;
        }
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 16) {
            count -= 16;
            int rc = put_unit(to, bits >> count & 0xffff, &high);
            if (rc < 0) {
                return rc;
            }
            bits &= (UINT32_C(1) << count) - 1;
        }
    }
    return high != 0 || count >= 6 || bits != 0 ? MANSIO_E_INVALID : 0;
}

int imap_mutf7_decode(struct mansio_arena *arena, struct mansio_str name, struct mansio_str *out)
{
    /* A unit takes at least 2.67 characters and gives 3 bytes at most. */
    char *begin = mansio_arena_try_alloc(arena, name.len + name.len / 4 + 4);
    if (begin == NULL) {
        return MANSIO_E_LIMIT;
    }
    char *to = begin;
    size_t shift_end = 0; /* behind the '-' of the last shift that had base64 */
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!is_printable((unsigned char)c)) {
            return mansio_fail(MANSIO_E_INVALID, "a mailbox name is printable ASCII");
        }
        if (c != '&') {
            *to++ = c;
            continue;
        }
        struct mansio_str rest = mansio_str_sub(name, i + 1, SIZE_MAX);
        ptrdiff_t len = mansio_str_find_char(rest, '-');
        if (len == 0) {
            *to++ = '&';
        } else if (len < 0 || (shift_end != 0 && shift_end == i) ||
                   decode_shift(mansio_str_sub(rest, 0, (size_t)len), &to) < 0) {
            return mansio_fail(MANSIO_E_INVALID, "no modified UTF-7");
        } else {
            shift_end = i + 2 + (size_t)len;
        }
        i += 1 + (size_t)len;
    }
    *out = (struct mansio_str){begin, (size_t)(to - begin)};
    return 0;
}

/* ---- doing --------------------------------------------------------------------------------------
 */

/* How many bytes follow the first one of a character; the first one's bits. */
static uint32_t utf8_more(unsigned char first, uint32_t *code)
{
    if (first >= 0xc2 && first <= 0xdf) {
        *code = first & 0x1f;
        return 1;
    }
    if ((first & 0xf0) == 0xe0) {
        *code = first & 0x0f;
        return 2;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        *code = first & 0x07;
        return 3;
    }
    return 0;
}

/* The character at *at, U+FFFD where there is none; moves behind it. */
static uint32_t take_utf8(struct mansio_str text, size_t *at)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)text.ptr[(*at)++];
    if (first < 0x80) {
        return first;
    }
    uint32_t code = 0;
    uint32_t more = utf8_more(first, &code);
    if (more == 0 || more > text.len - *at) {
        return 0xfffd;
    }
    for (uint32_t i = 0; i < more; i++) {
        unsigned char c = (unsigned char)text.ptr[*at + i];
        if ((c & 0xc0) != 0x80) {
            return 0xfffd;
        }
        code = code << 6 | (c & 0x3f);
    }
    if (code < least[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        return 0xfffd;
    }
    *at += more;
    return code;
}

struct shift {
    struct mansio_buf *out;
    uint32_t is_open, bits, count;
};

static void shift_unit(struct shift *shift, uint32_t unit)
{
    if (!shift->is_open) {
        mansio_buf_add_char(shift->out, '&');
        shift->is_open = 1;
    }
    shift->bits = shift->bits << 16 | unit;
    shift->count += 16;
    while (shift->count >= 6) {
        shift->count -= 6;
        mansio_buf_add_char(shift->out, digits[shift->bits >> shift->count & 0x3f]);
    }
    shift->bits &= (UINT32_C(1) << shift->count) - 1;
}

static void shift_end(struct shift *shift)
{
    if (!shift->is_open) {
        return;
    }
    if (shift->count > 0) {
        mansio_buf_add_char(shift->out, digits[shift->bits << (6 - shift->count) & 0x3f]);
    }
    mansio_buf_add_char(shift->out, '-');
    *shift = (struct shift){.out = shift->out};
}

void imap_mutf7_encode(struct mansio_buf *out, struct mansio_str name, int is_quoted)
{
    struct shift shift = {.out = out};
    for (size_t i = 0; i < name.len;) {
        uint32_t code = take_utf8(name, &i);
        if (!is_printable(code)) {
            if (code >= 0x10000) {
                shift_unit(&shift, 0xd800 + ((code - 0x10000) >> 10));
                code = 0xdc00 + ((code - 0x10000) & 0x3ff);
            }
            shift_unit(&shift, code);
            continue;
        }
        shift_end(&shift);
        if (code == '&') {
            mansio_buf_add(out, MANSIO_STR("&-"));
            continue;
        }
        if (is_quoted && (code == '"' || code == '\\')) {
            mansio_buf_add_char(out, '\\');
        }
        mansio_buf_add_char(out, (char)code);
    }
    shift_end(&shift);
}
