"""Tenants are apart, whoever has taken over a worker's connection to the database: what the
serving role can't do with SQL of its own choice. It can name any tenant, one at a time, since that
is what it is for; so a forged name shows that tenant's mail, never two at once, and nothing at all
of the directory but what the doors say of one address.

How the store answers a module that uses ids of another tenant with its own handle is asked in
test_store_conformance.py, what each of our statements meets in modules/postgres/isolation_test.c.
"""

import contextlib

import psycopg2
import pytest
from mansio_test.deliveries import TO, wait_until_taken

# What PostgreSQL says to who may not.
DENIED = ("42501",)


@pytest.fixture(scope="module")
def lab(make_lab):
    made = make_lab("isolation", workers=1, accounts=2).up()
    wait_until_taken(made, to=TO)
    return made


@pytest.fixture(scope="module")
def tenants(lab):
    return dict(lab.sql("SELECT name, tenant_id FROM tenant"))


@pytest.fixture
def serving(lab):
    connection = psycopg2.connect(lab.cluster.dsn("mansio_serving", lab.node.passwords["serving"]))
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("SET search_path = mansio, pg_temp")
    yield cursor
    connection.close()


def ask(cursor, sql, *values):
    """Rows of a query; the SQLSTATE where it fails."""
    try:
        cursor.execute(sql, values or None)
        return cursor.fetchall() if cursor.description else cursor.rowcount
    except psycopg2.Error as error:
        return error.pgcode


@contextlib.contextmanager
def tenant(cursor, number):
    """A transaction in which it is set."""
    cursor.execute("BEGIN")
    try:
        cursor.execute("SELECT set_config('mansio.tenant', %s, true)", (str(number),))
        yield
    finally:
        cursor.execute("ROLLBACK")


def tables(lab):
    """Those with tenants' rows, and those of them that the serving role may read at all."""
    rows = lab.sql(
        "SELECT c.relname, has_table_privilege('mansio_serving', c.oid, 'SELECT') FROM pg_class c"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'"
        " WHERE c.relnamespace = 'mansio'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')"
    )
    assert len(rows) > 15
    return [name for name, _ in rows], [name for name, may in rows if may == "t"]


def test_without_a_tenant_there_is_nothing(lab, serving):
    every, readable = tables(lab)
    assert "message_state" in readable and "credential" not in readable
    for name in every:
        for value in (None, "", "0", "-1"):
            if value is not None:
                serving.execute("SELECT set_config('mansio.tenant', %s, false)", (value,))
            expected = [(0,)] if name in readable else "42501"
            assert ask(serving, f"SELECT count(*) FROM {name}") == expected, (name, value)
            if name in readable:
                assert ask(serving, f"DELETE FROM {name}") == 0, name
        serving.execute("RESET mansio.tenant")
    assert int(lab.sql("SELECT count(*) FROM message_state")[0][0]) >= len(TO)


def test_one_tenant_at_a_time(lab, serving, tenants):
    """A forged name shows that tenant, and no other."""
    _, readable = tables(lab)
    seen = {}
    for name, number in tenants.items():
        with tenant(serving, number):
            for table in readable:
                rows = ask(serving, f"SELECT DISTINCT tenant_id FROM {table}")
                assert rows in ([], [(int(number),)]), (name, table)
                seen[name] = seen.get(name, 0) + len(rows)
    assert all(count > 5 for count in seen.values()), "it shows nothing of its own either"


@pytest.mark.parametrize("value", ["1 OR true", "1) OR (true", "9223372036854775808", "NaN", "%"])
def test_names_that_are_none(serving, value):
    with tenant(serving, value):
        assert ask(serving, "SELECT count(*) FROM message_state") in ("22P02", "22003")


def test_nothing_is_written_across(lab, serving, tenants):
    alpha, beta = tenants["alpha"], tenants["beta"]
    _, readable = tables(lab)
    before = lab.sql("SELECT md5(string_agg(s::text, ',' ORDER BY s::text)) FROM message_state s")
    for table in readable:
        with tenant(serving, alpha):
            found = ask(serving, f"UPDATE {table} SET tenant_id = {beta}")
            # Rows of one's own can't be given away; where there are none, nothing happens.
            assert found in ("42501", 0), (table, found)
        with tenant(serving, alpha):
            assert ask(serving, f"DELETE FROM {table} WHERE tenant_id = {beta}") == 0, table
        with tenant(serving, alpha):
            row = f"(jsonb_populate_record(NULL::{table}, '{{\"tenant_id\": {beta}}}')).*"
            assert ask(serving, f"INSERT INTO {table} SELECT {row}") in ("42501", "23502"), table
    after = lab.sql("SELECT md5(string_agg(s::text, ',' ORDER BY s::text)) FROM message_state s")
    assert before == after


