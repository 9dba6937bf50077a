/*
 * Changing objects: one transaction for the change, its audit row, a new epoch and a hint.
 *
 * Each begins with the epoch, whose one row all of them lock: so there is one change at a time, and
 * what is counted (a plan's limits) or looked at (what hangs on something) stays so to the commit.
 */
#include "object.h"

#include <stdio.h>
#include <string.h>

#include <mansio/bus.h>
#include <mansio/error.h>
#include <mansio/str.h>

#include "object_fields.h"
#include "object_sql.h"
#include "relay.h"
#include "sql.h"

enum {
    CHANGE_BYTES_MAX = 4 * 1024 * 1024,
    CREDENTIALS_MAX = 100, /* of an account: a login tries them all, in memory that has a cap */
};

enum action { ACTION_ADD, ACTION_SET, ACTION_REMOVE };
static const char *const action_names[] = {"add", "set", "remove"};

struct change {
    struct pg *pg;
    struct pg_conn *conn;
    struct mansio_arena *arena;
    const struct mansio_actor *actor;
    const struct mansio_object_form *form;
    const struct pg_object_kind *kind;
    struct pg_key key;
    enum action action;
    uint32_t cascade;
    const struct mansio_field *fields;
    size_t field_count;
    struct mansio_str json; /* of the fields */
    struct mansio_str tenant;
    struct mansio_str before, after; /* JSON; empty: there is none */
    int64_t deadline_us;
};

static int none(const struct change *change)
{
    return mansio_fail(MANSIO_E_NOT_FOUND, "no %s %.*s", change->form->name,
                       MANSIO_STR_ARG(change->key.text));
}

/* As the database says it, for people: our own words where it is the object itself. */
static int explain(const struct change *change, int rc)
{
    if (rc == MANSIO_E_EXISTS) {
        return mansio_fail(rc, "%s %.*s exists already", change->form->name,
                           MANSIO_STR_ARG(change->key.text));
    }
    return rc;
}

static int ask(struct change *change, unsigned statement, const struct pg_result **out)
{
    struct pg_params params;
    pg_object_params(&params, &change->key,
                     change->json.ptr != NULL ? change->json : MANSIO_STR("{}"));
    return explain(change, pg_ask(change->conn, statement, &params, change->deadline_us, out));
}

/* The object as it is now: JSON and tenant. 0: there is none; 1. */
static int look(struct change *change, struct mansio_str *out)
{
    struct pg_params params;
    const struct pg_result *result = NULL;
    const struct mansio_str *values = NULL;
    size_t count = 0;
    pg_object_params(&params, &change->key, MANSIO_STR("{}"));
    pg_add_text(&params, MANSIO_STR(""));
    pg_add_int64(&params, 1);
    int rc = pg_ask(change->conn, change->kind->list, &params, change->deadline_us, &result);
    if (rc < 0 || pg_rows(result) == 0) {
        return rc;
    }
    rc = pg_get_strs(result, 0, 3, change->arena, &values, &count);
    if (rc == 0 && count != change->form->field_count) {
        rc = mansio_fail(MANSIO_E_BUG, "%s: %zu values", change->form->name, count);
    }
    rc = rc < 0 ? rc : mansio_arena_copy(change->arena, pg_get_str(result, 0, 2), &change->tenant);
    rc = rc < 0 ? rc
                : pg_object_json(change->arena, change->form, values, change->fields,
                                 change->field_count, out);
    return rc < 0 ? rc : 1;
}

/* Refuse what would exceed the limits of the tenant's plan. */
static int check_limits(struct change *change)
{
    struct pg_params params;
    const struct pg_result *result = NULL;
    pg_params_init(&params);
    pg_add_text(&params, change->tenant);
    int rc = pg_ask(change->conn, PG_SQL_TENANT_LIMITS, &params, change->deadline_us, &result);
    if (rc < 0 || pg_rows(result) == 0) {
        return rc;
    }
    int at = change->form->kind == MANSIO_OBJECT_ACCOUNT ? 0 : 2;
    int64_t count = pg_get_int64(result, 0, (size_t)at);
    int64_t max = pg_get_int64(result, 0, (size_t)at + 1);
    if (max > 0 && count > max) {
        return mansio_fail(MANSIO_E_LIMIT, "tenant %.*s may have %lld %ss",
                           MANSIO_STR_ARG(change->tenant), (long long)max, change->form->name);
    }
    return 0;
}

