/*
 * Listeners and conns over loopback: serving, refusing, pausing, balance, drain, shut, close.
 */
#include "config.h"
#include "core/net/testing.h"

#include <fcntl.h>
#include <stdlib.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include "core/net/conn.h"
#include "core/net/listener.h"

/* A server that greets, echoes lines and counts. */
struct server {
    struct core_listener *listener;
    char address[CORE_ADDRESS_TEXT_MAX];
    int is_closed_door; /* may_accept says no */
    int asked, accepted, closed, errors, last_error, last_result;
    int refuse_after;   /* 0: never */
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
        mansio_stream_printf(stream, "you said %.*s\r\n", MANSIO_STR_ARG(line));
    }
}

static void server_open(struct server *server, const char *where)
{
    struct core_listener_options options = {
        .name = MANSIO_STR("in"),
        .fd = testing_listen(where, server->address),
        .conn_arena_cap_bytes = 65536,
        .hooks = {.arg = server,
                  .may_accept = may_accept,
                  .on_accept = on_accept,
                  .serve = serve,
                  .on_close = on_close,
                  .on_error = on_error},
    };
    CHECK(core_listener_open(&options, &server->listener) == 0);
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
        snprintf(wanted, sizeof(wanted), "unix:pid=%d,uid=%u,gid=%u", getpid(), getuid(),
                 getgid());
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(talks_over_ipv4_ipv6_and_unix),
    };
    return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
