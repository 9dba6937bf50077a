/*
 * Metrics, the reading side: the sums over all slots in Prometheus' text exposition format 0.0.4,
 * then what the slots say of each process; and the same sums for whoever wants numbers.
 *
 * Reads other processes' memory and believes nothing it finds there (core_row_read). Names follow
 * Prometheus' rules: the unit is the name's end, counters end in _total, seconds are seconds.
 */
#include <config.h>

#include "core/host/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/map.h>
#include <mansio/module.h>
#include <mansio/str.h>

#include "core/host/metrics_core.h"
#include "core/host/metrics_rows.h"

enum {
    FOLD_TRIES = 16,
};

/* One line, or one histogram: a name, a label, and the sum of what all processes have. */
struct series {
    struct shm_row row;
    uint64_t values[SHM_HISTOGRAM_VALUES];
    struct series *next; /* of the same family */
};

/* Series of one name stand together under one HELP and TYPE. */
struct family {
    struct series *first, *last;
};

struct sums {
    struct mansio_arena *arena;
    struct mansio_map *families; /* printed name: struct family */
    struct mansio_map *series;   /* printed name, NUL, label, NUL, value: struct series */
};

static struct series *series_of(struct sums *sums, const struct shm_row *row)
{
    char key[CORE_PRINTED_NAME_MAX + sizeof row->label + sizeof row->value + 2];
    struct mansio_str name = core_row_printed_name(row, key);
    size_t len = name.len + 1;
    size_t label_size = strlen(row->label) + 1;
    size_t value_len = strlen(row->value);
    memcpy(key + len, row->label, label_size);
    memcpy(key + len + label_size, row->value, value_len);
    struct mansio_str whole = {key, len + label_size + value_len};

    struct series *found = mansio_map_get(sums->series, whole);
    if (found != NULL) {
        return found->row.type == row->type ? found : NULL;
    }
    struct family *family = mansio_map_get(sums->families, name);
    if (family != NULL && family->first->row.type != row->type) {
        return NULL; /* a module changed its mind between generations: the first one met stands */
    }
    struct series *made = mansio_arena_alloc(sums->arena, sizeof *made);
    made->row = *row;
    if (family == NULL) {
        family = mansio_arena_alloc(sums->arena, sizeof *family);
        if (mansio_map_put(sums->families, name, family) < 0) {
            return NULL;
        }
        family->first = made;
    } else {
        family->last->next = made;
    }
    family->last = made;
    return mansio_map_put(sums->series, whole, made) < 0 ? NULL : made;
}

static void add_area(struct sums *sums, const struct shm_area *area)
{
    uint32_t count = core_rows_count(area);
    for (uint32_t i = 0; i < count; i++) {
        struct shm_row row;
        if (core_row_read(area, i, &row) < 0) {
            continue;
        }
        struct series *series = series_of(sums, &row);
        if (series == NULL) {
            continue;
        }
        uint32_t values = core_row_values(row.type);
        for (uint32_t v = 0; v < values; v++) {
            series->values[v] +=
                atomic_load_explicit(&area->values[row.first + v], memory_order_relaxed);
        }
    }
}

/* All slots. Begins again when the master moved a dead process's counters meanwhile, which would
 * show them twice or not at all. */
static struct sums add_up(struct core_shm *shm)
{
    struct shm_memory *memory = core_shm_memory(shm);
    struct sums sums = {0};
    for (int i = 0; i < FOLD_TRIES; i++) {
        mansio_arena_free(sums.arena);
        sums.arena = mansio_arena_new(NULL, "metrics", 0);
        sums.families = mansio_map_new(sums.arena, SHM_ROWS_MAX * 8);
        sums.series = mansio_map_new(sums.arena, SHM_ROWS_MAX * 8);
        uint64_t before = atomic_load_explicit(&memory->header.fold, memory_order_acquire);
        uint32_t used = core_shm_slots_used(shm);
        for (uint32_t slot = 0; slot < used; slot++) {
            add_area(&sums, &memory->areas[slot]);
        }
        atomic_thread_fence(memory_order_acquire);
        uint64_t after = atomic_load_explicit(&memory->header.fold, memory_order_relaxed);
        if (before == after && before % 2 == 0) {
            break;
        }
    }
    return sums;
}

/* Backslash, quote and line feed are escaped; bytes that are no UTF-8 would make the whole page
 * unreadable, so beyond ASCII only what could be text stays. */
static void print_escaped(struct mansio_buf *out, const char *text, int is_label)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '\\') {
            (void)mansio_buf_add(out, MANSIO_STR("\\\\"));
        } else if (c == '\n') {
            (void)mansio_buf_add(out, MANSIO_STR("\\n"));
        } else if (c == '"' && is_label) {
            (void)mansio_buf_add(out, MANSIO_STR("\\\""));
        } else {
            (void)mansio_buf_add_char(out, c >= ' ' && c < 0x7f ? (char)c : '?');
        }
    }
}