/* Refuse an account more passwords than a login can try. */
static int check_credentials(struct change *change)
{
    struct pg_params params;
    const struct pg_result *result = NULL;
    struct pg_key any = change->key;
    any.c = MANSIO_STR_NONE;
    pg_object_params(&params, &any, MANSIO_STR("{}"));
    pg_add_text(&params, MANSIO_STR(""));
    pg_add_int64(&params, CREDENTIALS_MAX + 1);
    int rc = pg_ask(change->conn, change->kind->list, &params, change->deadline_us, &result);
    if (rc == 0 && pg_rows(result) > CREDENTIALS_MAX) {
        return mansio_fail(MANSIO_E_LIMIT, "account %.*s@%.*s has %d passwords: remove one first",
                           MANSIO_STR_ARG(any.a), MANSIO_STR_ARG(any.b), CREDENTIALS_MAX);
    }
    return rc;
}

static int check_hanging(struct change *change)
{
    const struct pg_result *result = NULL;
    if (change->kind->hangs == PG_NO_STATEMENT) {
        return 0;
    }
    int rc = ask(change, change->kind->hangs, &result);
    if (rc < 0 || pg_rows(result) == 0 || (change->cascade && !pg_get_bool(result, 0, 1))) {
        return rc;
    }
    return mansio_fail(MANSIO_E_BUSY, "%s %.*s: %.*s", change->form->name,
                       MANSIO_STR_ARG(change->key.text), MANSIO_STR_ARG(pg_get_str(result, 0, 0)));
}

static int act(struct change *change, unsigned statement)
{
    const struct pg_result *result = NULL;
    int rc = ask(change, statement, &result);
    if (rc == 0 && pg_rows(result) == 0) {
        if (change->action == ACTION_ADD) {
            return mansio_fail(MANSIO_E_NOT_FOUND, "%s %.*s: what it belongs to isn't there",
                               change->form->name, MANSIO_STR_ARG(change->key.text));
        }
        return none(change);
    }
    return rc;
}

static int prune(struct change *change)
{
    struct pg_params params;
    pg_params_init(&params);
    pg_add_text(&params, change->tenant);
    return pg_ask(change->conn, PG_SQL_ADDRESS_PRUNE, &params, change->deadline_us, NULL);
}

static int do_add(struct change *change)
{
    int rc = act(change, change->kind->add);
    rc = rc < 0 ? rc : look(change, &change->after);
    if (rc >= 0 && change->form->kind == MANSIO_OBJECT_CREDENTIAL) {
        rc = check_credentials(change);
    }
    return rc < 0 || !change->kind->is_counted ? rc : check_limits(change);
}

static int do_set(struct change *change)
{
    int rc = look(change, &change->before);
    rc = rc == 0 && !change->kind->is_made ? none(change) : rc;
    rc = rc < 0 ? rc : act(change, change->kind->set);
    return rc < 0 ? rc : look(change, &change->after);
}

static int do_remove(struct change *change)
{
    int rc = look(change, &change->before);
    rc = rc == 0 ? none(change) : rc;
    rc = rc < 0 ? rc : check_hanging(change);
    if (rc >= 0 && change->kind->mail != PG_NO_STATEMENT) {
        rc = ask(change, change->kind->mail, NULL);
    }
    rc = rc < 0 ? rc : act(change, change->kind->remove);
    return rc < 0 || !change->kind->is_pruned ? rc : prune(change);
}

/* What is queued here goes with the COMMIT. */
static int send_record(struct change *change)
{
    struct pg_params params;
    struct mansio_str hint = MANSIO_STR_NONE;
    int rc = pg_relay_payload(change->arena, MANSIO_STR("directory"), MANSIO_STR_NONE, &hint);
    pg_params_init(&params);
    pg_add_text(&params, change->actor->name);
    pg_add_text(&params, change->actor->reason);
    pg_add_text(&params, mansio_str_from_cstr(action_names[change->action]));
    pg_add_text(&params, mansio_str_from_cstr(change->form->name));
    pg_add_text(&params, change->key.text);
    pg_add_text(&params, change->tenant);
    pg_add_text(&params, change->before);
    pg_add_text(&params, change->after);
    rc = rc < 0 ? rc : pg_send(change->conn, PG_SQL_AUDIT_ADD, &params);
    if (rc < 0 || change->pg->config.skips_hints) {
        return rc;
    }
    pg_params_init(&params);
    pg_add_text(&params, hint);
    return pg_send(change->conn, PG_SQL_NOTIFY, &params);
}

static int run(struct change *change)
{
    static int (*const steps[])(struct change *) = {do_add, do_set, do_remove};
    int rc = pg_begin(change->conn);
    rc = rc < 0 ? rc : pg_ask(change->conn, PG_SQL_EPOCH_BUMP, NULL, change->deadline_us, NULL);
    rc = rc < 0 ? rc : steps[change->action](change);
    rc = rc < 0 ? rc : send_record(change);
    return rc < 0 ? rc : pg_commit(change->conn, change->deadline_us);
}

