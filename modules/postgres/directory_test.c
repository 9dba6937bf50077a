/*
 * The directory on a private cluster: objects, their limits and refusals, routes, logins, audit.
 */
#include "directory.h"

#include "core/host/testing.h"

#include "schema.h"
#include "sql.h"
#include "testing.h"

#define DEADLINE mansio_deadline_in(30 * MANSIO_SECOND)

static struct pg *pg;
static struct mansio_arena *arena;
static const struct mansio_actor actor = {
    .size = sizeof actor, .name = {"tester", 6}, .reason = {"to see", 6}};

static struct mansio_str S(const char *text) {
    return mansio_str_from_cstr(text);
}

/* "name=value name=value" to fields; '_' in a value is a space. */
static size_t
fields_of(const char *text, struct mansio_field *out)
{
    size_t count = 0;
    struct mansio_str rest = S(text);
    struct mansio_str pair;
    while (text[0] != '\0' && mansio_str_split(&rest, ' ', &pair)) {
        ptrdiff_t at = mansio_str_find_char(pair, '=');
        struct mansio_str value;
        CHECK(mansio_arena_copy(arena, mansio_str_sub(pair, (size_t)at + 1, SIZE_MAX), &value) ==
              0);
        for (size_t i = 0; i < value.len; i++) {
            char *c = (char *)(uintptr_t)&value.ptr[i];
            *c = *c == '_' ? ' ' : *c;
        }
        out[count++] = (struct mansio_field){mansio_str_sub(pair, 0, (size_t)at), value};
    }
    return count;
}

static int add(uint32_t kind, const char *key, const char *text)
{
    struct mansio_field fields[8];
    size_t count = fields_of(text, fields);
    return pg_object_add(pg->instance, &actor, kind, S(key), fields, count, DEADLINE);
}

static int set(uint32_t kind, const char *key, const char *text)
{
    struct mansio_field fields[8];
    size_t count = fields_of(text, fields);
    return pg_object_set(pg->instance, &actor, kind, S(key), fields, count, DEADLINE);
}

static int removed(uint32_t kind, const char *key, uint32_t cascade)
{
    return pg_object_remove(pg->instance, &actor, kind, S(key), cascade, DEADLINE);
}

static char listed[8192];

static int append(void *arg, const struct mansio_object *object)
{
    size_t at = strlen(listed);
    snprintf(listed + at, sizeof listed - at, "%.*s", MANSIO_STR_ARG(object->key));
    for (size_t i = 0; i < object->field_count; i++) {
        const struct mansio_field *field = &object->fields[i];
        if (mansio_str_eq(field->name, S("created")) || mansio_str_eq(field->name, S("time")) ||
            mansio_str_eq(field->name, S("hash"))) {
            continue;
        }
        at = strlen(listed);
        snprintf(listed + at, sizeof listed - at, " %.*s=%.*s", MANSIO_STR_ARG(field->name),
                 MANSIO_STR_ARG(field->value));
    }
    at = strlen(listed);
    snprintf(listed + at, sizeof listed - at, ";");
    return arg != NULL ? 7 : 0;
}

static const char *list(uint32_t kind, const char *filters)
{
    struct mansio_field fields[4];
    size_t count = fields_of(filters, fields);
    listed[0] = '\0';
    int rc = pg_object_list(pg->instance, kind, fields, count, append, NULL, DEADLINE);
    if (rc < 0) {
        snprintf(listed, sizeof listed, "%s", mansio_error_detail());
    }
    return listed;
}

/* "address detail: account account", or the error. */
static const char *route(const char *local, const char *domain)
{
    static char text[512];
    struct mansio_route found = {.size = sizeof found};
    int rc = pg_route(pg->instance, S(local), S(domain), arena, DEADLINE, &found);
    if (rc < 0) {
        snprintf(text, sizeof text, "%s", mansio_error_name(rc));
        return text;
    }
    snprintf(text, sizeof text, "%.*s %.*s:", MANSIO_STR_ARG(found.address),
             MANSIO_STR_ARG(found.detail));
    for (size_t i = 0; i < found.account_count; i++) {
        size_t at = strlen(text);
        snprintf(text + at, sizeof text - at, " %.*s", MANSIO_STR_ARG(found.accounts[i]->address));
    }
    return text;
}

