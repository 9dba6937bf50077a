/*
 * Log lines: what they look like whatever goes in, and what happens when nobody reads them.
 */
#include <config.h>

#include "core/host/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "core/base/time.h"

#include "core/host/log_line.h"

static struct mansio_arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = mansio_arena_new(NULL, "test", 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mansio_arena_free(arena);
    return 0;
}

static const struct core_log_fields some_fields = {
    .module = {"smtp", 4}, .instance = {"mx in", 5}, .session = {"abc", 3}};
static const struct core_context some_context = {.name = "conn", .fields = &some_fields};

static struct mansio_str format(uint32_t kind, const struct core_context *context,
                                const char *event, ...)
{
    const struct core_log_options options = {
        .format = kind, .level = MANSIO_LOG_DEBUG, .process = "worker", .generation = 3};
    struct mansio_buf *buf = mansio_buf_new(arena, 16384);
    va_list pairs;
    va_start(pairs, event);
    core_log_format(buf, &options, context, INT64_C(1763773323456789), MANSIO_LOG_INFO, event,
                    pairs);
    va_end(pairs);
    assert_int_equal(mansio_buf_status(buf), 0);
    struct mansio_str line = mansio_buf_str(buf);
    assert_true(line.len > 0 && line.len <= CORE_LINE_MAX);
    assert_int_equal(line.ptr[line.len - 1], '\n');
    return line;
}

/* The line without what the core puts in front of pairs, and without its end. */
static struct mansio_str tail(struct mansio_str line)
{
    ptrdiff_t at = mansio_str_find(line, MANSIO_STR("generation=3 "));
    assert_true(at >= 0);
    return mansio_str_sub(line, (size_t)at + 13, line.len - (size_t)at - 14);
}

static void assert_str(struct mansio_str found, const char *wanted)
{
    if (!mansio_str_eq(found, mansio_str_from_cstr(wanted))) {
        fail_msg("wanted: %s\nfound:  %.*s", wanted, MANSIO_STR_ARG(found));
    }
}

static json_t *parse(struct mansio_str line)
{
    json_error_t error;
    json_t *json = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        fail_msg("%s in: %.*s", error.text, MANSIO_STR_ARG(line));
    }
    return json;
}

static void assert_json(const json_t *json, const char *key, const char *wanted)
{
    assert_non_null(json_object_get(json, key));
    assert_string_equal(json_string_value(json_object_get(json, key)), wanted);
}

static void test_head(void **state)
{
    (void)state;
    char wanted[256];
    (void)snprintf(wanted, sizeof wanted,
                   "time=2025-11-22T01:02:03.456789Z level=info event=delivered process=worker "
                   "pid=%ld generation=3 module=smtp instance=\"mx in\" session=abc fiber=conn "
                   "n=5\n",
                   (long)getpid());
    assert_str(
        format(CORE_LOG_LOGFMT, &some_context, "delivered", MANSIO_KV_INT("n", 5), MANSIO_KV_END),
        wanted);

    json_t *json = parse(
        format(CORE_LOG_JSON, &some_context, "delivered", MANSIO_KV_INT("n", 5), MANSIO_KV_END));
    assert_json(json, "time", "2025-11-22T01:02:03.456789Z");
    assert_json(json, "level", "info");
    assert_json(json, "event", "delivered");
    assert_json(json, "process", "worker");
    assert_int_equal(json_integer_value(json_object_get(json, "pid")), getpid());
    assert_int_equal(json_integer_value(json_object_get(json, "generation")), 3);
    assert_json(json, "module", "smtp");
    assert_json(json, "instance", "mx in");
    assert_json(json, "session", "abc");
    assert_json(json, "fiber", "conn");
    assert_int_equal(json_integer_value(json_object_get(json, "n")), 5);
    json_decref(json);
}

