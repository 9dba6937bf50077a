/*
 * Command lines of POP3, taken apart (RFC 1939 3, RFC 2449 4). Pure.
 */
#ifndef MANSIO_MODULES_POP3_PARSE_H
#define MANSIO_MODULES_POP3_PARSE_H

#include <mansio/base.h>

enum {
    POP3_ARGS_MAX = 2, /* no command has more */

    /* RFC 2449 4: 255 octets, the line end included. Twice that is taken, for passwords that are
     * phrases; what is longer is skipped and refused. */
    POP3_LINE_MAX = 512,
};

/* A command line: a keyword, then arguments separated by one space or, from sloppy clients, more.
 */
struct pop3_line {
    struct mansio_str verb;
    struct mansio_str rest; /* all behind the first space, as it came: for PASS */
    struct mansio_str args[POP3_ARGS_MAX];
    size_t arg_count; /* may exceed POP3_ARGS_MAX: then only the first are kept */
};

/* Take a line without its line end apart. 0; MANSIO_E_INVALID for one with a NUL or a line's end in
 * it, or without a keyword. */
MANSIO_MUST_CHECK int pop3_parse_line(struct mansio_str text, struct pop3_line *out);

/* A message's number. 0; MANSIO_E_INVALID: no number; MANSIO_E_NOT_FOUND: not 1 to @p max. */
MANSIO_MUST_CHECK int pop3_parse_number(struct mansio_str text, uint32_t max, uint32_t *out);

/* How many lines TOP shall give; one beyond all bounds means all. 0; MANSIO_E_INVALID. */
MANSIO_MUST_CHECK int pop3_parse_lines(struct mansio_str text, uint64_t *out);

#endif
