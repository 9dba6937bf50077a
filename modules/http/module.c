/*
 * The http module: its settings, its metrics, its life.
 */
#include "http.h"

#include <mansio/error.h>
#include <mansio/interface.h>
#include <mansio/protocol.h>
#include <mansio/settings.h>
#include <mansio/time.h>

#include "conn.h"
#include "options.h"
#include "request.h"

#define DAY (INT64_C(86400) * MANSIO_SECOND)

static const struct mansio_setting http_settings[] = {
    MANSIO_SETTING(.name = "realm", .type = MANSIO_SETTING_STRING, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "Mansio", .min = 1, .max = 100,
                   .help = "What a program shows to who is asked for a password (RFC 9110 11.5)"),
    MANSIO_SETTING(.name = "idle_timeout", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "60s", .min = 100000, .max = DAY,
                   .help = "How long a connection may wait for its next request"),
    MANSIO_SETTING(.name = "head_timeout", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "10s", .min = 100000, .max = DAY,
                   .help = "How long a request's head may take in all"),
    MANSIO_SETTING(.name = "body_timeout", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "10s", .min = 100000, .max = DAY,
                   .help = "How long a body may be silent, and how far fall behind `rate`"),
    MANSIO_SETTING(.name = "answer_timeout", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "30s", .min = 100000, .max = DAY,
                   .help = "How long an answer may be left unread, and how far who reads it fall "
                           "behind `rate`"),
    MANSIO_SETTING(.name = "rate", .type = MANSIO_SETTING_SIZE, .unit = "bytes a second",
                   .flags = MANSIO_SETTING_LIVE, .default_text = "1K", .min = 1,
                   .max = INT64_C(1073741824),
                   .help = "How fast a client must send and read at least"),
    MANSIO_SETTING(.name = "login_timeout", .type = MANSIO_SETTING_DURATION,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "30s", .min = 100000, .max = DAY,
                   .help = "How long judging credentials may take"),
    MANSIO_SETTING(.name = "head", .type = MANSIO_SETTING_SIZE, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "16K", .min = 512, .max = 65536,
                   .help = "Most bytes of a request's head"),
    MANSIO_SETTING(.name = "target", .type = MANSIO_SETTING_SIZE, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "8000", .min = 64, .max = 65536,
                   .help = "Most bytes of a request's target; RFC 9112 3 asks for 8,000"),
    MANSIO_SETTING(.name = "fields", .type = MANSIO_SETTING_INT, .unit = "fields",
                   .flags = MANSIO_SETTING_LIVE, .default_text = "100", .min = 4, .max = 1000,
                   .help = "Most fields of a request's head"),
    MANSIO_SETTING(.name = "body", .type = MANSIO_SETTING_SIZE, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "1M", .min = 0, .max = INT64_C(1073741824),
                   .help = "Most bytes of a request's body, whatever a handler would take"),
    MANSIO_SETTING(.name = "requests", .type = MANSIO_SETTING_INT, .unit = "requests",
                   .flags = MANSIO_SETTING_LIVE, .default_text = "1000", .min = 1, .max = 1000000,
                   .help = "Requests after which a connection is closed"),
    MANSIO_SETTING(.name = "login_failures", .type = MANSIO_SETTING_INT, .unit = "failures",
                   .flags = MANSIO_SETTING_LIVE, .default_text = "3", .min = 1, .max = 1000,
                   .help = "Failed logins after which a connection is closed"),
    MANSIO_SETTING(.name = "redirect", .type = MANSIO_SETTING_BOOL, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "false",
                   .help = "Send who comes without TLS to the same place with it"),
    MANSIO_SETTING(.name = "redirect_port", .type = MANSIO_SETTING_INT,
                   .flags = MANSIO_SETTING_LIVE, .default_text = "443", .min = 1, .max = 65535,
                   .help = "The port that `redirect` sends to"),
    MANSIO_SETTING(.name = "redirect_except", .type = MANSIO_SETTING_LIST,
                   .flags = MANSIO_SETTING_LIVE, .min = 0, .max = 64,
                   .help = "Beginnings of paths that are served without TLS all the same"),
    MANSIO_SETTING(.name = "hsts", .type = MANSIO_SETTING_DURATION, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "0s", .min = 0, .max = 3650 * DAY,
                   .help = "How long browsers are to come with TLS only (RFC 6797); 0s: not said"),
};
static const struct mansio_metric http_metrics[] = {
    [HTTP_METRIC_REQUESTS] = MANSIO_METRIC(.name = "requests", .type = MANSIO_METRIC_COUNTER,
                                           .help = "Requests whose head was read or refused."),
    [HTTP_METRIC_ANSWERS_2XX] = MANSIO_METRIC(.name = "answers_2xx", .type = MANSIO_METRIC_COUNTER,
                                              .help = "Answers of success."),
    [HTTP_METRIC_ANSWERS_3XX] = MANSIO_METRIC(.name = "answers_3xx", .type = MANSIO_METRIC_COUNTER,
                                              .help = "Answers that lead elsewhere."),
    [HTTP_METRIC_ANSWERS_4XX] = MANSIO_METRIC(.name = "answers_4xx", .type = MANSIO_METRIC_COUNTER,
                                              .help = "Answers that refuse what a client did."),
    [HTTP_METRIC_ANSWERS_5XX] = MANSIO_METRIC(.name = "answers_5xx", .type = MANSIO_METRIC_COUNTER,
                                              .help = "Answers about faults of ours."),
    [HTTP_METRIC_REFUSED_HEADS] =
        MANSIO_METRIC(.name = "refused_heads", .type = MANSIO_METRIC_COUNTER,
                      .help = "Heads that were malformed, too large, too slow or ambiguous."),
    [HTTP_METRIC_LOGIN_FAILURES] =
        MANSIO_METRIC(.name = "login_failures", .type = MANSIO_METRIC_COUNTER,
                      .help = "Logins that were refused or could not be judged."),
    [HTTP_METRIC_DURATION] =
        MANSIO_METRIC(.name = "duration", .type = MANSIO_METRIC_HISTOGRAM, .unit = "seconds",
                      .help = "From a request's first byte to its answer."),
    [HTTP_METRIC_RECEIVED] = MANSIO_METRIC(.name = "received", .type = MANSIO_METRIC_COUNTER,
                                           .unit = "bytes", .help = "Bytes of requests' bodies."),
    [HTTP_METRIC_SENT] = MANSIO_METRIC(.name = "sent", .type = MANSIO_METRIC_COUNTER,
                                       .unit = "bytes", .help = "Bytes of answers."),
};

