/*
 * Commands about sessions: list, kill.
 */
#include "core/ctl/client.h"
#include "core/ctl/ctl.h"
#include "core/ctl/show.h"

#include <inttypes.h>
#include <string.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum {
    LIST_SERVICE,
    LIST_INSTANCE,
    LIST_ACCOUNT,
    LIST_LIMIT,
    LIMIT_MAX = 100000, /* control.md */
};

#define ANSWER_TIMEOUT_US (30 * MANSIO_SECOND)

static const struct core_ctl_field session_fields[] = {
    {"ID", "id", CORE_CTL_TEXT},
    {"SERVICE", "service", CORE_CTL_TEXT},
    {"INSTANCE", "instance", CORE_CTL_TEXT},
    {"LISTENER", "listener", CORE_CTL_TEXT},
    {"PEER", "peer", CORE_CTL_TEXT},
    {"ACCOUNT", "account", CORE_CTL_TEXT},
    {"TENANT", "tenant", CORE_CTL_TEXT},
    {"TLS", "tls", CORE_CTL_TEXT},
    {"ACTIVITY", "activity", CORE_CTL_TEXT},
    {"AGE", "age", CORE_CTL_DURATION},
    {"GENERATION", "generation", CORE_CTL_COUNT},
    {"PID", "pid", CORE_CTL_COUNT},
};

/* A list that isn't whole must not look whole. */
static int say_what_is_missing(struct core_ctl *ctl, const json_t *result)
{
    const json_t *silent = json_object_get(result, "silent");
    for (size_t i = 0; i < json_array_size(silent); i++) {
        core_ctl_error(ctl, "process %" PRId64 " did not answer: its sessions are not listed",
                       (int64_t)json_integer_value(json_array_get(silent, i)));
    }
    if (json_is_true(json_object_get(result, "truncated"))) {
        core_ctl_error(ctl, "%zu of %" PRId64 " sessions are listed (see --limit)",
                       json_array_size(json_object_get(result, "sessions")),
                       (int64_t)json_integer_value(json_object_get(result, "total")));
    }
    return json_array_size(silent) > 0 ? CORE_CTL_TIMEOUT : CORE_CTL_OK;
}

static int show_sessions(struct core_ctl *ctl, const json_t *result)
{
    if (ctl->is_json) {
        return core_ctl_show_json(ctl, result);
    }
    struct mansio_buf *out = mansio_buf_new(ctl->arena, CORE_CTL_SHOW_MAX);
    int rc = core_ctl_show_rows(ctl, out, session_fields, MANSIO_COUNT(session_fields),
                                json_object_get(result, "sessions"));
    return rc == CORE_CTL_OK ? core_ctl_write(ctl, mansio_buf_str(out)) : rc;
}

int core_ctl_cmd_sessions_list(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    json_t *asked = json_object();
    if (args->options[LIST_SERVICE] != NULL) {
        json_object_set_new(asked, "service", json_string(args->options[LIST_SERVICE]));
    }
    if (args->options[LIST_INSTANCE] != NULL) {
        json_object_set_new(asked, "instance", json_string(args->options[LIST_INSTANCE]));
    }
    if (args->options[LIST_ACCOUNT] != NULL) {
        json_object_set_new(asked, "account", json_string(args->options[LIST_ACCOUNT]));
    }
    if (args->options[LIST_LIMIT] != NULL) {
        uint32_t limit = 0;
        struct mansio_str text = mansio_str_from_cstr(args->options[LIST_LIMIT]);
        if (mansio_parse_u32(text, LIMIT_MAX, &limit) < 0 || limit == 0) {
            core_ctl_error(ctl, "--limit %s: expected 1 to %d", args->options[LIST_LIMIT],
                           LIMIT_MAX);
            json_decref(asked);
            return CORE_CTL_USAGE;
        }
        json_object_set_new(asked, "limit", json_integer(limit));
    }
    json_t *result = NULL;
    int rc = core_ctl_ask(ctl, "sessions.list", asked, ANSWER_TIMEOUT_US, &result);
    if (rc == CORE_CTL_OK) {
        rc = show_sessions(ctl, result);
    }
    if (rc == CORE_CTL_OK) {
        rc = say_what_is_missing(ctl, result);
    }
    json_decref(result);
    return rc;
}

int core_ctl_cmd_sessions_kill(struct core_ctl *ctl, const struct core_ctl_args *args)
{
    json_t *result = NULL;
    const char *member = strchr(args->operand, '@') != NULL ? "account" : "id";
    json_t *asked = json_pack("{s:s}", member, args->operand);
    if (asked == NULL) {
        core_ctl_error(ctl, "what to end is not UTF-8");
        return CORE_CTL_USAGE;
    }
    int rc = core_ctl_ask(ctl, "sessions.kill", asked, ANSWER_TIMEOUT_US, &result);
    if (rc == CORE_CTL_OK && ctl->is_json) {
        rc = core_ctl_show_json(ctl, result);
    }
    json_decref(result);
    return rc;
}
