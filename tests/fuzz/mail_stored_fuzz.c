/*
 * The stored form of a message's structure from bytes: what is accepted lies within itself, and
 * writes itself as something that reads the same.
 */
#include "tests/fuzz/fuzz.h"

#include "core/mail/stored.h"

#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/str.h>

const char fuzz_name[] = "mail_stored";

enum {
    ARENA_BYTES = 16 << 20,
    OUT_BYTES = 16 << 20,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "fuzz", ARENA_BYTES);
    struct core_mail_message message = {.root = NULL};
    struct core_mail_message again = {.root = NULL};
    struct mansio_buf *first = mansio_buf_new(arena, OUT_BYTES);
    struct mansio_buf *second = mansio_buf_new(arena, OUT_BYTES);

    if (core_mail_stored_read(arena, (struct mansio_str){(const char *)data, size}, &message) < 0) {
        MANSIO_ASSERT(mansio_error_detail()[0] != '\0');
    } else {
        for (const struct core_mail_part *at = message.root; at != NULL; at = at->following) {
            MANSIO_ASSERT(at->header_start <= at->body_start && at->body_start <= at->body_end &&
                          at->body_end <= message.size);
        }
        core_mail_stored_write(first, &message);
        if (mansio_buf_status(first) == 0) {
            MANSIO_ASSERT(core_mail_stored_read(arena, mansio_buf_str(first), &again) == 0);
            core_mail_stored_write(second, &again);
            MANSIO_ASSERT(mansio_str_eq(mansio_buf_str(first), mansio_buf_str(second)));
        }
    }
    mansio_arena_free(arena);
    return 0;
}
