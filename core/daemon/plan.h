/*
 * The plan of a generation: what the checking child found, as facts that the master can keep,
 * compare and show without ever parsing a configuration or touching a module. It travels as JSON.
 */
#ifndef MANSIO_CORE_DAEMON_PLAN_H
#define MANSIO_CORE_DAEMON_PLAN_H

#include "core/net/address.h"
#include <jansson.h>
#include <mansio/arena.h>
#include <mansio/base.h>

enum { CORE_METRICS_BACKLOG = 64 };

enum core_settings_change {
    CORE_SETTINGS_SAME = 0,
    CORE_SETTINGS_LIVE = 1,   /* only such as running modules take */
    CORE_SETTINGS_OTHERS = 2, /* need a new generation */
};

/* A file whose replacement means a new generation: a module, or a key, certificate or other
 * regular file that a PATH setting names. */
enum core_plan_file_kind { CORE_PLAN_FILE_MODULE = 1, CORE_PLAN_FILE_DATA = 2 };

struct core_plan_file {
    uint32_t kind; /* enum core_plan_file_kind */
    struct mansio_str path;
    struct mansio_str what;     /* "module hello" or "file of tls.certificate" */
    struct mansio_str build_id; /* of modules; may be empty */
    uint64_t device, inode;
    int64_t mtime_ns, size;
};

struct core_plan_listener {
    struct mansio_str name, instance, service, address_text;
    struct core_address address;
    uint32_t backlog, unix_mode;
};

/* What `mansioctl modules` shows. */
struct core_plan_instance {
    struct mansio_str name, module, version, summary, path, build_id, build_tag;
    uint32_t abi_major, abi_minor;
    uint64_t inode;
    int64_t mtime_ns;
};

struct core_plan {
    struct mansio_arena *arena; /* the plan's own; core_plan_free() */
    struct mansio_str daemon_build_id, library_build_id;
    uint32_t settings_change; /* enum core_settings_change, against the running source */

    uint32_t workers;
    struct mansio_str user, group; /* empty: stay who we are */
    struct mansio_str control_path;
    uint32_t control_mode;
    struct mansio_str metrics_address; /* empty: none */
    int64_t drain_spread_us, drain_deadline_us;
    uint32_t log_format, log_level;
    struct mansio_str log_file; /* empty: standard error */
    uint64_t conns_max;         /* of the node; 0: no limit */

    struct core_plan_listener *listeners;
    size_t listener_count;
    struct core_plan_instance *instances;
    size_t instance_count;
    struct core_plan_file *files;
    size_t file_count;
};

/* Facts of loaded modules alone, with the build ids: what a child says before it starts, and part
 * of the plan. */
json_t *core_plan_facts(const struct core_plan *plan);

json_t *core_plan_to_json(const struct core_plan *plan);

/* Makes an arena of its own. MANSIO_E_INVALID names what doesn't fit. With facts alone (see above)
 * the rest stays zero. */
MANSIO_MUST_CHECK int core_plan_from_json(const json_t *json, struct core_plan **out);
MANSIO_MUST_CHECK int core_plan_from_facts(const json_t *json, struct core_plan **out);
void core_plan_free(struct core_plan *plan);

#endif
