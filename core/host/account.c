/*
 * Accounts: the directory, stores and auth modules of this process, and handles that lead from what
 * a directory says of somebody to the store that holds their mail.
 *
 * Owns the tables, copied once in this core's size. Handles point into them; so they stay, in the
 * process's arena, when the directory is forgotten. Decides nothing about anybody.
 */
#include "core/host/account.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>

#include "core/host/instance.h"

/* An instance that stores mail. */
struct pool {
    struct mansio_instance *instance;
    struct mansio_store store;
    struct mansio_blob blob; /* blob.size 0: it offers none */
};

struct mansio_account {
    struct mansio_account_facts facts;
    struct pool *pool;
};

/* One a process. */
static struct {
    struct core_directory directory;
    struct pool *pools;
    size_t pool_count;
    struct core_auth *auths;
    size_t auth_count;
} current;

/* ---- finding providers ---------------------------------------------------------------------- */

static const struct core_offer *next_offer(const struct core_modules *set,
                                           const struct core_offer *from, const char *interface,
                                           uint32_t version)
{
    return core_offer_find(set, from, mansio_str_from_cstr(interface), version);
}

/* An instance's offer; NULL if it has none. */
static const struct core_offer *offer_of(const struct core_modules *set, const char *interface,
                                         uint32_t version, struct mansio_str instance)
{
    const struct core_offer *o = next_offer(set, NULL, interface, version);
    while (o != NULL && !mansio_str_eq(o->instance->name, instance)) {
        o = next_offer(set, o, interface, version);
    }
    return o;
}

static int fail_absent(const struct core_modules *set, const char *setting, const char *interface,
                       struct mansio_str name)
{
    char offers[CORE_OFFERS_TEXT_MAX];
    return mansio_fail(MANSIO_E_NOT_FOUND, "%s: wanted an instance %.*s that offers %s, found %s",
                       setting, MANSIO_STR_ARG(name), interface,
                       core_offers_describe(set, mansio_str_from_cstr(interface), offers));
}

/* Which offer is the directory; NULL for none. */
static int pick_directory(const struct core_modules *set, struct mansio_str name,
                          const struct core_offer **out)
{
    const struct core_offer *first =
        next_offer(set, NULL, MANSIO_DIRECTORY, MANSIO_DIRECTORY_VERSION);
    *out = first;
    if (name.len > 0) {
        *out = offer_of(set, MANSIO_DIRECTORY, MANSIO_DIRECTORY_VERSION, name);
        return *out != NULL ? 0 : fail_absent(set, "directory", MANSIO_DIRECTORY, name);
    }
    if (first != NULL &&
        next_offer(set, first, MANSIO_DIRECTORY, MANSIO_DIRECTORY_VERSION) != NULL) {
        char offers[CORE_OFFERS_TEXT_MAX];
        return mansio_fail(MANSIO_E_INVALID,
                           "directory: wanted one, found %s: name one in the configuration",
                           core_offers_describe(set, MANSIO_STR(MANSIO_DIRECTORY), offers));
    }
    return 0;
}

/* What the core can't do without is looked at before anything starts. */
static int check_directory(const struct core_offer *offer)
{
    struct mansio_directory table;
    core_offer_copy(offer, &table, sizeof table);
    if (table.route == NULL || table.login == NULL || table.login_defaults == NULL) {
        return mansio_fail(MANSIO_E_INVALID,
                           "%.*s: wanted a directory/1 table with route, login and login_defaults, "
                           "found one without",
                           MANSIO_STR_ARG(offer->instance->name));
    }
    return 0;
}

static int check_auths(const struct core_modules *set)
{
    for (const struct core_offer *o = next_offer(set, NULL, MANSIO_AUTH, MANSIO_AUTH_VERSION);
         o != NULL; o = next_offer(set, o, MANSIO_AUTH, MANSIO_AUTH_VERSION)) {
        struct mansio_auth table;
        core_offer_copy(o, &table, sizeof table);
        if (table.check_password == NULL) {
            return mansio_fail(MANSIO_E_INVALID,
                               "%.*s: wanted an auth/1 table with check_password, found none in it",
                               MANSIO_STR_ARG(o->instance->name));
        }
    }
    return 0;
}

