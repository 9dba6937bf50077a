/*
 * SipHash (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012): a keyed hash whose
 * values peers can't predict, so that they can't choose colliding keys. Maps use 1-3 rounds, the
 * usual choice for hash tables; the paper's vectors are for 2-4, and the tests run both.
 */
#ifndef MANSIO_CORE_BASE_HASH_H
#define MANSIO_CORE_BASE_HASH_H

#include "core/base/export.h"
#include <mansio/base.h>

/* @p rounds a word of input, @p final_rounds at the end. */
uint64_t core_siphash(const uint64_t key[2], struct mansio_str bytes, int rounds, int final_rounds);

/* Keyed with what getrandom() gave this process. */
CORE_EXPORT uint64_t core_hash(struct mansio_str bytes);

#endif
