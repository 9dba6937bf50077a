/*
 * The words of commands: tags, atoms, numbers, strings, mailbox names (RFC 3501 9). Sets, flags and
 * dates stand in files of their own.
 */
#include "parse.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

#include "mutf7.h"

static int is_at_end(const struct imap_cursor *cursor)
{
    return cursor->at == cursor->end;
}

/* ATOM-CHAR: printable ASCII but atom-specials. */
static int is_atom_char(char c)
{
    return c > 0x20 && c < 0x7f && strchr("(){%*\"\\]", c) == NULL;
}

static int is_astring_char(char c)
{
    return is_atom_char(c) || c == ']';
}

static int is_list_char(char c)
{
    return is_astring_char(c) || c == '%' || c == '*';
}

static int is_tag_char(char c)
{
    return is_astring_char(c) && c != '+';
}

/* What an atom that names something is made of: BODY[1] has the word BODY, BODY.PEEK another. */
static int is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr(".-_/$\\", c) != NULL);
}

/* As many characters of a kind as there are, one at least. */
static int take(struct imap_cursor *cursor, int (*is_of_kind)(char c), struct mansio_str *out)
{
    const char *from = cursor->at;
    while (!is_at_end(cursor) && is_of_kind(*cursor->at)) {
        cursor->at++;
    }
    if (cursor->at == from) {
        return MANSIO_E_INVALID;
    }
    *out = (struct mansio_str){from, (size_t)(cursor->at - from)};
    return 0;
}

/* ---- single characters, words -------------------------------------------------------------------
 */

int imap_parse_sees(const struct imap_cursor *cursor, char c)
{
    return !is_at_end(cursor) && *cursor->at == c;
}

int imap_parse_char(struct imap_cursor *cursor, char wanted)
{
    if (!imap_parse_sees(cursor, wanted)) {
        return MANSIO_E_INVALID;
    }
    cursor->at++;
    return 0;
}

int imap_parse_space(struct imap_cursor *cursor)
{
    return imap_parse_char(cursor, ' ');
}

int imap_parse_end(struct imap_cursor *cursor)
{
    return is_at_end(cursor) ? 0 : MANSIO_E_INVALID;
}

int imap_parse_word(struct imap_cursor *cursor, struct mansio_str word)
{
    struct mansio_str rest = {cursor->at, (size_t)(cursor->end - cursor->at)};
    if (!mansio_str_istarts(rest, word) ||
        (rest.len > word.len && is_word_char(rest.ptr[word.len]))) {
        return 0;
    }
    cursor->at += word.len;
    return 1;
}

int imap_parse_tag(struct imap_cursor *cursor, struct mansio_str *out)
{
    struct imap_cursor ahead = *cursor;
    int rc = take(&ahead, is_tag_char, out);
    if (rc == 0 && out->len > IMAP_TAG_MAX) {
        return MANSIO_E_LIMIT;
    }
    cursor->at = ahead.at;
    return rc;
}

int imap_parse_atom(struct imap_cursor *cursor, struct mansio_str *out)
{
    return take(cursor, is_atom_char, out);
}

/* ---- numbers ------------------------------------------------------------------------------------
 */

static int take_number(struct imap_cursor *cursor, uint64_t max, uint64_t *out)
{
    const char *at = cursor->at;
    while (at != cursor->end && *at >= '0' && *at <= '9') {
        at++;
    }
    /* Beyond the grammar's range it is no number of that grammar. */
    if (mansio_parse_u64((struct mansio_str){cursor->at, (size_t)(at - cursor->at)}, max, out) <
        0) {
        return MANSIO_E_INVALID;
    }
    cursor->at = at;
    return 0;
}

int imap_parse_number64(struct imap_cursor *cursor, uint64_t *out)
{
    return take_number(cursor, INT64_MAX, out);
}

int imap_parse_number(struct imap_cursor *cursor, uint32_t *out)
{
    uint64_t number = 0;
    int rc = take_number(cursor, UINT32_MAX, &number);
    if (rc == 0) {
        *out = (uint32_t)number;
    }
    return rc;
}

int imap_parse_nz_number(struct imap_cursor *cursor, uint32_t *out)
{
    struct imap_cursor ahead = *cursor;
    uint32_t number = 0;
    int rc = imap_parse_number(&ahead, &number);
    if (rc < 0 || number == 0) {
        return MANSIO_E_INVALID;
    }
    *cursor = ahead;
    *out = number;
    return 0;
}

/* ---- strings ------------------------------------------------------------------------------------
 */

/* The inside of a quoted string, with its backslashes undone. */
static int unquote(struct imap_cursor *cursor, struct mansio_str inside, struct mansio_str *out)
{
    char *text = mansio_arena_try_alloc(cursor->arena, inside.len);
    if (text == NULL) {
        return MANSIO_E_LIMIT;
    }
    size_t len = 0;
    for (size_t i = 0; i < inside.len; i++) {
        if (inside.ptr[i] == '\\') {
            i++;
        }
        text[len++] = inside.ptr[i];
    }
    *out = (struct mansio_str){text, len};
    return 0;
}

