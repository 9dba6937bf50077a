/*
 * What the gate asks of the directory: what changed, standings, and to note which credentials were
 * used. One round trip each; nothing is remembered here.
 */
#include "standing.h"

#include <stdlib.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "directory_cache.h"
#include "sql.h"

enum {
    USES_MAX = 100000, /* in one call */
    USES_AT_ONCE = 500,
    NETWORK_MAX = 64, /* bytes kept of it */
};

/* ---- what changed --------------------------------------------------------------------------- */

static int read_changes(const struct pg_result *result, struct mansio_arena *arena,
                        struct mansio_standing_changes *out)
{
    const int64_t *tenants = NULL;
    const int64_t *accounts = NULL;
    const struct mansio_str *plans = NULL;
    size_t counts[3] = {0};
    int rc = pg_rows(result) == 1
                 ? 0
                 : mansio_fail(MANSIO_E_UNAVAILABLE, "changes: %zu rows", pg_rows(result));
    rc = rc < 0 ? rc : pg_get_int64s(result, 0, 2, arena, &tenants, &counts[0]);
    rc = rc < 0 ? rc : pg_get_int64s(result, 0, 3, arena, &accounts, &counts[1]);
    rc = rc < 0 ? rc : pg_get_strs(result, 0, 4, arena, &plans, &counts[2]);
    if (rc == 0 && (counts[0] != counts[1] || counts[0] != counts[2])) {
        rc = mansio_fail(MANSIO_E_UNAVAILABLE, "changes: of different number");
    }
    if (rc < 0) {
        return rc;
    }
    struct mansio_standing_change *list =
        mansio_arena_try_alloc(arena, (counts[0] + 1) * sizeof *list);
    const struct mansio_standing_change **changes =
        mansio_arena_try_alloc(arena, (counts[0] + 1) * sizeof *changes);
    rc = list == NULL || changes == NULL ? MANSIO_E_LIMIT : 0;
    for (size_t i = 0; rc == 0 && i < counts[0]; i++) {
        list[i] = (struct mansio_standing_change){.size = sizeof list[i],
                                                  .tenant_id = (uint64_t)tenants[i],
                                                  .account_id = (uint64_t)accounts[i]};
        rc = mansio_arena_copy(arena, plans[i], &list[i].plan);
        changes[i] = &list[i];
    }
    out->epoch = (uint64_t)pg_get_int64(result, 0, 0);
    out->is_all = (uint32_t)pg_get_bool(result, 0, 1);
    out->changes = changes;
    out->change_count = counts[0];
    return rc;
}

int pg_standing_changes(struct mansio_instance *instance, uint64_t since,
                        struct mansio_arena *arena, int64_t deadline_us,
                        struct mansio_standing_changes *out)
{
    struct pg *pg = pg_of(instance);
    struct mansio_standing_changes changes = {.size = sizeof changes};
    struct pg_pool *pool = pg->cache != NULL ? pg_cache_pool(pg->cache) : pg->serving;
    struct pg_conn *conn = NULL;
    const struct pg_result *result = NULL;
    struct pg_params params;
    int64_t asked_us = mansio_now_us();
    pg_params_init(&params);
    pg_add_int64(&params, since > INT64_MAX ? 0 : (int64_t)since);
    int rc = pg_borrow_ask(pool, 0, PG_SQL_STANDING_CHANGES, &params, deadline_us, &conn, &result);
    if (rc < 0) {
        return rc;
    }
    rc = read_changes(result, arena, &changes);
    pg_give_back(conn);
    if (rc == 0) {
        if (pg->cache != NULL) {
            pg_cache_told(pg->cache, (int64_t)changes.epoch, asked_us);
        }
        pg_give(out, out->size, &changes, sizeof changes);
    }
    return rc;
}

/* ---- standings ------------------------------------------------------------------------------ */

/* Not for domains: strangers ask for them, of as many names as they can think of. */
static struct pg_pool *standings_pool(const struct pg *pg)
{
    return pg->cache != NULL ? pg_cache_standings_pool(pg->cache) : pg->serving;
}

static int ask_standings(struct pg *pg, const struct mansio_account_key *keys, size_t count,
                         struct mansio_arena *scratch, int64_t deadline_us,
                         struct pg_conn **out_conn, const struct pg_result **out)
{
    struct pg_params params;
    int64_t *tenants = mansio_arena_try_alloc(scratch, (count + 1) * sizeof *tenants);
    int64_t *accounts = mansio_arena_try_alloc(scratch, (count + 1) * sizeof *accounts);
    if (tenants == NULL || accounts == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        tenants[i] = (int64_t)keys[i].tenant_id;
        accounts[i] = (int64_t)keys[i].account_id;
    }
    pg_params_init(&params);
    pg_add_int64s(&params, scratch, tenants, count);
    pg_add_int64s(&params, scratch, accounts, count);
    return pg_borrow_ask(standings_pool(pg), 0, PG_SQL_STANDINGS, &params, deadline_us, out_conn,
                         out);
}

