/*
 * What only a worker does: its listeners, one a lent socket; who may come in; serving. Owns the
 * listeners. Doesn't speak any protocol.
 */
#include "core/daemon/child.h"

#include <stdatomic.h>
#include <string.h>

#include "core/host/config.h"
#include "core/host/limits.h"
#include "core/host/listener_tls.h"
#include "core/host/log.h"
#include "core/host/metrics_core.h"
#include "core/host/modules.h"
#include "core/host/session.h"
#include "core/host/shm.h"
#include "core/net/conn.h"
#include "core/net/listener.h"
#include <mansio/error.h>
#include <mansio/log.h>
#include <mansio/protocol.h>
#include <mansio/time.h>

#define PROXY_HEADER_US (10 * MANSIO_SECOND) /* it comes with the connection, or not at all */

struct core_child_listener {
    struct core_child_process *process;
    struct core_listener *listener; /* NULL once closed */
    struct mansio_instance *instance;
    struct mansio_protocol protocol;
    struct mansio_str name, service; /* in the process's arena: live settings replace the config */
    uint32_t conns_max;
    int is_implicit_tls;
    const struct core_network *proxies; /* in the process's arena, too */
    size_t proxy_count;
};

/* What a conn was counted in as, kept in its arena: limits are live, and are given back as taken.
 */
struct counted {
    int is_node, is_listener, is_address, is_network;
    int is_proxied; /* whose it is is known only once the PROXY header is read */
    struct core_limit_peer peer;
};

static int may_accept(void *arg)
{
    const struct core_child_listener *self = arg;
    /* The master says so here before its DRAIN reaches the first of us. */
    if (atomic_load(&self->process->slot->state) != CORE_SLOT_ACCEPTING) {
        return 0;
    }
    int may = core_shm_may_accept(self->process->shm, self->process->slot_index);
    self->process->is_held_back |= !may;
    return may;
}

static void count_out(struct core_child_listener *self, const struct counted *counted)
{
    if (counted->is_network) {
        core_limit_leave(CORE_LIMIT_CONNS_NETWORK, core_limit_network_key(&counted->peer.network));
    }
    if (counted->is_address) {
        core_limit_leave(CORE_LIMIT_CONNS_ADDRESS, counted->peer.address);
    }
    if (counted->is_listener) {
        core_limit_leave(CORE_LIMIT_CONNS_LISTENER, self->name);
    }
    if (counted->is_node) {
        core_limit_leave(CORE_LIMIT_CONNS, MANSIO_STR_NONE);
    }
}

/* A peer decides how often this happens, not how much we write. */
static void tell_refused(const struct core_child_listener *self, const struct mansio_conn *conn,
                         const char *event, int code)
{
    static struct core_log_gate gate;
    uint64_t held_back = 0;
    if (core_log_pass(&gate, &held_back)) {
        mansio_log(MANSIO_LOG_WARNING, event, MANSIO_KV_STR("listener", self->name),
                   MANSIO_KV_STR("peer", mansio_conn_peer(conn)), MANSIO_KV_CODE("error", code),
                   MANSIO_KV_INT("held_back", held_back), MANSIO_KV_END);
    }
}

static int is_proxied(const struct core_child_listener *self, const struct mansio_conn *conn)
{
    struct core_network peer;
    if (self->proxy_count == 0 || core_network_of_ip(mansio_conn_peer_ip(conn), &peer) < 0) {
        return 0;
    }
    for (size_t i = 0; i < self->proxy_count; i++) {
        if (core_network_contains(&self->proxies[i], &peer)) {
            return 1;
        }
    }
    return 0;
}

/* Whoever sits on a unix socket has no address; who may sit there, its file's mode says. */
static int count_peer(struct mansio_conn *conn, struct counted *counted, enum core_refusal *out_why)
{
    struct core_limit_peer *peer = &counted->peer;
    core_limit_peer_of(conn, peer);
    if (peer->is_exempt) {
        return 0;
    }
    *out_why = CORE_REFUSED_ADDRESS;
    int rc = core_limit_enter(CORE_LIMIT_CONNS_ADDRESS, peer->address, 0, &counted->is_address);
    if (rc == 0) {
        *out_why = CORE_REFUSED_NETWORK;
        rc = core_limit_enter(CORE_LIMIT_CONNS_NETWORK, core_limit_network_key(&peer->network), 0,
                              &counted->is_network);
    }
    return rc;
}

