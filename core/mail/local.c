/*
 * Local parts in one spelling: see local.h. ASCII never meets the library.
 */
#include "core/mail/local.h"

#include "core/mail/chars.h"
#include "core/mail/charset.h"

#include <mansio/error.h>
#include <mansio/mail.h>
#include <mansio/str.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <unicase.h>
#include <uninorm.h>

static int fail_length(void)
{
    return mansio_fail(MANSIO_E_LIMIT, "a local part is longer than %d",
                       CORE_MAIL_LOCAL_SPELLING_MAX);
}

/* What folding and composing make of UTF-8: decomposed first, as canonical caseless matching has
 * it (Unicode 3.13, D145), so that two spellings of one text can't fold apart. */
static int fold(struct mansio_str local, char *out, size_t *out_length)
{
    size_t length = 0;
    size_t folded_length = CORE_MAIL_LOCAL_SPELLING_MAX + 1;
    uint8_t *apart =
        u8_normalize(UNINORM_NFD, (const uint8_t *)local.ptr, local.len, NULL, &length);
    uint8_t *folded;
    int err = errno;

    if (apart == NULL) {
        return mansio_fail(err == ENOMEM ? MANSIO_E_LIMIT : MANSIO_E_INVALID, "a local part: %s",
                           strerror(err));
    }
    folded = u8_casefold(apart, length, NULL, UNINORM_NFC, (uint8_t *)out, &folded_length);
    err = errno;
    free(apart);
    if (folded == NULL) {
        return mansio_fail(err == ENOMEM ? MANSIO_E_LIMIT : MANSIO_E_INVALID, "a local part: %s",
                           strerror(err));
    }
    /* A result of its own is one that had no room in ours. */
    if (folded != (uint8_t *)out) {
        free(folded);
        return fail_length();
    }
    *out_length = folded_length;
    return folded_length > CORE_MAIL_LOCAL_SPELLING_MAX ? fail_length() : 0;
}

int mansio_local_normalize(struct mansio_arena *arena, struct mansio_str local,
                           struct mansio_str *out)
{
    char text[CORE_MAIL_LOCAL_SPELLING_MAX + 1];
    size_t length = local.len;
    int is_ascii = 1;
    int result;

    if (local.len > CORE_MAIL_LOCAL_SPELLING_MAX) {
        return fail_length();
    }
    for (size_t i = 0; i < local.len; i++) {
        /* Quoted or not, no local part has these (RFC 5321 4.1.2), and no database wants them. */
        if (!core_mail_is_visible(local.ptr[i]) && local.ptr[i] != ' ') {
            return mansio_fail(MANSIO_E_INVALID, "a control character in a local part");
        }
        is_ascii &= !core_mail_is_8bit(local.ptr[i]);
        text[i] = core_mail_to_lower(local.ptr[i]);
    }
    if (!is_ascii) {
        if (!core_mail_is_utf8(local)) {
            return mansio_fail(MANSIO_E_INVALID, "a local part is not UTF-8");
        }
        result = fold(local, text, &length);
        if (result < 0) {
            return result;
        }
    }
    return mansio_arena_copy(arena, (struct mansio_str){text, length}, out);
}
