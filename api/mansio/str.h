/*
 * Slices: comparing, cutting, numbers. Nothing here allocates, waits or knows a locale.
 */
#ifndef MANSIO_STR_H
#define MANSIO_STR_H

#include <mansio/base.h>

/** A slice of a NUL-terminated string; the empty slice for NULL. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_str mansio_str_from_cstr(const char *cstr);

/** 1 if @p a and @p b hold the same bytes, else 0. @yields no @since 1.0 */
MANSIO_EXPORT int mansio_str_eq(struct mansio_str a, struct mansio_str b);

/** As mansio_str_eq(), but ASCII letters compare without case. @yields no @since 1.0 */
MANSIO_EXPORT int mansio_str_ieq(struct mansio_str a, struct mansio_str b);

/** Order of bytes as unsigned: < 0, 0 or > 0; a prefix comes first. @yields no @since 1.0 */
MANSIO_EXPORT int mansio_str_cmp(struct mansio_str a, struct mansio_str b);

/** As mansio_str_cmp(), but ASCII letters compare without case. @yields no @since 1.0 */
MANSIO_EXPORT int mansio_str_icmp(struct mansio_str a, struct mansio_str b);

/** 1 if @p s begins with @p prefix, else 0. @yields no @since 1.0 */
MANSIO_EXPORT int mansio_str_starts(struct mansio_str s, struct mansio_str prefix);

/** As mansio_str_starts(), but ASCII letters compare without case. @yields no @since 1.0 */
MANSIO_EXPORT int mansio_str_istarts(struct mansio_str s, struct mansio_str prefix);

/** 1 if @p s ends with @p suffix, else 0. @yields no @since 1.0 */
MANSIO_EXPORT int mansio_str_ends(struct mansio_str s, struct mansio_str suffix);

/**
 * Where a byte stands first.
 *
 * @return its offset, or -1
 * @yields no     @since 1.0
 */
MANSIO_EXPORT ptrdiff_t mansio_str_find_char(struct mansio_str s, char c);

/**
 * Where @p needle stands first; the empty needle stands at 0.
 *
 * @return its offset, or -1
 * @yields no     @since 1.0
 */
MANSIO_EXPORT ptrdiff_t mansio_str_find(struct mansio_str haystack, struct mansio_str needle);

/**
 * Part of a slice.
 *
 * @param from  offset of the first byte; beyond the end gives the empty slice
 * @param len   bytes; cut at the end of @p s; SIZE_MAX for the rest
 * @yields no     @since 1.0
 */
MANSIO_EXPORT struct mansio_str mansio_str_sub(struct mansio_str s, size_t from, size_t len);

/** @p s without spaces and tabs at both ends. @yields no @since 1.0 */
MANSIO_EXPORT struct mansio_str mansio_str_trim(struct mansio_str s);

/**
 * Cut the next field off a slice.
 *
 * @param rest       in: what is left; out: what follows the separator, the empty slice with ptr
 *                   NULL after the last field
 * @param separator  the byte between fields
 * @param out        the field, may be empty
 * @return 1 with a field, 0 when nothing is left (@p out untouched)
 * @yields no     @since 1.0
 */
MANSIO_EXPORT int mansio_str_split(struct mansio_str *rest, char separator, struct mansio_str *out);

/**
 * A decimal number: digits only, the whole slice, no sign, no space.
 *
 * @param s    the digits
 * @param max  largest value accepted
 * @param out  the value
 * @return 0; MANSIO_E_INVALID for anything but digits or for nothing; MANSIO_E_LIMIT above @p max
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_parse_u64(struct mansio_str s, uint64_t max,
                                                     uint64_t *out);

/** As mansio_parse_u64(), for 32 bits. @yields no @since 1.0 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_parse_u32(struct mansio_str s, uint32_t max,
                                                     uint32_t *out);

/**
 * A decimal number with an optional leading '-': the whole slice.
 *
 * @return 0; MANSIO_E_INVALID; MANSIO_E_LIMIT outside @p min..@p max
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_parse_i64(struct mansio_str s, int64_t min, int64_t max,
                                                     int64_t *out);

/**
 * Hexadecimal digits, the whole slice, no prefix.
 *
 * @return 0; MANSIO_E_INVALID; MANSIO_E_LIMIT above @p max
 * @yields no     @since 1.0
 */
MANSIO_EXPORT MANSIO_MUST_CHECK int mansio_parse_hex(struct mansio_str s, uint64_t max,
                                                     uint64_t *out);

#endif
