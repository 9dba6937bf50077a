/*
 * Sessions on real sockets: served, listed, killed, said goodbye to.
 */
#include <config.h>

#include "core/host/session.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/loop/testing.h"

#include <mansio/error.h>
#include <mansio/str.h>
#include <mansio/stream.h>

#include "core/base/context.h"
#include "core/host/instance.h"
#include "core/base/time.h"
#include "core/host/log.h"
#include "core/host/session_id.h"
#include "core/host/shm.h"
#include "core/net/conn.h"

static struct core_module_code code = {.descriptor = {.name = "echo"}};
static struct mansio_instance instance = {.name = {"one", 3}, .code = &code};
static char log_text[8192];

/* ---- a protocol whose serve() is the test's ---- */

static int (*serve_fn)(struct mansio_session *session);

static int serve(struct mansio_instance *of, struct mansio_session *session)
{
    CHECK(of == &instance);
    return serve_fn(session);
}

static void goodbye(struct mansio_instance *of, struct mansio_session *session, uint32_t reason,
                    struct mansio_buf *out)
{
    CHECK(of == &instance);
    CHECK(mansio_session_id(session).len > 0);
    (void)mansio_buf_printf(out, "bye %u\r\n", reason);
}

static const struct mansio_protocol protocol = {
    .size = sizeof protocol, .service = "echo", .serve = serve, .goodbye = goodbye};

/* ---- one conn, served in a fiber of its own ---- */

struct peer {
    int fd;
    struct mansio_conn *conn;
    struct mansio_fiber *fiber;
    struct mansio_arena *arena;
    const struct mansio_protocol *protocol;
    struct mansio_str service;
    int result;
    char got[256];
};

static int serve_conn(void *arg)
{
    struct peer *peer = arg;
    peer->result = core_session_serve(peer->conn, &instance, peer->protocol, peer->service);
    core_conn_close(peer->conn, 0);
    return 0;
}

static void start(struct peer *peer)
{
    int ends[2];
    const struct core_address address = {.len = sizeof(sa_family_t), .u.any.sa_family = AF_UNIX};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    const struct core_conn_options options = {.listener = MANSIO_STR("inside"),
                                              .fd = ends[0],
                                              .arena_cap_bytes = 65536,
                                              .peer = &address};
    *peer = (struct peer){.fd = ends[1],
                          .protocol = peer->protocol != NULL ? peer->protocol : &protocol,
                          .service = peer->service};
    peer->arena = mansio_arena_new(NULL, "peer", 0);
    CHECK(core_conn_new(&options, &peer->conn) == 0);
    CHECK(mansio_group_spawn(testing_group, "conn", serve_conn, peer, &peer->fiber) == 0);
    CHECK(mansio_fiber_yield() == 0);
}

/* Wait for the end; what the peer got is in got. */
static void finish(struct peer *peer)
{
    size_t len = 0;
    struct mansio_waitable *readable = mansio_fd_watch(peer->arena, peer->fd, MANSIO_FD_READ);
    for (;;) {
        ssize_t n = read(peer->fd, peer->got + len, sizeof peer->got - 1 - len);
        if (n > 0) {
            len += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            CHECK(mansio_wait(&readable, 1, MANSIO_NEVER, 0) == 0);
        } else {
            break;
        }
    }
    peer->got[len] = '\0';
    CHECK(mansio_fiber_join(peer->fiber, MANSIO_NEVER, NULL) == 0);
    mansio_arena_free(peer->arena);
    close(peer->fd);
    CHECK(core_sessions_count() == 0);
}

static void say(struct peer *peer, const char *text)
{
    CHECK(write(peer->fd, text, strlen(text)) == (ssize_t)strlen(text));
}

/* ---- serving ---- */

