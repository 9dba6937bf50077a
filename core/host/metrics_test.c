/*
 * Metrics: rows, sums over processes, and a page that a strict reader of the text exposition
 * format 0.0.4 takes.
 */
#include <config.h>

#include "core/host/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/module.h>
#include <mansio/str.h>

#include "core/host/metrics_core.h"
#include "core/host/metrics_rows.h"

enum { LINES = 0, DEPTH, WAIT, SIZE, ITEMS };
enum { SUMS = 3 }; /* looked for at once */

static const struct mansio_metric table[] = {
    MANSIO_METRIC(.name = "lines", .type = MANSIO_METRIC_COUNTER, .help = "lines \\ \"read\""),
    MANSIO_METRIC(.name = "depth", .type = MANSIO_METRIC_GAUGE, .help = "how deep it is"),
    MANSIO_METRIC(.name = "wait", .type = MANSIO_METRIC_HISTOGRAM, .unit = "seconds",
                  .help = "how long it took"),
    MANSIO_METRIC(.name = "sent_bytes", .type = MANSIO_METRIC_COUNTER, .unit = "bytes",
                  .help = "what was sent"),
    MANSIO_METRIC(.name = "items", .type = MANSIO_METRIC_HISTOGRAM, .help = "how many at once"),
};

static struct mansio_arena *arena;

static int set_up(void **state)
{
    struct core_shm *shm = NULL;
    arena = mansio_arena_new(NULL, "test", 0);
    assert_int_equal(core_shm_create(&shm), 0);
    core_metrics_forget();
    *state = shm;
    return 0;
}

static int tear_down(void **state)
{
    core_metrics_forget();
    core_shm_unmap(*state);
    mansio_arena_free(arena);
    return 0;
}

/* ---- a strict reader ------------------------------------------------------------------------ */

struct sample {
    char name[128];
    char labels[256]; /* between the braces, as they stand */
    char le[128];
    double value;
};

struct page {
    struct sample samples[20000];
    size_t count;
};

static struct page page;

static size_t take_name(struct mansio_str *rest, char *out, size_t room)
{
    size_t len = 0;
    while (len < rest->len && len < room - 1) {
        char c = rest->ptr[len];
        int is_legal = (c >= 'a' && c <= 'z') || c == '_' || (len > 0 && c >= '0' && c <= '9');
        if (!is_legal) {
            break;
        }
        out[len] = c;
        len++;
    }
    out[len] = '\0';
    assert_true(len > 0);
    *rest = mansio_str_sub(*rest, len, SIZE_MAX);
    return len;
}

static void take(struct mansio_str *rest, char c)
{
    assert_true(rest->len > 0);
    assert_int_equal(rest->ptr[0], c);
    *rest = mansio_str_sub(*rest, 1, SIZE_MAX);
}

static void take_labels(struct mansio_str *rest, struct sample *sample)
{
    const char *first = rest->ptr;
    for (;;) {
        char name[64];
        char value[128];
        size_t len = 0;
        take_name(rest, name, sizeof name);
        take(rest, '=');
        take(rest, '"');
        while (rest->len > 0 && rest->ptr[0] != '"') {
            assert_true((unsigned char)rest->ptr[0] >= ' ');
            if (rest->ptr[0] == '\\') {
                take(rest, '\\');
                assert_true(rest->len > 0 && strchr("\\\"n", rest->ptr[0]) != NULL);
            }
            assert_true(len < sizeof value - 1);
            value[len++] = rest->ptr[0];
            *rest = mansio_str_sub(*rest, 1, SIZE_MAX);
        }
        value[len] = '\0';
        take(rest, '"');
        if (strcmp(name, "le") == 0) {
            (void)snprintf(sample->le, sizeof sample->le, "%s", value);
        }
        if (rest->len > 0 && rest->ptr[0] == '}') {
            break;
        }
        take(rest, ',');
    }
    size_t all = (size_t)(rest->ptr - first);
    assert_true(all < sizeof sample->labels);
    memcpy(sample->labels, first, all);
    take(rest, '}');
}

static void read_sample(struct mansio_str line, struct sample *sample)
{
    char number[64];
    char *end = NULL;
    *sample = (struct sample){0};
    take_name(&line, sample->name, sizeof sample->name);
    if (line.len > 0 && line.ptr[0] == '{') {
        take(&line, '{');
        take_labels(&line, sample);
    }
    take(&line, ' ');
    assert_true(line.len > 0 && line.len < sizeof number);
    memcpy(number, line.ptr, line.len);
    number[line.len] = '\0';
    assert_int_equal(strspn(number, "-0123456789."), line.len);
    sample->value = strtod(number, &end);
    assert_int_equal(*end, '\0');
}

