/*
 * Standings for administration: of all accounts of a scope, as they are or as they would be; and
 * the check of the audit log.
 *
 * What is tried is done, looked at and rolled back, in a transaction that says so: its triggers
 * neither raise the epoch nor wait for whoever does.
 */
#include "standing.h"

#include <stdio.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "object.h"
#include "object_fields.h"
#include "object_sql.h"

enum {
    PAGE_BYTES_MAX = 64 * 1024 * 1024,
    TRY_BYTES_MAX = 4 * 1024 * 1024,
    AUDIT_ROWS = 5000, /* checked by one statement */
    HASH_BYTES = 32,
};

static int check_role(const struct pg *pg)
{
    return pg->role == MANSIO_ROLE_ADMIN
               ? 0
               : mansio_fail(MANSIO_E_DENIED, "only administration looks at other standings");
}

/* Give back, and keep what was said of a failure. */
static int settle(struct pg_conn *conn, int rc)
{
    char why[MANSIO_ERROR_DETAIL_MAX];
    (void)snprintf(why, sizeof why, "%s", mansio_error_detail());
    pg_give_back(conn);
    return rc < 0 ? mansio_fail(rc, "%s", why) : rc;
}

/* ---- lists ---------------------------------------------------------------------------------- */

struct look {
    struct pg_conn *conn;
    struct mansio_str scope, owner;
    int64_t at_us;
    mansio_standing_fn visit;
    void *arg;
    int result; /* what visit() said, if it wasn't 0 */
    int64_t deadline_us;
    int64_t tenants[PG_STANDINGS_MAX], accounts[PG_STANDINGS_MAX];
};

/* Whom the next page is about. Gives how many; @p after moves on, in @p marks. */
static int read_accounts(struct look *look, struct mansio_arena *marks, struct mansio_str *after,
                         size_t *out_count)
{
    struct pg_params params;
    const struct pg_result *result = NULL;
    pg_params_init(&params);
    pg_add_text(&params, look->scope);
    pg_add_text(&params, look->owner);
    pg_add_text(&params, *after);
    pg_add_int64(&params, PG_STANDINGS_MAX);
    int rc = pg_ask(look->conn, PG_SQL_POLICY_ACCOUNTS, &params, look->deadline_us, &result);
    *out_count = rc < 0 ? 0 : pg_rows(result);
    for (size_t i = 0; i < *out_count; i++) {
        look->tenants[i] = pg_get_int64(result, i, 1);
        look->accounts[i] = pg_get_int64(result, i, 2);
    }
    if (rc == 0 && *out_count > 0) {
        mansio_arena_reset(marks);
        rc = mansio_arena_copy(marks, pg_get_str(result, *out_count - 1, 0), after);
    }
    return rc;
}

static int show_page(struct look *look, struct mansio_arena *arena, size_t count)
{
    struct pg_params params;
    const struct pg_result *result = NULL;
    const struct mansio_standing **standings =
        mansio_arena_try_alloc(arena, count * sizeof *standings);
    pg_params_init(&params);
    pg_add_int64s(&params, arena, look->tenants, count);
    pg_add_int64s(&params, arena, look->accounts, count);
    if (look->at_us != 0) {
        pg_add_time(&params, look->at_us);
    } else {
        pg_add_null(&params);
    }
    int rc = standings == NULL ? MANSIO_E_LIMIT : 0;
    rc = rc < 0 ? rc
                : pg_ask(look->conn, PG_SQL_STANDINGS_READ, &params, look->deadline_us, &result);
    rc = rc < 0 ? rc : pg_standings_read(result, arena, standings, count);
    for (size_t i = 0; rc == 0 && look->result == 0 && i < count; i++) {
        if (standings[i]->account != NULL) { /* else it went meanwhile */
            look->result = look->visit(look->arg, standings[i]);
        }
    }
    return rc;
}

