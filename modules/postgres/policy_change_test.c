/*
 * What changes of policy come to, on a private cluster: what each is noted as, credentials'
 * versions and uses, and what is only tried.
 */
#include "standing.h"

#include "core/host/testing.h"

#include "sql.h"
#include "testing_policy.h"

/* ---- the world ---- */

static int people(void)
{
    make_people();
    ann = key_of("ann", "alpha.test");
    OK(word("platform/imap", "verb=allow"));
    return 0;
}

static void test_people(void **state)
{
    (void)state;
    run(people);
}

/* ---- what changed ---- */

static const struct {
    uint32_t kind;
    const char *key, *fields; /* NULL: removed; "+...": added */
    const char *wanted;
} said[] = {
    {MANSIO_OBJECT_POLICY, "platform/smtp", "verb=allow", "everybody"},
    {MANSIO_OBJECT_POLICY, "platform/smtp", "locked=true", "everybody"},
    {MANSIO_OBJECT_POLICY, "platform/smtp", NULL, "everybody"},
    {MANSIO_OBJECT_POLICY, "plan:gold/smtp", "verb=allow", "plan:gold"},
    {MANSIO_OBJECT_POLICY, "plan:gold/smtp", NULL, "plan:gold"},
    {MANSIO_OBJECT_POLICY, "tenant:alpha/smtp", "verb=allow", "alpha"},
    {MANSIO_OBJECT_POLICY, "domain:alpha.test/smtp", "verb=allow", "alpha"},
    {MANSIO_OBJECT_POLICY, "account:ann@alpha.test/smtp", "verb=allow", "alpha/ann"},
    {MANSIO_OBJECT_POLICY, "account:ann@alpha.test/smtp", NULL, "alpha/ann"},
    {MANSIO_OBJECT_PLATFORM, "", "policy_default=allow", "everybody"},
    {MANSIO_OBJECT_PLATFORM, "", "policy_default=deny", "everybody"},
    {MANSIO_OBJECT_PLATFORM, "", "quota_reply=permanent", ""},
    {MANSIO_OBJECT_NETWORK, "office", "+networks=unix", "everybody"},
    {MANSIO_OBJECT_NETWORK, "office", NULL, "everybody"},
    {MANSIO_OBJECT_NETWORK, "alpha:office", "+networks=unix", "alpha"},
    {MANSIO_OBJECT_PLAN, "gold", "description=x", ""},
    {MANSIO_OBJECT_TENANT, "alpha", "description=x", ""},
    {MANSIO_OBJECT_TENANT, "alpha", "state=suspended", "alpha"},
    {MANSIO_OBJECT_TENANT, "alpha", "state=active", "alpha"},
    {MANSIO_OBJECT_TENANT, "alpha", "plan=silver", "alpha"},
    {MANSIO_OBJECT_TENANT, "alpha", "plan=silver", ""},
    {MANSIO_OBJECT_TENANT, "beta", "state=closed", "other"},
    {MANSIO_OBJECT_DOMAIN, "alpha.test", "state=closed", "alpha"},
    {MANSIO_OBJECT_DOMAIN, "alpha.test", "state=active", "alpha"},
    {MANSIO_OBJECT_DOMAIN, "new.test", "+tenant=alpha", "alpha"},
    {MANSIO_OBJECT_DOMAIN, "also.test", "+tenant=alpha alias_of=alpha.test", "alpha"},
    {MANSIO_OBJECT_DOMAIN, "also.test", NULL, "alpha"},
    {MANSIO_OBJECT_DOMAIN, "new.test", NULL, "alpha"},
    {MANSIO_OBJECT_ACCOUNT, "ann@alpha.test", "state=suspended", "alpha/ann"},
    {MANSIO_OBJECT_ACCOUNT, "ann@alpha.test", "state=active", "alpha/ann"},
    {MANSIO_OBJECT_ACCOUNT, "ann@alpha.test", "plan=gold", "alpha/ann"},
    {MANSIO_OBJECT_ACCOUNT, "ann@alpha.test", "description=x", ""},
    {MANSIO_OBJECT_ACCOUNT, "new@alpha.test", "+", ""},
    {MANSIO_OBJECT_ACCOUNT, "new@alpha.test", NULL, "alpha/other"},
    {MANSIO_OBJECT_ADDRESS, "more@alpha.test", "+accounts=ann@alpha.test", ""},
    {MANSIO_OBJECT_ADDRESS, "more@alpha.test", NULL, ""},
    {MANSIO_OBJECT_QUOTA, "ann@alpha.test", "+bytes=7", ""},
    {MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test", "+stored=one", "alpha/ann"},
    {MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test", "stored=two", "alpha/ann"},
    {MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test", "scheme=X", ""},
    {MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test#tv", "+stored=one services=imap", "alpha/ann"},
    {MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test#tv", "services=-", "alpha/ann"},
    {MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test#tv", "expires=2027-01-31T12:00:00Z", "alpha/ann"},
    {MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test#tv", NULL, "alpha/ann"},
    {MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test", NULL, "alpha/ann"},
};

/* Each change of an object, and who is told. */
static int noted(void)
{
    epoch = 0;
    CHECK(is(changes(), "all"));
    CHECK(is(changes(), ""));
    for (size_t i = 0; i < MANSIO_COUNT(said); i++) {
        const char *fields = said[i].fields;
        OK(fields == NULL     ? removed(said[i].kind, said[i].key, 1)
           : fields[0] == '+' ? add(said[i].kind, said[i].key, fields + 1)
                              : set(said[i].kind, said[i].key, fields));
        if (strcmp(changes(), said[i].wanted) != 0) {
            print_message("# %s %s: wanted \"%s\", found \"%s\"\n", said[i].key,
                          fields != NULL ? fields : "removed", said[i].wanted, listed);
            CHECK(!"noted");
        }
    }
    return 0;
}

/* By hand, and without a thought of the epoch. */
static int noted_by_hand(void)
{
    (void)sql("UPDATE account SET state = 2 WHERE local = 'ann'");
    CHECK(is(changes(), "alpha/ann"));
    (void)sql("UPDATE account SET state = 1 WHERE local = 'ann'");
    CHECK(is(changes(), "alpha/ann"));
    (void)sql("UPDATE plan SET name = 'golden' WHERE name = 'gold'");
    CHECK(is(changes(), "everybody"));
    (void)sql("UPDATE plan SET name = 'gold' WHERE name = 'golden'");
    CHECK(is(changes(), "everybody"));
    /* A word that is another's now: it was somebody's. */
    OK(word("plan:gold/smtp", "verb=deny"));
    OK(word("account:ann@alpha.test/smtp", "verb=deny"));
    (void)changes();
    (void)sql("UPDATE tenant_word w SET account_id = a.account_id FROM account a"
              " WHERE a.local = 'bob' AND w.account_id IS NOT NULL AND w.service = 'smtp'");
    CHECK(is(changes(), "alpha/ann alpha/other"));
    (void)sql("UPDATE platform_word w SET plan_id = p.plan_id FROM plan p"
              " WHERE p.name = 'silver' AND w.plan_id IS NOT NULL AND w.service = 'smtp'");
    CHECK(is(changes(), "plan:gold plan:silver"));
    OK(removed(MANSIO_OBJECT_POLICY, "plan:silver/smtp", 0));
    OK(removed(MANSIO_OBJECT_POLICY, "account:bob@alpha.test/smtp", 0));
    (void)changes();
    return 0;
}

/* Several since; from the future; from long ago; and very many. */
static int noted_at_once(void)
{
    OK(word("account:ann@alpha.test/smtp", "verb=allow"));
    OK(word("tenant:alpha/smtp", "verb=deny"));
    CHECK(strstr(changes(), "alpha/ann") != NULL && strlen(listed) == strlen("alpha alpha/ann"));
    epoch += 100;
    struct mansio_standing_changes found = {.size = sizeof found};
    OK(pg_standing_changes(pg->instance, epoch, arena, DEADLINE, &found));
    CHECK(found.is_all && found.epoch < epoch);
    epoch = found.epoch;
    (void)sql("UPDATE epoch SET epoch = epoch + 3000");
    CHECK(is(changes(), "all"));
    /* Very many at once are everybody. */
    OK(add(MANSIO_OBJECT_TENANT, "many", ""));
    OK(add(MANSIO_OBJECT_DOMAIN, "many.test", "tenant=many"));
    (void)changes();
    (void)sql("INSERT INTO account (tenant_id, domain_id, local) SELECT tenant_id, domain_id,"
              " 'u' || g FROM domain, generate_series(1, 1500) g WHERE name = 'many.test'");
    CHECK(is(changes(), ""));
    (void)sql("UPDATE account SET state = 2 WHERE local LIKE 'u%'");
    CHECK(strcmp(changes(), "all") == 0 || strstr(listed, "everybody") != NULL);
    OK(removed(MANSIO_OBJECT_TENANT, "many", 1));
    CHECK(is(changes(), "other")); /* and not each of its accounts */
    return 0;
}

static void test_changes_are_noted(void **state)
{
    (void)state;
    run(noted);
    run(noted_by_hand);
    run(noted_at_once);
}

/* ---- credentials ---- */

static uint64_t version_of(const char *local)
{
    struct mansio_login login = {.size = sizeof login};
    OK(pg_login(pg->instance, S(local), S("alpha.test"), arena, DEADLINE, &login));
    CHECK(login.credential_count > 0);
    return login.credentials[0]->version;
}

static int credentials(void)
{
    struct mansio_login login = {.size = sizeof login};
    OK(add(MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test", "stored=one"));
    CHECK(add(MANSIO_OBJECT_CREDENTIAL, "bob@alpha.test", "stored=x services=imap") ==
              MANSIO_E_INVALID &&
          says("only app passwords"));
    CHECK(set(MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test", "expires=2027-01-31T12:00:00Z") ==
          MANSIO_E_INVALID);
    OK(add(MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test#tv",
           "stored=x services=imap_pop3 expires=2027-01-31T12:00:00Z"));
    CHECK(is(list(MANSIO_OBJECT_CREDENTIAL, "key=ann@alpha.test#tv"),
             "ann@alpha.test#tv scram=false kind=app account=ann@alpha.test services=imap pop3"
             " expires=2027-01-31T12:00:00.000000Z;"));
    CHECK(set(MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test#tv", "expires=2027-13-31T12:00:00Z") ==
          MANSIO_E_INVALID);
    uint64_t first = version_of("ann");
    OK(pg_login(pg->instance, S("ann"), S("alpha.test"), arena, DEADLINE, &login));
    /* Stored anew at login: the same secret. Nobody is told. */
    (void)changes();
    OK(pg_credential_upgrade(pg->instance, login.account, login.credentials[0]->id, S("one"),
                             S("{BETTER}one"), DEADLINE));
    CHECK(version_of("ann") == first && strcmp(changes(), "") == 0);
    OK(set(MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test", "stored=other"));
    CHECK(version_of("ann") != first);
    CHECK(strstr(standing_of(ann), " #1.2 #2.1,imap,pop3^ else") != NULL);
    OK(set(MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test#tv", "services=- expires=-"));
    CHECK(strstr(standing_of(ann), " #1.2 #2.1 else") != NULL);
    return 0;
}

static int uses(void)
{
    struct mansio_login login = {.size = sizeof login};
    OK(pg_login(pg->instance, S("ann"), S("alpha.test"), arena, DEADLINE, &login));
    uint64_t main_id = login.credentials[0]->id;
    uint64_t app_id = login.credentials[1]->id;
    struct mansio_account_key other = {key_of("zoe", "beta.test").tenant_id, ann.account_id};
    const int64_t at_us = INT64_C(1800000000) * MANSIO_SECOND;
    const struct mansio_credential_use list_of[] = {
        {sizeof list_of[0], other, app_id, at_us + 9 * MANSIO_SECOND, S("smtp"), S("192.0.2.9")},
        {sizeof list_of[0], ann, app_id, at_us + MANSIO_SECOND, S("imap"), S("192.0.2.1")},
        {sizeof list_of[0], ann, app_id, at_us, S("pop3"), S("192.0.2.2")},
        {sizeof list_of[0], ann, app_id + 1000, at_us, S("pop3"), S("192.0.2.2")},
        {sizeof list_of[0], ann, main_id, at_us, S("pop3"), S("unix")},
    };
    (void)changes();
    OK(pg_credentials_used(pg->instance, list_of, MANSIO_COUNT(list_of), DEADLINE));
    OK(pg_credentials_used(pg->instance, list_of + 2, 1, DEADLINE)); /* older: nothing */
    OK(pg_credentials_used(pg->instance, NULL, 0, DEADLINE));
    CHECK(strcmp(changes(), "") == 0);
    CHECK(is(list(MANSIO_OBJECT_CREDENTIAL, "account=ann@alpha.test"),
             "ann@alpha.test scram=false kind=main account=ann@alpha.test"
             " last_used=2027-01-15T08:00:00.000000Z last_service=pop3 last_network=unix;"
             "ann@alpha.test#tv scram=false kind=app account=ann@alpha.test"
             " last_used=2027-01-15T08:00:01.000000Z last_service=imap last_network=192.0.2.1;"));
    CHECK(strstr(standing_of(ann), " #1.2 #2.1 else") != NULL);
    /* The door, without a tenant: nothing. */
    struct pg_params params;
    const int64_t account = (int64_t)ann.account_id;
    const int64_t credential = (int64_t)app_id;
    const int64_t later = at_us + 99 * MANSIO_SECOND;
    struct mansio_str text = S("x");
    pg_params_init(&params);
    pg_add_int64s(&params, arena, &account, 1);
    pg_add_int64s(&params, arena, &credential, 1);
    pg_add_int64s(&params, arena, &later, 1);
    pg_add_texts(&params, arena, &text, 1);
    pg_add_texts(&params, arena, &text, 1);
    struct pg_conn *conn = NULL;
    const struct pg_result *result = NULL;
    OK(pg_borrow_ask(pg->serving, 0, PG_SQL_CREDENTIALS_USED, &params, DEADLINE, &conn, &result));
    CHECK(pg_get_int32(result, 0, 0) == 0);
    pg_give_back(conn);
    OK(pg_borrow_ask(pg->serving, ann.tenant_id, PG_SQL_CREDENTIALS_USED, &params, DEADLINE, &conn,
                     &result));
    CHECK(pg_get_int32(result, 0, 0) == 1);
    pg_give_back(conn);
    return 0;
}

static void test_credentials(void **state)
{
    (void)state;
    run(credentials);
    run(uses);
}

/* ---- lists, and what is tried ---- */

static int lists(void)
{
    OK(removed(MANSIO_OBJECT_POLICY, "tenant:alpha/smtp", 0));
    OK(removed(MANSIO_OBJECT_POLICY, "domain:alpha.test/smtp", 0));
    OK(removed(MANSIO_OBJECT_POLICY, "account:ann@alpha.test/smtp", 0));
    OK(removed(MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test", 0));
    OK(removed(MANSIO_OBJECT_CREDENTIAL, "ann@alpha.test#tv", 0));
#define ANN "ann@alpha.test gold 1: platform/imap=allow else deny;"
#define BOB "bob@alpha.test silver 1: platform/imap=allow else deny;"
#define CID "cid@second.test silver 1: platform/imap=allow else deny;"
#define ZOE "zoe@beta.test  3: platform/imap=allow else deny;"
    CHECK(is(all_of(MANSIO_POLICY_PLATFORM, ""), ANN BOB ZOE CID));
    CHECK(is(all_of(MANSIO_POLICY_PLAN, "gold"), ANN));
    CHECK(is(all_of(MANSIO_POLICY_PLAN, "silver"), BOB CID));
    CHECK(is(all_of(MANSIO_POLICY_TENANT, "alpha"), ANN BOB CID));
    CHECK(is(all_of(MANSIO_POLICY_DOMAIN, "Alpha.test"), ANN BOB));
    CHECK(is(all_of(MANSIO_POLICY_ACCOUNT, "bob@alpha.test"), BOB));
    CHECK(is(all_of(MANSIO_POLICY_TENANT, "gamma"), "not-found"));
    CHECK(is(all_of(9, ""), "invalid"));
    int left = 2;
    listed[0] = '\0';
    CHECK(pg_standing_list(pg->instance, MANSIO_POLICY_PLATFORM, S(""), 0, visit_say, &left,
                           DEADLINE) == 7);
    CHECK(is(listed, ANN BOB));
    return 0;
}

static int tried(void)
{
    struct mansio_field fields[4];
    uint64_t rows = 0;
    uint64_t more = 0;
    uint64_t bad = 0;
    (void)changes();
    OK(pg_audit_verify(pg->instance, DEADLINE, &rows, &bad));
    size_t count = fields_of("verb=deny locked=true", fields);
    uint64_t before = epoch;
    /* Somebody else has the epoch meanwhile, and neither waits. */
    (void)sql("BEGIN; UPDATE epoch SET epoch = epoch");
    listed[0] = '\0';
    OK(pg_policy_try(pg->instance, S("tenant:alpha/imap"), fields, count, visit_say, NULL,
                     DEADLINE));
    (void)sql("ROLLBACK");
    CHECK(is(listed, "ann@alpha.test gold 1: platform/imap=allow tenant:alpha/imap=deny! else deny;"
                     "bob@alpha.test silver 1: platform/imap=allow tenant:alpha/imap=deny!"
                     " else deny;"
                     "cid@second.test silver 1: platform/imap=allow tenant:alpha/imap=deny!"
                     " else deny;"));
    CHECK(is(list(MANSIO_OBJECT_POLICY, "key=tenant:alpha/imap"), ""));
    listed[0] = '\0';
    OK(pg_policy_try(pg->instance, S("platform/imap"), NULL, 0, visit_say, NULL, DEADLINE));
    CHECK(strstr(listed, "zoe@beta.test  3: else deny;") != NULL);
    CHECK(is(all_of(MANSIO_POLICY_PLATFORM, ""), ANN BOB ZOE CID));
    CHECK(pg_policy_try(pg->instance, S("platform/smtp"), NULL, 0, visit_say, NULL, DEADLINE) ==
          MANSIO_E_NOT_FOUND);
    CHECK(pg_policy_try(pg->instance, S("tenant:gamma/smtp"), fields, count, visit_say, NULL,
                        DEADLINE) == MANSIO_E_NOT_FOUND);
    count = fields_of("verb=deny networks=7", fields);
    CHECK(pg_policy_try(pg->instance, S("platform/smtp"), fields, count, visit_say, NULL,
                        DEADLINE) == MANSIO_E_INVALID);
    /* Nobody is told, nothing is recorded; and the connection knows no more of trying. */
    CHECK(strcmp(changes(), "") == 0 && epoch == before);
    OK(pg_audit_verify(pg->instance, DEADLINE, &more, &bad));
    CHECK(more == rows && bad == 0);
    OK(word("tenant:alpha/imap", "verb=deny"));
    CHECK(is(changes(), "alpha"));
    OK(removed(MANSIO_OBJECT_POLICY, "tenant:alpha/imap", 0));
    pg->role = MANSIO_ROLE_WORKER;
    CHECK(pg_policy_try(pg->instance, S("platform/imap"), NULL, 0, visit_say, NULL, DEADLINE) ==
          MANSIO_E_DENIED);
    CHECK(pg_audit_verify(pg->instance, DEADLINE, &more, &bad) == MANSIO_E_DENIED);
    CHECK(is(all_of(MANSIO_POLICY_PLATFORM, ""), "denied"));
    return 0;
}

/* Changes in earnest, once, the word that is being tried. */
static int change_meanwhile(void *arg, const struct mansio_standing *standing)
{
    int *left = arg;
    if (--*left == 0) {
        OK(word("tenant:alpha/imap", "verb=deny tls=required")); /* else lock_timeout ends it */
    }
    say_standing(standing);
    return 0;
}

/* What is tried keeps nobody from changing the same word. */
static int tried_meanwhile(void)
{
    struct mansio_field fields[4];
    int left = 1;
    /* Before what is tried ends by itself, were it kept. */
    pg->config.lock_timeout_us = MANSIO_SECOND;
    OK(word("tenant:alpha/imap", "verb=deny"));
    size_t count = fields_of("verb=allow", fields);
    listed[0] = '\0';
    OK(pg_policy_try(pg->instance, S("tenant:alpha/imap"), fields, count, change_meanwhile, &left,
                     DEADLINE));
    CHECK(left < 0 && strstr(listed, "cid@second.test silver 1: platform/imap=allow"
                                     " tenant:alpha/imap=allow else deny;") != NULL);
    CHECK(is(list(MANSIO_OBJECT_POLICY, "key=tenant:alpha/imap"),
             "tenant:alpha/imap verb=deny locked=false tls=required;"));
    /* Taken away, and said for a service that has words on both sides. */
    OK(word("tenant:alpha/aaa", "verb=deny"));
    OK(word("tenant:alpha/zzz", "verb=deny"));
    listed[0] = '\0';
    OK(pg_policy_try(pg->instance, S("tenant:alpha/imap"), fields, count, visit_say, NULL,
                     DEADLINE));
    CHECK(strstr(listed, "ann@alpha.test gold 1: platform/imap=allow tenant:alpha/aaa=deny"
                         " tenant:alpha/imap=allow tenant:alpha/zzz=deny else deny;") == listed);
    left = 1;
    listed[0] = '\0';
    OK(pg_policy_try(pg->instance, S("tenant:alpha/imap"), NULL, 0, change_meanwhile, &left,
                     DEADLINE));
    CHECK(strstr(listed, "ann@alpha.test gold 1: platform/imap=allow tenant:alpha/aaa=deny"
                         " tenant:alpha/zzz=deny else deny;") == listed);
    /* A scope without accounts: only whether it can be said. */
    listed[0] = '\0';
    OK(add(MANSIO_OBJECT_PLAN, "empty", ""));
    OK(pg_policy_try(pg->instance, S("plan:empty/imap"), fields, count, visit_say, NULL, DEADLINE));
    CHECK(is(listed, ""));
    CHECK(pg_policy_try(pg->instance, S("plan:empty/imap"), NULL, 0, visit_say, NULL, DEADLINE) ==
          MANSIO_E_NOT_FOUND);
    OK(removed(MANSIO_OBJECT_PLAN, "empty", 0));
    OK(removed(MANSIO_OBJECT_POLICY, "tenant:alpha/aaa", 0));
    OK(removed(MANSIO_OBJECT_POLICY, "tenant:alpha/imap", 0));
    OK(removed(MANSIO_OBJECT_POLICY, "tenant:alpha/zzz", 0));
    return 0;
}

static void test_lists_and_tries(void **state)
{
    (void)state;
    run(lists);
    run(tried);
    run(tried_meanwhile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_people),
        cmocka_unit_test(test_changes_are_noted),
        cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_lists_and_tries),
    };
    return cmocka_run_group_tests_name("policy_change", tests, policy_setup, policy_teardown);
}
