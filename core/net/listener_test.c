/*
 * Listeners and conns over loopback: serving, refusing, pausing, balance, drain, shut, close.
 */
#include "config.h"
#include "core/net/testing.h"

#include <fcntl.h>
#include <stdlib.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#ifdef HAVE_VALGRIND_VALGRIND_H
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

#include "core/net/conn.h"
#include "core/net/listener.h"

/* A server that greets, echoes lines and counts. */
struct server {
    struct core_listener *listener;
    char address[CORE_ADDRESS_TEXT_MAX];
    int is_closed_door; /* may_accept says no */
    int asked, accepted, closed, errors, last_error, last_result;
    int refuse_after;  /* 0: never */
    int drain_at;      /* drain as this one is accepted; 0: don't */
    int64_t linger_us; /* 0: an hour, so that nothing depends on its end */
    char peer[128], peer_ip[128], local[128], name[128];
};

static void note(char out[128], struct mansio_str s)
{
    snprintf(out, 128, "%.*s", MANSIO_STR_ARG(s));
}

static int may_accept(void *arg)
{
    struct server *server = arg;
    server->asked++;
    return !server->is_closed_door;
}

static int on_accept(void *arg, struct mansio_conn *conn, struct mansio_str *refusal)
{
    struct server *server = arg;
    if (server->refuse_after > 0 && server->accepted >= server->refuse_after) {
        *refusal = MANSIO_STR("too many\r\n");
        return MANSIO_E_LIMIT;
    }
    server->accepted++;
    if (server->accepted == server->drain_at) {
        core_listener_drain(server->listener, MANSIO_REASON_KILLED, 0, MANSIO_NEVER);
    }
    note(server->peer, mansio_conn_peer(conn));
    note(server->peer_ip, mansio_conn_peer_ip(conn));
    note(server->local, mansio_conn_local(conn));
    note(server->name, mansio_conn_listener(conn));
    return 0;
}

static void on_close(void *arg, struct mansio_conn *conn, int result)
{
    struct server *server = arg;
    (void)conn;
    server->closed++;
    server->last_result = result;
}

static void on_error(void *arg, int code)
{
    struct server *server = arg;
    server->errors++;
    server->last_error = code;
}

enum { FLOOD_LINES = 1500, FLOOD_WIDTH = 998 };

static int serve(void *arg, struct mansio_conn *conn)
{
    (void)arg;
    struct mansio_stream *stream = mansio_conn_stream(conn);
    CHECK(core_conn_fiber(conn) == mansio_fiber_self());
    mansio_stream_set_deadline(stream, SOON);
    mansio_stream_write(stream, MANSIO_STR("hello\r\n"));
    for (;;) {
        struct mansio_str line;
        int rc = mansio_stream_read_line(stream, 1000, MANSIO_READ_IDLE, &line);
        if (rc == MANSIO_E_STOPPING) {
            mansio_stream_printf(stream, "bye %u\r\n", mansio_fiber_stop_reason());
            return rc;
        }
        if (rc < 0) {
            return rc;
        }
        if (mansio_str_eq(line, MANSIO_STR("quit"))) {
            mansio_stream_write(stream, MANSIO_STR("bye\r\n"));
            return 0;
        }
        if (mansio_str_eq(line, MANSIO_STR("flood"))) {
            for (size_t i = 0; i < FLOOD_LINES; i++) {
                mansio_stream_printf(stream, "%0*zu\r\n", FLOOD_WIDTH, i);
            }
            return 0;
        }
        mansio_stream_printf(stream, "you said %.*s\r\n", MANSIO_STR_ARG(line));
    }
}

static void server_open(struct server *server, const char *where)
{
    struct core_listener_options options = {
        .name = MANSIO_STR("in"),
        .fd = testing_listen(where, server->address),
        .conn_arena_cap_bytes = 65536,
        .linger_us = server->linger_us > 0 ? server->linger_us : 3600 * MANSIO_SECOND,
        .hooks = {.arg = server,
                  .may_accept = may_accept,
                  .on_accept = on_accept,
                  .serve = serve,
                  .on_close = on_close,
                  .on_error = on_error},
    };
    CHECK(core_listener_open(&options, &server->listener) == 0);
}

