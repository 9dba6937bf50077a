/*
 * Flags as STORE and APPEND give them (RFC 3501 9, flag-list).
 */
#include "parse.h"

#include <mansio/error.h>
#include <mansio/store.h>
#include <mansio/str.h>

static const struct {
    struct mansio_str name;
    uint32_t flag;
} system_flags[] = {
    {MANSIO_STR("\\Answered"), MANSIO_FLAG_ANSWERED},
    {MANSIO_STR("\\Deleted"), MANSIO_FLAG_DELETED},
    {MANSIO_STR("\\Draft"), MANSIO_FLAG_DRAFT},
    {MANSIO_STR("\\Flagged"), MANSIO_FLAG_FLAGGED},
    {MANSIO_STR("\\Seen"), MANSIO_FLAG_SEEN},
};

struct gathered {
    struct mansio_str keywords[IMAP_KEYWORDS_MAX];
    size_t count, bytes;
};

/* A backslash and one of the names that a client may give: not \Recent, nor ones of the future. */
static int parse_system_flag(struct imap_cursor *cursor, uint32_t *flags)
{
    for (size_t i = 0; i < MANSIO_COUNT(system_flags); i++) {
        if (imap_parse_word(cursor, system_flags[i].name)) {
            *flags |= system_flags[i].flag;
            return 0;
        }
    }
    return MANSIO_E_INVALID;
}

static int parse_keyword(struct imap_cursor *cursor, struct gathered *gathered)
{
    struct imap_cursor ahead = *cursor;
    struct mansio_str keyword;
    int rc = imap_parse_atom(&ahead, &keyword);
    if (rc < 0) {
        return rc;
    }
    if (keyword.len > IMAP_KEYWORD_MAX) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < gathered->count; i++) {
        if (mansio_str_ieq(gathered->keywords[i], keyword)) {
            *cursor = ahead;
            return 0;
        }
    }
    if (gathered->count == IMAP_KEYWORDS_MAX) {
        return MANSIO_E_LIMIT;
    }
    gathered->keywords[gathered->count++] = keyword;
    gathered->bytes += keyword.len + 1;
    *cursor = ahead;
    return 0;
}

static int join(struct mansio_arena *arena, const struct gathered *gathered, struct mansio_str *out)
{
    *out = MANSIO_STR_NONE;
    if (gathered->count == 0) {
        return 0;
    }
    struct mansio_buf *text = mansio_buf_new(arena, gathered->bytes);
    for (size_t i = 0; i < gathered->count; i++) {
        if (i > 0) {
            mansio_buf_add_char(text, ' ');
        }
        mansio_buf_add(text, gathered->keywords[i]);
    }
    *out = mansio_buf_str(text);
    return mansio_buf_status(text);
}

int imap_parse_flags(struct imap_cursor *cursor, uint32_t *out_flags,
                     struct mansio_str *out_keywords)
{
    struct gathered gathered = {.count = 0};
    uint32_t flags = 0;
    int is_list = imap_parse_sees(cursor, '(');
    int rc = 0;
    cursor->at += is_list;
    if (is_list && imap_parse_sees(cursor, ')')) {
        cursor->at++;
        *out_flags = 0;
        *out_keywords = MANSIO_STR_NONE;
        return 0;
    }
    do {
        rc = imap_parse_sees(cursor, '\\') ? parse_system_flag(cursor, &flags)
                                           : parse_keyword(cursor, &gathered);
    } while (rc == 0 && imap_parse_space(cursor) == 0);
    if (rc == 0 && is_list) {
        rc = imap_parse_char(cursor, ')');
    }
    if (rc == 0) {
        rc = join(cursor->arena, &gathered, out_keywords);
    }
    if (rc == 0) {
        *out_flags = flags;
    }
    return rc;
}