static int show_all(struct look *look)
{
    struct mansio_arena *marks = mansio_arena_new(NULL, "standings", 0);
    struct mansio_arena *arena = mansio_arena_new(NULL, "standings", PAGE_BYTES_MAX);
    struct mansio_str after = MANSIO_STR("");
    size_t count = PG_STANDINGS_MAX;
    int rc = 0;
    while (rc == 0 && look->result == 0 && count == PG_STANDINGS_MAX) {
        rc = read_accounts(look, marks, &after, &count);
        rc = rc < 0 || count == 0 ? rc : show_page(look, arena, count);
        mansio_arena_reset(arena);
    }
    mansio_arena_free(arena);
    mansio_arena_free(marks);
    return rc;
}

static struct look *look_new(struct mansio_arena *arena, int64_t at_us, mansio_standing_fn visit,
                             void *arg, int64_t deadline_us)
{
    struct look *look = mansio_arena_alloc(arena, sizeof *look);
    look->at_us = at_us;
    look->visit = visit;
    look->arg = arg;
    look->deadline_us = deadline_us;
    return look;
}

/* The scope's name, and the owner in its one spelling: as the key of any word of it would have. */
static int parse_scope(struct mansio_arena *arena, uint32_t scope, struct mansio_str owner,
                       struct pg_key *out)
{
    static const char *const names[] = {
        [MANSIO_POLICY_PLAN] = "plan",
        [MANSIO_POLICY_TENANT] = "tenant",
        [MANSIO_POLICY_DOMAIN] = "domain",
        [MANSIO_POLICY_ACCOUNT] = "account",
    };
    struct mansio_str key = MANSIO_STR("platform/any");
    int rc = 0;
    if (scope < MANSIO_POLICY_PLATFORM || scope > MANSIO_POLICY_ACCOUNT) {
        return mansio_fail(MANSIO_E_INVALID, "no scope %u", scope);
    }
    if (scope != MANSIO_POLICY_PLATFORM) {
        rc = mansio_arena_printf(arena, &key, "%s:%.*s/any", names[scope], MANSIO_STR_ARG(owner));
    }
    return rc < 0 ? rc : pg_key_parse(arena, MANSIO_OBJECT_POLICY, key, out);
}

int pg_standing_list(struct mansio_instance *instance, uint32_t scope, struct mansio_str owner,
                     int64_t at_us, mansio_standing_fn visit, void *arg, int64_t deadline_us)
{
    struct pg *pg = pg_of(instance);
    struct pg_key key;
    int rc = check_role(pg);
    if (rc < 0) {
        return rc;
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "standings", 0);
    struct look *look = look_new(arena, at_us, visit, arg, deadline_us);
    rc = parse_scope(arena, scope, owner, &key);
    rc = rc < 0 ? rc : pg_borrow(pg->admin, deadline_us, &look->conn);
    if (rc == 0) {
        look->scope = key.a;
        look->owner = key.b;
        rc = settle(look->conn, show_all(look));
    }
    rc = rc < 0 ? rc : look->result;
    mansio_arena_free(arena);
    return rc;
}

/* ---- trying --------------------------------------------------------------------------------- */

static int try_word(struct look *look, const struct pg_key *key, struct mansio_str json,
                    unsigned statement)
{
    struct pg_params params;
    const struct pg_result *result = NULL;
    int rc = pg_begin(look->conn);
    rc = rc < 0 ? rc : pg_ask(look->conn, PG_SQL_POLICY_TRYING, NULL, look->deadline_us, NULL);
    pg_object_params(&params, key, json);
    rc = rc < 0 ? rc : pg_ask(look->conn, statement, &params, look->deadline_us, &result);
    if (rc == 0 && pg_rows(result) == 0) {
        rc = mansio_fail(MANSIO_E_NOT_FOUND, "no policy %.*s", MANSIO_STR_ARG(key->text));
    }
    rc = rc < 0 ? rc : show_all(look);
    pg_rollback(look->conn);
    return rc;
}

