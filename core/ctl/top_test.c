/*
 * What top shows: rates from two answers, and screens that never are wider or longer than the
 * terminal, whatever names they show.
 */
#include "core/ctl/top.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/ctl/text.h"
#include <mansio/str.h>
#include <mansio/time.h>

static json_t *load(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

/* An answer with one counter, one histogram and one process. */
static json_t *answer(int ok, int waits, double waited, int holds, double cpu)
{
    char text[2048];
    (void)snprintf(
        text, sizeof text,
        "{\"version\": \"0.1.0\", \"state\": \"running\", \"at\": \"2026-11-22T01:02:03.456789Z\","
        " \"uptime\": 3661.5, \"generation\": 3, \"tenant_count\": 2, \"silent\": [],"
        " \"services\": [{\"name\": \"imap\", \"sessions\": 30}, {\"name\": \"pop3\", "
        "\"sessions\": 10}],"
        " \"tenants\": [{\"name\": \"alpha\", \"sessions\": 25}],"
        " \"processes\": [{\"role\": \"worker\", \"index\": 1, \"pid\": 77, \"state\": "
        "\"accepting\", \"cpu\": %f, \"conns_open\": 41, \"conns_total\": %d, "
        "\"sessions_open\": 40, \"holds\": %d}],"
        " \"metrics\": ["
        "{\"name\": \"mansio_core_logins_total\", \"text\": \"ok\", \"value\": %d},"
        "{\"name\": \"mansio_core_logins_total\", \"text\": \"denied\", \"value\": 7},"
        "{\"name\": \"mansio_postgres_statements_total\", \"text\": \"a\", \"value\": %d},"
        "{\"name\": \"mansio_postgres_statements_total\", \"text\": \"b\", \"value\": %d},"
        "{\"name\": \"mansio_postgres_connections\", \"text\": \"a\", \"value\": 5},"
        "{\"name\": \"mansio_postgres_borrow_wait_seconds\", \"text\": \"a\", \"value\": %d, "
        "\"sum\": %f}]}",
        cpu, ok, holds, ok, ok, ok, waits, waited);
    return load(text);
}

static double rate_of(const json_t *figures, const char *name)
{
    return json_number_value(json_object_get(json_object_get(figures, "rates"), name));
}

static void makes_rates_of_two_answers(void **state)
{
    json_t *before = answer(100, 10, 0.5, 2, 1.0), *now = answer(150, 20, 0.6, 6, 2.0);
    json_t *figures = core_ctl_top_figures(before, now, 2 * MANSIO_SECOND);
    const json_t *process = json_array_get(json_object_get(figures, "processes"), 0);
    (void)state;
    assert_true(rate_of(figures, "logins_ok") == 25);
    assert_true(rate_of(figures, "logins_denied") == 0);
    assert_true(rate_of(figures, "db_statements") == 50); /* of both instances */
    assert_true(rate_of(figures, "db_connections") == 5);
    assert_true(rate_of(figures, "db_wait") > 0.0099 && rate_of(figures, "db_wait") < 0.0101);
    assert_true(rate_of(figures, "messages_in") == 0); /* nobody counts it */
    assert_true(json_number_value(json_object_get(process, "cpu_percent")) == 50);
    assert_true(json_number_value(json_object_get(process, "holds_rate")) == 2);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(figures, "totals"), "conns")), 41);
    json_decref(figures);

    /* Started again meanwhile: counters have fallen. And two looks at one moment. */
    figures = core_ctl_top_figures(now, before, 2 * MANSIO_SECOND);
    assert_true(rate_of(figures, "logins_ok") == 0);
    assert_true(rate_of(figures, "db_wait") == 0);
    json_decref(figures);
    figures = core_ctl_top_figures(before, now, 0);
    assert_true(rate_of(figures, "logins_ok") == 0);
    json_decref(figures);
    json_decref(before);
    json_decref(now);
}

static void survives_answers_of_another_shape(void **state)
{
    static const char *const rows[] = {
        "{}",
        "{\"metrics\": 3, \"processes\": \"x\", \"services\": {}, \"tenants\": [1, [], {}]}",
        "{\"metrics\": [1, {}, {\"name\": 5}], \"processes\": [{}], \"at\": \"x\"}",
        "{\"services\": [{}], \"uptime\": -1}",
    };
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 24);
        struct mansio_buf *out = mansio_buf_new(arena, 1 << 20);
        json_t *json = load(rows[i]);
        json_t *figures = core_ctl_top_figures(json, json, MANSIO_SECOND);
        core_ctl_top_screen(arena, figures, 80, 24, out);
        assert_int_equal(mansio_buf_status(out), 0);
        assert_true(mansio_buf_str(out).len > 0);
        json_decref(figures);
        json_decref(json);
        mansio_arena_free(arena);
    }
}

