/*
 * One command line, or one line of a batch: parsed, and carried out where it belongs.
 */
#include "config.h"

#include "core/ctl/ctl.h"

#include <string.h>

#include "core/ctl/admin.h"
#include "core/ctl/help.h"
#include "core/ctl/parse.h"
#include <mansio/error.h>
#include <mansio/str.h>

enum { TEXT_MAX = 65536 };

static int show_help(struct core_ctl *ctl, const struct core_ctl_command *command)
{
    struct mansio_buf *out = mansio_buf_new(ctl->arena, TEXT_MAX);
    core_ctl_help(out, command);
    return core_ctl_write(ctl, mansio_buf_str(out));
}

int core_ctl_run(struct core_ctl *ctl, const char *const *words, size_t count)
{
    struct core_ctl_request request;
    if (count > 0 && strcmp(words[0], "complete") == 0) {
        return core_ctl_complete(ctl, words + 1, count - 1);
    }
    if (core_ctl_parse(ctl, words, count, &request) < 0) {
        core_ctl_error(ctl, "%s; `mansioctl help` lists the commands", mansio_error_detail());
        return CORE_CTL_USAGE;
    }
    if (request.is_version) {
        return core_ctl_write(ctl, MANSIO_STR("mansioctl " PACKAGE_VERSION "\n"));
    }
    if (request.is_help) {
        return show_help(ctl, request.command);
    }
    if (ctl->line > 0 && (request.command->flags & CORE_CTL_ALONE)) {
        core_ctl_error(ctl, "%s: not in a batch", request.command->words);
        return CORE_CTL_USAGE;
    }
    if ((request.command->flags & CORE_CTL_ADMIN) && ctl->admin == NULL) {
        return core_ctl_admin_run(ctl, &request.args);
    }
    return request.command->run(ctl, &request.args);
}
