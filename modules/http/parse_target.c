/*
 * What a request asks for (RFC 9112 3.2, RFC 3986): authority, path, query. A path is decoded here,
 * once; what could mean one thing decoded and another not (an escaped '/', '\' or NUL) is refused.
 */
#include "parse.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

enum {
    STATUS_BAD_REQUEST = 400,
    PORT_MAX = 65535,
};

static int is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that a %-sequence at @p at stands for; -1 if there is none. */
static int escaped(struct mansio_str s, size_t at)
{
    if (s.len - at < 3 || s.ptr[at] != '%') {
        return -1;
    }
    int high = hex_value(s.ptr[at + 1]);
    int low = hex_value(s.ptr[at + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* ---- authority ------------------------------------------------------------------------------- */

/* What stands between the brackets of an IPv6 address; nobody connects by it, so its characters are
 * all that matters. */
static int is_address(struct mansio_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (hex_value(s.ptr[i]) < 0 && s.ptr[i] != ':' && s.ptr[i] != '.') {
            return 0;
        }
    }
    return s.len >= 2 && mansio_str_find_char(s, ':') >= 0;
}

/* Letters, digits, '-', '_' and single dots between them: any name and any IPv4 address. */
static int is_name(struct mansio_str s)
{
    char before = '.';
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!is_alnum(c) && c != '-' && c != '_' && (c != '.' || before == '.')) {
            return 0;
        }
        before = c;
    }
    return s.len > 0;
}

int http_parse_authority(struct mansio_arena *arena, struct mansio_str text,
                         struct http_authority *out)
{
    uint32_t port = 0;
    ptrdiff_t bracket = mansio_str_find_char(text, ']');
    size_t from = bracket < 0 ? 0 : (size_t)bracket;
    ptrdiff_t colon = mansio_str_find_char(mansio_str_sub(text, from, SIZE_MAX), ':');
    struct mansio_str host = text;
    if (colon >= 0) {
        host = mansio_str_sub(text, 0, from + (size_t)colon);
        struct mansio_str digits = mansio_str_sub(text, from + (size_t)colon + 1, SIZE_MAX);
        /* "host:" is what a URI may say (RFC 3986 3.2.3): as if nothing were said. */
        if (digits.len > 0 &&
            (digits.len > 5 || mansio_parse_u32(digits, PORT_MAX, &port) < 0 || port == 0)) {
            return STATUS_BAD_REQUEST;
        }
    }
    if (mansio_str_starts(host, MANSIO_STR("["))) {
        if (!mansio_str_ends(host, MANSIO_STR("]")) ||
            !is_address(mansio_str_sub(host, 1, host.len - 2))) {
            return STATUS_BAD_REQUEST;
        }
    } else if (!is_name(host)) {
        return STATUS_BAD_REQUEST;
    } else if (host.ptr[host.len - 1] == '.') {
        host.len--;
    }
    if (host.len > HTTP_HOST_MAX) {
        return STATUS_BAD_REQUEST;
    }
    char *lower = mansio_arena_alloc(arena, host.len + 1);
    for (size_t i = 0; i < host.len; i++) {
        int is_upper = host.ptr[i] >= 'A' && host.ptr[i] <= 'Z';
        lower[i] = (char)(is_upper ? host.ptr[i] - 'A' + 'a' : host.ptr[i]);
    }
    *out = (struct http_authority){.host = {lower, host.len}, .port = port};
    return 0;
}

/* ---- path ------------------------------------------------------------------------------------ */

/* RFC 3986 3.3: pchar and '/'. */
static int is_path_char(char c)
{
    return is_alnum(c) || (c != '\0' && strchr("-._~!$&'()*+,;=:@/", c) != NULL);
}

/* %-sequences undone. Returns the length, or -1. */
static ptrdiff_t decode_path(struct mansio_str raw, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        int c = (unsigned char)raw.ptr[i];
        if (c == '%') {
            c = escaped(raw, i);
            if (c <= 0 || c == '/' || c == '\\') {
                return -1;
            }
            i += 2;
        } else if (!is_path_char(raw.ptr[i])) {
            return -1;
        }
        out[len++] = (char)c;
    }
    return http_is_text((struct mansio_str){out, len}) ? (ptrdiff_t)len : -1;
}

/* RFC 3986 5.2.4, in place, segment by segment; @p path begins with '/'. Returns the length. */
static size_t remove_dots(char *path, size_t len)
{
    size_t out = 0;
    for (size_t at = 0; at < len;) {
        size_t end = at + 1;
        while (end < len && path[end] != '/') {
            end++;
        }
        struct mansio_str segment = {path + at + 1, end - at - 1};
        int is_last = end == len;
        int is_up = mansio_str_eq(segment, MANSIO_STR(".."));
        if (is_up || mansio_str_eq(segment, MANSIO_STR("."))) {
            while (is_up && out > 0 && path[--out] != '/') {
            }
            if (is_last) {
                path[out++] = '/';
            }
        } else {
            memmove(path + out, path + at, end - at);
            out += end - at;
        }
        at = end;
    }
    return out;
}

