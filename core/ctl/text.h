/*
 * Text for a terminal: what the daemon says holds bytes that peers chose, so nothing of it may
 * move the cursor, change colours or pretend to be another line. Pure.
 */
#ifndef MANSIO_CORE_CTL_TEXT_H
#define MANSIO_CORE_CTL_TEXT_H

#include <mansio/base.h>
#include <mansio/buf.h>

/* Append @p s with everything that a terminal might obey written out: control bytes and bytes
 * that are not UTF-8 as \xNN, characters that hide or turn text as \u{NNNN}, and '\' as "\\". */
void core_ctl_escape(struct mansio_buf *out, struct mansio_str s);

/* Columns that escaped text takes: 2 for wide East Asian characters and emoji, 0 for marks that
 * combine. Near enough for tables, no locale needed. */
size_t core_ctl_width(struct mansio_str escaped);

/* Append a duration for people: "0s", "59s", "12m05s", "3h04m", "12d07h". Negative counts as 0. */
void core_ctl_duration(struct mansio_buf *out, int64_t seconds);

/* Append bytes for people: "512", "1.5K", "20M", "3.2G". */
void core_ctl_bytes(struct mansio_buf *out, uint64_t bytes);

#endif
