/*
 * The interface "record", version 1, as three generations of callers know it: tables grow at the
 * end only.
 */
#ifndef MANSIO_TESTS_MODULES_RECORDER_H
#define MANSIO_TESTS_MODULES_RECORDER_H

#include <mansio/module.h>

typedef int (*record_fn)(struct mansio_instance *instance);

struct record_short {
    size_t size;
    record_fn one;
};

struct record_table {
    size_t size;
    record_fn one, two, three;
};

struct record_long {
    size_t size;
    record_fn one, two, three, four, five;
};

#endif
