/*
 * The command line, taken apart: options by the tables, words to a command and its operand.
 */
#include "core/ctl/parse.h"

#include <stdio.h>
#include <string.h>

#include "core/host/settings.h"
#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum {
    COMMAND_WORDS_MAX = 2,
    OPERAND_MAX = 4096,
    TIMEOUT_MAX_S = 86400,
};

struct parser {
    struct core_ctl *ctl;
    const char *const *words;
    size_t count, at;
    const char *command_words[COMMAND_WORDS_MAX]; /* gathered until they name a command */
    size_t command_count;
    struct mansio_buf *operand; /* several words joined; NULL until there is one */
    struct core_ctl_request *out;
};

static const struct core_ctl_option *find_option(const struct core_ctl_option *options,
                                                 size_t count, struct mansio_str name,
                                                 size_t *out_index)
{
    for (size_t i = 0; i < count; i++) {
        if (mansio_str_eq(name, mansio_str_from_cstr(options[i].name))) {
            *out_index = i;
            return &options[i];
        }
    }
    return NULL;
}

/* ---- what was meant ---------------------------------------------------------------------------
 */

/* The nearest of some names to an unknown one; NULL if none is near. */
struct nearest {
    struct mansio_str unknown;
    const char *name;
    size_t distance;
};

static void consider(struct nearest *nearest, const char *name)
{
    size_t distance = core_name_distance(nearest->unknown, mansio_str_from_cstr(name));
    if (core_name_is_near(nearest->unknown, distance) &&
        (nearest->name == NULL || distance < nearest->distance)) {
        nearest->name = name;
        nearest->distance = distance;
    }
}

static int fail_unknown(const struct nearest *nearest, const char *what)
{
    return mansio_fail(
        MANSIO_E_INVALID, "%s%s%s%s", what, nearest->name != NULL ? "; did you mean \"" : "",
        nearest->name != NULL ? nearest->name : "", nearest->name != NULL ? "\"?" : "");
}

static int fail_option(const struct core_ctl_command *command, struct mansio_str name)
{
    char what[256];
    size_t count = 0;
    struct nearest nearest = {.unknown = name};
    const struct core_ctl_option *globals = core_ctl_global_options(&count);
    for (size_t i = 0; i < count; i++) {
        consider(&nearest, globals[i].name);
    }
    for (uint32_t i = 0; command != NULL && i < command->option_count; i++) {
        consider(&nearest, command->options[i].name);
    }
    (void)snprintf(what, sizeof what, "unknown option %.*s%s%s", MANSIO_STR_ARG(name),
                   command ? " of " : "", command ? command->words : "");
    return fail_unknown(&nearest, what);
}

/* The words that may follow a first word, as "a, b, c"; empty if nothing begins with it. */
static void list_followers(const char *first, char *out, size_t room)
{
    size_t count = 0, used = 0, length = strlen(first);
    const struct core_ctl_command *commands = core_ctl_commands(&count);
    out[0] = '\0';
    for (size_t i = 0; i < count && used < room; i++) {
        const char *words = commands[i].words;
        if (strncmp(words, first, length) == 0 && words[length] == ' ') {
            used += (size_t)snprintf(out + used, room - used, "%s%s", used > 0 ? ", " : "",
                                     words + length + 1);
        }
    }
}

static int fail_command(const struct parser *parser)
{
    char given[128], what[192], followers[192];
    size_t count = 0;
    (void)snprintf(given, sizeof given, "%s%s%s", parser->command_words[0],
                   parser->command_count > 1 ? " " : "",
                   parser->command_count > 1 ? parser->command_words[1] : "");
    (void)snprintf(what, sizeof what, "unknown command \"%s\"", given);
    struct nearest nearest = {.unknown = mansio_str_from_cstr(given)};
    const struct core_ctl_command *commands = core_ctl_commands(&count);
    for (size_t i = 0; i < count; i++) {
        consider(&nearest, commands[i].words);
    }
    list_followers(parser->command_words[0], followers, sizeof followers);
    if (nearest.name == NULL && followers[0] != '\0') {
        return mansio_fail(MANSIO_E_INVALID, "%s: expected %s", given, followers);
    }
    return fail_unknown(&nearest, what);
}

/* One of the words that an option takes; none at all takes the field away. */
static int check_choice(const struct core_ctl_option *option, const char *value)
{
    char what[256];
    struct nearest nearest = {.unknown = mansio_str_from_cstr(value)};
    size_t used = (size_t)snprintf(what, sizeof what, "%s %.60s: expected", option->name, value);
    for (size_t i = 0; option->choices[i] != NULL; i++) {
        if (value[0] == '\0' || strcmp(option->choices[i], value) == 0) {
            return 0;
        }
        consider(&nearest, option->choices[i]);
        if (used < sizeof what) {
            used += (size_t)snprintf(what + used, sizeof what - used, "%s %s", i > 0 ? "," : "",
                                     option->choices[i]);
        }
    }
    return fail_unknown(&nearest, what);
}

/* ---- options ------------------------------------------------------------------------------------
 */

