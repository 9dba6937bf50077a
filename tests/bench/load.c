/*
 * A client for benches of a whole daemon: as many conns as asked for, in one thread, as fast as
 * the other side answers. Speaks contrib/hello's dialogue; plain epoll, nothing of Mansio's, so
 * that what is measured is not measured by itself.
 *
 *   load lines   PORT CONNS SECONDS    a line out, a line in, again: prints round trips a second
 *   load accepts PORT CONNS SECONDS    connect, greeting, "quit", end, again: prints conns a second
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNS_MAX = 50000,
    EVENTS = 256,
    /* Conns of one client address; ephemeral ports are about 28,000. */
    CONNS_PER_ADDRESS = 10000,
};

struct load {
    int epoll;
    int is_lines; /* else accepts */
    uint16_t port;
    size_t conns;
    unsigned long done;
};

struct conn {
    int fd;
    size_t index;
    int has_greeting;
};

static void fail(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void conn_open(struct load *load, struct conn *conn)
{
    const int on = 1;
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(load->port)};
    from.sin_addr.s_addr = htonl(0x7f000002U + (uint32_t)(conn->index / CONNS_PER_ADDRESS));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    conn->has_greeting = 0;
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->fd < 0) {
        fail("socket");
    }
    setsockopt(conn->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(conn->fd, (struct sockaddr *)&from, sizeof from) < 0) {
        fail("bind");
    }
    if (connect(conn->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
        fail("connect");
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, conn->fd, &event) < 0) {
        fail("epoll_ctl");
    }
}

static void say(const struct conn *conn, const char *line)
{
    size_t len = strlen(line);
    if (send(conn->fd, line, len, MSG_NOSIGNAL) != (ssize_t)len) {
        fail("send");
    }
}

/* Every answer of this dialogue is one short line, which loopback never cuts. */
static void conn_readable(struct load *load, struct conn *conn)
{
    char bytes[4096];
    ssize_t count = recv(conn->fd, bytes, sizeof bytes, 0);
    if (count < 0 && errno == EAGAIN) {
        return;
    }
    if (count < 0 || (count == 0 && load->is_lines)) {
        fail("recv");
    }
    if (count == 0) {
        close(conn->fd);
        load->done++;
        conn_open(load, conn);
    } else if (load->is_lines) {
        load->done += (unsigned long)conn->has_greeting;
        conn->has_greeting = 1;
        say(conn, "quid novi ex Africa?\r\n");
    } else if (!conn->has_greeting) {
        conn->has_greeting = 1;
        say(conn, "quit\r\n");
    }
}

static void run_until(struct load *load, double end)
{
    struct epoll_event events[EVENTS];
    while (now() < end) {
        int count = epoll_wait(load->epoll, events, EVENTS, 100);
        for (int i = 0; i < count; i++) {
            conn_readable(load, events[i].data.ptr);
        }
    }
}

int main(int argc, char **argv)
{
    struct load load = {.epoll = epoll_create1(EPOLL_CLOEXEC)};
    if (argc != 5 || load.epoll < 0) {
        fprintf(stderr, "usage: load lines|accepts PORT CONNS SECONDS\n");
        return 2;
    }
    load.is_lines = strcmp(argv[1], "lines") == 0;
    load.port = (uint16_t)strtoul(argv[2], NULL, 10);
    load.conns = strtoul(argv[3], NULL, 10);
    double seconds = strtod(argv[4], NULL);
    if (load.conns == 0 || load.conns > CONNS_MAX || seconds <= 0 || seconds > 600) {
        fprintf(stderr, "load: 1 to %d conns, up to 600 seconds\n", CONNS_MAX);
        return 2;
    }
    struct conn *conns = calloc(load.conns, sizeof *conns);
    if (conns == NULL) {
        fail("memory");
    }
    for (size_t i = 0; i < load.conns; i++) {
        conns[i].index = i;
        conn_open(&load, &conns[i]);
    }
    run_until(&load, now() + 0.5); /* warm up: everybody is in */
    load.done = 0;
    double start = now();
    run_until(&load, start + seconds);
    printf("%.0f\n", (double)load.done / (now() - start));
    free(conns);
    return 0;
}