def test_functions_of_conditions_see_no_more(serving, lab, tenants):
    """What fails on a row, or tells of it, runs on rows that may be seen: errors leak nothing."""
    ((foreign,),) = lab.sql(
        f"SELECT max(account_id) FROM account_state WHERE tenant_id = {tenants['beta']}"
    )
    own = lab.sql(f"SELECT max(account_id) FROM account_state WHERE tenant_id = {tenants['alpha']}")
    query = "SELECT count(*) FROM account_state WHERE 1 / (account_id - {}) IS NOT NULL"
    with tenant(serving, tenants["alpha"]):
        assert ask(serving, query.format(own[0][0])) == "22012", "a row of one's own does fail"
    with tenant(serving, tenants["alpha"]):
        assert isinstance(ask(serving, query.format(foreign)), list)
    with tenant(serving, tenants["alpha"]):
        assert ask(serving, "SET row_security = off; SELECT * FROM message_state") == "42501"
    lab.sql("ANALYZE")
    names = ",".join(f"'{name}'" for name in tables(lab)[0])
    assert ask(serving, f"SELECT count(*) FROM pg_stats WHERE tablename IN ({names})") == [(0,)]
    assert ask(serving, "SELECT * FROM pg_statistic") == "42501"


@pytest.mark.parametrize(
    "sql",
    [
        *(
            f"SET ROLE {role}"
            for role in (
                "mansio_owner",
                "mansio_door",
                "mansio_migrator",
                "mansio_admin",
                "mansio_spool",
                "postgres",
            )
        ),
        "SET SESSION AUTHORIZATION mansio_admin",
        "SET session_replication_role = replica",
        "ALTER ROLE mansio_serving BYPASSRLS",
        "ALTER ROLE mansio_serving SUPERUSER",
        "ALTER ROLE mansio_admin PASSWORD 'x'",
        "GRANT mansio_admin TO mansio_serving",
        "CREATE ROLE more",
        "CREATE DATABASE more",
        "CREATE SCHEMA more",
        "CREATE TABLE mansio.more (a int)",
        "CREATE TABLE public.more (a int)",
        "CREATE TEMP TABLE account (a int)",
        "CREATE FUNCTION mansio.more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE FUNCTION public.more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE FUNCTION pg_temp.more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION mansio.refuse(p_state text) RETURNS bigint LANGUAGE sql"
        " AS 'SELECT 1::bigint'",
        "CREATE VIEW mansio.more AS SELECT 1",
        "ALTER TABLE mansio.message_state DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE mansio.message_state NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY tenant_rows ON mansio.message_state",
        "CREATE POLICY more ON mansio.message_state USING (true)",
        "CREATE TRIGGER more AFTER INSERT ON mansio.message_state EXECUTE FUNCTION"
        " suppress_redundant_updates_trigger()",
        "TRUNCATE mansio.message_state",
        "DROP TABLE mansio.message_state",
        "COPY mansio.message_state TO PROGRAM 'cat'",
        "COPY mansio.message_state TO '/tmp/out'",
        "SELECT pg_read_file('PG_VERSION')",
        "SELECT lo_import('/etc/passwd')",
        "BEGIN; LOCK TABLE mansio.credential IN ACCESS SHARE MODE",
        "SELECT * FROM mansio.credential",
        "SELECT * FROM mansio.account",
        "SELECT * FROM mansio.audit",
        "SELECT * FROM pg_authid",
        "SELECT mansio.mail_remove_account(1, 1)",
        "SELECT mansio.mail_usage(1, 1)",
        "SELECT mansio.account_facts_of(1, 1)",
        "SELECT * FROM mansio.domain_meant('alpha.test')",
        "SELECT mansio.address_set_accounts(1, 1, 'x', '{1}')",
        "SELECT mansio.random_32()",
        "UPDATE mansio.epoch SET epoch = 0",
        "DELETE FROM mansio.lease",
        "INSERT INTO mansio.schema_version VALUES (99, 99, 'x')",
    ],
)
def test_denied(serving, sql):
    # 42883, 42703: with other arguments it would be denied as well, but this shows nothing.
    assert ask(serving, sql) in DENIED, sql


HOSTILE = (
    "%", "_", "*", "", "'", "' OR 1=1 --", "user1'; DROP TABLE mansio.account; --", "$1", "\\",
    "user1@alpha.test", "alpha.test", "ALPHA.TEST", "{}", "NULL", "\n", "\u202e", "(?:.*)", "[^@]*",
    "user1\u0000".replace("\u0000", "\u0001"), "x" * 1_000_000, "+" * 100_000,
)  # fmt: skip