static void test_kinds(void **state)
{
    (void)state;
    struct core_context context = {.name = NULL};
    char detail[] = "read x: gone";
    context.detail = detail;
    assert_str(tail(format(CORE_LOG_LOGFMT, &context, "e", MANSIO_KV_STR("s", MANSIO_STR("v")),
                           MANSIO_KV_CSTR("c", "w"), MANSIO_KV_CSTR("null", NULL),
                           MANSIO_KV_INT("min", INT64_MIN), MANSIO_KV_INT("max", INT64_MAX),
                           MANSIO_KV_DURATION("d", 1234567), MANSIO_KV_DURATION("neg", -5),
                           MANSIO_KV_CODE("ok", 0), MANSIO_KV_CODE("code", MANSIO_E_TIMEOUT),
                           MANSIO_KV_CODE("again", MANSIO_E_IO), MANSIO_KV_END)),
               "s=v c=w null=\"\" min=-9223372036854775808 max=9223372036854775807 d=1.234567 "
               "neg=-0.000005 ok=ok code=timeout detail=\"read x: gone\" again=io");
}

static void test_escapes(void **state)
{
    (void)state;
    const struct {
        const char *bytes;
        size_t len;
        const char *logfmt; /* after "v=" */
        const char *json;   /* as a reader sees it */
    } cases[] = {
        {"", 0, "\"\"", ""},
        {"plain", 5, "plain", "plain"},
        {"a b", 3, "\"a b\"", "a b"},
        {"a=b", 3, "\"a=b\"", "a=b"},
        {"q\"q", 3, "\"q\\\"q\"", "q\"q"},
        {"b\\b", 3, "\"b\\\\b\"", "b\\b"},
        {"\r\n\t", 3, "\"\\r\\n\\t\"", "\r\n\t"},
        {"\0\x01\x1b", 3, "\"\\x00\\x01\\x1b\"", "\xef\xbf\xbd\x01\x1b"},
        {"\x7f", 1, "\"\\x7f\"", "\x7f"},
        {"gr\xc3\xbc\xc3\x9f", 6, "\"gr\xc3\xbc\xc3\x9f\"", "gr\xc3\xbc\xc3\x9f"},
        {"\xf0\x9f\x93\xa7", 4, "\"\xf0\x9f\x93\xa7\"", "\xf0\x9f\x93\xa7"},
        /* C1 controls, separators and direction overrides are no harmless text */
        {"\xc2\x9b", 2, "\"\\u009b\"", "\xc2\x9b"},
        {"\xe2\x80\xae", 3, "\"\\u202e\"", "\xe2\x80\xae"},
        {"\xe2\x80\xa8", 3, "\"\\u2028\"", "\xe2\x80\xa8"},
        {"\xf0\x9f\xbf\xbe", 4, "\"\\ud83f\\udffe\"", "\xf0\x9f\xbf\xbe"},
        /* not UTF-8: alone, cut off, overlong, surrogate, above the range */
        {"\xff", 1, "\"\\xff\"", "\xef\xbf\xbd"},
        {"\xc3", 1, "\"\\xc3\"", "\xef\xbf\xbd"},
        {"\xe2\x82", 2, "\"\\xe2\\x82\"", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xc0\xaf", 2, "\"\\xc0\\xaf\"", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", 3, "\"\\xed\\xa0\\x80\"", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf4\x90\x80\x80", 4, "\"\\xf4\\x90\\x80\\x80\"",
         "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"a\xffz", 3, "\"a\\xffz\"", "a\xef\xbf\xbdz"},
    };
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        struct mansio_str value = {cases[i].bytes, cases[i].len};
        char wanted[128];
        (void)snprintf(wanted, sizeof wanted, "v=%s", cases[i].logfmt);
        assert_str(
            tail(format(CORE_LOG_LOGFMT, NULL, "e", MANSIO_KV_STR("v", value), MANSIO_KV_END)),
            wanted);
        json_t *json =
            parse(format(CORE_LOG_JSON, NULL, "e", MANSIO_KV_STR("v", value), MANSIO_KV_END));
        assert_json(json, "v", cases[i].json);
        json_decref(json);
    }
}

static void test_keys_are_cleaned(void **state)
{
    (void)state;
    assert_str(tail(format(CORE_LOG_LOGFMT, NULL, "e", MANSIO_KV_INT("a b=\"\n", 1),
                           MANSIO_KV_INT("", 2), MANSIO_KV_INT(NULL, 3), MANSIO_KV_END)),
               "a_b___=1 _=2 _=3");
    /* None passes for what the core says. */
    json_t *json =
        parse(format(CORE_LOG_JSON, &some_context, "e", MANSIO_KV_CSTR("session", "forged"),
                     MANSIO_KV_CSTR("level", "error"), MANSIO_KV_END));
    assert_json(json, "session", "abc");
    assert_json(json, "session_", "forged");
    assert_json(json, "level", "info");
    json_decref(json);
}