static int echo(struct mansio_session *session)
{
    struct mansio_stream *stream = mansio_session_stream(session);
    for (;;) {
        struct mansio_str line;
        int rc = mansio_stream_read_line(stream, 100, MANSIO_READ_IDLE, &line);
        if (rc < 0) {
            return rc;
        }
        mansio_session_set_activity(session, "echoing");
        if (mansio_str_eq(line, MANSIO_STR("quit"))) {
            return 0;
        }
        rc = mansio_stream_printf(stream, "<%.*s>\r\n", MANSIO_STR_ARG(line));
        if (rc < 0) {
            return rc;
        }
    }
}

static int visited;
static char visited_id[32];

static void visit(void *arg, const struct core_session_info *info)
{
    (void)arg;
    visited++;
    (void)snprintf(visited_id, sizeof visited_id, "%.*s", MANSIO_STR_ARG(info->id));
    CHECK(mansio_str_eq(info->instance, MANSIO_STR("one")));
    CHECK(mansio_str_eq(info->listener, MANSIO_STR("inside")));
    CHECK(mansio_str_starts(info->peer, MANSIO_STR("unix:pid=")));
    CHECK(info->opened_wall_us > 0);
    CHECK(strcmp(info->activity, "echoing") == 0);
    CHECK(mansio_str_eq(info->service, MANSIO_STR("echo")));
}

static int serve_to_the_end(void *arg)
{
    struct peer peer = {0};
    struct core_slot *slot = core_shm_slot(core_shm_current(), core_shm_index());
    (void)arg;
    serve_fn = echo;
    start(&peer);
    say(&peer, "one\r\n");
    struct mansio_waitable *readable = mansio_fd_watch(peer.arena, peer.fd, MANSIO_FD_READ);
    CHECK(mansio_wait(&readable, 1, MANSIO_NEVER, 0) == 0);
    visited = 0;
    core_sessions_visit(visit, NULL);
    CHECK(visited == 1);
    CHECK(atomic_load(&slot->sessions_open) == 1);
    say(&peer, "quit\r\n");
    finish(&peer);
    CHECK(peer.result == 0);
    CHECK(strcmp(peer.got, "<one>\r\n") == 0);
    CHECK(atomic_load(&slot->sessions_open) == 0);
    CHECK(core_context_current()->fields == NULL);
    return 0;
}

/* Runs fn in a loop with the log in log_text. */
static void run_logged(int (*fn)(void *arg))
{
    int ends[2];
    struct core_log_options options = {
        .level = MANSIO_LOG_INFO, .process = "worker", .format = CORE_LOG_LOGFMT};
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    options.fd = ends[1];
    core_log_configure(&options);
    core_sessions_init(4, 7);
    run_fiber(fn, NULL);
    ssize_t n = read(ends[0], log_text, sizeof log_text - 1);
    log_text[n > 0 ? n : 0] = '\0';
    options.fd = STDERR_FILENO;
    core_log_configure(&options);
    close(ends[0]);
    close(ends[1]);
}

static void test_serves(void **state)
{
    (void)state;
    char head[128];
    run_logged(serve_to_the_end);
    (void)snprintf(head, sizeof head,
                   "module=echo instance=one session=%s fiber=conn service=echo peer=", visited_id);
    assert_non_null(strstr(log_text, "level=info event=session-end"));
    assert_non_null(strstr(log_text, head));
    assert_non_null(strstr(log_text, "result=ok reason=none\n"));
}

/* ---- ends ---- */

static int result_to_give;

static int give_result(struct mansio_session *session)
{
    (void)session;
    return result_to_give;
}

