/*
 * channel.c: framing by table, then over a socketpair what a channel must keep: order, bounds,
 * descriptors, and the end.
 */
#include "core/daemon/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/loop/loop.h"
#include <mansio/error.h>
#include <mansio/str.h>

/* ---- framing --------------------------------------------------------------------------------- */

static void encodes_and_decodes(void **state)
{
    (void)state;
    char bytes[CORE_MESSAGE_HEADER_SIZE + 5];
    struct core_message message = {
        .type = CORE_MESSAGE_BUS, .id = 77, .payload = MANSIO_STR("a\0bcd"), .fd_count = 2};
    core_message_encode(&message, (unsigned char *)bytes);
    memcpy(bytes + CORE_MESSAGE_HEADER_SIZE, message.payload.ptr, message.payload.len);
    struct core_message out = {.type = 0};
    assert_int_equal(core_message_decode((struct mansio_str){bytes, sizeof bytes}, &out), 0);
    assert_int_equal(out.type, CORE_MESSAGE_BUS);
    assert_int_equal(out.id, 77);
    assert_int_equal(out.fd_count, 2);
    assert_true(mansio_str_eq(out.payload, message.payload));
}

static void refuses_broken_frames(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        size_t length; /* of the bytes that came */
        size_t offset; /* of the byte that is changed */
        unsigned char value;
        const char *detail;
    } rows[] = {
        {"nothing", 0, 2, CORE_MESSAGE_READY, "of 0 bytes"},
        {"a cut header", 15, 2, CORE_MESSAGE_READY, "of 15 bytes"},
        {"another version", 20, 0, CORE_MESSAGE_VERSION + 1, "of version 2"},
        {"a length too long", 20, 8, 5, "says 5 bytes and has 4"},
        {"a length too short", 20, 8, 3, "says 3 bytes and has 4"},
        {"a huge length", 20, 11, 0x7f, "and has 4"},
        {"too many descriptors", 20, 12, CORE_MESSAGE_FDS_MAX + 1, "says 5 descriptors"},
    };
    for (size_t i = 0; i < MANSIO_COUNT(rows); i++) {
        unsigned char bytes[CORE_MESSAGE_HEADER_SIZE + 4];
        memset(bytes, 0, sizeof bytes);
        struct core_message message = {.type = CORE_MESSAGE_READY, .payload = MANSIO_STR("abcd")};
        core_message_encode(&message, bytes);
        bytes[rows[i].offset] = rows[i].value;
        struct core_message out = {.type = 4711};
        struct mansio_str frame = {(const char *)bytes, rows[i].length};
        assert_int_equal(core_message_decode(frame, &out), MANSIO_E_INVALID);
        assert_int_equal(out.type, 4711);
        if (strstr(mansio_error_detail(), rows[i].detail) == NULL) {
            fail_msg("%s: \"%s\"", rows[i].what, mansio_error_detail());
        }
    }
}

/* ---- a channel ------------------------------------------------------------------------------- */

/* Collected in a fiber, judged outside. */
struct seen {
    int fds[2];
    int results[8];
    size_t received, in_order, queued_peak;
    int bulk_refused, is_same_file;
    uint32_t last_id;
};

enum { MANY = 600 };

static int exchange(void *arg)
{
    struct seen *seen = arg;
    struct core_channel *a = core_channel_new(seen->fds[0]);
    struct core_channel *b = core_channel_new(seen->fds[1]);
    static char payload[CORE_MESSAGE_PAYLOAD_MAX];
    struct core_message out = {.type = 0};

    /* A descriptor arrives as another one of the same file, close-on-exec. */
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct core_message with_fd = {.type = CORE_MESSAGE_PLAN, .fd_count = 1, .fds = {file}};
    seen->results[0] = core_channel_send(a, &with_fd);
    seen->results[1] = core_channel_step(b, NULL, 0, mansio_deadline_in(MANSIO_SECOND), &out);
    struct stat x, y;
    seen->is_same_file = out.fd_count == 1 && fstat(file, &x) == 0 && fstat(out.fds[0], &y) == 0 &&
                         x.st_ino == y.st_ino && (fcntl(out.fds[0], F_GETFD) & FD_CLOEXEC) != 0;
    core_message_close_fds(&out);
    close(file);

    /* More than the socket holds is queued, in order; hints are refused before the rest. */
    for (uint32_t i = 1; i <= MANY; i++) {
        struct core_message message = {
            .type = CORE_MESSAGE_ANSWER, .id = i, .payload = {payload, 2048}};
        seen->results[2] |= core_channel_send(a, &message);
    }
    seen->queued_peak = core_channel_queued(a);
    seen->bulk_refused = core_channel_send_text(a, CORE_MESSAGE_BUS, 0, MANSIO_STR("t"));
    seen->results[3] = core_channel_send_text(a, CORE_MESSAGE_ANSWER, 0,
                                              (struct mansio_str){payload, sizeof payload + 1});
    while (seen->received < MANY &&
           core_channel_step(b, NULL, 0, mansio_deadline_in(MANSIO_SECOND), &out) == 0) {
        seen->received++;
        seen->in_order += out.id == seen->last_id + 1 && out.payload.len == 2048;
        seen->last_id = out.id;
        (void)core_channel_flush(a, 0);
    }
    seen->results[4] = core_channel_step(b, NULL, 0, mansio_now_us(), &out);
    core_channel_free(a);
    seen->results[5] = core_channel_step(b, NULL, 0, MANSIO_NEVER, &out);
    seen->results[6] = core_channel_send_text(b, CORE_MESSAGE_READY, 0, MANSIO_STR_NONE);
    core_channel_free(b);
    core_loop_stop();
    return 0;
}