/* Is this sample one of the family's? Only histograms have suffixes. */
static int is_of(const struct sample *sample, const char *family, const char *type)
{
    size_t len = strlen(family);
    if (strncmp(sample->name, family, len) != 0) {
        return 0;
    }
    const char *suffix = sample->name + len;
    if (strcmp(type, "histogram") == 0) {
        return strcmp(suffix, "_bucket") == 0 || strcmp(suffix, "_sum") == 0 ||
               strcmp(suffix, "_count") == 0;
    }
    return *suffix == '\0';
}

/* Buckets never fall, end with +Inf, which is the count. */
static void check_bucket(const struct sample *sample, double *last_le, double *last_value)
{
    size_t len = strlen(sample->name);
    if (len > 7 && strcmp(sample->name + len - 7, "_bucket") == 0) {
        double le = strcmp(sample->le, "+Inf") == 0 ? 1e300 : strtod(sample->le, NULL);
        assert_true(le > *last_le);
        assert_true(sample->value >= *last_value);
        *last_le = le;
        *last_value = sample->value;
    } else if (len > 6 && strcmp(sample->name + len - 6, "_count") == 0 && *last_le > 0) {
        assert_true(*last_le == 1e300);
        assert_true(sample->value == *last_value);
        *last_le = 0;
        *last_value = 0;
    }
}

static void read_page(struct mansio_str text)
{
    static char seen[1024][128];
    size_t families = 0;
    char family[128] = "";
    char type[32] = "";
    double last_le = 0;
    double last_value = 0;
    struct mansio_str line;

    page.count = 0;
    assert_true(text.len > 0 && text.ptr[text.len - 1] == '\n');
    text.len--;
    while (mansio_str_split(&text, '\n', &line)) {
        if (mansio_str_starts(line, MANSIO_STR("# HELP "))) {
            struct mansio_str rest = mansio_str_sub(line, 7, SIZE_MAX);
            take_name(&rest, family, sizeof family);
            take(&rest, ' ');
            assert_true(rest.len > 0);
            for (size_t i = 0; i < families; i++) {
                assert_string_not_equal(seen[i], family); /* a family stands together */
            }
            assert_true(families < MANSIO_COUNT(seen));
            memcpy(seen[families++], family, sizeof family);
            type[0] = '\0';
        } else if (mansio_str_starts(line, MANSIO_STR("# TYPE "))) {
            struct mansio_str rest = mansio_str_sub(line, 7, SIZE_MAX);
            char name[128];
            take_name(&rest, name, sizeof name);
            assert_string_equal(name, family);
            take(&rest, ' ');
            assert_int_equal(type[0], '\0');
            (void)snprintf(type, sizeof type, "%.*s", MANSIO_STR_ARG(rest));
            assert_true(strcmp(type, "counter") == 0 || strcmp(type, "gauge") == 0 ||
                        strcmp(type, "histogram") == 0);
            if (strcmp(type, "counter") == 0) {
                assert_true(mansio_str_ends(mansio_str_from_cstr(family), MANSIO_STR("_total")));
            }
        } else {
            assert_true(page.count < MANSIO_COUNT(page.samples));
            struct sample *sample = &page.samples[page.count++];
            read_sample(line, sample);
            assert_true(is_of(sample, family, type));
            check_bucket(sample, &last_le, &last_value);
        }
    }
}

static double value(const char *name, const char *labels)
{
    double found = -1e9;
    for (size_t i = 0; i < page.count; i++) {
        if (strcmp(page.samples[i].name, name) == 0 &&
            strcmp(page.samples[i].labels, labels) == 0) {
            assert_true(found == -1e9); /* once */
            found = page.samples[i].value;
        }
    }
    return found;
}

static struct mansio_str print(struct core_shm *shm)
{
    struct mansio_buf *out = mansio_buf_new(arena, 1 << 22);
    core_metrics_print(shm, out);
    assert_int_equal(mansio_buf_status(out), 0);
    struct mansio_str text = mansio_buf_str(out);
    read_page(text);
    return text;
}

/* ---- tests ---------------------------------------------------------------------------------- */

