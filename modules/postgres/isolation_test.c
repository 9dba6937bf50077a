/*
 * Isolation: what the catalog says of rights is what rights.list says; and every statement of the
 * tables, run with ids of another tenant, or without a tenant, meets what it would meet with ids
 * that don't exist.
 *
 * For the second part each table with tenant_id has a row of tenant 1, in which every number is 1:
 * so that a statement whose every number is 1 finds something if it may.
 */
#include "sql.h"

#include "core/host/testing.h"

#include "libpq.h"
#include "schema.h"
#include "testing.h"

#define DEADLINE mansio_deadline_in(30 * MANSIO_SECOND)

enum { LINES_MAX = 1000, LINE_MAX = 512 };

static PGconn *super;

static PGresult *ask_super(const char *sql)
{
    PGresult *result = PQexec(super, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        print_error("%s\n", PQresultErrorMessage(result));
        abort();
    }
    return result;
}

static int apply(void *arg)
{
    (void)arg;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct pg *pg = TESTING_PG(arena);
    CHECK(pg_schema_apply(pg, NULL, NULL, mansio_deadline_in(60 * MANSIO_SECOND)) > 0);
    mansio_arena_free(arena);
    return 0;
}

static int setup(void **state)
{
    char conninfo[512];
    if (testing_cluster_up(state) < 0) {
        return -1;
    }
    run_fiber(apply, NULL);
    snprintf(conninfo, sizeof conninfo,
             "%s user=postgres options='-c search_path=mansio -c client_min_messages=warning'",
             testing_conninfo);
    super = PQconnectdb(conninfo);
    return PQstatus(super) == CONNECTION_OK ? 0 : -1;
}

static int teardown(void **state)
{
    PQfinish(super);
    return testing_cluster_down(state);
}

/* ---- the catalog ---- */

/* A line for each table without tenant_id, for what each role may do with it; for each policy
 * beside tenant_rows; for each door; and for whatever must not be. */
static const char facts[] =
    "WITH t AS (SELECT c.oid, c.relname, c.relrowsecurity AND c.relforcerowsecurity AS is_forced,"
    "  c.relowner, c.relacl, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid"
    "   AND a.attname = 'tenant_id') AS is_tenants"
    "  FROM pg_class c WHERE c.relnamespace = 'mansio'::regnamespace AND c.relkind IN ('r', 'p')),"
    " f AS (SELECT p.* FROM pg_proc p WHERE p.pronamespace = 'mansio'::regnamespace)"
    " SELECT 'table ' || relname FROM t WHERE NOT is_tenants"
    " UNION ALL SELECT format('grant %s %s %s', relname, a.grantee::regrole,"
    "   string_agg(a.privilege_type, ',' ORDER BY a.privilege_type))"
    "  FROM t, aclexplode(relacl) a WHERE NOT is_tenants AND a.grantee <> relowner"
    "   AND a.grantee <> 0 GROUP BY relname, a.grantee"
    " UNION ALL SELECT format('policy %s %s %s %s', t.relname, p.polname,"
    "   (SELECT string_agg(r::regrole::text, ',') FROM unnest(p.polroles) r), p.polcmd)"
    "  FROM pg_policy p JOIN t ON t.oid = p.polrelid WHERE p.polname <> 'tenant_rows'"
    " UNION ALL SELECT 'door ' || proname FROM f WHERE prosecdef"
    /* and what must not be */
    " UNION ALL SELECT 'WRONG not forced: ' || relname FROM t WHERE is_tenants AND NOT is_forced"
    " UNION ALL SELECT 'WRONG tenant_id is not first in the key: ' || t.relname FROM t"
    "  JOIN pg_index i ON i.indrelid = t.oid AND i.indisprimary JOIN pg_attribute a ON"
    "   a.attrelid = t.oid AND a.attnum = i.indkey[0] WHERE is_tenants AND a.attname <> 'tenant_id'"
    " UNION ALL SELECT 'WRONG no primary key: ' || relname FROM t WHERE NOT EXISTS (SELECT FROM"
    "  pg_index i WHERE i.indrelid = t.oid AND i.indisprimary)"
    " UNION ALL SELECT 'WRONG policy tenant_rows: ' || relname FROM t WHERE is_tenants AND NOT"
    "  EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid AND p.polname = 'tenant_rows'"
    "   AND p.polroles = ARRAY['mansio_serving'::regrole::oid] AND p.polcmd = '*'"
    "   AND p.polpermissive AND p.polwithcheck IS NULL"
    "   AND pg_get_expr(p.polqual, p.polrelid) = '(tenant_id = (NULLIF(current_setting("
    "''mansio.tenant''::text, true), ''''::text))::bigint)')"
    " UNION ALL SELECT 'WRONG owner of table: ' || relname FROM t"
    "  WHERE relowner <> 'mansio_owner'::regrole"
    " UNION ALL SELECT 'WRONG public: ' || relname FROM t, aclexplode(relacl) a"
    "  WHERE a.grantee = 0"
    " UNION ALL SELECT 'WRONG public function: ' || proname FROM f"
    "  WHERE proacl IS NULL OR EXISTS (SELECT FROM aclexplode(proacl) a WHERE a.grantee = 0)"
    " UNION ALL SELECT 'WRONG door: ' || proname FROM f WHERE prosecdef AND"
    "  (proowner <> 'mansio_door'::regrole OR proconfig IS NULL"
    "   OR NOT 'search_path=mansio, pg_temp' = ANY (proconfig))"
    " UNION ALL SELECT 'WRONG owner of function: ' || proname FROM f"
    "  WHERE NOT prosecdef AND proowner <> 'mansio_owner'::regrole"
    " UNION ALL SELECT 'WRONG role: ' || rolname FROM pg_roles WHERE rolname LIKE 'mansio%'"
    "  AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication"
    "   OR rolbypassrls <> (rolname = 'mansio_migrator')"
    "   OR rolcanlogin = (rolname IN ('mansio_owner', 'mansio_door')))"
    " UNION ALL SELECT format('WRONG member: %s of %s', member::regrole, roleid::regrole)"
    "  FROM pg_auth_members WHERE roleid::regrole::text LIKE 'mansio%'"
    "   AND member <> 'mansio_migrator'::regrole"
    " UNION ALL SELECT format('WRONG schema: %s may create', r.rolname) FROM pg_roles r WHERE"
    "  r.rolname LIKE 'mansio%' AND r.rolname NOT IN ('mansio_owner', 'mansio_migrator')"
    "  AND has_schema_privilege(r.oid, 'mansio', 'CREATE')"
    " UNION ALL SELECT 'WRONG serving sees: ' || relname FROM t WHERE relname IN ('tenant',"
    "  'domain', 'account', 'address', 'address_account', 'credential', 'tenant_quota',"
    "  'account_quota', 'audit', 'platform', 'plan', 'platform_word', 'platform_network',"
    "  'tenant_word', 'tenant_network', 'standing_change', 'audit_head') AND"
    "  has_any_column_privilege('mansio_serving', oid, 'SELECT, INSERT, UPDATE, REFERENCES')"
    " ORDER BY 1";

