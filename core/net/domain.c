/*
 * Names of domains: see domain.h.
 *
 * Nearly every name is plain ASCII and never meets the library. What stands in A-labels already is
 * taken as it is, lower case aside: whether a label that begins with "xn--" means something is a
 * matter of who shows it, and DNS has names in it that don't.
 */
#include "core/net/domain.h"

#include <mansio/error.h>
#include <mansio/mail.h>
#include <mansio/str.h>

#include <idn2.h>
#include <string.h>

static int is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* One label of ASCII: letters, digits, hyphens inside (RFC 1123 2.1). */
static int check_label(struct mansio_str label, uint32_t flags)
{
    struct mansio_str rest = label;

    if ((flags & CORE_DOMAIN_UNDERSCORE) != 0 && rest.len > 1 && rest.ptr[0] == '_') {
        rest = mansio_str_sub(rest, 1, SIZE_MAX);
    }
    if (rest.len == 0 || !is_letter_or_digit(rest.ptr[0]) ||
        !is_letter_or_digit(rest.ptr[rest.len - 1])) {
        return mansio_fail(MANSIO_E_INVALID, "a label of a domain is empty, or begins or ends with "
                                             "what is no letter or digit");
    }
    for (size_t i = 0; i < rest.len; i++) {
        if (!is_letter_or_digit(rest.ptr[i]) && rest.ptr[i] != '-' &&
            !((flags & CORE_DOMAIN_UNDERSCORE) != 0 && rest.ptr[i] == '_')) {
            return mansio_fail(MANSIO_E_INVALID, "a domain has a byte that no domain has");
        }
    }
    if (label.len > CORE_DOMAIN_LABEL_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "a label of a domain is longer than %d",
                           CORE_DOMAIN_LABEL_MAX);
    }
    return 0;
}

/* A name of ASCII: checked, and copied in lower case. */
static int take_ascii(struct mansio_arena *arena, struct mansio_str domain, uint32_t flags,
                      struct mansio_str *out)
{
    struct mansio_str rest = domain;
    struct mansio_str label;
    char *text;

    if (rest.len > 0 && rest.ptr[rest.len - 1] == '.') {
        rest.len--;
    }
    if (rest.len == 0) {
        return mansio_fail(MANSIO_E_INVALID, "a domain is empty");
    }
    if (rest.len > CORE_DOMAIN_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "a domain is longer than %d", CORE_DOMAIN_MAX);
    }
    domain = rest;
    do {
        ptrdiff_t dot = mansio_str_find_char(rest, '.');
        int result;

        label = mansio_str_sub(rest, 0, dot < 0 ? rest.len : (size_t)dot);
        result = check_label(label, flags);
        if (result < 0) {
            return result;
        }
        rest = dot < 0 ? MANSIO_STR_NONE : mansio_str_sub(rest, (size_t)dot + 1, SIZE_MAX);
    } while (label.ptr + label.len < domain.ptr + domain.len);
    text = mansio_arena_try_alloc(arena, domain.len + 1);
    if (text == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < domain.len; i++) {
        char c = domain.ptr[i];

        text[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    *out = (struct mansio_str){text, domain.len};
    return 0;
}

static int fail_idn(int code)
{
    if (code == IDN2_TOO_BIG_DOMAIN || code == IDN2_TOO_BIG_LABEL ||
        code == IDN2_PUNYCODE_BIG_OUTPUT) {
        return mansio_fail(MANSIO_E_LIMIT, "a domain: %s", idn2_strerror(code));
    }
    return mansio_fail(MANSIO_E_INVALID, "a domain: %s", idn2_strerror(code));
}

/* A name with U-labels: mapped as UTS 46 has it, without its transitional processing. */
static int take_unicode(struct mansio_arena *arena, struct mansio_str domain, uint32_t flags,
                        struct mansio_str *out)
{
    char text[CORE_DOMAIN_INPUT_MAX + 1];
    uint8_t *ascii = NULL;
    int code;

    memcpy(text, domain.ptr, domain.len);
    text[domain.len] = '\0';
    code = idn2_lookup_u8((const uint8_t *)text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (code != IDN2_OK) {
        return fail_idn(code);
    }
    /* The library maps dots and letters to ASCII that is no name of a host: looked at again. */
    code = take_ascii(arena, mansio_str_from_cstr((const char *)ascii), flags, out);
    idn2_free(ascii);
    return code;
}

int core_domain_normalize(struct mansio_arena *arena, struct mansio_str domain, uint32_t flags,
                          struct mansio_str *out)
{
    int is_ascii = 1;

    if (domain.len > CORE_DOMAIN_INPUT_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "a domain is longer than %d", CORE_DOMAIN_MAX);
    }
    for (size_t i = 0; i < domain.len; i++) {
        if (domain.ptr[i] == '\0') {
            return mansio_fail(MANSIO_E_INVALID, "a domain has a byte that no domain has");
        }
        is_ascii &= ((unsigned char)domain.ptr[i] & 0x80) == 0;
    }
    return is_ascii ? take_ascii(arena, domain, flags, out)
                    : take_unicode(arena, domain, flags, out);
}

int mansio_domain_normalize(struct mansio_arena *arena, struct mansio_str domain,
                            struct mansio_str *out)
{
    return core_domain_normalize(arena, domain, 0, out);
}
