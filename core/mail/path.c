/*
 * Paths of SMTP: see path.h.
 */
#include "core/mail/path.h"

#include "core/mail/chars.h"
#include "core/mail/charset.h"
#include "core/mail/cursor.h"

#include <mansio/error.h>

#include <arpa/inet.h>

/* RFC 5321 4.1.2: Let-dig, with the U-labels of RFC 6531 3.3. */
static int is_let_dig(char c)
{
    return core_mail_is_alpha(c) || core_mail_is_digit(c) || core_mail_is_8bit(c);
}

/* Does it hold, in UTF-8, a C1 control (NEL among them) or a line or paragraph separator? Paths
 * become part of header fields, and there are readers that end a line at these. */
static int has_line_end(struct mansio_str text)
{
    for (size_t i = 1; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if ((text.ptr[i - 1] == '\xC2' && c < 0xa0) ||
            (i > 1 && text.ptr[i - 2] == '\xE2' && text.ptr[i - 1] == '\x80' &&
             (c == 0xa8 || c == 0xa9))) {
            return 1;
        }
    }
    return 0;
}

/* 0 if bytes beyond ASCII are UTF-8 and allowed. */
static int check_utf8(struct mansio_str text, int is_allowed, const char *what)
{
    size_t at = 0;

    while (at < text.len && !core_mail_is_8bit(text.ptr[at])) {
        at++;
    }
    if (at == text.len) {
        return 0;
    }
    if (!is_allowed) {
        return mansio_fail(MANSIO_E_UNSUPPORTED, "a %s beyond ASCII needs SMTPUTF8", what);
    }
    if (!core_mail_is_utf8(text)) {
        return mansio_fail(MANSIO_E_INVALID, "a %s is not UTF-8", what);
    }
    return has_line_end(text) ? mansio_fail(MANSIO_E_INVALID, "a control character in a %s", what)
                              : 0;
}

int core_mail_domain_check(struct mansio_str text, int is_utf8_allowed)
{
    struct mansio_str rest = text;
    struct mansio_str label = MANSIO_STR_NONE;

    if (text.len == 0 || text.ptr[text.len - 1] == '.') {
        return mansio_fail(MANSIO_E_INVALID, "a domain is empty or ends in a dot");
    }
    if (text.len > CORE_MAIL_DOMAIN_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "a domain is longer than %d", CORE_MAIL_DOMAIN_MAX);
    }
    while (mansio_str_split(&rest, '.', &label) == 1) {
        if (label.len == 0 || !is_let_dig(label.ptr[0]) || !is_let_dig(label.ptr[label.len - 1])) {
            return mansio_fail(MANSIO_E_INVALID, "a label of a domain is empty, or begins or ends "
                                                 "with what is no letter or digit");
        }
        for (size_t i = 0; i < label.len; i++) {
            if (!is_let_dig(label.ptr[i]) && label.ptr[i] != '-') {
                return mansio_fail(MANSIO_E_INVALID, "a domain has a byte that no domain has");
            }
        }
        if (label.len > CORE_MAIL_LABEL_MAX) {
            return mansio_fail(MANSIO_E_LIMIT, "a label of a domain is longer than %d",
                               CORE_MAIL_LABEL_MAX);
        }
    }
    return check_utf8(text, is_utf8_allowed, "domain");
}

/* RFC 5321 4.1.3: "[" ... "]", all of @p text. */
static int take_literal(struct mansio_str text, struct core_mail_path *path)
{
    char name[INET6_ADDRSTRLEN] = "";
    struct mansio_str inside = mansio_str_sub(text, 1, text.len - 2);
    int is_ipv6 = mansio_str_istarts(inside, MANSIO_STR("IPv6:"));

    if (!is_ipv6 && mansio_str_find_char(inside, ':') >= 0) {
        return mansio_fail(MANSIO_E_UNSUPPORTED, "an address literal of a kind not known here");
    }
    inside = mansio_str_sub(inside, is_ipv6 ? 5 : 0, SIZE_MAX);
    if (inside.len >= sizeof name || memchr(inside.ptr, '\0', inside.len) != NULL) {
        return mansio_fail(MANSIO_E_INVALID, "an address literal has no address");
    }
    memcpy(name, inside.ptr, inside.len);
    if (inet_pton(is_ipv6 ? AF_INET6 : AF_INET, name, path->address) != 1) {
        return mansio_fail(MANSIO_E_INVALID, "an address literal has no address");
    }
    path->domain_kind = is_ipv6 ? CORE_MAIL_DOMAIN_IPV6 : CORE_MAIL_DOMAIN_IPV4;
    path->domain = text;
    return 0;
}

