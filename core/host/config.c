/*
 * A source made into a configuration: checked against the core's table, then what the table can't
 * say: names, addresses, modes, and that a listener's instance is there. Everything wrong is told
 * at once; module settings are checked by the loader, which has their tables.
 */
#include <config.h>

#include "core/host/config.h"

#include "core/host/config_table.h"
#include "core/host/config_advertise.h"
#include "core/host/config_limits.h"
#include "core/host/config_tls.h"
#include "core/host/sasl_table.h"
#include "core/host/settings.h"
#include "core/host/source.h"
#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/str.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FAILURES_NETWORK_TIMES = 20 }; /* what an address may */

/* One configuration being made. */
struct making {
    struct mansio_arena *arena;
    struct core_problems *problems;
    const struct core_node *root;
    const struct mansio_settings *settings;
    struct core_config *config;
    struct core_config_instance *instances;
    struct core_config_listener *listeners;
    size_t listener_room;
};

static int is_bad(const struct mansio_settings *settings, const char *name)
{
    return core_settings_value(settings, name, UINT32_MAX)->is_bad;
}

static void complain(struct making *making, struct core_place at,
                     const struct mansio_settings *settings, const char *name, const char *what)
{
    core_problems_add(making->problems, at, "%.*s%s%s: %s", MANSIO_STR_ARG(settings->path),
                      settings->path.len > 0 ? "." : "", name, what);
}

/* ---- single settings ------------------------------------------------------------------------- */

static int is_name(struct mansio_str name, size_t max)
{
    size_t i = 0;
    while (i < name.len && strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.", name.ptr[i]) != NULL) {
        i++;
    }
    return i == name.len && i > 0 && i <= max && name.ptr[0] != '.' && name.ptr[0] != '-';
}

/* The name of an entry of `instances` or `listeners`: it is a label in logs and metrics. */
static void check_name(struct making *making, const struct mansio_settings *entry)
{
    if (!is_name(entry->key, CORE_NAME_MAX)) {
        core_problems_add(making->problems, entry->at,
                          "%.*s: found a name of other characters or length, expected lower-case "
                          "letters, digits, '-', '_', '.', at most %d",
                          MANSIO_STR_ARG(entry->path), CORE_NAME_MAX);
    }
}

static uint32_t take_mode(struct making *making, const struct mansio_settings *settings,
                          const char *name)
{
    struct mansio_str text = mansio_settings_str(settings, name);
    uint32_t mode = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '7') {
            mode = UINT32_MAX;
            break;
        }
        mode = mode * 8 + (uint32_t)(text.ptr[i] - '0');
    }
    if (mode > 0777) {
        char quoted[CORE_QUOTE_MAX];
        char what[CORE_SETTINGS_WHY_MAX];
        snprintf(what, sizeof what, "found %s, expected a mode in octal, 0000 to 0777",
                 core_quote(text, quoted));
        complain(making, core_settings_place(settings, name), settings, name, what);
        return 0;
    }
    return mode;
}

static uint32_t processors(void)
{
    cpu_set_t set;
    int count = 0;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        count = CPU_COUNT(&set);
    }
    if (count < 1) {
        return 1;
    }
    return count > CORE_WORKERS_MAX ? CORE_WORKERS_MAX : (uint32_t)count;
}

static int take_node_name(struct making *making)
{
    making->config->node = mansio_settings_str(making->settings, "node");
    if (making->config->node.len > 0) {
        return 0;
    }
    char name[256] = "";
    if (gethostname(name, sizeof name - 1) < 0 || name[0] == '\0') {
        snprintf(name, sizeof name, "localhost");
    }
    return mansio_arena_copy(making->arena, mansio_str_from_cstr(name), &making->config->node);
}

static void check_module_path(struct making *making)
{
    const struct mansio_settings *settings = making->settings;
    for (size_t i = 0; i < mansio_settings_count(settings, "module_path"); i++) {
        struct mansio_str item = mansio_settings_item(settings, "module_path", i);
        if (!mansio_str_starts(item, MANSIO_STR("/"))) {
            char quoted[CORE_QUOTE_MAX];
            char what[CORE_SETTINGS_WHY_MAX];
            snprintf(what, sizeof what, "found %s, expected an absolute path",
                     core_quote(item, quoted));
            complain(making, core_settings_item_place(settings, "module_path", i), settings,
                     "module_path", what);
        }
    }
}