/* As another process would: its own slot, its own registrations. */
static uint32_t become(struct core_shm *shm, uint32_t slot, uint64_t generation)
{
    uint32_t index = slot;
    if (slot != 0) {
        assert_int_equal(core_shm_claim(shm, &index), 0);
        assert_int_equal(index, slot);
        struct core_slot *self = core_shm_slot(shm, slot);
        atomic_store(&self->role, MANSIO_ROLE_WORKER);
        atomic_store(&self->generation, generation);
        atomic_store(&self->state, CORE_SLOT_ACCEPTING);
        atomic_store(&self->conns_open, 10 * slot);
        atomic_store(&self->conns_total, 100 * slot);
        atomic_store(&self->started_wall_us, 1234567890);
    }
    core_shm_attach(shm, index);
    core_metrics_forget();
    uint32_t handle = 0;
    assert_int_equal(core_metrics_register("mansio_my-module", MANSIO_STR("one"), table,
                                           MANSIO_COUNT(table), &handle),
                     0);
    return handle;
}

static void test_sums(void **state)
{
    struct core_shm *shm = *state;
    uint32_t handle = become(shm, 1, 3);
    core_metric_add(handle, LINES, 5);
    core_metric_set(handle, DEPTH, 7);
    core_metric_observe(handle, WAIT, 1500000);
    handle = become(shm, 2, 4);
    core_metric_add(handle, LINES, 2);
    core_metric_add(handle, LINES, 1);
    core_metric_add(handle, DEPTH, -10);
    core_metric_observe(handle, WAIT, 20);
    core_metric_add(handle, SIZE, 4096);

    (void)print(shm);
    assert_true(value("mansio_my_module_lines_total", "instance=\"one\"") == 8);
    assert_true(value("mansio_my_module_depth", "instance=\"one\"") == -3);
    assert_true(value("mansio_my_module_sent_bytes_total", "instance=\"one\"") == 4096);
    assert_true(value("mansio_my_module_wait_seconds_sum", "instance=\"one\"") == 1.50002);
    assert_true(value("mansio_my_module_wait_seconds_count", "instance=\"one\"") == 2);

    /* A dead process's counters stay, what it measured goes. */
    core_shm_reclaim(shm, 1);
    (void)print(shm);
    assert_true(value("mansio_my_module_lines_total", "instance=\"one\"") == 8);
    assert_true(value("mansio_my_module_depth", "instance=\"one\"") == -10);
    assert_true(value("mansio_my_module_wait_seconds_count", "instance=\"one\"") == 2);
    assert_true(value("mansio_core_conns_accepted_total", "") == 300);
}

static void take_sum(void *arg, const struct core_metric_sum *sum)
{
    struct core_metric_sum *out = arg;
    for (size_t i = 0; i < SUMS; i++) {
        if (mansio_str_eq(out[i].name, sum->name)) {
            struct mansio_str name = out[i].name;
            out[i] = *sum;
            out[i].name = name;
        }
    }
}

static void test_sums_as_numbers(void **state)
{
    struct core_shm *shm = *state;
    struct core_metric_sum sums[SUMS] = {
        {.name = MANSIO_STR("mansio_my_module_lines_total")},
        {.name = MANSIO_STR("mansio_my_module_wait_seconds")},
        {.name = MANSIO_STR("mansio_my_module_depth")},
    };
    uint32_t handle = become(shm, 1, 3);
    core_metric_add(handle, LINES, 5);
    core_metric_set(handle, DEPTH, -7);
    core_metric_observe(handle, WAIT, 1500000);
    handle = become(shm, 2, 4);
    core_metric_add(handle, LINES, 2);
    core_metric_observe(handle, WAIT, 20);
    core_metrics_visit(take_sum, sums, shm);
    assert_int_equal(sums[0].value, 7);
    assert_int_equal(sums[0].is_time, 0);
    assert_int_equal(sums[1].value, 2);
    assert_int_equal(sums[1].sum, 1500020);
    assert_int_equal(sums[1].is_time, 1);
    assert_int_equal((int64_t)sums[2].value, -7);
    assert_int_equal(core_metrics_of_slot(shm, 1, "mansio_my_module_lines"), 5);
    assert_int_equal(core_metrics_of_slot(shm, 2, "mansio_my_module_lines"), 2);
    assert_int_equal(core_metrics_of_slot(shm, 2, "mansio_my_module_wait"), 0); /* a histogram */
    assert_int_equal(core_metrics_of_slot(shm, 3, "mansio_my_module_lines"), 0);
}

