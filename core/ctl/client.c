/*
 * The control protocol's client side: connect, one line out, one line in. Owns the socket for the
 * length of one exchange. Plain poll(): there is one thing to wait for, no loop is needed.
 */
#include "core/ctl/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/time.h>

enum { READ_CHUNK = 64 * 1024 };

/* Wait for an event until the deadline. Returns 1, or 0 when the time is up. */
static int wait_for(int fd, short events, int64_t deadline_us)
{
    for (;;) {
        int timeout_ms = -1;
        if (deadline_us != MANSIO_NEVER) {
            int64_t left_us = deadline_us - mansio_now_us();
            if (left_us <= 0) {
                return 0;
            }
            int64_t left_ms = (left_us + MANSIO_MS - 1) / MANSIO_MS;
            timeout_ms = left_ms > 60000 ? 60000 : (int)left_ms;
        }
        struct pollfd poll_fd = {.fd = fd, .events = events};
        int count = poll(&poll_fd, 1, timeout_ms);
        if (count > 0) {
            return 1;
        }
        if (count < 0 && errno != EINTR) {
            return 1; /* the call that follows will say what is wrong */
        }
    }
}

/* A full backlog answers EAGAIN at once on a unix socket; the master empties it in no time. */
static int connect_until(int fd, const struct sockaddr_un *address, int64_t deadline_us)
{
    const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    for (;;) {
        if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0) {
            return 0;
        }
        int err = errno;
        if ((err != EAGAIN && err != EINTR) || mansio_now_us() >= deadline_us) {
            return err;
        }
        nanosleep(&pause, NULL);
    }
}

static int open_socket(struct core_ctl *ctl, const char *path, int64_t deadline_us, int *out_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        core_ctl_error(ctl, "%s: too long for a socket's path (at most %zu bytes)", path,
                       sizeof(address.sun_path) - 1);
        return CORE_CTL_UNREACHABLE;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        core_ctl_error(ctl, "socket: %s", strerror(errno));
        return CORE_CTL_FAILED;
    }
    int err = connect_until(fd, &address, deadline_us);
    if (err != 0) {
        close(fd);
        core_ctl_error(ctl, "cannot reach mansiod at %s: %s%s", path, strerror(err),
                       err == ENOENT || err == ECONNREFUSED ? " (is it running?)" : "");
        return CORE_CTL_UNREACHABLE;
    }
    *out_fd = fd;
    return CORE_CTL_OK;
}

static int say_timeout(struct core_ctl *ctl)
{
    core_ctl_error(ctl, "mansiod did not answer in time");
    return CORE_CTL_TIMEOUT;
}

static int say_gone(struct core_ctl *ctl, const char *why)
{
    core_ctl_error(ctl, "mansiod ended the connection before it answered%s%s", why ? ": " : "",
                   why ? why : "");
    return CORE_CTL_UNREACHABLE;
}

static int send_line(struct core_ctl *ctl, int fd, struct mansio_str line, int64_t deadline_us)
{
    while (line.len > 0) {
        ssize_t count = send(fd, line.ptr, line.len, MSG_NOSIGNAL);
        if (count > 0) {
            line.ptr += count;
            line.len -= (size_t)count;
            continue;
        }
        if (errno == EINTR) {
            continue;
        }
        if (errno != EAGAIN) {
            return say_gone(ctl, strerror(errno));
        }
        if (!wait_for(fd, POLLOUT, deadline_us)) {
            return say_timeout(ctl);
        }
    }
    return CORE_CTL_OK;
}

/* Read up to the line's end, which must be the last byte: nothing else was asked. */
static int receive_line(struct core_ctl *ctl, int fd, struct mansio_buf *buf, int64_t deadline_us)
{
    char *chunk = mansio_arena_alloc(ctl->arena, READ_CHUNK);
    for (;;) {
        if (!wait_for(fd, POLLIN, deadline_us)) {
            return say_timeout(ctl);
        }
        ssize_t count = recv(fd, chunk, READ_CHUNK, 0);
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (count <= 0) {
            return say_gone(ctl, count < 0 ? strerror(errno) : NULL);
        }
        mansio_buf_add(buf, (struct mansio_str){chunk, (size_t)count});
        if (mansio_buf_status(buf) < 0) {
            core_ctl_error(ctl, "mansiod's answer is longer than %d bytes", CORE_CTL_ANSWER_MAX);
            return CORE_CTL_FAILED;
        }
        if (memchr(chunk, '\n', (size_t)count) != NULL) {
            return CORE_CTL_OK;
        }
    }
}