/* Name, suffix, labels; @p le is a histogram's bound, NULL for none. */
static void print_start(struct mansio_buf *out, struct mansio_str name, const char *suffix,
                        const struct shm_row *row, const char *le)
{
    (void)mansio_buf_add(out, name);
    (void)mansio_buf_add(out, mansio_str_from_cstr(suffix));
    int has_label = row->value[0] != '\0';
    if (has_label || le != NULL) {
        (void)mansio_buf_add_char(out, '{');
        if (has_label) {
            (void)mansio_buf_printf(out, "%s=\"", row->label);
            print_escaped(out, row->value, 1);
            (void)mansio_buf_add(out, le != NULL ? MANSIO_STR("\",") : MANSIO_STR("\""));
        }
        if (le != NULL) {
            (void)mansio_buf_printf(out, "le=\"%s\"", le);
        }
        (void)mansio_buf_add_char(out, '}');
    }
    (void)mansio_buf_add_char(out, ' ');
}

/* Microseconds as seconds, other things as they are, all digits kept. */
static void number_text(char out[32], const struct shm_row *row, uint64_t value)
{
    int is_negative = row->type == MANSIO_METRIC_GAUGE && (int64_t)value < 0;
    const char *sign = is_negative ? "-" : "";
    uint64_t size = is_negative ? 0 - value : value;
    if (strcmp(row->unit, "seconds") == 0) {
        (void)snprintf(out, 32, "%s%" PRIu64 ".%06" PRIu64, sign, size / 1000000, size % 1000000);
    } else {
        (void)snprintf(out, 32, "%s%" PRIu64, sign, size);
    }
}

static void print_histogram(struct mansio_buf *out, struct mansio_str name,
                            const struct series *series)
{
    const struct shm_row *row = &series->row;
    uint32_t shift = core_metric_lowest_shift(row->unit);
    uint64_t below = 0;
    char text[32];
    for (uint32_t i = 0; i < SHM_HISTOGRAM_BUCKETS; i++) {
        below += series->values[i];
        number_text(text, row, UINT64_C(1) << (shift + i));
        print_start(out, name, "_bucket", row, text);
        (void)mansio_buf_printf(out, "%" PRIu64 "\n", below);
    }
    /* The count is the buckets' sum, not a figure of its own that could disagree with them. */
    below += series->values[SHM_HISTOGRAM_BUCKETS];
    print_start(out, name, "_bucket", row, "+Inf");
    (void)mansio_buf_printf(out, "%" PRIu64 "\n", below);
    print_start(out, name, "_sum", row, NULL);
    number_text(text, row, series->values[SHM_HISTOGRAM_VALUES - 1]);
    (void)mansio_buf_printf(out, "%s\n", text);
    print_start(out, name, "_count", row, NULL);
    (void)mansio_buf_printf(out, "%" PRIu64 "\n", below);
}

static void print_family(struct mansio_buf *out, struct mansio_str name,
                         const struct family *family)
{
    static const char *const types[] = {"untyped", "counter", "gauge", "histogram"};
    const struct shm_row *row = &family->first->row;
    (void)mansio_buf_add(out, MANSIO_STR("# HELP "));
    (void)mansio_buf_add(out, name);
    (void)mansio_buf_add_char(out, ' ');
    print_escaped(out, row->help, 0);
    (void)mansio_buf_printf(out, "\n# TYPE %.*s %s\n", MANSIO_STR_ARG(name), types[row->type]);
    for (const struct series *series = family->first; series != NULL; series = series->next) {
        if (row->type == MANSIO_METRIC_HISTOGRAM) {
            print_histogram(out, name, series);
        } else {
            char text[32];
            print_start(out, name, "", &series->row, NULL);
            number_text(text, &series->row, series->values[0]);
            (void)mansio_buf_printf(out, "%s\n", text);
        }
    }
}

/* ---- what the slots say --------------------------------------------------------------------- */

struct slot_figure {
    const char *name, *help;
    size_t offset; /* in struct core_slot */
};

static const struct slot_figure slot_figures[] = {
    {"mansio_process_conns_open", "connections open", offsetof(struct core_slot, conns_open)},
    {"mansio_process_sessions_open", "sessions open", offsetof(struct core_slot, sessions_open)},
};

static const char *role_name(uint64_t role, uint32_t index)
{
    switch (role) {
    case MANSIO_ROLE_WORKER:
        return "worker";
    case MANSIO_ROLE_SERVICE:
        return "service";
    default:
        return index == 0 ? "master" : "other";
    }
}

static const char *state_name(uint64_t state)
{
    static const char *const names[] = {"free", "starting", "accepting", "draining"};
    return state < MANSIO_COUNT(names) ? names[state] : "other";
}

static uint64_t load(const _Atomic uint64_t *field)
{
    return atomic_load_explicit(field, memory_order_relaxed);
}

/* The master's own slot has no state: it is up while its pid is there. */
static int is_up(const struct core_slot *slot, uint32_t index)
{
    return index == 0 ? load(&slot->pid) != 0 : load(&slot->state) != CORE_SLOT_FREE;
}

