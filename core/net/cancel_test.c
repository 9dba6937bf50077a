/*
 * Cancellation at every suspension point. A dialogue over loopback that waits in every way there
 * is (accepting, connecting, reading lines and counts, writing against a full socket, flushing,
 * waiting for several things) is run again and again; the n-th suspension of one of its fibers is
 * cancelled, for each n, until a run is so short that there is no n-th. Whatever happens, every
 * fiber ends, every conn that was counted in is counted out, and no descriptor is left;
 * AddressSanitizer sees to the memory.
 */
#include "config.h"
#include "core/net/testing.h"

#include <fcntl.h>
#include <stdlib.h>

#include "core/loop/fiber.h"
#include "core/net/conn.h"
#include "core/net/listener.h"

enum { BULK = 3 << 20 };

static struct {
    const char *where;
    const char *victim; /* name of the fibers whose suspensions count */
    unsigned count, cancel_at;
    int has_cancelled;
    int accepted, closed;
} run;

static char bulk[BULK];

static void on_suspend(struct mansio_fiber *fiber)
{
    if (strcmp(fiber->context.name, run.victim) == 0 && ++run.count == run.cancel_at) {
        run.has_cancelled = 1;
        mansio_fiber_cancel(fiber);
    }
}

/* ---- the server's side ---------------------------------------------------------------------- */

static int on_accept(void *arg, struct mansio_conn *conn, struct mansio_str *refusal)
{
    (void)arg;
    (void)conn;
    (void)refusal;
    run.accepted++;
    return 0;
}

static void on_close(void *arg, struct mansio_conn *conn, int result)
{
    (void)arg;
    (void)conn;
    run.closed++;
    CHECK(result != MANSIO_E_TIMEOUT && result != MANSIO_E_BUG);
}

/* Greeting, a line, a counted literal, a flood, a wait for several things, a line. */
static int serve(void *arg, struct mansio_conn *conn)
{
    (void)arg;
    struct mansio_stream *stream = mansio_conn_stream(conn);
    struct mansio_str s;
    mansio_stream_set_deadline(stream, SOON);
    mansio_stream_write(stream, MANSIO_STR("hello\r\n"));
    int rc = mansio_stream_read_line(stream, 100, MANSIO_READ_IDLE, &s);
    if (rc < 0) {
        return rc;
    }
    rc = mansio_stream_read_exact(stream, 20000, &s);
    if (rc < 0) {
        return rc;
    }
    rc = mansio_stream_write(stream, (struct mansio_str){bulk, sizeof(bulk)});
    if (rc < 0 || (rc = mansio_stream_flush(stream)) < 0) {
        return rc;
    }
    struct mansio_event *never = mansio_event_new(mansio_conn_arena(conn));
    struct mansio_waitable *sources[] = {mansio_event_waitable(never),
                                         mansio_stream_readable(stream)};
    rc = mansio_wait(sources, 2, SOON, MANSIO_WAIT_IDLE);
    if (rc < 0) {
        return rc;
    }
    rc = mansio_stream_read_line(stream, 100, 0, &s);
    if (rc < 0) {
        return rc;
    }
    return mansio_stream_printf(stream, "bye %.*s\r\n", MANSIO_STR_ARG(s));
}

/* ---- the client's side ---------------------------------------------------------------------- */

static int talk(struct mansio_stream *stream)
{
    struct mansio_str s;
    mansio_stream_set_deadline(stream, SOON);
    int rc = mansio_stream_read_line(stream, 100, 0, &s);
    if (rc < 0 || (rc = mansio_stream_write(stream, MANSIO_STR("first\r\n"))) < 0 ||
        (rc = mansio_stream_flush(stream)) < 0) {
        return rc;
    }
    /* In two parts, so that the server waits in the middle. */
    for (int i = 0; i < 2; i++) {
        rc = mansio_stream_write(stream, (struct mansio_str){bulk, 10000});
        if (rc < 0 || (rc = mansio_stream_flush(stream)) < 0 || (rc = mansio_fiber_yield()) < 0 ||
            (rc = mansio_fiber_sleep_until(mansio_now_us())) < 0) {
            return rc;
        }
    }
    for (size_t got = 0; got < BULK; got += (size_t)rc) {
        rc = mansio_stream_read_exact(stream, BULK - got < 65536 ? BULK - got : 65536, &s);
        if (rc < 0) {
            return rc;
        }
    }
    rc = mansio_stream_write(stream, MANSIO_STR("last\r\n"));
    if (rc < 0) {
        return rc;
    }
    rc = mansio_stream_read_line(stream, 100, 0, &s);
    return rc < 0 ? rc : !mansio_str_eq(s, MANSIO_STR("bye last"));
}

