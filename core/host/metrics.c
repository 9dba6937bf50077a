/*
 * Metrics, the writing side: tables registered into this process's slot, and additions.
 *
 * Owns the process's own list of where each registered row's values lie, so that an addition reads
 * nothing shared. Doesn't print (metrics_print.c) and doesn't know core's own table
 * (metrics_core.c). Without shared memory (a checking child, a test) additions do nothing.
 */
#include "core/host/metrics.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

#include "core/host/metrics_core.h"
#include "core/host/metrics_rows.h"

enum {
    NAME_MAX_BYTES = 47, /* as metrics.h has it */
    HELP_MAX_BYTES = 127,
    NO_VALUE = UINT32_MAX,
};

/* As 1.0 had it, however much the struct has grown since. */
#define ROW_SIZE_MIN (offsetof(struct mansio_metric, help) + sizeof(const char *))

struct local_row {
    uint32_t value; /* its first value's index; NO_VALUE without shared memory */
    uint32_t type;
    uint32_t table;        /* handle of its table: index of that table's first row */
    uint32_t lowest_shift; /* histograms: the first bucket ends at 1 << this */
};

/* One a process, as its slot is. */
static struct local_row rows[SHM_ROWS_MAX];
static uint32_t row_count;
static _Atomic uint64_t *values; /* of this process's slot */

uint32_t core_metric_lowest_shift(const char *unit)
{
    if (strcmp(unit, "seconds") == 0) {
        return 4; /* 16 us to 134 s */
    }
    return strcmp(unit, "bytes") == 0 ? 6 : 0; /* 64 bytes to 512 MiB; 1 to 8,388,608 */
}

static int check_text(const struct mansio_metric *metric)
{
    const char *name = metric->name;
    if (name == NULL || name[0] == '\0' || strlen(name) > NAME_MAX_BYTES ||
        name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0') {
        return mansio_fail(MANSIO_E_INVALID,
                           "metric \"%s\": wanted 1 to %d lower-case letters, digits, '_'",
                           name != NULL ? name : "", NAME_MAX_BYTES);
    }
    if (metric->help == NULL || metric->help[0] == '\0' || strlen(metric->help) > HELP_MAX_BYTES ||
        strchr(metric->help, '\n') != NULL) {
        return mansio_fail(MANSIO_E_INVALID, "metric %s: wanted one line of help, at most %d bytes",
                           name, HELP_MAX_BYTES);
    }
    if (metric->unit != NULL && strcmp(metric->unit, "seconds") != 0 &&
        strcmp(metric->unit, "bytes") != 0) {
        return mansio_fail(MANSIO_E_INVALID,
                           "metric %s: unit \"%s\": wanted seconds, bytes or none", name,
                           metric->unit);
    }
    if (core_row_values(metric->type) == 0) {
        return mansio_fail(MANSIO_E_INVALID, "metric %s: type %u is none that this core knows",
                           name, metric->type);
    }
    return 0;
}

/* "mansio_my-module" and "lines" make "mansio_my_module_lines". */
static int fill_row(struct shm_row *row, const char *prefix, const char *label,
                    struct mansio_str value, const struct mansio_metric *metric)
{
    *row = (struct shm_row){.type = metric->type};
    size_t prefix_len = strlen(prefix);
    size_t name_len = strlen(metric->name);
    if (prefix_len + 1 + name_len >= sizeof row->name || value.len >= sizeof row->value ||
        strlen(label) >= sizeof row->label) {
        return mansio_fail(MANSIO_E_INVALID, "metric %s_%s: name or label is too long", prefix,
                           metric->name);
    }
    for (size_t i = 0; i < prefix_len; i++) {
        row->name[i] = prefix[i] == '-' ? '_' : prefix[i];
    }
    row->name[prefix_len] = '_';
    memcpy(row->name + prefix_len + 1, metric->name, name_len);
    if (value.len > 0) {
        memcpy(row->label, label, strlen(label));
        memcpy(row->value, value.ptr, value.len);
    }
    memcpy(row->help, metric->help, strlen(metric->help));
    if (metric->unit != NULL) {
        memcpy(row->unit, metric->unit, strlen(metric->unit));
    }
    return 0;
}

/* Whether @p other is one of the three further names that a histogram is printed under. */
static int is_part_of(const struct shm_row *row, struct mansio_str name, struct mansio_str other)
{
    struct mansio_str end = mansio_str_sub(other, name.len, SIZE_MAX);
    return row->type == MANSIO_METRIC_HISTOGRAM && mansio_str_starts(other, name) &&
           (mansio_str_eq(end, MANSIO_STR("_bucket")) || mansio_str_eq(end, MANSIO_STR("_sum")) ||
            mansio_str_eq(end, MANSIO_STR("_count")));
}

/* Two rows must not be printed under one name: "x" and "x_total" of counters would be, "wait" and
 * "wait_seconds" of seconds, a histogram "x" and a gauge "x_count". */
static int check_names(const struct shm_row *a, const struct shm_row *b)
{
    char text_a[CORE_PRINTED_NAME_MAX];
    char text_b[CORE_PRINTED_NAME_MAX];
    struct mansio_str name_a = core_row_printed_name(a, text_a);
    struct mansio_str name_b = core_row_printed_name(b, text_b);
    if (mansio_str_eq(name_a, name_b) || is_part_of(a, name_a, name_b) ||
        is_part_of(b, name_b, name_a)) {
        return mansio_fail(MANSIO_E_INVALID,
                           "metrics %s and %s: wanted names of their own, found that they are "
                           "printed as %.*s and %.*s",
                           a->name, b->name, MANSIO_STR_ARG(name_a), MANSIO_STR_ARG(name_b));
    }
    return 0;
}