static int compare_lines(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void test_rights_are_as_listed(void **state)
{
    (void)state;
    static char listed[LINES_MAX][LINE_MAX];
    size_t count = 0;
    int wrong = 0;
    char path[512];
    snprintf(path, sizeof path, "%s/modules/postgres/rights.list", getenv("MANSIO_SRCDIR"));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (count < LINES_MAX && fgets(listed[count], LINE_MAX, file) != NULL) {
        char *reason = strstr(listed[count], ": ");
        if (listed[count][0] == '#' || listed[count][0] == '\n') {
            continue;
        }
        /* Each says why. */
        assert_true(reason != NULL && strlen(reason) > 10);
        *reason = '\0';
        count++;
    }
    fclose(file);
    qsort(listed, count, LINE_MAX, compare_lines);
    PGresult *found = ask_super(facts);
    size_t at = 0;
    for (int i = 0; i < PQntuples(found); i++) {
        const char *line = PQgetvalue(found, i, 0);
        while (at < count && strcmp(listed[at], line) < 0) {
            print_message("# rights.list has, the database hasn't: %s\n", listed[at++]);
            wrong++;
        }
        if (at < count && strcmp(listed[at], line) == 0) {
            at++;
        } else {
            print_message("# the database has, rights.list hasn't: %s\n", line);
            wrong++;
        }
    }
    for (; at < count; at++, wrong++) {
        print_message("# rights.list has, the database hasn't: %s\n", listed[at]);
    }
    PQclear(found);
    assert_int_equal(wrong, 0);
    assert_true(count > 20);
}

/* ---- statements ---- */

/* A row of tenant 1 in each table, every number 1; constraints between tables are not looked at. */
static const char fill[] =
    "SET session_replication_role = replica;"
    "DO $$ DECLARE t record; v_columns text; v_values text; BEGIN"
    " FOR t IN SELECT c.oid, c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
    "  AND a.attname = 'tenant_id' WHERE c.relnamespace = 'mansio'::regnamespace"
    "  AND c.relkind = 'r' LOOP"
    "  SELECT string_agg(quote_ident(a.attname), ', '), string_agg(CASE"
    "    WHEN a.attname = 'is_gone' THEN 'false'"
    "    WHEN t.relname = 'tenant_word' AND a.attname = 'domain_id' THEN 'NULL'" /* one owner */
    "    WHEN a.atttypid IN (20, 21, 23) THEN '1' WHEN a.atttypid = 25 THEN '''x'''"
    "    WHEN a.atttypid = 17 THEN 'sha256(''x'')' WHEN a.atttypid = 16 THEN 'true'"
    "    WHEN a.atttypid = 1184 THEN 'now()' WHEN a.atttypid = 1016 THEN '''{1}'''"
    "    WHEN a.atttypid = 1009 THEN '''{x}''' ELSE 'NULL' END, ', ')"
    "  INTO v_columns, v_values FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum > 0"
    "   AND NOT a.attisdropped AND a.attgenerated = '';"
    "  EXECUTE format('INSERT INTO %I (%s) OVERRIDING SYSTEM VALUE VALUES (%s)', t.relname,"
    "   v_columns, v_values);"
    " END LOOP; END $$;"
    "RESET session_replication_role;";

/* What a statement met, as far as who asks can see it. */
struct met {
    char text[2048];
};

static struct pg *pg;
static struct mansio_arena *arena;

static void add_params(const struct pg_statement *statement, struct pg_params *params,
                       int64_t number)
{
    const int32_t small = (int32_t)number;
    const struct mansio_str text = MANSIO_STR("x");
    for (const char *type = statement->params; *type != '\0'; type++) {
        switch (*type) {
        case 'l':
            pg_add_int64(params, number);
            break;
        case 'i':
            pg_add_int32(params, small);
            break;
        case 'o':
            pg_add_bool(params, 1);
            break;
        case 'z':
            pg_add_time(params, INT64_C(1800000000000000));
            break;
        case 'b':
            pg_add_bytes(params, text);
            break;
        case 't':
            pg_add_text(params, text);
            break;
        case 'L':
            pg_add_int64s(params, arena, &number, 1);
            break;
        case 'I':
            pg_add_int32s(params, arena, &small, 1);
            break;
        case 'T':
            pg_add_texts(params, arena, &text, 1);
            break;
        default:
            pg_add_bytess(params, arena, &text, 1);
            break;
        }
    }
}

/* Texts and bytes of a result, which ids that are only given back aren't. */
static void describe(const struct pg_statement *statement, const struct pg_result *result,
                     struct met *met)
{
    size_t at =
        (size_t)snprintf(met->text, sizeof met->text, "rows %zu affected %llu:", pg_rows(result),
                         (unsigned long long)pg_affected(result));
    for (size_t row = 0; row < pg_rows(result); row++) {
        for (size_t c = 0; statement->columns[c] != '\0' && at < sizeof met->text - 300; c++) {
            char type = statement->columns[c];
            struct mansio_str value = MANSIO_STR_NONE;
            if (type == 't' || type == 'b') {
                value = mansio_str_sub(pg_get_str(result, row, c), 0, 200);
            }
            at += (size_t)snprintf(met->text + at, sizeof met->text - at, " %c%zu",
                                   pg_is_null(result, row, c) ? '-' : '+', value.len);
        }
    }
}

static void meet(struct pg_pool *pool, unsigned id, uint64_t tenant, int64_t number,
                 struct met *met)
{
    const struct pg_statement *statement = pg_statement_get(id);
    struct pg_conn *conn = NULL;
    const struct pg_result *result = NULL;
    struct pg_params *params = mansio_arena_alloc(arena, sizeof *params);
    pg_params_init(params);
    add_params(statement, params, number);
    CHECK(pg_borrow(pool, DEADLINE, &conn) == 0);
    CHECK(pg_begin(conn) == 0);
    if (tenant != 0) {
        CHECK(pg_tenant(conn, tenant) == 0);
    }
    CHECK(pg_send(conn, id, params) == 0);
    CHECK(pg_sync(conn, 0) == 0);
    int rc = pg_receive(conn, DEADLINE, &result);
    if (rc < 0) {
        snprintf(met->text, sizeof met->text, "%s", pg_sqlstate(conn));
    } else {
        describe(statement, result, met);
    }
    pg_rollback(conn);
    pg_give_back(conn);
}

enum { OWN = 1, OTHER = 2, NOBODY = 99 };

static int statements_are_held(void *arg)
{
    (void)arg;
    arena = mansio_arena_new(NULL, "test", 0);
    pg = TESTING_PG(arena);
    pg->serving = pg_pool_new(pg, PG_ROLE_SERVING, "serving", 2);
    struct met *met = mansio_arena_alloc(arena, 4 * sizeof *met);
    size_t tried = 0;
    size_t found = 0;
    for (unsigned id = 0; id < PG_SQL_MAX; id++) {
        const struct pg_statement *statement = pg_statement_get(id);
        if (statement == NULL) {
            continue;
        }
        CHECK(statement->scope >= PG_SCOPE_TENANT && statement->scope <= PG_SCOPE_SPOOL);
        CHECK((statement->why != NULL) ==
              (statement->scope == PG_SCOPE_DOOR || statement->scope == PG_SCOPE_GLOBAL));
        if (statement->scope != PG_SCOPE_TENANT) {
            continue;
        }
        tried++;
        meet(pg->serving, id, OWN, OWN, &met[0]);
        meet(pg->serving, id, OTHER, OWN, &met[1]);
        meet(pg->serving, id, OTHER, NOBODY, &met[2]);
        found += strcmp(met[0].text, met[2].text) != 0;
        if (strcmp(met[1].text, met[2].text) != 0) {
            print_message("# %s as another tenant: %s; with ids of nobody: %s\n", statement->name,
                          met[1].text, met[2].text);
            CHECK(!"held");
        }
        meet(pg->serving, id, 0, OWN, &met[1]);
        meet(pg->serving, id, 0, NOBODY, &met[2]);
        if (strcmp(met[1].text, met[2].text) != 0) {
            print_message("# %s without a tenant: %s; with ids of nobody: %s\n", statement->name,
                          met[1].text, met[2].text);
            CHECK(!"held");
        }
    }
    print_message("# %zu statements of tenants, of which %zu find their own rows\n", tried, found);
    CHECK(tried >= 30);
    CHECK(found * 2 >= tried); /* else this shows little */
    pg_pool_close(pg->serving);
    mansio_arena_free(arena);
    return 0;
}

static void test_statements_are_held(void **state)
{
    (void)state;
    PQclear(ask_super(fill));
    /* Anybody may give his own role defaults: none of them is a tenant. */
    PQclear(ask_super("ALTER ROLE mansio_serving SET mansio.tenant = '1'"));
    run_fiber(statements_are_held, NULL);
    PQclear(ask_super("ALTER ROLE mansio_serving RESET mansio.tenant"));
}

/* Whatever statement there may be some day: as serving, no table shows or takes a row of another
 * tenant. */
static void test_tables_are_held(void **state)
{
    (void)state;
    PGresult *tables = ask_super("SELECT c.relname FROM pg_class c JOIN pg_attribute a ON"
                                 " a.attrelid = c.oid AND a.attname = 'tenant_id'"
                                 " WHERE c.relnamespace = 'mansio'::regnamespace"
                                 " AND c.relkind = 'r'");
    int own = 0;
    PQclear(ask_super("SET ROLE mansio_serving"));
    for (int i = 0; i < PQntuples(tables); i++) {
        char sql[512];
        const char *table = PQgetvalue(tables, i, 0);
        static const char *const tenants[] = {"1", "2", ""};
        for (size_t t = 0; t < MANSIO_COUNT(tenants); t++) {
            snprintf(sql, sizeof sql,
                     "BEGIN; SELECT set_config('mansio.tenant', '%s', true);"
                     "SELECT count(*) FROM %s",
                     tenants[t], table);
            PGresult *result = PQexec(super, sql);
            const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
            if (sqlstate != NULL) {
                assert_string_equal(sqlstate, "42501"); /* no right at all */
            } else if (t == 0) {
                own += strcmp(PQgetvalue(result, 0, 0), "1") == 0;
            } else {
                assert_string_equal(PQgetvalue(result, 0, 0), "0");
            }
            PQclear(result);
            PQclear(PQexec(super, "ROLLBACK"));
        }
        snprintf(sql, sizeof sql,
                 "BEGIN; SELECT set_config('mansio.tenant', '2', true); DELETE FROM %s", table);
        PGresult *result = PQexec(super, sql);
        const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        assert_string_equal(sqlstate != NULL ? sqlstate : PQcmdTuples(result),
                            sqlstate != NULL ? "42501" : "0");
        PQclear(result);
        PQclear(PQexec(super, "ROLLBACK"));
    }
    PQclear(ask_super("RESET ROLE"));
    assert_true(PQntuples(tables) > 15);
    assert_true(own > 8); /* so those that it may see, it saw */
    PQclear(tables);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rights_are_as_listed),
        cmocka_unit_test(test_statements_are_held),
        cmocka_unit_test(test_tables_are_held),
    };
    return cmocka_run_group_tests_name("isolation", tests, setup, teardown);
}