static void take_metrics(struct making *making)
{
    const struct mansio_settings *metrics = mansio_settings_section(making->settings, "metrics");
    struct mansio_str text = mansio_settings_str(metrics, "address");
    if (text.len == 0) {
        return;
    }
    if (core_address_parse(text, &making->config->metrics_address) < 0) {
        complain(making, core_settings_place(metrics, "address"), metrics, "address",
                 mansio_error_detail());
        return;
    }
    making->config->has_metrics = 1;
}

static int copy_list(struct making *making, const struct mansio_settings *settings,
                     const char *name, const struct mansio_str **out, size_t *out_count)
{
    size_t count = mansio_settings_count(settings, name);
    struct mansio_str *items = mansio_arena_try_alloc(making->arena, (count + 1) * sizeof *items);
    if (items == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        items[i] = mansio_settings_item(settings, name, i);
    }
    *out = items;
    *out_count = count;
    return 0;
}

/* `resolver:`; each server is looked at here, so that --check finds one that is none. */
static int take_resolver(struct making *making)
{
    const struct mansio_settings *section = mansio_settings_section(making->settings, "resolver");
    struct core_resolver_options *resolver = &making->config->resolver;
    int rc = copy_list(making, section, "servers", &resolver->servers, &resolver->server_count);

    for (size_t i = 0; rc == 0 && i < resolver->server_count; i++) {
        if (core_resolver_check_server(resolver->servers[i]) < 0) {
            complain(making, core_settings_place(section, "servers"), section, "servers",
                     mansio_error_detail());
        }
    }
    resolver->trust_ad = mansio_settings_int(section, "trust_ad") != 0;
    resolver->timeout_us = mansio_settings_int(section, "timeout");
    resolver->tries = (uint32_t)mansio_settings_int(section, "tries");
    resolver->cache_bytes = (size_t)mansio_settings_int(section, "cache");
    return rc;
}

static void take_policy(struct making *making)
{
    const struct mansio_settings *section = mansio_settings_section(making->settings, "policy");
    making->config->policy.hold_us = mansio_settings_int(section, "hold");
    making->config->policy.is_open =
        mansio_str_eq(mansio_settings_str(section, "then"), MANSIO_STR("open"));
}

static int take_login(struct making *making)
{
    const struct mansio_settings *section = mansio_settings_section(making->settings, "login");
    struct core_config_login *login = &making->config->login;
    login->failures_per_address = (uint32_t)mansio_settings_int(section, "failures_per_address");
    login->failures_per_network = core_config_of_networks(
        section, "failures_per_network", login->failures_per_address, FAILURES_NETWORK_TIMES);
    login->failures_per_account = (uint32_t)mansio_settings_int(section, "failures_per_account");
    login->failures_per_tenant = (uint32_t)mansio_settings_int(section, "failures_per_tenant");
    login->window_us = mansio_settings_int(section, "window");
    login->delay_us = mansio_settings_int(section, "delay");
    login->delay_max_us = mansio_settings_int(section, "delay_max");
    login->beat_us = mansio_settings_int(section, "beat");
    login->again_us = mansio_settings_int(section, "again");
    login->use_every_us = mansio_settings_int(section, "use_every");
    return copy_list(making, section, "auth", &login->auth, &login->auth_count);
}

