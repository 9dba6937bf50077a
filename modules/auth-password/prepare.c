/*
 * OpaqueString by libunistring: spaces beyond ASCII become U+0020, then NFC, then every character
 * must be of the FreeformClass. Characters that RFC 8264 allows in some contexts only (its CONTEXTJ
 * and CONTEXTO) are allowed in all: a password that another server took is no place to teach.
 */
#include "prepare.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include <mansio/error.h>
#include <mansio/str.h>

/* RFC 8264 9.9: Old Hangul Jamo, by their blocks' ranges of Hangul_Syllable_Type L, V and T. */
static int is_old_jamo(ucs4_t c)
{
    return (c >= 0x1100 && c <= 0x11ff) || (c >= 0xa960 && c <= 0xa97c) ||
           (c >= 0xd7b0 && c <= 0xd7fb);
}

static int is_freeform(ucs4_t c)
{
    const uint32_t refused = UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cn | UC_CATEGORY_MASK_Co |
                             UC_CATEGORY_MASK_Cs | UC_CATEGORY_MASK_Zl | UC_CATEGORY_MASK_Zp;

    if (c == 0x200c || c == 0x200d) { /* join controls: CONTEXTJ */
        return 1;
    }
    return !uc_is_general_category_withtable(c, refused) && !is_old_jamo(c) &&
           !uc_is_property_default_ignorable_code_point(c) && !uc_is_property_not_a_character(c);
}

/* Map spaces; 0, or how it can't be. @p out has room for what came: a space only gets shorter. */
static int map_spaces(struct mansio_str password, uint8_t *out, size_t *out_length)
{
    const uint8_t *at = (const uint8_t *)password.ptr;
    const uint8_t *end = at + password.len;
    size_t length = 0;

    while (at < end) {
        ucs4_t c = 0;
        int used = u8_mbtoucr(&c, at, (size_t)(end - at));
        if (used <= 0) {
            return mansio_fail(MANSIO_E_INVALID, "password: not UTF-8");
        }
        if (c != ' ' && uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Zs)) {
            out[length++] = ' ';
        } else {
            memcpy(out + length, at, (size_t)used);
            length += (size_t)used;
        }
        at += used;
    }
    *out_length = length;
    return 0;
}

static int check_class(const uint8_t *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        ucs4_t c = 0;
        int used = u8_mbtoucr(&c, text + i, length - i);
        if (used <= 0 || !is_freeform(c)) {
            return mansio_fail(MANSIO_E_INVALID, "password: a character that passwords can't have "
                                                 "(RFC 8265 4.1)");
        }
        i += (size_t)used;
    }
    return 0;
}

static int check_length(struct mansio_str password)
{
    if (password.len == 0) {
        return mansio_fail(MANSIO_E_INVALID, "password: empty");
    }
    if (password.len > AUTH_PASSWORD_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "password: %zu bytes, at most %d are possible",
                           password.len, AUTH_PASSWORD_MAX);
    }
    return 0;
}

int auth_password_prepare(struct mansio_str password, struct auth_password *out)
{
    uint8_t mapped[AUTH_PASSWORD_MAX + 1] = {0};
    uint8_t room[AUTH_PASSWORD_MAX + 1] = {0};
    size_t mapped_length = 0;
    size_t length = sizeof room;
    uint8_t *normal = NULL;
    int rc = check_length(password);

    rc = rc < 0 ? rc : map_spaces(password, mapped, &mapped_length);
    if (rc < 0) {
        goto out;
    }
    normal = u8_normalize(UNINORM_NFC, mapped, mapped_length, room, &length);
    if (normal == NULL) {
        rc = mansio_fail(MANSIO_E_UNAVAILABLE, "password: no memory to normalise it");
        goto out;
    }
    rc = check_length((struct mansio_str){(const char *)normal, length});
    rc = rc < 0 ? rc : check_class(normal, length);
    if (rc == 0) {
        memcpy(out->bytes, normal, length);
        out->bytes[length] = '\0';
        out->len = length;
    }
out:
    if (normal != NULL && normal != room) {
        OPENSSL_cleanse(normal, length);
        free(normal);
    }
    OPENSSL_cleanse(mapped, sizeof mapped);
    OPENSSL_cleanse(room, sizeof room);
    return rc;
}

int auth_password_take(struct mansio_str password, struct auth_password *out)
{
    int rc = check_length(password);

    if (rc < 0) {
        return rc;
    }
    if (mansio_str_find_char(password, '\0') >= 0) {
        return mansio_fail(MANSIO_E_INVALID, "password: a NUL in it");
    }
    memcpy(out->bytes, password.ptr, password.len);
    out->bytes[password.len] = '\0';
    out->len = password.len;
    return 0;
}

void auth_password_wipe(struct auth_password *password)
{
    OPENSSL_cleanse(password, sizeof *password);
}
