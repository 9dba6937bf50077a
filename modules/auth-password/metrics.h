/*
 * What is counted. Rows of schemes stand first, two a family: matched, then refused.
 */
#ifndef MANSIO_MODULES_AUTH_PASSWORD_METRICS_H
#define MANSIO_MODULES_AUTH_PASSWORD_METRICS_H

#include "scheme.h"

#include <mansio/metrics.h>

enum auth_metric {
    AUTH_METRIC_SCHEMES, /* row of a family: AUTH_METRIC_SCHEMES + 2 * family + is_refused */
    AUTH_METRIC_DECOYS = AUTH_METRIC_SCHEMES + 2 * AUTH_FAMILIES,
    AUTH_METRIC_UNKNOWN,
    AUTH_METRIC_UNUSABLE,
    AUTH_METRIC_FAILED,
    AUTH_METRIC_MADE,
    AUTH_METRIC_UPGRADES,
    AUTH_METRIC_TURNED_AWAY,
    AUTH_METRIC_WAIT,
    AUTH_METRIC_HASH,
    AUTH_METRIC_MEMORY,
    AUTH_METRICS,
};

extern const struct mansio_metric auth_metrics[AUTH_METRICS];

#endif
