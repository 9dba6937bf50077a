/*
 * Writing: gathering into few sends, corking, order under short counts, back-pressure with bounded
 * memory, what a failure leaves, and how reader and writer send for each other.
 */
#include "config.h"
#include "core/net/testing_script.h"

#include <errno.h>

#include "core/base/alloc.h"

static struct mansio_arena *arena_new(void)
{
    return mansio_arena_new(NULL, "test", 0);
}

static void script_end(struct testing_script *script, struct mansio_arena *arena)
{
    mansio_arena_free(arena);
    free(script->sent);
}

/* ---- gathering ------------------------------------------------------------------------------ */

static int write_pipelined(void *arg)
{
    (void)arg;
    struct mansio_arena *arena = arena_new();
    struct testing_script script = {.input = "a\r\nb\r\nc\r\n", .input_len = 9, .window = 1 << 20};
    struct mansio_stream *stream = testing_script_stream(arena, &script);
    struct mansio_str s;
    mansio_stream_set_deadline(stream, mansio_now_us());
    for (int i = 0; i < 3; i++) {
        CHECK(mansio_stream_read_line(stream, 100, 0, &s) == 1);
        CHECK(mansio_stream_printf(stream, "250 %.*s %d\r\n", MANSIO_STR_ARG(s), i) == 0);
        CHECK(script.writes == 0);
    }
    CHECK(mansio_stream_read_line(stream, 100, 0, &s) == MANSIO_E_TIMEOUT);
    CHECK(script.writes == 1); /* three answers, one segment, before the wait */
    CHECK(script.sent_len == 27 &&
          memcmp(script.sent, "250 a 0\r\n250 b 1\r\n250 c 2\r\n", 27) == 0);
    CHECK(stream->out.data == NULL);

    mansio_stream_cork(stream, 1);
    CHECK(mansio_stream_write(stream, MANSIO_STR("held")) == 0);
    CHECK(mansio_stream_read_line(stream, 100, 0, &s) == MANSIO_E_TIMEOUT);
    CHECK(script.writes == 1 && core_stream_unsent(stream) == 4);
    CHECK(mansio_stream_flush(stream) == 0);
    CHECK(script.writes == 2 && core_stream_unsent(stream) == 0);
    CHECK(mansio_stream_write(stream, MANSIO_STR("more")) == 0);
    mansio_stream_cork(stream, 0);
    CHECK(mansio_stream_read_line(stream, 100, 0, &s) == MANSIO_E_TIMEOUT);
    CHECK(script.writes == 3 && script.sent_len == 35);
    CHECK(mansio_stream_flush(stream) == 0 && mansio_stream_write(stream, MANSIO_STR("")) == 0);
    CHECK(script.writes == 3);
    script_end(&script, arena);
    return 0;
}

static void gathers_a_pipeline_into_one_send(void **state)
{
    (void)state;
    run_fiber(write_pipelined, NULL);
}

static int write_limits(void *arg)
{
    (void)arg;
    struct mansio_arena *arena = arena_new();
    struct testing_script script = {.window = 1 << 20};
    struct mansio_stream *stream = testing_script_stream(arena, &script);
    static char block[CORE_STREAM_GATHER_MAX + 1];
    memset(block, 'b', sizeof(block));
    CHECK(mansio_stream_write(stream, (struct mansio_str){block, CORE_STREAM_GATHER_MAX}) == 0);
    CHECK(script.writes == 0 && core_stream_unsent(stream) == CORE_STREAM_GATHER_MAX);
    CHECK(mansio_stream_write(stream, MANSIO_STR("x")) == 0);
    CHECK(script.writes == 1 && core_stream_unsent(stream) == 0); /* in one go */
    CHECK(mansio_stream_write(stream, (struct mansio_str){block, sizeof(block)}) == 0);
    CHECK(script.writes == 2 && stream->out.data == NULL); /* past the block altogether */

    CHECK(mansio_stream_printf(stream, "%0*d", CORE_STREAM_PRINTF_MAX + 1, 1) == MANSIO_E_LIMIT);
    CHECK(core_stream_unsent(stream) == 0);
    size_t sent = script.sent_len;
    for (int i = 0; i < 3; i++) {
        CHECK(mansio_stream_printf(stream, "%0*d", CORE_STREAM_PRINTF_MAX, 7) == 0);
    }
    CHECK(mansio_stream_flush(stream) == 0);
    CHECK(script.sent_len - sent == (size_t)3 * CORE_STREAM_PRINTF_MAX);
    for (size_t i = sent; i < script.sent_len; i++) {
        CHECK(script.sent[i] ==
              ((i - sent) % CORE_STREAM_PRINTF_MAX == CORE_STREAM_PRINTF_MAX - 1 ? '7' : '0'));
    }
    CHECK(script.gathered_max <= CORE_STREAM_GATHER_MAX + 1);
    script_end(&script, arena);
    return 0;
}

