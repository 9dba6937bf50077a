/*
 * Objects of administration: what kinds there are, and listing them.
 *
 * A list is read by pages, each a statement of its own; so what changes meanwhile is seen or not,
 * and a long list holds nothing open.
 */
#include "object.h"

#include <mansio/error.h>
#include <mansio/str.h>

#include "object_fields.h"
#include "object_sql.h"

enum {
    PAGE_ROWS = 2000,
    LIST_BYTES_MAX = 64 * 1024 * 1024, /* of one page */
};

static const struct pg_object_kind kinds[] = {
    {.kind = MANSIO_OBJECT_PLATFORM, .list = PG_SQL_PLATFORM_LIST, .set = PG_SQL_PLATFORM_SET},
    {.kind = MANSIO_OBJECT_PLAN,
     .list = PG_SQL_PLAN_LIST,
     .add = PG_SQL_PLAN_ADD,
     .set = PG_SQL_PLAN_SET,
     .remove = PG_SQL_PLAN_REMOVE,
     .hangs = PG_SQL_PLAN_HANGS},
    {.kind = MANSIO_OBJECT_TENANT,
     .list = PG_SQL_TENANT_LIST,
     .add = PG_SQL_TENANT_ADD,
     .set = PG_SQL_TENANT_CHANGE,
     .remove = PG_SQL_TENANT_REMOVE,
     .hangs = PG_SQL_TENANT_HANGS,
     .mail = PG_SQL_TENANT_MAIL},
    {.kind = MANSIO_OBJECT_DOMAIN,
     .list = PG_SQL_DOMAIN_LIST,
     .add = PG_SQL_DOMAIN_ADD,
     .set = PG_SQL_DOMAIN_SET,
     .remove = PG_SQL_DOMAIN_REMOVE,
     .hangs = PG_SQL_DOMAIN_HANGS,
     .mail = PG_SQL_DOMAIN_MAIL,
     .is_counted = 1,
     .is_pruned = 1},
    {.kind = MANSIO_OBJECT_ACCOUNT,
     .list = PG_SQL_ACCOUNT_LIST,
     .add = PG_SQL_ACCOUNT_ADD,
     .set = PG_SQL_ACCOUNT_SET,
     .remove = PG_SQL_ACCOUNT_REMOVE,
     .hangs = PG_SQL_ACCOUNT_HANGS,
     .mail = PG_SQL_ACCOUNT_MAIL,
     .is_counted = 1,
     .is_pruned = 1},
    {.kind = MANSIO_OBJECT_ADDRESS,
     .list = PG_SQL_ADDRESS_LIST,
     .add = PG_SQL_ADDRESS_ADD,
     .set = PG_SQL_ADDRESS_SET,
     .remove = PG_SQL_ADDRESS_REMOVE,
     .hangs = PG_SQL_ADDRESS_HANGS},
    {.kind = MANSIO_OBJECT_CREDENTIAL,
     .list = PG_SQL_CREDENTIAL_LIST,
     .add = PG_SQL_CREDENTIAL_ADD,
     .set = PG_SQL_CREDENTIAL_SET,
     .remove = PG_SQL_CREDENTIAL_REMOVE},
    {.kind = MANSIO_OBJECT_AUDIT, .list = PG_SQL_AUDIT_LIST},
    {.kind = MANSIO_OBJECT_POLICY,
     .list = PG_SQL_POLICY_LIST,
     .set = PG_SQL_POLICY_SET,
     .remove = PG_SQL_POLICY_REMOVE,
     .is_made = 1},
    {.kind = MANSIO_OBJECT_NETWORK,
     .list = PG_SQL_NETWORK_LIST,
     .add = PG_SQL_NETWORK_ADD,
     .set = PG_SQL_NETWORK_SET,
     .remove = PG_SQL_NETWORK_REMOVE,
     .hangs = PG_SQL_NETWORK_HANGS},
};

/* By the third part of the key. */
static const struct pg_object_kind quotas[] = {
    {.kind = MANSIO_OBJECT_QUOTA,
     .list = PG_SQL_QUOTA_LIST,
     .add = PG_SQL_QUOTA_PLAN_ADD,
     .set = PG_SQL_QUOTA_PLAN_SET,
     .remove = PG_SQL_QUOTA_PLAN_REMOVE},
    {.kind = MANSIO_OBJECT_QUOTA,
     .list = PG_SQL_QUOTA_LIST,
     .add = PG_SQL_QUOTA_TENANT_ADD,
     .set = PG_SQL_QUOTA_TENANT_SET,
     .remove = PG_SQL_QUOTA_TENANT_REMOVE},
    {.kind = MANSIO_OBJECT_QUOTA,
     .list = PG_SQL_QUOTA_LIST,
     .add = PG_SQL_QUOTA_ACCOUNT_ADD,
     .set = PG_SQL_QUOTA_ACCOUNT_SET,
     .remove = PG_SQL_QUOTA_ACCOUNT_REMOVE},
};

const struct pg_object_kind *pg_object_kind(uint32_t kind, const struct pg_key *key)
{
    if (kind == MANSIO_OBJECT_QUOTA) {
        size_t at = mansio_str_eq(key->c, MANSIO_STR("account"))  ? 2
                    : mansio_str_eq(key->c, MANSIO_STR("tenant")) ? 1
                                                                  : 0;
        return &quotas[at];
    }
    for (size_t i = 0; i < MANSIO_COUNT(kinds); i++) {
        if (kinds[i].kind == kind) {
            return &kinds[i];
        }
    }
    return NULL;
}

static void add_part(struct pg_params *params, struct mansio_str part)
{
    if (part.ptr == NULL) {
        pg_add_null(params);
    } else {
        pg_add_text(params, part);
    }
}