int pg_policy_try(struct mansio_instance *instance, struct mansio_str key,
                  const struct mansio_field *fields, size_t count, mansio_standing_fn visit,
                  void *arg, int64_t deadline_us)
{
    struct pg *pg = pg_of(instance);
    struct pg_key parsed;
    struct mansio_str json = MANSIO_STR("{}");
    int rc = check_role(pg);
    if (rc < 0) {
        return rc;
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "policy try", TRY_BYTES_MAX);
    struct look *look = look_new(arena, 0, visit, arg, deadline_us);
    rc = pg_key_parse(arena, MANSIO_OBJECT_POLICY, key, &parsed);
    if (rc == 0 && fields != NULL) {
        rc = pg_fields_json(arena, pg_form_of(MANSIO_OBJECT_POLICY), fields, count, PG_FIELDS_SET,
                            &json);
    }
    rc = rc < 0 ? rc : pg_borrow(pg->admin, deadline_us, &look->conn);
    if (rc == 0) {
        look->scope = parsed.a;
        look->owner = parsed.b;
        rc = try_word(look, &parsed, json,
                      fields != NULL ? PG_SQL_POLICY_SET : PG_SQL_POLICY_REMOVE);
        rc = settle(look->conn, rc);
    }
    rc = rc < 0 ? rc : look->result;
    mansio_arena_free(arena);
    return rc;
}

/* ---- the audit log -------------------------------------------------------------------------- */

/* Where a check has come to. */
struct chain {
    int64_t last; /* the row */
    char hash[HASH_BYTES];
    uint64_t rows, bad;
    int is_done;
};

static void keep_hash(struct chain *chain, struct mansio_str hash)
{
    if (hash.len == HASH_BYTES) {
        memcpy(chain->hash, hash.ptr, HASH_BYTES);
    }
}

static int check_page(struct pg_conn *conn, struct chain *chain, int64_t deadline_us)
{
    struct pg_params params;
    const struct pg_result *result = NULL;
    pg_params_init(&params);
    pg_add_int64(&params, chain->last);
    pg_add_bytes(&params, (struct mansio_str){chain->hash, HASH_BYTES});
    pg_add_int64(&params, AUDIT_ROWS);
    int rc = pg_ask(conn, PG_SQL_AUDIT_CHECK, &params, deadline_us, &result);
    if (rc < 0) {
        return rc;
    }
    int64_t count = pg_get_int64(result, 0, 0);
    chain->rows += (uint64_t)count;
    chain->last = pg_get_int64(result, 0, 1);
    keep_hash(chain, pg_get_str(result, 0, 2));
    chain->bad = (uint64_t)pg_get_int64(result, 0, 3);
    chain->is_done = count < AUDIT_ROWS || chain->bad != 0;
    struct mansio_str head = pg_get_str(result, 0, 5);
    if (chain->is_done && chain->bad == 0 &&
        (pg_get_int64(result, 0, 4) != chain->last ||
         !mansio_str_eq(head, (struct mansio_str){chain->hash, HASH_BYTES}))) {
        chain->bad = (uint64_t)chain->last + 1; /* it isn't there any more */
    }
    return 0;
}

int pg_audit_verify(struct mansio_instance *instance, int64_t deadline_us, uint64_t *out_rows,
                    uint64_t *out_bad)
{
    struct pg *pg = pg_of(instance);
    struct pg_conn *conn = NULL;
    struct chain chain = {.last = 0};
    int rc = check_role(pg);
    rc = rc < 0 ? rc : pg_borrow(pg->admin, deadline_us, &conn);
    if (rc < 0) {
        return rc;
    }
    while (rc == 0 && !chain.is_done) {
        rc = check_page(conn, &chain, deadline_us);
    }
    rc = settle(conn, rc);
    *out_rows = chain.rows;
    *out_bad = chain.bad;
    return rc;
}