static int on_accept(void *arg, struct mansio_conn *conn, struct mansio_str *refusal)
{
    struct core_child_listener *self = arg;
    struct counted *counted = mansio_arena_alloc(mansio_conn_arena(conn), sizeof *counted);
    *refusal = MANSIO_STR_NONE; /* what to say is the protocol's, and it hasn't begun */
    enum core_refusal why = CORE_REFUSED_NODE;
    int rc = core_limit_enter(CORE_LIMIT_CONNS, MANSIO_STR_NONE, 0, &counted->is_node);
    if (rc == 0 && self->conns_max > 0) {
        why = CORE_REFUSED_LISTENER;
        rc = core_limit_enter(CORE_LIMIT_CONNS_LISTENER, self->name, self->conns_max,
                              &counted->is_listener);
    }
    counted->is_proxied = is_proxied(self, conn);
    if (rc == 0 && !counted->is_proxied) {
        rc = count_peer(conn, counted, &why);
    }
    if (rc < 0) {
        count_out(self, counted);
        core_count_refused(why);
        tell_refused(self, conn, "conn-refused", rc);
        return rc;
    }
    core_conn_set_counted(conn, counted);
    atomic_fetch_add(&self->process->slot->conns_open, 1);
    atomic_fetch_add(&self->process->slot->conns_total, 1);
    return 0;
}

void core_worker_kick(struct core_child_process *process)
{
    for (size_t i = 0; i < process->listener_count; i++) {
        if (process->listeners[i].listener != NULL) {
            core_listener_kick(process->listeners[i].listener);
        }
    }
}

static void on_close(void *arg, struct mansio_conn *conn, int result)
{
    struct core_child_listener *self = arg;
    (void)result;
    count_out(self, core_conn_counted(conn));
    atomic_fetch_sub(&self->process->slot->conns_open, 1);
    mansio_event_set(self->process->conns_changed);
    /* Held back by our own count, which has just fallen: with short conns, waiting for the clock
     * would leave every worker idle most of the time. */
    struct core_child_process *process = self->process;
    if (process->is_held_back && core_shm_may_accept(process->shm, process->slot_index)) {
        process->is_held_back = 0;
        core_worker_kick(process);
    }
}

/* Whom a proxy speaks for; then what is due for that address. */
static int take_proxy_header(struct core_child_listener *self, struct mansio_conn *conn,
                             struct counted *counted)
{
    int rc = core_conn_read_proxy_header(conn, mansio_deadline_in(PROXY_HEADER_US));
    if (rc < 0) {
        if (mansio_error_class(rc) != MANSIO_CLASS_CANCELLED) {
            core_count_refused(CORE_REFUSED_PROXY);
            tell_refused(self, conn, "proxy-header-missing", rc);
        }
        return rc;
    }
    enum core_refusal why = CORE_REFUSED_ADDRESS;
    rc = count_peer(conn, counted, &why);
    if (rc < 0) {
        core_count_refused(why);
        tell_refused(self, conn, "conn-refused", rc);
    }
    return rc;
}

static int serve(void *arg, struct mansio_conn *conn)
{
    struct core_child_listener *self = arg;
    struct counted *counted = core_conn_counted(conn);
    int rc = counted->is_proxied ? take_proxy_header(self, conn, counted) : 0;
    if (rc == 0 && self->is_implicit_tls) {
        /* Counted and logged where it ends. */
        rc = core_conn_begin_tls(conn, mansio_deadline_in(self->process->config->tls_handshake_us));
    }
    return rc < 0 ? rc : core_session_serve(conn, self->instance, &self->protocol, self->service);
}

