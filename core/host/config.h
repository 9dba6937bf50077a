/*
 * The configuration of a node: the core's own settings table, and the file made into what the
 * rest of the core reads. Two steps: a *source* is the bytes of the file, of what it includes and
 * of the secrets that it names, read once (by the checking child), so that all workers of a
 * generation see the same; a *config* is a source parsed and checked.
 */
#ifndef MANSIO_CORE_HOST_CONFIG_H
#define MANSIO_CORE_HOST_CONFIG_H

#include "core/base/export.h"
#include "core/net/address.h"
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
/* 1 if both have the same content (bytes and secrets, not mtime). */
CORE_EXPORT int core_source_eq(const struct core_source *a, const struct core_source *b);

struct core_config_instance {
    struct mansio_str name;
    struct mansio_str module;       /* "hello" (found in module_path) or a path */
    const struct core_node *node;   /* the module's settings, unchecked; NULL: none given */
    const struct core_node *where;  /* for messages */
};

struct core_config_listener {
    struct mansio_str name;
    struct mansio_str instance;     /* who serves it */
    struct mansio_str service;      /* empty: the protocol's own */
    struct core_address address;
    struct mansio_str address_text; /* as written */
    uint32_t backlog;
    uint32_t unix_mode;
    uint32_t conns_max;             /* of this listener, on this node */
    const struct core_node *where;
};

struct core_config {
    struct mansio_arena *arena;
    const struct mansio_settings *settings; /* the whole root section, by name */
    uint32_t workers;                       /* never 0: "one a core" is resolved */
    const struct core_config_instance *instances;
    size_t instance_count;
    const struct core_config_listener *listeners; /* one row an address */
    size_t listener_count;
};

/* The core's own table: what --explain-settings prints first. */
CORE_EXPORT const struct mansio_setting *core_config_table(size_t *out_count);

/* Parse and check all but modules' settings. */
CORE_EXPORT MANSIO_MUST_CHECK int core_config_parse(struct mansio_arena *arena,
                                                    const struct core_source *source,
                                                    struct core_config **out);

/* Check a node against a table (a module's): what instances get. @p where names the place when
 * @p node is NULL. */
CORE_EXPORT MANSIO_MUST_CHECK int core_settings_check(struct mansio_arena *arena,
                                                      const struct core_source *source,
                                                      const struct core_node *node,
                                                      const struct core_node *where,
                                                      const struct mansio_setting *table,
                                                      size_t count,
                                                      const struct mansio_settings **out);

/* Compare two values of one table. 0: same. 1: they differ only in LIVE settings. 2: in others. */
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