static int is(const char *found, const char *wanted)
{
    if (strcmp(found, wanted) != 0) {
        print_message("# wanted \"%s\", found \"%s\"\n", wanted, found);
        return 0;
    }
    return 1;
}

#define OK(call)                                                                                   \
    do {                                                                                           \
        int rc_ = (call);                                                                          \
        if (rc_ != 0) {                                                                            \
            print_message("# %s: %s\n", mansio_error_name(rc_), mansio_error_detail());            \
        }                                                                                          \
        CHECK(rc_ == 0);                                                                           \
    } while (0)

static int (*body)(void);

static int in_world(void *arg)
{
    (void)arg;
    arena = mansio_arena_new(NULL, "test", 0);
    pg = TESTING_PG(arena);
    pg->role = MANSIO_ROLE_ADMIN;
    int rc = pg_schema_apply(pg, NULL, NULL, mansio_deadline_in(60 * MANSIO_SECOND));
    CHECK(rc >= 0);
    pg->serving = pg_pool_new(pg, PG_ROLE_SERVING, "serving", 4);
    pg->admin = pg_pool_new(pg, PG_ROLE_ADMIN, "admin", 2);
    rc = body();
    pg_pool_close(pg->admin);
    pg_pool_close(pg->serving);
    mansio_arena_free(arena);
    return rc;
}

static void run(int (*fn)(void))
{
    body = fn;
    run_fiber(in_world, NULL);
}

/* Each statement of the tables prepares as the role that sends it: names, types and rights hold. */
static int prepare_all(void)
{
    struct pg_pool *spool = pg_pool_new(pg, PG_ROLE_SPOOL, "spool", 1);
    size_t count = 0;
    for (unsigned id = 0; id < PG_SQL_MAX; id++) {
        const struct pg_statement *statement = pg_statement_get(id);
        if (statement == NULL) {
            continue;
        }
        struct pg_conn *conn = NULL;
        struct pg_params params;
        pg_params_init(&params);
        for (const char *type = statement->params; *type != '\0'; type++) {
            pg_add_null(&params);
        }
        struct pg_pool *pool = statement->scope == PG_SCOPE_ADMIN   ? pg->admin
                               : statement->scope == PG_SCOPE_SPOOL ? spool
                                                                    : pg->serving;
        CHECK(pg_borrow(pool, DEADLINE, &conn) == 0);
        /* Run with NULLs, and rolled back: what matters is that it can be run at all. */
        CHECK(pg_begin(conn) == 0);
        int rc = pg_send(conn, id, &params);
        CHECK(rc == 0 && pg_sync(conn, 0) == 0);
        rc = pg_receive(conn, DEADLINE, NULL);
        const char *state = pg_sqlstate(conn);
        if (rc < 0 && strncmp(state, "22", 2) != 0 && strncmp(state, "23", 2) != 0 &&
            strncmp(state, "MN", 2) != 0 && id > PG_SQL_ROLLBACK &&
            /* a row of no tenant */
            strstr(mansio_error_detail(), "row-level security") == NULL) {
            print_message("# %s: %s\n", statement->name, mansio_error_detail());
            CHECK(!"runs");
        }
        pg_rollback(conn);
        pg_give_back(conn);
        count++;
    }
    CHECK(count > 50);
    pg_pool_close(spool);
    return 0;
}

static void test_every_statement_runs(void **state)
{
    (void)state;
    run(prepare_all);
}