int pg_standings(struct mansio_instance *instance, const struct mansio_account_key *keys,
                 size_t count, struct mansio_arena *arena, int64_t deadline_us,
                 const struct mansio_standing *const **out)
{
    struct pg_conn *conn = NULL;
    const struct pg_result *result = NULL;
    if (count > PG_STANDINGS_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "standings of more than %d accounts at once",
                           PG_STANDINGS_MAX);
    }
    const struct mansio_standing **standings =
        mansio_arena_try_alloc(arena, (count + 1) * sizeof *standings);
    if (standings == NULL) {
        return MANSIO_E_LIMIT;
    }
    *out = standings;
    if (count == 0) {
        return 0;
    }
    struct mansio_arena *scratch = mansio_arena_new(NULL, "standings", 0);
    int rc = ask_standings(pg_of(instance), keys, count, scratch, deadline_us, &conn, &result);
    if (rc == 0) {
        rc = pg_standings_read(result, arena, standings, count);
        pg_give_back(conn);
    }
    mansio_arena_free(scratch);
    return rc;
}

int pg_domain_standing(struct mansio_instance *instance, struct mansio_str domain,
                       struct mansio_arena *arena, int64_t deadline_us, struct mansio_standing *out)
{
    struct pg *pg = pg_of(instance);
    struct pg_conn *conn = NULL;
    const struct pg_result *result = NULL;
    const struct mansio_standing *standing = NULL;
    struct pg_params params;
    pg_params_init(&params);
    pg_add_text(&params, domain);
    int rc =
        pg_borrow_ask(pg->serving, 0, PG_SQL_DOMAIN_STANDING, &params, deadline_us, &conn, &result);
    if (rc < 0) {
        return rc;
    }
    rc = pg_standings_read(result, arena, &standing, 0);
    pg_give_back(conn);
    if (rc == 0) {
        pg_give(out, out->size, standing, sizeof *standing);
    }
    return rc;
}

/* ---- credentials ---------------------------------------------------------------------------- */

/* By tenant, account, credential: the order in which rows are locked. */
static int compare_uses(const void *a, const void *b)
{
    const struct mansio_credential_use *x = *(const struct mansio_credential_use *const *)a;
    const struct mansio_credential_use *y = *(const struct mansio_credential_use *const *)b;
    const uint64_t keys[2][3] = {
        {x->account.tenant_id, x->account.account_id, x->credential_id},
        {y->account.tenant_id, y->account.account_id, y->credential_id},
    };
    for (size_t i = 0; i < 3; i++) {
        if (keys[0][i] != keys[1][i]) {
            return keys[0][i] < keys[1][i] ? -1 : 1;
        }
    }
    return 0;
}

/* Uses of one tenant. */
static int send_uses(struct pg_conn *conn, struct mansio_arena *arena,
                     const struct mansio_credential_use *const *uses, size_t count)
{
    int64_t *numbers = mansio_arena_try_alloc(arena, 3 * count * sizeof *numbers);
    struct mansio_str *texts = mansio_arena_try_alloc(arena, 2 * count * sizeof *texts);
    struct pg_params params;
    if (numbers == NULL || texts == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (int64_t)uses[i]->account.account_id;
        numbers[count + i] = (int64_t)uses[i]->credential_id;
        numbers[2 * count + i] = uses[i]->at_us;
        texts[i] = uses[i]->service;
        texts[count + i] = mansio_str_sub(uses[i]->network, 0, NETWORK_MAX);
    }
    pg_params_init(&params);
    pg_add_int64s(&params, arena, numbers, count);
    pg_add_int64s(&params, arena, numbers + count, count);
    pg_add_int64s(&params, arena, numbers + 2 * count, count);
    pg_add_texts(&params, arena, texts, count);
    pg_add_texts(&params, arena, texts + count, count);
    int rc = pg_tenant(conn, uses[0]->account.tenant_id);
    return rc < 0 ? rc : pg_send(conn, PG_SQL_CREDENTIALS_USED, &params);
}

/* A few, sorted: one transaction, a statement for each tenant. */
static int note_uses(struct pg *pg, struct mansio_arena *arena,
                     const struct mansio_credential_use *const *uses, size_t count,
                     int64_t deadline_us)
{
    struct pg_conn *conn = NULL;
    int rc = pg_borrow(pg->serving, deadline_us, &conn);
    if (rc < 0) {
        return rc;
    }
    for (size_t from = 0, to = 0; rc == 0 && from < count; from = to) {
        while (to < count && uses[to]->account.tenant_id == uses[from]->account.tenant_id) {
            to++;
        }
        rc = send_uses(conn, arena, uses + from, to - from);
    }
    rc = rc < 0 ? rc : pg_sync(conn, PG_SYNC_COMMIT);
    rc = rc < 0 ? rc : pg_finish(conn, deadline_us);
    pg_give_back(conn);
    return rc;
}

int pg_credentials_used(struct mansio_instance *instance, const struct mansio_credential_use *uses,
                        size_t count, int64_t deadline_us)
{
    if (count > USES_MAX) {
        return mansio_fail(MANSIO_E_INVALID, "more than %d uses at once", USES_MAX);
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "credential uses", 0);
    const struct mansio_credential_use **sorted =
        mansio_arena_try_alloc(arena, (count + 1) * sizeof *sorted);
    int rc = sorted == NULL ? MANSIO_E_LIMIT : 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        sorted[i] = (const void *)((const char *)uses + i * uses->size);
    }
    if (rc == 0) {
        qsort(sorted, count, sizeof *sorted, compare_uses);
    }
    for (size_t from = 0; rc == 0 && from < count; from += USES_AT_ONCE) {
        size_t some = count - from < USES_AT_ONCE ? count - from : USES_AT_ONCE;
        rc = note_uses(pg_of(instance), arena, sorted + from, some, deadline_us);
    }
    mansio_arena_free(arena);
    return rc;
}
