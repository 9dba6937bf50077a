/*
 * The audit log's chain: whatever is changed, removed, put in between or cut off is found. And an
 * upgrade from before there was policy, with tenants and an audit log.
 */
#include "standing.h"

#include "core/host/testing.h"

#include "testing_policy.h"

/* ---- the audit log ---- */

/* Something to record. */
static int recorded(void)
{
    open_super("mansio");
    OK(add(MANSIO_OBJECT_TENANT, "alpha", "description=first"));
    for (int i = 0; i < 60; i++) {
        OK(word("tenant:alpha/imap", i % 2 == 0 ? "verb=allow" : "verb=deny tls=absent"));
    }
    return 0;
}

/* The first bad row, as text; rows that were counted don't matter then. */
static long long bad_row(void)
{
    uint64_t rows = 0;
    uint64_t bad = 0;
    OK(pg_audit_verify(pg->instance, DEADLINE, &rows, &bad));
    return (long long)bad;
}

/* As somebody who may do everything, unnoticed by triggers. */
static void tamper(const char *text)
{
    char whole[1024];
    snprintf(whole, sizeof whole, "BEGIN; SET LOCAL session_replication_role = replica; %s; COMMIT",
             text);
    (void)sql(whole);
}

static int chained(void)
{
    static const char *const columns[] = {
        "actor = 'nobody'",       "reason = 'none'",   "action = 'add'",
        "kind = 'plan'",          "object = 'x'",      "tenant = 'x'",
        "before = '{\"a\": 1}'",  "after = NULL",      "at = at + interval '1 microsecond'",
        "previous = sha256('x')", "hash = sha256('x')"};
    uint64_t rows = 0;
    uint64_t bad = 9;
    OK(pg_audit_verify(pg->instance, DEADLINE, &rows, &bad));
    CHECK(bad == 0 && rows > 50);
    CHECK(strtoull(sql("SELECT count(*) FROM audit"), NULL, 10) == rows);
    /* Numbers have no gaps, and the words of a row don't choose its own. */
    CHECK(strtoull(sql("SELECT max(audit_id) FROM audit"), NULL, 10) == rows);
    (void)sql("CREATE TABLE kept AS SELECT * FROM audit; CREATE TABLE head AS SELECT * FROM"
              " audit_head");
    for (size_t i = 0; i < MANSIO_COUNT(columns); i++) {
        char text[256];
        snprintf(text, sizeof text, "UPDATE audit SET %s WHERE audit_id = 20", columns[i]);
        tamper(text);
        if (bad_row() != 20) {
            print_message("# %s: not found\n", columns[i]);
            CHECK(!"found");
        }
        tamper("DELETE FROM audit WHERE audit_id = 20; INSERT INTO audit OVERRIDING SYSTEM VALUE"
               " SELECT * FROM kept WHERE audit_id = 20");
        CHECK(bad_row() == 0);
    }
    /* One removed; the first; put in between; two exchanged; the end cut off; all gone. */
    tamper("DELETE FROM audit WHERE audit_id = 20");
    CHECK(bad_row() == 21);
    tamper("DELETE FROM audit; INSERT INTO audit OVERRIDING SYSTEM VALUE SELECT * FROM kept"
           " WHERE audit_id > 1");
    CHECK(bad_row() == 2);
    tamper("DELETE FROM audit; INSERT INTO audit OVERRIDING SYSTEM VALUE SELECT * FROM kept;"
           "DELETE FROM audit WHERE audit_id >= 20; INSERT INTO audit OVERRIDING SYSTEM VALUE"
           " SELECT audit_id + 1000, at, actor, action, kind, object, tenant, before, after,"
           " reason, previous, hash FROM kept WHERE audit_id >= 20; INSERT INTO audit"
           " OVERRIDING SYSTEM VALUE SELECT 20, now(), 'x', 'x', 'x', 'x', NULL, NULL, NULL, '',"
           " hash, sha256('x') FROM kept WHERE audit_id = 19");
    CHECK(bad_row() == 20);
    tamper("DELETE FROM audit; INSERT INTO audit OVERRIDING SYSTEM VALUE SELECT * FROM kept;"
           "UPDATE audit a SET actor = k.actor, object = k.object, after = k.after FROM kept k"
           " WHERE a.audit_id = 20 AND k.audit_id = 21");
    CHECK(bad_row() == 20);
    tamper("DELETE FROM audit; INSERT INTO audit OVERRIDING SYSTEM VALUE SELECT * FROM kept;"
           "DELETE FROM audit WHERE audit_id > 30");
    CHECK(bad_row() == 31);
    tamper("DELETE FROM audit");
    CHECK(bad_row() == 1);
    tamper("INSERT INTO audit OVERRIDING SYSTEM VALUE SELECT * FROM kept; DELETE FROM audit_head");
    CHECK(bad_row() == (long long)rows + 1);
    tamper("INSERT INTO audit_head SELECT * FROM head");
    CHECK(bad_row() == 0);
    /* Planted before the first, hash and all. */
    static const char *const early[] = {"0", "-5", "-9223372036854775808"};
    for (size_t i = 0; i < MANSIO_COUNT(early); i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "INSERT INTO audit OVERRIDING SYSTEM VALUE SELECT %s, at, 'x', action, kind,"
                 " object, tenant, before, after, reason, previous, hash FROM kept"
                 " WHERE audit_id = 1; UPDATE audit a SET hash = audit_hash(a) WHERE audit_id < 1",
                 early[i]);
        tamper(text);
        CHECK(bad_row() == 1);
        tamper("DELETE FROM audit WHERE audit_id < 1");
        CHECK(bad_row() == 0);
    }
    (void)sql("DROP TABLE kept, head");
    for (int i = 0; i < 21; i++) {
        (void)sql("INSERT INTO audit (actor, action, kind, object) SELECT 'a', 'b', 'c', g::text"
                  " FROM generate_series(1, 250) g");
    }
    OK(pg_audit_verify(pg->instance, DEADLINE, &rows, &bad));
    CHECK(bad == 0 && rows > 5250); /* more than a page */
    return 0;
}

