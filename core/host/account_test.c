/*
 * Accounts and recipients: providers found among instances, handles made, addresses resolved.
 */
#include "core/host/account_testing.h"

#include "core/base/testing.h"

/* ---- fakes ---- */

static struct mansio_account_facts known[2];
static const struct mansio_account_facts *const known_list[] = {&known[0], &known[1]};
static int route_result;
static size_t route_count;
static char asked[128];
static const struct mansio_store store = {.size = sizeof store};
static const struct mansio_blob blob = {.size = sizeof blob};

static int route(struct mansio_instance *instance, struct mansio_str local,
                 struct mansio_str domain, struct mansio_arena *arena, int64_t deadline_us,
                 struct mansio_route *out)
{
    (void)instance;
    (void)deadline_us;
    snprintf(asked, sizeof asked, "%.*s@%.*s", MANSIO_STR_ARG(local), MANSIO_STR_ARG(domain));
    if (route_result < 0) {
        return route_result;
    }
    out->accounts = known_list;
    out->account_count = route_count;
    out->detail = MANSIO_STR("lists");
    return mansio_arena_copy(arena, known[0].address, &out->address);
}

static int login(struct mansio_instance *instance, struct mansio_str local,
                 struct mansio_str domain, struct mansio_arena *arena, int64_t deadline_us,
                 struct mansio_login *out)
{
    (void)instance;
    (void)local;
    (void)domain;
    (void)arena;
    (void)deadline_us;
    (void)out;
    return MANSIO_E_UNAVAILABLE;
}

static int defaults(struct mansio_instance *instance, struct mansio_str domain,
                    struct mansio_arena *arena, int64_t deadline_us, struct mansio_login *out)
{
    (void)instance;
    (void)domain;
    (void)arena;
    (void)deadline_us;
    (void)out;
    return MANSIO_E_UNAVAILABLE;
}

static int check_password(struct mansio_instance *instance, const struct mansio_login *of,
                          struct mansio_str password, struct mansio_arena *arena,
                          int64_t deadline_us, struct mansio_auth_result *out)
{
    (void)instance;
    (void)of;
    (void)password;
    (void)arena;
    (void)deadline_us;
    (void)out;
    return MANSIO_E_DENIED;
}

static const struct mansio_directory directory = {
    .size = sizeof directory, .route = route, .login = login, .login_defaults = defaults};
static const struct mansio_auth auth = {.size = sizeof auth, .check_password = check_password};

static int setup(void **state)
{
    (void)state;
    known[0] = testing_facts(1, "one@alpha.test");
    known[1] = testing_facts(2, "two@alpha.test");
    route_result = 0;
    route_count = 1;
    asked[0] = '\0';
    testing_failures = 0;
    return 0;
}

/* ---- finding providers ---- */

static void test_finds_providers(void **state)
{
    (void)state;
    struct set set;
    set_new(&set);
    struct mansio_instance *pg = set_offer(&set, "pg", MANSIO_DIRECTORY, &directory);
    assert_int_equal(mansio_interface_provide(pg, MANSIO_STORE, 1, &store), 0);
    assert_int_equal(mansio_interface_provide(pg, MANSIO_BLOB, 1, &blob), 0);
    struct mansio_instance *first = set_offer(&set, "first", MANSIO_AUTH, &auth);
    struct mansio_instance *second = set_offer(&set, "second", MANSIO_AUTH, &auth);
    assert_int_equal(set_init(&set), 0);
    assert_ptr_equal(core_directory_current()->instance, pg);
    size_t count = 0;
    const struct core_auth *auths = core_auths_current(&count);
    assert_int_equal(count, 2);
    assert_ptr_equal(auths[0].instance, first);
    assert_ptr_equal(auths[1].instance, second);

    /* Named ones alone, in the order of their naming. */
    const struct mansio_str names[] = {MANSIO_STR("second")};
    set.config.login.auth = names;
    set.config.login.auth_count = 1;
    assert_int_equal(set_init(&set), 0);
    auths = core_auths_current(&count);
    assert_int_equal(count, 1);
    assert_ptr_equal(auths[0].instance, second);

    core_accounts_fini();
    assert_null(core_directory_current());
    (void)core_auths_current(&count);
    assert_int_equal(count, 0);
    set_free(&set);
}