static void sends_when_enough_has_gathered(void **state)
{
    (void)state;
    run_fiber(write_limits, NULL);
}

static int write_random(void *arg)
{
    (void)arg;
    static char bytes[200000];
    uint64_t random = 1;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)('a' + testing_random(&random) % 26);
    }
    for (uint64_t seed = 1; seed <= 60; seed++) {
        random = seed;
        struct mansio_arena *arena = arena_new();
        struct testing_script script = {.window = SIZE_MAX, .random = seed, .write_max = 9000};
        struct mansio_stream *stream = testing_script_stream(arena, &script);
        size_t at = 0;
        while (at < sizeof(bytes)) {
            size_t most = testing_random(&random) % 5 ? 300 : 60000;
            size_t len = testing_random(&random) % most;
            len = len < sizeof(bytes) - at ? len : sizeof(bytes) - at;
            int rc = 0;
            switch (testing_random(&random) % 8) {
            case 0:
                rc = mansio_stream_flush(stream);
                break;
            case 1:
                len = len < 8000 ? len : 8000;
                rc = mansio_stream_printf(stream, "%.*s", (int)len, bytes + at);
                at += len;
                break;
            default:
                rc = mansio_stream_write(stream, (struct mansio_str){bytes + at, len});
                at += len;
            }
            CHECK(rc == 0);
            CHECK(script.sent_len + core_stream_unsent(stream) == at);
        }
        CHECK(mansio_stream_flush(stream) == 0);
        CHECK(script.sent_len == sizeof(bytes) && memcmp(script.sent, bytes, sizeof(bytes)) == 0);
        CHECK(script.gathered_max <= CORE_STREAM_GATHER_MAX + 1);
        script_end(&script, arena);
    }
    return 0;
}

static void keeps_order_under_short_counts(void **state)
{
    (void)state;
    run_fiber(write_random, NULL);
}

/* ---- back-pressure -------------------------------------------------------------------------- */

enum { FLOOD = 4 << 20 };

struct flood {
    struct mansio_stream *stream;
    size_t written;
    int result;
};

static int write_flood(void *arg)
{
    struct flood *flood = arg;
    char piece[1000];
    while (flood->written < FLOOD && flood->result == 0) {
        for (size_t i = 0; i < sizeof(piece); i++) {
            piece[i] = (char)((flood->written + i) % 251);
        }
        flood->result =
            mansio_stream_write(flood->stream, (struct mansio_str){piece, sizeof(piece)});
        flood->written += sizeof(piece);
    }
    return flood->result ? flood->result : mansio_stream_flush(flood->stream);
}

static int press_back(void *arg)
{
    (void)arg;
    struct testing_pair pair = testing_pair_new();
    struct mansio_group *group = mansio_group_new("writers");
    struct flood flood = {.stream = pair.a};
    struct mansio_fiber *writer = NULL;
    CHECK(mansio_group_spawn(group, "writer", write_flood, &flood, &writer) == 0);
    testing_settle();
    size_t stuck_at = flood.written;
    testing_settle();
    CHECK(flood.written == stuck_at && stuck_at < FLOOD); /* it waits: its peer doesn't read */
    CHECK(core_stream_unsent(pair.a) <= CORE_STREAM_GATHER_MAX);
    CHECK(pair.a->out.size <= CORE_STREAM_GATHER_MAX + 1);
    size_t got = 0;
    struct mansio_str s;
    while (got < flood.written || flood.written < FLOOD) {
        int n = mansio_stream_read(pair.b, MANSIO_STREAM_READ_MAX, 0, &s);
        CHECK(n > 0);
        if (n <= 0) {
            break;
        }
        for (int i = 0; i < n; i++, got++) {
            if ((unsigned char)s.ptr[i] != got % 251) {
                CHECK(!"the bytes arrive in order");
                break;
            }
        }
    }
    int result = -1;
    CHECK(mansio_fiber_join(writer, SOON, &result) == 0 && result == 0);
    mansio_group_close(group);
    mansio_arena_free(pair.arena);
    return 0;
}

static void waits_for_a_peer_that_does_not_read(void **state)
{
    (void)state;
    run_fiber(press_back, NULL);
}

