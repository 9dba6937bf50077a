/*
 * TLS of the listeners. See listener_tls.h. Owns certificates and contexts of a process's
 * configuration; certificates that come from elsewhere (a tenant's, out of the database) have their
 * place in core_tls_server_options.lookup.
 */
#include "core/host/listener_tls.h"

#include <inttypes.h>

#include "core/host/log.h"
#include "core/host/metrics_core.h"
#include "core/host/settings.h"
#include "core/host/source.h"
#include <mansio/error.h>
#include <mansio/fiber.h>
#include <mansio/log.h>
#include <mansio/str.h>
#include <mansio/time.h>

#define SOON_US (14 * 24 * 3600 * MANSIO_SECOND)

struct named {
    struct mansio_str name;
    struct core_tls_certificate *certificate; /* NULL: it couldn't be read */
};

struct core_listener_tls {
    struct mansio_arena *arena;
    struct named *certificates;
    size_t certificate_count;
    struct core_tls_store *store;
    struct core_tls_tickets *tickets; /* NULL: none */
    struct core_tls_server **servers; /* one a row; rows of one listener share theirs */
    struct mansio_str *names;         /* of them */
    size_t server_count;
};

static void release(void *arg)
{
    struct core_listener_tls *tls = arg;
    for (size_t i = 0; i < tls->server_count; i++) {
        if (i == 0 || tls->servers[i] != tls->servers[i - 1]) {
            core_tls_server_free(tls->servers[i]);
        }
    }
    for (size_t i = 0; i < tls->certificate_count; i++) {
        core_tls_certificate_unref(tls->certificates[i].certificate);
    }
}

/* ---- handshakes -------------------------------------------------------------------------------
 */

/* Lists keep somebody from being who his certificate says: the operator's to know if it is for want
 * of a list that is good. */
static void tell_refusal(struct mansio_conn *conn)
{
    static struct core_log_gate gates[2];
    uint64_t held_back = 0;
    int is_ours = 0;
    const char *why = core_conn_peer_refusal(conn, &is_ours);
    if (why != NULL && core_log_pass(&gates[is_ours], &held_back)) {
        mansio_log(is_ours ? MANSIO_LOG_WARNING : MANSIO_LOG_INFO, "client-certificate-refused",
                   MANSIO_KV_STR("listener", mansio_conn_listener(conn)),
                   MANSIO_KV_STR("peer", mansio_conn_peer(conn)), MANSIO_KV_CSTR("reason", why),
                   MANSIO_KV_INT("held_back", held_back), MANSIO_KV_END);
    }
}

static void on_end(void *arg, struct mansio_conn *conn, uint32_t end, int result)
{
    /* A peer decides how often this happens, not how much we write. */
    static struct core_log_gate gate;
    uint64_t held_back = 0;
    (void)arg;
    core_count_handshake(end);
    tell_refusal(conn);
    if (result >= 0 || end == CORE_TLS_END_CANCELLED || !core_log_pass(&gate, &held_back)) {
        return;
    }
    mansio_log(MANSIO_LOG_INFO, "tls-failed", MANSIO_KV_STR("listener", mansio_conn_listener(conn)),
               MANSIO_KV_STR("peer", mansio_conn_peer(conn)),
               MANSIO_KV_CSTR("kind", core_tls_end_name(end)), MANSIO_KV_CODE("error", result),
               MANSIO_KV_INT("held_back", held_back), MANSIO_KV_END);
}

/* ---- making -----------------------------------------------------------------------------------
 */

static void complain(const struct core_source *source, const struct mansio_settings *entry,
                     const char *name)
{
    core_problems_add(source->problems, core_settings_place(entry, name), "%.*s.%s: %s",
                      MANSIO_STR_ARG(entry->path), name, mansio_error_detail());
}

