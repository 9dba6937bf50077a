/*
 * Classes of bytes that the grammars of mail share. Pure, no locale: bytes of 128 and more are
 * letters wherever RFC 6532 lets UTF-8 stand, and whether they are UTF-8 is somebody else's check.
 */
#ifndef MANSIO_CORE_MAIL_CHARS_H
#define MANSIO_CORE_MAIL_CHARS_H

#include <mansio/str.h>

#include <string.h>

/* Space and tab (RFC 5234 WSP). */
static inline int core_mail_is_wsp(char c)
{
    return c == ' ' || c == '\t';
}

/* White space with line ends: what folding leaves behind. */
static inline int core_mail_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static inline int core_mail_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline int core_mail_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline int core_mail_is_8bit(char c)
{
    return ((unsigned char)c & 0x80) != 0;
}

/* How many bytes at the beginning are ASCII. */
static inline size_t core_mail_ascii_run(const char *bytes, size_t length)
{
    size_t i = 0;

    for (uint64_t some; i + sizeof some <= length; i += sizeof some) {
        memcpy(&some, bytes + i, sizeof some);
        if ((some & UINT64_C(0x8080808080808080)) != 0) {
            break;
        }
    }
    while (i < length && !core_mail_is_8bit(bytes[i])) {
        i++;
    }
    return i;
}

/* A visible ASCII character, or a byte of UTF-8. */
static inline int core_mail_is_visible(char c)
{
    return core_mail_is_8bit(c) || (c > ' ' && c < 0x7f);
}

/* RFC 5322 3.2.3 atext, with RFC 6532 3.2. */
static inline int core_mail_is_atext(char c)
{
    return core_mail_is_visible(c) && strchr("()<>[]:;@\\,.\"", c) == NULL;
}

/* RFC 2045 5.1: a character of a token; bytes over 127 are let through. */
static inline int core_mail_is_token(char c)
{
    return core_mail_is_visible(c) && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

/* RFC 5322 3.6.8 ftext: a character of a field name. */
static inline int core_mail_is_ftext(char c)
{
    return c > ' ' && c < 0x7f && c != ':';
}

static inline char core_mail_to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* The value of a hexadecimal digit, -1 for what is none. */
static inline int core_mail_hex_value(char c)
{
    if (core_mail_is_digit(c)) {
        return c - '0';
    }
    c = core_mail_to_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A slice without white space, line ends included, at both ends. */
static inline struct mansio_str core_mail_trim(struct mansio_str s)
{
    while (s.len > 0 && core_mail_is_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && core_mail_is_space(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

#endif
