/*
 * What the master asks a child: its sessions, the end of one, new live settings. Answers are JSON,
 * in parts where they are long.
 */
#include "core/daemon/child.h"

#include <stdlib.h>
#include <string.h>

#include "core/daemon/channel.h"
#include "core/daemon/check.h"
#include "core/daemon/control.h"
#include "core/daemon/json.h"
#include "core/host/config.h"
#include "core/host/last_use.h"
#include "core/host/limits.h"
#include "core/host/gate.h"
#include "core/host/login.h"
#include "core/host/modules.h"
#include "core/host/session.h"
#include "core/host/tally.h"
#include <mansio/auth.h>
#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/str.h>

enum {
    PART_SESSIONS = 32, /* their JSON stays below a message's size: all parts of one are bounded */
    LIMIT_MAX = 100000,
    QUEUE_MAX = 32,
    SERVICES_MAX = 64,
};

struct mansio_str core_child_problems(const struct core_child_process *process)
{
    return core_check_problems(process->config_arena, process->source);
}

/* Takes the reference. */
static void answer(struct core_child_process *process, uint32_t type, uint32_t id, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    MANSIO_ASSERT(text != NULL);
    if (core_channel_send_text(process->channel, type, id, mansio_str_from_cstr(text)) < 0) {
        mansio_log(MANSIO_LOG_WARNING, "answer-not-sent",
                   MANSIO_KV_CSTR("detail", mansio_error_detail()), MANSIO_KV_END);
    }
    free(text);
}

/* ---- sessions -------------------------------------------------------------------------------- */

struct listing {
    struct mansio_str service, instance, account; /* empty: any */
    size_t limit, total;
    int64_t now_us;
    json_t *sessions;
};

/* How somebody got in: what policy judges the session by. */
static void put_way(json_t *row, const struct core_session_way *way)
{
    static const char *const kinds[] = {
        [MANSIO_CREDENTIAL_MAIN] = "main",
        [MANSIO_CREDENTIAL_APP] = "app",
        [MANSIO_CREDENTIAL_CERTIFICATE] = "certificate",
    };
    char network[CORE_NETWORK_TEXT_MAX];
    size_t len = core_network_print(&way->peer, network);
    json_object_set_new(row, "network", core_json_str((struct mansio_str){network, len}));
    json_object_set_new(row, "protected", json_boolean(way->is_protected));
    if (way->mechanism != NULL) {
        json_object_set_new(row, "mechanism", core_json_str(mansio_str_from_cstr(way->mechanism)));
    }
    if (way->credential_kind < MANSIO_COUNT(kinds) && kinds[way->credential_kind] != NULL) {
        json_object_set_new(row, "credential", json_string(kinds[way->credential_kind]));
    }
}

static void visit(void *arg, const struct core_session_info *info)
{
    struct listing *listing = arg;
    if ((listing->service.len > 0 && !mansio_str_eq(listing->service, info->service)) ||
        (listing->instance.len > 0 && !mansio_str_eq(listing->instance, info->instance)) ||
        (listing->account.len > 0 && !mansio_str_eq(listing->account, info->account))) {
        return;
    }
    listing->total++;
    if (json_array_size(listing->sessions) >= listing->limit) {
        return;
    }
    json_t *row = json_object();
    json_object_set_new(row, "id", core_json_str(info->id));
    json_object_set_new(row, "service", core_json_str(info->service));
    json_object_set_new(row, "instance", core_json_str(info->instance));
    json_object_set_new(row, "listener", core_json_str(info->listener));
    json_object_set_new(row, "peer", core_json_str(info->peer));
    if (info->account.len > 0) {
        json_object_set_new(row, "account", core_json_str(info->account));
        json_object_set_new(row, "tenant", core_json_str(info->tenant));
    }
    if (info->way != NULL) {
        put_way(row, info->way);
    }
    json_object_set_new(row, "tls", core_json_str(info->tls));
    json_object_set_new(row, "activity", core_json_str(mansio_str_from_cstr(info->activity)));
    json_object_set_new(row, "opened", core_json_time(info->opened_wall_us));
    json_object_set_new(row, "age", core_json_seconds(listing->now_us - info->opened_wall_us));
    json_array_append_new(listing->sessions, row);
}

