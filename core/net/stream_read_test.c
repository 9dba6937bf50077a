/*
 * Reading: lines and counts however the bytes are cut, limits against a model, ends and errors,
 * idle waits and stop requests, memory.
 */
#include "config.h"
#include "core/net/testing_script.h"

#include <signal.h>
#include <sys/wait.h>

#include "core/base/alloc.h"

/* ---- cut anywhere --------------------------------------------------------------------------- */

static const char dialogue[] = "EHLO example\r\n"
                               "\r\n"
                               "a lone\nLF and\ra lone CR\r\n"
                               "ends in two\r\r\n"
                               "this line is longer than forty bytes, with\nLF and \r in it\r\n"
                               "exactly thirty-eight bytes before them\r\n"
                               "{12}\r\n0123\r\n6789\0\xffnext\r\n"
                               "bare\n"
                               "a bare line that is longer than forty bytes as well\n"
                               "bare with\r\n"
                               "unfinished";

static void tell(struct mansio_buf *told, int rc, struct mansio_str s)
{
    mansio_buf_printf(told, "%d:", rc < 0 ? rc : 0);
    if (rc >= 0) {
        mansio_buf_add(told, s);
    }
    mansio_buf_add_char(told, '|');
}

/* Read the dialogue as a protocol would and tell what was got. */
static void read_dialogue(struct mansio_stream *stream, struct mansio_buf *told)
{
    struct mansio_str s = MANSIO_STR_NONE;
    for (int i = 0; i < 7; i++) {
        tell(told, mansio_stream_read_line(stream, 40, i & 1 ? MANSIO_READ_IDLE : 0, &s), s);
    }
    tell(told, mansio_stream_read_exact(stream, 12, &s), s);
    tell(told, mansio_stream_read_line(stream, 40, 0, &s), s);
    for (int i = 0; i < 5; i++) {
        tell(told, mansio_stream_read_line(stream, 40, MANSIO_READ_BARE_LF, &s), s);
    }
    CHECK(mansio_stream_buffered(stream) == 0);
}

static int read_cut(void *arg)
{
    (void)arg;
    static const char wanted[] = "0:EHLO example|0:|0:a lone\nLF and\ra lone CR|0:ends in two\r|"
                                 "-300:|0:exactly thirty-eight bytes before them|0:{12}|"
                                 "0:0123\r\n6789\0\xff|0:next|"
                                 "0:bare|-300:|0:bare with|-102:|-102:|";
    size_t len = sizeof(dialogue) - 1;
    for (size_t cut = 0; cut <= 2 * len; cut++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
        struct testing_script script = {
            .input = dialogue,
            .input_len = len,
            .split = cut <= len ? cut : 0,
            .read_max = cut > len ? cut - len : 0,
            .end_code = MANSIO_E_EOF,
        };
        struct mansio_stream *stream = testing_script_stream(arena, &script);
        struct mansio_buf *told = mansio_buf_new(arena, 4096);
        read_dialogue(stream, told);
        struct mansio_str all = {wanted, sizeof(wanted) - 1};
        if (!mansio_str_eq(mansio_buf_str(told), all)) {
            print_message("# cut %zu: %.*s\n", cut, MANSIO_STR_ARG(mansio_buf_str(told)));
            CHECK(!"cut anywhere, the same is read");
        }
        mansio_arena_free(arena);
    }
    return 0;
}

static void reads_the_same_however_cut(void **state)
{
    (void)state;
    run_fiber(read_cut, NULL);
}

/* ---- random limits against a model ---------------------------------------------------------- */

/* Where the line that begins at @p at ends, its end included; 0: nowhere. */
static size_t model_line(const char *input, size_t len, size_t at, int is_bare)
{
    for (size_t i = at; i < len; i++) {
        if (input[i] == '\n' && (is_bare || (i > at && input[i - 1] == '\r'))) {
            return i + 1;
        }
    }
    return 0;
}

