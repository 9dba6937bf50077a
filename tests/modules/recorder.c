/*
 * recorder: logs each call of its lifecycle, so that a test sees their order and log context, and
 * fails where its settings tell it to. Built under several names, with NAME, VERSION, REQUIRED and
 * PROVIDES (an interface with the table of recorder.h) from the command line.
 */
#include "recorder.h"

#include <mansio/error.h>
#include <mansio/interface.h>
#include <mansio/log.h>
#include <mansio/str.h>

#ifndef VERSION
#define VERSION "1.0"
#endif

enum { LATE_MAX = 64 };

static const char *const stages[] = {"nowhere", "load", "start", "reconfigure", NULL};

static const struct mansio_setting recorder_settings[] = {
    MANSIO_SETTING(.name = "fail_in", .type = MANSIO_SETTING_CHOICE, .choices = stages,
                   .flags = MANSIO_SETTING_LIVE, .help = "The call that fails."),
    MANSIO_SETTING(.name = "count", .type = MANSIO_SETTING_INT, .min = 1, .max = 10,
                   .default_text = "3", .flags = MANSIO_SETTING_LIVE, .help = "A live number."),
    MANSIO_SETTING(.name = "label", .type = MANSIO_SETTING_STRING, .max = LATE_MAX,
                   .help = "A text that takes a new generation."),
};

static const struct mansio_metric recorder_metrics[] = {
    MANSIO_METRIC(.name = "calls", .type = MANSIO_METRIC_COUNTER, .help = "Lifecycle calls."),
};

static int record(struct mansio_instance *instance, const char *stage)
{
    const struct mansio_settings *settings = mansio_instance_settings(instance);

    mansio_metric_add(instance, 0, 1);
    mansio_log(MANSIO_LOG_INFO, stage,
               MANSIO_KV_INT("count", mansio_settings_int(settings, "count")),
               MANSIO_KV_STR("label", mansio_settings_str(settings, "label")), MANSIO_KV_END);
    if (mansio_str_eq(mansio_settings_str(settings, "fail_in"), mansio_str_from_cstr(stage))) {
        return mansio_fail(MANSIO_E_UNAVAILABLE, "told to fail in %s", stage);
    }
    return 0;
}

static int answer_one(struct mansio_instance *instance)
{
    (void)instance;
    return 1;
}

static int answer_two(struct mansio_instance *instance)
{
    (void)instance;
    return 2;
}

static int answer_three(struct mansio_instance *instance)
{
    return (int)mansio_instance_name(instance).len; /* of the provider, not the caller */
}

static const struct record_table recorder_table = {
    .size = sizeof recorder_table, .one = answer_one, .two = answer_two, .three = answer_three};

static int recorder_load(struct mansio_instance *instance)
{
    int err = mansio_interface_provide(instance, PROVIDES, 1, &recorder_table);
    return err < 0 ? err : record(instance, "load");
}

static int recorder_start(struct mansio_instance *instance, uint32_t role)
{
    mansio_log(MANSIO_LOG_INFO, "role", MANSIO_KV_INT("role", role), MANSIO_KV_END);
    return record(instance, "start");
}

static int recorder_reconfigure(struct mansio_instance *instance)
{
    return record(instance, "reconfigure");
}

static void recorder_drain(struct mansio_instance *instance, int64_t deadline_us)
{
    (void)deadline_us;
    (void)record(instance, "drain");
}

static void recorder_stop(struct mansio_instance *instance)
{
    (void)record(instance, "stop");
}

MANSIO_MODULE(NAME, VERSION, REQUIRED, .summary = "Logs each call.", .settings = recorder_settings,
              .setting_count = MANSIO_COUNT(recorder_settings), .metrics = recorder_metrics,
              .metric_count = MANSIO_COUNT(recorder_metrics), .load = recorder_load,
              .start = recorder_start, .reconfigure = recorder_reconfigure, .drain = recorder_drain,
              .stop = recorder_stop);
