/*
 * Accounts and words of policy, read for the commands that show or judge them.
 */
#include "core/ctl/policy_read.h"

#include "core/ctl/fields.h"
#include "core/ctl/objects.h"
#include <mansio/error.h>
#include <mansio/mail.h>
#include <mansio/str.h>

enum {
    OBJECT_CAP = 1 << 20, /* working memory for one object's JSON */
    LIMIT_MAX = 10000000,
};

/* ---- whose --------------------------------------------------------------------------------------
 */

static struct mansio_str domain_of(struct mansio_str address)
{
    size_t at = address.len;
    while (at > 0 && address.ptr[at - 1] != '@') {
        at--;
    }
    return mansio_str_sub(address, at, SIZE_MAX);
}

int core_ctl_find_subject(struct core_ctl *ctl, const char *name, struct core_ctl_subject *out)
{
    struct core_ctl_admin *admin = ctl->admin;
    struct mansio_str whole = mansio_str_from_cstr(name), domain = domain_of(whole), local;
    struct mansio_login login = {.size = sizeof login};
    int rc = CORE_CTL_OFFERED(ctl, login);
    if (rc == 0 && domain.len == whole.len) {
        rc = mansio_fail(MANSIO_E_INVALID, "%s: expected USER@DOMAIN", name);
    }
    if (rc == 0) {
        local = mansio_str_sub(whole, 0, whole.len - domain.len - 1);
        rc = mansio_local_normalize(ctl->arena, local, &local);
    }
    if (rc == 0) {
        rc = mansio_domain_normalize(ctl->arena, domain, &domain);
    }
    if (rc == 0) {
        rc = mansio_arena_printf(ctl->arena, &out->asked, "%.*s@%.*s", MANSIO_STR_ARG(local),
                                 MANSIO_STR_ARG(domain));
    }
    if (rc == 0) {
        rc = admin->directory.login(admin->instance, local, domain, ctl->arena,
                                    core_ctl_deadline(ctl, CORE_CTL_STEP_US), &login);
    }
    if (rc == 0 && login.account == NULL) {
        rc = mansio_fail(MANSIO_E_NOT_FOUND, "no account %.*s", MANSIO_STR_ARG(out->asked));
    }
    if (rc == 0) {
        out->account = login.account;
        out->domain = domain_of(login.account->address);
    }
    return rc;
}

struct mansio_str core_ctl_owner(const struct core_ctl_subject *subject, uint32_t scope)
{
    switch (scope) {
    case MANSIO_POLICY_PLAN:
        return subject->account->plan;
    case MANSIO_POLICY_TENANT:
        return subject->account->tenant;
    case MANSIO_POLICY_DOMAIN:
        return subject->domain;
    case MANSIO_POLICY_ACCOUNT:
        return subject->account->address;
    default:
        return MANSIO_STR_NONE;
    }
}

/* ---- rows ---------------------------------------------------------------------------------------
 */

struct reading {
    struct mansio_arena *arena; /* of one object, reset each time */
    const struct mansio_object_form *form;
    core_ctl_keep_fn keep;
    void *arg;
    json_t *rows;
};

static int take(void *arg, const struct mansio_object *object)
{
    struct reading *reading = arg;
    if (reading->keep != NULL && !reading->keep(reading->arg, object)) {
        return 0;
    }
    json_t *row = core_ctl_object_json(reading->arena, reading->form, object);
    mansio_arena_reset(reading->arena);
    return json_array_append_new(reading->rows, row) == 0 ? 0 : MANSIO_E_LIMIT;
}

int core_ctl_read_rows(struct core_ctl *ctl, uint32_t kind, const struct mansio_field *filters,
                       size_t count, core_ctl_keep_fn keep, void *arg, json_t *rows)
{
    struct core_ctl_admin *admin = ctl->admin;
    struct reading reading = {
        .arena = mansio_arena_new(ctl->arena, "ctl.object", OBJECT_CAP),
        .form = core_ctl_form(kind),
        .keep = keep,
        .arg = arg,
        .rows = rows,
    };
    int rc = CORE_CTL_OFFERED(ctl, object_list);
    if (rc == 0) {
        rc = admin->directory.object_list(admin->instance, kind, filters, count, take, &reading,
                                          core_ctl_deadline(ctl, CORE_CTL_STEP_US));
    }
    mansio_arena_free(reading.arena);
    return rc;
}

int core_ctl_read_word(struct core_ctl *ctl, uint32_t scope, struct mansio_str owner,
                       struct mansio_str service, json_t **out)
{
    struct mansio_field filter = {.name = MANSIO_STR("key")};
    json_t *rows = json_array();
    int rc = mansio_arena_printf(
        ctl->arena, &filter.value, "%s%s%.*s/%.*s", core_ctl_scope_name(scope),
        scope == MANSIO_POLICY_PLATFORM ? "" : ":", MANSIO_STR_ARG(owner), MANSIO_STR_ARG(service));
    if (rc == 0 && (owner.len > 0 || scope == MANSIO_POLICY_PLATFORM)) {
        rc = core_ctl_read_rows(ctl, MANSIO_OBJECT_POLICY, &filter, 1, NULL, NULL, rows);
    }
    if (rc == 0) {
        *out = json_incref(json_array_get(rows, 0));
    }
    json_decref(rows);
    return rc;
}

int core_ctl_read_default(struct core_ctl *ctl, struct mansio_str *out)
{
    json_t *rows = json_array();
    int rc = core_ctl_read_rows(ctl, MANSIO_OBJECT_PLATFORM, NULL, 0, NULL, NULL, rows);
    const char *verb =
        json_string_value(json_object_get(json_array_get(rows, 0), "policy_default"));
    if (rc == 0) {
        rc = mansio_arena_copy(ctl->arena, mansio_str_from_cstr(verb != NULL ? verb : "deny"), out);
    }
    json_decref(rows);
    return rc;
}

int core_ctl_read_limit(const struct core_ctl_args *args, size_t otherwise, size_t *out)
{
    uint32_t limit = 0;
    const char *text = core_ctl_option(args, "--limit");
    if (text != NULL &&
        (mansio_parse_u32(mansio_str_from_cstr(text), LIMIT_MAX, &limit) < 0 || limit == 0)) {
        return mansio_fail(MANSIO_E_INVALID, "--limit %s: expected 1 to %d", text, LIMIT_MAX);
    }
    *out = text != NULL ? limit : otherwise;
    return 0;
}