static void test_slots(void **state)
{
    struct core_shm *shm = *state;
    (void)become(shm, 1, 3);
    (void)become(shm, 2, 4);
    atomic_store(&core_shm_slot(shm, 0)->pid, 4711);
    atomic_store(&core_shm_slot(shm, 2)->state, CORE_SLOT_DRAINING);
    atomic_store(&core_shm_slot(shm, 2)->sessions_open, 5);
    (void)print(shm);
    assert_true(value("mansio_process_conns_open", "slot=\"1\",role=\"worker\",generation=\"3\"") ==
                10);
    assert_true(value("mansio_process_conns_open", "slot=\"2\",role=\"worker\",generation=\"4\"") ==
                20);
    assert_true(
        value("mansio_process_sessions_open", "slot=\"2\",role=\"worker\",generation=\"4\"") == 5);
    assert_true(value("mansio_process_up", "slot=\"0\",role=\"master\",generation=\"0\","
                                           "state=\"running\"") == 1);
    assert_true(value("mansio_process_up", "slot=\"2\",role=\"worker\",generation=\"4\","
                                           "state=\"draining\"") == 1);
    assert_true(value("mansio_process_start_time_seconds",
                      "slot=\"1\",role=\"worker\",generation=\"3\"") == 1234.56789);
    assert_true(value("mansio_build_info", "version=\"" PACKAGE_VERSION "\",abi=\"1.0\"") == 1);
}

static void test_histogram_bounds(void **state)
{
    struct core_shm *shm = *state;
    uint32_t handle = become(shm, 1, 1);
    static const struct {
        int64_t value;
        const char *le; /* the first bucket that has it */
    } cases[] = {
        {-5, "1"},         {0, "1"},
        {1, "1"},          {2, "2"},
        {3, "4"},          {4, "4"},
        {5, "8"},          {1024, "1024"},
        {1025, "2048"},    {8388608, "8388608"},
        {8388609, "+Inf"}, {INT64_MAX, "+Inf"},
    };
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        double before[64];
        size_t buckets = 0;
        (void)print(shm);
        for (size_t s = 0; s < page.count; s++) {
            if (strcmp(page.samples[s].name, "mansio_my_module_items_bucket") == 0) {
                before[buckets++] = page.samples[s].value;
            }
        }
        assert_int_equal(buckets, 25);
        core_metric_observe(handle, ITEMS, cases[i].value);
        (void)print(shm);
        size_t bucket = 0;
        int has_it = 0;
        for (size_t s = 0; s < page.count; s++) {
            if (strcmp(page.samples[s].name, "mansio_my_module_items_bucket") == 0) {
                has_it |= strcmp(page.samples[s].le, cases[i].le) == 0;
                assert_true(page.samples[s].value == before[bucket] + has_it);
                bucket++;
            }
        }
        assert_int_equal(has_it, 1);
    }
}

static void test_seconds_begin_at_16_us(void **state)
{
    struct core_shm *shm = *state;
    uint32_t handle = become(shm, 1, 1);
    core_metric_observe(handle, WAIT, 16);
    core_metric_observe(handle, WAIT, 17);
    core_metric_observe(handle, WAIT, 134217728);
    core_metric_observe(handle, WAIT, 134217729);
    struct mansio_str text = print(shm);
    assert_true(mansio_str_find(text, MANSIO_STR("wait_seconds_bucket{instance=\"one\","
                                                 "le=\"0.000016\"} 1\n")) > 0);
    assert_true(mansio_str_find(text, MANSIO_STR("le=\"0.000032\"} 2\n")) > 0);
    assert_true(mansio_str_find(text, MANSIO_STR("le=\"134.217728\"} 3\n")) > 0);
    assert_true(mansio_str_find(text, MANSIO_STR("le=\"+Inf\"} 4\n")) > 0);
}

static void test_escapes(void **state)
{
    struct core_shm *shm = *state;
    uint32_t handle = 0;
    (void)become(shm, 1, 1);
    assert_int_equal(
        core_metrics_register("mansio_x", MANSIO_STR("a\"b\\c\nd\xff"), table, 1, &handle), 0);
    struct mansio_str text = print(shm);
    assert_true(mansio_str_find(text, MANSIO_STR("mansio_x_lines_total{instance="
                                                 "\"a\\\"b\\\\c\\nd?\"} 0\n")) > 0);
    assert_true(mansio_str_find(text, MANSIO_STR("# HELP mansio_x_lines_total "
                                                 "lines \\\\ \"read\"\n")) > 0);
}

