/*
 * The autodiscover module: its settings, its metrics, its life.
 */
#include "autodiscover.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <mansio/error.h>
#include <mansio/interface.h>
#include <mansio/settings.h>
#include <mansio/str.h>

#include "address.h"
#include "autoconfig.h"

static const struct mansio_setting settings[] = {
    MANSIO_SETTING(.name = "host", .type = MANSIO_SETTING_STRING, .flags = MANSIO_SETTING_LIVE,
                   .min = 0, .max = AUTODISCOVER_HOST_MAX,
                   .help = "The name that mail programs are told for listeners that don't say "
                           "`advertise`; %d stands for the domain; empty: the machine's name"),
    MANSIO_SETTING(.name = "redirect", .type = MANSIO_SETTING_STRING, .flags = MANSIO_SETTING_LIVE,
                   .min = 0, .max = AUTODISCOVER_HOST_MAX,
                   .help = "HOST or HOST:PORT where Outlook, which asks without TLS, finds us over "
                           "https; %d stands for the domain; empty: the host that it asked, 443"),
    MANSIO_SETTING(.name = "display_name", .type = MANSIO_SETTING_STRING,
                   .flags = MANSIO_SETTING_LIVE, .min = 0, .max = AUTODISCOVER_NAME_MAX,
                   .help = "What Thunderbird shows as the provider's name; empty: the domain"),
    MANSIO_SETTING(.name = "display_short_name", .type = MANSIO_SETTING_STRING,
                   .flags = MANSIO_SETTING_LIVE, .min = 0, .max = AUTODISCOVER_SHORT_NAME_MAX,
                   .help = "The same where there is less room; empty: the domain"),
    MANSIO_SETTING(.name = "timeout", .type = MANSIO_SETTING_DURATION, .flags = MANSIO_SETTING_LIVE,
                   .default_text = "10s", .min = 100000, .max = INT64_C(600000000),
                   .help = "How long the directory may take to say what may be offered"),
    MANSIO_SETTING(.name = "http", .type = MANSIO_SETTING_STRING, .min = 0, .max = 64,
                   .help = "The instance that serves HTTP; empty: the only one"),
};

static const struct mansio_metric metrics[AUTODISCOVER_METRICS] = {
    [AUTODISCOVER_METRIC_OUTLOOK] = MANSIO_METRIC(.name = "outlook", .type = MANSIO_METRIC_COUNTER,
                                                  .help = "Settings given in Outlook's form."),
    [AUTODISCOVER_METRIC_AUTOCONFIG] =
        MANSIO_METRIC(.name = "autoconfig", .type = MANSIO_METRIC_COUNTER,
                      .help = "Settings given in Thunderbird's form."),
    [AUTODISCOVER_METRIC_REDIRECTS] =
        MANSIO_METRIC(.name = "redirects", .type = MANSIO_METRIC_COUNTER,
                      .help = "Requests of Outlook without TLS, sent on to https."),
    [AUTODISCOVER_METRIC_NOTHING] =
        MANSIO_METRIC(.name = "nothing", .type = MANSIO_METRIC_COUNTER,
                      .help = "Requests for which there is nothing to offer."),
    [AUTODISCOVER_METRIC_INVALID] =
        MANSIO_METRIC(.name = "invalid", .type = MANSIO_METRIC_COUNTER,
                      .help = "Requests that are malformed, or want another form of answer."),
    [AUTODISCOVER_METRIC_FAILURES] =
        MANSIO_METRIC(.name = "failures", .type = MANSIO_METRIC_COUNTER,
                      .help = "Requests that could not be answered for now."),
};

/* What goes into answers must be text, and hosts must be such as stand in URLs. */
static int check_host(const struct mansio_settings *from, const char *name)
{
    struct mansio_str rest = mansio_settings_str(from, name);

    for (ptrdiff_t at = 0; (at = mansio_str_find(rest, MANSIO_STR("%d"))) >= 0;) {
        struct mansio_str before = mansio_str_sub(rest, 0, (size_t)at);
        if (at > 0 && !autodiscover_host_is_plain(before)) {
            break;
        }
        rest = mansio_str_sub(rest, (size_t)at + 2, SIZE_MAX);
    }
    return rest.len == 0 || autodiscover_host_is_plain(rest)
               ? 0
               : mansio_settings_fail(from, name, "expected a host name, with or without %%d");
}

static int check_text(const struct mansio_settings *from, const char *name)
{
    return autodiscover_is_text(mansio_settings_str(from, name))
               ? 0
               : mansio_settings_fail(from, name, "expected UTF-8 without control characters");
}

static int load(struct mansio_instance *instance)
{
    const struct mansio_settings *from = mansio_instance_settings(instance);
    int rc = check_host(from, "host");

    rc = rc < 0 ? rc : check_host(from, "redirect");
    rc = rc < 0 ? rc : check_text(from, "display_name");
    rc = rc < 0 ? rc : check_text(from, "display_short_name");
    return rc < 0 ? rc
                  : mansio_interface_provide(instance, MANSIO_HTTP_HANDLER,
                                             MANSIO_HTTP_HANDLER_VERSION, &autodiscover_handler);
}

/* FNV-1a: which machine made an error, without saying its name. */
static uint32_t hash_of(struct mansio_str text)
{
    uint32_t hash = 2166136261U;

    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ (unsigned char)text.ptr[i]) * 16777619U;
    }
    return hash;
}

static int start(struct mansio_instance *instance, uint32_t role)
{
    const struct mansio_settings *from = mansio_instance_settings(instance);
    struct mansio_instance *provider = NULL;

    if (role != MANSIO_ROLE_WORKER) {
        return 0;
    }
    struct autodiscover_module *module =
        mansio_arena_alloc(mansio_instance_arena(instance), sizeof *module);
    if (gethostname(module->machine, sizeof module->machine - 1) < 0) {
        int err = errno;
        return mansio_fail(MANSIO_E_IO, "gethostname: %s", strerror(err));
    }
    module->machine_id = hash_of(mansio_str_from_cstr(module->machine));
    mansio_instance_set_data(instance, module);
    return mansio_interface_get(instance, MANSIO_HTTP, MANSIO_HTTP_VERSION,
                                mansio_settings_str(from, "http"), &module->http,
                                sizeof module->http, &provider);
}

/* No drain(): no fiber runs here but those of who serves HTTP. */
MANSIO_MODULE("autodiscover", "1.0", "http/1",
              .summary = "Tells mail programs how to reach their mailbox: Outlook's autodiscover, "
                         "Thunderbird's autoconfig.",
              .settings = settings, .setting_count = MANSIO_COUNT(settings), .metrics = metrics,
              .metric_count = AUTODISCOVER_METRICS, .load = load, .start = start);
