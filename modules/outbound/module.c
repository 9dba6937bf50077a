/*
 * The outbound module: its metrics, its life.
 */
#include "outbound.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include <mansio/error.h>
#include <mansio/settings.h>

/* What is left of a drain for giving claims back, when connections have been cut. */
#define DRAIN_REST_US (2 * MANSIO_SECOND)

#define COUNTER(metric, words)                                                                     \
    MANSIO_METRIC(.name = (metric), .type = MANSIO_METRIC_COUNTER, .help = (words))
#define GAUGE(metric, words)                                                                       \
    MANSIO_METRIC(.name = (metric), .type = MANSIO_METRIC_GAUGE, .help = (words))

const struct mansio_metric ob_metrics[] = {
    [OB_METRIC_SENT] = COUNTER("sent", "Recipients that a server has taken."),
    [OB_METRIC_DEFERRED] = COUNTER("deferred", "Attempts for a recipient that failed for now."),
    [OB_METRIC_FAILED] = COUNTER("failed", "Recipients that were given up."),
    [OB_METRIC_EXPIRED] = COUNTER("expired", "Of these, those that got too old."),
    [OB_METRIC_REPORTS] = COUNTER("reports", "Reports to senders."),
    [OB_METRIC_REPORTS_LOST] = COUNTER("reports_lost", "Reports that nobody could be given."),
    [OB_METRIC_MESSAGES] = COUNTER("messages", "Transactions in which a message was taken."),
    [OB_METRIC_SENT_BYTES] = MANSIO_METRIC(.name = "sent_bytes", .type = MANSIO_METRIC_COUNTER,
                                           .unit = "bytes", .help = "Bytes of messages in these."),
    [OB_METRIC_CONNECTIONS] = COUNTER("connections", "Connections that were tried."),
    [OB_METRIC_CONNECTION_FAILURES] =
        COUNTER("connection_failures", "Of these, those over which nothing could be sent."),
    [OB_METRIC_TLS] = COUNTER("tls", "Connections with TLS."),
    [OB_METRIC_TLS_FAILURES] = COUNTER("tls_failures", "TLS that was begun and failed."),
    [OB_METRIC_CLAIMED] = COUNTER("claimed", "Recipients that were claimed."),
    [OB_METRIC_PUT_BACK] = COUNTER("put_back", "Recipients that were given back untried."),
    [OB_METRIC_CLAIMS_LOST] = COUNTER("claims_lost", "Claims that ran out or were lost."),
    [OB_METRIC_HELD] = GAUGE("held", "Recipients in hand."),
    [OB_METRIC_OPEN] = GAUGE("open", "Connections, open or being opened."),
    [OB_METRIC_DESTINATIONS] = GAUGE("destinations", "Destinations that are remembered."),
    [OB_METRIC_DEAD] = COUNTER("dead", "Times that a destination couldn't be reached."),
    [OB_METRIC_TRANSACTION_SECONDS] =
        MANSIO_METRIC(.name = "transaction", .type = MANSIO_METRIC_HISTOGRAM, .unit = "seconds",
                      .help = "From MAIL to the reply to the final dot."),
    [OB_METRIC_AGE_SECONDS] =
        MANSIO_METRIC(.name = "age", .type = MANSIO_METRIC_HISTOGRAM, .unit = "seconds",
                      .help = "Age of recipients when they were done with."),
};

static int outbound_load(struct mansio_instance *instance)
{
    struct ob_options *options = NULL;
    int rc = ob_options_read(instance, &options);
    ob_options_leave(options);
    return rc;
}

static int outbound_start(struct mansio_instance *instance, uint32_t role)
{
    if (role != MANSIO_ROLE_SERVICE) {
        return 0; /* one a node; workers are for who comes */
    }
    struct mansio_arena *arena = mansio_instance_arena(instance);
    struct ob_module *module = mansio_arena_alloc(arena, sizeof *module);
    module->instance = instance;
    module->arena = arena;
    mansio_instance_set_data(instance, module);
    module->connections = mansio_group_new("outbound-connections");
    module->destinations = mansio_map_new(arena, OB_DESTINATIONS_MAX);
    if (getrandom(&module->chance, sizeof module->chance, 0) != (ssize_t)sizeof module->chance) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "getrandom: %s", strerror(err));
    }
    int rc = ob_options_read(instance, &module->options);
    return rc < 0 ? rc : ob_pools_start(module);
}

static int outbound_reconfigure(struct mansio_instance *instance)
{
    struct ob_module *module = mansio_instance_data(instance);
    struct ob_options *options = NULL;

    if (module == NULL) {
        return 0;
    }
    int rc = ob_options_read(instance, &options);
    if (rc == 0) {
        ob_options_leave(module->options);
        module->options = options;
        ob_pump(module);
        ob_pools_wake(module);
    }
    return rc;
}

/* Connections finish what they have in hand; what takes longer is cut off while there is still time
 * to give its claims back, so that another node goes on at once. */
static int cut(void *arg)
{
    struct ob_module *module = arg;
    int64_t until_us = module->drain_us - DRAIN_REST_US;

    while (mansio_group_join(module->connections, until_us) == MANSIO_E_TIMEOUT &&
           until_us < module->drain_us) {
        mansio_group_cancel(module->connections);
        until_us = module->drain_us;
    }
    ob_pools_wake(module);
    return 0;
}

static void outbound_drain(struct mansio_instance *instance, int64_t deadline_us)
{
    struct ob_module *module = mansio_instance_data(instance);

    if (module == NULL) {
        return;
    }
    int is_first = !module->is_draining;
    module->is_draining = 1;
    module->drain_us = deadline_us;
    ob_destinations_drain(module);
    ob_pools_wake(module);
    if (is_first && mansio_group_spawn(mansio_instance_group(instance), "outbound-drain", cut,
                                       module, NULL) < 0) {
        mansio_group_cancel(module->connections);
    }
}

static void outbound_stop(struct mansio_instance *instance)
{
    struct ob_module *module = mansio_instance_data(instance);
    size_t cursor = 0;
    void *value = NULL;

    if (module == NULL) {
        return;
    }
    module->is_draining = 1;
    mansio_group_close(module->connections);
    while (module->destinations != NULL &&
           mansio_map_next(module->destinations, &cursor, NULL, &value)) {
        struct ob_destination *destination = value;
        mansio_arena_free(destination->arena);
    }
    ob_options_leave(module->options);
}

MANSIO_MODULE("outbound", "1.0", "store/1 directory/1",
              .summary = "Mail leaves for the world: what is in the spool is sent.",
              .settings = ob_settings, .setting_count = OB_SETTING_COUNT, .metrics = ob_metrics,
              .metric_count = OB_METRIC_COUNT, .load = outbound_load, .start = outbound_start,
              .reconfigure = outbound_reconfigure, .drain = outbound_drain, .stop = outbound_stop);
