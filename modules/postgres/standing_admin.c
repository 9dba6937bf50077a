/*
 * Standings for administration: of all accounts of a scope, as they are or as they would be; and
 * the check of the audit log.
 *
 * What is tried is done, one account looked at, and all of it undone at once, in a transaction that
 * says so: its triggers neither raise the epoch nor wait for whoever does. So the word's row is
 * locked for two answers, and who changes it in earnest doesn't wait while the accounts of a large
 * scope are listed: they are read as they are, with the one word put in its place in each.
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
    AUDIT_ROWS = 5000, /* checked by one statement */
    HASH_BYTES = 32,
};

#define HOLD_US (5 * MANSIO_SECOND) /* a tried word's row is locked no longer */

static const char *const scope_names[] = {
    [MANSIO_POLICY_PLATFORM] = "platform", [MANSIO_POLICY_PLAN] = "plan",
    [MANSIO_POLICY_TENANT] = "tenant",     [MANSIO_POLICY_DOMAIN] = "domain",
    [MANSIO_POLICY_ACCOUNT] = "account",
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

/* What is tried: one word of a scope. NULL: it is taken away. */
struct trial {
    uint32_t scope;
    struct mansio_str service;
    const struct mansio_policy_word *word;
};

struct look {
    struct pg_conn *conn;
    struct mansio_str scope, owner;
    int64_t at_us;
    const struct trial *trial; /* NULL: as it is */
    mansio_standing_fn visit;
    void *arg;
    int result; /* what visit() said, if it wasn't 0 */
    int64_t deadline_us;
    int64_t tenants[PG_STANDINGS_MAX], accounts[PG_STANDINGS_MAX];
};

/* Whom the next page is about. Gives how many; @p after moves on, in @p marks. */
static int read_accounts(struct look *look, struct mansio_arena *marks, size_t max,
                         struct mansio_str *after, size_t *out_count)
{
    struct pg_params params;
    const struct pg_result *result = NULL;
    pg_params_init(&params);
    pg_add_text(&params, look->scope);
    pg_add_text(&params, look->owner);
    pg_add_text(&params, *after);
    pg_add_int64(&params, (int64_t)max);
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

/* Standings of the page's first @p count accounts. */
static int read_page(struct look *look, struct mansio_arena *arena, size_t count,
                     int64_t deadline_us, const struct mansio_standing ***out)
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
    rc = rc < 0 ? rc : pg_ask(look->conn, PG_SQL_STANDINGS_READ, &params, deadline_us, &result);
    rc = rc < 0 ? rc : pg_standings_read(result, arena, standings, count);
    *out = standings;
    return rc;
}

static int is_tried(const struct trial *trial, const struct mansio_policy_word *word)
{
    return word->scope == trial->scope && mansio_str_eq(word->service, trial->service);
}

/* Words come scope by scope, in each by service. */
static int stands_behind(const struct trial *trial, const struct mansio_policy_word *word)
{
    return word->scope > trial->scope ||
           (word->scope == trial->scope && mansio_str_cmp(word->service, trial->service) > 0);
}

/* A standing as it would be: its words but one as they are. */
static int with_trial(const struct trial *trial, struct mansio_arena *arena,
                      const struct mansio_standing *from, const struct mansio_standing **out)
{
    struct mansio_standing *made = mansio_arena_try_alloc(arena, sizeof *made);
    const struct mansio_policy_word **words =
        mansio_arena_try_alloc(arena, (from->word_count + 1) * sizeof *words);
    const struct mansio_policy_word *left = trial->word; /* to be put in */
    size_t count = 0;
    if (made == NULL || words == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < from->word_count; i++) {
        if (left != NULL && stands_behind(trial, from->words[i])) {
            words[count++] = left;
            left = NULL;
        }
        if (!is_tried(trial, from->words[i])) {
            words[count++] = from->words[i];
        }
    }
    if (left != NULL) {
        words[count++] = left;
    }
    *made = *from;
    made->words = words;
    made->word_count = count;
    *out = made;
    return 0;
}

static int show_page(struct look *look, struct mansio_arena *arena, size_t count)
{
    const struct mansio_standing **standings = NULL;
    int rc = read_page(look, arena, count, look->deadline_us, &standings);
    for (size_t i = 0; rc == 0 && look->result == 0 && i < count; i++) {
        const struct mansio_standing *standing = standings[i];
        if (standing->account == NULL) { /* it went meanwhile */
            continue;
        }
        if (look->trial != NULL) {
            rc = with_trial(look->trial, arena, standing, &standing);
        }
        if (rc == 0) {
            look->result = look->visit(look->arg, standing);
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
        rc = read_accounts(look, marks, PG_STANDINGS_MAX, &after, &count);
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
    struct mansio_str key = MANSIO_STR("platform/any");
    int rc = 0;
    if (scope < MANSIO_POLICY_PLATFORM || scope > MANSIO_POLICY_ACCOUNT) {
        return mansio_fail(MANSIO_E_INVALID, "no scope %u", scope);
    }
    if (scope != MANSIO_POLICY_PLATFORM) {
        rc = mansio_arena_printf(arena, &key, "%s:%.*s/any", scope_names[scope],
                                 MANSIO_STR_ARG(owner));
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

/* Of the one account that was looked at; NULL if nobody has such a word. */
static const struct mansio_policy_word *find_tried(const struct trial *trial,
                                                   const struct mansio_standing *standing)
{
    for (size_t i = 0; i < standing->word_count; i++) {
        if (is_tried(trial, standing->words[i])) {
            return standing->words[i];
        }
    }
    return NULL;
}

/* Make the change, read what becomes of the word (in @p arena) by the page's first account, undo
 * it.
 * @p has_account 0: the scope has none. */
static int try_word(struct look *look, struct mansio_arena *arena, const struct pg_key *key,
                    struct mansio_str json, unsigned statement, int has_account,
                    struct trial *trial)
{
    struct pg_params params;
    const struct pg_result *result = NULL;
    const struct mansio_standing **standings = NULL;
    int64_t latest_us = mansio_deadline_in(HOLD_US);
    latest_us = latest_us < look->deadline_us ? latest_us : look->deadline_us;
    int rc = pg_begin(look->conn);
    rc = rc < 0 ? rc : pg_ask(look->conn, PG_SQL_POLICY_TRYING, NULL, latest_us, NULL);
    pg_object_params(&params, key, json);
    rc = rc < 0 ? rc : pg_ask(look->conn, statement, &params, latest_us, &result);
    if (rc == 0 && pg_rows(result) == 0) {
        rc = mansio_fail(MANSIO_E_NOT_FOUND, "no policy %.*s", MANSIO_STR_ARG(key->text));
    }
    if (rc == 0 && has_account) {
        rc = read_page(look, arena, 1, latest_us, &standings);
    }
    pg_rollback(look->conn);
    rc = rc < 0 ? rc : pg_finish(look->conn, latest_us);
    if (rc == 0 && has_account && statement == PG_SQL_POLICY_SET) {
        trial->word = find_tried(trial, standings[0]);
        if (trial->word == NULL) {
            rc = mansio_fail(MANSIO_E_BUSY, "%.*s: an account went meanwhile; try it again",
                             MANSIO_STR_ARG(key->text));
        }
    }
    return rc;
}

static int try_and_show(struct look *look, struct mansio_arena *arena, const struct pg_key *key,
                        struct mansio_str json, unsigned statement)
{
    struct trial trial = {.service = key->c};
    struct mansio_str after = MANSIO_STR("");
    size_t count = 0;
    for (uint32_t i = MANSIO_POLICY_PLATFORM; i < MANSIO_COUNT(scope_names); i++) {
        if (mansio_str_eq(key->a, mansio_str_from_cstr(scope_names[i]))) {
            trial.scope = i;
        }
    }
    struct mansio_arena *marks = mansio_arena_new(NULL, "standings", 0);
    int rc = read_accounts(look, marks, 1, &after, &count);
    mansio_arena_free(marks);
    rc = rc < 0 ? rc : try_word(look, arena, key, json, statement, count > 0, &trial);
    if (rc >= 0 && count > 0) {
        look->trial = &trial;
        rc = show_all(look);
        look->trial = NULL; /* ours, and the look is our caller's */
    }
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
    struct mansio_arena *arena = mansio_arena_new(NULL, "policy try", PAGE_BYTES_MAX);
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
        rc = try_and_show(look, arena, &parsed, json,
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
