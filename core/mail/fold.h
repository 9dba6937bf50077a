/*
 * Text in the one case that search compares: folded and composed (Unicode 3.13; RFC 5051 has the
 * idea), so that what differs in case or in how an accent is written is the same.
 */
#ifndef MANSIO_CORE_MAIL_FOLD_H
#define MANSIO_CORE_MAIL_FOLD_H

#include <mansio/buf.h>
#include <mansio/str.h>

/*
 * Append text, folded; NUL becomes a space, pieces that are no UTF-8 are left out.
 *
 * @param max  most bytes that @p out may hold in all; text is cut there, between characters
 * @return bytes of @p text that were used: all, or fewer when @p max was reached
 */
size_t core_mail_fold(struct mansio_buf *out, size_t max, struct mansio_str text);

/* Where to cut text into pieces that are folded one by one: at @p max (at least 8) at most, behind
 * white space, else between characters. */
size_t core_mail_fold_cut(struct mansio_str text, size_t max);

#endif
