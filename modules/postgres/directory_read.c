/*
 * Routes and logins: asked of the database by one door function each, or remembered.
 *
 * An answer is read into an arena of its own, then copied into the caller's: the cache may drop it
 * whenever somebody yields.
 */
#include "directory.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

#include "directory_cache.h"
#include "object_key.h"
#include "sql.h"

enum {
    ANSWER_BYTES_MAX = 1024 * 1024,
    FACTS_COLUMNS = 11,
    KEY_MAX = 1024, /* a local part has 256 bytes, a domain 255 */
};

/* What route_address() says first. */
enum outcome {
    OUTCOME_FOUND = 0,
    OUTCOME_NO_ADDRESS = 1,
    OUTCOME_NOT_OURS = 2,
    OUTCOME_REFUSED = 3,
};

/* ---- copying -------------------------------------------------------------------------------- */

static int copy_facts(struct mansio_arena *arena, const struct mansio_account_facts *from,
                      const struct mansio_account_facts **out)
{
    struct mansio_account_facts *facts = mansio_arena_try_alloc(arena, sizeof *facts);
    if (facts == NULL) {
        return MANSIO_E_LIMIT;
    }
    *facts = *from;
    int rc = mansio_arena_copy(arena, from->tenant, &facts->tenant);
    rc = rc < 0 ? rc : mansio_arena_copy(arena, from->plan, &facts->plan);
    rc = rc < 0 ? rc : mansio_arena_copy(arena, from->address, &facts->address);
    rc = rc < 0 ? rc : mansio_arena_copy(arena, from->pool, &facts->pool);
    *out = facts;
    return rc;
}

void pg_give(void *out, size_t out_size, const void *filled, size_t size)
{
    /* The size member stays the caller's. */
    size_t known = out_size < size ? out_size : size;
    memcpy((char *)out + sizeof(size_t), (const char *)filled + sizeof(size_t),
           known - sizeof(size_t));
}

static int copy_route(struct mansio_arena *arena, const struct mansio_route *from,
                      struct mansio_route *out)
{
    struct mansio_route route = *from;
    const struct mansio_account_facts **accounts =
        mansio_arena_try_alloc(arena, (from->account_count + 1) * sizeof *accounts);
    int rc = accounts == NULL ? MANSIO_E_LIMIT : 0;
    for (size_t i = 0; rc == 0 && i < from->account_count; i++) {
        rc = copy_facts(arena, from->accounts[i], &accounts[i]);
    }
    rc = rc < 0 ? rc : mansio_arena_copy(arena, from->address, &route.address);
    rc = rc < 0 ? rc : mansio_arena_copy(arena, from->detail, &route.detail);
    if (rc == 0) {
        route.accounts = accounts;
        pg_give(out, out->size, &route, sizeof route);
    }
    return rc;
}

static int copy_credential(struct mansio_arena *arena, const struct mansio_credential *from,
                           const struct mansio_credential **out)
{
    struct mansio_credential *credential = mansio_arena_try_alloc(arena, sizeof *credential);
    if (credential == NULL) {
        return MANSIO_E_LIMIT;
    }
    *credential = *from;
    *out = credential;
    return mansio_arena_copy(arena, from->stored, &credential->stored);
}

static int copy_login(struct mansio_arena *arena, const struct mansio_login *from,
                      struct mansio_login *out)
{
    struct mansio_login login = *from;
    const struct mansio_credential **credentials =
        mansio_arena_try_alloc(arena, (from->credential_count + 1) * sizeof *credentials);
    int rc = credentials == NULL ? MANSIO_E_LIMIT : 0;
    for (size_t i = 0; rc == 0 && i < from->credential_count; i++) {
        rc = copy_credential(arena, from->credentials[i], &credentials[i]);
    }
    if (rc == 0 && from->account != NULL) {
        rc = copy_facts(arena, from->account, &login.account);
    }
    rc = rc < 0 ? rc : mansio_arena_copy(arena, from->scheme, &login.scheme);
    rc = rc < 0 ? rc : mansio_arena_copy(arena, from->decoy, &login.decoy);
    if (rc == 0) {
        login.credentials = credentials;
        pg_give(out, out->size, &login, sizeof login);
    }
    return rc;
}

