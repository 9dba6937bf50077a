/*
 * The metrics end point: the strict reader by table, the dialogue on real sockets, health.
 */
#include <config.h>

#include "core/host/metrics_http.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/loop/testing.h"

#include <mansio/arena.h>
#include <mansio/error.h>
#include <mansio/module.h>
#include <mansio/str.h>

#include "core/host/http_request.h"
#include "core/net/conn.h"

/* ---- heads ---- */

/* A whole head, lines apart by '\n'; the status that it ends with. */
static int read_lines(const char *head, struct core_http_request *request)
{
    struct mansio_str rest = mansio_str_from_cstr(head);
    struct mansio_str line;
    *request = (struct core_http_request){0};
    assert_true(mansio_str_split(&rest, '\n', &line));
    int status = core_http_request_line(line, request);
    while (status == 0 && mansio_str_split(&rest, '\n', &line)) {
        status = core_http_header(line, request);
    }
    return status != 0 ? status : core_http_head_end(request);
}

static void test_heads(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        int status;
    } cases[] = {
        {"GET / HTTP/1.1\nHost: x", 0},
        {"HEAD /metrics HTTP/1.1\nHost:x", 0},
        {"GET / HTTP/1.0", 0},
        {"GET / HTTP/1.9\nhost: x", 0},
        {"GET http://x:9/metrics?a=b HTTP/1.1\nHost: x", 0},
        {"GET http://x HTTP/1.1\nHost: x", 0},
        {"GET / HTTP/1.1\nHost: x\nContent-Length: 0", 0},
        {"GET / HTTP/1.1\nHost: x\nX-Y:", 0},
        {"GET / HTTP/1.1\nHost: x\nX-Y: a\tb \xc3\xbc", 0},

        {"", 400},
        {"GET", 400},
        {"GET /", 400},
        {"GET  / HTTP/1.1", 400},
        {"GET /  HTTP/1.1", 400},
        {"GET / HTTP/1.1 ", 400},
        {" GET / HTTP/1.1", 400},
        {"GET / http/1.1", 400},
        {"GET / HTTP/1.", 400},
        {"GET / HTTP/11.1", 400},
        {"GET / HTTP/2.0", 505},
        {"GET / HTTP/0.9", 505},
        {"G(T / HTTP/1.1", 400},
        {"GET x HTTP/1.1\nHost: x", 400},
        {"GET * HTTP/1.1\nHost: x", 400},
        {"GET http:///x HTTP/1.1\nHost: x", 400},
        {"GET http:// HTTP/1.1\nHost: x", 400},
        {"GET /\x7f HTTP/1.1\nHost: x", 400},
        {"GET /\xc3\xbc HTTP/1.1\nHost: x", 400},
        {"GET / HTTP/1.1", 400}, /* RFC 9112 3.2: no Host */
        {"GET / HTTP/1.1\nHost: x\nHost: x", 400},
        {"GET / HTTP/1.1\nHost : x", 400},         /* RFC 9112 5.1 */
        {"GET / HTTP/1.1\nHost: x\n folded", 400}, /* RFC 9112 5.2 */
        {"GET / HTTP/1.1\nHost: x\nno colon", 400},
        {"GET / HTTP/1.1\nHost: x\n: y", 400},
        {"GET / HTTP/1.1\nHost: x\nX: a\rb", 400},
        {"GET / HTTP/1.1\nHost: x\nX: a\x01"
         "b",
         400},
        {"GET / HTTP/1.1\nHost: x\nContent-Length: 0\nContent-Length: 0", 400},
        {"GET / HTTP/1.1\nHost: x\nContent-Length: +1", 400},
        {"GET / HTTP/1.1\nHost: x\nContent-Length: 0, 0", 400},
        {"GET / HTTP/1.1\nHost: x\nContent-Length: 99999999999999999999", 400},
        {"GET / HTTP/1.1\nHost: x\nContent-Length: 1", 413},
        {"GET / HTTP/1.1\nHost: x\nTransfer-Encoding: chunked", 413},
        {"POST / HTTP/1.1\nHost: x", 405},
        {"OPTIONS * HTTP/1.1\nHost: x", 405},
        {"CONNECT x:1 HTTP/1.1\nHost: x", 405},
        {"get / HTTP/1.1\nHost: x", 405}, /* methods have a case */
    };
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        struct core_http_request request;
        int status = read_lines(cases[i].head, &request);
        if (status != cases[i].status) {
            fail_msg("%s: wanted %d, found %d", cases[i].head, cases[i].status, status);
        }
    }
}

static void test_targets(void **state)
{
    (void)state;
    static const struct {
        const char *head, *path;
    } cases[] = {
        {"GET /metrics HTTP/1.0", "/metrics"},
        {"GET /metrics?x=y?z HTTP/1.0", "/metrics"},
        {"GET HTTP://a.example:9100/health HTTP/1.0", "/health"},
        {"GET http://a.example HTTP/1.0", "/"},
    };
    struct core_http_request request;
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        assert_int_equal(read_lines(cases[i].head, &request), 0);
        assert_int_equal(request.path_len, strlen(cases[i].path));
        assert_memory_equal(request.path, cases[i].path, request.path_len);
    }
    char head[256];
    memset(head, 'x', sizeof head);
    memcpy(head, "GET /", 5);
    memcpy(head + 200, " HTTP/1.0", 10);
    assert_int_equal(read_lines(head, &request), 0);
    assert_int_equal(request.path_len, CORE_HTTP_PATH_MAX + 1);
}