static int end_by_results(void *arg)
{
    static const struct {
        int result;
        const char *words;
    } cases[] = {
        {0, ""},
        {3, ""},
        {MANSIO_E_EOF, ""},
        {MANSIO_E_CLOSED, ""},
        {MANSIO_E_TIMEOUT, "bye 4\r\n"},
        {MANSIO_E_UNAVAILABLE, "bye 5\r\n"},
        {MANSIO_E_IO, "bye 5\r\n"},
        {MANSIO_E_BUG, "bye 5\r\n"},
        {MANSIO_E_LIMIT, "bye 6\r\n"},
        {MANSIO_E_DENIED, ""},
        {MANSIO_E_INVALID, ""},
        {MANSIO_E_CANCELLED, "bye 1\r\n"},
        {MANSIO_E_STOPPING, "bye 1\r\n"},
    };
    (void)arg;
    serve_fn = give_result;
    for (size_t i = 0; i < MANSIO_COUNT(cases); i++) {
        struct peer peer = {0};
        result_to_give = cases[i].result;
        start(&peer);
        finish(&peer);
        CHECK(peer.result == cases[i].result);
        CHECK(strcmp(peer.got, cases[i].words) == 0);
    }
    return 0;
}

static void test_results_choose_the_goodbye(void **state)
{
    (void)state;
    run_logged(end_by_results);
    assert_non_null(strstr(log_text, "result=timeout reason=timeout\n"));
    assert_non_null(strstr(log_text, "level=error event=session-end"));
}

static int end_from_outside(void *arg)
{
    struct peer peer = {0};
    struct mansio_str id = MANSIO_STR_NONE;
    (void)arg;
    serve_fn = echo;

    /* A stop request: the idle wait ends. What was written before comes first. */
    start(&peer);
    say(&peer, "x\r\nunfinished");
    CHECK(mansio_fiber_yield() == 0);
    CHECK(mansio_fiber_yield() == 0);
    mansio_fiber_stop(peer.fiber, MANSIO_REASON_DRAIN, mansio_deadline_in(20 * MANSIO_MS));
    finish(&peer);
    CHECK(peer.result == MANSIO_E_CANCELLED); /* a line had begun: only the deadline ended it */
    CHECK(strcmp(peer.got, "<x>\r\nbye 1\r\n") == 0);

    start(&peer);
    mansio_fiber_stop(peer.fiber, MANSIO_REASON_DRAIN, MANSIO_NEVER);
    finish(&peer);
    CHECK(peer.result == MANSIO_E_STOPPING);
    CHECK(strcmp(peer.got, "bye 1\r\n") == 0);

    /* Cancelled without a reason. */
    start(&peer);
    mansio_fiber_cancel(peer.fiber);
    finish(&peer);
    CHECK(peer.result == MANSIO_E_CANCELLED);
    CHECK(strcmp(peer.got, "bye 1\r\n") == 0);

    /* Killed: the first reason given counts. */
    start(&peer);
    say(&peer, "x\r\n");
    struct mansio_waitable *readable = mansio_fd_watch(peer.arena, peer.fd, MANSIO_FD_READ);
    CHECK(mansio_wait(&readable, 1, MANSIO_NEVER, 0) == 0);
    core_sessions_visit(visit, NULL);
    id = mansio_str_from_cstr(visited_id);
    CHECK(core_sessions_kill(id, MANSIO_REASON_POLICY) == 0);
    CHECK(core_sessions_kill(id, MANSIO_REASON_KILLED) == 0);
    finish(&peer);
    CHECK(peer.result == MANSIO_E_CANCELLED);
    CHECK(strcmp(peer.got, "<x>\r\nbye 3\r\n") == 0);
    CHECK(core_sessions_kill(id, MANSIO_REASON_KILLED) == MANSIO_E_NOT_FOUND);
    return 0;
}

static void test_ends_from_outside(void **state)
{
    (void)state;
    run_logged(end_from_outside);
    assert_non_null(strstr(log_text, "result=cancelled reason=policy\n"));
    assert_non_null(strstr(log_text, "result=stopping reason=drain\n"));
}

static void talk_on(struct mansio_instance *of, struct mansio_session *session, uint32_t reason,
                    struct mansio_buf *out)
{
    (void)of;
    (void)session;
    (void)reason;
    for (int i = 0; i < 600; i++) {
        (void)mansio_buf_add_char(out, 'x');
    }
}

