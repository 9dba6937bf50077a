/*
 * A line of a batch, taken apart into words as a shell would: blanks separate, quotes join. Pure.
 */
#ifndef MANSIO_CORE_CTL_WORDS_H
#define MANSIO_CORE_CTL_WORDS_H

#include <mansio/arena.h>
#include <mansio/base.h>

enum { CORE_CTL_WORDS_MAX = 256 };

/*
 * '...' and "..." join what is between them ("\\" and "\"" are meant literally in the latter), a
 * '\' outside quotes takes the next byte's meaning; '#' where a word could begin ends the line.
 *
 * @param out  NUL-terminated words in @p arena, CORE_CTL_WORDS_MAX of them at most
 * @return how many; MANSIO_E_INVALID: a quote that doesn't end, a NUL, too many words
 */
MANSIO_MUST_CHECK int core_ctl_words(struct mansio_arena *arena, struct mansio_str line,
                                     const char **out);

#endif
