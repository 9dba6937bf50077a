/*
 * The module's own state, its routes and its metrics.
 */
#ifndef MANSIO_MODULES_AUTODISCOVER_AUTODISCOVER_H
#define MANSIO_MODULES_AUTODISCOVER_AUTODISCOVER_H

#include <mansio/base.h>
#include <mansio/http.h>
#include <mansio/module.h>

enum autodiscover_metric {
    AUTODISCOVER_METRIC_OUTLOOK,
    AUTODISCOVER_METRIC_AUTOCONFIG,
    AUTODISCOVER_METRIC_REDIRECTS,
    AUTODISCOVER_METRIC_NOTHING,
    AUTODISCOVER_METRIC_INVALID,
    AUTODISCOVER_METRIC_FAILURES,
    AUTODISCOVER_METRICS,
};

enum {
    AUTODISCOVER_HOST_MAX = 255,
};

struct autodiscover_module {
    struct mansio_http http;                 /* reads requests, fills answers */
    char machine[AUTODISCOVER_HOST_MAX + 1]; /* its name */
    uint32_t machine_id;                     /* a hash of it */
};

extern const struct mansio_http_handler autodiscover_handler;

#endif
