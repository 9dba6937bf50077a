/*
 * The master's side of checking. See check.h. Owns the child for as long as it lives, which is
 * bounded.
 */
#include "core/daemon/check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/daemon/channel.h"
#include "core/daemon/json.h"
#include "core/daemon/plan.h"
#include "core/daemon/spawn.h"
#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/str.h>

#define CHECK_US (60 * MANSIO_SECOND)

enum { STAGE_MAX = 128 };

struct checking {
    struct mansio_arena *arena;
    struct core_child child;
    struct core_channel *channel;
    char stage[STAGE_MAX];    /* what the child was at; kept here, however often it says so */
    struct mansio_str reason; /* what it says, once */
    int plan_fd, source_fd;
};

static int send_request(const struct checking *checking, const struct core_check_request *request)
{
    json_t *json = json_pack("{s:s, s:b, s:b, s:I}", "config", request->config_path, "running",
                             request->running_fd >= 0, "state", request->state_fd >= 0,
                             "generation", (json_int_t)request->running_generation);
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (text == NULL) {
        return mansio_fail(MANSIO_E_INVALID, "the configuration's path is no UTF-8");
    }
    struct core_message message = {
        .type = CORE_MESSAGE_CHECK,
        .payload = {text, strlen(text)},
    };
    if (request->running_fd >= 0) {
        message.fds[message.fd_count++] = request->running_fd;
    }
    if (request->state_fd >= 0) {
        message.fds[message.fd_count++] = request->state_fd;
        message.fds[message.fd_count++] = request->shm_fd;
    }
    int rc = core_channel_send(checking->channel, &message);
    free(text);
    return rc;
}

static void on_message(struct checking *checking, struct core_message *message)
{
    if (message->type == CORE_MESSAGE_STAGE) {
        snprintf(checking->stage, sizeof checking->stage, "%.*s", MANSIO_STR_ARG(message->payload));
    } else if (message->type == CORE_MESSAGE_FAILED && checking->reason.len == 0) {
        if (mansio_arena_copy(checking->arena, message->payload, &checking->reason) < 0) {
            checking->reason = MANSIO_STR("(out of memory)");
        }
    } else if (message->type == CORE_MESSAGE_PLAN && message->fd_count == 2 &&
               checking->plan_fd < 0) {
        checking->plan_fd = message->fds[0];
        checking->source_fd = message->fds[1];
        message->fd_count = 0;
    }
    core_message_close_fds(message);
}

/* Until the child has ended. MANSIO_E_TIMEOUT when it had to be killed. Yields. */
static int attend(struct checking *checking, int *out_status)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "check", 0);
    struct mansio_waitable *ended = mansio_fd_watch(arena, checking->child.pidfd, MANSIO_FD_READ);
    int64_t deadline_us = mansio_deadline_in(CHECK_US);
    int is_open = 1;
    int result = 0;
    for (;;) {
        struct core_message message;
        int rc = is_open ? core_channel_step(checking->channel, &ended, 1, deadline_us, &message)
                         : mansio_wait(&ended, 1, deadline_us, 0);
        rc += !is_open && rc >= 0;
        if (rc == 0) {
            on_message(checking, &message);
        } else if (rc == 1 && core_spawn_reap(&checking->child, out_status)) {
            /* the plan may be among what is still to be read */
            int64_t until_us = mansio_deadline_in(CORE_CHANNEL_LAST_WORDS_US);
            while (is_open &&
                   core_channel_step(checking->channel, NULL, 0, until_us, &message) == 0) {
                on_message(checking, &message);
            }
            break;
        } else if (rc == MANSIO_E_TIMEOUT) {
            result = rc;
            core_spawn_signal(&checking->child, SIGKILL);
            deadline_us = MANSIO_NEVER;
        } else if (rc == MANSIO_E_CANCELLED) {
            result = rc;
            core_spawn_signal(&checking->child, SIGKILL);
            waitpid(checking->child.pid, out_status, 0); /* dies at once */
            break;
        } else if (rc < 0) {
            is_open = 0;
        }
    }
    mansio_arena_free(arena);
    return result;
}

/* Why there is no plan, in people's words. */
static void explain(struct checking *checking, int rc, int status)
{
    char text[CORE_SPAWN_STATUS_MAX];
    if (checking->reason.len > 0) {
        return;
    }
    if (rc == MANSIO_E_TIMEOUT) {
        rc = mansio_arena_printf(checking->arena, &checking->reason,
                                 "the checking process took too long while %s", checking->stage);
    } else {
        rc = mansio_arena_printf(checking->arena, &checking->reason,
                                 "the checking process died while %s: %s", checking->stage,
                                 core_spawn_status_text(status, text));
    }
    if (rc < 0) {
        checking->reason = MANSIO_STR("the checking process died");
    }
}

static int take_plan(struct checking *checking, struct core_plan **out_plan)
{
    json_t *json = NULL;
    int rc = core_json_load(checking->plan_fd, &json);
    if (rc == 0) {
        rc = core_plan_from_json(json, out_plan);
        json_decref(json);
    }
    if (rc < 0 && mansio_arena_printf(checking->arena, &checking->reason,
                                      "the checking process's plan can't be read: %s",
                                      mansio_error_detail()) < 0) {
        checking->reason = MANSIO_STR("the checking process's plan can't be read");
    }
    return rc;
}

static int start(struct checking *checking, const struct core_check_request *request)
{
    int ours = -1;
    int theirs = -1;
    int rc = core_channel_pair(&ours, &theirs);
    if (rc < 0) {
        return rc;
    }
    checking->channel = core_channel_new(ours);
    rc = core_spawn("check", theirs, &checking->child);
    close(theirs);
    return rc < 0 ? rc : send_request(checking, request);
}

int core_check(struct mansio_arena *arena, const struct core_check_request *request,
               struct core_plan **out_plan, int *out_source_fd, struct mansio_str *out_reason)
{
    struct checking checking = {
        .arena = arena,
        .child = {.pid = 0, .pidfd = -1},
        .stage = "starting",
        .plan_fd = -1,
        .source_fd = -1,
    };
    int status = 0;
    int rc = start(&checking, request);
    if (rc < 0 && mansio_arena_copy(arena, mansio_str_from_cstr(mansio_error_detail()),
                                    &checking.reason) < 0) {
        checking.reason = MANSIO_STR("out of memory");
    }
    if (checking.child.pid > 0) {
        if (rc < 0) {
            core_spawn_signal(&checking.child, SIGKILL);
        }
        int attended = attend(&checking, &status);
        rc = rc < 0 ? rc : attended;
    }
    if (rc == 0 && (checking.plan_fd < 0 || status != 0)) {
        rc = MANSIO_E_INVALID;
    }
    if (rc == 0) {
        rc = take_plan(&checking, out_plan);
    } else {
        explain(&checking, rc, status);
    }
    core_channel_free(checking.channel);
    if (checking.child.pidfd >= 0) {
        close(checking.child.pidfd);
    }
    if (checking.plan_fd >= 0) {
        close(checking.plan_fd);
    }
    if (rc < 0) {
        if (checking.source_fd >= 0) {
            close(checking.source_fd);
        }
        *out_reason = checking.reason;
        return rc;
    }
    *out_source_fd = checking.source_fd;
    return 0;
}
