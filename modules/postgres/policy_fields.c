/*
 * What words say, checked item by item.
 *
 * Networks are checked as the core reads them, so that no word is ever one that it can't judge:
 * bits behind the prefix are 0, IPv4 is written as such, and what isn't a network begins with a
 * letter and is the name of one.
 */
#include "policy_fields.h"

#include <arpa/inet.h>
#include <string.h>

#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/str.h>

#include "hours.h"

enum {
    SERVICE_MAX_BYTES = 31, /* mansio/session.h */
    NAME_MAX_BYTES = 63,
    MECHANISM_MAX_BYTES = 20, /* RFC 4422 3.1 */
    LIST_MAX_BYTES = 64 * 1024,
    NETWORKS_MAX = 1000,
    MECHANISMS_MAX = 32,
    KINDS_MAX = 8,
    SERVICES_MAX = 64,
};

/* ---- names ---------------------------------------------------------------------------------- */

static int is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int pg_service_check(struct mansio_str name)
{
    int is_good = name.len > 0 && name.len <= SERVICE_MAX_BYTES;
    for (size_t i = 0; is_good && i < name.len; i++) {
        is_good = is_lower(name.ptr[i]) || is_digit(name.ptr[i]) || name.ptr[i] == '-';
    }
    return is_good
               ? 0
               : mansio_fail(MANSIO_E_INVALID, "service \"%.*s\": wanted 1 to %d of a-z, 0-9, '-'",
                             MANSIO_STR_ARG(mansio_str_sub(name, 0, SERVICE_MAX_BYTES + 1)),
                             SERVICE_MAX_BYTES);
}

static int is_network_name(struct mansio_str name)
{
    int is_good = name.len > 0 && name.len <= NAME_MAX_BYTES && is_lower(name.ptr[0]) &&
                  !mansio_str_eq(name, MANSIO_STR("unix"));
    for (size_t i = 0; is_good && i < name.len; i++) {
        char c = name.ptr[i];
        is_good = is_lower(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
    }
    return is_good;
}

int pg_network_name_check(struct mansio_str name)
{
    return is_network_name(name)
               ? 0
               : mansio_fail(MANSIO_E_INVALID,
                             "network's name \"%.*s\": wanted a letter, then up to %d of a-z, 0-9, "
                             "'-', '_', '.'; not \"unix\"",
                             MANSIO_STR_ARG(mansio_str_sub(name, 0, NAME_MAX_BYTES)),
                             NAME_MAX_BYTES - 1);
}

/* ---- items of lists ------------------------------------------------------------------------- */

static int refuse(struct mansio_str item, const char *expected)
{
    return mansio_fail(MANSIO_E_INVALID, "\"%.*s\": expected %s",
                       MANSIO_STR_ARG(mansio_str_sub(item, 0, 64)), expected);
}

struct address {
    int family;
    unsigned bits;
    uint8_t bytes[16];
};

static int parse_address(struct mansio_str text, struct address *out)
{
    char digits[INET6_ADDRSTRLEN];
    if (text.len >= sizeof digits || mansio_str_find_char(text, '\0') >= 0) {
        return MANSIO_E_INVALID;
    }
    memcpy(digits, text.ptr, text.len);
    digits[text.len] = '\0';
    out->family = mansio_str_find_char(text, ':') >= 0 ? AF_INET6 : AF_INET;
    out->bits = out->family == AF_INET ? 32 : 128;
    return inet_pton(out->family, digits, out->bytes) == 1 ? 0 : MANSIO_E_INVALID;
}

/* 1 if a bit behind the prefix was set; it isn't any more. */
static int cut(struct address *address, unsigned prefix)
{
    int was_set = 0;
    for (unsigned i = 0; i < address->bits / 8; i++) {
        unsigned keep = prefix > 8 * i ? prefix - 8 * i : 0;
        uint8_t mask = keep >= 8 ? 0xff : (uint8_t)(0xff00 >> keep);
        was_set |= address->bytes[i] & ~mask;
        address->bytes[i] &= mask;
    }
    return was_set != 0;
}

static int put_cidr(struct mansio_buf *out, struct mansio_str item)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    struct address address = {0};
    ptrdiff_t slash = mansio_str_find_char(item, '/');
    if (parse_address(slash < 0 ? item : mansio_str_sub(item, 0, (size_t)slash), &address) < 0) {
        return refuse(item, "\"192.0.2.0/24\", \"2001:db8::/32\", one address, \"unix\" or a"
                            " network's name");
    }
    if (address.family == AF_INET6 && memcmp(address.bytes, mapped, sizeof mapped) == 0) {
        return refuse(item, "an IPv4-mapped address to be written as IPv4");
    }
    uint32_t prefix = address.bits;
    if (slash >= 0) {
        struct mansio_str bits = mansio_str_sub(item, (size_t)slash + 1, SIZE_MAX);
        if ((bits.len > 1 && bits.ptr[0] == '0') ||
            mansio_parse_u32(bits, address.bits, &prefix) < 0) {
            return refuse(item, "a number of bits after \"/\", up to 32 of IPv4 and 128 of IPv6");
        }
    }
    int was_set = cut(&address, prefix);
    char text[INET6_ADDRSTRLEN];
    if (inet_ntop(address.family, address.bytes, text, sizeof text) == NULL) {
        return refuse(item, "an address");
    }
    if (was_set) {
        return mansio_fail(MANSIO_E_INVALID,
                           "\"%.*s\": bits after the prefix are set; did you mean %s/%u?",
                           MANSIO_STR_ARG(item), text, prefix);
    }
    return mansio_buf_printf(out, prefix < address.bits ? "%s/%u" : "%s", text, prefix);
}