static int objects(void)
{
    OK(add(MANSIO_OBJECT_PLAN, "gold", "description=big"));
    OK(add(MANSIO_OBJECT_QUOTA, "plan:gold", "bytes=10M accounts=3 domains=2"));
    OK(add(MANSIO_OBJECT_TENANT, "alpha", "plan=gold description=First"));
    OK(add(MANSIO_OBJECT_TENANT, "beta", ""));
    CHECK(add(MANSIO_OBJECT_TENANT, "alpha", "") == MANSIO_E_EXISTS);
    CHECK(add(MANSIO_OBJECT_TENANT, "Alpha", "") == MANSIO_E_INVALID);
    CHECK(add(MANSIO_OBJECT_TENANT, "gamma", "plan=none") == MANSIO_E_NOT_FOUND);
    OK(add(MANSIO_OBJECT_DOMAIN, "Alpha.test", "tenant=alpha"));
    OK(add(MANSIO_OBJECT_DOMAIN, "beta.test", "tenant=beta"));
    OK(add(MANSIO_OBJECT_DOMAIN, "alias.test", "tenant=alpha alias_of=alpha.test"));
    CHECK(add(MANSIO_OBJECT_DOMAIN, "x.test", "tenant=beta alias_of=alpha.test") ==
          MANSIO_E_NOT_FOUND);
    CHECK(add(MANSIO_OBJECT_DOMAIN, "x.test", "") == MANSIO_E_INVALID);
    CHECK(add(MANSIO_OBJECT_DOMAIN, "beta.test", "tenant=alpha") == MANSIO_E_EXISTS);
    OK(add(MANSIO_OBJECT_DOMAIN, "second.test", "tenant=alpha"));
    CHECK(add(MANSIO_OBJECT_DOMAIN, "third.test", "tenant=alpha") == MANSIO_E_LIMIT);
    OK(add(MANSIO_OBJECT_ACCOUNT, "ann@alpha.test", ""));
    OK(add(MANSIO_OBJECT_ACCOUNT, "Bob@ALPHA.test", "state=suspended"));
    OK(add(MANSIO_OBJECT_ACCOUNT, "cid@second.test", ""));
    CHECK(add(MANSIO_OBJECT_ACCOUNT, "dan@alpha.test", "") == MANSIO_E_LIMIT);
    CHECK(add(MANSIO_OBJECT_ACCOUNT, "ann@alpha.test", "") == MANSIO_E_EXISTS);
    CHECK(add(MANSIO_OBJECT_ACCOUNT, "ann@alias.test", "") == MANSIO_E_NOT_FOUND);
    CHECK(add(MANSIO_OBJECT_ACCOUNT, "a b@beta.test", "") == MANSIO_E_INVALID);
    OK(add(MANSIO_OBJECT_ACCOUNT, "zoe@beta.test", ""));
    OK(add(MANSIO_OBJECT_ADDRESS, "all@alpha.test",
           "accounts=ann@alpha.test_bob@Alpha.test_cid@second.test"));
    CHECK(add(MANSIO_OBJECT_ADDRESS, "x@alpha.test", "accounts=zoe@beta.test") ==
          MANSIO_E_NOT_FOUND);
    CHECK(add(MANSIO_OBJECT_ADDRESS, "x@alpha.test", "accounts=") == MANSIO_E_INVALID);
    OK(add(MANSIO_OBJECT_ADDRESS, "@second.test", "accounts=cid@second.test"));
    CHECK(set(MANSIO_OBJECT_ADDRESS, "ann@alpha.test", "accounts=bob@alpha.test") == MANSIO_E_BUSY);
    CHECK(is(list(MANSIO_OBJECT_ACCOUNT, "tenant=alpha domain=alpha.test"),
             "ann@alpha.test tenant=alpha domain=alpha.test state=active"
             " addresses=ann@alpha.test all@alpha.test;"
             "bob@alpha.test tenant=alpha domain=alpha.test state=suspended"
             " addresses=bob@alpha.test all@alpha.test;"));
    CHECK(is(list(MANSIO_OBJECT_DOMAIN, "tenant=alpha"),
             "alias.test tenant=alpha alias_of=alpha.test state=active;"
             "alpha.test tenant=alpha state=active;second.test tenant=alpha state=active;"));
    CHECK(is(list(MANSIO_OBJECT_ADDRESS, "account=cid@second.test"),
             "all@alpha.test tenant=alpha domain=alpha.test"
             " accounts=ann@alpha.test bob@alpha.test cid@second.test;"
             "@second.test tenant=alpha domain=second.test accounts=cid@second.test;"
             "cid@second.test tenant=alpha domain=second.test accounts=cid@second.test;"));
    CHECK(is(list(MANSIO_OBJECT_QUOTA, "key=plan:gold"),
             "plan:gold bytes=10485760 accounts=3 domains=2;"));
    OK(set(MANSIO_OBJECT_TENANT, "beta", "state=closed quota_reply=permanent"));
    CHECK(is(list(MANSIO_OBJECT_TENANT, "key=beta"),
             "beta state=closed quota_reply=permanent scram=true;"));
    CHECK(set(MANSIO_OBJECT_TENANT, "beta", "pool=other") == MANSIO_E_INVALID);
    CHECK(set(MANSIO_OBJECT_TENANT, "nobody", "state=closed") == MANSIO_E_NOT_FOUND);
    CHECK(set(MANSIO_OBJECT_TENANT, "beta", "colour=red") == MANSIO_E_INVALID);
    OK(set(MANSIO_OBJECT_TENANT, "beta", "state=active"));
    return 0;
}

