/*
 * What `mansioctl top` shows: from two answers of the daemon to figures, from figures to lines of a
 * screen. Pure.
 */
#ifndef MANSIO_CORE_CTL_TOP_H
#define MANSIO_CORE_CTL_TOP_H

#include <jansson.h>
#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/buf.h>

/* The figures between two answers to "top" (core/daemon/control.md), @p elapsed_us apart; their
 * members are in mansioctl(8). A counter that has fallen (the daemon was started again) counts as
 * 0. Never NULL. */
json_t *core_ctl_top_figures(const json_t *before, const json_t *now, int64_t elapsed_us);

/*
 * Figures as lines, each with its line feed, escaped.
 *
 * @param columns  no line is wider
 * @param rows     no more lines than these: tables are cut to what fits; 0: all of everything
 */
void core_ctl_top_screen(struct mansio_arena *arena, const json_t *figures, size_t columns,
                         size_t rows, struct mansio_buf *out);

#endif