/* The main password is good for whatever policy allows, and doesn't end. */
static int check_main(const struct change *change)
{
    if (change->form->kind != MANSIO_OBJECT_CREDENTIAL || change->key.c.len > 0) {
        return 0;
    }
    for (size_t i = 0; i < change->field_count; i++) {
        struct mansio_str name = change->fields[i].name;
        if (change->fields[i].value.ptr != NULL && (mansio_str_eq(name, MANSIO_STR("services")) ||
                                                    mansio_str_eq(name, MANSIO_STR("expires")))) {
            return mansio_fail(MANSIO_E_INVALID,
                               "%.*s: only app passwords (USER@DOMAIN#LABEL) have it",
                               MANSIO_STR_ARG(name));
        }
    }
    return 0;
}

static int prepare(struct change *change, struct mansio_str key)
{
    uint32_t kind = change->form->kind;
    int rc = pg_key_parse(change->arena, kind, key, &change->key);
    if (rc < 0) {
        return rc;
    }
    change->kind = pg_object_kind(kind, &change->key);
    const unsigned statements[] = {change->kind->add, change->kind->set, change->kind->remove};
    if (statements[change->action] == PG_NO_STATEMENT) {
        return mansio_fail(MANSIO_E_UNSUPPORTED, "%s: %s is not for this kind of object",
                           change->form->name, action_names[change->action]);
    }
    if (change->action == ACTION_REMOVE) {
        return 0;
    }
    rc = check_main(change);
    return rc < 0 ? rc
                  : pg_fields_json(change->arena, change->form, change->fields, change->field_count,
                                   change->action == ACTION_ADD ? PG_FIELDS_ADD : PG_FIELDS_SET,
                                   &change->json);
}

static int apply(struct change *change, struct mansio_instance *instance, uint32_t kind,
                 struct mansio_str key)
{
    struct pg *pg = pg_of(instance);
    change->pg = pg;
    change->form = pg_form_of(kind);
    int rc = pg_object_check(pg, change->form);
    if (rc < 0) {
        return rc;
    }
    change->arena = mansio_arena_new(NULL, "object", CHANGE_BYTES_MAX);
    rc = prepare(change, key);
    rc = rc < 0 ? rc : pg_borrow(pg->admin, change->deadline_us, &change->conn);
    if (rc == 0) {
        rc = run(change);
        char why[MANSIO_ERROR_DETAIL_MAX];
        snprintf(why, sizeof why, "%s", mansio_error_detail());
        pg_give_back(change->conn);
        rc = rc < 0 ? mansio_fail(rc, "%s", why) : 0;
    }
    mansio_arena_free(change->arena);
    return rc;
}

int pg_object_add(struct mansio_instance *instance, const struct mansio_actor *actor, uint32_t kind,
                  struct mansio_str key, const struct mansio_field *fields, size_t count,
                  int64_t deadline_us)
{
    struct change change = {.actor = actor,
                            .action = ACTION_ADD,
                            .fields = fields,
                            .field_count = count,
                            .deadline_us = deadline_us};
    return apply(&change, instance, kind, key);
}

int pg_object_set(struct mansio_instance *instance, const struct mansio_actor *actor, uint32_t kind,
                  struct mansio_str key, const struct mansio_field *fields, size_t count,
                  int64_t deadline_us)
{
    struct change change = {.actor = actor,
                            .action = ACTION_SET,
                            .fields = fields,
                            .field_count = count,
                            .deadline_us = deadline_us};
    return apply(&change, instance, kind, key);
}

int pg_object_remove(struct mansio_instance *instance, const struct mansio_actor *actor,
                     uint32_t kind, struct mansio_str key, uint32_t cascade, int64_t deadline_us)
{
    struct change change = {
        .actor = actor, .action = ACTION_REMOVE, .cascade = cascade, .deadline_us = deadline_us};
    return apply(&change, instance, kind, key);
}

int pg_audit_add(struct mansio_instance *instance, const struct mansio_actor *actor,
                 const struct mansio_deed *deed, int64_t deadline_us)
{
    struct pg *pg = pg_of(instance);
    struct pg_params params;
    if (pg->role != MANSIO_ROLE_ADMIN) {
        return mansio_fail(MANSIO_E_DENIED, "the audit log is for administration to write");
    }
    if (deed->action.len == 0 || deed->kind.len == 0 || deed->object.len == 0) {
        return mansio_fail(MANSIO_E_INVALID, "a deed of nothing");
    }
    pg_params_init(&params);
    pg_add_text(&params, actor->name);
    pg_add_text(&params, actor->reason);
    pg_add_text(&params, deed->action);
    pg_add_text(&params, deed->kind);
    pg_add_text(&params, deed->object);
    pg_add_text(&params, deed->tenant);
    pg_add_text(&params, deed->before);
    pg_add_text(&params, MANSIO_STR(""));
    return pg_change(pg->admin, 0, PG_SQL_AUDIT_ADD, &params, deadline_us, NULL);
}
