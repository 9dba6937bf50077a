/*
 * For the unit tests of this layer: pairs of streams, loopback listeners, patterns of bytes.
 */
#ifndef MANSIO_CORE_NET_TESTING_H
#define MANSIO_CORE_NET_TESTING_H

#include "core/loop/testing.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mansio/arena.h>
#include <mansio/buf.h>
#include <mansio/error.h>
#include <mansio/str.h>

#include "core/net/address.h"
#include "core/net/stream.h"

/* Deadline of whatever must not take long; nothing is measured by it. */
#define SOON mansio_deadline_in(20 * MANSIO_SECOND)

/* Two connected streams; they end with the arena. */
struct testing_pair {
    struct mansio_arena *arena;
    struct mansio_stream *a, *b;
};

static inline struct testing_pair testing_pair_new(void)
{
    struct testing_pair pair = {.arena = mansio_arena_new(NULL, "pair", 0)};
    int fds[2] = {-1, -1};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    pair.a = core_stream_new(pair.arena, core_socket_transport(fds[0]));
    pair.b = core_stream_new(pair.arena, core_socket_transport(fds[1]));
    mansio_stream_set_deadline(pair.a, SOON);
    mansio_stream_set_deadline(pair.b, SOON);
    return pair;
}

/* A listening socket on a free loopback port; its address as text. */
static inline int testing_listen(const char *where, char text[CORE_ADDRESS_TEXT_MAX])
{
    struct core_address address;
    int fd = -1;
    CHECK(core_address_parse(mansio_str_from_cstr(where), &address) == 0);
    CHECK(core_address_listen(&address, 128, 0600, &fd) == 0);
    CHECK(core_address_of_socket(fd, &address) == 0);
    core_address_print(&address, text);
    return fd;
}

/* Let everything that is ready run, several turns of the loop. */
static inline void testing_settle(void)
{
    for (int i = 0; i < 20; i++) {
        CHECK(mansio_fiber_sleep_until(mansio_now_us()) == 0);
    }
}

/* Small, quick, repeatable: tests print the seed of what fails. */
static inline uint32_t testing_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

#endif