static void test_long_values_are_cut(void **state)
{
    (void)state;
    char filler[3000];
    memset(filler, 'x', sizeof filler);
    struct mansio_str line =
        format(CORE_LOG_LOGFMT, NULL, "e", MANSIO_KV_STR("v", ((struct mansio_str){filler, 1024})),
               MANSIO_KV_END);
    assert_int_equal(mansio_str_find(line, MANSIO_STR("...[+")), -1);
    line = format(CORE_LOG_LOGFMT, NULL, "e",
                  MANSIO_KV_STR("v", ((struct mansio_str){filler, sizeof filler})), MANSIO_KV_END);
    assert_true(mansio_str_find(line, MANSIO_STR("xxx...[+1976]\"\n")) > 0);
    /* not inside a character */
    memcpy(filler + 1022, "\xe2\x82\xac", 3);
    json_t *json = parse(format(CORE_LOG_JSON, NULL, "e",
                                MANSIO_KV_STR("v", ((struct mansio_str){filler, sizeof filler})),
                                MANSIO_KV_END));
    const char *value = json_string_value(json_object_get(json, "v"));
    assert_string_equal(value + 1022, "...[+1978]");
    json_decref(json);
}

static void test_long_lines_are_cut(void **state)
{
    (void)state;
    char filler[900];
    memset(filler, 1, sizeof filler); /* four times as long in logfmt, six times in JSON */
    struct mansio_str value = {filler, sizeof filler};
    for (uint32_t kind = CORE_LOG_LOGFMT; kind <= CORE_LOG_JSON; kind++) {
        struct mansio_str line =
            format(kind, &some_context, "e", MANSIO_KV_STR("a", value), MANSIO_KV_STR("b", value),
                   MANSIO_KV_STR("c", value), MANSIO_KV_INT("d", 4), MANSIO_KV_END);
        if (kind == CORE_LOG_JSON) {
            json_t *json = parse(line);
            assert_int_equal(json_integer_value(json_object_get(json, "missing")), 2);
            assert_int_equal(json_integer_value(json_object_get(json, "d")), 4);
            json_decref(json);
        } else {
            assert_true(mansio_str_ends(line, MANSIO_STR(" d=4 missing=1\n")));
        }
    }
}

static void test_unknown_kind_ends_the_line(void **state)
{
    (void)state;
    struct mansio_str line =
        format(CORE_LOG_LOGFMT, NULL, "e", MANSIO_KV_INT("a", 1), 99, "b", 2, MANSIO_KV_END);
    assert_str(tail(line), "a=1 missing=1");
}

/* ---- writing -------------------------------------------------------------------------------- */

static char text[1 << 20]; /* what was read back */
static char page[4096];

static void configure(int fd, uint32_t level)
{
    const struct core_log_options options = {
        .format = CORE_LOG_LOGFMT, .level = level, .fd = fd, .process = "worker"};
    core_log_configure(&options);
}

static size_t drain(int fd, char *out, size_t room)
{
    size_t len = 0;
    while (len + 1 < room) {
        ssize_t n = read(fd, out + len, room - len - 1);
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
    }
    out[len] = '\0';
    return len;
}

static void test_levels(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    configure(ends[1], MANSIO_LOG_WARNING);
    assert_int_equal(mansio_log_enabled(MANSIO_LOG_ERROR), 1);
    assert_int_equal(mansio_log_enabled(MANSIO_LOG_INFO), 0);
    errno = 123;
    mansio_log(MANSIO_LOG_INFO, "quiet", MANSIO_KV_END);
    mansio_log(MANSIO_LOG_WARNING, "heard", MANSIO_KV_END);
    assert_int_equal(errno, 123);
    configure(ends[1], MANSIO_LOG_DEBUG);
    mansio_log(MANSIO_LOG_DEBUG, "fine", MANSIO_KV_END);
    core_log_as(&some_context, MANSIO_LOG_INFO, "other", MANSIO_KV_END);
    core_log_hold(&some_context, 25000);
    (void)drain(ends[0], text, sizeof text);
    assert_null(strstr(text, "quiet"));
    assert_non_null(strstr(text, "level=warning event=heard"));
    assert_non_null(strstr(text, "level=debug event=fine"));
    assert_non_null(strstr(text, "event=other"));
    assert_non_null(strstr(text, "session=abc fiber=conn held=0.025000\n"));
    configure(STDERR_FILENO, MANSIO_LOG_INFO);
    close(ends[0]);
    close(ends[1]);
}

