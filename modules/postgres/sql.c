/*
 * The statements of the connection layer and of the directory.
 *
 * Names are unqualified: connections have search_path set to our schema. A test holds every row
 * against its scope; README.md says what the scopes are.
 */
#include "sql.h"

const struct pg_statement pg_sql_statements[] = {
    [PG_SQL_BEGIN] = {"begin", "BEGIN", "", "", PG_SCOPE_GLOBAL, "touches no table"},
    [PG_SQL_COMMIT] = {"commit", "COMMIT", "", "", PG_SCOPE_GLOBAL, "touches no table"},
    [PG_SQL_ROLLBACK] = {"rollback", "ROLLBACK", "", "", PG_SCOPE_GLOBAL, "touches no table"},
    [PG_SQL_TENANT_SET] = {"tenant_set", "SELECT set_config('mansio.tenant', $1::text, true)", "l",
                           "t", PG_SCOPE_GLOBAL, "touches no table"},
    /* Rights that a role must not have that serves: of its own, or of one that it may become. */
    [PG_SQL_CHECK_ROLE] = {"check_role",
                           "SELECT r.rolname::text, r.rolsuper, r.rolbypassrls,"
                           " EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid),"
                           " EXISTS (SELECT FROM pg_roles m WHERE m.oid <> r.oid"
                           "  AND pg_has_role(r.oid, m.oid, 'MEMBER')"
                           "  AND (m.rolsuper OR m.rolbypassrls OR EXISTS ("
                           "   SELECT FROM pg_class c WHERE c.relowner = m.oid)))"
                           " FROM pg_roles r WHERE r.rolname = current_user",
                           "", "toooo", PG_SCOPE_GLOBAL, "pg_catalog alone"},
    [PG_SQL_SCHEMA_VERSION] =
        {"schema_version",
         "SELECT version, oldest FROM schema_version ORDER BY version DESC LIMIT 1", "", "ii",
         PG_SCOPE_GLOBAL, "schema_version: one for all tenants"},
};

const size_t pg_sql_count = MANSIO_COUNT(pg_sql_statements);
