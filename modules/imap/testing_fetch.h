/*
 * What the unit tests of FETCH share: messages, read as a store would have kept them.
 */
#ifndef MANSIO_MODULES_IMAP_TESTING_FETCH_H
#define MANSIO_MODULES_IMAP_TESTING_FETCH_H

#include "core/base/testing.h"
#include "core/mail/parser.h"
#include "core/mail/stored.h"

#include <mansio/arena.h>
#include <mansio/structure.h>

/* The structure of a message, in @p arena. */
static inline const struct mansio_part *fetch_read_message(struct mansio_arena *arena,
                                                           const char *text)
{
    struct core_mail_limits limits = core_mail_limits_usual();
    struct mansio_buf *stored = mansio_buf_new(arena, 1 << 20);
    const struct core_mail_message *message = NULL;
    const struct mansio_part *root = NULL;

    assert_int_equal(core_mail_parse(arena, core_test_slice(text), &limits, &message), 0);
    core_mail_stored_write(stored, message);
    assert_int_equal(mansio_structure_read(arena, mansio_buf_str(stored), &root), 0);
    return root;
}

#endif