/* CIDR or "unix". */
static int put_network(struct mansio_buf *out, struct mansio_str item)
{
    return mansio_str_eq(item, MANSIO_STR("unix")) ? mansio_buf_add(out, item)
                                                   : put_cidr(out, item);
}

static int put_network_or_name(struct mansio_buf *out, struct mansio_str item)
{
    return is_network_name(item) ? mansio_buf_add(out, item) : put_network(out, item);
}

/* RFC 4422 3.1 */
static int put_mechanism(struct mansio_buf *out, struct mansio_str item)
{
    int is_good = item.len <= MECHANISM_MAX_BYTES;
    for (size_t i = 0; is_good && i < item.len; i++) {
        char c = item.ptr[i];
        c = (char)(is_lower(c) ? c - 'a' + 'A' : c);
        is_good = (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' || c == '_';
        (void)mansio_buf_add_char(out, c);
    }
    return is_good ? 0 : refuse(item, "a SASL mechanism's name, or PASSWORD");
}

static int put_credential(struct mansio_buf *out, struct mansio_str item)
{
    if (!mansio_str_eq(item, MANSIO_STR("main")) && !mansio_str_eq(item, MANSIO_STR("app")) &&
        !mansio_str_eq(item, MANSIO_STR("certificate"))) {
        return refuse(item, "main, app or certificate");
    }
    return mansio_buf_add(out, item);
}

static int put_service(struct mansio_buf *out, struct mansio_str item)
{
    int rc = pg_service_check(item);
    return rc < 0 ? rc : mansio_buf_add(out, item);
}

/* ---- values --------------------------------------------------------------------------------- */

typedef int (*put_fn)(struct mansio_buf *out, struct mansio_str item);

static int check_list(struct mansio_arena *arena, put_fn put, size_t max, struct mansio_str *value)
{
    struct mansio_buf *list = mansio_buf_new(arena, LIST_MAX_BYTES);
    struct mansio_str rest = *value;
    struct mansio_str item;
    size_t count = 0;
    while (mansio_str_split(&rest, ' ', &item)) {
        if (item.len == 0) {
            continue;
        }
        if (++count > max) {
            return mansio_fail(MANSIO_E_INVALID, "a longer list: expected at most %zu", max);
        }
        if (count > 1) {
            (void)mansio_buf_add_char(list, ' ');
        }
        int rc = put(list, item);
        if (rc < 0) {
            return rc;
        }
    }
    *value = mansio_buf_str(list);
    return mansio_buf_status(list);
}

static int check_hours(struct mansio_arena *arena, struct mansio_str *value)
{
    struct pg_hours hours;
    return pg_hours_parse(arena, *value, &hours, value);
}

/* "9": a digit; the rest stands for itself. */
static int is_like(struct mansio_str text, const char *pattern)
{
    size_t len = strlen(pattern);
    int is_good = text.len == len;
    for (size_t i = 0; is_good && i < len; i++) {
        is_good = pattern[i] == '9' ? is_digit(text.ptr[i]) : text.ptr[i] == pattern[i];
    }
    return is_good;
}

/* RFC 3339 5.6, in its form alone: the database refuses a 13th month. */
static int check_time(struct mansio_str value)
{
    struct mansio_str zone = mansio_str_sub(value, 19, SIZE_MAX);
    int is_good = is_like(mansio_str_sub(value, 0, 19), "9999-99-99T99:99:99");
    if (is_good && zone.len > 0 && zone.ptr[0] == '.') {
        size_t digits = 1;
        while (digits < zone.len && is_digit(zone.ptr[digits])) {
            digits++;
        }
        is_good = digits > 1 && digits <= 10;
        zone = mansio_str_sub(zone, digits, SIZE_MAX);
    }
    is_good = is_good && (mansio_str_eq(zone, MANSIO_STR("Z")) || is_like(zone, "+99:99") ||
                          is_like(zone, "-99:99"));
    return is_good ? 0 : refuse(value, "a time as \"2027-01-31T12:00:00Z\"");
}

int pg_policy_value(struct mansio_arena *arena, const struct mansio_object_form *form,
                    struct mansio_str name, struct mansio_str *value)
{
    static const struct {
        uint32_t kind;
        const char *name;
        put_fn put;
        size_t max;
    } lists[] = {
        {MANSIO_OBJECT_POLICY, "networks", put_network_or_name, NETWORKS_MAX},
        {MANSIO_OBJECT_POLICY, "mechanisms", put_mechanism, MECHANISMS_MAX},
        {MANSIO_OBJECT_POLICY, "credentials", put_credential, KINDS_MAX},
        {MANSIO_OBJECT_NETWORK, "networks", put_network, NETWORKS_MAX},
        {MANSIO_OBJECT_CREDENTIAL, "services", put_service, SERVICES_MAX},
    };
    int rc = 1;
    for (size_t i = 0; i < MANSIO_COUNT(lists); i++) {
        if (lists[i].kind == form->kind &&
            mansio_str_eq(name, mansio_str_from_cstr(lists[i].name))) {
            rc = check_list(arena, lists[i].put, lists[i].max, value);
        }
    }
    if (form->kind == MANSIO_OBJECT_POLICY && mansio_str_eq(name, MANSIO_STR("hours"))) {
        rc = check_hours(arena, value);
    } else if (form->kind == MANSIO_OBJECT_CREDENTIAL &&
               mansio_str_eq(name, MANSIO_STR("expires"))) {
        rc = check_time(*value);
    } else if (rc == 1 &&
               (form->kind != MANSIO_OBJECT_POLICY || !mansio_str_eq(name, MANSIO_STR("zone")))) {
        return 0;
    }
    if (rc >= 0 && value->len == 0) {
        /* Not "none": a condition that was meant must not be dropped in silence. */
        return mansio_fail(MANSIO_E_INVALID, "empty; take it away instead");
    }
    return rc < 0 ? rc : 1;
}
