/*
 * Operations: what is asked of the conductor, who waits for it, and how it went. See reload.h. Owns
 * an operation's memory until whoever waits, or the conductor, frees it.
 */
#include "core/daemon/reload.h"

#include "core/daemon/generation.h"
#include "core/daemon/json.h"
#include "core/daemon/master.h"
#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/str.h>

struct core_operation *core_operation_new(void)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "operation", 0);
    struct core_operation *operation = mansio_arena_alloc(arena, sizeof *operation);
    operation->arena = arena;
    operation->changes = json_array();
    operation->done = mansio_event_new(arena);
    operation->client_fd = -1;
    core_list_init(&operation->link);
    return operation;
}

void core_operation_free(struct core_operation *operation)
{
    json_decref(operation->changes);
    json_decref(operation->result);
    mansio_arena_free(operation->arena);
}

void core_operation_abandon(struct core_operation *operation)
{
    if (mansio_event_is_set(operation->done)) {
        core_operation_free(operation);
    } else {
        operation->is_waited_for = 0;
        operation->client_fd = -1;
    }
}

struct core_operation *core_reload_submit(struct core_master *master, int is_forced,
                                          int is_waited_for, int client_fd)
{
    struct core_operation *operation = core_operation_new();
    operation->is_forced = is_forced;
    operation->is_waited_for = is_waited_for;
    operation->client_fd = client_fd;
    core_list_push_back(&master->operations, &operation->link);
    mansio_event_set(master->operated);
    return operation;
}

void core_reload_by_signal(struct core_master *master, int is_forced)
{
    CORE_LIST_EACH (link, follower, &master->operations) {
        if (CORE_CONTAINER(link, struct core_operation, link)->is_forced >= is_forced) {
            return;
        }
    }
    (void)core_reload_submit(master, is_forced, 0, -1);
}

void core_reload_by_misfit(struct core_master *master)
{
    /* A reload that is under way or waiting will look at the files anyway. If it fails, the place's
     * next child brings us here again, under its back-off. */
    if (master->running == NULL && core_list_is_empty(&master->operations)) {
        (void)core_reload_submit(master, 1, 0, -1);
    }
}

/* Say how it went, to whoever waits, to `status` and to the log. */
void core_operation_conclude(struct core_master *master, struct core_operation *operation,
                             const char *outcome, const char *message)
{
    struct mansio_str text = mansio_str_from_cstr(message);
    int is_ok = operation->reason.len == 0;
    if (is_ok) {
        operation->result = json_object();
        json_object_set_new(operation->result, "outcome", json_string(outcome));
        json_object_set_new(operation->result, "generation",
                            json_integer(master->current != NULL ? master->current->number : 0));
        json_object_set_new(operation->result, "message", core_json_str(text));
        json_object_set(operation->result, "changes", operation->changes);
    } else {
        text = operation->reason;
    }
    json_decref(master->last_reload);
    master->last_reload = json_object();
    json_object_set_new(master->last_reload, "at", core_json_time(mansio_wall_us()));
    json_object_set_new(master->last_reload, "ok", json_boolean(is_ok));
    json_object_set_new(master->last_reload, "outcome", json_string(is_ok ? outcome : "refused"));
    json_object_set_new(master->last_reload, "message", core_json_str(text));
    mansio_log(is_ok ? MANSIO_LOG_INFO : MANSIO_LOG_ERROR, is_ok ? "reloaded" : "reload-refused",
               MANSIO_KV_CSTR("outcome", is_ok ? outcome : "refused"),
               MANSIO_KV_STR("message", text), MANSIO_KV_END);
}

void core_operation_refuse(struct core_operation *operation, const char *code,
                           struct mansio_str reason)
{
    operation->code = code;
    if (reason.len == 0) {
        reason = mansio_str_from_cstr(mansio_error_detail());
    }
    if (mansio_arena_copy(operation->arena, reason, &operation->reason) < 0 ||
        operation->reason.len == 0) {
        operation->reason = MANSIO_STR("refused");
    }
}