static int say_too_much(void *arg)
{
    static const struct mansio_protocol talkative = {
        .size = sizeof talkative, .service = "echo", .serve = serve, .goodbye = talk_on};
    static const struct mansio_protocol silent = {
        .size = sizeof silent, .service = "echo", .serve = serve};
    const struct mansio_protocol *const both[] = {&talkative, &silent};
    (void)arg;
    serve_fn = give_result;
    result_to_give = MANSIO_E_TIMEOUT;
    for (size_t i = 0; i < 2; i++) {
        struct peer peer = {.protocol = both[i], .service = MANSIO_STR("other-name")};
        start(&peer);
        finish(&peer);
        CHECK(peer.result == MANSIO_E_TIMEOUT);
        CHECK(strcmp(peer.got, "") == 0);
    }
    return 0;
}

static void test_goodbye_is_bounded(void **state)
{
    (void)state;
    run_logged(say_too_much);
    assert_non_null(strstr(log_text, "event=goodbye-too-long"));
    assert_non_null(strstr(log_text, "max=512\n"));
    assert_non_null(strstr(log_text, "service=other-name"));
}

/* ---- many on a conn ---- */

static int serve_many(struct mansio_session *first)
{
    struct mansio_conn *conn = mansio_session_conn(first);
    struct core_context *context = core_context_current();
    struct mansio_session *a = NULL;
    struct mansio_session *b = NULL;
    struct mansio_session *c = NULL;
    struct mansio_session *d = NULL;
    int data = 0;
    static const char *const bad[] = {"", "Mail", "a_b", "a b", "01234567890123456789012345678901"};

    for (size_t i = 0; i < MANSIO_COUNT(bad); i++) {
        CHECK(mansio_session_open(conn, &instance, mansio_str_from_cstr(bad[i]), &a) ==
              MANSIO_E_INVALID);
    }
    const struct core_log_fields *before = context->fields;
    CHECK(mansio_str_eq(before->session, mansio_session_id(first)));
    CHECK(mansio_session_open(conn, &instance, MANSIO_STR("caldav"), &a) == 0);
    CHECK(mansio_session_open(conn, &instance, MANSIO_STR("jmap"), &b) == 0);
    CHECK(mansio_session_open(conn, &instance, MANSIO_STR("x"), &c) == 0);
    CHECK(mansio_session_open(conn, &instance, MANSIO_STR("y"), &d) == MANSIO_E_LIMIT);
    CHECK(core_sessions_count() == 4);
    CHECK(!mansio_str_eq(mansio_session_id(a), mansio_session_id(b)));
    CHECK(mansio_str_eq(mansio_session_service(b), MANSIO_STR("jmap")));
    CHECK(mansio_session_conn(b) == conn);
    CHECK(mansio_session_stream(b) == mansio_conn_stream(conn));
    CHECK(mansio_session_arena(a) != mansio_session_arena(b));
    mansio_session_set_data(a, &data);
    CHECK(mansio_session_data(a) == &data && mansio_session_data(b) == NULL);

    /* In any order; log lines go back to what is left. */
    mansio_session_close(b);
    CHECK(mansio_str_eq(context->fields->session, mansio_session_id(c)));
    mansio_session_close(c);
    CHECK(mansio_str_eq(context->fields->session, mansio_session_id(a)));
    mansio_session_close(NULL);
    CHECK(core_sessions_count() == 2);

    /* Killing one ends the conn: its fiber sees it at the next wait. */
    CHECK(core_sessions_kill(mansio_session_id(a), MANSIO_REASON_KILLED) == 0);
    CHECK(mansio_fiber_yield() == MANSIO_E_CANCELLED);
    return MANSIO_E_CANCELLED; /* a is left open */
}