static void test_keeps(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        int keeps;
    } cases[] = {
        {"GET / HTTP/1.1\nHost: x", 1},
        {"GET / HTTP/1.1\nHost: x\nConnection: close", 0},
        {"GET / HTTP/1.1\nHost: x\nConnection: upgrade , CLOSE", 0},
        {"GET / HTTP/1.0", 0},
        {"GET / HTTP/1.0\nConnection: Keep-Alive", 1},
        {"GET / HTTP/1.0\nConnection: keep-alive, close", 0},
    };
    struct core_http_request request;
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        assert_int_equal(read_lines(cases[i].head, &request), 0);
        assert_int_equal(core_http_keeps(&request), cases[i].keeps);
    }
    assert_int_equal(read_lines("GET / HTTP/1.1\nHost: x", &request), 0);
    for (int i = 1; i < CORE_HTTP_HEADERS_MAX; i++) {
        assert_int_equal(core_http_header(MANSIO_STR("X: y"), &request), 0);
    }
    assert_int_equal(core_http_header(MANSIO_STR("X: y"), &request), 431);
}

/* ---- dialogues ---- */

struct served {
    struct mansio_conn *conn;
    int result;
};

static int serve(void *arg)
{
    struct served *served = arg;
    served->result = core_metrics_serve(NULL, served->conn);
    core_conn_close(served->conn, 0);
    return 0;
}

static char got[1 << 20];

/* Send @p sent, shut our side if asked, and read to the end. */
static int talk(const char *sent, size_t len, int is_shut)
{
    int ends[2];
    struct served served = {0};
    struct mansio_arena *arena = mansio_arena_new(NULL, "talk", 0);
    struct mansio_fiber *fiber = NULL;
    const struct core_address address = {.len = sizeof(sa_family_t), .u.any.sa_family = AF_UNIX};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    const struct core_conn_options options = {.listener = MANSIO_STR("metrics"),
                                              .fd = ends[0],
                                              .arena_cap_bytes = 65536,
                                              .peer = &address};
    CHECK(core_conn_new(&options, &served.conn) == 0);
    CHECK(write(ends[1], sent, len) == (ssize_t)len);
    if (is_shut) {
        CHECK(shutdown(ends[1], SHUT_WR) == 0);
    }
    CHECK(mansio_group_spawn(testing_group, "http", serve, &served, &fiber) == 0);
    struct mansio_waitable *readable = mansio_fd_watch(arena, ends[1], MANSIO_FD_READ);
    size_t have = 0;
    for (;;) {
        ssize_t n = read(ends[1], got + have, sizeof got - 1 - have);
        if (n > 0) {
            have += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            CHECK(mansio_wait(&readable, 1, MANSIO_NEVER, 0) == 0);
        } else {
            break;
        }
    }
    got[have] = '\0';
    CHECK(mansio_fiber_join(fiber, MANSIO_NEVER, NULL) == 0);
    mansio_arena_free(arena);
    close(ends[1]);
    return served.result;
}

static int talk_text(const char *sent)
{
    return talk(sent, strlen(sent), 0);
}

static int count_of(const char *text)
{
    int count = 0;
    for (const char *at = got; (at = strstr(at, text)) != NULL; at++) {
        count++;
    }
    return count;
}

