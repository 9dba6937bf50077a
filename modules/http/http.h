/*
 * The http module: serves HTTP/1.1 for handlers that other modules offer ("http-handler").
 */
#ifndef MANSIO_MODULES_HTTP_HTTP_H
#define MANSIO_MODULES_HTTP_HTTP_H

#include "route.h"
#include <mansio/base.h>
#include <mansio/module.h>

/* Rows of the metrics table. */
enum http_metric {
    HTTP_METRIC_REQUESTS,
    HTTP_METRIC_ANSWERS_2XX,
    HTTP_METRIC_ANSWERS_3XX,
    HTTP_METRIC_ANSWERS_4XX,
    HTTP_METRIC_ANSWERS_5XX,
    HTTP_METRIC_REFUSED_HEADS,
    HTTP_METRIC_LOGIN_FAILURES,
    HTTP_METRIC_DURATION,
    HTTP_METRIC_RECEIVED,
    HTTP_METRIC_SENT,
};

/* What hangs on an instance. */
struct http_module {
    struct mansio_instance *instance;
    struct http_routes routes;
};

#endif
