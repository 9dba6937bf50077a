/*
 * Settings as numbers, read anew for each request: a reload may have changed them. Texts among them
 * are asked for where they are used.
 */
#ifndef MANSIO_MODULES_HTTP_OPTIONS_H
#define MANSIO_MODULES_HTTP_OPTIONS_H

#include "parse.h"
#include <mansio/module.h>
#include <mansio/settings.h>

struct http_options {
    struct http_limits limits;
    uint64_t body_bytes;
    uint32_t requests, login_failures;
    int64_t idle_us, head_us, body_us, answer_us, login_us;
    int64_t rate; /* bytes a second */
    uint32_t redirects, redirect_port;
    int64_t hsts_seconds;
};

/* What the table can't express; for load(). */
MANSIO_MUST_CHECK int http_options_check(const struct mansio_settings *settings);

void http_options_read(const struct mansio_instance *instance, struct http_options *out);

#endif
