/*
 * Microseconds to take a message as a content: written in the pieces that a protocol gives, parsed,
 * finished, and given back. Plain text and multipart, of 4 and 40 KiB.
 */
#include "tests/bench/bench.h"

#include "core/host/content.h"
#include "core/loop/loop.h"

#include <mansio/arena.h>
#include <mansio/buf.h>
#include <mansio/fiber.h>
#include <mansio/str.h>
#include <mansio/time.h>

#include <stdlib.h>

enum { ROUNDS = 21, TIMES = 2000, PIECE_BYTES = 16384 };

static void add_header(struct mansio_buf *out)
{
    for (int i = 0; i < 3; i++) {
        (void)mansio_buf_printf(out,
                                "Received: from relay%d.example.org (relay%d.example.org "
                                "[192.0.2.%d])\r\n\tby mx.example.net with ESMTPS id 4F3xYz%d\r\n"
                                "\tfor <user@example.net>; Sun, 22 Nov 2026 04:30:42 +0000\r\n",
                                i, i, i, i);
    }
    (void)mansio_buf_add(out, MANSIO_STR("From: \"A. Sender\" <a.sender@example.org>\r\n"
                                         "To: user@example.net, Other Person <o@example.net>\r\n"
                                         "Subject: The figures of last month\r\n"
                                         "Date: Sun, 22 Nov 2026 04:30:40 +0000\r\n"
                                         "Message-ID: <20261122043040.1234@example.org>\r\n"
                                         "In-Reply-To: <20261121043040.1233@example.org>\r\n"
                                         "User-Agent: Some Mail Program 1.0\r\n"
                                         "MIME-Version: 1.0\r\n"));
}

static void add_lines(struct mansio_buf *out, size_t until)
{
    while (mansio_buf_str(out).len < until) {
        (void)mansio_buf_add(
            out,
            MANSIO_STR("These are words of an ordinary message, a line of 72 bytes, no more.\r\n"));
    }
}

static struct mansio_str message_of(struct mansio_arena *arena, size_t size, int is_multipart)
{
    struct mansio_buf *out = mansio_buf_new(arena, 1 << 20);

    add_header(out);
    if (!is_multipart) {
        (void)mansio_buf_add(out, MANSIO_STR("Content-Type: text/plain; charset=utf-8\r\n"
                                             "Content-Transfer-Encoding: 7bit\r\n\r\n"));
        add_lines(out, size);
        return mansio_buf_str(out);
    }
    (void)mansio_buf_add(out, MANSIO_STR("Content-Type: multipart/alternative;\r\n"
                                         " boundary=\"----=_Part_4711.0815\"\r\n\r\n"
                                         "------=_Part_4711.0815\r\n"
                                         "Content-Type: text/plain; charset=utf-8\r\n\r\n"));
    add_lines(out, size / 2);
    (void)mansio_buf_add(out, MANSIO_STR("------=_Part_4711.0815\r\n"
                                         "Content-Type: text/html; charset=utf-8\r\n"
                                         "Content-Transfer-Encoding: quoted-printable\r\n\r\n"));
    add_lines(out, size);
    (void)mansio_buf_add(out, MANSIO_STR("------=_Part_4711.0815--\r\n"));
    return mansio_buf_str(out);
}

static void take(struct mansio_str message)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "transaction", 0);
    struct mansio_content *content = mansio_content_new(arena, 1 << 30);
    int rc = 0;

    while (message.len > 0 && rc == 0) {
        rc = mansio_content_write(content, mansio_str_sub(message, 0, PIECE_BYTES), MANSIO_NEVER);
        message = mansio_str_sub(message, PIECE_BYTES, SIZE_MAX);
    }
    if (rc < 0 || mansio_content_finish(content, MANSIO_NEVER) < 0) {
        abort();
    }
    mansio_arena_free(arena);
}

static void measure(const char *name, struct mansio_str message)
{
    double us[ROUNDS];

    for (int round = 0; round < ROUNDS; round++) {
        int64_t from = mansio_now_us();

        for (int i = 0; i < TIMES; i++) {
            take(message);
        }
        us[round] = (double)(mansio_now_us() - from) / TIMES;
    }
    (void)bench_report(name, "us a message", us, ROUNDS);
}

static int root(void *arg)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "bench", 0);

    (void)arg;
    core_content_setup((size_t)256 << 20, MANSIO_STR_NONE);
    measure("text, 4 KiB", message_of(arena, 4096, 0));
    measure("multipart, 4 KiB", message_of(arena, 4096, 1));
    measure("text, 40 KiB", message_of(arena, 40960, 0));
    measure("multipart, 40 KiB", message_of(arena, 40960, 1));
    mansio_arena_free(arena);
    core_loop_stop();
    return 0;
}

int main(void)
{
    const struct core_loop_options options = {
        .fibers_max = 16, .stacks_kept_max = 4, .offload_threads = 1, .offload_queue_max = 8};
    struct mansio_group *group;

    if (core_loop_init(&options) < 0) {
        return 1;
    }
    group = mansio_group_new("bench");
    if (mansio_group_spawn(group, "root", root, NULL, NULL) < 0) {
        return 1;
    }
    core_loop_run();
    mansio_group_close(group);
    return core_loop_fini() == 0 ? 0 : 1;
}
