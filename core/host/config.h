/*
 * The configuration of a node: the core's own settings table, and the file made into what the
 * rest of the core reads. Two steps: a *source* is the bytes of the file, of what it includes and
 * of the secrets that it names, read once (by the checking child), so that all workers of a
 * generation see the same; a *config* is a source parsed and checked.
 */
#ifndef MANSIO_CORE_HOST_CONFIG_H
#define MANSIO_CORE_HOST_CONFIG_H

#include "core/base/export.h"
#include "core/host/limits.h"
#include "core/net/address.h"
#include "core/net/network.h"
#include "core/net/resolver.h"
#include <mansio/arena.h>
#include <mansio/base.h>
#include <mansio/settings.h>

struct core_source; /* path, bytes, device, inode, mtime of each file; environment secrets */
struct core_node;   /* a parsed YAML node with file, line and column (yaml.h) */

/* Read a file and all that it names. Errors name file, line and column. */
CORE_EXPORT MANSIO_MUST_CHECK int core_source_read(struct mansio_arena *arena, const char *path,
                                                   struct core_source **out);
/* Into a sealed memfd, and back (a worker's way). */
CORE_EXPORT MANSIO_MUST_CHECK int core_source_store(const struct core_source *source, int *out_fd);
CORE_EXPORT MANSIO_MUST_CHECK int core_source_load(struct mansio_arena *arena, int fd,
                                                   struct core_source **out);
/* What is wrong with a source: filled by core_config_parse() (anew) and core_settings_check() (in
 * addition), also when they fail; sorted by place, the first 20 of @p out_total (may be NULL).
 * Each is "path:line:column: ..."; valid as long as the source. A failure that is not of this kind
 * (a file that can't be read, broken YAML) is in mansio_error_detail() alone. */
CORE_EXPORT size_t core_source_problem_count(const struct core_source *source, size_t *out_total);
CORE_EXPORT const char *core_source_problem(const struct core_source *source, size_t index);

/* The files that were read, main file first, as messages name them. */
CORE_EXPORT size_t core_source_file_count(const struct core_source *source);
CORE_EXPORT const char *core_source_file_path(const struct core_source *source, size_t index);

/* Wipe the environment variables that a source names as secrets out of this process, the memory
 * behind /proc/PID/environ too: for children, which have them in the source. */
CORE_EXPORT void core_source_forget_environment(const struct core_source *source);
/* 1 if both have the same content (bytes and secrets, not mtime). */
CORE_EXPORT int core_source_eq(const struct core_source *a, const struct core_source *b);

struct core_config_instance {
    struct mansio_str name;
    struct mansio_str module;      /* "hello" (found in module_path) or an absolute path */
    const struct core_node *node;  /* the module's settings, unchecked; NULL: none given */
    const struct core_node *where; /* for messages */
};

struct core_config_certificate {
    struct mansio_str name;
    struct mansio_str chain, key; /* absolute paths, each with a NUL behind it */
    const struct mansio_settings *settings;
};

enum core_tls_mode { CORE_TLS_OFF = 0, CORE_TLS_STARTTLS = 1, CORE_TLS_IMPLICIT = 2 };

struct core_config_listener {
    struct mansio_str name;
    struct mansio_str instance; /* who serves it */
    struct mansio_str service;  /* empty: the protocol's own */
    struct core_address address;
    struct mansio_str address_text; /* as written */
    uint32_t backlog;
    uint32_t unix_mode;
    uint32_t conns_max;          /* of this listener, on this node; 0: no limit of its own */
    uint32_t is_plaintext_login; /* passwords in the clear are taken without TLS */
    const struct mansio_str *mechanisms; /* of SASL, as written */
    size_t mechanism_count;              /* 0: all there are */
    uint32_t tls;                        /* enum core_tls_mode */
    size_t certificate;                  /* index of its default certificate, unless tls is OFF */
    uint32_t client_certificate;         /* enum core_tls_client_certificate */
    struct mansio_str client_ca;         /* path, a NUL behind it */
    struct mansio_str client_crl;        /* likewise; empty: revocation isn't looked at */
    uint32_t client_account;             /* enum core_tls_peer_names */
    uint32_t is_advertised;              /* 0: nobody is told of it */
    uint32_t advertise_port;             /* 0: as it is bound */
    struct mansio_str advertise_host;    /* one spelling; empty: as it may be */
    const struct core_network *proxies;
    size_t proxy_count;
    const struct mansio_settings *settings;
    const struct core_node *where;
};

