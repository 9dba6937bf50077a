/*
 * The commands of mansioctl, as a table: parsing, help, usage and completion all read it.
 */
#include "core/ctl/ctl.h"

#include <string.h>

#include <mansio/str.h>

static const struct core_ctl_option global_options[] = {
    {"--socket", "PATH", "the daemon's control socket"},
    {"--config", "FILE", "the configuration that names the socket"},
    {"--timeout", "SECONDS", "how long to wait for an answer; 0: as long as it takes"},
    {"--json", NULL, "answer as JSON"},
    {"--help", NULL, "this text, or a command's"},
    {"--version", NULL, "the version"},
};

/* Sorted by words. */
static const struct core_ctl_command commands[] = {
    {.words = "completion",
     .operand = "SHELL",
     .help = "print the completion script of bash or zsh",
     .run = core_ctl_cmd_completion},
    {.words = "help",
     .operand = "[COMMAND...]",
     .help = "list the commands, or explain one",
     .run = core_ctl_cmd_help},
    {.words = "modules",
     .help = "show the loaded modules and their instances",
     .run = core_ctl_cmd_modules},
    {.words = "reload",
     .help = "check and use what changed: settings, modules, the daemon itself",
     .option_count = 1,
     .options = {{"--force", NULL, "start a new generation even if nothing changed"}},
     .run = core_ctl_cmd_reload},
    {.words = "sessions kill",
     .operand = "ID",
     .help = "end a session, with its protocol's goodbye",
     .run = core_ctl_cmd_sessions_kill},
    {.words = "sessions list",
     .help = "show the open sessions",
     .option_count = 3,
     .options = {{"--service", "NAME", "only those of this service"},
                 {"--instance", "NAME", "only those of this instance"},
                 {"--limit", "N", "at most so many"}},
     .run = core_ctl_cmd_sessions_list},
    {.words = "status",
     .help = "show the daemon, its processes and its listeners",
     .run = core_ctl_cmd_status},
    {.words = "stop",
     .help = "stop the daemon once what is in hand is done",
     .option_count = 1,
     .options = {{"--quick", NULL, "don't wait for what is in hand"}},
     .run = core_ctl_cmd_stop},
};

const struct core_ctl_command *core_ctl_commands(size_t *out_count)
{
    *out_count = MANSIO_COUNT(commands);
    return commands;
}

const struct core_ctl_option *core_ctl_global_options(size_t *out_count)
{
    *out_count = MANSIO_COUNT(global_options);
    return global_options;
}

/* How many of the given words are this command's; 0 if they don't begin with all of its own. */
static size_t words_matched(const char *command, const char *const *words, size_t count)
{
    struct mansio_str rest = mansio_str_from_cstr(command), word;
    size_t used = 0;
    while (mansio_str_split(&rest, ' ', &word)) {
        if (used == count || !mansio_str_eq(word, mansio_str_from_cstr(words[used]))) {
            return 0;
        }
        used++;
    }
    return used;
}

const struct core_ctl_command *core_ctl_find(const char *const *words, size_t count,
                                             size_t *out_used)
{
    for (size_t i = 0; i < MANSIO_COUNT(commands); i++) {
        size_t used = words_matched(commands[i].words, words, count);
        if (used > 0) {
            *out_used = used;
            return &commands[i];
        }
    }
    return NULL;
}