/* Reads all there is. Every line begins as lines do; those that tell of dropped ones are summed. */
static void read_lines(int fd, size_t *out_lines, uint64_t *out_told)
{
    size_t got;
    *out_lines = 0;
    *out_told = 0;
    while ((got = drain(fd, text, sizeof text)) > 0) {
        struct mansio_str rest = {text, got};
        struct mansio_str line;
        assert_int_equal(text[got - 1], '\n');
        while (mansio_str_split(&rest, '\n', &line) && line.len > 0) {
            uint64_t told = 0;
            assert_true(mansio_str_starts(line, MANSIO_STR("time=")));
            *out_lines += 1;
            if (mansio_str_find(line, MANSIO_STR("event=dropped")) > 0) {
                ptrdiff_t at = mansio_str_find(line, MANSIO_STR(" lines="));
                assert_int_equal(
                    mansio_parse_u64(mansio_str_sub(line, (size_t)at + 7, SIZE_MAX), 1000, &told),
                    0);
                *out_told += told;
                *out_lines -= 1;
            }
        }
    }
}

/* Nobody reads: lines are dropped without waiting, and told of later, whole lines only. */
static void check_full(int reader, int writer)
{
    char filler[700];
    uint64_t before = core_log_dropped();
    size_t logged = 0;
    size_t lines = 0;
    size_t lines_after = 0;
    uint64_t told = 0;
    uint64_t told_after = 0;
    memset(filler, 'x', sizeof filler);
    configure(writer, MANSIO_LOG_INFO);
    for (; core_log_dropped() < before + 3 && logged < 100000; logged++) {
        mansio_log(MANSIO_LOG_INFO, "fill",
                   MANSIO_KV_STR("v", ((struct mansio_str){filler, sizeof filler})), MANSIO_KV_END);
    }
    assert_int_equal(core_log_dropped(), before + 3);
    read_lines(reader, &lines, &told);
    assert_int_equal(lines, logged - 3);
    mansio_log(MANSIO_LOG_INFO, "after", MANSIO_KV_END);
    read_lines(reader, &lines_after, &told_after);
    assert_int_equal(lines_after, 1);
    assert_int_equal(told + told_after, 3);
    assert_int_equal(core_log_dropped(), before + 3);
    configure(STDERR_FILENO, MANSIO_LOG_INFO);
}

static void test_full_pipe_drops(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, 0), 0); /* blocking: the log takes care of itself */
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    check_full(ends[0], ends[1]);
    assert_false(fcntl(ends[1], F_GETFL) & O_NONBLOCK); /* others' view is as it was */
    close(ends[0]);
    close(ends[1]);
}

static void test_full_socket_drops(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    check_full(ends[0], ends[1]);
    close(ends[0]);
    close(ends[1]);
}

/* A write that stops inside a line doesn't take the next line with it. */
static void test_torn_line_is_ended(void **state)
{
    (void)state;
    char filler[1000];
    int ends[2];
    memset(filler, 1, sizeof filler); /* 4,000 bytes each: a line longer than PIPE_BUF */
    struct mansio_str value = {filler, sizeof filler};
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    uint64_t before = core_log_dropped();
    configure(ends[1], MANSIO_LOG_INFO);
    /* Leaves less than two pages: of the long line, one goes in. */
    for (int i = 0; i < 15; i++) {
        memset(page, 'p', sizeof page);
        page[sizeof page - 1] = '\n';
        assert_int_equal(write(ends[1], page, sizeof page), (ssize_t)sizeof page);
    }
    mansio_log(MANSIO_LOG_INFO, "torn", MANSIO_KV_STR("a", value), MANSIO_KV_STR("b", value),
               MANSIO_KV_END);
    assert_int_equal(core_log_dropped(), before + 1);
    size_t got = drain(ends[0], text, sizeof text);
    assert_true(got > 15 * 4096);
    assert_true(text[got - 1] != '\n');
    mansio_log(MANSIO_LOG_INFO, "next", MANSIO_KV_END);
    mansio_log(MANSIO_LOG_INFO, "last", MANSIO_KV_END);
    (void)drain(ends[0], text, sizeof text);
    assert_int_equal(text[0], '\n');
    assert_int_equal(strncmp(text + 1, "time=", 5), 0);
    assert_non_null(strstr(text, "event=dropped"));
    assert_non_null(strstr(text, "\ntime="));
    assert_null(strstr(text + 1, "\n\n"));
    configure(STDERR_FILENO, MANSIO_LOG_INFO);
    close(ends[0]);
    close(ends[1]);
}

