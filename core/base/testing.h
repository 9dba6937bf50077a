/*
 * What unit tests of every layer share: cmocka with what it needs, and the two kinds of failure
 * that need help to be seen, a stopped worker and a heap without memory. Only x_test.c files
 * include this. cmocka's asserts jump: never use them inside a fiber.
 */
#ifndef MANSIO_CORE_BASE_TESTING_H
#define MANSIO_CORE_BASE_TESTING_H

#include "core/base/alloc.h"
#include <mansio/base.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A slice holds exactly the bytes of a literal or NUL-terminated text. */
static inline void core_test_str(struct mansio_str s, const char *wanted)
{
    assert_int_equal(s.len, strlen(wanted));
    if (s.len > 0) {
        assert_memory_equal(s.ptr, wanted, s.len);
    }
}

/* A slice of a NUL-terminated text; NULL gives none. */
static inline struct mansio_str core_test_slice(const char *text)
{
    return (struct mansio_str){text, text != NULL ? strlen(text) : 0};
}

/*
 * @p fn stops the worker: it runs in a child, which must die of SIGABRT after writing @p wanted to
 * its standard error.
 */
static inline void core_test_stops(void (*fn)(void *), void *arg, const char *wanted)
{
    char text[2048] = "";
    size_t length = 0;
    ssize_t count;
    int ends[2];
    int status = 0;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_DUMPABLE, 0); /* no core file */
        (void)signal(SIGABRT, SIG_DFL);  /* cmocka has a handler of its own */
        (void)dup2(ends[1], STDERR_FILENO);
        fn(arg);
        _exit(0);
    }
    (void)close(ends[1]);
    while ((count = read(ends[0], text + length, sizeof text - 1 - length)) > 0) {
        length += (size_t)count;
    }
    text[length] = '\0';
    (void)close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || strstr(text, wanted) == NULL) {
        print_error("status %d, wanted SIGABRT and \"%s\" in: %s\n", status, wanted, text);
        fail();
    }
}

/* Number of heap allocations that the core makes in a call of @p fn. */
static inline uint64_t core_test_count_allocations(void (*fn)(void *), void *arg)
{
    const uint64_t plenty = UINT64_C(1) << 40;

    (void)core_alloc_fail_at(plenty);
    fn(arg);
    return plenty - core_alloc_fail_at(0);
}

#endif
