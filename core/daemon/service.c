/*
 * What only the service process does beside its modules: serve metrics and health on the socket
 * that the master lends it. Owns that listener.
 */
#include "core/daemon/child.h"

#include "core/host/metrics_http.h"
#include "core/net/listener.h"
#include <mansio/error.h>
#include <mansio/log.h>

enum {
    CONN_MEMORY = 1024 * 1024,
    CONNS_MAX = 64, /* scrapers are few; an answer may take megabytes, and a conn live a minute */
};

static int on_accept(void *arg, struct mansio_conn *conn, struct mansio_str *refusal)
{
    const struct core_child_process *process = arg;
    (void)conn;
    if (core_listener_conns(process->metrics) < CONNS_MAX) {
        return 0;
    }
    *refusal = MANSIO_STR("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                          "Connection: close\r\n\r\n");
    return mansio_fail(MANSIO_E_LIMIT, "metrics: %d connections are open", CONNS_MAX);
}

static void on_error(void *arg, int code)
{
    (void)arg;
    mansio_log(MANSIO_LOG_ERROR, "accept-failed", MANSIO_KV_CSTR("listener", "metrics"),
               MANSIO_KV_CODE("error", code), MANSIO_KV_END);
}

int core_service_accept(struct core_child_process *process)
{
    int fd = process->listener_fds[0];
    if (fd < 0) {
        return 0; /* none is configured */
    }
    process->listener_fds[0] = -1; /* the listener's from here on */
    struct core_listener_options options = {
        .name = MANSIO_STR("metrics"),
        .fd = fd,
        .conn_arena_cap_bytes = CONN_MEMORY,
        .hooks = {.arg = process,
                  .on_accept = on_accept,
                  .serve = core_metrics_serve,
                  .on_error = on_error},
    };
    return core_listener_open(&options, &process->metrics);
}

void core_service_shut(struct core_child_process *process)
{
    if (process->metrics != NULL) {
        core_listener_shut(process->metrics);
    }
}

void core_service_close(struct core_child_process *process)
{
    core_listener_close(process->metrics);
    process->metrics = NULL;
}
