/*
 * Help and completion scripts, from the tables.
 */
#include "core/ctl/ctl.h"

#include <string.h>

#include "core/ctl/help.h"
#include <mansio/str.h>

enum {
    TEXT_MAX = 65536,
    COLUMN = 30, /* where help begins */
};

/* Bash asks `mansioctl complete` what may come: the candidates are the table's, so this never has
 * to change. */
static const char bash_script[] =
    "# bash completion for mansioctl; made by `mansioctl completion bash`.\n"
    "_mansioctl() {\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} line\n"
    "    COMPREPLY=()\n"
    "    case $previous in\n"
    "    --socket | --config)\n"
    "        while IFS= read -r line; do COMPREPLY+=(\"$line\"); done \\\n"
    "            < <(compgen -f -- \"$current\")\n"
    "        return\n"
    "        ;;\n"
    "    esac\n"
    "    while IFS= read -r line; do COMPREPLY+=(\"$line\"); done \\\n"
    "        < <(\"${COMP_WORDS[0]}\" complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _mansioctl mansioctl\n";

static const char zsh_script[] =
    "#compdef mansioctl\n"
    "# zsh completion for mansioctl; made by `mansioctl completion zsh`.\n"
    "_mansioctl() {\n"
    "    local -a candidates\n"
    "    case ${words[CURRENT-1]} in\n"
    "    --socket | --config)\n"
    "        _files\n"
    "        return\n"
    "        ;;\n"
    "    esac\n"
    "    candidates=(${(f)\"$(${words[1]} complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)\"})\n"
    "    compadd -a candidates\n"
    "}\n"
    "if [ \"${funcstack[1]}\" = _mansioctl ]; then\n"
    "    _mansioctl \"$@\"\n"
    "else\n"
    "    compdef _mansioctl mansioctl\n"
    "fi\n";

static void help_options(struct mansio_buf *out, const struct core_ctl_option *options,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (options[i].is_switch_off) {
            continue;
        }
        const char *argument = options[i].argument ? options[i].argument : "";
        int width = COLUMN - (int)strlen(options[i].name) - 1;
        mansio_buf_printf(out, "  %s %-*s %s\n", options[i].name, width, argument, options[i].help);
    }
}

static void help_usage(struct mansio_buf *out, const struct core_ctl_command *command)
{
    mansio_buf_printf(out, "usage: mansioctl [OPTION...] %s", command->words);
    for (size_t i = 0; i < command->option_count; i++) {
        const struct core_ctl_option *option = &command->options[i];
        if (option->is_switch_off) {
            continue;
        }
        mansio_buf_printf(out, " [%s%s%s]", option->name, option->argument ? " " : "",
                          option->argument ? option->argument : "");
    }
    mansio_buf_printf(out, "%s%s\n", command->operand ? " " : "",
                      command->operand ? command->operand : "");
}

static void help_switches_off(struct mansio_buf *out, const struct core_ctl_command *command)
{
    for (size_t i = 0; i < command->option_count; i++) {
        if (command->options[i].is_switch_off) {
            mansio_buf_add(out,
                           MANSIO_STR("\n--no-FIELD, or an empty value, takes a field away.\n"));
            return;
        }
    }
}

/* What it does stands behind it, or below it if it is long. */
static void help_line(struct mansio_buf *out, const struct core_ctl_command *command)
{
    const char *operand = command->operand ? command->operand : "";
    int width = COLUMN - (int)strlen(command->words) - 1;
    if ((int)strlen(operand) >= width) {
        mansio_buf_printf(out, "  %s %s\n  %*s %s\n", command->words, operand, COLUMN, "",
                          command->help);
    } else {
        mansio_buf_printf(out, "  %s %-*s %s\n", command->words, width, operand, command->help);
    }
}

void core_ctl_help(struct mansio_buf *out, const struct core_ctl_command *command)
{
    size_t count = 0;
    if (command != NULL) {
        help_usage(out, command);
        mansio_buf_printf(out, "\n%s.\n", command->help);
        if (command->option_count > 0) {
            mansio_buf_add(out, MANSIO_STR("\n"));
            help_options(out, command->options, command->option_count);
            help_switches_off(out, command);
        }
        return;
    }
    mansio_buf_add(out, MANSIO_STR("usage: mansioctl [OPTION...] COMMAND [ARGUMENT...]\n\n"
                                   "commands:\n"));
    const struct core_ctl_command *commands = core_ctl_commands(&count);
    for (size_t i = 0; i < count; i++) {
        help_line(out, &commands[i]);
    }
    mansio_buf_add(out, MANSIO_STR("\noptions:\n"));
    const struct core_ctl_option *options = core_ctl_global_options(&count);
    help_options(out, options, count);
    mansio_buf_add(out, MANSIO_STR("\nmansioctl(8) explains them and the exit codes.\n"));
}

/* The commands whose first word it is; returns how many. */
static size_t help_group(struct mansio_buf *out, const char *first)
{
    size_t count = 0, found = 0, length = strlen(first);
    const struct core_ctl_command *commands = core_ctl_commands(&count);
    for (size_t i = 0; i < count; i++) {
        if (strncmp(commands[i].words, first, length) == 0 && commands[i].words[length] == ' ') {
            help_line(out, &commands[i]);
            found++;
        }
    }
    if (found > 0) {
        mansio_buf_printf(out, "\n`mansioctl help %s WORD` explains one; mansioctl(8), all.\n",
                          first);
    }
    return found;
}

int core_ctl_cmd_help(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    const struct core_ctl_command *command = NULL;
    struct mansio_buf *out = mansio_buf_new(ctl->arena, TEXT_MAX);
    if (args->operand != NULL) {
        size_t count = 0;
        const struct core_ctl_command *commands = core_ctl_commands(&count);
        for (size_t i = 0; i < count; i++) {
            if (strcmp(commands[i].words, args->operand) == 0) {
                command = &commands[i];
            }
        }
        if (command == NULL && help_group(out, args->operand) > 0) {
            return core_ctl_write(ctl, mansio_buf_str(out));
        }
        if (command == NULL) {
            core_ctl_error(ctl, "unknown command \"%s\"; `mansioctl help` lists them",
                           args->operand);
            return CORE_CTL_USAGE;
        }
    }
    core_ctl_help(out, command);
    return core_ctl_write(ctl, mansio_buf_str(out));
}

int core_ctl_cmd_completion(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    if (strcmp(args->operand, "bash") == 0) {
        return core_ctl_write(ctl, mansio_str_from_cstr(bash_script));
    }
    if (strcmp(args->operand, "zsh") == 0) {
        return core_ctl_write(ctl, mansio_str_from_cstr(zsh_script));
    }
    core_ctl_error(ctl, "no completion for \"%s\": expected bash or zsh", args->operand);
    return CORE_CTL_USAGE;
}