static void lays_out_a_screen(void **state)
{
    static const char expected[] =
        "mansio 0.1.0  running, up 1h01m, generation 3  01:02:03Z\n"
        "conns 41  sessions 40  tenants 2  workers 1\n"
        "\n"
        "logins    ok 25.0/s  denied 0/s  throttled 0/s  limited 0/s  unavailable 0/s\n"
        "sessions  opened 0/s  ended by policy 0/s  ended in all 0/s\n"
        "mail      in 0/s  rejected 0/s  delivered 0/s  sent 0/s\n"
        "bytes     in 0/s  sent 0/s\n"
        "database  wait 10.0ms  answer 0  statements 50.0/s  commits 0/s  errors 0/s\n"
        "limits    hit 0/s  conns refused 0/s  in tarpit 0\n"
        "\n"
        "PROCESS        PID   CPU   CONNS    NEW/S  SESSIONS  HELD/S  STATE\n"
        "worker 1        77   50%      41     25.0        40     2.0  accepting\n"
        "\n"
        "SERVICE                SESSIONS  SHARE   TENANT                  SESSIONS  SHARE\n"
        "imap                         30  75.0%   alpha                         25  62.5%\n"
        "pop3                         10  25.0%\n";
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 24);
    struct mansio_buf *out = mansio_buf_new(arena, 1 << 20);
    json_t *before = answer(100, 10, 0.5, 2, 1.0), *now = answer(150, 20, 0.6, 6, 2.0);
    json_t *figures = core_ctl_top_figures(before, now, 2 * MANSIO_SECOND);
    const char *text = NULL;
    (void)state;
    core_ctl_top_screen(arena, figures, 80, 24, out);
    assert_int_equal(mansio_cstr(arena, mansio_buf_str(out), &text), 0);
    assert_string_equal(text, expected);
    json_decref(figures);
    json_decref(before);
    json_decref(now);
    mansio_arena_free(arena);
}

/* 40 tenants with wide, combining and hostile names, 20 processes. */
static json_t *crowd(void)
{
    json_t *json = answer(1, 1, 1, 1, 1);
    json_t *tenants = json_array(), *list = json_array();
    for (int i = 0; i < 40; i++) {
        json_array_append_new(tenants,
                              json_pack("{s:s, s:i}", "name",
                                        i % 2 ? "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97"
                                                "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97"
                                                "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97"
                                              : "a\x1b[2J\nb",
                                        "sessions", 1000000 - i));
    }
    for (int i = 0; i < 20; i++) {
        json_array_append_new(list, json_pack("{s:s, s:i, s:i, s:s}", "role", "worker", "index", i,
                                              "pid", 4000000 + i, "state", "accepting"));
    }
    json_object_set_new(json, "tenants", tenants);
    json_object_set_new(json, "processes", list);
    return json;
}

static void never_outgrows_the_terminal(void **state)
{
    static const size_t columns[] = {1, 20, 40, 79, 80, 81, 132, 400};
    static const size_t rows[] = {1, 2, 5, 10, 15, 24, 25, 50, 200};
    json_t *json = crowd();
    json_t *figures = core_ctl_top_figures(json, json, MANSIO_SECOND);
    (void)state;
    for (size_t c = 0; c < MANSIO_COUNT(columns); c++) {
        for (size_t r = 0; r < MANSIO_COUNT(rows); r++) {
            struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 24);
            struct mansio_buf *out = mansio_buf_new(arena, 1 << 20);
            size_t count = 0, widest = columns[c] < 20 ? 20 : columns[c];
            core_ctl_top_screen(arena, figures, columns[c], rows[r], out);
            assert_int_equal(mansio_buf_status(out), 0);
            struct mansio_str rest = mansio_buf_str(out), line;
            assert_int_equal(mansio_str_find_char(rest, '\x1b'), -1);
            while (rest.len > 0 && mansio_str_split(&rest, '\n', &line)) {
                assert_true(core_ctl_width(line) <= widest);
                count++;
            }
            assert_true(count <= rows[r]);
            mansio_arena_free(arena);
        }
    }
    json_decref(figures);
    json_decref(json);
}

/* Nothing is cut where there is no end. */
static void shows_all_where_there_is_room(void **state)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 1 << 24);
    struct mansio_buf *out = mansio_buf_new(arena, 1 << 20);
    json_t *json = crowd();
    json_t *figures = core_ctl_top_figures(json, json, MANSIO_SECOND);
    const char *text = NULL;
    (void)state;
    core_ctl_top_screen(arena, figures, 100, 0, out);
    assert_int_equal(mansio_cstr(arena, mansio_buf_str(out), &text), 0);
    assert_non_null(strstr(text, " 4000019 "));
    assert_non_null(strstr(text, " 999961 ")); /* the last tenant's */
    json_decref(figures);
    json_decref(json);
    mansio_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_rates_of_two_answers),
        cmocka_unit_test(survives_answers_of_another_shape),
        cmocka_unit_test(lays_out_a_screen),
        cmocka_unit_test(never_outgrows_the_terminal),
        cmocka_unit_test(shows_all_where_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