static int take_scalars(struct making *making)
{
    struct core_config *config = making->config;
    const struct mansio_settings *root = making->settings;
    config->workers = (uint32_t)mansio_settings_int(root, "workers");
    if (config->workers == 0) {
        config->workers = processors();
    }
    config->user = mansio_settings_str(root, "user");
    config->group = mansio_settings_str(root, "group");
    const struct mansio_settings *control = mansio_settings_section(root, "control");
    config->control_socket = mansio_settings_str(control, "socket");
    config->control_mode = take_mode(making, control, "mode");
    const struct mansio_settings *log = mansio_settings_section(root, "log");
    config->log_format = (uint32_t)mansio_settings_int(log, "format");
    config->log_level = (uint32_t)mansio_settings_int(log, "level") + MANSIO_LOG_ERROR;
    config->log_file = mansio_settings_str(log, "file");
    const struct mansio_settings *limits = mansio_settings_section(root, "limits");
    config->sessions_max = (size_t)mansio_settings_int(limits, "sessions");
    config->fibers_max = (size_t)mansio_settings_int(limits, "fibers");
    config->conn_arena_cap_bytes = (size_t)mansio_settings_int(limits, "conn_memory");
    config->content_memory_bytes = (size_t)mansio_settings_int(limits, "content_memory");
    config->content_directory = mansio_settings_str(limits, "content_directory");
    config->stack_size_bytes = (size_t)mansio_settings_int(limits, "fiber_stack");
    config->stacks_kept_max = (size_t)mansio_settings_int(limits, "stacks_kept");
    const struct mansio_settings *drain = mansio_settings_section(root, "drain");
    config->drain_time_us = mansio_settings_int(drain, "time");
    config->drain_spread_us = mansio_settings_int(drain, "spread");
    const struct mansio_settings *offload = mansio_settings_section(root, "offload");
    config->offload_threads = (unsigned)mansio_settings_int(offload, "threads");
    config->offload_queue_max = (size_t)mansio_settings_int(offload, "queue");
    config->hold_limit_us = mansio_settings_int(mansio_settings_section(root, "watchdog"), "limit");
    if (config->drain_spread_us > config->drain_time_us) {
        complain(making, core_settings_place(drain, "spread"), drain, "spread",
                 mansio_settings_is_set(drain, "spread")
                     ? "found more than drain.time, expected at most as much"
                     : "found nothing, and its default is more than drain.time: say it too");
    }
    if (config->control_socket.len == 0 && !is_bad(control, "socket")) {
        complain(making, core_settings_place(control, "socket"), control, "socket",
                 "found nothing, expected a path");
    }
    config->directory = mansio_settings_str(root, "directory");
    check_module_path(making);
    take_metrics(making);
    take_policy(making);
    int result = core_config_take_limits(config, making->problems);
    result = result < 0 ? result : take_login(making);
    result = result < 0 ? result : take_resolver(making);
    return result < 0 ? result : take_node_name(making);
}

/* The first entry of a map: values are in the order of the nodes that they were made of. */
static const struct core_node *first_entry(const struct making *making, const char *name)
{
    const struct core_node *map = core_node_get(making->root, mansio_str_from_cstr(name));
    return map != NULL ? map->first : NULL;
}

/* ---- instances ------------------------------------------------------------------------------- */

/* "hello", or a file: what has a '/' is relative to the file that says it. */
static int take_module(struct making *making, const struct mansio_settings *entry,
                       struct mansio_str *out)
{
    struct mansio_str text = mansio_settings_str(entry, "module");
    struct core_place at = core_settings_place(entry, "module");
    if (mansio_str_find_char(text, '/') < 0 || at.file == NULL) {
        *out = text;
        return 0;
    }
    int result = core_path_resolve(making->arena, at.file, text, out);
    if (result == MANSIO_E_INVALID) {
        complain(making, at, entry, "module", "found too long a path");
        result = 0;
    }
    return result;
}

static int take_instances(struct making *making)
{
    size_t count = mansio_settings_count(making->settings, "instances");
    const struct core_node *node = first_entry(making, "instances");
    making->instances =
        mansio_arena_try_alloc(making->arena, (count + 1) * sizeof *making->instances);
    if (making->instances == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        struct core_config_instance *instance = &making->instances[i];
        const struct mansio_settings *entry =
            mansio_settings_entry(making->settings, "instances", i, &instance->name);
        check_name(making, entry);
        instance->node = core_settings_node(entry, "settings");
        instance->where = node;
        node = node->next;
        int result = take_module(making, entry, &instance->module);
        if (result < 0) {
            return result;
        }
    }
    making->config->instances = making->instances;
    making->config->instance_count = count;
    return 0;
}

/* ---- listeners ------------------------------------------------------------------------------- */

static int has_instance(const struct making *making, struct mansio_str name)
{
    for (size_t i = 0; i < making->config->instance_count; i++) {
        if (mansio_str_eq(making->instances[i].name, name)) {
            return 1;
        }
    }
    return 0;
}