/* ---- reading results ------------------------------------------------------------------------ */

/* account_facts from column @p at on. */
int pg_read_facts(const struct pg_result *result, size_t row, size_t at, struct mansio_arena *arena,
                  const struct mansio_account_facts **out)
{
    const struct mansio_account_facts facts = {
        .size = sizeof facts,
        .tenant_id = (uint64_t)pg_get_int64(result, row, at),
        .account_id = (uint64_t)pg_get_int64(result, row, at + 1),
        .tenant = pg_get_str(result, row, at + 2),
        .plan = pg_get_str(result, row, at + 3),
        .address = pg_get_str(result, row, at + 4),
        .pool = pg_get_str(result, row, at + 5),
        .state = (uint32_t)pg_get_int32(result, row, at + 6),
        .quota_reply = (uint32_t)pg_get_int32(result, row, at + 7),
        .quota_bytes = (uint64_t)pg_get_int64(result, row, at + 8),
        .quota_messages = (uint64_t)pg_get_int64(result, row, at + 9),
        .message_bytes_max = (uint64_t)pg_get_int64(result, row, at + 10),
    };
    return copy_facts(arena, &facts, out);
}

static int read_route(const struct pg_result *result, struct mansio_arena *arena,
                      struct mansio_str local, struct mansio_str domain, struct mansio_route *out)
{
    size_t rows = pg_rows(result);
    switch (rows > 0 ? pg_get_int32(result, 0, 0) : OUTCOME_NO_ADDRESS) {
    case OUTCOME_FOUND:
        break;
    case OUTCOME_NOT_OURS:
        return mansio_fail(MANSIO_E_UNSUPPORTED, "%.*s: not a domain of ours",
                           MANSIO_STR_ARG(domain));
    case OUTCOME_REFUSED:
        return mansio_fail(MANSIO_E_BUSY, "%.*s@%.*s: mail is refused for now",
                           MANSIO_STR_ARG(local), MANSIO_STR_ARG(domain));
    default:
        return mansio_fail(MANSIO_E_NOT_FOUND, "%.*s@%.*s: no such address", MANSIO_STR_ARG(local),
                           MANSIO_STR_ARG(domain));
    }
    const struct mansio_account_facts **accounts =
        mansio_arena_try_alloc(arena, rows * sizeof *accounts);
    int rc = accounts == NULL ? MANSIO_E_LIMIT : 0;
    for (size_t i = 0; rc == 0 && i < rows; i++) {
        rc = pg_read_facts(result, i, 3, arena, &accounts[i]);
    }
    rc = rc < 0 ? rc : mansio_arena_copy(arena, pg_get_str(result, 0, 1), &out->address);
    rc = rc < 0 ? rc : mansio_arena_copy(arena, pg_get_str(result, 0, 2), &out->detail);
    out->accounts = accounts;
    out->account_count = rows;
    return rc;
}

