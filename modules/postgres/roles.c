/*
 * Roles and the schema that hangs on them.
 *
 * Two roles own things and can't log in (owner, door); four log in. Names are fixed: grants and
 * policies name them. A configured user of another name becomes a member of its role. Passwords
 * are set when a role is made, in the form that the server stores, so that none goes through
 * its log.
 */
#include "roles.h"

#include <stdio.h>
#include <string.h>

#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/str.h>

#include "postgres.h"
#include "script.h"

enum { SCRIPT_MAX = 16384 };

struct role {
    const char *name;
    const char *attributes;
    uint32_t role; /* enum pg_role; 0: nobody logs in as it */
};

static const struct role roles[] = {
    {"mansio_owner", "NOLOGIN", 0},
    {"mansio_door", "NOLOGIN", 0},
    {"mansio_migrator", "LOGIN BYPASSRLS", PG_ROLE_MIGRATOR},
    {"mansio_admin", "LOGIN", PG_ROLE_ADMIN},
    {"mansio_spool", "LOGIN", PG_ROLE_SPOOL},
    {"mansio_serving", "LOGIN", PG_ROLE_SERVING},
};

/* What each run makes sure of; harmless when it is so already. */
static const char rights[] =
    "GRANT mansio_owner, mansio_door TO mansio_migrator;"
    "CREATE SCHEMA IF NOT EXISTS mansio AUTHORIZATION mansio_owner;"
    "REVOKE ALL ON SCHEMA mansio FROM PUBLIC;"
    "GRANT USAGE ON SCHEMA mansio TO mansio_door, mansio_admin, mansio_spool, mansio_serving;"
    "ALTER DEFAULT PRIVILEGES FOR ROLE mansio_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;"
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC;"
    "DO $$ BEGIN"
    " EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());"
    " EXECUTE format('GRANT CONNECT ON DATABASE %I TO mansio_migrator, mansio_admin,"
    " mansio_spool, mansio_serving', current_database());"
    "END $$;";

static int ask(struct pg_conn *conn, const char *text, int64_t deadline_us,
               struct mansio_arena *arena, int *out)
{
    struct mansio_str value = MANSIO_STR_NONE;
    int rc = pg_script(conn, text, deadline_us, arena, &value);
    if (rc == 0) {
        *out = mansio_str_eq(value, MANSIO_STR("t"));
    }
    return rc;
}

/* " PASSWORD '...'" for a role with a configured password. */
static int add_password(struct pg_conn *conn, struct mansio_buf *text, const char *user,
                        const struct mansio_secret *password)
{
    if (password == NULL) {
        return 0;
    }
    char *stored =
        PQencryptPasswordConn(conn->pq, mansio_secret_bytes(password).ptr, user, "scram-sha-256");
    if (stored == NULL) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "PostgreSQL: %s", PQerrorMessage(conn->pq));
    }
    /* Base64, '$' and ':': nothing to escape. */
    (void)mansio_buf_printf(text, " PASSWORD '%s'", stored);
    PQfreemem(stored);
    return 0;
}

static int create(struct pg_conn *conn, struct mansio_arena *arena, const struct role *role,
                  const char *name, const struct mansio_secret *password, int64_t deadline_us)
{
    struct mansio_buf *text = mansio_buf_new(arena, SCRIPT_MAX);
    char *quoted = PQescapeIdentifier(conn->pq, name, strlen(name));
    if (quoted == NULL) {
        return mansio_fail(MANSIO_E_INVALID, "role %s: %s", name, PQerrorMessage(conn->pq));
    }
    (void)mansio_buf_printf(text, "CREATE ROLE %s %s", quoted, role->attributes);
    int rc = add_password(conn, text, name, password);
    if (strcmp(name, role->name) != 0) {
        (void)mansio_buf_printf(text, " IN ROLE %s", role->name);
    }
    if (rc == 0) {
        rc = mansio_buf_status(text);
    }
    if (rc == 0) {
        rc = pg_script(conn, mansio_buf_str(text).ptr, deadline_us, NULL, NULL);
    }
    PQfreemem(quoted);
    return rc;
}

static int exists(struct pg_conn *conn, struct mansio_arena *arena, const char *name,
                  int64_t deadline_us, int *out)
{
    struct mansio_str text = MANSIO_STR_NONE;
    char *quoted = PQescapeLiteral(conn->pq, name, strlen(name));
    if (quoted == NULL) {
        return mansio_fail(MANSIO_E_INVALID, "role %s: %s", name, PQerrorMessage(conn->pq));
    }
    int rc = mansio_arena_printf(arena, &text,
                                 "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", quoted);
    PQfreemem(quoted);
    return rc < 0 ? rc : ask(conn, text.ptr, deadline_us, arena, out);
}

/* 1 if it was made, 0 if it was there. */
static int ensure(struct pg_conn *conn, struct mansio_arena *arena, const struct role *role,
                  const char *name, const struct mansio_secret *password, int64_t deadline_us)
{
    int is_there = 0;
    int rc = exists(conn, arena, name, deadline_us, &is_there);
    if (rc == 0 && !is_there) {
        rc = create(conn, arena, role, name, password, deadline_us);
        return rc < 0 ? rc : 1;
    }
    return rc;
}

static int apply(struct pg_conn *conn, struct mansio_arena *arena, pg_tell_fn tell, void *arg,
                 int64_t deadline_us)
{
    const struct pg_config *config = &conn->pg->config;
    int steps = 0;
    for (size_t i = 0; i < MANSIO_COUNT(roles); i++) {
        const struct role *role = &roles[i];
        const char *user = NULL;
        const struct mansio_secret *password = NULL;
        if (role->role != 0) {
            password = config->roles[role->role].password;
            int rc = mansio_cstr(arena, config->roles[role->role].user, &user);
            if (rc < 0) {
                return rc;
            }
        }
        int is_own = user == NULL || strcmp(user, role->name) == 0;
        int made = ensure(conn, arena, role, role->name, is_own ? password : NULL, deadline_us);
        if (made < 0) {
            return made;
        }
        if (made > 0 && tell != NULL) {
            tell(arg, role->name);
        }
        steps += made;
        if (!is_own && role->role != PG_ROLE_MIGRATOR) {
            made = ensure(conn, arena, role, user, password, deadline_us);
            if (made < 0) {
                return made;
            }
            if (made > 0 && tell != NULL) {
                tell(arg, user);
            }
            steps += made;
        }
    }
    return steps;
}

int pg_roles_apply(struct pg_conn *conn, pg_tell_fn tell, void *arg, int64_t deadline_us)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "roles", 0);
    int is_super = 0;
    int has_schema = 0;
    int steps = 0;
    int rc = ask(conn, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user", deadline_us,
                 arena, &is_super);
    if (rc == 0) {
        rc = ask(conn, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'mansio')",
                 deadline_us, arena, &has_schema);
    }
    if (rc == 0 && is_super) {
        rc = apply(conn, arena, tell, arg, deadline_us);
        steps = rc > 0 ? rc : 0;
        rc = rc < 0 ? rc : pg_script(conn, rights, deadline_us, NULL, NULL);
        if (rc == 0 && !has_schema) {
            steps++;
            if (tell != NULL) {
                tell(arg, "schema mansio");
            }
        }
    } else if (rc == 0 && !has_schema) {
        rc = mansio_fail(MANSIO_E_DENIED,
                         "PostgreSQL: roles and schema are missing, and user %s is no superuser who"
                         " could make them",
                         PQuser(conn->pq));
    }
    mansio_arena_free(arena);
    return rc < 0 ? rc : steps;
}
