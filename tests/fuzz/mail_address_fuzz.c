/*
 * Addresses: a list that was read prints as a list that reads the same; a path of SMTP that is
 * accepted keeps its limits and prints as a mailbox that is accepted.
 */
#include "tests/fuzz/fuzz.h"

#include "core/mail/address.h"
#include "core/mail/path.h"

#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/str.h>

const char fuzz_name[] = "mail_address";

enum {
    ARENA_BYTES = 256 << 20,
    PRINTED_BYTES = 1 << 20,
    ENTRIES_MAX = 100,
};

static struct mansio_str print(struct mansio_arena *arena, struct mansio_str text,
                               struct core_mail_address_list *list)
{
    struct mansio_buf *out = mansio_buf_new(arena, PRINTED_BYTES);

    MANSIO_ASSERT(core_mail_address_parse(arena, text, ENTRIES_MAX, list) >= 0);
    core_mail_address_print(out, list);
    MANSIO_ASSERT(mansio_buf_status(out) == 0);
    return mansio_buf_str(out);
}

static void check_list(struct mansio_arena *arena, struct mansio_str text)
{
    struct core_mail_address_list list = {.first = NULL};
    struct core_mail_address_list again = {.first = NULL};
    struct core_mail_address_list third = {.first = NULL};
    struct mansio_str printed = print(arena, text, &list);
    int in_group = 0;

    for (const struct core_mail_address *at = list.first; at != NULL; at = at->next) {
        MANSIO_ASSERT(at->kind == CORE_MAIL_MAILBOX ||
                      (at->kind == CORE_MAIL_GROUP_END) == in_group);
        in_group = at->kind == CORE_MAIL_MAILBOX ? in_group : !in_group;
        MANSIO_ASSERT(at->kind != CORE_MAIL_MAILBOX || at->domain.ptr != NULL);
    }
    MANSIO_ASSERT(!in_group && list.count <= ENTRIES_MAX + 1);
    /* What no grammar has is gone after the first time. */
    printed = print(arena, printed, &again);
    MANSIO_ASSERT(mansio_str_eq(printed, print(arena, printed, &third)));
    MANSIO_ASSERT(again.count == third.count);
}

static void check_path(struct mansio_arena *arena, struct mansio_str text)
{
    struct core_mail_path path = {.domain_kind = CORE_MAIL_DOMAIN_NONE};
    struct core_mail_path again = {.domain_kind = CORE_MAIL_DOMAIN_NONE};
    struct mansio_buf *out = mansio_buf_new(arena, PRINTED_BYTES);
    int used = core_mail_path_parse(
        arena, text, CORE_MAIL_PATH_NULL | CORE_MAIL_PATH_POSTMASTER | CORE_MAIL_PATH_UTF8, &path);

    if (used < 0) {
        MANSIO_ASSERT(mansio_error_detail()[0] != '\0');
        return;
    }
    MANSIO_ASSERT(used >= 2 && (size_t)used <= text.len && text.ptr[used - 1] == '>');
    MANSIO_ASSERT(path.local.len <= CORE_MAIL_LOCAL_MAX && path.domain.len <= CORE_MAIL_DOMAIN_MAX);
    if (path.domain_kind != CORE_MAIL_DOMAIN_NONE) {
        core_mail_address_print_local(out, path.local);
        (void)mansio_buf_add_char(out, '@');
        (void)mansio_buf_add(out, path.domain);
        MANSIO_ASSERT(
            core_mail_mailbox_parse(arena, mansio_buf_str(out), CORE_MAIL_PATH_UTF8, &again) == 0);
        MANSIO_ASSERT(mansio_str_eq(path.local, again.local) &&
                      mansio_str_eq(path.domain, again.domain) && path.is_utf8 == again.is_utf8 &&
                      path.domain_kind == again.domain_kind);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "fuzz", ARENA_BYTES);
    struct mansio_str text = {(const char *)data, size};

    check_list(arena, text);
    check_path(arena, text);
    mansio_arena_free(arena);
    return 0;
}
