/*
 * Patterns of LIST: see match.h. A pattern's positions are bits; those that a name has reached go
 * on together, byte by byte.
 */
#include "match.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

enum { WORD_BITS = 64, BYTES = 256, INBOX_LEN = 5 };

static void set_bit(uint64_t *bits, size_t at)
{
    bits[at / WORD_BITS] |= UINT64_C(1) << (at % WORD_BITS);
}

static int has_bit(const uint64_t *bits, size_t at)
{
    return (bits[at / WORD_BITS] >> (at % WORD_BITS) & 1) != 0;
}

/* Runs of wildcards are one: "%" alone if there is no "*" among them. So none follows another. */
static size_t simplify(struct mansio_str text, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        int is_wild = c == '*' || c == '%';
        if (is_wild && len > 0 && (out[len - 1] == '*' || out[len - 1] == '%')) {
            out[len - 1] = c == '*' ? '*' : out[len - 1];
        } else {
            out[len++] = c;
        }
    }
    return len;
}

int imap_pattern_read(struct mansio_arena *arena, struct mansio_str text, struct imap_pattern *out)
{
    if (text.len > IMAP_PATTERN_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "a pattern of more than %d bytes", IMAP_PATTERN_MAX);
    }
    size_t words = text.len / WORD_BITS + 1;
    char *simple = mansio_arena_try_alloc(arena, text.len + 1);
    uint64_t *bits = mansio_arena_try_alloc(arena, (BYTES + 4) * words * sizeof *bits);
    if (simple == NULL || bits == NULL) {
        return MANSIO_E_LIMIT;
    }
    *out = (struct imap_pattern){
        .words = words,
        .length = simplify(text, simple),
        .bytes = bits,
        .stars = bits + BYTES * words,
        .percents = bits + (BYTES + 1) * words,
        .now = bits + (BYTES + 2) * words,
        .next = bits + (BYTES + 3) * words,
    };
    for (size_t i = 0; i < out->length; i++) {
        if (simple[i] == '*') {
            set_bit(out->stars, i);
        } else if (simple[i] == '%') {
            set_bit(out->percents, i);
        } else {
            set_bit(out->bytes + (size_t)(unsigned char)simple[i] * words, i);
        }
    }
    out->ends_percent = mansio_str_ends(text, MANSIO_STR("%"));
    return 0;
}

/* Wildcards may be nothing: who stands at one stands behind it too. */
static void pass_wildcards(const struct imap_pattern *pattern, uint64_t *state)
{
    uint64_t carry = 0;
    for (size_t w = 0; w < pattern->words; w++) {
        uint64_t wild = state[w] & (pattern->stars[w] | pattern->percents[w]);
        state[w] |= wild << 1 | carry;
        carry = wild >> (WORD_BITS - 1);
    }
}

/* One byte of a name; @p other is its other case, or itself. */
static void step(const struct imap_pattern *pattern, const uint64_t *now, uint64_t *next,
                 unsigned char byte, unsigned char other)
{
    const uint64_t *here = pattern->bytes + (size_t)byte * pattern->words;
    const uint64_t *there = pattern->bytes + (size_t)other * pattern->words;
    uint64_t carry = 0;
    for (size_t w = 0; w < pattern->words; w++) {
        uint64_t on = now[w] & (here[w] | there[w]);
        uint64_t stay = now[w] & (pattern->stars[w] | (byte == '/' ? 0 : pattern->percents[w]));
        next[w] = on << 1 | carry | stay;
        carry = on >> (WORD_BITS - 1);
    }
    pass_wildcards(pattern, next);
}

static unsigned char other_case(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ? c ^ 0x20 : c;
}

int imap_pattern_matches(const struct imap_pattern *pattern, struct mansio_str name)
{
    size_t folded = mansio_str_istarts(name, MANSIO_STR("INBOX")) &&
                            (name.len == INBOX_LEN || name.ptr[INBOX_LEN] == '/')
                        ? INBOX_LEN
                        : 0;
    uint64_t *now = pattern->now;
    uint64_t *next = pattern->next;
    memset(now, 0, pattern->words * sizeof *now);
    set_bit(now, 0);
    pass_wildcards(pattern, now);
    for (size_t i = 0; i < name.len; i++) {
        unsigned char byte = (unsigned char)name.ptr[i];
        step(pattern, now, next, byte, i < folded ? other_case(byte) : byte);
        uint64_t *was = now;
        now = next;
        next = was;
    }
    return has_bit(now, pattern->length);
}