static void test_refuses_what_is_not_there(void **state)
{
    (void)state;
    struct set set;
    set_new(&set);
    assert_int_equal(set_init(&set), 0); /* nothing at all is no error */
    assert_null(core_directory_current());
    set_offer(&set, "pg", MANSIO_DIRECTORY, &directory);
    set.config.directory = MANSIO_STR("pq");
    assert_int_equal(set_init(&set), MANSIO_E_NOT_FOUND);
    assert_string_equal(mansio_error_detail(),
                        "directory: wanted an instance pq that offers directory, found directory/1 "
                        "of pg");
    set_offer(&set, "ldap", MANSIO_DIRECTORY, &directory);
    set.config.directory = MANSIO_STR_NONE;
    assert_int_equal(set_init(&set), MANSIO_E_INVALID);
    assert_non_null(strstr(mansio_error_detail(), "wanted one, found directory/1 of pg, "));
    set.config.directory = MANSIO_STR("ldap");
    assert_int_equal(set_init(&set), 0);
    assert_true(mansio_str_eq(core_directory_current()->instance->name, MANSIO_STR("ldap")));
    const struct mansio_str names[] = {MANSIO_STR("pg")};
    set.config.login.auth = names;
    set.config.login.auth_count = 1;
    assert_int_equal(set_init(&set), MANSIO_E_NOT_FOUND);
    assert_non_null(strstr(mansio_error_detail(), "login.auth: wanted an instance pg"));
    assert_null(core_directory_current());
    set_free(&set);
}

static void test_refuses_hollow_tables(void **state)
{
    (void)state;
    static const struct mansio_directory hollow = {.size = sizeof hollow, .route = route};
    static const struct mansio_auth empty = {.size = sizeof empty};
    struct set set;
    set_new(&set);
    set_offer(&set, "pg", MANSIO_DIRECTORY, &hollow);
    assert_int_equal(set_init(&set), MANSIO_E_INVALID);
    set_free(&set);
    set_new(&set);
    set_offer(&set, "judge", MANSIO_AUTH, &empty);
    assert_int_equal(set_init(&set), MANSIO_E_INVALID);
    set_free(&set);
}

/* In the configuration's order, each with its table; then no more. */
static void test_walks_all_providers(void **state)
{
    (void)state;
    struct set set;
    struct mansio_auth table;
    struct mansio_instance *found = NULL;
    set_new(&set);
    struct mansio_instance *one = set_offer(&set, "one", MANSIO_AUTH, &auth);
    set_offer(&set, "pg", MANSIO_DIRECTORY, &directory);
    struct mansio_instance *two = set_offer(&set, "two", MANSIO_AUTH, &auth);
    assert_int_equal(mansio_interface_at(one, MANSIO_AUTH, 1, 0, &table, sizeof table, &found),
                     MANSIO_E_BUG); /* it hasn't started */
    assert_int_equal(set_init(&set), 0);
    assert_int_equal(mansio_interface_at(one, MANSIO_AUTH, 1, 0, &table, sizeof table, &found), 0);
    assert_ptr_equal(found, one);
    assert_ptr_equal(table.check_password, check_password);
    assert_int_equal(mansio_interface_at(one, MANSIO_AUTH, 1, 1, &table, sizeof table, &found), 0);
    assert_ptr_equal(found, two);
    assert_int_equal(mansio_interface_at(one, MANSIO_AUTH, 1, 2, &table, sizeof table, &found),
                     MANSIO_E_NOT_FOUND);
    assert_int_equal(mansio_interface_at(one, MANSIO_AUTH, 2, 0, &table, sizeof table, &found),
                     MANSIO_E_NOT_FOUND);
    assert_int_equal(mansio_interface_at(one, MANSIO_AUTH, 1, 0, &table, 4, &found),
                     MANSIO_E_INVALID);
    set_free(&set);
}

/* ---- handles ---- */