static void test_audit_is_chained(void **state)
{
    (void)state;
    run(recorded);
    run(chained);
}

/* ---- an upgrade ---- */

/* A database as version 3 left it. */
static void make_old(void)
{
    (void)sql("CREATE DATABASE old TEMPLATE template0");
    open_super("old");
    (void)sql("CREATE SCHEMA mansio AUTHORIZATION mansio_owner;"
              "GRANT USAGE ON SCHEMA mansio TO mansio_door, mansio_admin, mansio_spool,"
              " mansio_serving;"
              "ALTER DEFAULT PRIVILEGES FOR ROLE mansio_owner REVOKE EXECUTE ON FUNCTIONS"
              " FROM PUBLIC");
    for (size_t i = 0; i < 3; i++) {
        struct mansio_str text = MANSIO_STR_NONE;
        CHECK(mansio_arena_printf(arena, &text,
                                  "BEGIN; SET LOCAL ROLE mansio_owner;\n%s\n;SET LOCAL ROLE"
                                  " mansio_owner; INSERT INTO mansio.schema_version (version,"
                                  " oldest, name) VALUES (%u, %u, '%s'); COMMIT",
                                  pg_migrations[i].text, pg_migrations[i].version,
                                  pg_migrations[i].oldest, pg_migrations[i].name) == 0);
        (void)sql(text.ptr);
    }
    (void)sql("INSERT INTO tenant (name, decoy) VALUES ('alpha', random_32());"
              "INSERT INTO domain (tenant_id, name) VALUES (1, 'alpha.test');"
              "INSERT INTO account (tenant_id, domain_id, local) VALUES (1, 1, 'ann');"
              "INSERT INTO credential (tenant_id, account_id, stored) VALUES (1, 1, 'x');"
              "INSERT INTO audit (actor, action, kind, object, tenant, after) SELECT 'root', 'add',"
              " 'x', g::text, nullif(g % 3, 0)::text, '{\"b\": 1, \"a\": \"\\u00e4\"}'"
              " FROM generate_series(1, 50) g; DELETE FROM audit WHERE audit_id = 7;"
              "UPDATE epoch SET epoch = 41");
}

static int upgrade(void)
{
    char conninfo[512];
    make_old(); /* this world's pools open what the settings say from now on */
    snprintf(conninfo, sizeof conninfo, "host=%s dbname=old", testing_dir);
    pg->config.conninfo = S(conninfo);
    CHECK(pg_schema_apply(pg, NULL, NULL, mansio_deadline_in(60 * MANSIO_SECOND)) ==
          (int)pg_migration_count - 3);
    CHECK(pg_schema_check(pg_schema_wanted(), 2) == 0);
    uint64_t rows = 0;
    uint64_t bad = 9;
    OK(pg_audit_verify(pg->instance, DEADLINE, &rows, &bad));
    CHECK(rows == 49 && bad == 0);
    /* An upgrade shuts nobody out; everybody who is there counts as changed. */
    CHECK(is(list(MANSIO_OBJECT_PLATFORM, ""), " policy_default=allow;"));
    CHECK(
        is(standing_of((struct mansio_account_key){1, 1}), "ann@alpha.test  1: #1.1 else allow;"));
    epoch = 40;
    CHECK(is(changes(), "all"));
    OK(word("platform/imap", "verb=allow"));
    ann = (struct mansio_account_key){1, 1};
    CHECK(is(changes(), "everybody"));
    OK(pg_audit_verify(pg->instance, DEADLINE, &rows, &bad));
    CHECK(rows == 50 && bad == 0);
    /* What a module of before sends still works: it looks a login up, and raises the epoch. */
    (void)sql("SET ROLE mansio_serving; SELECT (facts).*, ids, kinds, stored, scheme, decoy,"
              " is_scram_ready, is_upgrading, is_ours FROM login_find('ann', 'alpha.test');"
              "RESET ROLE; SET ROLE mansio_admin; BEGIN;"
              "UPDATE epoch SET epoch = epoch + 1, changed = clock_timestamp();"
              "UPDATE credential SET stored = 'y'; COMMIT; RESET ROLE");
    CHECK(is(changes(), "alpha/ann"));
    CHECK(is(standing_of(ann), "ann@alpha.test  1: platform/imap=allow #1.2 else allow;"));
    return 0;
}

static void test_upgrade(void **state)
{
    (void)state;
    run(upgrade);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_audit_is_chained),
        cmocka_unit_test(test_upgrade),
    };
    return cmocka_run_group_tests_name("policy_audit", tests, policy_setup, policy_teardown);
}