/* A child dies as @p how says; what it wrote last. */
static int last_words(void (*how)(void))
{
    int ends[2];
    int status = 0;
    assert_int_equal(pipe2(ends, 0), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct core_context context = some_context;
        (void)core_context_swap(&context);
        configure(ends[1], MANSIO_LOG_WARNING);
        how();
        _exit(0);
    }
    assert_true(pid > 0);
    close(ends[1]);
    (void)drain(ends[0], text, sizeof text);
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void fail_assertion(void)
{
    MANSIO_ASSERT(1 + 1 == 3);
}

static void overflow(void)
{
    core_log_overflow(core_context_current());
    core_log_crash(core_context_current(), SIGSEGV); /* only the first is reported */
}

static void stick(void)
{
    core_log_stuck(core_context_current(), 100000);
    core_log_crash(NULL, SIGSEGV); /* a stuck one's report is not its last */
}

static void crash(void)
{
    core_log_crash(NULL, SIGBUS);
}

static void test_last_words(void **state)
{
    (void)state;
    int status = last_words(fail_assertion);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "level=error event=assertion process=worker pid="));
    assert_non_null(strstr(text, "module=smtp instance=\"mx in\" session=abc fiber=conn "
                                 "condition=\"1 + 1 == 3\" file="));
    assert_non_null(strstr(text, "function=fail_assertion\n"));

    (void)last_words(stick);
    assert_non_null(strstr(text, "level=warning event=loop-stuck process=worker pid="));
    assert_non_null(strstr(text, "fiber=conn held_longer_than=0.1"));
    assert_non_null(strstr(text, "event=crash"));

    (void)last_words(overflow);
    assert_non_null(strstr(text, "level=error event=stack-overflow"));
    assert_non_null(strstr(text, "session=abc fiber=conn\n"));
    assert_null(strstr(text, "crash"));

    (void)last_words(crash);
    assert_non_null(strstr(text, "event=crash"));
    assert_non_null(strstr(text, "signal=7 name=BUS\n"));
}

static int64_t gate_now_us;

static int64_t read_gate_clock(void *arg)
{
    (void)arg;
    return gate_now_us;
}

static void test_gate(void **state)
{
    (void)state;
    static const struct core_time_source source = {.now_us = read_gate_clock};
    struct core_log_gate gate = {0};
    uint64_t held_back = 77;
    gate_now_us = 5 * MANSIO_SECOND;
    core_time_set_source(&source);
    assert_true(core_log_pass(&gate, &held_back));
    assert_int_equal(held_back, 0);
    for (int i = 0; i < 1000; i++) {
        assert_false(core_log_pass(&gate, &held_back));
    }
    gate_now_us += MANSIO_SECOND - 1;
    assert_false(core_log_pass(&gate, &held_back));
    gate_now_us++;
    assert_true(core_log_pass(&gate, &held_back));
    assert_int_equal(held_back, 1001);
    gate_now_us += 3600 * MANSIO_SECOND;
    assert_true(core_log_pass(&gate, &held_back));
    assert_int_equal(held_back, 0);
    core_time_set_source(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_head, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kinds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_escapes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keys_are_cleaned, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_values_are_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_lines_are_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown_kind_ends_the_line, set_up, tear_down),
        cmocka_unit_test(test_gate),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_full_pipe_drops),
        cmocka_unit_test(test_full_socket_drops),
        cmocka_unit_test(test_torn_line_is_ended),
        cmocka_unit_test(test_last_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
