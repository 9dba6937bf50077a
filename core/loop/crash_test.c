/* Tests of crash.c: children that die, and what they say last. */
#include "config.h"

#include "core/loop/testing.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/sanitize.h"
#include "core/loop/fiber.h"

#include <mansio/offload.h>

#ifdef HAVE_VALGRIND_VALGRIND_H
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

static int out; /* the pipe to the test */

static void say(const char *what, const struct core_context *holder)
{
    char text[128];
    size_t length = 0;
    const char *parts[] = {what, " ", holder->name, " ",
                           holder->fields == NULL ? "-" : holder->fields->module.ptr};
    for (size_t i = 0; i < 5; i++) {
        size_t size = strlen(parts[i]);
        memcpy(text + length, parts[i], size);
        length += size;
    }
    (void)!write(out, text, length);
}

static void on_overflow(const struct core_context *holder)
{
    say("overflow", holder);
}

static void on_crash(const struct core_context *holder, int number)
{
    say(number == SIGSEGV   ? "segv"
        : number == SIGABRT ? "abort"
        : number == SIGFPE  ? "fpe"
                            : "other",
        holder);
}

/* Each frame is used after the call, or the compiler would make a loop of it. */
__attribute__((noinline)) static int recurse(int depth, const volatile char *above)
{
    volatile char room[3000];
    for (size_t i = 0; i < sizeof room; i++) {
        room[i] = (char)(depth + 1);
    }
    int below = depth > 0 ? recurse(depth - 1, room) : 0;
    return below / 2 + room[1] + above[0];
}

static int deep(void *arg)
{
    (void)arg;
    return recurse(100000, "");
}

/* As a frame does that is larger than a page and not probed: over the edge by 40 KiB. */
static int far(void *arg)
{
    (void)arg;
    char *low = mansio_fiber_self()->stack.low;
    *(volatile char *)(low - 40 * 1024) = 1;
    return 0;
}

static char *volatile nowhere = (char *)64; /* UBSan looks for NULL itself */

static int write_nowhere(void *arg)
{
    (void)arg;
    *nowhere = 1;
    return 0;
}

static int give_up(void *arg)
{
    (void)arg;
    abort();
}

static int killed(void *arg)
{
    (void)arg;
    (void)kill(getpid(), SIGFPE);
    return 0;
}

static int crash_in_a_thread(void *arg)
{
    (void)arg;
    return mansio_offload(write_nowhere, NULL, MANSIO_NEVER, NULL);
}

static int sleep_briefly(void *arg)
{
    (void)arg;
    return mansio_fiber_sleep_until(1);
}

static int wait_in_a_thread(void *arg)
{
    (void)arg;
    return mansio_offload(sleep_briefly, NULL, MANSIO_NEVER, NULL);
}

static int watch_what_is_closed(void *arg)
{
    (void)arg;
    struct mansio_arena *arena = mansio_arena_new(NULL, "watch", 0);
    struct mansio_waitable *watch = mansio_fd_watch(arena, 9999, MANSIO_FD_READ);
    return mansio_wait(&watch, 1, MANSIO_NEVER, 0);
}

static const struct core_log_fields fields = {.module = {"vandal", 6}};

static int child(int (*fn)(void *))
{
    const struct core_loop_options options = {
        .fibers_max = 10,
        .offload_threads = 1,
        .offload_queue_max = 1,
        .on_overflow = on_overflow,
        .on_crash = on_crash,
    };
    if (core_loop_init(&options) != 0) {
        return 1;
    }
    core_context_current()->fields = &fields;
    struct mansio_group *group = mansio_group_new("victims");
    if (mansio_group_spawn(group, "victim", fn, NULL, NULL) != 0) {
        return 1;
    }
    core_loop_run();
    return 0;
}

/* Run fn in a fiber of a child process; returns how it died, and what it said. */
static int die(int (*fn)(void *), char *said, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        close(2); /* sanitizers report at length */
        out = ends[1];
        (void)alarm(60);
        (void)signal(SIGSEGV, SIG_DFL); /* cmocka has handlers of its own */
        (void)signal(SIGFPE, SIG_DFL);
        _exit(child(fn));
    }
    close(ends[1]);
    size_t length = 0;
    ssize_t got = 0;
    while ((got = read(ends[0], said + length, size - 1 - length)) > 0) {
        length += (size_t)got;
    }
    said[length] = '\0';
    close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void each_death_names_its_holder(void **state)
{
    (void)state;
    static const struct {
        int (*fn)(void *);
        int signal_number;
        const char *says;
        int is_endless_in_valgrind; /* it retries such a fault for ever instead of dying */
    } cases[] = {
        {deep, SIGSEGV, "overflow victim vandal", 0},
        {far, SIGSEGV, "overflow victim vandal", 1},
        {write_nowhere, SIGSEGV, "segv victim vandal", 0},
        {give_up, SIGABRT, "abort victim vandal", 0},
        {killed, SIGFPE, "fpe victim vandal", 0},
        {crash_in_a_thread, SIGSEGV, "segv offload vandal", 1},
        {wait_in_a_thread, SIGABRT, "abort offload vandal", 0},
        {watch_what_is_closed, SIGABRT, "abort victim vandal", 0},
    };
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        char said[256];
        if (RUNNING_ON_VALGRIND && cases[i].is_endless_in_valgrind) {
            continue;
        }
        int status = die(cases[i].fn, said, sizeof said);
        if (strcmp(said, cases[i].says) != 0) {
            print_message("# case %zu\n", i);
        }
        assert_string_equal(said, cases[i].says);
        if (CORE_ASAN) { /* reports, and then ends as it likes */
            assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        } else {
            assert_true(WIFSIGNALED(status));
            assert_int_equal(WTERMSIG(status), cases[i].signal_number);
        }
    }
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void handlers_are_put_back(void **state)
{
    (void)state;
    struct sigaction before, after;
    assert_int_equal(sigaction(SIGSEGV, NULL, &before), 0);
    const struct core_loop_options options = {.fibers_max = 10, .on_overflow = on_overflow};
    run_fiber_with(&options, nothing, NULL);
    assert_int_equal(sigaction(SIGSEGV, NULL, &after), 0);
    assert_true(before.sa_handler == after.sa_handler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_death_names_its_holder),
        cmocka_unit_test(handlers_are_put_back),
    };
    return cmocka_run_group_tests_name("crash", tests, NULL, NULL);
}