/* quoted. Bytes above ASCII are let through: passwords and search words come so. */
static int parse_quoted(struct imap_cursor *cursor, struct mansio_str *out)
{
    const char *begin = ++cursor->at;
    int has_escapes = 0;
    for (; !is_at_end(cursor); cursor->at++) {
        char c = *cursor->at;
        if (c == '"') {
            struct mansio_str inside = {begin, (size_t)(cursor->at - begin)};
            *out = inside;
            int rc = has_escapes ? unquote(cursor, inside, out) : 0;
            if (rc == 0) {
                cursor->at++;
            }
            return rc;
        }
        if (c == '\0' || c == '\r' || c == '\n') {
            return MANSIO_E_INVALID;
        }
        if (c == '\\') {
            has_escapes = 1;
            cursor->at++;
            if (is_at_end(cursor) || (*cursor->at != '"' && *cursor->at != '\\')) {
                return MANSIO_E_INVALID;
            }
        }
    }
    return MANSIO_E_INVALID;
}

/* literal: the reader has put the bytes behind it. NUL is none of them (RFC 3501 9, CHAR8). */
static int parse_literal(struct imap_cursor *cursor, struct mansio_str *out)
{
    struct imap_cursor ahead = *cursor;
    uint64_t size = 0;
    ahead.at++;
    if (imap_parse_number64(&ahead, &size) < 0) {
        return MANSIO_E_INVALID;
    }
    if (imap_parse_sees(&ahead, '+')) {
        ahead.at++;
    }
    if (imap_parse_char(&ahead, '}') < 0 || imap_parse_char(&ahead, '\r') < 0 ||
        imap_parse_char(&ahead, '\n') < 0 || size > (size_t)(ahead.end - ahead.at)) {
        return MANSIO_E_INVALID;
    }
    struct mansio_str bytes = {ahead.at, (size_t)size};
    if (mansio_str_find_char(bytes, '\0') >= 0) {
        return MANSIO_E_INVALID;
    }
    cursor->at = ahead.at + size;
    *out = bytes;
    return 0;
}

int imap_parse_string(struct imap_cursor *cursor, struct mansio_str *out)
{
    if (imap_parse_sees(cursor, '"')) {
        return parse_quoted(cursor, out);
    }
    return imap_parse_sees(cursor, '{') ? parse_literal(cursor, out) : MANSIO_E_INVALID;
}

static int parse_string_or(struct imap_cursor *cursor, int (*is_of_kind)(char c),
                           struct mansio_str *out)
{
    if (imap_parse_sees(cursor, '"') || imap_parse_sees(cursor, '{')) {
        return imap_parse_string(cursor, out);
    }
    return take(cursor, is_of_kind, out);
}

int imap_parse_astring(struct imap_cursor *cursor, struct mansio_str *out)
{
    return parse_string_or(cursor, is_astring_char, out);
}

/* ---- mailbox names ------------------------------------------------------------------------------
 */

/* INBOX, and what lies below it, in its one spelling. */
static int spell_inbox(struct mansio_arena *arena, struct mansio_str *name)
{
    static const char inbox[] = "INBOX";
    size_t len = sizeof inbox - 1;
    if (!mansio_str_istarts(*name, MANSIO_STR("INBOX")) ||
        (name->len > len && name->ptr[len] != '/')) {
        return 0;
    }
    return mansio_arena_printf(arena, name, "INBOX%.*s",
                               MANSIO_STR_ARG(mansio_str_sub(*name, len, SIZE_MAX)));
}

/* Levels that are there, of characters that show. */
static int is_name(struct mansio_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (c < 0x20 || c == 0x7f ||
            (c == '/' && (i == 0 || i + 1 == name.len || name.ptr[i - 1] == '/'))) {
            return 0;
        }
    }
    return name.len > 0;
}

int imap_parse_mailbox(struct imap_cursor *cursor, struct mansio_str *out)
{
    struct imap_cursor ahead = *cursor;
    struct mansio_str text, name;
    int rc = imap_parse_astring(&ahead, &text);
    if (rc < 0) {
        cursor->at = ahead.at;
        return rc;
    }
    rc = imap_mutf7_decode(cursor->arena, text, &name);
    if (rc < 0) {
        return rc;
    }
    /* Who means to make mailboxes below says so with a separator at the end (RFC 3501 6.3.3). */
    if (name.len > 1 && mansio_str_ends(name, MANSIO_STR("/"))) {
        name.len--;
    }
    if (!is_name(name)) {
        return mansio_fail(MANSIO_E_INVALID, "no name of a mailbox");
    }
    rc = spell_inbox(cursor->arena, &name);
    if (rc == 0) {
        *cursor = ahead;
        *out = name;
    }
    return rc;
}

int imap_parse_list_mailbox(struct imap_cursor *cursor, struct mansio_str *out)
{
    struct imap_cursor ahead = *cursor;
    struct mansio_str text, name;
    int rc = parse_string_or(&ahead, is_list_char, &text);
    if (rc < 0) {
        cursor->at = ahead.at;
        return rc;
    }
    rc = imap_mutf7_decode(cursor->arena, text, &name);
    if (rc == 0) {
        *cursor = ahead;
        *out = name;
    }
    return rc;
}
