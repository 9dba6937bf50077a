/*
 * The listening sockets of the master. See sockets.h. Owns their descriptors and lock files; hands
 * out borrowed ones. Doesn't know who listens.
 */
#include "core/daemon/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "core/daemon/json.h"
#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/log.h>
#include <mansio/str.h>

#define PAUSE_FIRST_US (20 * MANSIO_MS)
#define PAUSE_MOST_US  (MANSIO_SECOND)

struct held_socket {
    struct held_socket *next;
    struct core_address address;
    int fd;
    int lock_fd; /* -1: none */
    int is_inherited;
};

struct core_sockets {
    struct held_socket *first;
};

struct core_sockets *core_sockets_new(void)
{
    struct core_sockets *sockets = calloc(1, sizeof *sockets);
    MANSIO_ASSERT(sockets != NULL);
    return sockets;
}

static int is_unix(const struct core_address *address)
{
    return address->u.any.sa_family == AF_UNIX;
}

static void lock_path(const struct core_address *address, char out[sizeof(struct sockaddr_un) + 8])
{
    snprintf(out, sizeof(struct sockaddr_un) + 8, "%s.lock", address->u.local.sun_path);
}

static void held_close(struct held_socket *held)
{
    if (held->lock_fd >= 0) {
        /* The lock file itself stays: unlinking it would let two hold "the" lock. */
        if (!held->is_inherited) {
            unlink(held->address.u.local.sun_path);
        }
        close(held->lock_fd);
    }
    close(held->fd);
    free(held);
}

void core_sockets_free(struct core_sockets *sockets)
{
    if (sockets == NULL) {
        return;
    }
    while (sockets->first != NULL) {
        struct held_socket *held = sockets->first;
        sockets->first = held->next;
        held_close(held);
    }
    free(sockets);
}

static struct held_socket *find(const struct core_sockets *sockets,
                                const struct core_address *address)
{
    for (struct held_socket *held = sockets->first; held != NULL; held = held->next) {
        if (core_address_eq(&held->address, address)) {
            return held;
        }
    }
    return NULL;
}

static void add(struct core_sockets *sockets, const struct core_address *address, int fd,
                int lock_fd, int is_inherited)
{
    struct held_socket *held = calloc(1, sizeof *held);
    MANSIO_ASSERT(held != NULL);
    *held = (struct held_socket){.next = sockets->first,
                                 .address = *address,
                                 .fd = fd,
                                 .lock_fd = lock_fd,
                                 .is_inherited = is_inherited};
    sockets->first = held;
}

/* ---- from systemd ---------------------------------------------------------------------------- */

static int inherit_one(struct core_sockets *sockets, int fd)
{
    struct core_address address;
    int rc = core_address_of_socket(fd, &address);
    if (rc < 0) {
        return rc;
    }
    if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0) {
        return mansio_fail(MANSIO_E_INVALID,
                           "descriptor %d from systemd is no listening stream socket", fd);
    }
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    add(sockets, &address, fd, -1, 1);
    char text[CORE_ADDRESS_TEXT_MAX];
    core_address_print(&address, text);
    mansio_log(MANSIO_LOG_INFO, "socket-inherited", MANSIO_KV_CSTR("address", text), MANSIO_KV_END);
    return 0;
}