/* The domain at the cursor: up to a byte that ends it. */
static int take_domain(struct core_mail_cursor *cursor, uint32_t allow, struct core_mail_path *path)
{
    const char *from = cursor->at;
    int result;

    if (core_mail_peek(cursor) == '[') {
        while (!core_mail_at_end(cursor) && *cursor->at != ']') {
            cursor->at++;
        }
        if (core_mail_at_end(cursor)) {
            return mansio_fail(MANSIO_E_INVALID, "an address literal has no end");
        }
        cursor->at++;
        return take_literal(core_mail_between(from, cursor->at), path);
    }
    while (!core_mail_at_end(cursor) &&
           (is_let_dig(*cursor->at) || *cursor->at == '-' || *cursor->at == '.')) {
        cursor->at++;
    }
    path->domain = core_mail_between(from, cursor->at);
    path->domain_kind = CORE_MAIL_DOMAIN_NAME;
    result = core_mail_domain_check(path->domain, (allow & CORE_MAIL_PATH_UTF8) != 0);
    return result;
}

/* RFC 5321 4.1.2 Quoted-string, at its first quote; pairs are resolved into the arena. */
static int take_quoted(struct mansio_arena *arena, struct core_mail_cursor *cursor,
                       struct mansio_str *out)
{
    struct mansio_str inside = MANSIO_STR_NONE;
    size_t length = 0;
    char *text;

    if (!core_mail_skip_quoted(cursor, &inside)) {
        return mansio_fail(MANSIO_E_INVALID, "a quoted local part has no end");
    }
    if (inside.len > (size_t)2 * CORE_MAIL_LOCAL_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "a local part is longer than %d", CORE_MAIL_LOCAL_MAX);
    }
    text = mansio_arena_try_alloc(arena, inside.len + 1);
    if (text == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < inside.len; i++) {
        if (inside.ptr[i] == '\\') {
            i++; /* skip_quoted has seen that a byte follows */
            if (core_mail_is_8bit(inside.ptr[i])) {
                return mansio_fail(MANSIO_E_INVALID, "a quoted pair beyond ASCII");
            }
        }
        if (!core_mail_is_visible(inside.ptr[i]) && inside.ptr[i] != ' ') {
            return mansio_fail(MANSIO_E_INVALID, "a control character in a local part");
        }
        text[length++] = inside.ptr[i];
    }
    *out = (struct mansio_str){text, length};
    return 0;
}

/* RFC 5321 4.1.2 Dot-string. */
static int take_dot_string(struct core_mail_cursor *cursor, struct mansio_str *out)
{
    const char *from = cursor->at;
    int is_after_dot = 1;

    while (!core_mail_at_end(cursor) && (core_mail_is_atext(*cursor->at) || *cursor->at == '.')) {
        if (*cursor->at == '.' && is_after_dot) {
            break;
        }
        is_after_dot = *cursor->at++ == '.';
    }
    if (is_after_dot) {
        return mansio_fail(MANSIO_E_INVALID, "a local part is empty or has a misplaced dot");
    }
    *out = core_mail_between(from, cursor->at);
    return 0;
}

/* local-part "@" domain, at the cursor. */
static int take_mailbox(struct mansio_arena *arena, struct core_mail_cursor *cursor, uint32_t allow,
                        struct core_mail_path *path)
{
    const char *from = cursor->at;
    int result = core_mail_peek(cursor) == '"' ? take_quoted(arena, cursor, &path->local)
                                               : take_dot_string(cursor, &path->local);

