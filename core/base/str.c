/*
 * Slices: comparing and cutting bytes. Pure functions; ASCII only where case is folded, so that no
 * locale changes what a protocol means. Numbers are in number.c.
 */
#include "config.h"

#include <mansio/str.h>

#include <string.h>

static unsigned char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c - 'A' + 'a') : (unsigned char)c;
}

struct mansio_str mansio_str_from_cstr(const char *cstr)
{
    return cstr != NULL ? (struct mansio_str){cstr, strlen(cstr)} : MANSIO_STR_NONE;
}

int mansio_str_eq(struct mansio_str a, struct mansio_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

int mansio_str_ieq(struct mansio_str a, struct mansio_str b)
{
    return a.len == b.len && mansio_str_icmp(a, b) == 0;
}

static int cmp_lengths(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

int mansio_str_cmp(struct mansio_str a, struct mansio_str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common > 0 ? memcmp(a.ptr, b.ptr, common) : 0;

    return order != 0 ? order : cmp_lengths(a.len, b.len);
}

int mansio_str_icmp(struct mansio_str a, struct mansio_str b)
{
    size_t common = a.len < b.len ? a.len : b.len;

    for (size_t i = 0; i < common; i++) {
        int order = lower(a.ptr[i]) - lower(b.ptr[i]);

        if (order != 0) {
            return order;
        }
    }
    return cmp_lengths(a.len, b.len);
}

int mansio_str_starts(struct mansio_str s, struct mansio_str prefix)
{
    return mansio_str_eq(mansio_str_sub(s, 0, prefix.len), prefix);
}

int mansio_str_istarts(struct mansio_str s, struct mansio_str prefix)
{
    return mansio_str_ieq(mansio_str_sub(s, 0, prefix.len), prefix);
}

int mansio_str_ends(struct mansio_str s, struct mansio_str suffix)
{
    return s.len >= suffix.len &&
           mansio_str_eq(mansio_str_sub(s, s.len - suffix.len, SIZE_MAX), suffix);
}

ptrdiff_t mansio_str_find_char(struct mansio_str s, char c)
{
    const char *at = s.len > 0 ? memchr(s.ptr, c, s.len) : NULL;

    return at != NULL ? at - s.ptr : -1;
}

ptrdiff_t mansio_str_find(struct mansio_str haystack, struct mansio_str needle)
{
    const char *at;

    if (needle.len == 0) {
        return 0;
    }
    if (haystack.len < needle.len) {
        return -1;
    }
    /* Linear also for hostile input: glibc's memmem() is the two-way algorithm. */
    at = memmem(haystack.ptr, haystack.len, needle.ptr, needle.len);
    return at != NULL ? at - haystack.ptr : -1;
}

struct mansio_str mansio_str_sub(struct mansio_str s, size_t from, size_t len)
{
    if (from >= s.len) {
        /* Still inside the slice, so that a parser can tell where it was. */
        return (struct mansio_str){s.ptr != NULL ? s.ptr + s.len : NULL, 0};
    }
    return (struct mansio_str){s.ptr + from, len < s.len - from ? len : s.len - from};
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct mansio_str mansio_str_trim(struct mansio_str s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

int mansio_str_split(struct mansio_str *rest, char separator, struct mansio_str *out)
{
    ptrdiff_t at;

    if (rest->ptr == NULL) {
        return 0;
    }
    at = mansio_str_find_char(*rest, separator);
    if (at < 0) {
        *out = *rest;
        *rest = MANSIO_STR_NONE;
        return 1;
    }
    *out = (struct mansio_str){rest->ptr, (size_t)at};
    *rest = mansio_str_sub(*rest, (size_t)at + 1, SIZE_MAX);
    return 1;
}