static const struct mansio_protocol http_protocol = {
    .size = sizeof http_protocol,
    .service = "http",
    .serve = http_serve,
    .goodbye = http_goodbye,
    .flags = MANSIO_PROTOCOL_NO_STARTTLS, /* RFC 2817 isn't offered: no program asks for it */
};

static int http_load(struct mansio_instance *instance)
{
    int rc = http_options_check(mansio_instance_settings(instance));
    if (rc == 0) {
        rc = mansio_interface_provide(instance, MANSIO_PROTOCOL, MANSIO_PROTOCOL_VERSION,
                                      &http_protocol);
    }
    return rc < 0
               ? rc
               : mansio_interface_provide(instance, MANSIO_HTTP, MANSIO_HTTP_VERSION, &http_table);
}

static int find_handlers(struct http_module *module)
{
    struct mansio_arena *arena = mansio_instance_arena(module->instance);
    int rc = 0;
    for (size_t i = 0; rc == 0; i++) {
        struct mansio_instance *provider = NULL;
        struct mansio_http_handler *handler = mansio_arena_alloc(arena, sizeof *handler);
        rc = mansio_interface_at(module->instance, MANSIO_HTTP_HANDLER, MANSIO_HTTP_HANDLER_VERSION,
                                 i, handler, sizeof *handler, &provider);
        if (rc == MANSIO_E_NOT_FOUND) {
            return 0;
        }
        if (rc == 0) {
            rc = http_routes_add(&module->routes, arena, handler, provider);
        }
    }
    return rc;
}

static int http_start(struct mansio_instance *instance, uint32_t role)
{
    if (role != MANSIO_ROLE_WORKER) {
        return 0;
    }
    struct http_module *module =
        mansio_arena_alloc(mansio_instance_arena(instance), sizeof *module);
    module->instance = instance;
    mansio_instance_set_data(instance, module);
    return find_handlers(module);
}

/* Nothing runs but conns, which the core drains. */
MANSIO_MODULE("http", "1.0", "", .summary = "HTTP/1.1: requests reach the handlers of modules.",
              .settings = http_settings, .setting_count = MANSIO_COUNT(http_settings),
              .metrics = http_metrics, .metric_count = MANSIO_COUNT(http_metrics),
              .load = http_load, .start = http_start);
