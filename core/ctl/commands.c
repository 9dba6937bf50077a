/*
 * The commands of mansioctl, as a table: parsing, help, usage and completion all read it.
 */
#include "core/ctl/ctl.h"

#include <stdlib.h>
#include <string.h>

#include "core/ctl/objects.h"
#include "core/ctl/policy_words.h"
#include <mansio/str.h>

static const struct core_ctl_option global_options[] = {
    {.name = "--socket", .argument = "PATH", .help = "the daemon's control socket"},
    {.name = "--config", .argument = "FILE", .help = "the configuration that is in use"},
    {.name = "--timeout",
     .argument = "SECONDS",
     .help = "how long to wait for an answer; 0: as long as it takes"},
    {.name = "--json", .help = "answer as JSON"},
    {.name = "--help", .help = "this text, or a command's"},
    {.name = "--version", .help = "the version"},
};

#define SCHEME                                                                                     \
    {                                                                                              \
        .name = "--scheme", .argument = "NAME",                                                    \
        .help = "how it is stored: ARGON2ID, SHA512-CRYPT, ...; left out: as the tenant says"      \
    }
#define NO_SCRAM                                                                                   \
    {                                                                                              \
        .name = "--no-scram", .help = "without SCRAM-SHA-256 keys beside it"                       \
    }

#define SERVICES                                                                                   \
    {                                                                                              \
        .name = "--services", .argument = "NAME,...",                                              \
        .help = "an app password: good for these alone; \"\": for all"                             \
    }
#define EXPIRES                                                                                    \
    {                                                                                              \
        .name = "--expires", .argument = "TIME",                                                   \
        .help = "an app password: good until then, or for 30d; \"\": for ever"                     \
    }
#define REASON                                                                                     \
    {                                                                                              \
        .name = "--reason", .argument = "TEXT", .help = "why, for the audit log"                   \
    }

/* What narrows the queue. */
#define QUEUE_FILTERS                                                                              \
    {.name = "--tenant", .argument = "NAME", .help = "only those of this tenant"},                 \
        {.name = "--sender",                                                                       \
         .argument = "USER@DOMAIN",                                                                \
         .help = "only those from there; <> for bounces"},                                         \
        {.name = "--recipient", .argument = "USER@DOMAIN", .help = "only those to there"},         \
        {.name = "--domain", .argument = "DOMAIN", .help = "only those to this domain"},           \
        {.name = "--state", .argument = "STATE", .help = "due, waiting, sending or held"},         \
        {.name = "--older",                                                                        \
         .argument = "AGE",                                                                        \
         .help = "only those there for so long (30m, 2h, 3d), or since before a time"},            \
    {                                                                                              \
        .name = "--reply", .argument = "TEXT", .help = "only those with this in the last reply"    \
    }
#define QUEUE_ALL                                                                                  \
    {                                                                                              \
        .name = "--all", .help = "the whole queue"                                                 \
    }