static void test_objects(void **state)
{
    (void)state;
    run(objects);
}

static int routes(void)
{
    CHECK(is(route("ann", "alpha.test"), "ann@alpha.test : ann@alpha.test"));
    CHECK(is(route("ann", "alias.test"), "ann@alpha.test : ann@alpha.test"));
    CHECK(is(route("ann+lists", "alpha.test"), "ann@alpha.test lists: ann@alpha.test"));
    CHECK(is(route("ann+a+b", "alpha.test"), "ann@alpha.test a+b: ann@alpha.test"));
    CHECK(is(route("+ann", "alpha.test"), "not-found"));
    CHECK(is(route("bob", "alpha.test"), "bob@alpha.test : bob@alpha.test"));
    CHECK(is(route("all", "alpha.test"),
             "all@alpha.test : ann@alpha.test bob@alpha.test cid@second.test"));
    CHECK(is(route("whoever", "second.test"), "@second.test : cid@second.test"));
    CHECK(is(route("whoever", "alpha.test"), "not-found"));
    CHECK(is(route("ann", "elsewhere.test"), "unsupported"));
    CHECK(is(route("", "alpha.test"), "not-found"));
    /* RFC 5321 4.5.1 */
    CHECK(is(route("postmaster", "alpha.test"), "not-found"));
    CHECK(is(route("postmaster", ""), "not-found"));
    OK(set(MANSIO_OBJECT_PLATFORM, "", "postmaster=zoe@beta.test"));
    CHECK(is(route("postmaster", "alpha.test"), "zoe@beta.test : zoe@beta.test"));
    CHECK(is(route("postmaster", ""), "zoe@beta.test : zoe@beta.test"));
    CHECK(is(route("ann", ""), "not-found"));
    OK(set(MANSIO_OBJECT_TENANT, "alpha", "postmaster=ann@alpha.test"));
    CHECK(is(route("postmaster", "alpha.test"), "ann@alpha.test : ann@alpha.test"));
    CHECK(is(route("postmaster", "second.test"), "@second.test : cid@second.test"));
    /* separators */
    OK(set(MANSIO_OBJECT_TENANT, "alpha", "subaddress_separator=-+"));
    CHECK(is(route("ann-x+y", "alpha.test"), "ann@alpha.test x+y: ann@alpha.test"));
    OK(set(MANSIO_OBJECT_TENANT, "alpha", "subaddress_separator=none"));
    CHECK(is(route("ann+x", "alpha.test"), "not-found"));
    /* states */
    OK(set(MANSIO_OBJECT_ACCOUNT, "bob@alpha.test", "state=closed"));
    CHECK(is(route("bob", "alpha.test"), "busy"));
    CHECK(is(route("all", "alpha.test"), "all@alpha.test : ann@alpha.test cid@second.test"));
    OK(set(MANSIO_OBJECT_DOMAIN, "alias.test", "state=closed"));
    CHECK(is(route("ann", "alias.test"), "busy"));
    CHECK(is(route("ann", "alpha.test"), "ann@alpha.test : ann@alpha.test"));
    OK(set(MANSIO_OBJECT_DOMAIN, "alpha.test", "state=closed"));
    CHECK(is(route("ann", "alpha.test"), "busy"));
    CHECK(is(route("all", "alpha.test"), "busy"));
    OK(set(MANSIO_OBJECT_DOMAIN, "alpha.test", "state=active"));
    OK(set(MANSIO_OBJECT_TENANT, "alpha", "state=closed"));
    CHECK(is(route("cid", "second.test"), "busy"));
    OK(set(MANSIO_OBJECT_TENANT, "alpha", "state=suspended"));
    struct mansio_route found = {.size = sizeof found};
    OK(pg_route(pg->instance, S("ann"), S("alpha.test"), arena, DEADLINE, &found));
    const struct mansio_account_facts *facts = found.accounts[0];
    CHECK(facts->state == MANSIO_STATE_SUSPENDED && facts->quota_bytes == 10485760);
    CHECK(mansio_str_eq(facts->plan, S("gold")) && mansio_str_eq(facts->tenant, S("alpha")));
    CHECK(facts->quota_reply == MANSIO_QUOTA_TEMPORARY && facts->quota_messages == 0);
    OK(add(MANSIO_OBJECT_QUOTA, "ann@alpha.test", "bytes=5 message_bytes=7"));
    OK(add(MANSIO_OBJECT_QUOTA, "alpha", "messages=9 bytes=6"));
    OK(pg_route(pg->instance, S("ann"), S("alpha.test"), arena, DEADLINE, &found));
    facts = found.accounts[0];
    CHECK(facts->quota_bytes == 5 && facts->quota_messages == 9 && facts->message_bytes_max == 7);
    OK(set(MANSIO_OBJECT_TENANT, "alpha", "state=active"));
    return 0;
}

