/*
 * The arguments of LIST: see list_args.h.
 */
#include "list_args.h"

#include <mansio/error.h>
#include <mansio/str.h>

static const struct {
    struct mansio_str word;
    uint32_t option;
    uint32_t selects, returns; /* 1: where it may stand */
} options[] = {
    {MANSIO_STR("SUBSCRIBED"), IMAP_LIST_SUBSCRIBED, 1, 1},         /* 5258 3.1, 3.2 */
    {MANSIO_STR("REMOTE"), IMAP_LIST_REMOTE, 1, 0},                 /* 5258 3.1 */
    {MANSIO_STR("RECURSIVEMATCH"), IMAP_LIST_RECURSIVEMATCH, 1, 0}, /* 5258 3.1 */
    {MANSIO_STR("SPECIAL-USE"), IMAP_LIST_SPECIAL_USE, 1, 1},       /* 6154 2 */
    {MANSIO_STR("CHILDREN"), IMAP_LIST_CHILDREN, 0, 1},             /* 5258 4 */
};

/* One option; one that nobody knows is a mistake (RFC 5258 3). */
static int parse_option(struct imap_cursor *cursor, int is_return, uint32_t *out)
{
    for (size_t i = 0; i < MANSIO_COUNT(options); i++) {
        if ((is_return ? options[i].returns : options[i].selects) &&
            imap_parse_word(cursor, options[i].word)) {
            *out |= options[i].option;
            return 0;
        }
    }
    return MANSIO_E_INVALID;
}

/* "(" options, or none ")". */
static int parse_options(struct imap_cursor *cursor, int is_return, uint32_t *out)
{
    int rc = imap_parse_char(cursor, '(');
    while (rc == 0 && !imap_parse_sees(cursor, ')')) {
        rc = parse_option(cursor, is_return, out);
        if (rc == 0 && !imap_parse_sees(cursor, ')')) {
            rc = imap_parse_space(cursor);
        }
    }
    return rc == 0 ? imap_parse_char(cursor, ')') : rc;
}

/* A pattern, behind the reference: names have no root, so one is put behind the other. */
static int parse_pattern(struct imap_cursor *cursor, struct imap_list_args *out)
{
    struct mansio_str pattern;
    if (out->pattern_count == MANSIO_COUNT(out->patterns)) {
        return mansio_fail(MANSIO_E_LIMIT, "more than %d patterns", IMAP_LIST_PATTERNS_MAX);
    }
    int rc = imap_parse_list_mailbox(cursor, &pattern);
    if (rc < 0 || pattern.len == 0) {
        out->is_root = rc == 0;
        return rc; /* an empty one matches nothing (RFC 5258 3) */
    }
    return mansio_arena_printf(cursor->arena, &out->patterns[out->pattern_count++], "%.*s%.*s",
                               MANSIO_STR_ARG(out->reference), MANSIO_STR_ARG(pattern));
}

static int parse_patterns(struct imap_cursor *cursor, int may_extend, struct imap_list_args *out)
{
    if (!may_extend || imap_parse_char(cursor, '(') < 0) {
        return parse_pattern(cursor, out);
    }
    out->is_extended = 1;
    int rc = parse_pattern(cursor, out);
    while (rc == 0 && imap_parse_char(cursor, ')') < 0) {
        rc = imap_parse_space(cursor);
        rc = rc == 0 ? parse_pattern(cursor, out) : rc;
    }
    return rc;
}

static int parse_return(struct imap_cursor *cursor, struct imap_list_args *out)
{
    out->is_extended = 1;
    int rc = imap_parse_word(cursor, MANSIO_STR("RETURN")) ? 0 : MANSIO_E_INVALID;
    rc = rc == 0 ? imap_parse_space(cursor) : rc;
    return rc == 0 ? parse_options(cursor, 1, &out->returns) : rc;
}

static int parse_select(struct imap_cursor *cursor, struct imap_list_args *out)
{
    out->is_extended = 1;
    const char *begin = cursor->at;
    int rc = parse_options(cursor, 0, &out->select);
    /* RFC 5258 3.1: of what else should it be recursive? */
    if (rc == 0 && (out->select & IMAP_LIST_RECURSIVEMATCH) &&
        !(out->select & (IMAP_LIST_SUBSCRIBED | IMAP_LIST_SPECIAL_USE))) {
        cursor->at = begin;
        rc = MANSIO_E_INVALID;
    }
    return rc == 0 ? imap_parse_space(cursor) : rc;
}

int imap_list_parse(struct imap_cursor *cursor, int may_extend, struct imap_list_args *out,
                    const char **out_expected)
{
    *out = (struct imap_list_args){.is_extended = 0};
    *out_expected = "a reference and a pattern";
    int rc = imap_parse_space(cursor);
    if (rc == 0 && may_extend && imap_parse_sees(cursor, '(')) {
        *out_expected = "options of LIST";
        rc = parse_select(cursor, out);
    }
    if (rc == 0) {
        *out_expected = "a reference and a pattern";
        rc = imap_parse_list_mailbox(cursor, &out->reference);
    }
    rc = rc == 0 ? imap_parse_space(cursor) : rc;
    rc = rc == 0 ? parse_patterns(cursor, may_extend, out) : rc;
    if (rc == 0 && may_extend && imap_parse_sees(cursor, ' ')) {
        *out_expected = "what LIST shall return";
        rc = imap_parse_space(cursor);
        rc = rc == 0 ? parse_return(cursor, out) : rc;
    }
    if (rc == 0) {
        *out_expected = "nothing more";
        rc = imap_parse_end(cursor);
    }
    out->is_root &= !out->is_extended && out->pattern_count == 0;
    /* RFC 5258 3.1, RFC 6154 2: what is selected by is told as well. */
    out->returns |= out->select & (IMAP_LIST_SUBSCRIBED | IMAP_LIST_SPECIAL_USE);
    return rc;
}