static int read_credentials(const struct pg_result *result, struct mansio_arena *arena,
                            struct mansio_login *out)
{
    const int64_t *ids = NULL;
    const int64_t *versions = NULL;
    const int32_t *kinds = NULL;
    const struct mansio_str *stored = NULL;
    size_t counts[4] = {0};
    int rc = pg_get_int64s(result, 0, FACTS_COLUMNS, arena, &ids, &counts[0]);
    rc = rc < 0 ? rc : pg_get_int32s(result, 0, FACTS_COLUMNS + 1, arena, &kinds, &counts[1]);
    rc = rc < 0 ? rc : pg_get_strs(result, 0, FACTS_COLUMNS + 2, arena, &stored, &counts[2]);
    rc = rc < 0 ? rc : pg_get_int64s(result, 0, FACTS_COLUMNS + 8, arena, &versions, &counts[3]);
    if (rc < 0) {
        return rc;
    }
    if (counts[0] != counts[1] || counts[0] != counts[2] || counts[0] != counts[3]) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "login: credentials of different number");
    }
    const struct mansio_credential **credentials =
        mansio_arena_try_alloc(arena, (counts[0] + 1) * sizeof *credentials);
    rc = credentials == NULL ? MANSIO_E_LIMIT : 0;
    for (size_t i = 0; rc == 0 && i < counts[0]; i++) {
        const struct mansio_credential credential = {
            .size = sizeof credential,
            .id = (uint64_t)ids[i],
            .kind = (uint32_t)kinds[i],
            .stored = stored[i],
            .version = (uint64_t)versions[i],
        };
        rc = copy_credential(arena, &credential, &credentials[i]);
    }
    out->credentials = credentials;
    out->credential_count = counts[0];
    return rc;
}

/* What the account may do at once and in an hour. */
static int read_limits(const struct pg_result *result, struct mansio_arena *arena,
                       struct mansio_login *out)
{
    const int64_t *limits = NULL;
    size_t count = 0;
    struct mansio_account_facts *facts = mansio_arena_try_alloc(arena, sizeof *facts);
    int rc = facts == NULL ? MANSIO_E_LIMIT
                           : pg_get_int64s(result, 0, FACTS_COLUMNS + 9, arena, &limits, &count);
    if (rc < 0) {
        return rc;
    }
    if (count != 3) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "login: %zu limits, not 3", count);
    }
    *facts = *out->account;
    facts->sessions_max = (uint64_t)limits[0];
    facts->messages_hour = (uint64_t)limits[1];
    facts->recipients_hour = (uint64_t)limits[2];
    out->account = facts;
    return 0;
}

static int read_login(const struct pg_result *result, struct mansio_arena *arena,
                      struct mansio_login *out, int *out_is_ours)
{
    enum { AT = FACTS_COLUMNS + 3 };
    if (pg_rows(result) != 1) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "login: %zu rows", pg_rows(result));
    }
    int rc = 0;
    if (!pg_is_null(result, 0, 0)) {
        rc = pg_read_facts(result, 0, 0, arena, &out->account);
        rc = rc < 0 ? rc : read_limits(result, arena, out);
        rc = rc < 0 ? rc : read_credentials(result, arena, out);
    }
    rc = rc < 0 ? rc : mansio_arena_copy(arena, pg_get_str(result, 0, AT), &out->scheme);
    rc = rc < 0 ? rc : mansio_arena_copy(arena, pg_get_str(result, 0, AT + 1), &out->decoy);
    out->is_scram_ready = (uint32_t)pg_get_bool(result, 0, AT + 2);
    out->is_upgrading = (uint32_t)pg_get_bool(result, 0, AT + 3);
    *out_is_ours = pg_get_bool(result, 0, AT + 4);
    out->is_ours = (uint32_t)*out_is_ours;
    out->tenant_id = (uint64_t)pg_get_int64(result, 0, AT + 7);
    return rc;
}

/* ---- asking --------------------------------------------------------------------------------- */

/* "r user@domain": one letter for the kind of question. */
static struct mansio_str make_key(char out[KEY_MAX], char letter, struct mansio_str local,
                                  struct mansio_str domain)
{
    size_t len = 2 + local.len + domain.len;
    if (len > KEY_MAX) {
        return MANSIO_STR_NONE;
    }
    out[0] = letter;
    memcpy(out + 1, local.ptr != NULL ? local.ptr : "", local.len);
    out[1 + local.len] = '@';
    memcpy(out + 2 + local.len, domain.ptr != NULL ? domain.ptr : "", domain.len);
    return (struct mansio_str){out, len};
}

