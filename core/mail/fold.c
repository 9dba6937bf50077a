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

/* 1 if there is a byte beyond ASCII. */
static int is_beyond_ascii(const char *bytes, size_t length)
{
    uint64_t all = 0;
    size_t i = 0;

    for (; i + sizeof all <= length; i += sizeof all) {
        uint64_t some;

        memcpy(&some, bytes + i, sizeof some);
        all |= some;
    }
    for (; i < length; i++) {
        all |= (unsigned char)bytes[i];
    }
    return (all & UINT64_C(0x8080808080808080)) != 0;
}

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

/* ASCII to lower case, so that a compiler does many at once. */
static size_t fold_ascii(const char *bytes, size_t length, char *out)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        unsigned char is_upper = (unsigned char)(c - 'A') < 26;

        out[i] = c == 0 ? ' ' : (char)(c | is_upper << 5);
    }
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
    for (char *nul = out; (nul = memchr(nul, '\0', count - (size_t)(nul - out))) != NULL;) {
        *nul = ' ';
    }
    return count;
}

size_t core_mail_fold(struct mansio_buf *out, size_t max, struct mansio_str text)
{
    char folded[FOLDED_BYTES];
    struct mansio_str rest = text;

    while (rest.len > 0) {
        size_t length = core_mail_fold_cut(rest, CHUNK_BYTES);
        size_t room = max - mansio_buf_str(out).len;
        size_t count = is_beyond_ascii(rest.ptr, length) ? fold_unicode(rest.ptr, length, folded)
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
