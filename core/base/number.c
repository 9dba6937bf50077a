/*
 * Numbers from slices: the whole slice, range-checked, no locale, no sign or space that the
 * grammar doesn't have. What breaks the grammar is MANSIO_E_INVALID even if it is too large also.
 */
#include <mansio/str.h>

#include <mansio/error.h>

/* Longest piece of bad input shown in a detail. */
#define SHOWN_MAX 40

static int fail_invalid(struct mansio_str s, const char *wanted)
{
    struct mansio_str shown = mansio_str_sub(s, 0, SHOWN_MAX);

    return mansio_fail(MANSIO_E_INVALID, "\"%.*s%s\" is not %s", MANSIO_STR_ARG(shown),
                       shown.len < s.len ? "..." : "", wanted);
}

/* The value of a digit in any base up to 16; 16 for what is none. */
static unsigned digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    if (c >= 'a' && c <= 'f') {
        return (unsigned)(c - 'a') + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return (unsigned)(c - 'A') + 10;
    }
    return 16;
}

/* 0; MANSIO_E_INVALID; MANSIO_E_LIMIT above @p max. Records no detail. */
static int parse(struct mansio_str s, unsigned base, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    int is_over = 0;

    if (s.len == 0) {
        return MANSIO_E_INVALID;
    }
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = digit_of(s.ptr[i]);

        if (digit >= base) {
            return MANSIO_E_INVALID;
        }
        if (is_over || digit > max || value > (max - digit) / base) {
            is_over = 1;
        } else {
            value = value * base + digit;
        }
    }
    if (is_over) {
        return MANSIO_E_LIMIT;
    }
    *out = value;
    return 0;
}

static int parse_or_fail(struct mansio_str s, unsigned base, uint64_t max, uint64_t *out)
{
    int result = parse(s, base, max, out);

    if (result == MANSIO_E_INVALID) {
        return fail_invalid(s, base == 16 ? "a hexadecimal number" : "a number");
    }
    if (result == MANSIO_E_LIMIT) {
        struct mansio_str shown = mansio_str_sub(s, 0, SHOWN_MAX);
        const char *more = shown.len < s.len ? "..." : "";

        return base == 16 ? mansio_fail(MANSIO_E_LIMIT, "%.*s%s is more than %llx",
                                        MANSIO_STR_ARG(shown), more, (unsigned long long)max)
                          : mansio_fail(MANSIO_E_LIMIT, "%.*s%s is more than %llu",
                                        MANSIO_STR_ARG(shown), more, (unsigned long long)max);
    }
    return 0;
}

int mansio_parse_u64(struct mansio_str s, uint64_t max, uint64_t *out)
{
    return parse_or_fail(s, 10, max, out);
}

int mansio_parse_u32(struct mansio_str s, uint32_t max, uint32_t *out)
{
    uint64_t value = 0;
    int result = parse_or_fail(s, 10, max, &value);

    if (result == 0) {
        *out = (uint32_t)value;
    }
    return result;
}

int mansio_parse_hex(struct mansio_str s, uint64_t max, uint64_t *out)
{
    return parse_or_fail(s, 16, max, out);
}

int mansio_parse_i64(struct mansio_str s, int64_t min, int64_t max, int64_t *out)
{
    int is_negative = s.len > 0 && s.ptr[0] == '-';
    /* What the digits may come to: 2^63 only behind a minus. */
    uint64_t bound = is_negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    uint64_t digits = 0;
    int64_t value = 0;
    int result = parse(mansio_str_sub(s, is_negative ? 1 : 0, SIZE_MAX), 10, bound, &digits);

    if (result == MANSIO_E_INVALID) {
        return fail_invalid(s, "a number");
    }
    if (result == 0) {
        /* -(digits - 1) - 1 reaches INT64_MIN without leaving the type. */
        value = is_negative && digits > 0 ? -(int64_t)(digits - 1) - 1 : (int64_t)digits;
    }
    if (result < 0 || value < min || value > max) {
        struct mansio_str shown = mansio_str_sub(s, 0, SHOWN_MAX);

        return mansio_fail(MANSIO_E_LIMIT, "%.*s%s is not within %lld and %lld",
                           MANSIO_STR_ARG(shown), shown.len < s.len ? "..." : "", (long long)min,
                           (long long)max);
    }
    *out = value;
    return 0;
}