/* Of the one listener that a test has. */
static int listening_descriptor(void)
{
    for (int fd = 0; fd < 256; fd++) {
        int is_listening = 0;
        socklen_t size = sizeof(is_listening);
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) == 0 && is_listening) {
            return fd;
        }
    }
    CHECK(!"there is a listening socket");
    return -1;
}

static struct mansio_stream *client_new(struct mansio_arena *arena, const struct server *server)
{
    struct mansio_stream *client = NULL;
    int rc = mansio_stream_connect(arena, mansio_str_from_cstr(server->address), SOON, &client);
    CHECK(rc == 0);
    if (client) {
        mansio_stream_set_deadline(client, SOON);
    }
    return client;
}

/* The next line is this one. */
static int expect(struct mansio_stream *client, const char *wanted)
{
    struct mansio_str line = MANSIO_STR_NONE;
    int rc = mansio_stream_read_line(client, 1000, 0, &line);
    int is_so = rc >= 0 && mansio_str_eq(line, mansio_str_from_cstr(wanted));
    if (!is_so) {
        print_message("# wanted \"%s\", got %d \"%.*s\"\n", wanted, rc, MANSIO_STR_ARG(line));
    }
    return is_so;
}

static int expect_end(struct mansio_stream *client)
{
    struct mansio_str line;
    return mansio_stream_read(client, 1, 0, &line) == MANSIO_E_EOF;
}

static int talk(void *arg)
{
    struct server server = {0};
    server_open(&server, arg);
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_stream *client = client_new(arena, &server);
    CHECK(expect(client, "hello"));
    CHECK(core_listener_conns(server.listener) == 1);
    for (int i = 0; i < 100; i++) {
        CHECK(mansio_stream_printf(client, "line %d\r\n", i) == 0);
        char wanted[40];
        snprintf(wanted, sizeof(wanted), "you said line %d", i);
        CHECK(expect(client, wanted));
    }
    CHECK(mansio_stream_write(client, MANSIO_STR("quit\r\nmore that nobody reads\r\n")) == 0);
    CHECK(expect(client, "bye"));
    CHECK(expect_end(client));
    core_stream_close(client);
    while (server.closed == 0) {
        CHECK(mansio_fiber_yield() == 0);
    }
    CHECK(server.accepted == 1 && server.closed == 1 && server.last_result == 0);
    CHECK(server.errors == 0);
    CHECK(core_listener_conns(server.listener) == 0);
    CHECK(strcmp(server.name, "in") == 0);
    if (strncmp(arg, "unix:", 5) == 0) {
        char wanted[128];
        snprintf(wanted, sizeof(wanted), "unix:pid=%d,uid=%u,gid=%u", getpid(), getuid(), getgid());
        CHECK(strcmp(server.peer, wanted) == 0);
        CHECK(strcmp(server.peer_ip, "unix") == 0);
        CHECK(strcmp(server.local, arg) == 0);
    } else {
        struct core_address peer;
        CHECK(core_address_parse(mansio_str_from_cstr(server.peer), &peer) == 0);
        CHECK(strcmp(server.peer_ip, ((char *)arg)[0] == '[' ? "::1" : "127.0.0.1") == 0);
        CHECK(strcmp(server.local, server.address) == 0);
    }
    mansio_arena_free(arena);
    core_listener_close(server.listener);
    return 0;
}

static void talks_over_ipv4_ipv6_and_unix(void **state)
{
    (void)state;
    char dir[] = "/tmp/mansio-listener-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char local[60];
    snprintf(local, sizeof(local), "unix:%s/s", dir);
    char ipv4[] = "127.0.0.1:0";
    char ipv6[] = "[::1]:0";
    run_fiber(talk, ipv4);
    run_fiber(talk, ipv6);
    run_fiber(talk, local);
    unlink(local + 5);
    rmdir(dir);
}

/* ---- ending well ---------------------------------------------------------------------------- */

/* The last words arrive although the server never reads what the client went on sending: closing
 * with unread input would make the system drop what it has not sent yet. */
