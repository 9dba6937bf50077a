/*
 * Rows of metrics in one slot's area: finding, adding, folding. What metrics.c (the writer),
 * metrics_print.c (the reader) and shm.c (a dead process's counters) have in common.
 */
#ifndef MANSIO_CORE_HOST_METRICS_ROWS_H
#define MANSIO_CORE_HOST_METRICS_ROWS_H

#include "core/host/shm_layout.h"

enum { CORE_PRINTED_NAME_MAX = 128 };

/* The name that a row is printed under, before "_bucket" and the like. A NUL follows it. */
struct mansio_str core_row_printed_name(const struct shm_row *row, char out[CORE_PRINTED_NAME_MAX]);

/* Values a row of a type takes; 0 for a type that is none. */
uint32_t core_row_values(uint32_t type);

/* Rows that may be read; each is to be checked with core_row_read(). */
uint32_t core_rows_count(const struct shm_area *area);

/* Copy a row as far as it makes sense: texts ended, name and label of legal bytes, values inside
 * the area. 0, or MANSIO_E_INVALID (no detail): skip it. Another process wrote it. */
int core_row_read(const struct shm_area *area, uint32_t index, struct shm_row *out);

/* The row of this name, label and type; if there is none it is added, its values 0. Only by the
 * area's owner. Gives its index; MANSIO_E_LIMIT when the area is full. */
MANSIO_MUST_CHECK int core_row_find_or_add(struct shm_area *area, const struct shm_row *wanted,
                                           uint32_t *out_index);

/* Add the counters and histograms of @p from to those of @p to, which the caller owns. */
void core_rows_fold(struct shm_area *to, const struct shm_area *from);

#endif
