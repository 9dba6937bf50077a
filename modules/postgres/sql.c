/*
 * The statements of the connection layer and of the directory.
 *
 * Names are unqualified: connections have search_path set to our schema. A test holds every row
 * against its scope; README.md says what the scopes are.
 */
#include "sql.h"

#include "standing_sql.h"

const struct pg_statement pg_sql_statements[] = {
    [PG_SQL_BEGIN] = {"begin", "BEGIN", "", "", PG_SCOPE_GLOBAL, "touches no table"},
    [PG_SQL_COMMIT] = {"commit", "COMMIT", "", "", PG_SCOPE_GLOBAL, "touches no table"},
    [PG_SQL_ROLLBACK] = {"rollback", "ROLLBACK", "", "", PG_SCOPE_GLOBAL, "touches no table"},
    [PG_SQL_TENANT_SET] = {"tenant_set", "SELECT set_config('mansio.tenant', $1::text, true)", "l",
                           "t", PG_SCOPE_GLOBAL, "touches no table"},
    /* Rights that a role must not have that serves: of its own, or of one that it may become. And
     * whatever defaults it was given, a commit that was answered is on the disk. */
    [PG_SQL_CHECK_ROLE] = {"check_role",
                           "SELECT r.rolname::text, r.rolsuper, r.rolbypassrls,"
                           " EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid),"
                           " EXISTS (SELECT FROM pg_roles m WHERE m.oid <> r.oid"
                           "  AND pg_has_role(r.oid, m.oid, 'MEMBER')"
                           "  AND (m.rolsuper OR m.rolbypassrls OR EXISTS ("
                           "   SELECT FROM pg_class c WHERE c.relowner = m.oid))),"
                           " CASE WHEN current_setting('synchronous_commit') = 'off'"
                           "  THEN set_config('synchronous_commit', 'on', false) END"
                           " FROM pg_roles r WHERE r.rolname = current_user",
                           "", "toooot", PG_SCOPE_GLOBAL, "pg_catalog alone"},
    [PG_SQL_SCHEMA_VERSION] =
        {"schema_version",
         "SELECT version, oldest FROM schema_version ORDER BY version DESC LIMIT 1", "", "ii",
         PG_SCOPE_GLOBAL, "schema_version: one for all tenants"},
    [PG_SQL_EPOCH] = {"epoch", "SELECT epoch FROM epoch", "", "l", PG_SCOPE_GLOBAL,
                      "epoch: one for all tenants"},
    [PG_SQL_ROUTE] = {"route",
                      "SELECT outcome, address, detail, (facts).* FROM route_address($1, $2)", "tt",
                      "ittllttttiilll", PG_SCOPE_DOOR,
                      "an address has no tenant before it is found"},
    [PG_SQL_LOGIN] = {"login",
                      "SELECT (facts).*, ids, kinds, stored, scheme, decoy, is_scram_ready,"
                      " is_upgrading, is_ours, versions, limits, of_tenant"
                      " FROM login_find($1, $2)",
                      "tt", "llttttiilllLITtboooLLl", PG_SCOPE_DOOR,
                      "a login name has no tenant before it is found"},
    [PG_SQL_CREDENTIAL_UPGRADE] =
        {"credential_upgrade", "SELECT credential_upgrade($1, $2, $3, $4, $5, $6)", "llttto", "o",
         PG_SCOPE_DOOR, "the serving role can't touch credentials; in the tenant that is set"},
    [PG_SQL_STANDING_CHANGES] =
        {"standing_changes",
         "SELECT newest, is_all, tenants, accounts, plans FROM standing_changes($1)", "l", "loLLT",
         PG_SCOPE_DOOR, "a gate judges sessions of all tenants; ids and names of plans alone"},
    [PG_SQL_STANDINGS] = {"standings", "SELECT " STANDING_COLUMNS " FROM standings($1, $2)", "LL",
                          STANDING_TYPES, PG_SCOPE_DOOR,
                          "a gate judges sessions of several tenants at once"},
    [PG_SQL_DOMAIN_STANDING] = {"domain_standing",
                                "SELECT " STANDING_COLUMNS " FROM domain_standing($1)", "t",
                                STANDING_TYPES, PG_SCOPE_DOOR,
                                "a domain has no tenant before it is found"},
    [PG_SQL_CREDENTIALS_USED] =
        {"credentials_used", "SELECT credentials_used($1, $2, $3, $4, $5)", "LLLTT", "i",
         PG_SCOPE_DOOR, "the serving role can't touch credentials; in the tenant that is set"},
    /* Times are the database's clock's. A row stays when it is given back, so that fences of a name
     * only grow. */
    [PG_SQL_LEASE_ACQUIRE] =
        {"lease_acquire",
         "INSERT INTO lease AS l (name, holder, fence, expires)"
         " VALUES ($1, $2, nextval('lease_fence'),"
         "  clock_timestamp() + $3 * interval '1 microsecond')"
         " ON CONFLICT (name) DO UPDATE SET holder = $2, fence = nextval('lease_fence'),"
         "  expires = clock_timestamp() + $3 * interval '1 microsecond'"
         " WHERE l.holder = $2 OR l.expires <= clock_timestamp() RETURNING fence",
         "ttl", "l", PG_SCOPE_GLOBAL, "lease: names, not tenants"},
    [PG_SQL_LEASE_RENEW] =
        {"lease_renew",
         "UPDATE lease SET expires = clock_timestamp() + $4 * interval '1 microsecond'"
         " WHERE name = $1 AND holder = $2 AND fence = $3 AND expires > clock_timestamp()",
         "ttll", "", PG_SCOPE_GLOBAL, "lease: names, not tenants"},
    /* Not flushed: what a crash forgets of this ends by itself when the lease runs out. */
    [PG_SQL_LEASE_RELEASE] =
        {"lease_release",
         "WITH lazy AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))"
         " UPDATE lease SET expires = '-infinity' FROM lazy"
         " WHERE name = $1 AND holder = $2 AND fence = $3",
         "ttl", "", PG_SCOPE_GLOBAL, "lease: names, not tenants"},
    [PG_SQL_LISTEN] = {"listen", "LISTEN mansio", "", "", PG_SCOPE_GLOBAL, "touches no table"},
    [PG_SQL_NOTIFY] = {"notify", "SELECT pg_notify('mansio', $1)::text", "t", "t", PG_SCOPE_GLOBAL,
                       "touches no table"},
};

const size_t pg_sql_count = MANSIO_COUNT(pg_sql_statements);
