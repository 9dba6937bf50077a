/*
 * The commands about policy, as rows of the table of commands.
 */
#include "core/ctl/ctl.h"

#include <stddef.h>

#include "core/ctl/policy_words.h"

static const char *const tls_choices[] = {"required", "absent", NULL};

static const char *const credential_choices[] = {"main", "app", "certificate", NULL};

/* Those that the core has; others may come with a later one. */
static const char *const mechanism_hints[] = {
    "EXTERNAL", "LOGIN", "PASSWORD", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", NULL};

/* What a word may say beside its verb. */
#define CONDITIONS                                                                                 \
    {.name = "--network",                                                                          \
     .argument = "NETWORK,...",                                                                    \
     .help = "only from there: 192.0.2.0/24, unix, a network's name"},                             \
        {.name = "--tls",                                                                          \
         .argument = "WORD",                                                                       \
         .choices = tls_choices,                                                                   \
         .help = "only with TLS (required), or without it (absent)"},                              \
        {.name = "--mechanism",                                                                    \
         .argument = "NAME,...",                                                                   \
         .hints = mechanism_hints,                                                                 \
         .help = "only by these mechanisms: SCRAM-SHA-256, PLAIN, PASSWORD, ..."},                 \
        {.name = "--credential",                                                                   \
         .argument = "KIND,...",                                                                   \
         .hints = credential_choices,                                                              \
         .help = "only by these kinds: main, app, certificate"},                                   \
        {.name = "--hours",                                                                        \
         .argument = "TEXT",                                                                       \
         .help = "only then: \"Mon-Fri 08:00-18:00, Sat 09:00-12:00\""},                           \
        {.name = "--zone", .argument = "ZONE", .help = "whose hours: Europe/Rome"},                \
    {                                                                                              \
        .name = "--lock", .help = "and nobody more special has a say"                              \
    }
enum { CONDITION_COUNT = 7 };

#define SERVICE                                                                                    \
    {                                                                                              \
        .name = "--service", .argument = "NAME", .help = "only those about this service"           \
    }
#define REASON                                                                                     \
    {                                                                                              \
        .name = "--reason", .argument = "TEXT", .help = "why, for the audit log"                   \
    }

static const struct core_ctl_command rows[] = {
    {.words = "policy allow",
     .operand = "SERVICE...",
     .help = "let a scope allow services, in place of what it said",
     .flags = CORE_CTL_ADMIN,
     .kind = MANSIO_OBJECT_POLICY,
     .option_count = CORE_CTL_SCOPE_COUNT + CONDITION_COUNT + 1,
     .options = {CORE_CTL_SCOPES, CONDITIONS, REASON},
     .run = core_ctl_cmd_policy_allow},
    {.words = "policy clear",
     .operand = "SERVICE...",
     .help = "take back what a scope says of services",
     .flags = CORE_CTL_ADMIN,
     .kind = MANSIO_OBJECT_POLICY,
     .option_count = CORE_CTL_SCOPE_COUNT + 1,
     .options = {CORE_CTL_SCOPES, REASON},
     .run = core_ctl_cmd_policy_clear},
    {.words = "policy deny",
     .operand = "SERVICE...",
     .help = "let a scope deny services, in place of what it said",
     .flags = CORE_CTL_ADMIN,
     .kind = MANSIO_OBJECT_POLICY,
     .option_count = CORE_CTL_SCOPE_COUNT + CONDITION_COUNT + 1,
     .options = {CORE_CTL_SCOPES, CONDITIONS, REASON},
     .run = core_ctl_cmd_policy_deny},
    {.words = "policy explain",
     .operand = "USER@DOMAIN",
     .help = "show what each scope says to somebody, and what it comes to",
     .flags = CORE_CTL_ADMIN,
     .kind = MANSIO_OBJECT_POLICY,
     .option_count = 7,
     .options = {{.name = "--service", .argument = "NAME", .help = "who wants to use this"},
                 {.name = "--network",
                  .argument = "IP|unix",
                  .help = "from there; needed where a word has a condition on networks"},
                 {.name = "--tls", .help = "with TLS; assumed if nothing is said"},
                 {.name = "--no-tls", .help = "without"},
                 {.name = "--mechanism",
                  .argument = "NAME",
                  .hints = mechanism_hints,
                  .help = "by this mechanism of SASL; assumed: PLAIN"},
                 {.name = "--credential",
                  .argument = "KIND",
                  .choices = credential_choices,
                  .help = "main, app or certificate; assumed: main"},
                 {.name = "--at",
                  .argument = "TIME",
                  .help = "then: 2026-12-31T18:00:00Z; assumed: now"}},
     .run = core_ctl_cmd_policy_explain},
    {.words = "policy history",
     .help = "show who changed words, when, from what to what, and why",
     .flags = CORE_CTL_ADMIN,
     .kind = MANSIO_OBJECT_POLICY,
     .option_count = CORE_CTL_SCOPE_COUNT + 2,
     .options = {CORE_CTL_SCOPES,
                 SERVICE,
                 {.name = "--limit", .argument = "N", .help = "the latest; else 1,000"}},
     .run = core_ctl_cmd_policy_history},
    {.words = "policy lock",
     .operand = "SERVICE...",
     .help = "lock a scope's words: nobody more special has a say",
     .flags = CORE_CTL_ADMIN,
     .kind = MANSIO_OBJECT_POLICY,
     .option_count = CORE_CTL_SCOPE_COUNT + 1,
     .options = {CORE_CTL_SCOPES, REASON},
     .run = core_ctl_cmd_policy_lock},
    {.words = "policy show",
     .help = "show the words that are there; of an account: all that bear on it",
     .flags = CORE_CTL_ADMIN,
     .kind = MANSIO_OBJECT_POLICY,
     .option_count = CORE_CTL_SCOPE_COUNT + 1,
     .options = {CORE_CTL_SCOPES, SERVICE},
     .run = core_ctl_cmd_policy_show},
    {.words = "policy test",
     .operand = "WHAT SERVICE...",
     .help = "show whom an allow, deny or clear would hit, and change nothing",
     .flags = CORE_CTL_ADMIN,
     .kind = MANSIO_OBJECT_POLICY,
     .option_count = CORE_CTL_SCOPE_COUNT + CONDITION_COUNT + 1,
     .options = {CORE_CTL_SCOPES,
                 CONDITIONS,
                 {.name = "--limit",
                  .argument = "N",
                  .help = "list so many accounts and sessions; else 20"}},
     .run = core_ctl_cmd_policy_test},
    {.words = "policy unlock",
     .operand = "SERVICE...",
     .help = "unlock a scope's words",
     .flags = CORE_CTL_ADMIN,
     .kind = MANSIO_OBJECT_POLICY,
     .option_count = CORE_CTL_SCOPE_COUNT + 1,
     .options = {CORE_CTL_SCOPES, REASON},
     .run = core_ctl_cmd_policy_unlock},
};

const struct core_ctl_command *core_ctl_policy_commands(size_t *out_count)
{
    *out_count = MANSIO_COUNT(rows);
    return rows;
}
