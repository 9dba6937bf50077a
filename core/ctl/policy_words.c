/*
 * Scopes, services and conditions of a command line, made into keys and fields of words of policy.
 */
#include "core/ctl/policy_words.h"

#include <string.h>

#include "core/ctl/fields.h"
#include <mansio/error.h>
#include <mansio/mail.h>
#include <mansio/str.h>

enum { SERVICE_MAX = 31 }; /* mansio/session.h */

/* By enum mansio_policy_scope. */
static const struct {
    const char *name, *option;
} scopes[] = {
    [0] = {"", ""},
    [MANSIO_POLICY_PLATFORM] = {"platform", "--platform"},
    [MANSIO_POLICY_PLAN] = {"plan", "--plan"},
    [MANSIO_POLICY_TENANT] = {"tenant", "--tenant"},
    [MANSIO_POLICY_DOMAIN] = {"domain", "--domain"},
    [MANSIO_POLICY_ACCOUNT] = {"account", "--account"},
};

const char *core_ctl_scope_name(uint32_t scope)
{
    return scope < MANSIO_COUNT(scopes) ? scopes[scope].name : "";
}

/* Domains have one spelling in the directory; what can't be one is its to refuse. */
static struct mansio_str spelled(struct mansio_arena *arena, uint32_t scope,
                                 struct mansio_str owner)
{
    size_t at = owner.len;
    while (at > 0 && owner.ptr[at - 1] != '@') {
        at--;
    }
    struct mansio_str domain = mansio_str_sub(owner, at, SIZE_MAX), out = owner;
    struct mansio_str local = mansio_str_sub(owner, 0, at > 0 ? at - 1 : 0);
    if (scope < MANSIO_POLICY_DOMAIN || mansio_domain_normalize(arena, domain, &domain) < 0) {
        return owner;
    }
    if (scope == MANSIO_POLICY_DOMAIN) {
        return at == 0 ? domain : owner;
    }
    if (at == 0 || mansio_local_normalize(arena, local, &local) < 0 ||
        mansio_arena_printf(arena, &out, "%.*s@%.*s", MANSIO_STR_ARG(local),
                            MANSIO_STR_ARG(domain)) < 0) {
        return owner;
    }
    return out;
}

int core_ctl_scope(struct mansio_arena *arena, const struct core_ctl_args *args,
                   struct core_ctl_scope *out)
{
    struct core_ctl_scope found = {.scope = 0};
    for (uint32_t i = MANSIO_POLICY_PLATFORM; i <= MANSIO_POLICY_ACCOUNT; i++) {
        const char *value = core_ctl_option(args, scopes[i].option);
        if (value == NULL) {
            continue;
        }
        if (found.scope != 0) {
            return mansio_fail(MANSIO_E_INVALID, "%s: %s and %s at once: a word is one scope's",
                               args->command->words, scopes[found.scope].option, scopes[i].option);
        }
        if (i != MANSIO_POLICY_PLATFORM && value[0] == '\0') {
            return mansio_fail(MANSIO_E_INVALID, "%s: empty", scopes[i].option);
        }
        found.scope = i;
        found.owner = spelled(arena, i, mansio_str_from_cstr(value));
    }
    int rc = 0;
    if (found.scope == MANSIO_POLICY_PLATFORM) {
        found.prefix = MANSIO_STR("platform/");
    } else if (found.scope != 0) {
        rc = mansio_arena_printf(arena, &found.prefix, "%s:%.*s/", scopes[found.scope].name,
                                 MANSIO_STR_ARG(found.owner));
    }
    *out = found;
    return rc;
}

int core_ctl_check_service(struct mansio_str service)
{
    int is_good = service.len > 0 && service.len <= SERVICE_MAX;
    for (size_t i = 0; is_good && i < service.len; i++) {
        char c = service.ptr[i];
        is_good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    }
    if (!is_good) {
        return mansio_fail(MANSIO_E_INVALID,
                           "\"%.*s\" can't be a service: its name has 1 to %d of a-z, 0-9, '-'",
                           MANSIO_STR_ARG(service), SERVICE_MAX);
    }
    return 0;
}

