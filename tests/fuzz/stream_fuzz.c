/*
 * Reading from a stream, against a model. The input is: a byte with the number of steps, two bytes
 * a step (what is read and with which limit; how much the transport gives at most next time), and
 * then what the peer sends. Lines must end where the model says, nothing may be lost or given
 * twice, and memory stays within its bounds.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/time.h>

#include "core/loop/loop.h"
#include "core/net/stream.h"

const char fuzz_name[] = "stream";

struct play {
    struct core_transport transport; /* first */
    const uint8_t *steps;
    size_t n_steps, at_step;
    const char *input;
    size_t len, given; /* by the transport */
    size_t at;         /* taken by the reader */
    size_t most;       /* what the transport gives next */
};

static int play_read(struct core_transport *transport, const struct iovec *iov, size_t count,
                     uint32_t *wants)
{
    struct play *play = (struct play *)transport;
    size_t most = play->len - play->given;
    (void)wants;
    if (most == 0) {
        return mansio_fail(MANSIO_E_EOF, "end of input");
    }
    most = most < play->most ? most : play->most;
    size_t done = 0;
    for (size_t i = 0; i < count && done < most; i++) {
        size_t part = iov[i].iov_len < most - done ? iov[i].iov_len : most - done;
        memcpy(iov[i].iov_base, play->input + play->given + done, part);
        done += part;
    }
    play->given += done;
    return (int)done;
}

static int play_write(struct core_transport *transport, const struct iovec *iov, size_t count,
                      uint32_t *wants)
{
    (void)transport;
    (void)iov;
    (void)count;
    (void)wants;
    return mansio_fail(MANSIO_E_IO, "nobody writes here");
}

static int play_is_readable(struct core_transport *transport)
{
    (void)transport;
    return 1;
}

static void play_watch(struct core_transport *transport, uint32_t directions)
{
    (void)transport;
    (void)directions;
}

static void play_end(struct core_transport *transport)
{
    (void)transport;
}

static const struct core_transport_ops play_ops = {
    .name = "play",
    .read = play_read,
    .write = play_write,
    .is_readable = play_is_readable,
    .watch = play_watch,
    .shutdown = play_end,
    .close = play_end,
};

/* Where the next line ends, its end included; 0: nowhere. */
static size_t model_line(const struct play *play, int is_bare)
{
    for (size_t i = play->at; i < play->len; i++) {
        if (play->input[i] == '\n' && (is_bare || (i > play->at && play->input[i - 1] == '\r'))) {
            return i + 1;
        }
    }
    return 0;
}

/* The bytes that were given are the next ones of the input. */
static void check_given(const struct play *play, struct mansio_str s)
{
    MANSIO_ASSERT(s.len <= play->len - play->at);
    MANSIO_ASSERT(s.len == 0 || memcmp(s.ptr, play->input + play->at, s.len) == 0);
}

/* Each returns 0 at the end of the input. */
static int step_line(struct mansio_stream *stream, struct play *play, size_t max, int is_bare)
{
    struct mansio_str s = MANSIO_STR_NONE;
    size_t end = model_line(play, is_bare);
    int rc = mansio_stream_read_line(stream, max, is_bare ? MANSIO_READ_BARE_LF : 0, &s);
    if (end == 0) {
        MANSIO_ASSERT(rc == MANSIO_E_EOF);
        return 0;
    }
    if (end - play->at > max) {
        MANSIO_ASSERT(rc == MANSIO_E_LIMIT);
    } else {
        size_t len = end - play->at - 1;
        len -= len > 0 && play->input[play->at + len - 1] == '\r';
        MANSIO_ASSERT(rc >= 0 && (size_t)rc == len && s.len == len);
        check_given(play, s);
    }
    play->at = end;
    return 1;
}

static int step_bytes(struct mansio_stream *stream, struct play *play, size_t max, int is_exact)
{
    struct mansio_str s = MANSIO_STR_NONE;
    int rc = is_exact ? mansio_stream_read_exact(stream, max, &s)
                      : mansio_stream_read(stream, max, 0, &s);
    if (rc < 0) {
        MANSIO_ASSERT(rc == MANSIO_E_EOF);
        MANSIO_ASSERT(play->len - play->at < (is_exact ? max : 1));
        return 0;
    }
    MANSIO_ASSERT((size_t)rc == s.len && s.len > 0 && s.len <= max && (!is_exact || s.len == max));
    check_given(play, s);
    play->at += s.len;
    return 1;
}

static int play_steps(void *arg)
{
    struct play *play = arg;
    struct mansio_arena *arena = mansio_arena_new(NULL, "fuzz", 0);
    struct mansio_stream *stream = core_stream_new(arena, &play->transport);
    int goes_on = play->n_steps > 0;
    for (size_t i = 0; goes_on; i++) {
        const uint8_t *step = play->steps + i % play->n_steps * 2;
        size_t max = (size_t)(step[0] >> 2) * (size_t)(step[0] >> 2) + 1;
        play->most = (size_t)step[1] * step[1] / 4 + 1;
        goes_on = (step[0] & 2) ? step_line(stream, play, max, step[0] & 1)
                                : step_bytes(stream, play, max, step[0] & 1);
        MANSIO_ASSERT(stream->in.size <= MANSIO_STREAM_READ_MAX * 3 / 2 + 64);
    }
    mansio_arena_free(arena);
    core_loop_stop();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mansio_group *group;
    size_t steps = size > 0 ? data[0] % 32u : 0;
    if (size < 1 + 2 * steps) {
        return 0;
    }
    if (!group) {
        const struct core_loop_options options = {.fibers_max = 4, .stacks_kept_max = 4};
        MANSIO_ASSERT(core_loop_init(&options) == 0);
        group = mansio_group_new("fuzz");
    }
    struct play play = {
        .transport = {.ops = &play_ops},
        .steps = data + 1,
        .n_steps = steps,
        .input = (const char *)data + 1 + 2 * steps,
        .len = size - 1 - 2 * steps,
    };
    MANSIO_ASSERT(mansio_group_spawn(group, "play", play_steps, &play, NULL) == 0);
    core_loop_run();
    MANSIO_ASSERT(mansio_group_count(group) == 0);
    return 0;
}