static int end_over_unread_input(void *arg)
{
    (void)arg;
    struct server server = {0};
    server_open(&server, "127.0.0.1:0");
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_stream *client = client_new(arena, &server);
    static char rest[100000];
    memset(rest, 'x', sizeof(rest));
    CHECK(expect(client, "hello"));
    CHECK(mansio_stream_write(client, MANSIO_STR("flood\r\n")) == 0);
    CHECK(mansio_stream_write(client, (struct mansio_str){rest, sizeof(rest)}) == 0);
    CHECK(mansio_stream_flush(client) == 0);
    testing_settle();
    struct mansio_str line;
    int lines = 0;
    while (mansio_stream_read_line(client, FLOOD_WIDTH + 2, 0, &line) == FLOOD_WIDTH) {
        lines++;
    }
    CHECK(lines == FLOOD_LINES);
    CHECK(expect_end(client));
    mansio_arena_free(arena);
    core_listener_close(server.listener);
    CHECK(server.closed == 1);
    return 0;
}

/* A client that neither reads nor closes doesn't hold a conn longer than the linger time; one that
 * resets ends it with MANSIO_E_IO. */
static int end_badly(void *arg)
{
    (void)arg;
    struct server server = {.linger_us = 100 * MANSIO_MS};
    server_open(&server, "127.0.0.1:0");
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_stream *client = client_new(arena, &server);
    CHECK(expect(client, "hello"));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct core_address address;
    CHECK(core_address_parse(mansio_str_from_cstr(server.address), &address) == 0);
    CHECK(connect(fd, &address.u.any, address.len) == 0);
    while (server.accepted < 2) {
        CHECK(mansio_fiber_sleep_until(mansio_now_us()) == 0);
    }
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) == 0);
    testing_settle();
    close(fd);
    while (server.closed < 1) {
        CHECK(mansio_fiber_sleep_until(mansio_now_us()) == 0);
    }
    CHECK(server.last_result == MANSIO_E_IO);
    core_listener_close(server.listener);
    CHECK(server.closed == 2 && server.last_result == MANSIO_E_CANCELLED);
    mansio_arena_free(arena);
    return 0;
}

static void ends_in_good_order_or_in_bounded_time(void **state)
{
    (void)state;
    run_fiber(end_over_unread_input, NULL);
    run_fiber(end_badly, NULL);
}

/* ---- admission ------------------------------------------------------------------------------ */

static int refuse_third(void *arg)
{
    (void)arg;
    struct server server = {.refuse_after = 2};
    server_open(&server, "127.0.0.1:0");
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    for (int i = 0; i < 4; i++) {
        struct mansio_stream *client = client_new(arena, &server);
        CHECK(expect(client, i < 2 ? "hello" : "too many"));
        CHECK(i < 2 || expect_end(client));
    }
    CHECK(server.accepted == 2 && core_listener_conns(server.listener) == 2);
    mansio_arena_free(arena);
    core_listener_close(server.listener);
    CHECK(server.closed == 2); /* once for each that was accepted */
    return 0;
}

static void refuses_with_words(void **state)
{
    (void)state;
    run_fiber(refuse_third, NULL);
}

static int look_again(void *arg)
{
    (void)arg;
    struct server server = {.is_closed_door = 1};
    server_open(&server, "127.0.0.1:0");
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_stream *client = client_new(arena, &server); /* the system's queue takes it */
    while (server.asked < 3) {
        CHECK(mansio_fiber_sleep_until(mansio_now_us()) == 0);
    }
    CHECK(server.accepted == 0); /* asked again and again, by the clock alone */
    int asked = server.asked;
    core_listener_kick(server.listener);
    CHECK(mansio_fiber_yield() == 0);
    CHECK(mansio_fiber_yield() == 0);
    CHECK(server.asked > asked && server.accepted == 0);
    server.is_closed_door = 0;
    core_listener_kick(server.listener);
    CHECK(expect(client, "hello"));
    mansio_arena_free(arena);
    core_listener_close(server.listener);
    return 0;
}

static void looks_again_while_it_may_not_accept(void **state)
{
    (void)state;
    run_fiber(look_again, NULL);
}

/* Make accept() fail: descriptors used up. valgrind has its own idea of that limit, by which it
 * drops what was accepted; there something that can't be accepted from takes the socket's place. */