int core_ctl_read_answer(struct mansio_str line, json_t **out_result, json_t **out_message)
{
    static const struct {
        const char *code;
        int exit;
    } codes[] = {
        {"bad_request", CORE_CTL_USAGE}, {"unknown_command", CORE_CTL_USAGE},
        {"denied", CORE_CTL_DENIED},     {"not_found", CORE_CTL_NOT_FOUND},
        {"refused", CORE_CTL_FAILED},    {"stopping", CORE_CTL_STOPPING},
        {"timeout", CORE_CTL_TIMEOUT},   {"internal", CORE_CTL_FAILED},
    };

    *out_result = NULL;
    *out_message = NULL;
    json_error_t error;
    json_t *answer = json_loadb(line.ptr, line.len, JSON_ALLOW_NUL, &error);
    json_t *result = json_object_get(answer, "result");
    if (json_is_true(json_object_get(answer, "ok")) && json_is_object(result)) {
        *out_result = json_incref(result);
        json_decref(answer);
        return CORE_CTL_OK;
    }
    int exit_code = CORE_CTL_FAILED;
    json_t *failure = json_object_get(answer, "error");
    json_t *message = json_object_get(failure, "message");
    const char *code = json_string_value(json_object_get(failure, "code"));
    for (size_t i = 0; code != NULL && i < MANSIO_COUNT(codes); i++) {
        if (strcmp(codes[i].code, code) == 0) {
            exit_code = codes[i].exit;
        }
    }
    *out_message = json_is_string(message) ? json_incref(message)
                                           : json_string("mansiod's answer makes no sense");
    json_decref(answer);
    return exit_code;
}

/* The request's line, with its end, in the run's arena. */
static int make_request(struct core_ctl *ctl, const char *command, json_t *args,
                        struct mansio_str *out)
{
    json_t *request = json_pack("{s:s, s:o*}", "command", command, "args", args);
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    if (text == NULL || strlen(text) >= CORE_CTL_REQUEST_MAX) {
        free(text);
        core_ctl_error(ctl, "%s: an argument is too long or is not UTF-8", command);
        return CORE_CTL_USAGE;
    }
    int rc = mansio_arena_printf(ctl->arena, out, "%s\n", text);
    free(text);
    return rc < 0 ? CORE_CTL_FAILED : CORE_CTL_OK;
}

static int exchange(struct core_ctl *ctl, int fd, struct mansio_str request, int64_t deadline_us,
                    json_t **out)
{
    int rc = send_line(ctl, fd, request, deadline_us);
    if (rc != CORE_CTL_OK) {
        return rc;
    }
    struct mansio_buf *answer = mansio_buf_new(ctl->arena, CORE_CTL_ANSWER_MAX);
    rc = receive_line(ctl, fd, answer, deadline_us);
    if (rc != CORE_CTL_OK) {
        return rc;
    }
    json_t *message = NULL;
    rc = core_ctl_read_answer(mansio_buf_str(answer), out, &message);
    mansio_buf_release(answer);
    if (rc != CORE_CTL_OK) {
        core_ctl_error(ctl, "%s", json_string_value(message));
        json_decref(message);
    }
    return rc;
}

int core_ctl_ask(struct core_ctl *ctl, const char *command, json_t *args, int64_t timeout_us,
                 json_t **out)
{
    const char *path = NULL;
    struct mansio_str request = MANSIO_STR_NONE;
    int fd = -1;

    int rc = make_request(ctl, command, args, &request);
    if (rc == CORE_CTL_OK) {
        rc = core_ctl_find_socket(ctl, &path);
    }
    int64_t limit_us = ctl->timeout_us >= 0 ? ctl->timeout_us : timeout_us;
    int64_t deadline_us = limit_us > 0 ? mansio_deadline_in(limit_us) : MANSIO_NEVER;
    if (rc == CORE_CTL_OK) {
        rc = open_socket(ctl, path, deadline_us, &fd);
    }
    if (rc == CORE_CTL_OK) {
        rc = exchange(ctl, fd, request, deadline_us, out);
        close(fd);
    }
    return rc;
}
