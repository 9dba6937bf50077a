/*
 * Rows of the table of commands, made from forms: which verbs a kind has is a table here, which
 * options a verb has follows from its fields' flags. Pure; knows no directory.
 */
#include "core/ctl/objects.h"

#include <string.h>

#include <mansio/str.h>

enum verb {
    ADD = 1,
    SET = 2,
    LIST = 4,
    SHOW = 8,
    REMOVE = 16,
    ALL = 31,
};

static const struct kind {
    uint32_t kind;
    uint32_t verbs;
    const char *one, *many;
    const char *name;         /* of the command; NULL: the form's */
    const char *operand;      /* likewise, if brackets in the form's would read as "optional" */
    const char *list_operand; /* of a list: what narrows it without an option */
} kinds[] = {
    {.kind = MANSIO_OBJECT_PLATFORM,
     .verbs = SET | SHOW,
     .one = "what holds for the whole installation"},
    {.kind = MANSIO_OBJECT_PLAN, .verbs = ALL, .one = "a plan", .many = "plans"},
    {.kind = MANSIO_OBJECT_TENANT, .verbs = ALL, .one = "a tenant", .many = "tenants"},
    {.kind = MANSIO_OBJECT_DOMAIN, .verbs = ALL, .one = "a domain", .many = "domains"},
    {.kind = MANSIO_OBJECT_ACCOUNT, .verbs = ALL, .one = "an account", .many = "accounts"},
    {.kind = MANSIO_OBJECT_ADDRESS,
     .verbs = ALL,
     .one = "an address, \"@DOMAIN\" for all that are no other's",
     .many = "addresses",
     .operand = "USER@DOMAIN|@DOMAIN"},
    {.kind = MANSIO_OBJECT_CREDENTIAL,
     .verbs = LIST | SHOW | REMOVE,
     .one = "a password's entry",
     .many = "entries of passwords, never the secrets",
     .name = "password",
     .list_operand = "[USER@DOMAIN]"},
    {.kind = MANSIO_OBJECT_QUOTA, .verbs = ALL, .one = "a quota", .many = "quotas"},
    {.kind = MANSIO_OBJECT_NETWORK,
     .verbs = ALL,
     .one = "a name for networks, for words of policy",
     .many = "names of networks",
     .operand = "NAME|TENANT:NAME"},
    {.kind = MANSIO_OBJECT_AUDIT,
     .verbs = LIST | SHOW,
     .one = "a change",
     .many = "changes, the latest last"},
};

static const struct {
    uint32_t verb;
    const char *word, *help;
    int (*run)(struct core_ctl *ctl, const struct core_ctl_args *args);
} verbs[] = {
    {ADD, "add", "add", core_ctl_cmd_object_add},
    {SET, "set", "change", core_ctl_cmd_object_set},
    {LIST, "list", "show", core_ctl_cmd_object_list},
    {SHOW, "show", "show all of", core_ctl_cmd_object_show},
    {REMOVE, "remove", "remove", core_ctl_cmd_object_remove},
};

static const struct core_ctl_option reason = {
    .name = "--reason", .argument = "TEXT", .help = "why, for the audit log"};
static const struct core_ctl_option cascade = {.name = "--cascade",
                                               .help = "with all that hangs on it, mail included"};
static const struct core_ctl_option limit = {
    .name = "--limit", .argument = "N", .help = "at most so many"};

/* ---- forms --------------------------------------------------------------------------------------
 */

const struct mansio_object_form *core_ctl_form(uint32_t kind)
{
    size_t count = 0;
    const struct mansio_object_form *forms = mansio_object_forms(&count);
    for (size_t i = 0; i < count; i++) {
        const struct mansio_object_form *form =
            (const void *)((const char *)forms + i * forms->size);
        if (form->kind == kind) {
            return form;
        }
    }
    return NULL;
}

const struct mansio_field_form *core_ctl_form_field(const struct mansio_object_form *form,
                                                    size_t index)
{
    return (const void *)((const char *)form->fields + index * form->fields->size);
}

const struct mansio_field_form *core_ctl_find_field(const struct mansio_object_form *form,
                                                    struct mansio_str name)
{
    for (size_t i = 0; i < form->field_count; i++) {
        const struct mansio_field_form *field = core_ctl_form_field(form, i);
        if (mansio_str_eq(mansio_str_from_cstr(field->name), name)) {
            return field;
        }
    }
    return NULL;
}

/* ---- options ------------------------------------------------------------------------------------
 */