static void test_leads_to_the_store(void **state)
{
    (void)state;
    struct set set;
    struct mansio_account *account = NULL;
    struct mansio_instance *pool = NULL;
    set_new(&set);
    struct mansio_instance *pg = set_offer(&set, "pg", MANSIO_STORE, &store);
    assert_int_equal(set_init(&set), 0);
    char address[] = "one@alpha.test";
    known[0].address = (struct mansio_str){address, sizeof address - 1};
    assert_int_equal(core_account_new(set.arena, &known[0], &account), 0);
    memset(address, 'z', sizeof address - 1);
    core_test_str(mansio_account_facts(account)->address, "one@alpha.test");
    assert_int_equal(mansio_account_facts(account)->quota_bytes, 1000);
    assert_int_equal(mansio_account_store(account, &pool)->size, sizeof store);
    assert_ptr_equal(pool, pg);
    assert_null(mansio_account_blob(account, &pool));

    /* A second pool: now accounts must name theirs. */
    struct mansio_instance *big = set_offer(&set, "big", MANSIO_STORE, &store);
    assert_int_equal(mansio_interface_provide(big, MANSIO_BLOB, 1, &blob), 0);
    assert_int_equal(set_init(&set), 0);
    assert_int_equal(core_account_new(set.arena, &known[1], &account), MANSIO_E_UNAVAILABLE);
    known[1].pool = MANSIO_STR("big");
    assert_int_equal(core_account_new(set.arena, &known[1], &account), 0);
    assert_non_null(mansio_account_blob(account, &pool));
    assert_ptr_equal(pool, big);
    known[1].pool = MANSIO_STR("gone");
    assert_int_equal(core_account_new(set.arena, &known[1], &account), MANSIO_E_UNAVAILABLE);
    set_free(&set);
}

/* A directory that says nonsense is a fault of ours, never somebody's account. */
static void test_refuses_facts_that_are_none(void **state)
{
    (void)state;
    struct set set;
    struct mansio_account *account = NULL;
    set_new(&set);
    set_offer(&set, "pg", MANSIO_STORE, &store);
    assert_int_equal(set_init(&set), 0);
    for (int i = 0; i < 5; i++) {
        struct mansio_account_facts facts = testing_facts(1, "x@y.test");
        facts.size = i == 0 ? 16 : facts.size;
        facts.tenant_id = i == 1 ? 0 : 7;
        facts.account_id = i == 2 ? 0 : 1;
        facts.state = i == 3 ? 0 : i == 4 ? 4 : 1;
        assert_int_equal(core_account_new(set.arena, &facts, &account), MANSIO_E_BUG);
    }
    struct {
        struct mansio_account_facts facts;
        char more[32];
    } longer = {.facts = testing_facts(1, "x@y.test")};
    longer.facts.size = sizeof longer;
    assert_int_equal(core_account_new(set.arena, &longer.facts, &account), 0);
    assert_int_equal(mansio_account_facts(account)->size, sizeof(struct mansio_account_facts));
    struct mansio_arena *small = mansio_arena_new(NULL, "small", 32);
    assert_int_equal(core_account_new(small, &known[0], &account), MANSIO_E_LIMIT);
    mansio_arena_free(small);
    set_free(&set);
}

/* ---- recipients ---- */

static void test_resolves(void **state)
{
    (void)state;
    struct set set;
    struct mansio_recipient *recipient = NULL;
    set_new(&set);
    set_offer(&set, "pg", MANSIO_STORE, &store);
    set_offer(&set, "dir", MANSIO_DIRECTORY, &directory);
    assert_int_equal(set_init(&set), 0);
    route_count = 2;
    assert_int_equal(mansio_recipient_resolve(set.arena, MANSIO_STR("OnE"),
                                              MANSIO_STR("Alpha.TEST."), MANSIO_NEVER, &recipient),
                     0);
    assert_string_equal(asked, "one@alpha.test");
    core_test_str(mansio_recipient_address(recipient), "one@alpha.test");
    core_test_str(mansio_recipient_detail(recipient), "lists");
    assert_int_equal(mansio_recipient_count(recipient), 2);
    assert_int_equal(mansio_account_facts(mansio_recipient_account(recipient, 1))->account_id, 2);
    set_free(&set);
}

