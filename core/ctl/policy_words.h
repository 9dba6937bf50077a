/*
 * Commands about policy, taken apart: whose word (a scope), of which services, and what the word
 * is to say. Pure; what any of it means is the directory's business.
 */
#ifndef MANSIO_CORE_CTL_POLICY_WORDS_H
#define MANSIO_CORE_CTL_POLICY_WORDS_H

#include "core/ctl/ctl.h"
#include <mansio/directory.h>
#include <mansio/policy.h>

/* The options that say whose word it is: of every command about policy. */
#define CORE_CTL_SCOPES                                                                            \
    {.name = "--platform", .help = "the whole installation's"},                                    \
        {.name = "--plan", .argument = "NAME", .help = "that of all who have this plan"},          \
        {.name = "--tenant", .argument = "NAME", .help = "this tenant's"},                         \
        {.name = "--domain", .argument = "DOMAIN", .help = "that of logins of this domain"},       \
    {                                                                                              \
        .name = "--account", .argument = "USER@DOMAIN", .help = "this account's"                   \
    }
enum { CORE_CTL_SCOPE_COUNT = 5 };

/* Whose word. */
struct core_ctl_scope {
    uint32_t scope;           /* enum mansio_policy_scope; 0: none was given */
    struct mansio_str owner;  /* empty for the platform */
    struct mansio_str prefix; /* of its words' keys: "tenant:alpha/" */
};

/* "platform", "plan", ...; "" for what is none. */
const char *core_ctl_scope_name(uint32_t scope);

/* The one scope that the options name. 0, also if none is named; MANSIO_E_INVALID for several or
 * an empty one. */
MANSIO_MUST_CHECK int core_ctl_scope(struct mansio_arena *arena, const struct core_ctl_args *args,
                                     struct core_ctl_scope *out);

/* MANSIO_E_INVALID: that name can't be a service's. */
MANSIO_MUST_CHECK int core_ctl_check_service(struct mansio_str service);

/* The keys of the words of the services that a command's operand names, each once. 0;
 * MANSIO_E_INVALID: no scope, or a name that is none. */
MANSIO_MUST_CHECK int core_ctl_policy_keys(struct mansio_arena *arena,
                                           const struct core_ctl_args *args,
                                           struct core_ctl_scope *out_scope,
                                           struct mansio_str **out, size_t *out_count);

enum { CORE_CTL_POLICY_FIELDS_MAX = 8 };

/* All that an allow or a deny says: what isn't given is taken away. 0; MANSIO_E_INVALID. */
MANSIO_MUST_CHECK int core_ctl_policy_fields(struct mansio_arena *arena,
                                             const struct core_ctl_args *args, uint32_t verb,
                                             struct mansio_field out[CORE_CTL_POLICY_FIELDS_MAX],
                                             size_t *out_count);

/* Rows of the table of commands (commands_policy.c). */
enum { CORE_CTL_POLICY_COMMANDS_MAX = 16 };
const struct core_ctl_command *core_ctl_policy_commands(size_t *out_count);

#endif
