/*
 * Any bytes as text for a log: nothing in it may end a line, close a quote, move a cursor or turn
 * the direction of what follows. Pure.
 */
#include "core/host/log_line.h"

#include <string.h>

static const char HEX[] = "0123456789abcdef";

enum {
    NO_RUNE = -1, /* a byte that begins no valid UTF-8 */
};

/* The code point at the front of @p s and its length in bytes (RFC 3629 4: no overlong forms, no
 * surrogates, nothing above U+10FFFF); NO_RUNE with length 1 for a byte that is none. */
static int32_t next_rune(struct mansio_str s, size_t *out_len)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    static const struct {
        unsigned char mask, lead;
        int32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

    *out_len = 1;
    for (size_t n = 0; n < MANSIO_COUNT(forms); n++) {
        if ((p[0] & forms[n].mask) != forms[n].lead) {
            continue;
        }
        if (s.len < n + 1) {
            return NO_RUNE;
        }
        int32_t rune = p[0] & (unsigned char)~forms[n].mask;
        for (size_t i = 1; i <= n; i++) {
            if ((p[i] & 0xc0) != 0x80) {
                return NO_RUNE;
            }
            rune = rune << 6 | (p[i] & 0x3f);
        }
        if (rune < forms[n].least || rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff)) {
            return NO_RUNE;
        }
        *out_len = n + 1;
        return rune;
    }
    return NO_RUNE;
}

/* Code points that are escaped though they are valid. */
static int is_unsafe(int32_t rune)
{
    return rune < 0x20 || (rune >= 0x7f && rune <= 0x9f) || /* C0, DEL, C1 */
           (rune >= 0x200b && rune <= 0x200f) ||            /* zero width, direction marks */
           (rune >= 0x2028 && rune <= 0x202e) ||            /* separators, embeddings, overrides */
           (rune >= 0x2060 && rune <= 0x206f) ||            /* joiner, isolates */
           rune == 0x061c || rune == 0xfeff || (rune >= 0xfff9 && rune <= 0xfffb) ||
           (rune & 0xfffe) == 0xfffe; /* never characters */
}

/* "\u0085"; above the basic plane as a surrogate pair, which JSON asks for (RFC 8259 7). */
static size_t put_u(char out[12], int32_t rune)
{
    uint32_t units[2] = {(uint32_t)rune, 0};
    size_t count = 1;
    if (rune > 0xffff) {
        units[0] = 0xd800 + ((uint32_t)(rune - 0x10000) >> 10);
        units[1] = 0xdc00 + ((uint32_t)(rune - 0x10000) & 0x3ff);
        count = 2;
    }
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        out[len++] = '\\';
        out[len++] = 'u';
        for (int shift = 12; shift >= 0; shift -= 4) {
            out[len++] = HEX[units[i] >> shift & 0xf];
        }
    }
    return len;
}

/* The escaped form of one code point or byte, at most 12 bytes; 0 if it stands for itself. */
static size_t escape_one(char out[12], uint32_t format, int32_t rune, unsigned char byte)
{
    char letter = rune == '\n'   ? 'n'
                  : rune == '\r' ? 'r'
                  : rune == '\t' ? 't'
                  : rune == '"'  ? '"'
                  : rune == '\\' ? '\\'
                                 : '\0';
    if (letter != '\0') {
        out[0] = '\\';
        out[1] = letter;
        return 2;
    }
    if (rune != NO_RUNE && !is_unsafe(rune)) {
        return 0;
    }
    if (format == CORE_LOG_JSON) {
        /* Many readers refuse \u0000, so NUL goes the way of bytes that are no text. */
        return put_u(out, rune == NO_RUNE || rune == 0 ? 0xfffd : rune);
    }
    if (rune == NO_RUNE || rune < 0x80) {
        out[0] = '\\';
        out[1] = 'x';
        out[2] = HEX[byte >> 4];
        out[3] = HEX[byte & 0xf];
        return 4;
    }
    return put_u(out, rune);
}

ptrdiff_t core_log_escape(char *out, size_t room, uint32_t format, struct mansio_str value)
{
    size_t used = 0;
    while (value.len > 0) {
        size_t taken;
        int32_t rune = next_rune(value, &taken);
        char escaped[12];
        size_t len = escape_one(escaped, format, rune, (unsigned char)value.ptr[0]);
        const char *from = len > 0 ? escaped : value.ptr;
        len = len > 0 ? len : taken;
        if (len > room - used) {
            return -1;
        }
        memcpy(out + used, from, len);
        used += len;
        value.ptr += taken;
        value.len -= taken;
    }
    return (ptrdiff_t)used;
}

int core_log_needs_quotes(struct mansio_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\') {
            return 1;
        }
    }
    return value.len == 0;
}
