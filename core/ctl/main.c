/*
 * mansioctl: an administrator's hand on a running mansiod. Owns the run's arena; what it can do
 * is the table in commands.c, how it asks is client.c.
 */
#include "config.h"

#include "core/ctl/ctl.h"

#include <string.h>

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

static int run(struct core_ctl *ctl, const char *const *words, size_t count)
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
    return request.command->run(ctl, &request.args);
}

int main(int argc, char **argv)
{
    const char *words[256];
    size_t count = 0;
    struct core_ctl ctl = {.timeout_us = -1};
    ctl.arena = mansio_arena_new(NULL, "ctl", 0);
    int rc = CORE_CTL_USAGE;
    for (int i = 1; i < argc && count < MANSIO_COUNT(words); i++) {
        words[count++] = argv[i];
    }
    if (argc > (int)MANSIO_COUNT(words)) {
        core_ctl_error(&ctl, "too many arguments");
    } else {
        rc = run(&ctl, words, count);
    }
    mansio_arena_free(ctl.arena);
    return rc;
}