/* One random operation, compared with the model. Returns 0 at the end. */
static int step(struct mansio_stream *stream, const char *input, size_t len, size_t *at,
                uint64_t *random)
{
    struct mansio_str s = MANSIO_STR_NONE;
    uint32_t what = testing_random(random) % 8;
    size_t max = testing_random(random) % 60 + 1;
    if (what == 0) {
        int rc = mansio_stream_read(stream, max, 0, &s);
        CHECK(rc > 0 || (rc == MANSIO_E_EOF && *at == len));
        CHECK(rc < 0 || ((size_t)rc == s.len && s.len <= max && s.len <= len - *at &&
                         memcmp(s.ptr, input + *at, s.len) == 0));
        /* Half the time some of it is given back. */
        size_t back = rc > 0 ? testing_random(random) % (2 * s.len) : 0;
        back = back < s.len ? back : 0;
        mansio_stream_unread(stream, back);
        *at += s.len - back;
        return rc > 0;
    }
    if (what == 1) {
        int rc = mansio_stream_read_exact(stream, max, &s);
        if (max > len - *at) {
            CHECK(rc == MANSIO_E_EOF);
            return 0;
        }
        CHECK(rc == (int)max && s.len == max && memcmp(s.ptr, input + *at, max) == 0);
        *at += max;
        return 1;
    }
    int is_bare = what & 1;
    size_t end = model_line(input, len, *at, is_bare);
    int rc = mansio_stream_read_line(stream, max, is_bare ? MANSIO_READ_BARE_LF : 0, &s);
    if (end == 0) {
        CHECK(rc == MANSIO_E_EOF);
        return 0;
    }
    if (end - *at > max) {
        CHECK(rc == MANSIO_E_LIMIT);
    } else {
        size_t chars = end - *at - 1;
        chars -= chars > 0 && input[*at + chars - 1] == '\r';
        CHECK(rc == (int)chars && s.len == chars && memcmp(s.ptr, input + *at, chars) == 0);
    }
    *at = end;
    return 1;
}

static int read_random(void *arg)
{
    (void)arg;
    static const char alphabet[] = "ab\r\n\r\n\n\r c";
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        uint64_t random = seed;
        char input[600];
        size_t len = testing_random(&random) % sizeof(input);
        for (size_t i = 0; i < len; i++) {
            /* Long stretches without any line end, too. */
            int is_plain = (i / 64) % 3 == 1;
            input[i] = is_plain ? 'x' : alphabet[testing_random(&random) % (sizeof(alphabet) - 1)];
        }
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
        struct testing_script script = {
            .input = input, .input_len = len, .random = seed, .end_code = MANSIO_E_EOF};
        struct mansio_stream *stream = testing_script_stream(arena, &script);
        size_t at = 0;
        int before = testing_failures;
        while (step(stream, input, len, &at, &random)) {
        }
        if (testing_failures != before) {
            print_message("# seed %u at %zu\n", (unsigned)seed, at);
        }
        mansio_arena_free(arena);
    }
    return 0;
}

static void agrees_with_a_model(void **state)
{
    (void)state;
    run_fiber(read_random, NULL);
}

/* ---- memory and time ------------------------------------------------------------------------ */

static int read_endless(void *arg)
{
    (void)arg;
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct testing_script script = {.input_len = 8 << 20, .end_code = MANSIO_E_EOF};
    struct mansio_stream *stream = testing_script_stream(arena, &script);
    struct mansio_str s;
    CHECK(mansio_stream_read_line(stream, 1000, 0, &s) == MANSIO_E_EOF);
    CHECK(script.input_at == script.input_len);
    CHECK(script.held_max <= CORE_STREAM_AHEAD_MAX + 64);
    mansio_arena_free(arena);
    return 0;
}

static void skips_an_endless_line_in_bounded_memory(void **state)
{
    (void)state;
    run_fiber(read_endless, NULL);
}

/* The longest line, byte by byte, with LFs in it that end nothing. A line end that is put where the
 * search has been is not seen: so each byte is searched once. */
