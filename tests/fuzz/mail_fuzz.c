/*
 * A message: the first byte says in what pieces it comes, the second how narrow the limits are.
 * Pieces give what the whole gives; parts lie within each other; the stored form reads back as it
 * was; the decoded text is UTF-8.
 */
#include "tests/fuzz/fuzz.h"

#include "core/mail/charset.h"
#include "core/mail/parser.h"
#include "core/mail/stored.h"

#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/str.h>

const char fuzz_name[] = "mail";

enum {
    ARENA_BYTES = 256 << 20,
    STORED_BYTES = 64 << 20,
};

static void check_parts(const struct core_mail_message *message)
{
    uint32_t count = 0;

    for (const struct core_mail_part *at = message->root; at != NULL; at = at->following) {
        const struct core_mail_part *parent = at->parent;

        count++;
        MANSIO_ASSERT(at->header_start <= at->body_start && at->body_start <= at->body_end &&
                      at->body_end <= message->size);
        MANSIO_ASSERT(parent == NULL ||
                      (at->header_start >= parent->body_start && at->body_end <= parent->body_end));
        MANSIO_ASSERT(at->next == NULL || at->body_end <= at->next->header_start);
        MANSIO_ASSERT(at->type.value.ptr != NULL && at->type.subtype.ptr != NULL);
        MANSIO_ASSERT((at->envelope != NULL) ==
                      (parent == NULL || parent->kind == CORE_MAIL_PART_MESSAGE));
    }
    MANSIO_ASSERT(count == message->part_count);
}

/* The stored form with the text behind it, of a message in pieces. */
static struct mansio_str digest_of(struct mansio_arena *arena, struct mansio_str bytes,
                                   const struct core_mail_limits *limits, size_t step)
{
    struct core_mail_parser *parser = core_mail_parser_new(arena, limits);
    struct mansio_buf *out = mansio_buf_new(arena, STORED_BYTES);
    struct mansio_buf *again = mansio_buf_new(arena, STORED_BYTES);
    const struct core_mail_message *message = NULL;
    struct core_mail_message read = {.root = NULL};

    while (bytes.len > 0) {
        MANSIO_ASSERT(core_mail_parser_feed(parser, mansio_str_sub(bytes, 0, step)) == 0);
        bytes = mansio_str_sub(bytes, step, SIZE_MAX);
    }
    MANSIO_ASSERT(core_mail_parser_finish(parser, &message) == 0);
    check_parts(message);
    MANSIO_ASSERT(core_mail_is_utf8(message->text) && message->text.len <= limits->text_max_bytes);
    core_mail_stored_write(out, message);
    MANSIO_ASSERT(core_mail_stored_read(arena, mansio_buf_str(out), &read) == 0);
    check_parts(&read);
    core_mail_stored_write(again, &read);
    MANSIO_ASSERT(mansio_str_eq(mansio_buf_str(out), mansio_buf_str(again)));
    (void)mansio_buf_add(out, message->text);
    return mansio_buf_str(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct core_mail_limits limits = core_mail_limits_usual();
    struct mansio_arena *arena = mansio_arena_new(NULL, "fuzz", ARENA_BYTES);
    struct mansio_str bytes = {(const char *)data, size};

    if (size >= 2) {
        size_t step = (size_t)data[0] + 1;

        if (data[1] % 4 == 1) {
            limits = (struct core_mail_limits){.depth_max = 1 + data[1] % 5,
                                               .parts_max = 1 + data[1] % 7,
                                               .addresses_max = data[1] % 3,
                                               .header_max_bytes = data[1],
                                               .result_max_bytes = (size_t)data[1] * 32,
                                               .text_max_bytes = data[1] % 40};
        }
        bytes = mansio_str_sub(bytes, 2, SIZE_MAX);
        MANSIO_ASSERT(mansio_str_eq(digest_of(arena, bytes, &limits, SIZE_MAX),
                                    digest_of(arena, bytes, &limits, step)));
    }
    mansio_arena_free(arena);
    return 0;
}
