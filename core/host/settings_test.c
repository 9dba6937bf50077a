/*
 * Settings checked and read: every type, every refusal with its exact words, comparison.
 */
#include <config.h>

#include "core/host/settings.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <mansio/arena.h>
#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/str.h>

#include "core/host/config.h"
#include "core/host/settings_fixture.h"
#include "core/host/source.h"

static struct mansio_arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = mansio_arena_new(NULL, "test", 64 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mansio_arena_free(arena);
    return 0;
}

/* Check a text against the fixture; the nodes are gone when this returns. */
static int check(const char *text, struct core_source **out_source,
                 const struct mansio_settings **out)
{
    struct core_source *source = NULL;
    struct core_node *node = NULL;
    struct mansio_arena *nodes = mansio_arena_new(NULL, "nodes", 0);
    size_t nodes_left = CORE_YAML_NODES_MAX;
    size_t count = 0;
    const struct mansio_setting *table = fixture_table(&count);
    assert_int_equal(core_source_of_text(arena, "t", mansio_str_from_cstr(text), &source), 0);
    struct core_file file = {.path = "t", .dir = "/etc/m"};
    assert_int_equal(core_yaml_parse(nodes, &file, mansio_str_from_cstr(text), &nodes_left, &node),
                     0);
    int result = core_settings_check(arena, source, node, NULL, table, count, out);
    mansio_arena_free(nodes);
    if (out_source != NULL) {
        *out_source = source;
    }
    return result;
}

static const struct mansio_settings *settings_of(const char *text)
{
    const struct mansio_settings *settings = NULL;
    if (check(text, NULL, &settings) < 0) {
        fail_msg("%s: %s", text, mansio_error_detail());
    }
    return settings;
}

static void assert_text(struct mansio_str text, const char *expected)
{
    assert_int_equal(text.len, strlen(expected));
    assert_string_equal(text.ptr, expected); /* a NUL follows */
}

static void gives_defaults(void **state)
{
    (void)state;
    const struct mansio_settings *s = settings_of("");
    assert_int_equal(mansio_settings_int(s, "flag"), 1);
    assert_int_equal(mansio_settings_int(s, "number"), 7);
    assert_int_equal(mansio_settings_int(s, "any"), 0);
    assert_int_equal(mansio_settings_int(s, "memory"), 65536);
    assert_int_equal(mansio_settings_int(s, "wait"), 60000000);
    assert_text(mansio_settings_str(s, "greeting"), "hello");
    assert_text(mansio_settings_str(s, "colour"), "green");
    assert_int_equal(mansio_settings_int(s, "colour"), 1);
    assert_null(mansio_settings_secret(s, "password"));
    assert_text(mansio_settings_str(s, "folder"), "/var/x");
    assert_int_equal(mansio_settings_count(s, "names"), 2);
    assert_text(mansio_settings_item(s, "names", 0), "one");
    assert_text(mansio_settings_item(s, "names", 1), "two");
    assert_int_equal(mansio_settings_count(s, "others"), 0);
    assert_int_equal(mansio_settings_count(s, "servers"), 0);
    assert_int_equal(mansio_settings_int(mansio_settings_section(s, "timeouts"), "command"),
                     300000000);
    assert_int_equal(mansio_settings_is_set(s, "tls"), 0);
    assert_text(mansio_settings_str(mansio_settings_section(s, "tls"), "certificate"), "");
    assert_int_equal(mansio_settings_int(mansio_settings_section(s, "tls"), "verify_depth"), 4);
}