static void test_knows_recipients_elsewhere(void **state)
{
    (void)state;
    static const struct {
        const char *local, *domain, *wanted; /* NULL: MANSIO_E_INVALID */
    } rows[] = {
        {"Joe", "Example.ORG", "Joe@example.org"},
        {"a b", "example.org.", "\"a b\"@example.org"},
        {"joe",
         "b\xc3\xbc"
         "cher.example",
         "joe@xn--bcher-kva.example"},
        {"joe", "[192.0.2.1]", "joe@[192.0.2.1]"},
        {"joe", "[IPv6:2001:db8::1]", "joe@[IPv6:2001:db8::1]"},
        {"joe", "a..example", NULL},
        {"joe", "", NULL},
    };
    struct mansio_arena *arena = mansio_arena_new(NULL, "elsewhere", 0);
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        struct mansio_recipient *recipient = NULL;
        int rc = mansio_recipient_remote(arena, core_test_slice(rows[i].local),
                                         core_test_slice(rows[i].domain), &recipient);
        assert_int_equal(rc, rows[i].wanted != NULL ? 0 : MANSIO_E_INVALID);
        if (rc == 0) {
            core_test_str(mansio_recipient_address(recipient), rows[i].wanted);
            assert_int_equal(mansio_recipient_count(recipient), 0);
            assert_int_equal(mansio_recipient_detail(recipient).len, 0);
        }
    }
    mansio_arena_free(arena);
    struct mansio_recipient *recipient = NULL;
    struct mansio_arena *small = mansio_arena_new(NULL, "small", 32);
    assert_int_equal(
        mansio_recipient_remote(small, MANSIO_STR("joe"), MANSIO_STR("example.org"), &recipient),
        MANSIO_E_LIMIT);
    mansio_arena_free(small);
}

static const struct {
    const char *local, *domain, *asked;
    int from_directory, wanted;
} refusals[] = {
    {"u", "a.test", "u@a.test", MANSIO_E_NOT_FOUND, MANSIO_E_NOT_FOUND},
    {"u", "a.test", "u@a.test", MANSIO_E_UNSUPPORTED, MANSIO_E_UNSUPPORTED},
    {"u", "a.test", "u@a.test", MANSIO_E_BUSY, MANSIO_E_BUSY},
    {"u", "a.test", "u@a.test", MANSIO_E_UNAVAILABLE, MANSIO_E_UNAVAILABLE},
    {"PostMaster", "", "postmaster@", 0, 0},
    {"somebody", "", "", 0, MANSIO_E_INVALID},
    {"u", "[192.0.2.1]", "", 0, MANSIO_E_UNSUPPORTED},
    {"u", "a..test", "", 0, MANSIO_E_INVALID},
    {"\xff", "a.test", "", 0, MANSIO_E_INVALID},
};

static void test_refuses(void **state)
{
    (void)state;
    struct set set;
    struct mansio_recipient *recipient = NULL;
    set_new(&set);
    assert_int_equal(set_init(&set), 0);
    assert_int_equal(mansio_recipient_resolve(set.arena, MANSIO_STR("u"), MANSIO_STR("a.test"),
                                              MANSIO_NEVER, &recipient),
                     MANSIO_E_UNAVAILABLE);
    set_offer(&set, "pg", MANSIO_STORE, &store);
    set_offer(&set, "dir", MANSIO_DIRECTORY, &directory);
    assert_int_equal(set_init(&set), 0);
    for (size_t i = 0; i < MANSIO_COUNT(refusals); i++) {
        asked[0] = '\0';
        route_result = refusals[i].from_directory;
        int rc =
            mansio_recipient_resolve(set.arena, core_test_slice(refusals[i].local),
                                     core_test_slice(refusals[i].domain), MANSIO_NEVER, &recipient);
        if (rc != refusals[i].wanted || strcmp(asked, refusals[i].asked) != 0) {
            print_error("row %zu: %d, asked %s: %s\n", i, rc, asked, mansio_error_detail());
            fail();
        }
    }
    route_result = 0;
    route_count = 0;
    assert_int_equal(mansio_recipient_resolve(set.arena, MANSIO_STR("u"), MANSIO_STR("a.test"),
                                              MANSIO_NEVER, &recipient),
                     MANSIO_E_BUG);
    set_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_finds_providers, setup),
        cmocka_unit_test_setup(test_refuses_what_is_not_there, setup),
        cmocka_unit_test_setup(test_refuses_hollow_tables, setup),
        cmocka_unit_test_setup(test_walks_all_providers, setup),
        cmocka_unit_test_setup(test_leads_to_the_store, setup),
        cmocka_unit_test_setup(test_refuses_facts_that_are_none, setup),
        cmocka_unit_test_setup(test_resolves, setup),
        cmocka_unit_test_setup(test_knows_recipients_elsewhere, setup),
        cmocka_unit_test_setup(test_refuses, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