static int answer(void *arg)
{
    (void)arg;
    CHECK(talk_text("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") == 0);
    CHECK(strncmp(got, "HTTP/1.1 200 OK\r\nDate: ", 23) == 0);
    CHECK(strstr(got, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n") != NULL);
    CHECK(strstr(got, "\r\nConnection: close\r\n\r\n# HELP mansio_build_info") != NULL);
    size_t length = 0;
    CHECK(sscanf(strstr(got, "Content-Length: "), "Content-Length: %zu", &length) == 1);
    CHECK(length == strlen(strstr(got, "\r\n\r\n") + 4));

    /* One after the other on a conn, pipelined, an empty line before one forgiven. */
    CHECK(talk_text("GET /health HTTP/1.1\r\nHost: x\r\n\r\n\r\nHEAD /metrics HTTP/1.1\r\n"
                    "Host: x\r\n\r\nGET /x HTTP/1.0\r\n\r\n") == 0);
    CHECK(count_of("HTTP/1.1 ") == 3);
    CHECK(count_of("Connection: keep-alive\r\n") == 2);
    CHECK(strstr(got, "HTTP/1.1 503 Service Unavailable\r\n") != NULL);
    CHECK(strstr(got, "{\"status\":\"unavailable\",\"generation\":0,") != NULL);
    CHECK(strstr(got, "HTTP/1.1 404 Not Found\r\n") != NULL);
    CHECK(count_of("# HELP") == 0); /* only the head was asked for */

    /* After a refusal nothing of what follows is looked at. */
    CHECK(talk_text("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc") == 0);
    CHECK(strncmp(got, "HTTP/1.1 405 Method Not Allowed\r\n", 33) == 0);
    CHECK(strstr(got, "\r\nAllow: GET, HEAD\r\n") != NULL);
    CHECK(talk_text("rubbish\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n") == 0);
    CHECK(strncmp(got, "HTTP/1.1 400 Bad Request\r\n", 26) == 0);
    CHECK(count_of("HTTP/1.1 ") == 1);

    /* The peer goes away: before, within and after a request. */
    CHECK(talk("", 0, 1) == 0);
    CHECK(strcmp(got, "") == 0);
    CHECK(talk("GET / HT", 8, 1) == 0);
    CHECK(strcmp(got, "") == 0);
    CHECK(talk("GET / HTTP/1.1\r\nHost", 20, 1) == 0);
    CHECK(strcmp(got, "") == 0);
    return 0;
}

static void test_answers(void **state)
{
    (void)state;
    run_fiber(answer, NULL);
}

static int exceed(void *arg)
{
    static char text[200000];
    (void)arg;
    memset(text, 'x', sizeof text);
    memcpy(text, "GET /", 5);
    memcpy(text + 5000, " HTTP/1.1\r\n", 11);
    CHECK(talk(text, 5011, 0) == 0);
    CHECK(strncmp(got, "HTTP/1.1 414 URI Too Long\r\n", 27) == 0);

    memcpy(text, "GET / HTTP/1.1\r\nX: ", 19);
    memset(text + 19, 'x', 6000);
    memcpy(text + 6000, "\r\n", 2);
    CHECK(talk(text, 6002, 0) == 0);
    CHECK(strncmp(got, "HTTP/1.1 431 Request Header Fields Too Large\r\n", 46) == 0);

    size_t len = 16;
    for (int i = 0; i < 100; i++) {
        memcpy(text + len, "a:b\r\n", 5);
        len += 5;
    }
    CHECK(talk(text, len, 0) == 0);
    CHECK(strncmp(got, "HTTP/1.1 431", 12) == 0);
    return 0;
}

static void test_bounds(void **state)
{
    (void)state;
    run_fiber(exceed, NULL);
}

/* ---- health ---- */

static void worker(struct core_shm *shm, uint64_t generation, uint64_t state)
{
    uint32_t index = 0;
    assert_int_equal(core_shm_claim(shm, &index), 0);
    struct core_slot *slot = core_shm_slot(shm, index);
    atomic_store(&slot->role, MANSIO_ROLE_WORKER);
    atomic_store(&slot->generation, generation);
    atomic_store(&slot->state, state);
    atomic_store(&slot->conns_open, 3);
    atomic_store(&slot->sessions_open, 2);
}

static void test_health(void **state)
{
    enum { S = CORE_SLOT_STARTING, A = CORE_SLOT_ACCEPTING, D = CORE_SLOT_DRAINING };
    static const struct {
        struct {
            uint64_t generation, state;
        } workers[4];
        int is_ok;
        uint64_t generation;
    } cases[] = {
        {{{0, 0}}, 0, 0},
        {{{1, S}}, 0, 0},
        {{{1, A}, {1, S}}, 1, 1},
        {{{1, A}, {1, A}, {2, S}}, 1, 1}, /* a reload begins */
        {{{1, D}, {1, A}, {2, A}, {2, S}}, 1, 2},
        {{{1, D}, {2, A}}, 1, 2},
        {{{1, A}, {2, D}}, 0, 2}, /* only what should be gone accepts */
        {{{2, D}, {2, D}}, 0, 2}, /* the node goes down */
    };
    (void)state;
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        struct core_shm *shm = NULL;
        struct core_health health;
        uint64_t count = 0;
        assert_int_equal(core_shm_create(&shm), 0);
        for (size_t w = 0; w < 4 && cases[i].workers[w].state != 0; w++, count++) {
            worker(shm, cases[i].workers[w].generation, cases[i].workers[w].state);
        }
        core_health_read(shm, &health);
        assert_int_equal(health.is_ok, cases[i].is_ok);
        assert_int_equal(health.generation, cases[i].generation);
        assert_int_equal(health.starting + health.accepting + health.draining, count);
        assert_int_equal(health.conns_open, 3 * count);
        assert_int_equal(health.sessions_open, 2 * count);
        core_shm_unmap(shm);
    }
}

static int set_up(void **state)
{
    struct core_shm *shm = NULL;
    if (core_shm_create(&shm) < 0) {
        return -1;
    }
    core_shm_attach(shm, 0);
    *state = shm;
    return 0;
}

static int tear_down(void **state)
{
    core_shm_unmap(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_keeps),
        cmocka_unit_test_setup_teardown(test_answers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bounds, set_up, tear_down),
        cmocka_unit_test(test_health),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