static const struct pg_answer *remembered(struct pg *pg, struct mansio_str key)
{
    struct pg_cache *cache = pg->cache;
    const struct pg_answer *found = cache != NULL ? pg_cache_get(cache, key) : NULL;
    mansio_metric_add(pg->instance, found != NULL ? PG_METRIC_CACHE_HITS : PG_METRIC_CACHE_MISSES,
                      1);
    return found;
}

static struct pg_answer *answer_new(void)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "directory answer", ANSWER_BYTES_MAX);
    struct pg_answer *answer = mansio_arena_alloc(arena, sizeof *answer);
    answer->arena = arena;
    answer->route.size = sizeof answer->route;
    answer->login.size = sizeof answer->login;
    return answer;
}

/* Into the cache, or away. */
static void settle(struct pg *pg, struct mansio_str key, uint64_t generation, int is_worth,
                   struct pg_answer *answer)
{
    if (!is_worth || pg->cache == NULL || !pg_cache_put(pg->cache, key, generation, answer)) {
        mansio_arena_free(answer->arena);
    }
}

static int check_names(struct mansio_str key)
{
    return key.len > 0 ? 0
                       : mansio_fail(MANSIO_E_LIMIT, "an address of more than %d bytes", KEY_MAX);
}

int pg_route(struct mansio_instance *instance, struct mansio_str local, struct mansio_str domain,
             struct mansio_arena *arena, int64_t deadline_us, struct mansio_route *out)
{
    struct pg *pg = pg_of(instance);
    char bytes[KEY_MAX];
    struct mansio_str key = make_key(bytes, 'r', local, domain);
    struct pg_conn *conn = NULL;
    const struct pg_result *result = NULL;
    struct pg_params params;
    int rc = check_names(key);
    if (rc < 0) {
        return rc;
    }
    const struct pg_answer *known = remembered(pg, key);
    if (known != NULL) {
        return copy_route(arena, &known->route, out);
    }
    uint64_t generation = pg->cache != NULL ? pg_cache_generation(pg->cache) : 0;
    pg_params_init(&params);
    pg_add_text(&params, local);
    pg_add_text(&params, domain);
    rc = pg_borrow_ask(pg->serving, 0, PG_SQL_ROUTE, &params, deadline_us, &conn, &result);
    if (rc < 0) {
        return rc;
    }
    struct pg_answer *answer = answer_new();
    rc = read_route(result, answer->arena, local, domain, &answer->route);
    pg_give_back(conn);
    if (rc == 0) {
        rc = copy_route(arena, &answer->route, out);
    }
    settle(pg, key, generation, rc == 0, answer);
    return rc;
}

/* local.ptr NULL: of nobody. */
static int find_login(struct pg *pg, struct mansio_str local, struct mansio_str domain, int is_anew,
                      struct mansio_arena *arena, int64_t deadline_us, struct mansio_login *out)
{
    char bytes[KEY_MAX];
    int is_nobody = local.ptr == NULL;
    struct mansio_str key = make_key(bytes, is_nobody ? 'd' : 'l', local, domain);
    struct pg_conn *conn = NULL;
    const struct pg_result *result = NULL;
    struct pg_params params;
    int is_ours = 0;
    int rc = check_names(key);
    if (rc < 0) {
        return rc;
    }
    const struct pg_answer *known = is_anew ? NULL : remembered(pg, key);
    if (known != NULL) {
        rc = copy_login(arena, &known->login, out);
        out->is_remembered = 1;
        return rc;
    }
    uint64_t generation = pg->cache != NULL ? pg_cache_generation(pg->cache) : 0;
    pg_params_init(&params);
    if (is_nobody) {
        pg_add_null(&params);
    } else {
        pg_add_text(&params, local);
    }
    pg_add_text(&params, domain);
    rc = pg_borrow_ask(pg->serving, 0, PG_SQL_LOGIN, &params, deadline_us, &conn, &result);
    if (rc < 0) {
        return rc;
    }
    struct pg_answer *answer = answer_new();
    rc = read_login(result, answer->arena, &answer->login, &is_ours);
    pg_give_back(conn);
    if (rc == 0) {
        rc = copy_login(arena, &answer->login, out);
    }
    int is_worth = answer->login.account != NULL || (is_nobody && (is_ours || domain.len == 0));
    settle(pg, key, generation, rc == 0 && is_worth, answer);
    return rc;
}