void core_child_on_sessions(struct core_child_process *process, const struct core_message *message)
{
    uint32_t id = message->id; /* the message is gone once we yield */
    MANSIO_SCRATCH_BEGIN(scratch);
    struct listing listing = {.now_us = mansio_wall_us(), .sessions = json_array()};
    json_t *json = NULL;
    int64_t limit = LIMIT_MAX;
    if (core_json_parse(message->payload, &json) < 0 ||
        core_json_get_str(scratch, json, "service", &listing.service) < 0 ||
        core_json_get_str(scratch, json, "instance", &listing.instance) < 0 ||
        core_json_get_str(scratch, json, "account", &listing.account) < 0 ||
        core_json_get_int(json, "limit", 1, LIMIT_MAX, &limit) < 0) {
        limit = 0;
    }
    json_decref(json);
    listing.limit = (size_t)limit;
    core_sessions_visit(visit, &listing);
    MANSIO_SCRATCH_END(scratch);
    size_t count = json_array_size(listing.sessions);
    for (size_t from = 0; from < count; from += PART_SESSIONS) {
        json_t *part = json_array();
        for (size_t i = from; i < count && i < from + PART_SESSIONS; i++) {
            json_array_append(part, json_array_get(listing.sessions, i));
        }
        answer(process, CORE_MESSAGE_ANSWER, id, json_pack("{s:o}", "sessions", part));
        if (core_channel_queued(process->channel) > QUEUE_MAX &&
            core_channel_flush(process->channel, mansio_deadline_in(MANSIO_SECOND)) < 0) {
            break;
        }
    }
    json_decref(listing.sessions);
    answer(process, CORE_MESSAGE_ANSWERED, id,
           json_pack("{s:I}", "total", (json_int_t)listing.total));
}

void core_child_on_kill(struct core_child_process *process, const struct core_message *message)
{
    /* No session's id has an '@', every account's address has one. */
    size_t killed = mansio_str_find_char(message->payload, '@') >= 0
                        ? core_sessions_kill_address(message->payload, MANSIO_REASON_KILLED)
                        : core_sessions_kill(message->payload, MANSIO_REASON_KILLED) == 0;
    answer(process, CORE_MESSAGE_ANSWERED, message->id,
           json_pack("{s:I}", "killed", (json_int_t)killed));
}

/* ---- top ------------------------------------------------------------------------------------- */

/* {"imap": 12, ...}: the largest. */
static json_t *counts_json(enum core_tally tally, size_t max, size_t *out_names)
{
    struct core_tally_row *rows = calloc(max, sizeof *rows);
    json_t *json = json_object();
    MANSIO_ASSERT(rows != NULL);
    size_t count = core_tally_top(tally, rows, max, out_names);
    for (size_t i = 0; i < count; i++) {
        json_t *key = core_json_str(rows[i].name); /* bytes that are no UTF-8 are replaced */
        json_object_set_new(json, json_string_value(key), json_integer((json_int_t)rows[i].count));
        json_decref(key);
    }
    free(rows);
    return json;
}

void core_child_on_top(struct core_child_process *process, const struct core_message *message)
{
    size_t names = 0, tenants = 0;
    json_t *json = json_object();
    json_object_set_new(json, "services", counts_json(CORE_TALLY_SERVICE, SERVICES_MAX, &names));
    json_object_set_new(json, "tenants",
                        counts_json(CORE_TALLY_TENANT, CORE_TOP_TENANTS, &tenants));
    json_object_set_new(json, "tenant_count", json_integer((json_int_t)tenants));
    answer(process, CORE_MESSAGE_ANSWERED, message->id, json);
}

/* ---- live settings --------------------------------------------------------------------------- */

static int reconfigure(struct core_child_process *process, int fd)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "config", 0);
    struct core_source *source = NULL;
    struct core_config *config = NULL;
    int rc = core_source_load(arena, fd, &source);
    if (rc == 0) {
        rc = core_config_parse(arena, source, &config);
    }
    if (rc == 0) {
        rc = core_modules_reconfigure(process->modules, arena, config, source);
    }
    if (rc < 0) {
        mansio_arena_free(arena);
        return rc;
    }
    mansio_arena_free(
        process->config_arena); /* instances have their values in arenas of their own */
    process->config_arena = arena;
    process->source = source;
    process->config = config;
    core_child_set_log(process);
    core_gate_configure(config);
    int copied = core_login_configure(config);
    copied = copied < 0 ? copied : core_limits_configure(config);
    core_last_use_configure(config->login.use_every_us);
    return copied < 0 ? copied : rc;
}

void core_child_on_reconfigure(struct core_child_process *process,
                               const struct core_message *message)
{
    uint32_t id = message->id;
    int rc = message->fd_count == 1 && process->is_started
                 ? reconfigure(process, message->fds[0])
                 : mansio_fail(MANSIO_E_INVALID, "reconfigure: too early, or no source");
    if (rc < 0) {
        mansio_log(MANSIO_LOG_ERROR, "reconfigure-failed", MANSIO_KV_CODE("error", rc),
                   MANSIO_KV_END);
    }
    json_t *json = json_object();
    json_object_set_new(json, "ok", json_boolean(rc >= 0));
    json_object_set_new(json, "detail",
                        core_json_str(mansio_str_from_cstr(rc != 0 ? mansio_error_detail() : "")));
    answer(process, CORE_MESSAGE_ANSWERED, id, json);
}