/* Whether a verb has an option for a field. */
static int is_given(uint32_t verb, const struct mansio_field_form *field)
{
    if (verb == LIST) {
        return (field->flags & MANSIO_FIELD_FILTER) != 0;
    }
    if (verb == ADD) {
        return (field->flags & MANSIO_FIELD_READ_ONLY) == 0;
    }
    return verb == SET && (field->flags & (MANSIO_FIELD_READ_ONLY | MANSIO_FIELD_ADD_ONLY)) == 0;
}

static const char *argument_of(const struct mansio_field_form *field)
{
    switch (field->type) {
    case MANSIO_FIELD_NUMBER:
        return "N";
    case MANSIO_FIELD_BYTES:
        return "BYTES";
    case MANSIO_FIELD_BOOL:
        return "yes|no";
    case MANSIO_FIELD_CHOICE:
        return "WORD";
    case MANSIO_FIELD_TIME:
        return "TIME";
    case MANSIO_FIELD_LIST:
        return "A,B,...";
    default:
        return "TEXT";
    }
}

/* "password_scheme" is asked for as "--password-scheme". */
static const char *option_name(struct mansio_arena *arena, const char *prefix, const char *field)
{
    size_t lead = strlen(prefix), len = strlen(field);
    char *name = mansio_arena_alloc(arena, lead + len + 1);
    memcpy(name, prefix, lead);
    for (size_t i = 0; i < len; i++) {
        name[lead + i] = (char)(field[i] == '_' ? '-' : field[i]);
    }
    return name;
}

static void add_option(struct core_ctl_command *command, const struct core_ctl_option *option)
{
    MANSIO_ASSERT(command->option_count < CORE_CTL_OPTIONS_MAX);
    command->options[command->option_count++] = *option;
}

static void add_fields(struct mansio_arena *arena, struct core_ctl_command *command, uint32_t verb,
                       const struct mansio_object_form *form)
{
    for (size_t i = 0; i < form->field_count; i++) {
        const struct mansio_field_form *field = core_ctl_form_field(form, i);
        if (is_given(verb, field)) {
            struct core_ctl_option option = {
                .name = option_name(arena, "--", field->name),
                .argument = argument_of(field),
                .help = field->help,
                .choices = field->type == MANSIO_FIELD_CHOICE ? field->choices : NULL,
                .field = field,
            };
            add_option(command, &option);
        }
    }
    for (size_t i = 0; verb == SET && i < form->field_count; i++) {
        const struct mansio_field_form *field = core_ctl_form_field(form, i);
        if (is_given(verb, field) && !(field->flags & MANSIO_FIELD_REQUIRED)) {
            struct core_ctl_option option = {
                .name = option_name(arena, "--no-", field->name),
                .help = "take it away",
                .field = field,
                .is_switch_off = 1,
            };
            add_option(command, &option);
        }
    }
}

/* ---- commands -----------------------------------------------------------------------------------
 */

static const char *text(struct mansio_arena *arena, const char *first, const char *second)
{
    size_t room = strlen(first) + strlen(second) + 2;
    char *out = mansio_arena_alloc(arena, room);
    memcpy(out, first, strlen(first));
    out[strlen(first)] = ' ';
    memcpy(out + strlen(first) + 1, second, strlen(second));
    return out;
}

static void make(struct mansio_arena *arena, const struct kind *kind, size_t verb,
                 struct core_ctl_command *out)
{
    const struct mansio_object_form *form = core_ctl_form(kind->kind);
    const char *name = kind->name != NULL ? kind->name : form->name;
    const char *operand = kind->operand != NULL ? kind->operand : form->key;
    uint32_t word = verbs[verb].verb;

    *out = (struct core_ctl_command){
        .words = text(arena, name, verbs[verb].word),
        .operand = word == LIST ? kind->list_operand : operand,
        .help = text(arena, verbs[verb].help, word == LIST ? kind->many : kind->one),
        .flags = CORE_CTL_ADMIN,
        .kind = form->kind,
        .run = verbs[verb].run,
    };
    add_fields(arena, out, word, form);
    if (word == REMOVE) {
        add_option(out, &cascade);
    }
    if (word == LIST) {
        add_option(out, &limit);
    }
    if (word & (ADD | SET | REMOVE)) {
        add_option(out, &reason);
    }
}

size_t core_ctl_object_commands(struct mansio_arena *arena, struct core_ctl_command *out)
{
    size_t count = 0;
    for (size_t i = 0; i < MANSIO_COUNT(kinds); i++) {
        for (size_t j = 0; j < MANSIO_COUNT(verbs); j++) {
            if (kinds[i].verbs & verbs[j].verb) {
                MANSIO_ASSERT(count < CORE_CTL_OBJECT_COMMANDS_MAX);
                make(arena, &kinds[i], j, &out[count++]);
            }
        }
    }
    return count;
}