static void test_routes(void **state)
{
    (void)state;
    run(routes);
}

static int logins(void)
{
    struct mansio_login login = {.size = sizeof login};
    struct mansio_login other = {.size = sizeof other};
    OK(add(MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test",
           "stored={SHA512-CRYPT}$6$x scheme=SHA512-CRYPT scram=false"));
    OK(add(MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test#phone", "stored={SCRAM-SHA-256}4096,a,b,c"));
    CHECK(add(MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test#phone", "stored=x") == MANSIO_E_EXISTS);
    CHECK(add(MANSIO_OBJECT_CREDENTIAL, "no@alpha.test", "stored=x") == MANSIO_E_NOT_FOUND);
    CHECK(is(list(MANSIO_OBJECT_CREDENTIAL, "account=ann@alpha.test"),
             "ann@alpha.test scheme=SHA512-CRYPT scram=false kind=main account=ann@alpha.test;"
             "ann@alpha.test#phone scheme=SCRAM-SHA-256 scram=true kind=app"
             " account=ann@alpha.test;"));
    /* By a name of a closed domain nobody logs in, whatever it is an alias of. */
    OK(pg_login(pg->instance, S("ann"), S("alias.test"), arena, DEADLINE, &login));
    CHECK(login.account != NULL && login.account->state == MANSIO_STATE_CLOSED);
    OK(pg_login(pg->instance, S("ann"), S("alpha.test"), arena, DEADLINE, &login));
    CHECK(login.account != NULL && login.account->state == MANSIO_STATE_ACTIVE);
    OK(set(MANSIO_OBJECT_DOMAIN, "alias.test", "state=active"));
    OK(pg_login(pg->instance, S("ann"), S("alias.test"), arena, DEADLINE, &login));
    CHECK(login.account != NULL && login.account->state == MANSIO_STATE_ACTIVE);
    CHECK(login.credential_count == 2 && !login.is_scram_ready);
    CHECK(login.credentials[0]->kind == MANSIO_CREDENTIAL_MAIN);
    CHECK(login.credentials[1]->kind == MANSIO_CREDENTIAL_APP);
    CHECK(mansio_str_eq(login.credentials[0]->stored, S("{SHA512-CRYPT}$6$x")));
    CHECK(login.decoy.len == 32 && login.tenant_id == login.account->tenant_id);
    CHECK(login.account->sessions_max == 0 && login.account->messages_hour == 0);
    OK(pg_login(pg->instance, S("nobody"), S("alpha.test"), arena, DEADLINE, &other));
    CHECK(other.account == NULL && other.credential_count == 0 && !other.is_scram_ready);
    CHECK(mansio_str_eq(login.decoy, other.decoy) && other.tenant_id == login.tenant_id);
    OK(pg_login_defaults(pg->instance, S("beta.test"), arena, DEADLINE, &other));
    CHECK(other.account == NULL && other.is_scram_ready && other.is_ours &&
          !mansio_str_eq(login.decoy, other.decoy));
    CHECK(other.tenant_id != 0 && other.tenant_id != login.tenant_id);
    OK(pg_login_defaults(pg->instance, S("elsewhere.test"), arena, DEADLINE, &other));
    CHECK(!other.is_scram_ready && !other.is_ours && other.decoy.len == 32);
    CHECK(other.tenant_id == 0);
    /* What it may do: the account's own quota, its tenant's, its plan's. */
    OK(set(MANSIO_OBJECT_QUOTA, "plan:gold", "sessions=5 recipients_hour=7 messages_hour=8"));
    OK(set(MANSIO_OBJECT_QUOTA, "alpha", "sessions=4 messages_hour=9"));
    OK(set(MANSIO_OBJECT_QUOTA, "ann@alpha.test", "sessions=3"));
    CHECK(is(list(MANSIO_OBJECT_QUOTA, "key=alpha"),
             "alpha bytes=6 messages=9 sessions=4 messages_hour=9;"));
    OK(pg_login(pg->instance, S("ann"), S("alpha.test"), arena, DEADLINE, &login));
    CHECK(login.account->sessions_max == 3 && login.account->messages_hour == 9);
    CHECK(login.account->recipients_hour == 7 && login.account->quota_bytes == 5);
    /* An upgrade, once; and not in another tenant. */
    struct mansio_account_facts wrong = *login.account;
    wrong.tenant_id++;
    uint64_t id = login.credentials[0]->id;
    struct mansio_str was = login.credentials[0]->stored;
    struct mansio_str better = S("{ARGON2ID}x {SCRAM-SHA-256}1,a,b,c");
    CHECK(pg_credential_upgrade(pg->instance, &wrong, id, was, better, DEADLINE) ==
          MANSIO_E_NOT_FOUND);
    OK(pg_credential_upgrade(pg->instance, login.account, id, was, better, DEADLINE));
    CHECK(pg_credential_upgrade(pg->instance, login.account, id, was, better, DEADLINE) ==
          MANSIO_E_NOT_FOUND);
    OK(pg_login(pg->instance, S("ann"), S("alpha.test"), arena, DEADLINE, &login));
    CHECK(mansio_str_eq(login.credentials[0]->stored, better) && login.is_scram_ready);
    OK(set(MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test", "stored={ARGON2ID}secret"));
    CHECK(strstr(list(MANSIO_OBJECT_AUDIT, "kind=credential"), "secret") == NULL);
    CHECK(strstr(listed, "\"stored\": \"(given)\"") != NULL);
    return 0;
}

static void test_logins(void **state)
{
    (void)state;
    run(logins);
}

static int tally(void *arg, const struct mansio_object *object)
{
    (void)object;
    ++*(size_t *)arg;
    return 0;
}

static size_t credentials_of(const char *account)
{
    const struct mansio_field field = {S("account"), S(account)};
    size_t count = 0;
    CHECK(pg_object_list(pg->instance, MANSIO_OBJECT_CREDENTIAL, &field, 1, tally, &count,
                         DEADLINE) == 0);
    return count;
}

/* A login tries them all. */
static int many_credentials(void)
{
    char key[64];
    for (size_t i = credentials_of("ann@alpha.test"); i < 100; i++) {
        (void)snprintf(key, sizeof key, "ann@alpha.test#app%zu", i);
        OK(add(MANSIO_OBJECT_CREDENTIAL, key, "stored={PLAIN}x"));
    }
    CHECK(add(MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test#more", "stored={PLAIN}x") ==
          MANSIO_E_LIMIT);
    CHECK(strcmp(mansio_error_detail(),
                 "account ann@alpha.test has 100 passwords: remove one first") == 0);
    OK(set(MANSIO_OBJECT_CREDENTIAL, key, "stored={PLAIN}y"));
    OK(removed(MANSIO_OBJECT_CREDENTIAL, key, 0));
    OK(add(MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test#more", "stored={PLAIN}x"));
    CHECK(credentials_of("ann@alpha.test") == 100);
    return 0;
}

static void test_many_credentials(void **state)
{
    (void)state;
    run(many_credentials);
}

static int removals(void)
{
    CHECK(removed(MANSIO_OBJECT_PLAN, "gold", 1) == MANSIO_E_BUSY);
    CHECK(removed(MANSIO_OBJECT_TENANT, "alpha", 0) == MANSIO_E_BUSY);
    CHECK(strstr(mansio_error_detail(), "3 domains") != NULL);
    CHECK(removed(MANSIO_OBJECT_DOMAIN, "alpha.test", 0) == MANSIO_E_BUSY);
    CHECK(removed(MANSIO_OBJECT_ADDRESS, "ann@alpha.test", 1) == MANSIO_E_BUSY);
    CHECK(removed(MANSIO_OBJECT_ACCOUNT, "cid@second.test", 0) == MANSIO_E_BUSY);
    OK(removed(MANSIO_OBJECT_ACCOUNT, "cid@second.test", 1));
    CHECK(is(route("whoever", "second.test"), "not-found"));
    CHECK(is(list(MANSIO_OBJECT_ADDRESS, "domain=second.test"), ""));
    OK(removed(MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test#phone", 0));
    CHECK(removed(MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test#phone", 0) == MANSIO_E_NOT_FOUND);
    OK(removed(MANSIO_OBJECT_QUOTA, "ann@alpha.test", 0));
    OK(removed(MANSIO_OBJECT_DOMAIN, "second.test", 0));
    OK(removed(MANSIO_OBJECT_TENANT, "alpha", 1));
    CHECK(is(list(MANSIO_OBJECT_ACCOUNT, "tenant=alpha"), ""));
    CHECK(is(route("ann", "alpha.test"), "unsupported"));
    OK(removed(MANSIO_OBJECT_PLAN, "gold", 0));
    CHECK(removed(MANSIO_OBJECT_PLAN, "gold", 0) == MANSIO_E_NOT_FOUND);
    const char *audit = list(MANSIO_OBJECT_AUDIT, "kind=plan");
    CHECK(strstr(audit, "actor=tester action=add kind=plan object=gold"
                        " after={\"description\": \"big\"} reason=to see;") != NULL);
    CHECK(strstr(audit, "action=remove kind=plan object=gold before={\"description\": \"big\"}"
                        " reason=to see;") != NULL);
    CHECK(add(MANSIO_OBJECT_AUDIT, "7", "") == MANSIO_E_UNSUPPORTED);
    CHECK(pg_object_list(pg->instance, MANSIO_OBJECT_AUDIT, NULL, 0, append, &listed, DEADLINE) ==
          7);
    pg->role = MANSIO_ROLE_WORKER;
    CHECK(add(MANSIO_OBJECT_TENANT, "delta", "") == MANSIO_E_DENIED);
    CHECK(is(list(MANSIO_OBJECT_TENANT, ""), "the directory is changed by administration alone"));
    return 0;
}

static void test_removals_and_audit(void **state)
{
    (void)state;
    run(removals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_statement_runs),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_logins),
        cmocka_unit_test(test_many_credentials),
        cmocka_unit_test(test_removals_and_audit),
    };
    return cmocka_run_group_tests_name("directory", tests, testing_cluster_up,
                                       testing_cluster_down);
}