static void gives_what_the_file_says(void **state)
{
    (void)state;
    const struct mansio_settings *s = settings_of("flag: no\n"
                                                  "number: 100\n"
                                                  "any: -9223372036854775808\n"
                                                  "memory: 1G\n"
                                                  "wait: 250us\n"
                                                  "greeting: 42\n"
                                                  "colour: 'blue'\n"
                                                  "password: hunter2\n"
                                                  "folder: ./a/b\n"
                                                  "names: single\n"
                                                  "others: []\n"
                                                  "timeouts: {data: 1d}\n"
                                                  "tls: {certificate: /x.pem}\n"
                                                  "servers:\n"
                                                  "  a: {weight: -5}\n"
                                                  "  b.c: {weight: 5, tls: {certificate: y}}\n");
    assert_int_equal(mansio_settings_int(s, "flag"), 0);
    assert_int_equal(mansio_settings_int(s, "number"), 100);
    assert_true(mansio_settings_int(s, "any") == INT64_MIN);
    assert_int_equal(mansio_settings_int(s, "memory"), 1 << 30);
    assert_int_equal(mansio_settings_int(s, "wait"), 250);
    assert_text(mansio_settings_str(s, "greeting"), "42");
    assert_int_equal(mansio_settings_int(s, "colour"), 2);
    assert_text(mansio_secret_bytes(mansio_settings_secret(s, "password")), "hunter2");
    assert_text(mansio_settings_str(s, "folder"), "/etc/m/a/b");
    assert_int_equal(mansio_settings_count(s, "names"), 1);
    assert_text(mansio_settings_item(s, "names", 0), "single");
    assert_int_equal(mansio_settings_is_set(s, "others"), 1);
    assert_true(mansio_settings_int(mansio_settings_section(s, "timeouts"), "data") ==
                INT64_C(86400000000));
    assert_text(mansio_settings_str(mansio_settings_section(s, "tls"), "certificate"), "/x.pem");
    assert_int_equal(mansio_settings_count(s, "servers"), 2);
    struct mansio_str key = MANSIO_STR_NONE;
    assert_int_equal(mansio_settings_int(mansio_settings_entry(s, "servers", 0, &key), "weight"),
                     -5);
    assert_text(key, "a");
    const struct mansio_settings *entry = mansio_settings_entry(s, "servers", 1, &key);
    assert_text(key, "b.c");
    assert_text(mansio_settings_str(mansio_settings_section(entry, "tls"), "certificate"),
                "/etc/m/y");
    assert_int_equal(mansio_settings_is_set(mansio_settings_section(entry, "tls"), "verify_depth"),
                     0);
}