static int client(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "client", 0);
    struct mansio_stream *stream = NULL;
    int rc = mansio_stream_connect(arena, mansio_str_from_cstr(arg), SOON, &stream);
    if (rc == 0) {
        rc = talk(stream);
    }
    mansio_arena_free(arena);
    return rc;
}

/* ---- one run -------------------------------------------------------------------------------- */

static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 64; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

static int run_dialogue(void *arg)
{
    (void)arg;
    char address[CORE_ADDRESS_TEXT_MAX];
    int before = open_descriptors();
    struct core_listener_options options = {
        .name = MANSIO_STR("in"),
        .fd = testing_listen(run.where, address),
        .conn_arena_cap_bytes = 65536,
        .linger_us = 20 * MANSIO_SECOND,
        .hooks = {.on_accept = on_accept, .serve = serve, .on_close = on_close},
    };
    struct core_listener *listener = NULL;
    CHECK(core_listener_open(&options, &listener) == 0);
    struct mansio_group *group = mansio_group_new("clients");
    struct mansio_fiber *fiber = NULL;
    int result = 1;
    core_scheduler.on_suspend = on_suspend;
    CHECK(mansio_group_spawn(group, "client", client, address, &fiber) == 0);
    if (strcmp(run.victim, "accept") == 0) {
        /* Nobody accepts any more once that is cancelled: the client is let go. */
        while (!run.has_cancelled && mansio_fiber_join(fiber, mansio_now_us(), &result) != 0) {
        }
        if (run.has_cancelled) {
            testing_settle();
            mansio_group_cancel(group);
        }
    } else {
        CHECK(mansio_fiber_join(fiber, SOON, &result) == 0);
        CHECK(run.has_cancelled || result == 0);
        CHECK(result != MANSIO_E_TIMEOUT && result != MANSIO_E_BUG);
    }
    mansio_group_close(group);
    core_listener_close(listener);
    core_scheduler.on_suspend = NULL;
    CHECK(run.accepted == run.closed);
    CHECK(open_descriptors() == before);
    if (strncmp(address, "unix:", 5) == 0) {
        CHECK(unlink(address + 5) == 0);
    }
    return 0;
}

static unsigned cancel_each(const char *victim, const char *where)
{
    unsigned n = 0;
    do {
        n++;
        memset(&run, 0, sizeof(run));
        run.where = where;
        run.victim = victim;
        run.cancel_at = n;
        run_fiber(run_dialogue, NULL);
        assert_true(n < 2000);
    } while (run.has_cancelled);
    print_message("# %s over %s: %u suspension points\n", victim, where, n - 1);
    return n - 1;
}

/* Over TCP and over a unix socket, whose small buffers make the flood wait many times. */
static void cancel_each_over_both(const char *victim, unsigned least)
{
    char dir[] = "/tmp/mansio-cancel-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char local[60];
    snprintf(local, sizeof(local), "unix:%s/s", dir);
    unsigned points = cancel_each(victim, "127.0.0.1:0");
    points += cancel_each(victim, local);
    rmdir(dir);
    assert_true(points >= least);
}

static void conn_survives_cancellation_anywhere(void **state)
{
    (void)state;
    cancel_each_over_both("conn", 10);
}

static void client_survives_cancellation_anywhere(void **state)
{
    (void)state;
    cancel_each_over_both("client", 10);
}

static void accepting_survives_cancellation_anywhere(void **state)
{
    (void)state;
    cancel_each_over_both("accept", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conn_survives_cancellation_anywhere),
        cmocka_unit_test(client_survives_cancellation_anywhere),
        cmocka_unit_test(accepting_survives_cancellation_anywhere),
    };
    return cmocka_run_group_tests_name("net cancellation", tests, NULL, NULL);
}
