/*
 * The postgres module: PostgreSQL as directory, store, lease and bus transport.
 */
#include "postgres.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include "directory.h"
#include "lease.h"
#include "relay.h"
#include "store.h"
#include "libpq.h"

/* How long start() waits for a first connection before it goes on without one. */
#define FIRST_WAIT_US (5 * MANSIO_SECOND)

static const struct mansio_setting role_settings[] = {
    MANSIO_SETTING(.name = "user", .type = MANSIO_SETTING_STRING, .min = 0, .max = 63,
                   .help = "whom to log in as; left out: the role's own name"),
    MANSIO_SETTING(.name = "password", .type = MANSIO_SETTING_SECRET,
                   .help = "its password; left out: none is sent"),
};

/* Of the roles that only mansioctl takes: the daemon, and whoever takes a worker over, must not
 * know their passwords, so they are no secrets of the configuration, which every process holds. */
static const struct mansio_setting admin_settings[] = {
    MANSIO_SETTING(.name = "user", .type = MANSIO_SETTING_STRING, .min = 0, .max = 63,
                   .help = "whom to log in as; left out: the role's own name"),
    MANSIO_SETTING(.name = "password_file", .type = MANSIO_SETTING_PATH,
                   .help = "a file with its password, which mansioctl alone opens; left out: none"
                           " is sent"),
};

#define ROLE(name_, table_, help_)                                                                 \
    MANSIO_SETTING(.name = (name_), .type = MANSIO_SETTING_SECTION, .flags = MANSIO_SETTING_LIVE,  \
                   .children = (table_), .child_count = MANSIO_COUNT(table_), .help = (help_))

static const struct mansio_setting settings[] = {
    MANSIO_SETTING(.name = "connection", .type = MANSIO_SETTING_STRING,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "dbname=mansio", .min = 1,
                   .max = 4096,
                   .help = "where the database is, as libpq has it: \"host=db1 dbname=mansio"
                           " sslmode=verify-full\"; without user and password"),
    ROLE("serving", role_settings, "the role of workers: mansio_serving"),
    ROLE("spool", role_settings, "the role of the spool's scheduler: mansio_spool"),
    ROLE("admin", admin_settings, "the role of administration: mansio_admin"),
    ROLE("migrator", admin_settings,
         "the role that applies the schema: mansio_migrator, or a superuser"),
    MANSIO_SETTING(.name = "connections", .type = MANSIO_SETTING_INT, .flags = MANSIO_SETTING_LIVE,
                   .unit = "connections", .default_text = "8", .min = 1, .max = 1000,
                   .help = "most of the serving role, in each process"),
    MANSIO_SETTING(.name = "spool_connections", .type = MANSIO_SETTING_INT,
                   .flags = MANSIO_SETTING_LIVE, .unit = "connections", .default_text = "2",
                   .min = 1, .max = 100, .help = "most of the spool role, in the service process"),
    MANSIO_SETTING(.name = "connect_timeout", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "5s", .min = 100 * MANSIO_MS,
                   .max = 60 * MANSIO_SECOND, .help = "for one try to connect"),
    MANSIO_SETTING(.name = "statement_timeout", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "30s", .min = MANSIO_SECOND,
                   .max = 3600 * MANSIO_SECOND,
                   .help = "the server ends a statement, or an idle transaction, after this"),
    MANSIO_SETTING(.name = "lock_timeout", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "5s", .min = 100 * MANSIO_MS,
                   .max = 600 * MANSIO_SECOND, .help = "longest wait for a lock"),
    MANSIO_SETTING(.name = "idle_timeout", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "5m", .min = MANSIO_SECOND,
                   .max = 24 * 3600 * MANSIO_SECOND,
                   .help = "a connection unused for this long is closed"),
    MANSIO_SETTING(.name = "lifetime", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "1h", .min = 10 * MANSIO_SECOND,
                   .max = 30 * 24 * 3600 * MANSIO_SECOND,
                   .help = "a connection this old is replaced by a new one"),
    MANSIO_SETTING(.name = "cache_entries", .type = MANSIO_SETTING_INT,
                   .flags = MANSIO_SETTING_LIVE, .unit = "entries", .default_text = "10000",
                   .min = 0, .max = 1000000,
                   .help = "addresses and logins that each worker remembers; 0: none"),
    MANSIO_SETTING(.name = "cache_hold", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "30s", .min = 0,
                   .max = 3600 * MANSIO_SECOND,
                   .help = "how long they stay valid while the database can't be asked"),
    MANSIO_SETTING(.name = "hints", .type = MANSIO_SETTING_BOOL, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "true",
                   .help =
                       "tell other nodes at once what changed, by NOTIFY; without it they see it"
                       " within half a second"),
    MANSIO_SETTING(.name = "collections_max", .type = MANSIO_SETTING_INT,
                   .flags = MANSIO_SETTING_LIVE, .unit = "collections", .default_text = "1000",
                   .min = 10, .max = 100000, .help = "mailboxes that an account may have"),
    MANSIO_SETTING(.name = "search_text", .type = MANSIO_SETTING_BOOL, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "true", .help = "keep the text of messages for searches"),
    MANSIO_SETTING(.name = "body_cache", .type = MANSIO_SETTING_SIZE, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "64M", .min = 0, .max = INT64_C(64) << 30,
                   .help = "memory of each process for messages that were read lately, so that"
                           " they needn't be fetched again; 0: none"),
    MANSIO_SETTING(.name = "sweep_interval", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "5m", .min = MANSIO_SECOND,
                   .max = 24 * 3600 * MANSIO_SECOND,
                   .help = "how often what nothing refers to is looked for"),
    MANSIO_SETTING(.name = "sweep_grace", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "6h", .min = 0,
                   .max = 365 * 24 * 3600 * MANSIO_SECOND,
                   .help = "how long it stays all the same"),
    MANSIO_SETTING(.name = "tombstones", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "60d", .min = 3600 * MANSIO_SECOND,
                   .max = 3650 * 24 * 3600 * MANSIO_SECOND,
                   .help = "how long removed messages are remembered, for clients that come back"),
};