/* One mistake and its words. */
static const struct {
    const char *text;
    const char *problem;
} bad[] = {
    {"flag: True", "t:1:7: flag: found \"True\", expected true or false"},
    {"flag: 'yes'", "t:1:7: flag: found \"yes\", expected true or false, without quotes"},
    {"flag:", "t:1:6: flag: found nothing, expected true or false"},
    {"number: 0", "t:1:9: number: found \"0\", expected 1 to 100 lines"},
    {"number: 101", "t:1:9: number: found \"101\", expected 1 to 100 lines"},
    {"number: '7'", "t:1:9: number: found \"7\", expected a whole number, without quotes"},
    {"number: 1e3", "t:1:9: number: found \"1e3\", expected a whole number"},
    {"number: +3", "t:1:9: number: found \"+3\", expected a whole number"},
    {"number: [1]", "t:1:9: number: found a list, expected a whole number, 1 to 100 lines"},
    {"any: 9223372036854775808",
     "t:1:6: any: found \"9223372036854775808\", expected a smaller number"},
    {"memory: 64k", "t:1:9: memory: found \"64k\", expected bytes such as 4096, 64K or 10M"},
    {"memory: -1", "t:1:9: memory: found \"-1\", expected bytes such as 4096, 64K or 10M"},
    {"memory: 2G", "t:1:9: memory: found \"2G\", expected 0 to 1G"},
    {"memory: 99999999999T", "t:1:9: memory: found \"99999999999T\", expected 0 to 1G"},
    {"memory: K", "t:1:9: memory: found \"K\", expected bytes such as 4096, 64K or 10M"},
    {"wait: 30",
     "t:1:7: wait: found \"30\", expected a unit after the number: us, ms, s, m, h or d"},
    {"wait: 30min",
     "t:1:7: wait: found \"30min\", expected a duration such as 250us, 10ms, 30s, 5m, "
     "2h or 1d"},
    {"wait: 999999999d", "t:1:7: wait: found \"999999999d\", expected a smaller number"},
    {"greeting: ''", "t:1:11: greeting: found text of 0 bytes, expected text of 1 to 20 bytes"},
    {"greeting: 123456789012345678901",
     "t:1:11: greeting: found text of 21 bytes, expected text of 1 to 20 bytes"},
    {"greeting: {a: b}", "t:1:11: greeting: found a section, expected text, 1 to 20 bytes"},
    {"greeting: ~", "t:1:11: greeting: found nothing, expected text, 1 to 20 bytes"},
    {"colour: pink", "t:1:9: colour: found \"pink\", expected one of red, green, blue"},
    {"colour: [red]", "t:1:9: colour: found a list, expected one of red, green, blue"},
    {"password: [x]", "t:1:11: password: found a list, expected {file: PATH} or {env: NAME}"},
    {"password: ''", "t:1:11: password: found text, expected {file: PATH} or {env: NAME}"},
    {"password: {file: x, env: y}",
     "t:1:11: password: found a section, expected just {file: PATH} or {env: NAME}"},
    {"password: {fiel: x}",
     "t:1:11: password: found a section, expected just {file: PATH} or {env: NAME}"},
    {"password: {file: x}", "t:1:11: password: found a secret that was not read"},
    {"folder: []", "t:1:9: folder: found a list, expected a path"},
    {"names: []", "t:1:8: names: found 0, expected a list of texts, 1 to 3 texts"},
    {"names: [a, b, c, d]", "t:1:8: names: found 4, expected a list of texts, 1 to 3 texts"},
    {"names: {a: b}", "t:1:8: names: found a section, expected a list of texts, 1 to 3 texts"},
    {"names: [a, [b], ~]", "t:1:12: names: found a list in the list, expected text"},
    {"timeouts: 5m", "t:1:11: timeouts: found text, expected a section"},
    {"timeouts: {command: 1ms}", "t:1:21: timeouts.command: found \"1ms\", expected 1s to 1h"},
    {"timeouts: {comand: 5m}",
     "t:1:12: timeouts: found the unknown setting \"comand\"; did you mean \"command\"?"},
    {"tls: {}", "t:1:1: tls.certificate: is required: found nothing, expected a path"},
    {"tls:", "t:1:1: tls.certificate: is required: found nothing, expected a path"},
    {"servers: [a]", "t:1:10: servers: found a list, expected named sections, 0 to 3 sections"},
    {"servers: {a: 1}", "t:1:14: servers.a: found text, expected a section"},
    {"servers: {a: {weight: 6}}", "t:1:23: servers.a.weight: found \"6\", expected -5 to 5"},
    {"servers: {a: ~}",
     "t:1:11: servers.a.weight: is required: found nothing, expected a whole number, -5 to 5"},
    {"servers: {a: , b: , c: , d: }",
     "t:1:1: servers: found 4, expected named sections, 0 to 3 sections"},
    {"servers: {a: {weight: 1, tls: {verify_depth: 1}}}",
     "t:1:26: servers.a.tls.certificate: is required: found nothing, expected a path"},
    {"greting: x", "t:1:1: found the unknown setting \"greting\"; did you mean \"greeting\"?"},
    {"gerbil: x",
     "t:1:1: found the unknown setting \"gerbil\"; known here: flag, number, any, memory, wait, "
     "greeting, colour, password, folder, names, others, timeouts, tls, servers, peers"},
    {"weight: 1",
     "t:1:1: found the unknown setting \"weight\"; it belongs at \"servers.NAME.weight\""},
    {"timeouts: {greeting: x}",
     "t:1:12: timeouts: found the unknown setting \"greeting\"; it belongs to the top level"},
    {"timeouts: {verify_depth: x}", "t:1:12: timeouts: found the unknown setting \"verify_depth\"; "
                                    "it belongs at \"tls.verify_depth\""},
    {"\"an\\ny\": x", "t:1:1: found the unknown setting \"an\\x0ay\"; did you mean \"any\"?"},
    {"[a, b]", "t:1:1: found a list, expected a section"},
    {"colour: 0123456789012345678901234567890123456789x",
     "t:1:9: colour: found \"0123456789012345678901234567890123456789...\", expected one of red, "
     "green, blue"},
};

