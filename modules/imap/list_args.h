/*
 * The arguments of LIST, plain and extended (RFC 3501 6.3.8, RFC 5258, RFC 6154). Pure.
 */
#ifndef MANSIO_MODULES_IMAP_LIST_ARGS_H
#define MANSIO_MODULES_IMAP_LIST_ARGS_H

#include "parse.h"

enum imap_list_options {
    IMAP_LIST_SUBSCRIBED = 1,
    IMAP_LIST_REMOTE = 2,
    IMAP_LIST_RECURSIVEMATCH = 4,
    IMAP_LIST_SPECIAL_USE = 8,
    IMAP_LIST_CHILDREN = 16,
};

enum {
    IMAP_LIST_PATTERNS_MAX = 32,
};

struct imap_list_args {
    uint32_t is_extended;
    uint32_t select;  /* enum imap_list_options: which names */
    uint32_t returns; /* and what of them */
    struct mansio_str reference;
    struct mansio_str patterns[IMAP_LIST_PATTERNS_MAX]; /* with the reference before them */
    size_t pattern_count;
    uint32_t is_root; /* the pattern was empty, in a plain LIST: the separator is asked for */
};

/*
 * Read them up to the end of the command.
 *
 * @param may_extend    0: the plain form alone (LSUB)
 * @param out_expected  what was expected where the mistake is
 * @return 0; MANSIO_E_INVALID; MANSIO_E_LIMIT
 */
MANSIO_MUST_CHECK int imap_list_parse(struct imap_cursor *cursor, int may_extend,
                                      struct imap_list_args *out, const char **out_expected);

#endif