static int write_too_late(void *arg)
{
    (void)arg;
    static char block[CORE_STREAM_GATHER_MAX + 1];
    struct mansio_arena *arena = arena_new();
    struct testing_script script = {.window = 3};
    struct mansio_stream *stream = testing_script_stream(arena, &script);
    mansio_stream_set_deadline(stream, mansio_now_us());
    /* A flush that runs out of time has lost nothing. */
    CHECK(mansio_stream_write(stream, MANSIO_STR("abcdef")) == 0);
    CHECK(mansio_stream_flush(stream) == MANSIO_E_TIMEOUT);
    CHECK(script.sent_len == 3 && core_stream_unsent(stream) == 3);
    script.window = 1000;
    CHECK(mansio_stream_flush(stream) == 0);
    CHECK(script.sent_len == 6 && memcmp(script.sent, "abcdef", 6) == 0);
    /* A write that does has: nothing may follow it. */
    script.window = 10;
    CHECK(mansio_stream_write(stream, (struct mansio_str){block, sizeof(block)}) == 0);
    CHECK(mansio_stream_write(stream, (struct mansio_str){block, 100}) == MANSIO_E_TIMEOUT);
    CHECK(stream->out.data == NULL);
    script.window = 100000;
    CHECK(mansio_stream_write(stream, MANSIO_STR("bye\r\n")) == MANSIO_E_TIMEOUT);
    CHECK(mansio_stream_printf(stream, "bye\r\n") == MANSIO_E_TIMEOUT);
    CHECK(mansio_stream_flush(stream) == MANSIO_E_TIMEOUT);
    CHECK(script.sent_len == 16);
    script_end(&script, arena);
    return 0;
}

static void keeps_or_breaks_after_a_timeout(void **state)
{
    (void)state;
    run_fiber(write_too_late, NULL);
}

/* ---- failures ------------------------------------------------------------------------------- */

static int write_to_the_dead(void *arg)
{
    (void)arg;
    struct testing_pair pair = testing_pair_new();
    struct mansio_str s;
    CHECK(mansio_stream_write(pair.b, MANSIO_STR("last words\r\n")) == 0);
    CHECK(mansio_stream_flush(pair.b) == 0);
    core_stream_close(pair.b);
    CHECK(mansio_stream_write(pair.a, MANSIO_STR("x")) == 0);
    CHECK(mansio_stream_flush(pair.a) == MANSIO_E_IO); /* and no SIGPIPE */
    CHECK(strstr(mansio_error_detail(), strerror(EPIPE)) != NULL);
    CHECK(mansio_stream_write(pair.a, MANSIO_STR("x")) == MANSIO_E_IO);
    CHECK(mansio_stream_read_line(pair.a, 100, 0, &s) == 10); /* reading goes on to its own end */
    CHECK(mansio_stream_read_line(pair.a, 100, 0, &s) == MANSIO_E_EOF);
    mansio_arena_free(pair.arena);

    struct mansio_arena *arena = arena_new();
    struct testing_script script = {.input = "a\r\n", .input_len = 3, .write_code = MANSIO_E_IO};
    struct mansio_stream *stream = testing_script_stream(arena, &script);
    mansio_stream_set_deadline(stream, mansio_now_us());
    CHECK(mansio_stream_write(stream, MANSIO_STR("x")) == 0);
    CHECK(mansio_stream_read_line(stream, 100, 0, &s) == 1);
    CHECK(mansio_stream_read_line(stream, 100, 0, &s) == MANSIO_E_TIMEOUT);
    CHECK(mansio_stream_flush(stream) == MANSIO_E_IO);
    script_end(&script, arena);
    return 0;
}

static void reads_on_when_writing_has_failed(void **state)
{
    (void)state;
    run_fiber(write_to_the_dead, NULL);
}

static int write_without_memory(void *arg)
{
    (void)arg;
    struct mansio_arena *arena = arena_new();
    struct testing_script script = {.window = 1000};
    struct mansio_stream *stream = testing_script_stream(arena, &script);
    core_alloc_fail_at(1);
    CHECK(mansio_stream_write(stream, MANSIO_STR("x")) == MANSIO_E_IO);
    core_alloc_fail_at(0);
    CHECK(mansio_stream_write(stream, MANSIO_STR("y")) == MANSIO_E_IO);
    CHECK(script.sent_len == 0);
    script_end(&script, arena);
    return 0;
}

static void fails_without_memory(void **state)
{
    (void)state;
    run_fiber(write_without_memory, NULL);
}

/* ---- reader and writer ---------------------------------------------------------------------- */

static int read_lines(void *arg)
{
    struct mansio_str s;
    int count = 0;
    while (mansio_stream_read_line(arg, 100, 0, &s) >= 0) {
        count++;
    }
    return count;
}

