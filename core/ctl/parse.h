/*
 * The command line of mansioctl, taken apart by the tables of commands.c. Pure.
 */
#ifndef MANSIO_CORE_CTL_PARSE_H
#define MANSIO_CORE_CTL_PARSE_H

#include "core/ctl/ctl.h"

/* What the command line asks for. */
struct core_ctl_request {
    const struct core_ctl_command *command; /* NULL if none was named */
    struct core_ctl_args args;
    uint32_t is_help;    /* --help */
    uint32_t is_version; /* --version */
};

/*
 * Take the words after the program's name apart. Global options may stand anywhere, a command's
 * own after it; "--" ends options; "--name=value" and "--name value" are the same.
 *
 * @return 0; MANSIO_E_INVALID with the reason as the detail
 */
MANSIO_MUST_CHECK int core_ctl_parse(struct core_ctl *ctl, const char *const *words, size_t count,
                                     struct core_ctl_request *out);

#endif