static void test_refuses_bad_tables(void **state)
{
    struct core_shm *shm = *state;
    static const char long_name[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
    static char long_help[200];
    memset(long_help, 'h', sizeof long_help - 1);
    const struct {
        struct mansio_metric metric;
        const char *says;
    } cases[] = {
        {MANSIO_METRIC(.name = "", .type = 1, .help = "h"), "1 to 47 lower-case"},
        {MANSIO_METRIC(.name = "Bad", .type = 1, .help = "h"), "metric \"Bad\""},
        {MANSIO_METRIC(.name = long_name, .type = 1, .help = "h"), "1 to 47"},
        {MANSIO_METRIC(.name = "x", .type = 9, .help = "h"), "type 9"},
        {MANSIO_METRIC(.name = "x", .type = 1), "one line of help"},
        {MANSIO_METRIC(.name = "x", .type = 1, .help = long_help), "at most 127"},
        {MANSIO_METRIC(.name = "x", .type = 1, .help = "a\nb"), "one line"},
        {MANSIO_METRIC(.name = "x", .type = 1, .help = "h", .unit = "hours"), "unit \"hours\""},
        {{.size = 8, .name = "x", .type = 1, .help = "h"}, "row size 8"},
    };
    core_shm_attach(shm, 0);
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        uint32_t handle = 77;
        assert_int_equal(
            core_metrics_register("mansio_x", MANSIO_STR_NONE, &cases[i].metric, 1, &handle),
            MANSIO_E_INVALID);
        assert_non_null(strstr(mansio_error_detail(), cases[i].says));
        assert_int_equal(handle, 77);
    }
}

static void test_refuses_names_that_are_printed_alike(void **state)
{
    struct core_shm *shm = *state;
    const struct {
        struct mansio_metric pair[2];
        int rc;
    } cases[] = {
        {{MANSIO_METRIC(.name = "x", .type = MANSIO_METRIC_COUNTER, .help = "h"),
          MANSIO_METRIC(.name = "x_total", .type = MANSIO_METRIC_COUNTER, .help = "h")},
         MANSIO_E_INVALID},
        {{MANSIO_METRIC(.name = "w_seconds", .type = MANSIO_METRIC_GAUGE, .help = "h"),
          MANSIO_METRIC(.name = "w", .type = MANSIO_METRIC_HISTOGRAM, .unit = "seconds",
                        .help = "h")},
         MANSIO_E_INVALID},
        {{MANSIO_METRIC(.name = "x_count", .type = MANSIO_METRIC_GAUGE, .help = "h"),
          MANSIO_METRIC(.name = "x", .type = MANSIO_METRIC_HISTOGRAM, .help = "h")},
         MANSIO_E_INVALID},
        {{MANSIO_METRIC(.name = "y", .type = MANSIO_METRIC_HISTOGRAM, .help = "h"),
          MANSIO_METRIC(.name = "y_sum", .type = MANSIO_METRIC_GAUGE, .help = "h")},
         MANSIO_E_INVALID},
        {{MANSIO_METRIC(.name = "z", .type = MANSIO_METRIC_GAUGE, .help = "h"),
          MANSIO_METRIC(.name = "z_count", .type = MANSIO_METRIC_GAUGE, .help = "h")},
         0},
        {{MANSIO_METRIC(.name = "v", .type = MANSIO_METRIC_GAUGE, .help = "h"),
          MANSIO_METRIC(.name = "v_total", .type = MANSIO_METRIC_COUNTER, .help = "h")},
         0},
    };
    core_shm_attach(shm, 0);
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        uint32_t handle = 77;
        assert_int_equal(
            core_metrics_register("mansio_x", MANSIO_STR_NONE, cases[i].pair, 2, &handle),
            cases[i].rc);
        assert_true(cases[i].rc == 0 ||
                    strstr(mansio_error_detail(), "that they are printed as mansio_x_") != NULL);
    }
}