static void read_role(struct pg_config *config, const struct mansio_settings *all,
                      enum pg_role role, const char *name, struct mansio_str user)
{
    const struct mansio_settings *section = mansio_settings_section(all, name);
    struct mansio_str said = mansio_settings_str(section, "user");
    config->roles[role].user = said.len > 0 ? said : user;
    if (role == PG_ROLE_SERVING || role == PG_ROLE_SPOOL) {
        config->roles[role].password = mansio_settings_secret(section, "password");
    }
}

/* A password of a role that is mansioctl's alone; its first line. What can't be opened is no error
 * here: most commands need one role only, and a login that lacks its password says so. */
static int read_password_file(struct pg *pg, enum pg_role role, const char *name)
{
    const struct mansio_settings *section =
        mansio_settings_section(mansio_instance_settings(pg->instance), name);
    struct mansio_str path = mansio_settings_str(section, "password_file");
    struct mansio_secret *password = NULL;
    char text[1024];
    if (path.len == 0) {
        return 0;
    }
    int fd = open(path.ptr, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return mansio_arena_printf(pg->arena, &pg->config.roles[role].lacking,
                                   "the password isn't there: %s: %s", path.ptr, strerror(errno));
    }
    ssize_t len = read(fd, text, sizeof text);
    (void)close(fd);
    struct mansio_str line = {text, len > 0 ? (size_t)len : 0};
    ptrdiff_t end = mansio_str_find_char(line, '\n');
    line.len = end >= 0 ? (size_t)end : line.len;
    int rc = len == (ssize_t)sizeof text
                 ? mansio_fail(MANSIO_E_LIMIT, "%s: a password is shorter than that", path.ptr)
                 : mansio_secret_new(pg->arena, line, &password);
    explicit_bzero(text, sizeof text);
    pg->config.roles[role].password = password;
    return rc;
}

static struct pg_config read_config(const struct mansio_settings *all)
{
    struct pg_config config = {
        .conninfo = mansio_settings_str(all, "connection"),
        .serving_max = (size_t)mansio_settings_int(all, "connections"),
        .spool_max = (size_t)mansio_settings_int(all, "spool_connections"),
        .connect_timeout_us = mansio_settings_int(all, "connect_timeout"),
        .statement_timeout_us = mansio_settings_int(all, "statement_timeout"),
        .lock_timeout_us = mansio_settings_int(all, "lock_timeout"),
        .idle_timeout_us = mansio_settings_int(all, "idle_timeout"),
        .lifetime_us = mansio_settings_int(all, "lifetime"),
        .cache_hold_us = mansio_settings_int(all, "cache_hold"),
        .cache_max = (size_t)mansio_settings_int(all, "cache_entries"),
        .skips_hints = mansio_settings_int(all, "hints") == 0,
        .collections_max = (size_t)mansio_settings_int(all, "collections_max"),
        .skips_text = mansio_settings_int(all, "search_text") == 0,
        .body_cache_max = (size_t)mansio_settings_int(all, "body_cache"),
        .sweep_interval_us = mansio_settings_int(all, "sweep_interval"),
        .sweep_grace_us = mansio_settings_int(all, "sweep_grace"),
        .tombstones_us = mansio_settings_int(all, "tombstones"),
    };
    read_role(&config, all, PG_ROLE_SERVING, "serving", MANSIO_STR("mansio_serving"));
    read_role(&config, all, PG_ROLE_SPOOL, "spool", MANSIO_STR("mansio_spool"));
    read_role(&config, all, PG_ROLE_ADMIN, "admin", MANSIO_STR("mansio_admin"));
    read_role(&config, all, PG_ROLE_MIGRATOR, "migrator", MANSIO_STR("mansio_migrator"));
    return config;
}

