/*
 * What the module counts.
 */
#include "postgres.h"

const struct mansio_metric pg_metrics[PG_METRIC_COUNT] = {
    [PG_METRIC_CONNECTIONS] = MANSIO_METRIC(.name = "connections", .type = MANSIO_METRIC_GAUGE,
                                            .help = "connections that are open"),
    [PG_METRIC_CONNECTS] = MANSIO_METRIC(.name = "connects", .type = MANSIO_METRIC_COUNTER,
                                         .help = "connections opened"),
    [PG_METRIC_CONNECT_FAILURES] =
        MANSIO_METRIC(.name = "connect_failures", .type = MANSIO_METRIC_COUNTER,
                      .help = "tries to connect that failed"),
    [PG_METRIC_STATEMENTS] = MANSIO_METRIC(.name = "statements", .type = MANSIO_METRIC_COUNTER,
                                           .help = "statements sent"),
    [PG_METRIC_TRANSACTIONS] = MANSIO_METRIC(.name = "transactions", .type = MANSIO_METRIC_COUNTER,
                                             .help = "transactions sent"),
    [PG_METRIC_BORROW_WAIT] =
        MANSIO_METRIC(.name = "borrow_wait", .type = MANSIO_METRIC_HISTOGRAM, .unit = "seconds",
                      .help = "waits for a connection of a pool"),
    [PG_METRIC_ROUND_TRIP] =
        MANSIO_METRIC(.name = "round_trip", .type = MANSIO_METRIC_HISTOGRAM, .unit = "seconds",
                      .help = "from the end of a pipeline sent to its last answer"),
    [PG_METRIC_ERRORS_TRANSIENT] =
        MANSIO_METRIC(.name = "errors_transient", .type = MANSIO_METRIC_COUNTER,
                      .help = "transactions that failed and may succeed later"),
    [PG_METRIC_ERRORS_PERMANENT] =
        MANSIO_METRIC(.name = "errors_permanent", .type = MANSIO_METRIC_COUNTER,
                      .help = "transactions that were refused"),
    [PG_METRIC_ERRORS_CONFLICT] =
        MANSIO_METRIC(.name = "errors_conflict", .type = MANSIO_METRIC_COUNTER,
                      .help = "transactions that lost to another: deadlock, lock_timeout"),
    [PG_METRIC_CACHE_HITS] = MANSIO_METRIC(.name = "cache_hits", .type = MANSIO_METRIC_COUNTER,
                                           .help = "addresses and logins that were remembered"),
    [PG_METRIC_CACHE_MISSES] = MANSIO_METRIC(.name = "cache_misses", .type = MANSIO_METRIC_COUNTER,
                                             .help = "addresses and logins that were asked for"),
    [PG_METRIC_CACHE_DROPS] =
        MANSIO_METRIC(.name = "cache_drops", .type = MANSIO_METRIC_COUNTER,
                      .help = "times that all was forgotten, for something changed"),
    [PG_METRIC_HINTS_SENT] = MANSIO_METRIC(.name = "hints_sent", .type = MANSIO_METRIC_COUNTER,
                                           .help = "hints sent to other nodes"),
    [PG_METRIC_HINTS_RECEIVED] =
        MANSIO_METRIC(.name = "hints_received", .type = MANSIO_METRIC_COUNTER,
                      .help = "hints received from other nodes"),
    [PG_METRIC_DELIVERIES] = MANSIO_METRIC(.name = "deliveries", .type = MANSIO_METRIC_COUNTER,
                                           .help = "messages committed by deliveries"),
    [PG_METRIC_DELIVERY_TIME] =
        MANSIO_METRIC(.name = "delivery_time", .type = MANSIO_METRIC_HISTOGRAM, .unit = "seconds",
                      .help = "from a plan to its commit, waiting in line included"),
    [PG_METRIC_GROUP_MESSAGES] =
        MANSIO_METRIC(.name = "group_messages", .type = MANSIO_METRIC_HISTOGRAM,
                      .help = "messages that shared a commit"),
    [PG_METRIC_GROUP_SPLITS] =
        MANSIO_METRIC(.name = "group_splits", .type = MANSIO_METRIC_COUNTER,
                      .help = "groups sent again without the message that failed"),
    [PG_METRIC_SWEPT] = MANSIO_METRIC(.name = "swept", .type = MANSIO_METRIC_COUNTER,
                                      .help = "messages, blobs and collections that the sweep"
                                              " removed"),
    [PG_METRIC_BODY_CACHE_HITS] =
        MANSIO_METRIC(.name = "body_cache_hits", .type = MANSIO_METRIC_COUNTER,
                      .help = "reads of a message whose body was held"),
    [PG_METRIC_BODY_CACHE_MISSES] =
        MANSIO_METRIC(.name = "body_cache_misses", .type = MANSIO_METRIC_COUNTER,
                      .help = "reads of a message whose body, or part of it, was sent"),
    [PG_METRIC_BODY_CACHE_EVICTIONS] =
        MANSIO_METRIC(.name = "body_cache_evictions", .type = MANSIO_METRIC_COUNTER,
                      .help = "bodies that gave way to others"),
    [PG_METRIC_BODY_CACHE_BYTES] =
        MANSIO_METRIC(.name = "body_cache_bytes", .type = MANSIO_METRIC_GAUGE, .unit = "bytes",
                      .help = "memory in use for bodies that are held, tables included"),
};

struct pg *pg_of(const struct mansio_instance *instance)
{
    return mansio_instance_data(instance);
}