/* Where the values of a row are to be, in this process's slot. */
static int place_row(const struct shm_row *row, uint32_t *out_value)
{
    struct core_shm *shm = core_shm_current();
    if (shm == NULL) {
        *out_value = NO_VALUE;
        return 0;
    }
    struct shm_area *area = &core_shm_memory(shm)->areas[core_shm_index()];
    uint32_t index;
    int rc = core_row_find_or_add(area, row, &index);
    if (rc < 0) {
        return rc;
    }
    values = area->values;
    *out_value = area->rows[index].first;
    if (row->type == MANSIO_METRIC_GAUGE) {
        /* Found again: what a predecessor in this slot (before a binary upgrade) measured is gone.
         */
        atomic_store_explicit(&values[*out_value], 0, memory_order_relaxed);
    }
    return 0;
}

/* A table with longer rows was built with newer headers: their size is the stride. */
static const struct mansio_metric *metric_at(const struct mansio_metric *table, size_t index)
{
    return (const struct mansio_metric *)(const void *)((const char *)table + index * table->size);
}

/* Row @p index of a table, checked by itself and against those before it. */
static int make_row(struct shm_row *row, const char *prefix, const char *label,
                    struct mansio_str value, const struct mansio_metric *table, size_t index)
{
    int rc = check_text(metric_at(table, index));
    if (rc == 0) {
        rc = fill_row(row, prefix, label, value, metric_at(table, index));
    }
    for (size_t k = 0; rc == 0 && k < index; k++) {
        struct shm_row before;
        rc = fill_row(&before, prefix, label, value, metric_at(table, k));
        if (rc == 0) {
            rc = check_names(&before, row);
        }
    }
    return rc;
}

int core_metrics_register_labelled(const char *prefix, const char *label, struct mansio_str value,
                                   const struct mansio_metric *table, size_t count,
                                   uint32_t *out_handle)
{
    if (count > 0 && table->size < ROW_SIZE_MIN) {
        return mansio_fail(MANSIO_E_INVALID, "metrics of %s: row size %zu, wanted at least %zu",
                           prefix, table->size, ROW_SIZE_MIN);
    }
    if (count > SHM_ROWS_MAX - row_count) {
        return mansio_fail(MANSIO_E_LIMIT, "metrics of %s: more than %d rows a process", prefix,
                           SHM_ROWS_MAX);
    }
    uint32_t handle = row_count;
    for (size_t i = 0; i < count; i++) {
        struct shm_row row;
        uint32_t first = 0;
        int rc = make_row(&row, prefix, label, value, table, i);
        if (rc == 0) {
            rc = place_row(&row, &first);
        }
        if (rc < 0) {
            return rc;
        }
        rows[handle + i] = (struct local_row){.value = first,
                                              .type = row.type,
                                              .table = handle,
                                              .lowest_shift = core_metric_lowest_shift(row.unit)};
    }
    row_count = handle + (uint32_t)count;
    *out_handle = handle;
    return 0;
}

int core_metrics_register(const char *prefix, struct mansio_str instance,
                          const struct mansio_metric *table, size_t count, uint32_t *out_handle)
{
    return core_metrics_register_labelled(prefix, "instance", instance, table, count, out_handle);
}

void core_metrics_forget(void)
{
    row_count = 0;
    values = NULL;
    core_metrics_core_forget();
}

/* The row, if it has values to be written. A wrong index or kind is a mistake in the module. */
static const struct local_row *row_of(uint32_t handle, size_t index)
{
    if (handle >= row_count || index >= row_count - handle ||
        rows[handle + index].table != handle) {
        char text[64];
        snprintf(text, sizeof text, "metric %zu is not in the table", index);
        mansio_assert_failed(text, __FILE__, __LINE__, __func__);
    }
    const struct local_row *row = &rows[handle + index];
    return row->value == NO_VALUE ? NULL : row;
}

void core_metric_add(uint32_t handle, size_t index, int64_t n)
{
    const struct local_row *row = row_of(handle, index);
    if (row == NULL) {
        return;
    }
    MANSIO_ASSERT(row->type != MANSIO_METRIC_HISTOGRAM);
    if (n < 0 && row->type == MANSIO_METRIC_COUNTER) {
        /* Not worth a worker's life, but a falling counter would look like a restart. */
        core_count(CORE_METRIC_MISUSES, 1);
        return;
    }
    atomic_fetch_add_explicit(&values[row->value], (uint64_t)n, memory_order_relaxed);
}

void core_metric_set(uint32_t handle, size_t index, int64_t value)
{
    const struct local_row *row = row_of(handle, index);
    if (row == NULL) {
        return;
    }
    MANSIO_ASSERT(row->type == MANSIO_METRIC_GAUGE);
    atomic_store_explicit(&values[row->value], (uint64_t)value, memory_order_relaxed);
}

void core_metric_observe(uint32_t handle, size_t index, int64_t value)
{
    const struct local_row *row = row_of(handle, index);
    if (row == NULL) {
        return;
    }
    MANSIO_ASSERT(row->type == MANSIO_METRIC_HISTOGRAM);
    uint64_t n = value > 0 ? (uint64_t)value : 0;
    /* Bucket b takes what is at most 2^(shift + b): the number of bits of (n - 1) >> shift. */
    uint64_t above = n > 0 ? (n - 1) >> row->lowest_shift : 0;
    uint32_t bucket = above == 0 ? 0 : 64 - (uint32_t)__builtin_clzll(above);
    if (bucket > SHM_HISTOGRAM_BUCKETS) {
        bucket = SHM_HISTOGRAM_BUCKETS;
    }
    atomic_fetch_add_explicit(&values[row->value + bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&values[row->value + SHM_HISTOGRAM_VALUES - 1], n,
                              memory_order_relaxed);
}