static void check_serve(struct making *making, const struct mansio_settings *entry)
{
    struct mansio_str name = mansio_settings_str(entry, "serve");
    if (!mansio_settings_is_set(entry, "serve") || is_bad(entry, "serve") ||
        has_instance(making, name)) {
        return;
    }
    char quoted[CORE_QUOTE_MAX];
    char what[CORE_SETTINGS_WHY_MAX];
    size_t used = (size_t)snprintf(
        what, sizeof what, "found %s, expected an instance%s", core_quote(name, quoted),
        making->config->instance_count > 0 ? " such as" : ", but there is none");
    for (size_t i = 0; i < making->config->instance_count && used < 240; i++) {
        struct mansio_str known = mansio_str_sub(making->instances[i].name, 0, CORE_NAME_MAX);
        used += (size_t)snprintf(what + used, sizeof what - used, "%s %.*s", i == 0 ? "" : ",",
                                 MANSIO_STR_ARG(known));
    }
    complain(making, core_settings_place(entry, "serve"), entry, "serve", what);
}

static void check_service(struct making *making, const struct mansio_settings *entry)
{
    struct mansio_str name = mansio_settings_str(entry, "service");
    if (name.len > 0 && !is_name(name, CORE_SERVICE_MAX)) {
        char quoted[CORE_QUOTE_MAX];
        char what[CORE_SETTINGS_WHY_MAX];
        snprintf(what, sizeof what, "found %s, expected lower-case letters, digits and '-'",
                 core_quote(name, quoted));
        complain(making, core_settings_place(entry, "service"), entry, "service", what);
    }
}

/* Port 0 is the system's choice, another one each time. */
static int is_any_port(const struct core_address *address)
{
    return (address->u.any.sa_family == AF_INET && address->u.ipv4.sin_port == 0) ||
           (address->u.any.sa_family == AF_INET6 && address->u.ipv6.sin6_port == 0);
}

/* Names are compared in upper case, as clients give them. */
static int take_mechanisms(struct making *making, const struct mansio_settings *entry,
                           struct core_config_listener *model)
{
    int result =
        copy_list(making, entry, "mechanisms", &model->mechanisms, &model->mechanism_count);
    for (size_t i = 0; result == 0 && i < model->mechanism_count; i++) {
        if (core_sasl_find(model->mechanisms[i]) == NULL) {
            char quoted[CORE_QUOTE_MAX];
            char what[CORE_SETTINGS_WHY_MAX];
            snprintf(what, sizeof what, "found %s, expected one of " CORE_SASL_NAMES,
                     core_quote(model->mechanisms[i], quoted));
            complain(making, core_settings_item_place(entry, "mechanisms", i), entry, "mechanisms",
                     what);
        }
    }
    return result;
}

static int check_unique(struct making *making, const struct mansio_settings *entry, size_t index,
                        const struct core_config_listener *fresh)
{
    for (size_t i = 0; i < making->config->listener_count; i++) {
        const struct core_config_listener *other = &making->listeners[i];
        if (!core_address_eq(&other->address, &fresh->address) || is_any_port(&fresh->address)) {
            continue;
        }
        char quoted[CORE_QUOTE_MAX];
        char what[CORE_SETTINGS_WHY_MAX];
        struct core_place before = core_node_place(other->where);
        snprintf(what, sizeof what, "found %s a second time; %.*s at %.150s:%u:%u has it too",
                 core_quote(fresh->address_text, quoted), MANSIO_STR_ARG(other->name),
                 before.file->path, before.line, before.column);
        complain(making, core_settings_item_place(entry, "address", index), entry, "address", what);
        return 0;
    }
    return 1;
}

/* Two who accept from one socket would get each other's clients. */
static int check_not_metrics(struct making *making, const struct mansio_settings *entry,
                             size_t index, const struct core_config_listener *fresh)
{
    const struct core_config *config = making->config;
    if (!config->has_metrics || !core_address_eq(&config->metrics_address, &fresh->address) ||
        is_any_port(&fresh->address)) {
        return 1;
    }
    char quoted[CORE_QUOTE_MAX];
    char what[CORE_SETTINGS_WHY_MAX];
    snprintf(what, sizeof what, "found %s, which metrics.address has too",
             core_quote(fresh->address_text, quoted));
    complain(making, core_settings_item_place(entry, "address", index), entry, "address", what);
    return 0;
}

