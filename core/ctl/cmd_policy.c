/*
 * Commands that change policy: allow, deny, clear, lock, unlock. Each word is an object of the
 * directory and a transaction of its own; several services on one line are several of them, and if
 * one fails the line says which were done before it.
 */
#include "core/ctl/admin.h"
#include "core/ctl/ctl.h"
#include "core/ctl/policy_words.h"
#include "core/ctl/show.h"

#include <mansio/error.h>
#include <mansio/str.h>

enum { TEXT_MAX = 16 * 1024 };

/* What is done to each word. */
struct change {
    const struct mansio_field *fields; /* NULL: it is removed */
    size_t field_count;
    const char *done;
};

static int change_one(struct core_ctl *ctl, const struct mansio_actor *actor,
                      const struct change *change, struct mansio_str key)
{
    const struct core_ctl_admin *admin = ctl->admin;
    int64_t deadline_us = core_ctl_deadline(ctl, CORE_CTL_STEP_US);
    if (change->fields == NULL) {
        return admin->directory.object_remove(admin->instance, actor, MANSIO_OBJECT_POLICY, key, 0,
                                              deadline_us);
    }
    return admin->directory.object_set(admin->instance, actor, MANSIO_OBJECT_POLICY, key,
                                       change->fields, change->field_count, deadline_us);
}

/* Which one, and what was done before it. */
static int say_failed(struct core_ctl *ctl, int code, const struct mansio_str *keys, size_t at)
{
    const char *detail = mansio_error_detail();
    struct mansio_buf *text = mansio_buf_new(ctl->arena, TEXT_MAX);
    if (mansio_str_find(mansio_str_from_cstr(detail), keys[at]) < 0) {
        mansio_buf_printf(text, "%.*s: ", MANSIO_STR_ARG(keys[at]));
    }
    mansio_buf_printf(text, "%s", detail[0] != '\0' ? detail : mansio_error_name(code));
    for (size_t i = 0; i < at; i++) {
        mansio_buf_printf(text, "%s%.*s",
                          i > 0 ? ", " : "; done before it: ", MANSIO_STR_ARG(keys[i]));
    }
    code = mansio_fail(code, "%.*s", MANSIO_STR_ARG(mansio_buf_str(text)));
    return core_ctl_failed(ctl, code);
}

static int say_done(struct core_ctl *ctl, const struct change *change,
                    const struct mansio_str *keys, size_t count)
{
    if (!ctl->is_json) {
        return CORE_CTL_OK;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *key = json_stringn(keys[i].ptr, keys[i].len);
        json_array_append_new(list, key != NULL ? key : json_null());
    }
    json_t *out =
        json_pack("{s:s, s:s, s:o}", "done", change->done, "kind", "policy", "keys", list);
    int rc = core_ctl_show_json(ctl, out);
    json_decref(out);
    return rc;
}

static int change_all(struct core_ctl *ctl, const struct core_ctl_args *args,
                      const struct change *change)
{
    struct core_ctl_scope scope = {.scope = 0};
    struct mansio_str *keys = NULL;
    size_t count = 0;
    struct mansio_actor actor = core_ctl_actor(ctl, args);
    int rc = change->fields == NULL ? CORE_CTL_OFFERED(ctl, object_remove)
                                    : CORE_CTL_OFFERED(ctl, object_set);
    if (rc == 0) {
        rc = core_ctl_policy_keys(ctl->arena, args, &scope, &keys, &count);
    }
    if (rc < 0) {
        return core_ctl_failed(ctl, rc);
    }
    for (size_t i = 0; i < count; i++) {
        rc = change_one(ctl, &actor, change, keys[i]);
        if (rc < 0) {
            return say_failed(ctl, rc, keys, i);
        }
    }
    return say_done(ctl, change, keys, count);
}

static int say(struct core_ctl *ctl, const struct core_ctl_args *args, uint32_t verb)
{
    struct mansio_field fields[CORE_CTL_POLICY_FIELDS_MAX];
    struct change change = {.fields = fields, .done = "changed"};
    int rc = core_ctl_policy_fields(ctl->arena, args, verb, fields, &change.field_count);
    return rc < 0 ? core_ctl_failed(ctl, rc) : change_all(ctl, args, &change);
}

int core_ctl_cmd_policy_allow(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    return say(ctl, args, MANSIO_POLICY_ALLOW);
}

int core_ctl_cmd_policy_deny(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    return say(ctl, args, MANSIO_POLICY_DENY);
}

int core_ctl_cmd_policy_clear(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    const struct change change = {.fields = NULL, .done = "removed"};
    return change_all(ctl, args, &change);
}

int core_ctl_cmd_policy_lock(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    static const struct mansio_field field = {MANSIO_STR("locked"), MANSIO_STR("true")};
    const struct change change = {.fields = &field, .field_count = 1, .done = "changed"};
    return change_all(ctl, args, &change);
}

int core_ctl_cmd_policy_unlock(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    static const struct mansio_field field = {MANSIO_STR("locked"), MANSIO_STR("false")};
    const struct change change = {.fields = &field, .field_count = 1, .done = "changed"};
    return change_all(ctl, args, &change);
}
