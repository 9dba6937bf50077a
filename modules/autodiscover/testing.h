/*
 * What the module's unit tests share: an arena, and offers as the core would make them.
 */
#ifndef MANSIO_MODULES_AUTODISCOVER_TESTING_H
#define MANSIO_MODULES_AUTODISCOVER_TESTING_H

#include "core/base/testing.h"

#include "servers.h"
#include <mansio/arena.h>

static struct mansio_arena *arena;

static inline int make_arena(void **state)
{
    (void)state;
    arena = mansio_arena_new(NULL, "test", 0);
    return 0;
}

static inline int end_arena(void **state)
{
    (void)state;
    mansio_arena_free(arena);
    return 0;
}

struct row {
    const char *protocol, *host;
    uint32_t port, tls;
    const char *mechanisms;
};

#define EVERYWHERE "SCRAM-SHA-256 PLAIN LOGIN"

/* Servers of offers for example.org; the host where an offer has none is mail.%d. */
static inline const struct autodiscover_servers *servers_of(const struct row *rows, size_t count)
{
    struct autodiscover_servers *servers = mansio_arena_alloc(arena, sizeof *servers);
    const struct mansio_offer **offers = mansio_arena_alloc(arena, (count + 1) * sizeof *offers);

    for (size_t i = 0; i < count; i++) {
        struct mansio_offer *offer = mansio_arena_alloc(arena, sizeof *offer);
        *offer = (struct mansio_offer){
            .size = sizeof *offer,
            .protocol = core_test_slice(rows[i].protocol),
            .service = core_test_slice(rows[i].protocol),
            .host = core_test_slice(rows[i].host),
            .port = rows[i].port,
            .tls = rows[i].tls,
            .mechanisms = core_test_slice(rows[i].mechanisms),
        };
        offers[i] = offer;
    }
    const struct mansio_offers all = {
        .size = sizeof all,
        .domain = MANSIO_STR("example.org"),
        .offers = offers,
        .offer_count = count,
    };
    assert_int_equal(autodiscover_servers(arena, &all, MANSIO_STR("mail.%d"), servers), 0);
    return servers;
}

#endif