static int read_bytewise(void *arg)
{
    (void)arg;
    static char line[MANSIO_STREAM_READ_MAX];
    for (size_t i = 0; i < sizeof(line); i++) {
        line[i] = i % 7 ? 'x' : '\n';
    }
    memcpy(line + sizeof(line) - 2, "\r\n", 2);
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct testing_script script = {
        .input = line, .input_len = sizeof(line), .read_max = 1, .is_planting = 1};
    struct mansio_stream *stream = testing_script_stream(arena, &script);
    struct mansio_str s;
    CHECK(mansio_stream_read_line(stream, sizeof(line), 0, &s) == (int)sizeof(line) - 2);
    CHECK(memcmp(s.ptr + 3, line + 3, s.len - 3) == 0);
    CHECK(script.held_max <= sizeof(line) + sizeof(line) / 2);
    mansio_arena_free(arena);
    return 0;
}

static void searches_no_byte_twice(void **state)
{
    (void)state;
    run_fiber(read_bytewise, NULL);
}

static int read_one_line(void *arg)
{
    struct mansio_str s;
    return mansio_stream_read_line(arg, 100, MANSIO_READ_IDLE, &s);
}

static int idle_holds_nothing(void *arg)
{
    (void)arg;
    struct testing_pair pair = testing_pair_new();
    struct mansio_group *group = mansio_group_new("readers");
    struct mansio_str s;
    for (int i = 0; i < 3; i++) {
        CHECK(mansio_stream_write(pair.b, MANSIO_STR("one\r\ntwo\r\n")) == 0);
        CHECK(mansio_stream_flush(pair.b) == 0);
        CHECK(pair.b->out.data == NULL);
        CHECK(mansio_stream_read_line(pair.a, 100, 0, &s) == 3);
        CHECK(pair.a->in.size <= 64); /* what came, not what may come */
        CHECK(mansio_stream_read_line(pair.a, 100, 0, &s) == 3);
        struct mansio_fiber *reader = NULL;
        CHECK(mansio_group_spawn(group, "reader", read_one_line, pair.a, &reader) == 0);
        testing_settle();
        CHECK(pair.a->in.is_waiting && pair.a->in.data == NULL && pair.a->out.data == NULL);
        CHECK(mansio_stream_write(pair.b, MANSIO_STR("\r\n")) == 0);
        CHECK(mansio_stream_flush(pair.b) == 0);
        int result = -1;
        CHECK(mansio_fiber_join(reader, SOON, &result) == 0 && result == 0);
    }
    mansio_group_close(group);
    mansio_arena_free(pair.arena);
    return 0;
}

static void holds_no_buffer_while_idle(void **state)
{
    (void)state;
    run_fiber(idle_holds_nothing, NULL);
}

static int read_without_memory(void *arg)
{
    (void)arg;
    struct testing_pair pair = testing_pair_new();
    struct mansio_str s;
    CHECK(mansio_stream_write(pair.b, MANSIO_STR("one\r\n")) == 0);
    CHECK(mansio_stream_flush(pair.b) == 0);
    core_alloc_fail_at(1);
    CHECK(mansio_stream_read_line(pair.a, 100, 0, &s) == MANSIO_E_IO);
    core_alloc_fail_at(0);
    CHECK(mansio_stream_read_line(pair.a, 100, 0, &s) == MANSIO_E_IO); /* bytes are lost */
    mansio_arena_free(pair.arena);
    return 0;
}

static void fails_without_memory(void **state)
{
    (void)state;
    run_fiber(read_without_memory, NULL);
}

/* ---- ends ----------------------------------------------------------------------------------- */

