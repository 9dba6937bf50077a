/*
 * Addresses and hosts of requests: bytes in, slices out. Nothing is stored or looked up.
 */
#include "address.h"

#include <mansio/error.h>
#include <mansio/str.h>

/* One character of UTF-8 (RFC 3629 4: shortest form, no surrogates). Returns its length, or 0. */
static size_t read_character(struct mansio_str s, uint32_t *out)
{
    unsigned char first = (unsigned char)s.ptr[0];
    size_t len = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t code = len == 1 ? first : first & (0x7fU >> len);
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

    if (len == 0 || len > s.len || first > 0xf4) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        unsigned char next = (unsigned char)s.ptr[i];
        if ((next & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (next & 0x3f);
    }
    if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        return 0;
    }
    *out = code;
    return len;
}

/* Control characters are in no address; the last two of a plane are no characters at all. */
int autodiscover_is_text(struct mansio_str s)
{
    while (s.len > 0) {
        uint32_t code = 0;
        size_t len = read_character(s, &code);
        if (len == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0) || (code & 0xfffe) == 0xfffe) {
            return 0;
        }
        s = mansio_str_sub(s, len, SIZE_MAX);
    }
    return 1;
}

static int is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct mansio_str autodiscover_trim(struct mansio_str text)
{
    struct mansio_str s = text;

    while (s.len > 0 && is_space(s.ptr[0])) {
        s = mansio_str_sub(s, 1, SIZE_MAX);
    }
    while (s.len > 0 && is_space(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

int autodiscover_address_parse(struct mansio_str text, struct autodiscover_address *out)
{
    struct mansio_str whole = autodiscover_trim(text);
    size_t at = whole.len;

    if (whole.len > AUTODISCOVER_ADDRESS_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "an address of %zu bytes", whole.len);
    }
    if (!autodiscover_is_text(whole)) {
        return mansio_fail(MANSIO_E_INVALID, "the address is not text");
    }
    while (at > 0 && whole.ptr[at - 1] != '@') {
        at--;
    }
    if (at < 2 || at == whole.len) {
        return mansio_fail(MANSIO_E_INVALID, "no address");
    }
    out->whole = whole;
    out->domain = mansio_str_sub(whole, at, SIZE_MAX);
    return 0;
}

struct mansio_str autodiscover_host_domain(struct mansio_str host)
{
    static const struct mansio_str prefixes[] = {MANSIO_STR("autoconfig."),
                                                 MANSIO_STR("autodiscover.")};

    for (size_t i = 0; i < MANSIO_COUNT(prefixes); i++) {
        if (mansio_str_istarts(host, prefixes[i])) {
            return mansio_str_sub(host, prefixes[i].len, SIZE_MAX);
        }
    }
    return host;
}

int autodiscover_host_is_plain(struct mansio_str host)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        int is_name = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '.' || c == '_';
        int is_literal = c == ':' || c == '[' || c == ']';
        if (!is_name && !is_literal) {
            return 0;
        }
    }
    return host.len > 0;
}