    if (result < 0) {
        return result;
    }
    if (cursor->at - from > CORE_MAIL_LOCAL_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "a local part is longer than %d", CORE_MAIL_LOCAL_MAX);
    }
    result = check_utf8(path->local, (allow & CORE_MAIL_PATH_UTF8) != 0, "local part");
    if (result < 0) {
        return result;
    }
    if (core_mail_peek(cursor) != '@') {
        /* RFC 5321 4.1.1.3: the one address without a domain. */
        if ((allow & CORE_MAIL_PATH_POSTMASTER) != 0 && core_mail_peek(cursor) == '>' &&
            mansio_str_ieq(path->local, MANSIO_STR("postmaster"))) {
            return 0;
        }
        return mansio_fail(MANSIO_E_INVALID, "an address has no \"@\" behind its local part");
    }
    cursor->at++;
    result = take_domain(cursor, allow, path);
    if (result == 0 && cursor->at - from > CORE_MAIL_PATH_MAX - 2) {
        return mansio_fail(MANSIO_E_LIMIT, "a path is longer than %d", CORE_MAIL_PATH_MAX);
    }
    for (const char *at = from; at < cursor->at; at++) {
        path->is_utf8 |= (uint32_t)core_mail_is_8bit(*at);
    }
    return result;
}

/* RFC 5321 4.1.2 A-d-l: checked and forgotten, as RFC 5321 3.6.1 and appendix C have it. */
static int skip_route(struct core_mail_cursor *cursor, uint32_t allow)
{
    if (core_mail_peek(cursor) != '@') {
        return 0;
    }
    for (;;) {
        struct core_mail_path ignored = {.domain_kind = CORE_MAIL_DOMAIN_NONE};
        int result;

        if (core_mail_peek(cursor) != '@') {
            return mansio_fail(MANSIO_E_INVALID, "a source route has no \"@\" behind its comma");
        }
        cursor->at++;
        result = take_domain(cursor, allow, &ignored);
        if (result < 0) {
            return result;
        }
        if (core_mail_peek(cursor) != ',') {
            break;
        }
        cursor->at++;
    }
    if (core_mail_peek(cursor) != ':') {
        return mansio_fail(MANSIO_E_INVALID, "a source route has no \":\" at its end");
    }
    cursor->at++;
    return 0;
}

int core_mail_path_parse(struct mansio_arena *arena, struct mansio_str text, uint32_t allow,
                         struct core_mail_path *out)
{
    struct core_mail_cursor cursor = core_mail_cursor_at(text);
    struct core_mail_path path = {.domain_kind = CORE_MAIL_DOMAIN_NONE};
    int result;

    if (core_mail_peek(&cursor) != '<') {
        return mansio_fail(MANSIO_E_INVALID, "a path does not begin with \"<\"");
    }
    cursor.at++;
    if (core_mail_peek(&cursor) != '>') {
        result = skip_route(&cursor, allow);
        if (result == 0) {
            result = take_mailbox(arena, &cursor, allow, &path);
        }
        if (result < 0) {
            return result;
        }
    } else if ((allow & CORE_MAIL_PATH_NULL) == 0) {
        return mansio_fail(MANSIO_E_INVALID, "the null path may not stand here");
    }
    if (core_mail_peek(&cursor) != '>') {
        return mansio_fail(MANSIO_E_INVALID, "a path does not end with \">\"");
    }
    cursor.at++;
    *out = path;
    return (int)(cursor.at - text.ptr);
}

int core_mail_mailbox_parse(struct mansio_arena *arena, struct mansio_str text, uint32_t allow,
                            struct core_mail_path *out)
{
    struct core_mail_cursor cursor = core_mail_cursor_at(text);
    struct core_mail_path path = {.domain_kind = CORE_MAIL_DOMAIN_NONE};
    int result = take_mailbox(arena, &cursor, allow & CORE_MAIL_PATH_UTF8, &path);

    if (result == 0 && !core_mail_at_end(&cursor)) {
        result = mansio_fail(MANSIO_E_INVALID, "something stands behind an address");
    }
    if (result == 0) {
        *out = path;
    }
    return result;
}
