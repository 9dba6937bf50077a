/*
 * The node's metrics and health over HTTP, for the service process:
 *
 *   GET /metrics   Prometheus' text exposition format 0.0.4
 *   GET /health    200 while workers of the newest generation accept, else 503; JSON with figures
 *
 * Plain HTTP without authentication: listen on loopback or a network of one's own.
 */
#ifndef MANSIO_CORE_HOST_METRICS_HTTP_H
#define MANSIO_CORE_HOST_METRICS_HTTP_H

#include "core/base/export.h"
#include "core/host/shm.h"
#include <mansio/conn.h>

/* For a listener's serve hook; @p arg is not used: the process's shared memory is what is shown.
 * Yields. */
CORE_EXPORT int core_metrics_serve(void *arg, struct mansio_conn *conn);

struct core_health {
    int is_ok;
    uint64_t generation; /* the newest that has come as far as accepting; 0: none has */
    uint32_t starting, accepting, draining; /* workers, of all generations */
    uint64_t conns_open, sessions_open;
};

/* A generation that is still starting doesn't make the node unwell; one that only drains does. */
CORE_EXPORT void core_health_read(struct core_shm *shm, struct core_health *out);

#endif
