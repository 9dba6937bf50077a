/*
 * Commands about the daemon as a whole: status, reload, stop, modules.
 */
#include "core/ctl/client.h"
#include "core/ctl/ctl.h"
#include "core/ctl/show.h"
#include "core/ctl/text.h"

#include <inttypes.h>

#include <mansio/str.h>
#include <mansio/time.h>

#define ANSWER_TIMEOUT_US (30 * MANSIO_SECOND)

static const struct core_ctl_field daemon_fields[] = {
    {"daemon", "version", CORE_CTL_TEXT},   {"state", "state", CORE_CTL_TEXT},
    {"pid", "pid", CORE_CTL_COUNT},         {"up", "uptime", CORE_CTL_DURATION},
    {"config", "config", CORE_CTL_TEXT},    {"generation", "generation", CORE_CTL_COUNT},
    {"reloads", "reloads", CORE_CTL_COUNT}, {"upgrades", "upgrades", CORE_CTL_COUNT},
    {"crashes", "crashes", CORE_CTL_COUNT},
};

static const struct core_ctl_field reload_fields[] = {
    {"last reload", "at", CORE_CTL_TIME},
    {"outcome", "outcome", CORE_CTL_TEXT},
};

static const struct core_ctl_field total_fields[] = {
    {"conns", "conns", CORE_CTL_COUNT},
    {"sessions", "sessions", CORE_CTL_COUNT},
};

static const struct core_ctl_field generation_fields[] = {
    {"GENERATION", "number", CORE_CTL_COUNT}, {"STATE", "state", CORE_CTL_TEXT},
    {"WORKERS", "workers", CORE_CTL_COUNT},   {"CONNS", "conns", CORE_CTL_COUNT},
    {"SESSIONS", "sessions", CORE_CTL_COUNT}, {"SINCE", "since", CORE_CTL_TIME},
};

static const struct core_ctl_field process_fields[] = {
    {"PROCESS", "role", CORE_CTL_TEXT},
    {"INDEX", "index", CORE_CTL_COUNT},
    {"PID", "pid", CORE_CTL_COUNT},
    {"GENERATION", "generation", CORE_CTL_COUNT},
    {"STATE", "state", CORE_CTL_TEXT},
    {"UP", "uptime", CORE_CTL_DURATION},
    {"RESTARTS", "restarts", CORE_CTL_COUNT},
    {"CONNS", "conns_open", CORE_CTL_COUNT},
    {"ACCEPTED", "conns_total", CORE_CTL_COUNT},
    {"SESSIONS", "sessions_open", CORE_CTL_COUNT},
};

static const struct core_ctl_field listener_fields[] = {
    {"LISTENER", "name", CORE_CTL_TEXT},      {"ADDRESS", "address", CORE_CTL_TEXT},
    {"INSTANCE", "instance", CORE_CTL_TEXT},  {"SERVICE", "service", CORE_CTL_TEXT},
    {"INHERITED", "inherited", CORE_CTL_YES},
};

static const struct core_ctl_field module_fields[] = {
    {"INSTANCE", "instance", CORE_CTL_TEXT}, {"MODULE", "module", CORE_CTL_TEXT},
    {"VERSION", "version", CORE_CTL_TEXT},   {"ABI", "abi", CORE_CTL_TEXT},
    {"BUILD", "build_tag", CORE_CTL_TEXT},   {"INSTALLED", "mtime", CORE_CTL_TIME},
    {"FILE", "path", CORE_CTL_TEXT},
};

/* The figures of the daemon, then of its last reload, then the totals; a line each. */
static void show_daemon(struct mansio_buf *out, const json_t *status)
{
    core_ctl_show_object(out, daemon_fields, MANSIO_COUNT(daemon_fields), status);
    core_ctl_show_object(out, total_fields, MANSIO_COUNT(total_fields),
                         json_object_get(status, "totals"));
    const json_t *reload = json_object_get(status, "last_reload");
    if (!json_is_object(reload)) {
        return;
    }
    core_ctl_show_object(out, reload_fields, MANSIO_COUNT(reload_fields), reload);
    const json_t *message = json_object_get(reload, "message");
    struct mansio_str rest = {json_string_value(message), json_string_length(message)}, line;
    while (mansio_str_split(&rest, '\n', &line)) {
        mansio_buf_add(out, MANSIO_STR("    "));
        core_ctl_escape(out, line);
        mansio_buf_add_char(out, '\n');
    }
}