static int read_ends(void *arg)
{
    (void)arg;
    static const int codes[] = {MANSIO_E_EOF, MANSIO_E_IO};
    for (size_t i = 0; i < MANSIO_COUNT(codes); i++) {
        struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
        struct testing_script script = {
            .input = "one\r\npart", .input_len = 9, .end_code = codes[i]};
        struct mansio_stream *stream = testing_script_stream(arena, &script);
        struct mansio_str s;
        CHECK(mansio_stream_read_line(stream, 100, 0, &s) == 3);
        CHECK(mansio_stream_read_line(stream, 100, 0, &s) == codes[i]);
        int reads = script.reads;
        CHECK(mansio_stream_read_line(stream, 100, 0, &s) == codes[i]);
        CHECK(mansio_stream_read_exact(stream, 100, &s) == codes[i]);
        CHECK(mansio_error_detail()[0] != '\0');
        CHECK(script.reads == reads); /* an end is an end */
        CHECK(mansio_wait((struct mansio_waitable *[]){mansio_stream_readable(stream)}, 1, SOON,
                          0) == 0);
        core_stream_close(stream);
        CHECK(mansio_stream_read(stream, 1, 0, &s) == MANSIO_E_CLOSED);
        CHECK(mansio_stream_write(stream, MANSIO_STR("x")) == MANSIO_E_CLOSED);
        CHECK(mansio_stream_flush(stream) == MANSIO_E_CLOSED);
        CHECK(mansio_stream_buffered(stream) == 0);
        core_stream_close(stream);
        mansio_arena_free(arena);
    }
    return 0;
}

static void remembers_the_end(void **state)
{
    (void)state;
    run_fiber(read_ends, NULL);
}

static int read_too_late(void *arg)
{
    (void)arg;
    struct testing_pair pair = testing_pair_new();
    struct mansio_str s;
    CHECK(mansio_stream_write(pair.b, MANSIO_STR("par")) == 0);
    CHECK(mansio_stream_flush(pair.b) == 0);
    mansio_stream_set_deadline(pair.a, mansio_now_us());
    CHECK(mansio_stream_read_line(pair.a, 100, 0, &s) == MANSIO_E_TIMEOUT);
    CHECK(mansio_stream_buffered(pair.a) == 3);
    CHECK(mansio_stream_read_exact(pair.a, 4, &s) == MANSIO_E_TIMEOUT);
    /* A stop request doesn't end the wait for the rest of a line. */
    mansio_fiber_stop(mansio_fiber_self(), MANSIO_REASON_DRAIN, MANSIO_NEVER);
    CHECK(mansio_stream_read_line(pair.a, 100, MANSIO_READ_IDLE, &s) == MANSIO_E_TIMEOUT);
    CHECK(mansio_stream_write(pair.b, MANSIO_STR("t\r\n")) == 0);
    CHECK(mansio_stream_flush(pair.b) == 0);
    CHECK(mansio_stream_read_line(pair.a, 100, MANSIO_READ_IDLE, &s) == 4);
    CHECK(memcmp(s.ptr, "part", 4) == 0);
    /* An over-long line, given up half way, is still the same line. */
    CHECK(mansio_stream_write(pair.b, MANSIO_STR("much too long\r")) == 0);
    CHECK(mansio_stream_flush(pair.b) == 0);
    CHECK(mansio_stream_read_line(pair.a, 5, 0, &s) == MANSIO_E_TIMEOUT);
    CHECK(mansio_stream_buffered(pair.a) == 0);
    CHECK(mansio_stream_write(pair.b, MANSIO_STR("\nnext\r\n")) == 0);
    CHECK(mansio_stream_flush(pair.b) == 0);
    CHECK(mansio_stream_read_line(pair.a, 5, 0, &s) == MANSIO_E_LIMIT);
    CHECK(mansio_stream_read_line(pair.a, 6, 0, &s) == 4);
    /* What ends no line of the strict kind may end one of the other. */
    CHECK(mansio_stream_write(pair.b, MANSIO_STR("bare\nrest")) == 0);
    CHECK(mansio_stream_flush(pair.b) == 0);
    CHECK(mansio_stream_read_line(pair.a, 100, 0, &s) == MANSIO_E_TIMEOUT);
    CHECK(mansio_stream_read_line(pair.a, 100, MANSIO_READ_BARE_LF, &s) == 4);
    CHECK(memcmp(s.ptr, "bare", 4) == 0);
    mansio_arena_free(pair.arena);
    return 0;
}