static void refuses_with_place_and_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(bad); i++) {
        const struct mansio_settings *settings = NULL;
        struct core_source *source = NULL;
        int result = check(bad[i].text, &source, &settings);
        if (result != MANSIO_E_INVALID || strcmp(mansio_error_detail(), bad[i].problem) != 0 ||
            strcmp(core_source_problem(source, 0), bad[i].problem) != 0) {
            fail_msg("row %zu, %s: %d\n  %s\n  %s", i, bad[i].text, result, mansio_error_detail(),
                     bad[i].problem);
        }
        assert_null(settings);
    }
}

static void tells_all_in_order(void **state)
{
    (void)state;
    const struct mansio_settings *settings = NULL;
    struct core_source *source = NULL;
    size_t total = 0;
    assert_int_equal(check("colour: x\nzzz: 1\nflag: x\nservers: {a: {}}\n", &source, &settings),
                     MANSIO_E_INVALID);
    assert_int_equal(core_source_problem_count(source, &total), 4);
    assert_int_equal(total, 4);
    for (size_t i = 0; i < 4; i++) {
        char place[16];
        snprintf(place, sizeof place, "t:%zu:", i + 1);
        assert_memory_equal(core_source_problem(source, i), place, strlen(place));
    }
}

static void tells_the_first_twenty(void **state)
{
    (void)state;
    struct mansio_buf *text = mansio_buf_new(arena, 65536);
    const struct mansio_settings *settings = NULL;
    struct core_source *source = NULL;
    size_t total = 0;
    for (int i = 0; i < 30; i++) {
        mansio_buf_printf(text, "unknown_%d: x\n", i);
    }
    assert_int_equal(check(mansio_buf_str(text).ptr, &source, &settings), MANSIO_E_INVALID);
    assert_int_equal(core_source_problem_count(source, &total), 20);
    assert_int_equal(total, 30);
    assert_memory_equal(core_source_problem(source, 0), "t:1:1: ", 7);
    assert_memory_equal(core_source_problem(source, 19), "t:20:1: ", 8);
}

static void keeps_secrets_out_of_messages(void **state)
{
    (void)state;
    const struct mansio_settings *settings = NULL;
    struct core_source *source = NULL;
    assert_int_equal(check("password: hunter2\nflag: x\n", &source, &settings), MANSIO_E_INVALID);
    assert_int_equal(core_source_problem_count(source, NULL), 1);
    assert_null(strstr(core_source_problem(source, 0), "hunter2"));
    assert_int_equal(check("password: [hunter2]\n", &source, &settings), MANSIO_E_INVALID);
    assert_null(strstr(mansio_error_detail(), "hunter2"));
}

static void says_where_settings_should_be(void **state)
{
    (void)state;
    size_t nodes_left = 100;
    struct core_node *root = NULL;
    struct core_file file = {.path = "t", .dir = "/"};
    const struct mansio_settings *settings = NULL;
    assert_int_equal(core_yaml_parse(arena, &file, MANSIO_STR("instances:\n  x:\n    module: y\n"),
                                     &nodes_left, &root),
                     0);
    assert_int_equal(core_settings_check(arena, NULL, NULL, root->first->first, fixture_entry,
                                         MANSIO_COUNT(fixture_entry), &settings),
                     MANSIO_E_INVALID);
    assert_string_equal(mansio_error_detail(), "t:2:3: weight: is required: found nothing, "
                                               "expected a whole number, -5 to 5");
    assert_int_equal(core_settings_check(arena, NULL, NULL, NULL, fixture_timeouts,
                                         MANSIO_COUNT(fixture_timeouts), &settings),
                     0);
    assert_int_equal(mansio_settings_fail(settings, "data", "found %d, expected %d", 1, 2),
                     MANSIO_E_INVALID);
    assert_string_equal(mansio_error_detail(), "data: found 1, expected 2");
}

