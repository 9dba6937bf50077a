/*
 * Test of contrib/gdb/mansio-gdb.py. This program is both sides: without argument it runs gdb
 * on itself, with "subject" it is what gdb looks at. Needs gdb.
 */
#include "config.h"

#include "core/loop/testing.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/sanitize.h"
#include "core/loop/stack.h"

#include <mansio/arena.h>
#include <mansio/error.h>

/* ---- the subject: three fibers wait, one is ready, one runs into the breakpoint ---- */

static const struct core_log_fields fields = {
    .module = {"weaver", 6},
    .instance = {"first", 5},
    .session = {"s42", 3},
};

__attribute__((noinline)) static int wait_inner(struct mansio_event *event)
{
    struct mansio_waitable *source = mansio_event_waitable(event);
    volatile int rc = mansio_wait(&source, 1, MANSIO_NEVER, MANSIO_WAIT_IDLE);
    return rc;
}

__attribute__((noinline)) static int wait_outer(void *arg)
{
    volatile int rc = wait_inner(arg);
    return rc;
}

__attribute__((noinline)) static int sleep_long(void *arg)
{
    (void)arg;
    volatile int rc = mansio_fiber_sleep_until(MANSIO_NEVER);
    return rc;
}

__attribute__((noinline, used)) static void gdb_stops_here(void)
{
    __asm__ volatile("");
}

static int subject(void *arg)
{
    struct mansio_event *event = mansio_event_new(arg);
    struct mansio_group *group = mansio_group_new("subjects");
    CHECK(mansio_group_spawn(group, "waiter", wait_outer, event, NULL) == 0);
    core_context_current()->fields = &fields;
    CHECK(mansio_group_spawn(group, "waiter", wait_outer, event, NULL) == 0);
    core_context_current()->fields = NULL;
    CHECK(mansio_group_spawn(group, "sleeper", sleep_long, NULL, NULL) == 0);
    CHECK(mansio_fiber_yield() == 0);
    CHECK(mansio_group_spawn(group, "fresh", sleep_long, NULL, NULL) == 0);
    gdb_stops_here();
    mansio_event_set(event);
    mansio_group_close(group);
    return 0;
}

static int run_subject(void)
{
    /* gdb's own core files (unlike the kernel's) end a mapping at the first byte that can't be
     * read, which is the lowest guard marker: so guards are mappings of their own here. */
    core_stack_force_mprotect(true);
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    run_fiber(subject, arena);
    mansio_arena_free(arena);
    (void)!write(1, "subject ended well\n", 19);
    return 0;
}

/* ---- the test ---- */

static char self[4096], script[4096], core_file[4200];

/* What gdb says when run with these arguments. */
static char *run_gdb(const char *const arguments[])
{
    const char *argv[40] = {"gdb", "-batch",      "-nx", "-ex", "set debuginfod enabled off",
                            "-ex", "set width 0", "-x",  script};
    size_t count = 9;
    for (size_t i = 0; arguments[i] != NULL; i++) {
        argv[count++] = arguments[i];
    }
    argv[count] = NULL;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        close(ends[0]);
        (void)alarm(120);
        (void)execvp("gdb", (char *const *)(uintptr_t)argv);
        (void)!write(2, "gdb is missing\n", 15);
        _exit(127);
    }
    close(ends[1]);
    size_t length = 0, size = 1 << 20;
    char *said = calloc(1, size);
    ssize_t got = 0;
    while ((got = read(ends[0], said + length, size - 1 - length)) > 0) {
        length += (size_t)got;
    }
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return said;
}

static void expect(const char *said, const char *part)
{
    if (strstr(said, part) == NULL) {
        print_message("# missing: %s\n# in: %s\n", part, said);
    }
    assert_non_null(strstr(said, part));
}

static size_t count_of(const char *said, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(said, part); at != NULL; at = strstr(at + 1, part)) {
        count++;
    }
    return count;
}

static void expect_list(const char *said)
{
    expect(said, "#1 root: running");
    expect(said, "#2 waiter: waiting in event\n");
    expect(said, "#3 waiter: waiting in event  [weaver/first/s42]\n");
    expect(said, "#4 sleeper: waiting in sleep\n");
    expect(said, "#5 fresh: ready\n");
    expect(said, "5 fibers\n");
}

static void a_live_process_shows_its_fibers(void **state)
{
    (void)state;
    static char dump[4300];
    snprintf(dump, sizeof dump, "generate-core-file %s", core_file);
    if (CORE_ASAN) { /* its shadow is some terabytes: no core file */
        snprintf(dump, sizeof dump, "echo no core file\\n");
    }
    char *said = run_gdb((const char *const[]){
        "-ex", "set environment ASAN_OPTIONS detect_leaks=0", "-ex", "break gdb_stops_here", "-ex",
        "run", "-ex", dump, "-ex", "mansio fibers", "-ex", "mansio fibers bt", "-ex", "continue",
        "--args", self, "subject", NULL});
    expect_list(said);
    assert_int_equal(count_of(said, "wait_inner ("), 2);
    assert_int_equal(count_of(said, "wait_outer ("), 2);
    assert_true(count_of(said, "sleep_long (") == 1);
    expect(said, "fiber_main (");
    expect(said, "gdb_test.c:");
    expect(said, "subject ended well"); /* its registers are its own again */
    free(said);
}

static void a_core_file_shows_them_too(void **state)
{
    (void)state;
    if (CORE_ASAN) {
        skip(); /* see above; nothing here differs in such builds */
    }
    char *said = run_gdb((const char *const[]){"-ex", "mansio fibers", "-ex",
                                               "mansio fibers bt waiter", self, core_file, NULL});
    expect_list(said);
    assert_int_equal(count_of(said, "in wait_inner ("), 2);
    assert_int_equal(count_of(said, "in wait_outer ("), 2);
    assert_int_equal(count_of(said, "in sleep_long ("), 0);
    free(said);
}

static void without_fibers_it_says_so(void **state)
{
    (void)state;
    char *said = run_gdb((const char *const[]){"-ex", "mansio fibers", "/bin/true", NULL});
    expect(said, "no fibers here");
    free(said);
}

static int set_up(void **state)
{
    (void)state;
    const char *source = getenv("MANSIO_SRCDIR");
    const char *build = getenv("MANSIO_BUILDDIR");
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (source == NULL || build == NULL || length <= 0) {
        print_message("# run by make check: MANSIO_SRCDIR and MANSIO_BUILDDIR tell where\n");
        return -1;
    }
    snprintf(script, sizeof script, "%s/contrib/gdb/mansio-gdb.py", source);
    snprintf(core_file, sizeof core_file, "%s/core/loop/gdb_test.core.%d", build, (int)getpid());
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(core_file);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "subject") == 0) {
        return run_subject();
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_live_process_shows_its_fibers),
        cmocka_unit_test(a_core_file_shows_them_too),
        cmocka_unit_test(without_fibers_it_says_so),
    };
    return cmocka_run_group_tests_name("gdb", tests, set_up, tear_down);
}
