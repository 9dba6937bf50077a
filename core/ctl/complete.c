/*
 * Completion: the candidates for the word under the cursor, from the tables.
 */
#include "core/ctl/complete.h"

#include <string.h>

#include <mansio/str.h>

enum { COMMAND_WORDS_MAX = 2 };

/* What stands before the cursor. */
struct line {
    const char *command_words[COMMAND_WORDS_MAX];
    size_t command_count;
    const struct core_ctl_command *command;
    size_t operand_count;
    const struct core_ctl_option *pending; /* an option whose value is under the cursor */
};

static void offer(struct mansio_buf *out, struct mansio_str candidate, const char *begun)
{
    if (mansio_str_starts(candidate, mansio_str_from_cstr(begun))) {
        mansio_buf_add(out, candidate);
        mansio_buf_add_char(out, '\n');
    }
}

static int is_listed(struct mansio_str list, struct mansio_str value)
{
    struct mansio_str item;
    while (mansio_str_split(&list, ',', &item)) {
        if (mansio_str_ieq(item, value)) {
            return 1;
        }
    }
    return 0;
}

/* Behind what a list has already, one that it doesn't. */
static void offer_listed(struct mansio_buf *out, const char *const *values, const char *begun)
{
    struct mansio_str last = mansio_str_from_cstr(begun), list = last, item;
    while (mansio_str_split(&list, ',', &item)) {
        last = item;
    }
    size_t kept = strlen(begun) - last.len;
    for (size_t i = 0; values[i] != NULL; i++) {
        struct mansio_str value = mansio_str_from_cstr(values[i]);
        struct mansio_str before = {begun, kept};
        if (mansio_str_starts(value, last) && !is_listed(before, value)) {
            mansio_buf_printf(out, "%.*s%s\n", MANSIO_STR_ARG(before), values[i]);
        }
    }
}

/* A value of an option. */
static void offer_values(struct mansio_buf *out, const struct core_ctl_option *option,
                         const char *begun)
{
    const char *const *values = option->choices != NULL ? option->choices : option->hints;
    if (values != NULL &&
        mansio_str_ends(mansio_str_from_cstr(option->argument), MANSIO_STR(",..."))) {
        offer_listed(out, values, begun);
        return;
    }
    for (size_t i = 0; values != NULL && values[i] != NULL; i++) {
        offer(out, mansio_str_from_cstr(values[i]), begun);
    }
}

static const struct core_ctl_option *option_of(const struct core_ctl_option *options, size_t count,
                                               const char *word)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(options[i].name, word) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

/* Read the words before the cursor; unknown options are taken for switches. */
static void read_line(struct line *line, const char *const *words, size_t count)
{
    size_t global_count = 0, used = 0;
    const struct core_ctl_option *globals = core_ctl_global_options(&global_count);
    for (size_t i = 0; i < count; i++) {
        if (line->pending != NULL) {
            line->pending = NULL;
        } else if (words[i][0] == '-') {
            const struct core_ctl_option *option = option_of(globals, global_count, words[i]);
            if (option == NULL && line->command != NULL) {
                option = option_of(line->command->options, line->command->option_count, words[i]);
            }
            line->pending = option != NULL && option->argument != NULL ? option : NULL;
        } else if (line->command != NULL) {
            line->operand_count++;
        } else if (line->command_count < COMMAND_WORDS_MAX) {
            line->command_words[line->command_count++] = words[i];
            line->command = core_ctl_find(line->command_words, line->command_count, &used);
        }
    }
}

/* The next word of every command that begins with the words so far; each once. */
static void offer_words(struct mansio_buf *out, const char *const *before, size_t before_count,
                        const char *begun)
{
    size_t count = 0;
    struct mansio_str last = MANSIO_STR_NONE;
    const struct core_ctl_command *commands = core_ctl_commands(&count);
    for (size_t i = 0; i < count; i++) {
        struct mansio_str rest = mansio_str_from_cstr(commands[i].words), word = MANSIO_STR_NONE;
        size_t at = 0;
        while (mansio_str_split(&rest, ' ', &word) && at < before_count &&
               mansio_str_eq(word, mansio_str_from_cstr(before[at]))) {
            at++;
            word = MANSIO_STR_NONE;
        }
        /* Sorted by words, so what repeats stands side by side. */
        if (at == before_count && word.len > 0 && !mansio_str_eq(word, last)) {
            offer(out, word, begun);
            last = word;
        }
    }
}

static void offer_options(struct mansio_buf *out, const struct core_ctl_option *options,
                          size_t count, const char *begun)
{
    for (size_t i = 0; i < count; i++) {
        if (!options[i].is_switch_off || strncmp(begun, "--no", 4) == 0) {
            offer(out, mansio_str_from_cstr(options[i].name), begun);
        }
    }
}

uint32_t core_ctl_candidates(struct mansio_buf *out, const char *const *words, size_t count)
{
    struct line line = {.command = NULL};
    if (count == 0) {
        return CORE_CTL_WANT_NOTHING;
    }
    const char *begun = words[count - 1];
    read_line(&line, words, count - 1);
    if (line.pending != NULL) {
        offer_values(out, line.pending, begun);
        return CORE_CTL_WANT_NOTHING;
    }
    if (begun[0] == '-') {
        size_t global_count = 0;
        const struct core_ctl_option *globals = core_ctl_global_options(&global_count);
        if (line.command != NULL) {
            offer_options(out, line.command->options, line.command->option_count, begun);
        }
        offer_options(out, globals, global_count, begun);
        return CORE_CTL_WANT_NOTHING;
    }
    if (line.command == NULL) {
        offer_words(out, line.command_words, line.command_count, begun);
        return CORE_CTL_WANT_NOTHING;
    }
    if (line.command->operand == NULL) {
        return CORE_CTL_WANT_NOTHING;
    }
    if (strcmp(line.command->operand, "SHELL") == 0 && line.operand_count == 0) {
        offer(out, MANSIO_STR("bash"), begun);
        offer(out, MANSIO_STR("zsh"), begun);
    } else if (strcmp(line.command->operand, "[COMMAND...]") == 0) {
        const char *const *operands = words + count - 1 - line.operand_count;
        offer_words(out, operands, line.operand_count, begun);
    } else if (strcmp(line.command->operand, "WHAT SERVICE...") == 0 && line.operand_count == 0) {
        offer(out, MANSIO_STR("allow"), begun);
        offer(out, MANSIO_STR("clear"), begun);
        offer(out, MANSIO_STR("deny"), begun);
    } else if (strcmp(line.command->operand, "ID") == 0 && line.operand_count == 0) {
        return CORE_CTL_WANT_SESSION;
    }
    return CORE_CTL_WANT_NOTHING;
}