static int show_status(struct core_ctl *ctl, const json_t *status)
{
    static const struct {
        const char *key;
        const struct core_ctl_field *fields;
        size_t count;
    } parts[] = {
        {"generations", generation_fields, MANSIO_COUNT(generation_fields)},
        {"processes", process_fields, MANSIO_COUNT(process_fields)},
        {"listeners", listener_fields, MANSIO_COUNT(listener_fields)},
    };

    struct mansio_buf *out = mansio_buf_new(ctl->arena, CORE_CTL_SHOW_MAX);
    show_daemon(out, status);
    for (size_t i = 0; i < MANSIO_COUNT(parts); i++) {
        mansio_buf_add_char(out, '\n');
        int rc = core_ctl_show_rows(ctl, out, parts[i].fields, parts[i].count,
                                    json_object_get(status, parts[i].key));
        if (rc != CORE_CTL_OK) {
            return rc;
        }
    }
    return core_ctl_write(ctl, mansio_buf_str(out));
}

int core_ctl_cmd_status(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    (void)args;
    json_t *status = NULL;
    int rc = core_ctl_ask(ctl, "status", NULL, ANSWER_TIMEOUT_US, &status);
    if (rc == CORE_CTL_OK) {
        rc = ctl->is_json ? core_ctl_show_json(ctl, status) : show_status(ctl, status);
    }
    json_decref(status);
    return rc;
}

/* "generation 4 ready", and below it what was found changed. */
static int show_reload(struct core_ctl *ctl, const json_t *result)
{
    struct mansio_buf *out = mansio_buf_new(ctl->arena, CORE_CTL_SHOW_MAX);
    const json_t *message = json_object_get(result, "message");
    core_ctl_escape(out,
                    (struct mansio_str){json_string_value(message), json_string_length(message)});
    mansio_buf_add_char(out, '\n');
    const json_t *changes = json_object_get(result, "changes");
    for (size_t i = 0; i < json_array_size(changes); i++) {
        const json_t *change = json_array_get(changes, i);
        mansio_buf_add(out, MANSIO_STR("    changed: "));
        core_ctl_escape(out,
                        (struct mansio_str){json_string_value(change), json_string_length(change)});
        mansio_buf_add_char(out, '\n');
    }
    return core_ctl_write(ctl, mansio_buf_str(out));
}

int core_ctl_cmd_reload(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    json_t *result = NULL;
    json_t *asked = args->options[0] != NULL ? json_pack("{s:b}", "force", 1) : NULL;
    int rc = core_ctl_ask(ctl, "reload", asked, 0, &result);
    if (rc == CORE_CTL_OK) {
        rc = ctl->is_json ? core_ctl_show_json(ctl, result) : show_reload(ctl, result);
    }
    json_decref(result);
    return rc;
}

int core_ctl_cmd_stop(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    json_t *result = NULL;
    json_t *asked = args->options[0] != NULL ? json_pack("{s:b}", "quick", 1) : NULL;
    int rc = core_ctl_ask(ctl, "stop", asked, ANSWER_TIMEOUT_US, &result);
    if (rc == CORE_CTL_OK) {
        rc = ctl->is_json ? core_ctl_show_json(ctl, result) : show_reload(ctl, result);
    }
    json_decref(result);
    return rc;
}

int core_ctl_cmd_modules(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    (void)args;
    json_t *result = NULL;
    int rc = core_ctl_ask(ctl, "modules", NULL, ANSWER_TIMEOUT_US, &result);
    if (rc == CORE_CTL_OK && ctl->is_json) {
        rc = core_ctl_show_json(ctl, result);
    } else if (rc == CORE_CTL_OK) {
        struct mansio_buf *out = mansio_buf_new(ctl->arena, CORE_CTL_SHOW_MAX);
        rc = core_ctl_show_rows(ctl, out, module_fields, MANSIO_COUNT(module_fields),
                                json_object_get(result, "instances"));
        rc = rc == CORE_CTL_OK ? core_ctl_write(ctl, mansio_buf_str(out)) : rc;
    }
    json_decref(result);
    return rc;
}