int core_accounts_check(const struct core_modules *modules, const struct core_config *config)
{
    const struct core_offer *directory = NULL;
    int err = pick_directory(modules, config->directory, &directory);
    if (err == 0 && directory != NULL) {
        err = check_directory(directory);
    }
    if (err == 0) {
        err = check_auths(modules);
    }
    for (size_t i = 0; err == 0 && i < config->login.auth_count; i++) {
        struct mansio_str name = config->login.auth[i];
        if (offer_of(modules, MANSIO_AUTH, MANSIO_AUTH_VERSION, name) == NULL) {
            err = fail_absent(modules, "login.auth", MANSIO_AUTH, name);
        }
    }
    return err;
}

static size_t count_offers(const struct core_modules *set, const char *interface, uint32_t version)
{
    size_t count = 0;
    for (const struct core_offer *o = next_offer(set, NULL, interface, version); o != NULL;
         o = next_offer(set, o, interface, version)) {
        count++;
    }
    return count;
}

static int take_pools(struct mansio_arena *arena, const struct core_modules *set)
{
    size_t count = count_offers(set, MANSIO_STORE, MANSIO_STORE_VERSION);
    current.pools = mansio_arena_try_alloc(arena, (count + 1) * sizeof *current.pools);
    if (current.pools == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (const struct core_offer *o = next_offer(set, NULL, MANSIO_STORE, MANSIO_STORE_VERSION);
         o != NULL; o = next_offer(set, o, MANSIO_STORE, MANSIO_STORE_VERSION)) {
        struct pool *pool = &current.pools[current.pool_count++];
        const struct core_offer *blob =
            offer_of(set, MANSIO_BLOB, MANSIO_BLOB_VERSION, o->instance->name);
        pool->instance = o->instance;
        core_offer_copy(o, &pool->store, sizeof pool->store);
        if (blob != NULL) {
            core_offer_copy(blob, &pool->blob, sizeof pool->blob);
        }
    }
    return 0;
}

static void add_auth(const struct core_offer *offer)
{
    struct core_auth *auth = &current.auths[current.auth_count++];
    auth->instance = offer->instance;
    core_offer_copy(offer, &auth->table, sizeof auth->table);
}

static int take_auths(struct mansio_arena *arena, const struct core_modules *set,
                      const struct core_config_login *login)
{
    size_t count = login->auth_count > 0 ? login->auth_count
                                         : count_offers(set, MANSIO_AUTH, MANSIO_AUTH_VERSION);
    current.auths = mansio_arena_try_alloc(arena, (count + 1) * sizeof *current.auths);
    if (current.auths == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < login->auth_count; i++) {
        add_auth(offer_of(set, MANSIO_AUTH, MANSIO_AUTH_VERSION, login->auth[i]));
    }
    if (login->auth_count == 0) {
        for (const struct core_offer *o = next_offer(set, NULL, MANSIO_AUTH, MANSIO_AUTH_VERSION);
             o != NULL; o = next_offer(set, o, MANSIO_AUTH, MANSIO_AUTH_VERSION)) {
            add_auth(o);
        }
    }
    return 0;
}

int core_accounts_init(struct mansio_arena *arena, struct core_modules *modules,
                       const struct core_config *config)
{
    const struct core_offer *directory = NULL;
    core_accounts_fini();
    int err = core_accounts_check(modules, config);
    if (err == 0) {
        err = pick_directory(modules, config->directory, &directory);
    }
    if (err == 0) {
        err = take_pools(arena, modules);
    }
    if (err == 0) {
        err = take_auths(arena, modules, &config->login);
    }
    if (err < 0) {
        core_accounts_fini();
        return err;
    }
    if (directory != NULL) {
        core_offer_copy(directory, &current.directory.table, sizeof current.directory.table);
        current.directory.instance = directory->instance;
    }
    return 0;
}

void core_accounts_fini(void)
{
    memset(&current, 0, sizeof current);
}

const struct core_directory *core_directory_current(void)
{
    return current.directory.table.size != 0 ? &current.directory : NULL;
}

const struct core_auth *core_auths_current(size_t *out_count)
{
    *out_count = current.auth_count;
    return current.auths;
}

/* ---- handles -------------------------------------------------------------------------------- */

/* What the first release's facts hold: a directory built for it says no less. */
static const size_t facts_size_min =
    offsetof(struct mansio_account_facts, message_bytes_max) + sizeof(uint64_t);

static int check_facts(const struct mansio_account_facts *facts)
{
    if (facts->size < facts_size_min || facts->tenant_id == 0 || facts->account_id == 0 ||
        facts->state < MANSIO_STATE_ACTIVE || facts->state > MANSIO_STATE_CLOSED) {
        return mansio_fail(MANSIO_E_BUG,
                           "account %.*s: the directory gave facts that are none (size %zu, "
                           "tenant %llu, account %llu, state %u)",
                           MANSIO_STR_ARG(facts->address), facts->size,
                           (unsigned long long)facts->tenant_id,
                           (unsigned long long)facts->account_id, facts->state);
    }
    return 0;
}

static int find_pool(const struct mansio_account_facts *facts, struct pool **out)
{
    if (facts->pool.len == 0 && current.pool_count == 1) {
        *out = current.pools;
        return 0;
    }
    for (size_t i = 0; i < current.pool_count; i++) {
        if (mansio_str_eq(current.pools[i].instance->name, facts->pool)) {
            *out = &current.pools[i];
            return 0;
        }
    }
    if (facts->pool.len == 0) {
        return mansio_fail(MANSIO_E_UNAVAILABLE,
                           "account %.*s: it names no pool, and there are %zu",
                           MANSIO_STR_ARG(facts->address), current.pool_count);
    }
    return mansio_fail(MANSIO_E_UNAVAILABLE, "account %.*s: there is no pool %.*s here",
                       MANSIO_STR_ARG(facts->address), MANSIO_STR_ARG(facts->pool));
}

int core_account_adopt(struct mansio_arena *arena, const struct mansio_account_facts *facts,
                       struct mansio_account **out)
{
    struct pool *pool = NULL;
    int err = check_facts(facts);
    if (err == 0) {
        err = find_pool(facts, &pool);
    }
    if (err < 0) {
        return err;
    }
    struct mansio_account *account = mansio_arena_try_alloc(arena, sizeof *account);
    if (account == NULL) {
        return MANSIO_E_LIMIT;
    }
    size_t both = facts->size < sizeof account->facts ? facts->size : sizeof account->facts;
    memcpy(&account->facts, facts, both);
    account->facts.size = sizeof account->facts;
    account->pool = pool;
    *out = account;
    return 0;
}

int core_account_new(struct mansio_arena *arena, const struct mansio_account_facts *facts,
                     struct mansio_account **out)
{
    struct mansio_account *account = NULL;
    int err = core_account_adopt(arena, facts, &account);
    if (err < 0) {
        return err;
    }
    struct mansio_str *texts[] = {&account->facts.tenant, &account->facts.plan,
                                  &account->facts.address, &account->facts.pool};
    for (size_t i = 0; i < MANSIO_COUNT(texts); i++) {
        if ((err = mansio_arena_copy(arena, *texts[i], texts[i])) < 0) {
            return err;
        }
    }
    *out = account;
    return 0;
}

/* ---- accessors ------------------------------------------------------------------------------ */

const struct mansio_account_facts *mansio_account_facts(const struct mansio_account *account)
{
    return &account->facts;
}

const struct mansio_store *mansio_account_store(const struct mansio_account *account,
                                                struct mansio_instance **out_pool)
{
    *out_pool = account->pool->instance;
    return &account->pool->store;
}

const struct mansio_blob *mansio_account_blob(const struct mansio_account *account,
                                              struct mansio_instance **out_pool)
{
    if (account->pool->blob.size == 0) {
        return NULL;
    }
    *out_pool = account->pool->instance;
    return &account->pool->blob;
}