/* ---- query ----------------------------------------------------------------------------------- */

/* What browsers leave as it is is taken, all that is visible but '#'; %-sequences are whole, and
 * none is a NUL. */
static int is_query(struct mansio_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c <= ' ' || c == 0x7f || c == '#' || (c == '%' && escaped(s, i) <= 0)) {
            return 0;
        }
    }
    return 1;
}

/* application/x-www-form-urlencoded. Returns the length. */
static size_t decode_form(struct mansio_str s, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        int c = s.ptr[i] == '+' ? ' ' : s.ptr[i];
        if (c == '%') {
            c = escaped(s, i);
            i += 2;
        }
        out[len++] = (char)c;
    }
    return len;
}

int http_query_find(struct mansio_arena *arena, struct mansio_str query, struct mansio_str name,
                    struct mansio_str *out)
{
    struct mansio_str rest = query, pair;
    char *room = mansio_arena_try_alloc(arena, query.len + 1);
    if (room == NULL) {
        return MANSIO_E_LIMIT;
    }
    while (mansio_str_split(&rest, '&', &pair)) {
        ptrdiff_t equals = mansio_str_find_char(pair, '=');
        struct mansio_str key = equals < 0 ? pair : mansio_str_sub(pair, 0, (size_t)equals);
        if (!mansio_str_ieq((struct mansio_str){room, decode_form(key, room)}, name)) {
            continue;
        }
        struct mansio_str value =
            equals < 0 ? MANSIO_STR_NONE : mansio_str_sub(pair, (size_t)equals + 1, SIZE_MAX);
        *out = (struct mansio_str){room, decode_form(value, room)};
        return 0;
    }
    return MANSIO_E_NOT_FOUND;
}

/* ---- target ---------------------------------------------------------------------------------- */

/* Path and query, from "/" or "?" on. */
static int parse_rest(struct mansio_arena *arena, struct mansio_str text, struct http_target *out)
{
    ptrdiff_t mark = mansio_str_find_char(text, '?');
    struct mansio_str raw = mark < 0 ? text : mansio_str_sub(text, 0, (size_t)mark);
    out->query = mark < 0 ? MANSIO_STR_NONE : mansio_str_sub(text, (size_t)mark + 1, SIZE_MAX);
    if (raw.len == 0 || raw.ptr[0] != '/' || !is_query(out->query)) {
        return STATUS_BAD_REQUEST;
    }
    char *path = mansio_arena_try_alloc(arena, raw.len + 1);
    ptrdiff_t len = path == NULL ? -1 : decode_path(raw, path);
    if (len < 0) {
        return STATUS_BAD_REQUEST;
    }
    out->raw = text;
    out->path = (struct mansio_str){path, remove_dots(path, (size_t)len)};
    return 0;
}

/* "http://host/path?query"; a URI may end behind its authority. */
static int parse_absolute(struct mansio_arena *arena, struct mansio_str text,
                          struct http_target *out)
{
    out->is_absolute = 1;
    out->is_https = (uint32_t)mansio_str_istarts(text, MANSIO_STR("https://"));
    if (!out->is_https && !mansio_str_istarts(text, MANSIO_STR("http://"))) {
        return STATUS_BAD_REQUEST;
    }
    struct mansio_str rest = mansio_str_sub(text, out->is_https ? 8 : 7, SIZE_MAX);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?') {
        end++;
    }
    out->authority = mansio_str_sub(rest, 0, end);
    rest = mansio_str_sub(rest, end, SIZE_MAX);
    if (rest.len > 0 && rest.ptr[0] == '/') {
        return parse_rest(arena, rest, out);
    }
    struct mansio_str slashed;
    if (mansio_arena_printf(arena, &slashed, "/%.*s", MANSIO_STR_ARG(rest)) < 0) {
        return STATUS_BAD_REQUEST;
    }
    return parse_rest(arena, slashed, out);
}

int http_parse_target(struct mansio_arena *arena, struct mansio_str text, struct http_target *out)
{
    struct http_target target = {0};
    int status = 0;
    if (mansio_str_eq(text, MANSIO_STR("*"))) {
        target.is_asterisk = 1;
        target.raw = target.path = MANSIO_STR("*");
    } else if (mansio_str_starts(text, MANSIO_STR("/"))) {
        status = parse_rest(arena, text, &target);
    } else {
        status = parse_absolute(arena, text, &target);
    }
    if (status == 0) {
        *out = target;
    }
    return status;
}
