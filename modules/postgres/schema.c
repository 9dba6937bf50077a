/*
 * Which schema there is, which one is wanted, and getting from one to the other.
 *
 * One process applies at a time (an advisory lock); each migration is one transaction together with
 * its row of schema_version, run as the owner of all. What must not be under row-level security (a
 * back-fill: under FORCE even an owner changes no rows) says RESET ROLE in its text.
 */
#include "schema.h"

#include <stdio.h>
#include <string.h>

#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "pool_private.h"
#include "roles.h"
#include "script.h"

enum { SCRIPT_MAX = 4 * 1024 * 1024 };

uint32_t pg_schema_wanted(void)
{
    return pg_migrations[pg_migration_count - 1].version;
}

int pg_schema_check(uint32_t version, uint32_t oldest)
{
    uint32_t wanted = pg_schema_wanted();
    if (version < wanted) {
        return mansio_fail(MANSIO_E_UNAVAILABLE,
                           "PostgreSQL: the schema is version %u, this module wants %u: apply it",
                           version, wanted);
    }
    if (wanted < oldest) {
        return mansio_fail(MANSIO_E_UNAVAILABLE,
                           "PostgreSQL: the schema is version %u, for modules of %u and later;"
                           " this one is of %u: install the newer one",
                           version, oldest, wanted);
    }
    return 0;
}

/* ---- connecting, also where there is no database yet ---------------------------------------- */

static int open_as(struct pg *pg, enum pg_role role, const char *database, int64_t deadline_us,
                   struct pg_conn **out)
{
    struct pg_pool pool = {
        .pg = pg, .role = role, .name = "schema", .is_unchecked = 1, .database = database};
    int64_t latest_us = mansio_deadline_in(pg->config.connect_timeout_us);
    int rc = pg_open(&pool, latest_us < deadline_us ? latest_us : deadline_us, out);
    if (rc == 0) {
        (*out)->pool = NULL; /* it isn't lent: pg_close() ends it */
    }
    return rc;
}

/* The database's name as the settings say it; NULL if they leave it to libpq. */
static int database_name(struct pg *pg, struct mansio_arena *arena, const char **out)
{
    const char *conninfo = NULL;
    struct mansio_str name = MANSIO_STR_NONE;
    int rc = mansio_cstr(arena, pg->config.conninfo, &conninfo);
    *out = NULL;
    if (rc < 0) {
        return rc;
    }
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    for (const PQconninfoOption *o = options; rc == 0 && o != NULL && o->keyword != NULL; o++) {
        if (strcmp(o->keyword, "dbname") == 0 && o->val != NULL) {
            rc = mansio_arena_copy(arena, mansio_str_from_cstr(o->val), &name);
            *out = name.ptr;
        }
    }
    PQconninfoFree(options);
    return rc;
}

enum database { DATABASE_UNKNOWN, DATABASE_MADE, DATABASE_THERE };

/* Which of these; somebody else may make it in the same moment. */
static int create_database(struct pg *pg, struct mansio_arena *arena, int64_t deadline_us)
{
    const char *name = NULL;
    struct pg_conn *conn = NULL;
    struct mansio_str text;
    struct mansio_str found = MANSIO_STR_NONE;
    int state = DATABASE_THERE;
    int rc = database_name(pg, arena, &name);
    if (rc < 0 || name == NULL ||
        open_as(pg, PG_ROLE_MIGRATOR, "postgres", deadline_us, &conn) < 0) {
        return DATABASE_UNKNOWN;
    }
    char *literal = PQescapeLiteral(conn->pq, name, strlen(name));
    char *identifier = PQescapeIdentifier(conn->pq, name, strlen(name));
    rc = literal == NULL || identifier == NULL ? MANSIO_E_INVALID : 0;
    if (rc == 0) {
        rc = mansio_arena_printf(arena, &text, "SELECT 1 FROM pg_database WHERE datname = %s",
                                 literal);
    }
    if (rc == 0) {
        rc = pg_script(conn, text.ptr, deadline_us, arena, &found);
    }
    if (rc == 0 && found.len == 0) {
        rc = mansio_arena_printf(
            arena, &text, "CREATE DATABASE %s ENCODING 'UTF8' TEMPLATE template0", identifier);
        rc = rc < 0 ? rc : pg_script(conn, text.ptr, deadline_us, NULL, NULL);
        if (rc == 0) {
            state = DATABASE_MADE;
        } else if (strcmp(pg_sqlstate(conn), "42P04") == 0 || rc == MANSIO_E_EXISTS) {
            rc = 0;
        }
    }
    PQfreemem(literal);
    PQfreemem(identifier);
    pg_close(conn);
    return rc < 0 ? rc : state;
}

static int open_or_create(struct pg *pg, struct mansio_arena *arena, pg_tell_fn tell, void *arg,
                          int64_t deadline_us, struct pg_conn **out, int *out_steps)
{
    char why[MANSIO_ERROR_DETAIL_MAX];
    int rc = open_as(pg, PG_ROLE_MIGRATOR, NULL, deadline_us, out);
    if (rc != MANSIO_E_UNAVAILABLE) {
        return rc;
    }
    snprintf(why, sizeof why, "%s", mansio_error_detail());
    int state = create_database(pg, arena, deadline_us);
    if (state < 0 || state == DATABASE_UNKNOWN) {
        return state < 0 ? state : mansio_fail(rc, "%s", why);
    }
    if (state == DATABASE_MADE) {
        ++*out_steps;
        if (tell != NULL) {
            tell(arg, "database");
        }
    }
    return open_as(pg, PG_ROLE_MIGRATOR, NULL, deadline_us, out);
}