static int is_among(const struct mansio_str *keys, size_t count, struct mansio_str key)
{
    for (size_t i = 0; i < count; i++) {
        if (mansio_str_eq(keys[i], key)) {
            return 1;
        }
    }
    return 0;
}

int core_ctl_policy_keys(struct mansio_arena *arena, const struct core_ctl_args *args,
                         struct core_ctl_scope *out_scope, struct mansio_str **out,
                         size_t *out_count)
{
    struct mansio_str rest = mansio_str_from_cstr(args->operand), service;
    size_t count = 0;
    int rc = core_ctl_scope(arena, args, out_scope);
    if (rc < 0) {
        return rc;
    }
    if (out_scope->scope == 0) {
        return mansio_fail(MANSIO_E_INVALID,
                           "%s needs a scope: --platform, --plan, --tenant, --domain or --account",
                           args->command->words);
    }
    struct mansio_str *keys = mansio_arena_alloc(arena, (rest.len / 2 + 1) * sizeof *keys);
    while (mansio_str_split(&rest, ' ', &service)) {
        if (service.len == 0) {
            continue;
        }
        struct mansio_str key = MANSIO_STR_NONE;
        rc = core_ctl_check_service(service);
        if (rc == 0) {
            rc = mansio_arena_printf(arena, &key, "%.*s%.*s", MANSIO_STR_ARG(out_scope->prefix),
                                     MANSIO_STR_ARG(service));
        }
        if (rc < 0) {
            return rc;
        }
        if (!is_among(keys, count, key)) {
            keys[count++] = key;
        }
    }
    if (count == 0) {
        return mansio_fail(MANSIO_E_INVALID, "%s needs %s", args->command->words,
                           args->command->operand);
    }
    *out = keys;
    *out_count = count;
    return 0;
}

int core_ctl_policy_fields(struct mansio_arena *arena, const struct core_ctl_args *args,
                           uint32_t verb, struct mansio_field out[CORE_CTL_POLICY_FIELDS_MAX],
                           size_t *out_count)
{
    static const struct {
        const char *option, *field;
        uint32_t type;
    } rows[] = {
        {"--network", "networks", MANSIO_FIELD_LIST},
        {"--tls", "tls", MANSIO_FIELD_TEXT},
        {"--mechanism", "mechanisms", MANSIO_FIELD_LIST},
        {"--credential", "credentials", MANSIO_FIELD_LIST},
        {"--hours", "hours", MANSIO_FIELD_TEXT},
        {"--zone", "zone", MANSIO_FIELD_TEXT},
    };
    _Static_assert(MANSIO_COUNT(rows) + 2 == CORE_CTL_POLICY_FIELDS_MAX, "and verb, and locked");

    size_t count = 0;
    if (core_ctl_option(args, "--zone") != NULL && core_ctl_option(args, "--hours") == NULL) {
        return mansio_fail(MANSIO_E_INVALID, "--zone without --hours");
    }
    out[count++] = (struct mansio_field){
        MANSIO_STR("verb"), verb == MANSIO_POLICY_ALLOW ? MANSIO_STR("allow") : MANSIO_STR("deny")};
    out[count++] = (struct mansio_field){
        MANSIO_STR("locked"),
        core_ctl_option(args, "--lock") != NULL ? MANSIO_STR("true") : MANSIO_STR("false")};
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        const struct mansio_field_form form = {
            .size = sizeof form, .name = rows[i].option, .type = rows[i].type};
        const char *value = core_ctl_option(args, rows[i].option);
        struct mansio_field *field = &out[count++];
        *field = (struct mansio_field){.name = mansio_str_from_cstr(rows[i].field)};
        if (value == NULL) {
            continue;
        }
        int rc = core_ctl_field_value(arena, &form, value, &field->value);
        if (rc == 0 && field->value.len == 0) {
            /* Silently dropping a condition that was meant would open the door. */
            rc = mansio_fail(MANSIO_E_INVALID, "%s: empty", rows[i].option);
        }
        if (rc < 0) {
            return rc;
        }
    }
    *out_count = count;
    return 0;
}