static int set_global(struct parser *parser, struct mansio_str name, const char *value)
{
    struct core_ctl *ctl = parser->ctl;
    if (mansio_str_eq(name, MANSIO_STR("--socket"))) {
        ctl->socket = value;
    } else if (mansio_str_eq(name, MANSIO_STR("--config"))) {
        ctl->config = value;
    } else if (mansio_str_eq(name, MANSIO_STR("--json"))) {
        ctl->is_json = 1;
    } else if (mansio_str_eq(name, MANSIO_STR("--help"))) {
        parser->out->is_help = 1;
    } else if (mansio_str_eq(name, MANSIO_STR("--version"))) {
        parser->out->is_version = 1;
    } else {
        uint32_t seconds = 0;
        if (mansio_parse_u32(mansio_str_from_cstr(value), TIMEOUT_MAX_S, &seconds) < 0) {
            return mansio_fail(MANSIO_E_INVALID, "--timeout %s: expected 0 to %d seconds", value,
                               TIMEOUT_MAX_S);
        }
        ctl->timeout_us = seconds * MANSIO_SECOND;
    }
    return 0;
}

static int parse_option(struct parser *parser, const char *word)
{
    struct mansio_str text = mansio_str_from_cstr(word);
    ptrdiff_t equals = mansio_str_find_char(text, '=');
    struct mansio_str name = equals < 0 ? text : mansio_str_sub(text, 0, (size_t)equals);
    const char *value = equals < 0 ? NULL : word + equals + 1;

    const struct core_ctl_command *command = parser->out->command;
    size_t global_count = 0, index = 0;
    const struct core_ctl_option *globals = core_ctl_global_options(&global_count);
    const struct core_ctl_option *option = NULL;
    if (command != NULL) {
        option = find_option(command->options, command->option_count, name, &index);
    }
    int is_global = option == NULL;
    if (is_global) {
        option = find_option(globals, global_count, name, &index);
    }
    if (option == NULL) {
        return fail_option(command, name);
    }
    if (option->argument == NULL && value != NULL) {
        return mansio_fail(MANSIO_E_INVALID, "%s takes no value", option->name);
    }
    if (option->argument != NULL && value == NULL) {
        if (parser->at == parser->count) {
            return mansio_fail(MANSIO_E_INVALID, "%s needs %s", option->name, option->argument);
        }
        value = parser->words[parser->at++];
    }
    if (is_global) {
        return set_global(parser, name, value);
    }
    if (value != NULL && parser->out->args.options[index] != NULL) {
        /* Of two, one would be passed over, and a word of policy say less than was asked. */
        return mansio_fail(MANSIO_E_INVALID, "%s twice: expected it once, with %s", option->name,
                           option->argument);
    }
    if (option->choices != NULL && value != NULL) {
        int rc = check_choice(option, value);
        if (rc < 0) {
            return rc;
        }
    }
    parser->out->args.options[index] = value != NULL ? value : "";
    return 0;
}

static int is_repeated(const char *operand)
{
    struct mansio_str text = mansio_str_from_cstr(operand);
    return mansio_str_ends(text, MANSIO_STR("...]")) || mansio_str_ends(text, MANSIO_STR("..."));
}

static int parse_operand(struct parser *parser, const char *word)
{
    const struct core_ctl_command *command = parser->out->command;
    if (command->operand == NULL) {
        return mansio_fail(MANSIO_E_INVALID, "%s: \"%s\" is too much", command->words, word);
    }
    if (parser->operand == NULL) {
        parser->operand = mansio_buf_new(parser->ctl->arena, OPERAND_MAX);
    } else if (!is_repeated(command->operand)) {
        return mansio_fail(MANSIO_E_INVALID, "%s: \"%s\" is too much", command->words, word);
    } else {
        mansio_buf_add_char(parser->operand, ' ');
    }
    mansio_buf_add(parser->operand, mansio_str_from_cstr(word));
    if (mansio_buf_status(parser->operand) < 0) {
        return mansio_fail(MANSIO_E_INVALID, "%s: %s is too long", command->words,
                           command->operand);
    }
    parser->out->args.operand = mansio_buf_str(parser->operand).ptr;
    return 0;
}

/* A word before a command is known: it must begin one. */
static int parse_command(struct parser *parser, const char *word)
{
    size_t used = 0;
    parser->command_words[parser->command_count++] = word;
    parser->out->command = core_ctl_find(parser->command_words, parser->command_count, &used);
    parser->out->args.command = parser->out->command;
    if (parser->out->command != NULL || parser->command_count < COMMAND_WORDS_MAX) {
        return 0;
    }
    return fail_command(parser);
}

/* Everything is read: is it enough? */
static int check(const struct parser *parser)
{
    const struct core_ctl_request *out = parser->out;
    if (out->is_help || out->is_version) {
        return 0;
    }
    if (out->command == NULL && parser->command_count > 0) {
        return fail_command(parser);
    }
    if (out->command == NULL) {
        return mansio_fail(MANSIO_E_INVALID, "no command given");
    }
    const char *operand = out->command->operand;
    if (operand != NULL && operand[0] != '[' && out->args.operand == NULL) {
        return mansio_fail(MANSIO_E_INVALID, "%s needs %s", out->command->words, operand);
    }
    return 0;
}

int core_ctl_parse(struct core_ctl *ctl, const char *const *words, size_t count,
                   struct core_ctl_request *out)
{
    struct parser parser = {.ctl = ctl, .words = words, .count = count, .out = out};
    int is_literal = 0; /* after "--" */
    *out = (struct core_ctl_request){.command = NULL};
    while (parser.at < count) {
        const char *word = words[parser.at++];
        int rc = 0;
        if (!is_literal && strcmp(word, "--") == 0) {
            is_literal = 1;
        } else if (!is_literal && word[0] == '-' && word[1] != '\0') {
            rc = parse_option(&parser, word);
        } else if (out->command == NULL) {
            rc = parse_command(&parser, word);
        } else {
            rc = parse_operand(&parser, word);
        }
        if (rc < 0) {
            return rc;
        }
    }
    return check(&parser);
}