static void break_accepting(int fd, const struct rlimit *limit)
{
    if (!RUNNING_ON_VALGRIND) {
        struct rlimit none = {.rlim_cur = 3, .rlim_max = limit->rlim_max};
        CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
        return;
    }
    int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(dup3(other, fd, O_CLOEXEC) == fd);
    close(other);
}

static int fail_to_accept(void *arg)
{
    (void)arg;
    struct server server = {.is_closed_door = 1};
    server_open(&server, "127.0.0.1:0");
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_stream *client = client_new(arena, &server);
    struct rlimit limit;
    int fd = listening_descriptor();
    int saved = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    break_accepting(fd, &limit);
    server.is_closed_door = 0;
    while (server.errors < 2) {
        CHECK(mansio_fiber_sleep_until(mansio_now_us() + 1000) == 0);
    }
    CHECK(server.last_error == MANSIO_E_IO && server.accepted == 0);
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(dup3(saved, fd, O_CLOEXEC) == fd);
    close(saved);
    CHECK(expect(client, "hello")); /* it was only put off */
    mansio_arena_free(arena);
    core_listener_close(server.listener);
    return 0;
}

static void pauses_without_descriptors(void **state)
{
    (void)state;
    run_fiber(fail_to_accept, NULL);
}

static int run_out_of_fibers(void *arg)
{
    (void)arg;
    struct server server = {0};
    server_open(&server, "127.0.0.1:0");
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    /* root and accept are there: two conns more. */
    CHECK(expect(client_new(arena, &server), "hello"));
    CHECK(expect(client_new(arena, &server), "hello"));
    struct mansio_stream *third = client_new(arena, &server);
    CHECK(expect_end(third));
    CHECK(server.errors == 1 && server.last_error == MANSIO_E_LIMIT);
    CHECK(server.accepted == 3 && server.closed == 1 && server.last_result == MANSIO_E_LIMIT);
    mansio_arena_free(arena);
    core_listener_close(server.listener);
    CHECK(server.closed == 3);
    return 0;
}

static void counts_out_what_no_fiber_serves(void **state)
{
    (void)state;
    const struct core_loop_options options = {.fibers_max = 4, .stacks_kept_max = 4};
    run_fiber_with(&options, run_out_of_fibers, NULL);
}

/* ---- drain, shut, close --------------------------------------------------------------------- */

enum { DRAINED = 40 };

static int drain(void *arg)
{
    int64_t spread_us = *(int64_t *)arg;
    struct server server = {0};
    server_open(&server, "127.0.0.1:0");
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_stream *clients[DRAINED];
    for (int i = 0; i < DRAINED; i++) {
        clients[i] = client_new(arena, &server);
        CHECK(expect(clients[i], "hello"));
    }
    /* One is in the middle of a line, one has sent a line that nobody has read yet. */
    CHECK(mansio_stream_write(clients[0], MANSIO_STR("half")) == 0);
    CHECK(mansio_stream_flush(clients[0]) == 0);
    testing_settle();
    CHECK(mansio_stream_write(clients[1], MANSIO_STR("whole\r\n")) == 0);
    CHECK(mansio_stream_flush(clients[1]) == 0);
    core_listener_shut(server.listener);
    int64_t start = mansio_now_us();
    core_listener_drain(server.listener, MANSIO_REASON_DRAIN, spread_us, SOON);
    CHECK(expect(clients[1], "you said whole"));
    for (int i = 1; i < DRAINED; i++) {
        CHECK(expect(clients[i], "bye 1"));
        CHECK(expect_end(clients[i]));
        core_stream_close(clients[i]);
    }
    CHECK(mansio_now_us() - start >= spread_us * 9 / 10); /* not all at once */
    while (core_listener_conns(server.listener) > 1) {
        CHECK(mansio_fiber_sleep_until(mansio_now_us()) == 0);
    }
    CHECK(mansio_stream_write(clients[0], MANSIO_STR(" done\r\n")) == 0);
    CHECK(expect(clients[0], "you said half done"));
    CHECK(expect(clients[0], "bye 1"));
    CHECK(expect_end(clients[0]));
    mansio_arena_free(arena);
    core_listener_close(server.listener);
    CHECK(server.closed == DRAINED);
    return 0;
}

