/*
 * asker: asks for the interface record/1 in every way, as start() runs, and logs what came of it.
 */
#include "recorder.h"

#include <mansio/error.h>
#include <mansio/interface.h>
#include <mansio/log.h>
#include <mansio/str.h>
#include <string.h>

static const struct mansio_setting asker_settings[] = {
    MANSIO_SETTING(.name = "provider", .type = MANSIO_SETTING_STRING, .default_text = "",
                   .help = "The instance that is asked; empty for the only one."),
};

static void tell(const char *event, int result, size_t size, int extra)
{
    mansio_log(MANSIO_LOG_INFO, event, MANSIO_KV_INT("result", result), MANSIO_KV_INT("size", size),
               MANSIO_KV_INT("extra", extra),
               MANSIO_KV_CSTR("why", result < 0 ? mansio_error_detail() : ""), MANSIO_KV_END);
}

static int asker_load(struct mansio_instance *instance)
{
    struct record_table table;
    struct mansio_instance *provider;

    int err = mansio_interface_get(instance, "record", 1, MANSIO_STR_NONE, &table, sizeof table,
                                   &provider);
    tell("ask-early", err, 0, 0);
    return 0;
}

static void ask_sizes(struct mansio_instance *instance, struct mansio_str name)
{
    struct record_short brief;
    struct record_table same;
    struct record_long longer;
    struct mansio_instance *provider = NULL;

    int err = mansio_interface_get(instance, "record", 1, name, &brief, sizeof brief, &provider);
    tell("ask-short", err, err < 0 ? 0 : brief.size, err < 0 ? 0 : brief.one(provider));

    err = mansio_interface_get(instance, "record", 1, name, &same, sizeof same, &provider);
    tell("ask-same", err, err < 0 ? 0 : same.size, err < 0 ? 0 : same.three(provider));

    memset(&longer, 0xff, sizeof longer);
    err = mansio_interface_get(instance, "record", 1, name, &longer, sizeof longer, &provider);
    tell("ask-long", err, err < 0 ? 0 : longer.size,
         err < 0 ? 0
                 : longer.two(provider) + (longer.four == NULL) * 10 + (longer.five == NULL) * 100);
}

static int asker_start(struct mansio_instance *instance, uint32_t role)
{
    (void)role;
    struct mansio_str name = mansio_settings_str(mansio_instance_settings(instance), "provider");
    struct record_table table;
    struct mansio_instance *provider = NULL;

    ask_sizes(instance, name);
    int err = mansio_interface_get(instance, "record", 2, name, &table, sizeof table, &provider);
    tell("ask-version", err, 0, provider != NULL);
    err = mansio_interface_get(instance, "nothing", 1, name, &table, sizeof table, &provider);
    tell("ask-name", err, 0, provider != NULL);
    err = mansio_interface_get(instance, "record", 1, MANSIO_STR("nobody"), &table, sizeof table,
                               &provider);
    tell("ask-instance", err, 0, provider != NULL);
    err = mansio_interface_get(instance, "record", 1, name, &table, sizeof(size_t) - 1, &provider);
    tell("ask-tiny", err, 0, provider != NULL);
    err = mansio_interface_provide(instance, "late", 1, &table);
    tell("provide-late", err, 0, 0);
    return 0;
}

MANSIO_MODULE("asker", "1.0", "", .summary = "Asks for interfaces.", .settings = asker_settings,
              .setting_count = MANSIO_COUNT(asker_settings), .load = asker_load,
              .start = asker_start);