static void modules_refuse(void **state)
{
    (void)state;
    const struct mansio_settings *s =
        settings_of("number: 5\nservers:\n  a:\n    weight: 1\ntimeouts: {data: 1s}\n");
    const struct mansio_settings *a = mansio_settings_entry(s, "servers", 0, NULL);
    assert_int_equal(mansio_settings_fail(s, "number", "found %d, expected even", 5),
                     MANSIO_E_INVALID);
    assert_string_equal(mansio_error_detail(), "t:1:9: number: found 5, expected even");
    (void)mansio_settings_fail(a, "weight", "no");
    assert_string_equal(mansio_error_detail(), "t:4:13: servers.a.weight: no");
    (void)mansio_settings_fail(a, "tls", "missing");
    assert_string_equal(mansio_error_detail(), "t:3:3: servers.a.tls: missing");
    (void)mansio_settings_fail(a, NULL, "no");
    assert_string_equal(mansio_error_detail(), "t:3:3: servers.a: no");
    (void)mansio_settings_fail(s, NULL, "no");
    assert_string_equal(mansio_error_detail(), "t:1:1: no");
}

static const struct {
    const char *a, *b;
    int result;
} changes[] = {
    {"", "", 0},
    {"", "number: 7\n", 0},
    {"", "number: 8\n", 1},
    {"", "greeting: hi\n", 1},
    {"", "number: 8\nany: 1\n", 2},
    {"any: 1\n", "number: 8\n", 2},
    {"", "timeouts: {}\n", 0},
    {"", "timeouts: {command: 2s}\n", 1},
    {"", "timeouts: {data: 2s}\n", 2},
    {"tls: {certificate: /a}\n", "tls: {certificate: /b}\n", 2},
    {"servers: {a: {weight: 1}}\n", "servers: {a: {weight: 1}}\n", 0},
    {"servers: {a: {weight: 1}}\n", "servers: {a: {weight: 2}}\n", 2},
    {"servers: {a: {weight: 1}}\n", "servers: {b: {weight: 1}}\n", 2},
    {"servers: {a: {weight: 1}}\n", "", 2},
    {"peers: {a: {data: 1s}}\n", "peers: {b: {data: 2s}, c: {}}\n", 1},
    {"names: [a, b]\n", "names: [a, c]\n", 2},
    {"names: [a, b]\n", "names: [a]\n", 2},
    {"names: [one, two]\n", "", 0},
    {"password: x\n", "password: x\n", 0},
    {"password: x\n", "password: y\n", 2},
    {"password: x\n", "", 2},
    {"folder: /x\n", "folder: /y\n", 2},
    {"colour: red\n", "colour: blue\n", 2},
};

static void tells_live_changes_from_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(changes); i++) {
        const struct mansio_settings *a = settings_of(changes[i].a);
        const struct mansio_settings *b = settings_of(changes[i].b);
        if (core_settings_compare(a, b) != changes[i].result ||
            core_settings_compare(b, a) != changes[i].result) {
            fail_msg("row %zu: %d, expected %d", i, core_settings_compare(a, b), changes[i].result);
        }
    }
}

static void other_tables_differ(void **state)
{
    (void)state;
    const struct mansio_settings *a = NULL;
    const struct mansio_settings *b = NULL;
    assert_int_equal(core_settings_check(arena, NULL, NULL, NULL, fixture_rows, 3, &a), 0);
    assert_int_equal(core_settings_check(arena, NULL, NULL, NULL, fixture_rows, 4, &b), 0);
    assert_int_equal(core_settings_compare(a, b), 2);
    assert_int_equal(core_settings_check(arena, NULL, NULL, NULL, fixture_rows + 1, 3, &b), 0);
    assert_int_equal(core_settings_compare(a, b), 2);
}

