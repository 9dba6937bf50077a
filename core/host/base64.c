/*
 * Base64 (RFC 4648 4), strictly: the standard alphabet, padding where it is due, no line breaks,
 * no bits beyond the last byte. Pure.
 */
#include <mansio/login.h>

#include <mansio/error.h>

enum {
    PAD = '=',
    NONE = 64, /* no digit */
    DECODED_MAX = 1 << 30,
};

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Without a table indexed by secrets it would be slower and no safer here: what is decoded has just
 * come over the wire, and who could time our cache could read it there. */
static uint32_t value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (uint32_t)(c - 'A');
    }
    if (c >= 'a' && c <= 'z') {
        return (uint32_t)(c - 'a') + 26;
    }
    if (c >= '0' && c <= '9') {
        return (uint32_t)(c - '0') + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : NONE;
}

static int refuse(size_t at)
{
    return mansio_fail(MANSIO_E_INVALID, "base64: broken at byte %zu", at);
}

int mansio_base64_decode(struct mansio_arena *arena, struct mansio_str text, struct mansio_str *out)
{
    size_t len = text.len;
    if (len % 4 != 0) {
        return refuse(len);
    }
    size_t pads = 0;
    while (pads < 2 && len > 0 && text.ptr[len - 1] == PAD) {
        len--;
        pads++;
    }
    size_t size = text.len / 4 * 3 - pads;
    char *bytes = size <= DECODED_MAX ? mansio_arena_try_alloc(arena, size + 1) : NULL;
    if (bytes == NULL) {
        return mansio_fail(MANSIO_E_LIMIT, "base64: no room for %zu bytes", size);
    }
    uint32_t bits = 0;
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        uint32_t value = value_of(text.ptr[i]);
        if (value == NONE) {
            return refuse(i);
        }
        bits = bits << 6 | value;
        if (i % 4 != 0) {
            bytes[used++] = (char)(bits >> (6 - 2 * (i % 4)));
        }
    }
    /* What the last digit holds beyond the last byte must be nothing, else one text has many
     * spellings (RFC 4648 3.5). */
    if ((pads == 1 && (bits & 3) != 0) || (pads == 2 && (bits & 15) != 0)) {
        return refuse(len - 1);
    }
    *out = (struct mansio_str){bytes, size};
    return 0;
}

int mansio_base64_encode(struct mansio_arena *arena, struct mansio_str bytes,
                         struct mansio_str *out)
{
    size_t size = (bytes.len / 3 + (bytes.len % 3 != 0)) * 4;
    char *text = bytes.len <= DECODED_MAX ? mansio_arena_try_alloc(arena, size + 1) : NULL;
    if (text == NULL) {
        return mansio_fail(MANSIO_E_LIMIT, "base64: no room for %zu bytes", size);
    }
    char *to = text;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t count = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++) {
            bits = bits << 8 | (k < count ? (unsigned char)bytes.ptr[i + k] : 0);
        }
        for (size_t k = 0; k < 4; k++) {
            *to++ = k <= count ? digits[bits >> (18 - 6 * k) & 63] : (char)PAD;
        }
    }
    *out = (struct mansio_str){text, size};
    return 0;
}