static int write_beside_reader(void *arg)
{
    (void)arg;
    struct mansio_arena *arena = arena_new();
    struct mansio_group *group = mansio_group_new("readers");
    struct testing_script script = {.input = "a\r\nb\r\n", .window = 4};
    struct mansio_stream *stream = testing_script_stream(arena, &script);
    struct mansio_fiber *reader = NULL;
    /* What it can't send before it waits, the reader sends when the peer takes it. */
    CHECK(mansio_stream_write(stream, MANSIO_STR("* -1\n* 0\n")) == 0);
    CHECK(mansio_group_spawn(group, "reader", read_lines, stream, &reader) == 0);
    testing_settle();
    CHECK(stream->in.is_waiting && script.sent_len == 4 && core_stream_unsent(stream) == 5);
    script.window = 5;
    script_watch(&script.base, script.watched);
    testing_settle();
    CHECK(stream->in.is_waiting && script.sent_len == 9 && core_stream_unsent(stream) == 0);
    script.sent_len = 0;
    script.window = 4;

    /* The reader sleeps and won't send this before it waits: it goes at once. */
    CHECK(mansio_stream_write(stream, MANSIO_STR("* 1\n")) == 0);
    CHECK(script.sent_len == 4);
    /* What the peer doesn't take now, the reader sends when it does. */
    CHECK(mansio_stream_write(stream, MANSIO_STR("* 2\n")) == 0);
    CHECK(script.sent_len == 4 && core_stream_unsent(stream) == 4);
    CHECK(script.watched == (CORE_TRANSPORT_READ | CORE_TRANSPORT_WRITE));
    script.window = 100;
    script_watch(&script.base, script.watched);
    testing_settle();
    CHECK(script.sent_len == 8 && core_stream_unsent(stream) == 0);
    CHECK(script.watched == CORE_TRANSPORT_READ);
    /* Corked, it stays; uncorked, it goes. */
    mansio_stream_cork(stream, 1);
    CHECK(mansio_stream_write(stream, MANSIO_STR("* 3\n")) == 0);
    testing_settle();
    CHECK(script.sent_len == 8);
    mansio_stream_cork(stream, 0);
    CHECK(script.sent_len == 12);

    /* A peer that doesn't read is still read from. */
    script.window = 0;
    CHECK(mansio_stream_write(stream, MANSIO_STR("* 4\n")) == 0);
    script.input_len = 6;
    script.end_code = MANSIO_E_EOF;
    script_watch(&script.base, script.watched);
    int lines = 0;
    CHECK(mansio_fiber_join(reader, SOON, &lines) == 0 && lines == 2);
    CHECK(script.sent_len == 12 && core_stream_unsent(stream) == 4);
    mansio_group_close(group);
    script_end(&script, arena);
    return 0;
}

static void reader_and_writer_send_for_each_other(void **state)
{
    (void)state;
    run_fiber(write_beside_reader, NULL);
}

/* The reader's way to its wait must not send in the middle of another fiber's long write. */
static int read_beside_writer(void *arg)
{
    (void)arg;
    struct mansio_arena *arena = arena_new();
    struct mansio_group *group = mansio_group_new("both");
    struct testing_script script = {.input = "a\r\nb\r\n", .input_len = 3, .window = 1000};
    struct mansio_stream *stream = testing_script_stream(arena, &script);
    struct flood flood = {.stream = stream};
    struct mansio_fiber *writer = NULL;
    struct mansio_fiber *reader = NULL;
    CHECK(mansio_group_spawn(group, "writer", write_flood, &flood, &writer) == 0);
    testing_settle();
    CHECK(stream->out.is_busy);
    CHECK(mansio_group_spawn(group, "reader", read_lines, stream, &reader) == 0);
    testing_settle();
    CHECK(stream->in.is_waiting && script.sent_len == 1000);
    script.window = SIZE_MAX;
    script.write_max = 777;
    script.input_len = 6;
    script.end_code = MANSIO_E_EOF;
    script_watch(&script.base, script.watched);
    int result = -1;
    CHECK(mansio_fiber_join(writer, SOON, &result) == 0 && result == 0);
    CHECK(mansio_fiber_join(reader, SOON, &result) == 0 && result == 2);
    CHECK(script.sent_len == flood.written);
    for (size_t i = 0; i < script.sent_len; i++) {
        if ((unsigned char)script.sent[i] != i % 251) {
            CHECK(!"nothing was sent twice or out of order");
            break;
        }
    }
    mansio_group_close(group);
    script_end(&script, arena);
    return 0;
}

static void reader_leaves_a_busy_writer_alone(void **state)
{
    (void)state;
    run_fiber(read_beside_writer, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gathers_a_pipeline_into_one_send),
        cmocka_unit_test(sends_when_enough_has_gathered),
        cmocka_unit_test(keeps_order_under_short_counts),
        cmocka_unit_test(waits_for_a_peer_that_does_not_read),
        cmocka_unit_test(keeps_or_breaks_after_a_timeout),
        cmocka_unit_test(reads_on_when_writing_has_failed),
        cmocka_unit_test(fails_without_memory),
        cmocka_unit_test(reader_and_writer_send_for_each_other),
        cmocka_unit_test(reader_leaves_a_busy_writer_alone),
    };
    return cmocka_run_group_tests_name("stream_write", tests, NULL, NULL);
}