/* `login:` of the configuration. */
struct core_config_login {
    const struct mansio_str *auth; /* instances to ask, in this order */
    size_t auth_count;             /* 0: all there are */
    uint32_t failures_per_address; /* in a window, on this node; 0: no limit */
    uint32_t failures_per_network, failures_per_account, failures_per_tenant; /* likewise */
    int64_t window_us;
    int64_t delay_us;     /* before the answer to the first failure in a window; doubles */
    int64_t delay_max_us; /* 0: no delay */
    int64_t beat_us;      /* answers to failures leave at multiples of it; 0: at once */
    int64_t again_us;     /* further logins on a conn take what was right before; 0: never */
    int64_t use_every_us; /* that a credential was used is recorded so often; 0: never */
};

/* `policy:` of the configuration. */
struct core_config_policy {
    int64_t hold_us;
    uint32_t is_open; /* 1: the last goes on holding after that; 0: nobody is let in */
};

struct core_config {
    struct mansio_arena *arena;
    const struct mansio_settings *settings; /* the whole root section, by name */
    uint32_t workers;                       /* never 0: "one a core" is resolved */
    const struct core_config_instance *instances;
    size_t instance_count;
    const struct core_config_listener *listeners; /* one row an address */
    size_t listener_count;                        /* rows, not entries of `listeners` */
    const struct core_config_certificate *certificates;
    size_t certificate_count;

    /* What the daemon asks for, out of `settings`. Slices end with a NUL. */
    struct mansio_str node;           /* this node's name; never empty */
    struct mansio_str user, group;    /* names or numbers; empty: stay who started us */
    struct mansio_str control_socket; /* absolute path */
    uint32_t control_mode;
    uint32_t log_format;        /* enum core_log_format */
    uint32_t log_level;         /* enum mansio_log_level */
    struct mansio_str log_file; /* absolute path; empty: stderr */
    int has_metrics;            /* metrics_address is set */
    struct core_address metrics_address;
    struct core_config_limits limits; /* those that all workers share */
    size_t sessions_max;              /* a worker */
    size_t fibers_max;                /* a worker */
    size_t conn_arena_cap_bytes;
    size_t content_memory_bytes;         /* a worker: messages on their way in */
    struct mansio_str content_directory; /* absolute path */
    size_t stack_size_bytes;
    size_t stacks_kept_max;
    int64_t drain_time_us;    /* a draining generation's deadline */
    int64_t drain_spread_us;  /* over which idle sessions are told goodbye */
    unsigned offload_threads; /* a worker */
    size_t offload_queue_max;
    int64_t hold_limit_us; /* watchdog; 0: off */

    struct mansio_str directory; /* the instance that answers who there is; empty: the only one */
    struct core_config_login login;
    struct core_config_policy policy;
    int64_t tls_handshake_us;
    const struct mansio_secret *tls_ticket_secret; /* NULL: the master's */
    struct core_resolver_options resolver;
};

/* The core's own table: what --explain-settings prints first. */
CORE_EXPORT const struct mansio_setting *core_config_table(size_t *out_count);

/* Parse and check all but modules' settings. */
CORE_EXPORT MANSIO_MUST_CHECK int core_config_parse(struct mansio_arena *arena,
                                                    const struct core_source *source,
                                                    struct core_config **out);

/* An instance's row by its name; NULL if there is none. */
CORE_EXPORT const struct core_config_instance *core_config_find_instance(
    const struct core_config *config, struct mansio_str name);

/* Check a node against a table (a module's): what instances get. @p where names the place when
 * @p node is NULL. The values live as long as @p arena and need neither source nor config. */
CORE_EXPORT MANSIO_MUST_CHECK int core_settings_check(
    struct mansio_arena *arena, const struct core_source *source, const struct core_node *node,
    const struct core_node *where, const struct mansio_setting *table, size_t count,
    const struct mansio_settings **out);

/* Compare two values of one table. 0: same. 1: they differ only in LIVE settings. 2: in others.
 * A LIVE row covers all below it. Of the core's own settings, `instances.NAME.settings` is left
 * out: compare what core_settings_check() makes of it. */
CORE_EXPORT int core_settings_compare(const struct mansio_settings *a,
                                      const struct mansio_settings *b);

/* Is the table itself well formed? For the loader: 0, or MANSIO_E_INVALID saying which row. */
CORE_EXPORT MANSIO_MUST_CHECK int core_settings_table_check(const struct mansio_setting *table,
                                                            size_t count);

/* Reference documentation of a table, as text for people. */
struct mansio_buf;
CORE_EXPORT void core_settings_explain(struct mansio_buf *out, const char *title,
                                       const struct mansio_setting *table, size_t count);

#endif
