/*
 * The control server: connections, requests, who may ask for what. See control.h; what commands
 * show is control_status.c. Owns its connections; the listening socket belongs to the master's.
 */
#include "core/daemon/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/daemon/json.h"
#include "core/daemon/master.h"
#include "core/daemon/plan.h"
#include "core/daemon/reload.h"
#include "core/daemon/sockets.h"
#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/log.h>
#include <mansio/str.h>

#define REQUEST_US (30 * MANSIO_SECOND)
#define WRITE_US   (30 * MANSIO_SECOND)
#define PAUSE_US   (100 * MANSIO_MS)

enum {
    REQUEST_MAX_BYTES = 65536,
    CLIENTS_MAX = 64,
    CLIENTS_RESERVED = 16, /* beside those, for who may change something: nobody locks them out */
    GROUPS_MAX = 1024,
};

struct core_control {
    struct core_master *master;
    struct core_address address;
    struct mansio_group *acceptor; /* one fiber */
    struct mansio_group *clients;
};

struct client {
    struct core_control *control;
    struct mansio_arena *arena;
    int fd;
    struct ucred peer;
    struct mansio_waitable *readable, *writable;
    struct core_operation *operation; /* what it waits for */
    char *buffer;                     /* REQUEST_MAX_BYTES */
    size_t filled;
};

int core_control_address(const struct core_plan *plan, struct core_address *out)
{
    char text[sizeof(struct sockaddr_un) + 8];
    int n = snprintf(text, sizeof text, "unix:%.*s", MANSIO_STR_ARG(plan->control_path));
    if (n < 0 || (size_t)n >= sizeof text) {
        return mansio_fail(MANSIO_E_INVALID, "control.socket: the path is too long");
    }
    return core_address_parse((struct mansio_str){text, (size_t)n}, out);
}

/* ---- who asks -------------------------------------------------------------------------------- */

/* The socket's mode says who may look. To change something takes root, the service's user, or its
 * group. */