static void on_error(void *arg, int code)
{
    const struct core_child_listener *self = arg;
    core_shm_falter(); /* no descriptor, no memory: let others not wait for us */
    core_count_refused(CORE_REFUSED_SYSTEM);
    mansio_log(MANSIO_LOG_ERROR, "accept-failed", MANSIO_KV_STR("listener", self->name),
               MANSIO_KV_CODE("error", code), MANSIO_KV_END);
}

static int keep_proxies(struct core_child_process *process,
                        const struct core_config_listener *config, struct core_child_listener *self)
{
    struct core_network *proxies =
        mansio_arena_try_alloc(process->arena, (config->proxy_count + 1) * sizeof *proxies);
    if (proxies == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < config->proxy_count; i++) {
        proxies[i] = config->proxies[i];
    }
    self->proxies = proxies;
    self->proxy_count = config->proxy_count;
    return 0;
}

static int open_one(struct core_child_process *process, size_t row,
                    struct core_child_listener *self)
{
    const struct core_config_listener *config = &process->config->listeners[row];
    int rc = mansio_arena_copy(process->arena, config->name, &self->name);
    if (rc == 0) {
        rc = mansio_arena_copy(process->arena, config->service, &self->service);
    }
    if (rc == 0) {
        rc = keep_proxies(process, config, self);
    }
    self->process = process;
    self->conns_max = config->conns_max;
    self->is_implicit_tls = config->tls == CORE_TLS_IMPLICIT;
    self->instance = core_modules_find(process->modules, config->instance);
    if (rc == 0 && self->instance == NULL) {
        rc = mansio_fail(MANSIO_E_NOT_FOUND, "listener %.*s: no instance %.*s",
                         MANSIO_STR_ARG(config->name), MANSIO_STR_ARG(config->instance));
    }
    if (rc == 0) {
        rc = core_instance_protocol(self->instance, &self->protocol);
    }
    if (rc < 0) {
        return rc;
    }
    struct core_listener_options options = {
        .name = self->name,
        .fd = process->listener_fds[row],
        .conn_arena_cap_bytes = process->config->conn_arena_cap_bytes,
        .tls = core_listener_tls_server(process->tls, row),
        .hooks =
            {
                .arg = self,
                .may_accept = may_accept,
                .on_accept = on_accept,
                .serve = serve,
                .on_close = on_close,
                .on_error = on_error,
            },
    };
    process->listener_fds[row] = -1; /* the listener's from here on */
    return core_listener_open(&options, &self->listener);
}

int core_worker_accept(struct core_child_process *process)
{
    size_t count = process->config->listener_count;
    process->listeners =
        mansio_arena_try_alloc(process->arena, (count + 1) * sizeof *process->listeners);
    if (process->listeners == NULL) {
        return MANSIO_E_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        if (process->listener_fds[i] < 0) {
            return mansio_fail(MANSIO_E_INVALID, "listener %zu: no socket came for it", i);
        }
        int rc = open_one(process, i, &process->listeners[i]);
        if (rc < 0) {
            return rc;
        }
        process->listener_count = i + 1;
    }
    return 0;
}

void core_worker_shut(struct core_child_process *process, uint32_t reason, int64_t spread_us,
                      int64_t deadline_us)
{
    for (size_t i = 0; i < process->listener_count; i++) {
        if (process->listeners[i].listener != NULL) {
            core_listener_shut(process->listeners[i].listener);
        }
    }
    for (size_t i = 0; i < process->listener_count; i++) {
        if (process->listeners[i].listener != NULL) {
            core_listener_drain(process->listeners[i].listener, reason, spread_us, deadline_us);
        }
    }
}

size_t core_worker_conns(const struct core_child_process *process)
{
    size_t count = 0;
    for (size_t i = 0; i < process->listener_count; i++) {
        if (process->listeners[i].listener != NULL) {
            count += core_listener_conns(process->listeners[i].listener);
        }
    }
    return count;
}

void core_worker_close(struct core_child_process *process)
{
    for (size_t i = 0; i < process->listener_count; i++) {
        struct core_listener *listener = process->listeners[i].listener;
        process->listeners[i].listener = NULL;
        if (listener != NULL) {
            core_listener_close(listener);
        }
    }
}