static void keeps_what_came_over_a_timeout(void **state)
{
    (void)state;
    run_fiber(read_too_late, NULL);
}

static int read_badly(void *arg)
{
    (void)arg;
    struct testing_pair pair = testing_pair_new();
    struct mansio_str s;
    CHECK(mansio_stream_read_line(pair.a, 0, 0, &s) == MANSIO_E_BUG);
    CHECK(mansio_stream_read_line(pair.a, MANSIO_STREAM_READ_MAX + 1, 0, &s) == MANSIO_E_BUG);
    CHECK(mansio_stream_read(pair.a, 0, 0, &s) == MANSIO_E_BUG);
    CHECK(mansio_stream_read(pair.a, MANSIO_STREAM_READ_MAX + 1, 0, &s) == MANSIO_E_BUG);
    CHECK(mansio_stream_read_exact(pair.a, 0, &s) == MANSIO_E_BUG);
    CHECK(mansio_stream_read_exact(pair.a, MANSIO_STREAM_READ_MAX + 1, &s) == MANSIO_E_BUG);
    mansio_arena_free(pair.arena);
    return 0;
}

static void refuses_sizes_out_of_range(void **state)
{
    (void)state;
    run_fiber(read_badly, NULL);
}

/* ---- stop requests -------------------------------------------------------------------------- */

static int stop_idle(void *arg)
{
    (void)arg;
    struct testing_pair pair = testing_pair_new();
    struct mansio_str s;
    mansio_stream_set_deadline(pair.a, mansio_now_us()); /* what would suspend times out */
    struct mansio_fiber *self = mansio_fiber_self();

    /* Nothing there: it ends the wait, once. */
    mansio_fiber_stop(self, MANSIO_REASON_DRAIN, MANSIO_NEVER);
    CHECK(mansio_stream_read_line(pair.a, 100, 0, &s) == MANSIO_E_TIMEOUT);
    CHECK(mansio_stream_read_line(pair.a, 100, MANSIO_READ_IDLE, &s) == MANSIO_E_STOPPING);
    CHECK(mansio_stream_read_line(pair.a, 100, MANSIO_READ_IDLE, &s) == MANSIO_E_TIMEOUT);

    /* Lines at the socket, some not even received, go first. */
    CHECK(mansio_stream_write(pair.b, MANSIO_STR("one\r\ntwo\r\n")) == 0);
    CHECK(mansio_stream_flush(pair.b) == 0);
    mansio_fiber_stop(self, MANSIO_REASON_DRAIN, MANSIO_NEVER);
    CHECK(mansio_stream_read_line(pair.a, 100, MANSIO_READ_IDLE, &s) == 3);
    CHECK(mansio_stream_read_line(pair.a, 100, MANSIO_READ_IDLE, &s) == 3);
    CHECK(mansio_stream_read(pair.a, 100, MANSIO_READ_IDLE, &s) == MANSIO_E_STOPPING);
    CHECK(mansio_stream_read(pair.a, 100, MANSIO_READ_IDLE, &s) == MANSIO_E_TIMEOUT);
    mansio_arena_free(pair.arena);
    return 0;
}

struct two_reads {
    struct mansio_stream *stream;
    int first, second;
};

static int read_twice(void *arg)
{
    struct two_reads *reads = arg;
    struct mansio_str s;
    reads->first = mansio_stream_read_line(reads->stream, 100, MANSIO_READ_IDLE, &s);
    reads->second = mansio_stream_read_line(reads->stream, 100, MANSIO_READ_IDLE, &s);
    return 0;
}