int pg_login(struct mansio_instance *instance, struct mansio_str local, struct mansio_str domain,
             struct mansio_arena *arena, int64_t deadline_us, struct mansio_login *out)
{
    struct mansio_str name = {local.ptr != NULL ? local.ptr : "", local.len};
    return find_login(pg_of(instance), name, domain, 0, arena, deadline_us, out);
}

int pg_login_anew(struct mansio_instance *instance, struct mansio_str local,
                  struct mansio_str domain, struct mansio_arena *arena, int64_t deadline_us,
                  struct mansio_login *out)
{
    struct mansio_str name = {local.ptr != NULL ? local.ptr : "", local.len};
    return find_login(pg_of(instance), name, domain, 1, arena, deadline_us, out);
}

int pg_login_defaults(struct mansio_instance *instance, struct mansio_str domain,
                      struct mansio_arena *arena, int64_t deadline_us, struct mansio_login *out)
{
    return find_login(pg_of(instance), MANSIO_STR_NONE, domain, 0, arena, deadline_us, out);
}

/* ---- upgrading ------------------------------------------------------------------------------ */

static int send_upgrade(struct pg_conn *conn, const struct mansio_account_facts *account,
                        uint64_t credential_id, struct mansio_str was, struct mansio_str stored)
{
    struct pg_params params;
    pg_params_init(&params);
    pg_add_int64(&params, (int64_t)account->account_id);
    pg_add_int64(&params, (int64_t)credential_id);
    pg_add_text(&params, was);
    pg_add_text(&params, stored);
    pg_add_text(&params, pg_stored_scheme(stored));
    pg_add_bool(&params, pg_stored_has_scram(stored));
    int rc = pg_tenant(conn, account->tenant_id);
    rc = rc < 0 ? rc : pg_send(conn, PG_SQL_CREDENTIAL_UPGRADE, &params);
    return rc < 0 ? rc : pg_sync(conn, PG_SYNC_COMMIT);
}

int pg_credential_upgrade(struct mansio_instance *instance,
                          const struct mansio_account_facts *account, uint64_t credential_id,
                          struct mansio_str was, struct mansio_str stored, int64_t deadline_us)
{
    struct pg *pg = pg_of(instance);
    struct pg_conn *conn = NULL;
    const struct pg_result *result = NULL;
    int is_done = 0;
    int rc = pg_borrow(pg->serving, deadline_us, &conn);
    if (rc < 0) {
        return rc;
    }
    rc = send_upgrade(conn, account, credential_id, was, stored);
    rc = rc < 0 ? rc : pg_receive(conn, deadline_us, &result);
    if (rc == 0) {
        is_done = pg_rows(result) == 1 && pg_get_bool(result, 0, 0);
        rc = pg_finish(conn, deadline_us);
    }
    pg_give_back(conn);
    if (rc == 0 && !is_done) {
        return mansio_fail(MANSIO_E_NOT_FOUND, "the credential is another by now");
    }
    if (rc == 0 && pg->cache != NULL) {
        /* Others go on with the old form, which the same password matches, up to the next epoch. */
        char bytes[KEY_MAX];
        ptrdiff_t at = mansio_str_find_char(account->address, '@');
        struct mansio_str local = mansio_str_sub(account->address, 0, at < 0 ? 0 : (size_t)at);
        struct mansio_str domain = mansio_str_sub(account->address, local.len + 1, SIZE_MAX);
        pg_cache_forget(pg->cache, make_key(bytes, 'l', local, domain));
    }
    return rc;
}
