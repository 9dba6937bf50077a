/*
 * For the unit tests of this layer and those above it: run a function as the first fiber of a
 * fresh loop, and collect what it found. cmocka's asserts leave by longjmp(), which must not happen
 * on a fiber's stack; so fibers note failures with CHECK, and the test asserts after the loop.
 */
#ifndef MANSIO_CORE_LOOP_TESTING_H
#define MANSIO_CORE_LOOP_TESTING_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "core/loop/loop.h"

#include <mansio/fiber.h>
#include <mansio/time.h>

static int testing_failures;

/* In fibers and callbacks, where assert_true() can't be. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            testing_failures++;                                                                    \
            print_message("# %s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
        }                                                                                          \
    } while (0)

static struct mansio_group *testing_group;
static int (*testing_fn)(void *arg);

static inline int testing_root(void *arg)
{
    int result = testing_fn(arg);
    core_loop_stop();
    return result;
}

/* Run fn(arg) as fiber "root" until it returns; all it started must have ended by then. */
static inline void run_fiber_with(const struct core_loop_options *options, int (*fn)(void *arg),
                                  void *arg)
{
    testing_failures = 0;
    testing_fn = fn;
    assert_int_equal(core_loop_init(options), 0);
    testing_group = mansio_group_new("test");
    assert_int_equal(mansio_group_spawn(testing_group, "root", testing_root, arg, NULL), 0);
    core_loop_run();
    assert_int_equal(mansio_group_count(testing_group), 0);
    mansio_group_close(testing_group);
    assert_int_equal(core_loop_fini(), 0);
    assert_int_equal(testing_failures, 0);
}

static inline void run_fiber(int (*fn)(void *arg), void *arg)
{
    const struct core_loop_options options = {
        .fibers_max = 1000,
        .stacks_kept_max = 16,
        .offload_threads = 2,
        .offload_queue_max = 8,
    };
    run_fiber_with(&options, fn, arg);
}

#endif