static void print_slot_start(struct mansio_buf *out, const char *name, uint32_t index,
                             const struct core_slot *slot)
{
    (void)mansio_buf_printf(out, "%s{slot=\"%u\",role=\"%s\",generation=\"%" PRIu64 "\"", name,
                            index, role_name(load(&slot->role), index), load(&slot->generation));
}

static void print_head(struct mansio_buf *out, const char *name, const char *help, const char *type)
{
    (void)mansio_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_slots(struct core_shm *shm, struct mansio_buf *out)
{
    uint32_t used = core_shm_slots_used(shm);
    print_head(out, "mansio_process_up", "processes that are there, with what they do", "gauge");
    for (uint32_t i = 0; i < used; i++) {
        const struct core_slot *slot = core_shm_slot(shm, i);
        if (is_up(slot, i)) {
            print_slot_start(out, "mansio_process_up", i, slot);
            (void)mansio_buf_printf(out, ",state=\"%s\"} 1\n",
                                    i == 0 ? "running" : state_name(load(&slot->state)));
        }
    }
    print_head(out, "mansio_process_start_time_seconds", "when it was started, since 1970",
               "gauge");
    for (uint32_t i = 0; i < used; i++) {
        const struct core_slot *slot = core_shm_slot(shm, i);
        uint64_t us = load(&slot->started_wall_us);
        if (is_up(slot, i) && us != 0) {
            print_slot_start(out, "mansio_process_start_time_seconds", i, slot);
            (void)mansio_buf_printf(out, "} %" PRIu64 ".%06" PRIu64 "\n", us / 1000000,
                                    us % 1000000);
        }
    }
    for (size_t f = 0; f < MANSIO_COUNT(slot_figures); f++) {
        print_head(out, slot_figures[f].name, slot_figures[f].help, "gauge");
        for (uint32_t i = 1; i < used; i++) {
            const struct core_slot *slot = core_shm_slot(shm, i);
            const void *field = (const char *)slot + slot_figures[f].offset;
            if (is_up(slot, i)) {
                print_slot_start(out, slot_figures[f].name, i, slot);
                (void)mansio_buf_printf(out, "} %" PRIu64 "\n", load(field));
            }
        }
    }
    uint64_t conns = 0;
    for (uint32_t i = 0; i < used; i++) {
        conns += load(&core_shm_slot(shm, i)->conns_total);
    }
    print_head(out, "mansio_core_conns_accepted_total", "connections accepted", "counter");
    (void)mansio_buf_printf(out, "mansio_core_conns_accepted_total %" PRIu64 "\n", conns);
}

void core_metrics_print(struct core_shm *shm, struct mansio_buf *out)
{
    struct sums sums = add_up(shm);
    print_head(out, "mansio_build_info", "what is running", "gauge");
    (void)mansio_buf_printf(out, "mansio_build_info{version=\"%s\",abi=\"%d.%d\"} 1\n",
                            PACKAGE_VERSION, MANSIO_ABI_MAJOR, MANSIO_ABI_MINOR);
    size_t cursor = 0;
    struct mansio_str name;
    void *family;
    while (mansio_map_next(sums.families, &cursor, &name, &family)) {
        print_family(out, name, family);
    }
    print_slots(shm, out);
    mansio_arena_free(sums.arena);
}

/* ---- as numbers ----------------------------------------------------------------------------- */

static void visit_family(core_metric_sum_fn visit, void *arg, struct mansio_str name,
                         const struct family *family)
{
    for (const struct series *series = family->first; series != NULL; series = series->next) {
        struct core_metric_sum sum = {
            .name = name,
            .label = series->row.label,
            .text = series->row.value,
            .type = series->row.type,
            .is_time = strcmp(series->row.unit, "seconds") == 0,
            .value = series->values[0],
        };
        for (uint32_t i = 1; sum.type == MANSIO_METRIC_HISTOGRAM && i <= SHM_HISTOGRAM_BUCKETS;
             i++) {
            sum.value += series->values[i];
        }
        if (sum.type == MANSIO_METRIC_HISTOGRAM) {
            sum.sum = series->values[SHM_HISTOGRAM_VALUES - 1];
        }
        visit(arg, &sum);
    }
}

void core_metrics_visit(core_metric_sum_fn visit, void *arg, struct core_shm *shm)
{
    struct sums sums = add_up(shm);
    size_t cursor = 0;
    struct mansio_str name;
    void *family;
    while (mansio_map_next(sums.families, &cursor, &name, &family)) {
        visit_family(visit, arg, name, family);
    }
    mansio_arena_free(sums.arena);
}

uint64_t core_metrics_of_slot(struct core_shm *shm, uint32_t slot, const char *name)
{
    const struct shm_area *area = &core_shm_memory(shm)->areas[slot];
    uint32_t count = core_rows_count(area);
    uint64_t value = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct shm_row row;
        if (core_row_read(area, i, &row) == 0 && row.type != MANSIO_METRIC_HISTOGRAM &&
            strcmp(row.name, name) == 0) {
            value += load(&area->values[row.first]);
        }
    }
    return value;
}