/* Those that are not made from forms. */
static const struct core_ctl_command fixed_commands[] = {
    {.words = "audit verify",
     .help = "check that nobody has tampered with the audit log",
     .flags = CORE_CTL_ADMIN,
     .run = core_ctl_cmd_audit_verify},
    {.words = "batch",
     .help = "run commands about the directory from standard input",
     .flags = CORE_CTL_ADMIN | CORE_CTL_ALONE,
     .option_count = 1,
     .options = {{.name = "--keep-going", .help = "go on after a command that failed"}},
     .run = core_ctl_cmd_batch},
    {.words = "completion",
     .operand = "SHELL",
     .help = "print the completion script of bash or zsh",
     .flags = CORE_CTL_ALONE,
     .run = core_ctl_cmd_completion},
    {.words = "help",
     .operand = "[COMMAND...]",
     .help = "list the commands, or explain one",
     .flags = CORE_CTL_ALONE,
     .run = core_ctl_cmd_help},
    {.words = "modules",
     .help = "show the loaded modules and their instances",
     .flags = CORE_CTL_ALONE,
     .run = core_ctl_cmd_modules},
    {.words = "password change",
     .operand = "USER@DOMAIN#LABEL",
     .help = "change what an app password is good for; its secret stays",
     .flags = CORE_CTL_ADMIN,
     .option_count = 5,
     .options = {SERVICES,
                 {.name = "--all-services", .help = "good for all services"},
                 EXPIRES,
                 {.name = "--no-expires", .help = "good for ever"},
                 REASON},
     .run = core_ctl_cmd_password_change},
    {.words = "password make",
     .help = "print the stored form of a password read from standard input",
     .flags = CORE_CTL_ADMIN | CORE_CTL_ALONE,
     .option_count = 2,
     .options = {SCHEME, NO_SCRAM},
     .run = core_ctl_cmd_password_make},
    {.words = "password new",
     .operand = "USER@DOMAIN#LABEL",
     .help = "make an app password, and show it this once",
     .flags = CORE_CTL_ADMIN,
     .option_count = 5,
     .options = {SCHEME, NO_SCRAM, SERVICES, EXPIRES, REASON},
     .run = core_ctl_cmd_password_new},
    {.words = "password set",
     .operand = "USER@DOMAIN[#LABEL]",
     .help = "give an account a password, read from standard input",
     .flags = CORE_CTL_ADMIN,
     .option_count = 7,
     .options = {SCHEME,
                 NO_SCRAM,
                 SERVICES,
                 EXPIRES,
                 {.name = "--stored",
                  .argument = "TEXT",
                  .help = "store this, which an auth module made"},
                 {.name = "--password", .argument = "TEXT", .help = "in a batch alone: this one"},
                 REASON},
     .run = core_ctl_cmd_password_set},
    {.words = "queue bounce",
     .operand = "[ID...]",
     .help = "give up messages of the queue, and tell their senders",
     .flags = CORE_CTL_ADMIN,
     .option_count = 9,
     .options = {QUEUE_FILTERS, QUEUE_ALL, REASON},
     .run = core_ctl_cmd_queue_bounce},
    {.words = "queue delete",
     .operand = "[ID...]",
     .help = "take messages out of the queue, and tell nobody",
     .flags = CORE_CTL_ADMIN,
     .option_count = 9,
     .options = {QUEUE_FILTERS, QUEUE_ALL, REASON},
     .run = core_ctl_cmd_queue_delete},
    {.words = "queue domains",
     .help = "show where the queue is to go, a line a domain, the most first",
     .flags = CORE_CTL_ADMIN,
     .option_count = 7,
     .options = {QUEUE_FILTERS},
     .run = core_ctl_cmd_queue_domains},
    {.words = "queue hold",
     .operand = "[ID...]",
     .help = "keep messages in the queue until they are released",
     .flags = CORE_CTL_ADMIN,
     .option_count = 8,
     .options = {QUEUE_FILTERS, QUEUE_ALL},
     .run = core_ctl_cmd_queue_hold},
    {.words = "queue list",
     .help = "show what is to leave, a line a recipient, the oldest first",
     .flags = CORE_CTL_ADMIN,
     .option_count = 8,
     .options = {QUEUE_FILTERS,
                 {.name = "--limit", .argument = "N", .help = "at most so many; else 10,000"}},
     .run = core_ctl_cmd_queue_list},
    {.words = "queue release",
     .operand = "[ID...]",
     .help = "let messages go that were held",
     .flags = CORE_CTL_ADMIN,
     .option_count = 8,
     .options = {QUEUE_FILTERS, QUEUE_ALL},
     .run = core_ctl_cmd_queue_release},
    {.words = "queue retry",
     .operand = "[ID...]",
     .help = "try messages of the queue now",
     .flags = CORE_CTL_ADMIN,
     .option_count = 8,
     .options = {QUEUE_FILTERS, QUEUE_ALL},
     .run = core_ctl_cmd_queue_retry},
    {.words = "queue show",
     .operand = "ID",
     .help = "show all about one, and the header of its message",
     .flags = CORE_CTL_ADMIN,
     .option_count = 1,
     .options = {{.name = "--message", .help = "the message alone, whole, as it is"}},
     .run = core_ctl_cmd_queue_show},
    {.words = "reload",
     .help = "check and use what changed: settings, modules, the daemon itself",
     .flags = CORE_CTL_ALONE,
     .option_count = 1,
     .options = {{.name = "--force", .help = "start a new generation even if nothing changed"}},
     .run = core_ctl_cmd_reload},
    {.words = "schema apply",
     .help = "bring the database up to what this version wants",
     .flags = CORE_CTL_ADMIN,
     .run = core_ctl_cmd_schema_apply},
    {.words = "schema status",
     .help = "show the version of the database's schema",
     .flags = CORE_CTL_ADMIN,
     .run = core_ctl_cmd_schema_status},
    {.words = "sessions kill",
     .operand = "ID",
     .help = "end a session, or all of USER@DOMAIN, with a goodbye",
     .flags = CORE_CTL_ALONE,
     .run = core_ctl_cmd_sessions_kill},
    {.words = "sessions list",
     .help = "show the open sessions",
     .flags = CORE_CTL_ALONE,
     .option_count = 4,
     .options = {{.name = "--service", .argument = "NAME", .help = "only those of this service"},
                 {.name = "--instance", .argument = "NAME", .help = "only those of this instance"},
                 {.name = "--account",
                  .argument = "USER@DOMAIN",
                  .help = "only those of this account"},
                 {.name = "--limit", .argument = "N", .help = "at most so many"}},
     .run = core_ctl_cmd_sessions_list},
    {.words = "status",
     .help = "show the daemon, its processes and its listeners",
     .flags = CORE_CTL_ALONE,
     .run = core_ctl_cmd_status},
    {.words = "stop",
     .help = "stop the daemon once what is in hand is done",
     .flags = CORE_CTL_ALONE,
     .option_count = 1,
     .options = {{.name = "--quick", .help = "don't wait for what is in hand"}},
     .run = core_ctl_cmd_stop},
    {.words = "top",
     .help = "watch sessions, rates and load; q leaves",
     .flags = CORE_CTL_ALONE,
     .option_count = 2,
     .options = {{.name = "--interval",
                  .argument = "SECONDS",
                  .help = "how often, or over how long; else 2"},
                 {.name = "--once", .help = "print them once, all of them, and be done"}},
     .run = core_ctl_cmd_top},
};

