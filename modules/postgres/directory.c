/*
 * The directory as an interface: its table, and the cache's life.
 */
#include "directory.h"

#include <mansio/error.h>
#include <mansio/interface.h>

#include "directory_cache.h"
#include "schema.h"

static int schema_apply(struct mansio_instance *instance, void (*tell)(void *arg, const char *step),
                        void *arg, int64_t deadline_us)
{
    struct pg *pg = pg_of(instance);
    if (pg->role != MANSIO_ROLE_ADMIN) {
        return mansio_fail(MANSIO_E_DENIED, "the schema is for administration to apply");
    }
    return pg_schema_apply(pg, tell, arg, deadline_us);
}

static int schema_status(struct mansio_instance *instance, int64_t deadline_us,
                         uint32_t *out_version, uint32_t *out_wanted, uint32_t *out_oldest)
{
    struct pg *pg = pg_of(instance);
    if (pg->role != MANSIO_ROLE_ADMIN) {
        return mansio_fail(MANSIO_E_DENIED, "the schema is for administration to ask about");
    }
    return pg_schema_status(pg, deadline_us, out_version, out_wanted, out_oldest);
}

static const struct mansio_directory directory_table = {
    .size = sizeof directory_table,
    .route = pg_route,
    .login = pg_login,
    .login_defaults = pg_login_defaults,
    .login_anew = pg_login_anew,
    .credential_upgrade = pg_credential_upgrade,
    .object_add = pg_object_add,
    .object_set = pg_object_set,
    .object_remove = pg_object_remove,
    .object_list = pg_object_list,
    .schema_apply = schema_apply,
    .schema_status = schema_status,
    .audit_add = pg_audit_add,
    .standing_changes = pg_standing_changes,
    .standings = pg_standings,
    .domain_standing = pg_domain_standing,
    .credentials_used = pg_credentials_used,
    .standing_list = pg_standing_list,
    .policy_try = pg_policy_try,
    .audit_verify = pg_audit_verify,
};

int pg_directory_load(struct pg *pg)
{
    return mansio_interface_provide(pg->instance, MANSIO_DIRECTORY, MANSIO_DIRECTORY_VERSION,
                                    &directory_table);
}

int pg_directory_start(struct pg *pg, uint32_t role)
{
    /* Administration is short, and must see what it has just changed. */
    if (role != MANSIO_ROLE_ADMIN) {
        pg->cache = pg_cache_new(pg);
    }
    return 0;
}

void pg_directory_stop(struct pg *pg)
{
    pg_cache_close(pg->cache);
    pg->cache = NULL;
}
