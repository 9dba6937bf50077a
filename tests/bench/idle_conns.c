/*
 * What an idle conn costs in memory, from accept to its wait for the first line: fiber, stack,
 * conn, arena, stream. Everything above core/net (sessions, modules) is left out; `run idle`
 * measures that with a whole daemon.
 *
 *   idle_conns [CONNS]    10000 by default
 *
 * The clients are bare descriptors of a child process, over a unix socket, which needs no ports.
 * PSS is what this process takes of the machine; heap is what malloc() has given out, its own
 * bookkeeping left out.
 */
#include "config.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "core/loop/loop.h"
#include "core/net/address.h"
#include "core/net/conn.h"
#include "core/net/listener.h"
#include "core/net/stream.h"

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/str.h>

enum {
    CONNS_MAX = 100000,
    WARM = 100,  /* conns before the first look: what only the first ones cost is not counted */
    FILES = 100, /* descriptors beside the conns */
};

static struct {
    size_t conns;
    char path[64];
    int control; /* to the child, and its end of it */
    struct core_listener *listener;
    int is_failed;
} bench;

static int fail(const char *what)
{
    fprintf(stderr, "idle_conns: %s: %s\n", what, mansio_error_detail());
    bench.is_failed = 1;
    return -1;
}

/* ---- the child: clients ------------------------------------------------------------------------
 */

/* Connect, say a line, see both answers. */
static int client_new(const struct core_address *address)
{
    char text[13];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, &address->u.any, address->len) != 0 ||
        send(fd, "line\r\n", 6, MSG_NOSIGNAL) != 6 ||
        recv(fd, text, sizeof(text), MSG_WAITALL) != (ssize_t)sizeof(text)) {
        perror("idle_conns: client");
        return -1;
    }
    return fd;
}

/* For each line with a number: have so many conns, say so. Ends with the parent, and all with it.
 */
static int clients(const struct core_address *address)
{
    char line[32];
    size_t count = 0;
    FILE *control = fdopen(bench.control, "r+");
    while (control && fgets(line, sizeof(line), control)) {
        size_t wanted = strtoul(line, NULL, 10);
        while (count < wanted && client_new(address) >= 0) {
            count++;
        }
        rewind(control);
        fprintf(control, "%zu\r\n", count);
        fflush(control);
        rewind(control);
    }
    return 0;
}

/* ---- the server --------------------------------------------------------------------------------
 */

/* As contrib/hello does: greet, then lines. */
static int serve(void *arg, struct mansio_conn *conn)
{
    (void)arg;
    struct mansio_stream *stream = mansio_conn_stream(conn);
    struct mansio_str line;
    int rc = mansio_stream_write(stream, MANSIO_STR("hello\r\n"));
    while (rc >= 0) {
        mansio_stream_set_deadline(stream, mansio_deadline_in(3600 * MANSIO_SECOND));
        rc = mansio_stream_read_line(stream, 512, MANSIO_READ_IDLE, &line);
        if (rc >= 0) {
            rc = mansio_stream_printf(stream, "%.*s\r\n", MANSIO_STR_ARG(line));
        }
    }
    return rc;
}

static int sleep_ms(int64_t ms)
{
    return mansio_fiber_sleep_until(mansio_deadline_in(ms * MANSIO_MS));
}

/* Have the child hold so many conns. */
static int have(struct mansio_stream *control, size_t count)
{
    struct mansio_str line;
    uint64_t got = 0;
    mansio_stream_set_deadline(control, mansio_deadline_in(300 * MANSIO_SECOND));
    int rc = mansio_stream_printf(control, "%zu\n", count);
    if (rc == 0) {
        rc = mansio_stream_read_line(control, 32, 0, &line);
    }
    if (rc < 0 || mansio_parse_u64(line, count, &got) != 0 || got != count ||
        core_listener_conns(bench.listener) != count) {
        return fail("clients");
    }
    return 0;
}

struct look {
    double pss, heap;
};

static struct look look(void)
{
    struct mallinfo2 info = mallinfo2();
    return (struct look){.pss = (double)bench_pss(), .heap = (double)info.uordblks};
}

static void report(const char *when, struct look before, struct look now)
{
    double count = (double)(bench.conns - WARM);
    printf("%-28s PSS %7.0f bytes a conn, of which heap %6.0f\n", when,
           (now.pss - before.pss) / count, (now.heap - before.heap) / count);
}

static void measure(struct mansio_stream *control)
{
    if (have(control, WARM) != 0) {
        return;
    }
    (void)sleep_ms(3000);
    struct look before = look();
    if (have(control, bench.conns) != 0) {
        return;
    }
    report("after a line each:", before, look());
    (void)sleep_ms(4000 + (int64_t)(bench.conns / 10)); /* the loop gives idle stacks back */
    report("after seconds of silence:", before, look());
}

static int root(void *arg)
{
    struct core_listener_options options = {
        .name = MANSIO_STR("bench"),
        .fd = *(int *)arg,
        .conn_arena_cap_bytes = 65536,
        .hooks = {.serve = serve},
    };
    struct mansio_arena *arena = mansio_arena_new(NULL, "bench", 0);
    struct mansio_stream *control = core_stream_new(arena, core_socket_transport(bench.control));
    if (core_listener_open(&options, &bench.listener) == 0) {
        measure(control);
    } else {
        (void)fail("listener");
    }
    mansio_arena_free(arena); /* the child sees its end */
    core_listener_close(bench.listener);
    core_loop_stop();
    return 0;
}

/* The listening socket, and a child that connects to it. */
static int prepare(int *out_fd, pid_t *out_child)
{
    char text[80];
    int ends[2] = {-1, -1};
    struct core_address address;
    snprintf(bench.path, sizeof(bench.path), "/tmp/mansio-idle-conns.%d", (int)getpid());
    snprintf(text, sizeof(text), "unix:%s", bench.path);
    if (core_address_parse(mansio_str_from_cstr(text), &address) != 0 ||
        core_address_listen(&address, 128, 0600, out_fd) != 0) {
        return fail("listen");
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return fail("socketpair");
    }
    fflush(stdout);
    *out_child = fork();
    bench.control = ends[*out_child == 0];
    close(ends[*out_child != 0]);
    if (*out_child == 0) {
        close(*out_fd);
        _exit(clients(&address));
    }
    return *out_child < 0 || fcntl(bench.control, F_SETFL, O_NONBLOCK) != 0 ? fail("fork") : 0;
}

static int allow_files(size_t count)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < count) {
        files.rlim_cur = count;
        files.rlim_max = files.rlim_max < count ? count : files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
            perror("idle_conns: setrlimit RLIMIT_NOFILE");
            return -1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    bench.conns = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
    if (bench.conns <= WARM || bench.conns > CONNS_MAX) {
        fprintf(stderr, "idle_conns: from %d to %d conns\n", WARM + 1, CONNS_MAX);
        return 2;
    }
    struct core_loop_options options = {.fibers_max = bench.conns + 10, .stacks_kept_max = 100};
    int fd = -1;
    pid_t child = -1;
    if (allow_files(bench.conns + FILES) != 0 || prepare(&fd, &child) != 0) {
        return 1;
    }
    struct mansio_group *group = NULL;
    if (core_loop_init(&options) == 0) {
        group = mansio_group_new("bench");
    }
    if (group && mansio_group_spawn(group, "root", root, &fd, NULL) == 0) {
        core_loop_run();
        mansio_group_close(group);
        (void)core_loop_fini();
    } else {
        (void)fail("loop");
        close(bench.control);
    }
    unlink(bench.path);
    waitpid(child, NULL, 0);
    return bench.is_failed;
}
