/*
 * Base64 and hexadecimal. The core's mansio_base64_decode() wants padding, which the texts of
 * argon2 don't have, and not all who write {SSHA} do either.
 */
#include "encode.h"

#include <mansio/error.h>
#include <mansio/str.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int base64_value(char c)
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
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The text without its padding; that it is right where there is some is checked here. */
static int strip_padding(struct mansio_str *text)
{
    size_t padding = 0;

    while (padding < 2 && text->len > padding && text->ptr[text->len - 1 - padding] == '=') {
        padding++;
    }
    if ((padding > 0 && text->len % 4 != 0) || (text->len - padding) % 4 == 1) {
        return mansio_fail(MANSIO_E_INVALID, "base64: wrong length or padding");
    }
    text->len -= padding;
    return 0;
}

int auth_base64_decode(struct mansio_arena *arena, struct mansio_str text, struct mansio_str *out)
{
    size_t length = 0;
    uint32_t bits = 0;
    int rc = strip_padding(&text);

    if (rc < 0) {
        return rc;
    }
    char *bytes = mansio_arena_try_alloc(arena, text.len / 4 * 3 + 3);
    if (bytes == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < text.len; i++) {
        int value = base64_value(text.ptr[i]);
        if (value < 0) {
            return mansio_fail(MANSIO_E_INVALID, "base64: a byte that is none of its digits");
        }
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 0) {
            bytes[length++] = (char)(bits >> (6 - i % 4 * 2) & 0xff);
        }
    }
    /* One spelling a value: what the last digit says beyond the last byte is 0 (RFC 4648 3.5). */
    if (text.len % 4 != 0 && (bits & (text.len % 4 == 2 ? 0xfU : 0x3U)) != 0) {
        return mansio_fail(MANSIO_E_INVALID, "base64: bits beyond the last byte");
    }
    *out = (struct mansio_str){bytes, length};
    return 0;
}

int auth_hex_decode(struct mansio_arena *arena, struct mansio_str text, struct mansio_str *out)
{
    if (text.len % 2 != 0) {
        return mansio_fail(MANSIO_E_INVALID, "hexadecimal: an odd number of digits");
    }
    char *bytes = mansio_arena_try_alloc(arena, text.len / 2 + 1);
    if (bytes == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_value(text.ptr[i]);
        int low = hex_value(text.ptr[i + 1]);
        if (high < 0 || low < 0) {
            return mansio_fail(MANSIO_E_INVALID, "hexadecimal: a byte that is no digit");
        }
        bytes[i / 2] = (char)(high << 4 | low);
    }
    *out = (struct mansio_str){bytes, text.len / 2};
    return 0;
}

size_t auth_base64_encode(struct mansio_str bytes, char *out)
{
    size_t length = 0;

    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t bits = (uint32_t)(unsigned char)bytes.ptr[i] << 16;
        bits |= left > 1 ? (uint32_t)(unsigned char)bytes.ptr[i + 1] << 8 : 0;
        bits |= left > 2 ? (uint32_t)(unsigned char)bytes.ptr[i + 2] : 0;
        out[length++] = digits[bits >> 18];
        out[length++] = digits[bits >> 12 & 63];
        out[length++] = left > 1 ? digits[bits >> 6 & 63] : '=';
        out[length++] = left > 2 ? digits[bits & 63] : '=';
    }
    out[length] = '\0';
    return length;
}
