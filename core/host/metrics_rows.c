/*
 * Rows of metrics in one slot's area.
 *
 * Only the owner of an area adds to it; others read while it grows (row_count is written last).
 * Readers take nothing for granted: a worker that went wild may have written anything.
 */
#include "core/host/metrics_rows.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/metrics.h>
#include <mansio/str.h>

enum { NAME_SUFFIXES_MAX = 24 }; /* "_seconds" and "_total" */

uint32_t core_row_values(uint32_t type)
{
    switch (type) {
    case MANSIO_METRIC_COUNTER:
    case MANSIO_METRIC_GAUGE:
        return 1;
    case MANSIO_METRIC_HISTOGRAM:
        return SHM_HISTOGRAM_VALUES;
    default:
        return 0;
    }
}

uint32_t core_rows_count(const struct shm_area *area)
{
    uint64_t count = atomic_load_explicit(&area->row_count, memory_order_acquire);
    return count > SHM_ROWS_MAX ? SHM_ROWS_MAX : (uint32_t)count;
}

/* Letters, digits and '_', not beginning with a digit: what Prometheus takes. */
static int is_name(const char *text)
{
    if (text[0] == '\0' || (text[0] >= '0' && text[0] <= '9')) {
        return 0;
    }
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

int core_row_read(const struct shm_area *area, uint32_t index, struct shm_row *out)
{
    struct shm_row row;
    memcpy(&row, &area->rows[index], sizeof row);
    row.name[sizeof row.name - 1] = '\0';
    row.label[sizeof row.label - 1] = '\0';
    row.value[sizeof row.value - 1] = '\0';
    row.help[sizeof row.help - 1] = '\0';
    row.unit[sizeof row.unit - 1] = '\0';
    uint32_t values = core_row_values(row.type);
    if (values == 0 || row.first > CORE_SHM_METRICS_MAX - values || !is_name(row.name) ||
        (row.label[0] != '\0' && !is_name(row.label)) ||
        (row.unit[0] != '\0' && !is_name(row.unit))) {
        return MANSIO_E_INVALID;
    }
    *out = row;
    return 0;
}

static int ends_with(const char *text, const char *end)
{
    return mansio_str_ends(mansio_str_from_cstr(text), mansio_str_from_cstr(end));
}

/* "mansio_smtp_wait" in seconds: "mansio_smtp_wait_seconds"; a counter: "..._seconds_total". */
struct mansio_str core_row_printed_name(const struct shm_row *row, char out[CORE_PRINTED_NAME_MAX])
{
    _Static_assert(sizeof row->name + NAME_SUFFIXES_MAX <= CORE_PRINTED_NAME_MAX, "suffixes fit");
    size_t len = strlen(row->name);
    memcpy(out, row->name, len + 1);
    if (row->type == MANSIO_METRIC_COUNTER && len > 6 && ends_with(out, "_total")) {
        len -= 6;
        out[len] = '\0';
    }
    if (row->unit[0] != '\0' && !ends_with(out, row->unit)) {
        out[len++] = '_';
        memcpy(out + len, row->unit, strlen(row->unit) + 1);
        len += strlen(row->unit);
    }
    if (row->type == MANSIO_METRIC_COUNTER) {
        memcpy(out + len, "_total", sizeof "_total");
        len += strlen("_total");
    }
    return (struct mansio_str){out, len};
}

static int is_same(const struct shm_row *a, const struct shm_row *b)
{
    return a->type == b->type && strncmp(a->name, b->name, sizeof a->name) == 0 &&
           strncmp(a->label, b->label, sizeof a->label) == 0 &&
           strncmp(a->value, b->value, sizeof a->value) == 0;
}

int core_row_find_or_add(struct shm_area *area, const struct shm_row *wanted, uint32_t *out_index)
{
    uint32_t count = core_rows_count(area);
    for (uint32_t i = 0; i < count; i++) {
        if (is_same(&area->rows[i], wanted)) {
            *out_index = i;
            return 0;
        }
    }
    uint32_t values = core_row_values(wanted->type);
    uint64_t first = atomic_load_explicit(&area->value_count, memory_order_relaxed);
    if (count >= SHM_ROWS_MAX || first > CORE_SHM_METRICS_MAX - values) {
        return mansio_fail(MANSIO_E_LIMIT, "metric %s: no room: %d rows and %d values a process",
                           wanted->name, SHM_ROWS_MAX, CORE_SHM_METRICS_MAX);
    }
    area->rows[count] = *wanted;
    area->rows[count].first = (uint32_t)first;
    for (uint32_t i = 0; i < values; i++) {
        atomic_store_explicit(&area->values[first + i], 0, memory_order_relaxed);
    }
    atomic_store_explicit(&area->value_count, first + values, memory_order_relaxed);
    atomic_store_explicit(&area->row_count, (uint64_t)count + 1, memory_order_release);
    *out_index = count;
    return 0;
}

void core_rows_fold(struct shm_area *to, const struct shm_area *from)
{
    uint32_t count = core_rows_count(from);
    uint32_t lost = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct shm_row row;
        uint32_t index;
        if (core_row_read(from, i, &row) < 0 || row.type == MANSIO_METRIC_GAUGE) {
            continue;
        }
        if (core_row_find_or_add(to, &row, &index) < 0) {
            lost++;
            continue;
        }
        uint32_t values = core_row_values(row.type);
        for (uint32_t v = 0; v < values; v++) {
            uint64_t n = atomic_load_explicit(&from->values[row.first + v], memory_order_relaxed);
            atomic_fetch_add_explicit(&to->values[to->rows[index].first + v], n,
                                      memory_order_relaxed);
        }
    }
    if (lost > 0) {
        mansio_log(MANSIO_LOG_WARNING, "metrics-lost", MANSIO_KV_INT("rows", lost),
                   MANSIO_KV_CSTR("reason", "no room to keep a dead process's counters"),
                   MANSIO_KV_END);
    }
}