/* The request comes while the reader is suspended, and a line between it and the reader's turn. */
static int stop_crossing(void *arg)
{
    (void)arg;
    struct testing_pair pair = testing_pair_new();
    struct mansio_group *group = mansio_group_new("readers");
    struct two_reads reads = {.stream = pair.a};
    struct mansio_fiber *reader = NULL;
    CHECK(mansio_group_spawn(group, "reader", read_twice, &reads, &reader) == 0);
    testing_settle();
    CHECK(pair.a->in.is_waiting);
    mansio_fiber_stop(reader, MANSIO_REASON_DRAIN, MANSIO_NEVER);
    CHECK(mansio_stream_write(pair.b, MANSIO_STR("one\r\n")) == 0);
    CHECK(mansio_stream_flush(pair.b) == 0);
    CHECK(mansio_fiber_join(reader, SOON, NULL) == 0);
    CHECK(reads.first == 3);
    CHECK(reads.second == MANSIO_E_STOPPING); /* not lost */
    mansio_group_close(group);
    mansio_arena_free(pair.arena);
    return 0;
}

/* What a request kept back for a line's sake ends is the fiber's next idle wait, whatever that is
 * for: the line may have been the one that makes the protocol wait for something else. */
static int stop_after_line(void *arg)
{
    (void)arg;
    struct testing_pair pair = testing_pair_new();
    struct mansio_event *news = mansio_event_new(pair.arena);
    struct mansio_waitable *sources[] = {mansio_event_waitable(news)};
    struct mansio_str s;
    mansio_stream_set_deadline(pair.a, mansio_now_us());
    CHECK(mansio_stream_write(pair.b, MANSIO_STR("part")) == 0);
    CHECK(mansio_stream_flush(pair.b) == 0);
    mansio_fiber_stop(mansio_fiber_self(), MANSIO_REASON_DRAIN, MANSIO_NEVER);
    CHECK(mansio_stream_read(pair.a, 100, MANSIO_READ_IDLE, &s) == 4);
    CHECK(mansio_wait(sources, 1, mansio_now_us(), MANSIO_WAIT_IDLE) == MANSIO_E_STOPPING);
    CHECK(mansio_wait(sources, 1, mansio_now_us(), MANSIO_WAIT_IDLE) == MANSIO_E_TIMEOUT);
    mansio_arena_free(pair.arena);
    return 0;
}

/* What mansio/fiber.h advises: a line that crossed a request which mansio_wait() told of. */
static int line_after_stop(void *arg)
{
    (void)arg;
    struct testing_pair pair = testing_pair_new();
    struct mansio_waitable *sources[] = {mansio_stream_readable(pair.a)};
    struct mansio_str s;
    CHECK(mansio_stream_write(pair.b, MANSIO_STR("DONE\r\n")) == 0);
    CHECK(mansio_stream_flush(pair.b) == 0);
    mansio_fiber_stop(mansio_fiber_self(), MANSIO_REASON_DRAIN, MANSIO_NEVER);
    CHECK(mansio_wait(sources, 1, SOON, MANSIO_WAIT_IDLE) == MANSIO_E_STOPPING);
    mansio_stream_set_deadline(pair.a, mansio_now_us());
    CHECK(mansio_stream_read_line(pair.a, 100, MANSIO_READ_IDLE, &s) == 4);
    CHECK(mansio_stream_read_line(pair.a, 100, MANSIO_READ_IDLE, &s) == MANSIO_E_TIMEOUT);
    mansio_arena_free(pair.arena);
    return 0;
}

struct line_and_wait {
    struct mansio_stream *stream;
    struct mansio_event *news;
    int line, wait;
};

static int read_then_wait(void *arg)
{
    struct line_and_wait *both = arg;
    struct mansio_waitable *sources[] = {mansio_event_waitable(both->news)};
    struct mansio_str s;
    both->line = mansio_stream_read_line(both->stream, 100, MANSIO_READ_IDLE, &s);
    both->wait = mansio_wait(sources, 1, mansio_now_us(), MANSIO_WAIT_IDLE);
    return 0;
}