static int drain_with_deadline(void *arg)
{
    (void)arg;
    struct server server = {0};
    server_open(&server, "127.0.0.1:0");
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_stream *client = client_new(arena, &server);
    CHECK(expect(client, "hello"));
    CHECK(mansio_stream_write(client, MANSIO_STR("half")) == 0);
    CHECK(mansio_stream_flush(client) == 0);
    testing_settle();
    /* A second drain replaces what is left of a slow first one. */
    core_listener_drain(server.listener, MANSIO_REASON_DRAIN, 3600 * MANSIO_SECOND, MANSIO_NEVER);
    testing_settle();
    core_listener_drain(server.listener, MANSIO_REASON_DRAIN, 0, mansio_now_us());
    CHECK(expect_end(client));
    core_stream_close(client);
    while (server.closed == 0) {
        CHECK(mansio_fiber_sleep_until(mansio_now_us()) == 0);
    }
    CHECK(server.last_result == MANSIO_E_CANCELLED);
    mansio_arena_free(arena);
    core_listener_close(server.listener);
    return 0;
}

static void drains_idle_conns_and_lets_others_finish(void **state)
{
    (void)state;
    int64_t at_once = 0;
    int64_t spread = 100 * MANSIO_MS;
    run_fiber(drain, &at_once);
    run_fiber(drain, &spread);
    run_fiber(drain_with_deadline, NULL);
}

/* Asked to stop between its acceptance and its fiber's first turn: while the next is accepted in
 * the same round. That one isn't asked. */
static int drain_early(void *arg)
{
    (void)arg;
    struct server server = {.is_closed_door = 1, .drain_at = 2};
    server_open(&server, "127.0.0.1:0");
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_stream *first = client_new(arena, &server);
    struct mansio_stream *second = client_new(arena, &server);
    server.is_closed_door = 0;
    core_listener_kick(server.listener);
    CHECK(expect(first, "hello"));
    CHECK(expect(first, "bye 2"));
    CHECK(expect(second, "hello"));
    CHECK(mansio_stream_write(second, MANSIO_STR("x\r\n")) == 0);
    CHECK(expect(second, "you said x"));
    mansio_arena_free(arena);
    core_listener_close(server.listener);
    return 0;
}

static void drains_what_has_just_been_accepted(void **state)
{
    (void)state;
    run_fiber(drain_early, NULL);
}

/* The socket is shared: another process goes on accepting. Ours neither accepts nor spins when
 * epoll still tells of it. */
static int shut_shared(void *arg)
{
    (void)arg;
    struct server server = {0};
    server_open(&server, "127.0.0.1:0");
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_stream *client = client_new(arena, &server);
    CHECK(expect(client, "hello"));
    testing_settle();
    int shared = fcntl(listening_descriptor(), F_DUPFD_CLOEXEC, 0);
    CHECK(shared >= 0);
    core_listener_shut(server.listener);
    core_listener_shut(server.listener);
    struct mansio_stream *next = client_new(arena, &server);
    struct core_loop_stats before;
    struct core_loop_stats after;
    core_loop_stats(&before);
    CHECK(mansio_fiber_sleep_until(mansio_deadline_in(20 * MANSIO_MS)) == 0);
    core_loop_stats(&after);
    CHECK(after.turns - before.turns < 20);
    CHECK(server.accepted == 1);
    CHECK(mansio_stream_write(client, MANSIO_STR("still here\r\n")) == 0);
    CHECK(expect(client, "you said still here"));
    core_stream_close(next);
    close(shared);
    mansio_arena_free(arena);
    core_listener_close(server.listener);
    return 0;
}

static void leaves_a_shared_socket_to_others(void **state)
{
    (void)state;
    run_fiber(shut_shared, NULL);
}