static int many(void *arg)
{
    struct peer peer = {0};
    struct mansio_session *none = NULL;
    (void)arg;
    serve_fn = serve_many;
    start(&peer);
    finish(&peer);
    CHECK(strcmp(peer.got, "bye 2\r\n") == 0);
    CHECK(core_context_current()->fields == NULL);

    /* No protocol serves this conn. */
    int ends[2];
    struct mansio_conn *conn = NULL;
    const struct core_address address = {.len = sizeof(sa_family_t), .u.any.sa_family = AF_UNIX};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    const struct core_conn_options options = {
        .fd = ends[0], .arena_cap_bytes = 65536, .peer = &address};
    CHECK(core_conn_new(&options, &conn) == 0);
    CHECK(mansio_session_open(conn, &instance, MANSIO_STR("x"), &none) == MANSIO_E_BUG);
    core_conn_abort(conn);
    close(ends[1]);
    return 0;
}

static void test_many_on_a_conn(void **state)
{
    (void)state;
    run_logged(many);
    assert_non_null(strstr(log_text, "result=cancelled reason=killed\n"));
}

static int refuse(void *arg)
{
    struct peer peers[8] = {0};
    (void)arg;
    serve_fn = echo;
    for (int i = 0; i < 8; i++) {
        start(&peers[i]);
    }
    CHECK(core_sessions_count() == 4);
    CHECK(peers[4].result == MANSIO_E_LIMIT);
    CHECK(peers[7].result == MANSIO_E_LIMIT);
    for (int i = 0; i < 4; i++) {
        mansio_fiber_cancel(peers[i].fiber);
        CHECK(mansio_fiber_yield() == 0);
    }
    while (core_sessions_count() > 0) {
        CHECK(mansio_fiber_yield() == 0);
    }
    for (int i = 0; i < 8; i++) {
        finish(&peers[i]);
    }
    CHECK(strcmp(peers[4].got, "") == 0);
    return 0;
}

/* A clock that stands still: all in one second. */
static int64_t read_standing(void *arg)
{
    (void)arg;
    return 1000 * MANSIO_SECOND;
}

static const struct core_time_source standing = {.now_us = read_standing};

static void test_refuses_too_many(void **state)
{
    (void)state;
    core_time_set_source(&standing);
    run_logged(refuse);
    core_time_set_source(NULL);
    const char *line = strstr(log_text, "event=session-refused");
    assert_non_null(line);
    assert_null(strstr(line + 1, "event=session-refused")); /* not one for each that tries */
    assert_non_null(strstr(log_text, "detail=\"4 sessions are open in this process\""));
}

static void test_ids(void **state)
{
    (void)state;
    char process[CORE_SESSION_ID_PROCESS];
    char other[CORE_SESSION_ID_PROCESS];
    char id[CORE_SESSION_ID_MAX];
    const int64_t began_us = INT64_C(1735689600000000) + 32 * 1000;
    core_session_id_process(began_us, 1, process);
    assert_int_equal(core_session_id_print(process, 0, id), 12);
    assert_memory_equal(id, "0000000801-0", 12); /* 32 ms << 8 | 1 = 8 * 2^10 + 1 */
    assert_int_equal(core_session_id_print(process, 32 * 32 + 31, id), 14);
    assert_memory_equal(id, "0000000801-10z", 14);
    assert_int_equal(core_session_id_print(process, UINT64_MAX, id), CORE_SESSION_ID_MAX);
    /* Another slot, another millisecond: another process; later ones sort behind. */
    core_session_id_process(began_us, 129, other);
    assert_memory_not_equal(process, other, sizeof process);
    core_session_id_process(began_us + 1000, 0, other);
    assert_true(memcmp(process, other, sizeof process) < 0);
}

static int set_up(void **state)
{
    struct core_shm *shm = NULL;
    if (core_shm_create(&shm) < 0) {
        return -1;
    }
    core_shm_attach(shm, 1);
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
        cmocka_unit_test(test_serves),
        cmocka_unit_test(test_results_choose_the_goodbye),
        cmocka_unit_test(test_ends_from_outside),
        cmocka_unit_test(test_goodbye_is_bounded),
        cmocka_unit_test(test_many_on_a_conn),
        cmocka_unit_test(test_refuses_too_many),
        cmocka_unit_test(test_ids),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