static void add_address(struct making *making, const struct mansio_settings *entry, size_t index,
                        const struct core_config_listener *model)
{
    struct core_config_listener *row = &making->listeners[making->config->listener_count];
    *row = *model;
    row->address_text = mansio_settings_item(entry, "address", index);
    if (core_address_parse(row->address_text, &row->address) < 0) {
        complain(making, core_settings_item_place(entry, "address", index), entry, "address",
                 mansio_error_detail());
    } else if (check_unique(making, entry, index, row) &&
               check_not_metrics(making, entry, index, row)) {
        making->config->listener_count++;
    }
}

static int room_for_listeners(struct making *making, size_t count)
{
    size_t room = 1;
    for (size_t i = 0; i < count; i++) {
        room += mansio_settings_count(mansio_settings_entry(making->settings, "listeners", i, NULL),
                                      "address");
    }
    making->listeners = mansio_arena_try_alloc(making->arena, room * sizeof *making->listeners);
    return making->listeners != NULL ? 0 : MANSIO_E_LIMIT;
}

static int take_listeners(struct making *making)
{
    size_t count = mansio_settings_count(making->settings, "listeners");
    const struct core_node *node = first_entry(making, "listeners");
    int result = room_for_listeners(making, count);
    if (result < 0) {
        return result;
    }
    for (size_t i = 0; i < count; i++) {
        struct core_config_listener model = {.backlog = 0};
        const struct mansio_settings *entry =
            mansio_settings_entry(making->settings, "listeners", i, &model.name);
        check_name(making, entry);
        check_serve(making, entry);
        check_service(making, entry);
        model.instance = mansio_settings_str(entry, "serve");
        model.service = mansio_settings_str(entry, "service");
        model.backlog = (uint32_t)mansio_settings_int(entry, "backlog");
        model.unix_mode = take_mode(making, entry, "mode");
        model.conns_max = (uint32_t)mansio_settings_int(entry, "connections");
        model.is_plaintext_login = (uint32_t)mansio_settings_int(entry, "plaintext_login");
        model.where = node;
        node = node->next;
        if ((result = take_mechanisms(making, entry, &model)) < 0 ||
            (result = core_config_take_listener_tls(making->config, making->problems, entry,
                                                    &model)) < 0 ||
            (result = core_config_take_advertise(making->config, making->problems, entry, &model)) <
                0) {
            return result;
        }
        for (size_t j = 0; j < mansio_settings_count(entry, "address"); j++) {
            add_address(making, entry, j, &model);
        }
    }
    making->config->listeners = making->listeners;
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int make(struct making *making, const struct core_source *source)
{
    struct core_node *root = NULL;
    struct mansio_settings *settings = NULL;
    size_t count = 0;
    const struct mansio_setting *table = core_config_table(&count);
    int result = core_source_merge(making->arena, source, making->problems, &root);
    if (result == 0) {
        result = core_settings_make(making->arena, source, making->problems, root, NULL, table,
                                    count, &settings);
    }
    if (result < 0) {
        return result;
    }
    making->root = root;
    making->settings = settings;
    making->config->settings = settings;
    result = take_scalars(making);
    if (result == 0) {
        result = take_instances(making);
    }
    if (result == 0) {
        result = core_config_take_tls(making->config, making->problems);
    }
    if (result == 0) {
        result = take_listeners(making);
    }
    return result < 0 ? result : core_problems_status(making->problems);
}

int core_config_parse(struct mansio_arena *arena, const struct core_source *source,
                      struct core_config **out)
{
    struct making making = {.arena = arena,
                            .problems = source->problems,
                            .config = mansio_arena_alloc(arena, sizeof *making.config)};
    memset(source->problems, 0, sizeof *source->problems);
    making.config->arena = arena;
    int result = make(&making, source);
    if (result == 0) {
        *out = making.config;
    }
    return result;
}

const struct core_config_instance *core_config_find_instance(const struct core_config *config,
                                                             struct mansio_str name)
{
    for (size_t i = 0; i < config->instance_count; i++) {
        if (mansio_str_eq(config->instances[i].name, name)) {
            return &config->instances[i];
        }
    }
    return NULL;
}