/* All kinds in one, sorted by words; made once, kept to the end of the process. */
static struct core_ctl_command commands[MANSIO_COUNT(fixed_commands) +
                                        CORE_CTL_POLICY_COMMANDS_MAX +
                                        CORE_CTL_OBJECT_COMMANDS_MAX];
static size_t command_count;
static struct mansio_arena *command_texts;

static int by_words(const void *a, const void *b)
{
    return strcmp(((const struct core_ctl_command *)a)->words,
                  ((const struct core_ctl_command *)b)->words);
}

const struct core_ctl_command *core_ctl_commands(size_t *out_count)
{
    if (command_count == 0) {
        command_texts = mansio_arena_new(NULL, "ctl.commands", 0);
        memcpy(commands, fixed_commands, sizeof fixed_commands);
        command_count = MANSIO_COUNT(fixed_commands);
        size_t policy_count = 0;
        const struct core_ctl_command *policy = core_ctl_policy_commands(&policy_count);
        MANSIO_ASSERT(policy_count <= CORE_CTL_POLICY_COMMANDS_MAX);
        memcpy(&commands[command_count], policy, policy_count * sizeof *policy);
        command_count += policy_count;
        command_count += core_ctl_object_commands(command_texts, &commands[command_count]);
        qsort(commands, command_count, sizeof commands[0], by_words);
    }
    *out_count = command_count;
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
    size_t all_count = 0;
    const struct core_ctl_command *all = core_ctl_commands(&all_count);
    for (size_t i = 0; i < all_count; i++) {
        size_t used = words_matched(all[i].words, words, count);
        if (used > 0) {
            *out_used = used;
            return &all[i];
        }
    }
    return NULL;
}

const char *core_ctl_option(const struct core_ctl_args *args, const char *name)
{
    for (uint32_t i = 0; i < args->command->option_count; i++) {
        if (strcmp(args->command->options[i].name, name) == 0) {
            return args->options[i];
        }
    }
    return NULL;
}
