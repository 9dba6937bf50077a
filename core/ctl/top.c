/*
 * Figures to watch an installation by: which metrics make which figure is a table, how they lie on
 * the screen another.
 */
#include "core/ctl/top.h"

#include <stdio.h>
#include <string.h>

#include "core/ctl/text.h"
#include <mansio/str.h>
#include <mansio/time.h>

enum {
    LINE_MAX_BYTES = 4096,
    NARROWEST = 20,       /* columns; below that nothing can be read anyway */
    TABLES_APART = 3,     /* columns between two tables */
    NUMBER_WIDTH = 9,     /* of a column of sessions */
    SHARE_WIDTH = 7,      /* of "100.0%" and a blank */
    SHORT_TABLE_ROWS = 4, /* what a table keeps when another is long */
    PROCESSES_SHARE = 2,  /* at most one in so many lines of the tables are processes */
};

/* ---- figures ------------------------------------------------------------------------------------
 */

enum kind {
    RATE = 1, /* of a counter, a second */
    MEAN = 2, /* of a histogram between the two answers */
    NOW = 3,  /* a gauge */
};

static const struct figure {
    const char *name, *metric;
    const char *text; /* of the metric's label; NULL: all of them */
    enum kind kind;
} figures_table[] = {
    {"logins_ok", "mansio_core_logins_total", "ok", RATE},
    {"logins_denied", "mansio_core_logins_total", "denied", RATE},
    {"logins_throttled", "mansio_core_logins_total", "throttled", RATE},
    {"logins_limited", "mansio_core_logins_total", "limited", RATE},
    {"logins_unavailable", "mansio_core_logins_total", "unavailable", RATE},
    {"sessions_opened", "mansio_core_sessions_total", NULL, RATE},
    {"sessions_killed", "mansio_core_sessions_killed_total", NULL, RATE},
    {"policy_ended", "mansio_core_policy_sessions_ended_total", NULL, RATE},
    {"conns_refused", "mansio_core_conns_refused_total", NULL, RATE},
    {"limits_hit", "mansio_core_limit_hits_total", NULL, RATE},
    {"tarpit_waiting", "mansio_core_tarpit_waiting", NULL, NOW},
    {"messages_in", "mansio_smtp_messages_accepted_total", NULL, RATE},
    {"messages_rejected", "mansio_smtp_messages_rejected_total", NULL, RATE},
    {"messages_delivered", "mansio_postgres_deliveries_total", NULL, RATE},
    {"messages_sent", "mansio_outbound_sent_total", NULL, RATE},
    {"bytes_in", "mansio_smtp_received_bytes_total", NULL, RATE},
    {"bytes_sent", "mansio_outbound_sent_bytes_total", NULL, RATE},
    {"db_statements", "mansio_postgres_statements_total", NULL, RATE},
    {"db_commits", "mansio_postgres_transactions_total", NULL, RATE},
    {"db_borrows", "mansio_postgres_borrow_wait_seconds", NULL, RATE},
    {"db_wait", "mansio_postgres_borrow_wait_seconds", NULL, MEAN},
    {"db_round_trip", "mansio_postgres_round_trip_seconds", NULL, MEAN},
    {"db_errors", "mansio_postgres_errors_transient_total", NULL, RATE},
    {"db_connections", "mansio_postgres_connections", NULL, NOW},
};

struct sum {
    double value, sum;
};

static struct sum sum_of(const json_t *answer, const struct figure *figure)
{
    struct sum out = {0, 0};
    const json_t *metrics = json_object_get(answer, "metrics");
    for (size_t i = 0; i < json_array_size(metrics); i++) {
        const json_t *row = json_array_get(metrics, i);
        const char *name = json_string_value(json_object_get(row, "name"));
        const char *text = json_string_value(json_object_get(row, "text"));
        if (name != NULL && strcmp(name, figure->metric) == 0 &&
            (figure->text == NULL || (text != NULL && strcmp(text, figure->text) == 0))) {
            out.value += json_number_value(json_object_get(row, "value"));
            out.sum += json_number_value(json_object_get(row, "sum"));
        }
    }
    return out;
}

static double rate(double before, double now, double seconds)
{
    return seconds > 0 && now > before ? (now - before) / seconds : 0;
}

