/*
 * What the unit tests of this layer share: an arena and a buffer for each test, and a check that
 * names the row of its table.
 */
#ifndef MANSIO_CORE_MAIL_TESTING_H
#define MANSIO_CORE_MAIL_TESTING_H

#include "core/base/testing.h"

#include <mansio/arena.h>
#include <mansio/buf.h>

struct mail_fixture {
    struct mansio_arena *arena;
    struct mansio_buf *out;
};

static inline int mail_setup(void **state)
{
    static struct mail_fixture fixture;

    fixture.arena = mansio_arena_new(NULL, "test", 0);
    fixture.out = mansio_buf_new(fixture.arena, (size_t)1 << 20);
    *state = &fixture;
    return 0;
}

static inline int mail_teardown(void **state)
{
    struct mail_fixture *fixture = *state;

    mansio_arena_free(fixture->arena);
    return 0;
}

/* What the buffer holds is @p wanted; @p input names the row. The buffer is emptied. */
static inline void mail_expect(struct mail_fixture *fixture, const char *input, const char *wanted)
{
    struct mansio_str got = mansio_buf_str(fixture->out);

    if (got.len != strlen(wanted) || memcmp(got.ptr, wanted, got.len) != 0) {
        print_error("\"%s\" gives \"%.*s\", wanted \"%s\"\n", input, MANSIO_STR_ARG(got), wanted);
        fail();
    }
    mansio_buf_reset(fixture->out);
}

#define MAIL_TEST(function) cmocka_unit_test_setup_teardown(function, mail_setup, mail_teardown)

#endif
