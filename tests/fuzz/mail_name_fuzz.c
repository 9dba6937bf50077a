/*
 * Names in one spelling: a text as a domain, as a local part, as text for search. A spelling is its
 * own spelling, keeps its limits, and is what its kind allows; text that is folded in pieces is
 * what it is as a whole.
 */
#include "tests/fuzz/fuzz.h"

#include "core/mail/charset.h"
#include "core/mail/fold.h"
#include "core/mail/local.h"
#include "core/net/domain.h"

#include <mansio/arena.h>
#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/mail.h>
#include <mansio/str.h>

const char fuzz_name[] = "mail_name";

enum { ARENA_BYTES = 64 << 20, FOLDED_MAX = 1 << 20 };

static void check_domain(struct mansio_arena *arena, struct mansio_str text, uint32_t flags)
{
    struct mansio_str once = MANSIO_STR_NONE;
    struct mansio_str twice = MANSIO_STR_NONE;

    if (core_domain_normalize(arena, text, flags, &once) < 0) {
        MANSIO_ASSERT(mansio_error_detail()[0] != '\0');
        return;
    }
    MANSIO_ASSERT(once.len > 0 && once.len <= CORE_DOMAIN_MAX);
    for (size_t i = 0; i < once.len; i++) {
        char c = once.ptr[i];

        MANSIO_ASSERT((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                      (c == '_' && flags == CORE_DOMAIN_UNDERSCORE));
    }
    MANSIO_ASSERT(core_domain_normalize(arena, once, flags, &twice) == 0);
    MANSIO_ASSERT(mansio_str_eq(once, twice));
}

static void check_local(struct mansio_arena *arena, struct mansio_str text)
{
    struct mansio_str once = MANSIO_STR_NONE;
    struct mansio_str twice = MANSIO_STR_NONE;

    if (mansio_local_normalize(arena, text, &once) < 0) {
        MANSIO_ASSERT(mansio_error_detail()[0] != '\0');
        return;
    }
    MANSIO_ASSERT(once.len <= CORE_MAIL_LOCAL_SPELLING_MAX && core_mail_is_utf8(once));
    MANSIO_ASSERT(mansio_local_normalize(arena, once, &twice) == 0);
    MANSIO_ASSERT(mansio_str_eq(once, twice));
}

static void check_fold(struct mansio_arena *arena, struct mansio_str text)
{
    struct mansio_buf *whole = mansio_buf_new(arena, FOLDED_MAX);
    struct mansio_buf *cut = mansio_buf_new(arena, FOLDED_MAX);
    size_t max = text.len > 0 ? (unsigned char)text.ptr[0] : 0;

    MANSIO_ASSERT(core_mail_fold(whole, FOLDED_MAX, text) == text.len);
    MANSIO_ASSERT(core_mail_is_utf8(mansio_buf_str(whole)));
    MANSIO_ASSERT(mansio_str_find_char(mansio_buf_str(whole), '\0') < 0);
    (void)core_mail_fold(cut, max, text);
    MANSIO_ASSERT(mansio_buf_str(cut).len <= max &&
                  mansio_str_starts(mansio_buf_str(whole), mansio_buf_str(cut)) &&
                  core_mail_is_utf8(mansio_buf_str(cut)));
    for (struct mansio_str rest = text; rest.len > 0;) {
        size_t length = core_mail_fold_cut(rest, 8 + max);

        MANSIO_ASSERT(length > 0 && length <= rest.len && length <= 8 + max);
        rest = mansio_str_sub(rest, length, SIZE_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "fuzz", ARENA_BYTES);
    struct mansio_str text = {(const char *)data, size};

    check_domain(arena, text, 0);
    check_domain(arena, text, CORE_DOMAIN_UNDERSCORE);
    check_local(arena, text);
    check_fold(arena, text);
    mansio_arena_free(arena);
    return 0;
}
