/*
 * Text for a terminal: escaping, width, durations and sizes for people.
 *
 * Deliberately without wcwidth() and locales: an administrator's LANG=C must not turn a name into
 * question marks, and the two tables below are near enough for columns.
 */
#include "core/ctl/text.h"

#include <inttypes.h>

/* A range of code points, both ends included. */
struct range {
    uint32_t first, last;
};

/* Characters that a terminal does not show as themselves: controls, separators that break lines,
 * and those that reorder or hide what follows. Sorted. */
static const struct range hidden[] = {
    {0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad},   {0x061c, 0x061c},
    {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f},
    {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff},
};

/* Marks that combine with the character before them. Sorted. */
static const struct range combining[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x064b, 0x065f}, {0x093c, 0x093c},
    {0x0941, 0x0948}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
    {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
};

/* Characters two columns wide. Sorted. */
static const struct range wide[] = {
    {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},
    {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
    {0xfe30, 0xfe4f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
    {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};

static int in_ranges(const struct range *ranges, size_t count, uint32_t c)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c > ranges[middle].last) {
            low = middle + 1;
        } else if (c < ranges[middle].first) {
            high = middle;
        } else {
            return 1;
        }
    }
    return 0;
}

/* Decode one character strictly (RFC 3629: no overlong forms, no surrogates). Returns its length
 * in bytes, 0 if the bytes at @p s are none. */
static size_t utf8_decode(struct mansio_str s, uint32_t *out)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    if (p[0] < 0x80) {
        *out = p[0];
        return 1;
    }
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (p[0] < 0xc2 || p[0] > 0xf4 || s.len < len) {
        return 0;
    }
    uint32_t c = p[0] & (0xffU >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
        c = c << 6 | (p[i] & 0x3fU);
    }
    if (c < smallest[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return 0;
    }
    *out = c;
    return len;
}

void core_ctl_escape(struct mansio_buf *out, struct mansio_str s)
{
    size_t at = 0;
    while (at < s.len) {
        struct mansio_str rest = {s.ptr + at, s.len - at};
        uint32_t c = 0;
        size_t len = utf8_decode(rest, &c);
        if (len == 0 || c < 0x20 || c == 0x7f) {
            mansio_buf_printf(out, "\\x%02x", (unsigned char)rest.ptr[0]);
            at += 1;
            continue;
        }
        if (c == '\\') {
            mansio_buf_add(out, MANSIO_STR("\\\\"));
        } else if (in_ranges(hidden, MANSIO_COUNT(hidden), c)) {
            mansio_buf_printf(out, "\\u{%04" PRIx32 "}", c);
        } else {
            mansio_buf_add(out, (struct mansio_str){rest.ptr, len});
        }
        at += len;
    }
}

size_t core_ctl_width(struct mansio_str escaped)
{
    size_t width = 0, at = 0;
    while (at < escaped.len) {
        uint32_t c = 0;
        size_t len = utf8_decode((struct mansio_str){escaped.ptr + at, escaped.len - at}, &c);
        if (len == 0) {
            len = 1;
            width += 1;
        } else if (in_ranges(wide, MANSIO_COUNT(wide), c)) {
            width += 2;
        } else if (!in_ranges(combining, MANSIO_COUNT(combining), c)) {
            width += 1;
        }
        at += len;
    }
    return width;
}

void core_ctl_duration(struct mansio_buf *out, int64_t seconds)
{
    if (seconds < 60) {
        mansio_buf_printf(out, "%" PRId64 "s", seconds < 0 ? 0 : seconds);
    } else if (seconds < 3600) {
        mansio_buf_printf(out, "%" PRId64 "m%02" PRId64 "s", seconds / 60, seconds % 60);
    } else if (seconds < 86400) {
        mansio_buf_printf(out, "%" PRId64 "h%02" PRId64 "m", seconds / 3600, seconds % 3600 / 60);
    } else {
        int64_t hours = seconds / 3600;
        mansio_buf_printf(out, "%" PRId64 "d%02" PRId64 "h", hours / 24, hours % 24);
    }
}

void core_ctl_bytes(struct mansio_buf *out, uint64_t bytes)
{
    static const char units[] = "KMGTPE";
    if (bytes < 1024) {
        mansio_buf_printf(out, "%" PRIu64, bytes);
        return;
    }
    size_t unit = 0;
    uint64_t whole = bytes, rest = 0;
    while (whole >= 1024) {
        rest = whole % 1024;
        whole /= 1024;
        unit++;
    }
    uint64_t tenth = rest * 10 / 1024;
    if (whole < 10 && tenth > 0) {
        mansio_buf_printf(out, "%" PRIu64 ".%" PRIu64 "%c", whole, tenth, units[unit - 1]);
    } else {
        mansio_buf_printf(out, "%" PRIu64 "%c", whole, units[unit - 1]);
    }
}