static void keeps_order_bounds_and_descriptors(void **state)
{
    (void)state;
    struct core_loop_options options = {.fibers_max = 8};
    struct seen seen = {.fds = {-1, -1}};
    assert_int_equal(core_loop_init(&options), 0);
    assert_int_equal(core_channel_pair(&seen.fds[0], &seen.fds[1]), 0);
    struct mansio_group *group = mansio_group_new("test");
    assert_int_equal(mansio_group_spawn(group, "exchange", exchange, &seen, NULL), 0);
    core_loop_run();
    mansio_group_close(group);
    core_loop_fini();
    assert_int_equal(seen.results[0], 0);
    assert_int_equal(seen.results[1], 0);
    assert_true(seen.is_same_file);
    assert_int_equal(seen.results[2], 0);
    assert_in_range(seen.queued_peak, CORE_CHANNEL_BULK_MAX, MANY);
    assert_int_equal(seen.bulk_refused, MANSIO_E_LIMIT);
    assert_int_equal(seen.results[3], MANSIO_E_LIMIT);
    assert_int_equal(seen.received, MANY);
    assert_int_equal(seen.in_order, MANY);
    assert_int_equal(seen.results[4], MANSIO_E_TIMEOUT);
    assert_int_equal(seen.results[5], MANSIO_E_EOF);
    assert_int_equal(seen.results[6], MANSIO_E_CLOSED);
}

/* ---- a peer that never stops talking ----------------------------------------------------------
 */

struct babble {
    int fds[2], other[2];
    int until_other, until_deadline; /* messages that came before */
    int results[2];
};

enum { BABBLE = 100 };

static int count_messages(struct core_channel *channel, struct mansio_waitable *other,
                          int64_t deadline_us, int *out_result)
{
    struct core_message out;
    int count = 0;
    do {
        *out_result = core_channel_step(channel, &other, other != NULL, deadline_us, &out);
        count += *out_result == 0;
    } while (*out_result == 0 && count < BABBLE);
    return count;
}

static int listen_to_babble(void *arg)
{
    struct babble *babble = arg;
    struct core_channel *channel = core_channel_new(babble->fds[0]);
    struct mansio_arena *arena = mansio_arena_new(NULL, "test", 0);
    struct mansio_waitable *other = mansio_fd_watch(arena, babble->other[0], MANSIO_FD_READ);
    struct core_message message = {.type = CORE_MESSAGE_STAGE, .payload = MANSIO_STR("x")};
    for (int i = 0; i < BABBLE; i++) {
        core_message_send_raw(babble->fds[1], &message);
    }
    (void)!write(babble->other[1], "x", 1);
    babble->until_other = count_messages(channel, other, MANSIO_NEVER, &babble->results[0]);
    babble->until_deadline = count_messages(channel, NULL, mansio_now_us(), &babble->results[1]);
    mansio_arena_free(arena);
    core_channel_free(channel);
    core_loop_stop();
    return 0;
}

static void hears_others_and_the_clock_over_a_babbler(void **state)
{
    (void)state;
    struct core_loop_options options = {.fibers_max = 8};
    struct babble babble = {.results = {-1, -1}};
    assert_int_equal(core_loop_init(&options), 0);
    assert_int_equal(core_channel_pair(&babble.fds[0], &babble.fds[1]), 0);
    assert_int_equal(pipe(babble.other), 0);
    struct mansio_group *group = mansio_group_new("test");
    assert_int_equal(mansio_group_spawn(group, "listen", listen_to_babble, &babble, NULL), 0);
    core_loop_run();
    mansio_group_close(group);
    core_loop_fini();
    close(babble.fds[1]);
    close(babble.other[0]);
    close(babble.other[1]);
    assert_int_equal(babble.results[0], 1);
    assert_in_range(babble.until_other, 1, BABBLE / 2 - 1);
    assert_int_equal(babble.results[1], MANSIO_E_TIMEOUT);
    assert_in_range(babble.until_deadline, 1, BABBLE / 2 - 1);
}

/* An empty message is an end; what descriptors it brought must not stay open. */
static void an_empty_message_leaks_no_descriptor(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(core_channel_pair(&pair[0], &pair[1]), 0);
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS,
                            .cmsg_len = CMSG_LEN(sizeof(int))}};
    memcpy(CMSG_DATA(&control.header), &pair[1], sizeof(int));
    struct msghdr message = {.msg_control = &control, .msg_controllen = sizeof control.room};
    assert_int_equal(sendmsg(pair[1], &message, 0), 0);
    int next = fcntl(pair[0], F_DUPFD, 0); /* the lowest that is free */
    close(next);
    static char buffer[CORE_MESSAGE_BUFFER_SIZE];
    struct core_message out;
    assert_int_equal(core_message_receive_raw(pair[0], buffer, &out), MANSIO_E_EOF);
    int after = fcntl(pair[0], F_DUPFD, 0);
    assert_int_equal(after, next);
    close(after);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_and_decodes),
        cmocka_unit_test(refuses_broken_frames),
        cmocka_unit_test(keeps_order_bounds_and_descriptors),
        cmocka_unit_test(hears_others_and_the_clock_over_a_babbler),
        cmocka_unit_test(an_empty_message_leaks_no_descriptor),
    };
    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