static int stop_crossing_before_wait(void *arg)
{
    (void)arg;
    struct testing_pair pair = testing_pair_new();
    struct mansio_group *group = mansio_group_new("readers");
    struct line_and_wait both = {.stream = pair.a, .news = mansio_event_new(pair.arena)};
    struct mansio_fiber *reader = NULL;
    CHECK(mansio_group_spawn(group, "reader", read_then_wait, &both, &reader) == 0);
    testing_settle();
    mansio_fiber_stop(reader, MANSIO_REASON_DRAIN, MANSIO_NEVER);
    CHECK(mansio_stream_write(pair.b, MANSIO_STR("IDLE\r\n")) == 0);
    CHECK(mansio_stream_flush(pair.b) == 0);
    CHECK(mansio_fiber_join(reader, SOON, NULL) == 0);
    CHECK(both.line == 4);
    CHECK(both.wait == MANSIO_E_STOPPING);
    mansio_group_close(group);
    mansio_arena_free(pair.arena);
    return 0;
}

static void stops_only_when_nothing_has_come(void **state)
{
    (void)state;
    run_fiber(stop_idle, NULL);
    run_fiber(stop_crossing, NULL);
    run_fiber(stop_after_line, NULL);
    run_fiber(line_after_stop, NULL);
    run_fiber(stop_crossing_before_wait, NULL);
}

/* ---- readable, and two readers -------------------------------------------------------------- */

static int wait_readable(void *arg)
{
    (void)arg;
    struct testing_pair pair = testing_pair_new();
    struct mansio_waitable *source = mansio_stream_readable(pair.a);
    struct mansio_str s;
    CHECK(mansio_wait(&source, 1, mansio_now_us(), 0) == MANSIO_E_TIMEOUT);
    CHECK(mansio_stream_write(pair.b, MANSIO_STR("one\r\ntwo\r\n")) == 0);
    CHECK(mansio_stream_flush(pair.b) == 0);
    CHECK(mansio_wait(&source, 1, SOON, 0) == 0);
    CHECK(mansio_stream_read_line(pair.a, 100, 0, &s) == 3);
    CHECK(mansio_wait(&source, 1, mansio_now_us(), 0) == 0); /* the second is held */
    CHECK(mansio_stream_read_line(pair.a, 100, 0, &s) == 3);
    CHECK(mansio_wait(&source, 1, mansio_now_us(), 0) == MANSIO_E_TIMEOUT);
    core_stream_close(pair.b);
    CHECK(mansio_wait(&source, 1, SOON, 0) == 0);
    CHECK(mansio_stream_read(pair.a, 1, 0, &s) == MANSIO_E_EOF);
    mansio_arena_free(pair.arena);
    return 0;
}

static void tells_when_it_is_readable(void **state)
{
    (void)state;
    run_fiber(wait_readable, NULL);
}

static int read_by_two(void *arg)
{
    (void)arg;
    struct testing_pair pair = testing_pair_new();
    struct mansio_group *group = mansio_group_new("readers");
    CHECK(mansio_group_spawn(group, "one", read_one_line, pair.a, NULL) == 0);
    CHECK(mansio_group_spawn(group, "two", read_one_line, pair.a, NULL) == 0);
    testing_settle();
    return 0;
}

static void two_readers_are_a_mistake(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)!freopen("/dev/null", "w", stderr);
        run_fiber(read_by_two, NULL);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_same_however_cut),
        cmocka_unit_test(agrees_with_a_model),
        cmocka_unit_test(skips_an_endless_line_in_bounded_memory),
        cmocka_unit_test(searches_no_byte_twice),
        cmocka_unit_test(holds_no_buffer_while_idle),
        cmocka_unit_test(fails_without_memory),
        cmocka_unit_test(remembers_the_end),
        cmocka_unit_test(keeps_what_came_over_a_timeout),
        cmocka_unit_test(refuses_sizes_out_of_range),
        cmocka_unit_test(stops_only_when_nothing_has_come),
        cmocka_unit_test(tells_when_it_is_readable),
        cmocka_unit_test(two_readers_are_a_mistake),
    };
    return cmocka_run_group_tests_name("stream_read", tests, NULL, NULL);
}