static void test_full_slot(void **state)
{
    struct core_shm *shm = *state;
    uint32_t handle = 0;
    char name[16];
    int rc = 0;
    int registered = 0;
    core_shm_attach(shm, 0);
    for (; rc == 0 && registered < 1000; registered += rc == 0) {
        (void)snprintf(name, sizeof name, "h%d", registered);
        const struct mansio_metric metric =
            MANSIO_METRIC(.name = name, .type = MANSIO_METRIC_HISTOGRAM, .help = "h");
        rc = core_metrics_register("mansio_x", MANSIO_STR_NONE, &metric, 1, &handle);
    }
    assert_int_equal(rc, MANSIO_E_LIMIT);
    assert_int_equal(registered, CORE_SHM_METRICS_MAX / SHM_HISTOGRAM_VALUES);
    core_metric_observe(handle, 0, 1);
    (void)print(shm);
    assert_true(value("mansio_x_h0_count", "") == 0);
}

/* A binary upgrade: the master registers anew in its slot, where its rows are already. */
static void test_registering_again_finds_the_rows(void **state)
{
    struct core_shm *shm = *state;
    uint32_t handle = become(shm, 0, 0);
    core_metric_add(handle, LINES, 3);
    core_metric_set(handle, DEPTH, 3);
    uint32_t rows = core_rows_count(&core_shm_memory(shm)->areas[0]);
    handle = become(shm, 0, 0);
    core_metric_add(handle, LINES, 4);
    assert_int_equal(core_rows_count(&core_shm_memory(shm)->areas[0]), rows);
    (void)print(shm);
    assert_true(value("mansio_my_module_lines_total", "instance=\"one\"") == 7);
    assert_true(value("mansio_my_module_depth", "instance=\"one\"") == 0);
}

static void test_core_table(void **state)
{
    struct core_shm *shm = *state;
    core_count(CORE_METRIC_SESSIONS, 1); /* too early: nothing happens */
    core_shm_attach(shm, 0);
    assert_int_equal(core_metrics_init(), 0);
    core_count(CORE_METRIC_SESSIONS, 2);
    core_count(CORE_METRIC_SESSIONS, -2);
    core_gauge(CORE_METRIC_FIBERS, 9);
    core_observe(CORE_METRIC_SESSION_SECONDS, 1);
    core_count_refused(CORE_REFUSED_ADDRESS);
    core_count_log_line(0);
    core_count_log_line(77);
    (void)print(shm);
    assert_true(value("mansio_core_sessions_total", "") == 2);
    assert_true(value("mansio_core_metric_misuses_total", "") == 1);
    assert_true(value("mansio_core_fibers", "") == 9);
    assert_true(value("mansio_core_session_duration_seconds_count", "") == 1);
    assert_true(value("mansio_core_conns_refused_total", "reason=\"address\"") == 1);
    assert_true(value("mansio_core_conns_refused_total", "reason=\"listener\"") == 0);
    assert_true(value("mansio_core_log_lines_total", "level=\"error\"") == 1);
    assert_true(value("mansio_core_log_lines_total", "level=\"debug\"") == 1);
}

static void test_without_shared_memory(void **state)
{
    (void)state;
    uint32_t handle = 0;
    core_shm_attach(NULL, 0);
    assert_int_equal(
        core_metrics_register("mansio_x", MANSIO_STR_NONE, table, MANSIO_COUNT(table), &handle), 0);
    core_metric_add(handle, LINES, 1);
    core_metric_set(handle, DEPTH, 1);
    core_metric_observe(handle, WAIT, 1);
}

/* Rows that a process gone wild has spoiled are passed by. */
static void test_passes_by_spoiled_rows(void **state)
{
    struct core_shm *shm = *state;
    struct shm_area *area = &core_shm_memory(shm)->areas[1];
    uint32_t handle = become(shm, 1, 1);
    core_metric_add(handle, SIZE, 1);
    memset(area->rows[LINES].name, 0xff, sizeof area->rows[LINES].name);
    area->rows[DEPTH].first = 999999;
    area->rows[WAIT].type = 0;
    memset(area->rows[ITEMS].label, '"', sizeof area->rows[ITEMS].label);
    memset(area->rows[SIZE].help, '\n', sizeof area->rows[SIZE].help);
    atomic_store(&area->row_count, UINT64_MAX);
    (void)print(shm);
    assert_true(value("mansio_my_module_sent_bytes_total", "instance=\"one\"") == 1);
    assert_true(value("mansio_my_module_lines_total", "instance=\"one\"") == -1e9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sums, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sums_as_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_slots, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_histogram_bounds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_seconds_begin_at_16_us, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_escapes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_bad_tables, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_names_that_are_printed_alike, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_full_slot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_registering_again_finds_the_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_core_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_shared_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_passes_by_spoiled_rows, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
