/*
 * Help, from the tables. Pure.
 */
#ifndef MANSIO_CORE_CTL_HELP_H
#define MANSIO_CORE_CTL_HELP_H

#include "core/ctl/ctl.h"

/* Append the text for a command; for all of them if @p command is NULL. */
void core_ctl_help(struct mansio_buf *out, const struct core_ctl_command *command);

#endif