void pg_object_params(struct pg_params *params, const struct pg_key *key, struct mansio_str json)
{
    pg_params_init(params);
    add_part(params, key->a);
    add_part(params, key->b);
    add_part(params, key->c);
    pg_add_text(params, json);
}

int pg_object_check(struct pg *pg, const struct mansio_object_form *form)
{
    if (pg->role != MANSIO_ROLE_ADMIN) {
        return mansio_fail(MANSIO_E_DENIED, "the directory is changed by administration alone");
    }
    return form != NULL ? 0 : mansio_fail(MANSIO_E_INVALID, "no such kind of object");
}

/* ---- lists ---------------------------------------------------------------------------------- */

struct listing {
    struct pg *pg;
    const struct mansio_object_form *form;
    unsigned statement;
    struct pg_key key;
    struct mansio_str filters;
    mansio_object_fn visit;
    void *arg;
};

static int show(const struct listing *listing, struct mansio_str key,
                const struct mansio_str *values, struct mansio_arena *arena)
{
    const struct mansio_object_form *form = listing->form;
    struct mansio_field *fields = mansio_arena_try_alloc(arena, form->field_count * sizeof *fields);
    if (fields == NULL) {
        return MANSIO_E_LIMIT;
    }
    struct mansio_object object = {
        .size = sizeof object, .kind = form->kind, .key = key, .fields = fields};
    for (size_t i = 0; i < form->field_count; i++) {
        if (values[i].ptr != NULL) {
            fields[object.field_count++] =
                (struct mansio_field){mansio_str_from_cstr(form->fields[i].name), values[i]};
        }
    }
    return listing->visit(listing->arg, &object);
}

static int show_rows(const struct listing *listing, const struct pg_result *result,
                     struct mansio_arena *arena)
{
    int rc = 0;
    for (size_t row = 0; rc == 0 && row < pg_rows(result); row++) {
        const struct mansio_str *values = NULL;
        size_t count = 0;
        rc = pg_get_strs(result, row, 3, arena, &values, &count);
        if (rc == 0 && count != listing->form->field_count) {
            rc = mansio_fail(MANSIO_E_BUG, "%s: %zu values, %zu fields", listing->form->name, count,
                             listing->form->field_count);
        }
        if (rc == 0) {
            rc = show(listing, pg_get_str(result, row, 1), values, arena);
        }
    }
    return rc;
}

/* One page. @p after: where to go on, in @p marks. 1: there may be more. */
static int show_page(const struct listing *listing, struct mansio_arena *marks,
                     struct mansio_str *after, int64_t deadline_us)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "objects", LIST_BYTES_MAX);
    struct pg_params params;
    struct pg_conn *conn = NULL;
    const struct pg_result *result = NULL;
    pg_object_params(&params, &listing->key, listing->filters);
    pg_add_text(&params, *after);
    pg_add_int64(&params, PAGE_ROWS);
    int rc = pg_borrow_ask(listing->pg->admin, 0, listing->statement, &params, deadline_us, &conn,
                           &result);
    if (rc == 0) {
        size_t rows = pg_rows(result);
        rc = show_rows(listing, result, arena);
        mansio_arena_reset(marks);
        if (rc == 0 && rows == PAGE_ROWS) {
            rc = mansio_arena_copy(marks, pg_get_str(result, rows - 1, 0), after);
            rc = rc < 0 ? rc : 1;
        }
    }
    pg_give_back(conn);
    mansio_arena_free(arena);
    return rc;
}

/* What the visitor returned, told apart from 1: there is more. */
struct visit {
    mansio_object_fn visit;
    void *arg;
    int result;
};

static int visit_one(void *arg, const struct mansio_object *object)
{
    struct visit *visit = arg;
    visit->result = visit->visit(visit->arg, object);
    return visit->result != 0 ? MANSIO_E_CLOSED : 0;
}

static int list(struct listing *listing, mansio_object_fn visit, void *arg, int64_t deadline_us)
{
    struct mansio_arena *marks = mansio_arena_new(NULL, "objects", 0);
    struct mansio_str after = MANSIO_STR("");
    struct visit visiting = {visit, arg, 0};
    int rc = 1;
    listing->visit = visit_one;
    listing->arg = &visiting;
    while (rc == 1) {
        rc = show_page(listing, marks, &after, deadline_us);
    }
    listing->visit = NULL;
    listing->arg = NULL; /* ours, and the listing is our caller's */
    mansio_arena_free(marks);
    return visiting.result != 0 ? visiting.result : rc;
}

static int filter_key(struct mansio_arena *arena, uint32_t kind, const struct mansio_field *filters,
                      size_t count, struct pg_key *out)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        if (mansio_str_eq(filters[i].name, MANSIO_STR("key"))) {
            rc = pg_key_parse(arena, kind, filters[i].value, out);
        }
    }
    return rc;
}

int pg_object_list(struct mansio_instance *instance, uint32_t kind,
                   const struct mansio_field *filters, size_t count, mansio_object_fn visit,
                   void *arg, int64_t deadline_us)
{
    struct pg *pg = pg_of(instance);
    struct listing listing = {.pg = pg, .form = pg_form_of(kind)};
    int rc = pg_object_check(pg, listing.form);
    if (rc < 0) {
        return rc;
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "filters", 0);
    rc = pg_fields_json(arena, listing.form, filters, count, PG_FIELDS_FILTER, &listing.filters);
    rc = rc < 0 ? rc : filter_key(arena, kind, filters, count, &listing.key);
    if (rc == 0) {
        listing.statement = pg_object_kind(kind, &listing.key)->list;
        rc = list(&listing, visit, arg, deadline_us);
    }
    mansio_arena_free(arena);
    return rc;
}