static int load_certificates(struct core_listener_tls *tls, const struct core_config *config,
                             const struct core_source *source)
{
    for (size_t i = 0; i < config->certificate_count; i++) {
        const struct core_config_certificate *row = &config->certificates[i];
        struct named *named = &tls->certificates[tls->certificate_count++];
        enum core_tls_file file = CORE_TLS_FILE_CHAIN;
        int rc = mansio_arena_copy(tls->arena, row->name, &named->name);
        if (rc < 0) {
            return rc;
        }
        if (core_tls_certificate_load(row->chain.ptr, row->key.ptr, &named->certificate, &file) <
            0) {
            complain(source, row->settings, file == CORE_TLS_FILE_KEY ? "key" : "chain");
            continue;
        }
        rc = core_tls_store_add(tls->store, named->certificate);
        if (rc == 0) {
            rc = mansio_fiber_pace(); /* there may be thousands */
        }
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

static int make_tickets(struct core_listener_tls *tls, const struct core_config *config,
                        struct mansio_str fallback)
{
    struct mansio_str secret = mansio_secret_bytes(config->tls_ticket_secret);
    if (secret.len == 0) {
        secret = fallback;
    }
    return secret.len == 0 ? 0 : core_tls_tickets_new(tls->arena, secret, &tls->tickets);
}

static int make_server(struct core_listener_tls *tls, const struct core_config_listener *row,
                       const struct core_source *source, struct core_tls_server **out)
{
    struct core_tls_server_options options = {
        .store = tls->store,
        .fallback = tls->certificates[row->certificate].certificate,
        .tickets = tls->tickets,
        .client_certificate = row->client_certificate,
        .client_ca_path = row->client_ca.ptr,
        .on_end = on_end,
    };
    int rc = core_tls_server_new(&options, out);
    if (rc < 0 && row->client_certificate != CORE_TLS_CLIENT_OFF) {
        complain(source, row->settings, "client_ca");
        return 0;
    }
    if (rc == 0 && row->client_crl.len > 0 &&
        core_tls_server_add_lists(*out, row->client_crl.ptr) < 0) {
        complain(source, row->settings, "client_crl");
    }
    return rc;
}

static int make_servers(struct core_listener_tls *tls, const struct core_config *config,
                        const struct core_source *source)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < config->listener_count; i++) {
        const struct core_config_listener *row = &config->listeners[i];
        struct core_tls_server **server = &tls->servers[tls->server_count];
        rc = mansio_arena_copy(tls->arena, row->name, &tls->names[tls->server_count++]);
        if (row->tls == CORE_TLS_OFF) {
            continue;
        }
        if (i > 0 && row->settings == config->listeners[i - 1].settings) {
            *server = tls->servers[i - 1];
        } else if (rc == 0) {
            rc = make_server(tls, row, source, server);
        }
    }
    return rc;
}

int core_listener_tls_load(struct mansio_arena *arena, const struct core_config *config,
                           const struct core_source *source, struct mansio_str fallback,
                           struct core_listener_tls **out)
{
    struct core_listener_tls *tls = mansio_arena_alloc(arena, sizeof *tls);
    tls->arena = arena;
    tls->certificates =
        mansio_arena_try_alloc(arena, (config->certificate_count + 1) * sizeof *tls->certificates);
    tls->servers = mansio_arena_try_alloc(arena, (config->listener_count + 1) *
                                                     sizeof(struct core_tls_server *));
    tls->names = mansio_arena_try_alloc(arena, (config->listener_count + 1) * sizeof *tls->names);
    if (tls->certificates == NULL || tls->servers == NULL || tls->names == NULL) {
        return MANSIO_E_LIMIT;
    }
    tls->store = core_tls_store_new(arena);
    mansio_arena_defer(arena, release, tls);
    int rc = load_certificates(tls, config, source);
    if (rc == 0) {
        rc = make_tickets(tls, config, fallback);
    }
    if (rc == 0) {
        rc = make_servers(tls, config, source);
    }
    if (rc == 0) {
        rc = core_problems_status(source->problems);
    }
    if (rc == 0) {
        *out = tls;
    }
    return rc;
}

struct core_tls_server *core_listener_tls_server(const struct core_listener_tls *tls, size_t row)
{
    return tls != NULL && row < tls->server_count ? tls->servers[row] : NULL;
}

static void warn_of(const char *event, const char *key, struct mansio_str name, int64_t when_us)
{
    char time[MANSIO_TIME_RFC3339_MAX];
    mansio_time_rfc3339(when_us, time);
    mansio_log(MANSIO_LOG_WARNING, event, MANSIO_KV_STR(key, name), MANSIO_KV_CSTR("when", time),
               MANSIO_KV_END);
}

static void warn_of_certificate(const struct named *named, int64_t now_us)
{
    int64_t begin_us = core_tls_certificate_not_before(named->certificate);
    int64_t end_us = core_tls_certificate_not_after(named->certificate);
    if (end_us <= now_us) {
        warn_of("certificate-expired", "certificate", named->name, end_us);
    } else if (end_us - now_us < SOON_US) {
        warn_of("certificate-expires-soon", "certificate", named->name, end_us);
    }
    if (begin_us > now_us) {
        warn_of("certificate-not-yet-valid", "certificate", named->name, begin_us);
    }
}

void core_listener_tls_warn(const struct core_listener_tls *tls)
{
    int64_t now_us = mansio_wall_us();
    for (size_t i = 0; i < tls->certificate_count; i++) {
        warn_of_certificate(&tls->certificates[i], now_us);
    }
    for (size_t i = 0; i < tls->server_count; i++) {
        const struct core_tls_server *server = tls->servers[i];
        if (server == NULL || (i > 0 && server == tls->servers[i - 1])) {
            continue;
        }
        int64_t end_us = core_tls_server_lists_until(server);
        if (end_us <= now_us) {
            warn_of("crl-expired", "listener", tls->names[i], end_us);
        }
    }
}
