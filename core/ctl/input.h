/*
 * What mansioctl reads from standard input: lines of a batch, and passwords, which are never on a
 * command line.
 */
#ifndef MANSIO_CORE_CTL_INPUT_H
#define MANSIO_CORE_CTL_INPUT_H

#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/buf.h>

enum {
    CORE_CTL_LINE_MAX = 256 * 1024,
    CORE_CTL_PASSWORD_MAX = 4096,
};

/* Standard input, read by blocks. */
struct core_ctl_input {
    char *block; /* CORE_CTL_LINE_MAX bytes */
    size_t start, end;
    int is_over;
};

/*
 * The next line, without its LF; the last needs none.
 *
 * @param out  valid until the next call
 * @return 1 with a line; 0 at the end; MANSIO_E_LIMIT: longer than CORE_CTL_LINE_MAX; MANSIO_E_IO
 */
MANSIO_MUST_CHECK int core_ctl_read_line(struct core_ctl_input *input, struct mansio_str *out);

/*
 * A password: the first line of standard input; from a terminal asked for, twice, without echo.
 *
 * @param prompt  what is asked for, "password of user@example.org"
 * @return 0; MANSIO_E_INVALID: empty, or not the same twice; MANSIO_E_LIMIT: too long; MANSIO_E_IO
 */
MANSIO_MUST_CHECK int core_ctl_read_password(struct mansio_arena *arena, const char *prompt,
                                             struct mansio_secret **out);

#endif