static int may_change(const struct client *client)
{
    if (client->peer.uid == 0 || client->peer.uid == geteuid() || client->peer.gid == getegid()) {
        return 1;
    }
    gid_t *groups = mansio_arena_alloc(client->arena, GROUPS_MAX * sizeof *groups);
    socklen_t size = GROUPS_MAX * sizeof *groups;
    if (getsockopt(client->fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) != 0) {
        return 0;
    }
    for (size_t i = 0; i < size / sizeof *groups; i++) {
        if (groups[i] == getegid()) {
            return 1;
        }
    }
    return 0;
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* 1 with a line (without its LF) at the start of the buffer, 0 at the end. */
static int read_line(struct client *client, size_t *out_len)
{
    int64_t deadline_us = mansio_deadline_in(REQUEST_US);
    for (;;) {
        const char *end = memchr(client->buffer, '\n', client->filled);
        if (end != NULL) {
            *out_len = (size_t)(end - client->buffer);
            return 1;
        }
        if (client->filled == REQUEST_MAX_BYTES) {
            return mansio_fail(MANSIO_E_LIMIT, "a request is at most %d bytes", REQUEST_MAX_BYTES);
        }
        ssize_t n = recv(client->fd, client->buffer + client->filled,
                         REQUEST_MAX_BYTES - client->filled, MSG_DONTWAIT);
        int err = errno;
        if (n == 0) {
            return 0;
        }
        if (n > 0) {
            client->filled += (size_t)n;
            continue;
        }
        if (err != EAGAIN && err != EINTR) {
            return mansio_fail(MANSIO_E_IO, "recv: %s", strerror(err));
        }
        int rc = mansio_wait(&client->readable, 1, deadline_us, 0);
        if (rc < 0) {
            return rc;
        }
    }
}

static void consume(struct client *client, size_t count)
{
    client->filled -= count;
    memmove(client->buffer, client->buffer + count, client->filled);
}

static int write_all(struct client *client, const char *bytes, size_t len)
{
    int64_t deadline_us = mansio_deadline_in(WRITE_US);
    while (len > 0) {
        ssize_t n = send(client->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        int err = errno;
        if (n >= 0) {
            bytes += n;
            len -= (size_t)n;
            continue;
        }
        if (err != EAGAIN && err != EINTR) {
            return mansio_fail(MANSIO_E_IO, "send: %s", strerror(err));
        }
        int rc = mansio_wait(&client->writable, 1, deadline_us, 0);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/* Takes the reference. */
static int write_json(struct client *client, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(json);
    MANSIO_ASSERT(text != NULL);
    size_t len = strlen(text);
    text[len] = '\n'; /* instead of its NUL */
    int rc = write_all(client, text, len + 1);
    free(text);
    return rc;
}

static int write_error(struct client *client, const char *code, struct mansio_str message)
{
    json_t *error = json_pack("{s:s, s:o}", "code", code, "message", core_json_str(message));
    return write_json(client, json_pack("{s:b, s:o}", "ok", 0, "error", error));
}

/* ---- commands -------------------------------------------------------------------------------- */

static void run_status(struct client *client, const json_t *args,
                       struct core_control_answer *answer)
{
    (void)args;
    answer->result = core_control_status(client->control->master);
}

static void run_modules(struct client *client, const json_t *args,
                        struct core_control_answer *answer)
{
    (void)args;
    answer->result = core_control_modules(client->control->master);
}

static void run_sessions_list(struct client *client, const json_t *args,
                              struct core_control_answer *answer)
{
    core_control_sessions_list(client->control->master, args, answer);
}

static void run_sessions_kill(struct client *client, const json_t *args,
                              struct core_control_answer *answer)
{
    core_control_sessions_kill(client->control->master, args, answer);
}

static void run_top(struct client *client, const json_t *args, struct core_control_answer *answer)
{
    core_control_top(client->control->master, args, answer);
}

/* An optional truth value of the arguments; 0 with the answer, if it's something else. */
static int take_flag(const json_t *args, const char *name, int *out,
                     struct core_control_answer *answer)
{
    const json_t *value = json_object_get(args, name);
    *out = json_is_true(value);
    if (value == NULL || json_is_boolean(value)) {
        return 1;
    }
    answer->code = "bad_request";
    snprintf(answer->message, sizeof answer->message, "%s is true or false", name);
    return 0;
}

static void run_stop(struct client *client, const json_t *args, struct core_control_answer *answer)
{
    int is_quick = 0;
    if (!take_flag(args, "quick", &is_quick, answer)) {
        return;
    }
    core_master_stop(client->control->master);
    if (is_quick) {
        core_master_stop(client->control->master);
    }
    answer->result = json_pack("{s:s}", "message", "stopping");
}

static void run_reload(struct client *client, const json_t *args,
                       struct core_control_answer *answer)
{
    int is_forced = 0;
    if (take_flag(args, "force", &is_forced, answer)) { /* the answer comes when it is done */
        client->operation = core_reload_submit(client->control->master, is_forced, 1, client->fd);
    }
}

struct command {
    const char *name;
    void (*run)(struct client *client, const json_t *args, struct core_control_answer *answer);
    int is_change;
};

static const struct command commands[] = {
    {"modules", run_modules, 0},
    {"reload", run_reload, 1},
    {"sessions.kill", run_sessions_kill, 1},
    {"sessions.list", run_sessions_list, 0},
    {"status", run_status, 0},
    {"stop", run_stop, 1},
    {"top", run_top, 0},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < MANSIO_COUNT(commands); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/* Wait for a reload, or for the client's going. */
static int finish_operation(struct client *client)
{
    struct core_operation *operation = client->operation;
    struct mansio_waitable *sources[2] = {mansio_event_waitable(operation->done), client->readable};
    int rc = 0;
    while (rc >= 0 && !mansio_event_is_set(operation->done)) {
        rc = mansio_wait(sources, sources[1] != NULL ? 2 : 1, MANSIO_NEVER, 0);
        struct pollfd entry = {.fd = client->fd};
        if (rc == 1 && poll(&entry, 1, 0) == 1) { /* closed; one that only sends no more listens */
            rc = mansio_fail(MANSIO_E_EOF, "the client has gone");
        } else if (rc == 1) {
            sources[1] = NULL; /* its next request, or that there will be none: later */
        }
    }
    client->operation = NULL;
    if (rc < 0) {
        core_operation_abandon(operation);
        return rc;
    }
    if (operation->result != NULL) {
        rc = write_json(client, json_pack("{s:b, s:O}", "ok", 1, "result", operation->result));
    } else {
        rc = write_error(client, operation->code != NULL ? operation->code : "internal",
                         operation->reason);
    }
    core_operation_free(operation);
    return rc;
}

static int run_command(struct client *client, const struct command *command, const json_t *args)
{
    struct core_master *master = client->control->master;
    if (command->is_change && !may_change(client)) {
        return write_error(client, "denied",
                           MANSIO_STR("only root, the service's user and its group may do that"));
    }
    if (command->is_change && master->state == CORE_MASTER_STOPPING && command->run != run_stop) {
        return write_error(client, "stopping", MANSIO_STR("the daemon is stopping"));
    }
    if (command->is_change) {
        mansio_log(MANSIO_LOG_INFO, "control", MANSIO_KV_CSTR("command", command->name),
                   MANSIO_KV_INT("peer_uid", client->peer.uid),
                   MANSIO_KV_INT("peer_pid", client->peer.pid), MANSIO_KV_END);
    }
    struct core_control_answer answer = {.result = NULL};
    command->run(client, args, &answer);
    if (client->operation != NULL) {
        return finish_operation(client);
    }
    if (answer.result != NULL) {
        return write_json(client, json_pack("{s:b, s:o}", "ok", 1, "result", answer.result));
    }
    return write_error(client, answer.code != NULL ? answer.code : "internal",
                       mansio_str_from_cstr(answer.message));
}

static int run_request(struct client *client, struct mansio_str line)
{
    json_t *request = NULL;
    int rc = core_json_parse(line, &request);
    if (rc < 0) {
        return write_error(client, "bad_request", mansio_str_from_cstr(mansio_error_detail()));
    }
    const char *name = json_string_value(json_object_get(request, "command"));
    const json_t *args = json_object_get(request, "args");
    const struct command *command = name != NULL ? find_command(name) : NULL;
    if (name == NULL || (args != NULL && !json_is_object(args))) {
        rc = write_error(client, "bad_request",
                         MANSIO_STR("an object with \"command\" and perhaps \"args\" expected"));
    } else if (command == NULL) {
        rc = write_error(client, "unknown_command", mansio_str_from_cstr(name));
    } else {
        rc = run_command(client, command, args);
    }
    json_decref(request);
    return rc;
}

/* ---- connections ----------------------------------------------------------------------------- */

static int client_run(void *arg)
{
    struct client *client = arg;
    int rc = client->operation != NULL ? finish_operation(client) : 0;
    while (rc == 0) {
        size_t len = 0;
        rc = read_line(client, &len);
        if (rc == MANSIO_E_LIMIT) {
            (void)write_error(client, "bad_request", mansio_str_from_cstr(mansio_error_detail()));
        }
        if (rc != 1) {
            break;
        }
        rc = run_request(client, (struct mansio_str){client->buffer, len});
        consume(client, len + 1);
    }
    int fd = client->fd;
    mansio_arena_free(client->arena);
    close(fd);
    return rc < 0 ? rc : 0;
}

static int client_start(struct core_control *control, int fd, struct core_operation *operation)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "control", 0);
    struct client *client = mansio_arena_alloc(arena, sizeof *client);
    *client = (struct client){
        .control = control,
        .arena = arena,
        .fd = fd,
        .readable = mansio_fd_watch(arena, fd, MANSIO_FD_READ),
        .writable = mansio_fd_watch(arena, fd, MANSIO_FD_WRITE),
        .operation = operation,
        .buffer = mansio_arena_alloc(arena, REQUEST_MAX_BYTES),
    };
    socklen_t size = sizeof client->peer;
    int rc = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &client->peer, &size) != 0) {
        int err = errno;
        rc = mansio_fail(MANSIO_E_IO, "SO_PEERCRED: %s", strerror(err));
    }
    size_t count = mansio_group_count(control->clients);
    if (rc == 0 && count >= CLIENTS_MAX &&
        (count >= CLIENTS_MAX + CLIENTS_RESERVED || !may_change(client))) {
        rc = mansio_fail(MANSIO_E_LIMIT, "%zu clients are here already", count);
    }
    if (rc == 0) {
        rc = mansio_group_spawn(control->clients, "control", client_run, client, NULL);
    }
    if (rc < 0) {
        mansio_arena_free(arena);
    }
    return rc;
}

struct acceptor {
    struct core_control *control;
    int fd; /* borrowed: the master's sockets close it after this fiber has ended */
};

static int accept_run(void *arg)
{
    struct acceptor *acceptor = arg;
    struct core_control *control = acceptor->control;
    int fd = acceptor->fd;
    free(acceptor);
    struct mansio_arena *arena = mansio_arena_new(NULL, "control", 0);
    struct mansio_waitable *readable = mansio_fd_watch(arena, fd, MANSIO_FD_READ);
    int rc = 0;
    while (rc >= 0) {
        rc = mansio_wait(&readable, 1, MANSIO_NEVER, 0);
        int client = rc < 0 ? -1 : accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (rc < 0) {
            break;
        }
        if (client < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            rc = mansio_fiber_sleep_until(mansio_deadline_in(PAUSE_US));
        }
        if (client >= 0 && client_start(control, client, NULL) < 0) {
            close(client);
        }
    }
    mansio_arena_free(arena);
    return rc;
}

static struct core_control *control_of(struct core_master *master)
{
    if (master->control == NULL) {
        struct core_control *control = mansio_arena_alloc(master->arena, sizeof *control);
        control->master = master;
        control->clients = mansio_group_new("control");
        master->control = control;
    }
    return master->control;
}

int core_control_serve(struct core_master *master, const struct core_plan *plan)
{
    struct core_control *control = control_of(master);
    struct core_address address;
    int rc = core_control_address(plan, &address);
    if (rc < 0 || (control->acceptor != NULL && core_address_eq(&address, &control->address))) {
        return rc;
    }
    struct acceptor *acceptor = calloc(1, sizeof *acceptor);
    MANSIO_ASSERT(acceptor != NULL);
    acceptor->control = control;
    struct core_socket_want want = {&address, CORE_CONTROL_BACKLOG, plan->control_mode};
    rc = core_sockets_open(master->sockets, &want, &acceptor->fd);
    struct mansio_group *group = rc < 0 ? NULL : mansio_group_new("control");
    if (rc == 0) {
        rc = mansio_group_spawn(group, "control-accept", accept_run, acceptor, NULL);
    }
    if (rc < 0) {
        free(acceptor);
        mansio_group_close(group);
        return rc;
    }
    mansio_group_close(control->acceptor); /* of the socket before, if there was one */
    control->acceptor = group;
    control->address = address;
    return 0;
}

int core_control_has_address(const struct core_master *master, const struct core_address *address)
{
    return master->control != NULL && master->control->acceptor != NULL &&
           core_address_eq(&master->control->address, address);
}

int core_control_resume(struct core_master *master, int fd, struct core_operation *operation)
{
    return client_start(control_of(master), fd, operation);
}

void core_control_close(struct core_master *master)
{
    if (master->control != NULL) {
        mansio_group_close(master->control->acceptor);
        mansio_group_close(master->control->clients);
        master->control = NULL;
    }
}