int core_sockets_inherit(struct core_sockets *sockets)
{
    int count = sd_listen_fds(1);
    if (count < 0) {
        return mansio_fail(MANSIO_E_INVALID, "LISTEN_FDS: %s", strerror(-count));
    }
    for (int i = 0; i < count; i++) {
        int rc = inherit_one(sockets, SD_LISTEN_FDS_START + i);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

int core_sockets_is_inherited(const struct core_sockets *sockets,
                              const struct core_address *address)
{
    const struct held_socket *held = find(sockets, address);
    return held != NULL && held->is_inherited;
}

static in_port_t port_of(const struct core_address *address)
{
    int is_ipv4 = address->u.any.sa_family == AF_INET;
    return is_ipv4 ? address->u.ipv4.sin_port : address->u.ipv6.sin6_port;
}

static int is_wildcard(const struct core_address *address)
{
    return address->u.any.sa_family == AF_INET
               ? address->u.ipv4.sin_addr.s_addr == htonl(INADDR_ANY)
               : IN6_IS_ADDR_UNSPECIFIED(&address->u.ipv6.sin6_addr);
}

/* Whether, of two that differ, one takes what the other is for: "0.0.0.0:25" and "*:25". */
static int overlap(const struct core_address *a, const struct core_address *b)
{
    if (is_unix(a) || is_unix(b) || port_of(a) != port_of(b)) {
        return 0;
    }
    return (a->is_dual || b->is_dual || a->u.any.sa_family == b->u.any.sa_family) &&
           (is_wildcard(a) || is_wildcard(b));
}

/* bind() found @p want taken: if by what systemd gave us, waiting doesn't help, and it should be
 * said. Returns @p rc, or MANSIO_E_INVALID. */
static int blame_inherited(const struct core_sockets *sockets, const struct core_address *want,
                           int rc)
{
    for (const struct held_socket *held = sockets->first; held != NULL; held = held->next) {
        if (held->is_inherited && overlap(&held->address, want)) {
            char wanted[CORE_ADDRESS_TEXT_MAX];
            char given[CORE_ADDRESS_TEXT_MAX];
            core_address_print(want, wanted);
            core_address_print(&held->address, given);
            return mansio_fail(MANSIO_E_INVALID,
                               "%s: systemd gave %s, which is in its way; the same address must "
                               "stand in both places",
                               wanted, given);
        }
    }
    return rc;
}

/* ---- our own --------------------------------------------------------------------------------- */

/* Lock the path of a unix socket and remove what an earlier process left there. */
static int take_path(const struct core_address *address, int *out_lock_fd)
{
    char path[sizeof(struct sockaddr_un) + 8];
    lock_path(address, path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int err = errno;
    if (fd < 0) {
        return mansio_fail(err == EACCES ? MANSIO_E_DENIED : MANSIO_E_IO, "open %s: %s", path,
                           strerror(err));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        err = errno;
        close(fd);
        return mansio_fail(err == EWOULDBLOCK ? MANSIO_E_BUSY : MANSIO_E_IO, "lock %s: %s", path,
                           err == EWOULDBLOCK ? "held by another process" : strerror(err));
    }
    const char *socket_path = address->u.local.sun_path;
    struct stat st;
    if (lstat(socket_path, &st) == 0) {
        if (!S_ISSOCK(st.st_mode)) {
            close(fd);
            return mansio_fail(MANSIO_E_INVALID, "%s is there and is no socket", socket_path);
        }
        unlink(socket_path);
    }
    *out_lock_fd = fd;
    return 0;
}

static void adjust(const struct held_socket *held, const struct core_socket_want *want)
{
    /* listen() again only changes the backlog. */
    if (listen(held->fd, (int)want->backlog) != 0) {
        mansio_log(MANSIO_LOG_WARNING, "listen-failed", MANSIO_KV_CSTR("error", strerror(errno)),
                   MANSIO_KV_END);
    }
    if (is_unix(&held->address) && !held->is_inherited && want->unix_mode != 0 &&
        /* Not through a link that somebody put in its place. */
        fchmodat(AT_FDCWD, held->address.u.local.sun_path, (mode_t)want->unix_mode,
                 AT_SYMLINK_NOFOLLOW) != 0) {
        mansio_log(MANSIO_LOG_WARNING, "chmod-failed",
                   MANSIO_KV_CSTR("path", held->address.u.local.sun_path),
                   MANSIO_KV_CSTR("error", strerror(errno)), MANSIO_KV_END);
    }
}

int core_sockets_open(struct core_sockets *sockets, const struct core_socket_want *want,
                      int *out_fd)
{
    struct held_socket *held = find(sockets, want->address);
    if (held != NULL) {
        adjust(held, want);
        *out_fd = held->fd;
        return 0;
    }
    int lock_fd = -1;
    if (is_unix(want->address)) {
        int rc = take_path(want->address, &lock_fd);
        if (rc < 0) {
            return rc;
        }
    }
    int fd = -1;
    int rc = core_address_listen(want->address, (int)want->backlog, (mode_t)want->unix_mode, &fd);
    if (rc < 0) {
        if (lock_fd >= 0) {
            close(lock_fd);
        }
        return rc == MANSIO_E_BUSY ? blame_inherited(sockets, want->address, rc) : rc;
    }
    add(sockets, want->address, fd, lock_fd, 0);
    *out_fd = fd;
    return 0;
}

int core_sockets_open_wait(struct core_sockets *sockets, const struct core_socket_want *want,
                           int64_t deadline_us, int *out_fd)
{
    int64_t pause_us = PAUSE_FIRST_US;
    for (int round = 0;; round++) {
        int rc = core_sockets_open(sockets, want, out_fd);
        if (rc != MANSIO_E_BUSY || mansio_now_us() + pause_us > deadline_us) {
            return rc;
        }
        if (round == 0) {
            mansio_log(MANSIO_LOG_WARNING, "address-in-use",
                       MANSIO_KV_CSTR("detail", mansio_error_detail()), MANSIO_KV_END);
        }
        rc = mansio_fiber_sleep_until(mansio_deadline_in(pause_us));
        if (rc < 0) {
            return rc;
        }
        pause_us = 2 * pause_us < PAUSE_MOST_US ? 2 * pause_us : PAUSE_MOST_US;
    }
}

void core_sockets_prune(struct core_sockets *sockets, core_sockets_wanted_fn is_wanted, void *arg)
{
    struct held_socket **at = &sockets->first;
    while (*at != NULL) {
        struct held_socket *held = *at;
        if (held->is_inherited || is_wanted(arg, &held->address)) {
            at = &held->next;
            continue;
        }
        char text[CORE_ADDRESS_TEXT_MAX];
        core_address_print(&held->address, text);
        mansio_log(MANSIO_LOG_INFO, "socket-closed", MANSIO_KV_CSTR("address", text),
                   MANSIO_KV_END);
        *at = held->next;
        held_close(held);
    }
}

void core_sockets_warn_unwanted(const struct core_sockets *sockets,
                                core_sockets_wanted_fn is_wanted, void *arg)
{
    for (const struct held_socket *held = sockets->first; held != NULL; held = held->next) {
        if (held->is_inherited && !is_wanted(arg, &held->address)) {
            char text[CORE_ADDRESS_TEXT_MAX];
            core_address_print(&held->address, text);
            mansio_log(MANSIO_LOG_WARNING, "socket-not-served", MANSIO_KV_CSTR("address", text),
                       MANSIO_KV_CSTR("reason", "systemd gave it, but no listener names it"),
                       MANSIO_KV_END);
        }
    }
}

/* ---- over a binary upgrade ------------------------------------------------------------------- */

json_t *core_sockets_to_json(const struct core_sockets *sockets)
{
    json_t *list = json_array();
    for (const struct held_socket *held = sockets->first; held != NULL; held = held->next) {
        char text[CORE_ADDRESS_TEXT_MAX];
        core_address_print(&held->address, text);
        json_array_append_new(list, json_pack("{s:i, s:i, s:b, s:s}", "fd", held->fd, "lock_fd",
                                              held->lock_fd, "inherited", held->is_inherited,
                                              "address", text));
    }
    return list;
}

int core_sockets_from_json(struct core_sockets *sockets, const json_t *json)
{
    size_t count = json_array_size(json);
    for (size_t i = count; i > 0; i--) {
        int fd = -1;
        int lock_fd = -1;
        int is_inherited = 0;
        const char *text = NULL;
        struct core_address address;
        if (json_unpack(json_array_get(json, i - 1), "{s:i, s:i, s:b, s:s}", "fd", &fd, "lock_fd",
                        &lock_fd, "inherited", &is_inherited, "address", &text) != 0) {
            return mansio_fail(MANSIO_E_INVALID, "state: socket %zu is none", i - 1);
        }
        int rc = core_address_parse(mansio_str_from_cstr(text), &address);
        if (rc < 0) {
            return rc;
        }
        add(sockets, &address, fd, lock_fd, is_inherited);
    }
    return 0;
}

void core_sockets_set_cloexec(struct core_sockets *sockets, int is_cloexec)
{
    for (struct held_socket *held = sockets->first; held != NULL; held = held->next) {
        fcntl(held->fd, F_SETFD, is_cloexec ? FD_CLOEXEC : 0);
        if (held->lock_fd >= 0) {
            fcntl(held->lock_fd, F_SETFD, is_cloexec ? FD_CLOEXEC : 0);
        }
    }
}