static json_t *rates(const json_t *before, const json_t *now, double seconds)
{
    json_t *out = json_object();
    for (size_t i = 0; i < MANSIO_COUNT(figures_table); i++) {
        const struct figure *figure = &figures_table[i];
        struct sum was = sum_of(before, figure), is = sum_of(now, figure);
        double value = is.value;
        if (figure->kind == RATE) {
            value = rate(was.value, is.value, seconds);
        } else if (figure->kind == MEAN) {
            value = is.value > was.value && is.sum > was.sum
                        ? (is.sum - was.sum) / (is.value - was.value)
                        : 0;
        }
        json_object_set_new(out, figure->name, json_real(value));
    }
    return out;
}

static const json_t *process_of(const json_t *answer, json_int_t pid)
{
    const json_t *list = json_object_get(answer, "processes");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        if (json_integer_value(json_object_get(row, "pid")) == pid) {
            return row;
        }
    }
    return NULL;
}

static double rate_of(const json_t *before, const json_t *now, const char *member, double seconds)
{
    return before != NULL ? rate(json_number_value(json_object_get(before, member)),
                                 json_number_value(json_object_get(now, member)), seconds)
                          : 0;
}

/* Each process with its share of a processor, and how often somebody held its loop. */
static json_t *processes(const json_t *before, const json_t *now, double seconds, json_t *totals)
{
    json_t *out = json_array();
    json_int_t conns = 0, sessions = 0, workers = 0;
    const json_t *list = json_object_get(now, "processes");
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *row = json_deep_copy(json_array_get(list, i));
        const char *role = json_string_value(json_object_get(row, "role"));
        const json_t *was = process_of(before, json_integer_value(json_object_get(row, "pid")));
        json_object_set_new(row, "cpu_percent", json_real(100 * rate_of(was, row, "cpu", seconds)));
        json_object_set_new(row, "holds_rate", json_real(rate_of(was, row, "holds", seconds)));
        json_object_set_new(row, "conns_rate",
                            json_real(rate_of(was, row, "conns_total", seconds)));
        conns += json_integer_value(json_object_get(row, "conns_open"));
        sessions += json_integer_value(json_object_get(row, "sessions_open"));
        workers += role != NULL && strcmp(role, "worker") == 0;
        json_array_append_new(out, row);
    }
    json_object_set_new(totals, "conns", json_integer(conns));
    json_object_set_new(totals, "sessions", json_integer(sessions));
    json_object_set_new(totals, "workers", json_integer(workers));
    return out;
}

static void copy(json_t *out, const json_t *from, const char *name)
{
    json_t *value = json_object_get(from, name);
    json_object_set(out, name, value != NULL ? value : json_null());
}

json_t *core_ctl_top_figures(const json_t *before, const json_t *now, int64_t elapsed_us)
{
    static const char *const kept[] = {"version", "state",        "at",
                                       "uptime",  "generation",   "services",
                                       "tenants", "tenant_count", "silent"};
    double seconds = (double)elapsed_us / (double)MANSIO_SECOND;
    json_t *out = json_object(), *totals = json_object();
    for (size_t i = 0; i < MANSIO_COUNT(kept); i++) {
        copy(out, now, kept[i]);
    }
    json_object_set_new(out, "interval", json_real(seconds));
    json_object_set_new(out, "processes", processes(before, now, seconds, totals));
    json_object_set_new(out, "totals", totals);
    json_object_set_new(out, "rates", rates(before, now, seconds));
    return out;
}

/* ---- numbers for people -------------------------------------------------------------------------
 */

enum { NUMBER_MAX = 32 };

