/*
 * What unit tests of this module's parsers share: a cursor over a text, in an arena that the test
 * program ends.
 */
#ifndef MANSIO_MODULES_IMAP_TESTING_H
#define MANSIO_MODULES_IMAP_TESTING_H

#include "core/base/testing.h"

#include "parse.h"
#include <mansio/error.h>
#include <mansio/str.h>

static inline struct imap_cursor imap_test_cursor(struct mansio_arena *arena,
                                                  struct mansio_str text)
{
    return (struct imap_cursor){text.ptr, text.ptr, text.ptr + text.len, arena};
}

/* An arena for each test, as cmocka's setup and teardown. */
static inline int imap_test_begin(void **state)
{
    *state = mansio_arena_new(NULL, "imap.test", 1 << 20);
    return 0;
}

static inline int imap_test_end(void **state)
{
    mansio_arena_free(*state);
    return 0;
}

#define IMAP_TEST(fn) cmocka_unit_test_setup_teardown(fn, imap_test_begin, imap_test_end)

#endif