/* A supervisor's socket has none of our options; what is accepted has. */
static int inherit(void *arg)
{
    (void)arg;
    struct server server = {0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct core_address address;
    CHECK(core_address_parse(MANSIO_STR("127.0.0.1:0"), &address) == 0);
    CHECK(bind(fd, &address.u.any, address.len) == 0 && listen(fd, 5) == 0);
    CHECK(core_address_of_socket(fd, &address) == 0);
    core_address_print(&address, server.address);
    struct core_listener_options options = {
        .name = MANSIO_STR("in"), .fd = fd, .hooks = {.arg = &server, .serve = serve}};
    CHECK(core_listener_open(&options, &server.listener) == 0);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    CHECK(expect(client_new(arena, &server), "hello"));
    int found = 0;
    for (int i = 0; i < 64; i++) {
        struct core_address local;
        int value = 0;
        socklen_t size = sizeof(value);
        if (i != fd && core_address_of_socket(i, &local) == 0 &&
            core_address_eq(&local, &address)) {
            CHECK(getsockopt(i, IPPROTO_TCP, TCP_NODELAY, &value, &size) == 0 && value);
            CHECK(getsockopt(i, SOL_SOCKET, SO_KEEPALIVE, &value, &size) == 0 && value);
            found++;
        }
    }
    CHECK(found == 1);
    mansio_arena_free(arena);
    core_listener_close(server.listener);
    return 0;
}

static void serves_an_inherited_socket(void **state)
{
    (void)state;
    run_fiber(inherit, NULL);
}

/* ---- connecting ----------------------------------------------------------------------------- */

static int connect_badly(void *arg)
{
    (void)arg;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_stream *stream = NULL;
    static const struct {
        const char *address;
        int code;
    } rows[] = {
        {"localhost:25", MANSIO_E_INVALID},
        {"*:25", MANSIO_E_INVALID},
        {"127.0.0.1:0", MANSIO_E_INVALID},
        {"[::1]:0", MANSIO_E_INVALID},
        {"unix:/nonexistent/socket", MANSIO_E_UNAVAILABLE},
        {"127.0.0.1:1", MANSIO_E_UNAVAILABLE},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        int rc = mansio_stream_connect(arena, mansio_str_from_cstr(rows[i].address), SOON, &stream);
        CHECK(rc == rows[i].code && stream == NULL);
        CHECK(strstr(mansio_error_detail(), rows[i].address) != NULL);
    }
    mansio_arena_free(arena);
    return 0;
}

/* A unix socket whose queue is full: tried until the deadline, and again when there is room. */
static int connect_to_full_queue(void *arg)
{
    const char *text = arg;
    struct core_address address;
    int fd = -1;
    CHECK(core_address_parse(mansio_str_from_cstr(text), &address) == 0);
    CHECK(core_address_listen(&address, 0, 0600, &fd) == 0);
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_stream *stream = NULL;
    CHECK(mansio_stream_connect(arena, mansio_str_from_cstr(text), SOON, &stream) == 0);
    stream = NULL;
    CHECK(mansio_stream_connect(arena, mansio_str_from_cstr(text), mansio_deadline_in(20000),
                                &stream) == MANSIO_E_TIMEOUT);
    CHECK(stream == NULL);
    close(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
    CHECK(mansio_stream_connect(arena, mansio_str_from_cstr(text), SOON, &stream) == 0);
    close(fd);
    mansio_arena_free(arena);
    return 0;
}

static void connects_or_says_why_not(void **state)
{
    (void)state;
    run_fiber(connect_badly, NULL);
    char dir[] = "/tmp/mansio-listener-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char text[60];
    snprintf(text, sizeof(text), "unix:%s/s", dir);
    run_fiber(connect_to_full_queue, text);
    unlink(text + 5);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(talks_over_ipv4_ipv6_and_unix),
        cmocka_unit_test(ends_in_good_order_or_in_bounded_time),
        cmocka_unit_test(refuses_with_words),
        cmocka_unit_test(looks_again_while_it_may_not_accept),
        cmocka_unit_test(pauses_without_descriptors),
        cmocka_unit_test(counts_out_what_no_fiber_serves),
        cmocka_unit_test(drains_idle_conns_and_lets_others_finish),
        cmocka_unit_test(drains_what_has_just_been_accepted),
        cmocka_unit_test(leaves_a_shared_socket_to_others),
        cmocka_unit_test(serves_an_inherited_socket),
        cmocka_unit_test(connects_or_says_why_not),
    };
    return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