def test_doors_with_hostile_arguments(lab, serving, tenants):
    """A door tells of the one address that it is asked for. Patterns are no patterns there."""
    assert ask(serving, "SELECT outcome FROM route_address('user1', 'alpha.test')") == [(0,)]
    for text in (*HOSTILE, None):
        for local, domain in ((text, "alpha.test"), ("user1", text), (text, text)):
            if local == "user1" and str(domain).lower() == "alpha.test":
                continue  # which is there
            rows = ask(serving, "SELECT outcome FROM route_address(%s, %s)", local, domain)
            assert rows in ([(1,)], [(2,)], [(3,)]), (str(local)[:40], str(domain)[:40], rows)
            rows = ask(
                serving,
                "SELECT (facts).account_id, ids, stored FROM login_find(%s, %s)",
                local,
                domain,
            )
            assert rows == [(None, None, None)], (str(local)[:40], str(domain)[:40])
    for arguments in ("NULL, NULL, NULL", "'-1 day', '-1 day', -1", "'1 day', '1 day', 0"):
        found = ask(serving, f"SELECT * FROM sweep_due({arguments})")
        assert found == [] or found == "2201W", found
    assert lab.sql("SELECT count(*) FROM tenant") == [[str(len(tenants))]]


def test_a_door_changes_only_the_tenant_that_is_set(lab, serving, tenants):
    ((account, credential, stored),) = lab.sql(
        "SELECT account_id, credential_id, stored FROM credential JOIN account"
        f" USING (tenant_id, account_id) WHERE tenant_id = {tenants['beta']} AND local = 'user1'"
    )
    call = "SELECT credential_upgrade(%s, %s, %s, 'planted', 'PLAIN', false)"
    assert ask(serving, call, account, credential, stored) == [(False,)]
    with tenant(serving, tenants["alpha"]):
        assert ask(serving, call, account, credential, stored) == [(False,)]
    with tenant(serving, tenants["beta"]):
        # In its own, it must say what is stored now.
        assert ask(serving, call, account, credential, "guessed") == [(False,)]
        assert ask(serving, call, account, credential, stored) == [(True,)]
    assert lab.sql("SELECT count(*) FROM credential WHERE stored = 'planted'") == [["0"]]


def test_doors_are_not_led_astray(lab, serving):
    """By tables, functions and operators of one's own in front of ours, were they allowed."""
    before = ask(serving, "SELECT * FROM login_find('user1', 'beta.test')")
    assert before and before[0][0]
    lab.sql("GRANT TEMPORARY ON DATABASE mansio TO mansio_serving")
    try:
        for name in ("domain", "account", "address", "address_account", "credential", "tenant"):
            ((columns,),) = lab.sql(
                "SELECT string_agg(format('%I %s', attname, format_type(atttypid, -1)), ', ')"
                f" FROM pg_attribute WHERE attrelid = 'mansio.{name}'::regclass AND attnum > 0"
            )
            serving.execute(f"CREATE TEMP TABLE {name} ({columns})")
        serving.execute(
            "CREATE FUNCTION pg_temp.lower(text) RETURNS text LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE 'led astray as %', current_user; END $$;"
            "CREATE FUNCTION pg_temp.domain_meant(p_name text, OUT tenant_id bigint,"
            " OUT domain_id bigint, OUT name text, OUT state integer, OUT separators text)"
            " LANGUAGE plpgsql AS $$ BEGIN RAISE 'led astray as %', current_user; END $$;"
            "CREATE FUNCTION pg_temp.same(text, text) RETURNS boolean LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE 'led astray as %', current_user; END $$;"
            "CREATE OPERATOR pg_temp.= (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_temp.same)"
        )
        for path in ("pg_temp, mansio", "pg_temp, pg_catalog, mansio", "pg_temp"):
            serving.execute(f"SET search_path = {path}")
            assert ask(serving, "SELECT * FROM mansio.login_find('user1', 'beta.test')") == before
            assert ask(
                serving, "SELECT outcome FROM mansio.route_address('user1', 'beta.test')"
            ) == [(0,)]
    finally:
        lab.sql("REVOKE TEMPORARY ON DATABASE mansio FROM mansio_serving")


def test_the_other_roles_are_no_ways_round(lab, serving):
    """The spool's role sees the spool, administration no mail; nobody logs in as owner or door."""
    for role in ("mansio_owner", "mansio_door"):
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(lab.cluster.dsn(role, "x"))
    every, _ = tables(lab)
    for role, may in (("spool", {"spool"}), ("admin", None)):
        connection = psycopg2.connect(lab.cluster.dsn(f"mansio_{role}", lab.node.passwords[role]))
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute("SET search_path = mansio, pg_temp")
        read = {name for name in every if ask(cursor, f"SELECT 1 FROM {name}") not in DENIED}
        connection.close()
        if may is not None:
            assert read == may
        # What is in messages is for the serving role alone.
        assert not read & {"message", "message_state", "message_prefix", "message_text", "blob",
                           "blob_chunk", "collection"}  # fmt: skip
