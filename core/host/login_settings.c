/*
 * What the configuration says of logging in: of the node, and of each listener by its name. Copied,
 * so that live settings may replace the configuration; sessions of a listener that is gone by now
 * get the strictest answer.
 */
#include "core/host/login_settings.h"

#include <mansio/map.h>
#include <mansio/str.h>

#include "core/host/login.h"
#include "core/host/login_channel.h"
#include "core/host/sasl_table.h"
#include "core/net/tls.h"

enum { LISTENERS_MAX = 16384 };

struct listener {
    uint32_t is_plaintext;
    uint32_t mechanisms; /* bits by enum core_sasl_id */
    uint32_t peer_names; /* enum core_tls_peer_names */
};

static struct {
    struct mansio_arena *arena;
    struct mansio_map *listeners;
    struct core_throttle throttle;
    int64_t again_us;
} settings;

static uint32_t mechanism_bits(const struct core_config_listener *row)
{
    uint32_t bits = row->mechanism_count == 0 ? (1U << CORE_SASL_COUNT) - 1 : 0;
    for (size_t i = 0; i < row->mechanism_count; i++) {
        const struct core_sasl_facts *facts = core_sasl_find(row->mechanisms[i]);
        bits |= facts != NULL ? 1U << facts->id : 0; /* config.c has refused others */
    }
    return bits;
}

int core_login_configure(const struct core_config *config)
{
    struct mansio_arena *arena = mansio_arena_new(NULL, "login", 0);
    struct mansio_map *listeners = mansio_map_new(arena, LISTENERS_MAX);
    for (size_t i = 0; i < config->listener_count; i++) {
        const struct core_config_listener *row = &config->listeners[i];
        struct listener *listener = mansio_arena_alloc(arena, sizeof *listener);
        listener->is_plaintext = row->is_plaintext_login;
        listener->mechanisms = mechanism_bits(row);
        listener->peer_names = row->client_account;
        int rc = mansio_map_put(listeners, row->name, listener);
        if (rc < 0) {
            mansio_arena_free(arena);
            return rc;
        }
    }
    core_login_fini();
    settings.arena = arena;
    settings.listeners = listeners;
    settings.throttle = (struct core_throttle){
        .per_address = config->login.failures_per_address,
        .per_network = config->login.failures_per_network,
        .per_account = config->login.failures_per_account,
        .per_tenant = config->login.failures_per_tenant,
        .window_us = config->login.window_us,
        .delay_us = config->login.delay_us,
        .delay_max_us = config->login.delay_max_us,
        .beat_us = config->login.beat_us,
    };
    settings.again_us = config->login.again_us;
    core_login_domain_forget();
    return 0;
}

void core_login_fini(void)
{
    mansio_arena_free(settings.arena);
    settings.arena = NULL;
    settings.listeners = NULL;
}

const struct core_throttle *core_login_throttle(void)
{
    return &settings.throttle;
}

int64_t core_login_again_us(void)
{
    return settings.again_us;
}

static const struct listener *listener_of(const struct mansio_conn *conn)
{
    return settings.listeners != NULL
               ? mansio_map_get(settings.listeners, mansio_conn_listener(conn))
               : NULL;
}

int core_login_allows_plaintext(const struct mansio_conn *conn)
{
    const struct listener *listener = listener_of(conn);
    return core_channel_is_tls(conn) || core_channel_is_unix(conn) ||
           (listener != NULL && listener->is_plaintext);
}

int core_login_allows_mechanism(const struct mansio_conn *conn, uint32_t id)
{
    const struct listener *listener = listener_of(conn);
    return listener != NULL && (listener->mechanisms & 1U << id) != 0;
}

uint32_t core_login_peer_names(const struct mansio_conn *conn)
{
    const struct listener *listener = listener_of(conn);
    return listener != NULL ? listener->peer_names : CORE_TLS_PEER_SAN;
}
