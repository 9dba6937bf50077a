/*
 * Folding for search: see fold.h. Goes by chunks on the stack that end at white space, where no
 * character is joined to the next; a chunk of ASCII, which is nearly every one, takes no library.
 */
#include "core/mail/fold.h"

#include "core/mail/chars.h"
#include "core/mail/charset.h"

#include <stdlib.h>
#include <string.h>

#include <unicase.h>
#include <uninorm.h>

enum {
    CHUNK_BYTES = 512,
    FOLDED_BYTES = 3 * CHUNK_BYTES, /* no character folds to more than three times its bytes */
};

size_t core_mail_fold_cut(struct mansio_str text, size_t max)
{
    size_t end = max;

    if (text.len <= max) {
        return text.len;
    }
    while (end > max / 2 && !core_mail_is_space(text.ptr[end - 1])) {
        end--;
    }
    if (core_mail_is_space(text.ptr[end - 1])) {
        return end;
    }
    end = max;
    while (end > max - 4 && ((unsigned char)text.ptr[end] & 0xC0) == 0x80) {
        end--;
    }
    return end;
}

/* NUL is nothing that a database takes. */
static void replace_nul(char *text, size_t length)
{
    char *at = text;

    while ((at = memchr(at, '\0', length - (size_t)(at - text))) != NULL) {
        *at = ' ';
    }
}

/* ASCII to lower case, eight bytes at a time: no sum below runs over into the next byte. */
static size_t fold_ascii(const char *bytes, size_t length, char *out)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    size_t i = 0;

    for (uint64_t some; i + sizeof some <= length; i += sizeof some) {
        uint64_t is_upper;

        memcpy(&some, bytes + i, sizeof some);
        is_upper = (some + ones * (0x80 - 'A')) & ~(some + ones * (0x7F - 'Z')) & ones * 0x80;
        some |= is_upper >> 2;
        memcpy(out + i, &some, sizeof some);
    }
    for (; i < length; i++) {
        out[i] = core_mail_to_lower(bytes[i]);
    }
    replace_nul(out, length);
    return length;
}

/* A chunk with more than ASCII. @return bytes in @p out; 0 for what is no UTF-8 */
static size_t fold_unicode(const char *bytes, size_t length, char *out)
{
    size_t count = FOLDED_BYTES;
    uint8_t *folded;

    if (!core_mail_is_utf8((struct mansio_str){bytes, length})) {
        return 0; /* the library would let it through */
    }
    folded = u8_casefold((const uint8_t *)bytes, length, NULL, UNINORM_NFC, (uint8_t *)out, &count);

    if (folded == NULL) {
        return 0;
    }
    if (folded != (uint8_t *)out) {
        count = count < FOLDED_BYTES ? count : 0;
        memcpy(out, folded, count);
        free(folded);
    }
    replace_nul(out, count);
    return count;
}

size_t core_mail_fold(struct mansio_buf *out, size_t max, struct mansio_str text)
{
    char folded[FOLDED_BYTES];
    struct mansio_str rest = text;

    while (rest.len > 0) {
        size_t length = core_mail_fold_cut(rest, CHUNK_BYTES);
        size_t room = max - mansio_buf_str(out).len;
        size_t count = core_mail_ascii_run(rest.ptr, length) < length
                           ? fold_unicode(rest.ptr, length, folded)
                           : fold_ascii(rest.ptr, length, folded);
        int is_cut = count > room;

        if (is_cut) {
            count = room;
            while (count > 0 && ((unsigned char)folded[count] & 0xC0) == 0x80) {
                count--;
            }
        }
        if (mansio_buf_add(out, (struct mansio_str){folded, count}) < 0 || is_cut) {
            break;
        }
        rest = mansio_str_sub(rest, length, SIZE_MAX);
    }
    return text.len - rest.len;
}