static double number(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

/* Three digits that count: "0", "0.04", "1.2", "123", "12.3k", "4.5M". */
static void print_number(char out[NUMBER_MAX], double value)
{
    static const char units[] = {'\0', 'k', 'M', 'G', 'T'};
    size_t unit = 0;
    if (!(value > 0)) {
        value = 0;
    }
    while (value >= 9999.5 && unit + 1 < sizeof units) {
        value /= 1000;
        unit++;
    }
    int digits = value == 0 || value >= 99.95 ? 0 : value >= 0.1 ? 1 : 2;
    (void)snprintf(out, NUMBER_MAX, "%.*f%.*s", digits, value, unit > 0 ? 1 : 0, &units[unit]);
}

static void print_bytes(char out[NUMBER_MAX], double value)
{
    static const char *const units[] = {"", "K", "M", "G", "T"};
    size_t unit = 0;
    if (!(value > 0)) {
        value = 0;
    }
    while (value >= 1023.5 && unit + 1 < MANSIO_COUNT(units)) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(out, NUMBER_MAX, "%.*f%s", unit > 0 && value < 99.95 ? 1 : 0, value,
                   units[unit]);
}

/* Seconds: "0", "85us", "1.2ms", "3.4s". */
static void print_wait(char out[NUMBER_MAX], double seconds)
{
    if (!(seconds > 0)) {
        (void)snprintf(out, NUMBER_MAX, "0");
    } else if (seconds < 0.0009995) {
        (void)snprintf(out, NUMBER_MAX, "%.0fus", seconds * 1e6);
    } else if (seconds < 0.9995) {
        (void)snprintf(out, NUMBER_MAX, "%.*fms", seconds < 0.09995 ? 1 : 0, seconds * 1e3);
    } else {
        (void)snprintf(out, NUMBER_MAX, "%.1fs", seconds);
    }
}

/* ---- lines --------------------------------------------------------------------------------------
 */

struct screen {
    struct mansio_arena *arena;
    struct mansio_buf *out;
    size_t columns, rows; /* rows SIZE_MAX: no end */
    size_t line_count;
};

/* One more column or character than fits is one too many: cut at whole characters. */
static struct mansio_str cut(struct mansio_str line, size_t columns)
{
    size_t end = line.len;
    while (end > 0 && core_ctl_width(mansio_str_sub(line, 0, end)) > columns) {
        do {
            end--;
        } while (end > 0 && ((unsigned char)line.ptr[end] & 0xc0) == 0x80);
    }
    return mansio_str_sub(line, 0, end);
}

static void add_line(struct screen *screen, struct mansio_str line)
{
    if (screen->line_count >= screen->rows) {
        return;
    }
    line = cut(line, screen->columns);
    while (line.len > 0 && line.ptr[line.len - 1] == ' ') {
        line.len--;
    }
    mansio_buf_add(screen->out, line);
    mansio_buf_add_char(screen->out, '\n');
    screen->line_count++;
}

static void pad(struct mansio_buf *line, size_t width)
{
    for (size_t have = core_ctl_width(mansio_buf_str(line)); have < width; have++) {
        mansio_buf_add_char(line, ' ');
    }
}

static void add_head(struct screen *screen, const json_t *figures)
{
    const json_t *totals = json_object_get(figures, "totals");
    struct mansio_buf *line = mansio_buf_new(screen->arena, LINE_MAX_BYTES);
    struct mansio_str at = mansio_str_from_cstr(text_of(figures, "at"));
    mansio_buf_add(line, MANSIO_STR("mansio "));
    core_ctl_escape(line, mansio_str_from_cstr(text_of(figures, "version")));
    mansio_buf_add(line, MANSIO_STR("  "));
    core_ctl_escape(line, mansio_str_from_cstr(text_of(figures, "state")));
    mansio_buf_add(line, MANSIO_STR(", up "));
    core_ctl_duration(line, (int64_t)number(figures, "uptime"));
    mansio_buf_printf(line, ", generation %.0f  ", number(figures, "generation"));
    core_ctl_escape(line, mansio_str_sub(at, 11, 8)); /* the time of "2026-11-22T01:02:03..." */
    mansio_buf_add(line, MANSIO_STR("Z"));
    add_line(screen, mansio_buf_str(line));
    mansio_buf_reset(line);
    mansio_buf_printf(line, "conns %.0f  sessions %.0f  tenants %.0f  workers %.0f",
                      number(totals, "conns"), number(totals, "sessions"),
                      number(figures, "tenant_count"), number(totals, "workers"));
    size_t silent = json_array_size(json_object_get(figures, "silent"));
    if (silent > 0) {
        mansio_buf_printf(line, "  (%zu process%s did not answer)", silent, silent > 1 ? "es" : "");
    }
    add_line(screen, mansio_buf_str(line));
    add_line(screen, MANSIO_STR_NONE);
}

enum form { PER_SECOND = 1, BYTES_PER_SECOND, SECONDS, COUNT };

static const struct cell {
    const char *title; /* begins a line */
    const char *label, *figure;
    enum form form;
} cells[] = {
    {"logins", "ok", "logins_ok", PER_SECOND},
    {NULL, "denied", "logins_denied", PER_SECOND},
    {NULL, "throttled", "logins_throttled", PER_SECOND},
    {NULL, "limited", "logins_limited", PER_SECOND},
    {NULL, "unavailable", "logins_unavailable", PER_SECOND},
    {"sessions", "opened", "sessions_opened", PER_SECOND},
    {NULL, "ended by policy", "policy_ended", PER_SECOND},
    {NULL, "ended in all", "sessions_killed", PER_SECOND},
    {"mail", "in", "messages_in", PER_SECOND},
    {NULL, "rejected", "messages_rejected", PER_SECOND},
    {NULL, "delivered", "messages_delivered", PER_SECOND},
    {NULL, "sent", "messages_sent", PER_SECOND},
    {"bytes", "in", "bytes_in", BYTES_PER_SECOND},
    {NULL, "sent", "bytes_sent", BYTES_PER_SECOND},
    {"database", "wait", "db_wait", SECONDS},
    {NULL, "answer", "db_round_trip", SECONDS},
    {NULL, "statements", "db_statements", PER_SECOND},
    {NULL, "commits", "db_commits", PER_SECOND},
    {NULL, "errors", "db_errors", PER_SECOND},
    {"limits", "hit", "limits_hit", PER_SECOND},
    {NULL, "conns refused", "conns_refused", PER_SECOND},
    {NULL, "in tarpit", "tarpit_waiting", COUNT},
};

static void add_cell(struct mansio_buf *line, const json_t *rates_json, const struct cell *cell)
{
    char text[NUMBER_MAX];
    double value = number(rates_json, cell->figure);
    if (cell->form == SECONDS) {
        print_wait(text, value);
    } else if (cell->form == BYTES_PER_SECOND) {
        print_bytes(text, value);
    } else {
        print_number(text, value);
    }
    int is_rate = cell->form == PER_SECOND || cell->form == BYTES_PER_SECOND;
    mansio_buf_printf(line, " %s %s%s ", cell->label, text, is_rate ? "/s" : "");
}

static void add_rates(struct screen *screen, const json_t *figures)
{
    const json_t *rates_json = json_object_get(figures, "rates");
    struct mansio_buf *line = mansio_buf_new(screen->arena, LINE_MAX_BYTES);
    for (size_t i = 0; i < MANSIO_COUNT(cells); i++) {
        if (cells[i].title != NULL && i > 0) {
            add_line(screen, mansio_buf_str(line));
            mansio_buf_reset(line);
        }
        if (cells[i].title != NULL) {
            mansio_buf_printf(line, "%-9s", cells[i].title);
        }
        add_cell(line, rates_json, &cells[i]);
    }
    add_line(screen, mansio_buf_str(line));
    add_line(screen, MANSIO_STR_NONE);
}

/* ---- tables -------------------------------------------------------------------------------------
 */

static void add_processes(struct screen *screen, const json_t *figures, size_t max)
{
    const json_t *list = json_object_get(figures, "processes");
    struct mansio_buf *line = mansio_buf_new(screen->arena, LINE_MAX_BYTES);
    add_line(screen,
             MANSIO_STR("PROCESS        PID   CPU   CONNS    NEW/S  SESSIONS  HELD/S  STATE"));
    for (size_t i = 0; i < json_array_size(list) && i < max; i++) {
        const json_t *row = json_array_get(list, i);
        char held[NUMBER_MAX], conns[NUMBER_MAX];
        print_number(held, number(row, "holds_rate"));
        print_number(conns, number(row, "conns_rate"));
        mansio_buf_reset(line);
        mansio_buf_printf(line, "%.12s", text_of(row, "role"));
        if (strcmp(text_of(row, "role"), "worker") == 0) {
            mansio_buf_printf(line, " %.0f", number(row, "index"));
        }
        pad(line, 10);
        mansio_buf_printf(line, "%8.0f %4.0f%% %7.0f %8s %9.0f %7s  ", number(row, "pid"),
                          number(row, "cpu_percent"), number(row, "conns_open"), conns,
                          number(row, "sessions_open"), held);
        core_ctl_escape(line, mansio_str_from_cstr(text_of(row, "state")));
        add_line(screen, mansio_buf_str(line));
    }
    add_line(screen, MANSIO_STR_NONE);
}

/* A name, its sessions, their share of all; or the titles (@p row NULL and @p title given). */
static void add_half(struct mansio_buf *line, size_t from, size_t width, const char *title,
                     const json_t *row, double all)
{
    size_t numbers = NUMBER_WIDTH + SHARE_WIDTH;
    size_t room = width > numbers ? width - numbers : 1;
    struct mansio_arena *scratch = mansio_arena_new(NULL, "ctl.half", 0);
    struct mansio_buf *name = mansio_buf_new(scratch, LINE_MAX_BYTES);
    core_ctl_escape(name, mansio_str_from_cstr(row != NULL ? text_of(row, "name") : title));
    pad(line, from);
    mansio_buf_add(line, cut(mansio_buf_str(name), room));
    pad(line, from + room);
    if (row == NULL) {
        mansio_buf_printf(line, "%*s%*s", NUMBER_WIDTH, "SESSIONS", SHARE_WIDTH, "SHARE");
    } else {
        double count = number(row, "sessions");
        mansio_buf_printf(line, "%*.0f%*.1f%%", NUMBER_WIDTH, count, SHARE_WIDTH - 1,
                          all > 0 ? 100 * count / all : 0);
    }
    mansio_arena_free(scratch);
}

/* Services to the left, tenants to the right. */
static void add_sessions(struct screen *screen, const json_t *figures, size_t max)
{
    const json_t *services = json_object_get(figures, "services");
    const json_t *tenants = json_object_get(figures, "tenants");
    double all = number(json_object_get(figures, "totals"), "sessions");
    size_t left = (screen->columns - TABLES_APART) / 2, from = left + TABLES_APART;
    size_t right = screen->columns - from;
    struct mansio_buf *line = mansio_buf_new(screen->arena, LINE_MAX_BYTES);
    add_half(line, 0, left, "SERVICE", NULL, all);
    add_half(line, from, right, "TENANT", NULL, all);
    add_line(screen, mansio_buf_str(line));
    for (size_t i = 0; i < max && (i < json_array_size(services) || i < json_array_size(tenants));
         i++) {
        mansio_buf_reset(line);
        if (i < json_array_size(services)) {
            add_half(line, 0, left, NULL, json_array_get(services, i), all);
        }
        if (i < json_array_size(tenants)) {
            add_half(line, from, right, NULL, json_array_get(tenants, i), all);
        }
        add_line(screen, mansio_buf_str(line));
    }
}

/* How many processes are shown: all if there is room, else what leaves the sessions their half. */
static size_t processes_shown(const struct screen *screen, const json_t *figures)
{
    size_t count = json_array_size(json_object_get(figures, "processes"));
    if (screen->rows == SIZE_MAX) {
        return count;
    }
    /* Both tables' titles and the line between them. */
    size_t taken = screen->line_count + 3;
    size_t room = screen->rows > taken ? screen->rows - taken : 0;
    size_t share = room / PROCESSES_SHARE;
    share = share < SHORT_TABLE_ROWS ? SHORT_TABLE_ROWS : share;
    return count < share ? count : share;
}

void core_ctl_top_screen(struct mansio_arena *arena, const json_t *figures, size_t columns,
                         size_t rows, struct mansio_buf *out)
{
    struct screen screen = {
        .arena = arena,
        .out = out,
        .columns = columns < NARROWEST ? NARROWEST : columns,
        .rows = rows == 0 ? SIZE_MAX : rows,
    };
    add_head(&screen, figures);
    add_rates(&screen, figures);
    add_processes(&screen, figures, processes_shown(&screen, figures));
    size_t left = screen.rows > screen.line_count + 1 ? screen.rows - screen.line_count - 1 : 0;
    add_sessions(&screen, figures, left);
}
