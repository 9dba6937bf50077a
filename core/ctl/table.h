/*
 * Tables for terminals: cells in, aligned lines out. Pure. A cell's text is escaped here, so that
 * nobody who fills a table has to remember.
 */
#ifndef MANSIO_CORE_CTL_TABLE_H
#define MANSIO_CORE_CTL_TABLE_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/buf.h>

struct core_ctl_column {
    const char *title;
    uint32_t is_right; /* numbers: aligned to the right */
};

/* A table being filled, row by row, cell by cell. Opaque. */
struct core_ctl_table;

/* @p columns is static; @p arena holds the table. */
struct core_ctl_table *core_ctl_table_new(struct mansio_arena *arena,
                                          const struct core_ctl_column *columns, size_t count);

/* Add the next cell; the row is complete with its last column's. An empty cell shows as "-".
 * Returns 0 or MANSIO_E_LIMIT. */
MANSIO_MUST_CHECK int core_ctl_table_add(struct core_ctl_table *table, struct mansio_str cell);

/* Titles, then the rows, two spaces between columns, no spaces at the end of a line. A row that
 * is not complete is a mistake of the caller. */
void core_ctl_table_print(const struct core_ctl_table *table, struct mansio_buf *out);

#endif