/* ---- the version ---------------------------------------------------------------------------- */

static int read_version(struct pg_conn *conn, struct mansio_arena *arena, int64_t deadline_us,
                        uint32_t *out_version, uint32_t *out_oldest)
{
    struct mansio_str text = MANSIO_STR_NONE;
    struct mansio_str version = MANSIO_STR_NONE;
    *out_version = 0;
    *out_oldest = 0;
    int rc =
        pg_script(conn, "SELECT to_regclass('mansio.schema_version')", deadline_us, arena, &text);
    if (rc < 0 || text.len == 0) {
        return rc;
    }
    rc = pg_script(conn,
                   "SELECT version || ' ' || oldest FROM mansio.schema_version"
                   " ORDER BY version DESC LIMIT 1",
                   deadline_us, arena, &text);
    if (rc < 0 || text.len == 0) {
        return rc;
    }
    (void)mansio_str_split(&text, ' ', &version);
    rc = mansio_parse_u32(version, INT32_MAX, out_version);
    return rc < 0 ? rc : mansio_parse_u32(text, INT32_MAX, out_oldest);
}

int pg_schema_status(struct pg *pg, int64_t deadline_us, uint32_t *out_version,
                     uint32_t *out_wanted, uint32_t *out_oldest)
{
    struct pg_conn *conn = NULL;
    uint32_t version = 0;
    uint32_t oldest = 0;
    /* Before the first apply there is no role admin. */
    int rc = open_as(pg, PG_ROLE_ADMIN, NULL, deadline_us, &conn);
    if (rc == MANSIO_E_UNAVAILABLE) {
        rc = open_as(pg, PG_ROLE_MIGRATOR, NULL, deadline_us, &conn);
    }
    if (rc < 0) {
        return rc;
    }
    struct mansio_arena *arena = mansio_arena_new(NULL, "schema", 0);
    rc = read_version(conn, arena, deadline_us, &version, &oldest);
    mansio_arena_free(arena);
    pg_close(conn);
    if (rc == 0) {
        *out_version = version;
        *out_wanted = pg_schema_wanted();
        *out_oldest = oldest;
    }
    return rc;
}

/* ---- applying ------------------------------------------------------------------------------- */

static int apply_one(struct pg_conn *conn, const struct pg_migration *migration,
                     int64_t deadline_us)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "migration", SCRIPT_MAX * 2);
    struct mansio_buf *text = mansio_buf_new(arena, SCRIPT_MAX);
    (void)mansio_buf_add(text, MANSIO_STR("BEGIN; SET LOCAL ROLE mansio_owner;\n"));
    (void)mansio_buf_add(text, mansio_str_from_cstr(migration->text));
    (void)mansio_buf_printf(text,
                            "\n;SET LOCAL ROLE mansio_owner;"
                            "INSERT INTO mansio.schema_version (version, oldest, name)"
                            " VALUES (%u, %u, '%s'); COMMIT",
                            migration->version, migration->oldest, migration->name);
    int rc = mansio_buf_status(text);
    if (rc == 0) {
        rc = pg_script(conn, mansio_buf_str(text).ptr, deadline_us, NULL, NULL);
    }
    mansio_arena_free(arena);
    if (rc < 0) {
        char why[MANSIO_ERROR_DETAIL_MAX];
        snprintf(why, sizeof why, "%s", mansio_error_detail());
        return mansio_fail(rc, "migration %s: %s", migration->name, why);
    }
    return 0;
}

static int apply_all(struct pg_conn *conn, struct mansio_arena *arena, pg_tell_fn tell, void *arg,
                     int64_t deadline_us)
{
    uint32_t version = 0;
    uint32_t oldest = 0;
    int steps = 0;
    int rc = read_version(conn, arena, deadline_us, &version, &oldest);
    if (rc == 0 && version > pg_schema_wanted()) {
        rc = pg_schema_check(version, oldest);
    }
    for (size_t i = 0; rc == 0 && i < pg_migration_count; i++) {
        if (pg_migrations[i].version <= version) {
            continue;
        }
        rc = apply_one(conn, &pg_migrations[i], deadline_us);
        if (rc == 0) {
            steps++;
            if (tell != NULL) {
                tell(arg, pg_migrations[i].name);
            }
        }
    }
    return rc < 0 ? rc : steps;
}

int pg_schema_apply(struct pg *pg, pg_tell_fn tell, void *arg, int64_t deadline_us)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "schema", 0);
    struct pg_conn *conn = NULL;
    int steps = 0;
    int rc = open_or_create(pg, arena, tell, arg, deadline_us, &conn, &steps);
    if (rc == 0) {
        /* Held to the end of the connection; lock_timeout bounds the wait. */
        rc = pg_script(conn, "SELECT pg_advisory_lock(5577006791947779410)", deadline_us, NULL,
                       NULL);
    }
    if (rc == 0) {
        rc = pg_roles_apply(conn, tell, arg, deadline_us);
    }
    if (rc >= 0) {
        steps += rc;
        rc = apply_all(conn, arena, tell, arg, deadline_us);
        steps += rc > 0 ? rc : 0;
    }
    pg_close(conn);
    mansio_arena_free(arena);
    return rc < 0 ? rc : steps;
}