static void stops_at_the_arena_cap(void **state)
{
    (void)state;
    struct mansio_arena *big = arena;
    struct mansio_buf *text = mansio_buf_new(big, 1 << 20);
    mansio_buf_printf(text, "peers:\n");
    for (int i = 0; i < 2000; i++) {
        mansio_buf_printf(text, "  p%d: {data: 1s}\n", i);
    }
    struct core_file file = {.path = "t", .dir = "/"};
    struct core_node *node = NULL;
    const struct mansio_settings *settings = NULL;
    size_t nodes_left = CORE_YAML_NODES_MAX;
    size_t count = 0;
    const struct mansio_setting *table = fixture_table(&count);
    assert_int_equal(core_yaml_parse(big, &file, mansio_buf_str(text), &nodes_left, &node), 0);
    struct mansio_arena *small = mansio_arena_new(NULL, "small", 65536);
    assert_int_equal(core_settings_check(small, NULL, node, NULL, table, count, &settings),
                     MANSIO_E_LIMIT);
    mansio_arena_free(small);
}

/* ---- mistakes in the caller stop the process ---------------------------------------------------
 */

static void read_undeclared(const struct mansio_settings *s)
{
    (void)mansio_settings_int(s, "nothing");
}

static void read_other_type(const struct mansio_settings *s)
{
    (void)mansio_settings_int(s, "greeting");
}

static void read_text_of_number(const struct mansio_settings *s)
{
    (void)mansio_settings_str(s, "number");
}

static void read_beyond_list(const struct mansio_settings *s)
{
    (void)mansio_settings_item(s, "names", 2);
}

static void read_beyond_map(const struct mansio_settings *s)
{
    (void)mansio_settings_entry(s, "servers", 0, NULL);
}

static void stops_on_programming_mistakes(void **state)
{
    (void)state;
    static const struct {
        void (*make)(const struct mansio_settings *s);
        const char *said;
    } mistakes[] = {
        {read_undeclared, "setting \"nothing\" is not in the table"},
        {read_other_type, "setting \"greeting\" is read as another type"},
        {read_text_of_number, "setting \"number\" is read as another type"},
        {read_beyond_list, "index"},
        {read_beyond_map, "index"},
    };
    const struct mansio_settings *s = settings_of("");
    for (size_t i = 0; i < MANSIO_COUNT(mistakes); i++) {
        int ends[2];
        char said[512] = "";
        assert_int_equal(pipe(ends), 0);
        fflush(stdout);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            struct rlimit none = {0, 0};
            setrlimit(RLIMIT_CORE, &none);
            signal(SIGABRT, SIG_DFL);
            if (dup2(ends[1], STDERR_FILENO) >= 0) {
                mistakes[i].make(s);
            }
            _exit(0);
        }
        int status = 0;
        close(ends[1]);
        assert_true(read(ends[0], said, sizeof said - 1) > 0);
        close(ends[0]);
        assert_non_null(strstr(said, mistakes[i].said));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_defaults),
        cmocka_unit_test(gives_what_the_file_says),
        cmocka_unit_test(refuses_with_place_and_words),
        cmocka_unit_test(tells_all_in_order),
        cmocka_unit_test(tells_the_first_twenty),
        cmocka_unit_test(keeps_secrets_out_of_messages),
        cmocka_unit_test(says_where_settings_should_be),
        cmocka_unit_test(modules_refuse),
        cmocka_unit_test(tells_live_changes_from_others),
        cmocka_unit_test(other_tables_differ),
        cmocka_unit_test(stops_at_the_arena_cap),
        cmocka_unit_test(stops_on_programming_mistakes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