/* What the file's conninfo may not say: it is said per role, or everything counts on it. */
static int check_conninfo(const struct mansio_settings *all)
{
    static const char *const ours[] = {"user",    "password",         "client_encoding",
                                       "options", "application_name", "replication"};
    char *why = NULL;
    int rc = 0;
    PQconninfoOption *options = PQconninfoParse(mansio_settings_str(all, "connection").ptr, &why);
    if (options == NULL) {
        struct mansio_str text = mansio_str_from_cstr(why != NULL ? why : "out of memory");
        while (text.len > 0 && text.ptr[text.len - 1] == '\n') {
            text.len--;
        }
        rc = mansio_settings_fail(all, "connection", "%.*s", MANSIO_STR_ARG(text));
        PQfreemem(why);
        return rc;
    }
    for (const PQconninfoOption *option = options; rc == 0 && option->keyword != NULL; option++) {
        for (size_t i = 0; rc == 0 && i < MANSIO_COUNT(ours); i++) {
            if (option->val != NULL && strcmp(option->keyword, ours[i]) == 0) {
                rc = mansio_settings_fail(all, "connection", "%s can't be said here", ours[i]);
            }
        }
    }
    PQconninfoFree(options);
    return rc;
}

static int load(struct mansio_instance *instance)
{
    const struct mansio_settings *all = mansio_instance_settings(instance);
    int rc = check_conninfo(all);
    if (rc < 0) {
        return rc;
    }
    struct mansio_arena *arena = mansio_instance_arena(instance);
    struct pg *pg = mansio_arena_alloc(arena, sizeof *pg);
    pg->instance = instance;
    pg->arena = arena;
    pg->config = read_config(all);
    mansio_instance_set_data(instance, pg);
    rc = pg_directory_load(pg);
    rc = rc < 0 ? rc : pg_lease_load(pg);
    return rc < 0 ? rc : pg_store_load(pg);
}

/* Wait for a first connection. No database is no reason not to start; a role that would see all
 * tenants is one. */
static int greet(struct pg *pg)
{
    struct pg_conn *conn = NULL;
    int rc = pg_borrow(pg->serving, mansio_deadline_in(FIRST_WAIT_US), &conn);
    pg_give_back(conn);
    if (rc < 0 && pg_pool_refusal(pg->serving) == MANSIO_E_DENIED) {
        return mansio_fail(MANSIO_E_DENIED, "%s", mansio_error_detail());
    }
    return rc == MANSIO_E_CANCELLED ? rc : 0;
}

static int start(struct mansio_instance *instance, uint32_t role)
{
    struct pg *pg = pg_of(instance);
    pg->role = role;
    pg->group = mansio_instance_group(instance);
    pg->serving = pg_pool_new(pg, PG_ROLE_SERVING, "serving", pg->config.serving_max);
    if (role == MANSIO_ROLE_SERVICE || role == MANSIO_ROLE_ADMIN) {
        pg->spool = pg_pool_new(pg, PG_ROLE_SPOOL, "spool", pg->config.spool_max);
    }
    if (role == MANSIO_ROLE_ADMIN) {
        int rc = read_password_file(pg, PG_ROLE_ADMIN, "admin");
        rc = rc == 0 ? read_password_file(pg, PG_ROLE_MIGRATOR, "migrator") : rc;
        if (rc < 0) {
            return rc;
        }
        pg->admin = pg_pool_new(pg, PG_ROLE_ADMIN, "admin", 2);
    }
    int rc = role == MANSIO_ROLE_ADMIN ? 0 : greet(pg);
    if (rc == 0 && role == MANSIO_ROLE_SERVICE) {
        pg->relay = pg_relay_new(pg);
    }
    rc = rc < 0 ? rc : pg_directory_start(pg, role);
    return rc < 0 ? rc : pg_store_start(pg, role);
}

static int reconfigure(struct mansio_instance *instance)
{
    struct pg *pg = pg_of(instance);
    pg->config = read_config(mansio_instance_settings(instance));
    if (pg->serving != NULL) {
        pg_pool_resize(pg->serving, pg->config.serving_max);
    }
    if (pg->spool != NULL) {
        pg_pool_resize(pg->spool, pg->config.spool_max);
    }
    pg_store_reconfigure(pg);
    return check_conninfo(mansio_instance_settings(instance));
}

static void drain(struct mansio_instance *instance, int64_t deadline_us)
{
    struct pg *pg = pg_of(instance);
    pg_store_drain(pg, deadline_us);
    mansio_group_stop(pg->group, MANSIO_REASON_DRAIN, deadline_us);
}

static void stop(struct mansio_instance *instance)
{
    struct pg *pg = pg_of(instance);
    pg_store_stop(pg);
    pg_directory_stop(pg);
    pg_relay_close(pg->relay);
    pg_pool_close(pg->admin);
    pg_pool_close(pg->spool);
    pg_pool_close(pg->serving);
}

MANSIO_MODULE("postgres", "1.0", "", .summary = "Directory, store, leases and bus on PostgreSQL.",
              .settings = settings, .setting_count = MANSIO_COUNT(settings), .metrics = pg_metrics,
              .metric_count = PG_METRIC_COUNT, .load = load, .start = start,
              .reconfigure = reconfigure, .drain = drain, .stop = stop);
